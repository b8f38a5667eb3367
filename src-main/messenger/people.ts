/** The people of a group as a window sees them: names, roles, devices, and how far their links have come. From the records. */
import {
  CONNECTION_STATES,
  type Commands,
  type Device,
  type DeviceTag,
  type FormerMember,
  type JoinProblem,
  type Person,
} from '../api/contract.ts'
import { toHex } from '../core/bytes.ts'
import { ROLE, type UserTag } from '../core/control/operation.ts'
import type { GroupLog } from './group-log.ts'
import { roleName } from './notices.ts'
import type { ListedPerson } from './records.ts'
import type { Self } from './self.ts'

/** Some 300 bytes each as JSON: far from what one frame to a window holds. */
const PEOPLE_PER_PAGE = 500

/** What the links of a group look like right now; the messenger knows. */
export interface Presence {
  connectionOf(peerKey: string): Person['connection']
  overall(): Person['connection']
  /** What keeps this device from joining. */
  joinProblem(): JoinProblem | undefined
}

export interface PeopleParts {
  log: GroupLog
  /** This device, and its person. */
  device: DeviceTag
  self: Self
  presence: Presence
}

export class People {
  readonly #parts: PeopleParts

  constructor(parts: PeopleParts) {
    this.#parts = parts
  }

  /** Members by user, a page of them; with the first page those who were members. */
  page(after = ''): Awaited<ReturnType<Commands['getPeople']>> {
    const { people } = this.#parts.log
    const members = [...people.values()].filter(({ user, role }) => role !== undefined && user > after)
    members.sort((a, b) => (a.user < b.user ? -1 : 1))
    const page = members.slice(0, PEOPLE_PER_PAGE)
    const devices = this.#devicesOf(new Set(page.map(({ user }) => user)))
    const former = [...people.values()].flatMap(({ user, out }): FormerMember[] =>
      after === '' && out ? [{ user, name: this.nameOfPerson(user), reason: out }] : [],
    )
    former.sort((a, b) => (a.user < b.user ? -1 : 1))
    return {
      people: page.map((person) => this.#describe(person, devices.get(person.user) ?? [])),
      former: former.slice(0, PEOPLE_PER_PAGE),
      next: members.length > page.length ? page.at(-1)!.user : undefined,
    }
  }

  /** Members, and those who have a device that is linked to this one. */
  count(): { people: number; online: number } {
    const { log, device, presence } = this.#parts
    const online = new Set<UserTag>()
    for (const { tag, publicKey, user, active } of log.devices.values())
      if (active && (tag === device || isOnline(presence.connectionOf(toHex(publicKey))))) online.add(user)
    let count = 0
    for (const { role } of log.people.values()) if (role !== undefined) count++
    return { people: count, online: online.size }
  }

  userOf(tag: DeviceTag): UserTag | undefined {
    return this.#parts.log.devices.get(tag)?.user
  }

  /** What the person of a device is called. */
  nameOf(tag: DeviceTag): string {
    const user = this.userOf(tag)
    return user === undefined ? tag.slice(0, 8) : this.nameOfPerson(user)
  }

  /** A message is shown even when its author's profile has not arrived. */
  nameOfPerson(user: UserTag): string {
    return this.#parts.log.people.get(user)?.name ?? user.slice(0, 8)
  }

  /** Id of the picture of a device's person. */
  pictureOf(tag: DeviceTag): string | undefined {
    const user = this.userOf(tag)
    return user === undefined ? undefined : this.#parts.log.people.get(user)?.picture?.id
  }

  #devicesOf(users: ReadonlySet<UserTag>): Map<UserTag, Device[]> {
    const { log, device: self, presence } = this.#parts
    const devices = new Map<UserTag, Device[]>()
    for (const { tag, publicKey, user, forked, removed } of log.devices.values()) {
      if (!users.has(user)) continue
      const isSelf = tag === self
      const connection = isSelf ? 'synchronised' : presence.connectionOf(toHex(publicKey))
      const device = { device: tag, isSelf, online: isOnline(connection), connection, forked, removed }
      devices.set(user, [...(devices.get(user) ?? []), device])
    }
    return devices
  }

  #describe({ user, role, picture }: ListedPerson, devices: Device[]): Person {
    const { log, self } = this.#parts
    const rank = ({ connection }: Device) => CONNECTION_STATES.indexOf(connection)
    const [best] = [...devices].sort((a, b) => rank(b) - rank(a))
    return {
      ...{ user, devices },
      name: this.nameOfPerson(user),
      picture: picture?.id,
      role: roleName(role ?? ROLE.reader),
      isSelf: user === self.user,
      online: devices.some(({ online }) => online),
      connection: best?.connection ?? 'offline',
      forked: devices.some(({ forked }) => forked),
      isVerified: self.has('verified', user),
      isBlocked: self.has('blocked', user),
      isMuted: self.has('muted', user),
      isSuccessor: log.engine.roster.successors.has(user),
    }
  }
}

function isOnline(connection: Person['connection']): boolean {
  return connection === 'admitted' || connection === 'synchronised'
}
