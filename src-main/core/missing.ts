/**
 * What is known to be missing here because something waits for it, and what a peer hands over of that. Cheaper
 * than a whole sync session: the work grows with what is asked for and sent, on both sides.
 */
import type { DeviceTag, EventId } from '../api/contract.ts'
import type { DeliveryBuffer } from './delivery.ts'
import { chainOf, type Chain } from './event.ts'
import type { Entry, History } from './history.ts'
import { MAX_MISSING_EVENTS, MAX_MISSING_HEADS, MAX_MISSING_RANGES } from './limits.ts'

/** Places of one chain, from the first to the last. */
export interface Range {
  tag: DeviceTag
  chain: Chain
  from: number
  to: number
}

/** Places, and control events that are known by their id only. */
export interface Missing {
  ranges: Range[]
  heads: EventId[]
}

/**
 * What the waiting events lack. With more than MAX_MISSING_RANGES, the first range of every device comes before the second
 * of any: what somebody plants against one device hides nothing of another. Devices without an event here are known
 * by their control events first.
 */
export function findMissing(history: History, waiting: ReturnType<DeliveryBuffer['values']>): Missing {
  const wanted = new Map<string, { tag: DeviceTag; chain: Chain; last: number; here: number[] }>()
  const want = (tag: DeviceTag, chain: Chain, last: number, here?: number) => {
    const known = wanted.get(chain + tag)
    const place = known ?? { tag, chain, last: 0, here: [] }
    if (!known) wanted.set(chain + tag, place)
    if (last > place.last) place.last = last
    if (here !== undefined) place.here.push(here)
  }
  const heads = new Set<EventId>()
  const here = new Set<EventId>()
  for (const { event } of waiting) {
    const { id, tag, kind, seq, deps, controlHeads } = event
    here.add(id)
    if (history.forks.has(tag)) continue
    want(tag, chainOf(kind), seq - 1, seq)
    for (const dot of deps) if (history.knows(dot.tag)) want(dot.tag, 'm', dot.seq)
    for (const head of controlHeads ?? []) if (!history.get(head)) heads.add(head)
  }
  const rangesOf = [...wanted.values()].map((place) => rangesBetween(history, place))
  const ranges: Range[] = []
  for (let round = 0; rangesOf.some((some) => some.length > round); round++)
    for (const some of rangesOf) if (some[round]) ranges.push(some[round]!)
  return {
    ranges: ranges.slice(0, MAX_MISSING_RANGES),
    heads: [...heads].filter((id) => !here.has(id)).slice(0, MAX_MISSING_HEADS),
  }
}

/** What is here of what somebody lacks, in delivery order; of each range the beginning, when all of it would be too much. */
export function eventsOf({ ranges, heads }: Missing, history: History): Entry[] {
  const found = new Set<Entry>()
  const share = Math.max(1, Math.floor(MAX_MISSING_EVENTS / Math.max(1, ranges.length)))
  for (const { tag, chain, from, to } of ranges) {
    const last = Math.min(to, history.chain(tag, chain).length, from + share - 1)
    for (let seq = from; seq <= last; seq++)
      for (const entry of history.all(tag, chain, seq)) if (history.forks.isKept(entry)) found.add(entry)
  }
  for (const id of heads) {
    const entry = history.get(id)
    if (entry && chainOf(entry.kind) === 'c' && history.forks.isKept(entry)) found.add(entry)
  }
  return history.inOrder([...found]).slice(0, MAX_MISSING_EVENTS)
}

/** What is missing of one chain up to a place, between what is delivered and what waits. */
function rangesBetween(
  history: History,
  { tag, chain, last, here }: { tag: DeviceTag; chain: Chain; last: number; here: number[] },
): Range[] {
  const ranges: Range[] = []
  let from = history.chain(tag, chain).length + 1
  for (const seq of [...here.sort((a, b) => a - b), last + 1]) {
    const to = Math.min(seq - 1, last)
    if (to >= from) ranges.push({ tag, chain, from, to })
    from = Math.max(from, seq + 1)
  }
  return ranges
}
