/**
 * What one session has for its peer, ready to be handed over in slices by date.
 *
 * A date (hlc) grows along every citation, so everything that an event of a slice cites lies in this slice or in
 * earlier ones, or is with the peer already: whoever takes slices in, in order, lets nothing wait. Equal differences
 * are cut into equal slices, so several peers can share the work.
 */
import type { DeviceTag } from '../api/contract.ts'
import type { Difference } from './difference.ts'
import type { Hlc } from './hlc.ts'
import type { Entry, History } from './history.ts'
import { MAX_LOOKS_PER_EVENT, MAX_SLICES, SLICE_EVENTS } from './limits.ts'
import type { Plan, Want } from './sync.ts'
import { isShown, timelineKey } from './timeline.ts'

/** Events of the log and, before them, proofs against devices, two events each. */
export interface Portion {
  proofs: readonly DeviceTag[]
  entries: readonly Entry[]
  count: number
}

export class Offer {
  readonly #history: History
  readonly #controls: Portion
  /** In order of dates; each in delivery order. */
  readonly #slices: { to: Hlc; entries: Entry[] }[]
  /** Looks at events that are left. */
  #looks: number

  constructor(history: History, { c, m }: Difference, proofs: readonly DeviceTag[]) {
    this.#history = history
    this.#controls = { proofs, entries: c, count: 2 * proofs.length + c.length }
    this.#slices = cut(m)
    this.#looks = MAX_LOOKS_PER_EVENT * (this.#controls.count + m.length + SLICE_EVENTS)
  }

  get plan(): Plan {
    const slices = this.#slices.map(({ to, entries }) => ({ to, count: entries.length }))
    return { controls: this.#controls.count, slices }
  }

  /** What is there of it; 'too-much' when so many questions are an attack. */
  portion({ chain, from, to }: Want): Portion | 'too-much' {
    if (chain === 'c') {
      this.#looks -= this.#controls.count + 1
      return this.#looks < 0 ? 'too-much' : this.#controls
    }
    const touched = this.#slices.filter(
      (slice, i) => slice.to >= from && (i === 0 || this.#slices[i - 1]!.to < to),
    )
    this.#looks -= touched.reduce((sum, { entries }) => sum + entries.length, 1)
    if (this.#looks < 0) return 'too-much'
    const entries = touched.flatMap((slice) => slice.entries).filter(({ hlc }) => hlc >= from && hlc <= to)
    const inOrder = touched.length > 1 ? this.#history.inOrder(entries) : entries
    return { proofs: [], entries: inOrder, count: entries.length }
  }
}

/** The last events of the timeline, in its order. One pass over the log. */
export function newest({ log, forks }: History, limit: number): Entry[] {
  const found: Entry[] = []
  for (let i = log.length - 1; i >= 0 && limit > 0; i--) {
    const entry = log[i]!
    if (found.length === limit && entry.hlc <= found[0]!.hlc) continue
    if (!isShown(entry.kind) || !forks.isVisible(entry)) continue
    let at = found.length
    while (at > 0 && found[at - 1]!.hlc > entry.hlc) at--
    found.splice(at, 0, entry)
    if (found.length > limit) found.shift()
  }
  return found.sort((a, b) => (timelineKey(a) < timelineKey(b) ? -1 : 1))
}

/** Cuts by date into slices of about equal size; entries in delivery order stay in it. */
function cut(entries: readonly Entry[]): { to: Hlc; entries: Entry[] }[] {
  const size = Math.max(SLICE_EVENTS, Math.ceil(entries.length / MAX_SLICES))
  const dates = BigUint64Array.from(entries, ({ hlc }) => hlc).sort()
  const slices: { to: Hlc; entries: Entry[] }[] = []
  for (let last = size - 1; last < dates.length + size - 1; last += size) {
    const to = dates[Math.min(last, dates.length - 1)]!
    if (slices.at(-1)?.to !== to) slices.push({ to, entries: [] })
  }
  for (const entry of entries) {
    let from = 0
    for (let to = slices.length - 1; from < to;) {
      const middle = (from + to) >> 1
      if (slices[middle]!.to < entry.hlc) from = middle + 1
      else to = middle
    }
    slices[from]!.entries.push(entry)
  }
  return slices
}
