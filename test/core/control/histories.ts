/** Random histories of a group's control operations: members who see little of each other, and some who lie. */
import fc from 'fast-check'
import type { EventId } from '../../../src-main/api/contract.ts'
import { isAllowed, targetOf, type Change, type Operation } from '../../../src-main/core/control/operation.ts'
import { Resolver } from '../../../src-main/core/control/resolver.ts'

export const ROOT = 'op0000'

/** One operation to make, in numbers: who, seeing what, doing what. */
export type Step = readonly number[]
export const steps = (maxLength: number): fc.Arbitrary<Step[]> =>
  fc.array(fc.array(fc.nat(999), { minLength: 9, maxLength: 9 }), { minLength: 1, maxLength, size: 'max' })

const USERS = 6
const ROLES = [0, 10, 10, 50, 60, 80, 100]
const KINDS = ['add', 'add', 'role', 'role', 'remove', 'remove', 'invite', 'join', 'revoke'] as const

export interface Made {
  operations: Operation[]
  /** Everything before an operation. */
  pasts: Map<EventId, Set<EventId>>
}

/** lying: authors may name cuts that end before what they had seen. Makes what is allowed where it can. */
export function play(script: readonly Step[], lying: boolean): Made {
  const made: Made = { operations: [], pasts: new Map() }
  const resolver = new Resolver(ROOT)
  push(made, resolver, {
    id: ROOT,
    author: 'u0',
    device: 'u0.0',
    seq: 1,
    timeMs: 0,
    parents: [],
    change: { kind: 'create' },
  })
  // Some to quarrel with each other.
  for (const [i, role] of [80, 60, 50].entries()) {
    const parents = [made.operations.at(-1)!.id]
    const change = { kind: 'add', target: `u${i + 1}`, role } as const
    push(made, resolver, {
      id: `op000${i + 1}`,
      author: 'u0',
      device: 'u0.0',
      seq: i + 2,
      timeMs: 0,
      parents,
      change,
    })
  }
  for (const step of script) {
    const [who, device, seen1, seen2, kind, target, role, lie, seed] = step as number[]
    const members = [...resolver.members.keys()]
    const outsiders = Array.from({ length: USERS }, (_, i) => `u${i}`)
    const author =
      who! % 5 > 0 && members.length > 0 ? members[who! % members.length]! : outsiders[who! % USERS]!
    const name = `${author}.${device! % 8 === 0 ? 1 : 0}`
    const own = made.operations.filter((operation) => operation.device === name)
    const look = (seen: number) => {
      const back = seen % 3 === 0 ? seen % made.operations.length : seen % Math.min(3, made.operations.length)
      return made.operations[made.operations.length - 1 - back]!.id
    }
    const parents = reduced(made, [...own.slice(-1).map(({ id }) => id), look(seen1!), look(seen2!)])
    const past = new Set(parents.flatMap((parent) => [parent, ...made.pasts.get(parent)!]))
    const id = `op${String((seed! * 7919) % 1000).padStart(3, '0')}-${made.operations.length}`
    const base = { id, author, device: name, seq: own.length + 1, timeMs: made.operations.length, parents }
    const changes = [0, 1, 2, 3, 4, 5].map((turn) =>
      changeOf(made, past, [kind! + turn, target! + turn, role! + turn, lying ? lie! : 1]),
    )
    const fits = (change: Change) => {
      const operation = { ...base, change }
      const subject = targetOf(operation)
      const invite = 'invite' in change ? made.operations.find((one) => one.id === change.invite) : undefined
      return isAllowed(operation, ROOT, {
        author: resolver.roleAt(parents, author),
        target: subject === undefined ? undefined : resolver.roleAt(parents, subject),
        invite: invite?.change.kind === 'invite' ? { ...invite.change, author: invite.author } : undefined,
      })
    }
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

function changeOf({ operations }: Made, past: ReadonlySet<EventId>, numbers: readonly number[]): Change {
  const [kindNo, targetNo, roleNo, lie] = numbers as [number, number, number, number]
  const kind = KINDS[kindNo % KINDS.length]!
  const target = `u${targetNo % USERS}`
  const role = ROLES[roleNo % ROLES.length]!
  if (kind === 'add') return { kind, target, role }
  if (kind === 'invite') return { kind, role: role % 100, expiresMs: lie % 7 === 0 ? 5 : 1e6 }
  if (kind === 'join' || kind === 'revoke') {
    const invites = operations.filter((one) => past.has(one.id) && one.change.kind === 'invite')
    return { kind, invite: invites[targetNo % invites.length]?.id ?? ROOT }
  }
  const cut = new Map<string, number>()
  for (const one of operations)
    if (past.has(one.id) && one.author === target)
      cut.set(one.device, lie % 3 === 0 ? Math.min(one.seq, lie % 4) : one.seq)
  return kind === 'role' ? { kind, target, role, cut } : { kind, target, cut, ban: lie % 5 === 0 }
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
