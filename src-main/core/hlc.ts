/**
 * Hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): 48 bits of unix milliseconds, then a
 * 16-bit counter, in one unsigned 64-bit integer. Strictly growing along every dependency, and close to real time
 * while clocks are right.
 */
export type Hlc = bigint

const MAX_HLC = (1n << 64n) - 1n

/** The first reading at a time in unix ms. */
export function hlcAt(timeMs: number): Hlc {
  return BigInt(Math.max(0, Math.floor(timeMs))) << 16n
}

/** Unix ms of a reading. */
export function hlcTimeMs(hlc: Hlc): number {
  return Number(hlc >> 16n)
}

/** A reading later than everything seen, and not before now. TypeError at the end of time, which limits keep away. */
export function nextHlc(latestSeen: Hlc, nowMs: number): Hlc {
  const physical = hlcAt(nowMs)
  const next = physical > latestSeen ? physical : latestSeen + 1n
  if (next > MAX_HLC) throw new TypeError('hlc is exhausted')
  return next
}
