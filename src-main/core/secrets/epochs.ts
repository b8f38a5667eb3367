/**
 * The secrets of a group that this device has. Members who rotate without knowing of each other begin several epochs; all of
 * them live side by side, and all devices that have the same ones write with the same one.
 *
 * 1. current() is the epoch with the greatest (hlc, id) of the event that began it. hlc grows along every citation, so that
 *    is never an epoch which a later rotation had seen, and it does not depend on the order in which secrets came.
 * 2. An epoch is exposed when somebody may know its secret who should no longer: a removal is not in the past of the event
 *    that began it, or that event was cancelled. An exposed epoch is written with only while there is no other; then a
 *    rotation is due. Whoever judges membership says which are exposed:
 *
 *        rotate by carol ───┐           carol had not seen that bob was removed, so her secret is sealed to him too.
 *        remove bob ── rotate by alice  Even if hers is dated later, alice's is current.
 *
 * 3. Two events whose ids agree in 8 bytes (2^32 attempts find such) stand for one epoch: the smaller whole id counts.
 *
 * Nothing is forgotten by itself: messages are kept as they came, and each epoch's secret is what they are read with. There
 * is no limit on epochs of its own: each is 72 bytes for an event of at least that size, which is kept for good as well.
 */
import type { EventId } from '../../api/contract.ts'
import { Reader, Writer } from '../bytes.ts'
import type { Hlc } from '../hlc.ts'
import { MAX_SECRETS_PER_FRAME } from '../limits.ts'
import { epochOf, SECRET_SIZE, type EpochId } from './derivations.ts'

const RECORD_VERSION = 1

export interface Epoch {
  /** The event that began it: rotate, or create. The first 8 bytes of its id name the epoch. */
  founder: EventId
  hlc: Hlc
  /** 32 bytes. */
  secret: Uint8Array
}

export class Epochs {
  readonly #epochs = new Map<EpochId, Epoch>()
  /** The latest first. */
  #ordered: Epoch[] | undefined

  get size(): number {
    return this.#epochs.size
  }

  /** False when it is known already. The secret must have been checked against the commitment of its event. */
  add(epoch: Epoch): boolean {
    if (epoch.secret.length !== SECRET_SIZE) throw new TypeError('the secret of an epoch is 32 bytes')
    const id = epochOf(epoch.founder)
    const known = this.#epochs.get(id)
    if (known && known.founder <= epoch.founder) return false
    this.#epochs.set(id, epoch)
    this.#ordered = undefined
    return true
  }

  get(id: EpochId): Epoch | undefined {
    return this.#epochs.get(id)
  }

  /** All of them, the latest first. */
  get all(): readonly Epoch[] {
    this.#ordered ??= [...this.#epochs.values()].sort(
      (a, b) => Number(b.hlc - a.hlc) || (a.founder > b.founder ? -1 : 1),
    )
    return this.#ordered
  }

  /** The epoch to write with, and whether a rotation is due (see 2). undefined without any secret. */
  current(
    isExposed: (epoch: Epoch) => boolean = () => false,
  ): { epoch: Epoch; isRotationDue: boolean } | undefined {
    const sound = this.all.find((epoch) => !isExposed(epoch))
    const epoch = sound ?? this.all[0]
    return epoch && { epoch, isRotationDue: sound === undefined }
  }

  /** What was written in this epoch cannot be read any more. The secret is returned, to be erased. */
  forget(id: EpochId): Uint8Array | undefined {
    const secret = this.#epochs.get(id)?.secret
    this.#epochs.delete(id)
    this.#ordered = undefined
    return secret
  }
}

/** For the disk, one record per epoch: version 1 | founder 32 | hlc 8 | secret 32. To be sealed there (crypto/sealed-record.ts). */
export function encodeEpoch({ founder, hlc, secret }: Epoch): Uint8Array {
  return new Writer(73).byte(RECORD_VERSION).hex(founder).uint64(hlc).bytes(secret).finish()
}

/** undefined for what is no such record. */
export function decodeEpoch(record: Uint8Array): Epoch | undefined {
  const reader = new Reader(record)
  const version = reader.byte()
  const epoch = { founder: reader.hex(32), hlc: reader.uint64(), secret: reader.bytes(SECRET_SIZE).slice() }
  return reader.isDone() && version === RECORD_VERSION ? epoch : undefined
}

/** A secret as one member hands it to another; the receiver checks it against the commitment of the epoch's event. */
export interface SharedSecret {
  epoch: EpochId
  secret: Uint8Array
}

/** The payload of a frame: count | per epoch, sorted: id 8, secret 32. TypeError for more than MAX_SECRETS_PER_FRAME. */
export function encodeSecrets(secrets: readonly SharedSecret[]): Uint8Array {
  if (secrets.length > MAX_SECRETS_PER_FRAME) throw new TypeError('too many secrets for one frame')
  const writer = new Writer(1 + secrets.length * (8 + SECRET_SIZE)).varint(secrets.length)
  for (const { epoch, secret } of [...secrets].sort((a, b) => (a.epoch < b.epoch ? -1 : 1)))
    writer.hex(epoch).bytes(secret)
  return writer.finish()
}

/** undefined for what is no such payload. */
export function decodeSecrets(payload: Uint8Array): SharedSecret[] | undefined {
  const reader = new Reader(payload)
  const secrets: SharedSecret[] = []
  for (let count = reader.varint(MAX_SECRETS_PER_FRAME); count > 0 && !reader.failed; count--)
    secrets.push({ epoch: reader.hex(8), secret: reader.bytes(SECRET_SIZE).slice() })
  const isSorted = secrets.every(({ epoch }, i) => i === 0 || secrets[i - 1]!.epoch < epoch)
  return reader.isDone() && isSorted ? secrets : undefined
}
