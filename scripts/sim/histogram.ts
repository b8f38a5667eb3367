/** Counts of durations in steps of 0.3 %, for percentiles over millions of them. */
const STEPS_PER_DOUBLING = 256

export class Histogram {
  readonly #counts: number[] = []
  #total = 0

  add(value: number): void {
    const at = value < 1 ? 0 : 1 + Math.floor(STEPS_PER_DOUBLING * Math.log2(value))
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#total++
  }

  /** The upper end of the step that holds this share of all values; 0 without any. */
  percentile(share: number): number {
    let sum = 0
    for (const [at, count] of this.#counts.entries()) {
      sum += count ?? 0
      if (sum > 0 && sum >= share * this.#total)
        return at === 0 ? 0 : Math.round(2 ** (at / STEPS_PER_DOUBLING))
    }
    return 0
  }
}
