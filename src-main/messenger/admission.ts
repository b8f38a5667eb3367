/**
 * Who may take part in the sync of a group. The transport has proved the peer's device key already; the question is
 * whether that device belongs to the group.
 *
 * - A device that the roster here knows and that is active is admitted, whatever it shows.
 * - One that has just entered, and is not known here yet, shows the event with which it entered.
 * - One that wants to enter shows an invite: that it has its key, for itself. Then it may read, and ask for a voucher.
 * - One that was removed is told so, and may ask for the control events that led to it.
 * Nobody else learns anything, not even whether the group exists here.
 */
import type { EventId, GroupId, JoinProblem } from '../api/contract.ts'
import { fromHex, Reader, Writer } from '../core/bytes.ts'
import { certifiedUser, proofStatement, voucherStatement, type Credentials } from '../core/control/bodies.ts'
import type { UserTag } from '../core/control/operation.ts'
import { chainOf, deviceTag } from '../core/event.ts'
import type { Entry } from '../core/history.ts'
import { MAX_CREDENTIAL_SIZE_BYTES } from '../core/limits.ts'
import type { Crypto, KeyPair } from '../crypto/crypto.ts'
import type { PeerKey } from '../network/network.ts'
import type { GroupLog } from './group-log.ts'
import type { JoiningWith } from './membership.ts'

/**
 * Why a peer is not admitted; who shows no valid proof of an invite is told 'stranger'. 'behind': sync, and ask again.
 * 'removed': it belonged to the group, and is handed the event that ended that.
 */
export const REFUSALS = [
  'stranger',
  'removed',
  'behind',
  'invite-unknown',
  'invite-expired',
  'invite-revoked',
  'invite-used',
  'banned',
] as const
export type Refusal = (typeof REFUSALS)[number]

/** What a newcomer sees of it; undefined when it passes by itself. */
export function problemOf(refusal: Refusal): JoinProblem | undefined {
  return refusal === 'behind' || refusal === 'stranger' || refusal === 'removed' ? undefined : refusal
}

/** How long a voucher that was given counts as a use of the invite before the newcomer has entered. */
const VOUCHER_MS = 120_000
const MAX_VOUCHERS = 1_024

export type Credential =
  | { type: 'member' }
  /** The event with which it entered. */
  | { type: 'entrance'; event: Uint8Array }
  | { type: 'invite'; invite: EventId; credentials: Credentials; proof: Uint8Array }

const TYPES = ['member', 'entrance', 'invite'] as const

export function encodeCredential(credential: Credential): Uint8Array {
  const writer = new Writer().byte(TYPES.indexOf(credential.type))
  if (credential.type === 'entrance') writer.block(credential.event)
  if (credential.type === 'invite') {
    const { invite, credentials, proof } = credential
    writer.hex(invite).bytes(credentials.deviceKey).bytes(credentials.userKey)
    writer.bytes(credentials.certificate).bytes(proof)
  }
  return writer.finish()
}

export function decodeCredential(bytes: Uint8Array): Credential | undefined {
  const reader = new Reader(bytes)
  const type = TYPES[reader.byte()]
  let credential: Credential | undefined
  if (type === 'member') credential = { type }
  if (type === 'entrance') credential = { type, event: reader.block(MAX_CREDENTIAL_SIZE_BYTES) }
  if (type === 'invite') {
    const invite = reader.hex(32)
    const credentials = {
      deviceKey: reader.bytes(32),
      userKey: reader.bytes(32),
      certificate: reader.bytes(64),
    }
    credential = { type, invite, credentials, proof: reader.bytes(64) }
  }
  return reader.isDone() ? credential : undefined
}

/** What a newcomer shows that has the key of an invite. */
export function inviteCredential(
  group: GroupId,
  { invite, seed }: JoiningWith,
  credentials: Credentials,
  { keyPair, sign }: Crypto,
): Extract<Credential, { type: 'invite' }> {
  const proof = sign(proofStatement(group, invite, credentials), keyPair(seed).secretKey)
  return { type: 'invite', invite, credentials, proof }
}

/** The doorkeeper of one group. */
export class Admission {
  readonly #log: GroupLog
  readonly #crypto: Crypto
  /** Reference time, unix ms. */
  readonly #nowMs: () => number
  /** Vouchers given: invite and person -> until when they count. */
  readonly #vouchers = new Map<string, number>()

  constructor(log: GroupLog, crypto: Crypto, nowMs: () => number) {
    this.#log = log
    this.#crypto = crypto
    this.#nowMs = nowMs
  }

  /** Whether a device belongs to the group, as far as is known here. */
  isMember(peer: PeerKey): boolean {
    return this.#log.engine.roster.isActive(deviceTag(fromHex(peer), this.#crypto.sha256))
  }

  /** The member whose device this is; undefined of a device that does not belong to the group. */
  memberOf(peer: PeerKey): UserTag | undefined {
    const { roster } = this.#log.engine
    const tag = deviceTag(fromHex(peer), this.#crypto.sha256)
    return roster.isActive(tag) ? roster.device(tag)?.user : undefined
  }

  /** undefined: the peer is admitted. */
  async refusal(
    peer: PeerKey,
    bytes: Uint8Array,
    receive: (event: Uint8Array) => Promise<void>,
  ): Promise<Refusal | undefined> {
    if (this.isMember(peer)) return undefined
    const credential = decodeCredential(bytes)
    if (credential?.type === 'entrance') {
      await receive(credential.event)
      if (this.isMember(peer)) return undefined
    }
    if (credential?.type === 'invite') return this.#judge(peer, credential)
    return this.removalOf(peer) === undefined ? 'stranger' : 'removed'
  }

  /** The control event by which a device lost its place in the group. */
  removalOf(peer: PeerKey): EventId | undefined {
    const { roster } = this.#log.engine
    const tag = deviceTag(fromHex(peer), this.#crypto.sha256)
    return roster.isActive(tag) ? undefined : roster.removalOf(tag)
  }

  /** Whether a peer that was removed may have an event: it is told what led to its removal, and nothing else. */
  ledToRemoval(peer: PeerKey, { id, kind }: Pick<Entry, 'id' | 'kind'>): boolean {
    const removal = this.removalOf(peer)
    if (removal === undefined || chainOf(kind) !== 'c') return false
    return id === removal || this.#log.engine.roster.isBefore(id, removal)
  }

  /** A signature that lets the peer enter on this frontier of the control events, or why there is none. */
  vouch(
    peer: PeerKey,
    bytes: Uint8Array,
    heads: readonly EventId[],
    frontier: readonly EventId[],
    key: KeyPair,
  ): Uint8Array | Refusal {
    const credential = decodeCredential(bytes)
    if (credential?.type !== 'invite') return 'stranger'
    const refusal = this.#judge(peer, credential)
    if (refusal) return refusal
    if (heads.join() !== frontier.join()) return 'behind'
    const { invite, credentials } = credential
    if (this.#vouchers.size >= MAX_VOUCHERS) return 'behind'
    this.#vouchers.set(`${invite} ${this.#userOf(peer, credentials)!}`, this.#nowMs() + VOUCHER_MS)
    const statement = voucherStatement(this.#log.group, invite, credentials, heads)
    return this.#crypto.sign(statement, key.secretKey)
  }

  #judge(peer: PeerKey, credential: Extract<Credential, { type: 'invite' }>): Refusal | undefined {
    const { invite, credentials, proof } = credential
    const { verify } = this.#crypto
    const { roster } = this.#log.engine
    const user = this.#userOf(peer, credentials)
    const key = roster.inviteKey(invite)
    if (user === undefined) return 'stranger'
    if (!key) return 'invite-unknown'
    if (!verify(proof, proofStatement(this.#log.group, invite, credentials), key)) return 'stranger'
    if (roster.isRemovedDevice(deviceTag(fromHex(peer), this.#crypto.sha256))) return 'removed'
    if (roster.wayOut(user) === 'banned') return 'banned'
    if (!roster.members.has(user) && !roster.admits(invite, user)) return 'invite-revoked'
    const nowMs = this.#nowMs()
    const open = roster.resolver.openInvites(nowMs).find(({ id }) => id === invite)
    if (!open) return this.#whyClosed(invite, nowMs)
    return open.uses + this.#vouched(invite, user, nowMs) < open.maxUses ? undefined : 'invite-used'
  }

  #whyClosed(invite: EventId, nowMs: number): Refusal {
    const state = this.#log.engine.roster.inviteState(invite)
    if (!state || state.isRevoked) return 'invite-revoked'
    return state.expiresMs < nowMs ? 'invite-expired' : 'invite-used'
  }

  /** Vouchers for others that are still good, and were not used yet. */
  #vouched(invite: EventId, user: string, nowMs: number): number {
    const { members } = this.#log.engine.roster
    let count = 0
    for (const [key, untilMs] of this.#vouchers) {
      const [of, by] = key.split(' ')
      if (untilMs < nowMs || members.has(by!)) this.#vouchers.delete(key)
      else if (of === invite && by !== user) count++
    }
    return count
  }

  #userOf(peer: PeerKey, credentials: Credentials): string | undefined {
    const { sha256, verify } = this.#crypto
    return certifiedUser(credentials, deviceTag(fromHex(peer), sha256), sha256, verify)
  }
}
