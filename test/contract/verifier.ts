import { afterEach, describe, expect, test } from 'vitest'
import { fromHex } from '../../src-main/core/bytes.ts'
import type { SignedId } from '../../src-main/core/event.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import type { Verifier } from '../../src-main/crypto/verifier.ts'
import { signWithNonce, withLargerS } from '../helpers/ed25519.ts'
import { CRAFTED_SIGNATURES } from './crafted-signatures.ts'

const key = crypto.keyPair(new Uint8Array(32).fill(7))
const idOf = (n: number) => crypto.sha256(Uint8Array.of(n, n >> 8))

/** A good signature for every n; signed with another key where isValid says no. */
export function signedIds(count: number, isValid: (n: number) => boolean = () => true): SignedId[] {
  const other = crypto.keyPair(new Uint8Array(32).fill(8))
  return Array.from({ length: count }, (_, n) => {
    const { secretKey } = isValid(n) ? key : other
    return { id: idOf(n), signature: crypto.sign(idOf(n), secretKey), publicKey: key.publicKey }
  })
}

/** Everything crafted that the project knows of, with the verdict that every device has to come to. */
function crafted(): { signed: SignedId[]; verdicts: boolean[] } {
  const [good] = signedIds(1)
  const zero = new Uint8Array(64)
  const identity = Uint8Array.of(1, ...new Uint8Array(31))
  const nonce = Uint8Array.of(...crypto.randomBytes(31), 0)
  // y = 0 and y = 1, written as p and p + 1.
  const [large, larger] = [0xed, 0xee].map((low) => Uint8Array.of(low, ...Array(30).fill(0xff), 0x7f))
  const more: [SignedId, boolean][] = [
    [good!, true],
    [{ ...good!, signature: signWithNonce(good!.id, key.secretKey, nonce) }, true],
    [{ ...good!, signature: withLargerS(good!.signature) }, false],
    [{ ...good!, signature: zero }, false],
    [{ ...good!, signature: zero, publicKey: new Uint8Array(32) }, false],
    [{ ...good!, signature: Uint8Array.of(...identity, ...new Uint8Array(32)), publicKey: identity }, false],
    [{ ...good!, publicKey: large! }, false],
    [{ ...good!, publicKey: larger!, signature: Uint8Array.of(...larger!, ...new Uint8Array(32)) }, false],
  ]
  const published = CRAFTED_SIGNATURES.map(({ id, signature, publicKey }) => ({
    id: fromHex(id),
    signature: fromHex(signature),
    publicKey: fromHex(publicKey),
  }))
  return {
    signed: [...published, ...more.map(([signed]) => signed)],
    verdicts: [...CRAFTED_SIGNATURES.map(({ isValid }) => isValid), ...more.map(([, isValid]) => isValid)],
  }
}

/** open: of a verifier that is ready to do it in its own way. */
export function verifierContract(name: string, open: () => Promise<Verifier>): void {
  describe(`verifier: ${name}`, () => {
    const opened: Verifier[] = []
    const start = async () => {
      const verifier = await open()
      opened.push(verifier)
      return verifier
    }
    afterEach(async () => {
      for (const verifier of opened.splice(0)) await verifier.close()
    })

    test('signatures made to divide verifiers get the verdict that they get everywhere', async () => {
      const verifier = await start()
      const { signed, verdicts } = crafted()
      expect(await verifier.verify(signed)).toEqual(verdicts)
      for (const [i, one] of signed.entries()) expect(await verifier.verify([one])).toEqual([verdicts[i]])
    })

    test('verdicts are in the order of what was asked, however much is asked at a time', async () => {
      const verifier = await start()
      const sizes = [0, 1, 7, 8, 64, 65, 300]
      const isValid = (n: number) => n % 3 !== 1
      const answers = await Promise.all(sizes.map((size) => verifier.verify(signedIds(size, isValid))))
      for (const [i, size] of sizes.entries())
        expect(answers[i]).toEqual(Array.from({ length: size }, (_, n) => isValid(n)))
    })

    test('a field of another length is a mistake of the caller', async () => {
      const verifier = await start()
      const [good] = signedIds(1)
      for (const field of ['id', 'signature', 'publicKey'] as const) {
        const short = { ...good!, [field]: good![field].subarray(1) }
        await expect(verifier.verify(Array(100).fill(short))).rejects.toThrow(TypeError)
      }
      expect(await verifier.verify([good!])).toEqual([true])
    })

    test('nothing is verified after the end', async () => {
      const verifier = await start()
      await verifier.close()
      await verifier.close()
      for (const size of [1, 100])
        await expect(verifier.verify(signedIds(size))).rejects.toMatchObject({ code: 'CLOSED' })
    })
  })
}
