/**
 * The person who uses this device, in every group: identity, name and picture; and what this person thinks of others, which
 * stays on this device.
 *
 *   name, picture          -> as shown to others
 *   phrase                 -> there when the recovery phrase was shown and typed back
 *   verified, blocked, muted -> ids of people, 16 bytes each
 */
import type { Identity, UserId } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import { concat, fromHex, toHex } from '../core/bytes.ts'
import { certify, type Credentials } from '../core/control/bodies.ts'
import type { Crypto, KeyPair } from '../crypto/crypto.ts'
import { exportIdentity, importIdentity } from '../crypto/identity-export.ts'
import { fingerprintCode, fingerprintOf, identityOf, type UserIdentity } from '../crypto/identity.ts'
import { entropyOf, phraseOf } from '../crypto/phrase.ts'
import { settingKey } from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'
import { MAX_PICTURE_SIZE_BYTES, pictureType } from './content.ts'

const MARKS = ['verified', 'blocked', 'muted'] as const
export type Mark = (typeof MARKS)[number]
/** People with one mark. */
const MAX_MARKED = 10_000
const USER_SIZE = 16
const utf8 = new TextEncoder()

export interface SelfParts {
  storage: Storage
  crypto: Crypto
  key: KeyPair
  identity: UserIdentity
  /** Keeps another identity in place of this one. Unset where identities are not kept. */
  keep?: ((entropy: Uint8Array) => Promise<void>) | undefined
}

export class Self {
  readonly #parts: SelfParts
  readonly #marked = new Map<Mark, Set<UserId>>(MARKS.map((mark) => [mark, new Set()]))
  #identity: UserIdentity
  #credentials: Credentials
  #isPhraseConfirmed = false
  name = ''
  /** The bytes of the picture. */
  picture: Uint8Array | undefined

  private constructor(parts: SelfParts) {
    this.#parts = parts
    this.#identity = parts.identity
    this.#credentials = this.#certify()
  }

  static async open(parts: SelfParts): Promise<Self> {
    const self = new Self(parts)
    const read = (name: string) => parts.storage.get(settingKey(name))
    self.name = new TextDecoder().decode((await read('name')) ?? new Uint8Array(0))
    self.picture = await read('picture')
    self.#isPhraseConfirmed = (await read('phrase')) !== undefined
    for (const mark of MARKS) {
      const bytes = (await read(mark)) ?? new Uint8Array(0)
      for (let at = 0; at + USER_SIZE <= bytes.length; at += USER_SIZE)
        self.#marked.get(mark)!.add(toHex(bytes.subarray(at, at + USER_SIZE)))
    }
    return self
  }

  get user(): UserId {
    return this.#identity.user
  }

  /** Shows that this device is this person's. */
  get credentials(): Credentials {
    return this.#credentials
  }

  /** Without what groups know of it. */
  get identity(): Omit<Identity, 'conflicts'> {
    const { sha256 } = this.#parts.crypto
    return {
      user: this.user,
      name: this.name,
      picture: this.picture && toHex(sha256(this.picture).subarray(0, 16)),
      isPhraseConfirmed: this.#isPhraseConfirmed,
      ...this.fingerprint(this.#identity.keys.publicKey),
    }
  }

  fingerprint(userKey: Uint8Array): { fingerprint: string[]; fingerprintCode: string } {
    return {
      fingerprint: fingerprintOf(userKey, this.#parts.crypto),
      fingerprintCode: fingerprintCode(userKey),
    }
  }

  async setName(name: string): Promise<void> {
    this.name = name
    await this.#write('name', utf8.encode(name))
  }

  async setPicture(picture: Uint8Array | undefined): Promise<void> {
    this.picture = picture
    await this.#write('picture', picture)
  }

  get phrase(): string[] {
    return phraseOf(this.#identity.entropy)
  }

  /** Fails with AppError WRONG_PHRASE. */
  async confirmPhrase(words: readonly { place: number; word: string }[]): Promise<void> {
    const { phrase } = this
    const wrong = words.find(({ place, word }) => phrase[place] !== word.trim().toLowerCase())
    if (wrong)
      throw new AppError(
        'WRONG_PHRASE',
        `Word ${wrong.place + 1} is another one. Look at your notes again.`,
        {
          data: { place: wrong.place },
        },
      )
    this.#isPhraseConfirmed = true
    await this.#write('phrase', Uint8Array.of(1))
  }

  /** Fails with AppError WRONG_PHRASE. */
  async restore(phrase: string): Promise<void> {
    await this.#become(entropyOf(phrase))
  }

  export(passphrase: string): Promise<string> {
    const { entropy } = this.#identity
    return exportIdentity({ entropy, name: this.name }, passphrase, this.#parts.crypto)
  }

  /** Fails with AppError WRONG_PASSPHRASE or INVALID_EXPORT. */
  async import(text: string, passphrase: string): Promise<void> {
    const { entropy, name } = await importIdentity(text, passphrase, this.#parts.crypto)
    await this.#become(entropy)
    if (this.name === '' && name !== '') await this.setName(name)
  }

  has(mark: Mark, user: UserId): boolean {
    return this.#marked.get(mark)!.has(user)
  }

  /** Ids of everybody with a mark. */
  marked(mark: Mark): UserId[] {
    return [...this.#marked.get(mark)!]
  }

  async mark(mark: Mark, user: UserId, on: boolean): Promise<void> {
    const marked = this.#marked.get(mark)!
    if (on && marked.size < MAX_MARKED) marked.add(user)
    if (!on) marked.delete(user)
    await this.#write(mark, concat([...marked].map(fromHex)))
  }

  /** Whoever has the words has noted them before. */
  async #become(entropy: Uint8Array): Promise<void> {
    const { keep, crypto } = this.#parts
    await keep?.(entropy)
    this.#identity = identityOf(entropy, crypto)
    this.#credentials = this.#certify()
    this.#isPhraseConfirmed = true
    await this.#write('phrase', Uint8Array.of(1))
  }

  #certify(): Credentials {
    return certify(this.#parts.key.publicKey, this.#identity.keys, this.#parts.crypto.sign)
  }

  async #write(name: string, value: Uint8Array | undefined): Promise<void> {
    const { storage } = this.#parts
    const key = settingKey(name)
    if (value) await storage.write({ put: [[key, value]] }, { durable: true })
    else await storage.write({ put: [], remove: [key] }, { durable: true })
  }
}

/** The bytes of a data URL. Fails with AppError INVALID_PICTURE. */
export function pictureBytes(dataUrl: string): Uint8Array {
  const invalid = () =>
    new AppError('INVALID_PICTURE', 'A picture is a PNG, JPEG or WebP file of at most 24 kB.')
  const [, base64] = /^data:image\/(?:png|jpeg|webp);base64,([A-Za-z0-9+/]+=*)$/.exec(dataUrl) ?? []
  if (base64 === undefined) throw invalid()
  const bytes = new Uint8Array(Buffer.from(base64, 'base64'))
  if (bytes.length > MAX_PICTURE_SIZE_BYTES || pictureType(bytes) === undefined) throw invalid()
  return bytes
}

export function pictureUrl(bytes: Uint8Array): string {
  return `data:${pictureType(bytes) ?? 'image/png'};base64,${Buffer.from(bytes).toString('base64')}`
}
