import { expect, test } from 'vitest'
import { RELAY_BURST_EVENTS, RELAY_EVENTS_PER_S } from '../../src-main/core/limits.ts'
import { Relay } from '../../src-main/core/relay.ts'

/** How many of so many events, one by one, are handed on. */
const handedOn = (relay: Relay, tag: string, events: number, atMs: number) =>
  Array.from({ length: events }, () => relay.allows([tag], atMs)).filter(Boolean).length

test('a burst of a device is handed on, then as much as time brings', () => {
  const relay = new Relay()
  expect(handedOn(relay, 'mallory', 2 * RELAY_BURST_EVENTS, 1_000)).toBe(RELAY_BURST_EVENTS)
  expect(handedOn(relay, 'alice', 10, 1_000)).toBe(10)
  let count = 0
  for (let atMs = 1_000; atMs < 11_000; atMs += 10) count += handedOn(relay, 'mallory', 3, atMs)
  expect(count).toBeGreaterThanOrEqual(10 * RELAY_EVENTS_PER_S - 1)
  expect(count).toBeLessThanOrEqual(10 * RELAY_EVENTS_PER_S)
  // An hour of silence brings a burst, and no more.
  expect(handedOn(relay, 'mallory', 2 * RELAY_BURST_EVENTS, 3_600_000)).toBe(RELAY_BURST_EVENTS)
})

test('what comes together is handed on while one of its authors has written little', () => {
  const relay = new Relay()
  handedOn(relay, 'mallory', RELAY_BURST_EVENTS, 0)
  expect(relay.allows(['mallory', 'mallory'], 0)).toBe(false)
  expect(relay.allows(['mallory', 'alice'], 0)).toBe(true)
  // A batch costs as much as its events one by one.
  expect(relay.allows(Array<string>(RELAY_BURST_EVENTS).fill('bob'), 0)).toBe(true)
  expect(relay.allows(['bob'], 0)).toBe(false)
})

test('what has no author that counts is handed on', () => {
  expect(new Relay().allows([], 0)).toBe(true)
})
