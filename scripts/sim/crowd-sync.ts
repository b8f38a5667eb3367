/** One sync session between two peers of a crowd: two real session machines, and frames that take their time. */
import type { Entry } from '../../src-main/core/history.ts'
import { EVENTS_FRAME_SIZE_BYTES } from '../../src-main/core/limits.ts'
import { SyncSession, type Frame, type SyncEffect } from '../../src-main/core/sync.ts'
import type { Sha256 } from '../../src-main/core/event.ts'
import type { Agenda } from './agenda.ts'
import type { CrowdPeer } from './crowd-peer.ts'

export interface SessionParts {
  agenda: Agenda
  sha256: Sha256
  delayMs(): number
  isLinked(a: CrowdPeer, b: CrowdPeer): boolean
  bytesOf(entry: Entry): Uint8Array
  /** Shows the engine everything that has come. */
  catchUp(peer: CrowdPeer): void
  take(peer: CrowdPeer, events: Uint8Array[], from: CrowdPeer): void
  onOver(): void
}

/** One of the two. */
class End {
  readonly peer: CrowdPeer
  readonly session: SyncSession
  /** The life in which it began; another one knows nothing of it. */
  readonly life: number
  /** What this end sends arrives in order. */
  clearMs = 0

  constructor(peer: CrowdPeer, sha256: Sha256) {
    const proof = new Uint8Array(32)
    const hello = { proof, incarnation: peer.incarnation, wallClockMs: peer.nowMs() }
    this.peer = peer
    this.life = peer.life
    this.session = new SyncSession(peer.engine.history, sha256, hello, [])
  }
}

export class Session {
  readonly #parts: SessionParts
  readonly #ends: [End, End]
  #isOver = false

  constructor(a: CrowdPeer, b: CrowdPeer, parts: SessionParts) {
    this.#parts = parts
    for (const peer of [a, b]) parts.catchUp(peer)
    const [near, far] = [new End(a, parts.sha256), new End(b, parts.sha256)]
    this.#ends = [near, far]
    for (const end of this.#ends) this.#carryOut(end, end.session.start())
  }

  #other(end: End): End {
    return end === this.#ends[0] ? this.#ends[1] : this.#ends[0]
  }

  #isAlive(): boolean {
    const [near, far] = this.#ends
    const isUnchanged = this.#ends.every(({ peer, life }) => peer.life === life)
    if (!this.#isOver && !(isUnchanged && this.#parts.isLinked(near.peer, far.peer))) this.#end()
    return !this.#isOver
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#parts.onOver()
  }

  #carryOut(end: End, effects: SyncEffect[]): void {
    const other = this.#other(end)
    for (const effect of effects) {
      if (effect.type === 'send') this.#send(end, end.peer.twist(effect.frame))
      else if (effect.type === 'stream') this.#stream(end, effect.ns)
      else if (effect.type === 'receive') this.#parts.take(end.peer, effect.events, other.peer)
      else if (effect.type === 'peerClock')
        end.peer.clock.note(other.peer.name, effect.wallClockMs - end.peer.nowMs())
      else if (effect.type === 'finish' || effect.type === 'fail') this.#end()
    }
  }

  #send(end: End, frame: Frame, then?: () => void): void {
    const { agenda } = this.#parts
    const other = this.#other(end)
    end.clearMs = Math.max(end.clearMs, agenda.nowMs + this.#parts.delayMs())
    agenda.after(end.clearMs - agenda.nowMs, () => {
      if (!this.#isAlive()) return
      this.#parts.catchUp(other.peer)
      this.#carryOut(other, other.session.receive(frame))
      then?.()
    })
  }

  /** The next frame leaves when the one before it has arrived. */
  #stream(end: End, ns: readonly number[]): void {
    const { log } = end.peer.engine.history
    let at = 0
    const more = () => {
      const events: Uint8Array[] = []
      for (let sizeBytes = 0; at < ns.length; at++) {
        const bytes = this.#parts.bytesOf(log[ns[at]! - 1]!)
        if (events.length > 0 && sizeBytes + bytes.length > EVENTS_FRAME_SIZE_BYTES) break
        sizeBytes += bytes.length
        events.push(bytes)
      }
      if (events.length > 0) this.#send(end, end.peer.twist({ type: 'events', events }), more)
      else this.#carryOut(end, end.session.streamed())
    }
    more()
  }
}
