/**
 * Gossip among many peers, by numbers alone: who has seen which event, and what is on its way. Every peer forwards what
 * is news to its neighbours; each hop takes its own time and may lose, double or overtake. One byte array per event and
 * one list of numbers per millisecond, so that 25 million arrivals are affordable.
 */
import { DUPLICATE_PROBABILITY, LOSS_PROBABILITY, type Faults } from './faults.ts'
import type { Random } from './random.ts'

const MEDIAN_HOP_MS = 60
/** Of the logarithm: one hop in a hundred takes more than six times the median. */
const HOP_SPREAD = 0.8
/** A power of two. What takes longer arrives then. */
const WHEEL_MS = 16_384
const DELAYS = 4_096

export interface MeshOptions {
  peers: number
  /** Neighbours of a peer, on average. */
  degree: number
  faults: Faults
  random: Random
}

/** An event comes to a peer; true when it is news and shall be forwarded. */
export type Take = (peer: number, event: number, from: number) => boolean

export class Mesh {
  neighbours: number[][]
  readonly isOn: boolean[]
  /** Peers of different sides do not reach each other. */
  side: number[]
  /** Does not forward. */
  readonly isSilent: boolean[]
  /** Messages handed to the network. */
  sent = 0
  lost = 0
  readonly #options: MeshOptions
  /** Of everybody, when nothing divides them. */
  readonly #whole: number[][]
  readonly #delaysMs: Uint16Array
  readonly #seen: Uint8Array[] = []
  /** What trouble divides, and what a script does: two are on one side when they are in both. */
  readonly #drawn: number[]
  readonly #named: number[]
  /** What arrives in a millisecond: event * peers + peer, then the neighbour; negative: a copy. */
  readonly #wheel: number[][] = Array.from({ length: WHEEL_MS }, () => [])
  #underWay = 0
  #nowMs = 0

  constructor(options: MeshOptions) {
    const { peers, degree, faults, random } = options
    this.#options = options
    this.isOn = Array.from({ length: peers }, () => true)
    this.isSilent = Array.from({ length: peers }, () => false)
    this.side = Array.from({ length: peers }, () => 0)
    this.#drawn = [...this.side]
    this.#named = [...this.side]
    this.#delaysMs = Uint16Array.from({ length: DELAYS }, () =>
      faults.has('reorder')
        ? Math.min(WHEEL_MS - 1, Math.max(1, MEDIAN_HOP_MS * Math.exp(HOP_SPREAD * normal(random))))
        : MEDIAN_HOP_MS,
    )
    this.#whole = drawNeighbours([...Array(peers).keys()], degree, random)
    this.neighbours = this.#whole
  }

  get isIdle(): boolean {
    return this.#underWay === 0
  }

  isLinked(a: number, b: number): boolean {
    return this.isOn[a]! && this.isOn[b]! && this.side[a] === this.side[b]
  }

  /**
   * Everybody reaches only its own side from now on; with one side, everybody. Whoever loses links finds others, as a
   * messenger does that dials the members it knows: each side is a network of its own.
   */
  divide(sides: number): void {
    const { peers, random } = this.#options
    for (let peer = 0; peer < peers; peer++) this.#drawn[peer] = sides === 1 ? 0 : random.between(1, sides)
    this.#linkSides()
  }

  /** The peers of each list reach only each other, beside other divisions, and so do those of no list. None: undone. */
  separate(sides: readonly (readonly number[])[]): void {
    for (let peer = 0; peer < this.#options.peers; peer++)
      this.#named[peer] = 1 + sides.findIndex((side) => side.includes(peer))
    this.#linkSides()
  }

  #linkSides(): void {
    const { peers, degree, random } = this.#options
    this.side = this.#drawn.map((drawn, peer) => drawn * (peers + 1) + this.#named[peer]!)
    const sides = [...new Set(this.side)].sort((a, b) => a - b)
    this.neighbours = sides.length === 1 ? this.#whole : Array.from({ length: peers }, () => [])
    for (const side of sides.length === 1 ? [] : sides) {
      const members = this.side.flatMap((one, peer) => (one === side ? peer : []))
      const drawn = drawNeighbours(members, degree, random)
      for (const [i, peer] of members.entries()) this.neighbours[peer] = drawn[i]!
    }
  }

  /** One way between two peers. */
  delayMs(): number {
    return this.#delaysMs[Math.floor(this.#options.random.next() * DELAYS)]!
  }

  publish(peer: number, event: number, nowMs: number): void {
    if (this.#underWay === 0) this.#nowMs = nowMs
    this.#see(peer, event)
    this.#forward(peer, event, peer)
  }

  /** Everything that arrives up to a time, which must not be farther than the next thing that happens elsewhere. */
  advance(toMs: number, take: Take): void {
    const { peers } = this.#options
    for (; this.#underWay > 0 && this.#nowMs < toMs;) {
      this.#nowMs++
      const slot = this.#wheel[this.#nowMs & (WHEEL_MS - 1)]!
      if (slot.length === 0) continue
      for (let i = 0; i < slot.length; i += 2) {
        const isCopy = slot[i + 1]! < 0
        const from = isCopy ? -1 - slot[i + 1]! : slot[i + 1]!
        const event = Math.floor(slot[i]! / peers)
        const peer = slot[i]! - event * peers
        this.#underWay--
        if (!this.isLinked(from, peer)) continue
        if (isCopy) take(peer, event, from)
        else if (this.#see(peer, event) && take(peer, event, from) && !this.isSilent[peer])
          this.#forward(peer, event, from)
      }
      slot.length = 0
    }
    this.#nowMs = toMs
  }

  /** The peer lost its memory. */
  forget(peer: number): void {
    for (const seen of this.#seen) if (seen) seen[peer >> 3]! &= ~(1 << (peer & 7))
  }

  #forward(peer: number, event: number, except: number): void {
    const { random, faults } = this.#options
    const [isLossy, isDoubling] = [faults.has('loss'), faults.has('duplicate')]
    const seen = this.#seen[event]!
    for (const to of this.neighbours[peer]!) {
      if (to === except || !this.isLinked(peer, to)) continue
      this.sent++
      if (isDoubling && random.chance(DUPLICATE_PROBABILITY)) this.#send(to, event, -1 - peer)
      // The network drops copies by their content before anybody looks at them.
      if (seen[to >> 3]! & (1 << (to & 7))) continue
      if (isLossy && random.chance(LOSS_PROBABILITY)) this.lost++
      else this.#send(to, event, peer)
    }
  }

  #send(to: number, event: number, from: number): void {
    this.#underWay++
    this.#wheel[(this.#nowMs + this.delayMs()) & (WHEEL_MS - 1)]!.push(event * this.#options.peers + to, from)
  }

  /** False when it had seen it before. */
  #see(peer: number, event: number): boolean {
    const seen = (this.#seen[event] ??= new Uint8Array((this.#options.peers + 7) >> 3))
    const bit = 1 << (peer & 7)
    if (seen[peer >> 3]! & bit) return false
    seen[peer >> 3]! |= bit
    return true
  }
}

/** A ring, so that nobody is alone, and random links across it; of each of these peers, its neighbours. */
function drawNeighbours(peers: readonly number[], degree: number, random: Random): number[][] {
  const links = peers.map(() => new Set<number>())
  const link = (a: number, b: number) => {
    if (a === b) return
    links[a]!.add(peers[b]!)
    links[b]!.add(peers[a]!)
  }
  for (let at = 0; at < peers.length; at++) {
    link(at, (at + 1) % peers.length)
    for (let more = 2; more < degree; more += 2) link(at, random.between(0, peers.length - 1))
  }
  return links.map((set) => [...set])
}

/** Standard normal (Box and Muller, 1958). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next())
}
