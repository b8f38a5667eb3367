import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  app,
  BrowserWindow,
  nativeTheme,
  net,
  protocol,
  screen,
  session,
  shell,
  type Rectangle,
} from 'electron'
import { pathToFileURL } from 'node:url'
import { CONTENT_SECURITY_POLICY, fileFor } from '../websocket.ts'

const SCHEME = 'tapri-app'
/** Of a window, in device-independent pixels. */
const MIN_WIDTH = 480
const MIN_HEIGHT = 420
/** So much of a window must be on a screen to be dragged back. */
const GRASP = 64
/** Where the window's pages live. */
export const WINDOW_ORIGIN = `${SCHEME}://window`

/** Must run before Electron is ready. */
export function registerWindowScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true } },
  ])
}

/** Serves the built window to our scheme, and denies pages everything they do not need. */
export function prepareSession(folder: string): void {
  protocol.handle(SCHEME, async (request) => {
    const path = new URL(request.url).host === 'window' ? fileFor(folder, request.url) : undefined
    if (!path || request.method !== 'GET') return new Response('Not found', { status: 404 })
    const response = await net.fetch(pathToFileURL(path).href)
    const headers = new Headers(response.headers)
    headers.set('Content-Security-Policy', CONTENT_SECURITY_POLICY)
    headers.set('X-Content-Type-Options', 'nosniff')
    return new Response(response.body, { status: response.status, headers })
  })
  session.defaultSession.setPermissionRequestHandler((_contents, permission, answer) =>
    answer(permission === 'clipboard-sanitized-write'),
  )
}

/** Opens a sandboxed window that loads nothing from outside; links open in the user's browser. */
export function openWindow(dataFolder: string, preload: string): BrowserWindow {
  const boundsFile = join(dataFolder, 'window.json')
  const window = new BrowserWindow({
    width: 1080,
    height: 760,
    minWidth: MIN_WIDTH,
    minHeight: MIN_HEIGHT,
    ...readBounds(boundsFile),
    title: 'Tapri',
    autoHideMenuBar: true,
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#1b1613' : '#fbf6ee',
    webPreferences: {
      preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
    },
  })
  window.webContents.setWindowOpenHandler(({ url }) => {
    if (/^https?:\/\//.test(url)) void shell.openExternal(url)
    return { action: 'deny' }
  })
  window.webContents.on('will-navigate', (event) => {
    // A page may load itself again.
    if (event.url !== window.webContents.getURL()) event.preventDefault()
  })
  // A window that is closed by quitting the app never hears of it.
  const keepBounds = () => {
    if (!window.isDestroyed()) writeBounds(boundsFile, window.getNormalBounds())
  }
  window.on('close', keepBounds)
  app.on('before-quit', keepBounds)
  window.loadURL(`${WINDOW_ORIGIN}/index.html`).catch((error: NodeJS.ErrnoException) => {
    // Loading it again before it was there ends the first attempt, and fails nothing.
    if (error.code !== 'ERR_ABORTED') console.error('The window was not loaded:', error)
  })
  return window
}

/** Nothing when there are none, or none that make sense on the screens at hand: a window opens anyway. */
function readBounds(file: string): Partial<Rectangle> {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return {}
  }
  const { x, y, width, height } = (value ?? {}) as Partial<Rectangle>
  if (![x, y, width, height].every(Number.isInteger)) return {}
  const bounds = { x: x!, y: y!, width: width!, height: height! }
  const isUsable = bounds.width >= MIN_WIDTH && bounds.height >= MIN_HEIGHT && isOnScreen(bounds)
  return isUsable ? bounds : {}
}

function writeBounds(file: string, bounds: Rectangle): void {
  try {
    writeFileSync(file, JSON.stringify(bounds))
  } catch (error) {
    console.error('The window bounds could not be kept:', error)
  }
}

/** Whether some of the title bar can be seen and grasped: screens come and go. */
function isOnScreen({ x, y, width }: Rectangle): boolean {
  return screen.getAllDisplays().some(({ workArea: area }) => {
    const isBeside = x + width < area.x + GRASP || x > area.x + area.width - GRASP
    return !isBeside && y >= area.y && y < area.y + area.height - GRASP
  })
}
