/** Events that are set aside before anything waits for them: nobody knows their author yet, or they are dated ahead. */
import type { DeviceTag, EventId } from '../api/contract.ts'
import type { Event } from './event.ts'
import { hlcAt } from './hlc.ts'
import { MAX_FUTURE_EVENTS, MAX_FUTURE_MS, MAX_HELD_EVENTS, MAX_HELD_PER_DEVICE } from './limits.ts'

interface Held {
  bytes: Uint8Array
  /** The neighbour that handed it over. */
  from: string
}

/** Unverified bytes of devices that the roster does not know yet. What does not fit is dropped. */
export class Strangers {
  readonly #held = new Map<DeviceTag, Held[]>()
  #count = 0

  hold(tag: DeviceTag, bytes: Uint8Array, from: string): void {
    const held = this.#held.get(tag) ?? []
    if (this.#count >= MAX_HELD_EVENTS || held.length >= MAX_HELD_PER_DEVICE) return
    held.push({ bytes, from })
    this.#held.set(tag, held)
    this.#count++
  }

  /** What this device sent before it was known; it is held no longer. */
  release(tag: DeviceTag): Held[] {
    const held = this.#held.get(tag) ?? []
    this.#held.delete(tag)
    this.#count -= held.length
    return held
  }
}

/** Verified events that are dated too far ahead, until they are due. What does not fit is dropped. */
export class Future {
  readonly #events = new Map<EventId, { event: Event; from: string }>()

  get size(): number {
    return this.#events.size
  }

  has(id: EventId): boolean {
    return this.#events.has(id)
  }

  find(matches: (event: Event) => boolean): Event | undefined {
    return [...this.#events.values()].find(({ event }) => matches(event))?.event
  }

  /** nowMs: the reference clock in unix ms. */
  isDue({ hlc }: Event, nowMs: number): boolean {
    return hlc <= hlcAt(nowMs + MAX_FUTURE_MS)
  }

  add(event: Event, from: string): void {
    if (this.#events.size < MAX_FUTURE_EVENTS) this.#events.set(event.id, { event, from })
  }

  /** Takes out what is due. */
  takeDue(nowMs: number): { event: Event; from: string }[] {
    const due = [...this.#events.values()].filter(({ event }) => this.isDue(event, nowMs))
    for (const { event } of due) this.#events.delete(event.id)
    return due
  }
}
