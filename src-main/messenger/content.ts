/**
 * What the body of a message-chain event says, as CBOR. The core carries bodies unread; this is the only place that
 * knows their inside. Bodies come from peers: they are parsed with limits, and what does not parse is shown as such.
 */
import { decode, encode } from 'cborg'
import * as v from 'valibot'
import type { EventId } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import { fromHex, toHex } from '../core/bytes.ts'
import { KIND } from '../core/event.ts'
import { MAX_BODY_SIZE_BYTES } from '../core/limits.ts'

export const MAX_TEXT_SIZE_BYTES = 40_000
export const MAX_EMOJI_SIZE_BYTES = 32
export const MAX_NAME_LENGTH = 64

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

/** An event, as far as its content goes. */
interface Body {
  kind: number
  body: Uint8Array
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

/** undefined when the body is of another kind or version, or not well-formed. */
export function decodeMessage(event: Body): MessageContent | undefined {
  return event.kind === KIND.message || event.kind === KIND.notice
    ? (parsed(Message, event) as MessageContent | undefined)
    : undefined
}

export function decodeReaction(event: Body): ReactionContent | undefined {
  return event.kind === KIND.reaction ? (parsed(Reaction, event) as ReactionContent | undefined) : undefined
}

/** A name as a peer wrote it, safe to show: valid text, one line, bounded. */
export function readableName(bytes: Uint8Array): string {
  const text = new TextDecoder()
    .decode(bytes)
    .replace(/\p{C}+/gu, ' ')
    .trim()
  return text.slice(0, MAX_NAME_LENGTH) || '?'
}

/** Several places ask the same event what it says. */
const known = new WeakMap<Body, unknown>()

function parsed(schema: v.GenericSchema, event: Body): unknown {
  if (!known.has(event)) known.set(event, parse(schema, event.body))
  return known.get(event)
}

function parse(schema: v.GenericSchema, body: Uint8Array): unknown {
  let value: unknown
  try {
    value = decode(body, { strict: true, allowIndefinite: false, rejectDuplicateMapKeys: true })
  } catch {
    return undefined
  }
  const result = v.safeParse(schema, value)
  return result.success ? result.output : undefined
}
