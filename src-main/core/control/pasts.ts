/**
 * Which operations lie in the past of which, without a clock per operation.
 *
 * Operations are numbered 0, 1, 2… as they come, causes first. The past of operation i is everything before i but for
 * what its author had not seen. That is little, and comes in runs:
 *
 *      0 ── 1 ── 2 ── 5          missing(5) = [3, 5): its author had not seen 3 and 4
 *        └─────── 3 ── 4         missing(3) = [1, 3)
 *
 * So an operation whose author had seen everything costs nothing, and a group that was divided costs one run per side.
 */

/** A set of operations that holds the past of each: those before limit, but for the runs [from, to) listed in missing. */
export interface View {
  readonly limit: number
  /** from, to, from, to… ascending. */
  readonly missing: readonly number[]
}

const NOTHING: readonly number[] = []

export class Pasts {
  readonly #missing: (readonly number[])[] = []

  get size(): number {
    return this.#missing.length
  }

  /** Everything. */
  get all(): View {
    return { limit: this.size, missing: NOTHING }
  }

  /** Takes in the next operation, given its past, and returns its number. */
  add({ missing }: View): number {
    this.#missing.push(missing)
    return this.size - 1
  }

  /** What lies before an operation; it itself does not. */
  of(operation: number): View {
    return { limit: operation, missing: this.#missing[operation]! }
  }

  /** These operations and everything before them. */
  union(heads: readonly number[]): View {
    const limit = this.size
    if (heads.length === 0) return { limit, missing: limit > 0 ? [0, limit] : NOTHING }
    const latest = Math.max(...heads)
    let missing = this.#missing[latest]!
    for (const head of heads)
      if (!holds({ limit: latest + 1, missing }, head)) missing = without(missing, head, this.#missing[head]!)
    return { limit, missing: latest + 1 < limit ? missing.concat(latest + 1, limit) : missing }
  }

  isBefore(a: number, b: number): boolean {
    return holds(this.of(b), a)
  }
}

export function holds({ limit, missing }: View, operation: number): boolean {
  if (operation >= limit) return false
  let low = 0
  for (let high = missing.length / 2; low < high;) {
    const middle = (low + high) >> 1
    if (missing[2 * middle + 1]! <= operation) low = middle + 1
    else high = middle
  }
  return 2 * low === missing.length || missing[2 * low]! > operation
}

/** What of missing is not in the past of an operation either, nor that operation itself. */
function without(missing: readonly number[], operation: number, missingThere: readonly number[]): number[] {
  const both: number[] = []
  let i = 0
  for (let j = 0; i < missing.length && j < missingThere.length;) {
    const from = Math.max(missing[i]!, missingThere[j]!)
    const to = Math.min(missing[i + 1]!, missingThere[j + 1]!)
    if (from < to) both.push(from, to)
    if (missing[i + 1]! < missingThere[j + 1]!) i += 2
    else j += 2
  }
  const later = operation + 1
  for (; i < missing.length; i += 2)
    if (missing[i + 1]! > later) both.push(Math.max(missing[i]!, later), missing[i + 1]!)
  return both
}
