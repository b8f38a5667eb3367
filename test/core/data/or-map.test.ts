import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { counter } from '../../../src-main/core/data/counter.ts'
import { MAX_INCREMENT, MAX_KEY_LENGTH, MAX_OBSERVED } from '../../../src-main/core/data/limits.ts'
import { lwwRegister } from '../../../src-main/core/data/lww-register.ts'
import { mvRegister } from '../../../src-main/core/data/mv-register.ts'
import type { Operation } from '../../../src-main/core/data/operation.ts'
import { orMap } from '../../../src-main/core/data/or-map.ts'
import { orSet } from '../../../src-main/core/data/or-set.ts'
import { fold, maximal, play, steps, tagOf, type MakeChange, type Step } from '../../helpers/causal.ts'
import { asShown, describeLaws } from './laws.ts'

const counts = orMap(counter)
const lists = orMap(orSet)
const titles = orMap(lwwRegister<number>())
const drafts = orMap(mvRegister<number>())
const nested = orMap(lists)

interface Action {
  type: 'add' | 'remove' | 'drop'
  key: string
  element: string
  amount: number
}
const action: fc.Arbitrary<Action> = fc.record({
  type: fc.constantFrom('add', 'add', 'remove', 'drop'),
  key: fc.constantFrom('k', 'k', 'l', '__proto__'),
  element: fc.constantFrom('x', 'y'),
  amount: fc.integer({ min: -5, max: 5 }),
})

type MakeFor<T extends { empty(): unknown; apply(state: never, operation: never): boolean }> =
  Parameters<T['apply']>[1] extends Operation<infer Change>
    ? MakeChange<ReturnType<T['empty']>, Change, Action>
    : never
const makeCount: MakeFor<typeof counts> = (state, { type, key, amount }) =>
  type === 'drop' ? counts.remove(state, key) : counts.update(state, key, () => counter.increment(amount))
const makeTitle: MakeFor<typeof titles> = (state, { type, key, amount }) =>
  type === 'drop'
    ? titles.remove(state, key)
    : titles.update(state, key, (title) => lwwRegister<number>().write(title, amount))
const makeDraft: MakeFor<typeof drafts> = (state, { type, key, amount }) =>
  type === 'drop'
    ? drafts.remove(state, key)
    : drafts.update(state, key, (draft) => mvRegister<number>().write(draft, amount))
const makeList: MakeFor<typeof lists> = (state, { type, key, element }) =>
  type === 'drop' ? lists.remove(state, key) : lists.update(state, key, (list) => orSet[type](list, element))
const makeNested: MakeFor<typeof nested> = (state, { amount, ...rest }) =>
  rest.type === 'drop' && amount > 2
    ? nested.remove(state, rest.key)
    : nested.update(state, rest.key, (value) => makeList(value, { ...rest, key: 'inner', amount })!)

describeLaws('map of counters', { type: counts, action, make: makeCount })
describeLaws('map of sets', { type: lists, action, make: makeList })
describeLaws('map of last-writer-wins registers', { type: titles, action, make: makeTitle })
describeLaws('map of multi-value registers', { type: drafts, action, make: makeDraft })
describeLaws('map of maps of sets', { type: nested, action, make: makeNested })

const at = (device: number, does: Partial<Action>, hear: number[] = []): Step<Action> => ({
  at: device,
  hear,
  skew: 0,
  action: { type: 'add', key: 'k', element: 'x', amount: 1, ...does },
})

describe('an observed-remove map', () => {
  test('counts exactly the increments that no remover of their key had seen', () => {
    fc.assert(
      fc.property(steps(action, 30), (script) => {
        const { operations } = play(counts, script, makeCount)
        const expected = new Map<string, number>()
        for (const operation of operations) {
          const { change } = operation
          const seen = operations.some(
            (other) =>
              other.change.type === 'remove' && other.change.key === change.key && other.past.has(operation),
          )
          if (change.type === 'update' && !seen)
            expected.set(change.key, (expected.get(change.key) ?? 0) + change.change.amount)
        }
        expect(counts.value(fold(counts, operations))).toEqual(expected)
      }),
    )
  })

  test('shows of a removed register the greatest write that its removers had not seen', () => {
    fc.assert(
      fc.property(steps(action, 30), (script) => {
        const { operations } = play(titles, script, makeTitle)
        const value = titles.value(fold(titles, operations))
        for (const key of ['k', 'l', '__proto__']) {
          const here = operations.filter(({ change }) => change.key === key)
          const [winner] = maximal(here)
            .flatMap(({ key: rank, change }) => (change.type === 'update' ? [{ rank, change }] : []))
            .sort((a, b) => (a.rank > b.rank ? -1 : 1))
          expect(value.get(key)).toBe(winner?.change.change.value)
        }
      }),
    )
  })

  test('is a plain map of numbers while people take turns', () => {
    fc.assert(
      fc.property(steps(action, 40), (script) => {
        const plain = new Map<string, number>()
        play(counts, script, makeCount, {
          inTurns: true,
          onAppend: ({ change }, state) => {
            if (change.type === 'remove') plain.delete(change.key)
            else plain.set(change.key, (plain.get(change.key) ?? 0) + change.change.amount)
            expect(counts.value(state)).toEqual(plain)
          },
        })
      }),
    )
  })

  test('is a plain map of sets, without empty ones, while people take turns', () => {
    fc.assert(
      fc.property(steps(action, 40), (script) => {
        const plain = new Map<string, Set<string>>()
        play(lists, script, makeList, {
          inTurns: true,
          onAppend: ({ change }, state) => {
            const list = plain.get(change.key) ?? new Set()
            if (change.type === 'remove') list.clear()
            else list[change.change.type === 'add' ? 'add' : 'delete'](change.change.element)
            if (list.size > 0) plain.set(change.key, list)
            else plain.delete(change.key)
            expect(lists.value(state)).toEqual(plain)
          },
        })
      }),
    )
  })

  test('shows its author a change at once', () => {
    fc.assert(
      fc.property(steps(action, 30), (script) => {
        play(lists, script, makeList, {
          onAppend: ({ change }, state) => {
            const list = lists.value(state).get(change.key)
            if (change.type === 'remove') expect(list).toBeUndefined()
            else expect(list?.has(change.change.element) ?? false).toBe(change.change.type === 'add')
          },
        })
      }),
    )
  })

  test('keeps of a removed key what was written meanwhile', () => {
    //  a  k: add x ──── k: add y
    //              \
    //  b            └ remove k
    const script = [at(0, {}), at(1, { type: 'drop' }, [0]), at(0, { element: 'y' })]
    const { operations, devices } = play(lists, script, makeList)
    expect(lists.value(devices[1]!.state)).toEqual(new Map())
    expect(asShown(lists.value(fold(lists, operations)))).toEqual([['k', ['y']]])
  })

  test('brings a key that was removed meanwhile back with what is new in it', () => {
    //  a  k: +1 ──── k: +1
    //           \
    //  b         └ remove k
    const script = [at(0, {}), at(1, { type: 'drop' }, [0]), at(0, {})]
    const { operations } = play(counts, script, makeCount)
    expect(counts.value(fold(counts, operations))).toEqual(new Map([['k', 1]]))
  })

  test('refuses a key or list over its limit, and what its value refuses', () => {
    const place = { dot: { tag: tagOf(0), seq: 1 }, key: '', saw: () => true }
    const state = counts.empty()
    const add = (length: number, amount: number) =>
      counts.apply(state, {
        ...place,
        change: { type: 'update', key: 'k'.repeat(length), change: { amount } },
      })
    const observed = Array.from({ length: MAX_OBSERVED + 1 }, (_, seq) => ({ tag: tagOf(1), seq }))
    expect(add(MAX_KEY_LENGTH + 1, 1)).toBe(false)
    expect(add(1, MAX_INCREMENT + 1)).toBe(false)
    expect(counts.apply(state, { ...place, change: { type: 'remove', key: 'k', observed } })).toBe(false)
    expect(state.size).toBe(0)
    expect(add(MAX_KEY_LENGTH, MAX_INCREMENT)).toBe(true)
  })
})
