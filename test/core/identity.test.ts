import { expect, test } from 'vitest'
import { toHex } from '../../src-main/core/bytes.ts'
import { certificateStatement, userId } from '../../src-main/core/identity.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'

const publicKey = Uint8Array.from({ length: 32 }, (_, i) => i)

test('a person has exactly this name, made of their key', () => {
  expect(userId(publicKey, crypto.sha256)).toBe('e9815e1c681b474df6c5fb5e3f5765e3')
})

test('a user key certifies exactly these bytes', () => {
  expect(toHex(certificateStatement(publicKey))).toBe(
    '74617072692d6465766963652d31000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
  )
})
