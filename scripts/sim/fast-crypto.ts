/**
 * A stand-in for the cryptography that costs a hundredth. It tells different bytes apart and a wrong key from the right
 * one; it holds against accidents, and against the simulator's hostile members, who do not try to break it.
 */
import { concat } from '../../src-main/core/bytes.ts'
import type { Crypto } from '../../src-main/crypto/crypto.ts'
import type { Random } from './random.ts'

const NOTHING = new Uint8Array(0)

/** Two lanes of 32 bits, multiplied and turned as in MurmurHash3 (Austin Appleby, public domain), spread over 32 bytes. */
function digest(first: Uint8Array, second: Uint8Array = NOTHING): Uint8Array {
  let a = first.length ^ 0x9e3779b9
  let b = second.length ^ 0x85ebca6b
  for (const part of [first, second])
    for (let i = 0; i < part.length; i += 4) {
      const word = part[i]! | (part[i + 1]! << 8) | (part[i + 2]! << 16) | (part[i + 3]! << 24)
      a = Math.imul(a ^ word, 0xcc9e2d51)
      a = (a << 15) | (a >>> 17)
      b = Math.imul(b + word, 0x1b873593)
      b = (b << 13) | (b >>> 19)
      b ^= a
    }
  const bytes = new Uint8Array(32)
  for (let i = 0; i < 32; i += 4) {
    a = Math.imul(a ^ (a >>> 16) ^ i, 0x7feb352d) + b
    b = Math.imul(b ^ (b >>> 15), 0x846ca68b) ^ a
    bytes[i] = b
    bytes[i + 1] = b >>> 8
    bytes[i + 2] = b >>> 16
    bytes[i + 3] = b >>> 24
  }
  return bytes
}

const PROOF_SIZE = 16
const EPHEMERAL_SIZE = 32

function proof(ciphertext: Uint8Array, associated: Uint8Array, key: Uint8Array): Uint8Array {
  return digest(digest(ciphertext, associated), key).subarray(0, PROOF_SIZE)
}

/** Its own inverse. */
function scramble(bytes: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array {
  const stream = digest(nonce, key)
  return bytes.map((byte, i) => byte ^ stream[i % 32]!)
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

function encrypt(
  plaintext: Uint8Array,
  associated: Uint8Array,
  nonce: Uint8Array,
  key: Uint8Array,
): Uint8Array {
  const ciphertext = scramble(plaintext, nonce, key)
  return concat([ciphertext, proof(ciphertext, associated, key)])
}

function decrypt(
  bytes: Uint8Array,
  associated: Uint8Array,
  nonce: Uint8Array,
  key: Uint8Array,
): Uint8Array | undefined {
  if (bytes.length < PROOF_SIZE) return undefined
  const ciphertext = bytes.subarray(0, -PROOF_SIZE)
  if (!areEqual(proof(ciphertext, associated, key), bytes.subarray(-PROOF_SIZE))) return undefined
  return scramble(ciphertext, nonce, key)
}

export function makeFastCrypto(random: Random): Crypto {
  return {
    sha256: (data) => digest(data),
    keyedHash: (key, data, sizeBytes = 32) =>
      concat([digest(key, data), digest(data, key)]).slice(0, sizeBytes),
    encrypt,
    decrypt,
    sealTo(publicKey, message) {
      const ephemeral = random.bytes(EPHEMERAL_SIZE)
      return concat([ephemeral, encrypt(message, publicKey, NOTHING, digest(ephemeral, publicKey))])
    },
    openSealed(box, { publicKey }) {
      const ephemeral = box.subarray(0, EPHEMERAL_SIZE)
      return decrypt(box.subarray(EPHEMERAL_SIZE), publicKey, NOTHING, digest(ephemeral, publicKey))
    },
    equals: areEqual,
    erase(...secrets) {
      for (const secret of secrets) secret.fill(0)
    },
    passwordKey: async (password, salt, _cost, sizeBytes = 32) => digest(password, salt).slice(0, sizeBytes),
    randomBytes: (length) => random.bytes(length),
    keyPair(seed = random.bytes(32)) {
      const publicKey = digest(seed)
      const secretKey = new Uint8Array(64)
      secretKey.set(seed)
      secretKey.set(publicKey, 32)
      return { publicKey, secretKey }
    },
    sign(message, secretKey) {
      const signature = new Uint8Array(64)
      signature.set(digest(message, secretKey.subarray(32)))
      return signature
    },
    verify(signature, message, publicKey) {
      if (signature.length !== 64) return false
      const right = digest(message, publicKey)
      for (let i = 0; i < 32; i++) if (right[i] !== signature[i]) return false
      return true
    },
  }
}
