import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { counter } from '../../../src-main/core/data/counter.ts'
import { MAX_CHANGES_PER_DEVICE, MAX_OBSERVED } from '../../../src-main/core/data/limits.ts'
import { coveredBy, observe, operationOf } from '../../../src-main/core/data/operation.ts'
import { orSet, type SetState } from '../../../src-main/core/data/or-set.ts'
import { Replicated } from '../../../src-main/core/data/replicated.ts'
import { linearExtensions, play, steps, tagOf } from '../../helpers/causal.ts'
import { makeWorld, type Person } from '../../helpers/people.ts'

const unseen = { key: '', saw: () => false }

describe('a replicated value', () => {
  test('counts a bounded number of changes of one device, and all of the others', () => {
    const value = new Replicated(counter)
    const increment = (tag: string, seq: number) =>
      value.deliver({ ...unseen, dot: { tag, seq }, change: { amount: 1 } })
    for (let seq = 1; seq <= MAX_CHANGES_PER_DEVICE; seq++) expect(increment('aa', seq)).toBe(true)
    expect(value.left('aa')).toBe(0)
    expect(increment('aa', MAX_CHANGES_PER_DEVICE + 1)).toBe(false)
    expect(increment('bb', 1)).toBe(true)
    expect(value.value).toBe(MAX_CHANGES_PER_DEVICE + 1)
  })

  test('ignores the same changes everywhere', () => {
    const action = fc.record({ type: fc.constantFrom('add', 'remove'), element: fc.constantFrom('x', 'y') })
    fc.assert(
      fc.property(steps(action, 6), (script) => {
        const { operations } = play(orSet, script, (state: SetState, { type, element }) =>
          orSet[type](state, element),
        )
        const outcomes = [...linearExtensions(operations)].map((order) => {
          const replicated = new Replicated(orSet, 1)
          for (const operation of order) replicated.deliver(operation)
          return replicated.state
        })
        for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0])
      }),
    )
  })

  test('charges nothing for a change out of its limits', () => {
    const value = new Replicated(counter, 1)
    value.deliver({ ...unseen, dot: { tag: 'aa', seq: 1 }, change: { amount: 0.5 } })
    expect(value.left('aa')).toBe(1)
  })
})

describe('what was observed', () => {
  test('is the latest dot of each device, sorted, and no more than may be listed', () => {
    const tags = Array.from({ length: MAX_OBSERVED + 1 }, (_, i) => i.toString(16).padStart(16, '0'))
    const observed = observe(tags.toReversed().flatMap((tag) => [2, 1].map((seq) => ({ tag, seq }))))
    expect(observed).toEqual(tags.slice(0, MAX_OBSERVED).map((tag) => ({ tag, seq: 2 })))
  })

  test('covers earlier records of its device and no later ones', () => {
    const covers = coveredBy({ saw: () => true }, [{ tag: tagOf(0), seq: 2 }])
    expect([1, 2, 3].map((seq) => covers({ tag: tagOf(0), seq }))).toEqual([true, true, false])
    expect(covers({ tag: tagOf(1), seq: 1 })).toBe(false)
  })

  test('is checked against the past that the engine knows', () => {
    //  alice  a1 ──────── a2        bob claims to have seen a1 and a2 and himself; only a1 counts
    //           └ b1 ── b2
    const { people } = makeWorld(['alice', 'bob'])
    const [alice, bob] = people as [Person, Person]
    const a1 = alice.say('a1')
    bob.hear(a1)
    const [b1, b2] = [bob.say('b1'), bob.say('b2')]
    const a2 = alice.say('a2')
    alice.hear(b1, b2)
    const { history, clocks } = alice.engine
    const { saw, dot, key } = operationOf(history.get(b2.id)!, undefined, history, clocks)
    expect({ dot, key: key.length }).toEqual({ dot: { tag: bob.tag, seq: 2 }, key: 48 })
    expect([a1, b1].map(saw)).toEqual([true, true])
    expect([a2, b2, { tag: bob.tag, seq: 9 }, { tag: tagOf(0), seq: 1 }].map(saw)).toEqual(
      Array(4).fill(false),
    )
  })
})
