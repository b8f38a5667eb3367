import sodium from 'sodium-native'
import type { Crypto, KeyPair } from './crypto.ts'

/** Written to again and again: memory that native code has seen is dearer to get and to give back. */
const DIGEST = Buffer.alloc(sodium.crypto_hash_sha256_BYTES)

/** libsodium for everything: one verifier in every process, so that no crafted signature splits a group. */
export const sodiumCrypto: Crypto = {
  sha256(data) {
    sodium.crypto_hash_sha256(DIGEST, view(data))
    return new Uint8Array(DIGEST)
  },
  randomBytes(length) {
    const bytes = Buffer.alloc(length)
    sodium.randombytes_buf(bytes)
    return new Uint8Array(bytes)
  },
  keyPair(seed): KeyPair {
    const publicKey = Buffer.alloc(sodium.crypto_sign_PUBLICKEYBYTES)
    const secretKey = Buffer.alloc(sodium.crypto_sign_SECRETKEYBYTES)
    if (seed) sodium.crypto_sign_seed_keypair(publicKey, secretKey, view(seed))
    else sodium.crypto_sign_keypair(publicKey, secretKey)
    return { publicKey: new Uint8Array(publicKey), secretKey: new Uint8Array(secretKey) }
  },
  sign(message, secretKey) {
    const signature = Buffer.alloc(sodium.crypto_sign_BYTES)
    sodium.crypto_sign_detached(signature, view(message), view(secretKey))
    return new Uint8Array(signature)
  },
  verify(signature, message, publicKey) {
    if (
      signature.length !== sodium.crypto_sign_BYTES ||
      publicKey.length !== sodium.crypto_sign_PUBLICKEYBYTES
    )
      return false
    return sodium.crypto_sign_verify_detached(view(signature), view(message), view(publicKey))
  },
}

/** The same memory as a Buffer, which sodium-native wants. */
function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
