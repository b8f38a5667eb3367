/**
 * How much of a group's control history lies in the past of an event: everything that its author had seen of it, be it
 * cited by the event itself, by its device's previous event, or by anything else that it answers. What an author may do
 * is judged by exactly that (rule R1), so nobody gains by leaving out a citation.
 *
 * Most events have seen the same: equal views are one object, and putting two of them together is looked up.
 */
import type { EventId } from '../../api/contract.ts'

/** A set of control events with everything before them, told by its latest ones. */
export interface Seen {
  /** Sorted; none lies before another. */
  readonly heads: readonly EventId[]
}

export class Views {
  readonly none: Seen
  readonly #isBefore: (a: EventId, b: EventId) => boolean
  readonly #byHeads = new Map<string, Seen>()
  readonly #joined = new WeakMap<Seen, WeakMap<Seen, Seen>>()

  /** isBefore: whether a control event lies before another; both have been delivered. */
  constructor(isBefore: (a: EventId, b: EventId) => boolean) {
    this.#isBefore = isBefore
    this.none = this.#same([])
  }

  /** What somebody has seen who cites these. */
  of(heads: readonly EventId[]): Seen {
    const key = heads.join('')
    return this.#byHeads.get(key) ?? this.#same(this.#latest(heads))
  }

  join(one: Seen, other: Seen): Seen {
    if (one === other || other === this.none) return one
    if (one === this.none) return other
    let known = this.#joined.get(one)
    if (!known) this.#joined.set(one, (known = new WeakMap()))
    let joined = known.get(other)
    if (!joined) known.set(other, (joined = this.#same(this.#latest([...one.heads, ...other.heads]))))
    return joined
  }

  #latest(heads: readonly EventId[]): EventId[] {
    const all = [...new Set(heads)].sort()
    return all.filter((head) => !all.some((other) => other !== head && this.#isBefore(head, other)))
  }

  #same(heads: readonly EventId[]): Seen {
    const key = heads.join('')
    let seen = this.#byHeads.get(key)
    if (!seen) this.#byHeads.set(key, (seen = { heads }))
    return seen
  }
}
