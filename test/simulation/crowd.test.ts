/** Many members, each with a real engine: what only shows in numbers. `TAPRI_SEED=7` draws another world. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { KIND } from '../../src-main/core/event.ts'
import { LONG_PLAN_EVENTS, SLICE_EVENTS, SLICE_TIMEOUT_MS } from '../../src-main/core/limits.ts'
import type { Frame } from '../../src-main/core/sync.ts'
import { checkTraces, readTrace } from '../../scripts/demo/check-trace.ts'
import { Crowd, type CrowdOptions } from '../../scripts/sim/crowd.ts'
import type { CrowdPeer } from '../../scripts/sim/crowd-peer.ts'
import { MAX_ANSWER_MS } from '../../scripts/sim/crowd-sync.ts'
import { makeFastCrypto } from '../../scripts/sim/fast-crypto.ts'
import { ALL_FAULTS, NO_FAULTS, type Fault } from '../../scripts/sim/faults.ts'
import { Random } from '../../scripts/sim/random.ts'
import { writeTraces } from '../../scripts/sim/traces.ts'

const SEED = Number(process.env['TAPRI_SEED'] ?? 1)
const GOOD = { violations: [], lost: 0, identicalTimelines: true, pending: 0 }

function makeCrowd(change: Partial<CrowdOptions> = {}): Crowd {
  const members = change.members ?? 40
  return new Crowd({
    seed: SEED,
    members,
    online: members,
    events: 400,
    active: 40,
    faults: ALL_FAULTS,
    crypto: makeFastCrypto(new Random(SEED)),
    ...change,
  })
}

test('500 members, everything goes wrong: nothing is lost, doubled or out of order', () => {
  const crowd = makeCrowd({ members: 500, events: 200, active: 200 })
  expect(crowd.run()).toMatchObject(GOOD)
}, 240_000)

test('however the network behaves, each event is decoded, verified and delivered once', () => {
  const faults = new Set<Fault>(['loss', 'reorder', 'duplicate', 'partition'])
  const crowd = makeCrowd({ members: 100, events: 500, faults })
  expect(crowd.run()).toMatchObject(GOOD)
  const { events, deliveries, received, duplicates, verified } = crowd.figures()
  const members = crowd.peers.length
  expect(deliveries).toBe(events * members)
  // All but what a peer wrote itself; the foundation and the invite were made for the first.
  const foreign = events * members - (events - 2)
  // The founder's certificate; of an entrance certificate, invite and voucher, also at its author.
  expect(verified).toBe(foreign + (1 + 3 * (members - 1)) * members)
  expect(received).toBe(foreign + duplicates)
  expect(crowd.peers.reduce((sum, { decoded }) => sum + decoded, 0)).toBe(received)
})

test('what a power cut kept from the network reaches everybody soon after its author is back', () => {
  const crowd = makeCrowd({ members: 100, events: 400, faults: new Set<Fault>(['loss', 'reorder', 'crash']) })
  expect(crowd.run()).toMatchObject(GOOD)
  const { crashes, live, latencyMs } = crowd.figures()
  expect(crashes).toBeGreaterThan(10)
  expect(live).toBeGreaterThan(20_000)
  // World time. By sync alone it takes as long as it takes until everybody has met somebody who has it: minutes.
  expect(latencyMs.p99).toBeLessThan(5_000)
})

test('a neighbour who falls silent holds nobody up for long', () => {
  const crowd = makeCrowd({ members: 30, faults: NO_FAULTS })
  const { agenda, peers, mesh, meetings } = crowd
  const [author, absent] = [peers[0]!, peers[7]!]
  for (let i = 0; i < 2 * SLICE_EVENTS; i++) {
    const { bytes } = crowd.append(author, KIND.message, Uint8Array.of(i))!
    for (const peer of peers) if (peer !== author && peer !== absent) crowd.take(peer, [bytes], author)
  }
  const [talking, ...silent] = mesh.neighbours[absent.index]!.map((index) => peers[index]!)
  // They promise, and hand over nothing.
  for (const peer of silent)
    peer.twist = <F extends Frame>(frame: F) =>
      frame.type === 'events' ? ({ type: 'addresses', addresses: [] } as Frame as F) : frame
  const pass = (ms: number) => {
    for (const endMs = agenda.nowMs + ms; agenda.step(endMs););
  }
  // All of it has been promised when somebody comes who would hand it over.
  mesh.isOn[talking!.index] = false
  meetings.meet(absent, Infinity, 'link')
  pass(SLICE_TIMEOUT_MS / 2)
  mesh.isOn[talking!.index] = true
  meetings.meet(absent, Infinity, 'link')
  pass(silent.length * SLICE_TIMEOUT_MS)
  expect(silent.length).toBeGreaterThan(2)
  expect(absent.engine.history.log).toHaveLength(author.engine.history.log.length)
})

test('nobody is asked again before it has answered, nor for what is on its way anyway', () => {
  const crowd = makeCrowd({ members: 30, faults: NO_FAULTS })
  const { agenda, peers, mesh, meetings } = crowd
  const absent = peers[7]!
  const neighbours = mesh.neighbours[absent.index]!.map((index) => peers[index]!)
  const [near, author] = neighbours as [CrowdPeer, CrowdPeer]
  const say = (count: number) => {
    for (let i = 0; i < count; i++) {
      const { bytes } = crowd.append(author, KIND.message, Uint8Array.of(i))!
      crowd.take(near, [bytes], author)
      if (i === count - 1) crowd.take(absent, [bytes], near)
    }
  }
  /** How many questions that makes. */
  const ask = (source = near) => {
    const before = crowd.figures().questions
    meetings.ask(absent, { width: 'source', sources: [source.name] })
    return crowd.figures().questions - before
  }
  const passUntil = (isSo: () => boolean) => {
    while (!isSo() && agenda.step(Infinity));
    expect(isSo()).toBe(true)
  }
  say(2)
  const firstMs = agenda.nowMs
  expect([ask(), ask()]).toEqual([1, 0])
  passUntil(() => absent.engine.pending().length === 0)
  // How long the first question may take says nothing about the second.
  for (const ms of [MAX_ANSWER_MS - 1, MAX_ANSWER_MS]) agenda.after(firstMs + ms - agenda.nowMs, () => {})
  passUntil(() => agenda.nowMs >= firstMs + MAX_ANSWER_MS - 1)
  say(2)
  expect(ask()).toBe(1)
  passUntil(() => agenda.nowMs >= firstMs + MAX_ANSWER_MS)
  expect(ask()).toBe(0)
  passUntil(() => absent.engine.pending().length === 0)
  // More than the questions that are asked before the session begins can bring.
  say(8 * LONG_PLAN_EVENTS)
  expect([ask(), ask()]).toEqual([1, 0])
  passUntil(() => !absent.asking.has(near))
  meetings.meet(absent, Infinity, 'link')
  passUntil(() => absent.catchUp.progress !== undefined)
  expect(absent.engine.missing().ranges).not.toHaveLength(0)
  const idle = neighbours.find((peer) => !absent.asking.has(peer))
  expect(ask(idle)).toBe(0)
})

test('engines that share what they think alike think as engines that do not', () => {
  const [crowd, alone] = [makeCrowd({ events: 150 }), makeCrowd({ events: 150 })]
  alone.archive.share = (entry) => entry
  expect(crowd.run()).toEqual(alone.run())
  expect(crowd.figures()).toEqual(alone.figures())
  const [one, other] = crowd.peers.map(({ engine }) => engine.history.log)
  expect(one!.filter((entry) => other!.includes(entry)).length).toBeGreaterThan(100)
  const [mine, yours] = alone.peers.map(({ engine: { history } }) =>
    history.get(alone.archive.events.at(-1)!.id),
  )
  expect(mine).toEqual(yours)
  expect(mine).not.toBe(yours)
})

test('an entry is shared only by those who think the same of its past', () => {
  const { archive, peers } = makeCrowd({ events: 1, members: 2 })
  const [first, second, third] = peers[0]!.engine.history.log
  expect(archive.share({ ...third! })).toBe(third)
  const otherwise = { ...third!, parents: [first!, second!] }
  expect(archive.share(otherwise)).toBe(otherwise)
  const seen = { ...third!, seen: { heads: [first!.id] } }
  expect(archive.share(seen)).toBe(seen)
})

test('of a fork, both branches that somebody answered stay, and everybody hides the rest', () => {
  const faults = new Set<Fault>(['loss', 'reorder', 'partition', 'hostile'])
  const crowd = makeCrowd({ events: 200, faults })
  expect(crowd.run()).toMatchObject(GOOD)
  const { history } = crowd.peers[0]!.engine
  const entries = (events: readonly number[]) =>
    events.flatMap((event) => history.get(crowd.archive.events[event]!.id) ?? [])
  const places = [...crowd.archive.siblings()].map(entries)
  const visible = places.map((place) => place.filter((entry) => history.forks.isVisible(entry)).length)
  expect(Math.max(...visible)).toBe(2)
  expect(Math.min(...visible)).toBe(0)
  expect(crowd.figures().hidden).toBeGreaterThan(0)
})

test('the same seed gives the same run, and another seed another', () => {
  const run = (seed: number) => {
    const crowd = makeCrowd({ seed, crypto: makeFastCrypto(new Random(seed)) })
    return JSON.stringify([crowd.run(), crowd.figures(), crowd.oracle.peers[7]!.log])
  }
  const first = run(5)
  expect(run(5)).toBe(first)
  expect(run(6)).not.toBe(first)
})

test('the checker of traces finds nothing either', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tapri-crowd-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const crowd = makeCrowd()
  crowd.run()
  await writeTraces(crowd, folder, 4)
  const traces = await Promise.all((await readdir(folder)).map((file) => readTrace(join(folder, file))))
  expect(traces).toHaveLength(4)
  expect(checkTraces(traces, { lines: [] })).toMatchObject(GOOD)
})
