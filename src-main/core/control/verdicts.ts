/**
 * R4, R7: which revocations hold, and what then counts. What a set resolves to differs from what its operations say by
 * themselves only through revocations that cancel something. There are few, so verdicts are kept per combination of
 * those: a Context. And few operations hang on any of that: the disputed ones. All others are as judged by their own past.
 */
import type { EventId } from '../../api/contract.ts'
import { isBeyond, isBlunted, precedence, type Judged } from './cuts.ts'
import { note, type Ledger } from './ledger.ts'
import { isAllowed } from './operation.ts'
import { holds, type View } from './pasts.ts'
import { Standing } from './standing.ts'

/** Resolved combinations of revocations that are kept. */
const MAX_CONTEXTS = 64

/** Verdicts on operations, given that these revocations are among them. */
export interface Context {
  /** Revocations whose cuts hold. */
  accepted: number[]
  cancelled: Set<number>
  /** Revocations that count, and yet cancel nothing. */
  blunted: Set<number>
  /** Verdicts so far; what is not listed yet comes after. */
  verdicts: boolean[]
  /** No revocation fell in the end: another with less precedence may be considered on top of it. */
  isFinal: boolean
}

export class Verdicts {
  readonly #root: EventId
  readonly #ledger: Ledger
  /** Revocations that cancel or blunt anything: what. */
  readonly #reaches = new Map<number, number[]>()
  /** The last operation that cancels or is cancelled: whoever has seen everything up to it judges as everything does. */
  #lastConflict = -1
  readonly #noConflict: Context = {
    accepted: [],
    cancelled: new Set(),
    blunted: new Set(),
    verdicts: [],
    isFinal: true,
  }
  readonly #contexts = new Map<string, Context>()
  /** Of everything that is here, until another revocation cancels something. */
  #whole: Context | undefined

  constructor(root: EventId, ledger: Ledger) {
    this.#root = root
    this.#ledger = ledger
  }

  /** Of everything that is here. */
  whole(): Context {
    if (this.#reaches.size === 0) return this.#noConflict
    return (this.#whole ??= this.#contextFor([...this.#reaches.keys()]))
  }

  of(view: View): Context {
    if (this.#reaches.size === 0) return this.#noConflict
    const complete = view.missing[0] ?? view.limit
    if (complete > this.#lastConflict) return this.whole()
    const revocations: number[] = []
    for (const [revocation, cancelled] of this.#reaches)
      if (holds(view, revocation) && cancelled.some((number) => holds(view, number)))
        revocations.push(revocation)
    return this.#contextFor(revocations)
  }

  verdict(number: number, context: Context): boolean {
    const { isDisputed, isAllowed } = this.#ledger.judged[number]!
    if (!isDisputed) return isAllowed
    return this.#disputedVerdict(number, context)
  }

  #disputedVerdict(number: number, context: Context): boolean {
    // Everything that a verdict needs comes before it.
    for (let next = context.verdicts.length; next <= number; next++) {
      const judged = this.#ledger.judged[next]!
      context.verdicts.push(judged.isDisputed ? this.#judgeAgain(judged, context) : judged.isAllowed)
    }
    return context.verdicts[number]!
  }

  /** What a revocation cancels in a context. */
  cancelledOf(revocation: number, context: Context): readonly number[] {
    if (!context.accepted.includes(revocation)) return []
    return this.#reaches.get(revocation)!.filter((number) => !this.#blunts(revocation, number))
  }

  #blunts(revocation: number, number: number): boolean {
    return isBlunted(this.#ledger.judged[number]!, this.#ledger.judged[revocation]!)
  }

  #reach(revocation: number, number: number, context: Context): void {
    if (this.#blunts(revocation, number)) context.blunted.add(number)
    else cancel(context, number)
  }

  /** Takes in a new operation that is allowed. Returns whether it cancels anything, or is cancelled. */
  add(judged: Judged): boolean {
    if (this.#ledger.dependsOnDisputed(judged)) this.#ledger.dispute(judged)
    const isReached = this.#noteReached(judged)
    return this.#noteReach(judged) || isReached
  }

  /** It may lie beyond the cut of a revocation that it had not seen. */
  #noteReached(judged: Judged): boolean {
    const { number } = judged
    const past = this.#ledger.pasts.of(number)
    if (past.missing.length === 0 && past.limit === number) return false
    const { isBefore } = this.#ledger
    let isReached = false
    for (const revocation of this.#ledger.mayReach(judged)) {
      if (holds(past, revocation) || !isBeyond(judged, this.#ledger.judged[revocation]!, isBefore)) continue
      isReached = true
      this.#ledger.dispute(judged)
      if (!this.#reaches.has(revocation)) this.#whole = undefined
      note(this.#reaches, revocation, number)
      this.#lastConflict = number
      for (const context of [...this.#contexts.values(), ...(this.#whole ? [this.#whole] : [])])
        if (context.accepted.includes(revocation)) this.#reach(revocation, number, context)
    }
    return isReached
  }

  /** What is here already may lie beyond its cut. */
  #noteReach(judged: Judged): boolean {
    const { number, isRevocation } = judged
    if (!isRevocation) return false
    const { isBefore } = this.#ledger
    const reached: number[] = []
    for (const done of this.#ledger.reachableBy(judged))
      if (isBeyond(this.#ledger.judged[done]!, judged, isBefore)) reached.push(done)
    if (reached.length === 0) return false
    for (const done of reached) this.#ledger.dispute(this.#ledger.judged[done]!)
    this.#reaches.set(number, reached)
    this.#lastConflict = number
    this.#whole = undefined
    return true
  }

  #contextFor(revocations: readonly number[]): Context {
    if (revocations.length === 0) return this.#noConflict
    const key = keyOf(revocations)
    let context = this.#contexts.get(key)
    if (context) this.#contexts.delete(key)
    else context = this.#consider(revocations)
    this.#contexts.set(key, context)
    if (this.#contexts.size > MAX_CONTEXTS) this.#contexts.delete(this.#contexts.keys().next().value!)
    return context
  }

  /** What falls in the end is left out, the last first: it may be what made the others fall. */
  #consider(revocations: readonly number[]): Context {
    const { judged } = this.#ledger
    const inOrder = revocations.toSorted((a, b) => precedence(judged[a]!, judged[b]!))
    // Mostly all but the last were considered before.
    const known = this.#contexts.get(keyOf(inOrder.slice(0, -1)))
    const undone = new Set<number>()
    let context = this.#accept(inOrder, undone, known?.isFinal ? known : this.#noConflict)
    for (let fallen; (fallen = this.#fallen(context)) !== undefined;) {
      undone.add(fallen)
      context = this.#accept(inOrder, undone, this.#noConflict)
    }
    return context
  }

  /**
   * Considers these in turn, but for what is undone and what is accepted already. Whoever gets its role back because another
   * one is accepted is considered again at once, the first in order first: what counts is to hold, too.
   */
  #accept(inOrder: readonly number[], undone: ReadonlySet<number>, before: Context): Context {
    const context: Context = {
      accepted: [...before.accepted],
      cancelled: new Set(before.cancelled),
      blunted: new Set(before.blunted),
      verdicts: [...before.verdicts],
      isFinal: undone.size === 0,
    }
    const accepted = new Set(before.accepted)
    const waiting: number[] = []
    const mayCount = (revocation: number) =>
      !context.blunted.has(revocation) && this.verdict(revocation, context)
    const accept = (revocation: number) => {
      context.accepted.push(revocation)
      for (const number of this.#reaches.get(revocation)!) this.#reach(revocation, number, context)
    }
    for (const revocation of inOrder) {
      if (undone.has(revocation) || accepted.has(revocation)) continue
      waiting.push(revocation)
      for (let next; (next = waiting.findIndex(mayCount)) >= 0;) accept(waiting.splice(next, 1)[0]!)
    }
    return context
  }

  #fallen(context: Context): number | undefined {
    return context.accepted.findLast((revocation) => !this.verdict(revocation, context))
  }

  /** Of what is disputed, and so was allowed. */
  #judgeAgain({ number, operation, circumstances }: Judged, context: Context): boolean {
    if (context.cancelled.has(number)) return false
    const { author, device, change } = operation
    const standing = new Standing(this.#ledger, this.#ledger.pasts.of(number), this, context)
    const isDeviceRemoved = standing.isDeviceRemoved(author, device)
    if (change.kind === 'join') {
      const invite = standing.invite(change.invite)
      return !isDeviceRemoved && invite !== undefined && invite.isBacked
    }
    const again = { ...circumstances, isDeviceRemoved, author: standing.role(author) }
    if (change.kind === 'succeed') again.named = standing.named()
    return isAllowed(operation, this.#root, again)
  }
}

function cancel(context: Context, number: number): void {
  context.cancelled.add(number)
  context.verdicts.length = Math.min(context.verdicts.length, number)
}

const keyOf = (revocations: readonly number[]) => revocations.toSorted((a, b) => a - b).join()
