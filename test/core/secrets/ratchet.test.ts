import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src-main/core/bytes.ts'
import { Chain, chainOf, MAX_CHAIN_SEQ } from '../../../src-main/core/secrets/ratchet.ts'
import { sodiumCrypto as crypto } from '../../../src-main/crypto/sodium.ts'

const MESSAGES = Uint8Array.from({ length: 32 }, (_, i) => i)
const TAG = '0123456789abcdef'
const fresh = () => chainOf(MESSAGES, TAG, crypto)
const keyOf = (chain: Chain, seq: number) => {
  const key = chain.keyOf(seq)
  return key && toHex(key)
}
const seq = fc.oneof(
  fc.integer({ min: 0, max: 600 }),
  fc.integer({ min: 0, max: MAX_CHAIN_SEQ }),
  fc.constantFrom(15, 16, 255, 256, 65_535, 65_536, 2 ** 28 - 1, 2 ** 28, 2 ** 31 - 1, 2 ** 31),
)

/** How many hashes some work takes. */
function hashes(work: (chain: Chain) => void): number {
  let count = 0
  const chain = chainOf(MESSAGES, TAG, {
    ...crypto,
    keyedHash: (...args) => (count++, crypto.keyedHash(...args)),
  })
  work(chain)
  return count - 1
}

describe('the keys of a chain', () => {
  test('are exactly these; computed a second time with hashlib of Python', () => {
    expect([1, 2, 16, 50_000, MAX_CHAIN_SEQ].map((at) => keyOf(fresh(), at))).toEqual([
      'cee350a84a46114207abfd2ed9f0df3416d3384adeebf425e7da302b28b448b1',
      'b5fc9b3ad8464288b17744a9870054ebc03056ea02335bcc917f2d9a856735b1',
      'f43437ac68ef9a42557a6de98653d599b9f1497d4e80a87ef25effd73b8758f5',
      '85350ed829803a1d261941012d979b3b205dcb3f285cce91ca60a7e5179dc874',
      '33851d0fb2d081706e4f7ad43c8c7af339694e76eb23cdddc1fbdba1ad8ba4c3',
    ])
  })

  test('are the same in whatever order they are asked for', () => {
    fc.assert(
      fc.property(fc.array(seq, { maxLength: 20 }), (order) => {
        const chain = fresh()
        for (const at of order) expect(keyOf(chain, at)).toBe(keyOf(fresh(), at))
      }),
    )
  })

  test('differ by seq, device and epoch', () => {
    const chain = fresh()
    const keys = Array.from({ length: 2000 }, (_, at) => keyOf(chain, at))
    keys.push(keyOf(chainOf(MESSAGES, TAG.replace('0', '1'), crypto), 1))
    keys.push(keyOf(chainOf(MESSAGES.with(0, 1), TAG, crypto), 1))
    expect(new Set(keys).size).toBe(keys.length)
  })

  test('are those of 2^32 messages', () => {
    for (const none of [-1, 1.5, MAX_CHAIN_SEQ + 1, Number.MAX_SAFE_INTEGER, NaN])
      expect(fresh().keyOf(none)).toBeUndefined()
    expect(fresh().keyOf(MAX_CHAIN_SEQ)).toHaveLength(32)
  })

  test('cost little: one after the other, from anywhere, and however far somebody skips', () => {
    expect(hashes((chain) => chain.keyOf(50_000))).toBe(8)
    expect(hashes((chain) => chain.keyOf(MAX_CHAIN_SEQ))).toBe(8)
    const inOrder = hashes((chain) => {
      for (let at = 1; at <= 50_000; at++) chain.keyOf(at)
    })
    expect(inOrder).toBeLessThan(50_000 * 1.07)
    expect(hashes((chain) => [5, 5, 5].forEach((at) => chain.keyOf(at)))).toBe(8)
  })
})

describe('what a chain forgot', () => {
  test('is gone, and nothing else is', () => {
    fc.assert(
      fc.property(seq, fc.array(seq, { maxLength: 10 }), (through, others) => {
        const chain = fresh()
        for (const at of others) chain.keyOf(at)
        chain.forgetThrough(through)
        for (const at of [through - 1, through, through + 1, ...others])
          expect(keyOf(chain, at)).toBe(at <= through ? undefined : keyOf(fresh(), at))
      }),
    )
  })

  test('does not come back, step by step or at once', () => {
    fc.assert(
      fc.property(fc.array(seq, { minLength: 1, maxLength: 6 }), (steps) => {
        const [slow, quick] = [fresh(), fresh()]
        for (const at of steps) slow.forgetThrough(at)
        quick.forgetThrough(Math.max(...steps))
        expect(slow.roots).toEqual(quick.roots)
      }),
    )
  })

  test('does not lie above anything that is kept, and is erased', () => {
    const chain = fresh()
    const [root] = chain.roots
    const key = chain.keyOf(1000)!
    chain.forgetThrough(1000)
    expect(root!.key).toEqual(new Uint8Array(32))
    expect(key).toEqual(new Uint8Array(32))
    const firsts = chain.roots.map(({ level, index }) => index * 16 ** (8 - level))
    expect(Math.min(...firsts)).toBe(1001)
    expect(chain.roots.length).toBeLessThanOrEqual(8 * 15)
  })

  test('leaves a chain that can be stored and goes on', () => {
    const chain = fresh()
    chain.forgetThrough(77)
    const again = new Chain(chain.roots, crypto)
    expect(again.keyOf(77)).toBeUndefined()
    expect(keyOf(again, 78)).toBe(keyOf(fresh(), 78))
  })

  test('may be everything', () => {
    const chain = fresh()
    chain.forgetThrough(MAX_CHAIN_SEQ)
    expect(chain.roots).toEqual([])
    expect(chain.keyOf(MAX_CHAIN_SEQ)).toBeUndefined()
  })
})
