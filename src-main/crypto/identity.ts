/**
 * The person who uses this device: an Ed25519 user key, from 32 random bytes that 24 words stand for.
 *
 *   entropy 32 ── SHA-256("tapri-user-1", entropy) ── seed of the user key ── user id, fingerprint
 *      └── recovery phrase (BIP-39)
 *
 * The entropy is kept in identity.key beside device.key; whoever has either it or the phrase is this person.
 */
import { join } from 'node:path'
import type { UserId } from '../api/contract.ts'
import { ascii, concat } from '../core/bytes.ts'
import { userId } from '../core/identity.ts'
import type { Crypto, KeyPair } from './crypto.ts'
import { damaged, hasKeyFile, readKeyFile, writeKeyFile } from './key-file.ts'
import { ENTROPY_SIZE, newEntropy, wordsOf } from './phrase.ts'

const FILE = 'identity.key'
const FINGERPRINT_WORDS = 12
const CODE_PREFIX = 'tapri-id:'
const KEY_SIZE = 32

export interface UserIdentity {
  user: UserId
  /** 32 bytes; phraseOf() makes words of them. */
  entropy: Uint8Array
  /** The user key: certifies devices. */
  keys: KeyPair
}

export function identityOf(entropy: Uint8Array, crypto: Crypto): UserIdentity {
  if (entropy.length !== ENTROPY_SIZE) throw new TypeError('an identity is 32 bytes')
  const seed = crypto.sha256(concat([ascii('tapri-user-1'), entropy]))
  const keys = crypto.keyPair(seed)
  crypto.erase(seed)
  return { user: userId(keys.publicKey, crypto.sha256), entropy, keys }
}

/** The identity of this folder; a new one at the first start. Fails with AppError KEY_UNREADABLE; a damaged file stays. */
export async function loadIdentity(folder: string, crypto: Crypto): Promise<UserIdentity> {
  const path = join(folder, FILE)
  let entropy = await readKeyFile(path)
  if (!entropy) await writeKeyFile(path, (entropy = newEntropy(crypto)))
  if (entropy.length !== ENTROPY_SIZE) throw damaged(path)
  return identityOf(entropy, crypto)
}

/** Whether this folder has an identity already. */
export function hasIdentity(folder: string): Promise<boolean> {
  return hasKeyFile(join(folder, FILE))
}

/**
 * Another identity in place of the one that is there, which stays beside it as identity.key.retired. Fails with AppError
 * KEY_UNREADABLE when the old one is damaged. After a crash one of the two is there.
 */
export async function replaceIdentity(
  folder: string,
  entropy: Uint8Array,
  crypto: Crypto,
): Promise<UserIdentity> {
  const identity = identityOf(entropy, crypto)
  const path = join(folder, FILE)
  const old = await readKeyFile(path)
  if (old && old.length !== ENTROPY_SIZE) throw damaged(path)
  if (old && crypto.equals(old, entropy)) return identity
  if (old) await writeKeyFile(`${path}.retired`, old)
  await writeKeyFile(path, entropy)
  return identity
}

/** 12 words that nobody else has: 132 bits of SHA-256("tapri-fingerprint-1", user public key). */
export function fingerprintOf(publicKey: Uint8Array, { sha256 }: Pick<Crypto, 'sha256'>): string[] {
  return wordsOf(sha256(concat([ascii('tapri-fingerprint-1'), publicKey])), FINGERPRINT_WORDS)
}

/** The whole public key, for a QR code. */
export function fingerprintCode(publicKey: Uint8Array): string {
  return CODE_PREFIX + Buffer.from(publicKey).toString('base64url')
}

/** The public key of a scanned code; undefined when it is none. */
export function readFingerprintCode(code: string): Uint8Array | undefined {
  const publicKey = new Uint8Array(Buffer.from(code.slice(CODE_PREFIX.length), 'base64url'))
  return publicKey.length === KEY_SIZE && fingerprintCode(publicKey) === code ? publicKey : undefined
}
