/**
 * Where each record lives. First byte: what it is; then the first 16 bytes of the group id, then parts of fixed width,
 * big-endian, or that tell their width, so that byte order is the order we read in and no prefix leaks into another.
 *
 *   e group n      -> event bytes, in delivery order: the log, the only truth
 *   f group tag    -> the proof that a device forked: its two events
 *   o group key    -> the timeline: see messenger/records.ts, also for the next four
 *   r group id16 n -> reactions (event n) to a message
 *   m group tag    -> devices
 *   u group user   -> people
 *   q group        -> what the group is called
 *   s group        -> state record, written in every batch
 *   g group        -> what makes this device a member: see messenger/membership.ts
 *   d group        -> what was written and not sent
 *   a setting      -> settings of the app
 *
 * Sealed with the store's key (messenger/sealed-store.ts): u, q, g, d and a.
 */
import type { DeviceTag, EventId, GroupId, TimelineKey, UserId } from '../api/contract.ts'
import { ascii, concat, fromHex } from '../core/bytes.ts'

/** What people say and are called, and keys. */
export const SEALED_TABLES = 'uqgda'
const N_SIZE = 6

/** Half-open range of keys with a prefix. */
export interface KeyRange {
  from: Uint8Array
  to: Uint8Array
}

export function encodeN(n: number): Uint8Array {
  const bytes = new Uint8Array(N_SIZE)
  for (let i = N_SIZE - 1; i >= 0; i--, n = Math.floor(n / 256)) bytes[i] = n % 256
  return bytes
}

/** From the last bytes of a key, or a value. */
export function decodeN(bytes: Uint8Array): number {
  return bytes.subarray(-N_SIZE).reduce((n, byte) => n * 256 + byte, 0)
}

export const eventKey = (group: GroupId, n: number) => concat([prefix('e', group), encodeN(n)])
export const reactionKey = (group: GroupId, target: EventId, n: number) =>
  concat([reactionPrefix(group, target), encodeN(n)])
export const deviceKey = (group: GroupId, tag: DeviceTag) => concat([prefix('m', group), fromHex(tag)])
export const personKey = (group: GroupId, user: UserId) => concat([prefix('u', group), fromHex(user)])
export const settingsKey = (group: GroupId) => prefix('q', group)
export const forkKey = (group: GroupId, tag: DeviceTag) => concat([prefix('f', group), fromHex(tag)])
export const stateKey = (group: GroupId) => prefix('s', group)
export const groupKey = (group: GroupId) => prefix('g', group)
export const draftKey = (group: GroupId) => prefix('d', group)
export const settingKey = (name: string) => ascii(`a${name}`)

const CHAIN_AT = 16
const SEQ_SIZE = 7

/**
 * A timeline key without the leading zeros of its seq: how long that is goes into the byte of the chain, so the order of the
 * bytes is that of the keys. What extends a key extends these bytes.
 */
export function timelineIndexKey(group: GroupId, key: TimelineKey): Uint8Array {
  const bytes = fromHex(key)
  let seqAt = CHAIN_AT + 1
  while (seqAt < CHAIN_AT + SEQ_SIZE && bytes[seqAt] === 0) seqAt++
  const size = CHAIN_AT + 1 + SEQ_SIZE - seqAt
  const chain = Uint8Array.of((bytes[CHAIN_AT]! << 3) | size)
  return concat([prefix('o', group), bytes.subarray(0, CHAIN_AT), chain, bytes.subarray(seqAt)])
}

/** The log, after event afterN. */
export const eventRange = (group: GroupId, afterN = 0): KeyRange => ({
  from: eventKey(group, afterN + 1),
  to: within(prefix('e', group)).to,
})
export const timelineRange = (group: GroupId): KeyRange => within(prefix('o', group))
export const forkRange = (group: GroupId): KeyRange => within(prefix('f', group))
/** Reactions to one message, or all. */
export const reactionRange = (group: GroupId, target?: EventId): KeyRange =>
  within(target === undefined ? prefix('r', group) : reactionPrefix(group, target))
export const deviceRange = (group: GroupId): KeyRange => within(prefix('m', group))
export const personRange = (group: GroupId): KeyRange => within(prefix('u', group))
export const settingsRange = (group: GroupId): KeyRange => within(prefix('q', group))
/** Everything that the store holds of a group. */
export const groupRanges = (group: GroupId): KeyRange[] =>
  [...'efomrsuqgd'].map((table) => within(prefix(table, group)))
export const groupsRange = (): KeyRange => within(ascii('g'))

/** All keys that start with a prefix: up to the next prefix of the same length. */
export function within(start: Uint8Array): KeyRange {
  const end = start.slice()
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i]! < 0xff) {
      end[i] = end[i]! + 1
      return { from: start, to: end.slice(0, i + 1) }
    }
  }
  throw new TypeError('a prefix of nothing but 0xff has no end')
}

function prefix(table: string, group: GroupId): Uint8Array {
  return concat([ascii(table), fromHex(group.slice(0, 32))])
}

function reactionPrefix(group: GroupId, target: EventId): Uint8Array {
  return concat([prefix('r', group), fromHex(target.slice(0, 32))])
}
