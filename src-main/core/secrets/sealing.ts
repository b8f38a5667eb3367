/**
 * The bodies of messages, encrypted: padded (padding.ts), then XChaCha20-Poly1305 with a key that is used once.
 *
 *   secret of the epoch ── root ── chain of the device ── key of the seq ── key of the message (with its context)
 *
 * Names and settings have a root of their own, which lasts when the secret is given up (derivations.ts).
 *
 * The context is the header up to the body's length (encodeContext): who wrote it, where in which chain, when, after what.
 * The rest of the header follows from the ciphertext, and the event's id and signature cover both.
 *
 * 1. A key encrypts one text. It follows from the whole context, and a context belongs to one event: seq and hlc grow with
 *    each event of a device. seal() insists on that. So the nonce is a constant.
 * 2. Even a device that forks (its folder was restored, and it writes a second event in a place) uses another key for it, for
 *    its date is another one. With a key per seq alone, one who saw both would learn how the two texts differ.
 * 3. A text opens in the place it was written for only: another author, group, epoch, date or past gives another key.
 * 4. Which epoch a text is of must follow from the events, never from trying: XChaCha20-Poly1305 does not commit to its key,
 *    so a text could be made that opens with two (Albertini et al., "How to Abuse and Fix Authenticated Encryption Without
 *    Key Commitment", 2022). An epoch has one secret for everybody, so a place has one key.
 */
import type { DeviceTag, GroupId } from '../../api/contract.ts'
import { contextIn, encodeContext, isParticular, type Event, type EventFields } from '../event.ts'
import type { Hlc } from '../hlc.ts'
import { MAX_CACHED_CHAINS, MAX_PLAINTEXT_SIZE_BYTES } from '../limits.ts'
import { derive, label, messagesRoot, particularsRoot, type EpochId } from './derivations.ts'
import type { Epochs } from './epochs.ts'
import { pad, unpad } from './padding.ts'
import type { Primitives } from './primitives.ts'
import { chainOf, MAX_CHAIN_SEQ, type Chain } from './ratchet.ts'

const NONCE = new Uint8Array(24)
const MESSAGE = label('tapri-message-1')
/** What a root is for. */
const [MESSAGES, PARTICULARS] = ['m', 'p'] as const
type Use = typeof MESSAGES | typeof PARTICULARS

/**
 * unknown-epoch: the secret is not here (yet). forgotten: the key was given up, or there can be none. The others are the
 * author's fault: undecipherable, bad-padding.
 */
export type SealProblem = 'unknown-epoch' | 'forgotten' | 'undecipherable' | 'bad-padding'

export interface SealsOptions {
  group: GroupId
  /** The device that seals. */
  self: DeviceTag
  epochs: Epochs
  primitives: Primitives
}

/** Seals and opens the bodies of one group. */
export class Seals {
  readonly #options: SealsOptions
  /** The ones used last come last. */
  readonly #chains = new Map<string, { secret: Uint8Array; chain: Chain }>()
  readonly #roots = new Map<string, { secret: Uint8Array; root: Uint8Array }>()
  #lastSealed: Hlc = -1n

  constructor(options: SealsOptions) {
    this.#options = options
  }

  /**
   * The body of the own event that has these fields. TypeError when the epoch is not here, the plaintext is larger than
   * MAX_PLAINTEXT_SIZE_BYTES, the event is somebody else's, or it is not later than the one sealed before.
   */
  seal(plaintext: Uint8Array, fields: Omit<EventFields, 'body'>, epoch: EpochId): Uint8Array {
    const { self, primitives } = this.#options
    if (plaintext.length > MAX_PLAINTEXT_SIZE_BYTES) throw new TypeError('the plaintext is too large')
    if (fields.tag !== self) throw new TypeError('a device seals its own events only')
    if (fields.hlc <= this.#lastSealed) throw new TypeError('a key would be used twice')
    const context = encodeContext(fields)
    const key = this.#messageKey(context, fields, epoch)
    if (typeof key === 'string') throw new TypeError(`nothing can be sealed: ${key}`)
    this.#lastSealed = fields.hlc
    const padded = pad(plaintext)
    const body = primitives.encrypt(padded, context, NONCE, key)
    primitives.erase(key, padded)
    return body
  }

  /** What a delivered event of this epoch says; or why that cannot be read. Never throws on bad bodies. */
  open(event: EventFields | Event, epoch: EpochId): { plaintext: Uint8Array } | { reason: SealProblem } {
    const { primitives } = this.#options
    const context = 'bytes' in event ? contextIn(event) : encodeContext(event)
    const key = this.#messageKey(context, event, epoch)
    if (typeof key === 'string') return { reason: key }
    const padded = primitives.decrypt(event.body, context, NONCE, key)
    primitives.erase(key)
    if (!padded) return { reason: 'undecipherable' }
    const plaintext = unpad(padded)
    return plaintext ? { plaintext } : { reason: 'bad-padding' }
  }

  /** Gives up an epoch and everything derived from it but what lasts: what people wrote in it cannot be read here any more. */
  forget(epoch: EpochId): void {
    const { epochs, primitives } = this.#options
    const use = MESSAGES + epoch
    const secrets = [epochs.forget(epoch), this.#roots.get(use)?.root]
    this.#roots.delete(use)
    for (const [name, { chain }] of this.#chains) {
      if (!name.startsWith(use)) continue
      chain.forgetThrough(MAX_CHAIN_SEQ)
      this.#chains.delete(name)
    }
    for (const secret of secrets) if (secret) primitives.erase(secret)
  }

  #messageKey(
    context: Uint8Array,
    { kind, tag, seq }: Pick<EventFields, 'kind' | 'tag' | 'seq'>,
    epoch: EpochId,
  ): Uint8Array | SealProblem {
    const use = isParticular(kind) ? PARTICULARS : MESSAGES
    const key = this.#chain(use, epoch, tag)?.keyOf(seq)
    if (key) return derive(key, MESSAGE, context, this.#options.primitives.keyedHash)
    return this.#options.epochs.get(epoch) ? 'forgotten' : 'unknown-epoch'
  }

  #chain(use: Use, epoch: EpochId, tag: DeviceTag): Chain | undefined {
    const parts = this.#options.epochs.get(epoch)
    const secret = use === PARTICULARS ? parts?.lasting : parts?.secret
    if (!secret) return undefined
    const name = use + epoch + tag
    let known = this.#chains.get(name)
    this.#chains.delete(name)
    if (known?.secret !== secret) {
      const chain = chainOf(this.#root(use, epoch, secret), tag, this.#options.primitives)
      known = { secret, chain }
    }
    this.#chains.set(name, known)
    if (this.#chains.size > MAX_CACHED_CHAINS) this.#chains.delete(this.#chains.keys().next().value!)
    return known.chain
  }

  #root(use: Use, epoch: EpochId, secret: Uint8Array): Uint8Array {
    const known = this.#roots.get(use + epoch)
    if (known?.secret === secret) return known.root
    const { group, primitives } = this.#options
    const rootOf = use === PARTICULARS ? particularsRoot : messagesRoot
    const root = rootOf(secret, group, epoch, primitives)
    this.#roots.set(use + epoch, { secret, root })
    return root
  }
}
