/** The office played by hundreds of engines, so that its events cite each other as they do in a real network. */
import { decodeEvent, type Event } from '../../src-main/core/event.ts'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import { Crowd } from '../../scripts/sim/crowd.ts'

export interface OfficeOptions {
  members: number
  events: number
  /** Members who write at the busiest hour. */
  active: number
}

/** Nothing is lost; every hop takes its own time. Signatures are real: whoever measures may verify them. */
export function playOffice(options: OfficeOptions) {
  const { sha256 } = sodiumCrypto
  const crowd = new Crowd({
    ...options,
    seed: 1,
    online: options.members,
    faults: new Set(['reorder'] as const),
    // Nobody here is hostile, and this part is not measured.
    crypto: { ...sodiumCrypto, verify: () => true },
  })
  const { violationCount, lost, pending } = crowd.run()
  if (violationCount + lost + pending > 0) throw new Error('the office went wrong')
  const group = crowd.archive.events[0]!.id
  const decode = ({ bytes }: { bytes: Uint8Array }) =>
    (decodeEvent(bytes, group, sha256) as { event: Event }).event
  return {
    group,
    /** In the order in which they were written, entrances first. */
    events: crowd.archive.events.map(decode),
    keys: crowd.peers.map(({ key }) => key),
    /** What the first member delivered. */
    history: crowd.peers[0]!.engine.history,
    figures: crowd.figures(),
  }
}
