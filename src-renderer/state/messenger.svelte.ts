/** The whole window: the groups, which one is open, and the updates that come for them. */
import { SvelteSet } from 'svelte/reactivity'
import type {
  AppState,
  Commands,
  EventId,
  GroupId,
  GroupSummary,
  Identity,
  UserId,
} from '../../src-main/api/contract.ts'
import { AppError, type ErrorCode } from '../../src-main/api/errors.ts'
import type { Client, ClientListener, Link } from '../client.ts'
import { keep, readKept } from '../lib/kept.ts'
import { Conversation, type Place } from './conversation.svelte.ts'
import { Audit } from './audit.svelte.ts'
import { Invites } from './invites.svelte.ts'
import { OwnDevices } from './own-devices.svelte.ts'
import { People } from './people.svelte.ts'
import { PhraseCheck } from './phrase-check.svelte.ts'
import { Pictures } from './pictures.svelte.ts'
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

const NOBODY: Identity = {
  user: '',
  name: '',
  conflicts: [],
  isPhraseConfirmed: true,
  fingerprint: [],
  fingerprintCode: '',
}

/** What does not change by itself while the messenger runs. */
export type About = Omit<AppState, 'groups' | 'name' | 'identity' | 'blocked'>

/** The dialog over the window; one at a time. */
export type WindowDialog =
  | { kind: 'create' | 'restore' | 'phrase' }
  /** at: what of it was asked for. */
  | { kind: 'profile'; at?: 'protection' }
  | { kind: 'join'; invite: string }
  | { kind: 'settings' | 'invite' | 'audit' | 'leave' | 'delete'; group: GroupId }
  | { kind: 'report'; group: GroupId; message: EventId; author: string; text: string }

export class Messenger implements ClientListener {
  readonly toasts = new Toasts()
  readonly theme = new Theme()
  link = $state<Link>('connecting')
  fatal = $state.raw<unknown>(undefined)
  /** The keys wait for the passphrase. */
  isLocked = $state(false)
  ready = $state(false)
  about = $state.raw<About>({
    device: '',
    addresses: [],
    version: '',
    dataFolder: '',
    protection: 'system',
    hasKeychain: false,
  })
  identity = $state.raw<Identity>(NOBODY)
  /** Whose messages are folded away. */
  readonly blocked = new SvelteSet<UserId>()
  dialog = $state.raw<WindowDialog | undefined>(undefined)
  /** The people beside the conversation. */
  peopleShown = $state(false)
  /** A message to be brought on screen once its group is. */
  wanted = $state.raw<(Place & { group: GroupId }) | undefined>(undefined)
  /** The reminder of the recovery phrase was put off until the window opens again. */
  phrasePutOff = $state(false)
  /** The warning that nothing protects the keys was seen, and is not repeated. */
  #warned = $state(readKept('warned') !== null)
  readonly pictures: Pictures
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
  readonly #people = new Map<GroupId, People>()

  constructor(client: Client) {
    this.#client = client
    this.#commands = client.commands
    this.pictures = new Pictures((args) => client.commands.getPicture(args))
    client.listen(this)
  }

  get active(): GroupSummary | undefined {
    return this.group(this.activeId)
  }

  /** Whether to warn that whoever reads the disk reads the messages. */
  get warns(): boolean {
    return this.ready && this.about.protection === 'none' && !this.#warned
  }

  /** The warning is not shown again on this device. */
  dismissWarning(): void {
    this.#warned = true
    keep('warned', 'yes')
  }

  /** Empty until somebody said it. */
  get name(): string {
    return this.identity.name
  }

  group(id: GroupId | undefined): GroupSummary | undefined {
    return this.groups.find((group) => group.id === id)
  }

  linkChanged(link: Link): void {
    this.link = link
    if (link === 'open') void this.load()
  }

  groupChanged(group: GroupSummary): void {
    this.pictures.retry()
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

  peopleChanged({ group }: Parameters<ClientListener['peopleChanged']>[0]): void {
    this.pictures.retry()
    this.#people.get(group)?.changed()
  }

  identityChanged(identity: Identity): void {
    this.identity = identity
  }

  linkOpened({ link }: Parameters<ClientListener['linkOpened']>[0]): void {
    this.openLink(link)
  }

  blockedChanged({ users }: Parameters<ClientListener['blockedChanged']>[0]): void {
    for (const user of this.blocked) if (!users.includes(user)) this.blocked.delete(user)
    for (const user of users) this.blocked.add(user)
  }

  groupDeleted({ group }: Parameters<ClientListener['groupDeleted']>[0]): void {
    this.#conversations.get(group)?.draft.discard()
    if (this.activeId === group) this.close()
    this.groups = this.groups.filter(({ id }) => id !== group)
    this.#conversations.delete(group)
    this.#people.delete(group)
    if (this.dialog !== undefined && 'group' in this.dialog && this.dialog.group === group)
      this.dialog = undefined
  }

  /** Asks for everything; also after a lost link, when updates were missed. */
  async load(): Promise<void> {
    try {
      const { name, identity, blocked, groups, link, ...about } = await this.#commands.getState()
      this.about = about
      this.identity = { ...identity, name }
      this.blockedChanged({ users: blocked })
      this.groups = [...groups].sort((a, b) => (b.last?.sentAtMs ?? 0) - (a.last?.sentAtMs ?? 0))
      this.fatal = undefined
      this.isLocked = false
      this.ready = true
      if (link !== undefined) this.openLink(link)
      for (const people of this.#people.values()) people.changed()
      for (const [id, conversation] of this.#conversations) {
        void conversation.draft.load()
        void this.attempt(() => conversation.refresh(this.group(id) ?? NOTHING_READ))
      }
    } catch (error) {
      if (error instanceof AppError && FATAL.has(error.code)) this.fatal = error
      else if (error instanceof AppError && error.code === 'KEYS_LOCKED') this.isLocked = true
      else if (this.link === 'open') this.toasts.problem(error)
    }
  }

  /** Shows a group; its messages are loaded the first time. */
  open(group: GroupId): void {
    if (group === this.activeId) return
    this.conversation?.draft.flush()
    this.activeId = group
    let conversation = this.#conversations.get(group)
    if (conversation === undefined) {
      conversation = new Conversation(group, this.#client)
      this.#conversations.set(group, conversation)
      void conversation.draft.load()
      void conversation.open(this.active ?? NOTHING_READ)
    } else if (conversation.hasLater) void this.attempt(() => conversation!.toNewest())
    this.conversation = conversation
  }

  /** Shows no group, only the list. */
  close(): void {
    this.conversation?.draft.flush()
    this.activeId = undefined
    this.conversation = undefined
  }

  /** Keeps what is being written at once: the window may go. */
  keepDrafts(): void {
    for (const { draft } of this.#conversations.values()) draft.flush()
  }

  /** Opens the next group of the list, or the previous one. */
  openNeighbour(step: 1 | -1): void {
    if (this.groups.length === 0) return
    const at = this.groups.findIndex(({ id }) => id === this.activeId)
    const next = at < 0 ? 0 : (at + step + this.groups.length) % this.groups.length
    this.open(this.groups[next]!.id)
  }

  /** A link to a group came from outside: it is asked for, and nothing is done by itself. */
  openLink(text: string): void {
    this.dialog = { kind: 'join', invite: text }
  }

  /** Opens a group at one of its messages. */
  show(group: GroupId, { id, key }: Place): void {
    this.open(group)
    this.dialog = undefined
    this.wanted = { group, id, key }
  }

  peopleOf(group: GroupId): People {
    let people = this.#people.get(group)
    if (people === undefined) this.#people.set(group, (people = new People(group, this.#commands)))
    return people
  }

  invitesOf(group: GroupId): Invites {
    return new Invites(group, this.#commands)
  }

  auditOf(group: GroupId): Audit {
    return new Audit(group, this.#commands)
  }

  checkPhrase(): PhraseCheck {
    return new PhraseCheck(this.#commands)
  }

  ownDevices(): OwnDevices {
    return new OwnDevices(this.#commands)
  }

  async createGroup(args: Parameters<Commands['createGroup']>[0]): Promise<void> {
    this.#enter(await this.#commands.createGroup(args))
  }

  async joinGroup(invite: string): Promise<void> {
    this.#enter(await this.#commands.joinGroup({ invite }))
  }

  /** Gives up joining, and looks no longer at the group. */
  async cancelJoin(group: GroupId): Promise<void> {
    await this.#commands.cancelJoin({ group })
    this.groupDeleted({ group })
  }

  changeSettings(args: Parameters<Commands['changeSettings']>[0]): Promise<void> {
    return this.#commands.changeSettings(args)
  }

  renewKeys(group: GroupId): Promise<void> {
    return this.#commands.renewKeys({ group })
  }

  leaveGroup(group: GroupId): Promise<void> {
    return this.#commands.leaveGroup({ group })
  }

  async deleteGroup(group: GroupId): Promise<void> {
    await this.#commands.deleteGroup({ group })
    this.groupDeleted({ group })
  }

  succeed(group: GroupId): Promise<void> {
    return this.#commands.succeed({ group })
  }

  report(args: Parameters<Commands['report']>[0]): Promise<void> {
    return this.#commands.report(args)
  }

  /** Once this is done, the window is to be loaded again. */
  unlock(passphrase: string): Promise<void> {
    return this.#commands.unlock({ passphrase })
  }

  /** undefined: no passphrase any more. */
  async setPassphrase(passphrase: string | undefined): Promise<void> {
    await this.#commands.setPassphrase({ passphrase })
    const without = this.about.hasKeychain ? 'system' : 'none'
    this.about = { ...this.about, protection: passphrase === undefined ? without : 'passphrase' }
  }

  async setName(name: string): Promise<void> {
    await this.#commands.setName({ name })
    this.identity = { ...this.identity, name }
  }

  /** A data URL; undefined takes it away. */
  setPicture(picture: string | undefined): Promise<void> {
    return this.#commands.setPicture({ picture })
  }

  async restoreIdentity(phrase: string): Promise<void> {
    this.identity = await this.#commands.restoreIdentity({ phrase })
  }

  async importIdentity(text: string, passphrase: string): Promise<void> {
    this.identity = await this.#commands.importIdentity({ text, passphrase })
  }

  async exportIdentity(passphrase: string): Promise<string> {
    return (await this.#commands.exportIdentity({ passphrase })).text
  }

  getFingerprint(user: UserId): Promise<{ words: string[]; code: string }> {
    return this.#commands.getFingerprint({ user })
  }

  /** Folds away what somebody writes, everywhere on this device. */
  async setBlocked(user: UserId, blocked: boolean): Promise<void> {
    await this.#commands.setBlocked({ user, blocked })
    if (blocked) this.blocked.add(user)
    else this.blocked.delete(user)
    for (const people of this.#people.values()) people.changed()
  }

  /** Whether what somebody wrote is folded away. Who wrote a quote is known only where it says so. */
  isBlocked({ user }: { author: string; user?: UserId | undefined }): boolean {
    return user !== undefined && this.blocked.has(user)
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

  #enter(group: GroupSummary): void {
    // The update may have come first, and may know more than the answer.
    if (!this.groups.some(({ id }) => id === group.id)) this.groupChanged(group)
    this.open(group.id)
  }
}

/** The text may have come later than its message, or have disappeared. */
function sameLast(a: GroupSummary, b: GroupSummary): boolean {
  return a.last?.sentAtMs === b.last?.sentAtMs && a.last?.author === b.last?.author
}
