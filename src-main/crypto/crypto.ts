/**
 * The cryptography Tapri uses, behind one interface, so that every process judges every signature alike.
 * Implementations run test/contract/crypto.ts.
 */
export interface KeyPair {
  /** 32 bytes. */
  publicKey: Uint8Array
  /** 64 bytes, libsodium layout: seed, then public key. */
  secretKey: Uint8Array
}

export interface Crypto {
  /** 32 bytes. */
  sha256(data: Uint8Array): Uint8Array
  randomBytes(length: number): Uint8Array
  /** Ed25519. With a 32-byte seed the pair is derived from it. */
  keyPair(seed?: Uint8Array): KeyPair
  /** 64 bytes. */
  sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array
  /** False for anything but a valid signature; never throws on bad lengths. */
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
}
