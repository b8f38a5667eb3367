/** R5, R6: what the operations that count make of one person. */
import type { IsBefore, Judged } from './cuts.ts'
import { ROLE, type Role } from './operation.ts'

/** about: what counts about one person, causes first. undefined: not a member. */
export function roleOf(about: readonly Judged[], isBefore: IsBefore): Role | undefined {
  const removals = about.filter(isRemoval)
  if (removals.length === about.length) return undefined
  const latest: Judged[] = []
  let admitted: Role | undefined
  let set: Role | undefined
  let isSetInside = false
  for (let i = about.length - 1; i >= 0; i--) {
    const one = about[i]!
    const { kind } = one.operation.change
    if (kind === 'remove') continue
    const isSetting = kind === 'role' || kind === 'succeed'
    const isInside = removals.every((removal) => readmits(one, removal, isBefore))
    if (!isInside && !isSetting) continue
    if (latest.some((later) => isBefore(one, later))) continue
    latest.push(one)
    const role = given(one)
    if (isSetting) {
      set = Math.min(set ?? role, role)
      isSetInside ||= isInside
    } else admitted = Math.max(admitted ?? role, role)
  }
  if (isSetInside) return set
  return admitted === undefined || set === undefined ? admitted : Math.min(admitted, set)
}

function isRemoval({ operation }: Judged): boolean {
  return operation.change.kind === 'remove'
}

/** What one operation makes of the person it is about, when nothing else is about them. */
export function roleBy(only: Judged): Role | undefined {
  return isRemoval(only) ? undefined : given(only)
}

function given({ operation, invite }: Judged): Role {
  const { change } = operation
  if (change.kind === 'create' || change.kind === 'succeed') return ROLE.owner
  if (change.kind === 'join') return invite ? given(invite) : ROLE.reader
  return 'role' in change ? change.role : ROLE.reader
}

/** R5: whether an admission had seen a removal. */
function readmits(admission: Judged, removal: Judged, isBefore: IsBefore): boolean {
  const { author, change: removed } = removal.operation
  if (removed.kind !== 'remove') return true
  if (admission.operation.change.kind !== 'join' || (author === removed.target && !removed.ban))
    return isBefore(removal, admission)
  return !removed.ban && admission.invite !== undefined && isBefore(removal, admission.invite)
}
