import type { Commands, DeviceTag, GroupId } from '../../src-main/api/contract.ts'
import { People } from './people.svelte.ts'

/** An installation of this person, over all groups. */
export interface OwnDevice {
  device: DeviceTag
  isSelf: boolean
  online: boolean
  /** Those that it still belongs to. */
  groups: GroupId[]
}

/** The devices of this person: gathered from the groups, which alone know them. */
export class OwnDevices {
  list = $state.raw<readonly OwnDevice[]>([])
  phase = $state<'loading' | 'ready'>('loading')
  readonly #commands: Commands

  constructor(commands: Commands) {
    this.#commands = commands
  }

  async load(groups: readonly GroupId[]): Promise<void> {
    const found = new Map<DeviceTag, OwnDevice>()
    for (const group of groups) {
      const people = new People(group, this.#commands)
      await people.load()
      if (people.phase === 'failed') throw people.failure
      for (const { device, isSelf, online, removed } of people.self?.devices ?? []) {
        const known = found.get(device) ?? { device, isSelf, online: false, groups: [] }
        known.online ||= online
        if (!removed) known.groups.push(group)
        found.set(device, known)
      }
    }
    this.list = [...found.values()].sort((a, b) => Number(b.isSelf) - Number(a.isSelf))
    this.phase = 'ready'
  }

  /** Takes a device out of every group. */
  async remove({ device, groups }: OwnDevice): Promise<void> {
    for (const group of groups) await this.#commands.removeDevice({ group, device })
    await this.load([...new Set(this.list.flatMap((other) => other.groups))])
  }
}
