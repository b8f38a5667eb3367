/** Builds out/ with electron-vite when a source is newer than the last build. */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const STAMP = join(ROOT, 'out', 'built')
const SOURCES = ['src-main/**/*', 'src-renderer/**/*', 'electron.config.ts', 'package-lock.json']

/** Returns at once when out/ is up to date. Throws when the build fails. */
export function ensureBuilt(): void {
  const builtMs = existsSync(STAMP) ? statSync(STAMP).mtimeMs : 0
  const isStale = SOURCES.flatMap((pattern) => globSync(pattern, { cwd: ROOT })).some(
    (file) => statSync(join(ROOT, file)).mtimeMs > builtMs,
  )
  if (!isStale) return
  const cli = join(ROOT, 'node_modules', 'electron-vite', 'bin', 'electron-vite.js')
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [cli, 'build', '--config', 'electron.config.ts', '--logLevel', 'warn'],
    { cwd: ROOT, encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`The build failed.\n${stdout}\n${stderr}`)
  writeFileSync(STAMP, '')
}

if (import.meta.main) ensureBuilt()
