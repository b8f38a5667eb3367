/**
 * `npm run mutants [-- WORD]`: plants one bug after the other in a copy of the sources, and runs the tests against it.
 * A bug that no test finds is a test that is missing. Exit code 1 when one survives, 2 when one cannot be planted.
 *
 *   npm run mutants -- [word in the name of a bug [tests, instead of those that otherwise run…]]
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PLANTS, sown, type Plant } from './mutants/plants.ts'

const ROOT = join(import.meta.dirname, '..')
const COPIED = [
  'src-main',
  'scripts',
  'test/core',
  'test/helpers',
  'test/messenger',
  'test/simulation',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
]
const [word = '', ...only] = process.argv.slice(2)
/** Cheap ones first. */
const STAGES = [
  ['test/core', 'test/simulation/simulation.test.ts'],
  ['test/simulation', 'test/messenger'],
]
const SEEDS = '30'
/** A bug may also make a test run for ever. */
const STAGE_TIMEOUT_MS = 600_000

interface TestReport {
  testResults: { assertionResults: { status: string; fullName: string }[] }[]
}

/** The tests of the file itself, by its name, or else those of its folder: most bugs need no more. */
function nearest({ file }: Plant, folder: string): string[][] {
  const tests = file.replace('src-main', 'test')
  const path = [tests.replace(/\.ts$/, '.test.ts'), dirname(tests)].find((one) =>
    existsSync(join(folder, one)),
  )
  return path === undefined ? [] : [[path]]
}

function stagesFor(plant: Plant | undefined, folder: string): string[][] {
  if (only.length > 0) return [only]
  return plant ? [...nearest(plant, folder), ...STAGES] : STAGES
}

/** Returns what found it; undefined when nothing did. */
async function hunt(plant: Plant | undefined): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'tapri-mutant-'))
  try {
    for (const path of COPIED) await cp(join(ROOT, path), join(folder, path), { recursive: true })
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    if (plant) await writeFile(join(folder, plant.file), await sown(plant, folder))
    for (const tests of stagesFor(plant, folder)) {
      const found = await run(folder, tests)
      if (found !== undefined) return found
    }
    return undefined
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs tests until one fails; returns its name. Fails when a test file cannot be run. */
async function run(folder: string, tests: string[]): Promise<string | undefined> {
  const report = join(folder, 'report.json')
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
  const args = [vitest, 'run', '--bail=1', '--reporter=json', `--outputFile=${report}`, ...tests]
  const child = spawn(process.execPath, args, {
    cwd: folder,
    stdio: 'ignore',
    env: { ...process.env, TAPRI_SEEDS: SEEDS },
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), STAGE_TIMEOUT_MS)
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve))
  clearTimeout(timer)
  if (code === 0) return undefined
  if (code === null) return 'a test that never ended'
  const { testResults } = JSON.parse(await readFile(report, 'utf8')) as TestReport
  const failed = testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName.trim()),
  )
  // A plant that breaks the syntax, or a machine that is too busy, proves nothing.
  if (failed[0] === undefined) throw new Error(`The tests failed, but none of them: ${tests.join(', ')}`)
  return failed[0]
}

const wanted = PLANTS.filter(({ name }) => name.includes(word))
try {
  for (const plant of wanted) await sown(plant, ROOT)
  const healthy = await hunt(undefined)
  if (healthy !== undefined) throw new Error(`Nothing is planted, and yet this fails: ${healthy}`)
  const survivors: string[] = []
  let next = 0
  const work = async (): Promise<void> => {
    for (let plant = wanted[next++]; plant; plant = wanted[next++]) {
      const found = await hunt(plant)
      const isCaught = found !== undefined
      console.log(
        `${isCaught ? 'caught' : 'SURVIVED'}  ${plant.name}${isCaught ? `\n        by ${found}` : ''}`,
      )
      if (!isCaught) survivors.push(plant.name)
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, availableParallelism() >> 1) }, work))
  console.log(`${wanted.length - survivors.length} of ${wanted.length} planted bugs were caught.`)
  process.exitCode = survivors.length > 0 ? 1 : 0
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 2
}
