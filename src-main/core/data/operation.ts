/**
 * What the replicated types of this folder share. Each is a fold of operations, delivered once each and in causal
 * order (Shapiro et al., "Conflict-free Replicated Data Types", 2011; Baquero, Almeida and Shoker, "Making
 * Operation-based CRDTs Operation-based", 2014). State is a collection of records, each under the dot of the
 * operation that wrote it. An operation adds at most one record, and drops records that it observed:
 *
 *      a  write 1 ────── write 3 {b1}      a has seen its own write and b's, and replaces both;
 *                       /                  c has seen nothing: its write 4 stays beside write 3,
 *      b  write 2 ─────┘                   in whatever order the four arrive
 *      c  write 4
 *
 * 1. After a causally closed set of operations, a record is here if and only if its operation is in the set and no
 *    operation of the set observed it. That says nothing of an order: all linear extensions give the same state.
 * 2. Nothing is kept of a dropped record. Whoever observed a dot has it in its causal past, so the dot was delivered
 *    before, here too, and is delivered once: it can never come back. Hence no tombstones (Bieniusa et al., "An
 *    Optimized Conflict-free Replicated Set", 2012).
 * 3. An author may lie about what it observed. A dot outside the past of its event would be dropped where it came
 *    first and kept where it came later; such a claim counts for nothing. The engine knows the past (`saw`).
 *
 * The past of an event is what it cites: at most MAX_DEPS tips. An author with more tips must let them be covered first,
 * or what it observed beyond them stays.
 */
import type { DeviceTag, TimelineKey } from '../../api/contract.ts'
import type { Clocks } from '../clock.ts'
import type { Dot } from '../event.ts'
import type { Entry, History } from '../history.ts'
import { timelineKey } from '../timeline.ts'
import { MAX_OBSERVED } from './limits.ts'

/** What an author wrote (`change`), and what the engine says about its event (the rest). */
export interface Operation<Change> {
  dot: Dot
  key: TimelineKey
  /** Whether a dot is in the past of the event, itself left out. */
  saw: (dot: Dot) => boolean
  change: Change
}

/** One dot per device: records of that device up to that seq were there. At most MAX_OBSERVED, sorted by tag. */
export type Observed = readonly Dot[]

/** Whether the record of a dot is to be dropped. */
export type Covers = (dot: Dot) => boolean

/** A replicated type. State is changed in place; its size is 0 exactly when it holds no record. */
export interface DataType<State extends { readonly size: number }, Change, Value> {
  empty(): State
  /** False when the change is out of its limits: then nothing happened, and nothing does anywhere. */
  apply(state: State, operation: Operation<Change>): boolean
  /** What to show: the same for equal sets of operations, order included. */
  value(state: State): Value
  /** What somebody who removes all of it would list. */
  observe(state: State): Observed
  /** Drops the covered records: how a map removes a key, whatever it holds. */
  forget(state: State, covers: Covers): void
}

/** Makes an operation of a delivered message event and the change in its body. */
export function operationOf<Change>(
  entry: Entry,
  change: Change,
  history: History,
  clocks: Clocks,
): Operation<Change> {
  const saw = (dot: Dot) => {
    const cited = history.at(dot.tag, 'm', dot.seq)
    return cited !== undefined && clocks.happensBefore(cited, entry)
  }
  return { dot: { tag: entry.tag, seq: entry.seq }, key: timelineKey(entry), saw, change }
}

/** The part of a claim that is true. */
export function coveredBy({ saw }: Pick<Operation<unknown>, 'saw'>, observed: Observed): Covers {
  const upTo = latestOf(observed.filter(saw))
  return ({ tag, seq }) => seq <= (upTo.get(tag) ?? 0)
}

/** Lists records as observed: the latest of each device stands for its earlier ones, which its chain puts before it. */
export function observe(records: Iterable<Dot>): Observed {
  const sorted = [...latestOf(records)].sort(([a], [b]) => (a < b ? -1 : 1))
  return sorted.slice(0, MAX_OBSERVED).map(([tag, seq]) => ({ tag, seq }))
}

function latestOf(dots: Iterable<Dot>): Map<DeviceTag, number> {
  const latest = new Map<DeviceTag, number>()
  for (const { tag, seq } of dots) if (seq > (latest.get(tag) ?? 0)) latest.set(tag, seq)
  return latest
}
