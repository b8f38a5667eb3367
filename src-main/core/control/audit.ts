/** Everything that was ever done to a group's membership, in one order for everybody, with what became of it. */
import type { DeviceTag, EventId } from '../../api/contract.ts'
import type { Change, Operation, UserTag } from './operation.ts'
import type { Resolver } from './resolver.ts'

export interface AuditEntry {
  id: EventId
  author: UserTag
  device: DeviceTag
  timeMs: number
  change: Change
  /** Its author was allowed to do it, as far as it had seen. */
  wasAllowed: boolean
  isEffective: boolean
  /** Revocations that cancel it. None, and yet without effect: not allowed, or what it depends on was cancelled. */
  cancelledBy: EventId[]
  /** What it cancels itself. */
  cancels: EventId[]
}

export function auditOf(resolver: Resolver): AuditEntry[] {
  const operations = inOrder(resolver)
  const cancels = new Map(operations.map(({ id }) => [id, resolver.cancelledOf(id)]))
  const cancelledBy = new Map<EventId, EventId[]>()
  for (const [revocation, cancelled] of cancels)
    for (const id of cancelled) cancelledBy.set(id, [...(cancelledBy.get(id) ?? []), revocation])
  return operations.map(({ id, author, device, timeMs, change }) => ({
    id,
    author,
    device,
    timeMs,
    change,
    wasAllowed: resolver.wasAllowed(id),
    isEffective: resolver.isEffective(id),
    cancelledBy: cancelledBy.get(id) ?? [],
    cancels: cancels.get(id)!,
  }))
}

/** Causes first; of what is concurrent, the earlier date, then the smaller id. */
export function inOrder(resolver: Resolver): Operation[] {
  // A date before that of a cause is taken for no earlier.
  const places = new Map<EventId, { timeMs: number; depth: number }>()
  const operations = [...resolver.operations()]
  for (const { id, timeMs, parents } of operations) {
    const place = { timeMs, depth: 0 }
    for (const parent of parents) {
      const cause = places.get(parent)!
      place.timeMs = Math.max(place.timeMs, cause.timeMs)
      place.depth = Math.max(place.depth, cause.depth + 1)
    }
    places.set(id, place)
  }
  return operations.sort((a, b) => {
    const [one, other] = [places.get(a.id)!, places.get(b.id)!]
    return one.timeMs - other.timeMs || one.depth - other.depth || (a.id < b.id ? -1 : 1)
  })
}
