/** Apps and windows that a test opens: real processes, on loopback only, closed when the test has finished. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { _electron, type ConsoleMessage, type ElectronApplication } from 'playwright-core'
import { expect, inject, onTestFinished } from 'vitest'
import { Window } from './window.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const BROWSER = join(import.meta.dirname, 'browser', 'main.mjs')

export interface AppOptions {
  /** The data folder; a fresh one when not given. */
  data?: string
  /** Problems that belong to the test; any other fails it. */
  expected?: RegExp
}

export interface App extends Window {
  electron: ElectronApplication
  pid: number
  data: string
  /** SIGKILL, as a crash of the machine would. */
  kill(): Promise<void>
  close(): Promise<void>
}

/** A folder that is removed when the test has finished. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tapri-e2e-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** What to start for an app on a data folder. */
export function command(data: string): { path: string; args: string[] } {
  const args = [ROOT, '--data', data, '--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns']
  return { path: inject('electron'), args: [...chromiumSwitches(), ...args] }
}

/** Opens the desktop app. */
export async function openApp({ data = freshFolder(), expected }: AppOptions = {}): Promise<App> {
  const { path, args } = command(data)
  return Object.assign(await launch(path, args, expected), { data })
}

/** Two people in one group, both windows open on it. */
export async function aliceAndBob(ofAlice: AppOptions = {}): Promise<[App, App]> {
  const [alice, bob] = await Promise.all([openApp(ofAlice), openApp()])
  await Promise.all([alice.introduce('Alice'), bob.introduce('Bob')])
  await alice.createGroup('Office')
  await bob.join(await alice.invite())
  await Promise.all([alice.connected('synchronised'), bob.connected('synchronised')])
  return [alice, bob]
}

/** Opens a plain browser window on a URL: what browser mode gets. */
export async function openBrowser(
  url: string,
  { expected }: Omit<AppOptions, 'data'> = {},
): Promise<Omit<App, 'data'>> {
  return launch(inject('electron'), [...chromiumSwitches(), BROWSER, freshFolder(), url], expected)
}

function chromiumSwitches(): string[] {
  return [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--lang=en-US']
}

async function launch(path: string, args: string[], expected?: RegExp): Promise<Omit<App, 'data'>> {
  const electron = await _electron.launch({ executablePath: path, args, cwd: ROOT })
  const close = () => electron.close()
  const problems: string[] = []
  onTestFinished(async () => {
    await close()
    expect(problems).toEqual([])
  })
  // A violated content security policy is an error of the console, too.
  const note = (where: string) => (problem: ConsoleMessage | Error) => {
    if (!(problem instanceof Error) && problem.type() !== 'error') return
    const text = problem instanceof Error ? (problem.stack ?? problem.message) : problem.text()
    if (!expected?.test(text)) problems.push(`${where}: ${text}`)
  }
  electron.on('console', note('main'))
  electron.context().on('console', note('window'))
  electron.context().on('weberror', (error) => note('window')(error.error()))
  const { pid } = electron.process()
  if (pid === undefined) throw new TypeError('Electron was launched without a process')
  const window = new Window(await electron.firstWindow())
  await window.page.locator('#app > .window').waitFor()
  await window.page.waitForLoadState()
  return Object.assign(window, {
    electron,
    pid,
    close,
    async kill() {
      const closed = electron.waitForEvent('close')
      process.kill(pid, 'SIGKILL')
      await closed
    },
  })
}
