/**
 * What the members of a group do to its membership, and who may do it.
 *
 * A group's operations form a graph of their own: each cites those that its author had seen. What an operation is allowed
 * to do is judged by the state that its own past resolves to, and by nothing else (rule R1 of core/control/resolver.ts).
 */
import type { DeviceTag, EventId } from '../../api/contract.ts'

/** Names a person in every group. */
export type UserTag = string

/** Whoever has more may act on whoever has less. Owner 100, admins 50 to 99, members 10, readers 0. */
export type Role = number
export const ROLE = { owner: 100, admin: 50, member: 10, reader: 0 } as const

/** How far the chains of one device go: seq of the last control event and of the last message; 0 for none. */
export interface Extent {
  c: number
  m: number
}

/** How much of a person's past a revocation accepts, per device. Of devices left out: nothing. */
export type Cut = ReadonlyMap<DeviceTag, Extent>

export type Change =
  /** Founds the group; its author is the owner. */
  | { kind: 'create' }
  | { kind: 'add'; target: UserTag; role: Role }
  /**
   * Whoever holds the key of the invite may join with this role, up to this date (unix ms), until so many joins lie in the
   * joining one's past.
   */
  | { kind: 'invite'; role: Role; expiresMs: number; maxUses: number }
  | { kind: 'join'; invite: EventId }
  /** Takes an invite back. */
  | { kind: 'revoke'; invite: EventId }
  /** A further device of a member: it brings its key, and changes nobody's role. */
  | { kind: 'enter' }
  /** A promotion or, with less than the target has, a demotion. */
  | { kind: 'role'; target: UserTag; role: Role; cut: Cut }
  /** The author's own removal: leaving. A banned person can only be added again, no invite admits it. */
  | { kind: 'remove'; target: UserTag; cut: Cut; ban: boolean }
  /** A device that its user lost, or no longer trusts: what it does beyond this extent does not count. For good. */
  | { kind: 'removeDevice'; device: DeviceTag; extent: Extent }
  /** Whom an owner names to become an owner too whenever that person wants to; undefined: nobody any more. */
  | { kind: 'successor'; target: UserTag | undefined }
  /** The successor that an owner named becomes an owner. */
  | { kind: 'succeed' }
  /** A new epoch: a fresh secret, sealed to the devices of the members. */
  | { kind: 'rotate' }
  /** Of a later version: carried, and without effect. */
  | { kind: 'unknown' }

/** One control event, as far as membership goes. */
export interface Operation {
  id: EventId
  author: UserTag
  device: DeviceTag
  /** Place in the control chain of its device: 1, 2, 3… */
  seq: number
  timeMs: number
  /** Operations that it cites; everything in their past is its past too. */
  parents: readonly EventId[]
  change: Change
}

/** An owner's word that somebody may become an owner. */
export interface Naming {
  id: EventId
  owner: UserTag
  successor: UserTag
}

/** What a change is judged by: all of it as things stand in its operation's past. */
export interface Circumstances {
  /** undefined: not a member, or by a device that was removed. */
  author: Role | undefined
  isDeviceRemoved: boolean
  target: Role | undefined
  /** Of a join or revoke: the invite, when it counts there and was not taken back. */
  invite: InviteThere | undefined
  /** Of a removeDevice: whether the device has done something for the author. */
  isOwnDevice: boolean
  /** Of whatever concerns namings, and of role and remove: whom owners have named there. */
  named: readonly Naming[]
}

export interface InviteThere {
  role: Role
  expiresMs: number
  author: UserTag
  /** Its author could still make it: an invite lasts as long as the office that gave it. */
  isBacked: boolean
  /** As many others have joined by it as may. Of a join only. */
  isUsedUp: boolean
}

/** The person whose place in the group an operation settles, if any. */
export function targetOf({ author, change }: Operation): UserTag | undefined {
  switch (change.kind) {
    case 'create':
    case 'join':
    case 'succeed':
      return author
    case 'add':
    case 'role':
    case 'remove':
      return change.target
    default:
      return undefined
  }
}

export function mayInvite(author: Role | undefined, role: Role): boolean {
  return author !== undefined && author >= ROLE.admin && role < author
}

function isNamed(named: readonly Naming[], user: UserTag | undefined): boolean {
  return named.length > 0 && named.some(({ successor }) => successor === user)
}

function mayGive(author: Role, role: Role): boolean {
  return author >= ROLE.admin && (role < author || (author === ROLE.owner && role === ROLE.owner))
}

/** Leaving, or stepping down. */
export function isLoweringOneself({ author, change }: Operation): boolean {
  return (change.kind === 'role' || change.kind === 'remove') && change.target === author
}

/**
 * R2: one acts on lower roles only and gives lower roles only; but an owner may appoint further owners, and on whom an owner has
 * named its successor only owners act.
 */
export function isAllowed(
  { id, author: by, parents, timeMs, change }: Operation,
  root: EventId,
  { author, isDeviceRemoved, target, invite, isOwnDevice, named }: Circumstances,
): boolean {
  if (change.kind === 'create') return id === root && parents.length === 0
  if (change.kind === 'join')
    return (
      author === undefined &&
      !isDeviceRemoved &&
      invite !== undefined &&
      invite.isBacked &&
      !invite.isUsedUp &&
      timeMs <= invite.expiresMs
    )
  if (author === undefined || isDeviceRemoved) return false
  const whom = 'target' in change ? change.target : undefined
  const isSelf = whom === by
  const governs = author >= ROLE.admin
  // Else whoever is named and removed could say that it had become an owner before, and remove the remover.
  const isProtected = author < ROLE.owner && isNamed(named, whom)
  const mayActOn = target !== undefined && governs && target < author && !isProtected
  switch (change.kind) {
    case 'add':
      return target === undefined && mayGive(author, change.role)
    case 'invite':
      return mayInvite(author, change.role)
    case 'revoke':
      return invite !== undefined && (invite.author === by || (governs && invite.role < author))
    case 'enter':
      return true
    case 'role':
      if (change.role === target) return false
      return (mayActOn && mayGive(author, change.role)) || (isSelf && change.role < author)
    case 'remove':
      // Somebody who is out already may be banned all the same.
      return mayActOn || (isSelf && !change.ban) || (change.ban && governs && target === undefined)
    case 'removeDevice':
      return isOwnDevice
    case 'successor':
      return author === ROLE.owner && (change.target === undefined || (!isSelf && target !== undefined))
    case 'succeed':
      return author < ROLE.owner && isNamed(named, by)
    case 'rotate':
      return author >= ROLE.member
    case 'unknown':
      return false
  }
}
