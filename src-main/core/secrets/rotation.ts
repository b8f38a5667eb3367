/**
 * The body of a rotate event (kind 0x48), which begins an epoch: a fresh secret, sealed to each device that shall have it.
 *
 *   commitment 32 | form 1, which is 0 | count | per device: tag 8, sealed box 80
 *
 * Devices are sorted by tag. The box is for the X25519 form of the device's Ed25519 key.
 *
 * 1. All who open a share of an epoch have the same secret: it must fit the commitment. Without that, whoever rotates could
 *    divide a group into those who read one thing and those who read another.
 * 2. Whoever has no share gets the secret from any member, as a frame (epochs.ts), and checks it against the commitment
 *    likewise: who joined meanwhile, and in a group of more than MAX_SHARES devices the rest of them. Events that reach
 *    everybody would cost each device 88 bytes for each other one, online or not.
 */
import type { DeviceTag, GroupId } from '../../api/contract.ts'
import { equalBytes, Reader, Writer } from '../bytes.ts'
import { MAX_SHARES } from '../limits.ts'
import { commitmentTo, epochSecret, SECRET_SIZE, type LastingPart } from './derivations.ts'
import type { Primitives, SigningKeys } from './primitives.ts'

const FORM = 0
const BOX_SIZE = 80

/** A device that shall have the secret. */
export interface Recipient {
  tag: DeviceTag
  /** Ed25519, 32 bytes. */
  publicKey: Uint8Array
}

export interface Rotation {
  commitment: Uint8Array
  /** Sorted by tag. */
  shares: readonly Share[]
}

export interface Share {
  tag: DeviceTag
  box: Uint8Array
}

/**
 * The body that brings a secret to these devices; one whose key is no key is left out. TypeError when there are more than
 * MAX_SHARES, or two of one tag.
 */
export function encodeRotation(
  group: GroupId,
  recipients: readonly Recipient[],
  secret: Uint8Array,
  primitives: Primitives,
): Uint8Array {
  const commitment = commitmentTo(epochSecret(secret, primitives), group, primitives)
  if (recipients.length > MAX_SHARES) throw new TypeError(`a rotation reaches at most ${MAX_SHARES} devices`)
  const sorted = [...recipients].sort((a, b) => (a.tag < b.tag ? -1 : 1))
  if (sorted.some(({ tag }, i) => sorted[i + 1]?.tag === tag))
    throw new TypeError('a device is named twice in a rotation')
  const shares = sorted
    .map(({ tag, publicKey }) => ({ tag, box: primitives.sealTo(publicKey, secret) }))
    .filter((share): share is Share => share.box !== undefined)
  const writer = new Writer(64 + shares.length * (8 + BOX_SIZE))
  writer.bytes(commitment)
  writer.byte(FORM).varint(shares.length)
  for (const { tag, box } of shares) writer.hex(tag).bytes(box)
  return writer.finish()
}

/** undefined for what is no such body. Boxes are views of it. */
export function decodeRotation(body: Uint8Array): Rotation | undefined {
  const reader = new Reader(body)
  const commitment = reader.bytes(32)
  const form = reader.byte()
  const shares: Share[] = []
  for (let count = reader.varint(MAX_SHARES); count > 0 && !reader.failed; count--)
    shares.push({ tag: reader.hex(8), box: reader.bytes(BOX_SIZE) })
  const isSorted = shares.every(({ tag }, i) => i === 0 || shares[i - 1]!.tag < tag)
  return reader.isDone() && form === FORM && isSorted ? { commitment, shares } : undefined
}

/**
 * The secret that a rotation has for this device; or why it has none. Not for me is no fault; the others are its author's:
 * what is there does not open, or is not what the author committed to.
 */
export function openShare(
  { shares, commitment }: Rotation,
  group: GroupId,
  ownTag: DeviceTag,
  ownKeys: SigningKeys,
  primitives: Primitives,
): { secret: Uint8Array } | { reason: 'not-for-me' | 'unopenable' | 'not-as-committed' } {
  const share = shares.find(({ tag }) => tag === ownTag)
  if (!share) return { reason: 'not-for-me' }
  const secret = primitives.openSealed(share.box, ownKeys)
  if (secret?.length !== SECRET_SIZE) return { reason: 'unopenable' }
  const isAsCommitted = isCommittedTo(commitment, epochSecret(secret, primitives), group, primitives)
  return isAsCommitted ? { secret } : { reason: 'not-as-committed' }
}

/** Whether this is the secret, whoever it came from. group: undefined for the first one of a group. */
export function isCommittedTo(
  commitment: Uint8Array,
  part: LastingPart,
  group: GroupId | undefined,
  primitives: Pick<Primitives, 'sha256'>,
): boolean {
  return equalBytes(commitmentTo(part, group, primitives), commitment)
}
