/** The messages of a group that this person has not read: not what is their own, muted, or from before they came. */
import type { DeviceTag } from '../api/contract.ts'
import { KIND, kindAndAuthor, type Event } from '../core/event.ts'
import { timelineKey } from '../core/timeline.ts'
import { decodeN, eventRange, timelineIndexKey } from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'
import type { GroupLog } from './group-log.ts'
import { decodePlaced } from './records.ts'
import type { Self } from './self.ts'

/** Messages counted. */
const MAX_UNREAD = 1_000
/** Events that are looked at when a group opens, the latest first. */
const MAX_EVENTS_COUNTED = 4_000

export interface UnreadParts {
  log: GroupLog
  storage: Storage
  /** This device, and its person. */
  device: DeviceTag
  self: Self
  readN: number
}

export class Unread {
  readonly #parts: UnreadParts
  /** The n of messages, ascending but for what was hidden; the latest, when there are too many. */
  #ns = new Set<number>()
  #readN: number

  constructor(parts: UnreadParts) {
    this.#parts = parts
    this.#readN = parts.readN
  }

  get count(): number {
    return this.#ns.size
  }

  /** Everything up to here has been read. */
  get readN(): number {
    return this.#readN
  }

  markRead(n: number): void {
    this.#readN = Math.max(this.#readN, Math.min(n, this.#parts.log.length))
    for (const unread of this.#ns) if (unread <= this.#readN) this.#ns.delete(unread)
  }

  /** Somebody else's message was delivered. */
  note(event: Event, n: number): void {
    if (n <= this.#readN || !this.#isToRead(event)) return
    this.#ns.add(n)
    if (this.#ns.size > MAX_UNREAD) this.#ns.delete(this.#ns.values().next().value!)
  }

  /** It is visible no longer. */
  forget(n: number): void {
    this.#ns.delete(n)
  }

  /** Looks again for what was delivered since the user last looked. */
  async recount(): Promise<void> {
    const { log, storage, device } = this.#parts
    const range = { ...eventRange(log.group, this.#readN), reverse: true, limit: MAX_EVENTS_COUNTED }
    this.#ns.clear()
    const latestFirst: number[] = []
    for await (const [key, bytes] of storage.range(range)) {
      if (latestFirst.length === MAX_UNREAD) break
      const { kind, tag } = kindAndAuthor(bytes)
      const n = decodeN(key)
      if (kind !== KIND.message || tag === device || !this.#counts(tag)) continue
      if ((await this.#isVisible(n, tag)) && (await this.#canBeRead(n))) latestFirst.push(n)
    }
    this.#ns = new Set([...latestFirst.reverse(), ...this.#ns])
  }

  /** Not what is from before this person came, or has disappeared. */
  #isToRead(event: Event): boolean {
    const { locked } = this.#parts.log.contentOf(event)
    return locked !== 'before-joining' && locked !== 'expired' && this.#counts(event.tag)
  }

  /** Whether messages of a device count. */
  #counts(tag: DeviceTag): boolean {
    const { log, self } = this.#parts
    const user = log.devices.get(tag)?.user
    return user === undefined || !(self.has('muted', user) || self.has('blocked', user))
  }

  /** Of a device that forked, or belongs to the group no longer, the timeline tells. */
  async #isVisible(n: number, tag: DeviceTag): Promise<boolean> {
    const { log, storage } = this.#parts
    const device = log.devices.get(tag)
    if (device?.active && !device.forked) return true
    const value = await storage.get(timelineIndexKey(log.group, timelineKey(await log.read(n))))
    return value !== undefined && decodePlaced(value).n === n
  }

  async #canBeRead(n: number): Promise<boolean> {
    const { log } = this.#parts
    const { history, disappearAfterMs } = log.settings
    return (history === 'all' && disappearAfterMs === 0) || this.#isToRead(await log.read(n))
  }
}
