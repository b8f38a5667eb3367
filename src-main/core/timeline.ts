/**
 * The one display order that every device computes. Keys sort by hlc, then device tag, chain and seq. hlc strictly
 * grows along every dependency, so the order is a linear extension of happens-before; a key never changes, so
 * a late event is inserted and nothing already shown is reordered. Never compare pairwise by
 * "link, else clock, else hash": that relation is not transitive.
 *
 *      a1 ── b1 ── a2        hlc 10, 12, 13
 *        └── c1              hlc 11            timeline: a1 c1 b1 a2, on every device, in whatever order they came
 */
import type { TimelineKey } from '../api/contract.ts'
import { chainOf, KIND, type EventFields } from './event.ts'

/** Hex text of fixed width: compare as strings. */
export function timelineKey({
  hlc,
  tag,
  kind,
  seq,
}: Pick<EventFields, 'hlc' | 'tag' | 'kind' | 'seq'>): TimelineKey {
  const chain = chainOf(kind) === 'c' ? '00' : '01'
  return hlc.toString(16).padStart(16, '0') + tag + chain + seq.toString(16).padStart(14, '0')
}

/** Length of every timeline key, in hex digits. */
export const TIMELINE_KEY_LENGTH = 48

const SHOWN: ReadonlySet<number> = new Set([
  KIND.message,
  KIND.notice,
  KIND.settings,
  KIND.create,
  KIND.join,
  KIND.add,
  KIND.enter,
  KIND.role,
  KIND.remove,
  KIND.removeDevice,
  KIND.successor,
  KIND.succeed,
])

/** The body kinds whose events are shown in the timeline; the rest changes what is shown. */
export function isShown(kind: number): boolean {
  return SHOWN.has(kind)
}
