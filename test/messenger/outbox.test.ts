import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { decodeBatch, encodeBatch } from '../../src-main/core/batch.ts'
import type { Event } from '../../src-main/core/event.ts'
import { EVENTS_FRAME_SIZE_BYTES, MAX_OUTBOX_SIZE_BYTES } from '../../src-main/core/limits.ts'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import { BATCHING, Outbox, type Batching } from '../../src-main/messenger/outbox.ts'
import type { Network } from '../../src-main/network/network.ts'
import { Agenda } from '../../scripts/sim/agenda.ts'
import { makeWorld } from '../helpers/people.ts'

const { sha256 } = sodiumCrypto

/** An outbox whose network takes as long as the test says, and what has left it. */
function makeOutbox({
  batching,
  publish = async () => {},
}: { batching?: Batching; publish?: Network['publish'] } = {}) {
  const { group, people } = makeWorld(['alice'])
  const agenda = new Agenda()
  const sent: { atMs: number; events: Event[]; size: number }[] = []
  const network = {
    publish(topic: string, data: Uint8Array) {
      sent.push({ atMs: agenda.nowMs, events: decodeBatch(data, group, sha256)!, size: data.length })
      return publish(topic, data)
    },
  } as Network
  const time = {
    monotonicMs: () => agenda.nowMs,
    after: (delayMs: number, task: () => void) => agenda.after(delayMs, task),
  }
  const encode = (events: readonly Event[]) => encodeBatch(events, sha256)
  const outbox = new Outbox({ network, topics: () => ['office'], time: time as never, encode, batching })
  const write = (text: string): Event => people[0]!.say(text)
  /** What was published by now is on its way. */
  const pass = async (toMs: number) => {
    do await setImmediate()
    while (agenda.step(toMs))
    agenda.nowMs = toMs
  }
  return { outbox, sent, write, pass }
}

describe('an outbox', () => {
  test('lets an event go at once when nothing left before', async () => {
    const { outbox, sent, write, pass } = makeOutbox()
    for (const atMs of [100, 104, 200]) {
      await pass(atMs)
      outbox.push(write('hello'))
      expect(sent.at(-1)).toMatchObject({ atMs, events: { length: 1 } })
    }
  })

  test('puts together what comes within a few milliseconds, and delays nothing for longer', async () => {
    const { outbox, sent, write, pass } = makeOutbox()
    const events: Event[] = []
    for (let atMs = 100; atMs < 110; atMs++) {
      await pass(atMs)
      for (let i = 0; i < 3; i++) outbox.push(events[events.push(write(`${atMs} ${i}`)) - 1]!)
    }
    await pass(200)
    expect(sent.map((batch) => [batch.atMs, batch.events.length])).toEqual([
      [100, 1],
      [104, 11],
      [108, 12],
      [112, 6],
    ])
    expect(sent.flatMap((batch) => batch.events.map(({ bytes }) => bytes))).toEqual(
      events.map(({ bytes }) => bytes),
    )
    expect(BATCHING.intervalMs).toBeLessThan(5)
  })

  test('makes batches of no more than fits', async () => {
    const { outbox, sent, write, pass } = makeOutbox()
    const events = Array.from({ length: 7 }, () => write('x'.repeat(20_000)))
    for (const event of events) outbox.push(event)
    await pass(200)
    expect(sent.map((batch) => batch.events.length)).toEqual([1, 3, 3])
    for (const { size } of sent) expect(size).toBeLessThanOrEqual(EVENTS_FRAME_SIZE_BYTES)
  })

  test('lets events go one by one when it is told to', async () => {
    const { outbox, sent, write, pass } = makeOutbox({ batching: { intervalMs: 0, maxEvents: 1 } })
    for (let i = 0; i < 5; i++) outbox.push(write('hello'))
    await pass(1)
    expect(sent.map((batch) => [batch.atMs, batch.events.length])).toEqual(Array(5).fill([0, 1]))
  })

  test('keeps no more than its bound while the network takes nothing', async () => {
    const blocked = Promise.withResolvers<void>()
    const { outbox, sent, write, pass } = makeOutbox({ publish: () => blocked.promise })
    const large = write('x'.repeat(40_000))
    const fitting = Math.floor(MAX_OUTBOX_SIZE_BYTES / large.bytes.length)
    for (let i = 0; i < 1 + fitting + 10; i++) outbox.push(large)
    blocked.resolve()
    await pass(1_000)
    const sizes = sent.map((batch) => batch.events.length)
    expect(sizes.reduce((a, b) => a + b)).toBe(1 + fitting)
  })

  test('sends nothing more when it was stopped', async () => {
    const { outbox, sent, write, pass } = makeOutbox()
    outbox.push(write('at once'))
    outbox.push(write('in a moment'))
    outbox.stop()
    outbox.push(write('too late'))
    await pass(100)
    expect(sent.map(({ events }) => events.length)).toEqual([1])
  })

  test('goes on after the network failed', async () => {
    const { outbox, sent, write, pass } = makeOutbox({ publish: () => Promise.reject(new Error('no link')) })
    outbox.push(write('lost'))
    await pass(10)
    outbox.push(write('next'))
    expect(sent).toHaveLength(2)
  })
})
