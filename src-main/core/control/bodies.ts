/**
 * The bodies of control events, byte by byte, and what each of them changes.
 *
 *   create        credentials | commitment 32 to the secret of the first epoch
 *   join          credentials | invite 32 | proof 64 | voucher: device tag 8, signature 64
 *   enter         credentials
 *   add           user 16 | role 1
 *   invite        public key 32 | role 1 | expires (unix ms) | uses
 *   revoke        invite 32
 *   role          user 16 | role 1 | cut
 *   remove        user 16 | ban 1 | cut
 *   removeDevice  device tag 8 | control seq | message seq
 *   successor     user 16, or nothing
 *   succeed       nothing
 *   rotate        core/secrets/rotation.ts
 *
 * credentials: device key 32, user key 32, certificate 64. cut: count, then per device, sorted by tag: tag 8, control
 * seq, message seq. Integers without a width are varints. Anything that is not canonical is invalid.
 */
import type { EventId, GroupId } from '../../api/contract.ts'
import { ascii, concat, fromHex, Reader, Writer } from '../bytes.ts'
import { deviceTag, KIND, type Sha256 } from '../event.ts'
import { certificateStatement, userId } from '../identity.ts'
import { decodeRotation } from '../secrets/rotation.ts'
import { MAX_CUT_DEVICES, MAX_INVITE_USES } from '../limits.ts'
import { ROLE, type Change, type Cut, type UserTag } from './operation.ts'

export type Verify = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean

const JOIN_PREFIX = ascii('tapri-join-1')
const VOUCHER_PREFIX = ascii('tapri-voucher-1')

/** Binds a device to its person: with them an event brings its own author's keys along. */
export interface Credentials {
  /** Ed25519, 32 bytes: signs the events of the device. */
  deviceKey: Uint8Array
  /** Ed25519, 32 bytes: the person. */
  userKey: Uint8Array
  /** By the user key, over certificateStatement(deviceKey). */
  certificate: Uint8Array
}

/** What a newcomer has to show. */
export interface Admission {
  invite: EventId
  /** By the key of the invite, over proofStatement(). */
  proof: Uint8Array
  /** A member's device that found the invite valid, over voucherStatement(): nobody else can say what was seen. */
  voucher: { device: string; signature: Uint8Array }
}

/** A control event's body, read. */
export interface Body {
  change: Change
  /** Of create, join and enter. */
  credentials?: Credentials
  /** Of join. */
  admission?: Admission
  /** Of invite: the public half of its key. */
  inviteKey?: Uint8Array
}

/** Whether this kind of event brings the keys of its author along. */
export function isEntrance(kind: number): boolean {
  return kind === KIND.create || kind === KIND.join || kind === KIND.enter
}

/** What the key of an invite signs: this person, on this device, in this group. */
export function proofStatement(
  group: GroupId,
  invite: EventId,
  { deviceKey, userKey }: Credentials,
): Uint8Array {
  return concat([JOIN_PREFIX, fromHex(group), fromHex(invite), deviceKey, userKey])
}

/** What a member's device signs for a newcomer: that the invite holds as far as these control heads, sorted, show. */
export function voucherStatement(
  group: GroupId,
  invite: EventId,
  { deviceKey, userKey }: Credentials,
  heads: readonly EventId[],
): Uint8Array {
  const parts = [VOUCHER_PREFIX, fromHex(group), fromHex(invite), deviceKey, userKey]
  return concat([...parts, ...heads.map(fromHex)])
}

/** The person that credentials belong to; undefined when the certificate is not theirs, or the device is not this one. */
export function certifiedUser(
  { deviceKey, userKey, certificate }: Credentials,
  device: string,
  sha256: Sha256,
  verify: Verify,
): UserTag | undefined {
  if (deviceTag(deviceKey, sha256) !== device) return undefined
  if (!verify(certificate, certificateStatement(deviceKey), userKey)) return undefined
  return userId(userKey, sha256)
}

/** commitment: core/secrets/derivations.ts, commitmentTo(). */
export function encodeCreate(credentials: Credentials, commitment: Uint8Array): Uint8Array {
  return writeCredentials(new Writer(), credentials).bytes(commitment).finish()
}

/** Of the well-formed body of a create event. */
export function createCommitmentOf(body: Uint8Array): Uint8Array {
  return body.slice(-32)
}

export function encodeJoin(credentials: Credentials, { invite, proof, voucher }: Admission): Uint8Array {
  const writer = writeCredentials(new Writer(384), credentials).hex(invite).bytes(proof)
  return writer.hex(voucher.device).bytes(voucher.signature).finish()
}

export function encodeEnter(credentials: Credentials): Uint8Array {
  return writeCredentials(new Writer(), credentials).finish()
}

export function encodeInvite(
  publicKey: Uint8Array,
  { role, expiresMs, maxUses }: Extract<Change, { kind: 'invite' }>,
): Uint8Array {
  return new Writer().bytes(publicKey).byte(role).varint(expiresMs).varint(maxUses).finish()
}

/** The body of any change that consists of nothing else. TypeError when a cut is too large. */
export function encodeChange(
  change: Exclude<Change, { kind: 'create' | 'join' | 'enter' | 'invite' | 'rotate' | 'unknown' }>,
): Uint8Array {
  const writer = new Writer()
  switch (change.kind) {
    case 'add':
      return writer.hex(change.target).byte(change.role).finish()
    case 'revoke':
      return writer.hex(change.invite).finish()
    case 'role':
      return writeCut(writer.hex(change.target).byte(change.role), change.cut).finish()
    case 'remove':
      return writeCut(writer.hex(change.target).byte(change.ban ? 1 : 0), change.cut).finish()
    case 'removeDevice':
      return writer.hex(change.device).varint(change.extent.c).varint(change.extent.m).finish()
    case 'successor':
      return change.target === undefined ? writer.finish() : writer.hex(change.target).finish()
    case 'succeed':
      return writer.finish()
  }
}

/** Of each event once: engines that share a decoded event (EngineParts.decode) share its body too. */
const known = new WeakMap<object, Body | undefined>()

/** undefined when it is not well-formed. Kinds of a later version are 'unknown', whatever is in them. */
export function decodeBody(event: { kind: number; body: Uint8Array }): Body | undefined {
  if (!known.has(event)) known.set(event, decode(event))
  return known.get(event)
}

/** Copies the bytes, so that whoever keeps a key does not keep the whole event. */
function decode({ kind, body }: { kind: number; body: Uint8Array }): Body | undefined {
  if (kind === KIND.rotate) return decodeRotation(body) && { change: { kind: 'rotate' } }
  const reader = new Reader(body.slice())
  const decoded = read(kind, reader)
  return decoded && (decoded.change.kind === 'unknown' || reader.isDone()) ? decoded : undefined
}

function read(kind: number, reader: Reader): Body | undefined {
  switch (kind) {
    case KIND.create: {
      const credentials = readCredentials(reader)
      reader.bytes(32)
      return { change: { kind: 'create' }, credentials }
    }
    case KIND.join: {
      const credentials = readCredentials(reader)
      const invite = reader.hex(32)
      const proof = reader.bytes(64)
      const voucher = { device: reader.hex(8), signature: reader.bytes(64) }
      return { change: { kind: 'join', invite }, credentials, admission: { invite, proof, voucher } }
    }
    case KIND.enter:
      return { change: { kind: 'enter' }, credentials: readCredentials(reader) }
    case KIND.add:
      return readable({ kind: 'add', target: reader.hex(16), role: reader.byte() })
    case KIND.invite: {
      const inviteKey = reader.bytes(32)
      const [role, expiresMs, maxUses] = [reader.byte(), reader.varint(), reader.varint(MAX_INVITE_USES)]
      const decoded = readable({ kind: 'invite', role, expiresMs, maxUses })
      return decoded && maxUses > 0 ? { ...decoded, inviteKey } : undefined
    }
    case KIND.revoke:
      return { change: { kind: 'revoke', invite: reader.hex(32) } }
    case KIND.role: {
      const [target, role, cut] = [reader.hex(16), reader.byte(), readCut(reader)]
      return cut && readable({ kind: 'role', target, role, cut })
    }
    case KIND.remove: {
      const [target, ban, cut] = [reader.hex(16), reader.byte(), readCut(reader)]
      return cut && ban <= 1 ? { change: { kind: 'remove', target, cut, ban: ban === 1 } } : undefined
    }
    case KIND.removeDevice: {
      const [device, c, m] = [reader.hex(8), reader.varint(), reader.varint()]
      return { change: { kind: 'removeDevice', device, extent: { c, m } } }
    }
    case KIND.successor:
      return { change: { kind: 'successor', target: reader.remaining === 0 ? undefined : reader.hex(16) } }
    case KIND.succeed:
      return { change: { kind: 'succeed' } }
    default:
      return { change: { kind: 'unknown' } }
  }
}

function readable(change: Extract<Change, { role: number }>): Body | undefined {
  return change.role <= ROLE.owner ? { change } : undefined
}

function writeCredentials(writer: Writer, { deviceKey, userKey, certificate }: Credentials): Writer {
  return writer.bytes(deviceKey).bytes(userKey).bytes(certificate)
}

function readCredentials(reader: Reader): Credentials {
  return { deviceKey: reader.bytes(32), userKey: reader.bytes(32), certificate: reader.bytes(64) }
}

function writeCut(writer: Writer, cut: Cut): Writer {
  if (cut.size > MAX_CUT_DEVICES) throw new TypeError('a cut names too many devices')
  writer.varint(cut.size)
  for (const tag of [...cut.keys()].sort()) {
    const { c, m } = cut.get(tag)!
    writer.hex(tag).varint(c).varint(m)
  }
  return writer
}

function readCut(reader: Reader): Cut | undefined {
  const cut = new Map<string, { c: number; m: number }>()
  let last = ''
  for (let count = reader.varint(MAX_CUT_DEVICES); count > 0 && !reader.failed; count--) {
    const tag = reader.hex(8)
    if (tag <= last) return undefined
    cut.set(tag, { c: reader.varint(), m: reader.varint() })
    last = tag
  }
  return cut
}

/** Credentials of a device for the person whose key pair this is. */
export function certify(
  deviceKey: Uint8Array,
  user: { publicKey: Uint8Array; secretKey: Uint8Array },
  sign: (message: Uint8Array, secretKey: Uint8Array) => Uint8Array,
): Credentials {
  const certificate = sign(certificateStatement(deviceKey), user.secretKey)
  return { deviceKey, userKey: user.publicKey, certificate }
}
