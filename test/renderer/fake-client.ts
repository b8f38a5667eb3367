/**
 * A messenger in memory, for tests of the window: a few groups, a long conversation, and a handle for each thing
 * that can happen to a window (a late message, a failing post, a lost link).
 */
import type {
  AppState,
  AuditEntry,
  Commands,
  Conflict,
  Draft,
  Explanation,
  FormerMember,
  GroupSummary,
  Identity,
  Invite,
  Message,
  Notice,
  Page,
  PendingMessage,
  Person,
  Protection,
  Quote,
  Report,
  RoleName,
} from '../../src-main/api/contract.ts'
import { AppError } from '../../src-main/api/errors.ts'
import type { Client, ClientListener, Link } from '../../src-renderer/client.ts'

export const ALICE = 'a11ce00000000001'
const PEOPLE: readonly [device: string, name: string][] = [
  [ALICE, 'Alice Rao'],
  ['b0b0000000000002', 'Rahul Verma'],
  ['ca401000000000e3', 'Priya Nair'],
  ['dad0000000000004', 'अनिता शर्मा'],
  ['e4a0000000000005', 'Rohit'],
]
/** The user of a device of PEOPLE. */
export const userOf = (device: string) => device.repeat(2)
/** A red and a green square of one pixel: pictures as far as anybody can tell. */
export const RED =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=='
export const GREEN =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
/** A phrase that can be read aloud, and the words it may be made of. */
export const PHRASE =
  'acid bamboo candle desert eagle fabric galaxy habit island jacket kitchen ladder magnet nature ocean paddle quarter rabbit saddle table umbrella vacant walnut zebra'.split(
    ' ',
  )
export const FINGERPRINT =
  'river lemon orbit velvet thunder maple copper window silent garden pencil honey'.split(' ')
const THEIR_FINGERPRINT =
  'anchor basket cloud dragon ember forest guitar hammer ivory jungle kettle lantern'.split(' ')
export const OFFICE = '0f'.repeat(32)
export const CRICKET = 'c4'.repeat(32)
export const JOINING = '10'.repeat(32)
/** Sunday, 22 November 2026, noon UTC. */
export const NOON_MS = Date.UTC(2026, 10, 22, 12)

const LINES = [
  'pizza party tomorrow?',
  'What does it cost?',
  'I order. Two large ones, and something for those who do not eat cheese.',
  'शाकाहारी भी चाहिए, और मेरे लिए एक कड़क चाय।',
  'and dessert 🍨',
  'Here is the menu: https://example.org/menu?size=large. It is long, so read the second page first; prices at the end include delivery, and the place closes at ten on weekdays.',
  'ok',
  'Line one\nline two\n\nline four after an empty one',
]

/** A message with what the test cares about; the rest is filled in. */
export function message(n: number, parts: Partial<Message> = {}): Message {
  const [device, author] = PEOPLE[(n * 7 + (n >> 2)) % PEOPLE.length]!
  return {
    id: n.toString(16).padStart(64, '0'),
    key: keyAt(n),
    n,
    kind: 'message',
    device,
    user: userOf(parts.device ?? device),
    author,
    own: device === ALICE,
    text: LINES[n % LINES.length]!,
    sentAtMs: NOON_MS + n * 97_000,
    reactions: [],
    ...parts,
  }
}

/** A message as others quote it. */
export function quoteOf({ id, key, author, user, text, locked }: Message): Quote {
  const quote = { id, key, author, user, text: text.slice(0, 200), locked }
  return quote
}

/** The key of the n-th place; n + 0.5 lies between two. */
export function keyAt(n: number): string {
  return Math.round(n * 1000)
    .toString(16)
    .padStart(16, '0')
}

/** Something that happened, by Rahul unless said otherwise. */
export function notice(
  n: number,
  of: Partial<Notice> & { type: Notice['type'] },
  parts: Partial<Message> = {},
): Message {
  const [device, author] = PEOPLE[1]!
  return message(n, {
    kind: 'notice',
    device,
    user: userOf(device),
    author,
    own: false,
    text: '',
    notice: { effective: true, ...of },
    ...parts,
  })
}

/** A group that Alice owns. */
export function group(parts: Partial<GroupSummary> & { id: string }): GroupSummary {
  return {
    name: 'Office',
    description: '',
    history: 'all',
    disappearAfterMs: 0,
    conflicts: [],
    joined: true,
    role: 'owner',
    maySucceed: false,
    people: PEOPLE.length,
    online: 3,
    hidden: 0,
    connection: 'synchronised',
    unread: 0,
    readN: 0,
    pending: { count: 0, missing: [], preview: [] },
    ...parts,
  }
}

/** A group that is still being joined. */
export function joining(id: string, parts: Partial<GroupSummary> = {}): GroupSummary {
  return group({
    id,
    name: '',
    joined: false,
    role: undefined,
    connection: 'transport',
    people: 0,
    online: 0,
    ...parts,
  })
}

/** Alice owns the group, Rahul is an admin, Rohit only reads; Alice has a second device. */
export function people(): Person[] {
  const roles: RoleName[] = ['owner', 'admin', 'member', 'member', 'reader']
  return PEOPLE.map(([device, name], index) => {
    const isSelf = device === ALICE
    const online = index < 3
    const connection =
      isSelf || index > 3 ? 'offline' : index === 3 ? 'authenticated' : ('synchronised' as const)
    const forked = index === PEOPLE.length - 1
    const own = { device, isSelf, online, connection, forked, removed: false } as const
    const second = {
      ...own,
      device: `${device.slice(0, 15)}f`,
      isSelf: false,
      online: false,
      connection: 'offline',
    } as const
    return {
      user: userOf(device),
      name,
      role: roles[index]!,
      isSelf,
      online,
      connection,
      forked,
      isVerified: index === 1,
      isBlocked: false,
      isMuted: index === 3,
      isSuccessor: index === 1,
      devices: index < 2 ? [own, second] : [own],
    }
  })
}

/** So many people that they must not all be drawn. */
export function crowd(count: number): Person[] {
  const [pattern] = people().slice(2)
  return [
    ...people(),
    ...Array.from({ length: count - PEOPLE.length }, (_, index): Person => {
      const device = index.toString(16).padStart(16, '0')
      const devices = [{ ...pattern!.devices[0]!, device, online: index % 9 === 0 }]
      return {
        ...pattern!,
        user: userOf(device),
        name: `Colleague ${String(index + 1).padStart(5, '0')}`,
        online: index % 9 === 0,
        connection: 'offline',
        devices,
      }
    }),
  ]
}

export const FORMER: readonly FormerMember[] = [
  { user: 'fe'.repeat(16), name: 'Vikram', reason: 'left' },
  { user: 'fd'.repeat(16), name: 'Sameer Joshi', reason: 'removed' },
  { user: 'fc'.repeat(16), name: 'Spam Bot', reason: 'banned' },
]

/** The example of every text about it. */
export const REMOVAL_WINS: Conflict = {
  kind: 'cancelled',
  act: 'removed',
  by: 'Priya Nair',
  target: 'Rahul Verma',
  lost: [{ type: 'added', target: 'Rohit' }],
  lostCount: 1,
}

/** One act of every kind, the latest first. */
export function auditEntries(): AuditEntry[] {
  const entry = (
    index: number,
    parts: Partial<AuditEntry> & Pick<AuditEntry, 'type' | 'by'>,
  ): AuditEntry => ({
    id: index.toString(16).padStart(64, '0'),
    atMs: NOON_MS - index * 47 * 60_000,
    effective: true,
    cancelled: 0,
    hidden: 0,
    ...parts,
  })
  const acts: (Partial<AuditEntry> & Pick<AuditEntry, 'type' | 'by'>)[] = [
    {
      by: 'Priya Nair',
      type: 'removed',
      target: 'Rahul Verma',
      cancelled: 2,
      hidden: 3,
      conflict: REMOVAL_WINS,
    },
    { by: 'Rahul Verma', type: 'added', target: 'Rohit', effective: false, conflict: REMOVAL_WINS },
    { by: 'Alice Rao', type: 'invited', role: 'member', maxUses: 5, expiresAtMs: NOON_MS + 86_400_000 },
    { by: 'Alice Rao', type: 'invite-revoked', cancelled: 1 },
    { by: 'Priya Nair', type: 'banned', target: 'Spam Bot', hidden: 12 },
    { by: 'Alice Rao', type: 'role-changed', target: 'Priya Nair', role: 'admin' },
    { by: 'अनिता शर्मा', type: 'role-changed', target: 'Rohit', role: 'reader', effective: false },
    { by: 'Alice Rao', type: 'successor-named', target: 'Priya Nair' },
    { by: 'Rohit', type: 'joined', role: 'reader' },
    { by: 'Alice Rao', type: 'device-added' },
    { by: 'Alice Rao', type: 'rotated' },
    { by: 'Vikram', type: 'left' },
    { by: 'Alice Rao', type: 'settings-changed' },
    { by: 'Alice Rao', type: 'group-created' },
  ]
  return acts.map((act, index) => entry(index, act))
}

export class FakeMessenger implements Client {
  identity: Identity = {
    user: userOf(ALICE),
    name: 'Alice Rao',
    conflicts: [],
    isPhraseConfirmed: true,
    fingerprint: FINGERPRINT,
    fingerprintCode: 'tapri-fingerprint:' + '5c'.repeat(32),
  }
  groups: GroupSummary[] = []
  blocked: string[] = []
  protection: Protection = 'system'
  hasKeychain = true
  /** While it is set, only this opens the keys. */
  lockedWith: string | undefined
  readonly drafts = new Map<string, Draft>()
  /** Of every group that has no list of its own. */
  people: Person[] = people()
  former: FormerMember[] = [...FORMER]
  /** So many go into one answer. */
  pageOfPeople = 2_000
  invites: Invite[] = []
  audit: AuditEntry[] = []
  reports: Report[] = []
  readonly pictures = new Map<string, string>()
  readonly timelines = new Map<string, Message[]>()
  readonly explanations = new Map<string, Explanation>()
  readonly calls: { command: keyof Commands; args: unknown }[] = []
  /** The next call of a command fails with this. */
  readonly failures = new Map<keyof Commands, AppError>()
  /** No command is answered before it resolves. */
  #resumed: PromiseWithResolvers<void> | undefined
  /** Earlier messages are on their way. */
  hasMore = false
  /** The update of a posted message comes before the answer, as it may. */
  updateFirst = true
  #listener: ClientListener | undefined
  #next = 1_000_000

  get name(): string {
    return this.identity.name
  }

  set name(name: string) {
    this.identity = { ...this.identity, name }
  }

  readonly commands: Commands = {
    getState: () =>
      this.#answer('getState', undefined, () => {
        if (this.lockedWith !== undefined) throw new AppError('KEYS_LOCKED', 'The keys are locked.')
        return this.#state()
      }),
    unlock: (args) =>
      this.#answer('unlock', args, () => {
        if (args.passphrase !== this.lockedWith)
          throw new AppError('WRONG_PASSPHRASE', 'That passphrase does not open the keys.')
        this.lockedWith = undefined
      }),
    setPassphrase: (args) =>
      this.#answer('setPassphrase', args, () => {
        const without = this.hasKeychain ? 'system' : 'none'
        this.protection = args.passphrase === undefined ? without : 'passphrase'
      }),
    setName: (args) =>
      this.#answer('setName', args, () => {
        this.identify({ name: args.name, conflicts: this.#conflictsBut('name') })
      }),
    setPicture: (args) =>
      this.#answer('setPicture', args, () => {
        this.identify({ picture: this.#keep(args.picture), conflicts: this.#conflictsBut('picture') })
      }),
    getPicture: (args) =>
      this.#answer('getPicture', args, () => {
        const data = this.pictures.get(args.picture)
        if (data === undefined) throw new AppError('UNKNOWN_PICTURE', 'That picture is not here yet.')
        return { data }
      }),
    revealPhrase: () => this.#answer('revealPhrase', undefined, () => ({ words: PHRASE })),
    confirmPhrase: (args) =>
      this.#answer('confirmPhrase', args, () => {
        if (args.words.some(({ place, word }) => PHRASE[place] !== word))
          throw new AppError('WRONG_PHRASE', 'These are not the words of the phrase.')
        this.identify({ isPhraseConfirmed: true })
      }),
    restoreIdentity: (args) =>
      this.#answer('restoreIdentity', args, () => {
        const words = args.phrase.split(' ')
        const place = words.findIndex((word) => !PHRASE.includes(word))
        if (place >= 0)
          throw new AppError('WRONG_PHRASE', 'A word is in no list.', {
            data: { place, word: words[place]! },
          })
        if (words.join() !== PHRASE.join()) throw new AppError('WRONG_PHRASE', 'The checksum does not match.')
        return this.identify({ user: 'ab'.repeat(16), isPhraseConfirmed: true })
      }),
    exportIdentity: (args) =>
      this.#answer('exportIdentity', args, () => ({ text: `tapri-identity:1:${'k7Qx'.repeat(60)}` })),
    importIdentity: (args) =>
      this.#answer('importIdentity', args, () => {
        if (!args.text.startsWith('tapri-identity:'))
          throw new AppError('INVALID_EXPORT', 'That text is not an exported identity.')
        if (args.passphrase !== 'four horses drink chai')
          throw new AppError('WRONG_PASSPHRASE', 'That passphrase does not open it.')
        return this.identify({ user: 'ab'.repeat(16), isPhraseConfirmed: true })
      }),
    getFingerprint: (args) =>
      this.#answer('getFingerprint', args, () => ({
        words: THEIR_FINGERPRINT,
        code: `tapri-fingerprint:${'7e'.repeat(32)}`,
      })),
    setVerified: (args) =>
      this.#answer('setVerified', args, () => this.changePerson(args.user, { isVerified: args.verified })),
    setBlocked: (args) =>
      this.#answer('setBlocked', args, () => {
        this.blocked = this.blocked.filter((user) => user !== args.user)
        if (args.blocked) this.blocked.push(args.user)
        this.#listener?.blockedChanged({ users: this.blocked })
        this.changePerson(args.user, { isBlocked: args.blocked })
      }),
    setMuted: (args) =>
      this.#answer('setMuted', args, () => this.changePerson(args.user, { isMuted: args.muted })),
    createGroup: ({ name, description = '', picture, history = 'all', disappearAfterMs = 0 }) =>
      this.#answer('createGroup', { name, description, picture, history, disappearAfterMs }, () =>
        this.add(
          group({
            id: this.#id(),
            name,
            description,
            picture: this.#keep(picture),
            history,
            disappearAfterMs,
            people: 1,
            online: 1,
          }),
          [],
        ),
      ),
    changeSettings: (args) =>
      this.#answer('changeSettings', args, () => {
        const { group: id, picture, ...rest } = args
        const fields = Object.keys(args)
        this.update(id, {
          ...rest,
          ...(picture !== undefined && { picture: this.#keep(picture) }),
          conflicts: this.#find(id).conflicts.filter(({ field }) => !fields.includes(field)),
        })
      }),
    leaveGroup: (args) =>
      this.#answer('leaveGroup', args, () =>
        this.update(args.group, { joined: false, role: undefined, out: 'left' }),
      ),
    deleteGroup: (args) => this.#answer('deleteGroup', args, () => this.#forget(args.group)),
    createInvite: (args) =>
      this.#answer('createInvite', args, () => {
        const id = this.#id()
        const invite = `tapri:${args.group}${'9f3a'.repeat(40)}${this.invites.length}`
        const { role = 'member', maxUses = 1, expiresAtMs = NOON_MS } = args
        this.invites = [
          { id, role, expiresAtMs, maxUses, uses: 0, by: this.name, link: invite },
          ...this.invites,
        ]
        return { invite, id }
      }),
    getInvites: (args) => this.#answer('getInvites', args, () => ({ invites: this.invites })),
    revokeInvite: (args) =>
      this.#answer('revokeInvite', args, () => {
        this.invites = this.invites.filter(({ id }) => id !== args.invite)
      }),
    joinGroup: (args) =>
      this.#answer('joinGroup', args, () => {
        if (!args.invite.startsWith('tapri:'))
          throw new AppError('INVALID_INVITE', 'That is not a Tapri invite.')
        return this.add(joining(this.#id()), [])
      }),
    cancelJoin: (args) => this.#answer('cancelJoin', args, () => this.#forget(args.group)),
    getPeople: (args) =>
      this.#answer('getPeople', args, () => {
        const from = this.people.findIndex(({ user }) => user === args.after) + 1
        const people = this.people.slice(from, from + this.pageOfPeople)
        const next = from + people.length < this.people.length ? people.at(-1)!.user : undefined
        return { people, former: from === 0 ? this.former : [], next }
      }),
    addMember: (args) =>
      this.#answer('addMember', args, () => {
        const { name } = this.former.find(({ user }) => user === args.user)!
        this.former = this.former.filter(({ user }) => user !== args.user)
        this.people = [...this.people, { ...this.people.at(-1)!, user: args.user, name, role: args.role }]
        this.#peopleChanged()
      }),
    setRole: (args) => this.#answer('setRole', args, () => this.changePerson(args.user, { role: args.role })),
    removeMember: (args) =>
      this.#answer('removeMember', args, () => {
        const all = [...this.people, ...this.former]
        const { name } = all.find(({ user }) => user === args.user)!
        this.people = this.people.filter(({ user }) => user !== args.user)
        this.former = [
          ...this.former.filter(({ user }) => user !== args.user),
          { user: args.user, name, reason: args.ban ? 'banned' : 'removed' },
        ]
        this.#peopleChanged()
      }),
    removeDevice: (args) =>
      this.#answer('removeDevice', args, () => {
        this.people = this.people.map((person) => ({
          ...person,
          devices: person.devices.map((device) =>
            device.device === args.device ? { ...device, removed: true } : device,
          ),
        }))
        this.#peopleChanged()
      }),
    transferOwnership: (args) =>
      this.#answer('transferOwnership', args, () => {
        this.changePerson(args.user, { role: 'owner' })
        this.changePerson(this.identity.user, { role: 'admin' })
        this.update(args.group, { role: 'admin' })
      }),
    nameSuccessor: (args) =>
      this.#answer('nameSuccessor', args, () => {
        this.people = this.people.map((person) => ({ ...person, isSuccessor: person.user === args.user }))
        this.#peopleChanged()
      }),
    succeed: (args) =>
      this.#answer('succeed', args, () => {
        this.changePerson(this.identity.user, { role: 'owner' })
        this.update(args.group, { role: 'owner', maySucceed: false })
      }),
    report: (args) => this.#answer('report', args, () => {}),
    getAudit: (args) =>
      this.#answer('getAudit', args, () => ({ entries: this.audit, reports: this.reports })),
    explain: (args) =>
      this.#answer('explain', args, () => {
        const explanation = this.explanations.get(args.message)
        if (!explanation) throw new AppError('UNKNOWN_MESSAGE', 'That message is not here yet.')
        return explanation
      }),
    getTimeline: (args) => this.#answer('getTimeline', args, () => this.#page(args)),
    post: (args) =>
      this.#answer('post', args, () => {
        const timeline = this.timelines.get(args.group)!
        const n = timeline.reduce((most, other) => Math.max(most, other.n), -1) + 1
        const target = timeline.find(({ id }) => id === args.replyTo)
        const posted = message(n, {
          id: this.#id(),
          key: keyAt(Number.parseInt(timeline.at(-1)?.key ?? '0', 16) / 1000 + 1),
          device: ALICE,
          user: this.identity.user,
          author: this.name,
          own: true,
          text: args.text,
          sentAtMs: Date.now(),
          replyTo: target && quoteOf(target),
        })
        if (this.updateFirst) this.deliver(args.group, [posted])
        else timeline.push(posted)
        return posted
      }),
    react: (args) =>
      this.#answer('react', args, () => {
        const target = this.timelines.get(args.group)!.find(({ id }) => id === args.target)!
        const others = target.reactions.filter(({ emoji }) => emoji !== args.emoji)
        this.change(args.group, {
          ...target,
          reactions: args.on
            ? [...others, { emoji: args.emoji, count: 1, mine: true, people: [this.name] }]
            : others,
        })
      }),
    saveDraft: (args) =>
      this.#answer('saveDraft', args, () => {
        if (args.draft.text === '') this.drafts.delete(args.group)
        else this.drafts.set(args.group, args.draft)
      }),
    getDraft: (args) => this.#answer('getDraft', args, () => this.drafts.get(args.group) ?? { text: '' }),
    renewKeys: (args) => this.#answer('renewKeys', args, () => {}),
    markRead: (args) =>
      this.#answer('markRead', args, () => {
        const unread = this.timelines.get(args.group)!.filter(({ n, own }) => n > args.n && !own).length
        this.update(args.group, { unread, readN: args.n })
      }),
  }

  listen(listener: ClientListener): void {
    this.#listener = listener
    listener.linkChanged('open')
  }

  changeLink(link: Link): void {
    this.#listener?.linkChanged(link)
  }

  /** A group with its messages; tells the window when it is already there. */
  add(summary: GroupSummary, messages: Message[]): GroupSummary {
    this.timelines.set(summary.id, messages)
    const withLast = { ...summary, last: messages.at(-1) }
    this.groups.push(withLast)
    this.#listener?.groupChanged(withLast)
    return withLast
  }

  update(id: string, parts: Partial<GroupSummary>): void {
    const index = this.groups.findIndex((other) => other.id === id)
    this.groups[index] = { ...this.groups[index]!, ...parts }
    this.#listener?.groupChanged(this.groups[index]!)
  }

  deliver(id: string, messages: Message[]): void {
    const timeline = this.timelines.get(id)!
    timeline.push(...messages)
    timeline.sort((a, b) => (a.key < b.key ? -1 : 1))
    this.#listener?.messagesDelivered({ group: id, messages })
    const last = timeline.at(-1)!
    this.update(id, {
      last,
      unread:
        this.groups.find((other) => other.id === id)!.unread + messages.filter(({ own }) => !own).length,
    })
  }

  change(id: string, changed: Message): void {
    const timeline = this.timelines.get(id)!
    timeline[timeline.findIndex((other) => other.id === changed.id)] = changed
    this.#listener?.messagesChanged({ group: id, messages: [changed] })
  }

  /** Something about oneself changes, and the window is told. */
  identify(parts: Partial<Identity>): Identity {
    this.identity = { ...this.identity, ...parts }
    this.#listener?.identityChanged(this.identity)
    return this.identity
  }

  #conflictsBut(settled: 'name' | 'picture'): Identity['conflicts'] {
    return this.identity.conflicts.filter(({ field }) => field !== settled)
  }

  changePerson(user: string, parts: Partial<Person>): void {
    this.people = this.people.map((person) => (person.user === user ? { ...person, ...parts } : person))
    this.#peopleChanged()
  }

  #peopleChanged(): void {
    for (const { id } of this.groups) this.#listener?.peopleChanged({ group: id })
  }

  #find(id: string): GroupSummary {
    return this.groups.find((other) => other.id === id)!
  }

  #forget(id: string): void {
    this.groups = this.groups.filter((other) => other.id !== id)
    this.timelines.delete(id)
    this.#listener?.groupDeleted({ group: id })
  }

  /** The id of a picture from now on. */
  #keep(data: string | undefined): string | undefined {
    if (data === undefined || data === '') return undefined
    const id = this.pictures.size.toString(16).padStart(32, '0')
    this.pictures.set(id, data)
    return id
  }

  /** What the timeline is from now on; the window is told to look again. */
  replace(id: string, messages: Message[]): void {
    this.timelines.set(id, messages)
    this.#listener?.timelineChanged({ group: id })
  }

  #page({ group: id, before, after, around, limit }: Parameters<Commands['getTimeline']>[0]): Page {
    const all = this.timelines.get(id)
    if (all === undefined) throw new AppError('UNKNOWN_GROUP', 'This app is not in that group.')
    const at = (key: string) => all.filter((other) => other.key < key).length
    let from = all.length - limit
    if (before !== undefined) from = at(before) - limit
    if (after !== undefined) from = all.filter((other) => other.key <= after).length
    if (around !== undefined) from = at(around) - (limit >> 1)
    const to = before === undefined ? from + limit : at(before)
    from = Math.max(from, 0)
    return { messages: all.slice(from, to), hasEarlier: from > 0 || this.hasMore, hasLater: to < all.length }
  }

  #state(): AppState {
    return {
      device: ALICE,
      name: this.name,
      identity: this.identity,
      blocked: this.blocked,
      groups: [...this.groups],
      addresses: ['/ip4/192.168.1.20/tcp/4001/p2p/12D3KooWExampleExampleExample'],
      version: '0.1.0',
      dataFolder: '/home/alice/.config/tapri',
      protection: this.protection,
      hasKeychain: this.hasKeychain,
    }
  }

  /** Commands wait for their answers until resume(). */
  pause(): void {
    this.#resumed ??= Promise.withResolvers()
  }

  resume(): void {
    this.#resumed?.resolve()
    this.#resumed = undefined
  }

  async #answer<Value>(command: keyof Commands, args: unknown, value: () => Value): Promise<Value> {
    this.calls.push({ command, args })
    await this.#resumed?.promise
    const failure = this.failures.get(command)
    this.failures.delete(command)
    if (failure !== undefined) throw failure
    return value()
  }

  #id(): string {
    return (++this.#next).toString(16).padStart(64, 'f')
  }
}

/** What waits in the office group for messages of Anita. */
export const WAITING: PendingMessage[] = [
  {
    id: '77'.repeat(32),
    author: 'Rohit',
    text: 'Yes, that one. And tell her I bring the samosas.',
    sentAtMs: NOON_MS,
    waitingFor: 2,
    waitingOn: 'अनिता शर्मा',
  },
]

/** What the order knows about a message of the office: two causes, a reaction among them, and three beside it. */
export function explanationOf(messages: readonly Message[], index: number): Explanation {
  const quote = (other: number) => quoteOf(messages[other]!)
  return {
    answers: messages[index]!.replyTo,
    seen: [
      quote(index - 1),
      { ...quote(index - 4), reaction: { author: 'Rohit', emoji: '☕' } },
      quote(index - 40),
    ],
    independent: [quote(index - 2), quote(index + 1), quote(index + 2)],
    late: { overtaken: 12, latestMs: messages[index]!.sentAtMs + 40 * 60_000 },
  }
}

/** Three groups: a long one with replies, reactions and a bridged message, a short one, and one still joining. */
export function office(length = 5_000): FakeMessenger {
  const fake = new FakeMessenger()
  const messages = Array.from({ length }, (_, n) => message(n))
  for (let n = 5; n < length; n += 6) {
    messages[n] = { ...messages[n]!, replyTo: quoteOf(messages[n - 3]!) }
  }
  for (let n = 3; n < length; n += 9)
    messages[n] = {
      ...messages[n]!,
      reactions: [
        { emoji: '👍', count: 3, mine: n % 2 === 0, people: ['Priya Nair', 'Rohit', 'Rahul Verma'] },
        { emoji: '☕', count: 1, mine: false, people: ['Rohit'] },
      ],
    }
  for (let n = 7; n < length; n += 40)
    messages[n] = {
      ...messages[n]!,
      author: 'Meera (WhatsApp)',
      via: 'Rohit',
      own: false,
      device: PEOPLE[4]![0],
      user: userOf(PEOPLE[4]![0]),
    }
  messages[0] = notice(0, { type: 'group-created' })
  if (length > 30) messages[length - 12] = notice(length - 12, { type: 'joined' })
  fake.add(
    group({
      id: OFFICE,
      name: 'Office – third floor',
      description: 'Lunch, chai and the lift that does not work.',
    }),
    messages,
  )
  fake.add(group({ id: CRICKET, name: 'चाय और क्रिकेट', role: 'member', connection: 'offline', unread: 3 }), [
    notice(0, { type: 'group-created' }),
    ...[1, 2, 3, 4].map((n) => message(n)),
  ])
  fake.add(joining(JOINING), [])
  return fake
}
