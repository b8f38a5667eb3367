import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeBatch, encodeBatch } from '../../src-main/core/batch.ts'
import { concat, toHex, Writer } from '../../src-main/core/bytes.ts'
import {
  commitTo,
  decodeEvent,
  encodeEvent,
  type Event,
  type EventFields,
} from '../../src-main/core/event.ts'
import { hlcAt } from '../../src-main/core/hlc.ts'
import { EVENTS_FRAME_SIZE_BYTES, MAX_BODY_SIZE_BYTES, MAX_DEPS } from '../../src-main/core/limits.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'

const { sha256 } = crypto
const GROUP = '11'.repeat(32)
const SIGNATURE = new Uint8Array(64).fill(7)
const make = (fields: EventFields) => encodeEvent(fields, GROUP, sha256, () => SIGNATURE)
const encode = (events: readonly Event[]) => encodeBatch(events, sha256)
const decode = (batch: Uint8Array) => decodeBatch(batch, GROUP, sha256)
const eventOf = (bytes: Uint8Array) => (decodeEvent(bytes, GROUP, sha256) as { event: Event }).event

const [A, B] = ['a'.repeat(16), 'b'.repeat(16)]
const NOW = hlcAt(Date.UTC(2026, 0, 1))
const first: EventFields = {
  kind: 1,
  tag: A,
  seq: 5,
  hlc: NOW,
  deps: [],
  commit: new Uint8Array(16).fill(0xcc),
  body: Uint8Array.of(0x68, 0x69),
}

/** What its author writes next, having seen nothing else. */
function next({ id, seq, hlc }: Event, fields: Partial<EventFields> = {}): Event {
  return make({
    ...first,
    seq: seq + 1,
    hlc: hlc + 1n,
    commit: commitTo(id, [], undefined, sha256),
    ...fields,
  })
}

/** Events of three devices, from a few places, so that they cite each other, follow each other, and fork. */
const somebody = fc.constantFrom(A, B, 'c'.repeat(16))
const anySeq = fc.oneof(
  fc.integer({ min: 1, max: 4 }),
  fc.integer({ min: Number.MAX_SAFE_INTEGER - 1, max: Number.MAX_SAFE_INTEGER }),
)
const script = fc.array(
  fc.record({
    kind: fc.constantFrom(1, 3, 0x3f, 0x40, 0x41, 0xff),
    tag: somebody,
    seq: fc.option(anySeq, { nil: undefined }),
    hlc: fc.oneof(
      fc.bigInt({ min: 0n, max: 3n }).map((ticks) => NOW + ticks),
      fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    ),
    deps: fc.uniqueArray(fc.record({ tag: somebody, seq: anySeq }), { selector: ({ tag }) => tag }),
    isTrue: fc.boolean(),
    controlHeads: fc.option(fc.constant(['22'.repeat(32)]), { nil: undefined, freq: 5 }),
    epoch: fc.option(fc.constant(new Uint8Array(8)), { nil: undefined, freq: 5 }),
    body: fc.uint8Array({ maxLength: 40 }),
  }),
  { minLength: 1, maxLength: 12 },
)
const lists: fc.Arbitrary<Event[]> = script.map((steps) => {
  const events: Event[] = []
  for (const { isTrue, ...step } of steps) {
    const isControl = step.kind >= 0x40
    const own = events.filter(({ tag, kind }) => tag === step.tag && kind >= 0x40 === isControl)
    const seq = step.seq ?? Math.min(Number.MAX_SAFE_INTEGER, (own.at(-1)?.seq ?? 0) + 1)
    const deps = isControl
      ? []
      : step.deps.filter(({ tag }) => tag !== step.tag).sort((a, b) => (a.tag < b.tag ? -1 : 1))
    const at = (tag: string, place: number) =>
      events.findLast((event) => event.tag === tag && event.seq === place && event.kind < 0x40)?.id
    const previous = own.findLast((event) => event.seq === seq - 1)?.id
    const ids = deps.map((dot) => at(dot.tag, dot.seq) ?? '33'.repeat(32))
    const commit = isTrue ? commitTo(previous, ids, step.controlHeads, sha256) : new Uint8Array(16)
    events.push(make({ ...step, seq, deps, commit }))
  }
  return events
})

describe('a batch', () => {
  test('has exactly these bytes', () => {
    const one = make(first)
    const two = next(one, { hlc: NOW + (3n << 16n), body: Uint8Array.of(0x21) })
    const answer = make({
      ...first,
      tag: B,
      seq: 300,
      hlc: NOW + (1n << 16n) + 2n,
      deps: [{ tag: A, seq: 6 }],
    })
    expect(toHex(encode([one, two, answer]))).toBe(
      '0001' +
        '00aaaaaaaaaaaaaaaa' +
        '05' +
        '80a0d5edee6600' +
        'cc'.repeat(16) +
        '02' +
        '07'.repeat(64) +
        '6869' +
        '1801' +
        '00' +
        '0600' +
        '01' +
        '07'.repeat(64) +
        '21' +
        '0401' +
        '01bbbbbbbbbbbbbbbb' +
        'ac02' +
        '0302' +
        '010006' +
        'cc'.repeat(16) +
        '02' +
        '07'.repeat(64) +
        '6869',
    )
  })

  test('gives back exactly its events, and their bytes', () => {
    fc.assert(
      fc.property(lists, (events) => {
        const decoded = decode(encode(events))!
        expect(decoded).toEqual(events.map(({ bytes }) => eventOf(bytes)))
        expect(decoded.map(({ bytes }) => bytes)).toEqual(events.map(({ bytes }) => bytes))
      }),
      { numRuns: 1_000 },
    )
  })

  test('is the only encoding of its events', () => {
    let decoded = 0
    fc.assert(
      fc.property(lists, fc.nat(), fc.integer({ min: 1, max: 255 }), (events, at, flip) => {
        const batch = encode(events)
        batch[at % batch.length]! ^= flip
        const changed = decode(batch)
        if (changed) expect(encode(changed)).toEqual(batch)
        if (changed) decoded++
      }),
      { numRuns: 2_000 },
    )
    expect(decoded).toBeGreaterThan(500)
  })

  test('names a device once, and implies what follows from the events before', () => {
    const burst = [make(first)]
    while (burst.length < 10) burst.push(next(burst.at(-1)!))
    const added = encode(burst).length - encode(burst.slice(0, 9)).length
    expect(added).toBe(6 + SIGNATURE.length + first.body.length)
    expect(burst.at(-1)!.bytes.length).toBe(37 + SIGNATURE.length + first.body.length)
  })

  test('never throws, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void decode(bytes)))
  })
})

describe('bytes that are no batch', () => {
  const one = make(first)
  const batch = encode([one])
  /** What stands in a batch behind one, from an author who saw nothing else. */
  const after = (head: number, write: (writer: Writer) => void = () => {}, before = batch) => {
    const writer = new Writer().byte(head).byte(1).varint(0)
    if (!(head & 8)) writer.varint(6)
    writer.varint(0).varint(1)
    write(writer)
    return concat([before, writer.varint(0).bytes(SIGNATURE).finish()])
  }
  const truth = commitTo(one.id, [], undefined, sha256)

  test('the same, written as it is to be, is one', () => {
    expect(decode(after(8 | 16))).toEqual([one, next(one, { body: new Uint8Array(0) })])
  })

  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['a batch cut off', batch.subarray(0, -1)],
    ['a batch with a byte more', Uint8Array.of(...batch, 0)],
    ['unknown bits', after(8 | 16 | 32)],
    ['a seq that could be implied', after(16)],
    ['a seq implied by nothing', Uint8Array.of(8, ...batch.subarray(1, 11), ...batch.subarray(12))],
    [
      'a seq after the last',
      after(8 | 16, undefined, encode([make({ ...first, seq: Number.MAX_SAFE_INTEGER })])),
    ],
    ['a commitment that could be implied', after(8, (writer) => writer.bytes(truth))],
    ['a commitment implied by nothing', Uint8Array.of(16, ...batch.subarray(1, 19), ...batch.subarray(35))],
    ['a device named twice', concat([batch, Uint8Array.of(0, 1, 1), batch.subarray(3)])],
    ['a device that was not named', Uint8Array.of(...batch.subarray(0, 2), 1, ...batch.subarray(3))],
    ['a list of no dots', after(4 | 8 | 16, (writer) => writer.varint(0))],
    [
      'an event that cites its own device',
      after(4 | 8 | 16, (writer) => writer.varint(1).varint(0).varint(1)),
    ],
    [
      'a date after the end of time',
      concat([batch.subarray(0, 12), new Writer().varint(2 ** 49).finish(), batch.subarray(18)]),
    ],
    ['a date before its beginning', concat([batch.subarray(0, 12), Uint8Array.of(1), batch.subarray(18)])],
    ['kind 0', Uint8Array.of(0, 0, ...batch.subarray(2))],
  ])('%s is refused', (_, bytes) => {
    expect(decode(bytes)).toBeUndefined()
  })
})

describe('the size of what a batch unfolds to', () => {
  test('is bounded: not a byte more than a frame of events', () => {
    const large = (size: number, previous: Event) => next(previous, { body: new Uint8Array(size) })
    const one = make({ ...first, body: new Uint8Array(MAX_BODY_SIZE_BYTES) })
    const rest = EVENTS_FRAME_SIZE_BYTES - one.bytes.length
    const header = large(200, one).bytes.length - 200
    const fits = large(rest - header, one)
    const exceeds = large(rest - header + 1, one)
    expect(decode(encode([one, fits]))).toEqual([one, fits])
    expect(() => encode([one, exceeds])).toThrow(TypeError)
    expect(() => encode([])).toThrow(TypeError)
    const behind = encode([one, fits]).subarray(encode([one]).length)
    const asLong = new Writer().bytes(behind.subarray(0, 5)).varint(rest - header + 1)
    const body = new Uint8Array(rest - header + 1)
    expect(decode(concat([encode([one]), asLong.bytes(SIGNATURE).bytes(body).finish()]))).toBeUndefined()
  })

  test('is at most three times the size of the batch', () => {
    const tags = Array.from({ length: MAX_DEPS + 1 }, (_, i) => (i + 16).toString(16).repeat(8))
    const events = tags.map((tag) => make({ ...first, tag, seq: 1, body: new Uint8Array(0) }))
    const author = tags[0]!
    const deps = tags.slice(1).map((tag) => ({ tag, seq: 1 }))
    const ids = events.slice(1).map(({ id }) => id)
    for (let seq = 2, id = events[0]!.id; seq < 140; seq++) {
      const commit = commitTo(id, ids, undefined, sha256)
      events.push(make({ ...first, tag: author, seq, deps, commit, body: new Uint8Array(0) }))
      id = events.at(-1)!.id
    }
    const batch = encode(events)
    const size = decode(batch)!.reduce((sum, { bytes }) => sum + bytes.length, 0)
    expect(size / batch.length).toBeGreaterThan(2.4)
    expect(size / batch.length).toBeLessThan(3)
  })
})
