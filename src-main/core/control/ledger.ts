/** The operations of a group, numbered as they come, and those that are allowed by what they are about. */
import type { DeviceTag, EventId } from '../../api/contract.ts'
import type { Judged } from './cuts.ts'
import { targetOf, type UserTag } from './operation.ts'
import { holds, Pasts, type View } from './pasts.ts'

const NONE: readonly number[] = []
const NOBODY: readonly Judged[] = []

/** What is known of somebody; each undefined when there is nothing. */
interface Person {
  about: number[] | undefined
  by: number[] | undefined
  /** Removals and demotions, its own among them. */
  lowerings: number[] | undefined
}

export class Ledger {
  readonly pasts = new Pasts()
  readonly judged: Judged[] = []
  readonly #numbers = new Map<EventId, number>()
  // What is allowed, by number, causes first.
  readonly #people = new Map<UserTag, Person>()
  readonly #joins = new Map<EventId, number[]>()
  readonly invites: number[] = []
  readonly namings: number[] = []
  readonly #successions: number[] = []
  readonly #deviceRemovals = new Map<DeviceTag, number[]>()
  readonly #revokes = new Map<EventId, number[]>()
  /** What is allowed, and yet may come to nothing, in the order in which that was noticed. */
  readonly disputed: number[] = []
  /** Of whom anything disputed says what they may do. */
  readonly #disputedUsers = new Set<UserTag>()
  readonly #disputedInvites = new Set<EventId>()

  has(id: EventId): boolean {
    return this.#numbers.has(id)
  }

  /** TypeError when the operation is not here. */
  readonly number = (id: EventId): number => {
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
    const by = this.#person(author)
    by.by = noted(by.by, number)
    const target = targetOf(operation)
    if (target !== undefined) {
      const whom = target === author ? by : this.#person(target)
      whom.about = noted(whom.about, number)
      if (judged.isRevocation) whom.lowerings = noted(whom.lowerings, number)
    }
    if (change.kind === 'join') note(this.#joins, change.invite, number)
    if (change.kind === 'invite') this.invites.push(number)
    if (change.kind === 'successor') this.namings.push(number)
    if (change.kind === 'succeed') this.#successions.push(number)
    if (!judged.isRevocation) return
    if (change.kind === 'removeDevice') note(this.#deviceRemovals, change.device, number)
    if (change.kind === 'revoke') note(this.#revokes, change.invite, number)
  }

  /** Everybody that anything was ever about. */
  people(): Iterable<UserTag> {
    return this.#people.keys()
  }

  #person(user: UserTag): Person {
    let person = this.#people.get(user)
    if (!person) this.#people.set(user, (person = { about: undefined, by: undefined, lowerings: undefined }))
    return person
  }

  /** What settles somebody's place in the group. */
  about(user: UserTag): readonly number[] {
    return this.#people.get(user)?.about ?? NONE
  }

  by(user: UserTag): readonly number[] {
    return this.#people.get(user)?.by ?? NONE
  }

  joins(invite: EventId): readonly number[] {
    return this.#joins.get(invite) ?? NONE
  }

  lowerings(user: UserTag): readonly number[] {
    return this.#people.get(user)?.lowerings ?? NONE
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
    let revocations = joined(this.lowerings(author), this.deviceRemovals(device))
    if (change.kind === 'join' && invite) {
      revocations = joined(revocations, this.revokes(change.invite))
      revocations = joined(revocations, this.lowerings(invite.operation.author))
    }
    if (change.kind === 'succeed') {
      revocations = joined(
        revocations,
        this.namings.filter((number) => this.judged[number]!.isRevocation),
      )
      for (const { owner } of circumstances.named) revocations = joined(revocations, this.lowerings(owner))
    }
    return revocations.length > 1 ? new Set(revocations) : revocations
  }

  /** Marks an operation as disputed, and all that hangs on it. */
  dispute(judged: Judged): void {
    const open = [judged]
    for (let one; (one = open.pop());) {
      if (one.isDisputed) continue
      one.isDisputed = true
      // A succession hangs on much: it is disputed as soon as anything is.
      if (this.disputed.push(one.number) === 1)
        for (const number of this.#successions) open.push(this.judged[number]!)
      for (const number of this.#newDependants(one)) open.push(this.judged[number]!)
    }
  }

  /** Whether an operation that is new hangs on anything disputed. */
  dependsOnDisputed({ operation: { author, change }, invite }: Judged): boolean {
    if (this.disputed.length === 0) return false
    if (this.#disputedUsers.has(author) || change.kind === 'succeed') return true
    if (change.kind !== 'join' || !invite) return false
    return this.#disputedInvites.has(change.invite) || this.#disputedUsers.has(invite.operation.author)
  }

  /** What may be otherwise without an operation, and some more; but for what another one has led to already. */
  #newDependants({ operation }: Judged): readonly number[] {
    const { id, author, change } = operation
    const invite = change.kind === 'invite' ? id : change.kind === 'revoke' ? change.invite : undefined
    if (invite !== undefined && !this.#disputedInvites.has(invite)) {
      this.#disputedInvites.add(invite)
      return this.joins(invite)
    }
    const user = change.kind === 'removeDevice' ? author : targetOf(operation)
    if (user === undefined || this.#disputedUsers.has(user)) return NONE
    this.#disputedUsers.add(user)
    return this.#reachOf(user)
  }

  /** What somebody did, and the joins by its invites. */
  #reachOf(user: UserTag): readonly number[] {
    const done = this.by(user)
    return [...done, ...done.flatMap((number) => this.joins(this.judged[number]!.operation.id))]
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
      case 'remove':
        return new Set([...this.#reachOf(change.target), ...this.#successions])
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

/** Mostly there is nothing to join. */
function joined(one: readonly number[], other: readonly number[]): readonly number[] {
  if (other.length === 0) return one
  return one.length === 0 ? other : one.concat(other)
}

function noted(list: number[] | undefined, number: number): number[] {
  if (!list) return [number]
  list.push(number)
  return list
}
