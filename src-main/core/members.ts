/**
 * Who belongs to a group, on which devices, and what each may write: the control events of the group, read and handed to
 * the resolver (core/control/resolver.ts). Nothing outside this file knows how membership is decided.
 *
 * 1. Whether an event is valid depends on its own past alone (R1): all devices take it, or none. Control events of
 *    members are taken even when they come to nothing (R8), those of anybody else are not.
 * 2. What is shown depends on the set of control events, but for what a forked device wrote and nobody built on (R9).
 * 3. Whoever was removed may have written on without knowing: what lies beyond the cut counts no more, nor is it shown.
 *    core/fork.ts says what becomes of it.
 */
import type { DeviceTag, EventId, GroupId } from '../api/contract.ts'
import { equalBytes, Writer } from './bytes.ts'
import {
  certifiedUser,
  decodeBody,
  isEntrance,
  proofStatement,
  voucherStatement,
  type Admission,
  type Body,
  type Credentials,
  type Verify,
} from './control/bodies.ts'
import {
  mayInvite,
  ROLE,
  targetOf,
  type Cut,
  type Operation,
  type Role,
  type UserTag,
} from './control/operation.ts'
import { Resolver } from './control/resolver.ts'
import { Views, type Seen } from './control/views.ts'
import { chainOf, deviceTag, KIND, type Event, type Sha256 } from './event.ts'
import { hlcTimeMs } from './hlc.ts'
import type { Entry, History } from './history.ts'
import { MAX_CUT_DEVICES } from './limits.ts'
import type { Reason } from './reasons.ts'

export type { Verify } from './control/bodies.ts'

/** One device that ever entered. */
export interface MemberDevice {
  tag: DeviceTag
  publicKey: Uint8Array
  user: UserTag
  userKey: Uint8Array
  /** The control event with which it entered first. */
  entrance: EventId
}

/** What judge() found out about an event that is valid. */
export interface Judged {
  /** Of a message: the control events in its past. */
  seen?: Seen
  /** Of a control event. */
  control?: { body: Body; operation: Operation }
}

interface Noted {
  operation: Operation
  entry: Entry
}

export class Roster {
  readonly views: Views
  readonly #group: GroupId
  readonly #sha256: Sha256
  readonly #verify: Verify
  readonly #history: History
  readonly #entrances = new Map<DeviceTag, MemberDevice[]>()
  readonly #devicesOf = new Map<UserTag, DeviceTag[]>()
  readonly #inviteKeys = new Map<EventId, Uint8Array>()
  readonly #noted = new Map<EventId, Noted>()
  /** What devices may do who have seen that much, as far as somebody asked. */
  readonly #roles = new WeakMap<Seen, Map<DeviceTag, Role | undefined>>()
  /** Whom somebody removed or demoted, and devices that were taken out, whether that counts or not. */
  readonly #revoked = new Set<UserTag | DeviceTag>()
  /** Of everything that was delivered: what an event's past resolves to. */
  readonly #all: Resolver
  readonly #removals: EventId[] = []
  /** Of what counts: the same, unless somebody forked. */
  #shown: Resolver
  /** Control events that do not count. */
  #discounted = new Set<EventId>()
  #rebuilt = 0
  /** forks.version that this goes by. */
  #refreshedAt = 0

  constructor(group: GroupId, sha256: Sha256, verify: Verify, history: History) {
    this.#group = group
    this.#sha256 = sha256
    this.#verify = verify
    this.#history = history
    this.#all = new Resolver(group)
    this.#shown = this.#all
    this.views = new Views((a, b) => this.#all.isBefore(a, b))
  }

  /** Everybody who belongs to the group. */
  get members(): ReadonlyMap<UserTag, Role> {
    return this.#shown.members
  }

  /** What was decided so far, for whoever explains it. */
  get resolver(): Resolver {
    return this.#shown
  }

  /** Grows when something may count, or count no more, that did not before. */
  get version(): string {
    return `${this.#rebuilt}.${this.#shown.version}`
  }

  /** Who was named by an owner to become one, and is none yet. */
  get successors(): ReadonlySet<UserTag> {
    return new Set(this.#shown.namedSuccessors.map(({ successor }) => successor))
  }

  /** How many control events are here. */
  get count(): number {
    return this.#noted.size
  }

  /** The group's first event is here. */
  get isFounded(): boolean {
    return this.#noted.size > 0
  }

  /** Whether this device ever entered. */
  knows(tag: DeviceTag): boolean {
    return this.#entrances.has(tag)
  }

  device(tag: DeviceTag): MemberDevice | undefined {
    return this.#entrances.get(tag)?.[0]
  }

  /** Devices of everybody who ever belonged to the group. */
  *devices(): Generator<MemberDevice> {
    for (const [first] of this.#entrances.values()) yield first!
  }

  /** Tags of all devices with which a person ever entered. */
  devicesOf(user: UserTag): readonly DeviceTag[] {
    return this.#devicesOf.get(user) ?? []
  }

  /** Whether a device belongs to the group now: its person does, and did not take it out. */
  isActive(tag: DeviceTag): boolean {
    const device = this.device(tag)
    return device !== undefined && this.#shown.role(device.user) !== undefined && !this.isRemovedDevice(tag)
  }

  isRemovedDevice(tag: DeviceTag): boolean {
    const user = this.device(tag)?.user
    return user !== undefined && this.#shown.isRemovedDevice(user, tag)
  }

  /** The latest control event that counts and took a device, or its person, out of the group. */
  removalOf(tag: DeviceTag): EventId | undefined {
    const user = this.device(tag)?.user
    const removals = this.#removals.filter((id) => {
      const { change } = this.#noted.get(id)!.operation
      const isAbout =
        change.kind === 'remove' ? change.target === user : 'device' in change && change.device === tag
      return isAbout && this.#shown.has(id) && this.#shown.isEffective(id)
    })
    return removals.at(-1)
  }

  /** Who wrote a delivered control event. */
  authorOf(control: EventId): UserTag | undefined {
    return this.#noted.get(control)?.operation.author
  }

  /** All operations that count, in the order of delivery. */
  *operations(): Generator<Operation> {
    for (const { operation } of this.#noted.values()) if (!this.#discounted.has(operation.id)) yield operation
  }

  /**
   * Whether somebody may know the secret of an epoch who should no longer: a removal that counts is not in the past of the
   * event that began it, or that event does not count.
   */
  isExposed(founder: EventId): boolean {
    const shown = this.#shown
    if (!shown.has(founder) || !shown.isEffective(founder)) return true
    return this.#removals.some((id) => shown.has(id) && shown.isEffective(id) && !shown.isBefore(id, founder))
  }

  /** Whether somebody was a member in the past of a delivered control event. */
  wasMember(user: UserTag, control: EventId): boolean {
    return this.#all.has(control) && this.#all.roleAt([control], user) !== undefined
  }

  /** Everybody who is a member, or was one, or at least has a device that tried to enter. */
  everybody(): Iterable<UserTag> {
    return new Set([...this.#devicesOf.keys(), ...this.#shown.people()])
  }

  /** The person that a delivered control event is about, if any. */
  targetOf(control: EventId): UserTag | undefined {
    const operation = this.#noted.get(control)?.operation
    return operation && targetOf(operation)
  }

  /** How somebody went who was a member; undefined of whoever is one, or never was. */
  wayOut(user: UserTag): 'left' | 'removed' | 'banned' | undefined {
    return this.#shown.role(user) === undefined ? this.#shown.wayOut(user) : undefined
  }

  /** Whether a delivered control event lies in the past of another. */
  isBefore(a: EventId, b: EventId): boolean {
    return this.#all.isBefore(a, b)
  }

  /** The public half of an invite's key, once the invite is here. */
  inviteKey(invite: EventId): Uint8Array | undefined {
    return this.#inviteKeys.get(invite)
  }

  /** Whether an invite admits this person: again, after a removal, only if it was made since. */
  admits(invite: EventId, user: UserTag): boolean {
    const shown = this.#shown
    return this.#removals.every((id) => {
      const { author, change } = this.#noted.get(id)!.operation
      const isAbout = change.kind === 'remove' && change.target === user && (author !== user || change.ban)
      if (!isAbout || !shown.has(id) || !shown.isEffective(id)) return true
      return !change.ban && shown.has(invite) && shown.isBefore(id, invite)
    })
  }

  /** Whether an invite that is here was taken back, or its maker may not invite any more; and until when it holds. */
  inviteState(invite: EventId): { isRevoked: boolean; expiresMs: number } | undefined {
    const operation = this.#noted.get(invite)?.operation
    if (operation?.change.kind !== 'invite') return undefined
    const { author, change } = operation
    const isTakenBack = [...this.operations()].some(
      (one) =>
        one.change.kind === 'revoke' && one.change.invite === invite && this.#shown.isEffective(one.id),
    )
    const isBacked = mayInvite(this.#shown.role(author), change.role)
    const isEffective = this.#shown.has(invite) && this.#shown.isEffective(invite)
    return { isRevoked: isTakenBack || !isBacked || !isEffective, expiresMs: change.expiresMs }
  }

  /** What has been delivered of a person: the cut of a removal by somebody who accepts all of it. */
  cutOf(user: UserTag): Cut {
    const devices = this.devicesOf(user).slice(-MAX_CUT_DEVICES)
    return new Map(
      devices.map((tag) => [
        tag,
        { c: this.#history.chain(tag, 'c').length, m: this.#history.chain(tag, 'm').length },
      ]),
    )
  }

  /** The key that must have signed an event; one that admits its own author brings the key along. */
  keyOf(event: Event): Uint8Array | undefined {
    const known = this.device(event.tag)
    if (known) return known.publicKey
    const key = isEntrance(event.kind) ? decodeBody(event)?.credentials?.deviceKey : undefined
    return key && deviceTag(key, this.#sha256) === event.tag ? key : undefined
  }

  /** Whether an event whose whole past has been delivered is one that its author may write; a reason if not. */
  judge(event: Event, parents: readonly Entry[]): Judged | { reason: Reason } {
    return chainOf(event.kind) === 'c'
      ? this.#judgeControl(event, parents)
      : this.#judgeMessage(event, parents)
  }

  #judgeMessage(event: Event, parents: readonly Entry[]): Judged | { reason: Reason } {
    const { tag, kind, controlHeads } = event
    let seen = controlHeads ? this.views.of(controlHeads) : this.views.none
    for (const parent of parents) if (parent.seen) seen = this.views.join(seen, parent.seen)
    const role = this.#roleOf(tag, seen)
    if (role === undefined) return { reason: 'not-a-member' }
    return role >= ROLE.member || kind === KIND.profile || kind === KIND.report
      ? { seen }
      : { reason: 'read-only' }
  }

  #judgeControl(event: Event, parents: readonly Entry[]): Judged | { reason: Reason } {
    const { id, tag, kind, seq } = event
    const body = decodeBody(event)
    const operation = body && this.#operation(event, parents, body)
    if (!operation) return { reason: 'bad-membership-proof' }
    const { credentials, admission, change } = body
    const control = { body, operation }
    const known = this.device(tag)
    if (credentials && known && !equalBytes(known.publicKey, credentials.deviceKey))
      return { reason: 'bad-membership-proof' }
    if (kind === KIND.create)
      return id === this.#group && seq === 1 ? { control } : { reason: 'bad-membership-proof' }
    if (admission && !this.#isAdmitted(event, credentials!, admission))
      return { reason: 'bad-membership-proof' }
    if (change.kind === 'join')
      return this.#all.wouldAllow(operation) ? { control } : { reason: 'not-admitted' }
    const role = this.#all.roleAt(operation.parents, operation.author, tag)
    return role === undefined ? { reason: 'not-a-member' } : { control }
  }

  /** undefined when the author does not follow from the event and its device's previous one. */
  #operation({ id, tag, seq, hlc }: Event, parents: readonly Entry[], body: Body): Operation | undefined {
    const earlier = seq > 1 ? this.authorOf(parents[0]!.id) : undefined
    const { credentials, change } = body
    const certified = credentials && certifiedUser(credentials, tag, this.#sha256, this.#verify)
    if (credentials && (certified === undefined || (earlier ?? certified) !== certified)) return undefined
    const author = certified ?? earlier
    if (author === undefined) return undefined
    const ids = parents.map((parent) => parent.id)
    const isTwice = (parent: EventId, i: number) => ids.indexOf(parent) < i
    const distinct = ids.some(isTwice) ? [...new Set(ids)] : ids
    return { id, author, device: tag, seq, timeMs: hlcTimeMs(hlc), parents: distinct, change }
  }

  /** A newcomer shows the invite's key, and that a member found the invite valid as far as the event cites. */
  #isAdmitted({ controlHeads = [] }: Event, credentials: Credentials, admission: Admission): boolean {
    const { invite, proof, voucher } = admission
    const inviteKey = this.#inviteKeys.get(invite)
    const voucherKey = this.device(voucher.device)?.publicKey
    if (!inviteKey || !voucherKey) return false
    // Asked once of each past, by whoever joins there: nothing to remember.
    const role = this.#roleAt(voucher.device, controlHeads)
    const statement = voucherStatement(this.#group, invite, credentials, controlHeads)
    return (
      (role ?? -1) >= ROLE.member &&
      this.#verify(proof, proofStatement(this.#group, invite, credentials), inviteKey) &&
      this.#verify(voucher.signature, statement, voucherKey)
    )
  }

  #roleOf(tag: DeviceTag, seen: Seen): Role | undefined {
    let roles = this.#roles.get(seen)
    if (!roles) this.#roles.set(seen, (roles = new Map()))
    if (!roles.has(tag)) roles.set(tag, this.#roleAt(tag, seen.heads))
    return roles.get(tag)
  }

  /** What a device may do, given these control events. A device that entered as several people, by forking, may the most. */
  #roleAt(tag: DeviceTag, heads: readonly EventId[]): Role | undefined {
    let role: Role | undefined
    for (const { user, entrance } of this.#entrances.get(tag) ?? []) {
      if (!heads.some((head) => head === entrance || this.#all.isBefore(entrance, head))) continue
      const given = this.#all.roleAt(heads, user, tag)
      if (given !== undefined) role = Math.max(role ?? 0, given)
    }
    return role
  }

  /** What the author of a delivered message was, in its past. */
  roleIn({ tag, seen }: Entry): Role | undefined {
    return seen && this.#roleOf(tag, seen)
  }

  /** Takes in a delivered control event that judge() let through. */
  apply(entry: Entry, { body, operation }: NonNullable<Judged['control']>): void {
    const { id, change, parents } = operation
    if (body.inviteKey) this.#inviteKeys.set(id, body.inviteKey)
    if (body.credentials) this.#enter(operation, body.credentials)
    this.#noted.set(id, { operation, entry })
    if (change.kind === 'role' || change.kind === 'remove') this.#revoked.add(change.target)
    if (change.kind === 'removeDevice') this.#revoked.add(change.device)
    if (change.kind === 'remove' || change.kind === 'removeDevice') this.#removals.push(id)
    // Until what it cites is acknowledged, which follows at once, neither counts.
    const counts =
      this.#history.forks.counts(entry) && !parents.some((parent) => this.#discounted.has(parent))
    if (!counts) this.#discounted.add(id)
    this.#all.add(operation)
    if (this.#shown !== this.#all) {
      if (counts) this.#shown.add(operation)
    } else if (!counts) this.#rebuild()
  }

  #enter({ id, device: tag, author: user }: Operation, { deviceKey, userKey }: Credentials): void {
    const entrances = this.#entrances.get(tag) ?? []
    if (entrances.some((known) => known.user === user)) return
    const device = { tag, publicKey: deviceKey, user, userKey, entrance: id }
    this.#entrances.set(tag, entrances.concat(device))
    const devices = this.#devicesOf.get(user)
    if (devices) devices.push(tag)
    else this.#devicesOf.set(user, [tag])
  }

  /** Whether an event that may be delivered lies beyond the cut of a revocation that it had not seen. */
  isBeyondCut({ id, tag, kind, seq, seen }: Pick<Entry, 'id' | 'tag' | 'kind' | 'seq' | 'seen'>): boolean {
    const user = this.device(tag)?.user
    if (user === undefined || !(this.#revoked.has(user) || this.#revoked.has(tag))) return false
    if (chainOf(kind) === 'm')
      return this.#shown.isBeyondCut({ user, device: tag, seq, heads: this.#counted(seen?.heads ?? []) })
    const by = this.#shown.has(id) ? this.#shown.cancelledBy(id) : []
    return by.some((revocation) => this.#noted.get(revocation)!.operation.change.kind !== 'role')
  }

  /** Of what does not count only that is seen which it cites. */
  #counted(heads: readonly EventId[]): readonly EventId[] {
    if (!heads.some((head) => this.#discounted.has(head))) return heads
    const counted = new Set<EventId>()
    const left = [...heads]
    for (let id = left.pop(); id !== undefined; id = left.pop())
      if (this.#discounted.has(id)) left.push(...this.#noted.get(id)!.operation.parents)
      else counted.add(id)
    return [...counted]
  }

  /** Devices that may have events beyond a cut. */
  *cutDevices(): Generator<DeviceTag> {
    for (const { tag, user } of this.devices())
      if (this.#revoked.has(user) || this.#revoked.has(tag)) yield tag
  }

  /** Something was found to be forked, or acknowledged: what counts may be something else now. */
  refresh(): void {
    const { forks } = this.#history
    if (forks.version === this.#refreshedAt) return
    this.#refreshedAt = forks.version
    if (forks.tags.length === 0) return
    // With what does not count goes what only stands on it, and is beyond a cut itself.
    const discounted = new Set<EventId>()
    for (const { operation, entry } of this.#noted.values())
      if (!forks.counts(entry) || operation.parents.some((parent) => discounted.has(parent)))
        discounted.add(entry.id)
    if (discounted.size === this.#discounted.size && [...discounted].every((id) => this.#discounted.has(id)))
      return
    this.#discounted = discounted
    this.#rebuild()
  }

  /** Something counts no more, or again. */
  #rebuild(): void {
    this.#rebuilt++
    this.#shown = this.#all
    if (this.#discounted.size === 0) return
    this.#shown = new Resolver(this.#group)
    for (const operation of this.operations()) this.#shown.add(operation)
  }

  /** 32 bytes that are equal exactly when two rosters hold the same members with the same roles on the same devices. */
  digest(): Uint8Array {
    const writer = new Writer()
    for (const user of [...this.members.keys()].sort()) {
      writer.hex(user).byte(this.members.get(user)!)
      for (const tag of [...this.devicesOf(user)].sort()) if (this.isActive(tag)) writer.hex(tag)
    }
    return this.#sha256(writer.finish())
  }
}
