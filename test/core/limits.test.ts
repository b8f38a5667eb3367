/** Bounds of the engine that no other test reaches. */
import { describe, expect, test } from 'vitest'
import { bind, controlFrontier } from '../../src-main/core/citations.ts'
import { CatchUp } from '../../src-main/core/catch-up.ts'
import { commitTo, decodeEvent, encodeEvent, KIND, type Event } from '../../src-main/core/event.ts'
import { Future, Refused, Strangers } from '../../src-main/core/held.ts'
import { hlcAt } from '../../src-main/core/hlc.ts'
import { History } from '../../src-main/core/history.ts'
import {
  MAX_ADDRESS_SIZE_BYTES,
  MAX_ADDRESSES,
  MAX_BRANCH_CHOICES,
  MAX_CLOCK_TIPS,
  MAX_CONTROL_HEADS,
  MAX_CREDENTIAL_SIZE_BYTES,
  MAX_FORKS_LISTED,
  MAX_FUTURE_EVENTS,
  MAX_FUTURE_MS,
  MAX_HELD_EVENTS,
  MAX_HELD_PER_DEVICE,
  MAX_REFUSED_KEPT,
  MAX_TIPS_PER_FORKED_CHAIN,
} from '../../src-main/core/limits.ts'
import { SyncSession } from '../../src-main/core/sync-session.ts'
import { decodeFrame, encodeFrame, type Frame } from '../../src-main/core/sync.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { decodeCredential, encodeCredential } from '../../src-main/messenger/admission.ts'
import { MAX_FRAME_SIZE_BYTES } from '../../src-main/network/network.ts'
import { credentialsOf, joinBody } from '../../scripts/sim/gathering.ts'
import { makeWorld, START_MS } from '../helpers/people.ts'

const tagOf = (device: number) => device.toString(16).padStart(16, '0')
const idOf = (device: number, seq: number, branch = 0) =>
  `${tagOf(device)}${seq.toString(16).padStart(8, '0')}${branch.toString(16).padStart(40, '0')}`

/** An event as a history knows it; nobody signed it. */
function unsigned(device: number, seq: number, { branch = 0, kind = KIND.message as number } = {}): Event {
  const tag = tagOf(device)
  const hlc = hlcAt(START_MS + seq)
  const nothing = new Uint8Array(0)
  const id = idOf(device, seq, branch)
  return {
    id,
    kind,
    tag,
    seq,
    hlc,
    deps: [],
    commit: nothing,
    body: nothing,
    signature: nothing,
    bytes: nothing,
  }
}

/** What a session says of itself, after it heard the greeting of somebody who has nothing. */
function framesOf(history: History, addresses: Uint8Array[] = []): Frame[] {
  const nothing = new Uint8Array(0)
  const hello = {
    proof: new Uint8Array(32),
    credential: nothing,
    incarnation: new Uint8Array(8),
    wallClockMs: 0,
  }
  const catchUp = new CatchUp<SyncSession>()
  const session = new SyncSession({ history, sha256: crypto.sha256, hello, addresses, catchUp })
  const effects = [
    ...session.receive({ type: 'hello', ...hello, digest: new Uint8Array(32) }),
    ...session.receive({ type: 'summary', buckets: new Map() }),
  ]
  return effects.flatMap((effect) => (effect.type === 'send' ? [effect.frame] : []))
}

describe('an event', () => {
  test('cites so many control heads, and no more', () => {
    const { group, people } = makeWorld(['alice'])
    const honest = people[0]!.say('x')
    const cite = (count: number) => {
      const controlHeads = Array.from({ length: count }, (_, i) => idOf(i, 1))
      return encodeEvent({ ...honest, controlHeads }, group, crypto.sha256, people[0]!.sign)
    }
    const { bytes } = cite(MAX_CONTROL_HEADS)
    expect(decodeEvent(bytes, group, crypto.sha256)).toHaveProperty('event')
    expect(() => cite(MAX_CONTROL_HEADS + 1)).toThrow(TypeError)
    // The count is one byte, after version, kind, flags, tag, seq, date and commitment.
    const more = bytes.slice()
    const countAt = bytes.indexOf(MAX_CONTROL_HEADS, 3 + 8 + 1 + 8 + 16)
    expect(countAt).toBe(3 + 8 + 1 + 8 + 16)
    more[countAt]! += 1
    expect(decodeEvent(more, group, crypto.sha256)).toEqual({ reason: 'malformed' })
    const history = new History()
    for (let device = 0; device < MAX_CONTROL_HEADS + 6; device++)
      history.add(unsigned(device, 1, { kind: KIND.join }), [])
    expect(controlFrontier(history)).toHaveLength(MAX_CONTROL_HEADS)
  })

  test('is bound by trying so many branches, and no more', () => {
    //  each device  ┬─ 1          the event cites the second branch of each
    //               └─ 1'
    const history = new History()
    const devices = Math.log2(MAX_BRANCH_CHOICES) + 1
    for (let device = 1; device <= devices; device++)
      for (const branch of [0, 1]) history.add(unsigned(device, 1, { branch }), [])
    const citing = (count: number): Event => {
      const cited = Array.from({ length: count }, (_, i) => i + 1)
      const deps = cited.map((device) => ({ tag: tagOf(device), seq: 1 }))
      const ids = cited.map((device) => idOf(device, 1, 1))
      return { ...unsigned(99, 1), deps, commit: commitTo(undefined, ids, undefined, crypto.sha256) }
    }
    expect(bind(citing(devices - 1), history, crypto.sha256)).toHaveProperty('parents')
    expect(bind(citing(devices), history, crypto.sha256)).toEqual({ reason: 'commit-mismatch' })
  })
})

describe('what is set aside', () => {
  test('of devices that nobody knows', () => {
    const strangers = new Strangers()
    const devices = Math.ceil(MAX_HELD_EVENTS / MAX_HELD_PER_DEVICE) + 1
    for (let device = 0; device < devices; device++)
      for (let i = 0; i < MAX_HELD_PER_DEVICE; i++) strangers.hold(tagOf(device), Uint8Array.of(i), 'x')
    const held = Array.from({ length: devices }, (_, device) => strangers.release(tagOf(device)).length)
    expect(held.reduce((a, b) => a + b)).toBe(MAX_HELD_EVENTS)
    strangers.hold(tagOf(0), new Uint8Array(0), 'x')
    expect(strangers.release(tagOf(0))).toHaveLength(1)
  })

  test('of what is dated ahead', () => {
    const future = new Future()
    const event = unsigned(1, 1)
    expect(future.isDue(event, START_MS + 1 - MAX_FUTURE_MS)).toBe(true)
    expect(future.isDue(event, START_MS - MAX_FUTURE_MS)).toBe(false)
    for (let seq = 1; seq <= MAX_FUTURE_EVENTS; seq++)
      expect(future.add(unsigned(1, seq), 'x')).toBeUndefined()
    const last = unsigned(1, MAX_FUTURE_EVENTS + 1)
    expect(future.add(last, 'x')).toBe(last)
    const wrongClock = Array.from({ length: MAX_FUTURE_EVENTS / 2 }, (_, i) => unsigned(2, i + 1_000))
    for (const [i, honest] of wrongClock.entries())
      expect(future.add(honest, 'x')).toMatchObject({ tag: tagOf(1), seq: MAX_FUTURE_EVENTS - i })
    expect(future.add(unsigned(2, 2_000), 'x')).toMatchObject({ tag: tagOf(2), seq: 2_000 })
    const due = future.takeDue(START_MS).map(({ event }) => event)
    expect(due).toHaveLength(MAX_FUTURE_EVENTS)
    expect(due).toEqual(expect.arrayContaining(wrongClock))
  })

  test('of what was refused', () => {
    const refused = new Refused()
    for (let device = 0; device <= MAX_REFUSED_KEPT; device++) refused.add(unsigned(device, 1))
    expect(refused.get(tagOf(0))).toBeUndefined()
    expect(refused.get(tagOf(1))).toBeDefined()
    refused.add(unsigned(1, 2))
    expect(refused.get(tagOf(1))!.seq).toBe(2)
  })
})

describe('a sync frame', () => {
  const isTaken = (frame: Frame) => decodeFrame(encodeFrame(frame)) !== undefined
  const many = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i))
  const clock = (count: number): Frame => ({
    type: 'clock',
    tips: many(count, (i) => ({
      tag: tagOf(i),
      chain: 'm',
      seq: Number.MAX_SAFE_INTEGER,
      fingerprint: 0,
    })),
  })

  test('names so many places, and then fits what the network carries', () => {
    expect(isTaken(clock(MAX_CLOCK_TIPS))).toBe(true)
    expect(isTaken(clock(MAX_CLOCK_TIPS + 1))).toBe(false)
    expect(encodeFrame(clock(MAX_CLOCK_TIPS)).length).toBeLessThanOrEqual(MAX_FRAME_SIZE_BYTES)
    const history = new History()
    for (let device = 0; device < MAX_CLOCK_TIPS + 10; device++) history.add(unsigned(device, 1), [])
    expect(framesOf(history).find(({ type }) => type === 'clock')).toMatchObject({
      tips: { length: MAX_CLOCK_TIPS },
    })
  })

  test('names so many places of a forked device, after everybody else’s', () => {
    const history = new History()
    for (let branch = 0; branch < MAX_TIPS_PER_FORKED_CHAIN + 10; branch++)
      history.add(unsigned(1, 1, { branch }), [])
    history.add(unsigned(2, 1), [])
    history.forks.add(tagOf(1))
    const frame = framesOf(history).find(({ type }) => type === 'clock') as Frame & { type: 'clock' }
    const tags = frame.tips.map(({ tag }) => tag)
    expect(tags).toEqual([tagOf(2), ...many(MAX_TIPS_PER_FORKED_CHAIN, () => tagOf(1))])
  })

  test('names so many forked devices', () => {
    const forks = (count: number): Frame => ({ type: 'forks', tags: many(count, tagOf) })
    expect(isTaken(forks(MAX_FORKS_LISTED))).toBe(true)
    expect(isTaken(forks(MAX_FORKS_LISTED + 1))).toBe(false)
    expect(encodeFrame(forks(MAX_FORKS_LISTED)).length).toBeLessThanOrEqual(MAX_FRAME_SIZE_BYTES)
  })

  test('names so many addresses of that length', () => {
    const addresses = (count: number, size = MAX_ADDRESS_SIZE_BYTES): Frame => ({
      type: 'addresses',
      addresses: many(count, () => new Uint8Array(size)),
    })
    expect(isTaken(addresses(MAX_ADDRESSES))).toBe(true)
    expect(isTaken(addresses(MAX_ADDRESSES + 1))).toBe(false)
    expect(isTaken(addresses(1, MAX_ADDRESS_SIZE_BYTES + 1))).toBe(false)
    const sent = framesOf(
      new History(),
      many(MAX_ADDRESSES + 5, () => Uint8Array.of(1)),
    )
    expect(sent[0]).toMatchObject({ addresses: { length: MAX_ADDRESSES } })
  })

  test('shows a credential of that length, into which the largest entrance fits', () => {
    const hello = (size: number): Frame => ({
      ...{ type: 'hello', proof: new Uint8Array(32), credential: new Uint8Array(size) },
      ...{ incarnation: new Uint8Array(8), wallClockMs: 0, digest: new Uint8Array(32) },
    })
    const enter = (size: number): Frame => ({
      ...{ type: 'enter', proof: new Uint8Array(32), credential: new Uint8Array(size), heads: [] },
    })
    for (const frame of [hello, enter]) {
      expect(isTaken(frame(MAX_CREDENTIAL_SIZE_BYTES))).toBe(true)
      expect(isTaken(frame(MAX_CREDENTIAL_SIZE_BYTES + 1))).toBe(false)
    }
    const { group, gathering, people } = makeWorld(['alice'])
    const heads = many(MAX_CONTROL_HEADS, (i) => idOf(i, 1))
    const { key, tag, sign } = people[0]!
    const fields = {
      ...{ kind: KIND.join, tag, seq: Number.MAX_SAFE_INTEGER, hlc: hlcAt(START_MS), deps: [] },
      commit: new Uint8Array(16),
      controlHeads: heads,
      body: joinBody(credentialsOf(key, crypto), { ...gathering.door(), heads }, crypto),
    }
    const entrance = encodeEvent(fields, group, crypto.sha256, sign)
    const credential = encodeCredential({ type: 'entrance', event: entrance.bytes })
    expect(credential.length).toBeLessThanOrEqual(MAX_CREDENTIAL_SIZE_BYTES)
    expect(decodeCredential(credential)).toEqual({ type: 'entrance', event: entrance.bytes })
  })
})
