/** One group's log on a disk, and what its records hold when events come in an order that few meet. */
import { expect, test } from 'vitest'
import { toHex } from '../../src-main/core/bytes.ts'
import { Engine } from '../../src-main/core/engine.ts'
import { KIND, type Event } from '../../src-main/core/event.ts'
import { identityOf } from '../../src-main/crypto/identity.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { inlineVerifier } from '../../src-main/crypto/verifier.ts'
import { unsealed } from '../helpers/unsealed.ts'
import { encodeMessage, encodeProfile, encodeReaction } from '../../src-main/messenger/content.ts'
import { Group } from '../../src-main/messenger/group.ts'
import { GroupLog, type Delivered } from '../../src-main/messenger/group-log.ts'
import { readDevices } from '../../src-main/messenger/records.ts'
import { Self } from '../../src-main/messenger/self.ts'
import { systemTime } from '../../src-main/messenger/time.ts'
import { reactionRange } from '../../src-main/storage/keys.ts'
import { openMemoryStorage, type MemoryDisk } from '../../src-main/storage/memory.ts'
import type { Storage } from '../../src-main/storage/storage.ts'
import { SILENT } from '../helpers/large-group.ts'
import { makeWorld, START_MS, type Person, type World } from '../helpers/people.ts'

const NOW = { nowMs: START_MS + 2_000, atMs: 0 }

async function openLog(
  world: World,
  storage: Storage,
  onDelivered: (delivered: Delivered[]) => void = () => {},
) {
  const [alice] = world.people
  const parts = {
    group: world.group,
    self: alice!.tag,
    sha256: crypto.sha256,
    verify: crypto.verify,
    verifier: inlineVerifier(crypto.verify),
    sign: (id: Uint8Array) => alice!.sign(id),
    bodies: unsealed,
  }
  const log = await GroupLog.open(parts, storage, { ...SILENT, onDelivered })
  const isRepaired = await log.restore(systemTime)
  const receive = async (...events: Event[]) => {
    const bytes = events.map((event) => event.bytes)
    const { written } = await log.receive(bytes, 'neighbour', () => NOW)
    await written
  }
  return { log, isRepaired, receive }
}

/** A group on a disk, as alice sees it. */
const groupOn = async (log: GroupLog, storage: Storage, { tag, key }: Person) =>
  new Group(log, {
    storage,
    crypto,
    device: tag,
    self: await Self.open({ storage, crypto, key, identity: identityOf(new Uint8Array(32), crypto) }),
    nameHint: '',
    readN: 0,
    presence: { connectionOf: () => 'offline', overall: () => 'offline', joinProblem: () => undefined },
    hasKey: () => true,
    nowMs: () => NOW.nowMs,
    onTimelineChanged() {},
    onSummaryChanged() {},
    onRefused() {},
  }).open()

function write({ engine }: Person, kind: number, body: Uint8Array): Event {
  const effects = engine.step({ type: 'append', kind, body, ...NOW })
  return effects.find((effect) => effect.type === 'deliver')!.event
}

const say = (person: Person, text: string) => write(person, KIND.message, encodeMessage({ text }))
const react = (person: Person, target: string, emoji: string) =>
  write(person, KIND.reaction, encodeReaction({ target, emoji, on: true }))

/** The same device on an older disk: it knows what it hears again. */
function copyOf(person: Person, world: World): Person {
  const { tag, sign } = person
  const engine = new Engine({
    group: world.group,
    self: tag,
    sha256: crypto.sha256,
    verify: crypto.verify,
    sign,
  })
  const hear = (...events: Event[]) =>
    events.flatMap(({ bytes }) => engine.step({ type: 'receive', bytes, from: 'disk', ...NOW }))
  hear(...world.control)
  return { ...person, engine, hear }
}

test('a reaction that a fork hides has no record until somebody builds on it', async () => {
  const world = makeWorld(['alice', 'bob', 'carol', 'mallory'])
  const [, bob, carol, mallory] = world.people as [Person, Person, Person, Person]
  const older = copyOf(mallory, world)
  const disk: MemoryDisk = new Map()
  const { receive } = await openLog(world, openMemoryStorage(disk))
  const reactions = async () => {
    const found: string[] = []
    for await (const [key] of openMemoryStorage(disk).range(reactionRange(world.group)))
      found.push(toHex(key))
    return found
  }
  const isForked = async () =>
    (await readDevices(openMemoryStorage(disk), world.group)).get(mallory.tag)!.forked
  /** A log that opens finds every record as it writes it itself. */
  const expectInOrder = async () =>
    expect((await openLog(world, openMemoryStorage(new Map(disk)))).isRepaired).toBe(false)

  //   bob     b1 ── the question
  //   mallory  ├── m1 (🫖)  and, on an older disk, m1' (👍)
  //   carol        └── c1: she knows of m1 only
  const question = say(bob, 'tea?')
  for (const person of [carol, mallory, older]) person.hear(question)
  const reaction = react(mallory, question.id, '🫖')
  carol.hear(reaction)
  await receive(...world.control, question, reaction)
  const [row] = await reactions()
  expect([row === undefined, await isForked()]).toEqual([false, false])
  await expectInOrder()

  await receive(react(older, question.id, '👍'))
  expect([await reactions(), await isForked()]).toEqual([[], true])
  await expectInOrder()

  await receive(say(carol, 'Mallory is in'))
  expect([await reactions(), await isForked()]).toEqual([[row], true])
  await expectInOrder()
})

test('nothing is taken in or written before the graph is there', async () => {
  const world = makeWorld(['alice', 'bob'])
  const disk: MemoryDisk = new Map()
  const { log, receive } = await openLog(world, openMemoryStorage(disk))
  await receive(...world.control)
  await log.close()
  const before = new Map(disk)
  const parts = {
    ...crypto,
    group: world.group,
    self: world.people[0]!.tag,
    verifier: inlineVerifier(crypto.verify),
    sign: (id: Uint8Array) => id,
    bodies: unsealed,
  }
  const early = await GroupLog.open(parts, openMemoryStorage(disk), SILENT)
  expect(() => early.receive([world.control[0]!.bytes], 'neighbour', () => NOW)).toThrow(TypeError)
  await expect(early.append(KIND.message, encodeMessage({ text: 'x' }), NOW)).rejects.toThrow(TypeError)
  await early.tick(NOW)
  expect(disk).toEqual(before)
})

test('of a long absence, the latest 1,000 unread messages of the latest 4,000 events are counted', async () => {
  const world = makeWorld(['alice', 'bob'])
  const [alice, bob] = world.people as [Person, Person]
  const disk: MemoryDisk = new Map()
  const { log, receive } = await openLog(world, openMemoryStorage(disk))
  await receive(...world.control)
  const unread = async () => {
    const group = await groupOn(log, openMemoryStorage(disk), alice)
    return group.summary(0).unread
  }
  for (let i = 1; i <= 1_005; i++) {
    await receive(say(bob, `${i}`))
    if (i === 999) expect(await unread()).toBe(999)
  }
  expect(await unread()).toBe(1_000)
  const reactions: Event[] = []
  for (let i = 1; i <= 3_990; i++) reactions.push(react(bob, world.group, '🫖'))
  await receive(...reactions)
  expect(await unread()).toBe(10)
})

test('a reaction that was written before its message is shown when the message has been written, too', async () => {
  const world = makeWorld(['alice', 'bob', 'carol'])
  const [alice, bob, carol] = world.people as [Person, Person, Person]
  const storage = openMemoryStorage()
  const gates = [1, 2].map(() => ({
    begun: Promise.withResolvers<void>(),
    opened: Promise.withResolvers<void>(),
  }))
  const [first, second] = [gates[0]!, gates[1]!]
  let isSlow = false
  const slow: Storage = {
    ...storage,
    async write(...batch) {
      const gate = isSlow ? gates.shift() : undefined
      gate?.begun.resolve()
      await gate?.opened.promise
      return storage.write(...batch)
    },
  }
  const changed: number[][] = []
  const { log, receive } = await openLog(world, slow, (delivered) =>
    changed.push(group.noteDelivered(delivered)),
  )
  const group = await groupOn(log, storage, alice)
  await receive(...world.control)
  const message = say(bob, 'tea?')
  await receive(write(carol, KIND.profile, encodeProfile({ name: 'carol' })))
  // Carol reacts to what is not in her own past.
  const reaction = react(carol, message.id, '🫖')
  changed.length = 0
  isSlow = true
  const reactionWritten = receive(reaction)
  await first.begun.promise
  const messageWritten = receive(message)
  await log.arrivals.settled()
  const { history } = log.engine
  expect(history.nOf(history.get(message.id)!)).toBe(log.length + 2)
  first.opened.resolve()
  await reactionWritten
  expect(changed).toEqual([[]])
  await second.begun.promise
  second.opened.resolve()
  await messageWritten
  expect(changed).toEqual([[], [log.length]])
  expect((await group.message(log.length)).reactions).toMatchObject([{ emoji: '🫖', people: ['carol'] }])
})
