/**
 * What does it cost to know who is a member? 12,000 control operations make a group of 10,000 members: additions by
 * forty admins who see each other's with a delay, joins, promotions, removals that cut and some that cancel. Resolved cold, and then
 * appended to. coldThreadCpuMs: of the thread that resolves; coldCpuMs: with what compiles and collects garbage beside it.
 */
import { performance } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Change, Cut, Operation } from '../src-main/core/control/operation.ts'
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

/** What nobody had cited yet, after so many operations. */
const headsAfter: string[][] = [[]]

function write(author: string, change: Change, known?: string): string {
  const { id: previous, seq } = lastOf.get(author) ?? { id: undefined, seq: 0 }
  const seen = headsAfter[Math.max(0, operations.length - random.between(0, DELAY))]!
  const parents = [...new Set([previous, known, ...seen].filter((id) => id !== undefined))]
  const id = `${operations.length}`.padStart(6, '0')
  operations.push({ id, author, device: author, seq: seq + 1, timeMs: 0, parents, change })
  headsAfter.push([...headsAfter.at(-1)!.filter((head) => !parents.includes(head)), id])
  lastOf.set(author, { id, seq: seq + 1 })
  return id
}

/** All that somebody did, but for so much. */
function cutOf(target: string, cancelled: number): Cut {
  const { seq } = lastOf.get(target) ?? { seq: 0 }
  return new Map([[target, { c: Math.max(0, seq - cancelled), m: 0 }]])
}

write('founder', { kind: 'create' })
for (let i = 0; i < ADMINS; i++) write('founder', { kind: 'add', target: `admin ${i}`, role: 50 + i })
const invites = new Map<number, string>()
for (let i = 0; i < ADMINS; i++)
  invites.set(i, write(`admin ${i}`, { kind: 'invite', role: 10, expiresMs: 1, maxUses: 1_000 }))
for (let member = 0; operations.length < OPERATIONS; member++) {
  const admin = random.between(0, ADMINS - 1)
  // Half of them by the invite of an admin, if that admin has made one yet.
  const invite = invites.get(admin)
  if (member % 2 === 0 && invite !== undefined) write(`member ${member}`, { kind: 'join', invite }, invite)
  else write(`admin ${admin}`, { kind: 'add', target: `member ${member}`, role: 10 })
  if (member % 10 === 0) {
    const target = `member ${random.between(0, member)}`
    write('founder', { kind: 'role', target, role: 20 + random.between(0, 20), cut: cutOf(target, 0) })
  }
  if (member % 20 === 0) {
    const target = `member ${random.between(0, member)}`
    write('founder', { kind: 'remove', target, cut: cutOf(target, 0), ban: false })
  }
  // Somebody loses its office, and what it did last is cancelled.
  if (member % 1_000 === 999) {
    const target = `admin ${member / 1_000 - 0.999}`
    write('founder', {
      kind: 'remove',
      target,
      cut: cutOf(target, 2),
      ban: false,
    })
  }
}

const toMs = ({ user, system }: NodeJS.CpuUsage) => (user + system) / 1_000
const cpuMs = () => toMs(process.cpuUsage())
const threadCpuMs = () => toMs(process.threadCpuUsage())

// What is left of making the operations is not to be cleared away, again and again, while they are resolved.
headsAfter.length = 0
setFlagsFromString('--expose-gc')
runInNewContext('gc')()

const startMs = performance.now()
const startCpuMs = cpuMs()
const startThreadCpuMs = threadCpuMs()
const resolver = new Resolver(operations[0]!.id)
for (const operation of operations) resolver.add(operation)
const coldMs = performance.now() - startMs
const coldCpuMs = cpuMs() - startCpuMs
const coldThreadCpuMs = threadCpuMs() - startThreadCpuMs
const cancelled = operations.filter(({ id }) => resolver.cancelledBy(id).length > 0).length

const appendStartMs = performance.now()
const appendStartCpuMs = cpuMs()
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
const appendCpuMs = cpuMs() - appendStartCpuMs

console.log(
  JSON.stringify({
    question: 'what does it cost to know who is a member?',
    operations: OPERATIONS,
    members: resolver.members.size - APPENDED,
    cancelled,
    coldMs: Math.round(coldMs),
    coldCpuMs: Math.round(coldCpuMs),
    coldThreadCpuMs: Math.round(coldThreadCpuMs),
    appendMicroseconds: Math.round((appendMs / APPENDED) * 1e4) / 10,
    appendCpuMicroseconds: Math.round((appendCpuMs / APPENDED) * 1e4) / 10,
  }),
)
