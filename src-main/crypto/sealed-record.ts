/**
 * A record that the store keeps without being able to read it: nonce 24, XChaCha20-Poly1305 ciphertext. It is bound to its
 * place (the key it is stored under), so that records cannot change places. Nonces are random: 192 bits never repeat.
 */
import { concat } from '../core/bytes.ts'
import type { Crypto } from './crypto.ts'

const NONCE_SIZE = 24

/** storeKey: 32 bytes, of keystore.ts. */
export function sealRecord(
  value: Uint8Array,
  place: Uint8Array,
  storeKey: Uint8Array,
  crypto: Crypto,
): Uint8Array {
  const nonce = crypto.randomBytes(NONCE_SIZE)
  return concat([nonce, crypto.encrypt(value, place, nonce, storeKey)])
}

/** undefined when it was altered, is from another place, or was sealed with another key. */
export function openRecord(
  record: Uint8Array,
  place: Uint8Array,
  storeKey: Uint8Array,
  crypto: Crypto,
): Uint8Array | undefined {
  if (record.length < NONCE_SIZE) return undefined
  return crypto.decrypt(record.subarray(NONCE_SIZE), place, record.subarray(0, NONCE_SIZE), storeKey)
}
