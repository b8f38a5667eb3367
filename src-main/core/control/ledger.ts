/** The operations of a group, numbered as they come, and those that are allowed by what they are about. */
import type { DeviceTag, EventId } from '../../api/contract.ts'
import type { Judged } from './cuts.ts'
import { targetOf, type UserTag } from './operation.ts'
import { holds, Pasts, type View } from './pasts.ts'

const NONE: readonly number[] = []
const NOBODY: readonly Judged[] = []

export class Ledger {
  readonly pasts = new Pasts()
  readonly judged: Judged[] = []
  readonly #numbers = new Map<EventId, number>()
  // What is allowed, by number, causes first.
  readonly #about = new Map<UserTag, number[]>()
  readonly #by = new Map<UserTag, number[]>()
  readonly #joins = new Map<EventId, number[]>()
  readonly invites: number[] = []
  readonly namings: number[] = []
  readonly #successions: number[] = []
  /** Removals and demotions of a person, its own among them. */
  readonly #lowerings = new Map<UserTag, number[]>()
  readonly #deviceRemovals = new Map<DeviceTag, number[]>()
  readonly #revokes = new Map<EventId, number[]>()

  has(id: EventId): boolean {
    return this.#numbers.has(id)
  }

  /** TypeError when the operation is not here. */
  number(id: EventId): number {
    const number = this.#numbers.get(id)
    if (number === undefined) throw new TypeError(`operation ${id} is not here`)
    return number
  }

  find(id: EventId): Judged | undefined {
    const number = this.#numbers.get(id)
    return number === undefined ? undefined : this.judged[number]
  }

  readonly isBefore = (a: Judged, b: Judged) => this.pasts.isBefore(a.number, b.number)

  add(judged: Judged): void {
    const { number, operation } = judged
    const { id, author, change } = operation
    this.#numbers.set(id, number)
    this.judged.push(judged)
    if (!judged.isAllowed) return
    note(this.#by, author, number)
    const target = targetOf(operation)
    if (target !== undefined) note(this.#about, target, number)
    if (change.kind === 'join') note(this.#joins, change.invite, number)
    if (change.kind === 'invite') this.invites.push(number)
    if (change.kind === 'successor') this.namings.push(number)
    if (change.kind === 'succeed') this.#successions.push(number)
    if (!judged.isRevocation) return
    if (change.kind === 'role' || change.kind === 'remove') note(this.#lowerings, change.target, number)
    if (change.kind === 'removeDevice') note(this.#deviceRemovals, change.device, number)
    if (change.kind === 'revoke') note(this.#revokes, change.invite, number)
  }

  /** Everybody that anything was ever about. */
  people(): Iterable<UserTag> {
    return this.#about.keys()
  }

  /** What settles somebody's place in the group. */
  about(user: UserTag): readonly number[] {
    return this.#about.get(user) ?? NONE
  }

  by(user: UserTag): readonly number[] {
    return this.#by.get(user) ?? NONE
  }

  joins(invite: EventId): readonly number[] {
    return this.#joins.get(invite) ?? NONE
  }

  lowerings(user: UserTag): readonly number[] {
    return this.#lowerings.get(user) ?? NONE
  }

  deviceRemovals(device: DeviceTag): readonly number[] {
    return this.#deviceRemovals.get(device) ?? NONE
  }

  revokes(invite: EventId): readonly number[] {
    return this.#revokes.get(invite) ?? NONE
  }

  /** By which somebody became an owner, as far as somebody has seen. */
  successionsOf(user: UserTag, view: View): readonly Judged[] {
    if (this.#successions.length === 0) return NOBODY
    return this.#successions
      .filter((number) => holds(view, number))
      .map((number) => this.judged[number]!)
      .filter(({ operation }) => operation.author === user)
  }

  /** Revocations that may reach an operation. */
  mayReach({ operation, circumstances, invite }: Judged): Iterable<number> {
    const { author, device, change } = operation
    const revocations = [...this.lowerings(author), ...this.deviceRemovals(device)]
    if (change.kind === 'join' && invite)
      revocations.push(...this.revokes(change.invite), ...this.lowerings(invite.operation.author))
    if (change.kind === 'succeed') {
      revocations.push(...this.namings.filter((number) => this.judged[number]!.isRevocation))
      for (const { owner } of circumstances.named) revocations.push(...this.lowerings(owner))
    }
    return new Set(revocations)
  }

  /** What a revocation may reach: the other way round. */
  reachableBy({ operation }: Judged): Iterable<number> {
    const { author, change } = operation
    switch (change.kind) {
      case 'revoke':
        return this.joins(change.invite)
      case 'removeDevice':
        return this.by(author)
      case 'successor':
        return this.#successions
      case 'role':
      case 'remove': {
        const done = this.by(change.target)
        const joins = done.flatMap((number) => this.joins(this.judged[number]!.operation.id))
        return new Set([...done, ...joins, ...this.#successions])
      }
      default:
        return NONE
    }
  }
}

export function note<K>(map: Map<K, number[]>, key: K, number: number): void {
  const list = map.get(key)
  if (list) list.push(number)
  else map.set(key, [number])
}
