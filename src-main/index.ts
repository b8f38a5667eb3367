/**
 * The desktop app: builds everything, starts it, stops it.
 *
 *   tapri [--data DIR] [--listen MULTIADDR]... [--no-mdns] [tapri:INVITE]
 */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { app, BrowserWindow, Menu } from 'electron'
import { openMessenger } from './messenger/opening.ts'
import { acceptWindows } from './shell/electron/ipc.ts'
import { systemKeychain } from './shell/electron/keychain.ts'
import { openWindow, prepareSession, registerWindowScheme, WINDOW_ORIGIN } from './shell/electron/window.ts'
import { serveClient } from './shell/serve.ts'
import { Starting } from './starting.ts'

const CLOSE_TIMEOUT_MS = 5_000
const OUT = join(import.meta.dirname, '..')

function option(name: string): string[] {
  return process.argv.flatMap((word, i) => {
    if (word === `--${name}`) return process.argv[i + 1] ?? []
    return word.startsWith(`--${name}=`) ? word.slice(name.length + 3) : []
  })
}

/** The link to a group among the arguments of a process: a click on it starts the app with it. */
function linkIn(args: readonly string[]): string | undefined {
  return args.find((word) => word.startsWith('tapri:'))
}

function die(error: unknown): never {
  console.error(error)
  process.exit(1)
}

process.on('uncaughtException', die)
process.on('unhandledRejection', die)
registerWindowScheme()

const dataFolder = resolve(
  option('data')[0] ?? process.env['TAPRI_DATA'] ?? join(app.getPath('appData'), 'tapri'),
)
mkdirSync(dataFolder, { recursive: true, mode: 0o700 })
app.setPath('userData', dataFolder)
app.setPath('sessionData', join(dataFolder, 'window'))

if (!app.requestSingleInstanceLock()) {
  console.error(`Tapri is already running on ${dataFolder}: its window is now in front.`)
  app.exit(1)
} else {
  // Not awaited: Electron holds back `ready` until this module has been evaluated.
  run().catch(die)
}

async function run(): Promise<void> {
  const listen = option('listen')
  const starting = new Starting(async (passphrase) => {
    // On some systems the keychain is there only then.
    await app.whenReady()
    const messenger = await openMessenger({
      dataFolder,
      listen: listen.length > 0 ? listen : ['/ip4/0.0.0.0/tcp/0'],
      mdns: !process.argv.includes('--no-mdns'),
      keychain: systemKeychain(),
      passphrase,
    })
    messenger.opened.catch(giveUp).catch(die)
    const link = linkIn(process.argv)
    if (link !== undefined) messenger.openLink(link)
    return messenger
  })
  const giveUp = async (error: unknown) => {
    await starting.giveUp(error)
    for (const window of BrowserWindow.getAllWindows()) window.webContents.reload()
  }
  // Before there is a window: it finds everything open.
  starting.served().catch(die)
  let closing = false
  app.on('before-quit', (event) => {
    if (closing) return
    closing = true
    event.preventDefault()
    setTimeout(() => app.exit(1), CLOSE_TIMEOUT_MS)
    starting.close().then(() => app.exit(0), die)
  })
  process.on('SIGTERM', () => app.quit())
  process.on('SIGINT', () => app.quit())
  app.on('window-all-closed', () => app.quit())

  await app.whenReady()
  // Only an app that is installed is there again when somebody clicks.
  if (app.isPackaged) app.setAsDefaultProtocolClient('tapri')
  Menu.setApplicationMenu(
    Menu.buildFromTemplate([
      { role: 'fileMenu' },
      { role: 'editMenu' },
      { role: 'viewMenu' },
      { role: 'windowMenu' },
    ]),
  )
  prepareSession(join(OUT, 'renderer'))
  acceptWindows(WINDOW_ORIGIN, async (transport) => serveClient(transport, await starting.served()))
  openWindow(dataFolder, join(OUT, 'preload', 'preload.cjs'))
  app.on('open-url', (event, url) => {
    event.preventDefault()
    starting.messenger?.openLink(url)
  })
  app.on('second-instance', (_, args) => {
    const link = linkIn(args)
    if (link !== undefined) starting.messenger?.openLink(link)
    const [window] = BrowserWindow.getAllWindows()
    if (window?.isMinimized()) window.restore()
    window?.focus()
  })
}
