import { describe, expect, test } from 'vitest'
import { ascii, fromHex, toHex } from '../../src-main/core/bytes.ts'
import type { Crypto } from '../../src-main/crypto/crypto.ts'

const count = (length: number, from = 0) => Uint8Array.from({ length }, (_, i) => from + i)
const SUNSCREEN =
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."

/**
 * What every implementation computes alike. Vectors: SHA-256 of FIPS 180-2; Ed25519 of RFC 8032, section 7.1; BLAKE2b of the
 * BLAKE2 authors' keyed list (blake2b-kat); XChaCha20-Poly1305 of draft-irtf-cfrg-xchacha-03, A.3.1; argon2id of libsodium's
 * pwhash_argon2id; Ed25519 to X25519 of libsodium's ed25519_convert. Nobody has published one for sealed boxes: ours was
 * made with x25519, hsalsa, xsalsa20poly1305 and blake2b of the noble libraries, which share no code with libsodium.
 */
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

    test('keyed BLAKE2b is as published', () => {
      const published = [
        '10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568',
        '961f6dd1e4dd30f63901690c512e78e4b45e4742ed197c3c5e45c549fd25f2e4187b0bc9fe30492b16b0d0bc4ef9b0f34c7003fac09a5ef1532e69430234cebd',
        'da2cfbe2d8409a0f38026113884f84b50156371ae304c4430173d08a99d9fb1b983164a3770706d537f49e0c916d9f32b95cc37a95b99d857436f0232c88a965',
      ]
      expect(published.map((_, size) => toHex(crypto.keyedHash(count(64), count(size), 64)))).toEqual(
        published,
      )
      expect(toHex(crypto.keyedHash(count(64), count(255), 64))).toBe(
        '142709d62e28fcccd0af97fad0f8465b971e82201dc51070faa0372aa43e92484be1c1e73ba10906d5d1853db6a4106e0a7bf9800d373d6dee2d46d62ef2a461',
      )
      // 32 bytes are no part of 64: by hashlib of Python.
      expect(toHex(crypto.keyedHash(count(32), ascii('abc')))).toBe(
        'd63a32d3e44738d7907f964316c241adaba0abfeabc32349677578a15a203f7f',
      )
      expect(toHex(crypto.keyedHash(count(32), count(5000)))).toBe(
        '97ca6bd6378e6d1fd833c543730ce630e4bd138d30a69aba31f48a4c81454972',
      )
      for (const size of [15, 65]) expect(() => crypto.keyedHash(count(32), count(3), size)).toThrow()
      for (const size of [15, 65]) expect(() => crypto.keyedHash(count(size), count(3))).toThrow()
    })

    describe('XChaCha20-Poly1305', () => {
      const key = count(32, 0x80)
      const nonce = count(24, 0x40)
      const associated = fromHex('50515253c0c1c2c3c4c5c6c7')
      const ciphertext =
        'bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49'

      test('is as published', () => {
        expect(toHex(crypto.encrypt(ascii(SUNSCREEN), associated, nonce, key))).toBe(ciphertext)
        expect(crypto.decrypt(fromHex(ciphertext), associated, nonce, key)).toEqual(ascii(SUNSCREEN))
        const empty = crypto.encrypt(count(0), count(0), nonce, key)
        expect(empty).toHaveLength(16)
        expect(crypto.decrypt(empty, count(0), nonce, key)).toEqual(count(0))
      })

      test('opens nothing that was altered, and does not throw', () => {
        const altered = (bytes: Uint8Array, at: number) => bytes.with(at, bytes[at]! ^ 1)
        const good = fromHex(ciphertext)
        for (const at of [0, 50, good.length - 1])
          expect(crypto.decrypt(altered(good, at), associated, nonce, key)).toBeUndefined()
        expect(crypto.decrypt(good, altered(associated, 3), nonce, key)).toBeUndefined()
        expect(crypto.decrypt(good, associated, altered(nonce, 0), key)).toBeUndefined()
        expect(crypto.decrypt(good, associated, altered(nonce, 23), key)).toBeUndefined()
        expect(crypto.decrypt(good, associated, nonce, altered(key, 31))).toBeUndefined()
        expect(crypto.decrypt(good.subarray(1), associated, nonce, key)).toBeUndefined()
        expect(crypto.decrypt(good.subarray(0, 15), associated, nonce, key)).toBeUndefined()
      })

      test('a key or nonce of another length is our own mistake', () => {
        expect(() => crypto.encrypt(count(3), count(0), nonce, count(31))).toThrow()
        expect(() => crypto.decrypt(fromHex(ciphertext), associated, count(12), key)).toThrow()
      })
    })

    describe('a sealed box', () => {
      const owner = crypto.keyPair(
        fromHex('421151a459faeade3d247115f94aedae42318124095afabe4d1451a559faedee'),
      )
      const box =
        'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f2a96d434631bdc9af3d04ce79721ceb25240482e7e2ffd9db5a699d3aae34be7c5fd78a37b93bb9c6040e40a1006f19c'

      test('of another implementation, to the published X25519 form of an Ed25519 key, opens', () => {
        expect(crypto.openSealed(fromHex(box), owner)).toEqual(count(32))
      })

      test('opens for its owner, and for nobody else; two are never the same', () => {
        const sealed = crypto.sealTo(owner.publicKey, count(32))!
        expect(sealed).toHaveLength(80)
        expect(crypto.openSealed(sealed, owner)).toEqual(count(32))
        expect(crypto.openSealed(sealed, crypto.keyPair(seed))).toBeUndefined()
        expect(toHex(crypto.sealTo(owner.publicKey, count(32))!)).not.toBe(toHex(sealed))
      })

      test('that was altered or cut does not open, and nothing is sealed to what is no key', () => {
        const good = fromHex(box)
        for (const at of [0, 31, 32, 79])
          expect(crypto.openSealed(good.with(at, good[at]! ^ 1), owner)).toBeUndefined()
        for (const length of [0, 47, 79])
          expect(crypto.openSealed(good.subarray(0, length), owner)).toBeUndefined()
        expect(crypto.sealTo(new Uint8Array(32), count(32))).toBeUndefined()
        expect(crypto.sealTo(new Uint8Array(32).fill(2), count(32))).toBeUndefined()
        expect(crypto.sealTo(owner.publicKey.subarray(1), count(32))).toBeUndefined()
      })
    })

    test('argon2id is as published', async () => {
      const password = fromHex(
        'a347ae92bce9f80f6f595a4480fc9c2fe7e7d7148d371e9487d75f5c23008ffae065577a928febd9b1973a5a95073acdbeb6a030cfc0d79caa2dc5cd011cef02c08da232d76d52dfbca38ca8dcbd665b17d1665f7cf5fe59772ec909733b24de97d6f58d220b20c60d7c07ec1fd93c52c31020300c6c1facd77937a597c7a6',
      )
      const salt = fromHex('5541fbc995d5c197ba290346d2c559de')
      const key = await crypto.passwordKey(password, salt, { passes: 5, memoryKiB: 7086 }, 155)
      expect(toHex(key)).toBe(
        '18acec5d6507739f203d1f5d9f1d862f7c2cdac4f19d2bdff64487e60d969e3ced615337b9eec6ac4461c6ca07f0939741e57c24d0005c7ea171a0ee1e7348249d135b38f222e4dad7b9a033ed83f5ca27277393e316582033c74affe2566a2bea47f91f0fd9fe49ece7e1f79f3ad6e9b23e0277c8ecc4b313225748dd2a80f5679534a0700e246a79a49b3f74eb89ec6205fe1eeb941c73b1fcf1',
      )
    })

    test('secrets are compared as a whole, and erased', () => {
      const secret = count(32)
      expect(crypto.equals(secret, count(32))).toBe(true)
      expect(crypto.equals(secret, count(32, 1))).toBe(false)
      expect(crypto.equals(secret, count(31))).toBe(false)
      const around = count(40)
      crypto.erase(secret, around.subarray(4, 36))
      expect(secret).toEqual(new Uint8Array(32))
      expect([...around].filter((byte) => byte !== 0)).toEqual([1, 2, 3, 36, 37, 38, 39])
    })

    test('random bytes are as many as asked for, and never the same', () => {
      expect(crypto.randomBytes(32)).toHaveLength(32)
      expect(toHex(crypto.randomBytes(32))).not.toBe(toHex(crypto.randomBytes(32)))
    })
  })
}
