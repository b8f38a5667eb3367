/**
 * Which sync sessions run: one at a time per peer and group, whoever began it. The sessions of a group with several peers
 * share what there is to fetch (core/catch-up.ts).
 */
import type { EventId, GroupId } from '../api/contract.ts'
import { CatchUp, type Progress } from '../core/catch-up.ts'
import type { Moment } from '../core/engine.ts'
import type { Event } from '../core/event.ts'
import type { Entry } from '../core/history.ts'
import { MAX_MISSING_EVENTS, MAX_SESSIONS_PER_PEER, SLICE_TIMEOUT_MS } from '../core/limits.ts'
import { eventsOf, type Missing } from '../core/missing.ts'
import type { SyncSession } from '../core/sync-session.ts'
import type { EpochId } from '../core/secrets/derivations.ts'
import type { SharedSecret } from '../core/secrets/epochs.ts'
import { encodeFrame, type Frame } from '../core/sync.ts'
import type { Crypto } from '../crypto/crypto.ts'
import type { FrameStream, Network, PeerKey } from '../network/network.ts'
import { REFUSALS, type Refusal } from './admission.ts'
import { batches, Fault, Frames, Refused, type SyncFault } from './frames.ts'
import type { GroupLog } from './group-log.ts'
import { Intake } from './intake.ts'
import { helloProof, isHelloProof } from './membership.ts'
import { Session } from './session.ts'
import type { Time } from './time.ts'

/** What a session needs to know about a group. */
export interface SyncGroup {
  log: GroupLog
}

export interface SyncParts {
  network: Network
  crypto: Crypto
  groups: ReadonlyMap<GroupId, SyncGroup>
  /** Names this device's store. */
  incarnation: Uint8Array
  time: Time
  now(): Moment
  addresses(): string[]
  /** What this device shows of itself. */
  credential(group: GroupId, peer: PeerKey): Uint8Array
  /** Why a peer with this credential is not admitted; undefined: it is. */
  refusal(group: GroupId, peer: PeerKey, credential: Uint8Array): Promise<Refusal | undefined>
  /** What lets a peer enter that has an invite and cites these control heads, or why nothing does. */
  vouch(
    group: GroupId,
    peer: PeerKey,
    credential: Uint8Array,
    heads: readonly EventId[],
  ): Uint8Array | Refusal
  /** Of these epochs, the secrets that a peer may have. */
  secretsFor(group: GroupId, peer: PeerKey, epochs: readonly EpochId[]): SharedSecret[]
  /** The event, encoded, by which a peer lost its place in the group. */
  removalOf(group: GroupId, peer: PeerKey): Promise<Uint8Array>
  /** Whether a peer that lost its place may have this event: it led to that. */
  ledToRemoval(group: GroupId, peer: PeerKey, entry: Entry): boolean
  /** A peer does not admit this device; event: what it says took it out of the group, or nothing. */
  onRefused(group: GroupId, peer: PeerKey, refusal: Refusal, event: Uint8Array): void
  onAddresses(group: GroupId, addresses: string[]): void
  onPeerClock(peer: PeerKey, offsetMs: number): void
  onAdmitted(group: GroupId, peer: PeerKey): void
  /** Both sides have given all they had. */
  onSynchronised(group: GroupId, peer: PeerKey): Promise<void>
  /** All control events that a peer had are here; the conversation follows. */
  onControlsTaken(group: GroupId, peer: PeerKey): void
  /** How far a long catch-up has come; undefined when it is over. */
  onProgress(group: GroupId, progress: Progress | undefined): void
  /** The newest events of the timeline, before the history that leads to them: as a peer sent them, nothing is checked. */
  onWindow(group: GroupId, events: Uint8Array[], peer: PeerKey): void
  /** A peer handed over events of its own that perhaps nobody else has heard of. */
  onUnheard(group: GroupId, events: Event[]): void
  onForkSuspected(): void
  /** A session ended for a reason that is the peer's. */
  onFault(peer: PeerKey, reason: SyncFault): void
}

/** What the sessions of one group share. */
interface Shared {
  catchUp: CatchUp<SyncSession>
  sessions: Map<SyncSession, Session>
  /** What the sessions have seen of catchUp.version. */
  version: number
  progress: Progress | undefined
  /** The slice that everybody waits for, until it is given to another peer. */
  turn: { slice: object; cancel: () => void } | undefined
}

const NOTHING = new Uint8Array(0)
const slotOf = (group: GroupId, peer: PeerKey): string => `${group} ${peer}`

export class Syncing {
  readonly #parts: SyncParts
  /** Sessions that this side began, by slot; they never reject. */
  readonly #initiated = new Map<string, Promise<void>>()
  /** How many sessions the other side began, by slot. */
  readonly #answered = new Map<string, number>()
  readonly #again = new Set<string>()
  /** Questions for what is missing that have not been answered, by slot. */
  readonly #asking = new Set<string>()
  readonly #streams = new Set<FrameStream>()
  readonly #shared = new Map<GroupId, Shared>()
  #stopped = false

  constructor(parts: SyncParts) {
    this.#parts = parts
  }

  /** Starts a session soon; when one runs already, one more follows it. Failures are the next session's business. */
  start(group: GroupId, peer: PeerKey): void {
    const slot = slotOf(group, peer)
    if (this.#stopped) return
    if (this.#initiated.has(slot) || this.#answered.has(slot)) return void this.#again.add(slot)
    const session = this.#withStream(peer, (stream, frames) => this.#converse(stream, frames, group))
    const over = session.finally(() => {
      this.#initiated.delete(slot)
      this.#startAgain(group, peer)
    })
    this.#initiated.set(slot, over)
  }

  /**
   * Asks a peer for what is missing, beside any session. Nothing while it has not answered the last question, and while
   * much is on its way anyway. Resolves when the answer was taken in; never rejects.
   */
  async ask(group: GroupId, peer: PeerKey, missing: Missing): Promise<void> {
    const slot = slotOf(group, peer)
    if (this.#stopped || this.#asking.has(slot) || this.#shared.get(group)?.progress) return
    this.#asking.add(slot)
    await this.#withStream(peer, (stream, frames) => this.#ask(stream, frames, group, missing))
    this.#asking.delete(slot)
  }

  /** Asks a peer for a voucher; undefined when it gave none. Why not is told to onRefused. */
  async askForVoucher(
    group: GroupId,
    peer: PeerKey,
    credential: Uint8Array,
    heads: EventId[],
  ): Promise<Uint8Array | undefined> {
    let signature: Uint8Array | undefined
    await this.#withStream(peer, async (stream, frames) => {
      const { network, crypto, onRefused } = this.#parts
      const proof = helloProof(group, network.self, peer, crypto)
      await stream.send(encodeFrame({ type: 'enter', proof, credential, heads }))
      const answer = await frames.next()
      if (answer?.type === 'refuse')
        onRefused(group, peer, REFUSALS[answer.reason] ?? 'stranger', answer.event)
      else if (answer?.type === 'voucher') signature = answer.signature
      else throw new Fault('unexpected-frame')
    })
    return signature
  }

  /** Asks a peer for secrets of epochs; none when it gave none. */
  async askForSecrets(group: GroupId, peer: PeerKey, epochs: EpochId[]): Promise<SharedSecret[]> {
    let secrets: SharedSecret[] = []
    await this.#withStream(peer, async (stream, frames) => {
      const { network, crypto, credential } = this.#parts
      const proof = helloProof(group, network.self, peer, crypto)
      await stream.send(encodeFrame({ type: 'keys', proof, credential: credential(group, peer), epochs }))
      const answer = await frames.next()
      if (answer?.type === 'refuse') return
      if (answer?.type !== 'secrets') throw new Fault('unexpected-frame')
      secrets = answer.secrets
    })
    return secrets
  }

  /** Ends what goes on with a peer that belongs to the group no longer. */
  expel(group: GroupId, peer: PeerKey): void {
    this.#again.delete(slotOf(group, peer))
    for (const session of this.#shared.get(group)?.sessions.values() ?? [])
      if (session.peer === peer) session.abort('it belongs to the group no longer')
  }

  /** Answers a stream that a peer opened. Never throws. */
  async answer(stream: FrameStream): Promise<void> {
    const { peer } = stream
    let group: GroupId | undefined
    await this.#run(stream, async (frames) => {
      const first = await frames.next()
      if (!first) throw new Error('ended before it began')
      if (!('proof' in first)) throw new Fault('bad-frame')
      const named = this.#groupWith(peer, first.proof)
      if (!named) return this.#refuse(stream, 'stranger')
      if (first.type === 'enter') return this.#answerEnter(stream, named, first)
      const credential = 'credential' in first ? first.credential : NOTHING
      const refusal = await this.#parts.refusal(named, peer, credential)
      const { log } = this.#parts.groups.get(named)!
      if (refusal === 'removed' && first.type === 'ask')
        return this.#answerAsk(stream, log, first, (entry) => this.#parts.ledToRemoval(named, peer, entry))
      if (refusal) return this.#refuse(stream, refusal, named)
      if (first.type === 'ask') return this.#answerAsk(stream, log, first)
      if (first.type === 'keys') {
        const secrets = this.#parts.secretsFor(named, peer, first.epochs)
        return stream.send(encodeFrame({ type: 'secrets', secrets }))
      }
      // Both began at once, and would give each other everything twice: the smaller key's session goes first.
      const own = this.#initiated.get(slotOf(named, peer))
      if (own && this.#parts.network.self < peer) await own
      if ((this.#answered.get(slotOf(named, peer)) ?? 0) >= MAX_SESSIONS_PER_PEER)
        throw new Fault('too-many-sessions')
      group = named
      this.#countAnswered(group, peer, 1)
      await this.#converse(stream, frames, group, first)
    })
    if (group === undefined) return
    this.#countAnswered(group, peer, -1)
    this.#startAgain(group, peer)
  }

  stop(): void {
    this.#stopped = true
    for (const { turn } of this.#shared.values()) turn?.cancel()
    for (const stream of this.#streams) stream.abort('the app is closing')
  }

  #countAnswered(group: GroupId, peer: PeerKey, change: 1 | -1): void {
    const slot = slotOf(group, peer)
    const count = (this.#answered.get(slot) ?? 0) + change
    if (count > 0) this.#answered.set(slot, count)
    else this.#answered.delete(slot)
  }

  #startAgain(group: GroupId, peer: PeerKey): void {
    if (this.#again.delete(slotOf(group, peer))) this.start(group, peer)
  }

  async #withStream(
    peer: PeerKey,
    talk: (stream: FrameStream, frames: Frames) => Promise<void>,
  ): Promise<void> {
    let stream: FrameStream
    try {
      stream = await this.#parts.network.openStream(peer)
    } catch {
      return
    }
    await this.#run(stream, (frames) => talk(stream, frames))
  }

  /** Lets it talk, and sees to the end of the stream. */
  async #run(stream: FrameStream, talk: (frames: Frames) => Promise<void>): Promise<void> {
    this.#streams.add(stream)
    const frames = new Frames(stream, this.#parts.time)
    try {
      await talk(frames)
      await stream.close()
      // The other side closes when it has taken in everything: only then is its clock worth asking for again.
      if (await frames.next()) throw new Fault('unexpected-frame')
    } catch (error) {
      if (error instanceof Fault) this.#parts.onFault(stream.peer, error.reason)
      if (error instanceof Refused) await frames.drained()
      stream.abort(error instanceof Error ? error.message : 'failed')
    } finally {
      this.#streams.delete(stream)
    }
  }

  async #converse(stream: FrameStream, frames: Frames, id: GroupId, first?: Frame): Promise<void> {
    const group = this.#parts.groups.get(id)
    if (!group) return
    const { log } = group
    await log.flushed()
    const shared = this.#sharedOf(id)
    const session = new Session({
      ...this.#parts,
      id,
      log,
      stream,
      frames,
      catchUp: shared.catchUp,
      onChange: () => this.#changed(id, shared),
    })
    shared.sessions.set(session.machine, session)
    try {
      if (await session.run(first)) this.#again.add(slotOf(id, stream.peer))
    } finally {
      if (session.isStuck) this.#again.add(slotOf(id, stream.peer))
      shared.sessions.delete(session.machine)
    }
  }

  #sharedOf(id: GroupId): Shared {
    let shared = this.#shared.get(id)
    if (!shared) {
      const catchUp = new CatchUp<SyncSession>()
      shared = { catchUp, sessions: new Map(), version: 0, progress: undefined, turn: undefined }
      this.#shared.set(id, shared)
    }
    return shared
  }

  /** Lets sessions go on that waited for another, and takes note of how far it is. */
  #changed(id: GroupId, shared: Shared): void {
    const { catchUp, sessions } = shared
    while (shared.version !== catchUp.version) {
      shared.version = catchUp.version
      for (const session of sessions.values()) session.resume()
    }
    const { progress, turn } = catchUp
    if (progress?.done !== shared.progress?.done || progress?.total !== shared.progress?.total)
      this.#parts.onProgress(id, progress)
    shared.progress = progress
    if (turn?.slice === shared.turn?.slice) return
    shared.turn?.cancel()
    const giveUp = () => turn && sessions.get(turn.peer)?.abort('others wait')
    shared.turn = turn && {
      slice: turn.slice,
      cancel: this.#parts.time.after(SLICE_TIMEOUT_MS, () => void giveUp()),
    }
  }

  async #ask(stream: FrameStream, frames: Frames, id: GroupId, missing: Missing): Promise<void> {
    const { network, crypto, groups, now } = this.#parts
    const group = groups.get(id)
    if (!group) return
    const proof = helloProof(id, network.self, stream.peer, crypto)
    await stream.send(encodeFrame({ type: 'ask', proof, ...missing }))
    const intake = new Intake(group.log, stream.peer, now)
    let left = MAX_MISSING_EVENTS
    for (let frame = await frames.next(); frame && frame.type !== 'end'; frame = await frames.next()) {
      if (frame.type === 'refuse') throw new Fault('not-admitted')
      if (frame.type !== 'events' || (left -= frame.events.length) < 0) throw new Fault('unexpected-frame')
      await intake.take(frame.events)
    }
  }

  async #answerAsk(
    stream: FrameStream,
    log: GroupLog,
    missing: Missing,
    isAllowed: (entry: Entry) => boolean = () => true,
  ): Promise<void> {
    await log.flushed()
    const entries = eventsOf(missing, log.engine.history).filter(isAllowed)
    for await (const events of batches(log.readMany(entries)))
      await stream.send(encodeFrame({ type: 'events', events }))
    await stream.send(encodeFrame({ type: 'end' }))
  }

  #groupWith(peer: PeerKey, proof: Uint8Array): GroupId | undefined {
    const { crypto, network, groups } = this.#parts
    for (const id of groups.keys()) if (isHelloProof(proof, id, peer, network.self, crypto)) return id
    return undefined
  }

  /** Fails with Refused, which lets the other side read it before the stream goes. */
  async #refuse(stream: FrameStream, refusal: Refusal, id?: GroupId): Promise<never> {
    const isRemoved = refusal === 'removed' && id !== undefined
    const event = isRemoved ? await this.#parts.removalOf(id, stream.peer) : NOTHING
    await stream.send(encodeFrame({ type: 'refuse', reason: REFUSALS.indexOf(refusal), event }))
    throw new Refused()
  }

  async #answerEnter(stream: FrameStream, id: GroupId, { credential, heads }: Frame & { type: 'enter' }) {
    const answer = this.#parts.vouch(id, stream.peer, credential, heads)
    if (typeof answer === 'string') await this.#refuse(stream, answer)
    else await stream.send(encodeFrame({ type: 'voucher', signature: answer }))
  }
}
