/**
 * One group's engine together with its place on disk.
 *
 * 1. The log (`e`) and the proofs of forks (`f`) are the only truth; timeline and reaction records are written with
 *    them, in the same batch. The timeline holds what is visible (core/fork.ts), and of the branches of a fork that have
 *    one place and one date, which a timeline key cannot tell apart, the one with the smallest id.
 * 2. Nothing is announced, published or streamed before its batch is written. An own event is written durably.
 * 3. After a failed write the engine is ahead of the disk: the log takes nothing more until it is opened again.
 */
import type { DeviceTag, EventId, GroupId, TimelineKey } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import { concat } from '../core/bytes.ts'
import { Engine, type Effect, type EngineParts, type Moment, type Proof } from '../core/engine.ts'
import { chainOf, decodeEvent, orderingBytes, type Event } from '../core/event.ts'
import type { Entry } from '../core/history.ts'
import { isPassing, isProvablyBad, type Reason } from '../core/reasons.ts'
import { decodeEvents, encodeEvents } from '../core/sync.ts'
import { isShown, timelineKey } from '../core/timeline.ts'
import type { Verifier } from '../crypto/verifier.ts'
import type { Verdict } from '../network/network.ts'
import {
  decodeN,
  encodeN,
  eventKey,
  eventRange,
  forkKey,
  forkRange,
  reactionKey,
  stateKey,
  timelineIndexKey,
} from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'
import { Arrivals, type Arrival } from './arrivals.ts'
import { decodeMessage, decodeReaction } from './content.ts'

export interface GroupLogParts extends EngineParts {
  verifier: Verifier
}

/** What became of events of a neighbour. */
export interface Taken {
  /** About forwarding. */
  verdict: Verdict
  /** The author of each event that is worth forwarding. */
  news: DeviceTag[]
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
  own: boolean
  /** What it says it answers is in its own past. */
  linkHolds: boolean
}

export interface GroupLogEvents {
  /** Written; in delivery order. Only what is visible. */
  onDelivered(delivered: Delivered[]): void
  /** Delivered before, and visible no longer. */
  onHidden(entries: Entry[]): void
  /** Written: the proof that a device forked, as it is to be handed on. */
  onFork(proof: Event[]): void
  /** This device's key signed an event that its store lacks. */
  onOwnUnknown(): void
  /** Something waits, or no longer waits. */
  onPendingChanged(): void
  onRefused(reason: Reason, from: string | undefined): void
  onDuplicate(): void
  /** A gap is old enough to ask for what is missing. */
  onAsk(width: 'source' | 'more' | 'all', sources: string[]): void
}

/** What happens while the batch before it is being written. */
interface Batch {
  /** To be written to the log. */
  delivered: { event: Event; entry: Entry }[]
  /** What the timeline holds in these places from now on; undefined for nothing. */
  timeline: Map<TimelineKey, Entry | undefined>
  /** To be announced: what was delivered, or became visible. */
  visible: Entry[]
  hidden: Entry[]
  proofs: { tag: DeviceTag; proof: Proof }[]
  durable: boolean
  written: PromiseWithResolvers<void>
}

type Row = readonly [Uint8Array, Uint8Array]

/** The reply's target is in its own past, so the link is honoured on every device. */
export const LINK_HOLDS = 1
const EVENTS_PER_READ = 64

export class GroupLog {
  readonly engine: Engine
  readonly group: GroupId
  readonly arrivals: Arrivals
  readonly #parts: GroupLogParts
  readonly #storage: Storage
  readonly #events: GroupLogEvents
  #next: Batch | undefined
  #writing: Promise<void> | undefined
  #failure: AppError | undefined
  /** Sums over all delivered events. */
  metadataBytes = 0
  eventBytes = 0

  private constructor(parts: GroupLogParts, storage: Storage, events: GroupLogEvents) {
    this.engine = new Engine(parts)
    this.arrivals = new Arrivals(this.engine, parts.verifier)
    this.group = parts.group
    this.#parts = parts
    this.#storage = storage
    this.#events = events
  }

  /** Reads the log back and checks it. Fails with AppError STORE_CORRUPT when anything in it is missing or altered. */
  static async open(parts: GroupLogParts, storage: Storage, events: GroupLogEvents): Promise<GroupLog> {
    const log = new GroupLog(parts, storage, events)
    const state = await storage.get(stateKey(parts.group))
    const written = state === undefined ? 0 : decodeN(state)
    for await (const [key, bytes] of storage.range(eventRange(parts.group))) {
      const n = log.engine.history.log.length + 1
      const restored = decodeN(key) === n ? log.engine.restore(bytes) : { reason: 'gap' as const }
      if ('reason' in restored) throw damaged(parts.group, `event ${n}: ${restored.reason}`)
      log.#measure(restored.event)
    }
    if (log.engine.history.log.length !== written)
      throw damaged(parts.group, `${log.engine.history.log.length} of ${written} events are there`)
    for await (const [, proof] of storage.range(forkRange(parts.group))) {
      const [one, other, ...rest] = decodeEvents(proof) ?? []
      if (!one || !other || rest.length > 0 || !log.engine.restoreProof(one, other))
        throw damaged(parts.group, 'a proof cannot be read')
    }
    return log
  }

  /**
   * Takes in events of a neighbour, once their signatures are verified; now is asked at their turn. Fails with AppError
   * STORE_FAILED after a failed write, and CLOSED while the app is closing.
   */
  receive(events: readonly Uint8Array[], from: string, now: () => Moment): Promise<Taken> {
    return this.arrivals.add(events, (arrivals) => this.#take(arrivals, from, now()))
  }

  #take(arrivals: readonly Arrival[], from: string, now: Moment): Taken {
    if (this.#failure) throw this.#failure
    const counts = { refused: 0, passing: 0, duplicates: 0, waiting: 0 }
    let isNews = false
    const news: DeviceTag[] = []
    let isBad = false
    const effects: Effect[] = []
    for (const { bytes, examined } of arrivals)
      for (const effect of this.engine.step({ type: 'receive', bytes, examined, from, ...now })) {
        effects.push(effect)
        if (effect.type === 'fork' || effect.type === 'show') isNews = true
        // What was refused a moment ago, as an event, was the first half of the proof.
        if (effect.type === 'fork' && 'bytes' in effect.proof[0]) counts.refused--
        // What a forked device goes on to write is not handed on.
        if (
          (effect.type === 'deliver' || effect.type === 'wait') &&
          !this.engine.history.forks.has(effect.event.tag)
        ) {
          isNews = true
          news.push(effect.event.tag)
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
    if (this.#failure) throw this.#failure
    const effects = this.engine.step({ type: 'append', kind, body, covers, ...now })
    const delivered = effects.find((effect) => effect.type === 'deliver')
    if (!delivered) throw new TypeError('an own event was not deliverable')
    const { event, entry } = delivered
    await this.#carryOut(effects)
    return this.#delivered(event, entry)
  }

  /** Time passes: due and expired events, questions for what is missing. */
  async tick(now: Moment): Promise<void> {
    if (!this.#failure) await this.#carryOut(this.engine.step({ type: 'tick', ...now }))
  }

  /** Resolves when everything delivered so far is on disk. */
  async flushed(): Promise<void> {
    while (this.#writing) await this.#writing
    if (this.#failure) throw this.#failure
  }

  /** Resolves when what came is taken in, or given up, and on disk. Never throws. */
  async close(): Promise<void> {
    await this.arrivals.settled()
    await this.flushed().catch(() => {})
  }

  /** One delivered event by its delivery index. Fails with AppError STORE_CORRUPT when it is not there. */
  async read(n: number): Promise<Event> {
    const bytes = await this.#storage.get(eventKey(this.group, n))
    const decoded = bytes && decodeEvent(bytes, this.group, this.#parts.sha256)
    if (!decoded || 'reason' in decoded) throw damaged(this.group, `event ${n} cannot be read`)
    return decoded.event
  }

  /** Encoded events in the order asked for. */
  async *readMany(ns: readonly number[]): AsyncGenerator<Uint8Array> {
    await this.flushed()
    for (let i = 0; i < ns.length; i += EVENTS_PER_READ) {
      const keys = ns.slice(i, i + EVENTS_PER_READ)
      const found = await Promise.all(keys.map((n) => this.#storage.get(eventKey(this.group, n))))
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

  #carryOut(effects: Effect[]): Promise<void> {
    const { forks } = this.engine.history
    let pendingChanged = false
    let written: Promise<void> | undefined
    for (const effect of effects) {
      if (effect.type === 'deliver') {
        const { event, entry } = effect
        this.#measure(event)
        written = this.#enqueue((batch) => {
          batch.delivered.push({ event, entry })
          batch.durable ||= event.tag === this.#parts.self
          if (!forks.isVisible(entry)) return
          batch.visible.push(entry)
          this.#place(batch, entry)
        })
        pendingChanged = true
      } else if (effect.type === 'wait') pendingChanged = true
      else if (effect.type === 'fork')
        written = this.#enqueue((batch) => {
          const { tag, proof, hidden } = effect
          batch.proofs.push({ tag, proof })
          batch.hidden.push(...hidden)
          for (const entry of hidden) this.#place(batch, entry)
        })
      else if (effect.type === 'show')
        written = this.#enqueue((batch) => {
          batch.visible.push(...effect.entries)
          for (const entry of effect.entries) this.#place(batch, entry)
        })
      else if (effect.type === 'duplicate') this.#events.onDuplicate()
      else if (effect.type === 'refuse') this.#events.onRefused(effect.reason, effect.from)
      else if (effect.type === 'ownUnknown') this.#events.onOwnUnknown()
      else this.#events.onAsk(effect.width, effect.sources)
    }
    if (pendingChanged) this.#events.onPendingChanged()
    return written ?? Promise.resolve()
  }

  /** Says what the timeline holds where this entry belongs, as things are now. */
  #place(batch: Batch, entry: Entry): void {
    if (!isShown(entry.kind)) return
    const { history } = this.engine
    const rivals = history
      .all(entry.tag, chainOf(entry.kind), entry.seq)
      .filter((one) => one.hlc === entry.hlc && isShown(one.kind) && history.forks.isVisible(one))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
    batch.timeline.set(timelineKey(entry), rivals[0])
  }

  #enqueue(put: (batch: Batch) => void): Promise<void> {
    this.#next ??= {
      delivered: [],
      timeline: new Map(),
      visible: [],
      hidden: [],
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
        const events = new Map(batch.delivered.map(({ event, entry }) => [entry.n, event]))
        const eventOf = async ({ n }: Entry) => events.get(n) ?? (await this.read(n))
        const proofs = await this.#proofs(batch, eventOf)
        const { put, remove } = await this.#rows(batch, eventOf)
        for (const { tag, proof } of proofs)
          put.push([forkKey(this.group, tag), encodeEvents(proof.map(({ bytes }) => bytes))])
        const visible = await Promise.all(
          batch.visible.map(async (entry) => this.#delivered(await eventOf(entry), entry)),
        )
        await this.#storage.write({ put, remove }, { durable })
        if (visible.length > 0) this.#events.onDelivered(visible)
        if (batch.hidden.length > 0) this.#events.onHidden(batch.hidden)
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
    { delivered, timeline }: Batch,
    eventOf: (entry: Entry) => Promise<Event>,
  ): Promise<{ put: Row[]; remove: Uint8Array[] }> {
    const put: Row[] = []
    const remove: Uint8Array[] = []
    for (const { event, entry } of delivered) {
      put.push([eventKey(this.group, entry.n), event.bytes])
      const reaction = decodeReaction(event)
      if (reaction) put.push([reactionKey(this.group, reaction.target, entry.n), new Uint8Array(0)])
    }
    for (const [key, entry] of timeline) {
      const row = timelineIndexKey(this.group, key)
      if (!entry) {
        remove.push(row)
        continue
      }
      const flags = Uint8Array.of(this.#linkHolds(await eventOf(entry), entry) ? LINK_HOLDS : 0)
      put.push([row, concat([flags, encodeN(entry.n)])])
    }
    const last = delivered.at(-1)
    if (last) put.push([stateKey(this.group), encodeN(last.entry.n)])
    return { put, remove }
  }

  #delivered(event: Event, entry: Entry): Delivered {
    return { event, entry, own: event.tag === this.#parts.self, linkHolds: this.#linkHolds(event, entry) }
  }

  #linkHolds(event: Event, entry: Entry): boolean {
    const replyTo = decodeMessage(event)?.replyTo
    const target = replyTo === undefined ? undefined : this.engine.history.get(replyTo)
    return (
      target !== undefined && chainOf(target.kind) === 'm' && this.engine.clocks.happensBefore(target, entry)
    )
  }

  #measure(event: Event): void {
    this.metadataBytes += orderingBytes(event)
    this.eventBytes += event.bytes.length
  }
}

function damaged(group: GroupId, what: string): AppError {
  return new AppError(
    'STORE_CORRUPT',
    `The messages of group ${group.slice(0, 8)} on this disk are damaged (${what}). Nothing was changed. ` +
      'Move the data folder away to keep it, start Tapri again, and join the group with a new invite: ' +
      'the other members still have the messages.',
  )
}
