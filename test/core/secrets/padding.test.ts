import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_BODY_SIZE_BYTES, MAX_PLAINTEXT_SIZE_BYTES } from '../../../src-main/core/limits.ts'
import { pad, paddedSize, unpad } from '../../../src-main/core/secrets/padding.ts'

const PROOF_SIZE = 16
const text = fc.uint8Array({ maxLength: 3000 })

describe('padding', () => {
  test('makes a few sizes of many', () => {
    const sizes = (to: number) => [...new Set(Array.from({ length: to }, (_, size) => paddedSize(size)))]
    expect(sizes(1024)).toEqual([64, 128, 256, 512, 1024])
    expect(sizes(2048).slice(5)).toEqual(Array.from({ length: 16 }, (_, i) => 1088 + 64 * i))
    expect(sizes(MAX_PLAINTEXT_SIZE_BYTES + 1)).toHaveLength(92)
    expect([0, 63, 64, 127, 128, 1023, 1024].map(paddedSize)).toEqual([64, 64, 128, 128, 256, 1024, 1088])
  })

  test('adds at most a sixteenth to what is large, and holds mark and text always', () => {
    for (let size = 0; size <= MAX_PLAINTEXT_SIZE_BYTES; size++) {
      const padded = paddedSize(size)
      if (padded <= size || (size >= 1024 && padded > (size + 1) * (1 + 1 / 16))) expect(padded).toBe(size)
    }
  })

  test('of the largest text fits into a body, and a larger one does not', () => {
    expect(paddedSize(MAX_PLAINTEXT_SIZE_BYTES) + PROOF_SIZE).toBeLessThanOrEqual(MAX_BODY_SIZE_BYTES)
    expect(paddedSize(MAX_PLAINTEXT_SIZE_BYTES + 1) + PROOF_SIZE).toBeGreaterThan(MAX_BODY_SIZE_BYTES)
  })

  test('comes off again', () => {
    fc.assert(fc.property(text, (bytes) => void expect(unpad(pad(bytes))).toEqual(bytes)))
    for (const bytes of [new Uint8Array(0), new Uint8Array(64), new Uint8Array(63).fill(0x80)])
      expect(unpad(pad(bytes))).toEqual(bytes)
  })

  test('has one form: everything else is refused', () => {
    fc.assert(
      fc.property(text, fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, at, flip) => {
        const padded = pad(bytes)
        padded[at % padded.length]! ^= flip
        const found = unpad(padded)
        if (found) expect(pad(found)).toEqual(padded)
      }),
    )
    const padded = pad(Uint8Array.of(1, 2, 3))
    expect(unpad(new Uint8Array(64))).toBeUndefined()
    expect(unpad(new Uint8Array(0))).toBeUndefined()
    expect(unpad(padded.subarray(0, 63))).toBeUndefined()
    // More of it than belongs there.
    expect(unpad(Uint8Array.from([...padded, ...new Uint8Array(64)]))).toBeUndefined()
    expect(unpad(padded.with(63, 1))).toBeUndefined()
  })
})
