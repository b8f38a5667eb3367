/**
 * The cryptography Tapri uses, behind one interface, so that every process judges every signature alike.
 * Implementations run test/contract/crypto.ts.
 */
import type { Primitives, SigningKeys } from '../core/secrets/primitives.ts'

export type KeyPair = SigningKeys

/** How dear one guess at a passphrase is: argon2id (RFC 9106), one lane. */
export interface PasswordCost {
  passes: number
  memoryKiB: number
}

export interface Crypto extends Primitives {
  randomBytes(length: number): Uint8Array
  /** Ed25519. With a 32-byte seed the pair is derived from it. */
  keyPair(seed?: Uint8Array): KeyPair
  /** 64 bytes. */
  sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array
  /** False for anything but a valid signature; never throws on bad lengths. */
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
  /** argon2id in a thread of its own. Salt 16 bytes; at least 16 bytes come out, 32 unless told. */
  passwordKey(
    password: Uint8Array,
    salt: Uint8Array,
    cost: PasswordCost,
    sizeBytes?: number,
  ): Promise<Uint8Array>
}
