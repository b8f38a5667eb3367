/** The laws of every replicated type. What is particular to one is in its own test. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { coveredBy, type DataType } from '../../../src-main/core/data/operation.ts'
import {
  catchUp,
  fold,
  linearExtensions,
  newcomer,
  play,
  steps,
  type MakeChange,
  type Step,
} from '../../helpers/causal.ts'

/** Of histories that are small enough for all their orders: most have no conflict in them. */
const RUNS = { numRuns: 300 }

interface Subject<State extends { readonly size: number }, Change, Value, Action> {
  type: DataType<State, Change, Value>
  action: fc.Arbitrary<Action>
  make: MakeChange<State, Change, Action>
}

export function describeLaws<State extends { readonly size: number }, Change, Value, Action>(
  name: string,
  { type, action, make }: Subject<State, Change, Value, Action>,
): void {
  const few = steps(action, 6)
  const many = steps(action, 40)
  const choices = fc.array(fc.nat(100), { maxLength: 40 })

  const expectOneOutcome = (script: Step<Action>[], lying: boolean) => {
    const { operations } = play(type, script, make, { lying })
    const expected = fold(type, operations)
    for (const order of linearExtensions(operations)) {
      const state = fold(type, order)
      expect(state).toEqual(expected)
      expect(asShown(type.value(state))).toEqual(asShown(type.value(expected)))
      expect(type.observe(state)).toEqual(type.observe(expected))
    }
  }

  describe(`${name}: laws`, () => {
    test('all linear extensions of a causal history end in one state', () => {
      fc.assert(
        fc.property(few, (script) => expectOneOutcome(script, false)),
        RUNS,
      )
    })

    test('they do so whatever authors claim to have observed', () => {
      fc.assert(
        fc.property(few, (script) => expectOneOutcome(script, true)),
        RUNS,
      )
    })

    test('devices that took part agree with each other and with a newcomer', () => {
      fc.assert(
        fc.property(many, choices, choices, (script, one, other) => {
          const { operations, devices } = play(type, script, make)
          const late = catchUp(type, newcomer<State, Change>(type), operations, one)
          for (const device of devices) {
            // Also before they are complete: the state depends on the set of operations only.
            const again = catchUp(type, newcomer<State, Change>(type), device.delivered, one)
            expect(again.state).toEqual(device.state)
            expect(catchUp(type, device, operations, other).state).toEqual(late.state)
          }
        }),
      )
    })

    test('nothing is removed that the remover had not seen, whatever it claims', () => {
      fc.assert(
        fc.property(many, choices, (script, order) => {
          const { operations } = play(type, script, make, { lying: true })
          const device = catchUp(type, newcomer<State, Change>(type), operations, order)
          const state = type.empty()
          for (const operation of device.delivered) {
            const before = type.observe(state)
            type.apply(state, operation)
            const after = type.observe(state)
            for (const dot of before)
              if (dot.tag !== operation.dot.tag && !operation.saw(dot)) expect(after).toContainEqual(dot)
          }
        }),
      )
    })

    test('what was removed leaves nothing behind', () => {
      fc.assert(
        fc.property(many, (script) => {
          const state = fold(type, play(type, script, make).operations)
          expect(state.size === 0).toBe(type.observe(state).length === 0)
          type.forget(state, coveredBy({ saw: () => true }, type.observe(state)))
          expect(state).toEqual(type.empty())
        }),
      )
    })
  })
}

/** A value with the order of its maps and sets, which toEqual overlooks. */
export function asShown(value: unknown): unknown {
  if (value instanceof Set) return [...(value as Set<unknown>)]
  if (value instanceof Map) return [...(value as Map<unknown, unknown>)].map(([k, v]) => [k, asShown(v)])
  return value
}
