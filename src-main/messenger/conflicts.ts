/** Conflicts of membership and the list of all acts, in the names and words that a window shows. */
import type { AuditEntry, Conflict, DeviceTag, EventId, UserId } from '../api/contract.ts'
import { auditOf } from '../core/control/audit.ts'
import { conflictsOf, type Conflict as Told, type Deed } from '../core/control/conflicts.ts'
import type { Change, Operation } from '../core/control/operation.ts'
import type { Engine } from '../core/engine.ts'
import { KIND } from '../core/event.ts'
import { roleName } from './notices.ts'

const MAX_LOST_LISTED = 5
/** Acts that the audit view lists, the latest first. */
const MAX_AUDIT_ENTRIES = 2_000

export interface ConflictsParts {
  engine: Engine
  nameOfPerson(user: UserId): string
}

export class Conflicts {
  readonly #parts: ConflictsParts
  readonly #byId = new Map<EventId, Told>()
  /** What they were looked for in. */
  #at = ''

  constructor(parts: ConflictsParts) {
    this.#parts = parts
  }

  /** The conflict in which a control event has a part. */
  of(id: EventId): Conflict | undefined {
    const { roster, history } = this.#parts.engine
    const at = `${roster.version} ${roster.count}`
    if (at !== this.#at) {
      this.#at = at
      this.#byId.clear()
      for (const told of conflictsOf(roster.resolver)) {
        const lost = told.lost.filter((deed) => history.forks.isKept(history.get(deed.id)!))
        if (lost.length === 0) continue
        for (const deed of [told.act, ...lost, ...told.fell])
          if (!this.#byId.has(deed.id)) this.#byId.set(deed.id, { ...told, lost })
      }
    }
    const told = this.#byId.get(id)
    return told && this.#describe(told)
  }

  /** Everything that members did to the membership, the latest first. */
  audit(): AuditEntry[] {
    const { engine } = this.#parts
    const hidden = this.#hiddenBy()
    return auditOf(engine.roster.resolver)
      .slice(-MAX_AUDIT_ENTRIES)
      .reverse()
      .map(({ id, author, timeMs, change, isEffective, cancels }) => {
        const deed = { id, author, kind: change.kind, target: targetOf(change), role: roleIn(change) }
        return {
          id,
          atMs: timeMs,
          by: this.#parts.nameOfPerson(author),
          byUser: author,
          type: typeOf(deed, author, change.kind === 'remove' && change.ban),
          target: deed.target === undefined ? undefined : this.#parts.nameOfPerson(deed.target),
          role: deed.role === undefined ? undefined : roleName(deed.role),
          expiresAtMs: change.kind === 'invite' ? change.expiresMs : undefined,
          maxUses: change.kind === 'invite' ? change.maxUses : undefined,
          effective: isEffective,
          cancelled: cancels.length,
          hidden: hidden.get(id) ?? 0,
          conflict: this.of(id),
        }
      })
  }

  /** How many messages each revocation hides. */
  #hiddenBy(): Map<EventId, number> {
    const { roster, history } = this.#parts.engine
    const counts = new Map<EventId, number>()
    const revocations = [...roster.operations()].filter(
      ({ id, change }) => ('cut' in change || 'extent' in change) && roster.resolver.isEffective(id),
    )
    for (const { kind, tag, seq } of history.forks.cutOff) {
      if (kind !== KIND.message) continue
      const user = roster.device(tag)?.user
      for (const { id, change } of revocations)
        if (ends(change, user, tag, seq)) counts.set(id, (counts.get(id) ?? 0) + 1)
    }
    return counts
  }

  #describe(told: Told): Conflict {
    const { kind, act, lost, fell, outcome } = told
    const name = (user: UserId | undefined) => (user === undefined ? '' : this.#parts.nameOfPerson(user))
    const target = kind === 'devices' ? act.author : act.target
    const role = outcome.find(({ user }) => user === act.target)?.role
    return {
      kind: KINDS[kind],
      act: actOf(act),
      by: name(act.author),
      target: name(target ?? act.author),
      lost: lost.slice(0, MAX_LOST_LISTED).map((deed) => ({
        type: typeOf(deed, deed.author),
        target:
          deed.kind === 'join'
            ? name(deed.author)
            : deed.target === undefined
              ? undefined
              : name(deed.target),
      })),
      lostCount: lost.length + fell.length,
      role: kind === 'roles' && role !== undefined ? roleName(role) : undefined,
    }
  }
}

const KINDS = {
  cut: 'cancelled',
  invite: 'cancelled',
  succession: 'cancelled',
  mutual: 'mutual',
  devices: 'mutual',
  readmission: 'readded',
  roles: 'roles',
} as const

function actOf({ kind }: Deed): Conflict['act'] {
  switch (kind) {
    case 'remove':
      return 'removed'
    case 'removeDevice':
      return 'device-removed'
    case 'revoke':
      return 'invite-revoked'
    case 'successor':
      return 'successor-withdrawn'
    default:
      return 'demoted'
  }
}

function targetOf(change: Change): UserId | undefined {
  return 'target' in change ? change.target : undefined
}

function roleIn(change: Change): number | undefined {
  return 'role' in change ? change.role : undefined
}

function typeOf(
  { kind, target }: Pick<Deed, 'kind' | 'target'>,
  author: UserId,
  isBan = false,
): AuditEntry['type'] {
  const types: Record<Operation['change']['kind'], AuditEntry['type']> = {
    create: 'group-created',
    join: 'joined',
    enter: 'device-added',
    add: 'added',
    invite: 'invited',
    revoke: 'invite-revoked',
    role: 'role-changed',
    remove: target === author ? 'left' : isBan ? 'banned' : 'removed',
    removeDevice: 'device-removed',
    successor: target === undefined ? 'successor-withdrawn' : 'successor-named',
    succeed: 'succeeded',
    rotate: 'rotated',
    unknown: 'unknown',
  }
  return types[kind]
}

function ends(change: Change, user: UserId | undefined, tag: DeviceTag, seq: number): boolean {
  if (change.kind === 'removeDevice') return change.device === tag && seq > change.extent.m
  return 'cut' in change && change.target === user && seq > (change.cut.get(tag)?.m ?? 0)
}
