/**
 * What members do to the group and to each other: settings, invites, roles, removal. Each command checks what a person is
 * to be told at once; whether it counts is decided by the rules (core/control), on every device alike.
 */
import type { Commands, EventId, Invite, UserId } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import { encodeChange, encodeInvite } from '../core/control/bodies.ts'
import { ROLE, type Role } from '../core/control/operation.ts'
import { KIND } from '../core/event.ts'
import { MAX_INVITE_USES } from '../core/limits.ts'
import type { Crypto } from '../crypto/crypto.ts'
import { encodeReport, encodeSettings } from './content.ts'
import { encodeInvite as encodeInviteText, MAX_OWN_INVITES } from './membership.ts'
import { roleName, roleOf } from './notices.ts'
import { demandRole, notAllowed, type Acting, type OpenGroup } from './open-group.ts'
import { pictureBytes, type Self } from './self.ts'

const DAY_MS = 86_400_000
/** An invite of which nothing else is said. */
const USUAL_INVITE = { maxUses: 100, lifetimeMs: 7 * DAY_MS }
const MAX_INVITE_LIFETIME_MS = 366 * DAY_MS
const INVITE_ADDRESSES = 8

export interface AdministrationParts extends Acting {
  crypto: Crypto
  person: Self
  /** Where this device and those it knows are reached. */
  addresses(): string[]
}

type AdministrationCommands = Pick<
  Commands,
  | 'changeSettings'
  | 'renewKeys'
  | 'leaveGroup'
  | 'createInvite'
  | 'getInvites'
  | 'revokeInvite'
  | 'addMember'
  | 'setRole'
  | 'removeMember'
  | 'removeDevice'
  | 'transferOwnership'
  | 'nameSuccessor'
  | 'succeed'
  | 'report'
  | 'getAudit'
>

export function administration(parts: AdministrationParts): AdministrationCommands {
  const { crypto, person } = parts
  const demand = (group: string) => parts.demandWritable(group)

  /** Fails unless this person stands above the other, who is a member. */
  const demandAbove = (open: OpenGroup, user: UserId): Role => {
    const role = demandRole(open, ROLE.admin)
    const target = open.log.engine.roster.members.get(user)
    if (target === undefined) throw unknownPerson()
    if (target >= role) throw notAllowed()
    return role
  }

  const setRole = async (open: OpenGroup, target: UserId, role: Role) => {
    const cut = open.log.engine.roster.cutOf(target)
    await parts.append(open, KIND.role, encodeChange({ kind: 'role', target, role, cut }))
  }

  /** In one batch: nothing comes between a removal and the secret that whoever is gone does not have. */
  const removeAndRotate = async (open: OpenGroup, kind: number, body: Uint8Array) => {
    await Promise.all([parts.append(open, kind, body), parts.rotate(open)])
  }

  /** Somebody must be left to govern. */
  const demandAnotherOwner = ({ log }: OpenGroup) => {
    const { members } = log.engine.roster
    const others = [...members].filter(([user]) => user !== person.user)
    if (members.get(person.user) === ROLE.owner && !others.some(([, role]) => role === ROLE.owner))
      throw new AppError('LAST_OWNER', 'You are the only owner. Make somebody else an owner first.')
  }

  const linkOf = ({ group, membership, log }: OpenGroup, invite: EventId): string | undefined => {
    const own = membership.invites.find((one) => one.invite === invite)
    if (!own) return undefined
    const addresses = parts.addresses().slice(0, INVITE_ADDRESSES)
    const groupName = group.summary(0).name
    return encodeInviteText({ ...own, group: log.group, groupName, addresses }, crypto)
  }

  return {
    changeSettings: async ({ group, picture, ...settings }) => {
      const open = await demand(group)
      demandRole(open, ROLE.admin)
      const bytes =
        picture === undefined ? undefined : picture === '' ? new Uint8Array(0) : pictureBytes(picture)
      await parts.append(open, KIND.settings, encodeSettings({ ...settings, picture: bytes }))
    },

    renewKeys: async ({ group }) => {
      const open = await demand(group)
      demandRole(open, ROLE.member)
      await parts.rotate(open)
    },

    leaveGroup: async ({ group }) => {
      const open = await demand(group)
      // Whoever is alone in a group leaves nobody behind.
      if (open.log.engine.roster.members.size > 1) demandAnotherOwner(open)
      const { user } = person
      const cut = open.log.engine.roster.cutOf(user)
      await parts.append(open, KIND.remove, encodeChange({ kind: 'remove', target: user, cut, ban: false }))
    },

    createInvite: async ({ group, role = 'member', maxUses = USUAL_INVITE.maxUses, expiresAtMs }) => {
      const open = await demand(group)
      if (demandRole(open, ROLE.admin) <= roleOf(role)) throw notAllowed()
      const nowMs = parts.nowMs()
      const expiresMs = Math.min(
        expiresAtMs ?? nowMs + USUAL_INVITE.lifetimeMs,
        nowMs + MAX_INVITE_LIFETIME_MS,
      )
      const seed = crypto.randomBytes(32)
      const body = encodeInvite(crypto.keyPair(seed).publicKey, {
        kind: 'invite',
        role: roleOf(role),
        expiresMs: Math.floor(expiresMs),
        maxUses: Math.min(maxUses, MAX_INVITE_USES),
      })
      const { event } = await parts.append(open, KIND.invite, body)
      open.membership.invites = [...open.membership.invites, { invite: event.id, seed }].slice(
        -MAX_OWN_INVITES,
      )
      await parts.save(open)
      return { invite: linkOf(open, event.id)!, id: event.id }
    },

    getInvites: async ({ group }) => {
      const open = await demand(group)
      demandRole(open, ROLE.admin)
      const { resolver } = open.log.engine.roster
      const invites = resolver
        .openInvites(parts.nowMs())
        .map(({ id, role, expiresMs, maxUses, uses, author }): Invite => ({
          ...{ id, maxUses, uses },
          role: roleName(role),
          expiresAtMs: expiresMs,
          by: open.group.people.nameOfPerson(author),
          link: linkOf(open, id),
        }))
      return { invites }
    },

    revokeInvite: async ({ group, invite }) => {
      const open = await demand(group)
      demandRole(open, ROLE.admin)
      await parts.append(open, KIND.revoke, encodeChange({ kind: 'revoke', invite }))
      open.membership.invites = open.membership.invites.filter((one) => one.invite !== invite)
      await parts.save(open)
    },

    addMember: async ({ group, user, role }) => {
      const open = await demand(group)
      const own = demandRole(open, ROLE.admin)
      const given = roleOf(role)
      const { members } = open.log.engine.roster
      if (!open.log.people.has(user) || members.has(user)) throw unknownPerson()
      if (given >= own && own !== ROLE.owner) throw notAllowed()
      await parts.append(open, KIND.add, encodeChange({ kind: 'add', target: user, role: given }))
    },

    setRole: async ({ group, user, role }) => {
      const open = await demand(group)
      const given = roleOf(role)
      if (user === person.user) {
        if (given >= demandRole(open, ROLE.member)) throw notAllowed()
        demandAnotherOwner(open)
      } else if (given >= demandAbove(open, user) && open.group.me?.role !== ROLE.owner) throw notAllowed()
      await setRole(open, user, given)
    },

    removeMember: async ({ group, user, ban }) => {
      const open = await demand(group)
      const isFormer = open.log.engine.roster.wayOut(user) !== undefined
      // Whoever is out already can still be kept from coming back.
      if (ban && isFormer) demandRole(open, ROLE.admin)
      else demandAbove(open, user)
      const cut = open.log.engine.roster.cutOf(user)
      await removeAndRotate(open, KIND.remove, encodeChange({ kind: 'remove', target: user, cut, ban }))
    },

    removeDevice: async ({ group, device }) => {
      const open = await demand(group)
      const listed = open.log.devices.get(device)
      if (listed?.user !== person.user) throw notAllowed()
      const { history } = open.log.engine
      const extent = { c: history.chain(device, 'c').length, m: history.chain(device, 'm').length }
      const body = encodeChange({ kind: 'removeDevice', device, extent })
      await removeAndRotate(open, KIND.removeDevice, body)
    },

    transferOwnership: async ({ group, user }) => {
      const open = await demand(group)
      demandRole(open, ROLE.owner)
      demandAbove(open, user)
      await setRole(open, user, ROLE.owner)
      await setRole(open, person.user, ROLE.admin)
    },

    nameSuccessor: async ({ group, user }) => {
      const open = await demand(group)
      demandRole(open, ROLE.owner)
      if (user !== undefined) demandAbove(open, user)
      await parts.append(open, KIND.successor, encodeChange({ kind: 'successor', target: user }))
    },

    succeed: async ({ group }) => {
      const open = await demand(group)
      if (!open.log.engine.roster.successors.has(person.user)) throw notAllowed()
      await parts.append(open, KIND.succeed, encodeChange({ kind: 'succeed' }))
    },

    report: async ({ group, message, reason }) => {
      const open = await demand(group)
      if (open.log.engine.history.get(message)?.kind !== KIND.message)
        throw new AppError('UNKNOWN_MESSAGE', 'That message is not here yet.')
      await parts.append(open, KIND.report, encodeReport({ target: message, reason }), message)
    },

    getAudit: async ({ group }) => {
      const open = await demand(group)
      demandRole(open, ROLE.admin)
      return { entries: open.group.conflicts.audit(), reports: await open.group.reports() }
    },
  }
}

function unknownPerson(): AppError {
  return new AppError('UNKNOWN_PERSON', 'That person is not known in this group.')
}
