/**
 * Who is a member of a group, and with which role: a pure function of the set of its control operations, whatever order
 * they come in. So all devices that hold the same operations agree, without a server and without a vote.
 *
 * R1 An operation is judged by the state that its own past resolves to.
 * R2 One acts on lower roles only (isAllowed).
 * R3 A revocation (removal, demotion) names a cut: what it accepts of its target's past. What its target did beyond the cut
 *    without having seen it is cancelled, but for leaving and stepping down. Likewise a revoked invite admits nobody who
 *    had not joined in its past.
 * R4 Of revocations that cancel each other, the one with precedence holds: by its author's role in its own past, then depth,
 *    then id. They are considered in that order, each given those before it: what somebody of lower role cancels is never
 *    what gave a higher one its role. Those that cancel nothing have no part in this.
 * R5 A removal wins, unless the admission had seen it; an invite does not admit again whoever was removed after it was made.
 * R6 Of concurrent promotions and demotions the least counts; of concurrent admissions the greatest, and none of them
 *    against a promotion: nobody is demoted by being added twice.
 * R7 What depended on something cancelled is judged again without it: whether its author still had the role for it, and its
 *    invite still held. If that undoes a revocation, its cut is undone too.
 * (R8 and R9, about handing on and about forks, are the engine's and core/fork.ts's.)
 *
 *      alice   remove bob ──┐          bob adds carol without having seen his removal: the cut ends before that, so the
 *                  \        ├── …      addition is cancelled everywhere, also where it was first taken for good
 *      bob          add carol
 *
 * How it is fast: what a set resolves to differs from what its operations say by themselves only through revocations that
 * cancel something. There are few, so verdicts are kept per combination of those (Context). Appending to the whole
 * costs O(1); an operation of somebody who had not seen everything, what was done to its author and target.
 */
import type { EventId } from '../../api/contract.ts'
import {
  isAllowed,
  targetOf,
  type Circumstances,
  type Operation,
  type Role,
  type UserTag,
} from './operation.ts'
import { holds, Pasts, type View } from './pasts.ts'

/** Resolved combinations of revocations that are kept. */
const MAX_CONTEXTS = 64

/** What is known of an operation since it came. */
interface Judged {
  operation: Operation
  /** By its own past; others never count. */
  isAllowed: boolean
  circumstances: Circumstances
  /** In its own past something was cancelled. */
  hasCancelled: boolean
  /** The length of the longest chain of causes. */
  depth: number
  /** The person or invite that it revokes. */
  victim: UserTag | EventId | undefined
}

/** Verdicts on operations, given that these revocations are among them. */
interface Context {
  /** Revocations whose cuts hold. */
  accepted: number[]
  cancelled: Set<number>
  /** The first that is cancelled; up to there everything is as judged by its own past. */
  firstCancelled: number
  /** Verdicts so far; what is not listed yet comes after. */
  verdicts: boolean[]
  /** No revocation fell in the end: another with less precedence may be considered on top of it. */
  isFinal: boolean
}

const NO_CONFLICT: Context = {
  accepted: [],
  cancelled: new Set(),
  firstCancelled: Infinity,
  verdicts: [],
  isFinal: true,
}

export class Resolver {
  readonly #root: EventId
  readonly #pasts = new Pasts()
  readonly #judged: Judged[] = []
  readonly #numbers = new Map<EventId, number>()
  /** Allowed operations by the person they are about. */
  readonly #about = new Map<UserTag, number[]>()
  /** Allowed operations by their author; joins by their invite, too. */
  readonly #by = new Map<UserTag | EventId, number[]>()
  /** Allowed revocations by their victim. */
  readonly #against = new Map<UserTag | EventId, number[]>()
  /** Revocations that cancel anything: what they cancel. */
  readonly #cancels = new Map<number, number[]>()
  /** The last operation that cancels or is cancelled: whoever has seen everything up to it judges as everything does. */
  #lastConflict = -1
  readonly #contexts = new Map<string, Context>()
  /** Of everything that is here, until another revocation cancels something. */
  #whole: Context | undefined
  readonly #members = new Map<UserTag, Role>()

  /** root: the operation that founds the group. */
  constructor(root: EventId) {
    this.#root = root
  }

  /** Everybody who belongs to the group, as far as all operations here say. */
  get members(): ReadonlyMap<UserTag, Role> {
    return this.#members
  }

  has(id: EventId): boolean {
    return this.#numbers.has(id)
  }

  /** Takes in an operation whose parents are here. TypeError when they are not. */
  add(operation: Operation): void {
    const { id, parents } = operation
    if (this.#numbers.has(id)) return
    const cited = parents.map((parent) => this.#number(parent))
    const past = this.#pasts.union(cited)
    const context = this.#contextOf(past)
    const before = this.#contextOfAll()
    const circumstances = this.#circumstancesOf(operation, past, context)
    const victim = revokedBy(operation, circumstances)
    const number = this.#pasts.add(past)
    this.#numbers.set(id, number)
    this.#judged.push({
      operation,
      isAllowed: isAllowed(operation, this.#root, circumstances),
      circumstances,
      hasCancelled: context.cancelled.size > 0,
      depth: cited.reduce((deepest, parent) => Math.max(deepest, this.#judged[parent]!.depth + 1), 0),
      victim,
    })
    if (!this.#judged[number]!.isAllowed) return
    const { author, change } = operation
    const target = targetOf(operation)
    if (target !== undefined) note(this.#about, target, number)
    note(this.#by, author, number)
    if (change.kind === 'join') note(this.#by, change.invite, number)
    if (victim !== undefined) note(this.#against, victim, number)
    this.#noteCancelled(number)
    if (this.#noteCancels(number)) this.#resolveAllSince(before)
    if (target !== undefined) this.#resolve(target)
  }

  /** What somebody was in the past of whatever cites these operations; undefined: not a member. */
  roleAt(heads: readonly EventId[], user: UserTag): Role | undefined {
    const view = this.#pasts.union(heads.map((id) => this.#number(id)))
    return this.#roleIn(view, user, this.#contextOf(view))
  }

  /** Whether an operation counts, given everything that is here. */
  isEffective(id: EventId): boolean {
    return this.#verdict(this.#number(id), this.#contextOfAll())
  }

  /** The revocations by which an operation is cancelled. */
  cancelledBy(id: EventId): EventId[] {
    const number = this.#number(id)
    return this.#contextOfAll()
      .accepted.filter((revocation) => this.#cancels.get(revocation)!.includes(number))
      .map((revocation) => this.#judged[revocation]!.operation.id)
  }

  #number(id: EventId): number {
    const number = this.#numbers.get(id)
    if (number === undefined) throw new TypeError(`operation ${id} is not here`)
    return number
  }

  // R3: cuts

  /** A new operation may lie beyond the cut of a revocation that it had not seen. */
  #noteCancelled(number: number): void {
    const { author, change } = this.#judged[number]!.operation
    const past = this.#pasts.of(number)
    if (past.missing.length === 0) return
    const invite = change.kind === 'join' ? change.invite : ''
    for (const victim of [author, invite])
      for (const revocation of this.#against.get(victim) ?? []) {
        if (holds(past, revocation) || !this.#isBeyond(number, revocation)) continue
        if (!this.#cancels.has(revocation)) this.#whole = undefined
        note(this.#cancels, revocation, number)
        this.#lastConflict = number
        for (const context of [...this.#contexts.values(), ...(this.#whole ? [this.#whole] : [])])
          if (context.accepted.includes(revocation)) cancel(context, number)
      }
  }

  /** What is here already may lie beyond the cut of a new revocation. */
  #noteCancels(revocation: number): boolean {
    const { victim } = this.#judged[revocation]!
    if (victim === undefined) return false
    const beyond = (this.#by.get(victim) ?? []).filter((number) => this.#isBeyond(number, revocation))
    if (beyond.length === 0) return false
    this.#cancels.set(revocation, beyond)
    this.#lastConflict = revocation
    this.#whole = undefined
    return true
  }

  /** number: by the victim of the revocation, which it had not seen. */
  #isBeyond(number: number, revocation: number): boolean {
    const { change } = this.#judged[revocation]!.operation
    const { operation, victim } = this.#judged[number]!
    const { author, device, seq, change: cancelled } = operation
    if ('target' in cancelled && cancelled.target === author) return false
    if (victim !== undefined && this.#precedence(number, revocation) < 0) return false
    if (change.kind === 'revoke') return !this.#pasts.isBefore(number, revocation)
    return 'cut' in change && seq > (change.cut.get(device) ?? 0)
  }

  /** R4: negative when a takes precedence. */
  #precedence(a: number, b: number): number {
    const [one, other] = [this.#judged[a]!, this.#judged[b]!]
    const byRole = (other.circumstances.author ?? -1) - (one.circumstances.author ?? -1)
    return byRole || one.depth - other.depth || (one.operation.id < other.operation.id ? -1 : 1)
  }

  // R4, R7: which revocations hold

  #contextOfAll(): Context {
    return this.#contextOf(this.#pasts.all)
  }

  #contextOf(view: View): Context {
    if (this.#cancels.size === 0) return NO_CONFLICT
    const complete = view.missing[0] ?? view.limit
    if (complete > this.#lastConflict) return (this.#whole ??= this.#contextFor([...this.#cancels.keys()]))
    const revocations: number[] = []
    for (const [revocation, cancelled] of this.#cancels)
      if (holds(view, revocation) && cancelled.some((number) => holds(view, number)))
        revocations.push(revocation)
    return this.#contextFor(revocations)
  }

  #contextFor(revocations: number[]): Context {
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
    const inOrder = [...revocations].sort((a, b) => this.#precedence(a, b))
    // Mostly all but the last were considered before.
    const known = this.#contexts.get(keyOf(inOrder.slice(0, -1)))
    const undone = new Set<number>()
    let context = known?.isFinal
      ? this.#accept(inOrder.slice(-1), undone, known)
      : this.#accept(inOrder, undone, NO_CONFLICT)
    for (let fallen; (fallen = this.#fallen(context)) !== undefined;) {
      undone.add(fallen)
      context = this.#accept(inOrder, undone, NO_CONFLICT)
    }
    return context
  }

  /** Considers these in turn, but for what is undone, on top of what is accepted already. */
  #accept(revocations: readonly number[], undone: ReadonlySet<number>, before: Context): Context {
    const context: Context = {
      accepted: [...before.accepted],
      cancelled: new Set(before.cancelled),
      firstCancelled: before.firstCancelled,
      verdicts: [...before.verdicts],
      isFinal: undone.size === 0,
    }
    for (const revocation of revocations) {
      if (undone.has(revocation) || !this.#verdict(revocation, context)) continue
      context.accepted.push(revocation)
      for (const number of this.#cancels.get(revocation)!) cancel(context, number)
    }
    return context
  }

  #fallen(context: Context): number | undefined {
    return context.accepted.findLast((revocation) => !this.#verdict(revocation, context))
  }

  #verdict(number: number, context: Context): boolean {
    if (this.#isAsEver(number, context)) return this.#judged[number]!.isAllowed
    // Everything that a verdict needs comes before it.
    for (let next = context.verdicts.length; next <= number; next++)
      context.verdicts.push(this.#judgeAgain(next, context))
    return context.verdicts[number]!
  }

  /** Nothing was cancelled before it, neither in its own past nor here. */
  #isAsEver(number: number, context: Context): boolean {
    return number < context.firstCancelled && !this.#judged[number]!.hasCancelled
  }

  #judgeAgain(number: number, context: Context): boolean {
    const { operation, isAllowed: wasAllowed, circumstances } = this.#judged[number]!
    if (!wasAllowed || context.cancelled.has(number)) return false
    if (this.#isAsEver(number, context)) return true
    const { author, change } = operation
    if (change.kind === 'join') return this.#verdict(this.#number(change.invite), context)
    const role = this.#roleIn(this.#pasts.of(number), author, context)
    return isAllowed(operation, this.#root, { ...circumstances, author: role })
  }

  #circumstancesOf(operation: Operation, past: View, context: Context): Circumstances {
    const { author, change } = operation
    const target = targetOf(operation)
    const inviteId = 'invite' in change ? change.invite : undefined
    return {
      author: this.#roleIn(past, author, context),
      target: target === undefined ? undefined : this.#roleIn(past, target, context),
      invite: inviteId === undefined ? undefined : this.#inviteIn(past, inviteId, context),
    }
  }

  #inviteIn(view: View, id: EventId, context: Context): Circumstances['invite'] {
    const number = this.#numbers.get(id)
    if (number === undefined || !holds(view, number) || !this.#verdict(number, context)) return undefined
    const { change, author } = this.#judged[number]!.operation
    const isRevoked = (this.#against.get(id) ?? []).some((revocation) =>
      this.#counts(revocation, view, context),
    )
    return change.kind === 'invite' && !isRevoked ? { ...change, author } : undefined
  }

  #counts(number: number, view: View, context: Context): boolean {
    return holds(view, number) && this.#verdict(number, context)
  }

  // R5, R6: what the operations that count make of one person

  #roleIn(view: View, user: UserTag, context: Context): Role | undefined {
    const all = this.#about.get(user)
    if (all === undefined) return undefined
    const about = all.filter((number) => this.#counts(number, view, context))
    if (about.length === 0) return undefined
    if (about.length === 1)
      return this.#judged[about[0]!]!.operation.change.kind === 'remove' ? undefined : this.#given(about[0]!)
    const removals = about.filter((number) => this.#judged[number]!.operation.change.kind === 'remove')
    const latest: number[] = []
    let admitted: Role | undefined
    let set: Role | undefined
    let isSetInside = false
    for (const number of about.reverse()) {
      const { change } = this.#judged[number]!.operation
      if (change.kind === 'remove') continue
      const isInside = removals.every((removal) => this.#readmits(number, removal))
      if (!isInside && change.kind !== 'role') continue
      if (latest.some((later) => this.#pasts.isBefore(number, later))) continue
      latest.push(number)
      const role = this.#given(number)
      if (change.kind === 'role') {
        set = Math.min(set ?? role, role)
        isSetInside ||= isInside
      } else admitted = Math.max(admitted ?? role, role)
    }
    if (isSetInside) return set
    return admitted === undefined || set === undefined ? admitted : Math.min(admitted, set)
  }

  #given(number: number): Role {
    const { change } = this.#judged[number]!.operation
    if (change.kind === 'create') return 100
    if (change.kind === 'join') return this.#given(this.#number(change.invite))
    return 'role' in change ? change.role : 0
  }

  /** R5: whether an admission had seen a removal. */
  #readmits(admission: number, removal: number): boolean {
    const { change } = this.#judged[admission]!.operation
    const { author, change: removed } = this.#judged[removal]!.operation
    if (removed.kind !== 'remove') return true
    if (change.kind !== 'join' || (author === removed.target && !removed.ban))
      return this.#pasts.isBefore(removal, admission)
    return !removed.ban && this.#pasts.isBefore(removal, this.#number(change.invite))
  }

  /** before: the context of everything until now. */
  #resolveAllSince(before: Context): void {
    const now = this.#contextOfAll()
    for (
      let number = Math.min(before.firstCancelled, now.firstCancelled);
      number < this.#judged.length;
      number++
    ) {
      const target = targetOf(this.#judged[number]!.operation)
      if (target !== undefined && this.#verdict(number, before) !== this.#verdict(number, now))
        this.#resolve(target)
    }
  }

  #resolve(user: UserTag): void {
    const role = this.#roleIn(this.#pasts.all, user, this.#contextOfAll())
    if (role === undefined) this.#members.delete(user)
    else this.#members.set(user, role)
  }
}

function cancel(context: Context, number: number): void {
  context.cancelled.add(number)
  context.firstCancelled = Math.min(context.firstCancelled, number)
  context.verdicts.length = Math.min(context.verdicts.length, number)
}

/** The person, or the invite, that loses something by an operation. One's own leaving or stepping down cancels nothing. */
function revokedBy({ author, change }: Operation, { target }: Circumstances): string | undefined {
  if (change.kind === 'revoke') return change.invite
  if (!('cut' in change) || change.target === author || target === undefined) return undefined
  if (change.kind === 'remove') return change.target
  return change.role < target ? change.target : undefined
}

const keyOf = (revocations: readonly number[]) => [...revocations].sort((a, b) => a - b).join()

function note<K>(map: Map<K, number[]>, key: K, number: number): void {
  const list = map.get(key)
  if (list) list.push(number)
  else map.set(key, [number])
}
