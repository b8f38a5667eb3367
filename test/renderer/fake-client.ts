/**
 * A messenger in memory, for tests of the window: a few groups, a long conversation, and a handle for each thing
 * that can happen to a window (a late message, a failing post, a lost link).
 */
import type {
  AppState,
  Commands,
  Explanation,
  GroupSummary,
  Message,
  Page,
  PendingMessage,
  Person,
  Quote,
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
    author,
    own: device === ALICE,
    text: LINES[n % LINES.length]!,
    sentAtMs: NOON_MS + n * 97_000,
    reactions: [],
    ...parts,
  }
}

/** The key of the n-th place; n + 0.5 lies between two. */
export function keyAt(n: number): string {
  return Math.round(n * 1000)
    .toString(16)
    .padStart(16, '0')
}

/** A group with its people; self is Alice. */
export function group(parts: Partial<GroupSummary> & { id: string }): GroupSummary {
  return {
    name: 'Office',
    joined: true,
    people: people(),
    connection: 'synchronised',
    unread: 0,
    readN: 0,
    pending: { count: 0, missing: [], preview: [] },
    ...parts,
  }
}

function people(): Person[] {
  return PEOPLE.map(([device, name], index) => ({
    device,
    name,
    online: index < 3,
    connection: index === 0 || index > 3 ? 'offline' : index === 3 ? 'authenticated' : 'synchronised',
    isSelf: device === ALICE,
    forked: index === PEOPLE.length - 1,
  }))
}

export class FakeMessenger implements Client {
  name = 'Alice Rao'
  groups: GroupSummary[] = []
  readonly timelines = new Map<string, Message[]>()
  readonly explanations = new Map<string, Explanation>()
  readonly calls: { command: keyof Commands; args: unknown }[] = []
  /** The next call of a command fails with this. */
  readonly failures = new Map<keyof Commands, AppError>()
  latencyMs = 0
  /** Earlier messages are on their way. */
  hasMore = false
  /** The update of a posted message comes before the answer, as it may. */
  updateFirst = true
  #listener: ClientListener | undefined
  #next = 1_000_000

  readonly commands: Commands = {
    getState: () => this.#answer('getState', undefined, () => this.#state()),
    setName: (args) => this.#answer('setName', args, () => void (this.name = args.name)),
    createGroup: (args) =>
      this.#answer('createGroup', args, () => this.add(group({ id: this.#id(), name: args.name }), [])),
    createInvite: (args) =>
      this.#answer('createInvite', args, () => ({ invite: `tapri:${args.group}${'9f3a'.repeat(40)}` })),
    joinGroup: (args) =>
      this.#answer('joinGroup', args, () => {
        if (!args.invite.startsWith('tapri:'))
          throw new AppError('INVALID_INVITE', 'That is not a Tapri invite.')
        return this.add(
          group({ id: this.#id(), name: '', joined: false, connection: 'transport', people: [] }),
          [],
        )
      }),
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
          author: this.name,
          own: true,
          text: args.text,
          sentAtMs: Date.now(),
          replyTo: target && {
            id: target.id,
            key: target.key,
            author: target.author,
            text: target.text.slice(0, 200),
          },
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
      groups: [...this.groups],
      addresses: ['/ip4/192.168.1.20/tcp/4001/p2p/12D3KooWExampleExampleExample'],
      version: '0.1.0',
      dataFolder: '/home/alice/.config/tapri',
    }
  }

  async #answer<Value>(command: keyof Commands, args: unknown, value: () => Value): Promise<Value> {
    this.calls.push({ command, args })
    await (this.latencyMs === 0
      ? Promise.resolve()
      : new Promise((resolve) => setTimeout(resolve, this.latencyMs)))
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
  const quote = (other: number): Quote => {
    const { id, key, author, text } = messages[other]!
    return { id, key, author, text: text.slice(0, 200) }
  }
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
    const { id, key, author, text } = messages[n - 3]!
    messages[n] = { ...messages[n]!, replyTo: { id, key, author, text: text.slice(0, 200) } }
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
    }
  messages[0] = message(0, { kind: 'notice', notice: 'group-created', own: false })
  if (length > 30)
    messages[length - 12] = message(length - 12, { kind: 'notice', notice: 'member-joined', own: false })
  fake.add(group({ id: OFFICE, name: 'Office – third floor' }), messages)
  fake.add(group({ id: CRICKET, name: 'चाय और क्रिकेट', connection: 'offline', unread: 3 }), [
    message(0, { kind: 'notice', notice: 'group-created', own: false }),
    ...[1, 2, 3, 4].map((n) => message(n)),
  ])
  fake.add(group({ id: JOINING, name: '', joined: false, connection: 'transport', people: [] }), [])
  return fake
}
