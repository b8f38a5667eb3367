/** What a crowd's run is counted by. */
import { orderingBytes } from '../../src-main/core/event.ts'
import type { Filed } from './archive.ts'
import type { CrowdPeer } from './crowd-peer.ts'
import { Histogram } from './histogram.ts'

/** Clocks are compared at one in so many of the events that are written. */
const CLOCKS_SAMPLED_ONE_IN = 16

/** Why a sync session began: a link came up, something is missing, or an hour has passed. */
export type Occasion = 'link' | 'gap' | 'routine'

interface Spread {
  p50: number
  p99: number
}

/** Sums over the whole run. */
export interface CrowdFigures {
  events: number
  deliveries: number
  received: number
  duplicates: number
  verified: number
  restored: number
  gossipSent: number
  gossipLost: number
  sessions: Record<Occasion, number>
  /** Questions for gaps, which need no session. */
  questions: number
  crashes: number
  /** Devices that everybody knows to have forked, and events that stay hidden for it, summed over peers. */
  forked: number
  hidden: number
  refused: Record<string, number>
  /** Deliveries of honest events at peers that had been on and undivided since they were published; others caught up. */
  live: number
  /** Deliveries of what came before it was due, because some clock is wrong by more than MAX_FUTURE_MS. */
  heldForDate: number
  latencyMs: Spread
  /** The same arrivals, had every event been shown when it came. */
  unorderedLatencyMs: Spread
  /** What the order costs: 1.1 means that it takes 10 % longer. */
  latencyRatio: Spread
  metadataBytes: { mean: number; p99: number }
  /** The citations of an event against the whole clock of its author, a number per member who has written. */
  clockBytes: { mean: number; fullMean: number; savedShare: number }
}

type Counted = Pick<CrowdFigures, 'events' | 'verified' | 'gossipSent' | 'gossipLost' | 'forked' | 'hidden'>

export class Tally {
  deliveries = 0
  received = 0
  duplicates = 0
  restored = 0
  questions = 0
  crashes = 0
  heldForDate = 0
  readonly sessions: Record<Occasion, number> = { link: 0, gap: 0, routine: 0 }
  readonly refused: Record<string, number> = {}
  #live = 0
  #written = 0
  readonly #metadata = new Histogram()
  readonly #ordered = new Histogram()
  readonly #unordered = new Histogram()
  readonly #sums = { metadata: 0, clocks: 0, clock: 0, fullClock: 0 }

  refuse(reason: string): void {
    this.refused[reason] = (this.refused[reason] ?? 0) + 1
  }

  /** A live event took so long to arrive, and so long until it was delivered. */
  noteLive(arrivedAfterMs: number, deliveredAfterMs: number): void {
    this.#live++
    this.#unordered.add(arrivedAfterMs)
    this.#ordered.add(deliveredAfterMs)
  }

  /** A peer wrote this event. */
  measure(peer: CrowdPeer, event: Filed): void {
    const sums = this.#sums
    const bytes = orderingBytes(event)
    sums.metadata += bytes
    this.#written++
    this.#metadata.add(bytes)
    if (event.index % CLOCKS_SAMPLED_ONE_IN !== 0) return
    const commitAndHeads = event.commit.length + (event.controlHeads ? 1 + 32 * event.controlHeads.length : 0)
    sums.clocks++
    sums.clock += bytes - commitAndHeads
    for (const { m } of peer.engine.history.devices)
      if (m.length > 0) sums.fullClock += m.length < 0x80 ? 1 : m.length < 0x4000 ? 2 : 3
  }

  figures({ events, verified, gossipSent, gossipLost, forked, hidden }: Counted): CrowdFigures {
    const { deliveries, received, duplicates, restored, questions, crashes, heldForDate } = this
    const { metadata, clocks, clock, fullClock } = this.#sums
    const [latencyMs, unorderedLatencyMs] = [spread(this.#ordered), spread(this.#unordered)]
    return {
      events,
      deliveries,
      received,
      duplicates,
      verified,
      restored,
      gossipSent,
      gossipLost,
      sessions: { ...this.sessions },
      questions,
      crashes,
      forked,
      hidden,
      refused: { ...this.refused },
      live: this.#live,
      heldForDate,
      latencyMs,
      unorderedLatencyMs,
      latencyRatio: {
        p50: latencyMs.p50 / unorderedLatencyMs.p50,
        p99: latencyMs.p99 / unorderedLatencyMs.p99,
      },
      metadataBytes: { mean: metadata / this.#written, p99: this.#metadata.percentile(0.99) },
      clockBytes: {
        mean: clock / clocks,
        fullMean: fullClock / clocks,
        savedShare: 1 - clock / fullClock,
      },
    }
  }
}

function spread(histogram: Histogram): Spread {
  return { p50: histogram.percentile(0.5), p99: histogram.percentile(0.99) }
}
