import type { Commands, EventId, GroupId, Invite, RoleName } from '../../src-main/api/contract.ts'

const HOUR_MS = 3_600_000
export const USES = [1, 5, 20, 100] as const
/** How long an invite is valid, in hours. */
export const HOURS = [1, 24, 7 * 24, 30 * 24] as const

/** The invites of one group that still admit somebody, and the one that was made last. */
export class Invites {
  role = $state<RoleName>('member')
  uses = $state<number>(5)
  hours = $state<number>(7 * 24)
  open = $state.raw<readonly Invite[]>([])
  /** The link on screen. */
  link = $state('')

  readonly #group: GroupId
  readonly #commands: Commands

  constructor(group: GroupId, commands: Commands) {
    this.#group = group
    this.#commands = commands
  }

  async load(): Promise<void> {
    this.open = (await this.#commands.getInvites({ group: this.#group })).invites
  }

  /** Makes one as chosen; its link is then on screen. */
  async create(nowMs: number): Promise<void> {
    const { invite } = await this.#commands.createInvite({
      group: this.#group,
      role: this.role,
      maxUses: this.uses,
      expiresAtMs: nowMs + this.hours * HOUR_MS,
    })
    this.link = invite
    await this.load()
  }

  async revoke(id: EventId): Promise<void> {
    const revoked = this.open.find((invite) => invite.id === id)
    await this.#commands.revokeInvite({ group: this.#group, invite: id })
    if (revoked?.link === this.link) this.link = ''
    await this.load()
  }
}
