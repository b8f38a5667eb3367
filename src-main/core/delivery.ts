/**
 * The buffer of events that arrived before what they depend on.
 *
 * 1. Each waiting event watches exactly ONE missing predecessor (single watch). When that one is delivered the event
 *    is looked at again, and may then watch the next. So a delivery costs O(events it wakes), however many
 *    undeliverable events a hostile member has planted.
 * 2. The buffer never exceeds the MAX_PENDING_* limits; what is evicted is fetched again by sync.
 * 3. Nothing waits longer than MAX_PENDING_AGE_MS: what an event cites may be lost for everybody, with its author's disk.
 *    Then a group is settled when the last such event has been dropped.
 */
import type { DeviceTag, EventId } from '../api/contract.ts'
import type { Chain, Event } from './event.ts'
import {
  MAX_PENDING_AGE_MS,
  MAX_PENDING_PER_DEVICE,
  MAX_PENDING_PER_GROUP,
  MAX_PENDING_PER_SOURCE,
  MAX_PENDING_SIZE_BYTES,
} from './limits.ts'

/** The one predecessor that an event waits for: a place in a chain, or a control event by id. */
export type Watch = { tag: DeviceTag; chain: Chain; seq: number } | { id: EventId }

export interface Pending {
  event: Event
  /** The neighbour that handed it over. */
  from: string
  /** Moment.atMs at which it came. */
  sinceMs: number
  watch: Watch
}

function watchKey(watch: Watch): string {
  return 'id' in watch ? watch.id : `${watch.chain}${watch.tag}${watch.seq}`
}

export class DeliveryBuffer {
  /** In order of arrival. */
  readonly #pending = new Map<EventId, Pending>()
  readonly #watchers = new Map<string, Set<EventId>>()
  readonly #ofDevice = new Map<DeviceTag, Set<EventId>>()
  readonly #countOfSource = new Map<string, number>()
  #sizeBytes = 0

  get size(): number {
    return this.#pending.size
  }

  has(id: EventId): boolean {
    return this.#pending.has(id)
  }

  /** Waiting events, oldest first. */
  values(): Iterable<Pending> {
    return this.#pending.values()
  }

  /** What waits of one device. */
  ofDevice(tag: DeviceTag): Event[] {
    return [...(this.#ofDevice.get(tag) ?? [])].map((id) => this.#pending.get(id)!.event)
  }

  /** False when a limit keeps it out. When a device has too many waiting, the one farthest in its future goes. */
  add(pending: Pending): boolean {
    const { event, from, watch } = pending
    const siblings = this.#ofDevice.get(event.tag)
    if (siblings && siblings.size >= MAX_PENDING_PER_DEVICE) {
      const farthest = [...siblings]
        .map((id) => this.#pending.get(id)!)
        .reduce((a, b) => (b.event.seq > a.event.seq ? b : a))
      if (farthest.event.seq <= event.seq) return false
      this.#remove(farthest)
    }
    if (
      this.#pending.size >= MAX_PENDING_PER_GROUP ||
      this.#sizeBytes + event.bytes.length > MAX_PENDING_SIZE_BYTES ||
      (this.#countOfSource.get(from) ?? 0) >= MAX_PENDING_PER_SOURCE
    )
      return false
    this.#pending.set(event.id, pending)
    this.#sizeBytes += event.bytes.length
    this.#countOfSource.set(from, (this.#countOfSource.get(from) ?? 0) + 1)
    setOf(this.#ofDevice, event.tag).add(event.id)
    setOf(this.#watchers, watchKey(watch)).add(event.id)
    return true
  }

  /** Takes out everything that waited for this event. */
  wake({ id, tag, seq }: { id: EventId; tag: DeviceTag; seq: number }, chain: Chain): Pending[] {
    const woken: Pending[] = []
    if (this.#pending.size === 0) return woken
    for (const watch of [{ tag, chain, seq }, { id }])
      for (const waiting of this.#watchers.get(watchKey(watch)) ?? []) woken.push(this.#pending.get(waiting)!)
    for (const pending of woken) this.#remove(pending)
    return woken
  }

  /** Drops what waited too long; returns how many. */
  expire(atMs: number): number {
    const old: Pending[] = []
    for (const pending of this.#pending.values())
      if (atMs - pending.sinceMs > MAX_PENDING_AGE_MS) old.push(pending)
    for (const pending of old) this.#remove(pending)
    return old.length
  }

  #remove(pending: Pending): void {
    const { event, from, watch } = pending
    this.#pending.delete(event.id)
    this.#sizeBytes -= event.bytes.length
    const left = this.#countOfSource.get(from)! - 1
    if (left > 0) this.#countOfSource.set(from, left)
    else this.#countOfSource.delete(from)
    dropFrom(this.#ofDevice, event.tag, event.id)
    dropFrom(this.#watchers, watchKey(watch), event.id)
  }
}

function setOf<K>(map: Map<K, Set<EventId>>, key: K): Set<EventId> {
  let set = map.get(key)
  if (!set) map.set(key, (set = new Set()))
  return set
}

function dropFrom<K>(map: Map<K, Set<EventId>>, key: K, id: EventId): void {
  const set = map.get(key)
  set?.delete(id)
  if (set?.size === 0) map.delete(key)
}
