/**
 * Texts are padded to a few sizes, so that a relay learns little from them: 64, 128, 256, 512 and 1024 bytes, and beyond that
 * 16 sizes per doubling (PADMÉ: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with
 * PURBs", 2019), which costs at most 6.25 %. The text, 0x80, then zeros (ISO/IEC 7816-4).
 *
 * 1. unpad(pad(x)) = x, and a padded text has one form: everything else is refused.
 */
const MARK = 0x80
const MIN_SIZE = 64
const COARSE_SIZE = 1024

/** Bytes that so many bytes are padded to; the mark is one more. */
export function paddedSize(sizeBytes: number): number {
  const size = sizeBytes + 1
  if (size <= MIN_SIZE) return MIN_SIZE
  const exponent = 31 - Math.clz32(size)
  if (size <= COARSE_SIZE) return size === 1 << exponent ? size : 2 << exponent
  const kept = 32 - Math.clz32(exponent)
  const step = 1 << (exponent - kept)
  return Math.ceil(size / step) * step
}

export function pad(text: Uint8Array): Uint8Array {
  const padded = new Uint8Array(paddedSize(text.length))
  padded.set(text)
  padded[text.length] = MARK
  return padded
}

/** undefined for what pad() does not make. */
export function unpad(padded: Uint8Array): Uint8Array | undefined {
  let end = padded.length - 1
  while (end >= 0 && padded[end] === 0) end--
  return padded[end] === MARK && paddedSize(end) === padded.length ? padded.subarray(0, end) : undefined
}
