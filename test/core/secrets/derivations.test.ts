import { describe, expect, test } from 'vitest'
import { ascii, toHex } from '../../../src-main/core/bytes.ts'
import {
  commitmentTo,
  derive,
  epochKeys,
  epochOf,
  label,
} from '../../../src-main/core/secrets/derivations.ts'
import { sodiumCrypto as crypto } from '../../../src-main/crypto/sodium.ts'

const GROUP = '11'.repeat(32)
const EPOCH = '22'.repeat(8)
const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i)
const all = (secret = SECRET, group = GROUP, epoch = EPOCH) => {
  const { topic, handshake, messages } = epochKeys(secret, group, epoch, crypto)
  return [topic, toHex(handshake), toHex(messages)]
}

describe('what follows from the secret of an epoch', () => {
  test('is exactly this; computed a second time with hashlib of Python', () => {
    expect(all()).toEqual([
      'HWwOnVaVjmh1mURrMJO_eA',
      '6c5a177767820cc0a8c030fabddb863a7d7b659272d40aefda646ef9de8a0ac7',
      '1ea449937feb6ac608d446385ce28e5c344ba51599f671d730b690c370aae99c',
    ])
    expect(toHex(commitmentTo(SECRET, GROUP, crypto))).toBe(
      '9b01681ac186f21b61f54b4010a73eb5f3071c74700ffc0396ddc80c43721428',
    )
    expect(toHex(commitmentTo(SECRET, undefined, crypto))).toBe(
      'f135a023b54428bf7aecfc9dac0d79ee75c30043feced0b82e6942671e402765',
    )
  })

  test('differs by use, group, epoch and secret', () => {
    const values = [
      ...all(),
      ...all(SECRET.with(31, 0)),
      ...all(SECRET, '12'.repeat(32)),
      ...all(SECRET, GROUP, '23'.repeat(8)),
      ...[SECRET, SECRET.with(0, 1)].flatMap((secret) =>
        [GROUP, '12'.repeat(32), undefined].map((group) => toHex(commitmentTo(secret, group, crypto))),
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
