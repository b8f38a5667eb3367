/**
 * How much does disorder cost? One engine takes in the same events in causal order, reversed in windows, and in order
 * with a buffer full of events that can never be delivered. Ratios are within this run.
 */
import { performance } from 'node:perf_hooks'
import { makeWorld } from '../test/helpers/people.ts'
import { Engine } from '../src-main/core/engine.ts'
import type { Event } from '../src-main/core/event.ts'
import { sodiumCrypto as crypto } from '../src-main/crypto/sodium.ts'

const EVENTS = 4_000
/** Reversed in windows of this size: within the limits of the buffer. */
const WINDOW = 32
const POISON = 4_000
const START_MS = Date.UTC(2026, 0, 1)

const world = makeWorld(['alice', 'bob', 'carol', 'mallory'])
const [alice, bob, carol, mallory] = world.people
const events: Event[] = []
for (let i = 0; events.length < EVENTS; i++) {
  const author = [alice!, bob!, carol!][i % 3]!
  const event = author.say(`message ${i}`)
  for (const other of [alice!, bob!, carol!]) if (other !== author) other.hear(event)
  events.push(event)
}
/** Each waits for the one before it, and the first never comes. */
const poison: Event[] = []
for (let i = 0; poison.length < POISON; i++) poison.push(mallory!.say(`poison ${i}`))
poison.shift()

function measure(order: readonly Event[], planted: readonly Event[] = []) {
  const engine = new Engine({
    group: world.group,
    self: '00'.repeat(8),
    sha256: crypto.sha256,
    verify: crypto.verify,
    sign: (id) => id,
  })
  const take = ({ bytes }: Event, from: string) =>
    engine.step({ type: 'receive', bytes, from, nowMs: START_MS, atMs: 0 })
  for (const event of world.control) take(event, 'peer')
  for (const [i, event] of planted.entries()) take(event, `neighbour ${i % 8}`)
  const waiting = engine.pending().length
  const before = process.cpuUsage()
  const startMs = performance.now()
  let delivered = 0
  for (const event of order)
    for (const effect of take(event, 'peer')) if (effect.type === 'deliver') delivered++
  const { user, system } = process.cpuUsage(before)
  if (delivered !== order.length) throw new Error(`${delivered} of ${order.length} were delivered`)
  return { waiting, perCpuSecond: delivered / ((user + system) / 1e6), wallMs: performance.now() - startMs }
}

const reversed = events
  .map((event, i) => ({ event, at: Math.floor(i / WINDOW) * WINDOW + (WINDOW - 1 - (i % WINDOW)) }))
  .sort((a, b) => a.at - b.at)
  .map(({ event }) => event)
measure(events)
const ordered = measure(events)
const disordered = measure(reversed)
const poisoned = measure(events, poison)
const ratio = (a: number, b: number) => Math.round((a / b) * 100) / 100
console.log(
  JSON.stringify({
    question: 'what does disorder cost the engine?',
    events: EVENTS,
    deliveriesPerCpuSecond: Math.round(ordered.perCpuSecond),
    reversedInWindows: { window: WINDOW, ratio: ratio(disordered.perCpuSecond, ordered.perCpuSecond) },
    poisonedBuffer: { waiting: poisoned.waiting, ratio: ratio(poisoned.perCpuSecond, ordered.perCpuSecond) },
  }),
)
