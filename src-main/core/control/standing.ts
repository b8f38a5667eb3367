/** How things stand in some past, given what of it counts: who is what, which invites hold, whom owners have named. */
import type { DeviceTag, EventId } from '../../api/contract.ts'
import type { Ledger } from './ledger.ts'
import {
  mayInvite,
  ROLE,
  targetOf,
  type Change,
  type Circumstances,
  type InviteThere,
  type Naming,
  type Operation,
  type Role,
  type UserTag,
} from './operation.ts'
import { holds, type View } from './pasts.ts'
import { roleBy, roleOf } from './roles.ts'
import type { Context, Verdicts } from './verdicts.ts'

const NAMINGS_MATTER = new Set<Change['kind']>(['successor', 'succeed', 'role', 'remove'])

const NOBODY: readonly Naming[] = []

export class Standing {
  readonly #ledger: Ledger
  readonly #view: View
  readonly #verdicts: Verdicts
  readonly #context: Context

  constructor(ledger: Ledger, view: View, verdicts: Verdicts, context: Context) {
    this.#ledger = ledger
    this.#view = view
    this.#verdicts = verdicts
    this.#context = context
  }

  counts(number: number): boolean {
    return holds(this.#view, number) && this.#verdicts.verdict(number, this.#context)
  }

  circumstancesOf(operation: Operation): Circumstances {
    const { author, device, change } = operation
    const isDeviceRemoved = this.isDeviceRemoved(author, device)
    const target = 'target' in change ? change.target : targetOf(operation)
    const invite = 'invite' in change ? this.invite(change.invite) : undefined
    if (invite && change.kind === 'join') invite.isUsedUp = this.#isUsedUp(change.invite, author)
    return {
      author: isDeviceRemoved ? undefined : this.role(author),
      isDeviceRemoved,
      target: target === undefined ? undefined : this.role(target),
      invite,
      isOwnDevice: change.kind === 'removeDevice' && this.#hasActed(author, change.device),
      named: NAMINGS_MATTER.has(change.kind) ? this.named() : NOBODY,
    }
  }

  role(user: UserTag): Role | undefined {
    const all = this.#ledger.about(user)
    // Mostly it is one.
    if (all.length === 1) return this.counts(all[0]!) ? roleBy(this.#ledger.judged[all[0]!]!) : undefined
    return all.length === 0 ? undefined : this.#settledRole(all)
  }

  #settledRole(about: readonly number[]): Role | undefined {
    const counting = about
      .filter((number) => this.counts(number))
      .map((number) => this.#ledger.judged[number]!)
    return roleOf(counting, this.#ledger.isBefore)
  }

  /** A device is removed for the person who did that; there is no other, unless somebody lends a key. */
  isDeviceRemoved(user: UserTag, device: DeviceTag): boolean {
    const removals = this.#ledger.deviceRemovals(device)
    if (removals.length === 0) return false
    return removals.some((number) => this.#operation(number).author === user && this.counts(number))
  }

  /** Whether somebody did anything with a device. */
  #hasActed(user: UserTag, device: DeviceTag): boolean {
    return this.#ledger
      .by(user)
      .some((number) => this.#operation(number).device === device && holds(this.#view, number))
  }

  /** undefined when it does not count or was taken back. Whether it is used up depends on who asks: not told. */
  invite(id: EventId): InviteThere | undefined {
    const invite = this.#ledger.find(id)
    if (!invite || !this.counts(invite.number)) return undefined
    const { author, change } = invite.operation
    if (change.kind !== 'invite' || this.#ledger.revokes(id).some((number) => this.counts(number)))
      return undefined
    const { role, expiresMs } = change
    return { role, expiresMs, author, isBacked: mayInvite(this.role(author), role), isUsedUp: false }
  }

  #isUsedUp(id: EventId, joining: UserTag): boolean {
    const invite = this.#operation(this.#ledger.number(id)).change
    // Mostly there is room for everybody.
    if (invite.kind !== 'invite' || this.#ledger.joins(id).length < invite.maxUses) return false
    const joined = this.joinedBy(id)
    joined.delete(joining)
    return joined.size >= invite.maxUses
  }

  joinedBy(invite: EventId): Set<UserTag> {
    const joins = this.#ledger.joins(invite).filter((number) => this.counts(number))
    return new Set(joins.map((number) => this.#operation(number).author))
  }

  /** The latest namings, by owners who are owners still, of people who were not removed since. */
  named(): Naming[] {
    if (this.#ledger.namings.length === 0) return []
    const namings = this.#ledger.namings.filter((number) => this.counts(number))
    const { pasts } = this.#ledger
    const named: Naming[] = []
    for (const number of namings) {
      const { id, author: owner, change } = this.#operation(number)
      if (change.kind !== 'successor' || change.target === undefined) continue
      if (namings.some((later) => pasts.isBefore(number, later))) continue
      const isRemoved = this.#ledger
        .about(change.target)
        .some(
          (one) =>
            this.#operation(one).change.kind === 'remove' && !pasts.isBefore(one, number) && this.counts(one),
        )
      if (!isRemoved && this.role(owner) === ROLE.owner) named.push({ id, owner, successor: change.target })
    }
    return named
  }

  #operation(number: number): Operation {
    return this.#ledger.judged[number]!.operation
  }
}
