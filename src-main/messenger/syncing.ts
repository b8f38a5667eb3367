/**
 * Runs sync sessions over streams, one at a time per peer and group, whoever began it. Reading and sending go on side by side, or two full peers would wait for each other.
 */
import type { GroupId } from '../api/contract.ts'
import type { Moment } from '../core/engine.ts'
import { EVENTS_FRAME_SIZE_BYTES, MAX_REJECTED_PER_SESSION, MAX_SESSIONS_PER_PEER } from '../core/limits.ts'
import { decodeFrame, encodeFrame, SyncSession, type Frame, type SyncEffect } from '../core/sync.ts'
import type { Crypto } from '../crypto/crypto.ts'
import type { FrameStream, Network, PeerKey } from '../network/network.ts'
import type { GroupLog, Taken } from './group-log.ts'
import { helloProof } from './membership.ts'
import type { Time } from './time.ts'

/** What a session needs to know about a group. */
export interface SyncGroup {
  log: GroupLog
  secret: Uint8Array
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
  onAddresses(group: GroupId, addresses: string[]): void
  onPeerClock(peer: PeerKey, offsetMs: number): void
  onAdmitted(group: GroupId, peer: PeerKey): void
  /** Both sides have given all they had. */
  onSynchronised(group: GroupId, peer: PeerKey): Promise<void>
  onForkSuspected(): void
  /** A session ended for a reason that is the peer's. */
  onFault(peer: PeerKey, reason: SyncFault): void
}

export type SyncFault =
  'bad-frame' | 'unexpected-frame' | 'not-admitted' | 'too-many-refused' | 'too-many-sessions'

const FIRST_FRAME_TIMEOUT_MS = 10_000
const MAX_SENT_FRAMES_WAITING = 64
/** Events taken in before the event loop turns: some 10 ms. */
const EVENTS_PER_TURN = 64
/** Signatures of so many turns are verified while the turn before them is taken in. */
const TURNS_AHEAD = 2

const slotOf = (group: GroupId, peer: PeerKey): string => `${group} ${peer}`

class Fault extends Error {
  readonly reason: SyncFault
  constructor(reason: SyncFault) {
    super(reason)
    this.reason = reason
  }
}

export class Syncing {
  readonly #parts: SyncParts
  /** Sessions that this side began, by slot; they never reject. */
  readonly #initiated = new Map<string, Promise<void>>()
  /** How many sessions the other side began, by slot. */
  readonly #answered = new Map<string, number>()
  readonly #again = new Set<string>()
  readonly #streams = new Set<FrameStream>()
  #stopped = false

  constructor(parts: SyncParts) {
    this.#parts = parts
  }

  /** Starts a session soon; when one runs already, one more follows it. Failures are the next session's business. */
  start(group: GroupId, peer: PeerKey): void {
    const slot = slotOf(group, peer)
    if (this.#stopped) return
    if (this.#initiated.has(slot) || this.#answered.has(slot)) return void this.#again.add(slot)
    const session = this.#initiate(group, peer).finally(() => {
      this.#initiated.delete(slot)
      this.#startAgain(group, peer)
    })
    this.#initiated.set(slot, session)
  }

  /** Answers a stream that a peer opened. Never throws. */
  async answer(stream: FrameStream): Promise<void> {
    const { peer } = stream
    let group: GroupId | undefined
    await this.#run(stream, async (frames) => {
      const first = await frames.next()
      if (!first) throw new Error('ended before it began')
      if (first.type !== 'hello') throw new Fault('bad-frame')
      const admittedTo = this.#groupWith(peer, first.proof)
      if (!admittedTo) {
        await stream.send(encodeFrame({ type: 'refuse' }))
        throw new Fault('not-admitted')
      }
      // Both began at once, and would give each other everything twice: the smaller key's session goes first.
      const own = this.#initiated.get(slotOf(admittedTo, peer))
      if (own && this.#parts.network.self < peer) await own
      if ((this.#answered.get(slotOf(admittedTo, peer)) ?? 0) >= MAX_SESSIONS_PER_PEER)
        throw new Fault('too-many-sessions')
      group = admittedTo
      this.#countAnswered(group, peer, 1)
      return { group, first }
    })
    if (group === undefined) return
    this.#countAnswered(group, peer, -1)
    this.#startAgain(group, peer)
  }

  stop(): void {
    this.#stopped = true
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

  async #initiate(group: GroupId, peer: PeerKey): Promise<void> {
    let stream: FrameStream
    try {
      stream = await this.#parts.network.openStream(peer)
    } catch {
      return
    }
    await this.#run(stream, () => Promise.resolve({ group, first: undefined }))
  }

  async #run(
    stream: FrameStream,
    admit: (frames: Frames) => Promise<{ group: GroupId; first: Frame | undefined }>,
  ): Promise<void> {
    this.#streams.add(stream)
    try {
      const frames = new Frames(stream, this.#parts.time)
      const { group, first } = await admit(frames)
      await this.#converse(stream, frames, group, first)
      await stream.close()
      // The other side closes when it has taken in everything: only then is its clock worth asking for again.
      if (await frames.next()) throw new Fault('unexpected-frame')
    } catch (error) {
      if (error instanceof Fault) this.#parts.onFault(stream.peer, error.reason)
      stream.abort(error instanceof Error ? error.message : 'failed')
    } finally {
      this.#streams.delete(stream)
    }
  }

  async #converse(stream: FrameStream, frames: Frames, id: GroupId, first?: Frame): Promise<void> {
    const { groups, network, crypto, incarnation, now, addresses } = this.#parts
    const { peer } = stream
    const group = groups.get(id)
    if (!group) return
    const { log, secret } = group
    await log.flushed()
    const encoder = new TextEncoder()
    const session = new SyncSession(
      log.engine.history,
      crypto.sha256,
      {
        proof: helloProof(secret, network.self, peer, crypto),
        incarnation,
        wallClockMs: now().nowMs,
      },
      addresses().map((address) => encoder.encode(address)),
    )
    let refused = 0
    let finished = false
    const arriving: Promise<Taken>[] = []
    const takeIn = async (limit: number): Promise<void> => {
      while (arriving.length > limit) {
        const outcome = await arriving.shift()!
        refused += outcome.refused
        if (refused > MAX_REJECTED_PER_SESSION) throw new Fault('too-many-refused')
        await outcome.written
      }
    }
    const sending = new SendQueue(stream)
    const carryOut = async (effects: SyncEffect[]): Promise<void> => {
      for (const effect of effects) {
        if (effect.type === 'send') sending.push([encodeFrame(effect.frame)])
        else if (effect.type === 'stream')
          sending.run(async (send) => {
            const streamed = async function* () {
              yield* await log.readProofs(effect.proofs)
              yield* log.readMany(effect.ns)
            }
            for await (const events of batches(streamed()))
              await send(encodeFrame({ type: 'events', events }))
            await carryOut(session.streamed())
          })
        else if (effect.type === 'receive') {
          for (let i = 0; i < effect.events.length; i += EVENTS_PER_TURN) {
            arriving.push(log.receive(effect.events.slice(i, i + EVENTS_PER_TURN), peer, now))
            // A newcomer knows nobody's key until the first events are taken in.
            await takeIn(log.engine.roster.groupName ? TURNS_AHEAD : 0)
          }
        } else if (effect.type === 'addresses') {
          const decoder = new TextDecoder()
          this.#parts.onAddresses(
            id,
            effect.addresses.map((address) => decoder.decode(address)),
          )
        } else if (effect.type === 'peerClock')
          this.#parts.onPeerClock(peer, effect.wallClockMs - now().nowMs)
        else if (effect.type === 'forkSuspected') this.#parts.onForkSuspected()
        else if (effect.type === 'finish') finished = true
        else if (effect.reason === 'refused') throw new Fault('not-admitted')
        else throw new Fault(effect.reason)
      }
    }
    await carryOut(session.start())
    for (let frame = first ?? (await frames.next()); frame; frame = await frames.next()) {
      if (frame.type === 'hello') {
        if (!this.#isProof(secret, peer, frame.proof)) throw new Fault('not-admitted')
        this.#parts.onAdmitted(id, peer)
      }
      if (frame.type !== 'events') await takeIn(0)
      await Promise.race([carryOut(session.receive(frame)), sending.failed])
      if (frame.type === 'end') break
    }
    await takeIn(0)
    await sending.done()
    if (finished) await this.#parts.onSynchronised(id, peer)
  }

  #groupWith(peer: PeerKey, proof: Uint8Array): GroupId | undefined {
    for (const [id, { secret }] of this.#parts.groups) if (this.#isProof(secret, peer, proof)) return id
    return undefined
  }

  #isProof(secret: Uint8Array, peer: PeerKey, proof: Uint8Array): boolean {
    const { crypto, network } = this.#parts
    return Buffer.from(proof).equals(helloProof(secret, peer, network.self, crypto))
  }
}

/** Frames of a stream, decoded one by one; undefined at its end. */
class Frames {
  readonly #frames: AsyncIterator<Uint8Array>
  readonly #time: Time
  #isFirst = true

  constructor(stream: FrameStream, time: Time) {
    this.#time = time
    this.#frames = stream.frames[Symbol.asyncIterator]()
  }

  async next(): Promise<Frame | undefined> {
    const { done, value } = await (this.#isFirst
      ? inTime(this.#frames.next(), this.#time)
      : this.#frames.next())
    this.#isFirst = false
    if (done) return undefined
    const frame = decodeFrame(value)
    if (!frame) throw new Fault('bad-frame')
    return frame
  }
}

/** Sends in order, beside the reading. */
class SendQueue {
  readonly #stream: FrameStream
  #tail: Promise<void> = Promise.resolve()
  #waiting = 0
  readonly #failure = Promise.withResolvers<never>()

  constructor(stream: FrameStream) {
    this.#stream = stream
    this.failed.catch(() => {})
  }

  /** Rejects when something could not be sent. */
  get failed(): Promise<never> {
    return this.#failure.promise
  }

  push(frames: Uint8Array[]): void {
    if (++this.#waiting > MAX_SENT_FRAMES_WAITING) throw new Fault('unexpected-frame')
    this.run(async (send) => {
      this.#waiting--
      for (const frame of frames) await send(frame)
    })
  }

  run(task: (send: (frame: Uint8Array) => Promise<void>) => Promise<void>): void {
    this.#tail = this.#tail.then(() => task((frame) => this.#stream.send(frame)))
    this.#tail.catch((error: unknown) => this.#failure.reject(error))
  }

  /** Everything, also what was added while waiting, has been sent. */
  async done(): Promise<void> {
    for (let tail; tail !== this.#tail;) await (tail = this.#tail)
  }
}

async function* batches(events: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array[]> {
  let batch: Uint8Array[] = []
  let sizeBytes = 0
  for await (const event of events) {
    if (batch.length > 0 && sizeBytes + event.length > EVENTS_FRAME_SIZE_BYTES) {
      yield batch
      batch = []
      sizeBytes = 0
    }
    batch.push(event)
    sizeBytes += event.length
  }
  if (batch.length > 0) yield batch
}

/** Fails when the other side says nothing at all. */
async function inTime<T>(promise: Promise<T>, time: Time): Promise<T> {
  const late = Promise.withResolvers<never>()
  const cancel = time.after(FIRST_FRAME_TIMEOUT_MS, () => late.reject(new Error('no first frame in time')))
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    cancel()
  }
}
