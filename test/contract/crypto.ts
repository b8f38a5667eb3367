import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src-main/core/bytes.ts'
import type { Crypto } from '../../src-main/crypto/crypto.ts'

/** What every implementation computes alike; vectors of FIPS 180-2 and RFC 8032, section 7.1. */
export function cryptoContract(name: string, crypto: Crypto): void {
  const seed = fromHex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb')
  const publicKey = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'
  const signature =
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'

  describe(`crypto: ${name}`, () => {
    test('SHA-256 of "abc" is as published', () => {
      expect(toHex(crypto.sha256(fromHex('616263')))).toBe(
        'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
      )
    })

    test('Ed25519 keys and signatures are as published', () => {
      const pair = crypto.keyPair(seed)
      expect(toHex(pair.publicKey)).toBe(publicKey)
      expect(toHex(crypto.sign(fromHex('72'), pair.secretKey))).toBe(signature)
      expect(crypto.verify(fromHex(signature), fromHex('72'), pair.publicKey)).toBe(true)
    })

    test('another message, key, signature or length does not verify, and nothing throws', () => {
      const pair = crypto.keyPair(seed)
      const good = fromHex(signature)
      const bad = good.slice()
      bad[0]! ^= 1
      expect(crypto.verify(good, fromHex('73'), pair.publicKey)).toBe(false)
      expect(crypto.verify(bad, fromHex('72'), pair.publicKey)).toBe(false)
      expect(crypto.verify(good, fromHex('72'), crypto.keyPair().publicKey)).toBe(false)
      expect(crypto.verify(good.subarray(1), fromHex('72'), pair.publicKey)).toBe(false)
      expect(crypto.verify(good, fromHex('72'), pair.publicKey.subarray(1))).toBe(false)
    })

    test('random bytes are as many as asked for, and never the same', () => {
      expect(crypto.randomBytes(32)).toHaveLength(32)
      expect(toHex(crypto.randomBytes(32))).not.toBe(toHex(crypto.randomBytes(32)))
    })
  })
}
