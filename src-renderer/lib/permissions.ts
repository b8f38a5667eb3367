/**
 * What a role may do to whom, as the messenger decides it: one acts on lower roles only, and gives lower roles only; but an
 * owner may appoint further owners. The window offers nothing else; the messenger decides.
 */
import {
  ROLES,
  type FormerMember,
  type Invite,
  type Person,
  type RoleName,
} from '../../src-main/api/contract.ts'

export const PERSON_ACTIONS = [
  'verify',
  'mute',
  'unmute',
  'block',
  'unblock',
  'make-owner',
  'make-admin',
  'make-member',
  'make-reader',
  'transfer',
  'name-successor',
  'withdraw-successor',
  'remove',
  'ban',
  'step-down',
] as const
export type PersonAction = (typeof PERSON_ACTIONS)[number]
export type FormerAction = 'add-admin' | 'add-member' | 'add-reader' | 'ban'

/** What is known of whoever is looking: no role, when they do not belong to the group. */
export type OwnRole = RoleName | undefined

/** Whether a has more to say than b. */
export function outranks(a: OwnRole, b: RoleName): boolean {
  return a !== undefined && ROLES.indexOf(a) < ROLES.indexOf(b)
}

/** Invites, removes, changes roles and settings, reads the audit. */
export function governs(own: OwnRole): boolean {
  return own === 'owner' || own === 'admin'
}

/** Writes messages. */
export function mayWrite(own: OwnRole): boolean {
  return own !== undefined && own !== 'reader'
}

/** The roles that an invite may carry, the usual one first. */
export function rolesToInvite(own: OwnRole): RoleName[] {
  return governs(own) ? (['member', 'reader', 'admin'] as const).filter((role) => outranks(own, role)) : []
}

/** An invite made here, or one for a lower role. */
export function mayRevoke(own: OwnRole, { link, role }: Pick<Invite, 'link' | 'role'>): boolean {
  return link !== undefined || (governs(own) && outranks(own, role))
}

/** The role that somebody has who steps down; undefined below the last. */
export function roleBelow(role: RoleName): RoleName | undefined {
  return ROLES[ROLES.indexOf(role) + 1]
}

/** What is offered for a person, in the order of the menu. An owner steps down where there is another. */
export function actionsOn(
  own: OwnRole,
  person: Pick<Person, 'isSelf' | 'role' | 'isBlocked' | 'isMuted' | 'isSuccessor'>,
  hasOtherOwner: boolean,
): PersonAction[] {
  if (person.isSelf) return mayWrite(own) && (own !== 'owner' || hasOtherOwner) ? ['step-down'] : []
  const isBelow = governs(own) && outranks(own, person.role)
  const offered = {
    verify: true,
    mute: !person.isMuted,
    unmute: person.isMuted,
    block: !person.isBlocked,
    unblock: person.isBlocked,
    'make-owner': own === 'owner' && person.role !== 'owner',
    'make-admin': isBelow && person.role !== 'admin' && outranks(own, 'admin'),
    'make-member': isBelow && person.role !== 'member',
    'make-reader': isBelow && person.role !== 'reader',
    transfer: own === 'owner' && person.role !== 'owner',
    'name-successor': own === 'owner' && person.role !== 'owner' && !person.isSuccessor,
    'withdraw-successor': own === 'owner' && person.isSuccessor,
    remove: isBelow,
    ban: isBelow,
    'step-down': false,
  } satisfies Record<PersonAction, boolean>
  return PERSON_ACTIONS.filter((action) => offered[action])
}

/** What is offered for somebody who is out. */
export function actionsOnFormer(own: OwnRole, { reason }: Pick<FormerMember, 'reason'>): FormerAction[] {
  if (!governs(own)) return []
  return [
    'add-member',
    'add-reader',
    ...(own === 'owner' ? (['add-admin'] as const) : []),
    ...(reason === 'banned' ? [] : (['ban'] as const)),
  ]
}
