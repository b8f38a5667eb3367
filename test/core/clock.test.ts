import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EventId } from '../../src-main/api/contract.ts'
import { Clocks, type Relation } from '../../src-main/core/clock.ts'
import { KIND, type Event } from '../../src-main/core/event.ts'
import type { Entry, History } from '../../src-main/core/history.ts'
import { MAX_CACHED_CLOCKS } from '../../src-main/core/limits.ts'
import { makeWorld, type Person } from '../helpers/people.ts'

/** What was said by a few people who heard each other now and then, as one of them has it. */
function makeTalk(next: (limit: number) => number, length: number): History {
  const { people } = makeWorld(['alice', 'bob', 'carol', 'dave'])
  const all: Event[] = []
  for (let i = 0; i < length; i++) {
    const person = people[next(people.length)]!
    person.hear(...all.slice(0, next(all.length + 1)))
    all.push(person.say(`${i}`))
  }
  const [reader] = people as [Person]
  reader.hear(...all)
  return reader.engine.history
}

/** The ids of everything before an event, by its id: the graph itself, without clocks. */
function pastsOf(history: History): Map<EventId, Set<EventId>> {
  const pasts = new Map<EventId, Set<EventId>>()
  for (const entry of history.log) {
    const parents = entry.parents
    pasts.set(entry.id, new Set(parents.flatMap(({ id }) => [id, ...pasts.get(id)!])))
  }
  return pasts
}

const messagesOf = ({ log }: History) => log.filter(({ kind }) => kind === KIND.message)

test('clocks that are kept, soon forgotten and never kept agree with a search of the graph, in any order of questions', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat()), (numbers) => {
      const next = (limit: number) => (numbers.next().value as number) % limit
      const history = makeTalk(next, 40)
      const pasts = pastsOf(history)
      const messages = messagesOf(history)
      const clocks = [MAX_CACHED_CLOCKS, 3, 0].map((capacity) => new Clocks(history, capacity))
      for (let i = 0; i < 200; i++) {
        const [a, b] = [messages[next(messages.length)]!, messages[next(messages.length)]!]
        const relation: Relation =
          a === b
            ? 'equal'
            : pasts.get(b.id)!.has(a.id)
              ? 'before'
              : pasts.get(a.id)!.has(b.id)
                ? 'after'
                : 'concurrent'
        expect(clocks.map((one) => one.compare(a, b))).toEqual([relation, relation, relation])
      }
      const some = messages[next(messages.length)]!
      const clock = new Map<string, number>()
      for (const { id, tag, seq } of messages)
        if (id === some.id || pasts.get(some.id)!.has(id)) clock.set(tag, seq)
      for (const one of clocks) expect(one.clockOf(some)).toEqual(clock)
    }),
    { numRuns: 40 },
  )
})

test('the causes of an event are what its past holds and no other cause follows from', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat()), (numbers) => {
      const next = (limit: number) => (numbers.next().value as number) % limit
      const history = makeTalk(next, 25)
      const pasts = pastsOf(history)
      const messages = messagesOf(history)
      const clocks = new Clocks(history)
      for (const entry of messages) {
        const past = messages.filter(({ id }) => pasts.get(entry.id)!.has(id))
        const last = past.filter(({ id }) => !past.some((other) => pasts.get(other.id)!.has(id)))
        const ids = clocks.causesOf(entry).map(({ id }) => id)
        expect(ids.toSorted()).toEqual(last.map(({ id }) => id).sort())
      }
    }),
    { numRuns: 20 },
  )
})

describe('the cost of a clock', () => {
  /** Alice and bob take turns; each has heard the other. */
  function takingTurns(length: number): { messages: Entry[]; history: History } {
    const { people } = makeWorld(['alice', 'bob'])
    const [alice, bob] = people as [Person, Person]
    for (let i = 0; i < length; i++) {
      const [author, other] = i % 2 === 0 ? [alice, bob] : [bob, alice]
      other.hear(author.say(`${i}`))
    }
    return { messages: messagesOf(alice.engine.history), history: alice.engine.history }
  }

  test('a question looks at nothing older than what it asks about, and at nothing when the clock is kept', () => {
    const { messages, history } = takingTurns(200)
    const clocks = new Clocks(history)
    expect(clocks.happensBefore(messages[190]!, messages[195]!)).toBe(true)
    expect(clocks).toMatchObject({ lookups: 1, hits: 0, rebuilds: 1, walked: 5 })
    expect(clocks.happensBefore(messages[192]!, messages[195]!)).toBe(true)
    expect(clocks).toMatchObject({ lookups: 2, hits: 1, rebuilds: 1, walked: 5 })
    expect(clocks.happensBefore(messages[0]!, messages[195]!)).toBe(true)
    expect(clocks).toMatchObject({ lookups: 3, hits: 1, rebuilds: 2, walked: 200 })
  })

  test('a pass leaves out the past of the clocks that it meets', () => {
    const { messages, history } = takingTurns(200)
    const clocks = new Clocks(history)
    clocks.clockOf(messages[190]!)
    const { walked } = clocks
    expect(clocks.happensBefore(messages[0]!, messages[199]!)).toBe(true)
    expect(clocks.walked - walked).toBe(9)
  })

  test('the younger of two events is before neither, without a clock', () => {
    const { messages, history } = takingTurns(20)
    const clocks = new Clocks(history)
    expect(clocks.happensBefore(messages[15]!, messages[4]!)).toBe(false)
    expect(clocks.lookups).toBe(0)
  })

  test('no more clocks are kept than the cache holds', () => {
    const { messages, history } = takingTurns(MAX_CACHED_CLOCKS + 50)
    const clocks = new Clocks(history)
    for (const message of messages) clocks.clockOf(message)
    expect(clocks.size).toBe(MAX_CACHED_CLOCKS)
    const off = new Clocks(history, 0)
    off.clockOf(messages[9]!)
    off.clockOf(messages[9]!)
    expect(off).toMatchObject({ size: 0, lookups: 2, hits: 0, rebuilds: 2 })
  })
})
