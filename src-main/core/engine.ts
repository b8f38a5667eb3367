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
import { Clocks } from './clock.ts'
import { DeliveryBuffer, type Pending, type Watch } from './delivery.ts'
import {
  chainOf,
  commitTo,
  decodeEvent,
  encodeEvent,
  KIND,
  type DecodeResult,
  type Dot,
  type Event,
  type Sha256,
} from './event.ts'
import { hlcAt, nextHlc } from './hlc.ts'
import { History, type Entry } from './history.ts'
import {
  GAP_ASK_ALL_AFTER_MS,
  GAP_ASK_MORE_AFTER_MS,
  GAP_ASK_SOURCE_AFTER_MS,
  MAX_BRANCH_CHOICES,
  MAX_CONTROL_HEADS,
  MAX_DEPS,
  MAX_FUTURE_EVENTS,
  MAX_FUTURE_MS,
  MAX_HELD_EVENTS,
  MAX_HELD_PER_DEVICE,
  MAX_PENDING_AGE_MS,
} from './limits.ts'
import { Roster, type Verify } from './members.ts'

/** The pure functions the engine is built on, and who this device is. */
export interface EngineParts {
  group: GroupId
  self: DeviceTag
  sha256: Sha256
  verify: Verify
  sign: (id: Uint8Array) => Uint8Array
  /** decodeEvent, unless whoever runs many engines of one group lets them share what it returns. */
  decode?: (bytes: Uint8Array) => DecodeResult
}

/** nowMs is the reference clock in unix ms; from names the neighbour that handed the bytes over. */
export type Input =
  | { type: 'receive'; bytes: Uint8Array; from: string; nowMs: number }
  | { type: 'append'; kind: number; body: Uint8Array; covers?: EventId | undefined; nowMs: number }
  | { type: 'tick'; nowMs: number }

/** Why bytes of a peer were not taken. */
export type Reason =
  | 'oversized'
  | 'unknown-version'
  | 'malformed'
  | 'bad-signature'
  | 'forked-device'
  | 'commit-mismatch'
  | 'clock-not-growing'
  | 'bad-control-head'
  | 'not-a-member'
  | 'bad-membership-proof'
  | 'unknown-device'
  | 'buffer-full'
  | 'too-far-ahead'
  | 'expired'

/** Reasons that whoever hands the bytes on could have seen without knowing anything else. */
const PROVABLE: ReadonlySet<Reason> = new Set(['oversized', 'unknown-version', 'malformed', 'bad-signature'])

/** Whether a neighbour that forwards such bytes is provably at fault. */
export function isProvablyBad(reason: Reason): boolean {
  return PROVABLE.has(reason)
}

/** Reasons that lie with this device and this moment: an honest neighbour hands over such events too. */
const PASSING: ReadonlySet<Reason> = new Set([
  'forked-device',
  'unknown-device',
  'buffer-full',
  'too-far-ahead',
  'expired',
])

/** Whether the event may be taken at another time, or by another device. */
export function isPassing(reason: Reason): boolean {
  return PASSING.has(reason)
}

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
  /** These were hidden, and somebody's event depends on them: show them. */
  | { type: 'show'; entries: Entry[] }
  /** This device signed the event and does not have it: an older state of its store, or a second copy of it, is in use. */
  | { type: 'ownUnknown'; event: Event }
  /** Not taken. from is undefined when nobody in particular is at fault (expired). */
  | { type: 'refuse'; reason: Reason; from: string | undefined }
  /** Something is missing for long enough: sync with these neighbours, or with two more, or with all. */
  | { type: 'ask'; width: 'source' | 'more' | 'all'; sources: string[] }

/** Two events of one place; an entry stands for an event that was delivered. */
export type Proof = readonly [Event | Entry, Event]

/** What is known to be missing of one device. */
export interface Gap {
  tag: DeviceTag
  count: number
}

export class Engine {
  readonly history = new History()
  readonly clocks = new Clocks(this.history)
  readonly roster: Roster
  readonly #parts: EngineParts
  readonly #decode: (bytes: Uint8Array) => DecodeResult
  readonly #buffer = new DeliveryBuffer()
  /** Events of devices that the roster does not know yet. */
  readonly #held = new Map<DeviceTag, { bytes: Uint8Array; from: string }[]>()
  #heldCount = 0
  readonly #future = new Map<EventId, { event: Event; from: string }>()
  /** Forked devices, and when an event last came that depends on something of theirs which is not here. */
  readonly #wanted = new Map<DeviceTag, number>()
  /** Control frontier that this device's last message has seen, as a text. */
  #citedControl = ''
  /** Questions asked so far about what waits of a device. */
  readonly #asked = new Map<DeviceTag, number>()

  constructor(parts: EngineParts) {
    this.#parts = parts
    this.#decode = parts.decode ?? ((bytes) => decodeEvent(bytes, parts.group, parts.sha256))
    const isVisible = (entry: Entry) => this.history.forks.isVisible(entry)
    this.roster = new Roster(parts.group, parts.sha256, parts.verify, isVisible)
  }

  step(input: Input): Effect[] {
    const effects: Effect[] = []
    if (input.type === 'receive') this.#receive(input, effects)
    else if (input.type === 'append') this.#append(input, effects)
    else this.#tick(input.nowMs, effects)
    return effects
  }

  /**
   * Takes back an event of this device's own delivery log, in its order. Its signature was verified before it was
   * written. Returns a reason when it does not follow from what was restored before it: the log is damaged.
   */
  restore(bytes: Uint8Array): { event: Event; entry: Entry } | { reason: Reason | 'gap' } {
    const decoded = this.#decode(bytes)
    if ('reason' in decoded) return decoded
    const { event } = decoded
    if (this.#firstMissing(event)) return { reason: 'gap' }
    const bound = this.#bind(event)
    const reason = typeof bound === 'string' ? bound : this.#fault(event, bound)
    if (typeof bound === 'string' || reason) return { reason: reason as Reason }
    const { tag, kind, seq } = event
    if (this.history.at(tag, chainOf(kind), seq)) this.history.forks.add(tag)
    const entry = this.#accept(event, bound)
    this.history.forks.noteDelivered(entry)
    this.roster.refresh()
    return { event, entry }
  }

  /** Takes back a proof that was kept, after the log. False when it proves nothing: the store is damaged. */
  restoreProof(one: Uint8Array, other: Uint8Array): boolean {
    const [a, b] = [this.#decode(one), this.#decode(other)]
    if ('reason' in a || 'reason' in b || !areSiblings(a.event, b.event)) return false
    this.history.forks.add(a.event.tag)
    this.roster.refresh()
    return true
  }

  /**
   * Events waiting for earlier ones, oldest first. Those of forked devices are left out: nobody waits for what will be
   * hidden, and what somebody's event needs of them shows up in that event.
   */
  pending(): Pending[] {
    return [...this.#buffer.values()].filter(({ event }) => !this.history.forks.has(event.tag))
  }

  /** Something is held back because of its date alone. */
  get awaitsDate(): boolean {
    return this.#future.size > 0
  }

  /** How many events of which device are known to exist and missing here. */
  gaps(): Gap[] {
    const furthest = new Map<DeviceTag, number>()
    const tell = (tag: DeviceTag, seq: number) => {
      if (seq > this.history.chain(tag, 'm').length && seq > (furthest.get(tag) ?? 0)) furthest.set(tag, seq)
    }
    const here = new Map<DeviceTag, number>()
    for (const { event } of this.pending()) {
      if (chainOf(event.kind) === 'c') continue
      tell(event.tag, event.seq - 1)
      for (const dot of event.deps) tell(dot.tag, dot.seq)
      here.set(event.tag, (here.get(event.tag) ?? 0) + 1)
    }
    return [...furthest].map(([tag, seq]) => ({
      tag,
      count: Math.max(1, seq - this.history.chain(tag, 'm').length - (here.get(tag) ?? 0)),
    }))
  }

  #receive({ bytes, from, nowMs }: Input & { type: 'receive' }, effects: Effect[]): void {
    const { verify } = this.#parts
    const refuse = (reason: Reason) => effects.push({ type: 'refuse', reason, from })
    const decoded = this.#decode(bytes)
    if ('reason' in decoded) return void refuse(decoded.reason)
    const { event } = decoded
    if (this.history.get(event.id) || this.#buffer.has(event.id) || this.#future.has(event.id))
      return void effects.push({ type: 'duplicate', id: event.id })
    const key = this.roster.keyOf(event)
    if (!key) {
      this.#hold(event.tag, bytes, from)
      return void refuse('unknown-device')
    }
    if (!verify(event.signature, fromHex(event.id), key)) return void refuse('bad-signature')
    if (event.tag === this.#parts.self && event.kind !== KIND.create)
      effects.push({ type: 'ownUnknown', event })
    this.#lookForFork(event, nowMs, effects)
    if (event.hlc > hlcAt(nowMs + MAX_FUTURE_MS)) {
      if (this.#future.size < MAX_FUTURE_EVENTS) this.#future.set(event.id, { event, from })
      return void refuse('too-far-ahead')
    }
    this.#insert(event, from, nowMs, effects)
  }

  /** Delivers a verified event and, iteratively, everything that waited for it; or lets it wait. */
  #insert(first: Event, firstFrom: string, nowMs: number, effects: Effect[]): void {
    const ready: { event: Event; from: string; sinceMs: number }[] = [
      { event: first, from: firstFrom, sinceMs: nowMs },
    ]
    for (let next = ready.shift(); next; next = ready.shift()) {
      const { event, from, sinceMs } = next
      const refuse = (reason: Reason) => effects.push({ type: 'refuse', reason, from })
      const { forks } = this.history
      if (forks.has(event.tag) && forks.isFull(event.tag) && !this.#wanted.has(event.tag)) {
        refuse('forked-device')
        continue
      }
      const watch = this.#firstMissing(event)
      if (watch) {
        this.#want(event, nowMs)
        if (!this.#buffer.add({ event, from, sinceMs, watch })) refuse('buffer-full')
        else if (event === first) effects.push({ type: 'wait', event })
        continue
      }
      const bound = this.#bind(event)
      const fault = typeof bound === 'string' ? bound : this.#fault(event, bound)
      if (typeof bound === 'string' || fault) {
        if (fault === 'commit-mismatch') this.#want(event, nowMs)
        refuse(fault as Reason)
        continue
      }
      const entry = this.#accept(event, bound)
      effects.push({ type: 'deliver', event, entry })
      const entries = forks.noteDelivered(entry)
      if (entries.length > 0) {
        this.roster.refresh()
        effects.push({ type: 'show', entries })
      }
      ready.push(...this.#buffer.wake(event, chainOf(event.kind)))
      if (chainOf(event.kind) === 'c') this.#release(event.tag, nowMs, effects)
    }
  }

  /** Compares a verified event with whatever else of its place is here, delivered or not. */
  #lookForFork(event: Event, nowMs: number, effects: Effect[]): void {
    const { tag, kind, seq } = event
    if (this.history.forks.has(tag)) return
    const isSibling = (other: Event) => areSiblings(other, event)
    const other =
      this.history.at(tag, chainOf(kind), seq) ??
      this.#buffer.ofDevice(tag).find(isSibling) ??
      [...this.#future.values()].find((held) => isSibling(held.event))?.event
    if (!other) return
    const hidden = this.history.forks.add(tag)
    this.roster.refresh()
    for (const { event: waiting } of this.#buffer.values()) this.#want(waiting, nowMs)
    effects.push({ type: 'fork', tag, proof: [other, event], hidden })
  }

  /** An event lacks something of its past: what forked devices wrote is taken, in case that is it. */
  #want({ tag, deps, controlHeads }: Event, nowMs: number): void {
    const { forks } = this.history
    for (const dot of deps) if (forks.has(dot.tag)) this.#wanted.set(dot.tag, nowMs)
    if (!controlHeads?.some((id) => !this.history.get(id))) return
    for (const forked of forks.tags) if (forked !== tag) this.#wanted.set(forked, nowMs)
  }

  /** The one predecessor to wait for, in the order own previous, dots, control heads. */
  #firstMissing({ tag, kind, seq, deps, controlHeads }: Event): Watch | undefined {
    const chain = chainOf(kind)
    if (seq > 1 && !this.history.at(tag, chain, seq - 1)) return { tag, chain, seq: seq - 1 }
    for (const dot of deps) if (!this.history.at(dot.tag, 'm', dot.seq)) return { ...dot, chain: 'm' }
    for (const id of controlHeads ?? []) if (!this.history.get(id)) return { id }
    return undefined
  }

  /**
   * The delivered events that an event cites, as History.parentsOf() gives them. Where a device forked, a place does
   * not tell which event is meant; the commitment does.
   */
  #bind({ tag, kind, seq, deps, controlHeads, commit }: Event): Entry[] | Reason {
    const { history } = this
    const places = deps.map((dot) => history.all(dot.tag, 'm', dot.seq))
    if (seq > 1) places.unshift(history.all(tag, chainOf(kind), seq - 1))
    const heads = (controlHeads ?? []).map((id) => history.get(id)!)
    if (heads.some((head) => chainOf(head.kind) !== 'c')) return 'bad-control-head'
    for (const cited of choices(places, MAX_BRANCH_CHOICES)) {
      const ids = cited.map(({ id }) => id)
      const previous = seq > 1 ? ids.shift() : undefined
      if (equalBytes(commit, commitTo(previous, ids, controlHeads, this.#parts.sha256)))
        return [...cited, ...heads]
    }
    return 'commit-mismatch'
  }

  /** What is wrong with an event whose past is here. Looks at the event and its past only, so all devices agree. */
  #fault(event: Event, parents: readonly Entry[]): Reason | undefined {
    for (const parent of parents) if (event.hlc <= parent.hlc) return 'clock-not-growing'
    return this.roster.judge(event)
  }

  #accept(event: Event, parents: readonly Entry[]): Entry {
    const entry = this.history.add(event, parents)
    if (chainOf(event.kind) === 'c') this.roster.apply(event, entry)
    else if (event.tag === this.#parts.self && event.controlHeads)
      this.#citedControl = event.controlHeads.join()
    return entry
  }

  #append({ kind, body, covers, nowMs }: Input & { type: 'append' }, effects: Effect[]): void {
    const { self, group, sha256, sign } = this.#parts
    const seq = this.history.chain(self, chainOf(kind)).length + 1
    const previous = this.history.previousOf({ tag: self, kind, seq })
    const isControl = chainOf(kind) === 'c'
    const deps = isControl ? [] : this.#tips(previous, covers)
    const depIds = deps.map((dot) => this.history.at(dot.tag, 'm', dot.seq)!.id)
    const frontier = this.#controlFrontier()
    const cites = frontier.length > 0 && (isControl || frontier.join() !== this.#citedControl)
    const controlHeads = cites ? frontier : undefined
    const event = encodeEvent(
      {
        kind,
        tag: self,
        seq,
        hlc: nextHlc(this.history.latest, nowMs),
        deps,
        commit: commitTo(previous?.id, depIds, controlHeads, sha256),
        controlHeads,
        body,
      },
      group,
      sha256,
      sign,
    )
    this.#lookForFork(event, nowMs, effects)
    this.#insert(event, self, nowMs, effects)
  }

  /**
   * The tips to cite: heads that the own previous event does not cover, but nothing of forked devices. With more than MAX_DEPS, the oldest, but
   * first one that covers the event this one answers.
   */
  #tips(previous: Entry | undefined, covers: EventId | undefined): Dot[] {
    const { heads, forks } = this.history
    const tips = [...heads.values()].filter((head) => head !== previous && !forks.has(head.tag))
    const oldestFirst = tips.sort((a, b) => (a.hlc < b.hlc ? -1 : a.hlc > b.hlc ? 1 : a.tag < b.tag ? -1 : 1))
    const target = covers === undefined ? undefined : this.history.get(covers)
    if (tips.length > MAX_DEPS && target) {
      const covering = tips.findIndex((tip) => tip === target || this.clocks.happensBefore(target, tip))
      if (covering >= MAX_DEPS) tips.unshift(...tips.splice(covering, 1))
    }
    return oldestFirst
      .slice(0, MAX_DEPS)
      .map(({ tag, seq }) => ({ tag, seq }))
      .sort((a, b) => (a.tag < b.tag ? -1 : 1))
  }

  #controlFrontier(): EventId[] {
    return [...this.history.controlHeads.values()]
      .filter((head) => !this.history.forks.has(head.tag))
      .sort((a, b) => (a.hlc < b.hlc ? -1 : 1))
      .slice(0, MAX_CONTROL_HEADS)
      .map((entry) => entry.id)
      .sort()
  }

  #tick(nowMs: number, effects: Effect[]): void {
    for (const [id, { event, from }] of this.#future) {
      if (event.hlc > hlcAt(nowMs + MAX_FUTURE_MS)) continue
      this.#future.delete(id)
      this.#insert(event, from, nowMs, effects)
    }
    for (const [tag, sinceMs] of this.#wanted)
      if (nowMs - sinceMs > MAX_PENDING_AGE_MS) this.#wanted.delete(tag)
    for (let expired = this.#buffer.expire(nowMs); expired > 0; expired--)
      effects.push({ type: 'refuse', reason: 'expired', from: undefined })
    this.#askForGaps(nowMs, effects)
  }

  /**
   * Per author of what waits, one question per stage of its oldest gap: its sources first, then two more peers, then all,
   * then all again after twice as long each time. So a member who plants what can never be delivered makes nobody ask
   * for long, and holds up no question about anybody else.
   */
  #askForGaps(nowMs: number, effects: Effect[]): void {
    const gaps = new Map<DeviceTag, { ageMs: number; sources: Set<string> }>()
    for (const { event, sinceMs, from } of this.#buffer.values()) {
      const ageMs = nowMs - sinceMs
      if (ageMs < GAP_ASK_SOURCE_AFTER_MS) continue
      const gap = gaps.get(event.tag) ?? { ageMs, sources: new Set() }
      gap.ageMs = Math.max(gap.ageMs, ageMs)
      gap.sources.add(from)
      gaps.set(event.tag, gap)
    }
    for (const tag of this.#asked.keys()) if (!gaps.has(tag)) this.#asked.delete(tag)
    let widest = -1
    const sources = new Set<string>()
    for (const [tag, gap] of gaps) {
      const stage = this.#asked.get(tag) ?? 0
      const dueAfterMs = [GAP_ASK_SOURCE_AFTER_MS, GAP_ASK_MORE_AFTER_MS][stage]
      if (gap.ageMs < (dueAfterMs ?? GAP_ASK_ALL_AFTER_MS * 2 ** (stage - 2))) continue
      this.#asked.set(tag, stage + 1)
      widest = Math.max(widest, Math.min(stage, 2))
      for (const source of gap.sources) sources.add(source)
    }
    const width = (['source', 'more', 'all'] as const)[widest]
    if (width) effects.push({ type: 'ask', width, sources: [...sources] })
  }

  #hold(tag: DeviceTag, bytes: Uint8Array, from: string): void {
    const held = this.#held.get(tag) ?? []
    if (this.#heldCount >= MAX_HELD_EVENTS || held.length >= MAX_HELD_PER_DEVICE) return
    held.push({ bytes, from })
    this.#held.set(tag, held)
    this.#heldCount++
  }

  /** Looks again at what a device sent before it was known. */
  #release(tag: DeviceTag, nowMs: number, effects: Effect[]): void {
    const held = this.#held.get(tag)
    if (!held || !this.roster.knows(tag)) return
    this.#held.delete(tag)
    this.#heldCount -= held.length
    for (const { bytes, from } of held) this.#receive({ type: 'receive', bytes, from, nowMs }, effects)
  }
}

/** Different events of one place in a device's chain: the device forked. */
function areSiblings(a: Event, b: Event): boolean {
  return a.id !== b.id && a.tag === b.tag && a.seq === b.seq && chainOf(a.kind) === chainOf(b.kind)
}

/** One of each, in all ways; no more than limit ways. */
function* choices<T>(places: readonly (readonly T[])[], limit: number): Generator<T[]> {
  const total = places.reduce((product, place) => product * place.length, 1)
  for (let way = 0; way < Math.min(total, limit); way++) {
    let rest = way
    yield places.map((place) => {
      const choice = place[rest % place.length]!
      rest = Math.floor(rest / place.length)
      return choice
    })
  }
}

/** The body kinds whose events are shown in the timeline; the rest changes what is shown. */
export function isShown(kind: number): boolean {
  return kind === KIND.message || kind === KIND.notice || kind === KIND.create || kind === KIND.join
}
