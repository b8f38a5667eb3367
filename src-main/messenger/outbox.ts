/**
 * Own events on their way to a topic. When nothing has left for a while, an event leaves at once; under load events
 * leave together, a few milliseconds later at most. Bounded: what does not fit is dropped here and found again by sync.
 */
import { EVENTS_FRAME_SIZE_BYTES, MAX_OUTBOX_SIZE_BYTES } from '../core/limits.ts'
import type { Network } from '../network/network.ts'
import type { Time } from './time.ts'

/** How events are put together. */
export interface Batching {
  /** Two batches leave at least so long after each other: the most that batching delays an event. */
  intervalMs: number
  /** Events of one batch. */
  maxEvents: number
}

export const BATCHING: Batching = { intervalMs: 4, maxEvents: Infinity }

export interface OutboxParts<Event> {
  network: Network
  /** Where an event goes. */
  topics(event: Event): readonly string[]
  time: Time
  /** Events that fit into a frame together, as one message. */
  encode(events: readonly Event[]): Uint8Array
  batching?: Batching | undefined
}

export class Outbox<Event extends { bytes: Uint8Array }> {
  readonly #parts: OutboxParts<Event>
  readonly #batching: Batching
  #waiting: { event: Event; topics: readonly string[] }[] = []
  #waitingSizeBytes = 0
  #lastSentMs = -Infinity
  #cancelTimer: (() => void) | undefined
  #sending = false
  #isStopped = false

  constructor(parts: OutboxParts<Event>) {
    this.#parts = parts
    this.#batching = parts.batching ?? BATCHING
  }

  push(event: Event): void {
    if (this.#isStopped || this.#waitingSizeBytes + event.bytes.length > MAX_OUTBOX_SIZE_BYTES) return
    this.#waiting.push({ event, topics: this.#parts.topics(event) })
    this.#waitingSizeBytes += event.bytes.length
    this.#sendWhenDue()
  }

  /** Nothing leaves any more. */
  stop(): void {
    this.#isStopped = true
    this.#cancelTimer?.()
    this.#waiting = []
  }

  #sendWhenDue(): void {
    if (this.#waiting.length === 0 || this.#cancelTimer || this.#sending) return
    const { time } = this.#parts
    const waitMs = this.#batching.intervalMs - (time.monotonicMs() - this.#lastSentMs)
    if (waitMs <= 0) void this.#send()
    else
      this.#cancelTimer = time.after(waitMs, () => {
        this.#cancelTimer = undefined
        void this.#send()
      })
  }

  async #send(): Promise<void> {
    const { network, time, encode } = this.#parts
    this.#sending = true
    this.#lastSentMs = time.monotonicMs()
    // Whoever misses it finds it by sync.
    const { events, topics } = this.#take()
    const bytes = encode(events)
    await Promise.all(topics.map((topic) => network.publish(topic, bytes).catch(() => {})))
    this.#sending = false
    this.#sendWhenDue()
  }

  /** The oldest events that fit into one batch, and go to the same topics. */
  #take(): { events: Event[]; topics: readonly string[] } {
    const [{ topics } = { topics: [] }] = this.#waiting
    let sizeBytes = 0
    let count = 0
    for (const { event, topics: others } of this.#waiting) {
      const { bytes } = event
      if (count === this.#batching.maxEvents || sizeBytes + bytes.length > EVENTS_FRAME_SIZE_BYTES) break
      if (others.join() !== topics.join()) break
      sizeBytes += bytes.length
      count++
    }
    this.#waitingSizeBytes -= sizeBytes
    return { events: this.#waiting.splice(0, count).map(({ event }) => event), topics }
  }
}
