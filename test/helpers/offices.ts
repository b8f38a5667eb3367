/** People with messengers on a memory network, in a group, for what they do to each other's membership. */
import { onTestFinished } from 'vitest'
import type { GroupId, GroupSummary, Person } from '../../src-main/api/contract.ts'
import { toHex } from '../../src-main/core/bytes.ts'
import type { KeyPair } from '../../src-main/crypto/crypto.ts'
import { identityOf, type UserIdentity } from '../../src-main/crypto/identity.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { Messenger } from '../../src-main/messenger/messenger.ts'
import { systemTime, type Time } from '../../src-main/messenger/time.ts'
import { createMemoryNetwork, MemoryHub } from '../../src-main/network/memory.ts'
import type { Network } from '../../src-main/network/network.ts'
import { openMemoryStorage, type MemoryDisk } from '../../src-main/storage/memory.ts'
import { until } from './messengers.ts'

/** Those that are due wait for seconds, those that nothing urges for minutes. */
function isRotation(delayMs: number): boolean {
  return (delayMs >= 1_000 && delayMs <= 8_000) || delayMs >= 60_000
}

/** The clocks of everybody, in the test's hand; nobody waits long for a rotation or a look at somebody else's clock. */
export class Clocks {
  nowMs = Date.UTC(2026, 0, 1)
  aheadMs = 0
  readonly time: Time = {
    ...systemTime,
    nowMs: () => this.nowMs,
    monotonicMs: () => performance.now() + this.aheadMs,
    after: (delayMs, task) => systemTime.after(isRotation(delayMs) ? 5 : delayMs, task),
    every: (intervalMs, task) => systemTime.every(Math.min(intervalMs, 50), task),
  }
}

export class Device {
  readonly name: string
  readonly key: KeyPair = crypto.keyPair()
  readonly identity: UserIdentity
  readonly disk: MemoryDisk = new Map()
  readonly hub: MemoryHub
  readonly #clocks: Clocks
  messenger!: Messenger

  constructor(hub: MemoryHub, name: string, clocks: Clocks, identity?: UserIdentity) {
    this.hub = hub
    this.name = name
    this.#clocks = clocks
    this.identity = identity ?? identityOf(crypto.randomBytes(32), crypto)
    onTestFinished(() => this.messenger.close())
  }

  /** around: what stands between it and the network. */
  async start(around: (network: Network) => Network = (network) => network): Promise<this> {
    this.messenger = await Messenger.start({
      storage: openMemoryStorage(this.disk),
      network: around(createMemoryNetwork(this.hub, this.peer)),
      crypto,
      key: this.key,
      identity: this.identity,
      dataFolder: 'memory',
      name: this.name,
      time: this.#clocks.time,
    })
    await this.messenger.opened
    return this
  }

  async reopen(): Promise<void> {
    await this.messenger.close()
    await this.start()
  }

  get peer(): string {
    return toHex(this.key.publicKey)
  }

  get user(): string {
    return this.identity.user
  }

  get commands() {
    return this.messenger.commands
  }

  async group(): Promise<GroupSummary> {
    return (await this.commands.getState()).groups[0]!
  }

  /** Resolves once its group is like that; looked at after every update, and now and then. */
  async until(isSo: (group: GroupSummary) => boolean | Promise<boolean>): Promise<GroupSummary> {
    await until(this.messenger, async () => {
      const group = await this.group()
      return group !== undefined && isSo(group)
    })
    return this.group()
  }

  async people(): Promise<Person[]> {
    return (await this.commands.getPeople({ group: (await this.group()).id })).people
  }

  async texts(): Promise<string[]> {
    const { messages } = await this.commands.getTimeline({ group: (await this.group()).id, limit: 200 })
    return messages.filter(({ kind }) => kind === 'message').map(({ text }) => text)
  }

  untilSays(text: string): Promise<GroupSummary> {
    return this.until(async () => (await this.texts()).includes(text))
  }
}

/** The first founded a group; the others came by its invite, and everybody knows what everybody is called. */
export async function makeOffice(...names: string[]) {
  const hub = new MemoryHub()
  const clocks = new Clocks()
  const newcomer = (name: string, identity?: UserIdentity) => new Device(hub, name, clocks, identity).start()
  const devices: Device[] = []
  for (const name of names) devices.push(await newcomer(name))
  const [founder, ...others] = devices as [Device, ...Device[]]
  const { id: group } = await founder.commands.createGroup({ name: 'office' })
  const { invite, id: inviteId } = await founder.commands.createInvite({ group })
  for (const { commands } of others) await commands.joinGroup({ invite })
  for (const device of devices)
    await device.until(async () => {
      const people = await device.people()
      return names.every((name) => people.some((person) => person.name === name))
    })
  return { hub, clocks, newcomer, devices, group: group as GroupId, invite, inviteId }
}
