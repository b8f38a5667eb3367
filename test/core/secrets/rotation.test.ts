import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex } from '../../../src-main/core/bytes.ts'
import { deviceTag } from '../../../src-main/core/event.ts'
import { MAX_BODY_SIZE_BYTES, MAX_SHARES } from '../../../src-main/core/limits.ts'
import { commitmentTo, epochSecret } from '../../../src-main/core/secrets/derivations.ts'
import {
  decodeRotation,
  encodeRotation,
  isCommittedTo,
  openShare,
  type Recipient,
  type Rotation,
} from '../../../src-main/core/secrets/rotation.ts'
import { sodiumCrypto as crypto } from '../../../src-main/crypto/sodium.ts'

const GROUP = '11'.repeat(32)
const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i)
const SHARE_SIZE = 88
const device = (n: number) => {
  const keys = crypto.keyPair(new Uint8Array(32).fill(n))
  return { keys, publicKey: keys.publicKey, tag: deviceTag(keys.publicKey, crypto.sha256) }
}
const [alice, bob, carol] = [device(1), device(2), device(3)]
const encode = (recipients: Recipient[]) => encodeRotation(GROUP, recipients, SECRET, crypto)
const open = (body: Uint8Array, { tag, keys }: typeof alice, group = GROUP) =>
  openShare(decodeRotation(body)!, group, tag, keys, crypto)
const many = (count: number): Recipient[] =>
  Array.from({ length: count }, (_, n) => ({ ...alice, tag: n.toString(16).padStart(16, '0') }))

/** For alice and bob, made when the format was: it must open for good. */
const OLD =
  'fd210770809aa9c56411527806fce8c0f6a41c6d6f270c10462ff9ce9ce77cc200021a768fbd9ac35917b65337f48a964a3d67ddb2c7a8bbc1d3ea28dcc9f6e737b1715cd7d1493bad38fe646b913f1452e925e63ac33041bb1d6159f7457eb81eac27273c795786a6bf77b641ab8c25ebedc483008116dd81d7a28c3040c29b77b8827b8b4125503d1274f01e36b910929dd14c5249b44b1501e897a7b573394d1d2c4b6de24e42a0f433bc237397dc8b083cf56fa026b452a6324f6af9d0b942199bb646a7e0fe490035862a0608979f22'

describe('a rotation', () => {
  test('brings the same secret to all whom it names, and nothing to others', () => {
    const body = encode([carol, alice])
    expect(open(body, alice)).toEqual({ secret: SECRET })
    expect(open(body, carol)).toEqual({ secret: SECRET })
    expect(open(body, bob)).toEqual({ reason: 'not-for-me' })
    // Taking alice's share does not help bob.
    expect(open(body, { ...bob, tag: alice.tag })).toEqual({ reason: 'unopenable' })
  })

  test('has exactly this form, and what was once written opens for good', () => {
    expect(OLD.slice(0, 64)).toBe(toHex(commitmentTo(epochSecret(SECRET, crypto), GROUP, crypto)))
    expect(OLD.slice(64, 68)).toBe('0002')
    expect(OLD).toHaveLength(2 * (32 + 1 + 1 + 2 * SHARE_SIZE))
    const rotation = decodeRotation(fromHex(OLD))!
    expect(rotation.shares.map(({ tag }) => tag)).toEqual([alice.tag, bob.tag].sort())
    expect(open(fromHex(OLD), alice)).toEqual({ secret: SECRET })
    expect(open(fromHex(OLD), bob)).toEqual({ secret: SECRET })
  })

  test('with another secret than it committed to is seen by whoever opens it', () => {
    const divided = encode([alice, bob])
    const other = encodeRotation(GROUP, [bob], SECRET.with(0, 99), crypto)
    const at = divided.length - SHARE_SIZE * (alice.tag < bob.tag ? 1 : 2)
    divided.set(other.subarray(-SHARE_SIZE), at)
    expect(open(divided, alice)).toEqual({ secret: SECRET })
    expect(open(divided, bob)).toEqual({ reason: 'not-as-committed' })
  })

  test('of one group is none of another', () => {
    expect(open(encode([alice]), alice, '12'.repeat(32))).toEqual({ reason: 'not-as-committed' })
  })

  test('that was altered does not open', () => {
    const body = encode([alice])
    for (const at of [34 + 8, body.length - 1])
      expect(open(body.with(at, body[at]! ^ 1), alice)).toEqual({ reason: 'unopenable' })
  })

  test('leaves out devices whose key is no key', () => {
    const body = encode([alice, { tag: bob.tag, publicKey: new Uint8Array(32) }])
    expect(decodeRotation(body)!.shares.map(({ tag }) => tag)).toEqual([alice.tag])
  })

  test('reaches so many devices in one event, and no more', () => {
    const body = encode(many(MAX_SHARES))
    expect(body.length).toBeLessThanOrEqual(MAX_BODY_SIZE_BYTES)
    expect(decodeRotation(body)!.shares).toHaveLength(MAX_SHARES)
    expect(() => encode(many(MAX_SHARES + 1))).toThrow(TypeError)
    // One more by hand: the count is a varint after commitment and form.
    const count = Uint8Array.of(((MAX_SHARES + 1) % 128) + 128, Math.floor((MAX_SHARES + 1) / 128))
    const share = body.slice(-SHARE_SIZE)
    share.fill(0xff, 0, 8)
    const more = concat([body.subarray(0, 33), count, body.subarray(35), share])
    expect(decodeRotation(more)).toBeUndefined()
  })

  test('names no device twice, and its secret is 32 bytes', () => {
    expect(() => encode([alice, bob, alice])).toThrow(TypeError)
    expect(() => encodeRotation(GROUP, [alice], SECRET.subarray(1), crypto)).toThrow(TypeError)
  })
})

describe('the body of a rotation', () => {
  const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
  const rotation = fc
    .record({
      commitment: bytes(32),
      shares: fc.uniqueArray(fc.record({ tag: bytes(8).map(toHex), box: bytes(80) }), {
        maxLength: 5,
        selector: ({ tag }) => tag,
      }),
    })
    .map((made): Rotation => ({ ...made, shares: made.shares.sort((a, b) => (a.tag < b.tag ? -1 : 1)) }))
  const write = ({ commitment, shares }: Rotation) =>
    concat([
      commitment,
      Uint8Array.of(0, shares.length),
      ...shares.flatMap(({ tag, box }) => [fromHex(tag), box]),
    ])

  test('is read as it was written', () => {
    fc.assert(fc.property(rotation, (made) => void expect(decodeRotation(write(made))).toEqual(made)))
  })

  test('has one form: what is read is written so again, and nothing throws', () => {
    fc.assert(
      fc.property(rotation, fc.nat(), fc.integer({ min: 1, max: 255 }), (made, at, flip) => {
        const body = write(made)
        body[at % body.length]! ^= flip
        const decoded = decodeRotation(body)
        if (decoded) expect(write(decoded)).toEqual(body)
      }),
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (body) => void decodeRotation(body)))
  })

  test('that is cut, longer, unsorted or of a later form is refused', () => {
    const body = encode([alice, bob])
    expect(decodeRotation(body.subarray(0, -1))).toBeUndefined()
    expect(decodeRotation(concat([body, Uint8Array.of(0)]))).toBeUndefined()
    expect(decodeRotation(body.with(32, 1))).toBeUndefined()
    expect(decodeRotation(new Uint8Array(0))).toBeUndefined()
    const [head, first, second] = [body.subarray(0, 34), body.subarray(34, 122), body.subarray(122)]
    expect(decodeRotation(concat([head, first, second]))).toBeDefined()
    expect(decodeRotation(concat([head, second, first]))).toBeUndefined()
    expect(decodeRotation(concat([head, first, first]))).toBeUndefined()
  })
})

test('a secret from another member, or what lasts of it, is checked against the commitment', () => {
  const { commitment } = decodeRotation(encode([alice]))!
  const { secret: _, ...lasts } = epochSecret(SECRET, crypto)
  expect(isCommittedTo(commitment, epochSecret(SECRET, crypto), GROUP, crypto)).toBe(true)
  expect(isCommittedTo(commitment, lasts, GROUP, crypto)).toBe(true)
  for (const part of [
    epochSecret(SECRET.with(5, 0), crypto),
    { ...lasts, lasting: lasts.fingerprint },
    { ...lasts, fingerprint: lasts.lasting },
    { ...lasts, lasting: lasts.lasting.subarray(1) },
  ])
    expect(isCommittedTo(commitment, part, GROUP, crypto)).toBe(false)
  expect(isCommittedTo(commitmentTo(lasts, undefined, crypto), lasts, undefined, crypto)).toBe(true)
})
