/**
 * Hundreds of members in one process: for each the real engine, roster and sync sessions, and a reference clock; around
 * them gossip, links, power cuts and hostile members. Everything is drawn from the seed. What the messenger adds (batches,
 * storage, windows) is not here: world.ts steps all of it, for a few people.
 */
import { toHex } from '../../src-main/core/bytes.ts'
import type { Effect, Moment } from '../../src-main/core/engine.ts'
import { commitTo, deviceTag, encodeEvent, KIND, orderingBytes } from '../../src-main/core/event.ts'
import { hlcAt, hlcTimeMs } from '../../src-main/core/hlc.ts'
import { MAX_FUTURE_MS } from '../../src-main/core/limits.ts'
import { encodeCreate, encodeJoin, joinStatement } from '../../src-main/core/members.ts'
import { isShown, timelineKey } from '../../src-main/core/timeline.ts'
import type { Outcome } from '../../src-main/core/catch-up.ts'
import type { Crypto } from '../../src-main/crypto/crypto.ts'
import { encodeMessage, encodeReaction } from '../../src-main/messenger/content.ts'
import { traceEnd, traceLine, writeTraceFile } from '../../src-main/messenger/trace.ts'
import { Agenda } from './agenda.ts'
import { Archive, type Filed } from './archive.ts'
import { CrowdPeer } from './crowd-peer.ts'
import { askForMissing, Session, type SessionParts } from './crowd-sync.ts'
import { BADLY_SKEWED_ONE_IN, MAX_BAD_SKEW_MS, MAX_SKEW_MS, type Faults } from './faults.ts'
import { Forger, MISDEEDS } from './forger.ts'
import { Histogram } from './histogram.ts'
import { Mesh } from './mesh.ts'
import { Oracle } from './oracle.ts'
import { Random } from './random.ts'
import { OFFICE_PACE_MS, officeWorkload, type Post } from './workload.ts'

export interface CrowdOptions {
  seed: number
  members: number
  /** What honest members write; what hostile ones write comes on top. */
  events: number
  /** Members who write at the busiest hour. */
  active: number
  faults: Faults
  crypto: Crypto
  /** Told now and then how many of the events have been written. */
  onProgress?: (written: number) => void
}

export const START_MS = Date.UTC(2026, 0, 1)
const FOUNDED: Moment = { nowMs: START_MS, atMs: 0 }
const DEGREE = 8
/** Between the batch of an own event and its publication. */
const WRITE_MS = 2
const TICK_MS = 200
/** While something waits only because of its date. */
const DUE_TICK_MS = 60_000
const MAX_INBOX = 128
const ANTI_ENTROPY_MS = 60 * 60_000
const HOSTILE_ONE_IN = 50
/** Times that each of them does it. Poison makes everybody ask around for ten minutes. */
const OCCASIONS = 12
const POISONINGS = 1
/** Deliveries that a power cut takes along, at most: they were not on disk yet. */
const MAX_TORN = 30
const MAX_SETTLING_MS = 8 * 60 * 60_000
const FIRST_ROUND_MS = 30_000
const MAX_ROUND_MS = 30 * 60_000
/** Timelines of so many peers are built event by event, as a window does. */
const INSERTED_TIMELINES = 3
const AUTHORS_SAMPLED_ONE_IN = 16

export interface CrowdVerdict {
  violations: string[]
  violationCount: number
  /** Honest events missing somewhere, in the end. */
  lost: number
  identicalTimelines: boolean
  /** Waiting somewhere, in the end. */
  pending: number
}

/** Sums over the whole run. */
export interface CrowdFigures {
  events: number
  deliveries: number
  received: number
  duplicates: number
  verified: number
  restored: number
  gossipSent: number
  gossipLost: number
  sessions: number
  crashes: number
  refused: Record<string, number>
  latencyMs: { p50: number; p99: number }
  /** The same arrivals, had every event been shown when it came. */
  unorderedLatencyMs: { p50: number; p99: number }
  metadataBytes: { mean: number; p99: number }
  /** The citations of an event against the whole clock of its author, a number per member who has written. */
  clockBytes: { mean: number; fullMean: number; savedShare: number }
}

export class Crowd {
  readonly agenda = new Agenda()
  readonly peers: CrowdPeer[]
  readonly archive: Archive
  readonly oracle: Oracle
  readonly #options: CrowdOptions
  readonly #random: Random
  readonly #mesh: Mesh
  readonly #sessions = new Set<string>()
  readonly #sessionParts: SessionParts
  readonly #waitingSince: Map<number, number>[]
  readonly #latency = new Histogram()
  readonly #unordered = new Histogram()
  readonly #metadata = new Histogram()
  readonly #refused: Record<string, number> = {}
  readonly #sums = {
    deliveries: 0,
    received: 0,
    duplicates: 0,
    restored: 0,
    sessions: 0,
    crashes: 0,
    metadata: 0,
    written: 0,
    clock: 0,
    fullClock: 0,
    clocks: 0,
  }

  constructor(options: CrowdOptions) {
    const { seed, members, faults, crypto } = options
    this.#options = options
    this.#random = new Random(seed)
    const random = this.#random
    const keys = Array.from({ length: members }, () => crypto.keyPair(random.bytes(32)))
    const tags = keys.map(({ publicKey }) => deviceTag(publicKey, crypto.sha256))
    const inviteKey = crypto.keyPair(random.bytes(32))
    const create = this.#encodeCreate(keys[0]!, tags[0]!, inviteKey.publicKey)
    const group = create.id
    this.archive = new Archive(group, crypto.sha256, members)
    this.oracle = new Oracle(this.archive, tags, members)
    this.#mesh = new Mesh({ peers: members, degree: DEGREE, faults, random })
    this.#waitingSince = keys.map(() => new Map<number, number>())
    this.#sessionParts = {
      agenda: this.agenda,
      sha256: crypto.sha256,
      delayMs: () => this.#mesh.delayMs(),
      isLinked: (one, other) => this.#mesh.isLinked(one.index, other.index),
      bytesOf: ({ id }) => this.archive.get(id)!.bytes,
      take: (peer, events, from) => this.#take(peer, events, from),
      catchUp: (peer) => this.#catchUp(peer),
    }
    const badly = Math.max(1, Math.round(members / BADLY_SKEWED_ONE_IN))
    this.peers = keys.map((key, index) => {
      const maxMs = index > 0 && index <= badly ? MAX_BAD_SKEW_MS : MAX_SKEW_MS
      const skewMs = faults.has('skew') ? random.between(-maxMs, maxMs) : 0
      return new CrowdPeer({
        index,
        key,
        localMs: () => START_MS + this.agenda.nowMs + skewMs,
        atMs: () => this.agenda.nowMs,
        incarnation: random.bytes(8),
        engineParts: {
          group,
          self: tags[index]!,
          sha256: crypto.sha256,
          verify: crypto.verify,
          sign: (id) => crypto.sign(id, key.secretKey),
          decode: (bytes) => this.archive.decode(bytes),
        },
        random,
      })
    })
    this.#gather(create.bytes, (publicKey) =>
      crypto.sign(joinStatement(group, publicKey), inviteKey.secretKey),
    )
  }

  /** Plays everything, mends everything, and lets the crowd settle. */
  run(): CrowdVerdict {
    const { faults, events, members, active, seed, onProgress } = this.#options
    const endMs = events * OFFICE_PACE_MS
    this.#planTrouble(endMs)
    for (const peer of this.peers) this.#meetNeighbours(peer, this.#mesh.neighbours[peer.index]!.length)
    for (const peer of this.peers) this.#syncNowAndThen(peer)
    let written = 0
    for (const post of officeWorkload({ seed, members, events, active })) {
      this.#pass(post.atMs)
      this.#write(post)
      if (++written % 1_000 === 0) onProgress?.(written)
    }
    this.#pass(endMs)
    this.#mesh.side.fill(0)
    for (const peer of this.peers) if (!this.#mesh.isOn[peer.index]) this.#switchOn(peer)
    if (faults.has('hostile')) for (const peer of this.peers) peer.forger = undefined
    // Ever more rarely: what is left in the end waits for its date, not for anybody.
    let roundMs = FIRST_ROUND_MS
    for (const limitMs = endMs + MAX_SETTLING_MS; this.agenda.nowMs < limitMs && !this.#isQuiet();) {
      for (const peer of this.peers) this.#meetNeighbours(peer, 1)
      this.#pass(this.agenda.nowMs + roundMs)
      roundMs = Math.min(MAX_ROUND_MS, 1.5 * roundMs)
    }
    return this.#judge()
  }

  /** What the first peers delivered, in the trace format. */
  async writeTraces(folder: string, peers: number): Promise<void> {
    for (const { engine, key } of this.peers.slice(0, peers)) {
      const { history } = engine
      const shown = history.log.filter(({ kind }) => isShown(kind))
      const timeline = shown.map((entry) => [timelineKey(entry), entry.id] as const).sort()
      const lines = [
        ...history.log.map((entry) => traceLine(entry, history)),
        traceEnd(
          timeline.map(([, id]) => id),
          engine,
        ),
      ]
      await writeTraceFile(folder, deviceTag(key.publicKey, this.#options.crypto.sha256), lines)
    }
  }

  figures(): CrowdFigures {
    const sums = this.#sums
    const spread = (histogram: Histogram) => ({
      p50: histogram.percentile(0.5),
      p99: histogram.percentile(0.99),
    })
    return {
      events: this.archive.events.length,
      deliveries: sums.deliveries,
      received: sums.received,
      duplicates: sums.duplicates,
      verified: this.peers.reduce((sum, { verified }) => sum + verified, 0),
      restored: sums.restored,
      gossipSent: this.#mesh.sent,
      gossipLost: this.#mesh.lost,
      sessions: sums.sessions,
      crashes: sums.crashes,
      refused: { ...this.#refused },
      latencyMs: spread(this.#latency),
      unorderedLatencyMs: spread(this.#unordered),
      metadataBytes: { mean: sums.metadata / sums.written, p99: this.#metadata.percentile(0.99) },
      clockBytes: {
        mean: sums.clock / sums.clocks,
        fullMean: sums.fullClock / sums.clocks,
        savedShare: 1 - sums.clock / sums.fullClock,
      },
    }
  }

  /** Lets time pass, with everything that happens in it. */
  #pass(toMs: number): void {
    const { agenda } = this
    const mesh = this.#mesh
    while (agenda.nowMs < toMs) {
      const nextMs = Math.min(toMs, Math.ceil(agenda.nextMs))
      if (!mesh.isIdle && agenda.nowMs < nextMs) {
        // What arrives may put something on the agenda before nextMs: look at every millisecond.
        agenda.nowMs++
        mesh.advance(agenda.nowMs, this.#takeGossip)
      } else agenda.nowMs = nextMs
      while (agenda.step(agenda.nowMs));
    }
    while (agenda.step(toMs));
  }

  readonly #takeGossip = (index: number, event: number, from: number): boolean => {
    const peer = this.peers[index]!
    if (!this.#isSure(peer, event))
      return this.#take(peer, [this.archive.events[event]!.bytes], this.peers[from]!).news > 0
    this.archive.settle(event, index, true)
    peer.inbox.push(event, from, peer.nowMs(), this.agenda.nowMs)
    if (peer.inbox.length >= 4 * MAX_INBOX) this.#catchUp(peer)
    return true
  }

  /**
   * Whether the engine will certainly deliver it at once: then it may wait in the inbox until anything else happens to
   * this peer. Stepping an engine many times in a row is three times as fast as stepping hundreds in turn, because
   * its memory is at hand. That the engine did deliver it is checked.
   */
  #isSure(peer: CrowdPeer, event: number): boolean {
    const { archive } = this
    if (
      !archive.isHonest[event] ||
      this.#waitingSince[peer.index]!.size > 0 ||
      archive.isSettled(event, peer.index)
    )
      return false
    if (hlcTimeMs(archive.events[event]!.hlc) >= peer.nowMs() + MAX_FUTURE_MS) return false
    const parents = archive.parentsOf(event)
    return parents !== undefined && parents.every((parent) => archive.isSettled(parent, peer.index))
  }

  #catchUp(peer: CrowdPeer): void {
    const { inbox } = peer
    if (inbox.length === 0) return
    peer.inbox = []
    for (let i = 0; i < inbox.length; i += 4) {
      const { bytes } = this.archive.events[inbox[i]!]!
      const from = this.peers[inbox[i + 1]!]!.name
      this.#sums.received++
      const effects = peer.engine.step({
        type: 'receive',
        bytes,
        from,
        nowMs: inbox[i + 2]!,
        atMs: inbox[i + 3]!,
      })
      if (effects.length !== 1 || effects[0]!.type !== 'deliver')
        this.oracle.violate(peer.index, `event ${inbox[i]} was not delivered when all of its past was here`)
      this.#carryOut(peer, effects, inbox[i + 3]!)
    }
  }

  #take(peer: CrowdPeer, events: readonly Uint8Array[], from: CrowdPeer, now = peer.now()): Outcome {
    this.#catchUp(peer)
    const outcome = { news: 0, waiting: 0 }
    for (const bytes of events) {
      this.#sums.received++
      const effects = peer.engine.step({ type: 'receive', bytes, from: from.name, ...now })
      if (this.#carryOut(peer, effects)) outcome.news++
      if (effects.some(({ type }) => type === 'wait')) outcome.waiting++
    }
    return outcome
  }

  /** True when something was delivered or waits. */
  #carryOut(peer: CrowdPeer, effects: readonly Effect[], atMs = this.agenda.nowMs): boolean {
    let isNews = false
    for (const effect of effects) {
      if (effect.type === 'deliver') {
        const { index } = effect.event as Filed
        this.#noteDelivery(peer, index, atMs)
        isNews = true
      } else if (effect.type === 'wait') {
        this.#waitingSince[peer.index]!.set((effect.event as Filed).index, this.agenda.nowMs)
        this.#tickSoon(peer, TICK_MS)
        isNews = true
      } else if (effect.type === 'fork') {
        const [one, other] = effect.proof.map(({ id }) => this.archive.get(id)!.bytes)
        peer.proofs.set(effect.tag, { events: [one!, other!] })
      } else if (effect.type === 'duplicate') this.#sums.duplicates++
      else if (effect.type === 'refuse') {
        this.#refused[effect.reason] = (this.#refused[effect.reason] ?? 0) + 1
        if (effect.reason === 'too-far-ahead') this.#tickSoon(peer, DUE_TICK_MS)
      } else if (effect.type === 'ask') this.#ask(peer, effect)
    }
    return isNews
  }

  #noteDelivery(peer: CrowdPeer, event: number, nowMs: number): void {
    this.#sums.deliveries++
    this.archive.settle(event, peer.index, true)
    this.oracle.delivered(peer.index, event)
    const publishedMs = this.archive.publishedMs[event]!
    const waiting = this.#waitingSince[peer.index]!
    const arrivedMs = (waiting.size > 0 ? waiting.get(event) : undefined) ?? nowMs
    if (waiting.size > 0) waiting.delete(event)
    this.#latency.add(nowMs - publishedMs)
    this.#unordered.add(arrivedMs - publishedMs)
  }

  #tickSoon(peer: CrowdPeer, delayMs: number): void {
    if (peer.isTicking) return
    peer.isTicking = true
    const { life } = peer
    this.agenda.after(delayMs, () => {
      if (peer.life !== life) return
      peer.isTicking = false
      this.#catchUp(peer)
      this.#carryOut(peer, peer.engine.step({ type: 'tick', ...peer.now() }))
      if (peer.engine.pending().length > 0) this.#tickSoon(peer, TICK_MS)
      else if (peer.engine.awaitsDate) this.#tickSoon(peer, DUE_TICK_MS)
    })
  }

  /** As Messenger does it: the sources of what waits, then two more, then everybody. */
  #ask(peer: CrowdPeer, { width, sources }: Effect & { type: 'ask' }): void {
    const linked = this.#linked(peer)
    const isSource = (index: number) => sources.includes(this.peers[index]!.name)
    const others = linked.filter((index) => !isSource(index))
    const asked =
      width === 'source' ? linked.filter(isSource) : others.slice(0, width === 'more' ? 2 : undefined)
    const missing = peer.engine.missing()
    const isKnown = missing.ranges.length + missing.heads.length > 0
    for (const other of asked.length > 0 ? asked : linked)
      if (width === 'all' || !isKnown) this.#sync(peer, this.peers[other]!)
      else askForMissing(peer, this.peers[other]!, missing, this.#sessionParts)
  }

  /** Neighbours that can be reached, in random order. */
  #linked(peer: CrowdPeer): number[] {
    const linked = this.#mesh.neighbours[peer.index]!.filter((other) =>
      this.#mesh.isLinked(peer.index, other),
    )
    return shuffled(linked, this.#random)
  }

  #meetNeighbours(peer: CrowdPeer, count: number): void {
    for (const other of this.#linked(peer).slice(0, count))
      this.agenda.after(this.#random.between(0, 5_000), () => this.#sync(peer, this.peers[other]!))
  }

  #sync(a: CrowdPeer, b: CrowdPeer): void {
    const slot = `${Math.min(a.index, b.index)} ${Math.max(a.index, b.index)}`
    if (this.#sessions.has(slot) || !this.#mesh.isLinked(a.index, b.index)) return
    this.#sessions.add(slot)
    this.#sums.sessions++
    new Session(a, b, this.#sessionParts, () => this.#sessions.delete(slot))
  }

  #syncNowAndThen(peer: CrowdPeer): void {
    const again = () =>
      this.agenda.after(ANTI_ENTROPY_MS, () => {
        this.#meetNeighbours(peer, 1)
        again()
      })
    this.agenda.after(this.#random.between(0, ANTI_ENTROPY_MS), again)
  }

  /** Its author writes it, or whoever is next and switched on. */
  #write({ author, kind, back, text }: Post): void {
    const { members } = this.#options
    let index = author
    while (!this.#canWrite(index)) index = (index + 1) % members
    const peer = this.peers[index]!
    this.#catchUp(peer)
    const target = kind === 'message' ? undefined : this.#recentMessage(peer, back)
    const isReaction = kind === 'reaction' && target !== undefined
    const body = isReaction
      ? encodeReaction({ target: target.id, emoji: text, on: true })
      : encodeMessage({ text, replyTo: target?.id })
    this.#append(peer, isReaction ? KIND.reaction : KIND.message, body, target?.id)
  }

  #canWrite(index: number): boolean {
    return this.#mesh.isOn[index]! && this.peers[index]!.misdeed === undefined
  }

  #recentMessage(peer: CrowdPeer, back: number): { id: string } | undefined {
    const { log } = peer.engine.history
    for (let i = log.length - 1, left = back; i >= 0 && i > log.length - 200; i--)
      if (log[i]!.kind === KIND.message && left-- === 0) return log[i]
    return undefined
  }

  #append(peer: CrowdPeer, kind: number, body: Uint8Array, covers: string | undefined): void {
    const effects = peer.engine.step({ type: 'append', kind, body, covers, ...peer.now() })
    const delivered = effects.find((effect) => effect.type === 'deliver')
    if (!delivered) return this.oracle.violate(peer.index, 'an own event was not deliverable')
    const { bytes } = delivered.event
    const filed = this.archive.file(bytes, this.agenda.nowMs, true)!
    this.#measure(peer, filed)
    this.#noteDelivery(peer, filed.index, this.agenda.nowMs)
    this.oracle.written(peer.index, filed.index)
    if (peer.failsNext) return this.#pullThePlug(peer)
    const { life } = peer
    this.agenda.after(WRITE_MS, () => {
      if (peer.life === life) this.#mesh.publish(peer.index, filed.index, this.agenda.nowMs)
    })
  }

  #measure(peer: CrowdPeer, event: Filed): void {
    const bytes = orderingBytes(event)
    this.#sums.metadata += bytes
    this.#sums.written++
    this.#metadata.add(bytes)
    if (event.index % AUTHORS_SAMPLED_ONE_IN !== 0) return
    const commitAndHeads = event.commit.length + (event.controlHeads ? 1 + 32 * event.controlHeads.length : 0)
    this.#sums.clocks++
    this.#sums.clock += bytes - commitAndHeads
    for (const { m } of peer.engine.history.devices)
      if (m.length > 0) this.#sums.fullClock += m.length < 0x80 ? 1 : m.length < 0x4000 ? 2 : 3
  }

  // Trouble

  #planTrouble(endMs: number): void {
    const { faults, members } = this.#options
    const random = this.#random
    const some = (oneIn: number) =>
      shuffled(
        this.peers.filter(({ misdeed }) => !misdeed),
        random,
      ).slice(0, Math.ceil(members / oneIn))
    if (faults.has('hostile')) {
      const count = Math.min(members >> 1, Math.max(MISDEEDS.length, Math.ceil(members / HOSTILE_ONE_IN)))
      // The last ones: the founder and the members with a clock of their own stay honest.
      for (let i = 0; i < count; i++)
        this.#turn(this.peers[members - 1 - i]!, MISDEEDS[i % MISDEEDS.length]!, endMs)
    }
    if (faults.has('crash'))
      for (const peer of some(5))
        this.agenda.after(random.next() * endMs, () => {
          if (random.chance(0.5)) peer.failsNext = true
          else this.#pullThePlug(peer)
        })
    if (faults.has('offline'))
      for (const peer of some(20)) {
        const fromMs = random.next() * endMs * 0.5
        this.agenda.after(fromMs, () => this.#switchOff(peer))
        this.agenda.after(fromMs + endMs / 2, () => this.#switchOn(peer))
      }
    if (faults.has('partition'))
      for (const [at, sides] of [
        [0.25, 2],
        [0.6, 3],
      ] as const) {
        this.agenda.after(at * endMs, () => this.#divide(sides))
        this.agenda.after((at + 0.05) * endMs, () => this.#divide(1))
      }
  }

  #turn(peer: CrowdPeer, misdeed: (typeof MISDEEDS)[number], endMs: number): void {
    const { crypto } = this.#options
    const random = this.#random
    peer.misdeed = misdeed
    this.#mesh.isSilent[peer.index] = misdeed === 'withhold'
    peer.forger = new Forger({
      group: this.archive.events[0]!.id,
      tag: deviceTag(peer.key.publicKey, crypto.sha256),
      sha256: crypto.sha256,
      sign: (id) => crypto.sign(id, peer.key.secretKey),
      random,
      aheadMs: [11 * 60_000, 3 * 60 * 60_000],
    })
    for (let i = misdeed === 'poison' ? POISONINGS : OCCASIONS; i > 0; i--)
      this.agenda.after(random.next() * endMs, () => {
        if (!peer.forger || !this.#mesh.isOn[peer.index]) return
        for (const bytes of peer.forger.write(misdeed, peer.nowMs())) this.#slip(peer, bytes)
      })
  }

  /** A hostile member hands bytes to everybody it reaches. */
  #slip(peer: CrowdPeer, bytes: Uint8Array): void {
    const filed = this.archive.file(bytes, this.agenda.nowMs, false)
    if (filed) {
      this.#take(peer, [bytes], peer)
      this.#mesh.publish(peer.index, filed.index, this.agenda.nowMs)
    } else for (const other of this.#linked(peer)) this.#take(this.peers[other]!, [bytes], peer)
  }

  #switchOff(peer: CrowdPeer): void {
    if (!this.#mesh.isOn[peer.index]) return
    this.#catchUp(peer)
    this.#mesh.isOn[peer.index] = false
    peer.life++
    peer.isTicking = false
  }

  #switchOn(peer: CrowdPeer): void {
    if (this.#mesh.isOn[peer.index]) return
    this.#mesh.isOn[peer.index] = true
    this.#mesh.forget(peer.index)
    this.#waitingSince[peer.index]!.clear()
    peer.restart()
    peer.isTicking = false
    const here = this.oracle.peers[peer.index]!
    for (let i = 0; i < here.length; i++) {
      const restored = peer.engine.restore(this.archive.events[here.log[i]!]!.bytes)
      this.#sums.restored++
      if ('reason' in restored) {
        this.oracle.violate(peer.index, `its log does not follow at ${i + 1}: ${restored.reason}`)
        break
      }
    }
    for (const { events } of peer.proofs.values()) peer.engine.restoreProof(...events)
    this.#meetNeighbours(peer, 3)
  }

  /** Own events are on disk, and what came before them; of what came after, the last may not be. */
  #pullThePlug(peer: CrowdPeer): void {
    if (!this.#mesh.isOn[peer.index]) return
    const { index } = peer
    this.#sums.crashes++
    this.#switchOff(peer)
    const here = this.oracle.peers[index]!
    const tag = this.peers[index]!.engine.history.log.findLast(
      (entry) => entry.tag === deviceTag(peer.key.publicKey, this.#options.crypto.sha256),
    )
    const kept = Math.max(tag?.n ?? 0, here.length - this.#random.between(0, MAX_TORN))
    for (const event of here.log.subarray(kept, here.length)) this.archive.settle(event, index, false)
    this.oracle.truncated(index, kept)
    this.agenda.after(this.#random.between(1, 600_000), () => this.#switchOn(peer))
  }

  #divide(sides: number): void {
    const { peers } = this
    for (const { index } of peers) this.#mesh.side[index] = sides === 1 ? 0 : this.#random.between(1, sides)
    // Links that come up bring a look at each other's clocks.
    for (const peer of peers) this.#meetNeighbours(peer, 2)
  }

  // Beginning and end

  /** Everybody enters before the first message, one after the other. */
  #gather(create: Uint8Array, proofFor: (publicKey: Uint8Array) => Uint8Array): void {
    const control = [create]
    this.archive.file(create, 0, true)
    const names = this.peers.map(({ name }) => new TextEncoder().encode(name))
    for (const [i, peer] of this.peers.entries()) {
      this.#take(peer, control, peer, FOUNDED)
      if (i === 0) continue
      const { publicKey } = peer.key
      const body = encodeJoin({ publicKey, proof: proofFor(publicKey), memberName: names[i]! })
      const effects = peer.engine.step({
        type: 'append',
        kind: KIND.join,
        body,
        nowMs: START_MS - 600_000 + i,
        atMs: 0,
      })
      const joined = effects.find((effect) => effect.type === 'deliver')!
      const filed = this.archive.file(joined.event.bytes, 0, true)!
      this.#noteDelivery(peer, filed.index, this.agenda.nowMs)
      control.push(filed.bytes)
    }
    for (const [i, peer] of this.peers.entries()) this.#take(peer, control.slice(i + 1), peer, FOUNDED)
  }

  #encodeCreate(key: CrowdPeer['key'], tag: string, inviteKey: Uint8Array) {
    const { crypto } = this.#options
    const utf8 = new TextEncoder()
    const body = encodeCreate({
      publicKey: key.publicKey,
      inviteKey,
      nonce: this.#random.bytes(16),
      groupName: utf8.encode('office'),
      memberName: utf8.encode('peer 0'),
    })
    const commit = commitTo(undefined, [], undefined, crypto.sha256)
    const hlc = hlcAt(START_MS - 600_000)
    const fields = { kind: KIND.create, tag, seq: 1, hlc, deps: [], commit, body }
    return encodeEvent(fields, '', crypto.sha256, (id) => crypto.sign(id, key.secretKey))
  }

  /** Everybody has as much as everybody else, and nothing waits. */
  #isQuiet(): boolean {
    for (const peer of this.peers) this.#catchUp(peer)
    const [first] = this.oracle.peers
    return (
      this.#mesh.isIdle &&
      this.peers.every(
        ({ engine, index }) =>
          this.oracle.peers[index]!.length === first!.length &&
          engine.pending().length === 0 &&
          !engine.awaitsDate,
      )
    )
  }

  #judge(): CrowdVerdict {
    const { oracle, archive, peers } = this
    const honest = archive.isHonest.flatMap((isHonest, event) => (isHonest ? [event] : []))
    let lost = 0
    for (const { index } of peers) for (const event of honest) if (!oracle.has(index, event)) lost++
    const [first] = oracle.peers
    const logOf = (index: number) => oracle.peers[index]!.log.subarray(0, oracle.peers[index]!.length)
    const timeline = oracle.timeline(logOf(0), isShown)
    if (!oracle.isLinearExtension(timeline)) oracle.violate(0, 'the timeline is not a linear extension')
    const roster = toHex(peers[0]!.engine.roster.digest())
    let identicalTimelines = true
    for (const { index, engine } of peers) {
      const here = oracle.peers[index]!
      const log = logOf(index)
      if (here.length !== first!.length || !log.every((event) => oracle.has(0, event)))
        identicalTimelines = false
      if (
        engine.history.log.length !== here.length ||
        !log.every((event, i) => engine.history.log[i]!.id === archive.events[event]!.id)
      )
        oracle.violate(index, 'its engine remembers something else than it delivered')
      if (toHex(engine.roster.digest()) !== roster) oracle.violate(index, 'its roster is another')
    }
    // Equal sets: the timelines differ only if the place of an event depends on when it came.
    for (const { index } of shuffled(peers, this.#random).slice(0, INSERTED_TIMELINES)) {
      const inserted: { key: string; event: number }[] = []
      for (const event of logOf(index)) {
        const filed = archive.events[event]!
        if (isShown(filed.kind)) insert(inserted, { key: timelineKey(filed), event })
      }
      if (identicalTimelines && !inserted.every(({ event }, i) => event === timeline[i])) {
        identicalTimelines = false
        oracle.violate(index, 'its timeline is another')
      }
    }
    const pending = peers.reduce((sum, { engine }) => sum + engine.pending().length, 0)
    const { violations, violationCount } = oracle
    return { violations, violationCount, lost, identicalTimelines, pending }
  }
}

/** By key, from the end: most things come about when they happened. */
function insert(sorted: { key: string; event: number }[], one: { key: string; event: number }): void {
  const at = sorted.findLastIndex(({ key }) => key < one.key) + 1
  sorted.splice(at, 0, one)
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const other = random.between(0, i)
    const moved = result[i]!
    result[i] = result[other]!
    result[other] = moved
  }
  return result
}
