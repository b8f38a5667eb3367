import { expect, test } from 'vitest'
import { AppError } from '../../src-main/api/errors.ts'
import type { Message } from '../../src-main/api/contract.ts'
import { Attempt } from '../../src-renderer/state/attempt.svelte.ts'
import { MAX_PAGE_SIZE, PAGE_SIZE } from '../../src-renderer/state/conversation.svelte.ts'
import { Messenger } from '../../src-renderer/state/messenger.svelte.ts'
import { ALICE, CRICKET, keyAt, message, office, OFFICE } from './fake-client.ts'

const SELF = { device: ALICE, name: 'Alice Rao' }

/** A window on the office with its conversation open, and a reader at the newest message. */
async function atTheOffice(length = 100) {
  const fake = office(length)
  const messenger = new Messenger(fake)
  await expect.poll(() => messenger.ready).toBe(true)
  messenger.open(OFFICE)
  const conversation = messenger.conversation!
  await expect.poll(() => conversation.phase).toBe('ready')
  const seeAll = () => conversation.saw(0, conversation.messages.length - 1, true)
  seeAll()
  /** Posts come in key order after what is there; these are of others. */
  const foreign = (place: number, parts: Partial<Message> = {}) =>
    message(fake.timelines.get(OFFICE)!.length, {
      key: keyAt(place),
      own: false,
      device: 'b0b0000000000002',
      ...parts,
    })
  const marked = () => fake.calls.filter(({ command }) => command === 'markRead').length
  return { fake, messenger, conversation, foreign, seeAll, marked }
}

const texts = (messages: readonly Message[]) => messages.map(({ text }) => text)

test('the group that was heard from last comes first, and others keep their places', async () => {
  const { fake, messenger } = await atTheOffice()
  const order = () => messenger.groups.map(({ id }) => id)
  fake.deliver(CRICKET, [message(200, { own: false })])
  expect(order()[0]).toBe(CRICKET)
  fake.update(OFFICE, { connection: 'offline' })
  expect(order()[0]).toBe(CRICKET)
  expect(messenger.active!.connection).toBe('offline')
})

test('a conversation opens at its newest page, and loads earlier ones without a hole', async () => {
  const { conversation, fake } = await atTheOffice(200)
  expect(conversation.messages).toHaveLength(PAGE_SIZE)
  expect(conversation.messages.at(-1)!.n).toBe(199)
  await conversation.loadEarlier()
  await conversation.loadEarlier()
  await conversation.loadEarlier()
  expect(conversation.messages).toEqual(fake.timelines.get(OFFICE))
  expect(conversation.hasEarlier).toBe(false)
})

test('what I write is on screen before anything else happens, and stays one message', async () => {
  for (const updateFirst of [true, false]) {
    const { fake, conversation } = await atTheOffice()
    fake.updateFirst = updateFirst
    const sent = conversation.send('hello', undefined, SELF)
    expect(conversation.rows.at(-1)).toMatchObject({ text: 'hello', own: true })
    expect(conversation.outbox.list[0]!.status).toBe('sending')
    const key = conversation.rowKey(conversation.rows.at(-1)!)
    await sent
    expect(conversation.outbox.list).toEqual([])
    expect(conversation.rows.filter(({ text }) => text === 'hello')).toHaveLength(1)
    expect(conversation.rowKey(conversation.rows.at(-1)!)).toBe(key)
  }
})

test('a message that could not be kept says why, and can be tried again or discarded', async () => {
  const { fake, conversation } = await atTheOffice()
  fake.failures.set('post', new AppError('STORE_FAILED', 'The disk is full.'))
  await conversation.send('hello', undefined, SELF)
  const [failed] = conversation.outbox.list
  expect(failed).toMatchObject({ status: 'failed', error: { code: 'STORE_FAILED' } })
  await conversation.outbox.retry(failed!.message.id)
  expect(conversation.outbox.list).toEqual([])
  expect(conversation.messages.at(-1)!.text).toBe('hello')

  fake.failures.set('post', new AppError('STORE_FAILED', 'The disk is full.'))
  await conversation.send('never mind', undefined, SELF)
  conversation.outbox.discard(conversation.outbox.list[0]!.message.id)
  expect(texts(conversation.rows)).not.toContain('never mind')
})

test('two equal messages of mine in a row stay two', async () => {
  const { conversation } = await atTheOffice()
  await Promise.all([conversation.send('ok', undefined, SELF), conversation.send('ok', undefined, SELF)])
  expect(texts(conversation.rows).slice(-2)).toEqual(['ok', 'ok'])
  expect(conversation.outbox.list).toEqual([])
})

test('a reaction is on screen at once, and goes again when it could not be kept', async () => {
  const { fake, messenger, conversation } = await atTheOffice()
  const target = conversation.messages.findLast(
    ({ reactions, kind }) => reactions.length === 0 && kind === 'message',
  )!
  const shown = () => conversation.messages.find(({ id }) => id === target.id)!.reactions
  fake.failures.set('react', new AppError('TIMED_OUT', 'No answer.'))
  const done = messenger.attempt(() => conversation.react(target, '☕', true, 'Alice Rao'))
  expect(shown()).toMatchObject([{ emoji: '☕', count: 1, mine: true }])
  expect(await done).toBe(false)
  expect(shown()).toEqual([])
  expect(messenger.toasts.list).toMatchObject([{ tone: 'problem', text: 'No answer.' }])
})

test('a late message goes into its place, is marked, and is unread until it was really seen', async () => {
  const { fake, conversation, foreign, seeAll, marked } = await atTheOffice()
  await expect.poll(marked).toBe(0)
  const late = foreign(90.5, { text: 'from the train' })
  fake.deliver(OFFICE, [late])
  expect(conversation.messages.findIndex(({ id }) => id === late.id)).toBe(conversation.messages.length - 10)
  expect(conversation.reading.marked.has(late.id)).toBe(true)
  expect(texts(conversation.reading.late)).toEqual(['from the train'])

  // The newest row is on screen, the late one is not.
  conversation.saw(conversation.messages.length - 3, conversation.messages.length - 1, true)
  expect(marked()).toBe(0)
  seeAll()
  await expect.poll(marked).toBe(1)
  expect(fake.groups.find(({ id }) => id === OFFICE)!.unread).toBe(0)
  conversation.reading.dismiss()
  expect(conversation.reading.late).toEqual([])
  expect(conversation.reading.marked.has(late.id)).toBe(true)
})

test('that somebody joined is in its place, and not announced as late', async () => {
  const { fake, conversation, foreign } = await atTheOffice()
  const joined = foreign(90.5, { kind: 'notice', notice: { type: 'joined', effective: true }, text: '' })
  fake.deliver(OFFICE, [joined])
  expect(conversation.messages.at(-10)!.id).toBe(joined.id)
  expect(conversation.reading.late).toEqual([])
})

test('messages that nobody looks at stay unread, and a divider stands above the first', async () => {
  const { fake, conversation, foreign, seeAll, marked } = await atTheOffice()
  conversation.saw(0, 0, false)
  const first = foreign(100)
  fake.deliver(OFFICE, [first])
  await expect.poll(() => conversation.messages.at(-1)!.id).toBe(first.id)
  fake.deliver(OFFICE, [foreign(101)])
  await expect.poll(() => conversation.messages.at(-1)!.key).toBe(keyAt(101))
  expect(marked()).toBe(0)
  expect(conversation.reading.firstUnreadId).toBe(first.id)
  seeAll()
  await expect.poll(marked).toBe(1)
})

test('a reader further up is told how many came below, and stays where he is', async () => {
  const { fake, conversation, foreign } = await atTheOffice()
  conversation.following = false
  conversation.anchorKey = conversation.messages[5]!.key
  fake.deliver(OFFICE, [foreign(100), foreign(101, { id: 'ee'.repeat(32) })])
  expect(conversation.arrivedBelow).toBe(2)
  await conversation.toNewest()
  expect([conversation.following, conversation.arrivedBelow]).toEqual([true, 0])
})

test('jumping far up replaces the stretch, and what comes meanwhile is not lost', async () => {
  const { fake, conversation, foreign } = await atTheOffice(500)
  const far = fake.timelines.get(OFFICE)![10]!
  expect(await conversation.reach(far)).toBe(true)
  expect(conversation.hasLater).toBe(true)
  fake.deliver(OFFICE, [foreign(500, { text: 'news' })])
  expect(texts(conversation.messages)).not.toContain('news')
  expect(conversation.arrivedBelow).toBe(1)
  await conversation.toNewest()
  expect(conversation.messages.at(-1)!.text).toBe('news')
  expect(await conversation.reach({ id: 'nowhere', key: keyAt(3.5) })).toBe(false)
})

test('a burst is shown in few steps, complete and in order', async () => {
  const { fake, conversation, foreign } = await atTheOffice()
  for (let i = 0; i < 500; i++)
    fake.deliver(OFFICE, [foreign(100 + i, { id: i.toString(16).padStart(64, 'd') })])
  expect(conversation.messages.at(-1)!.key).toBe(keyAt(100))
  await expect.poll(() => conversation.messages.at(-1)!.key).toBe(keyAt(599))
  const keys = conversation.messages.map(({ key }) => key)
  expect(keys).toEqual([...new Set(keys)].sort())
  expect(conversation.messages.slice(-500)).toHaveLength(500)
})

test('a window that lost its link asks for everything again', async () => {
  const { fake, messenger, conversation } = await atTheOffice()
  fake.changeLink('lost')
  expect(messenger.link).toBe('lost')
  fake.timelines.get(OFFICE)!.push(message(100, { text: 'missed', key: keyAt(100), own: false }))
  fake.changeLink('open')
  await expect.poll(() => conversation.messages.at(-1)!.text).toBe('missed')
})

test('a store that cannot be opened is fatal, and a second try clears it', async () => {
  const fake = office(20)
  fake.failures.set('getState', new AppError('STORE_CORRUPT', 'The store is damaged.'))
  const messenger = new Messenger(fake)
  await expect.poll(() => messenger.fatal).toMatchObject({ code: 'STORE_CORRUPT' })
  await messenger.load()
  expect([messenger.fatal, messenger.ready]).toEqual([undefined, true])
})

test('an invite that is none says so in the dialog, and opens nothing', async () => {
  const { messenger } = await atTheOffice()
  const attempt = new Attempt()
  expect(await attempt.to(() => messenger.joinGroup('hello'))).toBe(false)
  expect(attempt).toMatchObject({ busy: false, failure: 'That is not a Tapri invite.' })
  expect(messenger.activeId).toBe(OFFICE)
  await messenger.joinGroup('tapri:1234')
  expect(messenger.active).toMatchObject({ joined: false, name: '' })
})

test('a draft belongs to its group, and Enter hands it over whole', async () => {
  const { messenger, conversation } = await atTheOffice()
  conversation.draft.text = '  not yet sent '
  messenger.open(CRICKET)
  expect(messenger.conversation!.draft.text).toBe('')
  messenger.open(OFFICE)
  expect(messenger.conversation!.draft.take()).toEqual({ text: 'not yet sent', replyTo: undefined })
  expect(conversation.draft.text).toBe('')
})

test('many unread messages are loaded at once, up to a limit, with the divider in place', async () => {
  const fake = office(400)
  const theirs = fake.timelines.get(OFFICE)!.filter(({ own, kind }) => !own && kind === 'message')
  fake.update(OFFICE, { unread: 100, readN: theirs.at(-101)!.n })
  const messenger = new Messenger(fake)
  await expect.poll(() => messenger.ready).toBe(true)
  messenger.open(OFFICE)
  const conversation = messenger.conversation!
  await expect.poll(() => conversation.phase).toBe('ready')
  expect(conversation.messages.length).toBeLessThanOrEqual(MAX_PAGE_SIZE)
  const unread = conversation.messages.filter(({ own, kind }) => !own && kind === 'message').slice(-100)
  expect(conversation.reading.firstUnreadId).toBe(unread[0]!.id)
})

test('with more unread messages than fit a page, the divider is there once the first of them is loaded', async () => {
  const fake = office(600)
  const theirs = fake.timelines.get(OFFICE)!.filter(({ own, kind }) => !own && kind === 'message')
  fake.update(OFFICE, { unread: 300, readN: theirs.at(-301)!.n })
  const messenger = new Messenger(fake)
  await expect.poll(() => messenger.ready).toBe(true)
  messenger.open(OFFICE)
  const conversation = messenger.conversation!
  await expect.poll(() => conversation.phase).toBe('ready')
  const first = theirs.at(-300)!.id
  const isLoaded = () => conversation.messages.some(({ id }) => id === first)
  expect(isLoaded()).toBe(false)
  while (!isLoaded()) {
    expect(conversation.reading.firstUnreadId).toBeUndefined()
    await conversation.loadEarlier()
  }
  if (conversation.messages[0]!.id === first) await conversation.loadEarlier()
  expect(conversation.reading.firstUnreadId).toBe(first)
  await conversation.send('hello', undefined, SELF)
  await conversation.loadEarlier()
  expect(conversation.reading.firstUnreadId).toBeUndefined()
})

test('messages that are hidden leave the window, and the reader where he is', async () => {
  const { fake, conversation, foreign, seeAll, marked } = await atTheOffice(200)
  await conversation.loadEarlier()
  const late = foreign(150.5, { text: 'two faced' })
  fake.deliver(OFFICE, [late, foreign(200, { id: 'bb'.repeat(32), text: 'the end' })])
  conversation.draft.replyTo = { id: late.id, key: late.key, author: late.author, text: late.text }
  conversation.following = false
  conversation.anchorKey = keyAt(120)
  const { generation } = conversation
  fake.replace(
    OFFICE,
    fake.timelines.get(OFFICE)!.filter(({ key }) => key !== late.key && key !== keyAt(110)),
  )
  const isShown = (key: string) => conversation.messages.some((other) => other.key === key)
  await expect.poll(() => isShown(late.key)).toBe(false)
  expect([isShown(keyAt(110)), isShown(keyAt(200))]).toEqual([false, true])
  expect(conversation.messages).toEqual(fake.timelines.get(OFFICE)!.slice(-conversation.messages.length))
  expect([conversation.generation, conversation.following]).toEqual([generation, false])
  expect(conversation.reading.late).toEqual([])
  expect(conversation.draft.replyTo).toBeUndefined()
  await conversation.toNewest()
  conversation.saw(conversation.messages.length - 3, conversation.messages.length - 1, true)
  await expect.poll(marked).toBe(1)
  seeAll()
})

test('the newest messages come first, and the history that fills in behind them is not late', async () => {
  const fake = office(30)
  const history = Array.from({ length: 300 }, (_, n) => message(n, { own: false, kind: 'message' }))
  const ahead = history.slice(-50).map((one) => ({ ...one, n: 0, provisional: true as const }))
  fake.timelines.set(OFFICE, [])
  const messenger = new Messenger(fake)
  await expect.poll(() => messenger.ready).toBe(true)
  messenger.open(OFFICE)
  const conversation = messenger.conversation!
  await expect.poll(() => conversation.phase).toBe('ready')
  expect(conversation.messages).toEqual([])
  fake.hasMore = true
  fake.replace(OFFICE, ahead)
  await expect.poll(() => conversation.messages).toEqual(ahead)
  conversation.saw(0, 49, true)
  fake.deliver(OFFICE, history.slice(0, 250))
  fake.deliver(OFFICE, [history[250]!])
  expect(conversation.messages).toHaveLength(50)
  expect(conversation.reading.late).toEqual([])
  fake.hasMore = false
  fake.replace(OFFICE, history)
  await expect.poll(() => conversation.messages.some(({ provisional }) => provisional)).toBe(false)
  expect(conversation.messages).toEqual(history.slice(-conversation.messages.length))
  expect(conversation.hasEarlier).toBe(true)
  expect(conversation.reading.late).toEqual([])
})

test('a message is explained, and what cannot be is told', async () => {
  const { fake, conversation } = await atTheOffice()
  const place = conversation.messages.at(-1)!
  await expect(conversation.explain(place)).rejects.toMatchObject({ code: 'UNKNOWN_MESSAGE' })
  fake.explanations.set(place.id, { seen: [], independent: [] })
  expect(await conversation.explain(place)).toEqual({ seen: [], independent: [] })
  expect(fake.calls.at(-1)!.args).toEqual({ group: OFFICE, message: place.id })
})
