/**
 * Own events on their way to a topic. When nothing has left for BATCH_MS, an event leaves at once; under load events
 * leave together, at most BATCH_MS later. Bounded: what does not fit is dropped here and found again by sync.
 */
import { EVENTS_FRAME_SIZE_BYTES } from '../core/limits.ts'
import { encodeEvents } from '../core/sync.ts'
import type { Network } from '../network/network.ts'
import type { Time } from './time.ts'

const BATCH_MS = 4
const MAX_WAITING_SIZE_BYTES = 4 * 1024 * 1024

export class Outbox {
  readonly #network: Network
  readonly #topic: string
  #waiting: Uint8Array[] = []
  #waitingSizeBytes = 0
  #lastSentMs = -Infinity
  readonly #time: Time
  #cancelTimer: (() => void) | undefined
  #sending = false

  constructor(network: Network, topic: string, time: Time) {
    this.#network = network
    this.#time = time
    this.#topic = topic
  }

  push(event: Uint8Array): void {
    if (this.#waitingSizeBytes + event.length > MAX_WAITING_SIZE_BYTES) return
    this.#waiting.push(event)
    this.#waitingSizeBytes += event.length
    if (this.#cancelTimer || this.#sending) return
    const idleMs = this.#time.monotonicMs() - this.#lastSentMs
    if (idleMs >= BATCH_MS) void this.#send()
    else this.#cancelTimer = this.#time.after(BATCH_MS - idleMs, () => void this.#send())
  }

  stop(): void {
    this.#cancelTimer?.()
    this.#waiting = []
  }

  async #send(): Promise<void> {
    this.#cancelTimer = undefined
    this.#sending = true
    while (this.#waiting.length > 0) {
      let sizeBytes = 0
      let count = 0
      for (const event of this.#waiting) {
        if (count > 0 && sizeBytes + event.length > EVENTS_FRAME_SIZE_BYTES) break
        sizeBytes += event.length
        count++
      }
      const batch = this.#waiting.splice(0, count)
      this.#waitingSizeBytes -= sizeBytes
      this.#lastSentMs = this.#time.monotonicMs()
      // Whoever misses it finds it by sync.
      await this.#network.publish(this.#topic, encodeEvents(batch)).catch(() => {})
    }
    this.#sending = false
  }
}
