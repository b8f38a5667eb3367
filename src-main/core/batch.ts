/**
 * A batch: events that leave together, in a form in which they share what they can. In front of what cannot be shared
 * (signature and body) an event of a burst has 6 bytes instead of 38.
 *
 *   event, event, … to the end; each:
 *   head 1 | kind 1 | device | seq? | hlc | deps? | commit? 16 | control heads? | epoch? 8 | body length | signature 64 | body
 *
 * head: bits below. device: a number of the table of the devices named so far, authors and those in deps; the next free
 * number stands in front of a tag of 8 bytes, which is put into the table. hlc: milliseconds after the event before it
 * (zigzag: 0, -1, 1, -2…), then the counter. deps: count, then device and seq each. Numbers are varints.
 *
 * 1. decode(encode(events)) are the same events, byte for byte: their ids and signatures are not touched.
 * 2. Bytes that decode are the encoding of what they decode to: everything is implied that can be, and nothing twice.
 * 3. No batch unfolds to more than EVENTS_FRAME_SIZE_BYTES, nor to more than 3 times its own size.
 */
import type { DeviceTag, EventId, GroupId } from '../api/contract.ts'
import { equalBytes, Reader, Writer } from './bytes.ts'
import {
  chainOf,
  commitTo,
  reencodeEvent,
  type Dot,
  type Event,
  type EventFields,
  type Sha256,
} from './event.ts'
import { hlcAt, hlcTimeMs, type Hlc } from './hlc.ts'
import { EVENTS_FRAME_SIZE_BYTES, MAX_BODY_SIZE_BYTES, MAX_CONTROL_HEADS, MAX_DEPS } from './limits.ts'

const HAS_CONTROL_HEADS = 1
const HAS_EPOCH = 2
const HAS_DEPS = 4
/** seq is one more than that of the last event of this device and chain in the batch. */
const IS_NEXT = 8
/** All that the event commits to is in the batch, or named by its id. */
const COMMIT_IMPLIED = 16
const ALL_BITS = 31
const MAX_COUNTER = 0xffff

/** sha256 is the one that the events' ids were made with. TypeError when they are none, or too large together. */
export function encodeBatch(events: readonly Event[], sha256: Sha256): Uint8Array {
  const size = events.reduce((sum, { bytes }) => sum + bytes.length, 0)
  if (size === 0 || size > EVENTS_FRAME_SIZE_BYTES) throw new TypeError('batch is empty or oversized')
  const writer = new Writer(size)
  const shared = new Shared(sha256)
  for (const event of events) writeEvent(writer, event, shared)
  return writer.finish()
}

/**
 * The events, as decodeEvent() reads them from their bytes; undefined for anything but one whole batch. Says nothing
 * about signatures or pasts. They keep nothing of the batch in memory.
 */
export function decodeBatch(batch: Uint8Array, group: GroupId, sha256: Sha256): Event[] | undefined {
  const reader = new Reader(batch)
  const shared = new Shared(sha256)
  const events: Event[] = []
  let size = 0
  while (reader.remaining > 0) {
    const event = readEvent(reader, shared, group, sha256)
    if (!event || (size += event.bytes.length) > EVENTS_FRAME_SIZE_BYTES) return undefined
    events.push(event)
  }
  return reader.isDone() && events.length > 0 ? events : undefined
}

/** What both sides know from the events before. */
class Shared {
  timeMs = 0
  readonly #sha256: Sha256
  readonly #numbers = new Map<DeviceTag, number>()
  readonly #tags: DeviceTag[] = []
  /** By place; the last one, where a device forked. */
  readonly #ids = new Map<string, EventId>()
  readonly #lastSeq = new Map<string, number>()

  constructor(sha256: Sha256) {
    this.#sha256 = sha256
  }

  writeTag(writer: Writer, tag: DeviceTag): void {
    const number = this.#numbers.get(tag)
    writer.varint(number ?? this.#tags.length)
    if (number !== undefined) return
    writer.hex(tag)
    this.#name(tag)
  }

  readTag(reader: Reader): DeviceTag {
    const number = reader.varint(this.#tags.length)
    const known = this.#tags[number]
    if (known !== undefined) return known
    const tag = reader.hex(8)
    if (this.#numbers.has(tag)) reader.failed = true
    this.#name(tag)
    return tag
  }

  /** The seq after the last one of this device and chain. */
  nextSeq({ tag, kind }: { tag: DeviceTag; kind: number }): number | undefined {
    const last = this.#lastSeq.get(chainOf(kind) + tag)
    return last === undefined || last === Number.MAX_SAFE_INTEGER ? undefined : last + 1
  }

  /** The commitment of an event, when the batch tells it. */
  commitOf({ tag, kind, seq, deps, controlHeads }: Omit<EventFields, 'commit'>): Uint8Array | undefined {
    const places = deps.map((dot) => `m${dot.tag}${dot.seq}`)
    if (seq > 1) places.unshift(`${chainOf(kind)}${tag}${seq - 1}`)
    const ids = places.map((place) => this.#ids.get(place)).filter((id) => id !== undefined)
    if (ids.length < places.length) return undefined
    const previous = seq > 1 ? ids.shift() : undefined
    return commitTo(previous, ids, controlHeads, this.#sha256)
  }

  note({ id, tag, kind, seq, hlc }: Event): void {
    const chain = chainOf(kind)
    this.#ids.set(`${chain}${tag}${seq}`, id)
    this.#lastSeq.set(chain + tag, seq)
    this.timeMs = hlcTimeMs(hlc)
  }

  #name(tag: DeviceTag): void {
    this.#numbers.set(tag, this.#tags.length)
    this.#tags.push(tag)
  }
}

function writeEvent(writer: Writer, event: Event, shared: Shared): void {
  const { kind, tag, seq, hlc, deps, commit, controlHeads, epoch, body, signature } = event
  const isNext = shared.nextSeq(event) === seq
  const implied = shared.commitOf(event)
  const isImplied = implied !== undefined && equalBytes(implied, commit)
  writer.byte(
    (controlHeads ? HAS_CONTROL_HEADS : 0) |
      (epoch ? HAS_EPOCH : 0) |
      (deps.length > 0 ? HAS_DEPS : 0) |
      (isNext ? IS_NEXT : 0) |
      (isImplied ? COMMIT_IMPLIED : 0),
  )
  writer.byte(kind)
  shared.writeTag(writer, tag)
  if (!isNext) writer.varint(seq)
  const afterMs = hlcTimeMs(hlc) - shared.timeMs
  writer.varint(afterMs < 0 ? -2 * afterMs - 1 : 2 * afterMs).varint(Number(hlc & BigInt(MAX_COUNTER)))
  if (deps.length > 0) {
    writer.varint(deps.length)
    for (const dot of deps) {
      shared.writeTag(writer, dot.tag)
      writer.varint(dot.seq)
    }
  }
  if (!isImplied) writer.bytes(commit)
  if (controlHeads) {
    writer.varint(controlHeads.length)
    for (const id of controlHeads) writer.hex(id)
  }
  if (epoch) writer.bytes(epoch)
  writer.varint(body.length).bytes(signature).bytes(body)
  shared.note(event)
}

function readEvent(reader: Reader, shared: Shared, group: GroupId, sha256: Sha256): Event | undefined {
  const head = reader.byte()
  const kind = reader.byte()
  const tag = shared.readTag(reader)
  const nextSeq = shared.nextSeq({ tag, kind })
  const isNext = (head & IS_NEXT) !== 0
  const seq = isNext ? (nextSeq ?? 0) : reader.varint()
  const hlc = readHlc(reader, shared.timeMs)
  const deps = head & HAS_DEPS ? readDeps(reader, shared) : []
  const isImplied = (head & COMMIT_IMPLIED) !== 0
  const written = isImplied ? undefined : reader.bytes(16).slice()
  const controlHeads = head & HAS_CONTROL_HEADS ? readControlHeads(reader) : undefined
  const epoch = head & HAS_EPOCH ? reader.bytes(8).slice() : undefined
  const bodyLength = reader.varint(MAX_BODY_SIZE_BYTES)
  const signature = reader.bytes(64)
  const body = reader.bytes(bodyLength)
  if (reader.failed || head > ALL_BITS || hlc === undefined || (!isNext && seq === nextSeq)) return undefined
  if (head & HAS_DEPS && deps.length === 0) return undefined
  const place = { kind, tag, seq, hlc, deps, controlHeads, epoch, body }
  const implied = shared.commitOf(place)
  const commit = written ?? implied
  if (!commit || (written && implied && equalBytes(written, implied))) return undefined
  const event = reencodeEvent({ ...place, commit }, signature, group, sha256)
  if (event) shared.note(event)
  return event
}

function readHlc(reader: Reader, timeMs: number): Hlc | undefined {
  const zigzag = reader.varint()
  const nowMs = timeMs + (zigzag % 2 === 1 ? -(zigzag + 1) / 2 : zigzag / 2)
  const counter = reader.varint(MAX_COUNTER)
  return nowMs >= 0 && nowMs < 2 ** 48 ? hlcAt(nowMs) | BigInt(counter) : undefined
}

function readDeps(reader: Reader, shared: Shared): Dot[] {
  const deps: Dot[] = []
  for (let count = reader.varint(MAX_DEPS); count > 0 && !reader.failed; count--)
    deps.push({ tag: shared.readTag(reader), seq: reader.varint() })
  return deps
}

function readControlHeads(reader: Reader): EventId[] {
  const heads: EventId[] = []
  for (let count = reader.varint(MAX_CONTROL_HEADS); count > 0 && !reader.failed; count--)
    heads.push(reader.hex(32))
  return heads
}
