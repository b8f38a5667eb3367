/**
 * A last-writer-wins register: of concurrent writes the one with the greatest timeline key is shown. Keys grow along the
 * causal order, so the greatest of all writes is among those that nobody replaced, and no write can lose to
 * one that it has seen. A hostile clock wins against concurrent writes, by MAX_FUTURE_MS at most: an event dated further
 * ahead waits until it is due.
 *
 * The losers are kept until somebody replaces them, because the winner alone can be removed (inside a map):
 *
 *      a  'tea' (key 10) ──────────────         b had not seen a's write and removed only its own:
 *      b  'coffee' (key 20) ── remove {b1}      tea, everywhere. Where coffee had already thrown tea
 *                                               away, nothing would be left
 */
import { register, type Register } from './mv-register.ts'

/** Shows the winner; undefined when nothing was written. */
export function lwwRegister<T>(): Register<T, T | undefined> {
  return register((written) => written.at(-1)?.value)
}
