/**
 * What follows from the secret of an epoch, and from nothing else. Each use has a label, so that no value stands for two
 * things, and group and epoch are part of each, so that a secret used elsewhere gives other values there.
 *
 *   derive(key, label, parts) = keyed BLAKE2b-256 (key; length of label 1 | label | parts)      parts that tell their sizes
 *
 *   secret ─┬─ topic        name under which a group gossips; says nothing about the group
 *           ├─ messages     root of the keys of what people write (ratchet.ts)
 *           └─ lasting ──── particulars     root of the keys of names and settings
 *
 * The secret comes in two parts, because names outlive conversations: whoever may not read what was written before they came,
 * or has given up what disappears, still has to know what people and the group are called. They have the lasting key, and a
 * fingerprint in place of the secret; the commitment to an epoch covers both, so either can be checked against it.
 */
import type { GroupId } from '../../api/contract.ts'
import { ascii, concat, fromHex, toBase64Url, Writer } from '../bytes.ts'
import type { Primitives } from './primitives.ts'

/** 16 hex digits: the first 8 bytes of the id of the event that began the epoch. */
export type EpochId = string

export const SECRET_SIZE = 32
const TOPIC_SIZE = 16
const [TOPIC, MESSAGES, LASTING, PARTICULARS, FINGERPRINT] = [
  label('tapri-topic-1'),
  label('tapri-messages-1'),
  label('tapri-lasting-1'),
  label('tapri-particulars-1'),
  label('tapri-fingerprint-1'),
] as const
const NOTHING = new Uint8Array(0)

/** What lasts of an epoch's secret; 32 bytes each. */
export interface LastingPart {
  lasting: Uint8Array
  fingerprint: Uint8Array
}

/** What this device has of an epoch's secret; all of it, or what lasts. */
export interface EpochSecret extends LastingPart {
  /** 32 bytes. */
  secret?: Uint8Array | undefined
}

type Hashing = Pick<Primitives, 'keyedHash'>

/** The epoch that a rotate event begins; the first one of a group is begun by its create event, whose id is the group's. */
export function epochOf(founder: string): EpochId {
  return founder.slice(0, 16)
}

/** A whole secret with what follows from it. TypeError unless it is 32 bytes. */
export function epochSecret(
  secret: Uint8Array,
  { keyedHash }: Hashing,
): EpochSecret & { secret: Uint8Array } {
  if (secret.length !== SECRET_SIZE) throw new TypeError('the secret of an epoch is 32 bytes')
  return {
    secret,
    lasting: derive(secret, LASTING, NOTHING, keyedHash),
    fingerprint: derive(secret, FINGERPRINT, NOTHING, keyedHash),
  }
}

/** The name under which a group gossips in an epoch: 22 characters of base64url. */
export function topicOf(secret: Uint8Array, group: GroupId, epoch: EpochId, { keyedHash }: Hashing): string {
  return toBase64Url(derive(secret, TOPIC, placeOf(group, epoch), keyedHash).subarray(0, TOPIC_SIZE))
}

/** 32 bytes that the keys of everything follow from that people write in an epoch. */
export function messagesRoot(
  secret: Uint8Array,
  group: GroupId,
  epoch: EpochId,
  { keyedHash }: Hashing,
): Uint8Array {
  return derive(secret, MESSAGES, placeOf(group, epoch), keyedHash)
}

/** Likewise, of names and settings. */
export function particularsRoot(
  lasting: Uint8Array,
  group: GroupId,
  epoch: EpochId,
  { keyedHash }: Hashing,
): Uint8Array {
  return derive(lasting, PARTICULARS, placeOf(group, epoch), keyedHash)
}

const placeOf = (group: GroupId, epoch: EpochId) => new Writer(40).hex(group).hex(epoch).finish()

/** What stands before the parts; made once per use. */
export function label(text: string): Uint8Array {
  return new Writer(1 + text.length).block(ascii(text)).finish()
}

/** 32 bytes. parts: of a size that follows from the label, or of one that they tell themselves. */
export function derive(
  key: Uint8Array,
  use: Uint8Array,
  parts: Uint8Array,
  keyedHash: Primitives['keyedHash'],
): Uint8Array {
  return keyedHash(key, concat([use, parts]))
}

/**
 * 32 bytes that a secret is known by without being told: SHA-256("tapri-secret-2", group id, fingerprint, lasting key).
 * Nobody can hand out two secrets for one epoch, or a wrong one. group: undefined for the first secret, which is there
 * before the group's id.
 */
export function commitmentTo(
  { fingerprint, lasting }: LastingPart,
  group: GroupId | undefined,
  { sha256 }: Pick<Primitives, 'sha256'>,
): Uint8Array {
  const groupBytes = group === undefined ? new Uint8Array(32) : fromHex(group)
  const writer = new Writer(110).bytes(ascii('tapri-secret-2')).bytes(groupBytes)
  return sha256(writer.bytes(fingerprint).bytes(lasting).finish())
}
