/**
 * A counter: the sum of all increments. Alone it never conflicts; as the value of a map's key it can be removed, and
 * then loses exactly the increments that the remover had seen. Each increment is therefore its own record: a running sum
 * per device could not tell what of it was seen.
 *
 *      a  +1 ──── +1           a's second increment is concurrent with the removal:
 *            \                 the counter is back with 1, not with 2, not gone
 *      b      └ remove {a1}
 */
import type { DeviceTag } from '../../api/contract.ts'
import { MAX_INCREMENT } from './limits.ts'
import { observe, type DataType } from './operation.ts'

export interface Increment {
  /** Negative to count down. */
  amount: number
}

/** Per device its increments, by growing seq. */
export type CounterState = Map<DeviceTag, { seq: number; amount: number }[]>

export const counter = {
  empty: (): CounterState => new Map(),

  apply(state, { dot, change: { amount } }) {
    if (!Number.isInteger(amount) || Math.abs(amount) > MAX_INCREMENT) return false
    const increments = state.get(dot.tag)
    if (increments) increments.push({ seq: dot.seq, amount })
    else state.set(dot.tag, [{ seq: dot.seq, amount }])
    return true
  },

  value(state) {
    let sum = 0
    for (const increments of state.values()) for (const { amount } of increments) sum += amount
    return sum
  },

  observe: (state) => observe([...state].map(([tag, increments]) => ({ tag, seq: increments.at(-1)!.seq }))),

  forget(state, covers) {
    for (const [tag, increments] of state) {
      const kept = increments.filter(({ seq }) => !covers({ tag, seq }))
      if (kept.length > 0) state.set(tag, kept)
      else state.delete(tag)
    }
  },

  /** An integer of at most MAX_INCREMENT either way. */
  increment: (amount: number): Increment => ({ amount }),
} satisfies DataType<CounterState, Increment, number> & { increment: (amount: number) => Increment }
