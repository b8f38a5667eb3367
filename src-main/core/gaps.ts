/**
 * What is known to be missing here, because something that waits cites it; and when to ask whom for it.
 */
import type { DeviceTag } from '../api/contract.ts'
import type { Pending } from './delivery.ts'
import { chainOf } from './event.ts'
import type { History } from './history.ts'
import { GAP_ASK_ALL_AFTER_MS, GAP_ASK_MORE_AFTER_MS, GAP_ASK_SOURCE_AFTER_MS } from './limits.ts'
import type { Missing } from './missing.ts'

/** What is known to be missing of one device. */
export interface Gap {
  tag: DeviceTag
  count: number
}

/**
 * Whom to ask, the narrowest first: the neighbours that handed over what waits, two others, two others for all they have,
 * everybody for all they have.
 */
export type Width = 'source' | 'more' | 'again' | 'all'

export interface Question {
  width: Width
  /** Neighbours that handed over what waits. */
  sources: string[]
}

/** What to do about a question. */
export interface Asking {
  peers: string[]
  /** For all that they have, in a sync session; else for what is missing. */
  forAll: boolean
}

const MORE_PEERS = 2
const WIDTHS: readonly Width[] = ['source', 'more', 'again', 'all']
const STAGES: readonly Width[] = ['source', 'more', 'all']

/** Whom to ask, of the neighbours that can be reached, given in random order: all of them, when there are no others. */
export function askingFor(
  { width, sources }: Question,
  { ranges, heads }: Missing,
  reachable: readonly string[],
): Asking {
  const others = reachable.filter((peer) => !sources.includes(peer))
  const peers =
    width === 'source'
      ? reachable.filter((peer) => sources.includes(peer))
      : others.slice(0, width === 'all' ? undefined : MORE_PEERS)
  const isKnown = ranges.length + heads.length > 0
  return {
    peers: peers.length > 0 ? peers : [...reachable],
    forAll: width === 'all' || width === 'again' || !isKnown,
  }
}

/** How many events of which device are known to exist, by what waits, and missing here. */
export function gapsOf(pending: Iterable<Pending>, history: History): Gap[] {
  const furthest = new Map<DeviceTag, number>()
  const tell = (tag: DeviceTag, seq: number) => {
    if (seq > history.chain(tag, 'm').length && seq > (furthest.get(tag) ?? 0)) furthest.set(tag, seq)
  }
  const waiting = new Map<DeviceTag, number[]>()
  for (const { event } of pending) {
    if (chainOf(event.kind) === 'c') continue
    tell(event.tag, event.seq - 1)
    for (const dot of event.deps) tell(dot.tag, dot.seq)
    waiting.set(event.tag, [...(waiting.get(event.tag) ?? []), event.seq])
  }
  return [...furthest].map(([tag, last]) => {
    const here = (waiting.get(tag) ?? []).filter((seq) => seq <= last).length
    return { tag, count: Math.max(1, last - history.chain(tag, 'm').length - here) }
  })
}

/**
 * Per author of what waits, one question per stage of its oldest gap: its sources first, then two more peers, then all;
 * then, after twice as long each time, two of them for all they have. What nobody had when all were asked comes to one
 * of them first. So a member who plants what can never be delivered makes nobody ask for long, or much, and holds up no
 * question about anybody else.
 */
export class GapQuestions {
  /** Questions asked so far about what waits of a device. */
  readonly #asked = new Map<DeviceTag, number>()

  /** The question that is due now, if any. */
  next(pending: Iterable<Pending>, atMs: number): Question | undefined {
    const gaps = new Map<DeviceTag, { ageMs: number; sources: Set<string> }>()
    for (const { event, sinceMs, from } of pending) {
      const ageMs = atMs - sinceMs
      if (ageMs < GAP_ASK_SOURCE_AFTER_MS) continue
      const gap = gaps.get(event.tag) ?? { ageMs, sources: new Set() }
      gap.ageMs = Math.max(gap.ageMs, ageMs)
      gap.sources.add(from)
      gaps.set(event.tag, gap)
    }
    for (const tag of this.#asked.keys()) if (!gaps.has(tag)) this.#asked.delete(tag)
    let widest = -1
    const sources = new Set<string>()
    for (const [tag, gap] of gaps) {
      const stage = this.#asked.get(tag) ?? 0
      const dueAfterMs = [GAP_ASK_SOURCE_AFTER_MS, GAP_ASK_MORE_AFTER_MS][stage]
      if (gap.ageMs < (dueAfterMs ?? GAP_ASK_ALL_AFTER_MS * 2 ** (stage - 2))) continue
      this.#asked.set(tag, stage + 1)
      widest = Math.max(widest, WIDTHS.indexOf(STAGES[stage] ?? 'again'))
      for (const source of gap.sources) sources.add(source)
    }
    const width = WIDTHS[widest]
    return width && { width, sources: [...sources] }
  }
}
