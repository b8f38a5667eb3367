/**
 * What a person has seen of one group. A late message (above one that was seen) is marked, listed in `late`,
 * and holds back markRead until it was on screen, so that it cannot become read unseen.
 */
import { SvelteSet } from 'svelte/reactivity'
import type { EventId, Message, TimelineKey } from '../../src-main/api/contract.ts'
import { indexOfMessage, insertByKey } from '../lib/ordered.ts'
import { firstUnread, unreadAboveRead } from '../lib/unread.ts'

export class Reading {
  /** Late messages that were neither jumped to nor dismissed, in timeline order. */
  late = $state.raw<readonly Message[]>([])
  readonly marked = new SvelteSet<EventId>()
  /** The unread divider stands above this message. */
  firstUnreadId = $state<EventId | undefined>(undefined)

  readonly #markRead: (n: number) => Promise<void>
  readonly #unseen = new Map<EventId, number>()
  #seenKey: TimelineKey = ''
  #newestN = -1
  #readN = -1
  /** What had been read when the group was opened. */
  #openedAt = Infinity
  #atNewest = false
  #marking = false

  constructor(markRead: (n: number) => Promise<void>) {
    this.#markRead = markRead
  }

  /** These messages are loaded now, or known to exist. */
  know(messages: readonly Message[]): void {
    for (const { n } of messages) this.#newestN = Math.max(this.#newestN, n)
  }

  /** The newest page was opened; what was delivered up to readN had been read. isWhole: nothing is above it. */
  opened(messages: readonly Message[], readN: number, isWhole: boolean): void {
    this.#readN = readN
    this.#openedAt = readN
    this.firstUnreadId = firstUnread(messages, readN, isWhole)
    this.#addLate(unreadAboveRead(messages, readN))
  }

  /** Earlier messages were loaded: the first unread one may be among them. */
  loadedEarlier(messages: readonly Message[], isWhole: boolean): void {
    this.firstUnreadId ??= firstUnread(messages, this.#openedAt, isWhole)
  }

  /** These messages are shown no longer. */
  forget(messages: readonly Message[]): void {
    const ids = new Set(messages.map(({ id }) => id))
    for (const id of ids) {
      this.marked.delete(id)
      this.#unseen.delete(id)
    }
    this.late = this.late.filter(({ id }) => !ids.has(id))
    if (this.firstUnreadId !== undefined && ids.has(this.firstUnreadId)) this.removeDivider()
  }

  /** Messages changed where they stand. */
  changed(messages: readonly Message[]): void {
    const changed = messages.filter((message) => indexOfMessage(this.late, message) >= 0)
    if (changed.length > 0) this.late = insertByKey(this.late, changed)
  }

  /** Messages of others came; `below` are those under everything known before. */
  arrived(foreign: readonly Message[], below: readonly Message[]): void {
    this.#addLate(foreign.filter(({ key }) => key < this.#seenKey))
    if (!this.#atNewest && this.#readN >= this.#newestN)
      this.firstUnreadId = below[0]?.id ?? this.firstUnreadId
  }

  /** These messages are on screen and a person looks at them; at the newest, everything has been read. */
  saw(messages: readonly Message[], atNewest: boolean): void {
    this.#atNewest = atNewest
    for (const { id, key } of messages) {
      if (key > this.#seenKey) this.#seenKey = key
      this.#unseen.delete(id)
    }
    if (atNewest) void this.#mark()
  }

  /** Nobody looks any more. */
  lookedAway(): void {
    this.#atNewest = false
  }

  /** The reader left the group: late messages that were seen need no bar, and read ones no divider. */
  leave(): void {
    this.#atNewest = false
    this.late = this.late.filter(({ id }) => this.#unseen.has(id))
    if (this.#readN >= this.#newestN) this.removeDivider()
  }

  removeDivider(): void {
    this.firstUnreadId = undefined
    this.#openedAt = Infinity
  }

  /** Takes one late message off the bar, or all. */
  dismiss(id?: EventId): void {
    const dismissed = this.late.filter((message) => id === undefined || message.id === id)
    this.late = this.late.filter((message) => !dismissed.includes(message))
    for (const message of dismissed) this.#unseen.delete(message.id)
    if (this.#atNewest) void this.#mark()
  }

  #addLate(messages: readonly Message[]): void {
    const fresh = messages.filter(({ id }) => !this.marked.has(id))
    if (fresh.length === 0) return
    for (const { id, n } of fresh) {
      this.marked.add(id)
      this.#unseen.set(id, n)
    }
    this.late = insertByKey(this.late, fresh)
  }

  /** One call at a time; what was seen meanwhile goes with the next. */
  async #mark(): Promise<void> {
    const n = Math.min(this.#newestN, ...[...this.#unseen.values()].map((unseen) => unseen - 1))
    if (this.#marking || n <= this.#readN) return
    const before = this.#readN
    this.#readN = n
    this.#marking = true
    try {
      await this.#markRead(n)
    } catch {
      // Not told to the reader: the badge stays, and the next look at the newest message tries again.
      this.#readN = before
      return
    } finally {
      this.#marking = false
    }
    if (this.#atNewest) void this.#mark()
  }
}
