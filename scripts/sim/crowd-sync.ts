/**
 * Sync between two peers of a crowd: sessions of two real session machines whose frames take their time, and questions
 * for what is missing.
 */
import type { EventId } from '../../src-main/api/contract.ts'
import type { Outcome } from '../../src-main/core/catch-up.ts'
import { eventsOf, type Missing } from '../../src-main/core/missing.ts'
import type { Entry } from '../../src-main/core/history.ts'
import { EVENTS_FRAME_SIZE_BYTES } from '../../src-main/core/limits.ts'
import type { Portion } from '../../src-main/core/offer.ts'
import { SyncSession, type Part, type SyncEffect } from '../../src-main/core/sync-session.ts'
import type { Frame } from '../../src-main/core/sync.ts'
import type { Sha256 } from '../../src-main/core/event.ts'
import type { Agenda } from './agenda.ts'
import type { CrowdPeer } from './crowd-peer.ts'

export interface Taken extends Outcome {
  /** What was delivered and whoever brought it wrote. */
  ofSource: EventId[]
}

export interface SessionParts {
  agenda: Agenda
  sha256: Sha256
  delayMs(): number
  isLinked(a: CrowdPeer, b: CrowdPeer): boolean
  bytesOf(entry: Entry): Uint8Array
  /** Shows the engine everything that has come. */
  catchUp(peer: CrowdPeer): void
  take(peer: CrowdPeer, events: Uint8Array[], from: CrowdPeer): Taken
  /** Tells the others what one of the two wrote, and brought by itself. */
  handOn(peer: CrowdPeer, from: CrowdPeer, events: ReadonlySet<EventId>): void
}

/** A question that was not answered by then is lost. */
export const MAX_ANSWER_MS = 10_000

/** One question and its answer; what is sent to somebody who is switched off or elsewhere is lost. */
export function askForMissing(
  asker: CrowdPeer,
  asked: CrowdPeer,
  missing: Missing,
  parts: SessionParts,
): void {
  const lives = [asker.life, asked.life]
  const arrive = (task: () => void) =>
    parts.agenda.after(parts.delayMs(), () => {
      if (asker.life === lives[0] && asked.life === lives[1] && parts.isLinked(asker, asked)) task()
    })
  asker.asking.add(asked)
  const stopWaiting = parts.agenda.after(MAX_ANSWER_MS, () => {
    if (asker.life === lives[0]) asker.asking.delete(asked)
  })
  arrive(() => {
    parts.catchUp(asked)
    const events = eventsOf(missing, asked.engine.history).map(parts.bytesOf)
    const frame = asked.twist({ type: 'events', events })
    arrive(() => {
      stopWaiting()
      asker.asking.delete(asked)
      parts.take(asker, frame.events, asked)
    })
  })
}

/** One of the two. */
class End {
  readonly peer: CrowdPeer
  readonly machine: SyncSession
  /** The life in which it began; another one knows nothing of it. */
  readonly life: number
  /** What has come, and is not to be taken in yet. */
  waiting: Part[] = []
  /** What this end sends arrives in order. */
  clearMs = 0
  isDone = false
  /** What the other end wrote, and brought. */
  readonly ofSource = new Set<EventId>()

  constructor(peer: CrowdPeer, sha256: Sha256) {
    const { engine, incarnation, catchUp, life } = peer
    const hello = {
      credential: new Uint8Array(0),
      proof: new Uint8Array(32),
      incarnation,
      wallClockMs: peer.nowMs(),
    }
    this.peer = peer
    this.life = life
    this.machine = new SyncSession({ history: engine.history, sha256, hello, addresses: [], catchUp })
  }
}

export class Session {
  readonly #parts: SessionParts
  readonly #ends: [End, End]
  readonly #onOver: () => void
  #isOver = false

  constructor(a: CrowdPeer, b: CrowdPeer, parts: SessionParts, onOver: () => void) {
    this.#parts = parts
    this.#onOver = onOver
    for (const peer of [a, b]) parts.catchUp(peer)
    const [near, far] = [new End(a, parts.sha256), new End(b, parts.sha256)]
    this.#ends = [near, far]
    for (const peer of [a, b]) peer.sessions.add(this)
    for (const end of this.#ends) this.#carryOut(end, end.machine.start())
  }

  /** A link went down, or somebody off: nothing more comes, and other sessions are not to wait for it. */
  endIfCut(): void {
    this.#isAlive()
  }

  /** Something happened in another session of this peer. */
  resume(peer: CrowdPeer): void {
    const end = this.#ends.find((one) => one.peer === peer)!
    if (!this.#isOver && this.#isAlive()) this.#carryOut(end, end.machine.resume())
    this.#takeIn(end)
  }

  #other(end: End): End {
    return end === this.#ends[0] ? this.#ends[1] : this.#ends[0]
  }

  #isAlive(): boolean {
    const [near, far] = this.#ends
    const isUnchanged = this.#ends.every(({ peer, life }) => peer.life === life)
    if (!this.#isOver && !(isUnchanged && this.#parts.isLinked(near.peer, far.peer))) this.end()
    return !this.#isOver
  }

  /** Whether it is run by this machine at one of its ends. */
  isOf(machine: SyncSession): boolean {
    return this.#ends.some((end) => end.machine === machine)
  }

  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const { peer, machine } of this.#ends) {
      machine.close()
      peer.sessions.delete(this)
    }
    for (const { peer } of this.#ends) peer.resumeSessions()
    this.#onOver()
  }

  #carryOut(end: End, effects: SyncEffect[]): void {
    const other = this.#other(end)
    for (const effect of effects) {
      if (this.#isOver) return
      if (effect.type === 'send') this.#send(end, end.peer.twist(effect.frame))
      else if (effect.type === 'stream') this.#stream(end, effect.portion)
      else if (effect.type === 'streamWindow')
        this.#send(end, { type: 'window', events: effect.entries.map(this.#parts.bytesOf) })
      else if (effect.type === 'receive') end.waiting.push(effect.part)
      else if (effect.type === 'peerClock')
        end.peer.clock.note(other.peer.name, effect.wallClockMs - end.peer.nowMs())
      else if (effect.type === 'fail') this.end()
      else if (effect.type === 'finish') {
        this.#parts.handOn(end.peer, other.peer, end.ofSource)
        end.isDone = true
        // The other end is told by the last frame that is under way.
        if (other.isDone) this.end()
      }
    }
  }

  /** Takes in whatever it may, and lets the other sessions of this peer go on. */
  #takeIn(end: End): void {
    for (;;) {
      const at = end.waiting.findIndex((part) => end.machine.isTurn(part))
      const [part] = at < 0 || this.#isOver ? [] : end.waiting.splice(at, 1)
      if (!part) break
      const outcome = this.#parts.take(end.peer, part.events, this.#other(end).peer)
      for (const id of outcome.ofSource) end.ofSource.add(id)
      this.#carryOut(end, end.machine.taken(part, outcome))
    }
    end.peer.resumeSessions()
  }

  #send(end: End, frame: Frame, then?: () => void): void {
    const { agenda } = this.#parts
    const other = this.#other(end)
    end.clearMs = Math.max(end.clearMs, agenda.nowMs + this.#parts.delayMs())
    agenda.after(end.clearMs - agenda.nowMs, () => {
      if (!this.#isAlive()) return
      this.#parts.catchUp(other.peer)
      this.#carryOut(other, other.machine.receive(frame))
      this.#takeIn(other)
      then?.()
    })
  }

  /** The next frame leaves when the one before it has arrived. */
  #stream(end: End, { proofs, entries }: Portion): void {
    const proved = proofs.flatMap((tag) => end.peer.proofs.get(tag)!.events)
    const encoded = [...proved, ...entries.map(this.#parts.bytesOf)]
    let at = 0
    const more = () => {
      const events: Uint8Array[] = []
      for (let sizeBytes = 0; at < encoded.length; at++) {
        const bytes = encoded[at]!
        if (events.length > 0 && sizeBytes + bytes.length > EVENTS_FRAME_SIZE_BYTES) break
        sizeBytes += bytes.length
        events.push(bytes)
      }
      if (events.length > 0) this.#send(end, end.peer.twist({ type: 'events', events }), more)
    }
    more()
  }
}
