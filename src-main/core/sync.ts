/**
 * Catching up with one peer over one stream, as a state machine: frames in, effects out. Both sides run the same code.
 *
 *     HELLO  proof, store incarnation, wall clock, digest          one round trip when the digests are equal
 *     FORKS  devices that are known to have forked; left out when there are none
 *     CLOCK  per device: how far, and 4 bytes of the tip's id
 *     EVENTS what the other side lacks, control events first, each part in the sender's delivery order
 *     END
 *
 * 1. EVENTS come in a linear extension of happens-before, so the receiver buffers nothing.
 * 2. A broken session loses nothing: the next one starts from the new clock.
 * 3. What is missing is found by core/difference.ts, which also exposes forks. Which 4 bytes of an id are compared is
 *    drawn per session from both HELLOs. Of a forked device the proof is sent to whoever does not know of it, and of
 *    its events those that are visible.
 */
import type { DeviceTag } from '../api/contract.ts'
import { concat, equalBytes, Reader, toHex, Writer } from './bytes.ts'
import { Comparison, type Tip } from './difference.ts'
import type { Chain, Sha256 } from './event.ts'
import type { History } from './history.ts'
import {
  MAX_ADDRESS_SIZE_BYTES,
  MAX_ADDRESSES,
  MAX_CLOCK_TIPS,
  MAX_EVENT_SIZE_BYTES,
  MAX_FORKS_LISTED,
} from './limits.ts'

export interface Hello {
  /** Shows that the sender holds the group's secret; who checks it is up to the caller. 32 bytes. */
  proof: Uint8Array
  /** Random name of the sender's store, 8 bytes: another one on the same device means that it was lost or restored. */
  incarnation: Uint8Array
  wallClockMs: number
  digest: Uint8Array
}

export type Frame =
  | ({ type: 'hello' } & Hello)
  | { type: 'refuse' }
  | { type: 'addresses'; addresses: Uint8Array[] }
  | { type: 'forks'; tags: DeviceTag[] }
  | { type: 'clock'; tips: Tip[] }
  | { type: 'events'; events: Uint8Array[] }
  | { type: 'end' }

const TYPE = { hello: 1, refuse: 2, addresses: 3, clock: 4, events: 5, end: 6, forks: 7 } as const
const CHAINS: readonly Chain[] = ['m', 'c']

export function encodeFrame(frame: Frame): Uint8Array {
  const writer = new Writer().byte(TYPE[frame.type])
  if (frame.type === 'hello')
    writer
      .bytes(frame.proof)
      .bytes(frame.incarnation)
      .varint(Math.max(0, Math.floor(frame.wallClockMs)))
      .bytes(frame.digest)
  else if (frame.type === 'addresses') writeBlocks(writer, frame.addresses)
  else if (frame.type === 'events') writeBlocks(writer, frame.events)
  else if (frame.type === 'forks') {
    writer.varint(frame.tags.length)
    for (const tag of frame.tags) writer.hex(tag)
  } else if (frame.type === 'clock') {
    writer.varint(frame.tips.length)
    for (const tip of frame.tips)
      writer.hex(tip.tag).byte(CHAINS.indexOf(tip.chain)).varint(tip.seq).uint32(tip.fingerprint)
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

export type SyncEffect =
  | { type: 'send'; frame: Frame }
  /** Send the proofs against these devices and these events of the log (delivery indices), then call streamed(). */
  | { type: 'stream'; proofs: DeviceTag[]; ns: number[] }
  | { type: 'receive'; events: Uint8Array[] }
  | { type: 'addresses'; addresses: Uint8Array[] }
  | { type: 'forkSuspected'; tag: DeviceTag }
  | { type: 'peerClock'; wallClockMs: number; incarnation: Uint8Array }
  /** Both sides have sent all they had. */
  | { type: 'finish' }
  | { type: 'fail'; reason: 'refused' | 'bad-frame' | 'unexpected-frame' }

/** One session after the peer's proof has been checked: start() once, then receive() each frame, hello included. */
export class SyncSession {
  readonly #history: History
  readonly #addresses: Uint8Array[]
  readonly #sha256: Sha256
  #hello: Hello
  #comparison: Comparison | undefined
  #theirForks: ReadonlySet<DeviceTag> | undefined
  #helloReceived = false
  #clockReceived = false
  #endSent = false
  #endReceived = false

  constructor(history: History, sha256: Sha256, hello: Omit<Hello, 'digest'>, addresses: Uint8Array[]) {
    this.#history = history
    this.#sha256 = sha256
    this.#hello = { ...hello, digest: history.digest(sha256) }
    this.#addresses = addresses.slice(0, MAX_ADDRESSES)
  }

  start(): SyncEffect[] {
    return [{ type: 'send', frame: { type: 'hello', ...this.#hello } }]
  }

  receive(frame: Frame): SyncEffect[] {
    const expected = this.#helloReceived
      ? !this.#endReceived
      : frame.type === 'hello' || frame.type === 'refuse'
    if (!expected) return [{ type: 'fail', reason: 'unexpected-frame' }]
    switch (frame.type) {
      case 'refuse':
        return [{ type: 'fail', reason: 'refused' }]
      case 'hello':
        if (this.#helloReceived) return [{ type: 'fail', reason: 'unexpected-frame' }]
        this.#helloReceived = true
        return this.#afterHello(frame)
      case 'addresses':
        return [{ type: 'addresses', addresses: frame.addresses }]
      case 'forks':
        if (this.#theirForks || this.#clockReceived) return [{ type: 'fail', reason: 'unexpected-frame' }]
        this.#theirForks = new Set(frame.tags)
        return []
      case 'clock':
        if (this.#clockReceived || !this.#comparison) return [{ type: 'fail', reason: 'unexpected-frame' }]
        this.#clockReceived = true
        return this.#afterClock(frame.tips, this.#comparison)
      case 'events':
        return [{ type: 'receive', events: frame.events }]
      case 'end':
        this.#endReceived = true
        return this.#endSent ? [{ type: 'finish' }] : []
    }
  }

  /** Everything of the last stream effect has been sent. */
  streamed(): SyncEffect[] {
    this.#endSent = true
    const end: SyncEffect = { type: 'send', frame: { type: 'end' } }
    return this.#endReceived ? [end, { type: 'finish' }] : [end]
  }

  #afterHello(theirs: Hello): SyncEffect[] {
    const { wallClockMs, incarnation } = theirs
    const effects: SyncEffect[] = [
      { type: 'peerClock', wallClockMs, incarnation },
      { type: 'send', frame: { type: 'addresses', addresses: this.#addresses } },
    ]
    if (equalBytes(theirs.digest, this.#hello.digest)) return [...effects, ...this.streamed()]
    const hellos = [this.#hello, theirs].map((hello) => encodeFrame({ type: 'hello', ...hello }))
    const [first, second] = hellos.sort((a, b) => (toHex(a) < toHex(b) ? -1 : 1))
    const comparison = new Comparison(this.#history, this.#sha256(concat([first!, second!])))
    this.#comparison = comparison
    const tags = this.#history.forks.tags.slice(0, MAX_FORKS_LISTED)
    if (tags.length > 0) effects.push({ type: 'send', frame: { type: 'forks', tags } })
    return [...effects, { type: 'send', frame: { type: 'clock', tips: comparison.tips() } }]
  }

  #afterClock(tips: Tip[], comparison: Comparison): SyncEffect[] {
    const theirForks = this.#theirForks ?? new Set()
    const { c, m, suspects } = comparison.missing(tips, theirForks)
    const proofs = this.#history.forks.tags.filter((tag) => !theirForks.has(tag))
    return [
      ...suspects.map((tag) => ({ type: 'forkSuspected' as const, tag })),
      { type: 'stream', proofs, ns: [...c, ...m].map(({ n }) => n) },
    ]
  }
}

function readFrame(reader: Reader): Frame | undefined {
  switch (reader.byte()) {
    case TYPE.hello:
      return {
        type: 'hello',
        proof: reader.bytes(32),
        incarnation: reader.bytes(8),
        wallClockMs: reader.varint(),
        digest: reader.bytes(32),
      }
    case TYPE.refuse:
      return { type: 'refuse' }
    case TYPE.addresses:
      return { type: 'addresses', addresses: readBlocks(reader, MAX_ADDRESSES, MAX_ADDRESS_SIZE_BYTES) }
    case TYPE.forks:
      return readForks(reader)
    case TYPE.clock:
      return readClock(reader)
    case TYPE.events:
      return {
        type: 'events',
        events: readBlocks(reader, Number.MAX_SAFE_INTEGER, MAX_EVENT_SIZE_BYTES),
      }
    case TYPE.end:
      return { type: 'end' }
    default:
      return undefined
  }
}

function readForks(reader: Reader): Frame {
  const tags: DeviceTag[] = []
  for (let count = reader.varint(MAX_FORKS_LISTED); count > 0 && !reader.failed; count--)
    tags.push(reader.hex(8))
  return { type: 'forks', tags }
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
