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

const NOTHING: View = { limit: 0, missing: [] }

export class Pasts {
  readonly #views: View[] = []

  get size(): number {
    return this.#views.length
  }

  /** Everything. */
  get all(): View {
    return { limit: this.size, missing: NOTHING.missing }
  }

  /** Takes in the next operation, given its past, and returns its number. */
  add(view: View): number {
    return this.#views.push(view) - 1
  }

  /** What lies before an operation; it itself does not. */
  of(operation: number): View {
    return this.#views[operation]!
  }

  /** These operations and everything before them. */
  union(heads: readonly number[]): View {
    if (heads.length === 0) return NOTHING
    // Not iterators: they leave garbage until this is compiled, and a large group is half resolved by then.
    let latest = 0
    for (let i = 0; i < heads.length; i++) latest = Math.max(latest, heads[i]!)
    const { limit, missing: missingThere } = this.#views[latest]!
    let missing = limit < latest ? missingThere.concat(limit, latest) : missingThere
    for (let i = 0; i < heads.length; i++)
      if (isAmong(missing, heads[i]!)) missing = without(missing, heads[i]!, this.#views[heads[i]!]!)
    return { limit: latest + 1, missing }
  }

  isBefore(a: number, b: number): boolean {
    return holds(this.of(b), a)
  }
}

export function holds({ limit, missing }: View, operation: number): boolean {
  return operation < limit && !isAmong(missing, operation)
}

function isAmong(missing: readonly number[], operation: number): boolean {
  let low = 0
  for (let high = missing.length / 2; low < high;) {
    const middle = (low + high) >> 1
    if (missing[2 * middle + 1]! <= operation) low = middle + 1
    else high = middle
  }
  return 2 * low < missing.length && missing[2 * low]! <= operation
}

/** Where runs are collected, so that the lists that are kept are no longer than they must be. */
const runs: number[] = []

/** Collects a run, unless it is empty. Returns how long runs is then. */
function take(size: number, from: number, to: number): number {
  if (from >= to) return size
  runs[size] = from
  runs[size + 1] = to
  return size + 2
}

/** What of missing is not in the past of an operation either, nor that operation itself. */
function without(missing: readonly number[], operation: number, past: View): readonly number[] {
  let size = 0
  let i = 0
  for (let j = 0; i < missing.length && j < past.missing.length;) {
    size = take(
      size,
      Math.max(missing[i]!, past.missing[j]!),
      Math.min(missing[i + 1]!, past.missing[j + 1]!),
    )
    if (missing[i + 1]! < past.missing[j + 1]!) i += 2
    else j += 2
  }
  for (; i < missing.length; i += 2) {
    size = take(size, Math.max(missing[i]!, past.limit), Math.min(missing[i + 1]!, operation))
    size = take(size, Math.max(missing[i]!, operation + 1), missing[i + 1]!)
  }
  return size === 0 ? NOTHING.missing : runs.slice(0, size)
}
