/**
 * Runs one sync session over one stream. Reading, taking in and sending go on side by side: two full peers would wait
 * for each other otherwise, and a slice that is not to be taken in yet must not keep this side from answering.
 */
import type { GroupId } from '../api/contract.ts'
import type { CatchUp } from '../core/catch-up.ts'
import type { Entry } from '../core/history.ts'
import { MAX_EARLY_SIZE_BYTES } from '../core/limits.ts'
import type { Portion } from '../core/offer.ts'
import { SyncSession, type Part, type SyncEffect } from '../core/sync-session.ts'
import { encodeFrame, type Frame } from '../core/sync.ts'
import type { FrameStream, PeerKey } from '../network/network.ts'
import { batches, Fault, Frames, Refused, SendQueue } from './frames.ts'
import type { GroupLog } from './group-log.ts'
import { Intake } from './intake.ts'
import { REFUSALS } from './admission.ts'
import { helloProof, isHelloProof } from './membership.ts'
import type { SyncParts } from './syncing.ts'

/** Bytes of a window; what does not fit is left out, the oldest first. */
const WINDOW_FRAME_SIZE_BYTES = 192 * 1024

export interface SessionParts extends SyncParts {
  id: GroupId
  log: GroupLog
  catchUp: CatchUp<SyncSession>
  stream: FrameStream
  frames: Frames
  /** Other sessions of the group may go on. */
  onChange(): void
}

type Waiting = Part | { window: Uint8Array[] }

export class Session {
  readonly machine: SyncSession
  /** It ended because of the order in which slices came: another session goes on. */
  isStuck = false
  readonly #parts: SessionParts
  readonly peer: PeerKey
  readonly #sending: SendQueue
  readonly #intake: Intake
  /** Arrived, and not taken in. */
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0
  #isTaking = false
  #taking: Promise<void> = Promise.resolve()
  #room = Promise.withResolvers<void>()
  #finish: (SyncEffect & { type: 'finish' }) | undefined
  /** Resolves when both sides have what they wanted; rejects when it failed. */
  readonly #over = Promise.withResolvers<undefined>()

  constructor(parts: SessionParts) {
    this.#parts = parts
    const { id, log, network, crypto, stream, now, incarnation, addresses, catchUp } = parts
    this.peer = stream.peer
    this.#over.promise.catch(() => {})
    this.#sending = new SendQueue(stream, (error) => this.#over.reject(error))
    this.#intake = new Intake(log, this.peer, now)
    const encoder = new TextEncoder()
    this.machine = new SyncSession({
      history: log.engine.history,
      sha256: crypto.sha256,
      hello: {
        proof: helloProof(id, network.self, this.peer, crypto),
        credential: parts.credential(id, this.peer),
        incarnation,
        wallClockMs: now().nowMs,
      },
      addresses: addresses().map((address) => encoder.encode(address)),
      catchUp,
    })
  }

  /** Resolves when both sides have what they wanted. True when another session may bring more at once. */
  async run(first?: Frame): Promise<boolean> {
    const { id, network, crypto, refusal, onAdmitted, onRefused, onUnheard, onSynchronised } = this.#parts
    try {
      this.#carryOut(this.machine.start())
      for (let frame = first ?? (await this.#next()); frame; frame = await this.#next()) {
        if (frame.type === 'refuse') {
          onRefused(id, this.peer, REFUSALS[frame.reason] ?? 'stranger', frame.event)
          throw new Fault('not-admitted')
        }
        if (frame.type === 'hello') {
          if (!isHelloProof(frame.proof, id, this.peer, network.self, crypto)) throw new Fault('not-admitted')
          const reason = await refusal(id, this.peer, frame.credential)
          if (reason === 'removed') await this.#tellOfRemoval()
          if (reason) throw new Fault('not-admitted')
          onAdmitted(id, this.peer)
        }
        this.#carryOut(this.machine.receive(frame))
        this.#parts.onChange()
        await this.#makeRoom()
        if (this.#finish) break
      }
      // What came before the end of the stream is taken in, and judged.
      await this.#taking
      await this.#sending.done()
      if (this.#finish?.isWhole) await onSynchronised(id, this.peer)
      return this.#finish?.again ?? false
    } finally {
      this.machine.close()
      this.#parts.onChange()
      // Also when the link broke: whoever wrote it may be gone again.
      void this.#taking.catch(() => {}).then(() => onUnheard(id, this.#intake.unheard()))
    }
  }

  /** Whoever was removed is to know, also when it is not the one that asks. */
  async #tellOfRemoval(): Promise<never> {
    const { id, stream, removalOf } = this.#parts
    const event = await removalOf(id, this.peer)
    await stream.send(encodeFrame({ type: 'refuse', reason: REFUSALS.indexOf('removed'), event }))
    throw new Refused()
  }

  /** Something happened in another session of the group. */
  resume(): void {
    try {
      this.#carryOut(this.machine.resume())
    } catch (error) {
      this.#over.reject(error)
    }
    this.#takeIn()
    this.#wake()
  }

  abort(reason: string): void {
    this.#over.reject(new Error(reason))
    this.#parts.stream.abort(reason)
  }

  /** Reads on when enough has been taken in. Fails when nothing can be taken in before this session reads on. */
  async #makeRoom(): Promise<void> {
    while (this.#waitingBytes > MAX_EARLY_SIZE_BYTES && !this.#finish) {
      this.isStuck = !this.#isTaking && this.machine.isAwaited
      if (this.isStuck) throw new Error('an earlier slice is behind later ones')
      await Promise.race([this.#room.promise, this.#over.promise])
    }
  }

  #next(): Promise<Frame | undefined> {
    return Promise.race([this.#over.promise, this.#parts.frames.next()])
  }

  #carryOut(effects: SyncEffect[]): void {
    const { id, onAddresses, onControlsTaken, onPeerClock, onForkSuspected, now } = this.#parts
    for (const effect of effects)
      switch (effect.type) {
        case 'send':
          this.#sending.push(encodeFrame(effect.frame))
          break
        case 'stream':
          this.#stream(effect.portion)
          break
        case 'streamWindow':
          this.#streamWindow(effect.entries)
          break
        case 'receive':
          this.#await(effect.part, effect.part.events)
          break
        case 'window':
          this.#await({ window: effect.events }, effect.events)
          break
        case 'addresses': {
          const decoder = new TextDecoder()
          onAddresses(
            id,
            effect.addresses.map((address) => decoder.decode(address)),
          )
          break
        }
        case 'controlsTaken':
          onControlsTaken(id, this.peer)
          break
        case 'peerClock':
          onPeerClock(this.peer, effect.wallClockMs - now().nowMs)
          break
        case 'forkSuspected':
          onForkSuspected()
          break
        case 'finish':
          this.#finish = effect
          this.#over.resolve(undefined)
          break
        case 'fail':
          throw new Fault(effect.reason === 'refused' ? 'not-admitted' : effect.reason)
      }
  }

  #stream({ proofs, entries }: Portion): void {
    const { log } = this.#parts
    this.#sending.run(async (send) => {
      for await (const events of batches(await log.readProofs(proofs)))
        await send(encodeFrame({ type: 'events', events }))
      for await (const events of batches(log.readMany(entries)))
        await send(encodeFrame({ type: 'events', events }))
    })
  }

  #streamWindow(entries: Entry[]): void {
    this.#sending.run(async (send) => {
      const events: Uint8Array[] = []
      let sizeBytes = 0
      for await (const event of this.#parts.log.readMany(entries.toReversed())) {
        sizeBytes += event.length
        if (sizeBytes > WINDOW_FRAME_SIZE_BYTES) break
        events.unshift(event)
      }
      await send(encodeFrame({ type: 'window', events }))
    })
  }

  #await(one: Waiting, events: readonly Uint8Array[]): void {
    this.#waiting.push(one)
    this.#waitingBytes += sizeOf(events)
    this.#takeIn()
  }

  /** Takes in whatever may be taken in now. */
  #takeIn(): void {
    if (this.#isTaking) return
    this.#isTaking = true
    this.#taking = this.#takeAll()
    this.#taking.catch((error: unknown) => this.#over.reject(error))
  }

  #wake(): void {
    this.#room.resolve()
    this.#room = Promise.withResolvers()
  }

  async #takeAll(): Promise<void> {
    for (;;) {
      const at = this.#waiting.findIndex((one) => 'window' in one || this.machine.isTurn(one))
      const [one] = at < 0 ? [] : this.#waiting.splice(at, 1)
      if (!one) {
        this.#isTaking = false
        return
      }
      if ('window' in one) this.#parts.onWindow(this.#parts.id, one.window, this.peer)
      else this.#carryOut(this.machine.taken(one, await this.#intake.take(one.events)))
      this.#waitingBytes -= sizeOf('window' in one ? one.window : one.events)
      this.#wake()
      this.#parts.onChange()
    }
  }
}

function sizeOf(events: readonly Uint8Array[]): number {
  return events.reduce((sum, { length }) => sum + length, 0)
}
