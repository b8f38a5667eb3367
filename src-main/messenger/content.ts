/**
 * What the body of a message-chain event says, as CBOR. The core carries bodies unread; this is the only place that
 * knows their inside, once they are opened (messenger/bodies.ts). They come from peers: they are parsed with limits, and
 * what does not parse is shown as such.
 */
import { decode, encode } from 'cborg'
import * as v from 'valibot'
import type { EventId, HistoryPolicy, Locked } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import { fromHex, toHex } from '../core/bytes.ts'
import { KIND } from '../core/event.ts'
import { MAX_BODY_SIZE_BYTES } from '../core/limits.ts'

export const MAX_TEXT_SIZE_BYTES = 40_000
export const MAX_EMOJI_SIZE_BYTES = 32
export const MAX_NAME_LENGTH = 64
export const MAX_DESCRIPTION_LENGTH = 1_000
export const MAX_REASON_LENGTH = 500
export const MAX_PICTURE_SIZE_BYTES = 24 * 1024

const MIN_DISAPPEAR_MS = 60 * 60 * 1000
const MAX_DISAPPEAR_MS = 366 * 24 * MIN_DISAPPEAR_MS

export interface MessageContent {
  text: string
  replyTo?: EventId | undefined
  /** Bridged: who wrote it on the other side. */
  author?: string | undefined
  /** Bridged from a log: 0-based line. */
  line?: number | undefined
}

export interface ReactionContent {
  target: EventId
  emoji: string
  on: boolean
}

/** What a person says of itself; only what changed. An empty picture takes it away. */
export interface ProfileContent {
  name?: string | undefined
  picture?: Uint8Array | undefined
}

/** What an admin says of the group; only what changed. */
export interface SettingsContent {
  name?: string | undefined
  description?: string | undefined
  picture?: Uint8Array | undefined
  history?: HistoryPolicy | undefined
  /** 0: never. */
  disappearAfterMs?: number | undefined
}

export interface ReportContent {
  target: EventId
  reason: string
}

/** What an event says, as far as this device can read it: see messenger/bodies.ts. */
export interface Content {
  kind: number
  /** Empty while it is locked. */
  plaintext: Uint8Array
  locked?: Locked | undefined
}

/** Whether it can be read once its key is here, which may still come. */
export function awaitsKey({ locked }: Content): boolean {
  return locked === 'no-key' || locked === 'before-joining'
}

const Id = v.pipe(
  v.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === 32),
  v.transform(toHex),
)
const Message = v.strictObject({
  text: v.pipe(v.string(), v.maxLength(MAX_TEXT_SIZE_BYTES)),
  replyTo: v.optional(Id),
  author: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_NAME_LENGTH))),
  line: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
})
const Reaction = v.strictObject({
  target: Id,
  emoji: v.pipe(v.string(), v.minLength(1), v.maxBytes(MAX_EMOJI_SIZE_BYTES)),
  on: v.boolean(),
})
const Name = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_NAME_LENGTH))
const PictureBytes = v.custom<Uint8Array>(
  (value) =>
    value instanceof Uint8Array &&
    (value.length === 0 || (value.length <= MAX_PICTURE_SIZE_BYTES && pictureType(value) !== undefined)),
)
const Profile = v.strictObject({ name: v.optional(Name), picture: v.optional(PictureBytes) })
/** 0 for never. */
export const DisappearAfterMs = v.union([
  v.literal(0),
  v.pipe(v.number(), v.safeInteger(), v.minValue(MIN_DISAPPEAR_MS), v.maxValue(MAX_DISAPPEAR_MS)),
])
const Settings = v.strictObject({
  name: v.optional(Name),
  description: v.optional(v.pipe(v.string(), v.maxLength(MAX_DESCRIPTION_LENGTH))),
  picture: v.optional(PictureBytes),
  history: v.optional(v.picklist(['all', 'from-joining'])),
  disappearAfterMs: v.optional(DisappearAfterMs),
})
const Report = v.strictObject({
  target: Id,
  reason: v.pipe(v.string(), v.maxLength(MAX_REASON_LENGTH)),
})

/** Body of a message or notice. Fails with AppError MESSAGE_TOO_LONG. */
export function encodeMessage({ text, replyTo, author, line }: MessageContent): Uint8Array {
  const body = encode({
    text,
    ...(replyTo === undefined ? {} : { replyTo: fromHex(replyTo) }),
    ...(author === undefined ? {} : { author }),
    ...(line === undefined ? {} : { line }),
  })
  if (Buffer.byteLength(text) > MAX_TEXT_SIZE_BYTES || body.length > MAX_BODY_SIZE_BYTES)
    throw new AppError('MESSAGE_TOO_LONG', `A message can be ${MAX_TEXT_SIZE_BYTES} bytes long at most.`)
  return body
}

export function encodeReaction({ target, emoji, on }: ReactionContent): Uint8Array {
  return encode({ target: fromHex(target), emoji, on })
}

/** TypeError when something is out of its limits: whoever calls has checked that. */
export function encodeProfile(profile: ProfileContent): Uint8Array {
  return encode(v.parse(Profile, present(profile)))
}

export function encodeSettings(settings: SettingsContent): Uint8Array {
  return encode(v.parse(Settings, present(settings)))
}

export function encodeReport({ target, reason }: ReportContent): Uint8Array {
  return encode({ target: fromHex(target), reason })
}

/** undefined when the body is of another kind or version, or not well-formed. */
export function decodeMessage(event: Content): MessageContent | undefined {
  return event.kind === KIND.message || event.kind === KIND.notice
    ? (parsed(Message, event) as MessageContent | undefined)
    : undefined
}

export function decodeReaction(event: Content): ReactionContent | undefined {
  return event.kind === KIND.reaction ? (parsed(Reaction, event) as ReactionContent | undefined) : undefined
}

export function decodeProfile(event: Content): ProfileContent | undefined {
  return event.kind === KIND.profile ? (parsed(Profile, event) as ProfileContent | undefined) : undefined
}

export function decodeSettings(event: Content): SettingsContent | undefined {
  return event.kind === KIND.settings ? (parsed(Settings, event) as SettingsContent | undefined) : undefined
}

export function decodeReport(event: Content): ReportContent | undefined {
  return event.kind === KIND.report ? (parsed(Report, event) as ReportContent | undefined) : undefined
}

/** A name as a peer wrote it, safe to show: one line, bounded. */
export function readableName(name: string): string {
  const text = name.replace(/\p{C}+/gu, ' ').trim()
  return text.slice(0, MAX_NAME_LENGTH) || '?'
}

/** The type of a picture, by its first bytes; undefined when it is none that a window shows. */
export function pictureType(bytes: Uint8Array): 'image/png' | 'image/jpeg' | 'image/webp' | undefined {
  const begins = (at: number, ...expected: number[]) => expected.every((byte, i) => bytes[at + i] === byte)
  if (begins(0, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return 'image/png'
  if (begins(0, 0xff, 0xd8, 0xff)) return 'image/jpeg'
  if (begins(0, 0x52, 0x49, 0x46, 0x46) && begins(8, 0x57, 0x45, 0x42, 0x50)) return 'image/webp'
  return undefined
}

/** Without what is undefined, which CBOR would write down. */
function present<T extends object>(content: T): Partial<T> {
  return Object.fromEntries(Object.entries(content).filter(([, value]) => value !== undefined)) as Partial<T>
}

/** Several places ask the same event what it says. */
const known = new WeakMap<Content, unknown>()

function parsed(schema: v.GenericSchema, event: Content): unknown {
  if (!known.has(event)) known.set(event, parse(schema, event.plaintext))
  return known.get(event)
}

function parse(schema: v.GenericSchema, plaintext: Uint8Array): unknown {
  let value: unknown
  try {
    value = decode(plaintext, { strict: true, allowIndefinite: false, rejectDuplicateMapKeys: true })
  } catch {
    return undefined
  }
  const result = v.safeParse(schema, value)
  return result.success ? result.output : undefined
}
