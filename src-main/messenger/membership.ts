/**
 * What this device keeps to itself about a group, the text of an invite, and how a peer names a group at the beginning of
 * a sync session.
 */
import type { EventId, GroupId } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import { ascii, concat, fromHex, Reader, toHex, Writer } from '../core/bytes.ts'
import { MAX_ADDRESS_SIZE_BYTES, MAX_ADDRESSES } from '../core/limits.ts'
import { decodeEpoch, encodeEpoch, type Epoch } from '../core/secrets/epochs.ts'
import type { Crypto } from '../crypto/crypto.ts'
import { MAX_NAME_LENGTH, readableName } from './content.ts'

/** The invite with which this device wants to enter. */
export interface JoiningWith {
  invite: EventId
  /** 32 bytes; the key of the invite follows from it. */
  seed: Uint8Array
}

export interface Membership {
  group: GroupId
  /** Epochs of the group whose secrets are here. */
  epochs: readonly Epoch[]
  /** Until this device has entered. */
  joining: JoiningWith | undefined
  /** What the invite called the group; shown until the group says so itself. */
  nameHint: string
  /** Seeds of invites that were made here, so that their texts can be shown again. */
  invites: JoiningWith[]
  /** Highest delivery index that the user has seen. */
  readN: number
  /** Where members have been reached; most recent first. */
  addresses: string[]
}

/** What an invite says. */
export interface InviteText extends JoiningWith {
  group: GroupId
  groupName: string
  addresses: readonly string[]
}

export const MAX_OWN_INVITES = 256
const INVITE_PREFIX = 'tapri:'
const INVITE_VERSION = 2
const RECORD_VERSION = 2
const CHECKSUM_SIZE = 4
const MAX_EPOCH_SIZE_BYTES = 128
const MAX_NAME_BYTES = 4 * MAX_NAME_LENGTH
const utf8 = new TextEncoder()

/**
 * Names a group on the link between two peers, to whoever knows the group: of no use on any other link, and no help in
 * finding out what group it is. from, to: peer keys.
 */
export const helloProof = (group: GroupId, from: string, to: string, { sha256 }: Crypto): Uint8Array =>
  sha256(concat([ascii('tapri-hello-2'), fromHex(group), fromHex(from), fromHex(to)]))

/** Whether the peer at the end `from` of the link has named this group to the end `to`. */
export const isHelloProof = (
  proof: Uint8Array,
  group: GroupId,
  from: string,
  to: string,
  crypto: Crypto,
): boolean => crypto.equals(proof, helloProof(group, from, to, crypto))

export function encodeMembership(membership: Membership): Uint8Array {
  const { group, epochs, joining, nameHint, invites, readN, addresses } = membership
  const writer = new Writer().byte(RECORD_VERSION).hex(group).varint(readN).varint(epochs.length)
  for (const epoch of epochs) writer.block(encodeEpoch(epoch))
  const seeds = [...(joining ? [joining] : []), ...invites]
  writer.byte(joining ? 1 : 0).varint(seeds.length)
  for (const { invite, seed } of seeds) writer.hex(invite).bytes(seed)
  return writeAddresses(writer.block(utf8.encode(nameHint)), addresses).finish()
}

/** Fails with AppError STORE_CORRUPT. */
export function decodeMembership(bytes: Uint8Array, crypto: Pick<Crypto, 'keyedHash'>): Membership {
  const reader = new Reader(bytes)
  const version = reader.byte()
  const [group, readN] = [reader.hex(32), reader.varint()]
  const epochs: (Epoch | undefined)[] = []
  for (let count = reader.varint(); count > 0 && !reader.failed; count--)
    epochs.push(decodeEpoch(reader.block(MAX_EPOCH_SIZE_BYTES), crypto))
  const isJoining = reader.byte() === 1
  const invites: JoiningWith[] = []
  for (let count = reader.varint(MAX_OWN_INVITES + 1); count > 0 && !reader.failed; count--)
    invites.push({ invite: reader.hex(32), seed: reader.bytes(32).slice() })
  const joining = isJoining ? invites.shift() : undefined
  const nameHint = new TextDecoder().decode(reader.block(MAX_NAME_BYTES))
  const addresses = readAddresses(reader)
  if (!reader.isDone() || version !== RECORD_VERSION || !epochs.every((epoch) => epoch !== undefined))
    throw new AppError('STORE_CORRUPT', 'The record of a group in the store is damaged.')
  return { group, epochs, joining, nameHint, invites, readN, addresses }
}

/** A text that admits whoever holds it: group, invite and its seed, some addresses, and a checksum against typing mistakes. */
export function encodeInvite(text: InviteText, { sha256 }: Crypto): string {
  const { group, invite, seed, groupName, addresses } = text
  const writer = new Writer().byte(INVITE_VERSION).hex(group).hex(invite).bytes(seed)
  const payload = writeAddresses(writer.block(utf8.encode(groupName)), addresses).finish()
  const checksum = sha256(payload).subarray(0, CHECKSUM_SIZE)
  return INVITE_PREFIX + Buffer.from(concat([payload, checksum])).toString('base64url')
}

/** Fails with AppError INVALID_INVITE. */
export function decodeInvite(text: string, { sha256 }: Crypto): InviteText {
  const problem = (sentence: string) => new AppError('INVALID_INVITE', sentence)
  const compact = text.replace(/\s+/g, '')
  if (!compact.startsWith(INVITE_PREFIX))
    throw problem('This is not a Tapri invite: an invite begins with "tapri:".')
  const bytes = new Uint8Array(Buffer.from(compact.slice(INVITE_PREFIX.length), 'base64url'))
  const payload = bytes.subarray(0, -CHECKSUM_SIZE)
  if (bytes.length <= CHECKSUM_SIZE || toHex(sha256(payload).subarray(0, 4)) !== toHex(bytes.subarray(-4)))
    throw problem('This invite is incomplete or mistyped. Ask for it again and copy the whole text.')
  const reader = new Reader(payload)
  const version = reader.byte()
  if (version > INVITE_VERSION) throw problem('This invite was made by a newer Tapri. Update first.')
  if (version < INVITE_VERSION) throw problem('This invite was made by an older Tapri. Ask for a new one.')
  const [group, invite, seed] = [reader.hex(32), reader.hex(32), reader.bytes(32).slice()]
  const groupName = readableName(new TextDecoder().decode(reader.block(MAX_NAME_BYTES)))
  const addresses = readAddresses(reader)
  if (!reader.isDone()) throw problem('This invite is damaged. Ask for a new one.')
  return { group, invite, seed, groupName, addresses }
}

function writeAddresses(writer: Writer, addresses: readonly string[]): Writer {
  const kept = addresses.slice(0, MAX_ADDRESSES)
  writer.varint(kept.length)
  for (const address of kept) writer.block(utf8.encode(address))
  return writer
}

function readAddresses(reader: Reader): string[] {
  const addresses: string[] = []
  for (let count = reader.varint(MAX_ADDRESSES); count > 0 && !reader.failed; count--)
    addresses.push(new TextDecoder().decode(reader.block(MAX_ADDRESS_SIZE_BYTES)))
  return addresses
}
