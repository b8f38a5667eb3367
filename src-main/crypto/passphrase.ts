/**
 * A box that a passphrase opens.
 *
 *   passes 1 | memory in KiB 4 | salt 16 | nonce 24 | XChaCha20-Poly1305 ciphertext to the end
 *
 * The key is argon2id (RFC 9106) of the passphrase in NFKC and UTF-8. What stands before the ciphertext is authenticated with
 * it, and so is the label, so that a box of one use is not taken for one of another.
 */
import { ascii, concat, Reader, Writer } from '../core/bytes.ts'
import { MAX_PASSPHRASE_SIZE_BYTES, MAX_PASSWORD_MEMORY_KIB, MAX_PASSWORD_PASSES } from '../core/limits.ts'
import type { Crypto, PasswordCost } from './crypto.ts'

/** libsodium's "moderate": 256 MiB and some 0.8 s of one core per guess. */
export const MODERATE_COST: PasswordCost = { passes: 3, memoryKiB: 256 * 1024 }
const SALT_SIZE = 16
const NONCE_SIZE = 24
const HEADER_SIZE = 1 + 4 + SALT_SIZE + NONCE_SIZE
const MIN_MEMORY_KIB = 8

/** TypeError when the passphrase is empty or too long. label: ASCII, names the use. */
export async function lock(
  plaintext: Uint8Array,
  passphrase: string,
  label: string,
  crypto: Crypto,
  cost: PasswordCost = MODERATE_COST,
): Promise<Uint8Array> {
  const password = passwordOf(passphrase)
  if (!password) throw new TypeError('the passphrase is empty, or too long')
  const salt = crypto.randomBytes(SALT_SIZE)
  const nonce = crypto.randomBytes(NONCE_SIZE)
  const header = new Writer(HEADER_SIZE).byte(cost.passes).uint32(cost.memoryKiB).bytes(salt).bytes(nonce)
  const key = await crypto.passwordKey(password, salt, cost)
  const ciphertext = crypto.encrypt(plaintext, associated(label, header.finish()), nonce, key)
  crypto.erase(password, key)
  return concat([header.finish(), ciphertext])
}

/** What was locked; or why not: it is no such box, or another passphrase's (or it was altered, which looks the same). */
export async function unlock(
  box: Uint8Array,
  passphrase: string,
  label: string,
  crypto: Crypto,
): Promise<{ plaintext: Uint8Array } | { reason: 'malformed' | 'wrong-passphrase' }> {
  const reader = new Reader(box)
  const cost = { passes: reader.byte(), memoryKiB: reader.uint32() }
  const salt = reader.bytes(SALT_SIZE)
  const nonce = reader.bytes(NONCE_SIZE)
  const ciphertext = reader.bytes(reader.remaining)
  const isSensible =
    cost.passes >= 1 &&
    cost.passes <= MAX_PASSWORD_PASSES &&
    cost.memoryKiB >= MIN_MEMORY_KIB &&
    cost.memoryKiB <= MAX_PASSWORD_MEMORY_KIB
  if (!reader.isDone() || !isSensible) return { reason: 'malformed' }
  const password = passwordOf(passphrase)
  if (!password) return { reason: 'wrong-passphrase' }
  const key = await crypto.passwordKey(password, salt, cost)
  const plaintext = crypto.decrypt(ciphertext, associated(label, box.subarray(0, HEADER_SIZE)), nonce, key)
  crypto.erase(password, key)
  return plaintext ? { plaintext } : { reason: 'wrong-passphrase' }
}

function associated(label: string, header: Uint8Array): Uint8Array {
  return concat([ascii(label), header])
}

/** The same letters typed on another keyboard are the same passphrase. */
function passwordOf(passphrase: string): Uint8Array | undefined {
  const password = new TextEncoder().encode(passphrase.normalize('NFKC'))
  return password.length >= 1 && password.length <= MAX_PASSPHRASE_SIZE_BYTES ? password : undefined
}
