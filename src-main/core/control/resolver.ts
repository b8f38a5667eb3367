/**
 * Who is a member of a group, and with which role: a pure function of the set of its control operations, whatever order
 * they come in. So all devices that hold the same operations agree, without a server and without a vote.
 *
 * R1 An operation is judged by the state that its own past resolves to.
 * R2 One acts on lower roles only, and not on an owner's named successor (isAllowed).
 * R3 A revocation (removal, demotion, removal of a device) names a cut: what it accepts of its target's past. What its target
 *    did beyond the cut without having seen it is cancelled, but for leaving and stepping down. Likewise a revoked invite
 *    admits nobody who had not joined in its past, and a withdrawn naming makes no owner (cuts.ts).
 * R4 Of revocations that cancel each other, the one with precedence holds: by its author's role in its own past, then depth,
 *    then id. They are considered in that order, each given those before it; one that had no role then, and has it back because
 *    another is accepted, at once after that: what counts holds. Those that cancel nothing have no part in this.
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
 * cancel something. There are few, so verdicts are kept per combination of those (Context), and they concern few: only
 * what is disputed is ever judged again. Appending to the whole costs O(1); an operation of somebody who had not seen
 * everything, what was done to its author and target.
 */
import type { DeviceTag, EventId } from '../../api/contract.ts'
import { isRevocation, type Judged } from './cuts.ts'
import { Ledger } from './ledger.ts'
import {
  isAllowed,
  ROLE,
  targetOf,
  type Naming,
  type Operation,
  type Role,
  type UserTag,
} from './operation.ts'
import { holds, type View } from './pasts.ts'
import { Standing } from './standing.ts'
import { Verdicts, type Context } from './verdicts.ts'

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
  /** How many people joined by it. */
  uses: number
}

/** What one revocation did. */
export interface Cutting {
  revocation: Operation
  isEffective: boolean
  cancelled: readonly EventId[]
}

export class Resolver {
  readonly #root: EventId
  readonly #ledger = new Ledger()
  readonly #verdicts: Verdicts
  readonly #members = new Map<UserTag, Role>()
  #version = 0

  /** root: the operation that founds the group. */
  constructor(root: EventId) {
    this.#root = root
    this.#verdicts = new Verdicts(root, this.#ledger)
  }

  /** Takes in an operation whose parents are here. TypeError when they are not. */
  add(operation: Operation): void {
    const { id, parents, change } = operation
    if (this.#ledger.has(id)) return
    const cited = parents.map(this.#ledger.number)
    let depth = 0
    for (let i = 0; i < cited.length; i++) depth = Math.max(depth, this.#ledger.judged[cited[i]!]!.depth + 1)
    const past = this.#ledger.pasts.union(cited)
    const context = this.#verdicts.of(past)
    const before = this.#verdicts.whole()
    const circumstances = this.#standing(past, context).circumstancesOf(operation)
    const judged: Judged = {
      number: this.#ledger.pasts.add(past),
      operation,
      isAllowed: isAllowed(operation, this.#root, circumstances),
      circumstances,
      isDisputed: false,
      depth,
      isRevocation: isRevocation(operation, circumstances),
      invite: change.kind === 'join' ? this.#ledger.find(change.invite) : undefined,
      successions: this.#ledger.successionsOf(operation.author, past),
    }
    this.#ledger.add(judged)
    if (!judged.isAllowed) return
    const isOtherwise = this.#verdicts.add(judged) && this.#resolveDisputed(before, judged.number)
    const target = targetOf(operation)
    if (target !== undefined) this.#resolve(target)
    if (isOtherwise || (judged.isRevocation && this.isEffective(id))) this.#version++
  }

  /** before: the context of everything before the latest operation. Returns whether a verdict is another one now. */
  #resolveDisputed(before: Context, latest: number): boolean {
    const now = this.#verdicts.whole()
    if (now === before) return false
    let isOtherwise = false
    for (const number of this.#ledger.disputed) {
      if (number === latest) continue
      if (this.#verdicts.verdict(number, before) === this.#verdicts.verdict(number, now)) continue
      isOtherwise = true
      const target = targetOf(this.#ledger.judged[number]!.operation)
      if (target !== undefined) this.#resolve(target)
    }
    return isOtherwise
  }

  #resolve(user: UserTag): void {
    const role = this.#now().role(user)
    if (role === undefined) this.#members.delete(user)
    else this.#members.set(user, role)
  }

  #now(): Standing {
    return this.#standing(this.#ledger.pasts.all, this.#verdicts.whole())
  }

  #standing(view: View, context: Context): Standing {
    return new Standing(this.#ledger, view, this.#verdicts, context)
  }

  #viewOf(heads: readonly EventId[]): View {
    return this.#ledger.pasts.union(heads.map((id) => this.#ledger.number(id)))
  }

  // Of one past: never changes

  /** What somebody was in the past of whatever cites these; undefined: not a member, or by a device that was removed. */
  roleAt(heads: readonly EventId[], user: UserTag, device?: DeviceTag): Role | undefined {
    const view = this.#viewOf(heads)
    const standing = this.#standing(view, this.#verdicts.of(view))
    return device !== undefined && standing.isDeviceRemoved(user, device) ? undefined : standing.role(user)
  }

  /** Whether an operation is allowed by its own past, which is here; it itself need not be. */
  wouldAllow(operation: Operation): boolean {
    const view = this.#viewOf(operation.parents)
    const circumstances = this.#standing(view, this.#verdicts.of(view)).circumstancesOf(operation)
    return isAllowed(operation, this.#root, circumstances)
  }

  isBefore(a: EventId, b: EventId): boolean {
    return this.#ledger.pasts.isBefore(this.#ledger.number(a), this.#ledger.number(b))
  }

  has(id: EventId): boolean {
    return this.#ledger.has(id)
  }

  // Of everything that is here

  /**
   * Grows whenever what was said before of an operation or a message may now be otherwise: a revocation began or ceased to
   * count, something was cancelled or restored. Counts on this device only.
   */
  get version(): number {
    return this.#version
  }

  /** Everybody who belongs to the group. */
  get members(): ReadonlyMap<UserTag, Role> {
    return this.#members
  }

  role(user: UserTag): Role | undefined {
    return this.#members.get(user)
  }

  isMember(user: UserTag): boolean {
    return this.#members.has(user)
  }

  /** Everybody whom operations that were allowed are about, be they members or not. */
  people(): Iterable<UserTag> {
    return this.#ledger.people()
  }

  /** How somebody went: banned as long as no invite admits them. undefined of members, and of whoever never was one. */
  wayOut(user: UserTag): 'left' | 'removed' | 'banned' | undefined {
    if (this.#members.has(user)) return undefined
    const now = this.#now()
    const removals = this.#ledger
      .about(user)
      .filter((number) => now.counts(number))
      .map((number) => this.#ledger.judged[number]!.operation)
      .filter(({ change }) => change.kind === 'remove')
    if (removals.length === 0) return undefined
    if (removals.some(({ change }) => change.kind === 'remove' && change.ban)) return 'banned'
    const isLast = ({ id }: Operation) => !removals.some((later) => this.isBefore(id, later.id))
    return removals.filter(isLast).every(({ author }) => author === user) ? 'left' : 'removed'
  }

  /** Who is out, and no invite admits. */
  get bannedUsers(): UserTag[] {
    return [...this.people()].filter((user) => this.wayOut(user) === 'banned').sort()
  }

  /** Whether somebody took one of its own devices out: it may do nothing any more. */
  isRemovedDevice(user: UserTag, device: DeviceTag): boolean {
    return this.#now().isDeviceRemoved(user, device)
  }

  /** Whom owners have named, and who may so become an owner. In the order of the ids. */
  get namedSuccessors(): readonly Naming[] {
    return this.#now().named().sort(byId)
  }

  /** Invites by which somebody can still join, in the order of their ids. */
  openInvites(nowMs: number): OpenInvite[] {
    const now = this.#now()
    const open: OpenInvite[] = []
    for (const number of this.#ledger.invites) {
      const { id, author, change } = this.#ledger.judged[number]!.operation
      if (change.kind !== 'invite' || nowMs > change.expiresMs || !now.invite(id)?.isBacked) continue
      const uses = now.joinedBy(id).size
      const { role, expiresMs, maxUses } = change
      if (uses < maxUses) open.push({ id, author, role, expiresMs, maxUses, uses })
    }
    return open.sort(byId)
  }

  /**
   * Whether a message comes after what is accepted of its author or device by a removal, or a demotion to a reader, that
   * counts and that the message had not seen.
   */
  isBeyondCut({ user, device, seq, heads }: Written): boolean {
    const lowerings = this.#ledger.lowerings(user)
    const removals = this.#ledger.deviceRemovals(device)
    if (lowerings.length + removals.length === 0) return false
    const view = this.#viewOf(heads)
    const whole = this.#verdicts.whole()
    const isEnded = (number: number) => {
      const { author, change } = this.#ledger.judged[number]!.operation
      if (change.kind === 'role' && change.role >= ROLE.member) return false
      if (change.kind === 'removeDevice' && author !== user) return false
      const extent = 'cut' in change ? change.cut.get(device) : 'extent' in change ? change.extent : undefined
      if (seq <= (extent?.m ?? 0) || holds(view, number)) return false
      return !whole.blunted.has(number) && this.#verdicts.verdict(number, whole)
    }
    return lowerings.some(isEnded) || removals.some(isEnded)
  }

  // How it came to that

  /** In the order in which they came here. */
  *operations(): Generator<Operation> {
    for (const { operation } of this.#ledger.judged) yield operation
  }

  /** Whether an operation was allowed by its own past, whatever became of it. */
  wasAllowed(id: EventId): boolean {
    return this.#ledger.judged[this.#ledger.number(id)]!.isAllowed
  }

  /** Whether an operation counts. */
  isEffective(id: EventId): boolean {
    return this.#verdicts.verdict(this.#ledger.number(id), this.#verdicts.whole())
  }

  /** The revocations by which an operation is cancelled. */
  cancelledBy(id: EventId): EventId[] {
    const number = this.#ledger.number(id)
    const whole = this.#verdicts.whole()
    return whole.accepted
      .filter((revocation) => this.#verdicts.cancelledOf(revocation, whole).includes(number))
      .map((revocation) => this.#ledger.judged[revocation]!.operation.id)
  }

  /** What a revocation cancels: nothing unless it counts itself. */
  cancelledOf(revocation: EventId): EventId[] {
    const cancelled = this.#verdicts.cancelledOf(this.#ledger.number(revocation), this.#verdicts.whole())
    return cancelled.map((number) => this.#ledger.judged[number]!.operation.id).sort()
  }

  /** Removals and demotions of somebody, and of its devices, that were allowed; in the order of their ids. */
  cutsOf(user: UserTag): Cutting[] {
    const ownRemovals = this.#ledger
      .by(user)
      .filter((number) => this.#ledger.judged[number]!.operation.change.kind === 'removeDevice')
    return [...this.#ledger.lowerings(user), ...ownRemovals]
      .map((number) => this.#ledger.judged[number]!.operation)
      .sort(byId)
      .map((revocation) => ({
        revocation,
        isEffective: this.isEffective(revocation.id),
        cancelled: this.cancelledOf(revocation.id),
      }))
  }
}

function byId(a: { id: EventId }, b: { id: EventId }): number {
  return a.id < b.id ? -1 : 1
}
