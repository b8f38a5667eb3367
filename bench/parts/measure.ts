/** Reading a measurement: on a machine with other work the median of several rounds is what counts. */

/** share of 0.5 is the median. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
}

export const median = (values: readonly number[]) => percentile(values, 0.5)

/** To this many significant digits. */
export const rounded = (value: number, digits = 3) => Number(value.toPrecision(digits))

/** Median, and in brackets what the rounds lay between. */
export function spread(values: readonly number[]) {
  return { median: rounded(median(values)), rounds: values.map((value) => rounded(value)) }
}

/** Resolves once the condition holds; looks again every few milliseconds, and fails after a minute. */
export async function poll(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + 60_000; !(await condition());) {
    if (performance.now() > endMs) throw new Error(`never: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
