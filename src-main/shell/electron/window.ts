import { writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BrowserWindow, net, protocol, session, shell, type Rectangle } from 'electron'
import { pathToFileURL } from 'node:url'
import { CONTENT_SECURITY_POLICY, fileFor } from '../websocket.ts'

const SCHEME = 'tapri-app'
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
    minWidth: 480,
    minHeight: 420,
    ...readBounds(boundsFile),
    title: 'Tapri',
    autoHideMenuBar: true,
    backgroundColor: '#fbf6ef',
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
  window.webContents.on('will-navigate', (event) => event.preventDefault())
  window.on('close', () => {
    writeFile(boundsFile, JSON.stringify(window.getNormalBounds())).catch((error: unknown) =>
      console.error('The window bounds could not be kept:', error),
    )
  })
  void window.loadURL(`${WINDOW_ORIGIN}/index.html`)
  return window
}

/** Nothing when there are none, or none that make sense: a window opens anyway. */
function readBounds(file: string): Partial<Rectangle> {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return {}
  }
  const { x, y, width, height } = (value ?? {}) as Partial<Rectangle>
  const isWhole = [x, y, width, height].every(Number.isInteger)
  return isWhole && width! >= 480 && height! >= 420 ? { x: x!, y: y!, width: width!, height: height! } : {}
}
