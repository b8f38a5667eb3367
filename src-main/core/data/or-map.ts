/**
 * An observed-remove map from texts to values of one replicated type, which may be a map again. A key is there exactly
 * while something in its value is; there is no record for the key itself. Removing a key drops what the remover had seen
 * in it, at any depth, and what was written meanwhile stays (the dot stores of Almeida, Shoker and Baquero, "Delta State
 * Replicated Data Types", 2018):
 *
 *      a  lunch: add soup ──── lunch: add bread       b removes lunch without having seen the bread:
 *                  \                                  lunch is there, with bread, without soup
 *      b            └ remove lunch {a1}
 *
 * How deep a value nests is said by the type, in code; no change can make it deeper.
 */
import { MAX_KEY_LENGTH, MAX_OBSERVED } from './limits.ts'
import { coveredBy, observe, type DataType, type Observed } from './operation.ts'

export type MapChange<Change> =
  | { type: 'update'; key: string; change: Change }
  /** observed: everything in the value of the key. */
  | { type: 'remove'; key: string; observed: Observed }

export interface OrMap<State extends { readonly size: number }, Change, Value> extends DataType<
  Map<string, State>,
  MapChange<Change>,
  ReadonlyMap<string, Value>
> {
  /** make gets the value of the key, empty when there is none, and constructs a change of it. */
  update(state: Map<string, State>, key: string, make: (value: State) => Change): MapChange<Change>
  /** Of a key that is not here: a change that does nothing. */
  remove(state: Map<string, State>, key: string): MapChange<Change>
}

/** A map whose values are of this type. Its value lists keys sorted by code units. */
export function orMap<State extends { readonly size: number }, Change, Value>(
  inner: DataType<State, Change, Value>,
): OrMap<State, Change, Value> {
  const at = (state: Map<string, State>, key: string) => state.get(key) ?? inner.empty()
  const put = (state: Map<string, State>, key: string, value: State) => {
    if (value.size > 0) state.set(key, value)
    else state.delete(key)
  }
  return {
    empty: () => new Map(),

    apply(state, operation) {
      const { change } = operation
      if (change.key.length > MAX_KEY_LENGTH) return false
      const value = at(state, change.key)
      if (change.type === 'update') {
        if (!inner.apply(value, { ...operation, change: change.change })) return false
      } else {
        if (change.observed.length > MAX_OBSERVED) return false
        inner.forget(value, coveredBy(operation, change.observed))
      }
      put(state, change.key, value)
      return true
    },

    value: (state) => new Map([...state.keys()].sort().map((key) => [key, inner.value(state.get(key)!)])),

    observe: (state) => observe([...state.values()].flatMap((value) => inner.observe(value))),

    forget(state, covers) {
      for (const [key, value] of state) {
        inner.forget(value, covers)
        put(state, key, value)
      }
    },

    update: (state, key, make) => ({ type: 'update', key, change: make(at(state, key)) }),
    remove: (state, key) => ({ type: 'remove', key, observed: inner.observe(at(state, key)) }),
  }
}
