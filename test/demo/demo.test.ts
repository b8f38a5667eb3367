/** The demo as a person starts it: real processes, real libp2p, real LevelDB. */
import { execFile } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, afterAll, expect, test } from 'vitest'
import { openLevelStorage } from '../../src-main/storage/level.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const REAL_LOG = join(ROOT, '..', 'shared', 'data', 'irc', 'dev', '2011-05-29_19.raw.txt')
const FAULTS = ['--offline', '3:0.2-0.7', '--kill', '4@0.5', '--partition', '0,1/2,3,4@0.3-0.5']
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tapri-demo-test-'))
})
afterAll(() => rm(folder, { recursive: true }))

function demo(...args: string[]): Promise<{ code: number; out: string }> {
  const command = [join(ROOT, 'scripts', 'demo.ts'), '--speed', 'max', '--exit', ...args]
  return new Promise((resolve) => {
    execFile(process.execPath, command, { timeout: 280_000 }, (error, stdout, stderr) => {
      const code = error ? Number(error.code ?? -1) : 0
      resolve({ code, out: stdout + stderr })
    })
  })
}

async function run(...args: string[]) {
  const report = join(folder, 'report.json')
  const traces = join(folder, 'traces')
  await rm(traces, { recursive: true, force: true })
  const { code, out } = await demo('--report', report, '--trace', traces, ...args)
  expect(out).not.toContain('  ! ')
  expect(code, out).toBe(0)
  return {
    report: JSON.parse(await readFile(report, 'utf8')) as Record<string, unknown>,
    traces: globSync('*.ndjson', { cwd: traces }),
  }
}

/** Five peers gather: create, settings and invite, four entrances, and everybody's name. */
const GATHERING = 3 + 4 + 5
const GOOD = { violations: 0, lost: 0, identicalTimelines: true, pending: 0 }

test('five peers replay the sample through an outage, a kill and a partition', async () => {
  const { report, traces } = await run('--peers', '5', ...FAULTS)
  expect(report).toMatchObject({ ...GOOD, peers: 5, lines: 26, events: 26 + GATHERING, replies: 20 })
  expect(traces).toHaveLength(5)
}, 300_000)

test('what the peers of a demo keep and forward shows nobody what was said, nor by whom', async () => {
  const data = join(folder, 'data')
  const { report } = await run('--peers', '3', '--data', data)
  expect(report).toMatchObject(GOOD)
  const sample = await readFile(join(ROOT, 'scripts', 'demo', 'sample.raw.txt'), 'utf8')
  const said = [...sample.matchAll(/^\[..:..\] <(\w+)> (.*)$/gm)].flatMap(([, nick, text]) => [nick!, text!])
  const secrets = [...new Set([...said, 'sample'])].filter((text) => text.length > 4)
  expect(secrets.length).toBeGreaterThan(20)
  const found: string[] = []
  const search = (bytes: Uint8Array, where: string) => {
    for (const secret of secrets) if (Buffer.from(bytes).includes(secret)) found.push(`${secret} in ${where}`)
  }
  const files = globSync('peer-*/**', { cwd: data, withFileTypes: true }).filter((file) => file.isFile())
  expect(files.length).toBeGreaterThan(15)
  for (const { parentPath, name } of files) search(await readFile(join(parentPath, name)), name)
  // Blocks of files may be compressed: record by record, too. What peers forward is the records of the log, as they are.
  for (const peer of ['peer-0', 'peer-1', 'peer-2']) {
    const store = await openLevelStorage(join(data, peer, 'store'))
    let records = 0
    for await (const [key, value] of store.range({ from: Uint8Array.of(0), to: Uint8Array.of(0xff) })) {
      search(key, `a key of ${peer}`)
      search(value, `record ${String.fromCharCode(key[0]!)} of ${peer}`)
      records++
    }
    await store.close()
    expect(records).toBeGreaterThan(50)
  }
  expect(found).toEqual([])
}, 120_000)

test('a folder that holds anything is not used for the data of a demo', async () => {
  await writeFile(join(folder, 'something'), '')
  const { code, out } = await demo('--data', folder)
  expect(code).toBe(2)
  expect(out).toMatch(/is not empty/)
})

test.skipIf(!existsSync(REAL_LOG))(
  'five peers replay a real conversation through an outage, a kill and a partition',
  async () => {
    const { report, traces } = await run('--peers', '5', '--replay', REAL_LOG, ...FAULTS)
    expect(report).toMatchObject({ ...GOOD, peers: 5, lines: 1250, events: 1250 + GATHERING })
    expect(report['replies']).toBeGreaterThan(200)
    expect(traces).toHaveLength(5)
  },
  300_000,
)

test('five peers carry out the sample script, and those who are left agree', async () => {
  const script = join(ROOT, 'scripts', 'demo', 'sample.membership.txt')
  const { report, traces } = await run('--peers', '5', '--speed', '200', '--script', script)
  expect(report).toMatchObject(GOOD)
  expect(traces).toHaveLength(5)
  const { members, out } = report['membership'] as { members: number[]; out: number[] }
  expect([...members, ...out].sort()).toEqual([0, 1, 2, 3, 4])
  expect(members).not.toContain(2)
}, 300_000)

test('a script that is not written right is refused with a sentence and its row', async () => {
  const file = join(folder, 'bad.script.txt')
  await writeFile(file, '0.5 0 remove 7\n')
  const { code, out } = await demo('--script', file)
  expect(code).toBe(2)
  expect(out).toMatch(/^Row 1 of the script: "7" is no peer/)
})

test('a log with rubbish in it is replayed, and the rubbish is counted', async () => {
  const file = join(folder, 'mixed.raw.txt')
  await writeFile(
    file,
    Buffer.concat([Buffer.from('[10:00] <a> one\n'), Buffer.from([0xff, 0, 10]), Buffer.from('[10:0')]),
  )
  const { report } = await run('--peers', '2', '--replay', file)
  expect(report).toMatchObject({ ...GOOD, lines: 1, skippedLines: 2 })
}, 60_000)

test.each([
  ['an empty file', Buffer.alloc(0), /is empty/],
  ['a binary file', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0xff, 10, 0xfe]), /is no chat log/],
])('%s is refused with a sentence', async (_name, content, sentence) => {
  const file = join(folder, 'bad.raw.txt')
  await writeFile(file, content)
  const { code, out } = await demo('--replay', file)
  expect(code).toBe(2)
  expect(out).toMatch(sentence)
  expect(out).not.toMatch(/\n\s+at /)
})

test('a file that is not there is refused with a sentence', async () => {
  const { code, out } = await demo('--replay', join(folder, 'nowhere.txt'))
  expect(code).toBe(2)
  expect(out).toMatch(/cannot be read/)
})
