/**
 * The frames of sync, byte by byte. A session (core/sync-session.ts) runs over one stream; both sides say the same:
 *
 *     HELLO     proof, credential, store incarnation, wall clock, digest   one round trip when the digests are equal
 *     REFUSE    why not, and to whoever was removed the event that did it   instead of HELLO; nothing follows
 *     ADDRESSES where other members may be reached
 *     FORKS     devices that are known to have forked; left out when there are none
 *     SUMMARY   4 bytes of a hash over the tips of each 256th of the devices
 *     CLOCK     per device of those that differ: how far, and 4 bytes of the tip's id
 *     PLAN      what the other side lacks, in slices by date        control events come first, as one slice
 *     WANT      a slice, and how many events of it at least         answered by COUNT, then EVENTS as many as promised
 *     NEWEST    the last screens, for the eye                       answered by WINDOW, once per session
 *     END       nothing more is wanted
 *
 * What waits for something that is missing asks for that alone (core/missing.ts):
 *
 *     ASK       proof, ranges of places, ids of control events      answered by EVENTS, END
 *
 * Whoever has an invite and has caught up asks for a voucher (messenger/admission.ts):
 *
 *     ENTER     proof, credential, control heads                    answered by VOUCHER or REFUSE
 *
 * A device of a member that lacks the secrets of epochs asks for them:
 *
 *     KEYS      proof, credential, epochs                           answered by SECRETS or REFUSE
 */
import type { DeviceTag, EventId } from '../api/contract.ts'
import { Reader, toHex, Writer } from './bytes.ts'
import type { Summary, Tip } from './difference.ts'
import type { Chain } from './event.ts'
import type { Hlc } from './hlc.ts'
import {
  MAX_ADDRESS_SIZE_BYTES,
  MAX_ADDRESSES,
  MAX_CLOCK_TIPS,
  MAX_CONTROL_HEADS,
  MAX_CREDENTIAL_SIZE_BYTES,
  MAX_EVENT_SIZE_BYTES,
  MAX_FORKS_LISTED,
  MAX_MISSING_HEADS,
  MAX_MISSING_RANGES,
  MAX_SECRETS_PER_FRAME,
  MAX_SLICES,
  MAX_WINDOW_EVENTS,
} from './limits.ts'
import type { Missing, Range } from './missing.ts'
import type { EpochId } from './secrets/derivations.ts'
import { decodeSecrets, encodeSecrets, type SharedSecret } from './secrets/epochs.ts'

export interface Hello {
  /** Names the group to whoever knows it, and to nobody else; who checks it is up to the caller. 32 bytes. */
  proof: Uint8Array
  /** Shows that the sender belongs to the group, or may enter: messenger/admission.ts. */
  credential: Uint8Array
  /** Random name of the sender's store, 8 bytes: another one on the same device means that it was lost or restored. */
  incarnation: Uint8Array
  wallClockMs: number
  digest: Uint8Array
}

/** What one side has and the other lacks. */
export interface Plan {
  /** Control events, and events that prove forks. */
  controls: number
  /** Of the message chain, in order of dates. */
  slices: readonly { to: Hlc; count: number }[]
}

/** What is asked for: missing events dated from…to, inclusive. */
export interface Want {
  chain: Chain
  from: Hlc
  to: Hlc
  /** Whoever has fewer of them sends none: another peer has more. */
  atLeast: number
}

export type Frame =
  | ({ type: 'hello' } & Hello)
  | { type: 'refuse'; reason: number; event: Uint8Array }
  | { type: 'secrets'; secrets: SharedSecret[] }
  | { type: 'keys'; proof: Uint8Array; credential: Uint8Array; epochs: EpochId[] }
  | { type: 'enter'; proof: Uint8Array; credential: Uint8Array; heads: EventId[] }
  | { type: 'voucher'; signature: Uint8Array }
  | { type: 'addresses'; addresses: Uint8Array[] }
  | { type: 'forks'; tags: DeviceTag[] }
  | { type: 'summary'; buckets: Summary }
  | { type: 'clock'; tips: Tip[] }
  | ({ type: 'plan' } & Plan)
  | ({ type: 'want' } & Want)
  | { type: 'count'; count: number }
  | { type: 'events'; events: Uint8Array[] }
  | { type: 'newest'; limit: number }
  | { type: 'window'; events: Uint8Array[] }
  | { type: 'end' }
  | ({ type: 'ask'; proof: Uint8Array } & Missing)

const TYPE = {
  hello: 1,
  refuse: 2,
  addresses: 3,
  clock: 4,
  events: 5,
  end: 6,
  forks: 7,
  ask: 8,
  plan: 9,
  want: 10,
  count: 11,
  newest: 12,
  window: 13,
  summary: 14,
  secrets: 15,
  enter: 16,
  voucher: 17,
  keys: 18,
} as const
/** More than MAX_SECRETS_PER_FRAME need. */
const MAX_SECRETS_SIZE_BYTES = 8_192
const CHAINS: readonly Chain[] = ['m', 'c']

export function encodeFrame(frame: Frame): Uint8Array {
  const writer = new Writer().byte(TYPE[frame.type])
  if (frame.type === 'hello')
    writer
      .bytes(frame.proof)
      .block(frame.credential)
      .bytes(frame.incarnation)
      .varint(Math.max(0, Math.floor(frame.wallClockMs)))
      .bytes(frame.digest)
  else if (frame.type === 'refuse') writer.byte(frame.reason).block(frame.event)
  else if (frame.type === 'secrets') writer.block(encodeSecrets(frame.secrets))
  else if (frame.type === 'keys') {
    writer.bytes(frame.proof).block(frame.credential).varint(frame.epochs.length)
    for (const epoch of frame.epochs) writer.hex(epoch)
  } else if (frame.type === 'enter') writeIds(writer.bytes(frame.proof).block(frame.credential), frame.heads)
  else if (frame.type === 'voucher') writer.bytes(frame.signature)
  else if (frame.type === 'addresses') writeBlocks(writer, frame.addresses)
  else if (frame.type === 'events' || frame.type === 'window') writeBlocks(writer, frame.events)
  else if (frame.type === 'count') writer.varint(frame.count)
  else if (frame.type === 'newest') writer.varint(frame.limit)
  else if (frame.type === 'want')
    writer.byte(CHAINS.indexOf(frame.chain)).uint64(frame.from).uint64(frame.to).varint(frame.atLeast)
  else if (frame.type === 'plan') {
    writer.varint(frame.controls).varint(frame.slices.length)
    for (const { to, count } of frame.slices) writer.uint64(to).varint(count)
  } else if (frame.type === 'forks') {
    writer.varint(frame.tags.length)
    for (const tag of frame.tags) writer.hex(tag)
  } else if (frame.type === 'summary') {
    writer.varint(frame.buckets.size)
    for (const [number, fingerprint] of frame.buckets) writer.byte(number).uint32(fingerprint)
  } else if (frame.type === 'clock') {
    writer.varint(frame.tips.length)
    for (const tip of frame.tips)
      writer.hex(tip.tag).byte(CHAINS.indexOf(tip.chain)).varint(tip.seq).uint32(tip.fingerprint)
  } else if (frame.type === 'ask') {
    writer.bytes(frame.proof).varint(frame.ranges.length)
    for (const { tag, chain, from, to } of frame.ranges)
      writer.hex(tag).byte(CHAINS.indexOf(chain)).varint(from).varint(to)
    writeIds(writer, frame.heads)
  }
  return writer.finish()
}

/** undefined for anything but one whole frame within its limits. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  const reader = new Reader(bytes)
  const frame = readFrame(reader)
  return reader.isDone() ? frame : undefined
}

/** Events one after the other, as the proof of a fork is kept. */
export function encodeEvents(events: readonly Uint8Array[]): Uint8Array {
  const writer = new Writer()
  writeBlocks(writer, events)
  return writer.finish()
}

export function decodeEvents(bytes: Uint8Array): Uint8Array[] | undefined {
  const reader = new Reader(bytes)
  const events = readBlocks(reader, Number.MAX_SAFE_INTEGER, MAX_EVENT_SIZE_BYTES)
  return reader.isDone() && events.length > 0 ? events : undefined
}

function readFrame(reader: Reader): Frame | undefined {
  switch (reader.byte()) {
    case TYPE.hello:
      return {
        type: 'hello',
        proof: reader.bytes(32),
        credential: reader.block(MAX_CREDENTIAL_SIZE_BYTES).slice(),
        incarnation: reader.bytes(8),
        wallClockMs: reader.varint(),
        digest: reader.bytes(32),
      }
    case TYPE.refuse:
      return { type: 'refuse', reason: reader.byte(), event: reader.block(MAX_EVENT_SIZE_BYTES).slice() }
    case TYPE.secrets: {
      const secrets = decodeSecrets(reader.block(MAX_SECRETS_SIZE_BYTES))
      return secrets && { type: 'secrets', secrets }
    }
    case TYPE.keys:
      return {
        type: 'keys',
        proof: reader.bytes(32),
        credential: reader.block(MAX_CREDENTIAL_SIZE_BYTES).slice(),
        epochs: readTags(reader, MAX_SECRETS_PER_FRAME),
      }
    case TYPE.enter:
      return {
        type: 'enter',
        proof: reader.bytes(32),
        credential: reader.block(MAX_CREDENTIAL_SIZE_BYTES).slice(),
        heads: readIds(reader, MAX_CONTROL_HEADS),
      }
    case TYPE.voucher:
      return { type: 'voucher', signature: reader.bytes(64).slice() }
    case TYPE.addresses:
      return { type: 'addresses', addresses: readBlocks(reader, MAX_ADDRESSES, MAX_ADDRESS_SIZE_BYTES) }
    case TYPE.forks:
      return { type: 'forks', tags: readTags(reader, MAX_FORKS_LISTED) }
    case TYPE.summary:
      return readSummary(reader)
    case TYPE.clock:
      return readClock(reader)
    case TYPE.plan:
      return readPlan(reader)
    case TYPE.want:
      return readWant(reader)
    case TYPE.count:
      return { type: 'count', count: reader.varint() }
    case TYPE.events:
      return {
        type: 'events',
        events: readBlocks(reader, Number.MAX_SAFE_INTEGER, MAX_EVENT_SIZE_BYTES),
      }
    case TYPE.newest:
      return { type: 'newest', limit: reader.varint(MAX_WINDOW_EVENTS) }
    case TYPE.window:
      return { type: 'window', events: readBlocks(reader, MAX_WINDOW_EVENTS, MAX_EVENT_SIZE_BYTES) }
    case TYPE.end:
      return { type: 'end' }
    case TYPE.ask:
      return readAsk(reader)
    default:
      return undefined
  }
}

/** Names of 8 bytes. */
function readTags(reader: Reader, maxCount: number): string[] {
  const tags: string[] = []
  for (let count = reader.varint(maxCount); count > 0 && !reader.failed; count--) tags.push(reader.hex(8))
  return tags
}

function readSummary(reader: Reader): Frame | undefined {
  const buckets = new Map<number, number>()
  for (let count = reader.varint(256), last = -1; count > 0 && !reader.failed; count--) {
    const [number, fingerprint] = [reader.byte(), reader.uint32()]
    if (number <= last) return undefined
    buckets.set(number, fingerprint)
    last = number
  }
  return { type: 'summary', buckets }
}

function readClock(reader: Reader): Frame | undefined {
  const tips: Tip[] = []
  for (let count = reader.varint(MAX_CLOCK_TIPS); count > 0 && !reader.failed; count--) {
    const tag = toHex(reader.bytes(8))
    const chain = CHAINS[reader.byte()]
    const seq = reader.varint()
    if (!chain || seq === 0) return undefined
    tips.push({ tag, chain, seq, fingerprint: reader.uint32() })
  }
  return { type: 'clock', tips }
}

function readPlan(reader: Reader): Frame | undefined {
  const controls = reader.varint()
  const slices: { to: Hlc; count: number }[] = []
  for (let left = reader.varint(MAX_SLICES), last = -1n; left > 0 && !reader.failed; left--) {
    const [to, count] = [reader.uint64(), reader.varint()]
    if (to <= last || count === 0) return undefined
    slices.push({ to, count })
    last = to
  }
  return { type: 'plan', controls, slices }
}

function readWant(reader: Reader): Frame | undefined {
  const chain = CHAINS[reader.byte()]
  const [from, to, atLeast] = [reader.uint64(), reader.uint64(), reader.varint()]
  return chain && from <= to ? { type: 'want', chain, from, to, atLeast } : undefined
}

function readAsk(reader: Reader): Frame | undefined {
  const proof = reader.bytes(32)
  const ranges: Range[] = []
  for (let count = reader.varint(MAX_MISSING_RANGES); count > 0 && !reader.failed; count--) {
    const tag = reader.hex(8)
    const chain = CHAINS[reader.byte()]
    const [from, to] = [reader.varint(), reader.varint()]
    if (!chain || from === 0 || to < from) return undefined
    ranges.push({ tag, chain, from, to })
  }
  return { type: 'ask', proof, ranges, heads: readIds(reader, MAX_MISSING_HEADS) }
}

function writeIds(writer: Writer, ids: readonly EventId[]): void {
  writer.varint(ids.length)
  for (const id of ids) writer.hex(id)
}

function readIds(reader: Reader, maxCount: number): EventId[] {
  const ids: EventId[] = []
  for (let count = reader.varint(maxCount); count > 0 && !reader.failed; count--) ids.push(reader.hex(32))
  return ids
}

function writeBlocks(writer: Writer, blocks: readonly Uint8Array[]): void {
  writer.varint(blocks.length)
  for (const block of blocks) writer.block(block)
}

/** Copies, so that keeping one small block does not keep the whole frame in memory. */
function readBlocks(reader: Reader, maxCount: number, maxSize: number): Uint8Array[] {
  const blocks: Uint8Array[] = []
  for (let count = reader.varint(maxCount); count > 0 && !reader.failed; count--)
    blocks.push(reader.block(maxSize).slice())
  return blocks
}
