import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_KEY_LENGTH, MAX_OBSERVED } from '../../../src-main/core/data/limits.ts'
import { orSet, type SetState } from '../../../src-main/core/data/or-set.ts'
import { fold, play, steps, tagOf, type Step } from '../../helpers/causal.ts'
import { asShown, describeLaws } from './laws.ts'

interface Action {
  type: 'add' | 'remove'
  element: string
}
const action: fc.Arbitrary<Action> = fc.record({
  type: fc.constantFrom('add', 'add', 'remove'),
  element: fc.constantFrom('x', 'x', 'y', '__proto__'),
})
const make = (state: SetState, { type, element }: Action) => orSet[type](state, element)
const step = (at: number, type: Action['type'], hear: number[] = []): Step<Action> => ({
  at,
  hear,
  skew: 0,
  action: { type, element: 'x' },
})

describeLaws('observed-remove set', { type: orSet, action, make })

describe('an observed-remove set', () => {
  test('holds what was added and not removed by somebody who had seen it', () => {
    //  The definition, on the graph: add wins against every removal that it did not precede.
    fc.assert(
      fc.property(steps(action, 30), (script) => {
        const { operations } = play(orSet, script, make)
        const there = operations.filter(
          (add) =>
            add.change.type === 'add' &&
            !operations.some(
              ({ change, past }) =>
                change.type === 'remove' && change.element === add.change.element && past.has(add),
            ),
        )
        const expected = [...new Set(there.map(({ change }) => change.element))].sort()
        expect(asShown(orSet.value(fold(orSet, operations)))).toEqual(expected)
      }),
    )
  })

  test('keeps an element that is added again while it is removed', () => {
    //  a  add x ──── add x
    //           \
    //  b         └ remove x
    const script = [step(0, 'add'), step(1, 'remove', [0]), step(0, 'add')]
    const { operations, devices } = play(orSet, script, make)
    expect(orSet.value(devices[1]!.state)).toEqual(new Set())
    expect(orSet.value(fold(orSet, operations))).toEqual(new Set(['x']))
  })

  test('cannot lose an addition to a removal that claims it unseen', () => {
    //  a  add x
    //  b  remove x {a1}      without having heard a1: whoever hears b first would keep x, whoever hears a first, not
    const lie = { ...step(1, 'remove'), claims: [{ device: 0, seq: 1 }] }
    const { operations } = play(orSet, [step(0, 'add'), lie], make, { lying: true })
    for (const order of [operations, operations.toReversed()])
      expect(orSet.value(fold(orSet, order))).toEqual(new Set(['x']))
  })

  test('is a plain set while people take turns', () => {
    fc.assert(
      fc.property(steps(action, 40), (script) => {
        const plain = new Set<string>()
        play(orSet, script, make, {
          inTurns: true,
          onAppend: ({ change }, state) => {
            if (change.type === 'add') plain.add(change.element)
            else plain.delete(change.element)
            expect(orSet.value(state)).toEqual(plain)
          },
        })
      }),
    )
  })

  test('shows its author an addition and a removal at once', () => {
    fc.assert(
      fc.property(steps(action, 30), (script) => {
        play(orSet, script, make, {
          onAppend: ({ change }, state) =>
            expect(orSet.value(state).has(change.element)).toBe(change.type === 'add'),
        })
      }),
    )
  })

  test('keeps the latest addition of each device and element, though nothing is listed as observed', () => {
    fc.assert(
      fc.property(steps(action, 30), (script) => {
        const additions = script.map(({ at, action: { element } }): Step<Action> => ({
          ...step(at, 'add'),
          claims: [],
          action: { type: 'add', element },
        }))
        const { operations } = play(orSet, additions, make, { lying: true })
        const latest = new Map<string, Map<string, number>>()
        for (const { dot, change } of operations)
          latest.set(change.element, (latest.get(change.element) ?? new Map()).set(dot.tag, dot.seq))
        expect(fold(orSet, operations)).toEqual(latest)
      }),
    )
  })

  test('replaces the additions of others that an addition has seen', () => {
    const script = [0, 1, 2].map((at) => step(at, 'add', [0, 0]))
    const state = fold(orSet, play(orSet, script, make).operations)
    expect(state).toEqual(new Map([['x', new Map([[tagOf(2), 1]])]]))
  })

  test('refuses an element or a list over its limit', () => {
    const place = { dot: { tag: tagOf(0), seq: 1 }, key: '', saw: () => true }
    const observed = Array.from({ length: MAX_OBSERVED + 1 }, (_, seq) => ({ tag: tagOf(1), seq }))
    const add = (length: number, listed: number) =>
      orSet.apply(orSet.empty(), {
        ...place,
        change: { type: 'add', element: 'x'.repeat(length), observed: observed.slice(0, listed) },
      })
    expect(add(MAX_KEY_LENGTH, MAX_OBSERVED)).toBe(true)
    expect(add(MAX_KEY_LENGTH + 1, 0)).toBe(false)
    expect(add(1, MAX_OBSERVED + 1)).toBe(false)
  })
})
