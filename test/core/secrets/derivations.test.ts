import { describe, expect, test } from 'vitest'
import { ascii, toHex } from '../../../src-main/core/bytes.ts'
import {
  commitmentTo,
  derive,
  epochOf,
  epochSecret,
  label,
  messagesRoot,
  particularsRoot,
  topicOf,
} from '../../../src-main/core/secrets/derivations.ts'
import { sodiumCrypto as crypto } from '../../../src-main/crypto/sodium.ts'

const GROUP = '11'.repeat(32)
const EPOCH = '22'.repeat(8)
const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i)
const all = (secret = SECRET, group = GROUP, epoch = EPOCH) => {
  const { lasting, fingerprint } = epochSecret(secret, crypto)
  return [
    topicOf(secret, group, epoch, crypto),
    toHex(messagesRoot(secret, group, epoch, crypto)),
    toHex(particularsRoot(lasting, group, epoch, crypto)),
    // The same in every group and epoch, for they are committed to before there are any.
    toHex(lasting),
    toHex(fingerprint),
  ]
}

const commitment = (secret: Uint8Array, group: string | undefined) =>
  toHex(commitmentTo(epochSecret(secret, crypto), group, crypto))

describe('what follows from the secret of an epoch', () => {
  test('is exactly this; computed a second time with hashlib of Python', () => {
    expect(all()).toEqual([
      'HWwOnVaVjmh1mURrMJO_eA',
      '1ea449937feb6ac608d446385ce28e5c344ba51599f671d730b690c370aae99c',
      'ab42cec33bb6f5a863474e7595fec61275fac2a2d49a5ae1c4530d30dff06049',
      '4f6b18b914142c81849ef9b7f5cdaa497511dfa5eec900b8978279694fc6dabe',
      '3af81b1364facc394e703248f67ba2b59caff1f160e30fc2a64f7b33792ca314',
    ])
    expect(commitment(SECRET, GROUP)).toBe('fd210770809aa9c56411527806fce8c0f6a41c6d6f270c10462ff9ce9ce77cc2')
    expect(commitment(SECRET, undefined)).toBe(
      '540b98c62c708a4dbf69062d2e6e48643452a6c3a177faddc7eee3a1f722a8ec',
    )
  })

  test('differs by use, group, epoch and secret', () => {
    const values = [
      ...all(),
      ...all(SECRET.with(31, 0)),
      ...all(SECRET, '12'.repeat(32)).slice(0, 3),
      ...all(SECRET, GROUP, '23'.repeat(8)).slice(0, 3),
      ...[SECRET, SECRET.with(0, 1)].flatMap((secret) =>
        [GROUP, '12'.repeat(32), undefined].map((group) => commitment(secret, group)),
      ),
    ]
    expect(new Set(values).size).toBe(values.length)
  })

  test('never stands for two labels and their parts', () => {
    const by = (use: string, parts: string) =>
      toHex(derive(SECRET, label(use), ascii(parts), crypto.keyedHash))
    expect(by('ab', 'c')).not.toBe(by('a', 'bc'))
  })

  test('is topics that a network can carry', () => {
    expect(all()[0]).toMatch(/^[\w-]{22}$/)
  })

  test('is nothing for a secret of another size', () => {
    expect(() => all(SECRET.subarray(1))).toThrow(TypeError)
  })
})

test('an epoch is named by the event that began it', () => {
  expect(epochOf('0123456789abcdef'.repeat(4))).toBe('0123456789abcdef')
})
