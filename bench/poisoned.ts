/**
 * How fast does the engine deliver the office, and what can planted events do to that? 200 hostile devices have left 10,000
 * events that can never be delivered, by way of 20 neighbours: half lack an earlier event of their own device, half cite
 * what nobody wrote. The engine keeps as many of them as its limits allow. Several engines take in the same events in
 * orders of their own, with a tick every 200 ms, unpoisoned and poisoned in turn; ratios are within this run.
 */
import { performance } from 'node:perf_hooks'
import { Engine, type Effect } from '../src-main/core/engine.ts'
import { chainOf, deviceTag, encodeEvent, KIND } from '../src-main/core/event.ts'
import { hlcAt } from '../src-main/core/hlc.ts'
import { sodiumCrypto } from '../src-main/crypto/sodium.ts'
import { Random } from '../scripts/sim/random.ts'
import { median, rounded, spread } from './parts/measure.ts'
import { playOffice } from './parts/office.ts'

const MEMBERS = 200
const EVENTS = 2_500
const ENGINES = 3
const ROUNDS = 5
const POISON = 10_000
const NEIGHBOURS = 20
/** How far an event may be overtaken. */
const DISORDER = 8
const TICK_MS = 200
const { sha256, sign, verify } = sodiumCrypto

const { group, events, keys, figures } = playOffice({ members: MEMBERS, events: EVENTS, active: 60 })
const control = events.filter(({ kind }) => chainOf(kind) === 'c')
const messages = events.filter(({ kind }) => chainOf(kind) === 'm')
const endMs = Number(events.reduce((latest, { hlc }) => (hlc > latest ? hlc : latest), 0n) >> 16n)

const poison = Array.from({ length: POISON }, (_, i) => {
  const { publicKey, secretKey } = keys[i % keys.length]!
  const deps = i % 2 === 0 ? [] : [{ tag: 'ff'.repeat(8), seq: 1 + i }]
  const fields = { kind: KIND.message, tag: deviceTag(publicKey, sha256), deps, commit: new Uint8Array(16) }
  // Far enough from anything that its device wrote: it shall not be found to have forked.
  const body = new Uint8Array(20)
  const event = { ...fields, seq: 1_000_000 + i, hlc: hlcAt(endMs), body }
  return encodeEvent(event, group, sha256, (id) => sign(id, secretKey)).bytes
})

/** An order in which events overtake each other. */
function shuffled(seed: number) {
  const random = new Random(seed)
  return messages
    .map((event, i) => ({ event, at: i + DISORDER * random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ event }) => event.bytes)
}
const orders = Array.from({ length: ENGINES }, (_, i) => shuffled(i))

/** withSignatures: what a device does; without: the engine alone, so that less hides what the poison costs. */
function measure(isPoisoned: boolean, withSignatures: boolean) {
  let plantedCount = 0
  let verifies = false
  const engines = orders.map((order) => {
    const parts = { group, self: '00'.repeat(8), sha256, sign: (id: Uint8Array) => id }
    const engine = new Engine({ ...parts, verify: (...signed) => !verifies || verify(...signed) })
    const take = (bytes: Uint8Array, from: string) =>
      engine.step({ type: 'receive', bytes, from, nowMs: endMs, atMs: 0 })
    for (const { bytes } of control) take(bytes, 'friend')
    if (isPoisoned) for (const [i, bytes] of poison.entries()) take(bytes, `neighbour ${i % NEIGHBOURS}`)
    plantedCount = engine.pending().length
    return { engine, order }
  })
  verifies = withSignatures
  const before = process.cpuUsage()
  const startMs = performance.now()
  let delivered = 0
  let nextTickMs = TICK_MS
  const count = (effects: readonly Effect[]) => {
    for (const { type } of effects) if (type === 'deliver') delivered++
  }
  for (const { engine, order } of engines)
    for (const bytes of order) {
      const atMs = performance.now() - startMs
      count(engine.step({ type: 'receive', bytes, from: 'friend', nowMs: endMs, atMs }))
      if (atMs < nextTickMs) continue
      nextTickMs += TICK_MS
      for (const one of engines) count(one.engine.step({ type: 'tick', nowMs: endMs, atMs }))
    }
  const seconds = (performance.now() - startMs) / 1_000
  const { user, system } = process.cpuUsage(before)
  if (delivered !== ENGINES * messages.length) throw new Error(`${delivered} were delivered`)
  return { plantedCount, perSecond: delivered / seconds, perCpuSecond: delivered / ((user + system) / 1e6) }
}

function compare(withSignatures: boolean) {
  const clean: ReturnType<typeof measure>[] = []
  const poisoned: ReturnType<typeof measure>[] = []
  measure(true, withSignatures)
  for (let i = 0; i < ROUNDS; i++) {
    clean.push(measure(false, withSignatures))
    poisoned.push(measure(true, withSignatures))
  }
  const ratios = clean.map(({ perCpuSecond }, i) => poisoned[i]!.perCpuSecond / perCpuSecond)
  return {
    waiting: poisoned[0]!.plantedCount,
    perSecond: rounded(median(clean.map(({ perSecond }) => perSecond))),
    perCpuSecond: rounded(median(clean.map(({ perCpuSecond }) => perCpuSecond))),
    poisonedPerCpuSecond: rounded(median(poisoned.map(({ perCpuSecond }) => perCpuSecond))),
    ratio: spread(ratios),
  }
}

console.log(
  JSON.stringify({
    question: 'how fast are events delivered, and what do planted ones do to that?',
    members: MEMBERS,
    events: messages.length,
    engines: ENGINES,
    metadataBytes: rounded(figures.metadataBytes.mean),
    planted: POISON,
    withSignatures: compare(true),
    engineAlone: compare(false),
  }),
)
