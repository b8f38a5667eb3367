/**
 * Hundreds of members in one process: for each the real engine, roster and sync sessions, and a reference clock; around
 * them gossip, links, power cuts and hostile members. Everything is drawn from the seed. What the messenger adds (batches,
 * storage, windows) is not here: world.ts steps all of it, for a few people.
 */
import type { DeviceTag, EventId, GroupId } from '../../src-main/api/contract.ts'
import { unheardOf } from '../../src-main/core/citations.ts'
import type { Effect, Moment } from '../../src-main/core/engine.ts'
import { ROLE, type UserTag } from '../../src-main/core/control/operation.ts'
import { deviceTag, KIND } from '../../src-main/core/event.ts'
import { hlcTimeMs } from '../../src-main/core/hlc.ts'
import { MAX_FUTURE_MS } from '../../src-main/core/limits.ts'
import type { Crypto, KeyPair } from '../../src-main/crypto/crypto.ts'
import { encodeMessage, encodeReaction } from '../../src-main/messenger/content.ts'
import { cutPeers, type Step } from '../membership-script.ts'
import { Agenda } from './agenda.ts'
import { Archive, type Filed } from './archive.ts'
import { CrowdDirector } from './crowd-director.ts'
import { CrowdPeer } from './crowd-peer.ts'
import type { Taken } from './crowd-sync.ts'
import { BADLY_SKEWED_ONE_IN, MAX_BAD_SKEW_MS, MAX_SKEW_MS, type Faults } from './faults.ts'
import { Gathering } from './gathering.ts'
import { Meetings } from './meetings.ts'
import { Mesh } from './mesh.ts'
import { Oracle } from './oracle.ts'
import { pullThePlug } from './power.ts'
import { Random } from './random.ts'
import { Tally, type CrowdFigures } from './tally.ts'
import { mend, planTrouble } from './trouble.ts'
import { isQuiet, judge, type CrowdVerdict } from './verdict.ts'
import { OFFICE_PACE_MS, officeWorkload, type Post } from './workload.ts'

export interface CrowdOptions {
  seed: number
  /** In the roster. */
  members: number
  /** Members with a device that is there; of the others there is nothing but their entrance. */
  online: number
  /** What honest members write; what hostile ones write comes on top. */
  events: number
  /** Members who write at the busiest hour. */
  active: number
  faults: Faults
  crypto: Crypto
  /** What happens to the membership; AT is the share of the events that have been written. */
  script?: readonly Step[]
  /** Told now and then how many of the events have been written. */
  onProgress?: (written: number) => void
}

const START_MS = Date.UTC(2026, 0, 1)
/** World time of what happened before it began. */
const BEFORE_MS = -1
const FOUNDED_BEFORE_MS = 600_000
const FOUNDED: Moment = { nowMs: START_MS, atMs: 0 }
const DEGREE = 8
/** Between the batch of an own event, or of a proof, and its publication. */
const WRITE_MS = 2
const TICK_MS = 200
const MAX_INBOX = 128
const MAX_SETTLING_MS = 8 * 60 * 60_000
const FIRST_ROUND_MS = 30_000
const MAX_ROUND_MS = 60 * 60_000
/** How far back an answer looks for what it answers. */
const MAX_LOOK_BACK = 200

export class Crowd {
  readonly agenda = new Agenda()
  readonly tally = new Tally()
  readonly random: Random
  readonly crypto: Crypto
  readonly group: GroupId
  readonly peers: CrowdPeer[]
  readonly archive: Archive
  readonly oracle: Oracle
  readonly mesh: Mesh
  readonly meetings: Meetings
  readonly director: CrowdDirector
  /** Devices of people whom the script may take the right to write from: what they write may lie beyond a cut. */
  readonly cutTags: ReadonlySet<DeviceTag>
  readonly #options: CrowdOptions
  /** Of all members. */
  readonly #tags: readonly DeviceTag[]

  constructor(options: CrowdOptions) {
    const { seed, members, online, faults, crypto, script = [] } = options
    const random = new Random(seed)
    this.#options = options
    this.random = random
    this.crypto = crypto
    const keys = Array.from({ length: members }, () => crypto.keyPair(random.bytes(32)))
    const gathering = new Gathering(keys[0]!, START_MS - FOUNDED_BEFORE_MS, random.bytes(32), crypto)
    this.group = gathering.group
    this.#tags = keys.map(({ publicKey }) => deviceTag(publicKey, crypto.sha256))
    this.cutTags = new Set([...cutPeers(script)].map((member) => this.#tags[member]!))
    this.archive = new Archive(this.group, crypto.sha256, online)
    this.oracle = new Oracle(this.archive, online, this.cutTags)
    this.mesh = new Mesh({ peers: online, degree: DEGREE, faults, random })
    this.meetings = new Meetings(this)
    const badly = Math.max(1, Math.round(online / BADLY_SKEWED_ONE_IN))
    this.peers = keys.slice(0, online).map((key, index) => {
      const maxMs = index > 0 && index <= badly ? MAX_BAD_SKEW_MS : MAX_SKEW_MS
      return this.#makePeer(key, index, faults.has('skew') ? random.between(-maxMs, maxMs) : 0)
    })
    this.#gather(gathering, keys.slice(online))
    this.director = new CrowdDirector(this, script, options.events * OFFICE_PACE_MS)
  }

  /** Plays everything, mends everything, and lets the crowd settle. */
  run(): CrowdVerdict {
    const { faults, events, online, active, seed, onProgress } = this.#options
    const endMs = events * OFFICE_PACE_MS
    planTrouble(this, faults, endMs)
    for (const peer of this.peers) {
      this.meetings.meet(peer, Infinity, 'link')
      this.meetings.meetNowAndThen(peer)
    }
    let written = 0
    for (const post of officeWorkload({ seed, members: online, events, active })) {
      this.#pass(post.atMs)
      this.director.reach(written / events)
      this.#write(post)
      if (++written % 100 === 0) onProgress?.(written)
    }
    this.director.reach(1)
    this.#pass(endMs)
    mend(this)
    // Ever more rarely: what is left in the end waits for its date, not for anybody.
    let roundMs = FIRST_ROUND_MS
    for (const limitMs = endMs + MAX_SETTLING_MS; this.agenda.nowMs < limitMs && !isQuiet(this);) {
      for (const peer of this.peers) this.meetings.meet(peer, 1, 'routine')
      this.#pass(this.agenda.nowMs + roundMs)
      roundMs = Math.min(MAX_ROUND_MS, 2 * roundMs)
    }
    return judge(this)
  }

  /** The person of a member's device. */
  userOf(member: number): UserTag {
    return this.peers[0]!.engine.roster.device(this.#tags[member]!)!.user
  }

  /** Who belongs to the group, by number. */
  members(): number[] {
    const { members } = this.peers[0]!.engine.roster
    return [...this.#tags.keys()].filter((member) => members.has(this.userOf(member)))
  }

  figures(): CrowdFigures {
    const histories = this.peers.map(({ engine }) => engine.history)
    return this.tally.figures({
      events: this.archive.events.length,
      verified: this.peers.reduce((sum, { verified }) => sum + verified, 0),
      gossipSent: this.mesh.sent,
      gossipLost: this.mesh.lost,
      forked: histories[0]!.forks.tags.length,
      hidden: histories.reduce((sum, { forks }) => sum + forks.hiddenCount, 0),
    })
  }

  /** Shows an engine everything that has come. */
  catchUp(peer: CrowdPeer): void {
    const { inbox } = peer
    if (inbox.length === 0) return
    peer.inbox = []
    for (let i = 0; i < inbox.length; i += 4) {
      const { bytes } = this.archive.events[inbox[i]!]!
      const from = this.peers[inbox[i + 1]!]!.name
      this.tally.received++
      const [nowMs, atMs] = [inbox[i + 2]!, inbox[i + 3]!]
      const effects = peer.engine.step({ type: 'receive', bytes, from, nowMs, atMs })
      if (effects[0]?.type !== 'deliver')
        this.oracle.violate(peer.index, `event ${inbox[i]} was not delivered when all of its past was here`)
      this.#carryOut(peer, effects, atMs)
    }
  }

  /** News is what is to be handed on. */
  take(peer: CrowdPeer, events: readonly Uint8Array[], from: CrowdPeer, now = peer.now()): Taken {
    this.catchUp(peer)
    const outcome: Taken = { news: 0, waiting: 0, ofSource: [] }
    for (const bytes of events) {
      this.tally.received++
      const effects = peer.engine.step({ type: 'receive', bytes, from: from.name, ...now })
      if (this.#carryOut(peer, effects)) outcome.news++
      if (effects.some(({ type }) => type === 'wait')) outcome.waiting++
      for (const effect of effects)
        if (effect.type === 'deliver' && effect.event.tag === from.tag) outcome.ofSource.push(effect.event.id)
      if (effects.some(isTooEarly)) this.#tickWhenDue(peer, bytes)
    }
    return outcome
  }

  #makePeer(key: KeyPair, index: number, skewMs: number): CrowdPeer {
    const { crypto, random } = this
    return new CrowdPeer({
      index,
      key,
      localMs: () => START_MS + this.agenda.nowMs + skewMs,
      atMs: () => this.agenda.nowMs,
      after: (delayMs, run) => this.agenda.after(delayMs, run),
      incarnation: random.bytes(8),
      engineParts: {
        group: this.group,
        self: deviceTag(key.publicKey, crypto.sha256),
        sha256: crypto.sha256,
        verify: crypto.verify,
        sign: (id) => crypto.sign(id, key.secretKey),
        decode: (bytes) => this.archive.decode(bytes),
        share: (entry) => this.archive.share(entry),
      },
      random,
    })
  }

  /** Everybody enters before the first message. */
  #gather(gathering: Gathering, absent: readonly KeyPair[]): void {
    const { events } = gathering
    for (const key of absent) gathering.enter(key)
    for (const { bytes } of events) this.archive.file(bytes, BEFORE_MS, true)
    const bytesFrom = (first = 0) => events.slice(first).map(({ bytes }) => bytes)
    const here = this.peers.map((peer, i) => {
      const known = events.length
      this.take(peer, bytesFrom(), peer, FOUNDED)
      if (i === 0) return known
      const body = gathering.join(peer.key)
      const nowMs = gathering.nowMs(known)
      const effects = peer.engine.step({ type: 'append', kind: KIND.join, body, nowMs, atMs: 0 })
      const joined = effects.find((effect) => effect.type === 'deliver')!
      const filed = this.archive.file(joined.event.bytes, BEFORE_MS, true)!
      this.#noteDelivery(peer, filed.index, this.agenda.nowMs)
      gathering.note(filed)
      return known + 1
    })
    for (const [i, peer] of this.peers.entries()) this.take(peer, bytesFrom(here[i]), peer, FOUNDED)
  }

  /** Lets time pass, with everything that happens in it. */
  #pass(toMs: number): void {
    const { agenda, mesh } = this
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
      return this.take(peer, [this.archive.events[event]!.bytes], this.peers[from]!).news > 0
    this.archive.settle(event, index, true)
    peer.inbox.push(event, from, peer.nowMs(), this.agenda.nowMs)
    if (peer.inbox.length >= 4 * MAX_INBOX) this.catchUp(peer)
    return true
  }

  /**
   * Whether the engine will certainly deliver it at once: then it may wait in the inbox until anything else happens to
   * this peer. Stepping an engine many times in a row is three times as fast as stepping hundreds in turn, because
   * its memory is at hand. That the engine did deliver it is checked.
   */
  #isSure(peer: CrowdPeer, event: number): boolean {
    const { archive } = this
    if (!archive.isHonest[event] || archive.isSettled(event, peer.index)) return false
    if (this.cutTags.has(archive.events[event]!.tag)) return false
    if (peer.waitingSinceMs.has(event) || peer.cameTooEarly.has(event)) return false
    if (hlcTimeMs(archive.events[event]!.hlc) >= peer.nowMs() + MAX_FUTURE_MS) return false
    const parents = archive.parentsOf(event)
    return parents !== undefined && parents.every((parent) => archive.isSettled(parent, peer.index))
  }

  /** True when something in it is to be handed on, as GroupLog.receive() has it. */
  #carryOut(peer: CrowdPeer, effects: readonly Effect[], atMs = this.agenda.nowMs): boolean {
    const { forks } = peer.engine.history
    let isNews = false
    for (const effect of effects) {
      if (effect.type === 'deliver') {
        this.#noteDelivery(peer, (effect.event as Filed).index, atMs)
        isNews ||= forks.stands(effect.entry)
      } else if (effect.type === 'wait') {
        peer.waitingSinceMs.set((effect.event as Filed).index, this.agenda.nowMs)
        this.#tickSoon(peer)
        isNews ||= !forks.has(effect.event.tag)
      } else if (effect.type === 'fork') {
        this.#keepProof(peer, effect)
        isNews = true
      } else if (effect.type === 'show') isNews = true
      else if (effect.type === 'duplicate') this.tally.duplicates++
      else if (effect.type === 'refuse') this.tally.refuse(effect.reason)
      else if (effect.type === 'ask') this.meetings.ask(peer, effect)
    }
    return isNews
  }

  #noteDelivery(peer: CrowdPeer, event: number, nowMs: number): void {
    const { archive, tally } = this
    tally.deliveries++
    archive.settle(event, peer.index, true)
    this.oracle.delivered(peer.index, event)
    const arrivedMs = peer.waitingSinceMs.get(event) ?? nowMs
    peer.waitingSinceMs.delete(event)
    const publishedMs = archive.publishedMs[event]!
    if (peer.cameTooEarly.has(event)) return void tally.heldForDate++
    if (archive.isHonest[event] && publishedMs >= peer.undisturbedSinceMs)
      tally.noteLive(arrivedMs - publishedMs, nowMs - publishedMs)
  }

  /** Whoever learns of a fork tells the others, as Messenger does: once, and gossip knows what came from elsewhere. */
  #keepProof(peer: CrowdPeer, { tag, proof }: Effect & { type: 'fork' }): void {
    const filed = proof.map(({ id }) => this.archive.get(id)!)
    const [one, other] = filed as [Filed, Filed]
    peer.proofs.set(tag, { events: [one.bytes, other.bytes], at: this.oracle.peers[peer.index]!.length })
    for (const { index } of filed) this.#publishSoon(peer, index)
  }

  /** A session brought events of its other end's own: gossip has not, and tells the others now. */
  handOn(peer: CrowdPeer, from: CrowdPeer, events: ReadonlySet<EventId>): void {
    if (events.size === 0) return
    for (const { id } of unheardOf(from.tag, peer.engine.history))
      if (events.has(id)) this.#publishSoon(peer, this.archive.get(id)!.index)
  }

  #publishSoon(peer: CrowdPeer, event: number): void {
    this.#inThisLife(peer, WRITE_MS, () => {
      if (peer.misdeed !== 'withhold') this.mesh.publish(peer.index, event, this.agenda.nowMs)
    })
  }

  /** Every engine ticks while something waits; the others would do nothing. */
  #tickSoon(peer: CrowdPeer): void {
    if (peer.isTicking) return
    peer.isTicking = true
    this.#inThisLife(peer, TICK_MS, () => {
      peer.isTicking = false
      this.#tick(peer)
      if (peer.engine.pending().length > 0) this.#tickSoon(peer)
    })
  }

  /** At the tick at which it is due by this peer's clock; when the clock was put back meanwhile, at a later one. */
  #tickWhenDue(peer: CrowdPeer, bytes: Uint8Array): void {
    const decoded = this.archive.decode(bytes)
    if ('reason' in decoded) return
    peer.cameTooEarly.add((decoded.event as Filed).index)
    const dueMs = hlcTimeMs(decoded.event.hlc) - MAX_FUTURE_MS
    if (dueMs < peer.nowMs()) return
    const delayMs = TICK_MS * (1 + Math.floor((dueMs - peer.nowMs()) / TICK_MS))
    this.#inThisLife(peer, delayMs, () => {
      this.#tick(peer)
      this.#tickWhenDue(peer, bytes)
    })
  }

  #tick(peer: CrowdPeer): void {
    this.catchUp(peer)
    const effects = peer.engine.step({ type: 'tick', ...peer.now() })
    this.#carryOut(peer, effects)
    // What came before it was due was not handed on then.
    for (const effect of effects)
      if (effect.type === 'deliver' && peer.engine.history.forks.stands(effect.entry))
        this.#publishSoon(peer, (effect.event as Filed).index)
  }

  /** Unless it is switched off before. */
  #inThisLife(peer: CrowdPeer, delayMs: number, run: () => void): void {
    const { life } = peer
    this.agenda.after(delayMs, () => {
      if (peer.life === life) run()
    })
  }

  /** Its author writes it, or whoever is next and switched on. */
  #write({ author, kind, back, text }: Post): void {
    const count = this.peers.length
    const nextOnes = Array.from({ length: count }, (_, i) => this.peers[(author + i) % count]!)
    const peer = nextOnes.find((one) => this.#canWrite(one))
    if (!peer) return
    this.catchUp(peer)
    const target = kind === 'message' ? undefined : this.#recentMessage(peer, back)
    const isReaction = kind === 'reaction' && target !== undefined
    const body = isReaction
      ? encodeReaction({ target, emoji: text, on: true })
      : encodeMessage({ text, replyTo: target })
    this.append(peer, isReaction ? KIND.reaction : KIND.message, body, target)
  }

  #canWrite(peer: CrowdPeer): boolean {
    if (!this.mesh.isOn[peer.index] || peer.misdeed !== undefined || peer.isDefiant) return false
    if (this.cutTags.size === 0) return true
    this.catchUp(peer)
    const { roster } = peer.engine
    return roster.isActive(peer.tag) && roster.members.get(this.userOf(peer.index))! >= ROLE.member
  }

  #recentMessage({ engine: { history } }: CrowdPeer, back: number): EventId | undefined {
    const recent = history.log.slice(-MAX_LOOK_BACK)
    const messages = recent.filter((one) => one.kind === KIND.message && history.forks.isVisible(one))
    return messages.at(-1 - back)?.id
  }

  /** A peer writes an event, which it may write as far as it knows. */
  append(peer: CrowdPeer, kind: number, body: Uint8Array, covers?: EventId): Filed | undefined {
    const effects = peer.engine.step({ type: 'append', kind, body, covers, ...peer.now() })
    const delivered = effects.find((effect) => effect.type === 'deliver')
    if (!delivered) return void this.oracle.violate(peer.index, 'an own event was not deliverable')
    const filed = this.archive.file(delivered.event.bytes, this.agenda.nowMs, true)!
    this.tally.measure(peer, filed)
    this.#noteDelivery(peer, filed.index, this.agenda.nowMs)
    this.oracle.written(peer.index, filed.index)
    if (peer.failsNext) pullThePlug(this, peer, filed.index)
    else this.#publishSoon(peer, filed.index)
    return filed
  }
}

function isTooEarly(effect: Effect): boolean {
  return effect.type === 'refuse' && effect.reason === 'too-far-ahead'
}
