/** Time and chance as the messenger meets them: a simulation puts its own in, and the same seed gives the same run. */
export interface Time {
  /** Unix ms by the clock of this device, which a person may set. */
  nowMs(): number
  /** Only ever grows; for measuring how long ago something was. */
  monotonicMs(): number
  /** Runs the task once; the returned function takes that back. */
  after(delayMs: number, task: () => void): () => void
  /** Runs the task again and again; the returned function ends that. */
  every(intervalMs: number, task: () => void): () => void
  /** 0 to 1. Not for secrets. */
  random(): number
}

export const systemTime: Time = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs)
    return () => clearTimeout(timer)
  },
  every(intervalMs, task) {
    const timer = setInterval(task, intervalMs)
    return () => clearInterval(timer)
  },
  random: () => Math.random(),
}

/** The promise, or a failure when it has not settled after limitMs. */
export async function inTime<T>(
  promise: Promise<T>,
  limitMs: number,
  time: Time,
  failure: () => Error,
): Promise<T> {
  const late = Promise.withResolvers<never>()
  const cancel = time.after(limitMs, () => late.reject(failure()))
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    cancel()
  }
}
