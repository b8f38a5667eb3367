/** Real session machines face to face, frames and all, without a network between them. */
import { CatchUp } from '../../src-main/core/catch-up.ts'
import type { Effect } from '../../src-main/core/engine.ts'
import type { History } from '../../src-main/core/history.ts'
import type { Portion } from '../../src-main/core/offer.ts'
import { SyncSession, type Part, type SyncEffect } from '../../src-main/core/sync-session.ts'
import { decodeFrame, encodeFrame, type Frame } from '../../src-main/core/sync.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { START_MS } from './people.ts'

/** A device as sync sees it. */
export interface Syncer {
  history: History
  take(bytes: Uint8Array): Effect[]
  read(portion: Portion): Uint8Array[]
  /** Shared by the sessions with several peers. */
  catchUp: CatchUp<SyncSession>
  ends: Set<End>
}

export function makeSyncer(parts: Pick<Syncer, 'history' | 'take' | 'read'>): Syncer {
  return { ...parts, catchUp: new CatchUp<SyncSession>(), ends: new Set() }
}

/** One end of a session. */
export class End {
  readonly syncer: Syncer
  readonly machine: SyncSession
  /** What has come and was not looked at. */
  readonly inbox: Uint8Array[] = []
  /** Sent so far. */
  readonly sent: Frame[] = []
  /** All effects but those of sending. */
  readonly effects: SyncEffect[] = []
  /** What the engine made of events that came. */
  readonly results: Effect[] = []
  readonly #waiting: Part[] = []
  other!: End
  /** Changes what is sent; nothing leaves for undefined. */
  twist: (frame: Frame) => Frame | undefined = (frame) => frame

  constructor(syncer: Syncer, incarnation: number) {
    this.syncer = syncer
    const hello = {
      proof: new Uint8Array(32),
      credential: new Uint8Array(0),
      incarnation: new Uint8Array(8).fill(incarnation),
      wallClockMs: START_MS + incarnation,
    }
    const { history, catchUp } = syncer
    this.machine = new SyncSession({ history, sha256: crypto.sha256, hello, addresses: [], catchUp })
    syncer.ends.add(this)
  }

  start(): void {
    this.#carryOut(this.machine.start())
  }

  /** Looks at one frame; false when there is none. */
  step(): boolean {
    const bytes = this.inbox.shift()
    if (!bytes) return false
    this.#carryOut(this.machine.receive(decodeFrame(bytes)!))
    this.#takeIn()
    return true
  }

  close(): void {
    this.machine.close()
    this.syncer.ends.delete(this)
    this.#resumeAll()
  }

  resume(): void {
    this.#carryOut(this.machine.resume())
    for (let at; (at = this.#waiting.findIndex((part) => this.machine.isTurn(part))) >= 0;) {
      const part = this.#waiting.splice(at, 1)[0]!
      const outcome = { news: 0, waiting: 0 }
      for (const bytes of part.events) {
        const results = this.syncer.take(bytes)
        this.results.push(...results)
        const types = results.map(({ type }) => type)
        if (types.includes('deliver') || types.includes('wait')) outcome.news++
        if (types.includes('wait')) outcome.waiting++
      }
      this.#carryOut(this.machine.taken(part, outcome))
    }
  }

  #takeIn(): void {
    this.resume()
    this.#resumeAll()
  }

  #resumeAll(): void {
    const { catchUp, ends } = this.syncer
    for (let version; version !== catchUp.version;) {
      version = catchUp.version
      for (const end of ends) end.resume()
    }
  }

  #carryOut(effects: SyncEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'send') this.#send(effect.frame)
      else if (effect.type === 'stream') {
        const events = this.syncer.read(effect.portion)
        for (let i = 0; i < events.length; i += 50)
          this.#send({ type: 'events', events: events.slice(i, i + 50) })
      } else if (effect.type === 'streamWindow')
        this.#send({
          type: 'window',
          events: this.syncer.read({ proofs: [], entries: effect.entries, count: 0 }),
        })
      else {
        this.effects.push(effect)
        if (effect.type === 'receive') this.#waiting.push(effect.part)
      }
    }
  }

  #send(frame: Frame): void {
    const twisted = this.twist(frame)
    if (!twisted) return
    this.sent.push(twisted)
    this.other.inbox.push(encodeFrame(twisted))
  }
}

/** Begins a session; nothing is looked at yet. */
export function open(a: Syncer, b: Syncer): [End, End] {
  const ends: [End, End] = [new End(a, 1), new End(b, 2)]
  for (const [i, end] of ends.entries()) end.other = ends[1 - i]!
  for (const end of ends) end.start()
  return ends
}

/** Lets all of them talk until nobody has anything to say; ends that are done or failed are closed. */
export function talk(...ends: End[]): void {
  const isOver = ({ effects }: End) => effects.some(({ type }) => type === 'finish' || type === 'fail')
  for (let moved = true; moved;) {
    moved = false
    for (const end of ends) {
      if (!end.syncer.ends.has(end)) continue
      if (end.step()) moved = true
      if (!isOver(end)) continue
      const failed = end.effects.some(({ type }) => type === 'fail')
      if (failed) end.other.close()
      end.close()
    }
  }
}
