/**
 * The messages of one group as this window has them: one contiguous stretch of the timeline, in key order.
 *
 * 1. `messages` is always sorted by key, without duplicates, and has no hole: what belongs outside the stretch
 *    is not inserted, it comes with the page that reaches it.
 * 2. Rows above the reader's place are inserted in a step of their own with `shift` set, so that the virtual
 *    list keeps the place; rows below follow in a second step.
 * 3. A late message (above one that was seen) is marked, listed in `late`, and holds back markRead until seen.
 */
import { flushSync } from 'svelte'
import { SvelteSet } from 'svelte/reactivity'
import type {
  DeviceTag,
  EventId,
  GroupId,
  Message,
  Page,
  Quote,
  TimelineKey,
} from '../../src-main/api/contract.ts'
import type { Client } from '../client.ts'
import { indexOfMessage, insertByKey } from '../lib/ordered.ts'
import { toggled } from '../lib/reactions.ts'
import { firstUnread, readIndex, unreadAboveRead } from '../lib/unread.ts'
import { Draft } from './draft.svelte.ts'
import { Outbox } from './outbox.svelte.ts'

export const PAGE_SIZE = 60
export const MAX_PAGE_SIZE = 200
/** Bursts are inserted at most this often, so that catching up leaves time to scroll and type. */
export const BURST_MS = 50

/** A place in the timeline. */
export interface Place {
  id: EventId
  key: TimelineKey
}

export class Conversation {
  readonly group: GroupId
  readonly draft: Draft
  readonly outbox: Outbox

  messages = $state.raw<readonly Message[]>([])
  hasEarlier = $state(false)
  hasLater = $state(false)
  phase = $state<'loading' | 'ready' | 'failed'>('loading')
  failure = $state.raw<unknown>(undefined)
  loadingEarlier = $state(false)
  /** Changes when the stretch was replaced; the list is then built anew and opens at `opensAt`. */
  generation = $state(0)
  opensAt: Place | undefined
  /** True while rows are inserted above the reader's place. */
  shift = $state(false)
  /** The reader is at the newest message and wants to stay there. */
  following = $state(true)
  /** Messages of others that came below while not following. */
  arrivedBelow = $state(0)
  /** Late messages that were neither jumped to nor dismissed, in timeline order. */
  late = $state.raw<readonly Message[]>([])
  readonly markedLate = new SvelteSet<EventId>()
  /** The unread divider stands above this message. */
  firstUnreadId = $state<EventId | undefined>(undefined)
  flashId = $state<EventId | undefined>(undefined)
  /** Recent messages of others, for screen readers. */
  announced = $state.raw<Message | undefined>(undefined)

  /** Key of the first row on screen; unset while following. */
  anchorKey: TimelineKey | undefined
  readonly rows: readonly Message[] = $derived.by(() =>
    this.outbox.list.length === 0
      ? this.messages
      : [...this.messages, ...this.outbox.list.map((outgoing) => outgoing.message)],
  )

  readonly #client: Client
  readonly #rowKeys = new Map<EventId, string>()
  readonly #lateUnseen = new Map<EventId, number>()
  #seenKey: TimelineKey = ''
  #maxN = -1
  #readN = -1
  #watched = false
  #queue: Message[] = []
  #burst: ReturnType<typeof setTimeout> | undefined
  #loads = 0

  constructor(group: GroupId, client: Client) {
    this.group = group
    this.#client = client
    this.draft = new Draft(group)
    this.outbox = new Outbox(group, client.commands.post, (message, localId) => {
      if (indexOfMessage(this.messages, message) < 0) this.#rowKeys.set(message.id, localId)
      this.#insert([message])
    })
  }

  /** Stable identity of a row: a bubble keeps its row when the message becomes final. */
  rowKey(message: Message): string {
    return this.#rowKeys.get(message.id) ?? message.id
  }

  /** Loads the newest messages; unread says how many of them are new to this person. */
  async open(unread: number): Promise<void> {
    const limit = Math.min(Math.max(PAGE_SIZE, unread + 20), MAX_PAGE_SIZE)
    const page = await this.#replace({ limit }, undefined)
    if (page === undefined) return
    const readN = readIndex(page.messages, unread, !page.hasEarlier)
    if (readN === undefined) return
    this.#readN = readN
    this.firstUnreadId = unread === 0 ? undefined : firstUnread(page.messages, readN)
    this.#markLate(unreadAboveRead(page.messages, readN))
  }

  /** Goes to the newest message, wherever the reader is. */
  async toNewest(): Promise<void> {
    this.arrivedBelow = 0
    if (this.hasLater) await this.#replace({ limit: PAGE_SIZE }, undefined)
    this.following = true
  }

  /** Makes sure the place is loaded; false when the messenger has no such message. */
  async reach(place: Place): Promise<boolean> {
    if (indexOfMessage(this.messages, place) >= 0) return true
    await this.#replace({ around: place.key, limit: PAGE_SIZE }, place)
    return indexOfMessage(this.messages, place) >= 0
  }

  /** Loads the page above, keeping the reader's place. */
  async loadEarlier(): Promise<void> {
    const first = this.messages[0]
    if (first === undefined || !this.hasEarlier || this.loadingEarlier) return
    this.loadingEarlier = true
    const loads = this.#loads
    try {
      const page = await this.#client.commands.getTimeline({
        group: this.group,
        before: first.key,
        limit: PAGE_SIZE,
      })
      if (loads !== this.#loads) return
      this.hasEarlier = page.hasEarlier
      this.#insertAbove(page.messages)
    } finally {
      this.loadingEarlier = false
    }
  }

  /** Loads the page below, when the stretch does not reach the newest message. */
  async loadLater(): Promise<void> {
    const last = this.messages.at(-1)
    if (last === undefined || !this.hasLater) return
    const loads = this.#loads
    const page = await this.#client.commands.getTimeline({
      group: this.group,
      after: last.key,
      limit: PAGE_SIZE,
    })
    if (loads !== this.#loads) return
    this.messages = insertByKey(this.messages, page.messages)
    this.hasLater = page.hasLater
  }

  /** Messages came; the first of a burst is shown at once, the rest together a little later. */
  deliver(messages: readonly Message[]): void {
    this.#queue.push(...messages)
    if (this.#burst !== undefined || this.phase === 'loading') return
    this.#drain()
  }

  /** Messages changed where they stand. */
  change(messages: readonly Message[]): void {
    const here = messages.filter((message) => indexOfMessage(this.messages, message) >= 0)
    if (here.length > 0) this.messages = insertByKey(this.messages, here)
  }

  /** Sends what was written; it is on screen before this returns. */
  async send(
    text: string,
    replyTo: Quote | undefined,
    author: { device: DeviceTag; name: string },
  ): Promise<void> {
    this.firstUnreadId = undefined
    void this.toNewest()
    await this.outbox.send(text, replyTo, author)
  }

  /** Puts a reaction on or takes it back: on screen at once, undone if it fails. */
  async react(message: Message, emoji: string, on: boolean, name: string): Promise<void> {
    const show = (reactions: Message['reactions']) => {
      const current = this.messages[indexOfMessage(this.messages, message)]
      if (current !== undefined) this.change([{ ...current, reactions }])
    }
    show(toggled(message.reactions, emoji, on, name))
    try {
      await this.#client.commands.react({ group: this.group, target: message.id, emoji, on })
    } catch (error) {
      show(message.reactions)
      throw error
    }
  }

  /** The rows from first to last are on screen; watched says whether a person is looking. */
  saw(first: number, last: number, watched: boolean): void {
    this.#watched = watched && this.following
    if (!watched) return
    for (const message of this.messages.slice(Math.max(first, 0), last + 1)) {
      if (message.key > this.#seenKey) this.#seenKey = message.key
      this.#lateUnseen.delete(message.id)
    }
    if (this.following && !this.hasLater) void this.#markRead()
  }

  /** The reader turned to something else: nothing is on screen any more. */
  leave(): void {
    this.#watched = false
    this.anchorKey = undefined
    this.following = true
    this.arrivedBelow = 0
    this.flashId = undefined
    this.announced = undefined
    if (this.#readN >= this.#maxN) this.firstUnreadId = undefined
  }

  /** Takes one late message off the bar, or all. */
  dismissLate(id?: EventId): void {
    for (const message of this.late)
      if (id === undefined || message.id === id) this.#lateUnseen.delete(message.id)
    this.late = id === undefined ? [] : this.late.filter((message) => message.id !== id)
    if (this.#watched) void this.#markRead()
  }

  #drain(): void {
    const messages = this.#queue
    this.#queue = []
    if (messages.length === 0) {
      this.#burst = undefined
      return
    }
    this.#arrive(messages)
    this.#burst = setTimeout(() => this.#drain(), BURST_MS)
  }

  #arrive(messages: readonly Message[]): void {
    const foreign = messages.filter((message) => !message.own)
    this.#markLate(foreign.filter((message) => message.key < this.#seenKey))
    const newest = this.messages.at(-1)?.key ?? ''
    const below = foreign.filter((message) => message.key > newest && message.kind === 'message')
    if (!this.following || this.hasLater) this.arrivedBelow += below.length
    if (!this.#watched && this.#readN >= this.#maxN) this.firstUnreadId = below[0]?.id ?? this.firstUnreadId
    this.announced = below.at(-1) ?? this.announced
    for (const message of messages) {
      const claimed = message.own ? this.outbox.claim(message) : undefined
      if (claimed !== undefined) this.#rowKeys.set(message.id, claimed.message.id)
    }
    this.#insert(messages)
  }

  #insert(messages: readonly Message[]): void {
    for (const message of messages) this.#maxN = Math.max(this.#maxN, message.n)
    const first = this.messages[0]?.key ?? ''
    const last = this.messages.at(-1)?.key ?? ''
    const fitting = messages.filter(
      ({ key }) => (key >= first || !this.hasEarlier) && (key <= last || !this.hasLater),
    )
    const anchor = this.anchorKey ?? last
    this.#insertAbove(fitting.filter(({ key }) => key < anchor))
    const below = fitting.filter(({ key }) => key >= anchor)
    if (below.length > 0) this.messages = insertByKey(this.messages, below)
  }

  #insertAbove(messages: readonly Message[]): void {
    if (messages.length === 0) return
    flushSync()
    this.shift = true
    this.messages = insertByKey(this.messages, messages)
    flushSync()
    this.shift = false
  }

  #markLate(messages: readonly Message[]): void {
    const fresh = messages.filter(({ id }) => !this.markedLate.has(id))
    if (fresh.length === 0) return
    for (const message of fresh) {
      this.markedLate.add(message.id)
      this.#lateUnseen.set(message.id, message.n)
    }
    this.late = insertByKey(this.late, fresh)
  }

  async #markRead(): Promise<void> {
    const unseen = [...this.#lateUnseen.values()]
    const n = unseen.length === 0 ? this.#maxN : Math.min(this.#maxN, Math.min(...unseen) - 1)
    if (n <= this.#readN) return
    const before = this.#readN
    this.#readN = n
    try {
      await this.#client.commands.markRead({ group: this.group, n })
    } catch {
      // Not told to the reader: the badge stays, and the next look at the bottom tries again.
      this.#readN = Math.min(this.#readN, before)
    }
  }

  async #replace(
    args: { around?: TimelineKey; limit: number },
    opensAt: Place | undefined,
  ): Promise<Page | undefined> {
    const loads = ++this.#loads
    if (this.messages.length === 0) this.phase = 'loading'
    try {
      const page = await this.#client.commands.getTimeline({ group: this.group, ...args })
      if (loads !== this.#loads) return undefined
      this.messages = page.messages
      this.hasEarlier = page.hasEarlier
      this.hasLater = page.hasLater
      for (const message of page.messages) this.#maxN = Math.max(this.#maxN, message.n)
      this.opensAt = opensAt
      this.following = opensAt === undefined
      this.anchorKey = opensAt?.key
      this.arrivedBelow = 0
      this.generation++
      this.phase = 'ready'
      this.failure = undefined
      if (this.#burst === undefined) this.#drain()
      return page
    } catch (error) {
      if (loads !== this.#loads) return undefined
      if (this.messages.length > 0) throw error
      this.phase = 'failed'
      this.failure = error
      return undefined
    }
  }
}
