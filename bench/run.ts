/** `npm run bench [-- name …]`: one file per question; each prints one line of JSON. */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { basename, join } from 'node:path'

const wanted = process.argv.slice(2)
for (const file of globSync('*.ts', { cwd: import.meta.dirname }).sort()) {
  const name = basename(file, '.ts')
  if (name === 'run' || (wanted.length > 0 && !wanted.includes(name))) continue
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, file)], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
