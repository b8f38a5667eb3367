/**
 * What this device keeps to itself about a group, and what follows from the group's secret: its topic, the key behind
 * its invites, and the proof that a peer shows before a sync session. Knowing the secret is what the first, simple
 * roster calls being invited.
 */
import type { GroupId } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import { ascii, concat, equalBytes, fromHex, Reader, toHex, Writer } from '../core/bytes.ts'
import { MAX_ADDRESS_SIZE_BYTES, MAX_ADDRESSES } from '../core/limits.ts'
import type { Crypto, KeyPair } from '../crypto/crypto.ts'

export interface Membership {
  group: GroupId
  /** 32 bytes, shared by all members. */
  secret: Uint8Array
  /** Highest delivery index that the user has seen. */
  readN: number
  /** Where members have been reached; most recent first. */
  addresses: string[]
}

const INVITE_PREFIX = 'tapri:'
const INVITE_VERSION = 1
const CHECKSUM_SIZE = 4
const utf8 = new TextEncoder()

export const topicOf = (secret: Uint8Array, { sha256 }: Crypto): string =>
  toHex(sha256(concat([ascii('tapri-topic-1'), secret])))

export const inviteKeyOf = (secret: Uint8Array, { sha256, keyPair }: Crypto): KeyPair =>
  keyPair(sha256(concat([ascii('tapri-invite-1'), secret])))

/** Bound to both authenticated ends of the link, so that it is of no use on any other. from, to: peer keys. */
export const helloProof = (secret: Uint8Array, from: string, to: string, { sha256 }: Crypto): Uint8Array =>
  sha256(concat([ascii('tapri-hello-1'), secret, fromHex(from), fromHex(to)]))

/** Whether the peer at the end `from` of the link has shown the proof to the end `to`. */
export const isHelloProof = (
  proof: Uint8Array,
  secret: Uint8Array,
  from: string,
  to: string,
  crypto: Crypto,
): boolean => equalBytes(proof, helloProof(secret, from, to, crypto))

export function encodeMembership({ group, secret, readN, addresses }: Membership): Uint8Array {
  const writer = new Writer().hex(group).bytes(secret).varint(readN)
  return writeAddresses(writer, addresses).finish()
}

/** Fails with AppError STORE_CORRUPT. */
export function decodeMembership(bytes: Uint8Array): Membership {
  const reader = new Reader(bytes)
  const group = reader.hex(32)
  const secret = reader.bytes(32).slice()
  const readN = reader.varint()
  const addresses = readAddresses(reader)
  if (!reader.isDone()) throw new AppError('STORE_CORRUPT', 'The record of a group in the store is damaged.')
  return { group, secret, readN, addresses }
}

/** A text that admits whoever holds it: group, secret, some addresses, and a checksum against typing mistakes. */
export function encodeInvite({ group, secret, addresses }: Membership, { sha256 }: Crypto): string {
  const writer = new Writer().byte(INVITE_VERSION).hex(group).bytes(secret)
  const payload = writeAddresses(writer, addresses).finish()
  const checksum = sha256(payload).subarray(0, CHECKSUM_SIZE)
  return INVITE_PREFIX + Buffer.from(concat([payload, checksum])).toString('base64url')
}

/** Fails with AppError INVALID_INVITE. */
export function decodeInvite(text: string, { sha256 }: Crypto): Membership {
  const problem = (sentence: string) => new AppError('INVALID_INVITE', sentence)
  const compact = text.replace(/\s+/g, '')
  if (!compact.startsWith(INVITE_PREFIX))
    throw problem('This is not a Tapri invite: an invite begins with "tapri:".')
  const bytes = new Uint8Array(Buffer.from(compact.slice(INVITE_PREFIX.length), 'base64url'))
  const payload = bytes.subarray(0, -CHECKSUM_SIZE)
  if (bytes.length <= CHECKSUM_SIZE || toHex(sha256(payload).subarray(0, 4)) !== toHex(bytes.subarray(-4)))
    throw problem('This invite is incomplete or mistyped. Ask for it again and copy the whole text.')
  const reader = new Reader(payload)
  if (reader.byte() !== INVITE_VERSION) throw problem('This invite was made by a newer Tapri. Update first.')
  const group = reader.hex(32)
  const secret = reader.bytes(32).slice()
  const addresses = readAddresses(reader)
  if (!reader.isDone()) throw problem('This invite is damaged. Ask for a new one.')
  return { group, secret, readN: 0, addresses }
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
