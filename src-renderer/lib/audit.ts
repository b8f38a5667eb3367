import type { AuditEntry } from '../../src-main/api/contract.ts'

/** What the audit view can be narrowed down to. */
export const AUDIT_KINDS = [
  'all',
  'people',
  'roles',
  'invites',
  'devices',
  'settings',
  'ineffective',
] as const
export type AuditKind = (typeof AUDIT_KINDS)[number]

const KIND_OF: Readonly<Record<AuditEntry['type'], AuditKind>> = {
  'group-created': 'settings',
  joined: 'people',
  added: 'people',
  left: 'people',
  removed: 'people',
  banned: 'people',
  'role-changed': 'roles',
  'successor-named': 'roles',
  'successor-withdrawn': 'roles',
  succeeded: 'roles',
  'device-added': 'devices',
  'device-removed': 'devices',
  'settings-changed': 'settings',
  text: 'settings',
  invited: 'invites',
  'invite-revoked': 'invites',
  rotated: 'devices',
  unknown: 'settings',
}

/** Whether an act is of this kind, and by or about this person ('' for everybody). */
export function isShown(entry: AuditEntry, kind: AuditKind, person: string): boolean {
  const isOfKind =
    kind === 'all' || (kind === 'ineffective' ? !entry.effective : KIND_OF[entry.type] === kind)
  return isOfKind && (person === '' || entry.by === person || entry.target === person)
}

/** Everybody who did something, or to whom something was done, by name. */
export function personsOf(entries: readonly AuditEntry[], locale: string): string[] {
  const names = new Set(entries.flatMap(({ by, target }) => (target === undefined ? [by] : [by, target])))
  return [...names].sort(new Intl.Collator(locale).compare)
}
