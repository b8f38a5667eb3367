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
 * 4. An epoch of which only the lasting part is here (derivations.ts) is never written with.
 *
 * Nothing is forgotten by itself: messages are kept as they came, and each epoch's secret is what they are read with. There
 * is no limit on epochs of its own: each is some 100 bytes for an event of at least that size, which is kept for good as well.
 */
import type { EventId } from '../../api/contract.ts'
import { Reader, Writer } from '../bytes.ts'
import type { Hlc } from '../hlc.ts'
import { MAX_SECRETS_PER_FRAME } from '../limits.ts'
import {
  epochOf,
  epochSecret,
  SECRET_SIZE,
  type EpochId,
  type EpochSecret,
  type LastingPart,
} from './derivations.ts'
import type { Primitives } from './primitives.ts'

const RECORD_VERSION = 2
const [LASTS, WHOLE] = [0, 1]

export interface Epoch extends EpochSecret {
  /** The event that began it: rotate, or create. The first 8 bytes of its id name the epoch. */
  founder: EventId
  hlc: Hlc
}

/** An epoch to write with. */
export type WholeEpoch = Epoch & { secret: Uint8Array }

export class Epochs {
  readonly #epochs = new Map<EpochId, Epoch>()
  /** The latest first. */
  #ordered: Epoch[] | undefined

  get size(): number {
    return this.#epochs.size
  }

  /** False when it adds nothing. The secret must have been checked against the commitment of its event. */
  add(epoch: Epoch): boolean {
    const id = epochOf(epoch.founder)
    const known = this.#epochs.get(id)
    if (known && known.founder < epoch.founder) return false
    if (known?.founder === epoch.founder && (known.secret || !epoch.secret)) return false
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
  ): { epoch: WholeEpoch; isRotationDue: boolean } | undefined {
    const whole = this.all.filter((epoch): epoch is WholeEpoch => epoch.secret !== undefined)
    const sound = whole.find((epoch) => !isExposed(epoch))
    const epoch = sound ?? whole[0]
    return epoch && { epoch, isRotationDue: sound === undefined }
  }

  /** What people wrote in this epoch cannot be read any more; its lasting part stays. The secret is returned, to be erased. */
  forget(id: EpochId): Uint8Array | undefined {
    const { secret, ...epoch } = this.#epochs.get(id) ?? {}
    if (!secret) return undefined
    this.#epochs.set(id, epoch as Epoch)
    this.#ordered = undefined
    return secret
  }
}

/**
 * For the disk: version 2 | founder 32 | hlc 8 | 1, secret 32; or 0, lasting key 32, fingerprint 32. To be sealed there
 * (messenger/sealed-store.ts).
 */
export function encodeEpoch({ founder, hlc, ...secret }: Epoch): Uint8Array {
  const writer = new Writer(106).byte(RECORD_VERSION).hex(founder).uint64(hlc)
  return writeSecret(writer, secret).finish()
}

/** undefined for what is no such record. */
export function decodeEpoch(
  record: Uint8Array,
  primitives: Pick<Primitives, 'keyedHash'>,
): Epoch | undefined {
  const reader = new Reader(record)
  const version = reader.byte()
  const [founder, hlc] = [reader.hex(32), reader.uint64()]
  const secret = readSecret(reader)
  if (!secret || !reader.isDone() || version !== RECORD_VERSION) return undefined
  return { founder, hlc, ...completed(secret, primitives) }
}

/** A secret, or what lasts of it, as one member hands it to another; the receiver checks it against the commitment. */
export type SharedSecret = { epoch: EpochId } & ({ secret: Uint8Array } | LastingPart)

/** With what follows from a whole secret. */
export function completed(
  shared: { secret: Uint8Array } | LastingPart,
  primitives: Pick<Primitives, 'keyedHash'>,
): EpochSecret {
  if ('secret' in shared) return epochSecret(shared.secret, primitives)
  return { lasting: shared.lasting, fingerprint: shared.fingerprint }
}

/** The payload of a frame: count | per epoch, sorted: id 8, secret as on the disk. TypeError for more than MAX_SECRETS_PER_FRAME. */
export function encodeSecrets(secrets: readonly SharedSecret[]): Uint8Array {
  if (secrets.length > MAX_SECRETS_PER_FRAME) throw new TypeError('too many secrets for one frame')
  const writer = new Writer(1 + secrets.length * (9 + 2 * SECRET_SIZE)).varint(secrets.length)
  for (const { epoch, ...secret } of [...secrets].sort((a, b) => (a.epoch < b.epoch ? -1 : 1)))
    writeSecret(writer.hex(epoch), secret)
  return writer.finish()
}

/** undefined for what is no such payload. */
export function decodeSecrets(payload: Uint8Array): SharedSecret[] | undefined {
  const reader = new Reader(payload)
  const secrets: SharedSecret[] = []
  for (let count = reader.varint(MAX_SECRETS_PER_FRAME); count > 0 && !reader.failed; count--) {
    const epoch = reader.hex(8)
    const secret = readSecret(reader)
    if (!secret) return undefined
    secrets.push({ epoch, ...secret })
  }
  const isSorted = secrets.every(({ epoch }, i) => i === 0 || secrets[i - 1]!.epoch < epoch)
  return reader.isDone() && isSorted ? secrets : undefined
}

function writeSecret(writer: Writer, shared: EpochSecret | { secret: Uint8Array }): Writer {
  if (shared.secret) return writer.byte(WHOLE!).bytes(shared.secret)
  const { lasting, fingerprint } = shared as LastingPart
  return writer.byte(LASTS!).bytes(lasting).bytes(fingerprint)
}

function readSecret(reader: Reader): { secret: Uint8Array } | LastingPart | undefined {
  const kind = reader.byte()
  const first = reader.bytes(SECRET_SIZE).slice()
  if (kind === WHOLE) return { secret: first }
  return kind === LASTS ? { lasting: first, fingerprint: reader.bytes(SECRET_SIZE).slice() } : undefined
}
