/** Random histories of a group's control operations: members who see little of each other, and some who lie. */
import fc from 'fast-check'
import type { EventId } from '../../../src-main/api/contract.ts'
import type { Change, Cut, Extent, Operation } from '../../../src-main/core/control/operation.ts'
import { Resolver } from '../../../src-main/core/control/resolver.ts'

export const ROOT = 'op0000'

/** One operation to make, in numbers: who, seeing what, doing what. */
export type Step = readonly number[]
export const steps = (maxLength: number): fc.Arbitrary<Step[]> =>
  fc.array(fc.array(fc.nat(999), { minLength: 9, maxLength: 9 }), { minLength: 1, maxLength, size: 'max' })

const USERS = 6
const ROLES = [0, 10, 10, 50, 60, 80, 100]
/** What is most of what happens, and what hardly says anything. */
const KINDS: Change['kind'][] = [
  ...([
    'add',
    'role',
    'remove',
    'join',
    'succeed',
    'removeDevice',
    'remove',
    'add',
    'role',
    'invite',
  ] as const),
  ...(['add', 'role', 'remove', 'join', 'succeed', 'removeDevice', 'revoke', 'successor', 'join'] as const),
]
const QUIET: Change['kind'][] = ['enter', 'rotate', 'unknown']

export interface Made {
  operations: Operation[]
  /** Everything before an operation. */
  pasts: Map<EventId, Set<EventId>>
}

/** lying: authors may name cuts that end before what they had seen. Makes what is allowed where it can. */
export function play(script: readonly Step[], lying: boolean): Made {
  const made: Made = { operations: [], pasts: new Map() }
  const resolver = new Resolver(ROOT)
  // Some to quarrel with each other, and something to quarrel about.
  const founding: [string, Change][] = [
    ['u0', { kind: 'create' }],
    ...[80, 60, 50].map((role, i): [string, Change] => ['u0', { kind: 'add', target: `u${i + 1}`, role }]),
    ['u1', { kind: 'invite', role: 50, expiresMs: 1e6, maxUses: 1 }],
    ['u0', { kind: 'successor', target: 'u2' }],
  ]
  for (const [i, [author, change]] of founding.entries()) {
    const parents = i === 0 ? [] : [made.operations[i - 1]!.id]
    const device = `${author}.0`
    const seq = made.operations.filter((one) => one.device === device).length + 1
    push(made, resolver, { id: `op000${i}`, author, device, seq, timeMs: 0, parents, change })
  }
  for (const step of script) {
    const [who, device, seen1, seen2, kind, target, role, lie, seed] = step as number[]
    const members = [...resolver.members.keys()]
    const outsiders = Array.from({ length: USERS }, (_, i) => `u${i}`)
    const author =
      who! % 5 > 0 && members.length > 0 ? members[who! % members.length]! : outsiders[who! % USERS]!
    const name = `${author}.${device! % 3 === 0 ? 1 : 0}`
    const own = made.operations.filter((operation) => operation.device === name)
    const look = (seen: number) => {
      const back = seen % 5 < 3 ? seen % made.operations.length : seen % Math.min(3, made.operations.length)
      return made.operations[made.operations.length - 1 - back]!.id
    }
    const parents = reduced(made, [...own.slice(-1).map(({ id }) => id), look(seen1!), look(seen2!)])
    const past = new Set(parents.flatMap((parent) => [parent, ...made.pasts.get(parent)!]))
    const id = `op${String((seed! * 7919) % 1000).padStart(3, '0')}-${made.operations.length}`
    const base = { id, author, device: name, seq: own.length + 1, timeMs: made.operations.length, parents }
    const changes = [0, 1, 2, 3, 4, 5, 6, 7].map((turn) =>
      changeOf(made, past, author, [kind! + turn, target! + turn, role! + turn, lying ? lie! : 1]),
    )
    const fits = (change: Change) => resolver.wouldAllow({ ...base, change })
    push(made, resolver, { ...base, change: changes.find(fits) ?? changes[0]! })
  }
  return made
}

export function push({ operations, pasts }: Made, resolver: Resolver, operation: Operation): void {
  operations.push(operation)
  pasts.set(operation.id, new Set(operation.parents.flatMap((id) => [id, ...pasts.get(id)!])))
  resolver.add(operation)
}

/** Without those that lie before another. */
export function reduced({ pasts }: Made, ids: readonly EventId[]): EventId[] {
  const all = [...new Set(ids)]
  return all.filter((id) => !all.some((other) => pasts.get(other)!.has(id)))
}

function changeOf(
  { operations }: Made,
  past: ReadonlySet<EventId>,
  author: string,
  numbers: readonly number[],
): Change {
  const [kindNo, targetNo, roleNo, lie] = numbers as [number, number, number, number]
  const kind = kindNo % 10 === 0 ? QUIET[targetNo % QUIET.length]! : KINDS[kindNo % KINDS.length]!
  const target = `u${targetNo % USERS}`
  const role = ROLES[roleNo % ROLES.length]!
  const extents = (user: string) => cutOf(operations, past, user, lie)
  switch (kind) {
    case 'add':
      return { kind, target, role }
    case 'invite':
      return { kind, role: role % 100, expiresMs: lie % 7 === 0 ? 5 : 1e6, maxUses: (roleNo % 3) + 1 }
    case 'join':
    case 'revoke': {
      const invites = operations.filter((one) => past.has(one.id) && one.change.kind === 'invite')
      return { kind, invite: invites[targetNo % invites.length]?.id ?? ROOT }
    }
    case 'role':
      return { kind, target, role, cut: extents(target) }
    case 'remove':
      return { kind, target, cut: extents(target), ban: roleNo % 5 === 0 }
    case 'removeDevice': {
      // Mostly one's own.
      const device = `${roleNo % 5 === 0 ? target : author}.${targetNo % 2}`
      return { kind, device, extent: extents(author).get(device) ?? { c: 0, m: 0 } }
    }
    case 'successor':
      return { kind, target: roleNo % 4 === 0 ? undefined : target }
    default:
      return { kind } as Change
  }
}

/** What its author had seen of somebody's devices. A lie says less, or more than there is, or names others' devices. */
function cutOf(operations: readonly Operation[], past: ReadonlySet<EventId>, user: string, lie: number): Cut {
  const cut = new Map<string, Extent>()
  for (const { id, author, device, seq } of operations) {
    if (!past.has(id) || author !== user) continue
    const c = lie % 3 === 0 ? Math.min(seq, lie % 4) : lie % 11 === 0 ? seq + 3 : seq
    cut.set(device, { c, m: c })
  }
  if (lie % 13 === 0)
    for (const { device } of operations) if (!cut.has(device)) cut.set(device, { c: 0, m: 9 })
  return cut
}

/** The same operations in another order that has causes first. */
export function reordered({ operations, pasts }: Made, choices: readonly number[]): Operation[] {
  const left = new Set(operations)
  const order: Operation[] = []
  for (let i = 0; left.size > 0; i++) {
    const done = new Set(order.map(({ id }) => id))
    const ready = [...left].filter(({ id }) => [...pasts.get(id)!].every((cause) => done.has(cause)))
    const next = ready[(choices[i % Math.max(1, choices.length)] ?? 0) % ready.length]!
    order.push(next)
    left.delete(next)
  }
  return order
}
