/** The secrets of a group's epochs, and what follows from them. */
import type { GroupId } from '../api/contract.ts'
import { ascii, concat, fromHex, toHex } from '../core/bytes.ts'
import type { EpochKey } from '../core/sync.ts'
import type { Crypto } from '../crypto/crypto.ts'
import type { Membership } from './membership.ts'

const EPOCH_SIZE = 8

/** What the group's first event says of the secret that it begins with: 16 bytes. */
export function commitmentTo(secret: Uint8Array, { sha256 }: Crypto): Uint8Array {
  return sha256(concat([ascii('tapri-epoch-1'), secret])).subarray(0, 16)
}

/** The epoch in which a group begins. */
export function firstKey(group: GroupId, secret: Uint8Array): EpochKey {
  return { epoch: fromHex(group).slice(0, EPOCH_SIZE), secret }
}

export function isKeyOf({ epoch }: EpochKey, group: GroupId): boolean {
  return toHex(epoch) === group.slice(0, 2 * EPOCH_SIZE)
}

export function topicOf(secret: Uint8Array, { sha256 }: Crypto): string {
  return toHex(sha256(concat([ascii('tapri-topic-1'), secret])))
}

export function currentSecret({ keys }: Membership): Uint8Array | undefined {
  return keys.at(-1)?.secret
}
