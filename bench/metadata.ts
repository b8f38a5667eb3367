/**
 * How many bytes of an event exist only for its order? 500 members play the office, every hop of gossip takes its own time
 * (60 ms in the median), so that events are concurrent as in a real network; all of their events are looked at.
 *
 * Shares: of the events themselves; of gossip as it leaves (each event alone, as when a group is not busy) with what
 * gossipsub, yamux and Noise put around one message; of the rows on disk, keys included, before LevelDB compresses them.
 */
import { encodeBatch } from '../src-main/core/batch.ts'
import { varintSize } from '../src-main/core/bytes.ts'
import { isShown } from '../src-main/core/timeline.ts'
import { chainOf, orderingBytes, type Event } from '../src-main/core/event.ts'
import { timelineKey } from '../src-main/core/timeline.ts'
import { sodiumCrypto } from '../src-main/crypto/sodium.ts'
import { unsealed } from '../test/helpers/unsealed.ts'
import { decodeReaction } from '../src-main/messenger/content.ts'
import { encodeN, eventKey, reactionKey, timelineIndexKey } from '../src-main/storage/keys.ts'
import { TOPIC } from './parts/broadcast.ts'
import { percentile, rounded } from './parts/measure.ts'
import { playOffice } from './parts/office.ts'

const MEMBERS = 500
const EVENTS = 3_000
/** Fields of gossipsub's protobuf and its length prefix, a yamux header, a Noise length and tag. */
const ENVELOPE = 10 + 12 + 18
const TOPIC_SIZE = TOPIC.length

const { group, events } = playOffice({ members: MEMBERS, events: EVENTS, active: 200 })
const messages = events.filter(({ kind }) => chainOf(kind) === 'm')
const mean = (of: (event: Event) => number) =>
  messages.reduce((sum, event) => sum + of(event), 0) / messages.length

function rowBytes(event: Event): number {
  const n = encodeN(1)
  const size = eventKey(group, 1).length + event.bytes.length
  const reaction = decodeReaction(unsealed.open(event))
  if (reaction) return size + reactionKey(group, reaction.target, 1).length
  // The flags of a timeline row, and then n.
  return isShown(event.kind) ? size + timelineIndexKey(group, timelineKey(event)).length + 1 + n.length : size
}

const metadata = mean(orderingBytes)
const share = (of: (event: Event) => number) => rounded(metadata / mean(of), 2)
console.log(
  JSON.stringify({
    question: 'how many bytes of an event exist only for its order?',
    members: MEMBERS,
    events: messages.length,
    bytes: { mean: rounded(metadata), p99: percentile(messages.map(orderingBytes), 0.99) },
    parts: {
      seq: rounded(mean(({ seq }) => varintSize(seq))),
      deps: rounded(mean(({ deps }) => deps.reduce((sum, { seq }) => sum + 8 + varintSize(seq), 0))),
      commitment: 16,
      controlHeads: rounded(
        mean(({ controlHeads }) => (controlHeads ? 1 + 32 * controlHeads.length : 0)),
        2,
      ),
    },
    dots: rounded(mean(({ deps }) => deps.length)),
    shareOfEvents: share(({ bytes }) => bytes.length),
    shareOfWire: share((event) => encodeBatch([event], sodiumCrypto.sha256).length + TOPIC_SIZE + ENVELOPE),
    shareOfDisk: share(rowBytes),
  }),
)
