/**
 * An observed-remove set of texts: a removal takes away the additions that the remover had seen, and no other. Against
 * a concurrent removal an addition wins, also that of an element which was there already:
 *
 *      a  add x ──── add x           b removes what it saw, a1;
 *             \                       a2, unseen by b, says again that x is wanted: x stays
 *      b       └ remove x {a1}
 *
 * An addition replaces the ones it observed, and always its own device's (Bieniusa et al. 2012): an element that is
 * added again and again has one record per device at most.
 */
import type { DeviceTag } from '../../api/contract.ts'
import { MAX_KEY_LENGTH, MAX_OBSERVED } from './limits.ts'
import { coveredBy, observe, type Covers, type DataType, type Observed } from './operation.ts'

export interface SetChange {
  type: 'add' | 'remove'
  element: string
  /** Additions of this element. */
  observed: Observed
}

type Additions = Map<DeviceTag, number>

/** Per element the latest addition of each device, by seq; no element without one. */
export type SetState = Map<string, Additions>

export const orSet = {
  empty: (): SetState => new Map(),

  apply(state, operation) {
    const { dot, change } = operation
    const { type, element, observed } = change
    if (element.length > MAX_KEY_LENGTH || observed.length > MAX_OBSERVED) return false
    const additions: Additions = state.get(element) ?? new Map()
    drop(additions, coveredBy(operation, observed))
    if (type === 'add') additions.set(dot.tag, dot.seq)
    if (additions.size > 0) state.set(element, additions)
    else state.delete(element)
    return true
  },

  /** Sorted by code units. */
  value: (state) => new Set([...state.keys()].sort()),

  observe: (state) => observe([...state.values()].flatMap(dots)),

  forget(state, covers) {
    for (const [element, additions] of state) {
      drop(additions, covers)
      if (additions.size === 0) state.delete(element)
    }
  },

  add: (state, element) => ({ type: 'add', element, observed: observeElement(state, element) }),
  /** Of an element that is not here: a change that does nothing. */
  remove: (state, element) => ({ type: 'remove', element, observed: observeElement(state, element) }),
} satisfies DataType<SetState, SetChange, ReadonlySet<string>> &
  Record<'add' | 'remove', (state: SetState, element: string) => SetChange>

function observeElement(state: SetState, element: string): Observed {
  return observe(dots(state.get(element) ?? new Map()))
}

function dots(additions: Additions) {
  return [...additions].map(([tag, seq]) => ({ tag, seq }))
}

function drop(additions: Additions, covers: Covers): void {
  for (const [tag, seq] of additions) if (covers({ tag, seq })) additions.delete(tag)
}
