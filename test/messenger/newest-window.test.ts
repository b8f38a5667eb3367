/** What a newcomer is shown before the history is here: a group's pages with and without its newest window. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { GroupSummary, Message } from '../../src-main/api/contract.ts'
import { encodeEvent, KIND, type Event } from '../../src-main/core/event.ts'
import { MAX_FUTURE_MS, MAX_WINDOW_EVENTS, MAX_WINDOW_SIZE_BYTES } from '../../src-main/core/limits.ts'
import { timelineKey } from '../../src-main/core/timeline.ts'
import { identityOf } from '../../src-main/crypto/identity.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { inlineVerifier } from '../../src-main/crypto/verifier.ts'
import { unsealed } from '../helpers/unsealed.ts'
import { encodeMessage, encodeReaction } from '../../src-main/messenger/content.ts'
import { Group } from '../../src-main/messenger/group.ts'
import { GroupLog } from '../../src-main/messenger/group-log.ts'
import { Self } from '../../src-main/messenger/self.ts'
import { systemTime } from '../../src-main/messenger/time.ts'
import { openMemoryStorage } from '../../src-main/storage/memory.ts'
import { makeWorld, START_MS, type Person } from '../helpers/people.ts'

const NOW_MS = START_MS + 1_000_000
const NOW = { nowMs: NOW_MS, atMs: NOW_MS }

/** Alice and bob, who wrote things, and a newcomer who has their control events only. */
async function makeScene() {
  const { people, group: id, control } = makeWorld(['alice', 'bob'])
  const [alice, bob] = people as [Person, Person]
  const said: Event[] = []
  const append = (author: Person, kind: number, body: Uint8Array, nowMs = START_MS + 1_000 + said.length) => {
    const [effect] = author.engine.step({ type: 'append', kind, body, nowMs, atMs: nowMs })
    if (effect?.type !== 'deliver') throw new TypeError('nothing was appended')
    for (const other of people) if (other !== author) other.hear(effect.event)
    said.push(effect.event)
    return effect.event
  }
  const say = (author: Person, text: string, replyTo?: string) =>
    append(author, KIND.message, encodeMessage({ text, replyTo }))

  const storage = openMemoryStorage()
  const ignore = () => {}
  const self = '00'.repeat(8)
  const { sha256, verify } = crypto
  const parts = { group: id, self, sha256, verify, sign: (bytes: Uint8Array) => bytes }
  const logParts = { ...parts, verifier: inlineVerifier(verify), bodies: unsealed }
  const log = await GroupLog.open(logParts, storage, {
    onDelivered: (delivered) => void group.noteDelivered(delivered),
    onHidden: ignore,
    onUnlocked: ignore,
    onFork: ignore,
    onOwnUnknown: ignore,
    onPendingChanged: ignore,
    onRefused: ignore,
    onDuplicate: ignore,
    onAsk: ignore,
    onControl: ignore,
    onPeople: ignore,
  })
  await log.restore(systemTime)
  const refused: string[] = []
  const told = { timeline: 0, summary: 0 }
  const group: Group = new Group(log, {
    storage,
    crypto,
    device: self,
    self: await Self.open({
      storage,
      crypto,
      key: crypto.keyPair(),
      identity: identityOf(new Uint8Array(32), crypto),
    }),
    nameHint: '',
    readN: 0,
    presence: { connectionOf: () => 'offline', overall: () => 'offline', joinProblem: () => undefined },
    hasKey: () => true,
    nowMs: () => NOW_MS,
    onTimelineChanged: () => told.timeline++,
    onSummaryChanged: () => told.summary++,
    onRefused: (reason, from) => refused.push(`${reason} from ${from}`),
  })
  const deliver = async (events: readonly Event[]) => {
    const bytes = events.map((event) => event.bytes)
    const { written } = await log.receive(bytes, 'neighbour', () => NOW)
    await written
  }
  const window = (events: readonly { bytes: Uint8Array }[]) =>
    group.noteWindow(
      events.map(({ bytes }) => bytes),
      'neighbour',
    )
  await deliver(control)
  const summary = (): GroupSummary => group.summary(NOW_MS)
  return { id, alice, bob, said, append, say, group, deliver, window, refused, told, summary }
}

const messagesOf = (messages: readonly Message[]) => messages.filter(({ kind }) => kind === 'message')
const textsOf = (messages: readonly Message[]) => messagesOf(messages).map(({ text }) => text)

test('the newest messages are shown before the history, and come from the timeline once it is here', async () => {
  const { alice, bob, said, say, group, deliver, window, told, summary, refused } = await makeScene()
  for (let i = 0; i < 10; i++) say([alice, bob][i % 2]!, `${i}`)
  const answer = say(alice, 'to nine', said.at(-1)!.id)
  window(said.slice(-4))
  group.noteProgress({ done: 0, total: said.length })

  const early = await group.page({ limit: 60 })
  expect(textsOf(early.messages)).toEqual(['7', '8', '9', 'to nine'])
  expect(messagesOf(early.messages).map(({ provisional, n }) => [provisional, n])).toEqual(
    Array.from({ length: 4 }, () => [true, 0]),
  )
  expect(early).toMatchObject({ hasEarlier: true, hasLater: false })
  // Nobody has said yet what alice is called.
  const author = alice.user.slice(0, 8)
  expect(early.messages.at(-1)).toMatchObject({ id: answer.id, author, replyTo: { text: '9' } })
  expect(summary()).toMatchObject({ catchingUp: { done: 0, total: 11 }, last: { text: 'to nine' } })
  expect(told.timeline).toBe(1)

  await deliver(said.slice(0, 8))
  const halfWay = (await group.page({ limit: 60 })).messages
  expect(textsOf(halfWay)).toEqual(said.map((_, i) => (i < 10 ? `${i}` : 'to nine')))
  expect(messagesOf(halfWay).map(({ provisional }) => provisional === true)).toEqual(
    said.map((_, i) => i >= 8),
  )

  await deliver(said.slice(8))
  group.noteProgress(undefined)
  expect(told.timeline).toBe(2)
  const final = await group.page({ limit: 60 })
  expect(final.messages.some(({ provisional }) => provisional)).toBe(false)
  expect(final.messages.slice(-4).map(({ id, key }) => [id, key])).toEqual(
    early.messages.slice(-4).map(({ id, key }) => [id, key]),
  )
  expect(final.hasEarlier).toBe(false)
  expect(summary().catchingUp).toBeUndefined()
  expect(refused).toEqual([])
})

test('what a window may not show is refused and counted, each for its reason', async () => {
  const { id, alice, bob, say, append, group, deliver, window, refused } = await makeScene()
  const good = say(alice, 'good')
  const stranger = makeWorld(['alice', 'stranger']).people[1]!
  const signedBy = (author: Person, change: Partial<Event>) =>
    encodeEvent({ ...good, ...change }, id, crypto.sha256, author.sign)
  const reaction = append(bob, KIND.reaction, encodeReaction({ target: good.id, emoji: '👍', on: true }))
  const delivered = say(bob, 'delivered')
  await deliver([good, reaction, delivered])
  const later = say(alice, 'later')
  window([
    { bytes: later.bytes.subarray(0, 40) },
    signedBy(bob, { seq: 7 }),
    signedBy(stranger, { tag: stranger.tag, seq: 1 }),
    reaction,
    delivered,
    later,
    later,
    signedBy(alice, { seq: 9, hlc: BigInt(NOW_MS + MAX_FUTURE_MS + 1) << 16n }),
  ])
  expect(refused.map((line) => line.replace(' from neighbour', ''))).toEqual([
    'malformed',
    'bad-signature',
    'unknown-device',
    'not-shown',
    'duplicate',
    'duplicate',
    'too-far-ahead',
  ])
  expect(textsOf((await group.page({ limit: 60 })).messages)).toEqual(['good', 'delivered', 'later'])
})

test('a device that is proved to have forked is in no window', async () => {
  const { id, alice, bob, say, deliver, group, window, refused } = await makeScene()
  const one = say(bob, 'one')
  const other = encodeEvent({ ...one, body: encodeMessage({ text: 'other' }) }, id, crypto.sha256, bob.sign)
  const two = say(bob, 'two')
  const three = say(alice, 'three')
  window([two])
  await deliver([one, other])
  expect(textsOf((await group.page({ limit: 60 })).messages)).toEqual([])
  window([two, three])
  expect(refused).toEqual(['forked-device from neighbour'])
  expect(textsOf((await group.page({ limit: 60 })).messages)).toEqual(['three'])
})

test('a window holds so many events of so many bytes: the newest', async () => {
  const { alice, say, window, group, refused } = await makeScene()
  const many = Array.from({ length: MAX_WINDOW_EVENTS + 3 }, (_, i) => say(alice, `${i}`))
  window(many)
  expect(refused).toEqual(Array.from({ length: 3 }, () => 'buffer-full from neighbour'))
  window(many.slice(-3))
  expect(refused).toHaveLength(6)
  const shown = textsOf((await group.page({ limit: 200 })).messages)
  expect(shown).toEqual(many.slice(3).map((_, i) => `${i + 3}`))

  const long = 'x'.repeat(40_000)
  const fit = Math.floor(MAX_WINDOW_SIZE_BYTES / 40_200)
  const large = Array.from({ length: fit + 2 }, () => say(alice, long))
  window(large)
  expect((await group.page({ limit: 200 })).messages.filter(({ text }) => text === long)).toHaveLength(fit)
})

test('pages follow each other without gaps or repetitions, whatever of them is in the window', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 25 }),
      fc.integer({ min: 0, max: 25 }),
      fc.integer({ min: 0, max: 25 }),
      fc.integer({ min: 1, max: 9 }),
      async (length, delivered, windowed, limit) => {
        const { alice, bob, said, say, group, deliver, window } = await makeScene()
        for (let i = 0; i < length; i++) say([alice, bob][i % 2]!, `${i}`)
        const shown = new Set([
          ...said.slice(0, delivered),
          ...said.slice(said.length - Math.min(windowed, length)),
        ])
        window(said.slice(said.length - Math.min(windowed, length)))
        await deliver(said.slice(0, delivered))
        const keyOf = new Map([...shown].map((event) => [event.id, timelineKey(event)]))
        const expected = [...keyOf.keys()].sort((a, b) => (keyOf.get(a)! < keyOf.get(b)! ? -1 : 1))
        const idsOf = (messages: readonly Message[]) => messagesOf(messages).map(({ id }) => id)

        let page = await group.page({ limit })
        const backwards = idsOf(page.messages)
        while (page.messages.length > 0) {
          const before = page.messages[0]!.key
          page = await group.page({ before, limit })
          for (const { key } of page.messages) expect(key < before).toBe(true)
          backwards.unshift(...idsOf(page.messages))
        }
        expect(backwards).toEqual(expected)

        const [middle] = (await group.page({ limit: 3 })).messages
        const around = await group.page({ around: middle!.key, limit })
        const onwards = idsOf(around.messages)
        for (let last = around; last.hasLater;) {
          const after = last.messages.at(-1)!.key
          last = await group.page({ after, limit })
          expect(last.messages).not.toEqual([])
          for (const { key } of last.messages) expect(key > after).toBe(true)
          onwards.push(...idsOf(last.messages))
        }
        expect(onwards).toEqual(expected.slice(expected.length - onwards.length))
        const fromMiddle = expected.filter((id) => keyOf.get(id)! >= middle!.key)
        expect(onwards.length).toBeGreaterThanOrEqual(fromMiddle.length)
      },
    ),
    { numRuns: 25 },
  )
})
