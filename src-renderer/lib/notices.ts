/** Which sentence of the catalogue says what happened to a group: the same words in the timeline and in the audit view. */
import type { AuditEntry, Conflict, Notice } from '../../src-main/api/contract.ts'
import type { MessageKey, Values } from '../i18n/words.svelte.ts'

/** An entry of the catalogue, and what it is filled with. */
export interface Sentence {
  key: MessageKey
  values: Values
}

/** Acts that are said of somebody: without a name they are said in general. */
const NEEDS_NAME: ReadonlySet<string> = new Set([
  'added',
  'removed',
  'banned',
  'role-changed',
  'successor-named',
])
const SAYS_ROLE: ReadonlySet<string> = new Set(['admin', 'reader'])

/** What somebody did, by an entry that is a whole sentence. */
export function actSentence(
  author: string,
  act: Pick<Notice, 'target' | 'role' | 'fields'> &
    Pick<AuditEntry, 'type' | 'maxUses'> & { until?: string | undefined; text?: string | undefined },
): Sentence {
  const { type, target = '', role = 'member', fields = [], maxUses, until, text = '' } = act
  const say = (key: MessageKey, values: Values = {}): Sentence => ({ key, values: { author, ...values } })
  switch (type) {
    case 'joined':
      return say(act.role && SAYS_ROLE.has(role) ? (`notice.joined-${role}` as MessageKey) : 'notice.joined')
    case 'role-changed':
      return target === ''
        ? say('notice.role-changed-self', { role })
        : say('notice.role-changed', { target, role })
    case 'settings-changed':
      return say('notice.settings-changed', { field: fields.length === 1 ? fields[0]! : 'several' })
    case 'invited':
      return maxUses === undefined || until === undefined
        ? say('notice.invited')
        : say('notice.invited-for', { role, maxUses, date: until })
    case 'text':
      return say('notice.text', { text })
    default:
      return say(`notice.${type}`, NEEDS_NAME.has(type) ? { target, role } : {})
  }
}

/** What came of acts that did not know of each other, in one sentence. */
export function conflictSentence(conflict: Conflict): Sentence {
  const { kind, act, by, target, lost, lostCount, role = 'member' } = conflict
  if (kind === 'roles') return { key: 'conflict.roles', values: { target, role } }
  if (kind === 'readded') return { key: 'conflict.readded', values: { by, target } }
  if (kind === 'mutual') return { key: `conflict.mutual-${act}`, values: { by, target } }
  const [only] = lost
  if (lostCount > 1 || only === undefined)
    return { key: `conflict.cancelled-${act}-many`, values: { by, target, count: Math.max(lostCount, 1) } }
  if (act === 'invite-revoked')
    return { key: 'conflict.cancelled-invite-revoked', values: { by, target, other: only.target ?? 'none' } }
  const isNamed = only.target !== undefined || !NEEDS_NAME.has(only.type)
  return {
    key: `conflict.cancelled-${act}`,
    // A hyphen cannot stand in a selector.
    values: {
      by,
      target,
      lost: isNamed ? only.type.replaceAll('-', '_') : 'other',
      other: only.target ?? '',
    },
  }
}
