/**
 * The way of a group's events from the network into its engine: signatures are verified aside, and the engine gets what
 * came in the order in which it came.
 *
 * An event is verified once: a copy that comes meanwhile is not sent along. At its turn the engine has the event, and
 * looks at the signature of the copy only if that of the first was bad.
 */
import type { EventId } from '../api/contract.ts'
import type { Engine, Examined } from '../core/engine.ts'
import type { Event } from '../core/event.ts'
import { MAX_ARRIVING_SIZE_BYTES } from '../core/limits.ts'
import type { Verifier } from '../crypto/verifier.ts'

export interface Arrival {
  bytes: Uint8Array
  examined: Examined
}

export class Arrivals {
  readonly #engine: Engine
  readonly #verifier: Verifier
  readonly #verifying = new Set<EventId>()
  #sizeBytes = 0
  /** The turn of what came last; never rejects. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(engine: Engine, verifier: Verifier) {
    this.#engine = engine
    this.#verifier = verifier
  }

  /** So much came and is not taken in yet that gossip is better left to sync. */
  get isFull(): boolean {
    return this.#sizeBytes > MAX_ARRIVING_SIZE_BYTES
  }

  /** Calls take when everything before it was taken. Fails as Verifier.verify() and as take do. */
  add<T>(events: readonly (Uint8Array | Event)[], take: (arrivals: Arrival[]) => T): Promise<T> {
    const arrivals = events.map((event) => ({
      bytes: 'id' in event ? event.bytes : event,
      examined: this.#engine.examine(event),
    }))
    const sizeBytes = arrivals.reduce((sum, { bytes }) => sum + bytes.length, 0)
    this.#sizeBytes += sizeBytes
    const { ids, verified } = this.#verify(arrivals)
    const taken = this.#last
      .then(() => verified)
      .then(() => take(arrivals))
      .finally(() => {
        this.#sizeBytes -= sizeBytes
        for (const id of ids) this.#verifying.delete(id)
      })
    this.#last = taken.catch(() => {})
    return taken
  }

  /** Resolves when everything that came was taken, or given up. */
  async settled(): Promise<void> {
    await this.#last
  }

  #verify(arrivals: readonly Arrival[]): { ids: EventId[]; verified: Promise<void> } {
    const first = arrivals.flatMap(({ examined }) => {
      const { decoded, signed } = examined
      if (!signed || 'reason' in decoded || this.#verifying.has(decoded.event.id)) return []
      this.#verifying.add(decoded.event.id)
      return { id: decoded.event.id, signed, examined }
    })
    const verified = this.#verifier
      .verify(first.map(({ signed }) => signed))
      .then((verdicts) => first.forEach(({ examined }, i) => (examined.isValid = verdicts[i]!)))
    // It is waited for at its turn.
    verified.catch(() => {})
    return { ids: first.map(({ id }) => id), verified }
  }
}
