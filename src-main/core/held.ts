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

/**
 * Verified events that are dated too far ahead, until they are due. When there is no room left, the device that takes up
 * most of it gives up what is due last, as in FairShare: dating ahead, nobody crowds out a member whose clock is wrong.
 */
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

  /** Returns what gives way: another event, or this one. */
  add(event: Event, from: string): Event | undefined {
    this.#events.set(event.id, { event, from })
    if (this.#events.size <= MAX_FUTURE_EVENTS) return undefined
    const last = this.#lastOfHeaviest()
    this.#events.delete(last.id)
    return last
  }

  /** Takes out what is due. */
  takeDue(nowMs: number): { event: Event; from: string }[] {
    const due = [...this.#events.values()].filter(({ event }) => this.isDue(event, nowMs))
    for (const { event } of due) this.#events.delete(event.id)
    return due
  }

  /** Of the device with the most events here, the one that is due last. */
  #lastOfHeaviest(): Event {
    const byDevice = Map.groupBy([...this.#events.values()], ({ event }) => event.tag)
    const heaviest = [...byDevice.values()].reduce((a, b) => (b.length > a.length ? b : a))
    return heaviest.map(({ event }) => event).reduce((a, b) => (b.hlc > a.hlc ? b : a))
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
