import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KIND } from '../../src-main/core/event.ts'
import { timelineKey } from '../../src-main/core/timeline.ts'
import { timelineIndexKey, timelineRange } from '../../src-main/storage/keys.ts'

const GROUP = 'ab'.repeat(32)
/** Few of each, so that keys often share all but their ends. */
const place = fc.record({
  hlc: fc.bigInt({ min: 0n, max: 3n }),
  tag: fc.constantFrom('00'.repeat(8), '01'.repeat(8)),
  kind: fc.constantFrom(KIND.message, KIND.join),
  seq: fc.oneof(
    fc.integer({ min: 1, max: 300 }),
    fc.maxSafeNat().map((seq) => seq + 1),
  ),
})

test('places on the disk lie in the order of the timeline, also what lies just after one', () => {
  fc.assert(
    fc.property(place, place, (one, other) => {
      const [a, b] = [timelineKey(one), timelineKey(other)]
      const onDisk = (key: string) => Buffer.from(timelineIndexKey(GROUP, key))
      const order = a < b ? -1 : a > b ? 1 : 0
      expect(Buffer.compare(onDisk(a), onDisk(b))).toBe(order)
      expect(Buffer.compare(onDisk(`${a}00`), onDisk(b))).toBe(order === 0 ? 1 : order)
      const { from, to } = timelineRange(GROUP)
      expect(Buffer.compare(onDisk(a), Buffer.from(from))).toBe(1)
      expect(Buffer.compare(onDisk(a), Buffer.from(to))).toBe(-1)
    }),
    { numRuns: 2_000 },
  )
})

test('a place on the disk is as short as its seq allows', () => {
  const sizeOf = (seq: number) =>
    timelineIndexKey(GROUP, timelineKey({ hlc: 1n, tag: '00'.repeat(8), kind: KIND.message, seq })).length
  expect([1, 255, 256, Number.MAX_SAFE_INTEGER].map((seq) => sizeOf(seq) - 17 - 16)).toEqual([2, 2, 3, 8])
})
