/** What a window says of the events that are no messages: what happened to the group, and whether it came to anything. */
import type { GroupSettings, Notice, RoleName, UserId } from '../api/contract.ts'
import { decodeBody } from '../core/control/bodies.ts'
import { ROLE, type Role } from '../core/control/operation.ts'
import { KIND, type Event } from '../core/event.ts'
import { decodeSettings, type Content } from './content.ts'

/** What a notice needs to know of its group. */
export interface NoticeContext {
  nameOfPerson(user: UserId): string
  /** Who wrote the event, if known. */
  author: UserId | undefined
  /** Whether a control event counts; true while that is not known yet. */
  isEffective(id: string): boolean
  /** Whether somebody who wrote this was an admin then. */
  mayChangeSettings(event: Event): boolean
  conflictOf(id: string): Notice['conflict']
}

export function roleName(role: Role): RoleName {
  if (role >= ROLE.owner) return 'owner'
  if (role >= ROLE.admin) return 'admin'
  return role >= ROLE.member ? 'member' : 'reader'
}

export function roleOf(name: RoleName): Role {
  return ROLE[name]
}

/** undefined for messages and for what no timeline shows. */
export function noticeOf(event: Event, content: Content, context: NoticeContext): Notice | undefined {
  if (event.kind === KIND.message) return undefined
  if (event.kind === KIND.notice) return { type: 'text', effective: true }
  if (event.kind === KIND.settings) {
    const said = decodeSettings(content)
    const fields = said && (Object.keys(said) as (keyof GroupSettings)[])
    return { type: 'settings-changed', fields, effective: context.mayChangeSettings(event) }
  }
  const about = aboutOf(event, context.author)
  if (!about) return undefined
  const { targetUser } = about
  return {
    ...about,
    target: targetUser === undefined ? undefined : context.nameOfPerson(targetUser),
    effective: context.isEffective(event.id),
    conflict: context.conflictOf(event.id),
  }
}

/** What a control event says by itself. */
function aboutOf(
  event: Event,
  author: UserId | undefined,
): Pick<Notice, 'type' | 'targetUser' | 'role'> | undefined {
  const change = decodeBody(event)?.change
  switch (change?.kind) {
    case 'create':
      return { type: 'group-created' }
    case 'join':
      return { type: 'joined' }
    case 'enter':
      return { type: 'device-added' }
    case 'add':
      return { type: 'added', targetUser: change.target, role: roleName(change.role) }
    case 'role':
      return { type: 'role-changed', targetUser: change.target, role: roleName(change.role) }
    case 'remove':
      if (change.target === author) return { type: 'left' }
      return { type: change.ban ? 'banned' : 'removed', targetUser: change.target }
    case 'removeDevice':
      return { type: 'device-removed' }
    case 'successor':
      if (change.target === undefined) return { type: 'successor-withdrawn' }
      return { type: 'successor-named', targetUser: change.target }
    case 'succeed':
      return { type: 'succeeded' }
    default:
      return undefined
  }
}
