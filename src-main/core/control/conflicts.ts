/**
 * What people did to a group's membership at the same time and could not both have: told without words of any language, the
 * same on every device that holds the same operations, so that a window can say in one sentence what happened and why.
 *
 *      alice   remove bob ──┐        { kind: 'cut', act: { kind: 'remove', author: alice, target: bob },
 *                  \        ├── …      lost: [{ kind: 'add', author: bob, target: carol, role: 10 }],
 *      bob          add carol          outcome: [bob: out, carol: out] }
 */
import type { EventId } from '../../api/contract.ts'
import { inOrder } from './audit.ts'
import { targetOf, type Change, type Operation, type Role, type UserTag } from './operation.ts'
import type { Resolver } from './resolver.ts'

export type ConflictKind =
  /** Two lowered each other: the act is that of whoever had the higher role or, of equals, came first (R4). */
  | 'mutual'
  /** Whoever was lowered, or lost a device, did more without having seen it: that is cancelled (R3). */
  | 'cut'
  /** Somebody joined by an invite that was taken back, or whose maker lost the office for it (R3). */
  | 'invite'
  /** Somebody became an owner by a naming that was withdrawn (R3). */
  | 'succession'
  /** Two devices of one person took each other out: neither stays. */
  | 'devices'
  /** Somebody was removed and admitted: the removal wins (R5). Of an invite from before the removal, too. */
  | 'readmission'
  /** Somebody was given several roles: the least counts (R6). */
  | 'roles'

/** An operation in short. */
export interface Deed {
  id: EventId
  author: UserTag
  kind: Change['kind']
  /** The person that it is about, or who made the invite that it is about. */
  target: UserTag | undefined
  role: Role | undefined
}

export interface Conflict {
  kind: ConflictKind
  /** What holds. */
  act: Deed
  /** What came to nothing by it; of 'devices', the other removal, which holds as well. */
  lost: Deed[]
  /** What had been built on that and fell with it (R7). */
  fell: Deed[]
  /** Whom all that is about, and what they are now. undefined: out. Sorted by person. */
  outcome: { user: UserTag; role: Role | undefined }[]
}

/** All of them, in the order of the audit list by the act that holds. */
export function conflictsOf(resolver: Resolver): Conflict[] {
  const operations = inOrder(resolver)
  const teller = new Teller(resolver, operations)
  return operations
    .filter(({ id }) => resolver.isEffective(id))
    .flatMap((operation) => [
      ...teller.cutsBy(operation),
      ...teller.devicesBy(operation),
      ...teller.readmissionsAgainst(operation),
      ...teller.rolesBelow(operation),
    ])
}

/** Those that an operation has a part in. */
export function explain(resolver: Resolver, id: EventId): Conflict[] {
  return conflictsOf(resolver).filter(({ act, lost, fell }) =>
    [act, ...lost, ...fell].some((deed) => deed.id === id),
  )
}

class Teller {
  readonly #resolver: Resolver
  readonly #operations = new Map<EventId, Operation>()
  /** Effective ones, by the person that they are about. */
  readonly #about = new Map<UserTag, Operation[]>()
  readonly #deviceRemovals: Operation[] = []
  /** Allowed, not cancelled, and yet without effect. */
  readonly #fallen: Operation[] = []

  constructor(resolver: Resolver, operations: readonly Operation[]) {
    this.#resolver = resolver
    const cancelled = new Set(operations.flatMap(({ id }) => resolver.cancelledOf(id)))
    for (const operation of operations) {
      const { id, change } = operation
      this.#operations.set(id, operation)
      if (!resolver.isEffective(id)) {
        if (resolver.wasAllowed(id) && !cancelled.has(id)) this.#fallen.push(operation)
        continue
      }
      if (change.kind === 'removeDevice') this.#deviceRemovals.push(operation)
      const target = targetOf(operation)
      if (target !== undefined) this.#about.set(target, [...(this.#about.get(target) ?? []), operation])
    }
  }

  cutsBy(act: Operation): Conflict[] {
    const kindOf = (lost: Operation): ConflictKind => {
      const isOwn = lost.author === targetOf(act) || act.change.kind === 'removeDevice'
      if (!isOwn) return lost.change.kind === 'join' ? 'invite' : 'succession'
      const isAgainst = lost.change.kind === 'role' || lost.change.kind === 'remove'
      return isAgainst && targetOf(lost) === act.author ? 'mutual' : 'cut'
    }
    const cancelled = this.#resolver.cancelledOf(act.id).map((id) => this.#operations.get(id)!)
    const kinds = new Map<ConflictKind, Operation[]>()
    for (const lost of cancelled) kinds.set(kindOf(lost), [...(kinds.get(kindOf(lost)) ?? []), lost])
    return [...kinds]
      .map(([kind, lost]) => this.#conflict(kind, act, lost))
      .sort((a, b) => (a.kind < b.kind ? -1 : 1))
  }

  devicesBy(act: Operation): Conflict[] {
    const { id, author, device, change } = act
    if (change.kind !== 'removeDevice') return []
    const others = this.#deviceRemovals.filter(
      (other) =>
        other.author === author &&
        other.device === change.device &&
        other.change.kind === 'removeDevice' &&
        other.change.device === device &&
        // Told once.
        id < other.id &&
        this.#areConcurrent(act, other),
    )
    return others.map((other) => this.#conflict('devices', act, [other]))
  }

  readmissionsAgainst(act: Operation): Conflict[] {
    const { change } = act
    if (change.kind !== 'remove') return []
    const lost = (this.#about.get(change.target) ?? []).filter((admission) => {
      if (admission.change.kind === 'add') return this.#areConcurrent(act, admission)
      if (admission.change.kind !== 'join') return false
      const isOwn = act.author === change.target && !change.ban
      const { invite } = admission.change
      const isOver = this.#resolver.isBefore(admission.id, act.id)
      return !isOver && !this.#resolver.isBefore(act.id, isOwn ? admission.id : invite)
    })
    return lost.length > 0 ? [this.#conflict('readmission', act, lost)] : []
  }

  /** Told of the least of what was set last. */
  rolesBelow(act: Operation): Conflict[] {
    const user = targetOf(act)
    const isSetting = ({ change }: Operation) => change.kind === 'role' || change.kind === 'succeed'
    if (user === undefined || !isSetting(act) || !this.#resolver.isMember(user)) return []
    const about = this.#about.get(user)!
    const latest = about
      .filter(isSetting)
      .filter((one) => !about.some((later) => this.#resolver.isBefore(one.id, later.id)))
    const role = (one: Operation) => deedOf(one, undefined).role ?? 0
    const [least, ...lost] = latest.toSorted((a, b) => role(a) - role(b) || (a.id < b.id ? -1 : 1))
    if (least !== act || lost.every((one) => role(one) === role(act))) return []
    return [this.#conflict('roles', act, lost)]
  }

  #areConcurrent(a: Operation, b: Operation): boolean {
    return !this.#resolver.isBefore(a.id, b.id) && !this.#resolver.isBefore(b.id, a.id)
  }

  #conflict(kind: ConflictKind, act: Operation, lost: Operation[]): Conflict {
    const isCancelled = kind !== 'devices' && kind !== 'readmission' && kind !== 'roles'
    const fell = isCancelled
      ? this.#fallen.filter(({ id }) => lost.some((one) => this.#resolver.isBefore(one.id, id)))
      : []
    const users = [act, ...lost, ...fell].flatMap((operation) => {
      const target = targetOf(operation)
      return target === undefined ? [] : [target]
    })
    if (kind === 'devices') users.push(act.author)
    return {
      kind,
      act: this.#deed(act),
      lost: lost.map((one) => this.#deed(one)),
      fell: fell.map((one) => this.#deed(one)),
      outcome: [...new Set(users)].sort().map((user) => ({ user, role: this.#resolver.role(user) })),
    }
  }

  #deed(operation: Operation): Deed {
    const { change } = operation
    const invite = 'invite' in change ? this.#operations.get(change.invite) : undefined
    return deedOf(operation, invite)
  }
}

function deedOf(operation: Operation, invite: Operation | undefined): Deed {
  const { id, author, change } = operation
  const isByInvite = change.kind === 'join' || change.kind === 'revoke'
  const target = isByInvite
    ? invite?.author
    : change.kind === 'successor'
      ? change.target
      : targetOf(operation)
  const given = isByInvite ? invite?.change : change
  const role = change.kind === 'succeed' ? 100 : given && 'role' in given ? given.role : undefined
  return { id, author, kind: change.kind, target, role }
}
