/**
 * The person who uses this device: an Ed25519 user key, from 32 random bytes that 24 words stand for.
 *
 *   entropy 32 ── SHA-256("tapri-user-1", entropy) ── seed of the user key ── user id, fingerprint
 *      └── recovery phrase (BIP-39)
 *
 * The entropy is kept in the keystore (keystore.ts); whoever has either it or the phrase is this person.
 */
import type { UserId } from '../api/contract.ts'
import { ascii, concat } from '../core/bytes.ts'
import { userId } from '../core/identity.ts'
import type { Crypto, KeyPair } from './crypto.ts'
import { ENTROPY_SIZE, wordsOf } from './phrase.ts'

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
