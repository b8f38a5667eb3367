/**
 * Vector clocks, rebuilt from the reduced deltas that events carry: full clocks never travel.
 *
 *      a1 ── a2 ──────── a3        a3 carries only the dot b2;
 *        └── b1 ── b2 ──┘          clock(a3) = max(clock(a2), clock(b2)), own entry 3 = {a: 3, b: 2}
 *
 * 1. clockOf(e)[d] = the highest seq of device d in the past of e, e included (Fidge 1988, Mattern 1989).
 * 2. happensBefore(a, b) = clockOf(b)[device(a)] >= a.seq: one look-up on a kept clock. Dates grow along every
 *    citation, so the older of two events is the only one that can come before, and one clock answers compare().
 * 3. A clock that is not kept is rebuilt in one pass back through the log. The pass looks at nothing older than the
 *    question asks for, nor at the past of a kept clock that it meets.
 * Where a device forked, each branch of its tree counts as a device of its own (history.branchOf), so 2 holds there too.
 * Clocks are dense arrays by local device index; a shorter array means zeros. The ones used last are kept.
 */
import type { DeviceTag, EventId } from '../api/contract.ts'
import { chainOf } from './event.ts'
import type { Branch, Entry, History } from './history.ts'
import type { Hlc } from './hlc.ts'
import { MAX_CACHED_CLOCKS } from './limits.ts'

export type Clock = Uint32Array
export type Relation = 'before' | 'after' | 'equal' | 'concurrent'

/** A clock that is right about every event dated floor or later. */
interface Kept {
  clock: Clock
  floor: Hlc
}

/** Answers questions about the message chain of one history. */
export class Clocks {
  readonly #history: History
  readonly #capacity: number
  readonly #branches = new Map<Branch, { index: number; tag: DeviceTag }>()
  /** The least recently used first. */
  readonly #kept = new Map<EventId, Kept>()
  /** By delivery index, 1 for what a pass has still to look at; all 0 between passes. */
  #due = new Uint8Array(1_024)
  /** Questions that dates and chains do not answer: each needs a clock. */
  lookups = 0
  /** Lookups whose clock was kept. */
  hits = 0
  /** Clocks that had to be rebuilt, and events looked at for that. */
  rebuilds = 0
  walked = 0

  /** capacity: how many clocks are kept; with 0, every lookup rebuilds its clock. */
  constructor(history: History, capacity = MAX_CACHED_CLOCKS) {
    this.#history = history
    this.#capacity = capacity
  }

  /** Clocks that are kept now. */
  get size(): number {
    return this.#kept.size
  }

  /** The full clock of a delivered message event, by device tag. */
  clockOf(entry: Entry): Map<DeviceTag, number> {
    const clock = this.#clock(entry)
    const highest = new Map<DeviceTag, number>()
    for (const { index, tag } of this.#branches.values())
      if ((clock[index] ?? 0) > (highest.get(tag) ?? 0)) highest.set(tag, clock[index]!)
    return highest
  }

  /**
   * What an event follows directly, without what follows from that: its author's previous event and the tips that the
   * author had seen; the latest first.
   */
  causesOf(entry: Entry): Entry[] {
    const parents = entry.parents.filter(({ kind }) => chainOf(kind) === 'm')
    return parents
      .filter((one) => !parents.some((other) => this.happensBefore(one, other)))
      .sort((a, b) => (a.hlc < b.hlc ? 1 : -1))
  }

  happensBefore(a: Entry, b: Entry): boolean {
    if (a.hlc >= b.hlc) return false
    const branch = this.#history.branchOf(a)
    if (branch === this.#history.branchOf(b)) return a.seq < b.seq
    return (this.#clock(b, a.hlc)[this.#index(branch, a.tag)] ?? 0) >= a.seq
  }

  concurrent(a: Entry, b: Entry): boolean {
    return this.compare(a, b) === 'concurrent'
  }

  compare(a: Entry, b: Entry): Relation {
    if (a.id === b.id) return 'equal'
    if (this.happensBefore(a, b)) return 'before'
    return this.happensBefore(b, a) ? 'after' : 'concurrent'
  }

  #clock(entry: Entry, floor: Hlc = 0n): Clock {
    this.lookups++
    const kept = this.#kept.get(entry.id)
    this.#kept.delete(entry.id)
    const isHit = kept !== undefined && kept.floor <= floor
    if (isHit) this.hits++
    const found = isHit ? kept : { clock: this.#rebuild(entry, floor), floor }
    this.#kept.set(entry.id, found)
    if (this.#kept.size > this.#capacity) this.#kept.delete(this.#kept.keys().next().value!)
    return found.clock
  }

  /** Newest first: whatever cites an event comes before it, and the first that is met of a branch is its highest. */
  #rebuild(entry: Entry, floor: Hlc): Clock {
    this.rebuilds++
    const { log } = this.#history
    const highest: number[] = []
    const covered: number[] = []
    const last = this.#history.nOf(entry)
    if (this.#due.length <= last) this.#due = new Uint8Array(2 * last)
    this.#due[last] = 1
    for (let n = last, left = 1; left > 0; n--) {
      if (this.#due[n] === 0) continue
      this.#due[n] = 0
      left--
      const next = log[n - 1]!
      const index = this.#index(this.#history.branchOf(next), next.tag)
      if ((covered[index] ?? 0) >= next.seq) continue
      const kept = this.#kept.get(next.id)
      if (kept && kept.floor <= floor) {
        for (let i = 0; i < kept.clock.length; i++) covered[i] = Math.max(covered[i] ?? 0, kept.clock[i]!)
        continue
      }
      highest[index] ??= next.seq
      if (next.hlc <= floor) continue
      this.walked++
      for (const parent of next.parents) {
        if (chainOf(parent.kind) === 'c') continue
        const at = this.#history.nOf(parent)
        if (this.#due[at] === 1) continue
        this.#due[at] = 1
        left++
      }
    }
    const clock = new Uint32Array(Math.max(highest.length, covered.length))
    for (let i = 0; i < clock.length; i++) clock[i] = Math.max(highest[i] ?? 0, covered[i] ?? 0)
    return clock
  }

  #index(branch: Branch, tag: DeviceTag): number {
    let known = this.#branches.get(branch)
    if (!known) this.#branches.set(branch, (known = { index: this.#branches.size, tag }))
    return known.index
  }
}
