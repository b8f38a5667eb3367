/**
 * Plays a conversation through peers: hands out the lines in the order of the log, each to the peer that its speaker is
 * bound to. A speaker posts one line after the other, and an answer only after the peer has delivered what it answers.
 * Faults go by how much has been handed out, so a line that waits never holds them up.
 */
import type { GroupId, GroupSummary, UserId } from '../../src-main/api/contract.ts'
import { AppError } from '../../src-main/api/errors.ts'
import { carryOut, cutPeers, EXPECTED_PROBLEMS, stepText, type Step } from '../membership-script.ts'
import type { Line } from './irc-log.ts'
import { isKilled, reachableFrom, type Faults } from './faults.ts'
import type { Peer } from './peer.ts'

export interface ReplayOptions {
  peers: readonly Peer[]
  group: GroupId
  lines: readonly Line[]
  /** Which peer a speaker is bound to. */
  peerOf(nick: string): number
  /** Times real time; Infinity: as fast as it goes. */
  speed: number
  faults: Faults
  /** What happens to the membership meanwhile. */
  script: readonly Step[]
  /** The person at each peer. */
  users: readonly UserId[]
  /** The last look at a process. */
  beforeKill(peer: Peer): Promise<void>
  onProgress(progress: Progress): void
}

export interface Progress {
  lines: number
  handedOut: number
  posted: number
  /** Lines of peers that were out. */
  skipped: number
  /** Lines that wait for their peer, or for what they answer. */
  waiting: number
}

export interface ReplayResult {
  wallMs: number
  /** Lines whose post had succeeded and that their own peer did not have after it was killed. */
  lostAfterKill: number
  /** Everything was posted and everybody who belongs to the group in the end had delivered it. */
  isComplete: boolean
  /** Lines that nobody posted, because their peer was out of the group or might only read. */
  skipped: ReadonlySet<number>
  /** Of each posted line those that it answers and that its peer had when it was posted. */
  answered: ReadonlyMap<number, readonly number[]>
  /** Steps of the script that could not be done, with the reason. */
  notDone: string[]
  replies: number
  /** Post called to delivered elsewhere, where no fault came between; sorted. */
  deliveriesMs: number[]
  deliveriesHeldByFaults: number
}

interface Speaker {
  peer: number
  queue: Line[]
  isPosting: boolean
}

interface PeerState {
  /** Can be posted to: it runs, and what it has is known. */
  isReady: boolean
  /** event id -> when. */
  delivered: Map<string, Moment>
  /** Its last start or end. */
  change: Promise<void>
  /** Belongs to the group, and may write, as far as it knows. */
  isMember: boolean
  mayWrite: boolean
}

interface Moment {
  atMs: number
  /** Counts the changes of the network. */
  epoch: number
}

interface Posted extends Moment {
  id: string
  peer: number
}

const MAX_IN_FLIGHT = 64
/** Nothing at all happened for so long: it will not happen any more. */
const STALL_MS = 60_000

export class Replay {
  readonly #options: ReplayOptions
  readonly #states: PeerState[]
  readonly #speakers = new Map<string, Speaker>()
  readonly #posted = new Map<number, Posted>()
  readonly #lineOf = new Map<string, number>()
  /** line -> speakers who want to answer it. */
  readonly #awaited = new Map<number, Set<Speaker>>()
  readonly #failure = Promise.withResolvers<never>()
  /** Notices are waited for, and not answered: a quote of one says nothing. */
  readonly #notices: ReadonlySet<number>
  readonly #skipped = new Set<number>()
  readonly #notDone: string[] = []
  readonly #answered = new Map<number, readonly number[]>()
  /** Peers whose messages somebody may have cut off: not everybody need have them. */
  readonly #cutPeers: ReadonlySet<number>
  #nextStep = 0
  #at = 0
  #epoch = 0
  #faultState = ''
  #handedOut = 0
  #inFlight = 0
  #lostAfterKill = 0
  #changedMs = performance.now()
  #changed = Promise.withResolvers<void>()

  constructor(options: ReplayOptions) {
    this.#options = options
    this.#failure.promise.catch(() => {})
    this.#notices = new Set(options.lines.filter(({ isNotice }) => isNotice).map(({ line }) => line))
    this.#states = options.peers.map(() => ({
      isReady: true,
      delivered: new Map(),
      change: Promise.resolve(),
      isMember: true,
      mayWrite: true,
    }))
    this.#cutPeers = cutPeers(options.script)
  }

  /** A peer's window was told that these were delivered. */
  noteDelivered(peer: number, ids: Iterable<string>): void {
    const moment = { atMs: performance.now(), epoch: this.#epoch }
    const { delivered } = this.#states[peer]!
    for (const id of ids) {
      if (delivered.has(id)) continue
      delivered.set(id, moment)
      this.#wake(this.#lineOf.get(id))
    }
    this.#note()
  }

  /** A peer's window was told what has become of the group. */
  noteGroup(peer: number, summary: GroupSummary): void {
    if (summary.id !== this.#options.group) return
    const state = this.#states[peer]!
    state.isMember = summary.joined && summary.role !== undefined
    state.mayWrite = state.isMember && summary.role !== 'reader'
    this.#note()
    for (const speaker of this.#speakers.values()) if (speaker.peer === peer) this.#advance(speaker)
  }

  /** Ends the run with an error. */
  fail(reason: unknown): void {
    this.#failure.reject(reason instanceof Error ? reason : new Error(String(reason)))
  }

  async run(): Promise<ReplayResult> {
    const startMs = performance.now()
    const isComplete = await Promise.race([this.#play(startMs), this.#failure.promise])
    const wallMs = performance.now() - startMs
    return {
      ...{ wallMs, isComplete, lostAfterKill: this.#lostAfterKill },
      ...{ skipped: this.#skipped, answered: this.#answered, notDone: this.#notDone },
      ...this.#measure(),
    }
  }

  async #play(startMs: number): Promise<boolean> {
    const { lines, speed } = this.#options
    const dueMs = schedule(lines, speed)
    for (const [i, line] of lines.entries()) {
      await this.#reach(i / lines.length)
      const waitMs = startMs + dueMs[i]! - performance.now()
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
      while (this.#inFlight >= MAX_IN_FLIGHT) await this.#changed.promise
      this.#handOut(line)
    }
    await this.#reach(1)
    await this.#setFaults(Infinity)
    for (const speaker of this.#speakers.values()) this.#advance(speaker)
    return this.#settled()
  }

  /** Everything that is due at that place, in that order. */
  async #reach(at: number): Promise<void> {
    const { script } = this.#options
    for (let step = script[this.#nextStep]; step && step.at <= at; step = script[++this.#nextStep]) {
      await this.#setFaults(step.at)
      const problem = await this.#carryOut(step)
      if (problem !== undefined) this.#notDone.push(`Row ${step.row} (${stepText(step)}): ${problem}`)
    }
    await this.#setFaults(at)
  }

  async #carryOut(step: Step): Promise<string | undefined> {
    const { peers, group, users } = this.#options
    if (step.act === 'divide' || step.act === 'heal') return undefined
    if (step.act === 'defy') return 'only a simulated peer writes by hand.'
    const peer = peers[step.who]!
    if (!peer.isRunning || !this.#states[step.who]!.isReady) return 'is switched off.'
    try {
      await carryOut(step, peer.call, group, (whom) => users[whom]!)
      return undefined
    } catch (error) {
      if (error instanceof AppError && EXPECTED_PROBLEMS.includes(error.code)) return error.message
      throw error
    }
  }

  #handOut(line: Line): void {
    const { nick } = line
    let speaker = this.#speakers.get(nick)
    if (!speaker) {
      speaker = { peer: this.#options.peerOf(nick), queue: [], isPosting: false }
      this.#speakers.set(nick, speaker)
    }
    speaker.queue.push(line)
    this.#handedOut++
    this.#advance(speaker)
    this.#note()
  }

  /** Posts the speaker's next line if nothing is in its way. */
  #advance(speaker: Speaker): void {
    const [line] = speaker.queue
    const state = this.#states[speaker.peer]!
    if (!line || speaker.isPosting || !state.isReady) return
    if (!state.mayWrite) return this.#skip(speaker, line)
    const missing = line.answers.find((target) => {
      if (this.#skipped.has(target)) return false
      const posted = this.#posted.get(target)
      if (posted && this.#mayNeverCome(posted)) return false
      return !posted || !state.delivered.has(posted.id)
    })
    if (missing !== undefined) {
      const waiting = this.#awaited.get(missing) ?? new Set()
      this.#awaited.set(missing, waiting.add(speaker))
      return
    }
    void this.#post(speaker, line).catch((error: unknown) => this.fail(error))
  }

  /** A removal may have cut it off. While its peer is in, it is waited for as long as anything goes on. */
  #mayNeverCome({ peer }: Posted): boolean {
    return this.#cutPeers.has(peer) && (!this.#states[peer]!.isMember || this.#at === Infinity)
  }

  #skip(speaker: Speaker, line: Line): void {
    speaker.queue.shift()
    this.#skipped.add(line.line)
    this.#wake(line.line)
    this.#advance(speaker)
  }

  async #post(speaker: Speaker, line: Line): Promise<void> {
    const { peers, group } = this.#options
    const state = this.#states[speaker.peer]!
    const answered = line.answers.filter((answer) => state.delivered.has(this.#posted.get(answer)?.id ?? ''))
    this.#answered.set(line.line, answered)
    const target = answered.findLast((answer) => !this.#notices.has(answer))
    let isOut = false
    const moment = { atMs: performance.now(), epoch: this.#epoch }
    speaker.isPosting = true
    this.#inFlight++
    try {
      const { id } = await peers[speaker.peer]!.call.postBridged({
        group,
        text: line.text,
        author: line.nick,
        replyTo: target === undefined ? undefined : this.#posted.get(target)!.id,
        line: line.line,
        notice: line.isNotice,
      })
      if (!this.#posted.has(line.line)) this.#settle(line.line, { id, peer: speaker.peer, ...moment })
    } catch (error) {
      isOut = error instanceof AppError && error.code === 'NOT_ALLOWED'
      // Killed in the middle of it: recover() finds out whether it was written.
      if (state.isReady && !isOut) throw error
    } finally {
      speaker.isPosting = false
      this.#inFlight--
    }
    if (isOut) this.#skip(speaker, line)
    else {
      if (this.#posted.has(line.line)) speaker.queue.shift()
      this.#advance(speaker)
    }
    this.#note()
  }

  #settle(line: number, posted: Posted): void {
    this.#posted.set(line, posted)
    this.#lineOf.set(posted.id, line)
    this.#wake(line)
  }

  #wake(line: number | undefined): void {
    if (line === undefined) return
    const waiting = this.#awaited.get(line)
    this.#awaited.delete(line)
    for (const speaker of waiting ?? []) this.#advance(speaker)
  }

  /** Brings the network and the processes to what they are at this place of the replay. */
  async #setFaults(at: number): Promise<void> {
    const { peers, faults } = this.#options
    this.#at = at
    const state = JSON.stringify(peers.map((_, i) => [isKilled(i, faults, at), this.#reachable(i)]))
    if (state === this.#faultState) return
    const isFirst = this.#faultState === ''
    this.#faultState = state
    if (!isFirst) this.#epoch++
    await Promise.all(
      peers.map(async (peer, i) => {
        const own = this.#states[i]!
        if (isKilled(i, faults, at)) {
          own.change = own.change.then(() => this.#kill(i))
          await own.change
        } else if (own.isReady) await this.#applyReach(i)
        else
          own.change = own.change
            .then(() => (peer.isRunning ? this.#applyReach(i) : this.#recover(i)))
            .catch((error: unknown) => this.fail(error))
      }),
    )
  }

  async #kill(i: number): Promise<void> {
    const peer = this.#options.peers[i]!
    const state = this.#states[i]!
    if (!peer.isRunning) return
    await this.#options.beforeKill(peer)
    state.isReady = false
    await peer.kill()
  }

  /** Starts a killed peer on the same data, and finds out what it had written. */
  async #recover(i: number): Promise<void> {
    const { peers, group } = this.#options
    const state = this.#states[i]!
    await peers[i]!.start()
    await this.#applyReach(i)
    const { lines } = await peers[i]!.call.getLines({ group })
    for (const summary of (await peers[i]!.call.getState()).groups) this.noteGroup(i, summary)
    const kept = new Set(lines.map(([line]) => line))
    for (const [line, { peer }] of this.#posted) if (peer === i && !kept.has(line)) this.#lostAfterKill++
    const moment = { atMs: performance.now(), epoch: -1 }
    for (const [line, id] of lines)
      if (!this.#posted.has(line)) this.#settle(line, { id, peer: i, ...moment })
    state.isReady = true
    this.noteDelivered(
      i,
      lines.map(([, id]) => id),
    )
    for (const speaker of this.#speakers.values()) {
      if (speaker.peer !== i || speaker.isPosting) continue
      const [line] = speaker.queue
      if (line && this.#posted.has(line.line)) speaker.queue.shift()
      this.#advance(speaker)
    }
  }

  async #applyReach(i: number): Promise<void> {
    const { peers } = this.#options
    const keys = this.#reachable(i).map((other) => peers[other]!.key)
    await peers[i]!.call.setReachable({ peers: keys.length === peers.length - 1 ? 'all' : keys })
  }

  #reachable(i: number): number[] {
    const { peers, faults } = this.#options
    return reachableFrom(i, peers.length, faults, this.#at)
  }

  /** Resolves with true when every line is delivered everywhere, with false when nothing moves any more. */
  async #settled(): Promise<boolean> {
    const stall = setInterval(() => this.#pulse(), 1_000)
    try {
      for (;;) {
        if (this.#isSettled()) return true
        if (performance.now() - this.#changedMs > STALL_MS) return false
        await this.#changed.promise
      }
    } finally {
      clearInterval(stall)
    }
  }

  #isSettled(): boolean {
    if (this.#posted.size + this.#skipped.size < this.#options.lines.length) return false
    const ids = [...this.#posted.values()].flatMap(({ id, peer }) => (this.#cutPeers.has(peer) ? [] : [id]))
    return this.#states.every(
      ({ isReady, isMember, delivered }) => isReady && (!isMember || ids.every((id) => delivered.has(id))),
    )
  }

  #note(): void {
    const { lines, onProgress } = this.#options
    this.#changedMs = performance.now()
    this.#pulse()
    const [handedOut, posted, skipped] = [this.#handedOut, this.#posted.size, this.#skipped.size]
    const waiting = handedOut - posted - skipped - this.#inFlight
    onProgress({ lines: lines.length, handedOut, posted, skipped, waiting })
  }

  #pulse(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  #measure(): Pick<ReplayResult, 'replies' | 'deliveriesMs' | 'deliveriesHeldByFaults'> {
    const deliveriesMs: number[] = []
    let held = 0
    for (const { id, peer, atMs, epoch } of this.#posted.values())
      this.#states.forEach(({ delivered }, i) => {
        const there = delivered.get(id)
        if (i === peer || !there) return
        if (there.epoch === epoch) deliveriesMs.push(there.atMs - atMs)
        else held++
      })
    deliveriesMs.sort((a, b) => a - b)
    const replies = this.#options.lines.filter(
      ({ line, answers }) => answers.length > 0 && this.#posted.has(line),
    ).length
    return { replies, deliveriesMs, deliveriesHeldByFaults: held }
  }
}

/** When each line is due, in ms from the start: minutes of the log, lines of one minute spread over it. */
function schedule(lines: readonly Line[], speed: number): number[] {
  const perMinute = new Map<number, number>()
  for (const { minute } of lines) perMinute.set(minute, (perMinute.get(minute) ?? 0) + 1)
  const first = lines[0]?.minute ?? 0
  const seen = new Map<number, number>()
  return lines.map(({ minute }) => {
    const index = seen.get(minute) ?? 0
    seen.set(minute, index + 1)
    return ((minute - first + index / perMinute.get(minute)!) * 60_000) / speed
  })
}
