import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src-main/core/bytes.ts'
import {
  contextIn,
  decodeEvent,
  encodeContext,
  encodeEvent,
  type EventFields,
} from '../../src-main/core/event.ts'
import { MAX_BODY_SIZE_BYTES, MAX_DEPS, MAX_EVENT_SIZE_BYTES } from '../../src-main/core/limits.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'

const GROUP = '11'.repeat(32)
const noSignature = () => new Uint8Array(64).fill(7)
const encode = (fields: EventFields) => encodeEvent(fields, GROUP, crypto.sha256, noSignature)
const decode = (bytes: Uint8Array) => decodeEvent(bytes, GROUP, crypto.sha256)

const hex = (size: number) => fc.uint8Array({ minLength: size, maxLength: size }).map(toHex)
const fields: fc.Arbitrary<EventFields> = fc
  .record({
    kind: fc.integer({ min: 1, max: 0x3f }),
    tag: hex(8),
    seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    hlc: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    deps: fc.uniqueArray(fc.record({ tag: hex(8), seq: fc.integer({ min: 1, max: 1e9 }) }), {
      maxLength: MAX_DEPS,
      selector: (dot) => dot.tag,
    }),
    commit: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    controlHeads: fc.option(fc.uniqueArray(hex(32), { minLength: 1, maxLength: 5 }), { nil: undefined }),
    epoch: fc.option(fc.uint8Array({ minLength: 8, maxLength: 8 }), { nil: undefined }),
    body: fc.uint8Array({ maxLength: 300 }),
  })
  .map((event) => ({
    ...event,
    deps: event.deps.filter((dot) => dot.tag !== event.tag).sort((a, b) => (a.tag < b.tag ? -1 : 1)),
    controlHeads: event.controlHeads?.sort(),
  }))

const SAMPLE: EventFields = {
  kind: 1,
  tag: '0123456789abcdef',
  seq: 300,
  hlc: 0x019b_0000_0000_0001n,
  deps: [{ tag: 'aaaaaaaaaaaaaaaa', seq: 5 }],
  commit: new Uint8Array(16).fill(0xcc),
  body: Uint8Array.of(0x68, 0x69),
}

describe('the encoding of an event', () => {
  test('has exactly these bytes, and this id', () => {
    const event = encode(SAMPLE)
    expect(toHex(event.bytes)).toBe(
      '010104' +
        '0123456789abcdef' +
        'ac02' +
        '019b000000000001' +
        'aaaaaaaaaaaaaaaa05' +
        'cc'.repeat(16) +
        '02' +
        '07'.repeat(64) +
        '6869',
    )
    expect(event.id).toBe('ac960b5ea513dc60881cff07d602f5b8a06b96768466aa367b3b68c53a992cb4')
  })

  test('begins with what an encrypted body is bound to, whatever that body is', () => {
    fc.assert(
      fc.property(fields, (event) => {
        const context = encodeContext(event)
        expect(encode(event).bytes.subarray(0, context.length)).toEqual(context)
        expect(contextIn(encode(event))).toEqual(context)
        expect(encodeContext({ ...event, body: new Uint8Array(7) } as EventFields)).toEqual(context)
      }),
    )
    expect(toHex(encodeContext(SAMPLE))).toBe(
      `0101040123456789abcdefac02019b000000000001aaaaaaaaaaaaaaaa05${'cc'.repeat(16)}`,
    )
    expect(() => encodeContext({ ...SAMPLE, seq: 0 })).toThrow(TypeError)
  })

  test('decodes to what was encoded', () => {
    fc.assert(
      fc.property(fields, (event) => {
        const encoded = encode(event)
        const result = decode(encoded.bytes)
        expect('event' in result && result.event).toEqual(encoded)
      }),
    )
  })

  test('is the only one: bytes that decode encode to themselves', () => {
    fc.assert(
      fc.property(fields, fc.nat(), fc.integer({ min: 1, max: 255 }), (event, at, flip) => {
        const bytes = encode(event).bytes.slice()
        bytes[at % bytes.length]! ^= flip
        const result = decode(bytes)
        if ('event' in result)
          expect(encodeEvent(result.event, GROUP, crypto.sha256, () => result.event.signature).bytes).toEqual(
            bytes,
          )
      }),
    )
  })

  test('covers everything but the signature with the id', () => {
    const bytes = encode(SAMPLE).bytes
    const { id } = (decode(bytes) as { event: { id: string } }).event
    const signatureAt = bytes.length - SAMPLE.body.length - 64
    for (let i = 0; i < bytes.length; i++) {
      const changed = bytes.slice()
      changed[i]! ^= 1
      const result = decode(changed)
      if (!('event' in result)) continue
      expect(result.event.id === id).toBe(i >= signatureAt && i < signatureAt + 64)
    }
  })

  test('never throws, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void decode(bytes)))
  })
})

describe('bytes that are no event', () => {
  const { bytes } = encode(SAMPLE)
  const changed = (at: number, ...values: number[]) => {
    const copy = bytes.slice()
    copy.set(values, at)
    return copy
  }
  test.each([
    ['nothing', new Uint8Array(0), 'malformed'],
    ['a truncated event', bytes.subarray(0, -1), 'malformed'],
    ['an event with something behind it', Uint8Array.of(...bytes, 0), 'malformed'],
    ['an unknown version', changed(0, 2), 'unknown-version'],
    ['fewer dots than it says', changed(2, 2 << 2), 'malformed'],
    ['kind 0', changed(1, 0), 'malformed'],
    ['a varint that is longer than needed', changed(11, 0x80, 0x00), 'malformed'],
    ['seq 0', fromHex('010104' + '0123456789abcdef' + '00' + toHex(bytes.subarray(13))), 'malformed'],
    ['more dots than allowed', changed(2, (MAX_DEPS + 1) << 2), 'malformed'],
    ['a control event with dots', changed(1, 0x41), 'malformed'],
    ['more than an event can be', new Uint8Array(MAX_EVENT_SIZE_BYTES + 1), 'oversized'],
  ])('%s', (_, input, reason) => {
    expect(decode(input)).toEqual({ reason })
  })

  test('a body over its limit cannot be encoded', () => {
    expect(() => encode({ ...SAMPLE, body: new Uint8Array(MAX_BODY_SIZE_BYTES + 1) })).toThrow(TypeError)
    expect('event' in decode(encode({ ...SAMPLE, body: new Uint8Array(MAX_BODY_SIZE_BYTES) }).bytes)).toBe(
      true,
    )
  })

  test('dots out of order or of its own device cannot be encoded', () => {
    const [a, b] = [
      { tag: 'aaaaaaaaaaaaaaaa', seq: 1 },
      { tag: 'bbbbbbbbbbbbbbbb', seq: 1 },
    ]
    expect(() => encode({ ...SAMPLE, deps: [b, a] })).toThrow(TypeError)
    expect(() => encode({ ...SAMPLE, deps: [{ tag: SAMPLE.tag, seq: 1 }] })).toThrow(TypeError)
  })
})
