/** A group founded by alice, with bob and carol as admins and dave as a member, to tell what happens to it next. */
import type { EventId } from '../../../src-main/api/contract.ts'
import type { Change, Extent } from '../../../src-main/core/control/operation.ts'
import { Resolver } from '../../../src-main/core/control/resolver.ts'
import { ROOT } from './histories.ts'

/** What the founding of a story ends with. */
export const ALL = 'dave in'

export class Story {
  readonly resolver = new Resolver(ROOT)
  readonly #seqs = new Map<string, number>()

  constructor() {
    this.does('alice', ROOT, [], { kind: 'create' })
    this.does('alice', 'bob in', [ROOT], { kind: 'add', target: 'bob', role: 80 })
    this.does('alice', 'carol in', ['bob in'], { kind: 'add', target: 'carol', role: 60 })
    this.does('alice', 'dave in', ['carol in'], { kind: 'add', target: 'dave', role: 10 })
  }

  /** author: a person, on "alice's" device unless another is named: 'alice on a phone'. */
  does(author: string, id: EventId, parents: EventId[], change: Change, timeMs = 0): this {
    const [person = '', phone] = author.split(' on ')
    const device = phone ?? `${person}'s`
    const seq = (this.#seqs.get(device) ?? 0) + 1
    this.#seqs.set(device, seq)
    this.resolver.add({ id, author: person, device, seq, timeMs, parents, change })
    return this
  }

  get members(): Record<string, number> {
    return Object.fromEntries(this.resolver.members)
  }

  counts(id: EventId): boolean {
    return this.resolver.isEffective(id)
  }
}

/** Control and message seq the same. */
export const extents = (cut: [string, number][]): Map<string, Extent> =>
  new Map(cut.map(([device, c]) => [device, { c, m: c }]))
export const remove = (target: string, cut: [string, number][] = [], ban = false): Change => ({
  kind: 'remove',
  target,
  cut: extents(cut),
  ban,
})
export const add = (target: string, role = 10): Change => ({ kind: 'add', target, role })
export const set = (target: string, role: number, cut: [string, number][] = []): Change => ({
  kind: 'role',
  target,
  role,
  cut: extents(cut),
})
export const invite = (role = 10, expiresMs = 1_000, maxUses = 10): Change => ({
  kind: 'invite',
  role,
  expiresMs,
  maxUses,
})
export const join = (by: EventId): Change => ({ kind: 'join', invite: by })
export const removeDevice = (device: string, c: number): Change => ({
  kind: 'removeDevice',
  device,
  extent: { c, m: c },
})
export const name = (target: string | undefined): Change => ({ kind: 'successor', target })
