/**
 * The causal broadcast engine of one group: step(input) -> effects, deterministic, without I/O.
 *
 * 1. An event is delivered only after its device's previous event, its dots and its control heads (causal order).
 * 2. What is delivered depends on the events alone, never on arrival order or on the local clock: time only delays.
 *    A device that forked is no exception: its branches are delivered like anything else. See core/fork.ts.
 * 3. Every effect list becomes one storage batch, written before anything is shown or published.
 *
 * Source of the delivery rule: causal broadcast by explicit predecessors, as in Birman, Schiper, Stephenson
 * "Lightweight Causal and Atomic Group Multicast" (1991), with the reduced deltas of core/clock.ts.
 */
import type { DeviceTag, EventId, GroupId } from '../api/contract.ts'
import { equalBytes, fromHex } from './bytes.ts'
import { bind, controlFrontier, firstMissing, tipsToCite } from './citations.ts'
import { Clocks } from './clock.ts'
import { DeliveryBuffer, type Pending } from './delivery.ts'
import {
  chainOf,
  commitTo,
  decodeEvent,
  encodeEvent,
  KIND,
  type DecodeResult,
  type Event,
  type EventFields,
  type Sha256,
  type SignedId,
} from './event.ts'
import { GapQuestions, gapsOf, type Gap, type Question } from './gaps.ts'
import { Future, Refused, Strangers } from './held.ts'
import { nextHlc } from './hlc.ts'
import { History, type Entry, type Share } from './history.ts'
import { MAX_PENDING_AGE_MS } from './limits.ts'
import { findMissing, type Missing } from './missing.ts'
import { Roster, type Judged, type Verify } from './members.ts'
import type { Reason } from './reasons.ts'

/** The pure functions the engine is built on, and who this device is. */
export interface EngineParts {
  group: GroupId
  self: DeviceTag
  sha256: Sha256
  verify: Verify
  sign: (id: Uint8Array) => Uint8Array
  /** Encrypts the body of an own message-chain event; its hlc is greater each time. Without it bodies stay as they are. */
  seal?: (plaintext: Uint8Array, fields: Omit<EventFields, 'body' | 'epoch'>) => Sealed
  /** decodeEvent, unless whoever runs many engines of one group lets them share what it returns. */
  decode?: (bytes: Uint8Array) => DecodeResult
  /** Likewise, of what is delivered. */
  share?: Share
}

/** An encrypted body, and the epoch (8 bytes) whose secret opens it. */
export interface Sealed {
  body: Uint8Array
  epoch: Uint8Array
}

/** When an input comes: dates are judged by one clock, ages measured by the other. */
export interface Moment {
  /** Unix ms by the reference clock, which jumps when neighbours come and go, or somebody sets it. */
  nowMs: number
  /** Ms since any beginning; only ever grows. */
  atMs: number
}

/** What examine() found out about bytes that came, and whether the signature then proved to be valid. */
export interface Examined {
  decoded: DecodeResult
  /** To be verified. Nothing is when they cannot be read, are here already, or nobody knows their author's key. */
  signed?: SignedId
  isValid?: boolean
}

/** from names the neighbour that handed the bytes over. */
export type Input = Moment &
  (
    | { type: 'receive'; bytes: Uint8Array; examined?: Examined; from: string }
    | { type: 'append'; kind: number; body: Uint8Array; covers?: EventId | undefined }
    | { type: 'tick' }
  )

export type Effect =
  /** Hand on, in this order. */
  | { type: 'deliver'; event: Event; entry: Entry }
  /** Valid, and waiting for its past: forward it, it is news. */
  | { type: 'wait'; event: Event }
  | { type: 'duplicate'; id: EventId }
  /**
   * Proof that this device forked: keep it, and hand it on. What is in hidden was delivered, and is to be shown no
   * longer.
   */
  | { type: 'fork'; tag: DeviceTag; proof: Proof; hidden: Entry[] }
  /** These were hidden, and are to be shown: somebody's event depends on them, or a removal does not count after all. */
  | { type: 'show'; entries: Entry[] }
  /** These were shown, and lie beyond the cut of a removal. */
  | { type: 'hide'; entries: Entry[] }
  /** Who belongs to the group, or may do what, has changed. */
  | { type: 'members' }
  /** This device signed the event and does not have it: an older state of its store, or a second copy of it, is in use. */
  | { type: 'ownUnknown'; event: Event }
  /** Not taken. from is undefined when nobody in particular is at fault (expired). */
  | { type: 'refuse'; reason: Reason; from: string | undefined }
  /** Something is missing for long enough. */
  | ({ type: 'ask' } & Question)

/** Two events of one place; an entry stands for an event that was delivered. */
export type Proof = readonly [Event | Entry, Event]

/** An event that may be delivered: what it cites, and what follows for the roster. */
interface Checked extends Judged {
  parents: Entry[]
}

/** More than one or two are needed only where several people forked and were removed as well. */
const MAX_SETTLING_ROUNDS = 4

export class Engine {
  readonly history: History
  readonly clocks: Clocks
  readonly roster: Roster
  readonly #parts: EngineParts
  readonly #decode: (bytes: Uint8Array) => DecodeResult
  readonly #buffer = new DeliveryBuffer()
  readonly #strangers = new Strangers()
  readonly #future = new Future()
  readonly #refused = new Refused()
  readonly #questions = new GapQuestions()
  /** Forked devices, and when (atMs) an event last came that depends on something of theirs which is not here. */
  readonly #wanted = new Map<DeviceTag, number>()
  /** Of an own event, also of one that came to nothing: a date seals one text (core/secrets/sealing.ts). */
  #lastHlc = 0n
  /** Control frontier that this device's last message has seen, as a text. */
  #citedControl = ''
  /** Roster.version that what is hidden goes by. */
  #judgedVersion: string

  constructor(parts: EngineParts) {
    this.#parts = parts
    this.history = new History(parts.share)
    this.clocks = new Clocks(this.history)
    this.#decode = parts.decode ?? ((bytes) => decodeEvent(bytes, parts.group, parts.sha256))
    this.roster = new Roster(parts.group, parts.sha256, parts.verify, this.history)
    this.history.forks.judgeCutsBy((entry) => this.roster.isBeyondCut(entry))
    this.#judgedVersion = this.roster.version
  }

  /** 32 bytes, as everything in this group is hashed. */
  get sha256(): Sha256 {
    return this.#parts.sha256
  }

  step(input: Input): Effect[] {
    const effects: Effect[] = []
    if (input.type === 'receive') this.#receive(input, effects)
    else if (input.type === 'append') this.#append(input, effects)
    else this.#tick(input, effects)
    return effects
  }

  /**
   * Looks at what came, its bytes or what these were decoded to, and changes nothing: whoever verifies signatures aside
   * asks this first, and hands the result to step() with the verdict. Without one step() verifies by itself.
   */
  examine(came: Uint8Array | Event): Examined {
    const decoded = 'id' in came ? { event: came } : this.#decode(came)
    if ('reason' in decoded || this.#isHere(decoded.event.id)) return { decoded }
    const { id, signature } = decoded.event
    const publicKey = this.roster.keyOf(decoded.event)
    return publicKey ? { decoded, signed: { id: fromHex(id), signature, publicKey } } : { decoded }
  }

  /**
   * Takes back an event of this device's own delivery log, in its order. Its signature was verified before it was
   * written. Returns a reason when it does not follow from what was restored before it: the log is damaged.
   */
  restore(bytes: Uint8Array): { event: Event; entry: Entry } | { reason: Reason | 'gap' | 'twice' } {
    const decoded = this.#decode(bytes)
    if ('reason' in decoded) return decoded
    const { event } = decoded
    if (this.history.get(event.id)) return { reason: 'twice' }
    if (firstMissing(event, this.history)) return { reason: 'gap' }
    const checked = this.#check(event)
    if ('reason' in checked) return checked
    const { tag, kind, seq } = event
    const { forks } = this.history
    const { version } = forks
    if (this.history.at(tag, chainOf(kind), seq)) forks.add(tag)
    const entry = this.#accept(event, checked)
    forks.noteDelivered(entry)
    // Not for every event of a log: that would look through a roster of thousands each time.
    if (forks.version !== version || chainOf(kind) === 'c') this.#settle([])
    return { event, entry }
  }

  /** Takes back a proof that was kept, after the log. False when it proves nothing: the store is damaged. */
  restoreProof(one: Uint8Array, other: Uint8Array): boolean {
    const [a, b] = [this.#decode(one), this.#decode(other)]
    if ('reason' in a || 'reason' in b || !areSiblings(a.event, b.event)) return false
    this.history.forks.add(a.event.tag)
    this.#settle([])
    return true
  }

  /**
   * Events waiting for earlier ones, oldest first. Those of forked devices are left out, and of people who were removed
   * and wrote on: nobody waits for what will be hidden, and what somebody's event needs of them shows up in that event.
   */
  pending(): Pending[] {
    const { forks } = this.history
    const isHidden = (tag: DeviceTag) =>
      forks.has(tag) || (forks.isSuspect(tag) && !this.roster.isActive(tag))
    return [...this.#buffer.values()].filter(({ event }) => !isHidden(event.tag))
  }

  /** Something is held back because of its date alone. */
  get awaitsDate(): boolean {
    return this.#future.size > 0
  }

  /** How many events of which device are known to exist and missing here. */
  gaps(): Gap[] {
    return gapsOf(this.pending(), this.history)
  }

  /** What to ask a neighbour for, so that what waits can be delivered. */
  missing(): Missing {
    return findMissing(this.history, this.#buffer.values())
  }

  #receive({ bytes, examined, from, nowMs, atMs }: Input & { type: 'receive' }, effects: Effect[]): void {
    const refuse = (reason: Reason) => effects.push({ type: 'refuse', reason, from })
    const decoded = examined?.decoded ?? this.#decode(bytes)
    if ('reason' in decoded) return void refuse(decoded.reason)
    const { event } = decoded
    if (this.#isHere(event.id)) return void effects.push({ type: 'duplicate', id: event.id })
    const key = this.roster.keyOf(event)
    if (!key) {
      this.#strangers.hold(event.tag, bytes, from)
      return void refuse('unknown-device')
    }
    if (!this.#isSigned(event, key, examined)) return void refuse('bad-signature')
    if (event.tag === this.#parts.self && event.kind !== KIND.create)
      effects.push({ type: 'ownUnknown', event })
    this.#lookForFork(event, atMs, effects)
    if (!this.#future.isDue(event, nowMs)) {
      const out = this.#future.add(event, from)
      if (out) this.#refused.add(out)
      return void refuse('too-far-ahead')
    }
    this.#insert(event, from, { nowMs, atMs }, effects)
  }

  #isHere(id: EventId): boolean {
    return this.history.get(id) !== undefined || this.#buffer.has(id) || this.#future.has(id)
  }

  /** A verdict counts for the key that it was about: two keys can be made that share a device tag. */
  #isSigned({ id, signature }: Event, key: Uint8Array, { signed, isValid }: Partial<Examined> = {}): boolean {
    if (signed && isValid !== undefined && equalBytes(signed.publicKey, key)) return isValid
    return this.#parts.verify(signature, fromHex(id), key)
  }

  /**
   * Delivers a verified event and, iteratively, everything that waited for it; or lets it wait. known: of the first, what
   * #check() found, where somebody has asked already.
   */
  #insert(first: Event, firstFrom: string, now: Moment, effects: Effect[], known?: Checked): void {
    const ready: { event: Event; from: string; sinceMs: number }[] = [
      { event: first, from: firstFrom, sinceMs: now.atMs },
    ]
    for (let next = ready.shift(); next; next = ready.shift()) {
      const { event, from, sinceMs } = next
      const refuse = (reason: Reason, source = from) => effects.push({ type: 'refuse', reason, from: source })
      const { forks } = this.history
      const isKeptOut = () => forks.isFull(event.tag) && !this.#wanted.has(event.tag)
      if (forks.has(event.tag) && isKeptOut()) {
        refuse('forked-device')
        continue
      }
      const watch = firstMissing(event, this.history)
      if (watch) {
        this.#want(event, now.atMs)
        for (const out of this.#buffer.add({ event, from, sinceMs, watch })) {
          this.#refused.add(out.event)
          refuse('buffer-full', out.from)
        }
        if (event === first && this.#buffer.has(event.id)) effects.push({ type: 'wait', event })
        continue
      }
      const checked = event === first && known ? known : this.#check(event)
      if ('reason' in checked) {
        if (checked.reason === 'commit-mismatch') this.#want(event, now.atMs)
        this.#refused.add(event)
        // As half of a proof an honest neighbour hands it over.
        refuse(forks.has(event.tag) ? 'forked-device' : checked.reason)
        continue
      }
      if (isKeptOut() && this.#isBeyondCut(event, checked)) {
        refuse('cut-off')
        continue
      }
      const entry = this.#accept(event, checked)
      effects.push({ type: 'deliver', event, entry })
      const entries = forks.noteDelivered(entry)
      if (entries.length > 0) effects.push({ type: 'show', entries })
      if (entries.length > 0 || chainOf(event.kind) === 'c') this.#settle(effects)
      ready.push(...this.#buffer.wake(event, chainOf(event.kind)))
      if (chainOf(event.kind) === 'c') this.#release(event.tag, now, effects)
    }
  }

  /** Compares a verified event with whatever else of its place is here, delivered or not. */
  #lookForFork(event: Event, atMs: number, effects: Effect[]): void {
    const { tag, kind, seq } = event
    if (this.history.forks.has(tag)) return
    const isSibling = (other: Event) => areSiblings(other, event)
    const other =
      this.history.at(tag, chainOf(kind), seq) ??
      this.#buffer.ofDevice(tag).find(isSibling) ??
      this.#future.find(isSibling) ??
      [this.#refused.get(tag)].find((last) => last && isSibling(last))
    if (!other) return
    const hidden = this.history.forks.add(tag)
    for (const { event: waiting } of this.#buffer.values()) this.#want(waiting, atMs)
    effects.push({ type: 'fork', tag, proof: [other, event], hidden })
    this.#settle(effects)
  }

  /**
   * What counts for the roster may have changed, and with it who was removed and what is hidden. Both are asked again
   * until neither changes: a removal that a fork undid may have hidden what acknowledges another fork's branch.
   */
  #settle(effects: Effect[]): void {
    const { forks } = this.history
    let isChanged = false
    for (let round = 0; round < MAX_SETTLING_ROUNDS; round++) {
      this.roster.refresh()
      if (this.roster.version === this.#judgedVersion) break
      this.#judgedVersion = this.roster.version
      isChanged = true
      const { hidden, shown } = forks.judgeAgain(this.roster.cutDevices())
      if (hidden.length > 0) effects.push({ type: 'hide', entries: hidden })
      if (shown.length > 0) effects.push({ type: 'show', entries: shown })
    }
    if (isChanged) effects.push({ type: 'members' })
  }

  /** Of an event that is not delivered yet. */
  #isBeyondCut({ id, kind, tag, seq }: Event, { seen }: Judged): boolean {
    return this.roster.isBeyondCut({ id, kind, tag, seq, seen })
  }

  /** An event lacks something of its past: what suspects wrote is taken, in case that is it. */
  #want({ tag, deps, controlHeads }: Event, atMs: number): void {
    const { forks } = this.history
    for (const dot of deps) if (forks.isSuspect(dot.tag)) this.#wanted.set(dot.tag, atMs)
    if (!controlHeads?.some((id) => !this.history.get(id))) return
    for (const suspect of forks.suspects) if (suspect !== tag) this.#wanted.set(suspect, atMs)
  }

  /**
   * What an event cites, or what is wrong with it. All of its past is here; nothing else is looked at, so all devices
   * agree.
   */
  #check(event: Event): Checked | { reason: Reason } {
    const bound = bind(event, this.history, this.#parts.sha256)
    if ('reason' in bound) return bound
    for (const parent of bound.parents) if (event.hlc <= parent.hlc) return { reason: 'clock-not-growing' }
    const judged = this.roster.judge(event, bound.parents)
    return 'reason' in judged ? judged : { ...bound, ...judged }
  }

  #accept(event: Event, { parents, seen, control }: Checked): Entry {
    const entry = this.history.add(
      event,
      parents,
      seen,
      control && ((added) => this.roster.apply(added, control)),
    )
    if (chainOf(event.kind) === 'm' && event.tag === this.#parts.self && event.controlHeads)
      this.#citedControl = event.controlHeads.join()
    return entry
  }

  #append({ kind, body, covers, nowMs, atMs }: Input & { type: 'append' }, effects: Effect[]): void {
    const { self, group, sha256, sign, seal } = this.#parts
    const seq = this.history.chain(self, chainOf(kind)).length + 1
    const previous = this.history.at(self, chainOf(kind), seq - 1)
    const isControl = chainOf(kind) === 'c'
    const deps = isControl ? [] : tipsToCite(previous, covers, this.history, this.clocks)
    const depIds = deps.map((dot) => this.history.at(dot.tag, 'm', dot.seq)!.id)
    const frontier = controlFrontier(this.history)
    const cites = frontier.length > 0 && (isControl || frontier.join() !== this.#citedControl)
    const controlHeads = cites ? frontier : undefined
    const { latest } = this.history
    const hlc = nextHlc(latest > this.#lastHlc ? latest : this.#lastHlc, nowMs)
    this.#lastHlc = hlc
    const commit = commitTo(previous?.id, depIds, controlHeads, sha256)
    const fields = { kind, tag: self, seq, hlc, deps, commit, controlHeads }
    const sealed = isControl || !seal ? { body } : seal(body, fields)
    const event = encodeEvent({ ...fields, ...sealed }, group, sha256, sign)
    // What this device may not write was never written: the next event in its place is no fork.
    const checked = this.#check(event)
    if ('reason' in checked) return void effects.push({ type: 'refuse', reason: checked.reason, from: self })
    this.#lookForFork(event, atMs, effects)
    this.#insert(event, self, { nowMs, atMs }, effects, checked)
  }

  #tick(now: Moment, effects: Effect[]): void {
    const { nowMs, atMs } = now
    for (const { event, from } of this.#future.takeDue(nowMs)) this.#insert(event, from, now, effects)
    for (const [tag, sinceMs] of this.#wanted)
      if (atMs - sinceMs > MAX_PENDING_AGE_MS) this.#wanted.delete(tag)
    for (let expired = this.#buffer.expire(atMs); expired > 0; expired--)
      effects.push({ type: 'refuse', reason: 'expired', from: undefined })
    const question = this.#questions.next(this.#buffer.values(), atMs)
    if (question) effects.push({ type: 'ask', ...question })
  }

  /** Looks again at what a device sent before it was known. */
  #release(tag: DeviceTag, now: Moment, effects: Effect[]): void {
    if (!this.roster.knows(tag)) return
    for (const { bytes, from } of this.#strangers.release(tag))
      this.#receive({ type: 'receive', bytes, from, ...now }, effects)
  }
}

/** Different events of one place in a device's chain: the device forked. */
function areSiblings(a: Event, b: Event): boolean {
  return a.id !== b.id && a.tag === b.tag && a.seq === b.seq && chainOf(a.kind) === chainOf(b.kind)
}
