/**
 * The buffer of events that arrived before what they depend on.
 *
 * 1. Each waiting event watches exactly ONE missing predecessor (single watch). When that one is delivered the event
 *    is looked at again, and may then watch the next. So a delivery costs O(events it wakes), however many
 *    undeliverable events a hostile member has planted.
 * 2. The buffer never exceeds the MAX_PENDING_* limits. Who has to go is decided device by device (core/fair-share.ts);
 *    sync fetches it again, and needs no room here: what it brings finds its past delivered.
 * 3. Nothing waits longer than MAX_PENDING_AGE_MS: what an event cites may be lost for everybody, with its author's disk.
 *    Then a group is settled when the last such event has been dropped.
 */
import type { DeviceTag, EventId } from '../api/contract.ts'
import type { Chain, Event } from './event.ts'
import { FairShare } from './fair-share.ts'
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
  readonly #all = new FairShare()
  readonly #ofSource = new Map<string, FairShare>()

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
    return [...this.#all.ofDevice(tag)].map(({ event }) => event)
  }

  /** Returns what a limit keeps out: others that give way, or this one. */
  add(pending: Pending): Pending[] {
    const { event, from, watch } = pending
    const all = this.#all
    const source = this.#ofSource.get(from) ?? new FairShare()
    const out: Pending[] = []
    const makeRoom = (isFull: () => boolean, victim: () => Pending | undefined): boolean => {
      while (isFull()) {
        const other = victim()
        out.push(other ?? pending)
        if (!other) return false
        this.#remove(other)
      }
      return true
    }
    const hasRoom =
      makeRoom(
        () => all.ofDevice(event.tag).size >= MAX_PENDING_PER_DEVICE,
        () => all.farther(event),
      ) &&
      makeRoom(
        () => source.count >= MAX_PENDING_PER_SOURCE,
        () => source.heavier(event),
      ) &&
      makeRoom(
        () =>
          all.count >= MAX_PENDING_PER_GROUP || all.sizeBytes + event.bytes.length > MAX_PENDING_SIZE_BYTES,
        () => all.heavier(event),
      )
    if (!hasRoom) return out
    this.#pending.set(event.id, pending)
    all.add(pending)
    source.add(pending)
    this.#ofSource.set(from, source)
    setOf(this.#watchers, watchKey(watch)).add(event.id)
    return out
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
    this.#all.remove(pending)
    const source = this.#ofSource.get(from)!
    source.remove(pending)
    if (source.count === 0) this.#ofSource.delete(from)
    dropFrom(this.#watchers, watchKey(watch), event.id)
  }
}

function setOf(map: Map<string, Set<EventId>>, key: string): Set<EventId> {
  let set = map.get(key)
  if (!set) map.set(key, (set = new Set()))
  return set
}

function dropFrom(map: Map<string, Set<EventId>>, key: string, id: EventId): void {
  const set = map.get(key)
  set?.delete(id)
  if (set?.size === 0) map.delete(key)
}
