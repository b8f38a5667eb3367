/** What an author who is no honest library can do with an Ed25519 key: RFC 8032, section 5.1.6, by hand. */
import { createHash } from 'node:crypto'
import sodium from 'sodium-native'

/** Order of the base point. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n

/** A second valid signature: as many as there are nonces (32 bytes, below L). */
export function signWithNonce(id: Uint8Array, secretKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  const hashed = sha512(secretKey.subarray(0, 32))
  hashed[0]! &= 248
  hashed[31]! = (hashed[31]! & 127) | 64
  const scalar = toNumber(hashed.subarray(0, 32))
  const r = Buffer.alloc(32)
  sodium.crypto_scalarmult_ed25519_base_noclamp(r, Buffer.from(nonce))
  const challenge = toNumber(sha512(Buffer.concat([r, secretKey.subarray(32), id])))
  const s = (toNumber(nonce) + challenge * scalar) % L
  return new Uint8Array(Buffer.concat([r, toBytes(s)]))
}

/** The same signature with S + L in place of S: the equation still holds. */
export function withLargerS(signature: Uint8Array): Uint8Array {
  return new Uint8Array(
    Buffer.concat([signature.subarray(0, 32), toBytes(toNumber(signature.subarray(32)) + L)]),
  )
}

function sha512(data: Uint8Array): Buffer {
  return createHash('sha512').update(data).digest()
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}

function toBytes(number: bigint): Buffer {
  return Buffer.from(number.toString(16).padStart(64, '0'), 'hex').reverse()
}
