/**
 * What a revocation reaches (R3), and which of two takes precedence (R4). Both look at two operations and at nothing else:
 * whatever else a group holds makes no difference to them.
 *
 *  1. A cut accepts nothing that its author had not seen, whatever it says, and nothing of other people's devices.
 *  2. It reaches only what was done with at most the revoking one's role: an admin does not undo what an owner did who has
 *     stepped down since, nor that somebody became an owner by an owner's word.
 *  3. The founding stays, and so do leaving and stepping down; but these end nothing any more when they lie beyond the cut of
 *     somebody else (isBlunted): else whoever was removed could take back what it did by leaving earlier. So does the
 *     removal of a device: of two devices that remove each other neither stays.
 *  4. Invites and namings hang on the office of whoever made them: when it ends, whoever joins or succeeds by them without
 *     having seen that, and unseen, is out.
 */
import {
  isLoweringOneself,
  mayInvite,
  ROLE,
  type Circumstances,
  type Extent,
  type Operation,
} from './operation.ts'

export type IsBefore = (a: Judged, b: Judged) => boolean

/** An operation, and what is known of it since it came. */
export interface Judged {
  /** Causes have smaller ones. */
  number: number
  operation: Operation
  /** By its own past; others never count. */
  isAllowed: boolean
  circumstances: Circumstances
  /** A revocation reaches it, or something that it depends on: it may count here and not there. */
  isDisputed: boolean
  /** The length of the longest chain of causes. */
  depth: number
  /** It takes something from somebody. */
  isRevocation: boolean
  /** Of a join: its invite. */
  invite: Judged | undefined
  /** By which its author had become an owner, as far as it had seen. */
  successions: readonly Judged[]
}

/** circumstances: of the operation. */
export function isRevocation({ change }: Operation, { target, named }: Circumstances): boolean {
  switch (change.kind) {
    case 'revoke':
    case 'removeDevice':
    case 'remove':
      return true
    case 'role':
      return target !== undefined && change.role < target
    case 'successor':
      return named.some(({ successor }) => successor !== change.target)
    default:
      return false
  }
}

/** R3: whether a revocation reaches what was done without having seen it. */
export function isBeyond(done: Judged, revocation: Judged, isBefore: IsBefore): boolean {
  const { author, device, seq, change } = done.operation
  const { author: by, change: revoking } = revocation.operation
  if (change.kind === 'create') return false
  const isSeen = isBefore(done, revocation)
  const [role, revokingRole] = [
    roleAgainst(done, revocation, isBefore),
    roleAgainst(revocation, done, isBefore),
  ]
  const isEven = done.isRevocation && role === revokingRole && !isSubject(done, revocation)
  if (isEven && order(done, revocation) < 0) return false
  const exceeds = (extent: Extent | undefined) => role <= revokingRole && (!isSeen || seq > (extent?.c ?? 0))
  switch (revoking.kind) {
    case 'revoke':
      return change.kind === 'join' && change.invite === revoking.invite && !isSeen
    case 'successor':
      if (change.kind !== 'succeed' || isSeen || author === revoking.target) return false
      return revocation.circumstances.named.some(({ successor }) => successor === author)
    case 'removeDevice':
      if (change.kind === 'join' || change.kind === 'removeDevice') return false
      return author === by && device === revoking.device && exceeds(revoking.extent)
    case 'remove':
    case 'role':
      if (!isSeen && hangsOnOffice(done, revocation)) return true
      if (author !== revoking.target || author === by) return false
      return exceeds(revoking.cut.get(device))
    default:
      return false
  }
}

/** Whoever became an owner by a succession that another operation takes back acts against that as what it was before. */
function roleAgainst(one: Judged, other: Judged, isBefore: IsBefore): number {
  const roles = other.isRevocation
    ? one.successions
        .filter((succession) => !isBefore(other, succession) && isBeyond(succession, other, isBefore))
        .map(roleOf)
    : []
  return Math.min(rank(one), ...roles)
}

/** The removal of an own device, against that of its person: it never reaches that, so it need not give way to it. */
function isSubject(done: Judged, revocation: Judged): boolean {
  const { kind } = revocation.operation.change
  return done.operation.change.kind === 'removeDevice' && (kind === 'role' || kind === 'remove')
}

/** Of what a revocation reaches: whether it stays, and only takes nothing from others. */
export function isBlunted(done: Judged, revocation: Judged): boolean {
  return isLoweringOneself(done.operation) && revocation.operation.change.kind !== 'removeDevice'
}

/** Whether somebody joined or succeeded by the word of whoever loses the office for it. */
function hangsOnOffice({ operation, circumstances, invite }: Judged, revocation: Judged): boolean {
  const { change } = revocation.operation
  if (change.kind !== 'role' && change.kind !== 'remove') return false
  if (operation.change.kind === 'succeed')
    return circumstances.named.some(
      ({ owner, successor }) => owner === change.target && successor === operation.author,
    )
  if (operation.change.kind !== 'join' || invite?.operation.change.kind !== 'invite') return false
  const { role } = invite.operation.change
  return (
    invite.operation.author === change.target &&
    !mayInvite(change.kind === 'role' ? change.role : undefined, role) &&
    role < rank(revocation)
  )
}

/**
 * R4: negative when a takes precedence. By role, depth and id; but with equal roles first what reaches only what is its
 * author's own to take back, so that nothing that is done with a stolen device or with a withdrawn naming comes before the
 * end of it.
 */
export function precedence(a: Judged, b: Judged): number {
  return rank(b) - rank(a) || order(a, b)
}

/** Of equals. */
function order(a: Judged, b: Judged): number {
  return reach(a) - reach(b) || a.depth - b.depth || (a.operation.id < b.operation.id ? -1 : 1)
}

/** A succession is done by the word of an owner. */
function rank(judged: Judged): number {
  return judged.operation.change.kind === 'succeed' ? ROLE.owner : roleOf(judged)
}

function roleOf({ circumstances }: Judged): number {
  return circumstances.author ?? -1
}

function reach({ operation }: Judged): number {
  if (operation.change.kind === 'removeDevice') return 0
  return operation.change.kind === 'successor' || isLoweringOneself(operation) ? 1 : 2
}
