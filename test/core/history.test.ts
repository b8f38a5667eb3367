import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex } from '../../src-main/core/bytes.ts'
import { Comparison } from '../../src-main/core/difference.ts'
import type { Entry } from '../../src-main/core/history.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { makeWorld, type Person } from '../helpers/people.ts'

const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin']
const digestOf = ({ engine }: Person) => Buffer.from(engine.history.digest(crypto.sha256)).toString('hex')

test('a digest that was asked for after each event is the one that is made at once', () => {
  const { people } = makeWorld(NAMES)
  const [alice, bob, carol, dave] = people as [Person, Person, Person, Person]
  const digests = new Set([digestOf(alice)])
  for (let i = 0; i < 20; i++) {
    const event = [bob, carol][i % 2]!.say(`${i}`)
    for (const person of [alice, dave]) person.hear(event)
    digests.add(digestOf(alice))
  }
  expect(digests.size).toBe(21)
  expect(digestOf(dave)).toBe(digestOf(alice))
})

test('devices are listed once each, sorted, whoever came first', () => {
  const { people } = makeWorld(NAMES)
  const tags = people[0]!.engine.history.devices.map(({ tag }) => tag)
  expect(tags).toEqual(people.map(({ tag }) => tag).sort())
})

test('what is missing is what the other side has not delivered, in delivery order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ at: fc.nat(4), hears: fc.nat(4), many: fc.nat(3) }), { maxLength: 40 }),
      (steps) => {
        const { people } = makeWorld(NAMES)
        for (const [i, { at, hears, many }] of steps.entries()) {
          const said = Array.from({ length: many }, (_, k) => people[at]!.say(`${i} ${k}`))
          people[hears]!.hear(...said)
        }
        const draw = crypto.sha256(Uint8Array.of(steps.length))
        for (const {
          engine: { history },
        } of people)
          for (const { engine: other } of people) {
            const [ours, theirs] = [history, other.history].map(
              (one) => new Comparison(one, crypto.sha256, draw),
            ) as [Comparison, Comparison]
            const tips = theirs.tips(ours.summary)
            const { c, m, suspects } = ours.missing(theirs.summary, tips, new Set())
            const isMissing = ({ id }: Entry) => !other.history.get(id)
            expect([...c, ...m]).toEqual(history.log.filter(isMissing))
            expect(suspects).toEqual([])
          }
      },
    ),
    { numRuns: 50 },
  )
})

test('a fingerprint is made of four bytes of an id, one of each quarter', () => {
  const { people } = makeWorld(NAMES)
  const { history } = people[0]!.engine
  const [tip] = new Comparison(history, crypto.sha256, Uint8Array.of(0, 9, 18, 27)).tips(new Map())
  const id = fromHex(history.chain(tip!.tag, tip!.chain).at(-1)!.id)
  expect(tip!.fingerprint).toBe(Buffer.from([id[0]!, id[9]!, id[18]!, id[27]!]).readUInt32BE())
})

test('of devices in buckets that are equal on both sides, nothing is told', () => {
  const { people } = makeWorld(NAMES)
  const [alice, bob] = people as [Person, Person]
  const [ours, theirs] = [bob, alice].map(({ engine }, i) => {
    if (i === 1) alice.say('x')
    return new Comparison(engine.history, crypto.sha256, new Uint8Array(4))
  }) as [Comparison, Comparison]
  const buckets = new Set(people.map(({ tag }) => parseInt(tag.slice(0, 2), 16)))
  expect(new Set(ours.summary.keys())).toEqual(buckets)
  const first = alice.tag.slice(0, 2)
  for (const told of [ours.tips(theirs.summary), theirs.tips(ours.summary)]) {
    expect(told.map(({ tag }) => tag)).toContain(alice.tag)
    expect(told.filter(({ tag }) => !tag.startsWith(first))).toEqual([])
  }
})
