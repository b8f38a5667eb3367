/**
 * The clock that decides whether an event is dated too far ahead. A slow local clock must not hold back what
 * everybody else sees, and no single neighbour may push it: the upper median of this device's own offset (0) and its
 * neighbours', never negative and at most MAX_OFFSET_MS. It only delays; it decides about no event's validity.
 */
const MAX_OFFSET_MS = 24 * 60 * 60 * 1000

export class ReferenceClock {
  readonly #local: () => number
  readonly #offsets = new Map<string, number>()
  /** What the neighbours' clocks make of it. */
  #offsetMs = 0

  /** local: unix ms. */
  constructor(local: () => number) {
    this.#local = local
  }

  /** What a linked neighbour's clock shows, relative to now(). */
  note(peer: string, offsetMs: number): void {
    this.#offsets.set(peer, offsetMs + this.#offsetMs)
    this.#settle()
  }

  forget(peer: string): void {
    if (this.#offsets.delete(peer)) this.#settle()
  }

  now(): number {
    return this.#local() + this.#offsetMs
  }

  #settle(): void {
    const offsets = [0, ...this.#offsets.values()].sort((a, b) => a - b)
    const median = offsets[Math.floor(offsets.length / 2)]!
    this.#offsetMs = Math.min(MAX_OFFSET_MS, Math.max(0, median))
  }
}
