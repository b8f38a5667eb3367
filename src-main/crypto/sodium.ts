import sodium from 'sodium-native'
import type { Crypto } from './crypto.ts'

const { crypto_aead_xchacha20poly1305_ietf_ABYTES: PROOF_SIZE, crypto_box_SEALBYTES: SEAL_SIZE } = sodium

/** Written to again and again: memory that native code has seen is dearer to get and to give back than a short hash is. */
const DIGEST = Buffer.alloc(sodium.crypto_hash_sha256_BYTES)
const [HASH_DATA, HASH_KEY, HASH_DIGEST] = [Buffer.alloc(2048), Buffer.alloc(64), Buffer.alloc(64)] as const

/** libsodium for everything: one verifier in every process, so that no crafted signature splits a group. */
export const sodiumCrypto: Crypto = {
  sha256(data) {
    sodium.crypto_hash_sha256(DIGEST, view(data))
    return new Uint8Array(DIGEST)
  },
  keyedHash(key, data, sizeBytes = 32) {
    const isShort = data.length <= HASH_DATA.length && key.length <= HASH_KEY.length
    if (!isShort || sizeBytes > HASH_DIGEST.length) {
      const digest = new Uint8Array(sizeBytes)
      sodium.crypto_generichash(view(digest), view(data), view(key))
      return digest
    }
    HASH_DATA.set(data)
    HASH_KEY.set(key)
    const digest = HASH_DIGEST.subarray(0, sizeBytes)
    sodium.crypto_generichash(digest, HASH_DATA.subarray(0, data.length), HASH_KEY.subarray(0, key.length))
    const copy = new Uint8Array(digest)
    sodium.sodium_memzero(HASH_KEY)
    sodium.sodium_memzero(HASH_DIGEST)
    return copy
  },
  encrypt(plaintext, associated, nonce, key) {
    const ciphertext = new Uint8Array(plaintext.length + PROOF_SIZE)
    sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
      view(ciphertext),
      view(plaintext),
      view(associated),
      null,
      view(nonce),
      view(key),
    )
    return ciphertext
  },
  decrypt(ciphertext, associated, nonce, key) {
    if (ciphertext.length < PROOF_SIZE) return undefined
    const plaintext = new Uint8Array(ciphertext.length - PROOF_SIZE)
    return succeeds(() =>
      sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
        view(plaintext),
        null,
        view(ciphertext),
        view(associated),
        view(nonce),
        view(key),
      ),
    )
      ? plaintext
      : undefined
  },
  sealTo(publicKey, message) {
    if (publicKey.length !== sodium.crypto_sign_PUBLICKEYBYTES) return undefined
    const target = Buffer.alloc(sodium.crypto_box_PUBLICKEYBYTES)
    if (!succeeds(() => sodium.crypto_sign_ed25519_pk_to_curve25519(target, view(publicKey))))
      return undefined
    const box = new Uint8Array(message.length + SEAL_SIZE)
    sodium.crypto_box_seal(view(box), view(message), target)
    return box
  },
  openSealed(box, { publicKey, secretKey }) {
    if (box.length < SEAL_SIZE) return undefined
    const target = Buffer.alloc(sodium.crypto_box_PUBLICKEYBYTES)
    const opener = Buffer.alloc(sodium.crypto_box_SECRETKEYBYTES)
    sodium.crypto_sign_ed25519_pk_to_curve25519(target, view(publicKey))
    sodium.crypto_sign_ed25519_sk_to_curve25519(opener, view(secretKey))
    const message = new Uint8Array(box.length - SEAL_SIZE)
    const isOpen = sodium.crypto_box_seal_open(view(message), view(box), target, opener)
    sodium.sodium_memzero(opener)
    return isOpen ? message : undefined
  },
  equals(a, b) {
    return a.length === b.length && sodium.sodium_memcmp(view(a), view(b))
  },
  erase(...secrets) {
    for (const secret of secrets) sodium.sodium_memzero(view(secret))
  },
  randomBytes(length) {
    const bytes = Buffer.alloc(length)
    sodium.randombytes_buf(bytes)
    return new Uint8Array(bytes)
  },
  keyPair(seed) {
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
  async passwordKey(password, salt, { passes, memoryKiB }, sizeBytes = 32) {
    const key = new Uint8Array(sizeBytes)
    await new Promise<void>((resolve, reject) =>
      sodium.crypto_pwhash_async(
        view(key),
        view(password),
        view(salt),
        passes,
        memoryKiB * 1024,
        sodium.crypto_pwhash_ALG_ARGON2ID13,
        (error) => (error ? reject(error) : resolve()),
      ),
    )
    return key
  },
}

/** sodium-native takes any bytes; only its types ask for a Buffer, and making one costs as much as a short hash. */
function view(bytes: Uint8Array): Buffer {
  return bytes as Buffer
}

/** sodium-native throws on bad data, which is an answer, and on wrong lengths, which is our mistake. */
function succeeds(call: () => unknown): boolean {
  try {
    call()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_ASSERTION') throw error
    return false
  }
}
