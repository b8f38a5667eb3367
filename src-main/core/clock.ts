/**
 * Vector clocks, rebuilt from the reduced deltas that events carry: full clocks never travel.
 *
 *      a1 ── a2 ──────── a3        a3 carries only the dot b2;
 *        └── b1 ── b2 ──┘          clock(a3) = max(clock(a2), clock(b2)), own entry 3 = {a: 3, b: 2}
 *
 * 1. clockOf(e)[d] = the highest seq of device d in the past of e, e included (Fidge 1988, Mattern 1989).
 * 2. happensBefore(a, b) = clockOf(b)[device(a)] >= a.seq: one look-up on a cached clock.
 * Clocks are dense arrays by local device index; a shorter array means zeros. Every CLOCK_CHECKPOINT_INTERVAL-th
 * event of a device keeps its clock; the others live in a least-recently-used cache and are rebuilt from those.
 */
import type { DeviceTag, EventId } from '../api/contract.ts'
import type { Entry, History } from './history.ts'
import { CLOCK_CHECKPOINT_INTERVAL, MAX_CACHED_CLOCKS } from './limits.ts'

export type Clock = Uint32Array
export type Relation = 'before' | 'after' | 'equal' | 'concurrent'

/** Answers questions about the message chain of one history. */
export class Clocks {
  readonly #history: History
  readonly #devices = new Map<DeviceTag, number>()
  readonly #checkpoints = new Map<EventId, Clock>()
  readonly #recent = new Map<EventId, Clock>()
  /** Clocks computed so far, for the question what the cache saves. */
  rebuilds = 0

  constructor(history: History) {
    this.#history = history
  }

  /** The full clock of a delivered message event, by device tag. */
  clockOf(entry: Entry): Map<DeviceTag, number> {
    const clock = this.#clock(entry)
    return new Map(
      [...this.#devices].map(([tag, i]) => [tag, clock[i] ?? 0] as const).filter(([, seq]) => seq),
    )
  }

  happensBefore(a: Entry, b: Entry): boolean {
    if (a.tag === b.tag) return a.seq < b.seq
    return (this.#clock(b)[this.#index(a.tag)] ?? 0) >= a.seq
  }

  concurrent(a: Entry, b: Entry): boolean {
    return this.compare(a, b) === 'concurrent'
  }

  compare(a: Entry, b: Entry): Relation {
    if (a.id === b.id) return 'equal'
    if (this.happensBefore(a, b)) return 'before'
    return this.happensBefore(b, a) ? 'after' : 'concurrent'
  }

  #clock(entry: Entry): Clock {
    const working = new Map<EventId, Clock>()
    const known = (of: Entry) => this.#recall(of.id) ?? working.get(of.id)
    const cached = known(entry)
    if (cached) return cached
    // Depth first without recursion: a chain may be a hundred thousand events long.
    const stack = [entry]
    for (;;) {
      const top = stack.at(-1)!
      const parents = this.#parents(top)
      const unknown = parents.filter((parent) => !known(parent))
      if (unknown.length > 0) {
        stack.push(...unknown)
        continue
      }
      stack.pop()
      const clock =
        known(top) ??
        this.#rebuild(
          top,
          parents.map((parent) => known(parent)!),
        )
      working.set(top.id, clock)
      if (stack.length === 0) return clock
    }
  }

  #parents(entry: Entry): Entry[] {
    const previous = this.#history.previousOf(entry)
    const cited = entry.deps.map((dot) => this.#history.at(dot.tag, 'm', dot.seq)!)
    return previous ? [previous, ...cited] : cited
  }

  #rebuild(entry: Entry, parents: Clock[]): Clock {
    this.rebuilds++
    const own = this.#index(entry.tag)
    const clock = new Uint32Array(Math.max(own + 1, ...parents.map((parent) => parent.length)))
    for (const parent of parents)
      for (let i = 0; i < parent.length; i++) if (parent[i]! > clock[i]!) clock[i] = parent[i]!
    clock[own] = entry.seq
    if (entry.seq % CLOCK_CHECKPOINT_INTERVAL === 0) this.#checkpoints.set(entry.id, clock)
    this.#recent.set(entry.id, clock)
    if (this.#recent.size > MAX_CACHED_CLOCKS) this.#recent.delete(this.#recent.keys().next().value!)
    return clock
  }

  #recall(id: EventId): Clock | undefined {
    const clock = this.#recent.get(id)
    if (!clock) return this.#checkpoints.get(id)
    this.#recent.delete(id)
    this.#recent.set(id, clock)
    return clock
  }

  #index(tag: DeviceTag): number {
    let index = this.#devices.get(tag)
    if (index === undefined) this.#devices.set(tag, (index = this.#devices.size))
    return index
  }
}
