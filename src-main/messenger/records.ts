/**
 * What a screen is read from without the graph. These records follow from the log, are written in one batch with what
 * they follow from, and hold only what is visible (core/fork.ts):
 *
 *   o group key    -> n (6 bytes), and of an answer whose link holds, n of what it answers (6 bytes): the timeline
 *   r group id16 n -> nothing: a reaction (event n) to a message
 *   m group tag    -> flags (1 byte: forked, active, left out by its person), public key 32, user 16: a device
 *   u group user   -> role (1 byte, 255: none), how it went (1 byte), picture, name: a person who is or was a member
 *   q group        -> history policy (1 byte), time to disappear, picture, name, description: what the group is called
 *
 * picture: 0, or 1 and its id 16 and the n of the event that carries it.
 * Of the branches of a fork that have one place and one date, which a timeline key cannot tell apart, the timeline holds
 * the one with the smallest id.
 */
import type { DeviceTag, EventId, FormerMember, GroupId } from '../api/contract.ts'
import { concat, Reader, toHex, Writer } from '../core/bytes.ts'
import type { Role, UserTag } from '../core/control/operation.ts'
import type { Engine } from '../core/engine.ts'
import { chainOf } from '../core/event.ts'
import type { Entry } from '../core/history.ts'
import { isShown, timelineKey } from '../core/timeline.ts'
import {
  decodeN,
  deviceKey,
  deviceRange,
  encodeN,
  personKey,
  personRange,
  reactionKey,
  settingsKey,
  timelineIndexKey,
} from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'
import { decodeMessage, MAX_DESCRIPTION_LENGTH, MAX_NAME_LENGTH, type Content } from './content.ts'
import type { Particulars, Picture, Profile, Settings } from './particulars.ts'

export type Row = readonly [key: Uint8Array, value: Uint8Array]

/** What the timeline holds in one place. */
export interface Placed {
  n: number
  /** n of what it answers. */
  answers: number | undefined
}

export interface ListedDevice {
  tag: DeviceTag
  publicKey: Uint8Array
  user: UserTag
  forked: boolean
  /** It belongs to the group. */
  active: boolean
  /** Its person took it out. */
  removed: boolean
}

export interface ListedPerson extends Profile {
  user: UserTag
  /** undefined: not a member any more. */
  role: Role | undefined
  /** How a former member went. */
  out: FormerMember['reason'] | undefined
}

const N_SIZE = 6
const NOTHING = new Uint8Array(0)
const NO_ROLE = 255
const WAYS_OUT = [undefined, 'left', 'removed', 'banned'] as const
const POLICIES = ['all', 'from-joining'] as const
/** UTF-8 of so many UTF-16 units is not longer. */
const BYTES_PER_UNIT = 3
const utf8 = new TextEncoder()

export const NO_SETTINGS: Settings = {
  name: '',
  description: '',
  picture: undefined,
  history: 'all',
  disappearAfterMs: 0,
}

export function encodePlaced({ n, answers }: Placed): Uint8Array {
  return answers === undefined ? encodeN(n) : concat([encodeN(n), encodeN(answers)])
}

export function decodePlaced(value: Uint8Array): Placed {
  return {
    n: decodeN(value.subarray(0, N_SIZE)),
    answers: value.length > N_SIZE ? decodeN(value) : undefined,
  }
}

export async function readDevices(storage: Storage, group: GroupId): Promise<Map<DeviceTag, ListedDevice>> {
  const devices = new Map<DeviceTag, ListedDevice>()
  for await (const [key, value] of storage.range(deviceRange(group))) {
    const reader = new Reader(value)
    const tag = toHex(key.subarray(-8))
    const flags = reader.byte()
    const publicKey = reader.bytes(32).slice()
    const user = reader.hex(16)
    const [forked, active, removed] = [(flags & 1) > 0, (flags & 2) > 0, (flags & 4) > 0]
    devices.set(tag, { tag, publicKey, user, forked, active, removed })
  }
  return devices
}

export async function readPeople(storage: Storage, group: GroupId): Promise<Map<UserTag, ListedPerson>> {
  const people = new Map<UserTag, ListedPerson>()
  for await (const [key, value] of storage.range(personRange(group))) {
    const user = toHex(key.subarray(-16))
    const reader = new Reader(value)
    const [role, out] = [reader.byte(), WAYS_OUT[reader.byte()]]
    const picture = readPicture(reader)
    const name = readText(reader, MAX_NAME_LENGTH) || undefined
    people.set(user, { user, role: role === NO_ROLE ? undefined : role, out, picture, name })
  }
  return people
}

export async function readSettings(storage: Storage, group: GroupId): Promise<Settings> {
  const value = await storage.get(settingsKey(group))
  if (!value) return NO_SETTINGS
  const reader = new Reader(value)
  const history = POLICIES[reader.byte()] ?? 'all'
  const disappearAfterMs = reader.varint()
  const picture = readPicture(reader)
  const name = readText(reader, MAX_NAME_LENGTH)
  const description = readText(reader, MAX_DESCRIPTION_LENGTH)
  return { history, disappearAfterMs, picture, name, description }
}

/** A device that entered, as things are now. */
export function deviceOf({ roster, history }: Engine, tag: DeviceTag): ListedDevice | undefined {
  const device = roster.device(tag)
  if (!device) return undefined
  const { publicKey, user } = device
  return {
    ...{ tag, publicKey, user },
    forked: history.forks.has(tag),
    active: roster.isActive(tag),
    removed: roster.isRemovedDevice(tag),
  }
}

/** Somebody who is a member, or was one, as things are now; undefined of anybody else. */
export function personOf(engine: Engine, particulars: Particulars, user: UserTag): ListedPerson | undefined {
  const { roster } = engine
  const role = roster.members.get(user)
  const out = role === undefined ? roster.wayOut(user) : undefined
  if (role === undefined && out === undefined) return undefined
  return { user, role, out, ...particulars.profile(user) }
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
export function answeredBy({ history, clocks }: Engine, content: Content, entry: Entry): number | undefined {
  const replyTo = decodeMessage(content)?.replyTo
  const target = replyTo === undefined ? undefined : history.get(replyTo)
  const holds = target !== undefined && chainOf(target.kind) === 'm' && clocks.happensBefore(target, entry)
  return holds ? history.nOf(target) : undefined
}

export function placeRow(group: GroupId, entry: Entry, n: number, answers: number | undefined): Row {
  return [timelineIndexKey(group, timelineKey(entry)), encodePlaced({ n, answers })]
}

export function reactionRow(group: GroupId, target: EventId, n: number): Row {
  return [reactionKey(group, target, n), NOTHING]
}

export function deviceRow(
  group: GroupId,
  { tag, publicKey, user, forked, active, removed }: ListedDevice,
): Row {
  const flags = (forked ? 1 : 0) | (active ? 2 : 0) | (removed ? 4 : 0)
  return [deviceKey(group, tag), new Writer().byte(flags).bytes(publicKey).hex(user).finish()]
}

export function personRow(group: GroupId, { user, role, out, picture, name }: ListedPerson): Row {
  const writer = new Writer().byte(role ?? NO_ROLE).byte(WAYS_OUT.indexOf(out))
  return [personKey(group, user), writeText(writePicture(writer, picture), name ?? '').finish()]
}

export function settingsRow(group: GroupId, settings: Settings): Row {
  const { name, description, picture, history, disappearAfterMs } = settings
  const writer = new Writer().byte(POLICIES.indexOf(history)).varint(disappearAfterMs)
  writePicture(writer, picture)
  return [settingsKey(group), writeText(writeText(writer, name), description).finish()]
}

function writePicture(writer: Writer, picture: Picture | undefined): Writer {
  return picture ? writer.byte(1).hex(picture.id).varint(picture.n) : writer.byte(0)
}

function readPicture(reader: Reader): Picture | undefined {
  return reader.byte() === 1 ? { id: reader.hex(16), n: reader.varint() } : undefined
}

function writeText(writer: Writer, text: string): Writer {
  return writer.block(utf8.encode(text))
}

function readText(reader: Reader, maxLength: number): string {
  return new TextDecoder().decode(reader.block(maxLength * BYTES_PER_UNIT))
}
