/**
 * How much of each device is handed on by gossip. A rule for relays, not about validity: what is beyond it is delivered
 * here all the same, and others find it by sync, so a member who floods a group makes nobody multiply the flood.
 *
 * A bucket of tokens per device (as in Turner, "New Directions in Communications", 1986): RELAY_BURST_EVENTS of them,
 * and RELAY_EVENTS_PER_S more as time goes by. The burst is what honest people do: paste a page, or bridge a busy
 * channel. Nobody's own events are counted on their way out, so whoever is linked to their author gets all at once.
 */
import type { DeviceTag } from '../api/contract.ts'
import { RELAY_BURST_EVENTS, RELAY_EVENTS_PER_S } from './limits.ts'

export class Relay {
  /** Of devices that wrote anything lately; at most one each of the roster. */
  readonly #buckets = new Map<DeviceTag, { tokens: number; atMs: number }>()

  /**
   * Whether to hand on events of these authors, which came together and are news; one author for each event. They are,
   * as long as one of them has a token left. atMs: Moment.atMs.
   */
  allows(authors: readonly DeviceTag[], atMs: number): boolean {
    let isAllowed = authors.length === 0
    for (const tag of authors) {
      const { tokens, atMs: lastMs } = this.#buckets.get(tag) ?? { tokens: RELAY_BURST_EVENTS, atMs }
      const refilled = Math.min(RELAY_BURST_EVENTS, tokens + ((atMs - lastMs) / 1_000) * RELAY_EVENTS_PER_S)
      if (refilled >= 1) isAllowed = true
      this.#buckets.set(tag, { tokens: refilled >= 1 ? refilled - 1 : refilled, atMs })
    }
    return isAllowed
  }
}
