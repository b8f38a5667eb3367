/**
 * A multi-value register: a write replaces the writes that it observed, so what remains are the maximal ones, those
 * that no other write has seen. Several remain only while people wrote at the same time; all are shown, and the next
 * write by somebody who has seen them settles it.
 *
 *      a  'tea' ────────── 'both' {a1, b1}      between: tea and coffee; in the end: both
 *                      /
 *      b  'coffee' ───┘
 *
 * A device keeps at most one write here: its next one replaces it, listed or not.
 */
import type { DeviceTag, TimelineKey } from '../../api/contract.ts'
import { MAX_OBSERVED } from './limits.ts'
import { coveredBy, observe, type DataType, type Observed } from './operation.ts'

export interface Write<T> {
  value: T
  observed: Observed
}

export interface Written<T> {
  seq: number
  key: TimelineKey
  value: T
}

export type RegisterState<T> = Map<DeviceTag, Written<T>>

/** What both kinds of register have: they differ in what they show. */
export interface Register<T, Value> extends DataType<RegisterState<T>, Write<T>, Value> {
  /** A write that replaces what is here now. */
  write(state: RegisterState<T>, value: T): Write<T>
}

/** Shows the concurrent writes in timeline order; none at first. */
export function mvRegister<T>(): Register<T, T[]> {
  return register((written) => written.map(({ value }) => value))
}

/** show gets the writes that nobody replaced, in timeline order. */
export function register<T, Value>(show: (written: Written<T>[]) => Value): Register<T, Value> {
  const type: Register<T, Value> = {
    empty: () => new Map(),

    apply(state, operation) {
      const { dot, key, change } = operation
      if (change.observed.length > MAX_OBSERVED) return false
      type.forget(state, coveredBy(operation, change.observed))
      state.set(dot.tag, { seq: dot.seq, key, value: change.value })
      return true
    },

    value: (state) => show([...state.values()].sort((a, b) => (a.key < b.key ? -1 : 1))),

    observe: (state) => observe([...state].map(([tag, { seq }]) => ({ tag, seq }))),

    forget(state, covers) {
      for (const [tag, { seq }] of state) if (covers({ tag, seq })) state.delete(tag)
    },

    write: (state, value) => ({ value, observed: type.observe(state) }),
  }
  return type
}
