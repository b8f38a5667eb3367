/** One device of a crowd: the real engine of one group, and what is on its disk. */
import type { DeviceTag } from '../../src-main/api/contract.ts'
import { CatchUp, type Slice } from '../../src-main/core/catch-up.ts'
import { Engine, type EngineParts, type Moment } from '../../src-main/core/engine.ts'
import { SLICE_TIMEOUT_MS } from '../../src-main/core/limits.ts'
import type { SyncSession } from '../../src-main/core/sync-session.ts'
import type { Frame } from '../../src-main/core/sync.ts'
import type { KeyPair } from '../../src-main/crypto/crypto.ts'
import { ReferenceClock } from '../../src-main/messenger/reference-clock.ts'
import type { Session } from './crowd-sync.ts'
import { twistFrame, type Forger, type Misdeed } from './forger.ts'
import type { Random } from './random.ts'

export interface CrowdPeerParts {
  index: number
  key: KeyPair
  /** This device's own clock, unix ms. */
  localMs(): number
  atMs(): number
  after(delayMs: number, run: () => void): void
  incarnation: Uint8Array
  engineParts: Omit<EngineParts, 'verify' | 'decode'> & Required<Pick<EngineParts, 'verify' | 'decode'>>
  random: Random
}

export class CrowdPeer {
  readonly index: number
  readonly key: KeyPair
  readonly tag: DeviceTag
  readonly name: string
  readonly incarnation: Uint8Array
  engine: Engine
  clock: ReferenceClock
  catchUp = new CatchUp<SyncSession>()
  readonly sessions = new Set<Session>()
  /** Who has not answered a question. */
  readonly asking = new Set<CrowdPeer>()
  #seenOfCatchUp = 0
  /** The slice that its sessions wait for. */
  #awaited: Slice | undefined
  /** Grows when it is switched on: what began in another life is over. */
  life = 0
  /** Its power fails between the batch of the next event that it writes and its publication. */
  failsNext = false
  isTicking = false
  /** It has been on since then, and on the side of the network where it is; world time. */
  undisturbedSinceMs = 0
  /** What came and will be delivered without waiting, not yet shown to the engine: event, neighbour, time, time… */
  inbox: number[] = []
  /** Numbers of the events that wait for earlier ones, and when they came; world time. */
  readonly waitingSinceMs = new Map<number, number>()
  /** Numbers of the events that came before they were due. */
  readonly cameTooEarly = new Set<number>()
  /** On its disk beside the log: per forked device two events of one place, and how long the log was then. */
  readonly proofs = new Map<DeviceTag, { events: readonly [Uint8Array, Uint8Array]; at: number }>()
  misdeed: Misdeed | undefined
  /** It behaves, whatever it did before. */
  isTamed = false
  /** Writes by hand from now on, as a script wants it. */
  isDefiant = false
  forger: Forger | undefined
  /** Calls of the engine: each event is to be decoded and verified once. */
  decoded = 0
  verified = 0
  readonly #parts: CrowdPeerParts

  constructor(parts: CrowdPeerParts) {
    this.#parts = parts
    this.index = parts.index
    this.key = parts.key
    this.tag = parts.engineParts.self
    this.name = `peer ${parts.index}`
    this.incarnation = parts.incarnation
    this.engine = this.#makeEngine()
    this.clock = new ReferenceClock(parts.localMs)
  }

  /** Whether the others can have all that it has: what only a withholder still has, nobody gets. */
  get isWitness(): boolean {
    return this.misdeed !== 'withhold'
  }

  nowMs(): number {
    return this.clock.now()
  }

  now(): Moment {
    return { nowMs: this.clock.now(), atMs: this.#parts.atMs() }
  }

  /** Forgets everything that is not on disk. */
  restart(): void {
    this.life++
    this.failsNext = false
    this.isTicking = false
    this.waitingSinceMs.clear()
    this.asking.clear()
    this.engine = this.#makeEngine()
    this.clock = new ReferenceClock(this.#parts.localMs)
    this.catchUp = new CatchUp()
    this.#seenOfCatchUp = 0
    this.#awaited = undefined
  }

  /** As a network does it when a link goes down. */
  endCutSessions(): void {
    for (const session of [...this.sessions]) session.endIfCut()
  }

  /** Lets sessions go on that waited for another. */
  resumeSessions(): void {
    if (this.#seenOfCatchUp !== this.catchUp.version) {
      this.#seenOfCatchUp = this.catchUp.version
      for (const session of this.sessions) session.resume(this)
    }
    this.#watchTurn()
  }

  /** Whoever does not hand over what all sessions wait for is left, as Syncing does it. */
  #watchTurn(): void {
    const { life } = this
    const { turn } = this.catchUp
    if (turn?.slice === this.#awaited) return
    this.#awaited = turn?.slice
    if (!turn) return
    this.#parts.after(SLICE_TIMEOUT_MS, () => {
      if (this.life !== life || this.#awaited !== turn.slice) return
      for (const session of this.sessions) if (session.isOf(turn.peer)) session.end()
    })
  }

  /** What this peer makes of a frame before it sends it. */
  twist<F extends Frame>(frame: F): F {
    return this.isTamed ? frame : twistFrame(frame, this.misdeed, this.#parts.random)
  }

  /** From now on it does nothing by hand, and says what is so. */
  tame(): void {
    this.isTamed = true
    this.forger = undefined
  }

  #makeEngine(): Engine {
    const { verify, decode, ...parts } = this.#parts.engineParts
    return new Engine({
      ...parts,
      verify: (signature, message, publicKey) => {
        this.verified++
        return verify(signature, message, publicKey)
      },
      decode: (bytes) => {
        this.decoded++
        return decode(bytes)
      },
    })
  }
}
