/** A group that is being opened: what can be read and done before its graph has been rebuilt, and what is found then. */
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { makeFastCrypto } from '../../scripts/sim/fast-crypto.ts'
import { ALL_FAULTS } from '../../scripts/sim/faults.ts'
import { play } from '../../scripts/sim/play.ts'
import { Random } from '../../scripts/sim/random.ts'
import type { GroupId, GroupSummary, Message } from '../../src-main/api/contract.ts'
import { toHex } from '../../src-main/core/bytes.ts'
import { identityOf } from '../../src-main/crypto/identity.ts'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import type { KeyPair } from '../../src-main/crypto/crypto.ts'
import { Messenger } from '../../src-main/messenger/messenger.ts'
import { systemTime, type Time } from '../../src-main/messenger/time.ts'
import { createMemoryNetwork, MemoryHub } from '../../src-main/network/memory.ts'
import type { Network } from '../../src-main/network/network.ts'
import { eventKey, stateKey } from '../../src-main/storage/keys.ts'
import { openMemoryStorage, type MemoryDisk } from '../../src-main/storage/memory.ts'
import { until } from '../helpers/messengers.ts'

/** Time in which every step of rebuilding uses up its slice, and the next one comes when the test says so. */
class Slices {
  #next: (() => void) | undefined
  #clockMs = 0
  #areFree = false
  #waiting = Promise.withResolvers<void>()
  readonly time: Time = {
    ...systemTime,
    monotonicMs: () => (this.#clockMs += 20),
    after: (delayMs, task) => {
      if (delayMs > 0 || this.#areFree) return systemTime.after(delayMs, task)
      this.#next = task
      this.#waiting.resolve()
      return () => {}
    },
  }

  /** Rebuilding goes on for so many slices. */
  async pass(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await this.#waiting.promise
      this.#waiting = Promise.withResolvers()
      this.#next!()
    }
  }

  /** Nothing is held up any more. */
  free(): void {
    this.#areFree = true
    this.#next?.()
  }
}

class Device {
  readonly name: string
  readonly disk: MemoryDisk = new Map()
  readonly #hub: MemoryHub
  readonly #key: KeyPair = sodiumCrypto.keyPair()
  readonly #identity = identityOf(sodiumCrypto.randomBytes(32), sodiumCrypto)
  messenger!: Messenger
  network!: Network
  /** Events of this device. */
  written = 0

  constructor(hub: MemoryHub, name: string) {
    this.#hub = hub
    this.name = name
    onTestFinished(() => this.messenger.close())
  }

  async start(time: Time = systemTime): Promise<this> {
    this.network = createMemoryNetwork(this.#hub, toHex(this.#key.publicKey))
    this.messenger = await Messenger.start({
      storage: openMemoryStorage(this.disk),
      network: this.network,
      crypto: sodiumCrypto,
      key: this.#key,
      identity: this.#identity,
      dataFolder: 'memory',
      name: this.name,
      time,
    })
    return this
  }

  /** Starts again, and stops before the graph is rebuilt. */
  async startSlowly(): Promise<Slices> {
    const slices = new Slices()
    await this.start(slices.time)
    onTestFinished(() => slices.free())
    return slices
  }

  get commands() {
    return this.messenger.commands
  }

  post(args: { group: GroupId; text: string; replyTo?: string }): Promise<Message> {
    this.written++
    return this.commands.post(args)
  }

  react(args: { group: GroupId; target: string; emoji: string; on: boolean }): Promise<void> {
    this.written++
    return this.commands.react(args)
  }

  async summary(): Promise<GroupSummary> {
    return (await this.commands.getState()).groups[0]!
  }

  async page(group: GroupId, limit = 50): Promise<Message[]> {
    return (await this.commands.getTimeline({ group, limit })).messages
  }
}

/** Alice and Bob are in a group, and nothing has been said yet. */
async function makeGroup(): Promise<{ alice: Device; bob: Device; group: GroupId }> {
  const hub = new MemoryHub()
  const [alice, bob] = [await new Device(hub, 'Alice').start(), await new Device(hub, 'Bob').start()]
  const { id: group } = await alice.commands.createGroup({ name: 'office' })
  const { invite } = await alice.commands.createInvite({ group })
  await bob.commands.joinGroup({ invite })
  for (const device of [alice, bob])
    await until(device.messenger, async () => (await lengthOf(device)) === 4 + 2)
  // The foundation, settings, an invite and her name; his entrance and his name.
  alice.written = 4
  bob.written = 2
  return { alice, bob, group }
}

const lengthOf = async ({ messenger }: Device) => (await messenger.operator.getDiagnostics()).delivered

async function untilEqual(one: Device, other: Device): Promise<void> {
  const all = one.written + other.written
  for (const device of [one, other])
    await until(device.messenger, async () => (await lengthOf(device)) === all)
}

/** What is shown of a group but its messages, without what depends on links and on how far it has been opened. */
async function settled(device: Device) {
  const { online: _, connection: __, opening: ___, ...rest } = await device.summary()
  const { people, former } = await device.commands.getPeople({ group: rest.id })
  const names = people.map(({ online: _, connection: __, devices, ...person }) => ({
    ...person,
    devices: devices.map(({ online: _, connection: __, ...one }) => one),
  }))
  return { ...rest, former, people: names.sort((a, b) => (a.user < b.user ? -1 : 1)) }
}

const isAlice = fc.boolean()
const back = fc.nat({ max: 12 })
const action = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('post' as const), isAlice }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('answer' as const), isAlice, back }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('react' as const),
      ...{ isAlice, back, emoji: fc.constantFrom('👍', '🫖'), on: fc.boolean() },
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('read' as const), back }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('meet' as const) }) },
)

test('the last screen and the group list are right before the graph is rebuilt, and after', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 20, maxLength: 40 }), async (actions) => {
      const { alice, bob, group } = await makeGroup()
      for (const [i, act] of actions.entries()) {
        if (act.type === 'meet') await untilEqual(alice, bob)
        if (act.type === 'meet') continue
        const device = act.type === 'read' || act.isAlice ? alice : bob
        const messages = (await device.page(group)).filter(({ kind }) => kind === 'message')
        const target = act.type === 'post' ? undefined : messages.at(-1 - act.back)
        if (act.type === 'post') await device.post({ group, text: `${i}` })
        else if (!target) continue
        else if (act.type === 'answer') await device.post({ group, text: `${i}`, replyTo: target.id })
        else if (act.type === 'read') await alice.commands.markRead({ group, n: target.n })
        else await device.react({ group, target: target.id, emoji: act.emoji, on: act.on })
      }
      await untilEqual(alice, bob)
      const look = async () => ({
        whole: await alice.page(group, 200),
        screen: await alice.commands.getTimeline({ group, limit: 5 }),
        summary: await settled(alice),
      })
      const before = await look()
      await alice.messenger.close()
      const slices = await alice.startSlowly()
      await slices.pass(3)
      const total = await lengthOf(bob)
      expect((await alice.summary()).opening).toMatchObject({ total })
      expect((await alice.summary()).opening!.done).toBeLessThan(total)
      expect(await look()).toEqual(before)
      slices.free()
      await alice.messenger.opened
      expect((await alice.summary()).opening).toBeUndefined()
      expect(await look()).toEqual(before)
      await Promise.all([alice.messenger.close(), bob.messenger.close()])
    }),
    { numRuns: 12 },
  )
})

test('what is written meanwhile waits, and is then there and at the others', async () => {
  const { alice, bob, group } = await makeGroup()
  const { id } = await bob.post({ group, text: 'tea?' })
  await untilEqual(alice, bob)
  await alice.messenger.close()
  const slices = await alice.startSlowly()
  const done: string[] = []
  const posting = alice.post({ group, text: 'yes', replyTo: id }).then(() => done.push('post'))
  const reacting = alice.react({ group, target: id, emoji: '🫖', on: true }).then(() => done.push('react'))
  await slices.pass(2)
  const [last] = await alice.page(group, 1)
  expect([done, last!.text]).toEqual([[], 'tea?'])
  slices.free()
  await Promise.all([posting, reacting])
  await untilEqual(alice, bob)
  const [question, answer] = (await bob.page(group)).slice(-2)
  expect([question!.text, answer!.text, answer!.replyTo!.id]).toEqual(['tea?', 'yes', id])
  expect(question!.reactions).toMatchObject([{ emoji: '🫖', people: ['Alice'] }])
})

test('whoever writes meanwhile is told when it takes too long', async () => {
  const { alice, group } = await makeGroup()
  await alice.messenger.close()
  const slices = new Slices()
  const late: (() => void)[] = []
  const after: Time['after'] = (delayMs, task) => {
    if (delayMs !== 25_000) return slices.time.after(delayMs, task)
    late.push(task)
    return () => {}
  }
  await alice.start({ ...slices.time, after })
  onTestFinished(() => slices.free())
  const posting = alice.post({ group, text: 'now?' })
  const refused = expect(posting).rejects.toMatchObject({ code: 'TIMED_OUT' })
  for (const task of late) task()
  await refused
})

test('the window is told how far it has come, at most four times a second', async () => {
  const { alice, group } = await makeGroup()
  for (let i = 0; i < 5; i++) await alice.post({ group, text: `${i}` })
  await alice.messenger.close()
  const slices = new Slices()
  let nowMs = 0
  const alarms: { atMs: number; task: () => void }[] = []
  await alice.start({
    ...slices.time,
    every: (intervalMs, task) => {
      if (intervalMs !== 250) return systemTime.every(intervalMs, task)
      alarms.push({ atMs: intervalMs, task })
      return () => void alarms.pop()
    },
  })
  onTestFinished(() => slices.free())
  const seen: GroupSummary['opening'][] = []
  const told = () =>
    new Promise<void>((resolve) => {
      const stop = alice.messenger.onUpdate((name, argument) => {
        if (name !== 'groupChanged' || (argument as GroupSummary).id !== group) return
        seen.push((argument as GroupSummary).opening)
        stop()
        resolve()
      })
    })
  for (const step of [1, 2]) {
    const next = told()
    await slices.pass(step)
    nowMs += 250
    for (const { atMs, task } of alarms) if (atMs <= nowMs) task()
    await next
  }
  expect(seen[0]!.done).toBeLessThan(seen[1]!.done)
  const end = told()
  slices.free()
  await end
  expect(seen[2]).toBeUndefined()
  expect(alarms).toEqual([])
})

test('closing meanwhile ends it, refuses what waits, and changes nothing', async () => {
  const { alice, group } = await makeGroup()
  const { n } = await alice.post({ group, text: 'kept' })
  await alice.messenger.close()
  const before = new Map(alice.disk)
  const slices = await alice.startSlowly()
  const closed = expect.objectContaining({ code: 'CLOSED' }) as unknown
  const refused = Promise.all([
    expect(alice.post({ group, text: 'lost' })).rejects.toEqual(closed),
    expect(alice.commands.markRead({ group, n })).rejects.toEqual(closed),
  ])
  await slices.pass(2)
  const closing = alice.messenger.close()
  slices.free()
  await Promise.all([closing, refused, alice.messenger.opened])
  expect(alice.disk).toEqual(before)
  await alice.start()
  await alice.messenger.opened
  expect((await alice.page(group)).map(({ text }) => text)).toContain('kept')
})

test.each<[string, (group: GroupId) => Uint8Array]>([
  ['an event in the middle', (group) => eventKey(group, 3)],
  ['the last event', (group) => eventKey(group, 4)],
  ['the state record', (group) => stateKey(group)],
])('without %s nothing is written or sent for the group', async (_, keyOf) => {
  const { alice, bob, group } = await makeGroup()
  await alice.post({ group, text: 'one' })
  await alice.post({ group, text: 'two' })
  await untilEqual(alice, bob)
  await alice.messenger.close()
  expect(alice.disk.delete(toHex(keyOf(group)))).toBe(true)
  const before = new Map(alice.disk)
  const slices = await alice.startSlowly()
  const damaged = expect.objectContaining({ code: 'STORE_CORRUPT' }) as unknown
  const join = vi.spyOn(alice.network, 'join')
  const openStream = vi.spyOn(alice.network, 'openStream')
  const connecting = alice.network.connect(bob.network.addresses()[0]!)
  const refused = Promise.all([
    expect(alice.post({ group, text: 'three' })).rejects.toMatchObject({
      code: expect.stringMatching(/STORE_CORRUPT|NOT_JOINED_YET/) as string,
    }),
    expect(alice.commands.markRead({ group, n: 4 })).rejects.toEqual(damaged),
  ])
  await connecting
  slices.free()
  await expect(alice.messenger.opened).rejects.toEqual(damaged)
  await refused
  expect([join.mock.calls, openStream.mock.calls]).toEqual([[], []])
  await alice.messenger.close()
  expect(alice.disk).toEqual(before)
})

/** Rows of one table, as hex. */
const rowsOf = (disk: MemoryDisk, table: string) =>
  [...disk.keys()].filter((key) => key.startsWith(Buffer.from(table).toString('hex'))).sort()
const alter = (value: Uint8Array) => value.map((byte, i) => (i === value.length - 1 ? byte ^ 1 : byte))

test.each<[string, (disk: MemoryDisk) => void]>([
  ['without a place of the timeline', (disk) => void disk.delete(rowsOf(disk, 'o').at(-1)!)],
  ['without any place of the timeline', (disk) => rowsOf(disk, 'o').forEach((key) => disk.delete(key))],
  ['with two places exchanged', exchange],
  ['with a place too much', (disk) => copyTo(disk, 'o', (key) => `${key.slice(0, -2)}ff`)],
  ['with an answer that answers something else', (disk) => alterRow(disk, 'o', 12)],
  ['without a reaction', (disk) => void disk.delete(rowsOf(disk, 'r')[0]!)],
  ['with a reaction too much', (disk) => copyTo(disk, 'r', (key) => `${key.slice(0, -2)}01`)],
  ['without a device', (disk) => void disk.delete(rowsOf(disk, 'm')[0]!)],
  ['with a device of somebody else', (disk) => alterRow(disk, 'm')],
  ['with a device too much', (disk) => copyTo(disk, 'm', (key) => `${key.slice(0, -2)}ff`)],
  ['without a member', (disk) => void disk.delete(rowsOf(disk, 'u')[0]!)],
  ['with a member under another name', (disk) => alterRow(disk, 'u')],
  ['with a member too much', (disk) => copyTo(disk, 'u', (key) => `${key.slice(0, -2)}ff`)],
  ['without settings', (disk) => void disk.delete(rowsOf(disk, 'q')[0]!)],
  ['with a group under another name', (disk) => alterRow(disk, 'q')],
])('records %s are repaired from the log', async (_, change) => {
  const { alice, bob, group } = await makeGroup()
  const { id } = await bob.post({ group, text: 'tea?' })
  await untilEqual(alice, bob)
  await alice.post({ group, text: 'yes', replyTo: id })
  await alice.react({ group, target: id, emoji: '🫖', on: true })
  await untilEqual(alice, bob)
  const shown = async () => [await alice.page(group), await settled(alice)]
  const before = await shown()
  await alice.messenger.close()
  const good = new Map(alice.disk)
  change(alice.disk)
  expect(alice.disk).not.toEqual(good)
  const told = vi.spyOn(console, 'error').mockImplementation(() => {})
  onTestFinished(() => told.mockRestore())
  await alice.start()
  await alice.messenger.opened
  expect(told.mock.calls.flat()).toEqual([expect.stringMatching(/did not agree with its log: repaired/)])
  expect(await shown()).toEqual(before)
  await alice.messenger.close()
  expect(alice.disk).toEqual(good)
  told.mockClear()
  await alice.start()
  await alice.messenger.opened
  expect(told.mock.calls).toEqual([])
})

function exchange(disk: MemoryDisk): void {
  const [a, b] = rowsOf(disk, 'o').slice(-2)
  const [valueA, valueB] = [disk.get(a!)!, disk.get(b!)!]
  disk.set(a!, valueB).set(b!, valueA)
}

function copyTo(disk: MemoryDisk, table: string, place: (key: string) => string): void {
  const key = rowsOf(disk, table)[0]!
  disk.set(place(key), disk.get(key)!)
}

/** sizeBytes: of the value, to tell rows of one table apart. */
function alterRow(disk: MemoryDisk, table: string, sizeBytes?: number): void {
  const rows = rowsOf(disk, table).map((key) => [key, disk.get(key)!] as const)
  const [key, value] = rows.find(([, one]) => sizeBytes === undefined || one.length === sizeBytes)!
  disk.set(key, alter(value))
}

test.each([2, 5, 8, 11, 14, 17, 20, 23])(
  'world %i: whatever crashes and forks, the records on every disk follow from its log',
  async (seed) => {
    const told = vi.spyOn(console, 'error').mockImplementation(() => {})
    onTestFinished(() => told.mockRestore())
    const crypto = makeFastCrypto(new Random(seed))
    const { world } = await play({
      ...{ seed, people: 4, events: 40, active: 4, paceMs: 300, faults: ALL_FAULTS, crypto },
    })
    onTestFinished(() => world.end())
    for (const person of world.people) {
      person.pullThePlug()
      await world.switchOn(person)
    }
    expect(told.mock.calls.flat().filter((words) => /repaired/.test(String(words)))).toEqual([])
  },
)
