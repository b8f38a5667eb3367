/**
 * Rules R1 to R7 once more, word for word, with sets and without anything that makes it fast: what the resolver is
 * compared with.
 */
import type { EventId } from '../../../src-main/api/contract.ts'
import {
  isAllowed,
  targetOf,
  type Circumstances,
  type Operation,
  type Role,
  type UserTag,
} from '../../../src-main/core/control/operation.ts'

export interface Outcome {
  effective: ReadonlySet<EventId>
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

  #victim(id: EventId): string | undefined {
    const { author, change } = this.operations.get(id)!
    if (change.kind === 'revoke') return change.invite
    if (!('cut' in change) || change.target === author) return undefined
    const { target } = this.#judge(id).circumstances
    if (target === undefined) return undefined
    return change.kind === 'remove' || change.role < target ? change.target : undefined
  }

  #isBefore(a: EventId, b: EventId): boolean {
    return this.pasts.get(b)!.has(a)
  }

  /** R4. */
  #precedence(a: EventId, b: EventId): number {
    const rank = (id: EventId) => this.#judge(id).circumstances.author ?? -1
    return rank(b) - rank(a) || this.#depth(a) - this.#depth(b) || (a < b ? -1 : 1)
  }

  /** R3. */
  #cancels(revocation: EventId, id: EventId): boolean {
    const { author, device, seq, change } = this.operations.get(id)!
    const victim = this.#victim(revocation)
    if (victim !== author && !(change.kind === 'join' && change.invite === victim)) return false
    if ('target' in change && change.target === author) return false
    if (revocation === id || this.#isBefore(revocation, id)) return false
    if (this.#victim(id) !== undefined && this.#precedence(id, revocation) < 0) return false
    const revoking = this.operations.get(revocation)!.change
    if (revoking.kind === 'revoke') return !this.#isBefore(id, revocation)
    return 'cut' in revoking && seq > (revoking.cut.get(device) ?? 0)
  }

  resolve(set: ReadonlySet<EventId>): Outcome {
    const allowed = [...set].filter((id) => this.#judge(id).allowed)
    const causesFirst = allowed.sort((a, b) => this.#depth(a) - this.#depth(b))
    const revocations = allowed
      .filter((id) => this.#victim(id) !== undefined && allowed.some((other) => this.#cancels(id, other)))
      .sort((a, b) => this.#precedence(a, b))
    const undone = new Set<EventId>()
    for (;;) {
      const accepted: EventId[] = []
      const evaluate = () => {
        const effective = new Set<EventId>()
        for (const id of causesFirst) {
          if (accepted.some((revocation) => this.#cancels(revocation, id))) continue
          if (this.#standsAmong(effective, id)) effective.add(id)
        }
        return effective
      }
      for (const revocation of revocations)
        if (!undone.has(revocation) && evaluate().has(revocation)) accepted.push(revocation)
      const effective = evaluate()
      const fallen = accepted.findLast((revocation) => !effective.has(revocation))
      if (fallen === undefined) return { effective, roleOf: (user) => this.#role(user, effective) }
      undone.add(fallen)
    }
  }

  /** R7. */
  #standsAmong(effective: ReadonlySet<EventId>, id: EventId): boolean {
    const operation = this.operations.get(id)!
    if (operation.change.kind === 'join') return effective.has(operation.change.invite)
    const past = new Set([...this.pasts.get(id)!].filter((one) => effective.has(one)))
    const author = this.#role(operation.author, past)
    return isAllowed(operation, this.#root, { ...this.#judge(id).circumstances, author })
  }

  #circumstances(id: EventId, among: ReadonlySet<EventId>): Circumstances {
    const past = this.pasts.get(id)!
    const counting = new Set([...past].filter((one) => among.has(one)))
    const operation = this.operations.get(id)!
    const target = targetOf(operation)
    const { change } = operation
    const invited = 'invite' in change && counting.has(change.invite) ? change.invite : undefined
    const invite = invited === undefined ? undefined : this.operations.get(invited)!
    const isRevoked = [...counting].some((one) => {
      const { change: other } = this.operations.get(one)!
      return other.kind === 'revoke' && other.invite === invited
    })
    return {
      author: this.#role(operation.author, counting),
      target: target === undefined ? undefined : this.#role(target, counting),
      invite:
        invite?.change.kind === 'invite' && !isRevoked
          ? { ...invite.change, author: invite.author }
          : undefined,
    }
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
      return change.kind === 'create' ? 100 : 'role' in change ? change.role : NaN
    }
    if (admissions.length === 0) return undefined
    const isRole = (id: EventId) => changeOf(id).kind === 'role'
    const settings = [...new Set([...admissions, ...about.filter(isRole)])]
    const latest = settings.filter((id) => !settings.some((other) => this.#isBefore(id, other)))
    const roles = latest.filter(isRole)
    const set = Math.min(...roles.map(given))
    if (roles.some((id) => admissions.includes(id))) return set
    return Math.min(set, Math.max(...latest.filter((id) => !isRole(id)).map(given)))
  }
}
