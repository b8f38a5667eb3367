/** What a window can ask, against real messengers that talk over a memory network. */
import { expect, onTestFinished, test } from 'vitest'
import type { GroupId, GroupSummary, Message } from '../../src-main/api/contract.ts'
import type { ErrorCode } from '../../src-main/api/errors.ts'
import { toHex } from '../../src-main/core/bytes.ts'
import { identityOf } from '../../src-main/crypto/identity.ts'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import { Messenger } from '../../src-main/messenger/messenger.ts'
import { systemTime } from '../../src-main/messenger/time.ts'
import { createMemoryNetwork, MemoryHub } from '../../src-main/network/memory.ts'
import { openMemoryStorage, type MemoryDisk } from '../../src-main/storage/memory.ts'
import { until } from '../helpers/messengers.ts'

interface Device {
  messenger: Messenger
  /** Closes it and opens it again on the same disk. */
  reopen(): Promise<void>
  /** Resolves once this is so; looked at after every update. */
  until(isSo: (groups: GroupSummary[]) => boolean): Promise<GroupSummary[]>
  /** How far its clock is ahead. */
  clock: { skewMs: number }
}

async function makeDevice(hub: MemoryHub, name: string, skewMs = 0): Promise<Device> {
  const key = sodiumCrypto.keyPair()
  const identity = identityOf(sodiumCrypto.randomBytes(32), sodiumCrypto)
  const disk: MemoryDisk = new Map()
  const clock = { skewMs }
  const start = () =>
    Messenger.start({
      storage: openMemoryStorage(disk),
      network: createMemoryNetwork(hub, toHex(key.publicKey)),
      crypto: sodiumCrypto,
      key,
      identity,
      dataFolder: 'memory',
      name,
      time: { ...systemTime, nowMs: () => Date.now() + clock.skewMs },
    })
  const device: Device = {
    clock,
    messenger: await start(),
    async reopen() {
      await device.messenger.close()
      device.messenger = await start()
    },
    async until(isSo) {
      let groups: GroupSummary[] = []
      await until(device.messenger, async () => {
        groups = (await device.messenger.commands.getState()).groups
        return isSo(groups)
      })
      return groups
    },
  }
  onTestFinished(() => device.messenger.close())
  return device
}

async function makeGroup(name = 'office'): Promise<{ alice: Device; bob: Device; group: GroupId }> {
  const hub = new MemoryHub()
  const alice = await makeDevice(hub, 'Alice')
  const bob = await makeDevice(hub, 'Bob')
  const group = await join(alice, bob, name)
  return { alice, bob, group }
}

async function join(founder: Device, other: Device, name: string): Promise<GroupId> {
  const { id } = await founder.messenger.commands.createGroup({ name })
  const { invite } = await founder.messenger.commands.createInvite({ group: id })
  await other.messenger.commands.joinGroup({ invite })
  for (const device of [founder, other])
    await device.until((groups) => groups.some((one) => one.id === id && one.people === 2 && one.joined))
  return id
}

/** The newest messages, without the notices of who came. */
async function messagesOf({ messenger }: Device, group: GroupId): Promise<Message[]> {
  const { messages } = await messenger.commands.getTimeline({ group, limit: 200 })
  return messages.filter(({ kind }) => kind === 'message')
}

async function untilShown(device: Device, group: GroupId, text: string): Promise<Message> {
  await device.until((groups) => groups.find(({ id }) => id === group)?.last?.text === text)
  return (await messagesOf(device, group)).findLast((message) => message.text === text)!
}

const failsWith = (code: ErrorCode) => expect.objectContaining({ code })

test('a message, its answer and a reaction are the same on both devices', async () => {
  const { alice, bob, group } = await makeGroup()
  await alice.messenger.commands.post({ group, text: 'tea at five?' })
  const question = await untilShown(bob, group, 'tea at five?')
  expect(question).toMatchObject({ author: 'Alice', own: false, kind: 'message', reactions: [] })
  const answer = await bob.messenger.commands.post({ group, text: 'yes', replyTo: question.id })
  expect(answer).toMatchObject({
    own: true,
    replyTo: { id: question.id, author: 'Alice', text: 'tea at five?' },
  })
  await untilShown(alice, group, 'yes')
  const reacted = new Promise<Message[]>((resolve) =>
    alice.messenger.onUpdate((name, argument) => {
      if (name === 'messagesChanged') resolve((argument as { messages: Message[] }).messages)
    }),
  )
  await bob.messenger.commands.react({ group, target: question.id, emoji: '🫖', on: true })
  const [changed] = await reacted
  expect(changed).toMatchObject({
    id: question.id,
    reactions: [{ emoji: '🫖', count: 1, mine: false, people: ['Bob'] }],
  })
  const [mine, theirs] = [await messagesOf(alice, group), await messagesOf(bob, group)]
  expect(mine.map(({ id, key, replyTo }) => [id, key, replyTo?.id])).toEqual(
    theirs.map(({ id, key, replyTo }) => [id, key, replyTo?.id]),
  )
  expect(theirs[0]!.reactions).toEqual([{ emoji: '🫖', count: 1, mine: true, people: ['Bob'] }])
})

test('a reaction taken back is gone', async () => {
  const { alice, group } = await makeGroup()
  const { id } = await alice.messenger.commands.post({ group, text: 'hm' })
  const react = (on: boolean) => alice.messenger.commands.react({ group, target: id, emoji: '👍', on })
  await react(true)
  await react(false)
  expect((await messagesOf(alice, group))[0]!.reactions).toEqual([])
  await react(true)
  await react(true)
  expect((await messagesOf(alice, group))[0]!.reactions).toMatchObject([{ count: 1 }])
})

test('several groups at once do not mix', async () => {
  const { alice, bob, group } = await makeGroup('one')
  const other = await join(bob, alice, 'two')
  await alice.messenger.commands.post({ group, text: 'in one' })
  await alice.messenger.commands.post({ group: other, text: 'in two' })
  await untilShown(bob, group, 'in one')
  await untilShown(bob, other, 'in two')
  expect((await messagesOf(bob, group)).map(({ text }) => text)).toEqual(['in one'])
  expect((await messagesOf(bob, other)).map(({ text }) => text)).toEqual(['in two'])
})

test('unread counts messages of others until they are marked as read, and stays so after opening again', async () => {
  const { alice, bob, group } = await makeGroup()
  await alice.messenger.commands.post({ group, text: 'one' })
  await alice.messenger.commands.post({ group, text: 'two' })
  const { n } = await untilShown(bob, group, 'two')
  const unread = async () => (await bob.messenger.commands.getState()).groups[0]!.unread
  expect(await unread()).toBe(2)
  await bob.messenger.commands.markRead({ group, n: n - 1 })
  expect(await unread()).toBe(1)
  await bob.reopen()
  expect(await unread()).toBe(1)
  await bob.messenger.commands.markRead({ group, n: 1_000_000 })
  expect(await unread()).toBe(0)
  await alice.messenger.commands.post({ group, text: 'three' })
  await untilShown(bob, group, 'three')
  expect(await unread()).toBe(1)
})

test('pages of the timeline follow each other without gaps or repetitions', async () => {
  const { alice, group } = await makeGroup()
  for (let i = 0; i < 25; i++) await alice.messenger.commands.post({ group, text: `${i}` })
  const { getTimeline } = alice.messenger.commands
  const all = (await getTimeline({ group, limit: 200 })).messages.map(({ key }) => key)
  // Besides, the group was founded, got its name, and Bob came.
  expect(all).toHaveLength(25 + 3)
  expect(all).toEqual([...all].sort())
  const backwards: string[] = []
  for (let before: string | undefined; ; before = backwards[0]) {
    const page = await getTimeline({ group, before, limit: 7 })
    backwards.unshift(...page.messages.map(({ key }) => key))
    expect(page.hasLater).toBe(before !== undefined)
    if (!page.hasEarlier) break
  }
  expect(backwards).toEqual(all)
  const onwards = [all[0]!]
  for (let more = true; more;) {
    const page = await getTimeline({ group, after: onwards.at(-1)!, limit: 7 })
    onwards.push(...page.messages.map(({ key }) => key))
    more = page.hasLater
  }
  expect(onwards).toEqual(all)
  const middle = await getTimeline({ group, around: all[13]!, limit: 5 })
  expect(middle).toMatchObject({ hasEarlier: true, hasLater: true })
  expect(middle.messages.map(({ key }) => key)).toEqual(all.slice(11, 16))
  const last = await getTimeline({ group, around: all.at(-1)!, limit: 1 })
  expect(last.messages.map(({ key }) => key)).toEqual(all.slice(-1))
})

test('a page of long messages is shorter, and never empty', async () => {
  const { alice, group } = await makeGroup()
  for (let i = 0; i < 40; i++) await alice.messenger.commands.post({ group, text: 'x'.repeat(40_000) })
  const { getTimeline } = alice.messenger.commands
  const page = await getTimeline({ group, limit: 200 })
  expect(JSON.stringify(page).length).toBeLessThan(2 * 1024 * 1024)
  expect(page.messages.length).toBeGreaterThan(10)
  expect(page.hasEarlier).toBe(true)
  const earlier = await getTimeline({ group, before: page.messages[0]!.key, limit: 200 })
  expect(page.messages.length + earlier.messages.length).toBe(40 + 3)
})

test('everything is there after closing and opening again', async () => {
  const { alice, bob, group } = await makeGroup()
  const { id } = await alice.messenger.commands.post({ group, text: 'kept' })
  await untilShown(bob, group, 'kept')
  await bob.messenger.commands.react({ group, target: id, emoji: '👍', on: true })
  const before = await messagesOf(bob, group)
  await bob.reopen()
  expect(await messagesOf(bob, group)).toEqual(before)
  expect((await bob.messenger.commands.getState()).name).toBe('Bob')
  await alice.messenger.commands.post({ group, text: 'and on' })
  await untilShown(bob, group, 'and on')
})

test('what is written while nobody can be reached arrives later, in its place', async () => {
  const { alice, bob, group } = await makeGroup()
  await alice.messenger.operator.setReachable({ peers: [] })
  await alice.messenger.commands.post({ group, text: 'alone' })
  await bob.messenger.commands.post({ group, text: 'meanwhile' })
  await alice.messenger.operator.setReachable({ peers: 'all' })
  for (const device of [alice, bob])
    await until(device.messenger, async () => (await messagesOf(device, group)).length === 2)
  expect(await messagesOf(alice, group).then((all) => all.map(({ id }) => id))).toEqual(
    await messagesOf(bob, group).then((all) => all.map(({ id }) => id)),
  )
})

test('a message is explained by what its author had seen, what is independent of it, and how late it came', async () => {
  const hub = new MemoryHub()
  // Bob's clock is ahead: what is written at the same time has an order all the same.
  const [alice, bob] = [await makeDevice(hub, 'Alice'), await makeDevice(hub, 'Bob', 50)]
  const group = await join(alice, bob, 'office')
  const explain = (device: Device, { id }: Message) =>
    device.messenger.commands.explain({ group, message: id })
  const textsOf = (quotes: readonly { text: string }[]) => quotes.map(({ text }) => text)
  const tea = await alice.messenger.commands.post({ group, text: 'tea?' })
  expect(await explain(alice, tea)).toEqual({ seen: [], independent: [] })
  await untilShown(bob, group, 'tea?')

  await alice.messenger.operator.setReachable({ peers: [] })
  const alone = await alice.messenger.commands.post({ group, text: 'alone' })
  // Dates of the same millisecond would not say which came first.
  await until(bob.messenger, async () => Date.now() > alone.sentAtMs)
  const meanwhile = await bob.messenger.commands.post({ group, text: 'meanwhile' })
  const later = await bob.messenger.commands.post({ group, text: 'later' })
  await alice.messenger.operator.setReachable({ peers: 'all' })
  for (const device of [alice, bob])
    await until(device.messenger, async () => (await messagesOf(device, group)).length === 4)

  const atBob = await explain(bob, alone)
  expect(textsOf(atBob.seen)).toEqual(['tea?'])
  expect(textsOf(atBob.independent)).toEqual(['meanwhile', 'later'])
  expect(atBob.late).toEqual({ overtaken: 2, latestMs: later.sentAtMs })
  const atAlice = await explain(alice, later)
  expect(textsOf(atAlice.seen)).toEqual(['meanwhile'])
  expect(textsOf(atAlice.independent)).toEqual(['alone'])
  expect(atAlice.late).toBeUndefined()

  await bob.messenger.commands.react({ group, target: alone.id, emoji: '👍', on: true })
  await until(alice.messenger, async () => (await messagesOf(alice, group))[1]!.reactions.length === 1)
  const answer = await alice.messenger.commands.post({ group, text: 'together', replyTo: meanwhile.id })
  expect(await explain(alice, answer)).toEqual({
    answers: expect.objectContaining({ id: meanwhile.id, author: 'Bob', text: 'meanwhile' }),
    seen: [expect.objectContaining({ id: alone.id, reaction: { author: 'Bob', emoji: '👍' } })],
    independent: [],
  })
  await expect(explain(alice, { ...answer, id: '0'.repeat(64) })).rejects.toEqual(
    failsWith('UNKNOWN_MESSAGE'),
  )
})

test('what cannot be done fails with a code', async () => {
  const { alice, bob, group } = await makeGroup()
  const { commands } = alice.messenger
  const nowhere = '0'.repeat(64)
  await expect(commands.post({ group: nowhere, text: 'x' })).rejects.toEqual(failsWith('UNKNOWN_GROUP'))
  await expect(commands.post({ group, text: '' })).rejects.toEqual(failsWith('INVALID_ARGUMENT'))
  await expect(commands.post({ group, text: 'x'.repeat(40_001) })).rejects.toEqual(
    failsWith('MESSAGE_TOO_LONG'),
  )
  await expect(commands.post({ group, text: 'x', replyTo: nowhere })).rejects.toEqual(
    failsWith('UNKNOWN_MESSAGE'),
  )
  await expect(commands.react({ group, target: nowhere, emoji: '👍', on: true })).rejects.toEqual(
    failsWith('UNKNOWN_MESSAGE'),
  )
  await expect(commands.getTimeline({ group, limit: 201 })).rejects.toEqual(failsWith('INVALID_ARGUMENT'))
  await expect(commands.createGroup({ name: ' ' })).rejects.toEqual(failsWith('INVALID_ARGUMENT'))
  await expect(commands.joinGroup({ invite: 'tapri:rubbish' })).rejects.toEqual(failsWith('INVALID_INVITE'))
  const { invite } = await commands.createInvite({ group })
  await expect(bob.messenger.commands.joinGroup({ invite })).rejects.toEqual(failsWith('ALREADY_MEMBER'))
  await expect(commands.joinGroup({ invite: `${invite.slice(0, -3)}AAA` })).rejects.toEqual(
    failsWith('INVALID_INVITE'),
  )
})

test('a group whose members are away can be joined later, and cannot be written to before', async () => {
  const hub = new MemoryHub()
  const alice = await makeDevice(hub, 'Alice')
  const bob = await makeDevice(hub, 'Bob')
  const { id } = await alice.messenger.commands.createGroup({ name: 'office' })
  const { invite } = await alice.messenger.commands.createInvite({ group: id })
  await alice.messenger.operator.setReachable({ peers: [] })
  expect(await bob.messenger.commands.joinGroup({ invite })).toMatchObject({
    id,
    joined: false,
    name: 'office',
  })
  await expect(bob.messenger.commands.post({ group: id, text: 'x' })).rejects.toEqual(
    failsWith('NOT_JOINED_YET'),
  )
  await bob.reopen()
  await alice.messenger.operator.setReachable({ peers: 'all' })
  await bob.until(([group]) => group!.joined)
  await bob.messenger.commands.post({ group: id, text: 'here' })
  await untilShown(alice, id, 'here')
})

test('a newcomer whose clock is hours ahead waits to be heard, and ends no session', async () => {
  const hub = new MemoryHub()
  const [alice, bob, carol] = [
    await makeDevice(hub, 'Alice'),
    await makeDevice(hub, 'Bob'),
    await makeDevice(hub, 'Carol', 3 * 60 * 60 * 1000),
  ]
  const group = await join(alice, bob, 'office')
  const { invite } = await alice.messenger.commands.createInvite({ group })
  await carol.messenger.commands.joinGroup({ invite })
  await carol.until(([one]) => one!.joined)
  for (let i = 0; i < 70; i++) await carol.messenger.commands.post({ group, text: `${i}` })
  const rejected = async () => (await alice.messenger.operator.getDiagnostics()).rejected
  await until(alice.messenger, async () => ((await rejected())['too-far-ahead'] ?? 0) > 0)
  expect((await rejected())['too-many-refused']).toBeUndefined()
  expect(await messagesOf(alice, group)).toEqual([])
  await alice.messenger.commands.post({ group, text: 'meanwhile' })
  await untilShown(bob, group, 'meanwhile')
  // When the time has come she is one of them, with all that she wrote.
  alice.clock.skewMs = carol.clock.skewMs
  await alice.until(([one]) => one!.people === 3)
  await untilShown(alice, group, '69')
  expect(await messagesOf(alice, group)).toHaveLength(71)
})
