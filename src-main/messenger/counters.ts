import type { Diagnostics } from '../api/operator.ts'

const MAX_PEERS_COUNTED = 1_000

/** What was not taken, and from whom: bad input is counted, never thrown. */
export class Counters {
  duplicates = 0
  forksSuspected = 0
  readonly #rejected: Record<string, number> = {}
  readonly #byPeer = new Map<string, Record<string, number>>()

  refuse(reason: string, peer: string | undefined): void {
    this.#rejected[reason] = (this.#rejected[reason] ?? 0) + 1
    if (peer === undefined || (!this.#byPeer.has(peer) && this.#byPeer.size >= MAX_PEERS_COUNTED)) return
    const counts = this.#byPeer.get(peer) ?? {}
    counts[reason] = (counts[reason] ?? 0) + 1
    this.#byPeer.set(peer, counts)
  }

  report(): Pick<Diagnostics, 'duplicates' | 'rejected' | 'rejectedByPeer' | 'forksSuspected'> {
    return {
      duplicates: this.duplicates,
      rejected: { ...this.#rejected },
      rejectedByPeer: Object.fromEntries(this.#byPeer),
      forksSuspected: this.forksSuspected,
    }
  }
}
