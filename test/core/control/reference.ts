/**
 * Rules R1 to R7 once more, word for word, with sets and without anything that makes it fast: what the resolver is
 * compared with.
 */
import type { DeviceTag, EventId } from '../../../src-main/api/contract.ts'
import {
  isAllowed,
  targetOf,
  type Circumstances,
  type Naming,
  type Operation,
  type Role,
  type UserTag,
} from '../../../src-main/core/control/operation.ts'

export interface Outcome {
  effective: ReadonlySet<EventId>
  /** Of these, leaving and stepping down that takes nothing from others. */
  blunted: ReadonlySet<EventId>
  roleOf(user: UserTag): Role | undefined
}

export class Reference {
  readonly operations = new Map<EventId, Operation>()
  readonly pasts = new Map<EventId, ReadonlySet<EventId>>()
  readonly #judged = new Map<EventId, { allowed: boolean; circumstances: Circumstances }>()
  readonly #root: EventId

  constructor(root: EventId) {
    this.#root = root
  }

  add(operation: Operation): void {
    this.operations.set(operation.id, operation)
    this.pasts.set(operation.id, this.closure(operation.parents))
  }

  /** These and all that lies before them. */
  closure(ids: Iterable<EventId>): Set<EventId> {
    const all = new Set<EventId>()
    for (const id of ids) for (const one of [id, ...this.pasts.get(id)!]) all.add(one)
    return all
  }

  #depth(id: EventId): number {
    return Math.max(-1, ...this.operations.get(id)!.parents.map((parent) => this.#depth(parent))) + 1
  }

  /** R1. */
  #judge(id: EventId) {
    let judged = this.#judged.get(id)
    if (!judged) {
      const past = this.pasts.get(id)!
      const circumstances = this.#circumstances(id, this.resolve(past).effective)
      const allowed = isAllowed(this.operations.get(id)!, this.#root, circumstances)
      this.#judged.set(id, (judged = { allowed, circumstances }))
    }
    return judged
  }

  /** Whether it takes something from somebody. */
  #isRevocation(id: EventId): boolean {
    const { change } = this.operations.get(id)!
    const { target, named } = this.#judge(id).circumstances
    switch (change.kind) {
      case 'revoke':
      case 'remove':
      case 'removeDevice':
        return true
      case 'role':
        return target !== undefined && change.role < target
      case 'successor':
        return named.some(({ successor }) => successor !== change.target)
      default:
        return false
    }
  }

  #isBefore(a: EventId, b: EventId): boolean {
    return this.pasts.get(b)!.has(a)
  }

  /** R4. */
  #precedence(a: EventId, b: EventId): number {
    return this.#rank(b) - this.#rank(a) || this.#order(a, b)
  }

  #order(a: EventId, b: EventId): number {
    const place = ({ author, change }: Operation) => {
      if (change.kind === 'removeDevice') return 0
      if (change.kind === 'successor') return 1
      return 'target' in change && change.target === author ? 1 : 2
    }
    const byPlace = place(this.operations.get(a)!) - place(this.operations.get(b)!)
    return byPlace || this.#depth(a) - this.#depth(b) || (a < b ? -1 : 1)
  }

  /** What somebody did as an owner by a succession that does not hold against another one, it did as what it was before. */
  #roleAgainst(id: EventId, other: EventId): number {
    const { author } = this.operations.get(id)!
    const successions = [...this.pasts.get(id)!].filter((one) => {
      const succession = this.operations.get(one)!
      if (succession.change.kind !== 'succeed' || succession.author !== author) return false
      return this.#judge(one).allowed && this.#isRevocation(other) && this.#reaches(other, one)
    })
    return Math.min(this.#rank(id), ...successions.map((one) => this.#roleOf(one)))
  }

  #rank(id: EventId): number {
    return this.operations.get(id)!.change.kind === 'succeed' ? 100 : this.#roleOf(id)
  }

  #roleOf(id: EventId): number {
    return this.#judge(id).circumstances.author ?? -1
  }

  /** R3. */
  #cancels(revocation: EventId, id: EventId): boolean {
    return this.#reaches(revocation, id) && !this.#blunts(revocation, id)
  }

  /** It stays, but takes nothing from others any more. */
  #blunts(revocation: EventId, id: EventId): boolean {
    const { author, change } = this.operations.get(id)!
    if (change.kind !== 'role' && change.kind !== 'remove') return false
    const isSelf = change.target === author
    return (
      isSelf &&
      this.operations.get(revocation)!.change.kind !== 'removeDevice' &&
      this.#reaches(revocation, id)
    )
  }

  #reaches(revocation: EventId, id: EventId): boolean {
    if (revocation === id || this.#isBefore(revocation, id)) return false
    const [role, revokingRole] = [this.#roleAgainst(id, revocation), this.#roleAgainst(revocation, id)]
    const isOwnDevice = this.operations.get(id)!.change.kind === 'removeDevice'
    const isOfPerson = ['role', 'remove'].includes(this.operations.get(revocation)!.change.kind)
    if (this.#isRevocation(id)) {
      if (role > revokingRole) return false
      const isEven = role === revokingRole && !(isOwnDevice && isOfPerson)
      if (isEven && this.#order(id, revocation) < 0) return false
    }
    const { author, device, seq, change } = this.operations.get(id)!
    const { author: by, change: revoking } = this.operations.get(revocation)!
    const wasSeen = this.#isBefore(id, revocation)
    if (change.kind === 'create') return false
    if (revoking.kind === 'revoke')
      return change.kind === 'join' && change.invite === revoking.invite && !wasSeen
    if (revoking.kind === 'successor')
      return (
        change.kind === 'succeed' &&
        author !== revoking.target &&
        this.#judge(revocation).circumstances.named.some(({ successor }) => successor === author) &&
        !wasSeen
      )
    if (revoking.kind === 'removeDevice') {
      if (author !== by || device !== revoking.device) return false
      if (change.kind === 'join' || change.kind === 'removeDevice') return false
      return role <= revokingRole && (!wasSeen || seq > revoking.extent.c)
    }
    if (revoking.kind !== 'role' && revoking.kind !== 'remove') return false
    const left = revoking.kind === 'role' ? revoking.role : -1
    if (change.kind === 'join' && !wasSeen) {
      const { author: host, change: invite } = this.operations.get(change.invite)!
      const role = invite.kind === 'invite' ? invite.role : NaN
      if (host === revoking.target && (left < 50 || left <= role) && role < this.#rank(revocation))
        return true
    }
    if (change.kind === 'succeed' && !wasSeen) {
      const { named } = this.#judge(id).circumstances
      if (named.some(({ owner, successor }) => successor === author && owner === revoking.target)) return true
    }
    if (author !== revoking.target || author === by) return false
    const accepted = revoking.cut.get(device)?.c ?? 0
    return role <= revokingRole && (!wasSeen || seq > accepted)
  }

  resolve(set: ReadonlySet<EventId>): Outcome {
    const allowed = [...set].filter((id) => this.#judge(id).allowed)
    const causesFirst = allowed.sort((a, b) => this.#depth(a) - this.#depth(b))
    const revocations = allowed
      .filter((id) => this.#isRevocation(id) && allowed.some((other) => this.#reaches(id, other)))
      .sort((a, b) => this.#precedence(a, b))
    const undone = new Set<EventId>()
    for (;;) {
      const accepted: EventId[] = []
      const isBlunted = (id: EventId) => accepted.some((revocation) => this.#blunts(revocation, id))
      const evaluate = () => {
        const effective = new Set<EventId>()
        for (const id of causesFirst) {
          if (accepted.some((revocation) => this.#cancels(revocation, id))) continue
          if (this.#standsAmong(effective, id)) effective.add(id)
        }
        return effective
      }
      const waiting: EventId[] = []
      const mayCount = (one: EventId) => !isBlunted(one) && evaluate().has(one)
      for (const revocation of revocations) {
        if (undone.has(revocation)) continue
        waiting.push(revocation)
        // Whoever has its role back because of one that was accepted comes now.
        for (let next; (next = waiting.findIndex(mayCount)) >= 0;) accepted.push(...waiting.splice(next, 1))
      }
      const effective = evaluate()
      const fallen = accepted.findLast((revocation) => !effective.has(revocation))
      if (fallen === undefined) {
        const blunted = new Set([...effective].filter(isBlunted))
        return { effective, blunted, roleOf: (user) => this.#role(user, effective) }
      }
      undone.add(fallen)
    }
  }

  /** R7. */
  #standsAmong(effective: ReadonlySet<EventId>, id: EventId): boolean {
    const operation = this.operations.get(id)!
    const before = this.#judge(id).circumstances
    const now = this.#circumstances(id, effective)
    if (operation.change.kind === 'join')
      return !now.isDeviceRemoved && now.invite !== undefined && now.invite.isBacked
    const { author, isDeviceRemoved, named } = now
    const again = { ...before, author, isDeviceRemoved }
    return isAllowed(operation, this.#root, operation.change.kind === 'succeed' ? { ...again, named } : again)
  }

  #circumstances(id: EventId, among: ReadonlySet<EventId>): Circumstances {
    const past = this.pasts.get(id)!
    const counting = new Set([...past].filter((one) => among.has(one)))
    const operation = this.operations.get(id)!
    const { author, device, change } = operation
    const target = 'target' in change ? change.target : targetOf(operation)
    const isDeviceRemoved = this.isDeviceRemoved(author, device, counting)
    return {
      author: isDeviceRemoved ? undefined : this.#role(author, counting),
      isDeviceRemoved,
      target: target === undefined ? undefined : this.#role(target, counting),
      invite: 'invite' in change ? this.#invite(change.invite, author, counting) : undefined,
      isOwnDevice: [...past].some((one) => {
        const other = this.operations.get(one)!
        if (change.kind !== 'removeDevice' || !this.#judge(one).allowed) return false
        return other.author === author && other.device === change.device
      }),
      named: this.named(counting),
    }
  }

  isDeviceRemoved(user: UserTag, device: DeviceTag, counting: ReadonlySet<EventId>): boolean {
    return [...counting].some((one) => {
      const { author, change } = this.operations.get(one)!
      return author === user && change.kind === 'removeDevice' && change.device === device
    })
  }

  isBeyondCut(
    user: UserTag,
    device: DeviceTag,
    seq: number,
    head: EventId,
    counting: ReadonlySet<EventId>,
  ): boolean {
    const seen = this.closure([head])
    return [...counting].some((one) => {
      const { author, change } = this.operations.get(one)!
      if (seen.has(one)) return false
      if (change.kind === 'removeDevice')
        return author === user && change.device === device && seq > change.extent.m
      if ((change.kind !== 'role' && change.kind !== 'remove') || change.target !== user) return false
      if (change.kind === 'role' && (change.role >= 10 || !this.#isRevocation(one))) return false
      return seq > (change.cut.get(device)?.m ?? 0)
    })
  }

  openInvites(nowMs: number, counting: ReadonlySet<EventId>) {
    return [...counting].sort().flatMap((id) => {
      const { author, change } = this.operations.get(id)!
      if (change.kind !== 'invite' || change.expiresMs < nowMs) return []
      const there = this.#invite(id, '', counting)
      if (!there?.isBacked || there.isUsedUp) return []
      const joins = [...counting].map((one) => this.operations.get(one)!)
      const joined = joins.filter((one) => one.change.kind === 'join' && one.change.invite === id)
      const uses = new Set(joined.map((one) => one.author)).size
      const { role, expiresMs, maxUses } = change
      return [{ id, author, role, expiresMs, maxUses, uses }]
    })
  }

  #invite(id: EventId, joining: UserTag, counting: ReadonlySet<EventId>): Circumstances['invite'] {
    const { author, change } = this.operations.get(id) ?? {}
    if (change?.kind !== 'invite' || !counting.has(id)) return undefined
    const others = [...counting].map((one) => this.operations.get(one)!)
    if (others.some((other) => other.change.kind === 'revoke' && other.change.invite === id)) return undefined
    const joined = others.filter(
      (other) => other.change.kind === 'join' && other.change.invite === id && other.author !== joining,
    )
    const host = this.#role(author!, counting) ?? -1
    return {
      author: author!,
      role: change.role,
      expiresMs: change.expiresMs,
      isBacked: host >= 50 && host > change.role,
      isUsedUp: new Set(joined.map((other) => other.author)).size >= change.maxUses,
    }
  }

  named(counting: ReadonlySet<EventId>): Naming[] {
    const namings = [...counting].filter((one) => this.operations.get(one)!.change.kind === 'successor')
    const named: Naming[] = []
    for (const id of namings) {
      const { author: owner, change } = this.operations.get(id)!
      if (change.kind !== 'successor' || change.target === undefined) continue
      const { target: successor } = change
      if (namings.some((later) => this.#isBefore(id, later))) continue
      const isRemoved = [...counting].some((one) => {
        const other = this.operations.get(one)!.change
        return other.kind === 'remove' && other.target === successor && !this.#isBefore(one, id)
      })
      if (!isRemoved && this.#role(owner, counting) === 100) named.push({ id, owner, successor })
    }
    return named
  }

  /** R5, R6. */
  #role(user: UserTag, effective: ReadonlySet<EventId>): Role | undefined {
    const about = [...effective].filter((id) => targetOf(this.operations.get(id)!) === user)
    const changeOf = (id: EventId) => this.operations.get(id)!.change
    const removals = about.filter((id) => changeOf(id).kind === 'remove')
    const readmits = (admission: EventId, removal: EventId): boolean => {
      const { author, change } = this.operations.get(removal)!
      const by = changeOf(admission)
      if (by.kind !== 'join') return this.#isBefore(removal, admission)
      if (change.kind === 'remove' && change.ban) return false
      return this.#isBefore(removal, author === user ? admission : by.invite)
    }
    const admissions = about.filter(
      (id) => changeOf(id).kind !== 'remove' && removals.every((removal) => readmits(id, removal)),
    )
    const given = (id: EventId): Role => {
      const change = changeOf(id)
      if (change.kind === 'join') return given(change.invite)
      if (change.kind === 'create' || change.kind === 'succeed') return 100
      return 'role' in change ? change.role : NaN
    }
    if (admissions.length === 0) return undefined
    const isRole = (id: EventId) => ['role', 'succeed'].includes(changeOf(id).kind)
    const settings = [...new Set([...admissions, ...about.filter(isRole)])]
    const latest = settings.filter((id) => !settings.some((other) => this.#isBefore(id, other)))
    const roles = latest.filter(isRole)
    const set = Math.min(...roles.map(given))
    if (roles.some((id) => admissions.includes(id))) return set
    return Math.min(set, Math.max(...latest.filter((id) => !isRole(id)).map(given)))
  }
}
