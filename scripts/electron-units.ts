/**
 * Runs the unit tests of core, crypto and storage under Electron's own Node, where BoringSSL and an older V8 show.
 * vitest does not run there: the tests are bundled with a stand-in for it on node:test.
 */
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'vite'

const ROOT = join(import.meta.dirname, '..')
const TESTS = [
  'test/core/*.test.ts',
  'test/core/secrets/*.test.ts',
  'test/crypto/*.test.ts',
  'test/storage/*.test.ts',
]
const WORKER = join(ROOT, 'src-main', 'crypto', 'verifier-worker.ts')
/** Starts TypeScript in a child, which Electron's Node cannot. */
const LEFT_OUT = 'test/storage/level-crash.test.ts'
const TIMEOUT_MS = 180_000

export interface UnitResult {
  passed: number
  failed: number
  output: string
}

/** electron: the executable. */
export async function runElectronUnits(electron: string): Promise<UnitResult> {
  const out = join(ROOT, 'out', 'units')
  mkdirSync(out, { recursive: true })
  const entry = join(out, 'entry.ts')
  const files = TESTS.flatMap((pattern) => globSync(pattern, { cwd: ROOT })).filter(
    (file) => file !== LEFT_OUT,
  )
  writeFileSync(entry, files.map((file) => `import ${JSON.stringify(join(ROOT, file))}`).join('\n'))
  await build({
    configFile: false,
    root: ROOT,
    logLevel: 'warn',
    resolve: { alias: { vitest: join(ROOT, 'test', 'helpers', 'vitest-on-node.ts') } },
    ssr: { noExternal: ['@vitest/expect'] },
    build: {
      ssr: true,
      rollupOptions: { input: { entry, 'verifier-worker': WORKER } },
      outDir: join(out, 'built'),
      emptyOutDir: true,
      target: 'node20',
    },
  })
  const { stdout, stderr, status } = spawnSync(
    electron,
    ['--test-reporter=tap', join(out, 'built', 'entry.js')],
    { cwd: ROOT, encoding: 'utf8', timeout: TIMEOUT_MS, env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' } },
  )
  const output = `${stdout}\n${stderr}`
  const count = (word: string) => Number(new RegExp(`^# ${word} (\\d+)$`, 'm').exec(output)?.[1] ?? 0)
  const failed = count('fail') + count('cancelled')
  return { passed: count('pass'), failed: status === 0 ? failed : Math.max(1, failed), output }
}
