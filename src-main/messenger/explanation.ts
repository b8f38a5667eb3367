/** Why a message stands where it stands: what its author had seen, what is independent of it, and how late it came. */
import type { Explanation, Quote, Seen } from '../api/contract.ts'
import { chainOf, KIND, type Event } from '../core/event.ts'
import { hlcTimeMs } from '../core/hlc.ts'
import type { Entry } from '../core/history.ts'
import { isShown } from '../core/timeline.ts'
import { decodeReaction } from './content.ts'
import type { GroupLog } from './group-log.ts'

const MAX_SEEN = 8
/** Deliveries looked back at for messages that were overtaken; a pass over so many takes a few milliseconds. */
const MAX_DELIVERIES = 100_000

export interface ExplanationParts {
  log: GroupLog
  entry: Entry
  /** What is near it in the timeline, in its order. */
  neighbours: readonly Entry[]
  quote(entry: Entry): Promise<Quote>
  authorOf(event: Event): string
}

export async function explain(parts: ExplanationParts): Promise<Omit<Explanation, 'answers'>> {
  const { log, entry, neighbours, quote } = parts
  const { clocks } = log.engine
  const causes = clocks.causesOf(entry).slice(0, MAX_SEEN)
  const seen = await Promise.all(causes.map((cause) => describeCause(parts, cause)))
  const independent = neighbours.filter(
    (other) => chainOf(other.kind) === 'm' && clocks.concurrent(entry, other),
  )
  return {
    seen: seen.filter((one) => one !== undefined),
    independent: await Promise.all(independent.map(quote)),
    late: latenessOf(log, entry),
  }
}

/** undefined for a cause of a kind that no timeline shows. */
async function describeCause(
  { log, quote, authorOf }: ExplanationParts,
  cause: Entry,
): Promise<Seen | undefined> {
  if (isShown(cause.kind)) return quote(cause)
  if (cause.kind !== KIND.reaction) return undefined
  const event = await log.read(cause)
  const reaction = decodeReaction(log.contentOf(event))
  const target = reaction && log.engine.history.get(reaction.target)
  if (!target) return undefined
  return { ...(await quote(target)), reaction: { author: authorOf(event), emoji: reaction.emoji } }
}

/** What was delivered before a message and stands below it. */
function latenessOf({ engine: { history } }: GroupLog, entry: Entry): Explanation['late'] {
  const earlier = history.nOf(entry) - 1
  const overtaken = history.log
    .slice(Math.max(0, earlier - MAX_DELIVERIES), earlier)
    .filter(({ kind, hlc }) => kind === KIND.message && hlc > entry.hlc)
    .filter((other) => history.forks.isVisible(other))
  if (overtaken.length === 0) return undefined
  const latest = overtaken.reduce((a, b) => (b.hlc > a.hlc ? b : a))
  return { overtaken: overtaken.length, latestMs: hlcTimeMs(latest.hlc) }
}
