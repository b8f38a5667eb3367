/**
 * The secrets of a group's epochs that this device has, and what follows from them: under which names the group gossips.
 *
 * 1. A secret is taken only if it is what the event that began its epoch committed to, whoever hands it over.
 * 2. Messages go out under the current epoch alone (core/secrets/epochs.ts); control events under all that are kept, so that
 *    whoever has not heard of the latest rotation hears of it.
 * 3. After a removal a rotation is due, until somebody made one that had seen it. Until then messages go out under no name:
 *    whoever was removed listens. They go to each member by sync.
 */
import type { GroupId } from '../api/contract.ts'
import type { Roster } from '../core/members.ts'
import { epochKeys, epochOf, type EpochId } from '../core/secrets/derivations.ts'
import { Epochs, type Epoch, type SharedSecret } from '../core/secrets/epochs.ts'
import { decodeRotation, encodeRotation, isCommittedTo, openShare } from '../core/secrets/rotation.ts'
import { KIND, type Event } from '../core/event.ts'
import type { Hlc } from '../core/hlc.ts'
import { MAX_SECRETS_PER_FRAME, MAX_SHARES } from '../core/limits.ts'
import { createCommitmentOf } from '../core/control/bodies.ts'
import type { Crypto, KeyPair } from '../crypto/crypto.ts'

/** Epochs under whose names this device listens: a member that was away may still write under an older one. */
const MAX_TOPICS = 4

export interface KeyringParts {
  group: GroupId
  roster: Roster
  crypto: Crypto
  /** This device's. */
  device: string
  key: KeyPair
}

interface Beginning {
  founder: string
  hlc: Hlc
  commitment: Uint8Array
}

export class Keyring {
  readonly #parts: KeyringParts
  readonly #epochs = new Epochs()
  readonly #beginnings = new Map<EpochId, Beginning>()
  readonly #topics = new Map<EpochId, string>()

  constructor(parts: KeyringParts, known: readonly Epoch[]) {
    this.#parts = parts
    for (const epoch of known) this.#epochs.add(epoch)
  }

  /** All epochs whose secret is here, the latest first. */
  get all(): readonly Epoch[] {
    return this.#epochs.all
  }

  /** Takes note of a delivered event that begins or continues an epoch. True when it brings a secret. */
  note(event: Event): boolean {
    const { group, crypto, device, key } = this.#parts
    const { id: founder, hlc, kind, body } = event
    if (kind === KIND.create) {
      this.#begin({ founder, hlc, commitment: createCommitmentOf(body) })
      return false
    }
    const rotation = kind === KIND.rotate ? decodeRotation(body) : undefined
    if (!rotation) return false
    const { continues, commitment } = rotation
    if (continues === undefined) this.#begin({ founder, hlc, commitment })
    const opened = openShare(rotation, group, device, key, crypto)
    return 'secret' in opened && this.take([{ epoch: continues ?? epochOf(founder), secret: opened.secret }])
  }

  /** Secrets that somebody handed over. True when one of them is new, and what was committed to. */
  take(secrets: readonly SharedSecret[]): boolean {
    const { group, crypto } = this.#parts
    let isNew = false
    for (const { epoch, secret } of secrets) {
      const beginning = this.#beginnings.get(epoch)
      if (!beginning || this.#epochs.get(epoch)?.founder === beginning.founder) continue
      const { founder, hlc, commitment } = beginning
      const within = founder === group ? undefined : group
      if (!isCommittedTo(commitment, secret, within, crypto)) continue
      isNew = this.#epochs.add({ founder, hlc, secret }) || isNew
    }
    return isNew
  }

  /** What to hand to a device of a member: the latest. */
  get shared(): SharedSecret[] {
    return this.all
      .slice(0, MAX_SECRETS_PER_FRAME)
      .map(({ founder, secret }) => ({ epoch: epochOf(founder), secret }))
  }

  /** The epoch to write with; undefined before this device has any secret. */
  get current(): Epoch | undefined {
    return this.#current()?.epoch
  }

  /** Somebody was removed who knows every secret. */
  get isRotationDue(): boolean {
    return this.#current()?.isRotationDue ?? false
  }

  /** Names under which events go out. */
  topicsFor(kind: 'message' | 'control'): string[] {
    const { current } = this
    if (!current) return []
    if (kind === 'control') return this.topics
    return this.isRotationDue ? [] : [this.#topicOf(current)]
  }

  /** Names to listen to. */
  get topics(): string[] {
    const { current } = this
    const epochs = new Set([...(current ? [current] : []), ...this.all])
    return [...epochs].slice(0, MAX_TOPICS).map((epoch) => this.#topicOf(epoch))
  }

  /** Bodies of the events that give every device of the group a fresh secret; the first of them begins the epoch. */
  rotate(): (founder?: string) => Uint8Array | undefined {
    const { group, roster, crypto } = this.#parts
    const secret = crypto.randomBytes(32)
    const recipients = [...roster.devices()].filter(({ tag }) => roster.isActive(tag))
    let at = 0
    return (founder) => {
      if (at >= recipients.length) return undefined
      const some = recipients.slice(at, at + MAX_SHARES)
      at += some.length
      return encodeRotation(group, some, secret, crypto, founder && epochOf(founder))
    }
  }

  #begin(beginning: Beginning): void {
    const epoch = epochOf(beginning.founder)
    const known = this.#beginnings.get(epoch)
    if (!known || beginning.founder < known.founder) this.#beginnings.set(epoch, beginning)
  }

  #current() {
    const { roster } = this.#parts
    return this.#epochs.current(({ founder }) => roster.isExposed(founder))
  }

  #topicOf({ founder, secret }: Epoch): string {
    const epoch = epochOf(founder)
    let topic = this.#topics.get(epoch)
    if (topic === undefined) {
      ;({ topic } = epochKeys(secret, this.#parts.group, epoch, this.#parts.crypto))
      this.#topics.set(epoch, topic)
    }
    return topic
  }
}
