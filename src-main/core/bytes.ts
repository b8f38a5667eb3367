/**
 * Canonical binary reading and writing: one value has exactly one encoding, everything else is refused.
 * varint: minimal LEB128 up to 2^53 - 1. Reader never throws: after a bad read `failed` stays true and
 * every further read returns zeros, so that a decoder checks once at its end.
 */

const DIGITS = ascii('0123456789abcdef')
/** Value of a hex digit by its character code; -1 for anything else. */
const DIGIT = Int8Array.from({ length: 128 }, (_, code) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(code)),
)

/** Lower-case hex of an id, a key or the like: at most 16 kB. In one piece, not joined: that is 4 times as fast. */
export function toHex(bytes: Uint8Array): string {
  const codes = new Array<number>(2 * bytes.length)
  for (let i = 0; i < bytes.length; i++) {
    codes[2 * i] = DIGITS[bytes[i]! >> 4]!
    codes[2 * i + 1] = DIGITS[bytes[i]! & 15]!
  }
  return String.fromCharCode(...codes)
}

/** Bytes of a hex text; TypeError when it is not one. */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >> 1)
  readHex(text, bytes, 0)
  return bytes
}

function readHex(text: string, into: Uint8Array, offset: number): void {
  let isHex = text.length % 2 === 0
  for (let i = 0; i + 1 < text.length; i += 2) {
    const high = DIGIT[text.charCodeAt(i)] ?? -1
    const low = DIGIT[text.charCodeAt(i + 1)] ?? -1
    if (high < 0 || low < 0) isHex = false
    into[offset + (i >> 1)] = (high << 4) | low
  }
  if (!isHex) throw new TypeError('not lower-case hex')
}

const BASE64_URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** RFC 4648, section 5, without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const word = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    for (let digit = 0; digit <= Math.min(3, bytes.length - i); digit++)
      text += BASE64_URL[(word >> (18 - 6 * digit)) & 63]
  }
  return text
}

/** Bytes of a text of ASCII letters, for domain separation. Not by its iterator: every key of the storage comes by here. */
export function ascii(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

/** Same length and same bytes. Not for secrets: it stops at the first difference. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Bytes of a number as a varint. */
export function varintSize(value: number): number {
  let size = 1
  for (; value >= 0x80; size++) value /= 0x80
  return size
}

export class Writer {
  #bytes: Uint8Array<ArrayBuffer>
  #length = 0

  /** It grows when more is written than was expected. */
  constructor(expectedSizeBytes = 256) {
    this.#bytes = new Uint8Array(expectedSizeBytes)
  }

  byte(value: number): this {
    this.#reserve(1)[this.#length++] = value
    return this
  }

  bytes(value: Uint8Array): this {
    this.#reserve(value.length).set(value, this.#length)
    this.#length += value.length
    return this
  }

  /** Lower-case hex, written as the bytes it stands for. */
  hex(value: string): this {
    const size = value.length >> 1
    readHex(value, this.#reserve(size), this.#length)
    this.#length += size
    return this
  }

  varint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError('varint: not an unsigned safe integer')
    while (value >= 0x80) {
      this.byte((value % 0x80) | 0x80)
      value = Math.floor(value / 0x80)
    }
    return this.byte(value)
  }

  /** Unsigned, big-endian, 4 bytes. */
  uint32(value: number): this {
    this.#reserve(4)
    new DataView(this.#bytes.buffer).setUint32(this.#length, value)
    this.#length += 4
    return this
  }

  /** Unsigned, big-endian, 8 bytes. */
  uint64(value: bigint): this {
    this.#reserve(8)
    new DataView(this.#bytes.buffer).setBigUint64(this.#length, value)
    this.#length += 8
    return this
  }

  /** Length as varint, then the bytes. */
  block(value: Uint8Array): this {
    return this.varint(value.length).bytes(value)
  }

  get length(): number {
    return this.#length
  }

  /** What was written; what is written later does not change it. */
  finish(): Uint8Array {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.#length)
  }

  /** What was written, without copying it: only until something else is. */
  peek(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Begins again, in the same memory. */
  clear(): this {
    this.#length = 0
    return this
  }

  #reserve(size: number): Uint8Array {
    if (this.#length + size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + size))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    return this.#bytes
  }
}

export class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #offset = 0
  failed = false

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get offset(): number {
    return this.#offset
  }

  get remaining(): number {
    return this.failed ? 0 : this.#bytes.length - this.#offset
  }

  byte(): number {
    return this.#take(1) ? this.#bytes[this.#offset - 1]! : 0
  }

  /** A view of the next bytes, not a copy. */
  bytes(length: number): Uint8Array {
    return this.#take(length) ? this.#bytes.subarray(this.#offset - length, this.#offset) : new Uint8Array(0)
  }

  hex(length: number): string {
    return toHex(this.bytes(length))
  }

  /** At most limit; a longer or non-minimal encoding fails. */
  varint(limit: number = Number.MAX_SAFE_INTEGER): number {
    let value = 0
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      const minimal = byte !== 0 || scale === 1
      if (this.failed || value > limit || (byte < 0x80 && !minimal)) return this.#fail()
      if (byte < 0x80) return value
      if (scale > Number.MAX_SAFE_INTEGER / 0x80) return this.#fail()
    }
  }

  uint32(): number {
    return this.#take(4) ? this.#view.getUint32(this.#offset - 4) : 0
  }

  uint64(): bigint {
    return this.#take(8) ? this.#view.getBigUint64(this.#offset - 8) : 0n
  }

  /** Length as varint of at most limit, then the bytes. */
  block(limit: number): Uint8Array {
    return this.bytes(this.varint(limit))
  }

  /** Everything was read, and nothing failed. */
  isDone(): boolean {
    return !this.failed && this.#offset === this.#bytes.length
  }

  #take(length: number): boolean {
    if (this.failed || this.#offset + length > this.#bytes.length) {
      this.#fail()
      return false
    }
    this.#offset += length
    return true
  }

  #fail(): 0 {
    this.failed = true
    return 0
  }
}
