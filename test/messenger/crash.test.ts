import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import {
  COMMAND_NAMES,
  UPDATE_NAMES,
  type Commands,
  type GroupSummary,
  type Updates,
} from '../../src-main/api/contract.ts'
import { connectRpc } from '../../src-main/api/rpc.ts'
import { openMessenger } from '../../src-main/messenger/opening.ts'
import { eventKey, stateKey } from '../../src-main/storage/keys.ts'
import { openLevelStorage } from '../../src-main/storage/level.ts'
import { LOOPBACK, writeLargeGroup } from '../helpers/large-group.ts'

const LISTEN = '/ip4/127.0.0.1/tcp/0'
const HEADLESS = join(import.meta.dirname, '../../src-main/headless.ts')

async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tapri-crash-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** The real program on a folder. */
function startProcess(folder: string): ChildProcess {
  const args = ['--data', folder, '--listen', LISTEN, '--no-mdns', '--operator', '--json']
  const child = spawn(process.execPath, [HEADLESS, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

/** Its commands, once it is ready. */
async function connect(child: ChildProcess): Promise<Commands> {
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string]
  const url = new URL((JSON.parse(line) as { url: string }).url)
  const socket = new WebSocket(`ws://${url.host}/rpc`, ['tapri', url.hash.slice('#token='.length)])
  await once(socket, 'open')
  const ignore = () => {}
  const rpc = connectRpc<Commands, Updates>(
    {
      send: (frame) => socket.send(frame),
      onFrame: (listener) => void socket.on('message', (data: Buffer) => listener(data.toString())),
      onClose: (listener) => void socket.once('close', listener),
      close: () => socket.close(),
    },
    {
      remote: COMMAND_NAMES,
      local: {
        groupChanged: ignore,
        messagesDelivered: ignore,
        messagesChanged: ignore,
        timelineChanged: ignore,
        peopleChanged: ignore,
        linkOpened: ignore,
        identityChanged: ignore,
        groupDeleted: ignore,
        blockedChanged: ignore,
      },
      localNames: UPDATE_NAMES,
    },
  )
  return rpc.call
}

async function rowsOf(store: string): Promise<string[]> {
  const storage = await openLevelStorage(store)
  const rows: string[] = []
  for await (const [key, value] of storage.range({ from: Uint8Array.of(0), to: Uint8Array.of(255) }))
    rows.push(`${Buffer.from(key).toString('hex')} ${Buffer.from(value).toString('hex')}`)
  await storage.close()
  return rows
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** How a process that does not start ends. */
async function failure(child: ChildProcess): Promise<{ code: number | null; sentence: string }> {
  const [sentence, [code]] = await Promise.all([text(child.stderr!), once(child, 'exit')])
  return { code: code as number | null, sentence }
}

describe('a killed process', () => {
  test('keeps every message whose posting had resolved, and goes on where it was', async () => {
    const folder = await freshFolder()
    let child = startProcess(folder)
    let call = await connect(child)
    const { id: group } = await call.createGroup({ name: 'office' })
    const resolved: string[] = []
    for (let round = 1; round <= 2; round++) {
      const posting = Array.from({ length: 8 }, async (_, writer) => {
        for (let i = 0; ; i++) {
          const { text: posted } = await call.post({ group, text: `${round} ${writer} ${i}` })
          resolved.push(posted)
          if (resolved.length === 60 * round) child.kill('SIGKILL')
        }
      })
      const exited = once(child, 'exit')
      for (const { reason } of (await Promise.allSettled(posting)) as PromiseRejectedResult[])
        expect(reason).toMatchObject({ code: 'CLOSED' })
      await exited
      child = startProcess(folder)
      call = await connect(child)
      const { messages, hasEarlier } = await call.getTimeline({ group, limit: 200 })
      expect(hasEarlier).toBe(false)
      const there = new Set(messages.map((message) => message.text))
      expect(resolved.filter((posted) => !there.has(posted))).toEqual([])
    }
    const { n } = await call.post({ group, text: 'still here' })
    expect((await call.getTimeline({ group, limit: 1 })).messages).toMatchObject([{ n, text: 'still here' }])
    await kill(child)
  })

  test('while it still checked a group leaves everything as it was', async () => {
    const folder = await freshFolder()
    const large = await writeLargeGroup(folder, { events: 20_000, authors: 4, unread: 10 })
    const before = await rowsOf(join(folder, 'store'))
    const child = startProcess(folder)
    const call = await connect(child)
    const [{ opening }] = (await call.getState()).groups as [GroupSummary]
    expect(opening!.done).toBeLessThan(large.length)
    const { messages } = await call.getTimeline({ group: large.group, limit: 50 })
    expect(messages.map((message) => message.text)).toEqual(large.lastTexts.slice(-50))
    await kill(child)
    expect(await rowsOf(join(folder, 'store'))).toEqual(before)
    const again = await openMessenger({ dataFolder: folder, ...LOOPBACK })
    onTestFinished(() => again.close())
    const posted = await again.commands.post({ group: large.group, text: 'still here' })
    expect(posted.n).toBe(large.length + 1)
  })

  test('leaves its folder to the next one, and a running one does not', async () => {
    const folder = await freshFolder()
    const first = startProcess(folder)
    await connect(first)
    const { code, sentence } = await failure(startProcess(folder))
    expect(code).toBe(1)
    expect(sentence).toMatch(/^Another Tapri is already running on .*Close it first/)
    await kill(first)
    await connect(startProcess(folder))
  })
})

describe('a damaged store', () => {
  const open = (dataFolder: string) =>
    openMessenger({ dataFolder, listen: [LISTEN], mdns: false, name: 'alice' })
  /** Reads what the window shows at once, and goes on until everything has been checked. */
  async function openFully(dataFolder: string): Promise<void> {
    const messenger = await open(dataFolder)
    try {
      const page = messenger.commands.getTimeline({ group, limit: 50 }).catch(() => {})
      const read = messenger.commands.markRead({ group, n: 31 }).catch(() => {})
      await messenger.opened
      await Promise.all([page, read])
    } finally {
      await messenger.close()
    }
  }
  let good: string
  let group: string

  beforeAll(async () => {
    good = await mkdtemp(join(tmpdir(), 'tapri-good-'))
    const first = await open(good)
    group = (await first.commands.createGroup({ name: 'office' })).id
    for (let i = 1; i <= 20; i++) await first.commands.post({ group, text: `message ${i}` })
    await first.close()
    // What the first opening wrote is a table by now, and this goes to the next log.
    const second = await open(good)
    for (let i = 21; i <= 30; i++) await second.commands.post({ group, text: `message ${i}` })
    await second.close()
  })
  afterAll(() => rm(good, { recursive: true, force: true }))

  async function copy(): Promise<{ folder: string; store: string }> {
    const folder = await freshFolder()
    await cp(good, folder, { recursive: true })
    return { folder, store: join(folder, 'store') }
  }
  /** Every file but the diary that LevelDB keeps about itself. */
  async function filesOf(store: string): Promise<Record<string, string>> {
    const names = (await readdir(store)).filter((name) => !/^LO(G|CK)/.test(name)).sort()
    const contents = await Promise.all(names.map((name) => readFile(join(store, name), 'base64')))
    return Object.fromEntries(names.map((name, i) => [name, contents[i]!]))
  }
  const expectReport = (opening: Promise<unknown>) =>
    expect(opening).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      message: expect.stringMatching(/Nothing was changed.*Move the .*folder away.*new invite/) as string,
    })

  test('opens when nothing is damaged', async () => {
    const { folder } = await copy()
    const messenger = await open(folder)
    const { messages } = await messenger.commands.getTimeline({ group, limit: 30 })
    expect(messages.at(-1)?.text).toBe('message 30')
    await messenger.close()
  })

  /** [what, files, what becomes of them; undefined: deleted] */
  test.each<[string, RegExp, (bytes: Buffer) => Buffer | undefined]>([
    ['without the file that names its state', /^CURRENT$/, () => undefined],
    ['whose file that names its state is empty', /^CURRENT$/, () => Buffer.alloc(0)],
    ['without its manifest', /^MANIFEST/, () => undefined],
    ['with an altered manifest', /^MANIFEST/, (bytes) => bytes.fill(0x55, 10, 20)],
    ['without its tables', /\.ldb$/, () => undefined],
    ['without its log', /\.log$/, () => undefined],
    ['with an altered log', /\.log$/, (bytes) => bytes.fill(bytes[100]! ^ 0x55, 100, 101)],
  ])('%s is reported, and left byte for byte as it was', async (_, pattern, change) => {
    const { folder, store } = await copy()
    for (const name of (await readdir(store)).filter((file) => pattern.test(file))) {
      const file = join(store, name)
      const changed = change(await readFile(file))
      await (changed ? writeFile(file, changed) : rm(file))
    }
    const before = await filesOf(store)
    await expectReport(openFully(folder))
    expect(await filesOf(store)).toEqual(before)
    await expectReport(openFully(folder))
  })

  test.each<[string, () => Uint8Array]>([
    ['an event in the middle', () => eventKey(group, 5)],
    ['the first event', () => eventKey(group, 1)],
    ['the last event', () => eventKey(group, 31)],
    ['the state record', () => stateKey(group)],
  ])('without %s is reported, and keeps everything else', async (_, key) => {
    const { folder, store } = await copy()
    const storage = await openLevelStorage(store)
    expect(await storage.get(key())).toBeDefined()
    await storage.write({ put: [], remove: [key()] }, { durable: true })
    await storage.close()
    const before = await rowsOf(store)
    await expectReport(openFully(folder))
    expect(await rowsOf(store)).toEqual(before)
  })

  test('with an altered event is reported, and keeps it as it is', async () => {
    const { folder, store } = await copy()
    const storage = await openLevelStorage(store)
    const altered = (await storage.get(eventKey(group, 7)))!.slice()
    altered[altered.length - 1]! ^= 1
    await storage.write({ put: [[eventKey(group, 7), altered]] })
    await storage.close()
    const before = await rowsOf(store)
    await expectReport(openFully(folder))
    expect(await rowsOf(store)).toEqual(before)
  })

  test('with an altered table is reported, and the table stays', async () => {
    const { folder, store } = await copy()
    const [name] = (await readdir(store)).filter((file) => file.endsWith('.ldb'))
    const table = await readFile(join(store, name!))
    table.fill(0x55, 0, 64)
    await writeFile(join(store, name!), table)
    await expectReport(openFully(folder))
    expect(Buffer.compare(await readFile(join(store, name!)), table)).toBe(0)
  })

  test('ends the program with the sentence and nothing else', async () => {
    const { folder, store } = await copy()
    await rm(join(store, 'CURRENT'))
    const { code, sentence } = await failure(startProcess(folder))
    expect(code).toBe(1)
    expect(sentence).toMatch(/^The store in .* is damaged.*\n$/)
    expect(sentence.trimEnd()).not.toContain('\n')
  })

  test('ends the program also when the damage shows only behind the screen', async () => {
    const { folder, store } = await copy()
    const storage = await openLevelStorage(store)
    await storage.write({ put: [], remove: [eventKey(group, 5)] }, { durable: true })
    await storage.close()
    const { code, sentence } = await failure(startProcess(folder))
    expect(code).toBe(1)
    expect(sentence).toMatch(/^The messages of group .* are damaged \(event 5: gap\).*\n$/)
    expect(sentence.trimEnd()).not.toContain('\n')
  })
})
