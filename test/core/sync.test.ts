/** Real session machines face to face, without a network between them. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { EventId } from '../../src-main/api/contract.ts'
import type { Event } from '../../src-main/core/event.ts'
import { LONG_PLAN_EVENTS, MAX_SLICES, MAX_WINDOW_EVENTS, SLICE_EVENTS } from '../../src-main/core/limits.ts'
import { decodeFrame, encodeFrame, type Frame } from '../../src-main/core/sync.ts'
import { makeWorld, type Person } from '../helpers/people.ts'
import { makeSyncer, open, talk, type End, type Syncer } from '../helpers/sync.ts'

const SLICES = 3
const NAMES = ['alice', 'bob', 'carol', 'dave']
/** Everything that anybody wrote here. */
const archive = new Map<EventId, Uint8Array>()
let control: Event[]
/** A conversation of several slices. */
let talked: Event[]
/** Somebody who heard all of it. */
let whole: Syncer & { person: Person }

beforeAll(() => {
  const world = makeWorld(NAMES)
  const [alice, bob] = world.people as [Person, Person]
  control = world.control
  talked = []
  for (let i = 0; i < (SLICES * SLICE_EVENTS) / 2; i++) {
    const said = alice.say(`${i}`)
    bob.hear(said)
    const answered = bob.say(`${i}, too`)
    alice.hear(answered)
    talked.push(said, answered)
  }
  for (const { id, bytes } of [...control, ...talked]) archive.set(id, bytes)
  whole = listener(talked)
}, 60_000)

/** Somebody who heard some of it. */
function listener(events: Event[] = [], name = 'carol'): Syncer & { person: Person } {
  const { people } = makeWorld(NAMES)
  const person = people.find((one) => one.name === name)!
  person.hear(...events)
  const syncer = makeSyncer({
    history: person.engine.history,
    take: (bytes) => person.hear({ bytes } as Event),
    read: ({ entries }) => entries.map(({ id }) => archive.get(id)!),
  })
  return { ...syncer, person }
}

/** Somebody who was in no group so far. */
function newcomer(): Syncer & { person: Person } {
  const person = makeWorld(NAMES, { alone: true }).people[2]!
  const { history } = person.engine
  const take = (bytes: Uint8Array) => person.hear({ bytes } as Event)
  return { ...makeSyncer({ history, take, read: () => [] }), person }
}

const typesOf = (end: End) => end.results.map(({ type }) => type)
const receivedBy = (...ends: End[]) => ends.reduce((sum, { results }) => sum + results.length, 0)
const framesTo = (end: End) => end.other.sent.map(({ type }) => type)
const isOver = (end: End) => end.effects.at(-1)?.type === 'finish'

describe('two peers', () => {
  test('in sync take one round trip of about 220 bytes', () => {
    const ends = open(listener(talked.slice(0, 10)), listener(talked.slice(0, 10), 'dave'))
    talk(...ends)
    for (const end of ends) {
      expect(framesTo(end)).toEqual(['hello', 'addresses', 'end'])
      expect(isOver(end)).toBe(true)
    }
    const bytes = ends.flatMap(({ sent }) => sent.map((frame) => encodeFrame(frame).length))
    expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(220)
  })

  test('what sync brings is in causal order: the receiver lets nothing wait', () => {
    //  alice  a1 ── a2 ──── a3 …        dave hears all of it at once
    //  bob      └ b1 ─ b2 ┘
    const [alice, dave] = [whole, listener([], 'dave')]
    const ends = open(alice, dave)
    talk(...ends)
    expect(new Set(typesOf(ends[1]))).toEqual(new Set(['deliver']))
    expect(dave.person.heard()).toEqual(alice.person.heard())
    expect(receivedBy(ends[0])).toBe(0)
  })

  test('that both lack something serve each other in one session', () => {
    //  alice says n things, bob says n things, neither heard the other
    const { people } = makeWorld(NAMES)
    const syncers = people.slice(0, 2).map((person, i) => {
      const said = Array.from({ length: 1_500 }, (_, k) => person.say(`${i} ${k}`))
      for (const { id, bytes } of said) archive.set(id, bytes)
      return makeSyncer({
        history: person.engine.history,
        take: (bytes) => person.hear({ bytes } as Event),
        read: ({ entries }) => entries.map(({ id }) => archive.get(id)!),
      })
    })
    const ends = open(syncers[0]!, syncers[1]!)
    talk(...ends)
    expect(ends.map((end) => receivedBy(end))).toEqual([1_500, 1_500])
    expect(ends.map(isOver)).toEqual([true, true])
  })

  test('a broken session loses nothing, and the next brings the rest', () => {
    const [alice, dave] = [whole, listener([], 'dave')]
    const broken = open(alice, dave)
    let left = 50
    broken[0].twist = (frame) => (frame.type === 'events' && left-- <= 0 ? undefined : frame)
    talk(...broken)
    for (const end of broken) end.close()
    const here = dave.person.heard()
    expect(here.length).toBeGreaterThan(2 * SLICE_EVENTS)
    expect(here.length).toBeLessThan(talked.length)
    const ends = open(alice, dave)
    talk(...ends)
    expect(dave.person.heard()).toEqual(alice.person.heard())
    expect(receivedBy(ends[1])).toBe(talked.length - here.length)
  })

  test('a newcomer hears of members first, then sees the newest screens, then hears the rest', () => {
    const dave = newcomer()
    const ends = open(whole, dave)
    talk(...ends)
    const arrived = ends[1].effects.filter(({ type }) => type === 'receive' || type === 'window')
    expect(arrived.map(({ type }) => type).slice(0, 3)).toEqual(['receive', 'window', 'receive'])
    expect(arrived[0]).toMatchObject({ part: { slice: { chain: 'c' }, isLast: true } })
    const newest = talked.slice(-MAX_WINDOW_EVENTS).map(({ bytes }) => bytes)
    expect(arrived[1]).toEqual({ type: 'window', events: newest })
    expect(new Set(typesOf(ends[1]))).toEqual(new Set(['deliver']))
  })

  test('with little to fetch there is no window', () => {
    const ends = open(listener(talked.slice(0, LONG_PLAN_EVENTS - 1)), listener())
    talk(...ends)
    expect(framesTo(ends[1])).not.toContain('window')
    const more = open(listener(talked.slice(0, LONG_PLAN_EVENTS)), listener())
    talk(...more)
    expect(framesTo(more[1])).toContain('window')
  })
})

describe('several peers', () => {
  /** Sessions of one newcomer with all of them, at the same time. */
  function gather(peers: Syncer[], dave = listener([], 'dave')) {
    const sessions = peers.map((peer) => open(peer, dave))
    const go = () => talk(...sessions.flat())
    return { dave, go, near: sessions.map(([end]) => end), far: sessions.map(([, end]) => end) }
  }
  const all = () => whole

  test('share the work: nothing comes twice, everybody gives, and nothing waits', () => {
    const { dave, go, far } = gather([all(), all(), all()])
    go()
    expect(new Set(dave.person.heard())).toEqual(new Set(talked.map(({ id }) => id)))
    expect(new Set(far.flatMap(typesOf))).toEqual(new Set(['deliver']))
    expect(receivedBy(...far)).toBe(talked.length)
    for (const end of far) {
      expect(receivedBy(end)).toBeGreaterThan(0)
      expect(isOver(end)).toBe(true)
    }
  })

  test('one that leaves is replaced by the others', () => {
    const { dave, go, near, far } = gather([all(), all(), all()])
    near[1]!.twist = (frame) => {
      if (frame.type !== 'events') return frame
      for (const end of [near[1]!, far[1]!]) end.close()
      return undefined
    }
    go()
    expect(dave.person.heard()).toHaveLength(talked.length)
    expect(receivedBy(far[1]!)).toBe(0)
    expect(isOver(far[0]!) && isOver(far[2]!)).toBe(true)
  })

  test.each<[string, (frame: Frame) => Frame]>([
    ['sends nothing', (frame) => (frame.type === 'events' ? { ...frame, events: [] } : frame)],
    ['promises fewer', (frame) => (frame.type === 'count' ? { ...frame, count: 0 } : frame)],
    [
      'promises more than anybody has',
      (frame) => (frame.type === 'count' ? { ...frame, count: 1e9 } : frame),
    ],
    [
      'sends more than it promised',
      (frame) =>
        frame.type === 'events'
          ? { ...frame, events: Array<Uint8Array>(2_000).fill(frame.events[0]!) }
          : frame,
    ],
    [
      'sends one event over and over',
      (frame) =>
        frame.type === 'events' ? { ...frame, events: frame.events.map(() => talked[0]!.bytes) } : frame,
    ],
    [
      'sends what was not asked for',
      (frame) => (frame.type === 'count' ? { type: 'window', events: [] } : frame),
    ],
  ])('one that %s does not stop the others', (_, twist) => {
    for (const liar of [0, 1]) {
      const { dave, go, near, far } = gather([all(), all(), all()])
      near[liar]!.twist = twist
      go()
      expect(dave.person.heard()).toHaveLength(talked.length)
      const honest = far.filter((__, i) => i !== liar)
      expect(honest.every(isOver)).toBe(true)
      const others = honest.flatMap(typesOf).filter((type) => type !== 'deliver')
      expect(others.length).toBeLessThanOrEqual(1)
      expect(others).not.toContain('wait')
    }
  })

  test('whose leader promised what nobody has, and left, begin anew, though later slices are here', () => {
    const { dave, go, near, far } = gather([all(), all(), all()])
    near[0]!.twist = (frame) => {
      if (frame.type === 'plan')
        return {
          ...frame,
          slices: frame.slices.map((slice, i) => (i === 0 ? { ...slice, count: 9_999 } : slice)),
        }
      if (frame.type !== 'count') return frame
      for (const end of [near[0]!, far[0]!]) end.close()
      return undefined
    }
    go()
    expect(dave.person.heard()).toHaveLength(0)
    for (const end of far.slice(1))
      expect(end.effects.at(-1)).toEqual({ type: 'finish', isWhole: false, again: false })
    gather([all(), all()], dave).go()
    expect(dave.person.heard()).toHaveLength(talked.length)
  })

  test('that disagree: what only one has comes in a session after', () => {
    const behind = listener(talked.slice(0, 1_500))
    const { dave, go, far } = gather([behind, all()])
    go()
    expect(dave.person.heard().length).toBeGreaterThanOrEqual(1_500)
    expect(far[1]!.effects.at(-1)).toEqual({ type: 'finish', isWhole: true, again: true })
    const { go: goOn } = gather([all()], dave)
    goOn()
    expect(dave.person.heard()).toHaveLength(talked.length)
  })
})

describe('frames', () => {
  const max = 2n ** 64n - 1n
  test.each<Frame>([
    {
      type: 'plan',
      controls: 3,
      slices: [
        { to: 5n, count: 2 },
        { to: max, count: 1_000 },
      ],
    },
    {
      type: 'summary',
      buckets: new Map([
        [0, 0xffff_ffff],
        [255, 0],
      ]),
    },
    { type: 'want', chain: 'm', from: 1n, to: max, atLeast: 7 },
    { type: 'count', count: 300 },
    { type: 'newest', limit: MAX_WINDOW_EVENTS },
    { type: 'window', events: [Uint8Array.of(1), Uint8Array.of(2, 3)] },
  ])('$type is read as it was written', (frame) => {
    expect(decodeFrame(encodeFrame(frame))).toEqual(frame)
  })

  test('the bytes of a summary are these', () => {
    const buckets = new Map([[7, 0x01020304]])
    expect(Buffer.from(encodeFrame({ type: 'summary', buckets })).toString('hex')).toBe('0e010701020304')
  })

  test('the bytes of a plan and of a want are these', () => {
    const slices = [{ to: 258n, count: 300 }]
    expect(Buffer.from(encodeFrame({ type: 'plan', controls: 1, slices })).toString('hex')).toBe(
      '0901010000000000000102ac02',
    )
    const want = { type: 'want' as const, chain: 'c' as const, from: 1n, to: 2n, atLeast: 3 }
    expect(Buffer.from(encodeFrame(want)).toString('hex')).toBe('0a010000000000000001000000000000000203')
  })

  const slices = (count: number) => Array.from({ length: count }, (_, i) => ({ to: BigInt(i), count: 1 }))
  test('of a plan, no more slices than there may be, in their order, none empty', () => {
    expect(decodeFrame(encodeFrame({ type: 'plan', controls: 0, slices: slices(MAX_SLICES) }))).toBeDefined()
    for (const wrong of [slices(MAX_SLICES + 1), slices(2).reverse(), [{ to: 1n, count: 0 }]])
      expect(decodeFrame(encodeFrame({ type: 'plan', controls: 0, slices: wrong }))).toBeUndefined()
  })

  test('a want goes forward, and a window has a limit', () => {
    expect(
      decodeFrame(encodeFrame({ type: 'want', chain: 'm', from: 2n, to: 1n, atLeast: 1 })),
    ).toBeUndefined()
    expect(decodeFrame(encodeFrame({ type: 'newest', limit: MAX_WINDOW_EVENTS + 1 }))).toBeUndefined()
    const events = Array.from({ length: MAX_WINDOW_EVENTS + 1 }, () => Uint8Array.of(1))
    expect(decodeFrame(encodeFrame({ type: 'window', events }))).toBeUndefined()
  })
})
