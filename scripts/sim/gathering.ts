/** How a crowd's group begins: somebody founds it, and everybody enters before the first message, one after the other. */
import type { EventId, GroupId } from '../../src-main/api/contract.ts'
import { commitTo, deviceTag, encodeEvent, KIND, type EventFields } from '../../src-main/core/event.ts'
import { hlcAt } from '../../src-main/core/hlc.ts'
import { encodeCreate, encodeJoin, joinStatement } from '../../src-main/core/members.ts'
import type { Crypto, KeyPair } from '../../src-main/crypto/crypto.ts'
import type { Random } from './random.ts'

const FOUNDED_BEFORE_MS = 600_000

export class Gathering {
  readonly group: GroupId
  /** Encoded control events so far, each citing the one before it. */
  readonly events: Uint8Array[]
  readonly #crypto: Crypto
  readonly #inviteKey: KeyPair
  readonly #foundedMs: number
  #last: EventId

  /** beginMs: of the first message, unix ms. */
  constructor(founder: KeyPair, beginMs: number, crypto: Crypto, random: Random) {
    this.#crypto = crypto
    this.#inviteKey = crypto.keyPair(random.bytes(32))
    this.#foundedMs = beginMs - FOUNDED_BEFORE_MS
    const utf8 = new TextEncoder()
    const body = encodeCreate({
      publicKey: founder.publicKey,
      inviteKey: this.#inviteKey.publicKey,
      nonce: random.bytes(16),
      groupName: utf8.encode('office'),
      memberName: utf8.encode('peer 0'),
    })
    const create = this.#encode('', founder, KIND.create, body, undefined)
    this.group = create.id
    this.events = [create.bytes]
    this.#last = create.id
  }

  /** When a member enters who finds so many others; unix ms. */
  nowMs(others: number): number {
    return this.#foundedMs + others
  }

  /** Body of a member's entrance. */
  join({ publicKey }: KeyPair, name: string): Uint8Array {
    const proof = this.#crypto.sign(joinStatement(this.group, publicKey), this.#inviteKey.secretKey)
    return encodeJoin({ publicKey, proof, memberName: new TextEncoder().encode(name) })
  }

  /** Somebody entered by itself. */
  note(id: EventId, bytes: Uint8Array): void {
    this.events.push(bytes)
    this.#last = id
  }

  /** Somebody enters who is not there: its event is written for it. */
  enter(key: KeyPair, name: string): void {
    const { id, bytes } = this.#encode(this.group, key, KIND.join, this.join(key, name), [this.#last])
    this.note(id, bytes)
  }

  #encode(group: string, key: KeyPair, kind: number, body: Uint8Array, controlHeads: EventId[] | undefined) {
    const { sha256, sign } = this.#crypto
    const fields: EventFields = {
      kind,
      tag: deviceTag(key.publicKey, sha256),
      seq: 1,
      hlc: hlcAt(this.nowMs(this.events?.length ?? 0)),
      deps: [],
      commit: commitTo(undefined, [], controlHeads, sha256),
      controlHeads,
      body,
    }
    return encodeEvent(fields, group, sha256, (id) => sign(id, key.secretKey))
  }
}
