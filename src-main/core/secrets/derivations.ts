/**
 * What follows from the secret of an epoch, and from nothing else. Each use has a label, so that no value stands for two
 * things, and group and epoch are part of each, so that a secret used elsewhere gives other values there.
 *
 *   derive(key, label, parts) = keyed BLAKE2b-256 (key; length of label 1 | label | parts)      parts that tell their sizes
 *
 *   secret ─┬─ topic        name under which a group gossips; says nothing about the group
 *           ├─ handshake    proves membership to who has it too, before a sync session
 *           └─ messages     root of the message keys of all devices (ratchet.ts)
 */
import type { GroupId } from '../../api/contract.ts'
import { ascii, concat, fromHex, toBase64Url, Writer } from '../bytes.ts'
import type { Primitives } from './primitives.ts'

/** 16 hex digits: the first 8 bytes of the id of the event that began the epoch. */
export type EpochId = string

export const SECRET_SIZE = 32
const TOPIC_SIZE = 16
const [TOPIC, HANDSHAKE, MESSAGES] = [
  label('tapri-topic-1'),
  label('tapri-handshake-1'),
  label('tapri-messages-1'),
] as const

export interface EpochKeys {
  /** 22 characters of base64url. */
  topic: string
  /** 32 bytes. */
  handshake: Uint8Array
  /** 32 bytes. */
  messages: Uint8Array
}

/** The epoch that a rotate event begins; the first one of a group is begun by its create event, whose id is the group's. */
export function epochOf(founder: string): EpochId {
  return founder.slice(0, 16)
}

export function epochKeys(
  secret: Uint8Array,
  group: GroupId,
  epoch: EpochId,
  { keyedHash }: Pick<Primitives, 'keyedHash'>,
): EpochKeys {
  if (secret.length !== SECRET_SIZE) throw new TypeError('the secret of an epoch is 32 bytes')
  const where = new Writer(40).hex(group).hex(epoch).finish()
  const by = (use: Uint8Array) => derive(secret, use, where, keyedHash)
  return {
    topic: toBase64Url(by(TOPIC).subarray(0, TOPIC_SIZE)),
    handshake: by(HANDSHAKE),
    messages: by(MESSAGES),
  }
}

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
 * 32 bytes that a secret is known by without being told: SHA-256("tapri-secret-1", group id, secret). Nobody can hand out
 * two secrets for one epoch, or a wrong one. group: undefined for the first secret, which is there before the group's id.
 */
export function commitmentTo(
  secret: Uint8Array,
  group: GroupId | undefined,
  { sha256 }: Pick<Primitives, 'sha256'>,
): Uint8Array {
  const groupBytes = group === undefined ? new Uint8Array(32) : fromHex(group)
  return sha256(new Writer(78).bytes(ascii('tapri-secret-1')).bytes(groupBytes).bytes(secret).finish())
}
