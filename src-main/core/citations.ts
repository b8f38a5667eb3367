/**
 * What an event cites: its device's previous event, dots of the message chain, control heads by id. Here is which of
 * them an own event names, and which delivered events a peer's event means.
 *
 * Where a device forked, a place does not tell which event is meant; the commitment does. So every device binds an
 * event to the same past.
 */
import type { DeviceTag, EventId } from '../api/contract.ts'
import { equalBytes } from './bytes.ts'
import type { Clocks } from './clock.ts'
import type { Watch } from './delivery.ts'
import { chainOf, commitTo, type Dot, type Event, type Sha256 } from './event.ts'
import type { Entry, History } from './history.ts'
import { MAX_BRANCH_CHOICES, MAX_CONTROL_HEADS, MAX_DEPS, MAX_UNHEARD } from './limits.ts'
import type { Reason } from './reasons.ts'

/** The one predecessor to wait for, in the order own previous, dots, control heads. */
export function firstMissing(
  { tag, kind, seq, deps, controlHeads }: Event,
  history: History,
): Watch | undefined {
  const chain = chainOf(kind)
  if (seq > 1 && !history.at(tag, chain, seq - 1)) return { tag, chain, seq: seq - 1 }
  for (const dot of deps) if (!history.at(dot.tag, 'm', dot.seq)) return { ...dot, chain: 'm' }
  for (const id of controlHeads ?? []) if (!history.get(id)) return { id }
  return undefined
}

/** The delivered events that an event of which nothing is missing cites, in the order of Entry.parents. */
export function bind(
  event: Event,
  history: History,
  sha256: Sha256,
): { parents: Entry[] } | { reason: Reason } {
  const { tag, kind, seq, deps, controlHeads, commit } = event
  const places = deps.map((dot) => history.all(dot.tag, 'm', dot.seq))
  if (seq > 1) places.unshift(history.all(tag, chainOf(kind), seq - 1))
  const heads = (controlHeads ?? []).map((id) => history.get(id)!)
  if (heads.some((head) => chainOf(head.kind) !== 'c')) return { reason: 'bad-control-head' }
  for (const cited of choices(places, MAX_BRANCH_CHOICES)) {
    const ids = cited.map(({ id }) => id)
    const previous = seq > 1 ? ids.shift() : undefined
    if (equalBytes(commit, commitTo(previous, ids, controlHeads, sha256)))
      // Kept for good, and most events cite one side only: concat() leaves no room to grow, as spreading does.
      return { parents: heads.length === 0 ? cited : cited.concat(heads) }
  }
  return { reason: 'commit-mismatch' }
}

/**
 * The tips that an own event cites: heads that the own previous event does not cover.
 * With more than MAX_DEPS, the oldest, but first one that covers the event this one answers.
 */
export function tipsToCite(
  previous: Entry | undefined,
  covers: EventId | undefined,
  history: History,
  clocks: Clocks,
): Dot[] {
  const tips = [...history.heads.values()].filter((head) => head !== previous)
  const oldestFirst = tips.sort((a, b) => (a.hlc < b.hlc ? -1 : a.hlc > b.hlc ? 1 : a.tag < b.tag ? -1 : 1))
  const target = covers === undefined ? undefined : history.get(covers)
  if (tips.length > MAX_DEPS && target) {
    const covering = tips.findIndex((tip) => tip === target || clocks.happensBefore(target, tip))
    if (covering >= MAX_DEPS) tips.unshift(...tips.splice(covering, 1))
  }
  return oldestFirst
    .slice(0, MAX_DEPS)
    .map(({ tag, seq }) => ({ tag, seq }))
    .sort((a, b) => (a.tag < b.tag ? -1 : 1))
}

/**
 * The ends of a device's chains that nobody else's event builds on, in delivery order: perhaps nobody has heard of them,
 * because its power failed, or its network, after they were written. The last MAX_UNHEARD.
 *
 * One pass back through the log. What a device wrote before a message lies in the past of that.
 */
export function unheardOf(tag: DeviceTag, { log }: History): Entry[] {
  const heard = { m: 0, c: 0 }
  const unheard: Entry[] = []
  for (let i = log.length - 1; i >= 0 && unheard.length < MAX_UNHEARD; i--) {
    const entry = log[i]!
    if (entry.tag === tag) {
      const chain = chainOf(entry.kind)
      if (entry.seq > heard[chain]) unheard.push(entry)
      else if (chain === 'm') break
    } else
      for (const { tag: author, kind, seq } of entry.parents)
        if (author === tag) heard[chainOf(kind)] = Math.max(heard[chainOf(kind)], seq)
  }
  return unheard.reverse()
}

/** Ids of the control heads: at most MAX_CONTROL_HEADS, the oldest. */
export function controlFrontier({ controlHeads }: History): EventId[] {
  return [...controlHeads.values()]
    .sort((a, b) => (a.hlc < b.hlc ? -1 : 1))
    .slice(0, MAX_CONTROL_HEADS)
    .map((entry) => entry.id)
    .sort()
}

/** One of each, in all ways; no more than limit ways. */
function* choices<T>(places: readonly (readonly T[])[], limit: number): Generator<T[]> {
  const total = places.reduce((product, place) => product * place.length, 1)
  for (let way = 0; way < Math.min(total, limit); way++) {
    let rest = way
    yield places.map((place) => {
      const choice = place[rest % place.length]!
      rest = Math.floor(rest / place.length)
      return choice
    })
  }
}
