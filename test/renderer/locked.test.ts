import { afterEach, describe, expect, test } from 'vitest'
import { LOCKED_REASONS, type Locked, type Message } from '../../src-main/api/contract.ts'
import { words } from '../../src-renderer/i18n/words.svelte.ts'
import { foldRuns, messagesIn, type Row } from '../../src-renderer/lib/runs.ts'
import { said } from '../../src-renderer/lib/said.ts'
import { countsAsUnread } from '../../src-renderer/lib/unread.ts'
import { Messenger } from '../../src-renderer/state/messenger.svelte.ts'
import { CRICKET, keyAt, message, notice, office, OFFICE, quoteOf } from './fake-client.ts'

afterEach(() => {
  words.language = 'en'
})

const LETTERS: Record<string, Partial<Message>> = {
  m: {},
  n: { kind: 'notice' },
  k: { locked: 'no-key', text: '' },
  u: { locked: 'unreadable', text: '' },
  b: { locked: 'before-joining', text: '' },
  e: { locked: 'expired', text: '' },
  p: { locked: 'expired', text: '', provisional: true },
}
/** Messages by one letter each. */
const drawn = (drawing: string) => Array.from(drawing, (letter, n) => message(n, LETTERS[letter]))
const draw = (rows: readonly Row[]) =>
  rows
    .map((row) => (row.kind === 'run' ? `${row.count}${row.locked[0]}` : (row.locked?.[0] ?? 'm')))
    .join(' ')

test('a text that is not to be read has a sentence in its place, in every language', () => {
  expect(said({ text: ' two\nlines ' })).toBe('two lines')
  const sentences = (['en', 'hi'] as const).flatMap((language) => {
    words.language = language
    return LOCKED_REASONS.map((locked) => said({ text: '', locked }))
  })
  expect(sentences[0]).toBe('Waiting for the key of this message')
  expect(new Set(sentences).size).toBe(8)
})

describe('a run of messages that are locked for good', () => {
  test.each([
    ['mmm', 'm m m'],
    ['bbbm', '3b m'],
    ['mbm', 'm b m'],
    ['bbeee', '2b 3e'],
    ['ebnee', 'e b m 2e'],
    ['kkuu', 'n n u u'],
    ['eepp', '2e 2e'],
  ])('%s is shown as %s', (drawing, shown) => {
    expect(draw(foldRuns(drawn(drawing)))).toBe(shown)
  })

  test('ends above the first unread message', () => {
    const messages = drawn('bbbb')
    expect(draw(foldRuns(messages, messages[2]!.id))).toBe('2b 2b')
  })

  test('has the identity of its last message, so that it stays one row when it grows upwards', () => {
    const messages = drawn('bbbb')
    const [last] = foldRuns(messages.slice(2))
    expect(foldRuns(messages)).toMatchObject([{ id: last!.id, key: last!.key, first: messages[0] }])
  })

  test('counts as seen from its first message to its last', () => {
    const messages = drawn('mbbbm')
    const rows = foldRuns(messages)
    expect(messagesIn(messages, rows, 1, 1)).toEqual([1, 3])
    expect(messagesIn(messages, rows, 0, 2)).toEqual([0, 4])
    expect(messagesIn(messages, rows, 1, 3)).toEqual([1, -1])
  })
})

/** A window on the office with its conversation open. */
async function atTheOffice() {
  const fake = office(60)
  const messenger = new Messenger(fake)
  await expect.poll(() => messenger.ready).toBe(true)
  messenger.open(OFFICE)
  const conversation = messenger.conversation!
  await expect.poll(() => conversation.phase).toBe('ready')
  const lock = (of: Message, locked: Locked) => fake.change(OFFICE, { ...of, text: '', locked })
  return { fake, messenger, conversation, lock }
}

test('a message that disappears is no longer answered, announced, or listed as late', async () => {
  const { fake, conversation, lock } = await atTheOffice()
  conversation.saw(0, 59, true)
  const late = message(60, { key: keyAt(40.5), own: false, text: 'late' })
  const newest = message(61, { own: false, text: 'new' })
  fake.deliver(OFFICE, [late, newest])
  await expect.poll(() => conversation.announced?.text).toBe('new')
  expect(conversation.reading.late).toMatchObject([{ text: 'late' }])
  conversation.draft.replyTo = newest
  lock(late, 'no-key')
  expect(conversation.reading.late).toMatchObject([{ text: '', locked: 'no-key' }])
  lock(newest, 'expired')
  lock(late, 'expired')
  expect(conversation.draft.replyTo).toBeUndefined()
  expect(conversation.announced).toBeUndefined()
  expect(conversation.reading.late).toEqual([])
})

test('a group is not heard from because a key came or a text disappeared', async () => {
  const { fake, messenger } = await atTheOffice()
  const last = message(61, { text: '', locked: 'no-key' })
  fake.update(OFFICE, { last })
  fake.update(CRICKET, { last: notice(99, { type: 'joined' }) })
  fake.update(OFFICE, { last: { ...last, text: 'Tea?', locked: undefined } })
  expect(messenger.groups.map(({ id }) => id).slice(0, 2)).toEqual([CRICKET, OFFICE])
})

test('who is blocked is not shown in a quote or a list either', async () => {
  const { fake, messenger } = await atTheOffice()
  const [quoted] = fake.timelines.get(OFFICE)!.filter(({ own, kind }) => !own && kind === 'message')
  expect(messenger.isBlocked(quoteOf(quoted!))).toBe(false)
  await messenger.setBlocked(quoted!.user!, true)
  expect(messenger.isBlocked(quoteOf(quoted!))).toBe(true)
  expect(messenger.isBlocked({ author: quoted!.author })).toBe(false)
})

test('what nobody can read any more is not unread, and what waits for its key is', () => {
  const counts = (locked: Locked) => countsAsUnread(message(1, { own: false, text: '', locked }))
  expect(LOCKED_REASONS.filter(counts)).toEqual(['no-key', 'unreadable'])
})
