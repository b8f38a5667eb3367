/** The buffer of what waits, when more comes than fits. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DeliveryBuffer, type Pending } from '../../src-main/core/delivery.ts'
import { KIND, type Event } from '../../src-main/core/event.ts'
import {
  MAX_EVENT_SIZE_BYTES,
  MAX_PENDING_AGE_MS,
  MAX_PENDING_PER_DEVICE,
  MAX_PENDING_PER_GROUP,
  MAX_PENDING_PER_SOURCE,
  MAX_PENDING_SIZE_BYTES,
} from '../../src-main/core/limits.ts'

/** Something that waits for the previous event of its device, as far as the buffer looks at it. */
function waiting(
  tag: string,
  seq: number,
  { from = `${tag} ${seq % 9}`, sizeBytes = 100, sinceMs = 0 } = {},
) {
  const event = {
    id: `${tag} ${seq}`,
    tag,
    seq,
    kind: KIND.message,
    bytes: new Uint8Array(sizeBytes),
  } as Pick<Event, 'id' | 'tag' | 'seq' | 'kind' | 'bytes'> as Event
  return { event, from, sinceMs, watch: { tag, chain: 'm', seq: seq - 1 } } satisfies Pending
}

/** What so many hostile devices plant, in turn. */
function plant(buffer: DeliveryBuffer, devices: number, each: number, options = {}) {
  for (let i = 0; i < each; i++)
    for (let device = 0; device < devices; device++)
      expect(buffer.add(waiting(`mallory ${device}`, 2 + i, options))).toEqual([])
}

const ids = (pending: readonly Pending[]) => pending.map(({ event }) => event.id)

test('a full group makes room for somebody who has less waiting', () => {
  const buffer = new DeliveryBuffer()
  const devices = MAX_PENDING_PER_GROUP / MAX_PENDING_PER_DEVICE
  plant(buffer, devices, MAX_PENDING_PER_DEVICE)
  expect(buffer.size).toBe(MAX_PENDING_PER_GROUP)
  const farthest = `mallory 0 ${MAX_PENDING_PER_DEVICE + 1}`
  expect(ids(buffer.add(waiting('alice', 2)))).toEqual([farthest])
  expect(buffer.has('alice 2')).toBe(true)
  expect(buffer.size).toBe(MAX_PENDING_PER_GROUP)
  // And not for one of those who filled it, unless it is nearer than what it has there.
  expect(ids(buffer.add(waiting('mallory 1', 1_000)))).toEqual(['mallory 1 1000'])
  expect(ids(buffer.add(waiting('mallory 1', 1)))).toEqual([`mallory 1 ${MAX_PENDING_PER_DEVICE + 1}`])
})

test('of very many devices with one event each, the one that waits longest makes room', () => {
  const buffer = new DeliveryBuffer()
  plant(buffer, MAX_PENDING_PER_GROUP, 1)
  expect(ids(buffer.add(waiting('alice', 2)))).toEqual(['mallory 0 2'])
  expect(ids(buffer.add(waiting('bob', 2)))).toEqual(['mallory 1 2'])
  expect(ids(buffer.add(waiting('alice', 3)))).toEqual(['alice 3'])
  expect(ids(buffer.add(waiting('alice', 1)))).toEqual(['alice 2'])
})

test('a neighbour who hands over too much keeps nobody else out', () => {
  const buffer = new DeliveryBuffer()
  const from = 'mallory'
  plant(buffer, 10, Math.floor(MAX_PENDING_PER_SOURCE / 10), { from })
  for (let seq = 100; buffer.size < MAX_PENDING_PER_SOURCE; seq++)
    expect(buffer.add(waiting('mallory 0', seq, { from }))).toEqual([])
  expect(buffer.add(waiting('alice', 2, { from: 'bob' }))).toEqual([])
  expect(ids(buffer.add(waiting('mallory 0', 1_000, { from })))).toEqual(['mallory 0 1000'])
  const [out] = buffer.add(waiting('alice', 3, { from }))
  expect(out!.from).toBe(from)
  expect(out!.event.tag).toMatch(/mallory/)
  expect(buffer.has('alice 3')).toBe(true)
  expect(buffer.size).toBe(MAX_PENDING_PER_SOURCE + 1)
})

test('large events share the room by their size', () => {
  const buffer = new DeliveryBuffer()
  const sizeBytes = MAX_EVENT_SIZE_BYTES
  plant(buffer, 4, MAX_PENDING_SIZE_BYTES / sizeBytes / 4, { sizeBytes })
  for (let seq = 2; seq < 2 + MAX_PENDING_PER_DEVICE; seq++) {
    const small = buffer.add(waiting('alice', seq))
    // One of the large ones makes room for hundreds of small ones.
    expect(small).toHaveLength(seq === 2 ? 1 : 0)
  }
  expect(ids(buffer.add(waiting('mallory 1', 100, { sizeBytes })))).toEqual(['mallory 1 100'])
})

test('whatever comes, the bounds hold, and nothing that left is remembered', () => {
  const step = fc.oneof(
    {
      weight: 20,
      arbitrary: fc.record({
        device: fc.integer({ min: 0, max: 200 }),
        from: fc.integer({ min: 0, max: 3 }),
        sizeBytes: fc.integer({ min: 1, max: MAX_EVENT_SIZE_BYTES }),
        events: fc.integer({ min: 1, max: 80 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ wakes: fc.integer({ min: 0, max: 200 }) }) },
    { weight: 1, arbitrary: fc.constant('expire' as const) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const buffer = new DeliveryBuffer()
      let atMs = 0
      for (const one of steps) {
        atMs += MAX_PENDING_AGE_MS / 20
        if (one === 'expire') buffer.expire(atMs)
        else if ('wakes' in one)
          for (const { event } of buffer.values())
            if (event.tag === `d${one.wakes}`) buffer.wake({ ...event, seq: event.seq - 1 }, 'm')
        if (one === 'expire' || 'wakes' in one) continue
        const { device, from, sizeBytes, events } = one
        for (let seq = 2; seq < 2 + events; seq++) {
          const next = waiting(`d${device}`, seq * 1e9 + atMs, {
            from: `n${from}`,
            sizeBytes,
            sinceMs: atMs,
          })
          const out = buffer.add(next)
          expect(buffer.has(next.event.id)).toBe(!out.includes(next))
          for (const { event } of out) expect(buffer.has(event.id)).toBe(false)
        }
        const all = [...buffer.values()]
        const count = (of: (pending: Pending) => string) =>
          Math.max(0, ...[...Map.groupBy(all, of).values()].map((group) => group.length))
        expect(all.length).toBeLessThanOrEqual(MAX_PENDING_PER_GROUP)
        expect(count((pending) => pending.from)).toBeLessThanOrEqual(MAX_PENDING_PER_SOURCE)
        expect(count(({ event }) => event.tag)).toBeLessThanOrEqual(MAX_PENDING_PER_DEVICE)
        const sum = all.reduce((total, { event }) => total + event.bytes.length, 0)
        expect(sum).toBeLessThanOrEqual(MAX_PENDING_SIZE_BYTES)
      }
      buffer.expire(Infinity)
      expect(buffer.size).toBe(0)
      // As empty as a new one: a whole share fits again.
      plant(buffer, 8, MAX_PENDING_PER_SOURCE / 8, { from: 'n0' })
    }),
    { numRuns: 30 },
  )
})
