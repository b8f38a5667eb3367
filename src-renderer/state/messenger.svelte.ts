/** The whole window: the groups, which one is open, and the updates that come for them. */
import type { AppState, Commands, GroupId, GroupSummary } from '../../src-main/api/contract.ts'
import { AppError, type ErrorCode } from '../../src-main/api/errors.ts'
import type { Client, ClientListener, Link } from '../client.ts'
import { errorSentence } from '../i18n/words.svelte.ts'
import { Conversation } from './conversation.svelte.ts'
import { Theme } from './theme.svelte.ts'
import { Toasts } from './toasts.svelte.ts'

/** With these the messenger cannot run at all. */
const FATAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'DATA_IN_USE',
  'STORE_CORRUPT',
  'KEY_UNREADABLE',
  'STORE_FAILED',
])

const NOTHING_READ = { unread: 0, readN: 0 }

/** What does not change while the messenger runs. */
export type About = Omit<AppState, 'groups' | 'name'>

export class Messenger implements ClientListener {
  readonly toasts = new Toasts()
  readonly theme = new Theme()
  link = $state<Link>('connecting')
  fatal = $state.raw<unknown>(undefined)
  ready = $state(false)
  about = $state.raw<About>({ device: '', addresses: [], version: '', dataFolder: '' })
  name = $state('')
  /** The group heard from last comes first. */
  groups = $state.raw<readonly GroupSummary[]>([])
  activeId = $state<GroupId | undefined>(undefined)
  /** The messages of the open group. */
  conversation = $state.raw<Conversation | undefined>(undefined)
  /** A person is looking at this window. */
  watched = $state(false)

  readonly #commands: Commands
  readonly #client: Client
  readonly #conversations = new Map<GroupId, Conversation>()

  constructor(client: Client) {
    this.#client = client
    this.#commands = client.commands
    client.listen(this)
  }

  get active(): GroupSummary | undefined {
    return this.groups.find((group) => group.id === this.activeId)
  }

  linkChanged(link: Link): void {
    this.link = link
    if (link === 'open') void this.load()
  }

  groupChanged(group: GroupSummary): void {
    const known = this.groups.find(({ id }) => id === group.id)
    const spoke = known === undefined || (group.last !== undefined && !sameLast(known, group))
    if (spoke) this.groups = [group, ...this.groups.filter(({ id }) => id !== group.id)]
    else this.groups = this.groups.map((other) => (other.id === group.id ? group : other))
  }

  messagesDelivered({ group, messages }: Parameters<ClientListener['messagesDelivered']>[0]): void {
    this.#conversations.get(group)?.deliver(messages)
  }

  messagesChanged({ group, messages }: Parameters<ClientListener['messagesChanged']>[0]): void {
    this.#conversations.get(group)?.change(messages)
  }

  timelineChanged({ group }: Parameters<ClientListener['timelineChanged']>[0]): void {
    const conversation = this.#conversations.get(group)
    if (conversation) void this.attempt(() => conversation.reload())
  }

  /** Asks for everything; also after a lost link, when updates were missed. */
  async load(): Promise<void> {
    try {
      const { name, groups, ...about } = await this.#commands.getState()
      this.about = about
      this.name = name
      this.groups = [...groups].sort((a, b) => (b.last?.sentAtMs ?? 0) - (a.last?.sentAtMs ?? 0))
      this.fatal = undefined
      this.ready = true
      for (const [id, conversation] of this.#conversations)
        void this.attempt(() => conversation.refresh(groups.find((group) => group.id === id) ?? NOTHING_READ))
    } catch (error) {
      if (error instanceof AppError && FATAL.has(error.code)) this.fatal = error
      else if (this.link === 'open') this.toasts.problem(error)
    }
  }

  /** Shows a group; its messages are loaded the first time. */
  open(group: GroupId): void {
    if (group === this.activeId) return
    this.activeId = group
    let conversation = this.#conversations.get(group)
    if (conversation === undefined) {
      conversation = new Conversation(group, this.#client)
      this.#conversations.set(group, conversation)
      void conversation.open(this.active ?? NOTHING_READ)
    } else if (conversation.hasLater) void this.attempt(() => conversation!.toNewest())
    this.conversation = conversation
  }

  /** Shows no group, only the list. */
  close(): void {
    this.activeId = undefined
    this.conversation = undefined
  }

  /** Opens the next group of the list, or the previous one. */
  openNeighbour(step: 1 | -1): void {
    if (this.groups.length === 0) return
    const at = this.groups.findIndex(({ id }) => id === this.activeId)
    const next = at < 0 ? 0 : (at + step + this.groups.length) % this.groups.length
    this.open(this.groups[next]!.id)
  }

  async createGroup(name: string): Promise<void> {
    this.#enter(await this.#commands.createGroup({ name }))
  }

  async joinGroup(invite: string): Promise<void> {
    this.#enter(await this.#commands.joinGroup({ invite }))
  }

  async createInvite(group: GroupId): Promise<string> {
    return (await this.#commands.createInvite({ group })).invite
  }

  async setName(name: string): Promise<void> {
    await this.#commands.setName({ name })
    this.name = name
  }

  /** Runs something that may fail; the failure becomes a toast. True when it went well. */
  async attempt(action: () => Promise<unknown>): Promise<boolean> {
    try {
      await action()
      return true
    } catch (error) {
      this.toasts.problem(error)
      return false
    }
  }

  /** Runs something that may fail; the failure's sentence, for a place of its own, or undefined. */
  async sentenceOf(action: () => Promise<unknown>): Promise<string | undefined> {
    try {
      await action()
      return undefined
    } catch (error) {
      return errorSentence(error)
    }
  }

  #enter(group: GroupSummary): void {
    // The update may have come first, and may know more than the answer.
    if (!this.groups.some(({ id }) => id === group.id)) this.groupChanged(group)
    this.open(group.id)
  }
}

function sameLast(a: GroupSummary, b: GroupSummary): boolean {
  return (
    a.last?.sentAtMs === b.last?.sentAtMs &&
    a.last?.author === b.last?.author &&
    a.last?.text === b.last?.text
  )
}
