/**
 * One group's engine together with its place on disk.
 *
 * 1. The log (`e`) is the only truth; timeline and reaction records are written with it, in the same batch.
 * 2. Nothing is announced, published or streamed before its batch is written. An own event is written durably.
 * 3. After a failed write the engine is ahead of the disk: the log takes nothing more until it is opened again.
 */
import type { EventId, GroupId } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import { concat } from '../core/bytes.ts'
import { Engine, isProvablyBad, isShown, type Effect, type EngineParts, type Reason } from '../core/engine.ts'
import { chainOf, decodeEvent, orderingBytes, type Event } from '../core/event.ts'
import type { Entry } from '../core/history.ts'
import { timelineKey } from '../core/timeline.ts'
import type { Verdict } from '../network/network.ts'
import {
  decodeN,
  encodeN,
  eventKey,
  eventRange,
  reactionKey,
  stateKey,
  timelineIndexKey,
} from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'
import { decodeMessage, decodeReaction } from './content.ts'

export interface Delivered {
  event: Event
  entry: Entry
  own: boolean
  /** What it says it answers is in its own past. */
  linkHolds: boolean
}

export interface GroupLogEvents {
  /** Written; in delivery order. */
  onDelivered(delivered: Delivered[]): void
  /** Something waits, or no longer waits. */
  onPendingChanged(): void
  onRefused(reason: Reason, from: string | undefined): void
  onDuplicate(): void
  /** A gap is old enough to ask for what is missing. */
  onAsk(width: 'source' | 'more' | 'all', sources: string[]): void
}

/** What is delivered while the batch before it is being written. */
interface Batch {
  delivered: Delivered[]
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
  readonly #parts: EngineParts
  readonly #storage: Storage
  readonly #events: GroupLogEvents
  #next: Batch | undefined
  #writing: Promise<void> | undefined
  #failure: AppError | undefined
  /** Sums over all delivered events. */
  metadataBytes = 0
  eventBytes = 0

  private constructor(parts: EngineParts, storage: Storage, events: GroupLogEvents) {
    this.engine = new Engine(parts)
    this.group = parts.group
    this.#parts = parts
    this.#storage = storage
    this.#events = events
  }

  /** Reads the log back and checks it. Fails with AppError STORE_CORRUPT when anything in it is missing or altered. */
  static async open(parts: EngineParts, storage: Storage, events: GroupLogEvents): Promise<GroupLog> {
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
    return log
  }

  /** Takes in events of a neighbour. verdict is about forwarding; written resolves when what they caused is on disk. */
  receive(
    events: readonly Uint8Array[],
    from: string,
    nowMs: number,
  ): { verdict: Verdict; written: Promise<void>; refused: number } {
    if (this.#failure) return { verdict: 'ignore', written: Promise.reject(this.#failure), refused: 0 }
    let refused = 0
    let isNews = false
    let isBad = false
    const effects: Effect[] = []
    for (const bytes of events)
      for (const effect of this.engine.step({ type: 'receive', bytes, from, nowMs })) {
        effects.push(effect)
        if (effect.type === 'deliver' || effect.type === 'wait') isNews = true
        if (effect.type !== 'refuse') continue
        refused++
        if (isProvablyBad(effect.reason)) isBad = true
      }
    return {
      verdict: isBad ? 'reject' : isNews ? 'accept' : 'ignore',
      written: this.#carryOut(effects),
      refused,
    }
  }

  /** Writes an event of this device; resolves when it is on the disk. Fails with AppError STORE_FAILED. */
  async append(kind: number, body: Uint8Array, nowMs: number, covers?: EventId): Promise<Delivered> {
    if (this.#failure) throw this.#failure
    const effects = this.engine.step({ type: 'append', kind, body, covers, nowMs })
    const delivered = effects.find((effect) => effect.type === 'deliver')
    if (!delivered) throw new TypeError('an own event was not deliverable')
    const { event, entry } = delivered
    await this.#carryOut(effects)
    return { event, entry, own: true, linkHolds: this.#linkHolds(event, entry) }
  }

  /** Time passes: due and expired events, questions for what is missing. */
  async tick(nowMs: number): Promise<void> {
    if (!this.#failure) await this.#carryOut(this.engine.step({ type: 'tick', nowMs }))
  }

  /** Resolves when everything delivered so far is on disk. */
  async flushed(): Promise<void> {
    while (this.#writing) await this.#writing
    if (this.#failure) throw this.#failure
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

  #carryOut(effects: Effect[]): Promise<void> {
    let pendingChanged = false
    let written: Promise<void> | undefined
    for (const effect of effects) {
      if (effect.type === 'deliver') {
        this.#measure(effect.event)
        written = this.#enqueue(effect.event, effect.entry)
        pendingChanged = true
      } else if (effect.type === 'wait') pendingChanged = true
      else if (effect.type === 'duplicate') this.#events.onDuplicate()
      else if (effect.type === 'refuse') this.#events.onRefused(effect.reason, effect.from)
      else this.#events.onAsk(effect.width, effect.sources)
    }
    if (pendingChanged) this.#events.onPendingChanged()
    return written ?? Promise.resolve()
  }

  #enqueue(event: Event, entry: Entry): Promise<void> {
    const own = event.tag === this.#parts.self
    this.#next ??= { delivered: [], durable: false, written: Promise.withResolvers() }
    this.#next.delivered.push({ event, entry, own, linkHolds: this.#linkHolds(event, entry) })
    this.#next.durable ||= own
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
      const { delivered, durable, written } = batch
      try {
        if (this.#failure) throw this.#failure
        await this.#storage.write({ put: this.#rows(delivered) }, { durable })
        this.#events.onDelivered(delivered)
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

  #rows(batch: Delivered[]): Row[] {
    const rows: Row[] = []
    for (const { event, entry, linkHolds } of batch) {
      rows.push([eventKey(this.group, entry.n), event.bytes])
      if (isShown(event.kind)) {
        const flags = Uint8Array.of(linkHolds ? LINK_HOLDS : 0)
        const value = concat([flags, encodeN(entry.n)])
        rows.push([timelineIndexKey(this.group, timelineKey(event)), value])
      }
      const reaction = decodeReaction(event)
      if (reaction) rows.push([reactionKey(this.group, reaction.target, entry.n), new Uint8Array(0)])
    }
    rows.push([stateKey(this.group), encodeN(batch.at(-1)!.entry.n)])
    return rows
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
