/** Events that are set aside: nobody knows their author yet, they are dated ahead, or they were not taken. */
import type { DeviceTag, EventId } from '../api/contract.ts'
import type { Event } from './event.ts'
import { hlcAt } from './hlc.ts'
import {
  MAX_FUTURE_EVENTS,
  MAX_FUTURE_MS,
  MAX_HELD_EVENTS,
  MAX_HELD_PER_DEVICE,
  MAX_REFUSED_KEPT,
} from './limits.ts'

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

/** Verified events that are dated too far ahead, until they are due. */
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

  /** False when it does not fit. */
  add(event: Event, from: string): boolean {
    if (this.#events.size >= MAX_FUTURE_EVENTS) return false
    this.#events.set(event.id, { event, from })
    return true
  }

  /** Takes out what is due. */
  takeDue(nowMs: number): { event: Event; from: string }[] {
    const due = [...this.#events.values()].filter(({ event }) => this.isDue(event, nowMs))
    for (const { event } of due) this.#events.delete(event.id)
    return due
  }
}

/**
 * The last event of each device that was signed and not taken, of the devices that this happened to last. Two such
 * events may prove a fork (core/fork.ts), and whoever has the proof hands them over one right after the other.
 */
export class Refused {
  readonly #lastOf = new Map<DeviceTag, Event>()

  get(tag: DeviceTag): Event | undefined {
    return this.#lastOf.get(tag)
  }

  add(event: Event): void {
    this.#lastOf.delete(event.tag)
    this.#lastOf.set(event.tag, event)
    if (this.#lastOf.size > MAX_REFUSED_KEPT) this.#lastOf.delete(this.#lastOf.keys().next().value!)
  }
}
