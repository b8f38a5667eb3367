/**
 * Who belongs to a group: the roster as a function of its control events.
 *
 * First, simple rules: `create` founds the group and names the key of its invites; `join` admits the device that
 * wrote it, because it carries a signature of the invite key over that device's key. Whoever holds an invite can
 * make that signature. Roles, removals and their conflicts (rules R1-R9) will replace Roster.judge and Roster.apply;
 * nothing outside this file knows how membership is decided.
 */
import type { DeviceTag, EventId, GroupId } from '../api/contract.ts'
import { ascii, concat, equalBytes, fromHex, Reader, Writer } from './bytes.ts'
import { deviceTag, KIND, type Event, type Sha256 } from './event.ts'
import type { Entry } from './history.ts'
import { MAX_NAME_SIZE_BYTES } from './limits.ts'

export type Verify = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean

export interface Member {
  tag: DeviceTag
  publicKey: Uint8Array
  /** UTF-8, as its device wrote it. */
  name: Uint8Array
  /** The control event that admitted it. */
  admittedBy: EventId
}

/** Body of the event that founds a group. */
export interface CreateBody {
  publicKey: Uint8Array
  /** Public half of the key pair that every invite carries. */
  inviteKey: Uint8Array
  /** 16 random bytes: two groups are never the same. */
  nonce: Uint8Array
  groupName: Uint8Array
  memberName: Uint8Array
}

/** Body of the event with which a device enters. */
export interface JoinBody {
  publicKey: Uint8Array
  /** By the invite key, over joinStatement(). */
  proof: Uint8Array
  memberName: Uint8Array
}

export function encodeCreate(body: CreateBody): Uint8Array {
  const { publicKey, inviteKey, nonce, groupName, memberName } = body
  return new Writer()
    .bytes(publicKey)
    .bytes(inviteKey)
    .bytes(nonce)
    .block(groupName)
    .block(memberName)
    .finish()
}

export function encodeJoin({ publicKey, proof, memberName }: JoinBody): Uint8Array {
  return new Writer().bytes(publicKey).bytes(proof).block(memberName).finish()
}

function decodeCreate(bytes: Uint8Array): CreateBody | undefined {
  const reader = new Reader(bytes)
  const body = {
    publicKey: reader.bytes(32),
    inviteKey: reader.bytes(32),
    nonce: reader.bytes(16),
    groupName: reader.block(MAX_NAME_SIZE_BYTES),
    memberName: reader.block(MAX_NAME_SIZE_BYTES),
  }
  return reader.isDone() ? body : undefined
}

/** Of each entrance once: engines that share a decoded event (EngineParts.decode) share its body too. */
const joins = new WeakMap<Event, JoinBody | undefined>()

/** Copies, so that whoever keeps one does not keep the whole event. */
function joinOf(event: Event): JoinBody | undefined {
  if (joins.has(event)) return joins.get(event)
  const reader = new Reader(event.body)
  const body = {
    publicKey: reader.bytes(32).slice(),
    proof: reader.bytes(64).slice(),
    memberName: reader.block(MAX_NAME_SIZE_BYTES).slice(),
  }
  const join = reader.isDone() ? body : undefined
  joins.set(event, join)
  return join
}

/** UTF-8 name of the group, from the event that founded it. */
export function groupNameOf({ body }: Event): Uint8Array | undefined {
  return decodeCreate(body)?.groupName
}

/** What the invite key signs to admit a device. */
export function joinStatement(group: GroupId, publicKey: Uint8Array): Uint8Array {
  return concat([ascii('tapri-join-1'), fromHex(group), publicKey])
}

export class Roster {
  /** Whoever was admitted by an event that is visible (core/fork.ts). */
  readonly members = new Map<DeviceTag, Member>()
  /** All entrances, visible or not: what a device may write must not depend on who else forked. */
  readonly #entrances = new Map<DeviceTag, { member: Member; entry: Entry }[]>()
  readonly #isVisible: (entry: Entry) => boolean
  readonly #group: GroupId
  readonly #verify: Verify
  readonly #sha256: Sha256
  #created: CreateBody | undefined

  constructor(group: GroupId, sha256: Sha256, verify: Verify, isVisible: (entry: Entry) => boolean) {
    this.#group = group
    this.#isVisible = isVisible
    this.#sha256 = sha256
    this.#verify = verify
  }

  /** UTF-8 name of the group; undefined until its first event is here. */
  get groupName(): Uint8Array | undefined {
    return this.#created?.groupName
  }

  /** Whether this device ever entered. */
  knows(tag: DeviceTag): boolean {
    return this.#entrances.has(tag)
  }

  /** The key that must have signed an event; a control event that admits its own author brings the key along. */
  keyOf(event: Event): Uint8Array | undefined {
    const [entrance] = this.#entrances.get(event.tag) ?? []
    if (entrance) return entrance.member.publicKey
    const key =
      event.kind === KIND.create
        ? decodeCreate(event.body)?.publicKey
        : event.kind === KIND.join
          ? joinOf(event)?.publicKey
          : undefined
    return key && deviceTag(key, this.#sha256) === event.tag ? key : undefined
  }

  /** Whether an event whose whole past has been delivered is one that its author may write; a reason if not. */
  judge(event: Event): 'not-a-member' | 'bad-membership-proof' | undefined {
    if (event.kind === KIND.create) {
      const body = decodeCreate(event.body)
      return event.id === this.#group && event.seq === 1 && body ? undefined : 'bad-membership-proof'
    }
    if (event.kind === KIND.join) {
      const body = joinOf(event)
      const statement = body && joinStatement(this.#group, body.publicKey)
      return statement && this.#created && this.#verify(body.proof, statement, this.#created.inviteKey)
        ? undefined
        : 'bad-membership-proof'
    }
    return this.knows(event.tag) ? undefined : 'not-a-member'
  }

  /** Takes in a delivered control event that judge() let through. */
  apply(event: Event, entry: Entry): void {
    if (event.kind === KIND.create) this.#created = decodeCreate(event.body.slice())!
    if (event.kind !== KIND.create && event.kind !== KIND.join) return
    const { publicKey, memberName: name } = event.kind === KIND.create ? this.#created! : joinOf(event)!
    const { tag } = event
    const entrances = this.#entrances.get(tag) ?? []
    const [known] = entrances
    if (known && !equalBytes(known.member.publicKey, publicKey)) return
    const member = { tag, publicKey, name, admittedBy: event.id }
    this.#entrances.set(tag, [...entrances, { member, entry }])
    this.#choose(tag)
  }

  /** Something became visible, or hidden. */
  refresh(): void {
    for (const tag of this.#entrances.keys()) this.#choose(tag)
  }

  /** The latest visible entrance of a device counts; of two that are equally late, the one with the smaller id. */
  #choose(tag: DeviceTag): void {
    const [latest] = this.#entrances
      .get(tag)!
      .filter(({ entry }) => this.#isVisible(entry))
      .sort((a, b) => b.entry.seq - a.entry.seq || (a.entry.id < b.entry.id ? -1 : 1))
    if (latest) this.members.set(tag, latest.member)
    else this.members.delete(tag)
  }

  /** 32 bytes that are equal exactly when two rosters hold the same members under the same keys. */
  digest(): Uint8Array {
    const writer = new Writer()
    for (const tag of [...this.members.keys()].sort()) {
      const { publicKey, name } = this.members.get(tag)!
      writer.hex(tag).bytes(publicKey).block(name)
    }
    return this.#sha256(writer.finish())
  }
}
