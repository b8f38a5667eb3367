/**
 * Catching up with one peer over one stream, as a state machine: frames in, effects out. Both sides run the same code.
 *
 *     HELLO  proof, store incarnation, wall clock, digest          one round trip when the digests are equal
 *     CLOCK  per device: how far, and the first 4 bytes of the tip's id
 *     EVENTS what the other side lacks, control events first, each part in the sender's delivery order
 *     END
 *
 * 1. EVENTS come in a linear extension of happens-before, so the receiver buffers nothing.
 * 2. A broken session loses nothing: the next one starts from the new clock.
 * 3. An equal place in a chain with a different fingerprint exposes a fork.
 */
import type { DeviceTag } from '../api/contract.ts'
import { Reader, toHex, Writer, equalBytes, fromHex } from './bytes.ts'
import type { Chain, Sha256 } from './event.ts'
import type { Entry, History } from './history.ts'
import { MAX_ADDRESS_SIZE_BYTES, MAX_ADDRESSES, MAX_CLOCK_ENTRIES, MAX_EVENT_SIZE_BYTES } from './limits.ts'

export interface Hello {
  /** Shows that the sender holds the group's secret; who checks it is up to the caller. 32 bytes. */
  proof: Uint8Array
  /** Random name of the sender's store, 8 bytes: another one on the same device means that it was lost or restored. */
  incarnation: Uint8Array
  wallClockMs: number
  digest: Uint8Array
}

/** One place of a clock frame: how far a chain goes, and a fingerprint of its tip. */
export interface Tip {
  tag: DeviceTag
  chain: Chain
  seq: number
  fingerprint: Uint8Array
}

export type Frame =
  | ({ type: 'hello' } & Hello)
  | { type: 'refuse' }
  | { type: 'addresses'; addresses: Uint8Array[] }
  | { type: 'clock'; tips: Tip[] }
  | { type: 'events'; events: Uint8Array[] }
  | { type: 'end' }

const TYPE = { hello: 1, refuse: 2, addresses: 3, clock: 4, events: 5, end: 6 } as const
const FINGERPRINT_SIZE = 4
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
  else if (frame.type === 'clock') {
    writer.varint(frame.tips.length)
    for (const tip of frame.tips)
      writer.hex(tip.tag).byte(CHAINS.indexOf(tip.chain)).varint(tip.seq).bytes(tip.fingerprint)
  }
  return writer.finish()
}

/** undefined for anything but one whole frame within its limits. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  const reader = new Reader(bytes)
  const frame = readFrame(reader)
  return reader.isDone() ? frame : undefined
}

/** A gossip message: events that left together. */
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
  /** Send these events of the log (delivery indices), then call streamed(). */
  | { type: 'stream'; ns: number[] }
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
  #hello: Hello
  #helloReceived = false
  #clockReceived = false
  #endSent = false
  #endReceived = false

  constructor(history: History, sha256: Sha256, hello: Omit<Hello, 'digest'>, addresses: Uint8Array[]) {
    this.#history = history
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
      case 'clock':
        if (this.#clockReceived) return [{ type: 'fail', reason: 'unexpected-frame' }]
        this.#clockReceived = true
        return this.#afterClock(frame.tips)
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

  #afterHello({ digest, wallClockMs, incarnation }: Hello): SyncEffect[] {
    const effects: SyncEffect[] = [
      { type: 'peerClock', wallClockMs, incarnation },
      { type: 'send', frame: { type: 'addresses', addresses: this.#addresses } },
    ]
    if (equalBytes(digest, this.#hello.digest)) return [...effects, ...this.streamed()]
    return [...effects, { type: 'send', frame: { type: 'clock', tips: this.#tips() } }]
  }

  #afterClock(tips: Tip[]): SyncEffect[] {
    const theirs = new Map(tips.map((tip) => [tip.chain + tip.tag, tip]))
    const effects: SyncEffect[] = []
    const missing: Record<Chain, Entry[]> = { c: [], m: [] }
    for (const { tag } of this.#history.progress())
      for (const chain of CHAINS) {
        const entries = this.#history.chain(tag, chain)
        const tip = theirs.get(chain + tag)
        const shared = tip && entries[Math.min(tip.seq, entries.length) - 1]
        if (tip && shared && tip.seq === shared.seq && !equalBytes(fingerprint(shared), tip.fingerprint))
          effects.push({ type: 'forkSuspected', tag })
        missing[chain].push(...entries.slice(tip?.seq ?? 0))
      }
    const inOrder = (entries: Entry[]) => entries.sort((a, b) => a.n - b.n).map((entry) => entry.n)
    return [...effects, { type: 'stream', ns: [...inOrder(missing.c), ...inOrder(missing.m)] }]
  }

  #tips(): Tip[] {
    const tips: Tip[] = []
    for (const { tag } of this.#history.progress())
      for (const chain of CHAINS) {
        const tip = this.#history.chain(tag, chain).at(-1)
        if (tip) tips.push({ tag, chain, seq: tip.seq, fingerprint: fingerprint(tip) })
      }
    return tips
  }
}

function fingerprint(entry: Entry): Uint8Array {
  return fromHex(entry.id.slice(0, 2 * FINGERPRINT_SIZE))
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

function readClock(reader: Reader): Frame | undefined {
  const tips: Tip[] = []
  for (let count = reader.varint(2 * MAX_CLOCK_ENTRIES); count > 0 && !reader.failed; count--) {
    const tag = toHex(reader.bytes(8))
    const chain = CHAINS[reader.byte()]
    const seq = reader.varint()
    if (!chain || seq === 0) return undefined
    tips.push({ tag, chain, seq, fingerprint: reader.bytes(FINGERPRINT_SIZE) })
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
