/** The symmetric and sealing half of the cryptography (interface Crypto), as far as the core needs it; it is passed in. */
import type { Sha256 } from '../event.ts'

/** An Ed25519 pair: 32 bytes, and 64 in libsodium's layout (seed, then public key). */
export interface SigningKeys {
  publicKey: Uint8Array
  secretKey: Uint8Array
}

export interface Primitives {
  /** 32 bytes. */
  sha256: Sha256
  /** Keyed BLAKE2b (RFC 7693), a pseudo-random function. Key of 16-64 bytes; 16-64 bytes come out, 32 unless told. */
  keyedHash(key: Uint8Array, data: Uint8Array, sizeBytes?: number): Uint8Array
  /**
   * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): the ciphertext, then 16 bytes that prove it and the associated data.
   * Key 32 bytes, nonce 24: never the same two for different plaintexts.
   */
  encrypt(plaintext: Uint8Array, associated: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array
  /** undefined when anything was altered; never throws on bad ciphertexts. */
  decrypt(
    ciphertext: Uint8Array,
    associated: Uint8Array,
    nonce: Uint8Array,
    key: Uint8Array,
  ): Uint8Array | undefined
  /**
   * libsodium's sealed box to the X25519 form of an Ed25519 key: 48 bytes longer than the message, and only the key's owner
   * opens it. undefined for bytes that are no key. One key for both uses is sound: Thormarker, "On using the same key pair
   * for Ed25519 and an X25519 based KEM", 2021 (eprint.iacr.org/2021/509).
   */
  sealTo(publicKey: Uint8Array, message: Uint8Array): Uint8Array | undefined
  /** undefined when it is for another key, or was altered. */
  openSealed(box: Uint8Array, keys: SigningKeys): Uint8Array | undefined
  /** Same length and same bytes, in a time that tells nothing about where they differ. For secrets. */
  equals(a: Uint8Array, b: Uint8Array): boolean
  /** Overwrites what is needed no longer. */
  erase(...secrets: readonly Uint8Array[]): void
}
