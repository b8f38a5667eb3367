/**
 * Event, version 1: the signed unit that is broadcast, in its canonical binary form.
 *
 *   version 1 | kind | flags | device tag 8 | seq | hlc 8 | deps | commit 16 | control heads? | epoch? 8
 *   | body length | signature 64 | body
 *
 * flags: 1 with control heads, 2 with an epoch, and 4 times the number of deps, most of which are few. deps: per dot, device
 * tag 8, seq. control heads: count (1 byte), then ids of 32.
 * Integers without a width are varints. id = SHA-256("ev1", group id, all fields up to body length, SHA-256(body)):
 * the signature is not part of the id, because an author can mint two valid signatures.
 *
 * 1. decode(encode(e)) = e, and any bytes that decode are the encoding of what they decode to.
 * 2. decode never throws and looks at no more than MAX_EVENT_SIZE_BYTES.
 */
import type { DeviceTag, EventId, GroupId } from '../api/contract.ts'
import { ascii, concat, fromHex, Reader, toHex, varintSize, Writer } from './bytes.ts'
import type { Hlc } from './hlc.ts'
import { MAX_BODY_SIZE_BYTES, MAX_CONTROL_HEADS, MAX_DEPS, MAX_EVENT_SIZE_BYTES } from './limits.ts'

export type Sha256 = (data: Uint8Array) => Uint8Array

/** Kinds of the message chain are below FIRST_CONTROL_KIND; kinds unknown to this version are carried and not shown. */
export const KIND = {
  message: 0x01,
  reaction: 0x03,
  notice: 0x05,
  profile: 0x06,
  settings: 0x07,
  report: 0x08,
  create: 0x40,
  join: 0x41,
  add: 0x42,
  invite: 0x43,
  revoke: 0x44,
  enter: 0x45,
  role: 0x46,
  remove: 0x47,
  rotate: 0x48,
  removeDevice: 0x49,
  successor: 0x4a,
  succeed: 0x4b,
} as const
const FIRST_CONTROL_KIND = 0x40
const NAMES = new Map<number, string>(Object.entries(KIND).map(([name, kind]) => [kind, name]))

/** m: messages and what belongs to them; c: membership. Each device has one gapless chain of each. */
export type Chain = 'm' | 'c'

/** Names one event of the message chain, unless its device forked. */
export interface Dot {
  tag: DeviceTag
  seq: number
}

export interface EventFields {
  kind: number
  tag: DeviceTag
  seq: number
  hlc: Hlc
  /** Tips of the message chain that the author had delivered and not yet covered; sorted by tag, never its own. */
  deps: readonly Dot[]
  /** commitTo() of what the dots stand for: two events cannot stand for one dot unnoticed. */
  commit: Uint8Array
  /** Present when the author's control frontier changed since its previous event of this chain. */
  controlHeads?: readonly EventId[] | undefined
  epoch?: Uint8Array | undefined
  body: Uint8Array
}

export interface Event extends EventFields {
  id: EventId
  signature: Uint8Array
  /** The whole encoding. */
  bytes: Uint8Array
}

/** An event's id, the signature over it, and the key that must have made it: 32, 64 and 32 bytes. */
export interface SignedId {
  id: Uint8Array
  signature: Uint8Array
  publicKey: Uint8Array
}

export type DecodeResult = { event: Event } | { reason: 'oversized' | 'unknown-version' | 'malformed' }

const VERSION = 1
const FLAG_CONTROL_HEADS = 1
const FLAG_EPOCH = 2
const FLAG_BITS = 2
const SIGNATURE_SIZE = 64
const ID_PREFIX = ascii('ev1')
const DEVICE_PREFIX = ascii('dev')
const NO_GROUP = new Uint8Array(32)
const NO_EVENT = new Uint8Array(32)
const NOTHING = new Uint8Array(0)

export function chainOf(kind: number): Chain {
  return kind >= FIRST_CONTROL_KIND ? 'c' : 'm'
}

/** Whether an event says something of a person or the group: a name, a setting. It counts until it is said otherwise. */
export function isParticular(kind: number): boolean {
  return kind === KIND.profile || kind === KIND.settings
}

/** Word for a kind, for traces and logs. */
export function kindName(kind: number): string {
  return NAMES.get(kind) ?? `kind-${kind}`
}

/** 16 hex digits that name a device everywhere: the first 8 bytes of SHA-256("dev", public key). */
export function deviceTag(publicKey: Uint8Array, sha256: Sha256): DeviceTag {
  return toHex(sha256(concat([DEVICE_PREFIX, publicKey])).subarray(0, 8))
}

/** First 16 bytes of SHA-256(previous id or 32 zeros, dep ids in the order of deps, control head ids). */
export function commitTo(
  previous: EventId | undefined,
  depIds: readonly EventId[],
  controlHeads: readonly EventId[] | undefined,
  sha256: Sha256,
): Uint8Array {
  const writer = new Writer(32 * (1 + depIds.length + (controlHeads?.length ?? 0)))
  if (previous === undefined) writer.bytes(NO_EVENT)
  else writer.hex(previous)
  for (const id of depIds) writer.hex(id)
  for (const id of controlHeads ?? []) writer.hex(id)
  return sha256(writer.finish()).slice(0, 16)
}

/** Builds and signs an event; for a create event the group does not matter. sign gets the 32-byte id. TypeError when a field is out of its limits. */
export function encodeEvent(
  fields: EventFields,
  group: GroupId,
  sha256: Sha256,
  sign: (id: Uint8Array) => Uint8Array,
): Event {
  const header = encodeHeader(fields)
  const id = eventId(header, fields.body, group, sha256)
  const signature = sign(id)
  const bytes = concat([header, signature, fields.body])
  if (bytes.length > MAX_EVENT_SIZE_BYTES) throw new TypeError('event is oversized')
  return { ...fields, id: toHex(id), signature, bytes }
}

/** What an event that once decoded is, and whose, without reading the rest. */
export function kindAndAuthor(bytes: Uint8Array): { kind: number; tag: DeviceTag } {
  return { kind: bytes[1] ?? 0, tag: toHex(bytes.subarray(3, 11)) }
}

/** An event that was signed before, from its fields; undefined when one is out of its limits. Body and signature are copied. */
export function reencodeEvent(
  fields: EventFields,
  signature: Uint8Array,
  group: GroupId,
  sha256: Sha256,
): Event | undefined {
  if (!isWellFormed(fields)) return undefined
  const header = encodeHeader(fields)
  const bytes = concat([header, signature, fields.body])
  const bodyAt = header.length + SIGNATURE_SIZE
  return {
    ...fields,
    body: bytes.subarray(bodyAt),
    id: toHex(eventId(header, fields.body, group, sha256)),
    signature: bytes.subarray(header.length, bodyAt),
    bytes,
  }
}

/** Parses an event of a group. Says nothing about its signature or its past. */
export function decodeEvent(bytes: Uint8Array, group: GroupId, sha256: Sha256): DecodeResult {
  if (bytes.length > MAX_EVENT_SIZE_BYTES) return { reason: 'oversized' }
  const reader = new Reader(bytes)
  if (reader.byte() !== VERSION) return { reason: bytes.length === 0 ? 'malformed' : 'unknown-version' }
  const kind = reader.byte()
  const flags = reader.byte()
  const tag = reader.hex(8)
  const seq = reader.varint()
  const hlc = reader.uint64()
  const deps = readDeps(reader, flags >> FLAG_BITS)
  const commit = reader.bytes(16)
  const controlHeads = flags & FLAG_CONTROL_HEADS ? readControlHeads(reader) : undefined
  const epoch = flags & FLAG_EPOCH ? reader.bytes(8) : undefined
  const bodyLength = reader.varint(MAX_BODY_SIZE_BYTES)
  const headerLength = reader.offset
  const signature = reader.bytes(SIGNATURE_SIZE)
  const body = reader.bytes(bodyLength)
  const fields: EventFields = { kind, tag, seq, hlc, deps, commit, controlHeads, epoch, body }
  if (!reader.isDone() || !isWellFormed(fields)) return { reason: 'malformed' }
  const id = eventId(bytes.subarray(0, headerLength), body, group, sha256)
  return { event: { ...fields, id: toHex(id), signature, bytes } }
}

/** Bytes of an event that exist only for the order: seq, deps, commitment and control heads. */
export function orderingBytes(event: EventFields): number {
  const deps = event.deps.reduce((size, dot) => size + 8 + varintSize(dot.seq), 0)
  const heads = event.controlHeads === undefined ? 0 : 1 + 32 * event.controlHeads.length
  return varintSize(event.seq) + deps + event.commit.length + heads
}

/** A group's first event is hashed without a group: its id then is the group's id. */
function eventId(header: Uint8Array, body: Uint8Array, group: GroupId, sha256: Sha256): Uint8Array {
  const isCreate = header[1] === KIND.create
  return sha256(concat([ID_PREFIX, isCreate ? NO_GROUP : fromHex(group), header, sha256(body)]))
}

function encodeHeader(fields: EventFields): Uint8Array {
  return writeContext(fields).varint(fields.body.length).finish()
}

/**
 * What an encrypted body is bound to: the header up to the body's length, which the ciphertext decides. TypeError when a
 * field is out of its limits.
 */
export function encodeContext(fields: Omit<EventFields, 'body'>): Uint8Array {
  return writeContext({ ...fields, body: NOTHING }).finish()
}

/** The same, cut out of an event that is encoded already. */
export function contextIn({ bytes, body }: Pick<Event, 'bytes' | 'body'>): Uint8Array {
  return bytes.subarray(0, bytes.length - body.length - SIGNATURE_SIZE - varintSize(body.length))
}

function writeContext(fields: EventFields): Writer {
  if (!isWellFormed(fields)) throw new TypeError('event has a field out of its limits')
  const { kind, tag, seq, hlc, deps, commit, controlHeads, epoch } = fields
  const flags =
    (deps.length << FLAG_BITS) | (epoch ? FLAG_EPOCH : 0) | (controlHeads ? FLAG_CONTROL_HEADS : 0)
  const writer = new Writer().byte(VERSION).byte(kind).byte(flags).hex(tag).varint(seq).uint64(hlc)
  for (const dot of deps) writer.hex(dot.tag).varint(dot.seq)
  writer.bytes(commit)
  if (controlHeads) {
    writer.byte(controlHeads.length)
    for (const id of controlHeads) writer.hex(id)
  }
  if (epoch) writer.bytes(epoch)
  return writer
}

/** What both directions demand beyond the layout: limits, order and uniqueness. */
function isWellFormed({ kind, tag, seq, deps, commit, controlHeads, epoch, body }: EventFields): boolean {
  const isControl = chainOf(kind) === 'c'
  return (
    kind > 0 &&
    kind <= 0xff &&
    seq >= 1 &&
    deps.length <= (isControl ? 0 : MAX_DEPS) &&
    deps.every((dot, i) => dot.seq >= 1 && dot.tag !== tag && (i === 0 || deps[i - 1]!.tag < dot.tag)) &&
    commit.length === 16 &&
    (controlHeads === undefined || (controlHeads.length >= 1 && controlHeads.length <= MAX_CONTROL_HEADS)) &&
    (controlHeads ?? []).every((id, i) => i === 0 || controlHeads![i - 1]! < id) &&
    (epoch === undefined || epoch.length === 8) &&
    body.length <= MAX_BODY_SIZE_BYTES
  )
}

function readDeps(reader: Reader, count: number): Dot[] {
  const deps: Dot[] = []
  for (; count > 0 && !reader.failed; count--) deps.push({ tag: reader.hex(8), seq: reader.varint() })
  return deps
}

function readControlHeads(reader: Reader): EventId[] {
  const heads: EventId[] = []
  for (let count = reader.byte(); count > 0 && !reader.failed; count--) heads.push(reader.hex(32))
  return heads
}
