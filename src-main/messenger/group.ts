/**
 * One group as a window sees it: its log turned into messages, pages, reactions, unread and pending. All but the last is
 * read from records on the disk, and needs no graph: it is there while the graph is still being rebuilt.
 */
import type {
  EventId,
  DeviceTag,
  Explanation,
  GroupSummary,
  Locked,
  Message,
  Notice,
  Page,
  PendingSummary,
  Progress,
  Quote,
  Reaction,
  Report,
  TimelineKey,
} from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import { ROLE } from '../core/control/operation.ts'
import { KIND, type Event } from '../core/event.ts'
import { hlcTimeMs } from '../core/hlc.ts'
import type { Entry } from '../core/history.ts'
import { PREVIEW_AFTER_MS } from '../core/limits.ts'
import { isShown, timelineKey } from '../core/timeline.ts'
import type { Crypto } from '../crypto/crypto.ts'
import { decodeN, reactionRange, timelineIndexKey, timelineRange } from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'
import { decodeMessage, decodeReaction, decodeReport, type Content, type MessageContent } from './content.ts'
import { explain } from './explanation.ts'
import type { Delivered, GroupLog } from './group-log.ts'
import { NewestWindow } from './newest-window.ts'
import { Conflicts } from './conflicts.ts'
import { noticeOf, roleName } from './notices.ts'
import { People, type Presence } from './people.ts'
import { decodePlaced, type ListedPerson, type Placed } from './records.ts'
import type { Self } from './self.ts'
import { Unread } from './unread.ts'

const QUOTE_LENGTH = 200
const MAX_REACTION_PEOPLE = 20
/** Different emoji shown at one message; the earliest, so that all devices show the same. */
const MAX_REACTION_KINDS = 50
/** Texts of one page; a longer page is cut, and the window asks on. */
const MAX_PAGE_SIZE_BYTES = 1024 * 1024
const MAX_PREVIEWS = 50
const MAX_GAPS = 20
const MAX_REPORTS = 200
/** Messages kept in mind that were reacted to before they came. */
const MAX_REACTED_EARLY = 1_000
/** Messages above and below one that is explained. */
const NEIGHBOURS = 10

/** Where to read the timeline: back from before (or the end), or on from a key; before is exclusive, from inclusive. */
interface Place {
  before?: TimelineKey | undefined
  from?: TimelineKey
  limit: number
}

export interface GroupParts {
  storage: Storage
  crypto: Pick<Crypto, 'sha256' | 'verify'>
  /** This device, and its person. */
  device: DeviceTag
  self: Self
  /** What the group is called until it says so. */
  nameHint: string
  readN: number
  presence: Presence
  /** There is a key to write with. */
  hasKey(): boolean
  /** Reference time. */
  nowMs(): number
  /** What a window shows of this group is not what its pages show now. */
  onTimelineChanged(): void
  onSummaryChanged(): void
  onRefused(reason: string, from: string): void
}

export class Group {
  readonly log: GroupLog
  readonly #parts: GroupParts
  readonly #storage: Storage
  readonly #device: DeviceTag
  readonly #self: Self
  readonly #window: NewestWindow
  readonly people: People
  readonly unread: Unread
  readonly conflicts: Conflicts
  #catchingUp: Progress | undefined
  #last: { key: TimelineKey; row: NonNullable<GroupSummary['last']> } | undefined
  /** Messages that were reacted to before they came: no honest app does that, unless their author forked. */
  readonly #reactedEarly = new Set<EventId>()
  /** A member says that this person was removed, and what led to it cannot be had. */
  #isRefused = false

  constructor(log: GroupLog, parts: GroupParts) {
    const { storage, device, self, readN, presence } = parts
    const { sha256, verify } = parts.crypto
    const { roster, history } = log.engine
    this.log = log
    this.#parts = parts
    this.#storage = storage
    this.#device = device
    this.#self = self
    this.people = new People({ log, device, self, presence })
    this.unread = new Unread({ log, storage, device, self, readN })
    this.conflicts = new Conflicts({
      engine: log.engine,
      nameOfPerson: (user) => this.people.nameOfPerson(user),
    })
    this.#window = new NewestWindow({ group: log.group, sha256, verify, roster, history })
  }

  /** Reads what the group list shows. What is damaged is left out here: rebuilding the graph tells. */
  async open(): Promise<this> {
    try {
      await this.#readLast()
      await this.unread.recount()
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'STORE_CORRUPT') throw error
    }
    return this
  }

  async #readLast(): Promise<void> {
    this.#last = undefined
    const [last] = (await this.page({ limit: 1 })).messages
    if (last) this.#last = { key: last.key, row: shortened(last) }
  }

  get joined(): boolean {
    return !this.#isRefused && this.#isActive
  }

  /** Whether this person may write what others can read: the history is here, a key, and their name in the group. */
  get isReady(): boolean {
    // Who is being opened was ready before, and keys are not known yet.
    if (this.log.opening) return this.joined
    return this.joined && !this.#awaitsEarlier && this.#parts.hasKey() && this.me?.name !== undefined
  }

  get #isActive(): boolean {
    return this.log.devices.get(this.#device)?.active ?? false
  }

  /** Whether members say that this person was removed; a member that admits it says otherwise. */
  noteRefused(isRefused: boolean): void {
    this.#isRefused = isRefused
  }

  /** This person, as the group knows them. */
  get me(): ListedPerson | undefined {
    return this.log.people.get(this.#self.user)
  }

  /** Why this device is out of a group that it was in. */
  get out(): GroupSummary['out'] {
    if (this.#isRefused && this.#isActive) return 'removed'
    return this.me?.out ?? (this.log.devices.get(this.#device)?.removed ? 'device-removed' : undefined)
  }

  /** While the newest window is shown, what comes before it is on its way. */
  get #awaitsEarlier(): boolean {
    return !this.#window.isEmpty
  }

  /** atMs: Moment.atMs. */
  summary(atMs: number): GroupSummary {
    const { settings, opening, engine } = this.log
    const { me, isReady: joined } = this
    const role = me?.role === undefined ? undefined : roleName(me.role)
    const { people, online } = this.people.count()
    return {
      id: this.log.group,
      name: settings.name || this.#parts.nameHint,
      description: settings.description,
      picture: settings.picture?.id,
      history: settings.history,
      disappearAfterMs: settings.disappearAfterMs,
      conflicts: this.log.particulars.conflicts((tag) => this.people.nameOf(tag)),
      joined,
      role,
      out: this.out,
      joinProblem: joined ? undefined : this.#parts.presence.joinProblem(),
      maySucceed: joined && role !== 'owner' && engine.roster.successors.has(this.#self.user),
      people,
      online,
      hidden: (me?.role ?? 0) >= ROLE.admin ? this.hiddenMessages().length : 0,
      connection: this.#parts.presence.overall(),
      unread: this.unread.count,
      readN: this.unread.readN,
      last: this.#lastRow(),
      pending: this.#pending(atMs),
      catchingUp: this.#catchingUp,
      opening,
    }
  }

  /** Takes note of what was delivered and written; returns the n of messages whose reactions changed. */
  noteDelivered(delivered: Delivered[]): number[] {
    const reactedTo = new Set<EventId>()
    for (const { event, n, own } of delivered) {
      if (event.kind === KIND.message && !own) this.unread.note(event, n)
      if (this.#reactedEarly.delete(event.id)) reactedTo.add(event.id)
      const reaction = event.kind === KIND.reaction ? decodeReaction(this.log.contentOf(event)) : undefined
      if (reaction) reactedTo.add(reaction.target)
      const key = timelineKey(event)
      if (isShown(event.kind) && key > (this.#last?.key ?? '')) {
        this.#last = { key, row: this.#row(event) }
      }
    }
    return this.#written([...reactedTo])
  }

  /** Takes note of what is visible no longer; returns the n of messages whose reactions changed. */
  async noteHidden(entries: readonly Entry[]): Promise<number[]> {
    for (const entry of entries) this.unread.forget(this.log.engine.history.nOf(entry))
    await this.#readLast()
    const reactions = entries.filter(({ kind }) => kind === KIND.reaction)
    return this.#reactedTo(reactions)
  }

  /** Takes note of what can be read now, and could not when it was delivered; returns as noteHidden() does. */
  async noteUnlocked(entries: readonly Entry[]): Promise<number[]> {
    await this.#readLast()
    // What the group wants of newcomers may be known only now.
    await this.unread.recount()
    return this.#reactedTo(entries.filter(({ kind }) => kind === KIND.reaction))
  }

  async #reactedTo(reactions: readonly Entry[]): Promise<number[]> {
    const events = await Promise.all(reactions.map((entry) => this.log.read(entry)))
    return this.#written(events.flatMap((event) => decodeReaction(this.log.contentOf(event))?.target ?? []))
  }

  /** The n of those that are on the disk; the rest is still to come, or to be written. */
  #written(ids: readonly EventId[]): number[] {
    return ids.flatMap((id) => {
      const n = this.#nOf(id)
      if (n !== undefined) return n
      if (this.#reactedEarly.size < MAX_REACTED_EARLY) this.#reactedEarly.add(id)
      return []
    })
  }

  /** The newest events came, ahead of the history that leads to them. */
  noteWindow(events: readonly Uint8Array[], from: string): void {
    for (const fault of this.#window.add(events, this.#parts.nowMs())) this.#parts.onRefused(fault, from)
    this.#parts.onTimelineChanged()
    this.#parts.onSummaryChanged()
  }

  /** How far catching up has come; undefined when it is over, and the timeline needs no window any more. */
  noteProgress(progress: Progress | undefined): void {
    this.#catchingUp = progress
    if (!progress && this.#awaitsEarlier) {
      this.#window.clear()
      this.#parts.onTimelineChanged()
    }
    this.#parts.onSummaryChanged()
  }

  async page(options: {
    before?: TimelineKey | undefined
    after?: TimelineKey | undefined
    around?: TimelineKey | undefined
    limit: number
  }): Promise<Page> {
    const { before, after, around, limit } = options
    if (around !== undefined) {
      const half = Math.floor(limit / 2)
      const earlier = await this.#part({ before: around, limit: half }, MAX_PAGE_SIZE_BYTES / 2)
      const later = await this.#part({ from: around, limit: limit - half }, MAX_PAGE_SIZE_BYTES / 2)
      return {
        messages: [...earlier.messages, ...later.messages],
        hasEarlier: earlier.more || this.#awaitsEarlier,
        hasLater: later.more,
      }
    }
    if (after !== undefined) {
      const { messages, more } = await this.#part({ from: justAfter(after), limit })
      return { messages, hasEarlier: true, hasLater: more }
    }
    const { messages, more } = await this.#part({ before, limit })
    return { messages, hasEarlier: more || this.#awaitsEarlier, hasLater: before !== undefined }
  }

  /** Why a message stands where it stands. Fails with AppError UNKNOWN_MESSAGE. */
  async explain(id: EventId): Promise<Explanation> {
    const entry = this.log.engine.history.get(id)
    if (entry?.kind !== KIND.message) throw new AppError('UNKNOWN_MESSAGE', 'That message is not here yet.')
    const { key, replyTo } = await this.message(this.log.engine.history.nOf(entry))
    const neighbours: Entry[] = []
    const { log } = this.log.engine.history
    for await (const { n } of this.#rows({ before: key, limit: NEIGHBOURS })) neighbours.unshift(log[n - 1]!)
    for await (const { n } of this.#rows({ from: justAfter(key), limit: NEIGHBOURS }))
      neighbours.push(log[n - 1]!)
    const explanation = await explain({
      log: this.log,
      entry,
      neighbours,
      quote: async (other) => this.#quoteOf(await this.log.read(other)),
      authorOf: (event) => this.#authorOf(event),
    })
    return { answers: replyTo, ...explanation }
  }

  /** Delivery indices of the whole timeline, in display order. */
  async *timeline(): AsyncGenerator<number> {
    for await (const [, value] of this.#storage.range(timelineRange(this.log.group)))
      yield decodePlaced(value).n
  }

  /** A message as it is now. */
  async message(n: number): Promise<Message> {
    const event = await this.log.read(n)
    const value = await this.#storage.get(timelineIndexKey(this.log.group, timelineKey(event)))
    return this.#describe(
      event,
      { n, answers: value && decodePlaced(value).answers },
      await this.#reactions(event.id),
    )
  }

  /** What was delivered just now: nobody can have reacted to it before. */
  fresh({ event, n, answers }: Delivered): Promise<Message> {
    return this.#describe(event, { n, answers }, [])
  }

  async #describe(event: Event, { n, answers }: Placed, reactions: Reaction[]): Promise<Message> {
    const replyTo = answers === undefined ? undefined : await this.#quote(answers)
    return { ...this.#plain(event), n, replyTo, reactions }
  }

  /** What an event says by itself. */
  #plain(event: Event): Omit<Message, 'n'> {
    const content = this.log.contentOf(event)
    const said = decodeMessage(content)
    return {
      ...this.#row(event),
      id: event.id,
      key: timelineKey(event),
      kind: event.kind === KIND.message ? 'message' : 'notice',
      device: event.tag,
      picture: said?.author === undefined ? this.people.pictureOf(event.tag) : undefined,
      via: said?.author === undefined ? undefined : this.people.nameOf(event.tag),
      text: said?.text ?? '',
      reactions: [],
    }
  }

  /** The newest message, be it of the timeline or of the newest window. */
  #lastRow(): GroupSummary['last'] {
    const newest = this.#window.events.at(-1)
    return newest && timelineKey(newest) > (this.#last?.key ?? '') ? this.#row(newest) : this.#last?.row
  }

  /** What the group list shows of an event. */
  #row(event: Event): NonNullable<GroupSummary['last']> {
    const content = this.log.contentOf(event)
    const said = decodeMessage(content)
    return shortened({
      author: this.#authorOf(event),
      user: this.people.userOf(event.tag),
      own: event.tag === this.#device && said?.author === undefined,
      text: said?.text ?? '',
      locked: lockedIn(content, said),
      notice: this.#noticeOf(event),
      sentAtMs: hlcTimeMs(event.hlc),
    })
  }

  /** Messages next to a place in the timeline, in its order: as many as fit, at least one. */
  async #part(
    place: Place,
    maxSizeBytes = MAX_PAGE_SIZE_BYTES,
  ): Promise<{ messages: Message[]; more: boolean }> {
    const { limit } = place
    const rows: Placed[] = []
    for await (const row of this.#rows({ ...place, limit: limit + 1 })) rows.push(row)
    // Side by side: one after the other, each would wait for its turn beside whatever else goes on.
    const events = await Promise.all(rows.map(({ n }) => this.log.read(n)))
    let count = 0
    for (let sizeBytes = 0; count < Math.min(limit, events.length); count++) {
      sizeBytes += events[count]!.bytes.length
      if (count > 0 && sizeBytes > maxSizeBytes) break
    }
    const more = rows.length > count
    const messages = await Promise.all(
      events
        .slice(0, count)
        .map(async (event, i) => this.#describe(event, rows[i]!, await this.#reactions(event.id))),
    )
    if (place.from === undefined) messages.reverse()
    return this.#awaitsEarlier ? this.#withWindow(place, messages, more) : { messages, more }
  }

  /** A part of the timeline together with what the newest window holds of the same stretch. */
  async #withWindow({ before, from, limit }: Place, messages: Message[], more: boolean) {
    const known = new Set(messages.map(({ key }) => key))
    const first = from ?? (more ? messages[0]?.key : undefined) ?? ''
    const end = from !== undefined && more ? messages.at(-1)?.key : before
    const events = this.#window.events.filter((event) => {
      const key = timelineKey(event)
      return !known.has(key) && key >= first && (end === undefined || key < end)
    })
    const all = [...messages, ...(await Promise.all(events.map((event) => this.#foretell(event))))]
    all.sort((a, b) => (a.key < b.key ? -1 : 1))
    return {
      messages: from === undefined ? all.slice(Math.max(0, all.length - limit)) : all.slice(0, limit),
      more: more || all.length > limit,
    }
  }

  /** A message of the newest window. */
  async #foretell(event: Event): Promise<Message> {
    const replyTo = decodeMessage(this.log.contentOf(event))?.replyTo
    const quote = replyTo === undefined ? undefined : await this.#quoteById(replyTo)
    const isBefore = quote !== undefined && quote.key < timelineKey(event)
    return { ...this.#plain(event), n: 0, replyTo: isBefore ? quote : undefined, provisional: true }
  }

  /** Records of the timeline next to a place, the nearest first. */
  async *#rows({ before, from, limit }: Place): AsyncGenerator<Placed> {
    const all = timelineRange(this.log.group)
    const keyOf = (key: TimelineKey) => timelineIndexKey(this.log.group, key)
    const range =
      from === undefined
        ? { from: all.from, to: before === undefined ? all.to : keyOf(before), reverse: true }
        : { from: keyOf(from), to: all.to }
    for await (const [, value] of this.#storage.range({ ...range, limit })) yield decodePlaced(value)
  }

  /** n of an event that is on the disk. */
  #nOf(id: EventId): number | undefined {
    const { history } = this.log.engine
    const entry = history.get(id)
    const n = entry && history.nOf(entry)
    return n !== undefined && n <= this.log.length ? n : undefined
  }

  /** A quote of what was delivered, or foretold. */
  async #quoteById(id: EventId): Promise<Quote | undefined> {
    const n = this.#nOf(id)
    if (n !== undefined) return this.#quote(n)
    const event = this.#window.get(id)
    return event && this.#quoteOf(event)
  }

  async #quote(n: number): Promise<Quote> {
    return this.#quoteOf(await this.log.read(n))
  }

  #quoteOf(event: Event): Quote {
    const content = this.log.contentOf(event)
    const said = decodeMessage(content)
    return {
      id: event.id,
      key: timelineKey(event),
      author: this.#authorOf(event),
      user: this.people.userOf(event.tag),
      text: (said?.text ?? '').slice(0, QUOTE_LENGTH),
      locked: lockedIn(content, said),
    }
  }

  /** Per device and emoji the latest in timeline order holds; each device is counted once. */
  async #reactions(target: string): Promise<Reaction[]> {
    const latest = new Map<string, { key: TimelineKey; on: boolean; emoji: string; tag: string }>()
    for await (const [key] of this.#storage.range(reactionRange(this.log.group, target))) {
      const event = await this.log.read(decodeN(key))
      const reaction = decodeReaction(this.log.contentOf(event))
      if (!reaction || reaction.target !== target) continue
      const slot = `${event.tag} ${reaction.emoji}`
      // With the id, because branches of a fork may share a key.
      const at = timelineKey(event) + event.id
      if (at > (latest.get(slot)?.key ?? ''))
        latest.set(slot, { key: at, on: reaction.on, emoji: reaction.emoji, tag: event.tag })
    }
    const byEmoji = new Map<string, string[]>()
    for (const { on, emoji, tag } of [...latest.values()].sort((a, b) => (a.key < b.key ? -1 : 1)))
      if (on) byEmoji.set(emoji, [...(byEmoji.get(emoji) ?? []), tag])
    return [...byEmoji].slice(0, MAX_REACTION_KINDS).map(([emoji, tags]) => ({
      emoji,
      count: tags.length,
      mine: tags.includes(this.#device),
      people: tags.slice(0, MAX_REACTION_PEOPLE).map((tag) => this.people.nameOf(tag)),
    }))
  }

  #pending(atMs: number): PendingSummary {
    const pending = this.log.engine.pending()
    const gaps = this.log.engine.gaps()
    const missingOf = (tag: string) => gaps.find((gap) => gap.tag === tag)?.count ?? 1
    const preview = pending
      .filter(({ event, sinceMs }) => event.kind === KIND.message && atMs - sinceMs >= PREVIEW_AFTER_MS)
      .slice(0, MAX_PREVIEWS)
      .map(({ event, watch }) => {
        const on = 'id' in watch ? event.tag : watch.tag
        const content = this.log.contentOf(event)
        const said = decodeMessage(content)
        return {
          id: event.id,
          author: this.#authorOf(event),
          text: said?.text ?? '',
          locked: lockedIn(content, said),
          sentAtMs: hlcTimeMs(event.hlc),
          waitingFor: missingOf(on),
          waitingOn: this.people.nameOf(on),
        }
      })
    const missing = gaps
      .slice(0, MAX_GAPS)
      .map(({ tag, count }) => ({ device: tag, name: this.people.nameOf(tag), count }))
    return { count: pending.length, missing, preview }
  }

  /** What members reported, the latest first. */
  async reports(): Promise<Report[]> {
    const { history } = this.log.engine
    const reports: Report[] = []
    for (const entry of history.log.filter(({ kind }) => kind === KIND.report).reverse()) {
      if (reports.length === MAX_REPORTS) break
      const event = await this.log.read(entry)
      const report = decodeReport(this.log.contentOf(event))
      const target = report && history.get(report.target)
      if (!target || target.kind !== KIND.message || !history.forks.isVisible(entry)) continue
      const message = await this.#quoteOf(await this.log.read(target))
      reports.push({
        message,
        by: this.people.nameOf(event.tag),
        reason: report.reason,
        atMs: hlcTimeMs(event.hlc),
      })
    }
    return reports
  }

  /** Messages that lie beyond the cut of a removal. */
  hiddenMessages(): Entry[] {
    return this.log.engine.history.forks.cutOff.filter(({ kind }) => kind === KIND.message)
  }

  #noticeOf(event: Event): Notice | undefined {
    const { roster, history } = this.log.engine
    const isHere = () => history.get(event.id) !== undefined
    return noticeOf(event, this.log.contentOf(event), {
      nameOfPerson: (user) => this.people.nameOfPerson(user),
      author: this.people.userOf(event.tag),
      isEffective: (id) => !roster.resolver.has(id) || roster.resolver.isEffective(id),
      mayChangeSettings: () => !isHere() || (roster.roleIn(history.get(event.id)!) ?? -1) >= ROLE.admin,
      conflictOf: (id) => (this.log.opening ? undefined : this.conflicts.of(id)),
    })
  }

  #authorOf(event: Event): string {
    return decodeMessage(this.log.contentOf(event))?.author ?? this.people.nameOf(event.tag)
  }
}

/** A key is followed by its own extension: nothing else lies between. */
function justAfter(key: TimelineKey): TimelineKey {
  return `${key}00`
}

function shortened(row: NonNullable<GroupSummary['last']>) {
  const { author, user, own, text, locked, notice, sentAtMs } = row
  return { author, user, own, text: text.slice(0, QUOTE_LENGTH), locked, notice, sentAtMs }
}

/** Why a text is empty; undefined for what is none, and for what can be read. */
function lockedIn({ kind, locked }: Content, said: MessageContent | undefined): Locked | undefined {
  const isText = kind === KIND.message || kind === KIND.notice
  return isText && !said ? (locked ?? 'unreadable') : undefined
}
