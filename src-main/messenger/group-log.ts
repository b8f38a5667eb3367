/**
 * One group's engine together with its place on disk.
 *
 * 1. The log (`e`) and the proofs of forks (`f`) are the only truth; what screens are read from (records.ts) is written
 *    with them, in the same batch.
 * 2. Nothing is announced, published or streamed before its batch is written. An own event is written durably.
 * 3. It opens in two steps: what is on disk can be read at once; the engine is there, and anything is written or taken
 *    in, only after the graph has been rebuilt and checked (restoring.ts).
 * 4. After a failed write the engine is ahead of the disk: the log takes nothing more until it is opened again.
 */
import type { DeviceTag, EventId, GroupId, TimelineKey } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import { Engine, type Effect, type EngineParts, type Moment, type Proof } from '../core/engine.ts'
import { chainOf, decodeEvent, isParticular, KIND, orderingBytes, type Event } from '../core/event.ts'
import type { Question } from '../core/gaps.ts'
import type { Entry } from '../core/history.ts'
import type { UserTag } from '../core/control/operation.ts'
import { isForbidden, isPassing, isProvablyBad, type Reason } from '../core/reasons.ts'
import { decodeEvents, encodeEvents } from '../core/sync.ts'
import { isShown, timelineKey } from '../core/timeline.ts'
import type { Verifier } from '../crypto/verifier.ts'
import type { Verdict } from '../network/network.ts'
import {
  decodeN,
  encodeN,
  eventKey,
  forkKey,
  personKey,
  reactionKey,
  stateKey,
  timelineIndexKey,
} from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'
import { Arrivals, type Arrival } from './arrivals.ts'
import type { Opening } from './bodies.ts'
import { awaitsKey, decodeReaction, type Content } from './content.ts'
import { LockedEntries } from './locked-entries.ts'
import { Particulars, type Settings } from './particulars.ts'
import {
  answeredBy,
  deviceOf,
  deviceRow,
  NO_SETTINGS,
  personOf,
  personRow,
  placeRow,
  reactionRow,
  readDevices,
  readPeople,
  readSettings,
  settingsRow,
  shownInPlaceOf,
  type ListedDevice,
  type ListedPerson,
  type Row,
} from './records.ts'
import { damaged, Restoring } from './restoring.ts'
import type { Time } from './time.ts'

export interface GroupLogParts extends EngineParts {
  verifier: Verifier
  bodies: Opening
}

/** What became of events of a neighbour. */
export interface Taken {
  /** About forwarding. */
  verdict: Verdict
  /** Events that are worth forwarding. */
  news: Event[]
  /** Resolves when what they caused is on disk. */
  written: Promise<void>
  /** How many were refused for what they are. */
  refused: number
  /** How many were refused for the state of this device, which may pass. */
  passing: number
  /** How many were here. */
  duplicates: number
  /** How many wait for their past. */
  waiting: number
}

export interface Delivered {
  event: Event
  entry: Entry
  n: number
  own: boolean
  /** n of what it answers. */
  answers: number | undefined
}

export interface GroupLogEvents {
  /** Delivered, or found in the log when it was opened: before anything is written. */
  onControl(event: Event): void
  /** Written; in delivery order. Only what is visible. */
  onDelivered(delivered: Delivered[]): void
  /** Delivered before, and visible no longer. */
  onHidden(entries: Entry[]): void
  /** Delivered before, and read only now: the keys came. */
  onUnlocked(entries: Entry[]): void
  /**
   * Written: who belongs to the group, what somebody is called or may do, or what the group is called. isRenamed: somebody
   * is called otherwise than what is on screens.
   */
  onPeople(isRenamed: boolean): void
  /** Written: the proof that a device forked, as it is to be handed on. */
  onFork(proof: Event[]): void
  /** This device's key signed an event that its store lacks. */
  onOwnUnknown(): void
  /** Something waits, or no longer waits. */
  onPendingChanged(): void
  onRefused(reason: Reason, from: string | undefined): void
  onDuplicate(): void
  /** A gap is old enough to ask for what is missing. */
  onAsk(question: Question): void
}

/** What happens while the batch before it is being written. */
interface Batch {
  /** To be written to the log. */
  delivered: { event: Event; entry: Entry }[]
  /** What the records hold from now on; undefined for nothing. */
  timeline: Map<TimelineKey, Entry | undefined>
  devices: Map<DeviceTag, ListedDevice>
  people: Map<UserTag, ListedPerson | undefined>
  settings: Settings | undefined
  /** Whether they are visible from now on. */
  reactions: Map<Entry, boolean>
  /** To be announced: what was delivered, or became visible. */
  visible: Entry[]
  hidden: Entry[]
  unlocked: Entry[]
  proofs: { tag: DeviceTag; proof: Proof }[]
  durable: boolean
  written: PromiseWithResolvers<void>
}

const EVENTS_PER_READ = 64

export class GroupLog {
  readonly engine: Engine
  readonly particulars: Particulars
  readonly group: GroupId
  readonly arrivals: Arrivals
  readonly #parts: GroupLogParts
  readonly #storage: Storage
  readonly #events: GroupLogEvents
  #next: Batch | undefined
  #writing: Promise<void> | undefined
  #failure: unknown
  readonly #closing = new AbortController()
  readonly #restored = Promise.withResolvers<void>()
  #restoring: Promise<boolean> | undefined
  #isRestored = false
  #reading: Promise<void> = Promise.resolve()
  /** How many events are on the disk: the n of the last one. */
  length = 0
  /** What the group is called, as on the disk. */
  settings: Settings = NO_SETTINGS
  readonly #locked = new LockedEntries()
  #devices = new Map<DeviceTag, ListedDevice>()
  #people = new Map<UserTag, ListedPerson>()
  /** Sums over all delivered events. */
  metadataBytes = 0
  eventBytes = 0

  private constructor(parts: GroupLogParts, storage: Storage, events: GroupLogEvents) {
    this.engine = new Engine(parts)
    this.particulars = new Particulars(this.engine)
    this.arrivals = new Arrivals(this.engine, parts.verifier)
    this.group = parts.group
    this.#parts = parts
    this.#storage = storage
    this.#events = events
    this.restored.catch(() => {})
  }

  /** What there is to read at once. */
  static async open(parts: GroupLogParts, storage: Storage, events: GroupLogEvents): Promise<GroupLog> {
    const log = new GroupLog(parts, storage, events)
    const state = await storage.get(stateKey(parts.group))
    if (state !== undefined) log.length = decodeN(state)
    await log.#readRecords()
    return log
  }

  async #readRecords(): Promise<void> {
    this.#devices = await readDevices(this.#storage, this.group)
    this.#people = await readPeople(this.#storage, this.group)
    this.settings = await readSettings(this.#storage, this.group)
  }

  /**
   * Rebuilds and checks the graph; to be called once. Returns whether records that screens are read from had to be
   * repaired. Fails with AppError STORE_CORRUPT when anything in the log is missing or altered, and CLOSED.
   */
  restore(time: Time): Promise<boolean> {
    this.#restoring ??= this.#restore(time)
    return this.#restoring
  }

  async #restore(time: Time): Promise<boolean> {
    const { engine, particulars, group, length } = this
    const restoring = new Restoring({
      ...{ engine, particulars, group, time },
      storage: this.#storage,
      total: length,
      signal: this.#closing.signal,
      onEvent: (event) => this.#notice(event),
      contentOf: (event, entry) => this.#contentOf(event, entry),
    })
    try {
      const isRepaired = await restoring.run()
      if (isRepaired) await this.#readRecords()
      this.#isRestored = true
      this.#restored.resolve()
      return isRepaired
    } catch (error) {
      this.#failure = error
      this.#restored.reject(error)
      throw error
    }
  }

  /** Resolves when the graph has been rebuilt; fails as restore() does. */
  get restored(): Promise<void> {
    return this.#restored.promise
  }

  /** All devices that ever entered, as on the disk. */
  get devices(): ReadonlyMap<DeviceTag, ListedDevice> {
    return this.#devices
  }

  /** Members and former members, as on the disk. */
  get people(): ReadonlyMap<UserTag, ListedPerson> {
    return this.#people
  }

  /** How many events have been rebuilt, while that goes on. */
  get opening(): { done: number; total: number } | undefined {
    return this.#isRestored ? undefined : { done: this.engine.history.log.length, total: this.length }
  }

  /** Ends rebuilding; resolves when what came is taken in, or given up, and on disk. Never throws. */
  async close(): Promise<void> {
    const closed = new AppError('CLOSED', 'Tapri is shutting down.')
    this.#closing.abort(closed)
    await this.#restoring?.catch(() => {})
    this.#restored.reject(closed)
    await this.arrivals.settled()
    await this.#reading.catch(() => {})
    await this.flushed().catch(() => {})
  }

  /**
   * Takes in events of a neighbour, as bytes or decoded, once their signatures are verified; now is asked at their turn.
   * Fails with AppError STORE_FAILED after a failed write, and CLOSED while the app is closing.
   */
  receive(events: readonly (Uint8Array | Event)[], from: string, now: () => Moment): Promise<Taken> {
    this.#demandRestored()
    return this.arrivals.add(events, (arrivals) => this.#take(arrivals, from, now()))
  }

  #take(arrivals: readonly Arrival[], from: string, now: Moment): Taken {
    if (this.#failure) throw this.#failure
    const counts = { refused: 0, passing: 0, duplicates: 0, waiting: 0 }
    let isNews = false
    const news: Event[] = []
    let isBad = false
    const effects: Effect[] = []
    for (const { bytes, examined } of arrivals)
      for (const effect of this.engine.step({ type: 'receive', bytes, examined, from, ...now })) {
        effects.push(effect)
        if (effect.type === 'fork' || effect.type === 'show') isNews = true
        // What was refused a moment ago, as an event, was the first half of the proof.
        if (effect.type === 'fork' && 'bytes' in effect.proof[0]) counts.refused--
        // What a forked device goes on to write is not handed on, nor what lies beyond a cut.
        if (
          (effect.type === 'deliver' && this.engine.history.forks.stands(effect.entry)) ||
          (effect.type === 'wait' && !this.engine.history.forks.isSuspect(effect.event.tag))
        ) {
          isNews = true
          news.push(effect.event)
        }
        if (effect.type === 'wait') counts.waiting++
        if (effect.type === 'duplicate') counts.duplicates++
        if (effect.type !== 'refuse') continue
        if (isPassing(effect.reason)) {
          counts.passing++
          continue
        }
        counts.refused++
        if (isProvablyBad(effect.reason)) isBad = true
      }
    return {
      verdict: isBad ? 'reject' : isNews ? 'accept' : 'ignore',
      news,
      written: this.#carryOut(effects),
      ...counts,
    }
  }

  /** Writes an event of this device; resolves when it is on the disk. Fails with AppError STORE_FAILED. */
  async append(kind: number, body: Uint8Array, now: Moment, covers?: EventId): Promise<Delivered> {
    this.#demandRestored()
    if (this.#failure) throw this.#failure
    const effects = this.engine.step({ type: 'append', kind, body, covers, ...now })
    const delivered = effects.find((effect) => effect.type === 'deliver')
    // The roster may have changed since the command was checked: what is on the disk lags behind.
    if (effects.some((effect) => effect.type === 'refuse' && isForbidden(effect.reason)))
      throw new AppError('NOT_ALLOWED', 'Your role in this group does not allow that any more.')
    if (!delivered) {
      const why = effects.map((effect) => (effect.type === 'refuse' ? effect.reason : effect.type))
      throw new TypeError(`an own event was not deliverable: ${why.join()}`)
    }
    const { event, entry } = delivered
    await this.#carryOut(effects)
    return this.#delivered(event, entry)
  }

  /**
   * Time passes: due and expired events, questions for what is missing. Resolves when that is on disk, with what came
   * before it was due, and was not forwarded then.
   */
  async tick(now: Moment): Promise<Event[]> {
    if (!this.#isRestored || this.#failure) return []
    const effects = this.engine.step({ type: 'tick', ...now })
    const due = effects.flatMap((effect) =>
      effect.type === 'deliver' && this.engine.history.forks.stands(effect.entry) ? effect.event : [],
    )
    await this.#carryOut(effects)
    return due
  }

  /** Resolves when everything delivered so far is on disk. */
  async flushed(): Promise<void> {
    if (!this.#isRestored) await this.restored
    while (this.#writing) await this.#writing
    if (this.#failure) throw this.#failure
  }

  /** One delivered event, also by its delivery index. Fails with AppError STORE_CORRUPT when it is not there. */
  async read(which: Entry | number): Promise<Event> {
    const n = typeof which === 'number' ? which : this.engine.history.nOf(which)
    const bytes = await this.#storage.get(eventKey(this.group, n))
    const decoded = bytes && decodeEvent(bytes, this.group, this.#parts.sha256)
    if (!decoded || 'reason' in decoded) throw damaged(this.group, `event ${n} cannot be read`)
    return decoded.event
  }

  /** What an event says, as far as this device can read it. */
  contentOf(event: Event): Content {
    return this.#parts.bodies.open(event)
  }

  /** Secrets came: reads again what waited for them. Resolves when that is on disk, or the log is being closed. */
  readAgain(): Promise<void> {
    this.#reading = this.#reading.catch(() => {}).then(() => this.#readAgain())
    return this.#reading
  }

  async #readAgain(): Promise<void> {
    await this.restored
    // Not flushed(): where much comes, that waits for a pause.
    await this.#enqueue(() => {})
    const isOpen = async (entry: Entry) => !awaitsKey(this.contentOf(await this.read(entry)))
    for (const entries of await this.#locked.take(this.engine.history, isOpen)) {
      if (this.#closing.signal.aborted) return
      for (const entry of entries)
        if (isParticular(entry.kind)) this.particulars.note(this.contentOf(await this.read(entry)), entry)
      void this.#enqueue((batch) => {
        this.#noteChanged(batch, entries)
        batch.unlocked.push(...entries)
      })
    }
    await this.#enqueue(() => {})
  }

  /** Encoded events in the order asked for. */
  async *readMany(entries: readonly Entry[]): AsyncGenerator<Uint8Array> {
    await this.flushed()
    for (let i = 0; i < entries.length; i += EVENTS_PER_READ) {
      const keys = entries
        .slice(i, i + EVENTS_PER_READ)
        .map((entry) => eventKey(this.group, this.engine.history.nOf(entry)))
      const found = await Promise.all(keys.map((key) => this.#storage.get(key)))
      for (const bytes of found) {
        if (!bytes) throw damaged(this.group, 'an event is missing')
        yield bytes
      }
    }
  }

  /** The events that prove that these devices forked. */
  async readProofs(tags: readonly DeviceTag[]): Promise<Uint8Array[]> {
    if (tags.length === 0) return []
    await this.flushed()
    const proofs = await Promise.all(tags.map((tag) => this.#storage.get(forkKey(this.group, tag))))
    return proofs.flatMap((proof) => decodeEvents(proof ?? new Uint8Array(0)) ?? [])
  }

  /** What an empty engine would write lies where the log is. */
  #demandRestored(): void {
    if (!this.#isRestored && !this.#failure) throw new TypeError('the group is still being opened')
  }

  #carryOut(effects: Effect[]): Promise<void> {
    const { forks } = this.engine.history
    let pendingChanged = false
    let written: Promise<void> | undefined
    for (const effect of effects) {
      if (effect.type === 'deliver') {
        const { event, entry } = effect
        this.#notice(event)
        if (isParticular(event.kind)) this.particulars.note(this.#contentOf(event, entry), entry)
        written = this.#enqueue((batch) => {
          batch.delivered.push({ event, entry })
          batch.durable ||= event.tag === this.#parts.self
          if (forks.isVisible(entry)) batch.visible.push(entry)
          this.#note(batch, entry)
        })
        pendingChanged = true
      } else if (effect.type === 'wait') pendingChanged = true
      else if (effect.type === 'fork')
        written = this.#enqueue((batch) => {
          const { tag, proof, hidden } = effect
          batch.proofs.push({ tag, proof })
          batch.hidden.push(...hidden)
          this.#noteDevice(batch, tag)
          this.#noteChanged(batch, hidden)
        })
      else if (effect.type === 'show')
        written = this.#enqueue((batch) => {
          batch.visible.push(...effect.entries)
          this.#noteChanged(batch, effect.entries)
        })
      else if (effect.type === 'hide')
        written = this.#enqueue((batch) => {
          batch.hidden.push(...effect.entries)
          this.#noteChanged(batch, effect.entries)
        })
      else if (effect.type === 'members') written = this.#enqueue((batch) => this.#noteEverybody(batch))
      else if (effect.type === 'duplicate') this.#events.onDuplicate()
      else if (effect.type === 'refuse') this.#events.onRefused(effect.reason, effect.from)
      else if (effect.type === 'ownUnknown') this.#events.onOwnUnknown()
      else this.#events.onAsk(effect)
    }
    if (pendingChanged) this.#events.onPendingChanged()
    return written ?? Promise.resolve()
  }

  /** Says what the records hold of this entry, as things are now. */
  #note(batch: Batch, entry: Entry): void {
    const { engine } = this
    if (isShown(entry.kind)) batch.timeline.set(timelineKey(entry), shownInPlaceOf(engine, entry))
    if (entry.kind === KIND.reaction) batch.reactions.set(entry, engine.history.forks.isVisible(entry))
    if (chainOf(entry.kind) !== 'c' && !isParticular(entry.kind)) return
    this.#noteDevice(batch, entry.tag)
    const target = engine.roster.targetOf(entry.id)
    if (target !== undefined) this.#notePerson(batch, target)
    if (entry.kind === KIND.settings) batch.settings = this.particulars.settings
  }

  /** These are shown from now on, or not any more. */
  #noteChanged(batch: Batch, entries: readonly Entry[]): void {
    const isFolded = entries.some(({ kind }) => isParticular(kind))
    if (isFolded) this.particulars.foldAgain()
    for (const entry of entries) this.#note(batch, entry)
    if (isFolded) batch.settings = this.particulars.settings
  }

  #noteDevice(batch: Batch, tag: DeviceTag): void {
    const user = this.engine.roster.device(tag)?.user
    if (user !== undefined) this.#notePerson(batch, user)
  }

  /** With all of their devices. */
  #notePerson(batch: Batch, user: UserTag): void {
    batch.people.set(user, personOf(this.engine, this.particulars, user))
    for (const tag of this.engine.roster.devicesOf(user)) batch.devices.set(tag, deviceOf(this.engine, tag)!)
  }

  #noteEverybody(batch: Batch): void {
    for (const user of this.engine.roster.everybody()) this.#notePerson(batch, user)
  }

  #enqueue(put: (batch: Batch) => void): Promise<void> {
    this.#next ??= {
      delivered: [],
      timeline: new Map(),
      devices: new Map(),
      people: new Map(),
      settings: undefined,
      reactions: new Map(),
      visible: [],
      hidden: [],
      unlocked: [],
      proofs: [],
      durable: false,
      written: Promise.withResolvers(),
    }
    put(this.#next)
    const { promise } = this.#next.written
    promise.catch(() => {})
    this.#writing ??= this.#writeAll()
    return promise
  }

  async #writeAll(): Promise<void> {
    // Lets everything that was received in the same turn join the first batch.
    await Promise.resolve()
    for (let batch = this.#next; batch; batch = this.#next) {
      this.#next = undefined
      const { durable, written } = batch
      try {
        if (this.#failure) throw this.#failure
        const events = new Map(batch.delivered.map(({ event, entry }) => [entry, event]))
        const eventOf = async (entry: Entry) => events.get(entry) ?? (await this.read(entry))
        const proofs = await this.#proofs(batch, eventOf)
        const { put, remove } = await this.#rows(batch, eventOf)
        for (const { tag, proof } of proofs)
          put.push([forkKey(this.group, tag), encodeEvents(proof.map(({ bytes }) => bytes))])
        const visible = await Promise.all(
          batch.visible.map(async (entry) => this.#delivered(await eventOf(entry), entry)),
        )
        await this.#storage.write({ put, remove }, { durable })
        const isRenamed = this.#isRenamed(batch)
        this.#noteWritten(batch)
        if (visible.length > 0) this.#events.onDelivered(visible)
        if (batch.hidden.length > 0) this.#events.onHidden(batch.hidden)
        if (batch.unlocked.length > 0) this.#events.onUnlocked(batch.unlocked)
        if (batch.people.size > 0 || batch.settings) this.#events.onPeople(isRenamed)
        for (const { proof } of proofs) this.#events.onFork(proof)
        written.resolve()
      } catch (error) {
        this.#failure ??=
          error instanceof AppError
            ? error
            : new AppError('STORE_FAILED', 'A batch could not be written.', { cause: error })
        written.reject(this.#failure)
      }
    }
    this.#writing = undefined
  }

  /** In the same order on every device that has the same proof, so that gossip knows it again. */
  #proofs(
    { proofs }: Batch,
    eventOf: (entry: Entry) => Promise<Event>,
  ): Promise<{ tag: DeviceTag; proof: Event[] }[]> {
    return Promise.all(
      proofs.map(async ({ tag, proof: [one, other] }) => {
        const events = ['bytes' in one ? one : await eventOf(one), other]
        return { tag, proof: events.sort((a, b) => (a.id < b.id ? -1 : 1)) }
      }),
    )
  }

  async #rows(
    { delivered, timeline, devices, people, settings, reactions }: Batch,
    eventOf: (entry: Entry) => Promise<Event>,
  ): Promise<{ put: Row[]; remove: Uint8Array[] }> {
    const { group, engine } = this
    const { history } = engine
    const put: Row[] = delivered.map(({ event, entry }) => [eventKey(group, history.nOf(entry)), event.bytes])
    const remove: Uint8Array[] = []
    for (const [entry, isVisible] of reactions) {
      const target = decodeReaction(this.#contentOf(await eventOf(entry), entry))?.target
      if (target === undefined) continue
      const n = history.nOf(entry)
      if (isVisible) put.push(reactionRow(group, target, n))
      else remove.push(reactionKey(group, target, n))
    }
    for (const [key, entry] of timeline)
      if (entry) {
        const content = this.#contentOf(await eventOf(entry), entry)
        put.push(placeRow(group, entry, history.nOf(entry), answeredBy(engine, content, entry)))
      } else remove.push(timelineIndexKey(group, key))
    for (const device of devices.values()) put.push(deviceRow(group, device))
    for (const [user, person] of people)
      if (person) put.push(personRow(group, person))
      else remove.push(personKey(group, user))
    if (settings) put.push(settingsRow(group, settings))
    const last = delivered.at(-1)
    if (last) put.push([stateKey(group), encodeN(history.nOf(last.entry))])
    return { put, remove }
  }

  #isRenamed({ people }: Batch): boolean {
    return [...people].some(([user, person]) => {
      const known = this.#people.get(user)
      return known !== undefined && (known.name !== person?.name || known.picture?.id !== person?.picture?.id)
    })
  }

  #noteWritten({ delivered, devices, people, settings }: Batch): void {
    this.length += delivered.length
    for (const device of devices.values()) this.#devices.set(device.tag, device)
    for (const [user, person] of people)
      if (person) this.#people.set(user, person)
      else this.#people.delete(user)
    if (settings) this.settings = settings
  }

  #delivered(event: Event, entry: Entry): Delivered {
    const answers = answeredBy(this.engine, this.#contentOf(event, entry), entry)
    const n = this.engine.history.nOf(entry)
    return { event, entry, n, own: event.tag === this.#parts.self, answers }
  }

  #contentOf(event: Event, entry: Entry): Content {
    const content = this.contentOf(event)
    if (awaitsKey(content)) this.#locked.add(event, entry)
    return content
  }

  #notice(event: Event): void {
    if (chainOf(event.kind) === 'c') this.#events.onControl(event)
    this.metadataBytes += orderingBytes(event)
    this.eventBytes += event.bytes.length
  }
}
