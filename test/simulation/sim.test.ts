/** `npm run sim` itself: its options, and what it writes. */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { UsageError } from '../../scripts/command-line.ts'
import { readOptions } from '../../scripts/sim/options.ts'
import type { Report } from '../../scripts/sim/report.ts'

const SCRIPT = join(import.meta.dirname, '../../scripts/sim.ts')

function sim(args: string[]): Promise<{ code: number; out: string; errors: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [SCRIPT, ...args], { timeout: 120_000 }, (error, out, errors) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, out, errors }),
    )
  })
}

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tapri-sim-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

/** Plays, and returns what the report says but for the machine's time and memory. */
async function reportOf(args: string[]): Promise<Partial<Report>> {
  const file = join(await makeFolder(), 'report.json')
  const { code, errors } = await sim([...args, '--report', file])
  expect({ code, errors }).toEqual({ code: 0, errors: '' })
  const report = JSON.parse(await readFile(file, 'utf8')) as Partial<Report>
  for (const key of ['wallMs', 'peakRssBytes', 'deliveriesPerSecond', 'deliveriesPerCpuSecond'] as const) {
    expect(report[key]).toBeGreaterThan(0)
    delete report[key]
  }
  return report
}

test.each([
  '--members 1',
  '--members 10001',
  '--members many',
  '--events 0',
  '--events 1000001',
  '--active 0',
  '--online 501',
  '--online 20',
  '--members 10 --online 9',
  '--seed -1',
  '--seed 4294967296',
  '--faults everything',
  '--faults loss,fire',
  '--faults=',
  '--trace-peers 0',
  '--trace',
  '--real-crypto=yes',
  '--unknown',
  'extra',
])('%s is refused with a sentence', (args) => {
  expect(() => readOptions(args.split(' '))).toThrow(UsageError)
})

test('everything is said once by default, and left out is what cannot be', () => {
  expect(readOptions([])).toMatchObject({ members: 500, online: 500, events: 50_000, active: 200, seed: 42 })
  expect(readOptions(['--members', '50'])).toMatchObject({ members: 50, online: 50, active: 50 })
  expect(readOptions(['--members', '10000', '--active', '2000'])).toMatchObject({
    online: 1000,
    active: 1000,
  })
  expect(readOptions(['--members', '10000', '--online', '300'])).toMatchObject({ online: 300, active: 200 })
  expect([...readOptions(['--faults', 'loss,skew']).faults]).toEqual(['loss', 'skew'])
  expect(readOptions(['--faults', 'none']).faults.size).toBe(0)
})

test('what was typed wrong costs a sentence and exit code 2', async () => {
  const { code, out, errors } = await sim(['--members', 'x'])
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(errors).toBe('--members must be a whole number from 2 to 10000.\n--help shows what there is.\n')
})

test('a trace that cannot be written is no verdict: exit code 2', async () => {
  const { code, errors } = await sim(['--members', '30', '--events', '1', '--trace', '/dev/null/trace'])
  expect(code).toBe(2)
  expect(errors).toContain('/dev/null/trace')
})

test.each([
  { world: 'messengers', members: '4' },
  { world: 'engines', members: '30' },
])('one seed gives one report, another seed another: $world', async ({ members }) => {
  const play = (seed: string) => reportOf(['--members', members, '--events', '60', '--seed', seed])
  const [first, again, other] = await Promise.all([play('5'), play('5'), play('6')])
  expect(first).toMatchObject({ violations: 0, lost: 0, identicalTimelines: true, pending: 0 })
  expect(again).toEqual(first)
  expect({ ...other, seed: 5 }).not.toEqual(first)
})

test('members who are not online stand in every roster', async () => {
  const folder = await makeFolder()
  const report = await reportOf(['--members', '80', '--online', '25', '--events', '50', '--trace', folder])
  expect(report).toMatchObject({ members: 80, online: 25, violations: 0, lost: 0, identicalTimelines: true })
  const files = await readdir(folder)
  expect(files).toHaveLength(5)
  const trace = await readFile(join(folder, files[0]!), 'utf8')
  expect(trace.match(/"kind":"(create|join)"/g)).toHaveLength(80)
})

test.each(['6', '24'])(
  'a script is carried out among %s, and the report says who is left',
  async (members) => {
    const script = join(import.meta.dirname, '../../scripts/demo/sample.membership.txt')
    const args = ['--members', members, '--events', '150', '--faults', 'loss,reorder', '--script', script]
    const { membership, ...report } = await reportOf(args)
    expect(report).toMatchObject({ violations: 0, lost: 0, identicalTimelines: true, pending: 0 })
    expect(membership!.done).toBeGreaterThan(membership!.notDone.length)
    expect(membership!.members).not.toContain(2)
  },
)

test('a script that is not written right costs a sentence with its row, and exit code 2', async () => {
  const file = join(await makeFolder(), 'script.txt')
  await writeFile(file, '0.1 0 role 1 admin\n0.2 0 remove 9\n')
  const { code, errors } = await sim(['--members', '5', '--script', file])
  expect(code).toBe(2)
  expect(errors).toMatch(/^Row 2 of the script: "9" is no peer/)
})
