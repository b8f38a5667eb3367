/**
 * How the group of a world begins: somebody founds it and makes an invite, and everybody enters with that before the first
 * message, one after the other. Every device is a person's only one.
 */
import type { EventId, GroupId } from '../../src-main/api/contract.ts'
import {
  certify,
  encodeCreate,
  encodeInvite,
  encodeJoin,
  proofStatement,
  voucherStatement,
  type Credentials,
} from '../../src-main/core/control/bodies.ts'
import { ROLE } from '../../src-main/core/control/operation.ts'
import {
  commitTo,
  deviceTag,
  encodeEvent,
  KIND,
  type Event,
  type EventFields,
} from '../../src-main/core/event.ts'
import { hlcAt } from '../../src-main/core/hlc.ts'
import { MAX_INVITE_USES } from '../../src-main/core/limits.ts'
import type { Crypto, KeyPair } from '../../src-main/crypto/crypto.ts'

/** What it takes of Crypto. */
export type GatheringCrypto = Pick<Crypto, 'sha256' | 'sign' | 'keyPair'>

/** Credentials of a device whose person has a key that follows from the device's: every device is its person's only one. */
export function credentialsOf(device: KeyPair, { sha256, keyPair, sign }: GatheringCrypto): Credentials {
  return certify(device.publicKey, keyPair(sha256(device.secretKey.subarray(0, 32))), sign)
}

/** What lets somebody into a group: an invite, and a device of a member that finds it valid as far as these control heads. */
export interface Door {
  group: GroupId
  invite: EventId
  inviteKey: KeyPair
  voucher: KeyPair
  heads: readonly EventId[]
}

/** Body of the event with which a newcomer enters. */
export function joinBody(
  credentials: Credentials,
  { group, invite, inviteKey, voucher, heads }: Door,
  { sha256, sign }: GatheringCrypto,
): Uint8Array {
  const statement = voucherStatement(group, invite, credentials, heads)
  return encodeJoin(credentials, {
    invite,
    proof: sign(proofStatement(group, invite, credentials), inviteKey.secretKey),
    voucher: {
      device: deviceTag(voucher.publicKey, sha256),
      signature: sign(statement, voucher.secretKey),
    },
  })
}

export class Gathering {
  readonly group: GroupId
  readonly invite: EventId
  /** Control events so far, each citing the one before it. */
  readonly events: Event[] = []
  readonly #crypto: GatheringCrypto
  readonly #founder: KeyPair
  readonly #inviteKey: KeyPair
  readonly #foundedMs: number

  /** foundedMs: unix ms; seed: 32 bytes that make it another group. */
  constructor(founder: KeyPair, foundedMs: number, seed: Uint8Array, crypto: GatheringCrypto) {
    this.#crypto = crypto
    this.#founder = founder
    this.#inviteKey = crypto.keyPair(crypto.sha256(seed))
    this.#foundedMs = foundedMs
    const body = encodeCreate(credentialsOf(founder, crypto), crypto.sha256(seed))
    this.group = this.#add('', founder, KIND.create, body)
    const terms = {
      kind: 'invite' as const,
      role: ROLE.member,
      expiresMs: foundedMs + 86_400_000,
      maxUses: MAX_INVITE_USES,
    }
    this.invite = this.#add(this.group, founder, KIND.invite, encodeInvite(this.#inviteKey.publicKey, terms))
  }

  /** When a member enters who finds so many control events; unix ms. */
  nowMs(earlier: number): number {
    return this.#foundedMs + earlier
  }

  /** What lets whoever has seen everything in: the founder vouches. */
  door(): Door {
    const { group, invite } = this
    const heads = [this.events.at(-1)!.id]
    return { group, invite, inviteKey: this.#inviteKey, voucher: this.#founder, heads }
  }

  /** Body of a member's entrance that cites the last event. */
  join(device: KeyPair): Uint8Array {
    return joinBody(credentialsOf(device, this.#crypto), this.door(), this.#crypto)
  }

  /** Somebody entered by itself. */
  note(event: Event): void {
    this.events.push(event)
  }

  /** Somebody enters who is not there: its event is written for it. */
  enter(device: KeyPair): void {
    this.#add(this.group, device, KIND.join, this.join(device))
  }

  #add(group: string, device: KeyPair, kind: number, body: Uint8Array): EventId {
    const { sha256, sign } = this.#crypto
    const tag = deviceTag(device.publicKey, sha256)
    const last = this.events.at(-1)
    const controlHeads = last && [last.id]
    const previous = this.events.findLast((event) => event.tag === tag)
    const fields: EventFields = {
      kind,
      tag,
      seq: (previous?.seq ?? 0) + 1,
      hlc: hlcAt(this.nowMs(this.events.length)),
      deps: [],
      commit: commitTo(previous?.id, [], controlHeads, sha256),
      controlHeads,
      body,
    }
    const event = encodeEvent(fields, group, sha256, (id) => sign(id, device.secretKey))
    this.events.push(event)
    return event.id
  }
}
