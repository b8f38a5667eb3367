/**
 * Who is a member of a group, and with which role: a pure function of the set of its control operations, whatever order
 * they come in. So all devices that hold the same operations agree, without a server and without a vote.
 *
 * R1 An operation is judged by the state that its own past resolves to.
 * R2 One acts on lower roles only (isAllowed).
 * R3 A revocation (removal, demotion, removal of a device) names a cut: what it accepts of its target's past. What its target
 *    did beyond the cut without having seen it is cancelled, but for leaving and stepping down. Likewise a revoked invite
 *    admits nobody who had not joined in its past, and a withdrawn naming makes no owner (cuts.ts).
 * R4 Of revocations that cancel each other, the one with precedence holds: by its author's role in its own past, then depth,
 *    then id. They are considered in that order, each given those before it: what somebody of lower role cancels is never
 *    what gave a higher one its role. Those that cancel nothing have no part in this.
 * R5 A removal wins, unless the admission had seen it; an invite does not admit again whoever was removed after it was made.
 * R6 Of concurrent promotions and demotions the least counts, succession among them; of concurrent admissions the greatest,
 *    and none of them against a promotion: nobody is demoted by being added twice (roles.ts).
 * R7 What depended on something cancelled is judged again without it: whether its author still had the role for it, its
 *    invite still held, its naming still stood. If that undoes a revocation, its cut is undone too.
 * (R8 and R9, about handing on and about forks, are the engine's and core/fork.ts's.)
 *
 *      alice   remove bob ──┐          bob adds carol without having seen his removal: the cut ends before that, so the
 *                  \        ├── …      addition is cancelled everywhere, also where it was first taken for good
 *      bob          add carol
 *
 * What this cannot know is whether somebody who claims not to have seen something tells the truth. So somebody who was the
 * equal of whoever lowers it may act as of then, until somebody of higher role cuts that off; and of owners nobody has.
 *
 * How it is fast: what a set resolves to differs from what its operations say by themselves only through revocations that
 * cancel something. There are few, so verdicts are kept per combination of those (Context). Appending to the whole
 * costs O(1); an operation of somebody who had not seen everything, what was done to its author and target.
 */
import type { DeviceTag, EventId } from '../../api/contract.ts'
import { exposureOf, isBeyond, precedence, victim, victimsOf, type Judged, type Victim } from './cuts.ts'
import {
  isAllowed,
  mayInvite,
  ROLE,
  targetOf,
  type Circumstances,
  type InviteThere,
  type Naming,
  type Operation,
  type Role,
  type UserTag,
} from './operation.ts'
import { holds, Pasts, type View } from './pasts.ts'
import { roleOf } from './roles.ts'

/** Resolved combinations of revocations that are kept. */
const MAX_CONTEXTS = 64

/** Verdicts on operations, given that these revocations are among them. */
interface Context {
  /** Revocations whose cuts hold. */
  accepted: number[]
  cancelled: Set<number>
  /** The first that is cancelled; up to there everything is as judged by its own past. */
  firstCancelled: number
  /** Verdicts so far; what is not listed yet comes after. */
  verdicts: boolean[]
}

const NO_CONFLICT: Context = { accepted: [], cancelled: new Set(), firstCancelled: Infinity, verdicts: [] }

/** A message, as far as it matters for whether it is hidden. */
export interface Written {
  user: UserTag
  device: DeviceTag
  /** In the message chain of the device. */
  seq: number
  /** The control heads that it had seen; all of them are here. */
  heads: readonly EventId[]
}

export interface OpenInvite {
  id: EventId
  author: UserTag
  role: Role
  expiresMs: number
  maxUses: number
  uses: number
}

export class Resolver {
  readonly #root: EventId
  readonly #pasts = new Pasts()
  readonly #judged: Judged[] = []
  readonly #numbers = new Map<EventId, number>()
  /** Allowed operations by the person they are about. */
  readonly #about = new Map<UserTag, number[]>()
  /** Allowed operations by their author. */
  readonly #by = new Map<UserTag, number[]>()
  /** Allowed joins by their invite. */
  readonly #joins = new Map<EventId, number[]>()
  readonly #invites: number[] = []
  readonly #successions: number[] = []
  readonly #namings: number[] = []
  /** Allowed revocations by their victim. */
  readonly #against = new Map<Victim, number[]>()
  /** Revocations that cancel anything: what they cancel. */
  readonly #cancels = new Map<number, number[]>()
  readonly #contexts = new Map<string, Context>()
  /** Of everything that is here, until another revocation cancels something. */
  #whole: Context | undefined
  readonly #members = new Map<UserTag, Role>()
  readonly #isBefore = (a: Judged, b: Judged) => this.#pasts.isBefore(a.number, b.number)
  #version = 0

  /** root: the operation that founds the group. */
  constructor(root: EventId) {
    this.#root = root
  }

  /** Everybody who belongs to the group, as far as all operations here say. */
  get members(): ReadonlyMap<UserTag, Role> {
    return this.#members
  }

  /**
   * Grows whenever what was said before of an operation or a message may now be otherwise: a revocation began or ceased to
   * count, something was cancelled or restored. Counts on this device only.
   */
  get version(): number {
    return this.#version
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
    const number = this.#pasts.add(cited)
    this.#numbers.set(id, number)
    const inviteNo = operation.change.kind === 'join' ? this.#numbers.get(operation.change.invite) : undefined
    const judged: Judged = {
      number,
      operation,
      isAllowed: isAllowed(operation, this.#root, circumstances),
      circumstances,
      hasCancelled: context.cancelled.size > 0,
      depth: cited.reduce((deepest, parent) => Math.max(deepest, this.#judged[parent]!.depth + 1), 0),
      victims: victimsOf(operation, circumstances),
      invite: inviteNo === undefined ? undefined : this.#judged[inviteNo],
    }
    this.#judged.push(judged)
    if (!judged.isAllowed) return
    this.#list(judged)
    const isReached = this.#noteReached(judged)
    const reaches = this.#noteReach(judged)
    const isOtherwise = (isReached || reaches) && this.#resolveAllSince(before, number)
    const target = targetOf(operation)
    if (target !== undefined) this.#resolve(target)
    if (isOtherwise || (judged.victims.length > 0 && this.#verdict(number, this.#contextOfAll())))
      this.#version++
  }

  /** Whether an operation would be allowed, that is not here yet but all that it cites is. Never changes. */
  wouldAllow(operation: Operation): boolean {
    const past = this.#viewOf(operation.parents)
    return isAllowed(operation, this.#root, this.#circumstancesOf(operation, past, this.#contextOf(past)))
  }

  #list({ number, operation, victims }: Judged): void {
    const { author, change } = operation
    const target = targetOf(operation)
    if (target !== undefined) note(this.#about, target, number)
    note(this.#by, author, number)
    if (change.kind === 'join') note(this.#joins, change.invite, number)
    if (change.kind === 'invite') this.#invites.push(number)
    if (change.kind === 'successor') this.#namings.push(number)
    if (change.kind === 'succeed') this.#successions.push(number)
    for (const one of victims) note(this.#against, one, number)
  }

  // Questions about everything that is here

  role(user: UserTag): Role | undefined {
    return this.#members.get(user)
  }

  isMember(user: UserTag): boolean {
    return this.#members.has(user)
  }

  /** Whether a person may do nothing any more with a device. */
  isRemovedDevice(user: UserTag, device: DeviceTag): boolean {
    return this.#isRemoved(user, device, this.#pasts.all, this.#contextOfAll())
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
      .map((revocation) => this.#idOf(revocation))
  }

  /** What a revocation cancels; nothing as long as it does not count itself. */
  cancelledOf(id: EventId): EventId[] {
    const revocation = this.#number(id)
    if (!this.#contextOfAll().accepted.includes(revocation)) return []
    return this.#cancels.get(revocation)!.map((number) => this.#idOf(number))
  }

  /** Whether a message comes after what counting removals of its author or device, or demotions to a reader, accept. */
  isBeyondCut({ user, device, seq, heads }: Written): boolean {
    const revocations = [victim.user(user), victim.device(user, device)].flatMap(
      (one) => this.#against.get(one) ?? [],
    )
    if (revocations.length === 0) return false
    const view = this.#viewOf(heads)
    return revocations.some((number) => {
      const { change } = this.#judged[number]!.operation
      if (change.kind === 'role' && change.role >= ROLE.member) return false
      const extent = 'cut' in change ? change.cut.get(device) : 'extent' in change ? change.extent : undefined
      if (seq <= (extent?.m ?? 0) || holds(view, number)) return false
      return this.#verdict(number, this.#contextOfAll())
    })
  }

  /** Whom owners have named, and who may so become an owner. */
  get namedSuccessors(): readonly Naming[] {
    const named = this.#namedIn(this.#pasts.all, this.#contextOfAll())
    return named.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Invites by which somebody can still join, in the order of their ids. */
  openInvites(nowMs: number): OpenInvite[] {
    const [all, whole] = [this.#pasts.all, this.#contextOfAll()]
    const open: OpenInvite[] = []
    for (const number of this.#invites) {
      const { id, author, change } = this.#judged[number]!.operation
      if (change.kind !== 'invite' || !this.#inviteIn(all, id, whole)?.isBacked) continue
      const { role, expiresMs, maxUses } = change
      const uses = this.#joinedBy(this.#joins.get(id) ?? [], all, whole).size
      if (uses < maxUses && nowMs <= expiresMs) open.push({ id, author, role, expiresMs, maxUses, uses })
    }
    return open.sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Who is out, and no invite admits. */
  get bannedUsers(): UserTag[] {
    const isBan = (number: number) => {
      const { change } = this.#judged[number]!.operation
      return change.kind === 'remove' && change.ban && this.#verdict(number, this.#contextOfAll())
    }
    return [...this.#about]
      .filter(([user, about]) => !this.#members.has(user) && about.some(isBan))
      .map(([user]) => user)
      .sort()
  }

  /** Everybody that anything allowed was about. */
  people(): Iterable<UserTag> {
    return this.#about.keys()
  }

  /** How somebody went last, of their own or not; undefined of whoever never did. Members may have gone before. */
  wayOut(user: UserTag): 'left' | 'removed' | 'banned' | undefined {
    const ways = (this.#about.get(user) ?? []).flatMap((number) => {
      const { author, change } = this.#judged[number]!.operation
      if (change.kind !== 'remove' || !this.#verdict(number, this.#contextOfAll())) return []
      return [change.ban ? ('banned' as const) : author === user ? ('left' as const) : ('removed' as const)]
    })
    return (['banned', 'removed', 'left'] as const).find((way) => ways.includes(way))
  }

  // Questions about a past

  /** Whether an operation lies before another; both are here. */
  isBefore(a: EventId, b: EventId): boolean {
    return this.#pasts.isBefore(this.#number(a), this.#number(b))
  }

  /**
   * What somebody was in the past of whatever cites these operations; undefined: not a member, or by a device that had
   * been removed. Never changes.
   */
  roleAt(heads: readonly EventId[], user: UserTag, device?: DeviceTag): Role | undefined {
    const view = this.#viewOf(heads)
    const context = this.#contextOf(view)
    if (device !== undefined && this.#isRemoved(user, device, view, context)) return undefined
    return this.#roleIn(view, user, context)
  }

  #viewOf(heads: readonly EventId[]): View {
    return this.#pasts.union(heads.map((id) => this.#number(id)))
  }

  #number(id: EventId): number {
    const number = this.#numbers.get(id)
    if (number === undefined) throw new TypeError(`operation ${id} is not here`)
    return number
  }

  #idOf(number: number): EventId {
    return this.#judged[number]!.operation.id
  }

  // R3: cuts

  /** A new operation may lie beyond the cut of a revocation that it had not seen. */
  #noteReached(judged: Judged): boolean {
    const { number } = judged
    const past = this.#pasts.of(number)
    if (past.missing.length === 0) return false
    const revocations = new Set(exposureOf(judged).flatMap((one) => this.#against.get(one) ?? []))
    let isReached = false
    for (const revocation of revocations) {
      if (holds(past, revocation) || !isBeyond(judged, this.#judged[revocation]!, false)) continue
      isReached = true
      if (!this.#cancels.has(revocation)) this.#whole = undefined
      note(this.#cancels, revocation, number)
      for (const context of [...this.#contexts.values(), ...(this.#whole ? [this.#whole] : [])])
        if (context.accepted.includes(revocation)) cancel(context, number)
    }
    return isReached
  }

  /** What is here already may lie beyond the cut of a new revocation. */
  #noteReach(judged: Judged): boolean {
    if (judged.victims.length === 0) return false
    const past = this.#pasts.of(judged.number)
    const reached = this.#exposedTo(judged).filter((number) =>
      isBeyond(this.#judged[number]!, judged, holds(past, number)),
    )
    if (reached.length === 0) return false
    this.#cancels.set(judged.number, reached)
    this.#whole = undefined
    return true
  }

  /** What a new revocation may reach; the inverse of exposureOf. */
  #exposedTo({ operation }: Judged): number[] {
    const { author, change } = operation
    const by = (user: UserTag) => this.#by.get(user) ?? []
    switch (change.kind) {
      case 'revoke':
        return this.#joins.get(change.invite) ?? []
      case 'removeDevice':
        return by(author)
      case 'successor':
        return this.#successions
      case 'remove':
      case 'role': {
        const done = by(change.target)
        const joins = done.flatMap((number) => this.#joins.get(this.#idOf(number)) ?? [])
        return [...new Set([...done, ...joins, ...this.#successions])]
      }
      default:
        return []
    }
  }

  // R4, R7: which revocations hold

  #contextOfAll(): Context {
    return (this.#whole ??= this.#contextOf(this.#pasts.all))
  }

  #contextOf(view: View): Context {
    if (this.#cancels.size === 0) return NO_CONFLICT
    const revocations: number[] = []
    for (const [revocation, cancelled] of this.#cancels)
      if (holds(view, revocation) && cancelled.some((number) => holds(view, number)))
        revocations.push(revocation)
    const key = revocations.sort((a, b) => a - b).join()
    let context = this.#contexts.get(key)
    if (context) this.#contexts.delete(key)
    else context = this.#consider(revocations)
    this.#contexts.set(key, context)
    if (this.#contexts.size > MAX_CONTEXTS) this.#contexts.delete(this.#contexts.keys().next().value!)
    return context
  }

  /** What falls in the end is left out, the last first: it may be what made the others fall. */
  #consider(revocations: readonly number[]): Context {
    const inOrder = revocations.toSorted((a, b) => precedence(this.#judged[a]!, this.#judged[b]!))
    const undone = new Set<number>()
    for (;;) {
      const context: Context = {
        accepted: [],
        cancelled: new Set(),
        firstCancelled: Infinity,
        verdicts: [],
      }
      for (const revocation of inOrder) {
        if (undone.has(revocation) || !this.#verdict(revocation, context)) continue
        context.accepted.push(revocation)
        for (const number of this.#cancels.get(revocation)!) cancel(context, number)
      }
      const fallen = context.accepted.findLast((revocation) => !this.#verdict(revocation, context))
      if (fallen === undefined) return context
      undone.add(fallen)
    }
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
    const judged = this.#judged[number]!
    if (!judged.isAllowed || context.cancelled.has(number)) return false
    if (this.#isAsEver(number, context)) return true
    const { operation, circumstances } = judged
    const { author, device, change } = operation
    const past = this.#pasts.of(number)
    const isDeviceRemoved = this.#isRemoved(author, device, past, context)
    if (change.kind === 'join') {
      const invite = this.#inviteIn(past, change.invite, context)
      return !isDeviceRemoved && invite !== undefined && invite.isBacked
    }
    const again = { ...circumstances, isDeviceRemoved, author: this.#roleIn(past, author, context) }
    if (change.kind === 'succeed') again.named = this.#namedIn(past, context)
    return isAllowed(operation, this.#root, again)
  }

  #circumstancesOf(operation: Operation, past: View, context: Context): Circumstances {
    const { author, device, change } = operation
    const isDeviceRemoved = this.#isRemoved(author, device, past, context)
    const target = 'target' in change ? change.target : targetOf(operation)
    const invite = 'invite' in change ? this.#inviteIn(past, change.invite, context) : undefined
    if (invite) invite.isUsedUp = this.#isUsedUp(operation, past, context)
    const isOwnDevice =
      change.kind === 'removeDevice' &&
      (this.#by.get(author) ?? []).some(
        (number) => this.#judged[number]!.operation.device === change.device && holds(past, number),
      )
    return {
      author: isDeviceRemoved ? undefined : this.#roleIn(past, author, context),
      isDeviceRemoved,
      target: target === undefined ? undefined : this.#roleIn(past, target, context),
      invite,
      isOwnDevice,
      named: change.kind === 'successor' || change.kind === 'succeed' ? this.#namedIn(past, context) : [],
    }
  }

  #isRemoved(user: UserTag, device: DeviceTag, view: View, context: Context): boolean {
    const removals = this.#against.get(victim.device(user, device))
    return removals !== undefined && removals.some((number) => this.#counts(number, view, context))
  }

  /** Whether it is used up is looked at apart. */
  #inviteIn(view: View, id: EventId, context: Context): InviteThere | undefined {
    const number = this.#numbers.get(id)
    if (number === undefined || !this.#counts(number, view, context)) return undefined
    const { author, change } = this.#judged[number]!.operation
    const isRevoked = (this.#against.get(victim.invite(id)) ?? []).some((revocation) =>
      this.#counts(revocation, view, context),
    )
    if (change.kind !== 'invite' || isRevoked) return undefined
    const { role, expiresMs } = change
    const isBacked = mayInvite(this.#roleIn(view, author, context), role)
    return { role, expiresMs, author, isBacked, isUsedUp: false }
  }

  #isUsedUp({ change, author }: Operation, view: View, context: Context): boolean {
    if (change.kind !== 'join') return false
    const invite = this.#judged[this.#number(change.invite)]!.operation.change
    const joins = this.#joins.get(change.invite) ?? []
    // Mostly there is room for everybody.
    if (invite.kind !== 'invite' || joins.length < invite.maxUses) return false
    const joined = this.#joinedBy(joins, view, context)
    joined.delete(author)
    return joined.size >= invite.maxUses
  }

  #joinedBy(joins: readonly number[], view: View, context: Context): Set<UserTag> {
    const counting = joins.filter((number) => this.#counts(number, view, context))
    return new Set(counting.map((number) => this.#judged[number]!.operation.author))
  }

  /** The latest namings, by owners who are owners still, of people who were not removed since. */
  #namedIn(view: View, context: Context): Naming[] {
    const counting = this.#namings.filter((number) => this.#counts(number, view, context))
    return counting.flatMap((number) => {
      const { id, author: owner, change } = this.#judged[number]!.operation
      if (change.kind !== 'successor' || change.target === undefined) return []
      const successor = change.target
      const isReplaced = counting.some((later) => this.#pasts.isBefore(number, later))
      const isRemoved = (this.#about.get(successor) ?? []).some(
        (one) =>
          this.#judged[one]!.operation.change.kind === 'remove' &&
          this.#counts(one, view, context) &&
          !this.#pasts.isBefore(one, number),
      )
      if (isReplaced || isRemoved || this.#roleIn(view, owner, context) !== ROLE.owner) return []
      return [{ id, owner, successor }]
    })
  }

  #counts(number: number, view: View, context: Context): boolean {
    return holds(view, number) && this.#verdict(number, context)
  }

  // R5, R6: what the operations that count make of one person

  #roleIn(view: View, user: UserTag, context: Context): Role | undefined {
    const about: Judged[] = []
    for (const number of this.#about.get(user) ?? [])
      if (this.#counts(number, view, context)) about.push(this.#judged[number]!)
    return roleOf(about, this.#isBefore)
  }

  /** before: the context of everything until a conflict with the latest operation. Returns whether a verdict changed. */
  #resolveAllSince(before: Context, latest: number): boolean {
    const now = this.#contextOfAll()
    if (now === before) return false
    let isOtherwise = false
    for (let number = Math.min(before.firstCancelled, now.firstCancelled); number < latest; number++) {
      if (this.#verdict(number, before) === this.#verdict(number, now)) continue
      isOtherwise = true
      const target = targetOf(this.#judged[number]!.operation)
      if (target !== undefined) this.#resolve(target)
    }
    return isOtherwise
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

function note<K>(map: Map<K, number[]>, key: K, number: number): void {
  const list = map.get(key)
  if (list) list.push(number)
  else map.set(key, [number])
}
