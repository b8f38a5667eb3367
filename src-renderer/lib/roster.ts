/** The people of a group as rows of a list: a heading per role, and whoever is out at the end. */
import { ROLES, type FormerMember, type Person, type RoleName } from '../../src-main/api/contract.ts'

export type RosterRow =
  | { kind: 'heading'; id: string; role: RoleName; count: number }
  | { kind: 'person'; id: string; person: Person }
  | { kind: 'former-heading'; id: string; count: number }
  | { kind: 'former'; id: string; member: FormerMember }

/** More people than this are searched. */
export const SEARCH_FROM = 12

/** Oneself first, then whoever is online, by name; only those whose name has the words looked for. */
export function rosterRows(
  people: readonly Person[],
  former: readonly FormerMember[],
  query: string,
  locale: string,
): RosterRow[] {
  const collator = new Intl.Collator(locale)
  const wanted = query.trim().toLocaleLowerCase(locale)
  const matches = ({ name }: { name: string }) =>
    wanted === '' || name.toLocaleLowerCase(locale).includes(wanted)
  const rank = (person: Person) => (person.isSelf ? 0 : person.online ? 1 : 2)
  const byRole = Map.groupBy(people.filter(matches), ({ role }) => role)
  const rows: RosterRow[] = []
  for (const role of ROLES) {
    const found = byRole.get(role)
    if (found === undefined) continue
    found.sort((a, b) => rank(a) - rank(b) || collator.compare(a.name, b.name))
    rows.push({ kind: 'heading', id: role, role, count: found.length })
    for (const person of found) rows.push({ kind: 'person', id: person.user, person })
  }
  const out = former.filter(matches).sort((a, b) => collator.compare(a.name, b.name))
  if (out.length > 0) rows.push({ kind: 'former-heading', id: 'former', count: out.length })
  for (const member of out) rows.push({ kind: 'former', id: `former ${member.user}`, member })
  return rows
}
