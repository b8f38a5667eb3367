/**
 * Catching up with one peer over one stream, as a state machine: frames in, effects out. Both sides run the same code,
 * and each of them gives and takes. The frames are described in core/sync.ts.
 *
 * 1. What is missing is found by core/difference.ts, cut into slices by core/offer.ts, and asked for as core/catch-up.ts
 *    hands it out among the sessions with all peers.
 * 2. Each slice comes in a linear extension of happens-before, and everything it cites is in slices before it: taken in
 *    in order, nothing waits. One slice is asked for at a time.
 * 3. A broken session loses nothing: the next one starts from the new clock.
 * 4. A peer that sends something else than it was asked for, or more, ends the session.
 */
import type { DeviceTag } from '../api/contract.ts'
import { concat, equalBytes, toHex } from './bytes.ts'
import type { CatchUp, Outcome, Slice } from './catch-up.ts'
import { Comparison, type Summary, type Tip } from './difference.ts'
import type { Sha256 } from './event.ts'
import type { Entry, History } from './history.ts'
import { MAX_ADDRESSES, MAX_WINDOW_EVENTS, SLICE_EVENTS } from './limits.ts'
import { newest, Offer, type Portion } from './offer.ts'
import { encodeFrame, type Frame, type Hello, type Want } from './sync.ts'

export type SyncEffect =
  | { type: 'send'; frame: Frame }
  /** Send these as frames of events, in this order. */
  | { type: 'stream'; portion: Portion }
  /** Send these as a window, the last ones first to be kept if not all fit. */
  | { type: 'streamWindow'; entries: Entry[] }
  /** Take them in when it is their slice's turn; then call taken(). */
  | { type: 'receive'; part: Part }
  | { type: 'window'; events: Uint8Array[] }
  | { type: 'addresses'; addresses: Uint8Array[] }
  /** Every control event that the peer had is here. */
  | { type: 'controlsTaken' }
  | { type: 'forkSuspected'; tag: DeviceTag }
  | { type: 'peerClock'; wallClockMs: number; incarnation: Uint8Array }
  /**
   * Both sides have what they wanted. isWhole: nothing is missing here that the peer has, as far as is known; again:
   * another session with it may bring more at once.
   */
  | { type: 'finish'; isWhole: boolean; again: boolean }
  | { type: 'fail'; reason: 'refused' | 'bad-frame' | 'unexpected-frame' }

/** Some events of a slice. */
export interface Part {
  slice: Slice
  events: Uint8Array[]
  /** Nothing more of the slice follows. */
  isLast: boolean
}

export interface SyncSessionParts {
  history: History
  sha256: Sha256
  hello: Omit<Hello, 'digest'>
  addresses: Uint8Array[]
  /** Of the group; this session is one of its peers. */
  catchUp: CatchUp<SyncSession>
}

const UNEXPECTED: SyncEffect[] = [{ type: 'fail', reason: 'unexpected-frame' }]

/** One session after the peer's proof has been checked: start() once, receive() each frame, and close() in the end. */
export class SyncSession {
  readonly #history: History
  readonly #addresses: Uint8Array[]
  readonly #sha256: Sha256
  readonly #catchUp: CatchUp<SyncSession>
  readonly #hello: Hello
  #isGreeted = false
  #comparison: Comparison | undefined
  #theirForks: ReadonlySet<DeviceTag> | undefined
  #theirSummary: Summary | undefined
  #offer: Offer | undefined
  #isPlanKnown = false
  /** What the peer was asked for last, and how much of it is still to come; undefined before it has told. */
  #wanted: { slice: Slice; left: number | undefined } | undefined
  /** Parts that are not taken in yet. */
  #untaken = 0
  #isWindowExpected = false
  #isWindowGiven = false
  #isOver: { isWhole: boolean; again: boolean } | undefined
  #endReceived = false

  constructor({ history, sha256, hello, addresses, catchUp }: SyncSessionParts) {
    this.#history = history
    this.#sha256 = sha256
    this.#hello = { ...hello, digest: history.digest(sha256) }
    this.#addresses = addresses.slice(0, MAX_ADDRESSES)
    this.#catchUp = catchUp
  }

  start(): SyncEffect[] {
    return [{ type: 'send', frame: { type: 'hello', ...this.#hello } }]
  }

  receive(frame: Frame): SyncEffect[] {
    const isGreeting = frame.type === 'hello' || frame.type === 'refuse'
    if (isGreeting === this.#isGreeted) return UNEXPECTED
    switch (frame.type) {
      case 'refuse':
        return [{ type: 'fail', reason: 'refused' }]
      case 'hello':
        this.#isGreeted = true
        return this.#greet(frame)
      case 'addresses':
        return [{ type: 'addresses', addresses: frame.addresses }]
      case 'forks':
        if (this.#theirForks || this.#offer) return UNEXPECTED
        this.#theirForks = new Set(frame.tags)
        return []
      case 'summary':
        if (this.#theirSummary || !this.#comparison) return UNEXPECTED
        this.#theirSummary = frame.buckets
        return [{ type: 'send', frame: { type: 'clock', tips: this.#comparison.tips(frame.buckets) } }]
      case 'clock':
        if (this.#offer || !this.#comparison || !this.#theirSummary) return UNEXPECTED
        return this.#compare(this.#comparison, this.#theirSummary, frame.tips)
      case 'plan':
        if (this.#isPlanKnown || this.#isOver || !this.#comparison) return UNEXPECTED
        this.#isPlanKnown = true
        this.#catchUp.join(this, frame)
        return this.#goOn()
      case 'want':
        return this.#give(frame)
      case 'count':
        return this.#promise(frame.count)
      case 'events':
        return this.#arrive(frame.events)
      case 'newest':
        if (this.#isWindowGiven || !this.#offer || this.#endReceived) return UNEXPECTED
        this.#isWindowGiven = true
        return [{ type: 'streamWindow', entries: newest(this.#history, frame.limit) }]
      case 'window':
        if (!this.#isWindowExpected) return UNEXPECTED
        this.#isWindowExpected = false
        return [{ type: 'window', events: frame.events }]
      case 'end':
        if (this.#endReceived) return UNEXPECTED
        this.#endReceived = true
        // Whoever wants nothing before it has told what it has, has nothing.
        return this.#isOver ? [this.#finish(this.#isOver)] : this.#isPlanKnown ? [] : this.#end(true)
      case 'keys':
      case 'secrets':
      case 'ask':
      case 'enter':
      case 'voucher':
        return UNEXPECTED
    }
  }

  /** Whether a part may be taken in now: see core/catch-up.ts. */
  isTurn({ slice }: Part): boolean {
    return this.#catchUp.isTurn(slice)
  }

  /** Whether the slice that everything waits for comes from no other session than this. */
  get isAwaited(): boolean {
    return this.#catchUp.isAwaited(this)
  }

  /** A part was taken in. */
  taken({ slice, isLast }: Part, outcome: Outcome): SyncEffect[] {
    this.#catchUp.take(this, slice, outcome)
    this.#untaken--
    if (isLast) this.#catchUp.finish(this, slice)
    const isControl = isLast && slice.chain === 'c'
    return isControl ? [{ type: 'controlsTaken' }, ...this.#goOn()] : this.#goOn()
  }

  /** What happened in other sessions may allow this one to go on. */
  resume(): SyncEffect[] {
    return this.#isPlanKnown ? this.#goOn() : []
  }

  /** It is over, for whatever reason. */
  close(): void {
    this.#catchUp.leave(this)
  }

  #greet(theirs: Hello): SyncEffect[] {
    const { wallClockMs, incarnation } = theirs
    const effects: SyncEffect[] = [
      { type: 'peerClock', wallClockMs, incarnation },
      { type: 'send', frame: { type: 'addresses', addresses: this.#addresses } },
    ]
    if (equalBytes(theirs.digest, this.#hello.digest)) return [...effects, ...this.#end(true)]
    const hellos = [this.#hello, theirs].map((hello) => encodeFrame({ type: 'hello', ...hello }))
    const [first, second] = hellos.sort((a, b) => (toHex(a) < toHex(b) ? -1 : 1))
    this.#comparison = new Comparison(this.#history, this.#sha256, this.#sha256(concat([first!, second!])))
    const { tags } = this.#history.forks
    if (tags.length > 0) effects.push({ type: 'send', frame: { type: 'forks', tags } })
    return [...effects, { type: 'send', frame: { type: 'summary', buckets: this.#comparison.summary } }]
  }

  #compare(comparison: Comparison, summary: Summary, tips: readonly Tip[]): SyncEffect[] {
    const theirForks = this.#theirForks ?? new Set()
    const difference = comparison.missing(summary, tips, theirForks)
    const proofs = this.#history.forks.tags.filter((tag) => !theirForks.has(tag))
    this.#offer = new Offer(this.#history, difference, proofs)
    return [
      ...difference.suspects.map((tag) => ({ type: 'forkSuspected' as const, tag })),
      { type: 'send', frame: { type: 'plan', ...this.#offer.plan } },
    ]
  }

  #give(want: Want): SyncEffect[] {
    const portion = this.#endReceived ? undefined : this.#offer?.portion(want)
    if (!portion || portion === 'too-much') return UNEXPECTED
    const promise: SyncEffect = { type: 'send', frame: { type: 'count', count: portion.count } }
    return isGiven(want, portion.count) ? [promise, { type: 'stream', portion }] : [promise]
  }

  #promise(count: number): SyncEffect[] {
    const wanted = this.#wanted
    if (!wanted || wanted.left !== undefined) return UNEXPECTED
    if (count > 0 && isGiven(wanted.slice, count)) {
      wanted.left = count
      return []
    }
    this.#wanted = undefined
    this.#catchUp.decline(this, wanted.slice)
    return this.#goOn()
  }

  #arrive(events: Uint8Array[]): SyncEffect[] {
    const wanted = this.#wanted
    if (!wanted?.left || events.length === 0 || events.length > wanted.left) return UNEXPECTED
    wanted.left -= events.length
    this.#untaken++
    const isLast = wanted.left === 0
    const part: SyncEffect = { type: 'receive', part: { slice: wanted.slice, events, isLast } }
    if (!isLast) return [part]
    // The next slice is on its way while this one is taken in.
    this.#wanted = undefined
    return [part, ...this.#goOn()]
  }

  /** Asks for whatever is to be asked for next. */
  #goOn(): SyncEffect[] {
    if (this.#wanted || this.#isOver) return []
    const next = this.#catchUp.next(this)
    if (next === 'end' || next === 'stop')
      return this.#untaken > 0 && !this.#catchUp.isBroken ? [] : this.#end(next === 'end')
    if (next === 'wait') return []
    this.#wanted = { slice: next, left: undefined }
    const { chain, from, to, atLeast } = next
    const want: SyncEffect = { type: 'send', frame: { type: 'want', chain, from, to, atLeast } }
    if (!this.#catchUp.asksForWindow(this)) return [want]
    this.#isWindowExpected = true
    const newest: SyncEffect = { type: 'send', frame: { type: 'newest', limit: MAX_WINDOW_EVENTS } }
    // Whoever wrote it is known from control events.
    return chain === 'c' ? [want, newest] : [newest, want]
  }

  /** This side wants nothing more. */
  #end(isWhole: boolean): SyncEffect[] {
    this.#isOver = { isWhole, again: this.#catchUp.leave(this) }
    const end: SyncEffect = { type: 'send', frame: { type: 'end' } }
    return this.#endReceived ? [end, this.#finish(this.#isOver)] : [end]
  }

  #finish(how: { isWhole: boolean; again: boolean }): SyncEffect {
    return { type: 'finish', ...how }
  }
}

/** Both sides see it alike: a peer that has fewer, or far more, leaves the slice to others. */
function isGiven({ chain, atLeast }: Want, count: number): boolean {
  return count >= atLeast && (chain === 'c' ? count === atLeast : count <= atLeast + SLICE_EVENTS)
}
