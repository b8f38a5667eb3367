/**
 * The secrets of this device in one file, keys.sealed:
 *
 *   version 1 | guard 1 | wrapped key as a block | nonce 24 | XChaCha20-Poly1305 of: entropy 32, device seed 32, store key 32
 *
 *   guard ── wraps ── key ── seals ── identity entropy, device seed, store key ── seals records (sealed-record.ts)
 *
 * 1. Another guard, or passphrase, wraps the same key: nothing else is written again. So it does not help against who copied
 *    the file and knows the passphrase that was.
 * 2. The file is replaced as a whole: after a crash the old or the new one is there, and either opens with its own guard.
 * 3. A file that is damaged, or whose guard refuses, is never replaced.
 */
import { join } from 'node:path'
import type { Protection } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import { ascii, concat, Reader, Writer } from '../core/bytes.ts'
import type { Crypto } from './crypto.ts'
import {
  GUARD_KINDS,
  noGuard,
  passphraseGuard,
  systemGuard,
  type KeyGuard,
  type Keychain,
} from './key-guard.ts'
import { damaged, readKeyFile, writeKeyFile } from './key-file.ts'
import { ENTROPY_SIZE } from './phrase.ts'

const FILE = 'keys.sealed'
const VERSION = 1
const KEY_SIZE = 32
const NONCE_SIZE = 24
const MAX_WRAPPED_SIZE = 4096
const ASSOCIATED = ascii('tapri-keys-1')

/** 32 bytes each. */
export interface Secrets {
  /** What the recovery phrase stands for: identity.ts. */
  entropy: Uint8Array
  /** Of the device key. */
  deviceSeed: Uint8Array
  /** Seals what the store must not show: secrets of epochs, for one. */
  storeKey: Uint8Array
}

interface Sealed {
  guard: Protection
  wrapped: Uint8Array
  nonce: Uint8Array
  ciphertext: Uint8Array
}

/**
 * The keystore of a folder, made when there is none: under the keychain if it is available, else under the passphrase, else
 * under nothing. It is locked when a passphrase guards it that is not given, else open. Fails with AppError KEY_UNREADABLE
 * or WRONG_PASSPHRASE.
 */
export async function openKeystore(
  folder: string,
  crypto: Crypto,
  { keychain, passphrase }: { keychain?: Keychain | undefined; passphrase?: string | undefined } = {},
): Promise<Keystore> {
  const path = join(folder, FILE)
  const bytes = await readKeyFile(path)
  const sealed = bytes && decode(bytes)
  if (bytes && !sealed) throw damaged(path)
  const keystore = new Keystore(folder, crypto, sealed)
  const given = passphrase === undefined ? undefined : passphraseGuard(passphrase, crypto)
  if (!sealed) await keystore.make(keychain?.isAvailable() ? systemGuard(keychain) : (given ?? noGuard))
  else if (sealed.guard === 'none') await keystore.unlock(noGuard)
  else if (sealed.guard === 'system') await keystore.unlock(systemGuard(keychain ?? NO_KEYCHAIN))
  else if (given) await keystore.unlock(given)
  return keystore
}

export class Keystore {
  readonly #folder: string
  readonly #crypto: Crypto
  #sealed: Sealed | undefined
  #open: { key: Uint8Array; secrets: Secrets } | undefined
  #writing: Promise<void> = Promise.resolve()
  /** Its secrets were made just now. */
  isNew = false

  constructor(folder: string, crypto: Crypto, sealed: Sealed | undefined) {
    this.#folder = folder
    this.#crypto = crypto
    this.#sealed = sealed
  }

  get guard(): Protection {
    return this.#sealed?.guard ?? 'none'
  }

  get isLocked(): boolean {
    return this.#open === undefined
  }

  /** Fails with AppError KEYS_LOCKED. They are erased by lock(): who needs them longer copies them. */
  get secrets(): Secrets {
    return this.#opened().secrets
  }

  /** New secrets. Nothing is written when the guard refuses. */
  async make(guard: KeyGuard): Promise<void> {
    if (this.#sealed) throw new TypeError('there is a keystore already')
    const { randomBytes } = this.#crypto
    const secrets = {
      entropy: randomBytes(ENTROPY_SIZE),
      deviceSeed: randomBytes(KEY_SIZE),
      storeKey: randomBytes(KEY_SIZE),
    }
    const key = randomBytes(KEY_SIZE)
    const wrapped = await guard.wrap(key)
    await this.#write(() => ({ sealed: { guard: guard.kind, wrapped, ...this.#seal(secrets, key) } }))
    this.#open = { key, secrets }
    this.isNew = true
  }

  /** Fails with AppError WRONG_PASSPHRASE, or KEY_UNREADABLE when the guard refuses or the file is damaged. */
  async unlock(guard: KeyGuard): Promise<void> {
    const sealed = this.#sealed!
    if (guard.kind !== sealed.guard) throw new TypeError(`the keys are guarded by ${sealed.guard}`)
    const key = await guard.unwrap(sealed.wrapped)
    const plaintext =
      key.length === KEY_SIZE
        ? this.#crypto.decrypt(sealed.ciphertext, ASSOCIATED, sealed.nonce, key)
        : undefined
    const secrets = plaintext && decodeSecrets(plaintext)
    if (!secrets) throw damaged(join(this.#folder, FILE))
    this.#crypto.erase(plaintext)
    this.#open = { key, secrets }
  }

  /** Erases the secrets from memory; unlock() brings them back. */
  lock(): void {
    if (!this.#open) return
    const { key, secrets } = this.#open
    this.#open = undefined
    this.#crypto.erase(key, ...Object.values<Uint8Array>({ ...secrets }))
  }

  /** From now on another guard, or another passphrase. Fails with AppError KEYS_LOCKED, or as the guard does. */
  async changeGuard(guard: KeyGuard): Promise<void> {
    const wrapped = await guard.wrap(this.#opened().key)
    await this.#write(() => ({ sealed: { ...this.#sealed!, guard: guard.kind, wrapped } }))
  }

  /** Other secrets in place of these: another identity, or another device. Fails with AppError KEYS_LOCKED. */
  async replace(changed: Partial<Secrets>): Promise<void> {
    await this.#write(() => {
      const { key, secrets: before } = this.#opened()
      const secrets = { ...before, ...changed }
      return { sealed: { ...this.#sealed!, ...this.#seal(secrets, key) }, secrets }
    })
  }

  #opened() {
    if (!this.#open)
      throw new AppError('KEYS_LOCKED', 'The keys of Tapri are locked. The passphrase opens them.')
    return this.#open
  }

  #seal({ entropy, deviceSeed, storeKey }: Secrets, key: Uint8Array): Pick<Sealed, 'nonce' | 'ciphertext'> {
    const plaintext = concat([entropy, deviceSeed, storeKey])
    if (plaintext.length !== 3 * KEY_SIZE) throw new TypeError('a secret is 32 bytes')
    const nonce = this.#crypto.randomBytes(NONCE_SIZE)
    const ciphertext = this.#crypto.encrypt(plaintext, ASSOCIATED, nonce, key)
    this.#crypto.erase(plaintext)
    return { nonce, ciphertext }
  }

  /** One write after the other; the next one sees what this one changed. */
  #write(next: () => { sealed: Sealed; secrets?: Secrets }): Promise<void> {
    const write = this.#writing.then(async () => {
      const { sealed, secrets } = next()
      await writeKeyFile(join(this.#folder, FILE), encode(sealed))
      this.#sealed = sealed
      if (secrets && this.#open) this.#open = { ...this.#open, secrets }
    })
    this.#writing = write.catch(() => {})
    return write
  }
}

const NO_KEYCHAIN: Keychain = {
  isAvailable: () => false,
  encrypt: () => new Uint8Array(0),
  decrypt: () => '',
}

function encode({ guard, wrapped, nonce, ciphertext }: Sealed): Uint8Array {
  const writer = new Writer().byte(VERSION).byte(GUARD_KINDS.indexOf(guard)).block(wrapped)
  return writer.bytes(nonce).bytes(ciphertext).finish()
}

function decode(bytes: Uint8Array): Sealed | undefined {
  const reader = new Reader(bytes)
  const version = reader.byte()
  const guard = GUARD_KINDS[reader.byte()]
  const wrapped = reader.block(MAX_WRAPPED_SIZE)
  const nonce = reader.bytes(NONCE_SIZE)
  const ciphertext = reader.bytes(reader.remaining)
  if (!reader.isDone() || version !== VERSION || !guard) return undefined
  return { guard, wrapped, nonce, ciphertext }
}

function decodeSecrets(plaintext: Uint8Array): Secrets | undefined {
  const reader = new Reader(plaintext)
  const read = () => reader.bytes(KEY_SIZE).slice()
  const secrets = { entropy: read(), deviceSeed: read(), storeKey: read() }
  return reader.isDone() ? secrets : undefined
}
