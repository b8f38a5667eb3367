/**
 * The bodies of one group's events: sealed when they are written, opened where somebody reads them. The engine, the network
 * and the disk carry them as they are.
 *
 * 1. What this device writes is sealed with the current epoch; while there is none, nothing is written.
 * 2. What cannot be opened says why (Locked). When its key comes after all, it is read again.
 * 3. What nobody sealed is not read: an app that writes in the clear by mistake is found out at once.
 * 4. Where messages disappear they are not read beyond their time, and the secrets of epochs that lie wholly beyond it are
 *    given up. That is for good: the bodies stay on disks, and nobody who gave up the secret can open them.
 */
import type { Locked } from '../api/contract.ts'
import { fromHex, toHex } from '../core/bytes.ts'
import type { Sealed } from '../core/engine.ts'
import { chainOf, isParticular, type Event, type EventFields } from '../core/event.ts'
import { hlcTimeMs } from '../core/hlc.ts'
import { epochOf, type EpochId } from '../core/secrets/derivations.ts'
import { Seals } from '../core/secrets/sealing.ts'
import { awaitsKey, type Content } from './content.ts'
import type { Keyring, KeyringParts } from './keyring.ts'

export interface BodiesParts extends Pick<KeyringParts, 'group' | 'device' | 'crypto' | 'settings'> {
  keyring: Keyring
  /** Reference time, unix ms. */
  nowMs(): number
}

/** How a log reads events. */
export interface Opening {
  open(event: Event): Content
}

const NOTHING = new Uint8Array(0)

export class Bodies implements Opening {
  readonly #parts: BodiesParts
  readonly #seals: Seals
  /** Several places ask the same event what it says. */
  readonly #opened = new WeakMap<Event, Content>()

  constructor(parts: BodiesParts) {
    const { group, device, crypto, keyring } = parts
    this.#parts = parts
    this.#seals = new Seals({ group, self: device, epochs: keyring.epochs, primitives: crypto })
  }

  /** TypeError while there is no epoch to write with: whoever writes makes sure of it. */
  seal(plaintext: Uint8Array, fields: Omit<EventFields, 'body' | 'epoch'>): Sealed {
    const { current } = this.#parts.keyring
    if (!current) throw new TypeError('there is no epoch to write with')
    const id = epochOf(current.founder)
    const epoch = fromHex(id)
    return { body: this.#seals.seal(plaintext, { ...fields, epoch }, id), epoch }
  }

  open(event: Event): Content {
    const { kind, body, hlc } = event
    if (chainOf(kind) === 'c') return { kind, plaintext: body }
    if (this.#isExpired(kind, hlcTimeMs(hlc))) return lockedAs('expired', kind)
    const known = this.#opened.get(event)
    if (known) return known
    const content = this.#open(event)
    if (!awaitsKey(content)) this.#opened.set(event, content)
    return content
  }

  /** Gives up the secrets of epochs in which nothing can be read any more. Returns whether there were any. */
  giveUp(): boolean {
    const { keyring, settings, nowMs } = this.#parts
    const { disappearAfterMs } = settings()
    if (disappearAfterMs === 0) return false
    // The one before was written with until the one after began.
    const ended = keyring.all.filter((_, i) => {
      const next = keyring.all[i - 1]
      return next !== undefined && hlcTimeMs(next.hlc) + disappearAfterMs < nowMs()
    })
    const given = ended.filter((epoch) => epoch.secret && epoch !== keyring.current)
    for (const { founder } of given) this.#seals.forget(epochOf(founder))
    return given.length > 0
  }

  #open(event: Event): Content {
    const { kind, epoch } = event
    if (!epoch) return lockedAs('unreadable', kind)
    const id = toHex(epoch)
    const opened = this.#seals.open(event, id)
    if ('plaintext' in opened) return { kind, plaintext: opened.plaintext }
    return lockedAs(this.#whyLocked(id, opened.reason), kind)
  }

  #whyLocked(epoch: EpochId, reason: string): Locked {
    if (reason !== 'unknown-epoch' && reason !== 'forgotten') return 'unreadable'
    if (this.#parts.keyring.isBeforeJoining(epoch)) return 'before-joining'
    return reason === 'forgotten' && this.#parts.settings().disappearAfterMs > 0 ? 'expired' : 'no-key'
  }

  #isExpired(kind: number, writtenMs: number): boolean {
    const { disappearAfterMs } = this.#parts.settings()
    return disappearAfterMs > 0 && !isParticular(kind) && writtenMs + disappearAfterMs < this.#parts.nowMs()
  }
}

function lockedAs(locked: Locked, kind: number): Content {
  return { kind, plaintext: NOTHING, locked }
}
