/**
 * `npm start`: builds when needed and opens the desktop app; without a display it serves the window to a browser.
 * Arguments after -- go to the app.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ensureBuilt } from './build.ts'
import { electronRuntime, missingLibraries } from './electron-runtime.ts'
import { installCommand, WINDOW_PACKAGES } from './system-packages.ts'

const ROOT = join(import.meta.dirname, '..')

function run(command: string, args: string[]): void {
  const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
  child.on('error', fail)
}

function fail(error: unknown): never {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}

async function main(): Promise<void> {
  const args = process.argv.slice(2)
  ensureBuilt()
  const hasDisplay = process.platform !== 'linux' || process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY']
  if (!hasDisplay) {
    console.log('There is no display on this machine, so Tapri serves its window to a browser instead.')
    return run(process.execPath, [join('src-main', 'headless.ts'), ...args])
  }
  const { path, isOfficial } = await electronRuntime()
  if (!isOfficial)
    console.log('The official Electron could not be fetched: starting on the older build that the tests use.')
  const missing = missingLibraries(path)
  if (missing.length > 0)
    fail(
      new Error(
        `Some system libraries are missing (${missing.join(', ')}). On Debian or Ubuntu, install them with:\n` +
          `  sudo ${installCommand(WINDOW_PACKAGES)}`,
      ),
    )
  const isRoot = process.platform === 'linux' && process.getuid?.() === 0
  if (isRoot) console.log('Running as root: Chromium only starts without its sandbox then.')
  run(path, [...(isRoot ? ['--no-sandbox'] : []), ROOT, ...args])
}

await main().catch(fail)
