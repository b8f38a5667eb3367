/**
 * What does it cost to know who is a member? 12,000 control operations make a group of 10,000 members: invites by forty
 * admins who see each other's with a delay, joins, promotions, removals that cut and some that cancel. Resolved cold, and then
 * appended to.
 */
import { performance } from 'node:perf_hooks'
import type { Change, Operation } from '../src-main/core/control/operation.ts'
import { Resolver } from '../src-main/core/control/resolver.ts'
import { Random } from '../scripts/sim/random.ts'

const OPERATIONS = 12_000
const ADMINS = 40
/** What an author has not seen yet: so many of the latest. */
const DELAY = 8
const APPENDED = 2_000

const random = new Random(1)
const operations: Operation[] = []
const lastOf = new Map<string, { id: string; seq: number }>()

function write(author: string, change: Change): void {
  const { id: previous, seq } = lastOf.get(author) ?? { id: undefined, seq: 0 }
  const seen = operations[Math.max(0, operations.length - 1 - random.between(0, DELAY))]?.id
  const parents = [...new Set([previous, seen].filter((id) => id !== undefined))]
  const id = `${operations.length}`.padStart(6, '0')
  operations.push({ id, author, device: author, seq: seq + 1, timeMs: 0, parents, change })
  lastOf.set(author, { id, seq: seq + 1 })
}

write('founder', { kind: 'create' })
for (let i = 0; i < ADMINS; i++) write('founder', { kind: 'add', target: `admin ${i}`, role: 50 + i })
for (let member = 0; operations.length < OPERATIONS; member++) {
  const author = `admin ${random.between(0, ADMINS - 1)}`
  write(author, { kind: 'add', target: `member ${member}`, role: 10 })
  if (member % 10 === 0) {
    const target = `member ${random.between(0, member)}`
    write('founder', { kind: 'role', target, role: 20 + random.between(0, 20), cut: new Map() })
  }
  if (member % 20 === 0) {
    const target = `member ${random.between(0, member)}`
    write('founder', { kind: 'remove', target, cut: new Map(), ban: false })
  }
  // Somebody loses its office, and what it did last is cancelled.
  if (member % 1_000 === 999) {
    const target = `admin ${member / 1_000 - 0.999}`
    const { seq } = lastOf.get(target) ?? { seq: 0 }
    write('founder', {
      kind: 'remove',
      target,
      cut: new Map([[target, { c: Math.max(0, seq - 2), m: 0 }]]),
      ban: false,
    })
  }
}

const startMs = performance.now()
const resolver = new Resolver(operations[0]!.id)
for (const operation of operations) resolver.add(operation)
const coldMs = performance.now() - startMs
const cancelled = operations.filter(({ id }) => resolver.cancelledBy(id).length > 0).length

const appendStartMs = performance.now()
let last = operations.at(-1)!.id
const heads = operations.slice(-2 * DELAY).map(({ id }) => id)
for (let i = 0; i < APPENDED; i++) {
  const id = `later ${i}`
  const change: Change = { kind: 'add', target: `newcomer ${i}`, role: 10 }
  const parents = i === 0 ? heads : [last]
  resolver.add({ id, author: 'founder', device: 'founder', seq: 100_000 + i, timeMs: 0, parents, change })
  last = id
}
const appendMs = performance.now() - appendStartMs

console.log(
  JSON.stringify({
    question: 'what does it cost to know who is a member?',
    operations: OPERATIONS,
    members: resolver.members.size - APPENDED,
    cancelled,
    coldMs: Math.round(coldMs),
    appendMicroseconds: Math.round((appendMs / APPENDED) * 1e4) / 10,
  }),
)
