/**
 * Vector clocks, rebuilt from the reduced deltas that events carry: full clocks never travel.
 *
 *      a1 ── a2 ──────── a3        a3 carries only the dot b2;
 *        └── b1 ── b2 ──┘          clock(a3) = max(clock(a2), clock(b2)), own entry 3 = {a: 3, b: 2}
 *
 * 1. clockOf(e)[d] = the highest seq of device d in the past of e, e included (Fidge 1988, Mattern 1989).
 * 2. happensBefore(a, b) = clockOf(b)[device(a)] >= a.seq: one look-up on a cached clock.
 * Where a device forked, each branch of its tree counts as a device of its own (history.branchOf), so 2 holds there too.
 * Clocks are dense arrays by local device index; a shorter array means zeros. Every CLOCK_CHECKPOINT_INTERVAL-th
 * event of a device keeps its clock; the others live in a least-recently-used cache and are rebuilt from those.
 */
import type { DeviceTag, EventId } from '../api/contract.ts'
import { chainOf } from './event.ts'
import type { Branch, Entry, History } from './history.ts'
import { CLOCK_CHECKPOINT_INTERVAL, MAX_CACHED_CLOCKS } from './limits.ts'

export type Clock = Uint32Array
export type Relation = 'before' | 'after' | 'equal' | 'concurrent'

/** Answers questions about the message chain of one history. */
export class Clocks {
  readonly #history: History
  readonly #branches = new Map<Branch, { index: number; tag: DeviceTag }>()
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
    const highest = new Map<DeviceTag, number>()
    for (const { index, tag } of this.#branches.values())
      if ((clock[index] ?? 0) > (highest.get(tag) ?? 0)) highest.set(tag, clock[index]!)
    return highest
  }

  happensBefore(a: Entry, b: Entry): boolean {
    const branch = this.#history.branchOf(a)
    if (branch === this.#history.branchOf(b)) return a.seq < b.seq
    return (this.#clock(b)[this.#index(branch, a.tag)] ?? 0) >= a.seq
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
    return this.#history.parentsOf(entry).filter((parent) => chainOf(parent.kind) === 'm')
  }

  #rebuild(entry: Entry, parents: Clock[]): Clock {
    this.rebuilds++
    const own = this.#index(this.#history.branchOf(entry), entry.tag)
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

  #index(branch: Branch, tag: DeviceTag): number {
    let known = this.#branches.get(branch)
    if (!known) this.#branches.set(branch, (known = { index: this.#branches.size, tag }))
    return known.index
  }
}
