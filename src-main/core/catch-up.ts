/**
 * Who fetches which slice of what is missing here, while sessions with several peers run at once. One per group.
 *
 *      plan of the leader   ├── 1 ──┼── 2 ──┼── 3 ──┼── 4 ──┤      the first peer with a plan; all are asked by its slices
 *      asked                  bob     carol   bob     dave         none is fetched twice
 *      taken in               here    now     early   …            in this order, so that nothing waits for its past
 *
 * 1. Control events come first, from one peer at a time; a peer that has more of them than came so far is asked too.
 * 2. A peer that has fewer events of a slice than the leader promised is not given it. One that fails, or is too slow
 *    while others wait, leaves; what it was to fetch is given to another.
 * 3. Whoever hands over less news than half of what it promised does not get the slice again. When something of a
 *    slice has to wait although several peers brought what comes before it, one of them withheld something: until a
 *    catch-up ends well the leader goes on alone.
 * 4. A slice that is to be had from nobody ends all sessions, also those that have later ones: the next begin anew. Until
 *    then whoever is silent about what it was asked for is the one that others wait for (turn).
 * 5. What the peers have beyond the leader's plan is found by the sessions that follow.
 */
import { LONG_PLAN_EVENTS, MAX_SLICES_AHEAD } from './limits.ts'
import type { Plan, Want } from './sync.ts'

const LATEST = 2n ** 64n - 1n

/** What became of events that one peer handed over. */
export interface Outcome {
  /** Neither known here nor refused. */
  news: number
  /** Their past is missing. */
  waiting: number
}

/** Something to ask one peer for. */
export interface Slice extends Want {
  /** So far. */
  news: number
}

export interface Progress {
  /** Events. */
  done: number
  total: number
}

/** end: nothing is left to ask for. stop: something is, but not of this peer now. wait: look again when something changed. */
export type Next = Slice | 'wait' | 'end' | 'stop'

/** Peer: whatever stands for a session. */
export class CatchUp<Peer> {
  readonly #plans = new Map<Peer, Plan>()
  #leader: Peer | undefined
  #slices: (Slice & { holder?: Peer | undefined; isDone: boolean; unfit: Set<Peer> })[] = []
  /** Events of all slices. */
  #planned = 0
  /** The first slice that is not done. */
  #turn = 0
  #controls: Slice | undefined
  #controlsHolder: Peer | undefined
  /** Most control events that one peer brought. */
  #controlsDone = 0
  readonly #askedForControls = new Set<Peer>()
  readonly #brought = new Set<Peer>()
  #done = 0
  #isBroken = false
  #isAlone = false
  #windowAsked = false
  /** Grows with everything that may give a waiting peer something to do. */
  version = 0

  join(peer: Peer, plan: Plan): void {
    this.#plans.set(peer, plan)
    if (this.#turn < this.#slices.length || this.#controls) return
    this.#leader = peer
    this.#turn = 0
    this.#planned = plan.slices.reduce((sum, { count }) => sum + count, 0)
    this.#slices = plan.slices.map(({ to, count }, i) => ({
      chain: 'm',
      from: i === 0 ? 0n : plan.slices[i - 1]!.to + 1n,
      to,
      atLeast: count,
      news: 0,
      isDone: false,
      unfit: new Set(),
    }))
  }

  /** What this peer is to be asked for now; from then on it holds that slice. */
  next(peer: Peer): Next {
    const plan = this.#plans.get(peer)
    if (!plan) return 'end'
    if (this.#controls) return 'wait'
    if (plan.controls > this.#controlsDone && !this.#askedForControls.has(peer)) {
      this.#askedForControls.add(peer)
      this.#controlsHolder = peer
      this.#controls = { chain: 'c', from: 0n, to: LATEST, atLeast: plan.controls, news: 0 }
      return this.#controls
    }
    if (this.#turn === this.#slices.length) return 'end'
    if (!this.#plans.has(this.#leader!)) this.#leader = peer
    if (this.#isBroken || (this.#isAlone && peer !== this.#leader)) return 'stop'
    for (const slice of this.#slices.slice(this.#turn, this.#turn + MAX_SLICES_AHEAD))
      if (!slice.isDone && slice.holder === undefined && !slice.unfit.has(peer)) {
        slice.holder = peer
        return slice
      }
    const first = this.#slices[this.#turn]!
    if (first.holder !== undefined || [...this.#plans.keys()].some((other) => !first.unfit.has(other)))
      return 'wait'
    this.#isBroken = true
    this.version++
    return 'stop'
  }

  /** A slice is to be had from nobody: what comes after it will not have its turn before all begin anew. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  /** Whether what a peer was asked for may be taken in now. */
  isTurn(slice: Slice): boolean {
    return slice.chain === 'c' || this.#slices[this.#turn] === slice
  }

  /** Whether the slice that everything waits for comes from no other peer than this. */
  isAwaited(peer: Peer): boolean {
    const slice = this.#slices[this.#turn]
    return slice !== undefined && (slice.holder ?? peer) === peer
  }

  /**
   * What everybody waits for, and who was asked for it; undefined when nobody has to wait for anybody. When nobody was
   * asked for the slice whose turn it is, that is whoever is busy with a later one, and might have it.
   */
  get turn(): { peer: Peer; slice: Slice } | undefined {
    if (this.#plans.size < 2 && !this.#isBroken) return undefined
    if (this.#controls) return { peer: this.#controlsHolder!, slice: this.#controls }
    const slice = this.#slices.find(({ holder, isDone }) => holder !== undefined && !isDone)
    return slice && { peer: slice.holder!, slice }
  }

  /** The peer has fewer events of it than others. */
  decline(peer: Peer, slice: Slice): void {
    if (slice === this.#controls) this.#controls = undefined
    const place = this.#slices.find((one) => one === slice)
    if (place?.holder === peer) {
      place.unfit.add(peer)
      free(place)
    }
    this.version++
  }

  /** Some events of a slice were taken in. */
  take(peer: Peer, slice: Slice, { news, waiting }: Outcome): void {
    if (!this.#plans.has(peer)) return
    slice.news += news
    this.#done += news
    this.#brought.add(peer)
    if (waiting > 0 && this.#brought.size > 1 && !this.#isAlone) {
      this.#isAlone = true
      this.version++
    }
  }

  /** All of a slice was taken in. */
  finish(peer: Peer, slice: Slice): void {
    if (!this.#plans.has(peer)) return
    const isGood = 2 * slice.news >= slice.atLeast
    if (slice === this.#controls) {
      this.#controlsDone = Math.max(this.#controlsDone, isGood ? slice.atLeast : slice.news)
      this.#controls = undefined
      this.version++
      return
    }
    const place = this.#slices.find((one) => one === slice)
    if (!place || !isGood) return this.decline(peer, slice)
    place.isDone = true
    while (this.#slices[this.#turn]?.isDone) this.#turn++
    if (this.#turn === this.#slices.length) this.#isAlone = false
    this.version++
  }

  /** The session is over, or wants nothing more. True when another one with this peer may bring more at once. */
  leave(peer: Peer): boolean {
    const plan = this.#plans.get(peer)
    if (!plan) return false
    this.#plans.delete(peer)
    if (this.#controlsHolder === peer) this.#controls = undefined
    for (const slice of this.#slices)
      if (slice.holder === peer && !slice.isDone) {
        free(slice)
      }
    this.version++
    const mayHaveMore = peer !== this.#leader && this.#done > 0 && !this.#isBroken
    if (this.#plans.size === 0) this.#reset()
    return mayHaveMore
  }

  /** True for the one session that shall ask for the newest screens. */
  asksForWindow(peer: Peer): boolean {
    if (this.#windowAsked || peer !== this.#leader || !this.progress) return false
    return (this.#windowAsked = true)
  }

  /** How far it is; undefined when little or nothing is to be fetched. */
  get progress(): Progress | undefined {
    if (this.#plans.size === 0 || this.#planned < LONG_PLAN_EVENTS) return undefined
    const total = this.#planned + this.#controlsDone
    return { done: Math.min(this.#done, total), total }
  }

  #reset(): void {
    this.#leader = undefined
    this.#slices = []
    this.#planned = 0
    this.#turn = 0
    this.#controlsDone = 0
    this.#askedForControls.clear()
    this.#brought.clear()
    this.#done = 0
    this.#isBroken = false
    this.#windowAsked = false
  }
}

/** It may be given to another peer; what came of it is here, and a peer that begins now does not offer it again. */
function free(slice: Slice & { holder?: unknown }): void {
  slice.holder = undefined
  slice.atLeast = Math.max(1, slice.atLeast - slice.news)
  slice.news = 0
}
