/**
 * What a screen is read from without the graph. These records follow from the log, are written in one batch with what
 * they follow from, and hold only what is visible (core/fork.ts):
 *
 *   o group key    -> n (6 bytes), and of an answer whose link holds, n of what it answers (6 bytes): the timeline
 *   r group id16 n -> nothing: a reaction (event n) to a message
 *   m group tag    -> whether it forked (1 byte), public key 32, name: a member
 *
 * Of the branches of a fork that have one place and one date, which a timeline key cannot tell apart, the timeline holds
 * the one with the smallest id.
 */
import type { DeviceTag, EventId, GroupId } from '../api/contract.ts'
import { concat, toHex } from '../core/bytes.ts'
import type { Engine } from '../core/engine.ts'
import { chainOf, type Event } from '../core/event.ts'
import type { Entry } from '../core/history.ts'
import { isShown, timelineKey } from '../core/timeline.ts'
import { decodeN, encodeN, memberKey, memberRange, reactionKey, timelineIndexKey } from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'
import { decodeMessage } from './content.ts'

export type Row = readonly [key: Uint8Array, value: Uint8Array]

/** What the timeline holds in one place. */
export interface Placed {
  n: number
  /** n of what it answers. */
  answers: number | undefined
}

/** Somebody in the list of people. */
export interface ListedMember {
  tag: DeviceTag
  publicKey: Uint8Array
  /** UTF-8, as its device wrote it. */
  name: Uint8Array
  forked: boolean
}

const N_SIZE = 6
const PUBLIC_KEY_SIZE = 32
const NOTHING = new Uint8Array(0)

export function encodePlaced({ n, answers }: Placed): Uint8Array {
  return answers === undefined ? encodeN(n) : concat([encodeN(n), encodeN(answers)])
}

export function decodePlaced(value: Uint8Array): Placed {
  return {
    n: decodeN(value.subarray(0, N_SIZE)),
    answers: value.length > N_SIZE ? decodeN(value) : undefined,
  }
}

export function encodeMember({ publicKey, name, forked }: Omit<ListedMember, 'tag'>): Uint8Array {
  return concat([Uint8Array.of(forked ? 1 : 0), publicKey, name])
}

export async function readMembers(storage: Storage, group: GroupId): Promise<Map<DeviceTag, ListedMember>> {
  const members = new Map<DeviceTag, ListedMember>()
  for await (const [key, value] of storage.range(memberRange(group))) {
    const tag = toHex(key.subarray(-8))
    const publicKey = value.slice(1, 1 + PUBLIC_KEY_SIZE)
    members.set(tag, { tag, publicKey, name: value.slice(1 + PUBLIC_KEY_SIZE), forked: value[0] === 1 })
  }
  return members
}

/** Who is in the list under this tag, as things are now. */
export function memberOf({ roster, history }: Engine, tag: DeviceTag): ListedMember | undefined {
  const member = roster.members.get(tag)
  if (!member) return undefined
  return { tag, publicKey: member.publicKey, name: member.name, forked: history.forks.has(tag) }
}

/** The event that the timeline holds where this one belongs, as things are now. */
export function shownInPlaceOf({ history }: Engine, entry: Entry): Entry | undefined {
  if (!isShown(entry.kind)) return undefined
  const rivals = history.all(entry.tag, chainOf(entry.kind), entry.seq)
  if (rivals.length === 1) return history.forks.isVisible(entry) ? entry : undefined
  return rivals
    .filter((one) => one.hlc === entry.hlc && isShown(one.kind) && history.forks.isVisible(one))
    .sort((a, b) => (a.id < b.id ? -1 : 1))[0]
}

/** n of the message that an event answers: only of one in its own past, so the link is honoured on every device. */
export function answeredBy({ history, clocks }: Engine, event: Event, entry: Entry): number | undefined {
  const replyTo = decodeMessage(event)?.replyTo
  const target = replyTo === undefined ? undefined : history.get(replyTo)
  const holds = target !== undefined && chainOf(target.kind) === 'm' && clocks.happensBefore(target, entry)
  return holds ? target.n : undefined
}

export function placeRow(group: GroupId, entry: Entry, answers: number | undefined): Row {
  return [timelineIndexKey(group, timelineKey(entry)), encodePlaced({ n: entry.n, answers })]
}

export function reactionRow(group: GroupId, target: EventId, n: number): Row {
  return [reactionKey(group, target, n), NOTHING]
}

export function memberRow(group: GroupId, member: ListedMember): Row {
  return [memberKey(group, member.tag), encodeMember(member)]
}
