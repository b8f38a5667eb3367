import type {
  Commands,
  DeviceTag,
  FormerMember,
  GroupId,
  Person,
  RoleName,
  UserId,
} from '../../src-main/api/contract.ts'

/** The people of one group: fetched when they are shown, and again whenever somebody changes while they are. */
export class People {
  readonly group: GroupId
  list = $state.raw<readonly Person[]>([])
  former = $state.raw<readonly FormerMember[]>([])
  phase = $state<'idle' | 'loading' | 'ready' | 'failed'>('idle')
  failure = $state.raw<unknown>(undefined)

  readonly #commands: Commands
  #shown = 0
  #isLoading = false
  #isStale = true

  constructor(group: GroupId, commands: Commands) {
    this.group = group
    this.#commands = commands
  }

  get self(): Person | undefined {
    return this.list.find(({ isSelf }) => isSelf)
  }

  /** They come on screen; returns what is to be called when they leave it. */
  show(): () => void {
    this.#shown++
    if (this.#isStale) void this.load()
    return () => void this.#shown--
  }

  /** Somebody came, went or changed. */
  changed(): void {
    this.#isStale = true
    if (this.#shown > 0) void this.load()
  }

  /** One question at a time: what changes meanwhile is asked for after the answer. */
  async load(): Promise<void> {
    this.#isStale = true
    if (this.#isLoading) return
    this.#isLoading = true
    if (this.phase !== 'ready') this.phase = 'loading'
    try {
      while (this.#isStale) {
        this.#isStale = false
        await this.#loadAll()
      }
    } catch (error) {
      this.#isStale = true
      this.failure = error
      if (this.phase !== 'ready') this.phase = 'failed'
    } finally {
      this.#isLoading = false
    }
  }

  /** Page by page; the first time, each is shown as it comes. */
  async #loadAll(): Promise<void> {
    const isFirst = this.phase !== 'ready'
    const all: Person[] = []
    let after: UserId | undefined
    do {
      const { people, former, next } = await this.#commands.getPeople({ group: this.group, after })
      all.push(...people)
      if (after === undefined) this.former = former
      after = next
      if (isFirst || after === undefined) this.list = [...all]
      this.phase = 'ready'
    } while (after !== undefined)
  }

  setRole(user: UserId, role: RoleName): Promise<void> {
    return this.#do(this.#commands.setRole({ group: this.group, user, role }))
  }

  add(user: UserId, role: RoleName): Promise<void> {
    return this.#do(this.#commands.addMember({ group: this.group, user, role }))
  }

  remove(user: UserId, ban: boolean): Promise<void> {
    return this.#do(this.#commands.removeMember({ group: this.group, user, ban }))
  }

  removeDevice(device: DeviceTag): Promise<void> {
    return this.#do(this.#commands.removeDevice({ group: this.group, device }))
  }

  transfer(user: UserId): Promise<void> {
    return this.#do(this.#commands.transferOwnership({ group: this.group, user }))
  }

  nameSuccessor(user: UserId | undefined): Promise<void> {
    return this.#do(this.#commands.nameSuccessor({ group: this.group, user }))
  }

  setVerified(user: UserId, verified: boolean): Promise<void> {
    return this.#do(this.#commands.setVerified({ user, verified }))
  }

  setMuted(user: UserId, muted: boolean): Promise<void> {
    return this.#do(this.#commands.setMuted({ user, muted }))
  }

  async #do(call: Promise<void>): Promise<void> {
    await call
    this.changed()
  }
}
