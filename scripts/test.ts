/**
 * `npm test`: everything that can be checked on this machine, one step after the other. What cannot run here is named
 * and counted as skipped; with CI=1 nothing may be. The last line is `N passed, N failed, N skipped`.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBuilt } from './build.ts'
import { electronRuntime, missingLibraries } from './electron-runtime.ts'
import { runElectronUnits } from './electron-units.ts'
import { installCommand, installPackages, missingPackages, TEST_PACKAGES } from './system-packages.ts'

const ROOT = join(import.meta.dirname, '..')
const BIN = join(ROOT, 'node_modules', '.bin')
const REPORTS = join(ROOT, 'out', 'reports')
const STEP_TIMEOUT_MS = 1_200_000

interface Result {
  passed: number
  failed: number
  skipped: number
}
const PASSED: Result = { passed: 1, failed: 0, skipped: 0 }
const FAILED: Result = { passed: 0, failed: 1, skipped: 0 }

interface VitestReport {
  numPassedTests: number
  numFailedTests: number
  numFailedTestSuites: number
  testResults: { assertionResults: { status: string; fullName: string }[] }[]
}

/** A check that passes when the command does. */
function check(command: string, args: string[]): Result {
  const { status } = spawnSync(join(BIN, command), args, {
    cwd: ROOT,
    stdio: 'inherit',
    timeout: STEP_TIMEOUT_MS,
  })
  return status === 0 ? PASSED : FAILED
}

/** Every test of a vitest config; what it skipped is named. */
function vitest(name: string, before: string[], args: string[]): Result {
  const file = join(REPORTS, `${name}.json`)
  rmSync(file, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const [command, ...rest] = [...before, join(BIN, 'vitest'), 'run', ...reporters, ...args]
  const { status } = spawnSync(command!, rest, { cwd: ROOT, stdio: 'inherit', timeout: STEP_TIMEOUT_MS })
  let report: VitestReport
  try {
    report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport
  } catch (error) {
    console.error(`${name}: there is no report:`, error)
    return FAILED
  }
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults)
  const skipped = tests.filter(({ status }) => status !== 'passed' && status !== 'failed')
  for (const { fullName } of skipped) console.log(`skipped: ${fullName}`)
  const failed = Math.max(report.numFailedTests + report.numFailedTestSuites, status === 0 ? 0 : 1)
  return { passed: report.numPassedTests, failed, skipped: skipped.length }
}

function skip(names: string[], reason: string): Result {
  for (const name of names) console.log(`skipped: ${name}: ${reason}`)
  return { passed: 0, failed: 0, skipped: names.length }
}

/** Installs what tests need of the system, where that is possible. Returns why windows cannot be tested here. */
function prepareSystem(): string | undefined {
  if (process.platform !== 'linux') return undefined
  const missing = missingPackages(TEST_PACKAGES)
  if (missing === undefined || missing.length === 0) return undefined
  if (process.getuid?.() !== 0) return `as root, install what is missing: ${installCommand(missing)}`
  console.log(`Installing ${missing.join(', ')} …`)
  const problem = installPackages(missing)
  return problem && `${installCommand(missing)} failed: ${problem}`
}

/** reason: why there cannot be any. */
async function windows(reason: string | undefined): Promise<Result[]> {
  const names = ['unit tests under the Node of Electron', 'end-to-end tests in Electron']
  if (reason) return [skip(names, reason)]
  let electron: string
  try {
    electron = (await electronRuntime()).path
  } catch (error) {
    return [skip(names, (error as Error).message)]
  }
  const missing = missingLibraries(electron)
  if (missing.length > 0) return [skip(names, `system libraries are missing: ${missing.join(', ')}`)]
  return [
    await step(names[0]!, async () => {
      const { passed, failed, output } = await runElectronUnits(electron)
      if (failed > 0) console.log(output)
      return { passed, failed, skipped: 0 }
    }),
    await step(names[1]!, () => {
      const display = process.platform === 'linux' ? ['xvfb-run', '-a'] : []
      return vitest('e2e', display, ['--config', 'test/e2e/vitest.config.ts'])
    }),
  ]
}

async function step(name: string, run: () => Result | Promise<Result>): Promise<Result> {
  const startMs = performance.now()
  console.log(`\n── ${name}`)
  let result: Result
  try {
    result = await run()
  } catch (error) {
    console.error(error)
    result = FAILED
  }
  const { passed, failed, skipped } = result
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  console.log(`── ${name}: ${passed} passed, ${failed} failed, ${skipped} skipped (${seconds} s)`)
  return result
}

mkdirSync(REPORTS, { recursive: true })
const withoutWindows = prepareSystem()
const results = [
  await step('formatting', () => check('prettier', ['--check', '--log-level', 'warn', '.'])),
  await step('types', () => check('tsc', ['-p', '.'])),
  await step('types of the core, without I/O', () => check('tsc', ['-p', 'src-main/core'])),
  await step('types of the window', () =>
    check('svelte-check', ['--tsconfig', 'src-renderer/tsconfig.json']),
  ),
  await step('lint', () => check('eslint', ['--max-warnings', '0', '.'])),
  await step('build', () => {
    ensureBuilt()
    return PASSED
  }),
  await step('unit, contract and simulation tests', () => vitest('unit', [], [])),
  ...(await windows(withoutWindows)),
]
const sum = (key: keyof Result) => results.reduce((total, result) => total + result[key], 0)
const [passed, failed, skipped] = [sum('passed'), sum('failed'), sum('skipped')]
const isCi = process.env['CI'] === '1'
if (isCi && skipped > 0) console.log('\nNothing may be skipped on the CI machine.')
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exit(failed > 0 || (isCi && skipped > 0) ? 1 : 0)
