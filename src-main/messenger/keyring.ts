/**
 * The secrets of a group's epochs that this device has, and what follows from them: under which names the group gossips, and
 * who may have which.
 *
 * 1. A secret is taken only if it is what the event that began its epoch committed to, whoever hands it over.
 * 2. Messages are sealed with the current epoch alone, and go out under its name (core/secrets/epochs.ts); control events
 *    under all names that are kept, so that whoever has not heard of the latest rotation hears of it.
 * 3. After a removal a rotation is due, until somebody made one that had seen it. Until then nothing is sealed: whoever was
 *    removed has every secret.
 * 4. Where newcomers may not read what was written before they came, somebody's coming is followed by a rotation likewise,
 *    and of earlier epochs they get the lasting part alone (core/secrets/derivations.ts).
 */
import type { GroupId } from '../api/contract.ts'
import type { Roster } from '../core/members.ts'
import { epochOf, topicOf, type EpochId } from '../core/secrets/derivations.ts'
import { completed, Epochs, type Epoch, type SharedSecret, type WholeEpoch } from '../core/secrets/epochs.ts'
import { decodeRotation, encodeRotation, isCommittedTo, openShare } from '../core/secrets/rotation.ts'
import { KIND, type Event } from '../core/event.ts'
import { hlcTimeMs, type Hlc } from '../core/hlc.ts'
import type { UserTag } from '../core/control/operation.ts'
import { MAX_SECRETS_PER_FRAME, MAX_SHARES } from '../core/limits.ts'
import { createCommitmentOf } from '../core/control/bodies.ts'
import type { Settings } from './particulars.ts'
import type { Crypto, KeyPair } from '../crypto/crypto.ts'

/** Epochs under whose names this device listens: a member that was away may still write under an older one. */
const MAX_TOPICS = 4

export interface KeyringParts {
  group: GroupId
  /** Of the group's engine. */
  roster(): Roster
  /** Of the group, as far as it is known here. */
  settings(): Pick<Settings, 'history' | 'disappearAfterMs'>
  crypto: Crypto
  /** This device's. */
  device: string
  key: KeyPair
  /** Of this device. */
  user: UserTag
}

interface Beginning {
  founder: string
  hlc: Hlc
  commitment: Uint8Array
}

export class Keyring {
  readonly epochs = new Epochs()
  readonly #parts: KeyringParts
  readonly #beginnings = new Map<EpochId, Beginning>()
  /** Handed over before the event that began their epoch was here; the latest, no more than one frame holds. */
  readonly #early = new Map<EpochId, SharedSecret>()
  readonly #topics = new Map<EpochId, string>()
  /** What current() is, for a state of the roster and the secrets. */
  #judged: { state: string; current: ReturnType<Epochs['current']> } | undefined
  #changes = 0

  constructor(parts: KeyringParts, known: readonly Epoch[]) {
    this.#parts = parts
    for (const epoch of known) this.epochs.add(epoch)
  }

  /** All epochs of which something is here, the latest first. */
  get all(): readonly Epoch[] {
    return this.epochs.all
  }

  /** Takes note of a delivered event that begins an epoch. True when it brings a secret. */
  note(event: Event): boolean {
    const { group, crypto, device, key } = this.#parts
    const { id: founder, hlc, kind, body } = event
    if (kind === KIND.create) return this.#begin({ founder, hlc, commitment: createCommitmentOf(body) })
    const rotation = kind === KIND.rotate ? decodeRotation(body) : undefined
    if (!rotation) return false
    const isEarly = this.#begin({ founder, hlc, commitment: rotation.commitment })
    const opened = openShare(rotation, group, device, key, crypto)
    if (!('secret' in opened)) return isEarly
    return this.take([{ epoch: epochOf(founder), secret: opened.secret }]) || isEarly
  }

  /** Secrets that somebody handed over. True when one of them is new, and what was committed to. */
  take(secrets: readonly SharedSecret[]): boolean {
    const { group, crypto } = this.#parts
    let isNew = false
    for (const shared of secrets) {
      const beginning = this.#beginnings.get(shared.epoch)
      if (!beginning) {
        if (this.#early.size < MAX_SECRETS_PER_FRAME) this.#early.set(shared.epoch, shared)
        continue
      }
      const { founder, hlc, commitment } = beginning
      const secret = completed(shared, crypto)
      if (!isCommittedTo(commitment, secret, founder === group ? undefined : group, crypto)) continue
      isNew = this.epochs.add({ founder, hlc, ...secret }) || isNew
    }
    if (isNew) this.#changes++
    return isNew
  }

  /** Epochs that began and whose secret this device lacks, though it may have it; the latest first, so many as to ask for. */
  get missing(): EpochId[] {
    const missing: Beginning[] = []
    // What is given up is not asked for again.
    const { disappearAfterMs } = this.#parts.settings()
    for (const [epoch, beginning] of this.#beginnings) {
      const known = this.epochs.get(epoch)
      const isHere = known?.founder === beginning.founder
      const isEnough = known?.secret ?? (disappearAfterMs > 0 || !this.#mayRead(this.#parts.user, beginning))
      if (!isHere || !isEnough) missing.push(beginning)
    }
    missing.sort((a, b) => Number(b.hlc - a.hlc))
    return missing.slice(0, MAX_SECRETS_PER_FRAME).map(({ founder }) => epochOf(founder))
  }

  /** Of the epochs that a member asks for, what they may have. */
  give(user: UserTag, asked: readonly EpochId[]): SharedSecret[] {
    return asked.slice(0, MAX_SECRETS_PER_FRAME).flatMap((epoch): SharedSecret[] => {
      const known = this.epochs.get(epoch)
      if (!known) return []
      const { secret, lasting, fingerprint } = known
      return [secret && this.#mayRead(user, known) ? { epoch, secret } : { epoch, lasting, fingerprint }]
    })
  }

  /** Whether this person has no claim to what was written in an epoch: it is from before they came. */
  isBeforeJoining(epoch: EpochId): boolean {
    const beginning = this.#beginnings.get(epoch)
    return beginning !== undefined && !this.#mayRead(this.#parts.user, beginning)
  }

  /** The epoch to write with; undefined before this device has any secret, and while a rotation is due. */
  get current(): WholeEpoch | undefined {
    const current = this.#current()
    return current?.isRotationDue ? undefined : current?.epoch
  }

  /** There is something to write with, or to make up for what is due. */
  get hasSecret(): boolean {
    return this.#current() !== undefined
  }

  /** Somebody knows every secret that is here, and should not know what is written from now on. */
  get isRotationDue(): boolean {
    return this.#current()?.isRotationDue ?? false
  }

  /** When the current epoch began, unix ms; undefined without one. */
  get beganMs(): number | undefined {
    const { current } = this
    return current && hlcTimeMs(current.hlc)
  }

  /** Names under which events go out. */
  topicsFor(kind: 'message' | 'control'): string[] {
    if (kind === 'control') return this.topics
    const { current } = this
    return current ? [this.#topicOf(current)] : []
  }

  /** Names to listen to. */
  get topics(): string[] {
    const epoch = this.#current()?.epoch
    const epochs = new Set([...(epoch ? [epoch] : []), ...this.all])
    return [...epochs]
      .filter((one): one is WholeEpoch => one.secret !== undefined)
      .slice(0, MAX_TOPICS)
      .map((one) => this.#topicOf(one))
  }

  /** The body of an event that gives devices of the group a fresh secret: those that entered last, as many as it holds. */
  rotate(): Uint8Array {
    const { group, crypto } = this.#parts
    const roster = this.#parts.roster()
    const active = [...roster.devices()].filter(({ tag }) => roster.isActive(tag))
    return encodeRotation(group, active.slice(-MAX_SHARES), crypto.randomBytes(32), crypto)
  }

  /** True when a secret was here before. */
  #begin(beginning: Beginning): boolean {
    const epoch = epochOf(beginning.founder)
    const known = this.#beginnings.get(epoch)
    if (known && beginning.founder >= known.founder) return false
    this.#beginnings.set(epoch, beginning)
    const early = this.#early.get(epoch)
    this.#early.delete(epoch)
    return early !== undefined && this.take([early])
  }

  #current() {
    const roster = this.#parts.roster()
    const state = `${roster.version} ${roster.count} ${this.#parts.settings().history} ${this.#changes}`
    if (this.#judged?.state !== state)
      this.#judged = { state, current: this.epochs.current((epoch) => this.#isExposed(epoch, roster)) }
    return this.#judged.current
  }

  #isExposed({ founder }: Epoch, roster: Roster): boolean {
    if (roster.isExposed(founder)) return true
    if (this.#parts.settings().history === 'all') return false
    for (const user of roster.members.keys()) if (!roster.wasMember(user, founder)) return true
    return false
  }

  /** Whether a person may read what was written in an epoch. */
  #mayRead(user: UserTag, { founder }: Pick<Epoch, 'founder'>): boolean {
    return this.#parts.settings().history === 'all' || this.#parts.roster().wasMember(user, founder)
  }

  #topicOf({ founder, secret }: WholeEpoch): string {
    const epoch = epochOf(founder)
    let topic = this.#topics.get(epoch)
    if (topic === undefined) {
      topic = topicOf(secret, this.#parts.group, epoch, this.#parts.crypto)
      this.#topics.set(epoch, topic)
    }
    return topic
  }
}
