/**
 * What a newcomer sees first: the newest events of a group, before the history that leads to them is here.
 *
 * 1. They are no part of the log, the engine or the disk: a newcomer that is closed meanwhile starts anew.
 * 2. Taken are events that a timeline shows, dated until now, with the signature of a device that the roster knows and
 *    nobody proved to have forked. Whether what they cite exists is seen when they are delivered, like everything else.
 * 3. At most MAX_WINDOW_EVENTS events of MAX_WINDOW_SIZE_BYTES: the newest ones of what neighbours handed over.
 */
import type { EventId, GroupId, TimelineKey } from '../api/contract.ts'
import { fromHex } from '../core/bytes.ts'
import { decodeEvent, type Event, type Sha256 } from '../core/event.ts'
import { hlcAt } from '../core/hlc.ts'
import type { History } from '../core/history.ts'
import { MAX_FUTURE_MS, MAX_WINDOW_EVENTS, MAX_WINDOW_SIZE_BYTES } from '../core/limits.ts'
import type { Roster, Verify } from '../core/members.ts'
import type { Reason } from '../core/reasons.ts'
import { isShown, timelineKey } from '../core/timeline.ts'

export interface NewestWindowParts {
  group: GroupId
  sha256: Sha256
  verify: Verify
  roster: Roster
  history: History
}

/** Why an event of a window was not taken. */
export type WindowFault = Reason | 'duplicate' | 'not-shown'

export class NewestWindow {
  readonly #parts: NewestWindowParts
  /** In timeline order. */
  #events: { key: TimelineKey; event: Event }[] = []
  #sizeBytes = 0

  constructor(parts: NewestWindowParts) {
    this.#parts = parts
  }

  get isEmpty(): boolean {
    return this.#events.length === 0
  }

  /** The events to show, in timeline order: without what was delivered meanwhile, or written by who proved to have forked. */
  get events(): Event[] {
    const { history } = this.#parts
    return this.#events
      .map(({ event }) => event)
      .filter(({ id, tag }) => !history.get(id) && !history.forks.has(tag))
  }

  get(id: EventId): Event | undefined {
    return this.#events.find(({ event }) => event.id === id)?.event
  }

  /** Takes in what a neighbour handed over; says why what it left out was not taken. */
  add(events: readonly Uint8Array[], nowMs: number): WindowFault[] {
    const faults: WindowFault[] = []
    for (const bytes of events.slice(0, MAX_WINDOW_EVENTS)) {
      const fault = this.#take(bytes, nowMs)
      if (fault) faults.push(fault)
    }
    for (let i = MAX_WINDOW_EVENTS; i < events.length; i++) faults.push('buffer-full')
    this.#events.sort((a, b) => (a.key < b.key ? -1 : 1))
    while (this.#events.length > MAX_WINDOW_EVENTS || this.#sizeBytes > MAX_WINDOW_SIZE_BYTES) {
      this.#sizeBytes -= this.#events.shift()!.event.bytes.length
      faults.push('buffer-full')
    }
    return faults
  }

  clear(): void {
    this.#events = []
    this.#sizeBytes = 0
  }

  #take(bytes: Uint8Array, nowMs: number): WindowFault | undefined {
    const { group, sha256, verify, roster, history } = this.#parts
    const decoded = decodeEvent(bytes, group, sha256)
    if ('reason' in decoded) return decoded.reason
    const { event } = decoded
    const key = timelineKey(event)
    if (!isShown(event.kind)) return 'not-shown'
    if (history.forks.has(event.tag)) return 'forked-device'
    if (history.get(event.id) || this.#events.some((other) => other.key === key)) return 'duplicate'
    if (event.hlc > hlcAt(nowMs + MAX_FUTURE_MS)) return 'too-far-ahead'
    const publicKey = roster.knows(event.tag) ? roster.keyOf(event) : undefined
    if (!publicKey) return 'unknown-device'
    if (!verify(event.signature, fromHex(event.id), publicKey)) return 'bad-signature'
    this.#events.push({ key, event })
    this.#sizeBytes += bytes.length
    return undefined
  }
}
