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

  /** Takes in the next operation, and returns its number. */
  add(parents: readonly number[]): number {
    this.#missing.push(this.union(parents).missing)
    return this.size - 1
  }

  /** What lies before an operation; it itself does not. */
  of(operation: number): View {
    return { limit: operation, missing: this.#missing[operation]! }
  }

  /** These operations and everything before them. */
  union(heads: readonly number[]): View {
    const limit = this.size
    let missing: readonly number[] | undefined
    for (const head of heads) {
      const beyond = head + 1 < limit ? [...this.#missing[head]!, head + 1, limit] : this.#missing[head]!
      missing = missing === undefined ? beyond : intersection(missing, beyond)
      if (missing.length === 0) break
    }
    return { limit, missing: missing ?? (limit > 0 ? [0, limit] : NOTHING) }
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

/** Of runs that touch each other one is made. */
function intersection(a: readonly number[], b: readonly number[]): number[] {
  const both: number[] = []
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const from = Math.max(a[i]!, b[j]!)
    const to = Math.min(a[i + 1]!, b[j + 1]!)
    if (from < to) {
      if (both.at(-1) === from) both[both.length - 1] = to
      else both.push(from, to)
    }
    if (a[i + 1]! < b[j + 1]!) i += 2
    else j += 2
  }
  return both
}
