import fc from 'fast-check'
import { expect, test } from 'vitest'
import { commitTo, encodeEvent, type Event } from '../../src-main/core/event.ts'
import { hlcAt } from '../../src-main/core/hlc.ts'
import { eventsOf } from '../../src-main/core/missing.ts'
import { MAX_MISSING_EVENTS, MAX_MISSING_HEADS, MAX_MISSING_RANGES } from '../../src-main/core/limits.ts'
import { decodeFrame, encodeFrame } from '../../src-main/core/sync.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { makeWorld, START_MS, type Person } from '../helpers/people.ts'

const proof = new Uint8Array(32).fill(7)

test('what is missing are the places between what is delivered, what waits and what that cites', () => {
  //  bob    b1 ─ b2 ─ … ─ b7        alice hears b1, b4, b7 and c3; c3 cites b5
  //  carol  c1 ─ c2 ────── c3
  const [alice, bob, carol] = makeWorld(['alice', 'bob', 'carol']).people as [Person, Person, Person]
  const b = Array.from({ length: 7 }, (_, i) => bob.say(`${i}`))
  const [, , c3] = [carol.say('1'), carol.say('2'), (carol.hear(...b.slice(0, 5)), carol.say('3'))]
  alice.hear(b[0]!, b[3]!, b[6]!, c3)
  const { ranges, heads } = alice.engine.missing()
  expect(ranges).toHaveLength(3)
  expect(ranges).toEqual(
    expect.arrayContaining([
      { tag: bob.tag, chain: 'm', from: 2, to: 3 },
      { tag: bob.tag, chain: 'm', from: 5, to: 6 },
      { tag: carol.tag, chain: 'm', from: 1, to: 2 },
    ]),
  )
  expect(heads).toEqual([])
})

test('control events are asked for by their id, and then by their place', () => {
  const { people, control } = makeWorld(['alice', 'bob', 'carol'], { alone: true })
  const [alice, , carol] = people as [Person, Person, Person]
  // Founded, an invite, bob and carol.
  expect(control).toHaveLength(4)
  const [late] = makeWorld(['alice']).people as [Person]
  late.hear(control[0]!)
  const said = alice.hear(control[2]!, control[3]!).length && alice.say('welcome')
  late.hear(said as Event)
  expect(late.engine.missing()).toMatchObject({ heads: [control[3]!.id] })
  const brought = eventsOf(late.engine.missing(), carol.engine.history)
  expect(brought.map(({ id }) => id)).toContain(control[3]!.id)
})

test('asking again and again brings everything that what waits depends on, and not what is here', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ at: fc.nat(2), hears: fc.boolean() }), { minLength: 1, maxLength: 40 }),
      (steps) => {
        const names = ['bob', 'carol', 'dave', 'alice']
        const people = makeWorld(names).people
        const alice = people[3]!
        const all = new Map<string, Event>()
        for (const [i, { at, hears }] of steps.entries()) {
          const event = people[at]!.say(`${i}`)
          all.set(event.id, event)
          for (const other of people.slice(0, 3)) if (other !== people[at] && hears) other.hear(event)
        }
        for (const person of people.slice(0, 3)) person.hear(...all.values())
        const last = people[0]!.say('what did I miss?')
        all.set(last.id, last)
        alice.hear(last)
        for (let asked = 0; alice.engine.pending().length > 0; asked++) {
          expect(asked).toBeLessThan(3)
          const entries = eventsOf(alice.engine.missing(), people[0]!.engine.history)
          const effects = alice.hear(...entries.map(({ id }) => all.get(id)!))
          expect(effects.map(({ type }) => type)).not.toContain('duplicate')
        }
        expect(new Set(alice.heard())).toEqual(new Set(all.keys()))
      },
    ),
    { numRuns: 50 },
  )
})

test('an answer is bounded, and each range has its share', () => {
  const [alice, bob] = makeWorld(['alice', 'bob']).people as [Person, Person]
  for (let i = 0; i < MAX_MISSING_EVENTS; i++) {
    alice.say(`${i}`)
    bob.say(`${i}`)
  }
  const said = bob.engine.history.log.filter(({ kind }) => kind < 0x40)
  expect(said).toHaveLength(MAX_MISSING_EVENTS)
  const whole = { tag: bob.tag, chain: 'm' as const, from: 1, to: Number.MAX_SAFE_INTEGER }
  expect(eventsOf({ ranges: [whole], heads: [] }, bob.engine.history)).toEqual(said)
  const past = { ...whole, from: 2 ** 40 }
  const half = eventsOf({ ranges: [past, whole], heads: [] }, bob.engine.history)
  expect(half).toEqual(said.slice(0, MAX_MISSING_EVENTS / 2))
})

test('a question names no more ranges and heads than its limits, and of every device one before a second of any', () => {
  const names = Array.from({ length: 10 }, (_, i) => `person ${i}`)
  const { people, group } = makeWorld(names)
  const alice = people[0]!
  // Far ahead of everything, two apart: one more range with each. What waits per device is limited to 64.
  for (const { tag, sign } of people.slice(1))
    for (let i = 0; i < 64; i++) {
      const heads = { controlHeads: [Buffer.from(crypto.sha256(Buffer.from(`${tag} ${i}`))).toString('hex')] }
      const commit = commitTo(undefined, [], undefined, crypto.sha256)
      const fields = { kind: 1, tag, seq: 3 + 2 * i, hlc: hlcAt(START_MS), deps: [], commit, ...heads }
      const { bytes } = encodeEvent({ ...fields, body: new Uint8Array(0) }, group, crypto.sha256, sign)
      alice.engine.step({ type: 'receive', bytes, from: tag, nowMs: START_MS, atMs: 0 })
    }
  const { ranges, heads } = alice.engine.missing()
  expect(ranges).toHaveLength(MAX_MISSING_RANGES)
  expect(heads).toHaveLength(MAX_MISSING_HEADS)
  expect(new Set(ranges.slice(0, 9).map(({ tag }) => tag)).size).toBe(9)
  const frame = { type: 'ask' as const, proof, ranges, heads }
  expect(decodeFrame(encodeFrame(frame))).toEqual(frame)
  expect(decodeFrame(encodeFrame({ ...frame, ranges: [...ranges, ranges[0]!] }))).toBeUndefined()
  expect(decodeFrame(encodeFrame({ ...frame, heads: [...heads, heads[0]!] }))).toBeUndefined()
})

test.each([
  { from: 0, to: 1 },
  { from: 2, to: 1 },
])('a range from $from to $to is none', (range) => {
  const ranges = [{ tag: '00'.repeat(8), chain: 'm' as const, ...range }]
  expect(decodeFrame(encodeFrame({ type: 'ask', proof, ranges, heads: [] }))).toBeUndefined()
})
