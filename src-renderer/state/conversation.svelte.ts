/**
 * The messages of one group as this window has them: one contiguous stretch of the timeline, in key order.
 *
 * 1. `messages` is always sorted by key, without duplicates, and has no hole: what belongs outside the stretch
 *    is not inserted, it comes with the page that reaches it.
 * 2. Rows above the reader's place are inserted in a step of their own with `shift` set, so that the virtual
 *    list keeps the place; rows below follow in a second step.
 */
import { flushSync } from 'svelte'
import type {
  EventId,
  Explanation,
  GroupId,
  GroupSummary,
  Message,
  Page,
  Quote,
  TimelineKey,
} from '../../src-main/api/contract.ts'
import type { Client } from '../client.ts'
import { indexOfMessage, insertByKey } from '../lib/ordered.ts'
import { toggled } from '../lib/reactions.ts'
import { lockedForGood } from '../lib/runs.ts'
import { countsAsUnread } from '../lib/unread.ts'
import { Draft } from './draft.svelte.ts'
import { Outbox, type Author } from './outbox.svelte.ts'
import { Reading } from './reading.svelte.ts'

export const PAGE_SIZE = 60
export const MAX_PAGE_SIZE = 200
/** Bursts are inserted at most this often, so that catching up leaves time to scroll and type. */
export const BURST_MS = 50

/** How much of a group has been read. */
type ReadState = Pick<GroupSummary, 'unread' | 'readN'>

/** A place in the timeline. */
export interface Place {
  id: EventId
  key: TimelineKey
}

export class Conversation {
  readonly group: GroupId
  readonly draft: Draft
  readonly outbox: Outbox
  readonly reading: Reading

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
  flashId = $state<EventId | undefined>(undefined)
  /** Recent messages of others, for screen readers. */
  announced = $state.raw<Message | undefined>(undefined)

  /** Key of the first row on screen; unset while following. */
  anchorKey: TimelineKey | undefined
  /** Called before rows are exchanged; returns what puts the anchor back to where it was, to be called after it. */
  holdPlace: () => () => void = () => () => {}
  readonly rows: readonly Message[] = $derived.by(() =>
    this.outbox.list.length === 0
      ? this.messages
      : [...this.messages, ...this.outbox.list.map((outgoing) => outgoing.message)],
  )

  readonly #client: Client
  readonly #rowKeys = new Map<EventId, string>()
  #queue: Message[] = []
  #burst: ReturnType<typeof setTimeout> | undefined
  #loads = 0
  #replacing = false
  #loadingLater = false
  #pagesUnderway = 0
  /** What came while a page was underway and may belong into it, though the page was made before. */
  #aside: Message[] = []

  constructor(group: GroupId, client: Client) {
    this.group = group
    this.#client = client
    this.draft = new Draft(group, client.commands)
    this.reading = new Reading((n) => client.commands.markRead({ group, n }))
    this.outbox = new Outbox(group, client.commands.post, (message, localId) => {
      if (indexOfMessage(this.messages, message) < 0) this.#rowKeys.set(message.id, localId)
      this.#insert([message])
    })
  }

  /** Stable identity of a row: a bubble keeps its row when the message becomes final. */
  rowKey({ id }: Pick<Message, 'id'>): string {
    return this.#rowKeys.get(id) ?? id
  }

  /** Loads the newest messages, as far as mostly reaches back to the first one that is new to this person. */
  async open({ unread, readN }: ReadState): Promise<void> {
    // Own messages stand between those of others: twice as many.
    const limit = Math.min(Math.max(PAGE_SIZE, 2 * unread), MAX_PAGE_SIZE)
    const page = await this.#replace({ limit }, undefined)
    if (page === undefined) return
    const newestN = page.messages.reduce((most, { n }) => Math.max(most, n), readN)
    this.reading.opened(page.messages, unread === 0 ? newestN : readN, !page.hasEarlier)
  }

  /** Loads again what may have changed while the link was lost, near the reader's place. */
  async refresh(state: ReadState): Promise<void> {
    const anchor = this.following ? undefined : this.messages.find(({ key }) => key === this.anchorKey)
    if (anchor === undefined) await this.open(state)
    else await this.#replace({ around: anchor.key, limit: PAGE_SIZE }, { id: anchor.id, key: anchor.key })
  }

  /** Loads what is shown again: some of it is shown no longer, or has become final. The reader's place stays. */
  async reload(): Promise<void> {
    if (this.messages.length === 0) return void (await this.#replace({ limit: PAGE_SIZE }, undefined))
    const place = this.following || this.anchorKey === undefined ? {} : { around: this.anchorKey }
    await this.#replace({ ...place, limit: MAX_PAGE_SIZE }, 'as before')
  }

  /** Why a message stands where it stands. */
  explain({ id }: Place): Promise<Explanation> {
    return this.#client.commands.explain({ group: this.group, message: id })
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
    try {
      await this.#loadPage({ before: first.key }, (page) => {
        this.hasEarlier = page.hasEarlier
        this.#changeAbove(insertByKey(this.messages, page.messages))
        this.reading.loadedEarlier(this.messages, !page.hasEarlier)
      })
    } finally {
      this.loadingEarlier = false
    }
  }

  /** Loads the page below, when the stretch does not reach the newest message. */
  async loadLater(): Promise<void> {
    const last = this.messages.at(-1)
    if (last === undefined || !this.hasLater || this.#loadingLater) return
    this.#loadingLater = true
    try {
      await this.#loadPage({ after: last.key }, (page) => {
        this.messages = insertByKey(this.messages, page.messages)
        this.hasLater = page.hasLater
      })
    } finally {
      this.#loadingLater = false
    }
  }

  /** Messages came; the first of a burst is shown at once, the rest together a little later. */
  deliver(messages: readonly Message[]): void {
    this.#queue.push(...messages)
    if (this.#burst === undefined) this.#drain()
  }

  /** Messages changed where they stand. */
  change(messages: readonly Message[]): void {
    const here = messages.filter((message) => indexOfMessage(this.messages, message) >= 0)
    if (here.length > 0) this.messages = insertByKey(this.messages, here)
    this.#follow(messages)
  }

  /** Sends what was written; it is on screen before this returns. */
  async send(text: string, replyTo: Quote | undefined, author: Author): Promise<void> {
    this.reading.removeDivider()
    await Promise.all([this.outbox.send(text, replyTo, author), this.toNewest()])
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
    if (!watched) return this.reading.lookedAway()
    const atNewest = this.following && !this.hasLater
    this.reading.saw(this.messages.slice(Math.max(first, 0), last + 1), atNewest)
  }

  /** The reader turned to something else: nothing is on screen any more. */
  leave(): void {
    this.reading.leave()
    this.anchorKey = undefined
    this.following = true
    this.arrivedBelow = 0
    this.flashId = undefined
    this.announced = undefined
  }

  /** What is told of these messages elsewhere is as they are now: a text that is gone is gone from there, too. */
  #follow(messages: readonly Message[]): void {
    this.reading.changed(messages)
    for (const message of messages) {
      const { id, locked } = message
      if (locked === undefined) continue
      if (lockedForGood(message) !== undefined && this.reading.marked.has(id)) this.reading.dismiss(id)
      if (this.draft.replyTo?.id === id) this.draft.replyTo = undefined
      if (this.announced?.id === id) this.announced = undefined
    }
  }

  #drain(): void {
    this.#burst = undefined
    if (this.#replacing || this.#queue.length === 0) return
    const messages = this.#queue
    this.#queue = []
    this.#arrive(messages)
    this.#burst = setTimeout(() => this.#drain(), BURST_MS)
  }

  #arrive(messages: readonly Message[]): void {
    const foreign = messages.filter(countsAsUnread)
    const newest = this.messages.at(-1)?.key ?? ''
    const below = foreign.filter((message) => message.key > newest)
    if (!this.following || this.hasLater) this.arrivedBelow += below.length
    // The history that fills in above what was shown ahead of it is not late.
    if (!this.messages.some(({ provisional }) => provisional)) this.reading.arrived(foreign, below)
    this.announced = below.at(-1) ?? this.announced
    for (const message of messages) {
      const claimed = message.own ? this.outbox.claim(message) : undefined
      if (claimed !== undefined) this.#rowKeys.set(message.id, claimed.message.id)
    }
    this.#insert(messages)
  }

  #insert(messages: readonly Message[]): void {
    this.reading.know(messages)
    const first = this.messages[0]?.key ?? ''
    const last = this.messages.at(-1)?.key ?? ''
    const fits = ({ key }: Message) => (key >= first || !this.hasEarlier) && (key <= last || !this.hasLater)
    const fitting = messages.filter(fits)
    if (this.#pagesUnderway > 0) this.#aside.push(...messages.filter((message) => !fits(message)))
    const anchor = this.anchorKey ?? last
    const above = fitting.filter(({ key }) => key < anchor)
    if (above.length > 0) this.#changeAbove(insertByKey(this.messages, above))
    const below = fitting.filter(({ key }) => key >= anchor)
    if (below.length > 0) this.messages = insertByKey(this.messages, below)
  }

  /** Shows other rows above the reader's place. */
  #changeAbove(messages: readonly Message[]): void {
    flushSync()
    this.shift = true
    this.messages = messages
    flushSync()
    this.shift = false
  }

  async #loadPage(
    edge: { before: TimelineKey } | { after: TimelineKey },
    apply: (page: Page) => void,
  ): Promise<void> {
    const loads = this.#loads
    this.#pagesUnderway++
    try {
      const page = await this.#client.commands.getTimeline({ group: this.group, ...edge, limit: PAGE_SIZE })
      if (loads === this.#loads) apply(page)
    } finally {
      this.#pagesUnderway--
      this.#insert(this.#aside.splice(0))
    }
  }

  /** opensAt: the row in the middle of the screen; undefined for the newest. */
  async #replace(
    args: { around?: TimelineKey; limit: number },
    opensAt: Place | 'as before' | undefined,
  ): Promise<Page | undefined> {
    const loads = ++this.#loads
    const isCurrent = () => loads === this.#loads
    if (this.messages.length === 0) this.phase = 'loading'
    // What comes from here on waits in the queue: the page may have been made before it.
    this.#replacing = true
    try {
      const page = await this.#client.commands.getTimeline({ group: this.group, ...args })
      if (!isCurrent()) return undefined
      if (opensAt === 'as before') this.#exchange(page)
      else this.#show(page, opensAt)
      return page
    } catch (error) {
      if (!isCurrent()) return undefined
      if (this.messages.length > 0) throw error
      this.phase = 'failed'
      this.failure = error
      return undefined
    } finally {
      if (isCurrent()) {
        this.#replacing = false
        if (this.#burst === undefined) this.#drain()
      }
    }
  }

  #exchange({ messages, hasEarlier, hasLater }: Page): void {
    const from = hasEarlier ? (messages[0]?.key ?? '') : ''
    const stays = new Set(messages.map(({ id }) => id))
    const isGone = ({ id, key }: Message) =>
      !stays.has(id) && key >= from && (!hasLater || key <= messages.at(-1)!.key)
    const gone = this.messages.filter(isGone)
    this.reading.forget(gone)
    if (gone.some(({ id }) => id === this.draft.replyTo?.id)) this.draft.replyTo = undefined
    this.#follow(messages)
    this.reading.know(messages)
    this.hasEarlier = hasEarlier
    this.hasLater = hasLater
    const anchor = this.anchorKey ?? messages.at(-1)?.key ?? ''
    const putBack = this.holdPlace()
    this.#changeAbove([
      ...messages.filter(({ key }) => key < anchor),
      ...this.messages.filter(({ key }) => key >= anchor),
    ])
    this.messages = messages
    this.phase = 'ready'
    putBack()
  }

  #show(page: Page, opensAt: Place | undefined): void {
    this.messages = page.messages
    this.hasEarlier = page.hasEarlier
    this.hasLater = page.hasLater
    this.reading.know(page.messages)
    this.opensAt = opensAt
    this.following = opensAt === undefined
    this.anchorKey = opensAt?.key
    this.arrivedBelow = 0
    this.generation++
    this.phase = 'ready'
    this.failure = undefined
  }
}
