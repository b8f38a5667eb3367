import { describe, expect, test } from 'vitest'
import { toHex } from '../../src-main/core/bytes.ts'
import { certificateStatement } from '../../src-main/core/identity.ts'
import {
  fingerprintCode,
  fingerprintOf,
  identityOf,
  readFingerprintCode,
} from '../../src-main/crypto/identity.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'

const ENTROPY = Uint8Array.from({ length: 32 }, (_, i) => i)

describe('an identity', () => {
  test('follows from its entropy, exactly so', () => {
    const { user, keys } = identityOf(ENTROPY, crypto)
    expect(toHex(keys.publicKey)).toBe('d70f9710cc359f7eb201b5ab4276ebdc0b7b91a93fae74ce14bfadae6bdfa863')
    expect(user).toBe('6fa9a12c625fb0f82cf50af13729b409')
    expect(fingerprintOf(keys.publicKey, crypto).join(' ')).toBe(
      'letter domain impact rail language domain legend pave tip oyster album fish',
    )
    expect(fingerprintCode(keys.publicKey)).toBe('tapri-id:1w-XEMw1n36yAbWrQnbr3At7kak_rnTOFL-trmvfqGM')
    expect(() => identityOf(ENTROPY.subarray(1), crypto)).toThrow(TypeError)
  })

  test('certifies devices', () => {
    const { keys } = identityOf(ENTROPY, crypto)
    const [mine, other] = [crypto.keyPair(), crypto.keyPair()]
    const certificate = crypto.sign(certificateStatement(mine.publicKey), keys.secretKey)
    expect(crypto.verify(certificate, certificateStatement(mine.publicKey), keys.publicKey)).toBe(true)
    expect(crypto.verify(certificate, certificateStatement(other.publicKey), keys.publicKey)).toBe(false)
  })

  test('has a code that is read back, and nothing else is', () => {
    const { publicKey } = identityOf(ENTROPY, crypto).keys
    const code = fingerprintCode(publicKey)
    expect(readFingerprintCode(code)).toEqual(publicKey)
    for (const other of [
      '',
      code.slice(1),
      code.slice(0, -1),
      `${code}A`,
      `${code} `,
      code.replace('id:', 'id:+'),
    ])
      expect(readFingerprintCode(other)).toBeUndefined()
  })
})
