import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { counter } from '../../../src-main/core/data/counter.ts'
import { MAX_INCREMENT } from '../../../src-main/core/data/limits.ts'
import { fold, play, steps } from '../../helpers/causal.ts'
import { describeLaws } from './laws.ts'

const action = fc.integer({ min: -MAX_INCREMENT, max: MAX_INCREMENT })
const make = (_: unknown, amount: number) => counter.increment(amount)

describeLaws('counter', { type: counter, action, make })

describe('a counter', () => {
  test('is the sum of all increments, however concurrent', () => {
    fc.assert(
      fc.property(steps(action, 30), (script) => {
        const { operations } = play(counter, script, make)
        const sum = script.reduce((total, step) => total + step.action, 0)
        expect(counter.value(fold(counter, operations))).toBe(sum)
      }),
    )
  })

  test('shows its author an increment at once', () => {
    fc.assert(
      fc.property(steps(action, 30), (script) => {
        play(counter, script, make, {
          onAppend: ({ past, change }, state) => {
            const seen = [...past].reduce((total, operation) => total + operation.change.amount, 0)
            expect(counter.value(state)).toBe(seen + change.amount)
          },
        })
      }),
    )
  })

  test.each([MAX_INCREMENT + 1, -MAX_INCREMENT - 1, 0.5, NaN, Infinity])(
    'refuses an increment by %s',
    (amount) => {
      const state = counter.empty()
      const dot = { tag: 'aa', seq: 1 }
      expect(counter.apply(state, { dot, key: '', saw: () => false, change: { amount } })).toBe(false)
      expect(state.size).toBe(0)
    },
  )
})
