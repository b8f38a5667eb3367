import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Message } from '../../src-main/api/contract.ts'
import { DISAPPEAR_CHOICES_MS, disappearTime } from '../../src-renderer/lib/disappearing.ts'
import { GROUP_GAP_MS, startsDay, startsGroup } from '../../src-renderer/lib/grouping.ts'
import { hueOf, initials } from '../../src-renderer/lib/identity.ts'
import { linkify } from '../../src-renderer/lib/linkify.ts'
import { indexAtKey, indexOfMessage, insertByKey } from '../../src-renderer/lib/ordered.ts'
import { toggled } from '../../src-renderer/lib/reactions.ts'
import { snippet, textBytes } from '../../src-renderer/lib/text.ts'
import { dayHeading, listTime, timeOfDay } from '../../src-renderer/lib/time.ts'
import { firstUnread, unreadAboveRead } from '../../src-renderer/lib/unread.ts'
import { keyAt, message } from './fake-client.ts'

describe('links', () => {
  test.each([
    ['see https://example.org/a, please', 'https://example.org/a'],
    ['(https://example.org/a_(b))', 'https://example.org/a_(b)'],
    ['HTTP://EXAMPLE.ORG!', 'HTTP://EXAMPLE.ORG'],
    ['पढ़ें https://example.org/मेनू।', 'https://example.org/मेनू'],
  ])('%s holds a link', (text, link) => {
    expect(linkify(text).filter((part) => part.href !== undefined)).toMatchObject([{ text: link }])
  })

  test.each([
    'javascript:alert(1)',
    'https://bank.example@evil.example/',
    'file:///etc/passwd',
    'https://',
    'example.org',
  ])('%s is no link', (text) => {
    expect(linkify(text)).toEqual([{ text }])
  })

  test('the parts of a text are the whole text, and lead only to http and https', () => {
    const piece = fc.constantFrom(
      'https://',
      'http://a.b',
      'javascript:',
      ' ',
      '(',
      ')',
      '.',
      '<',
      '@',
      '।',
      'x',
    )
    const text = fc.array(fc.oneof(piece, fc.string())).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(text, (given) => {
        const parts = linkify(given)
        expect(parts.map((part) => part.text).join('')).toBe(given)
        for (const { href } of parts) if (href !== undefined) expect(href).toMatch(/^https?:\/\/[^/@]/)
      }),
    )
  })
})

describe('texts', () => {
  test('a snippet is one line and never cuts a character in two', () => {
    expect(snippet(' one\n\n two ')).toBe('one two')
    expect(snippet('🍨'.repeat(10), 4)).toBe('🍨🍨🍨…')
  })

  test('a size counts bytes as they travel', () => {
    expect([textBytes('a'), textBytes('क'), textBytes('🍨')]).toEqual([1, 3, 4])
  })
})

test('the time after which messages disappear is said in weeks, days or hours', () => {
  expect(DISAPPEAR_CHOICES_MS.map(disappearTime)).toEqual(['Never', '1 day', '1 week', '4 weeks', '12 weeks'])
  const hourMs = 3_600_000
  expect([30 * 24 * hourMs, 36 * hourMs, 90 * 60_000].map(disappearTime)).toEqual([
    '30 days',
    '2 days',
    '2 hours',
  ])
})

describe('identity', () => {
  test.each([
    ['Alice Rao', 'AR'],
    ['rohit', 'R'],
    ['Meera (WhatsApp)', 'MW'],
    ['Anna von der Heide', 'AH'],
    ['क्षमा शर्मा', 'क्षश'],
    ['🦊', '🦊'],
    ['  ', '·'],
    ['', '·'],
  ])('%s is written as %s', (name, letters) => {
    expect(initials(name)).toBe(letters)
  })

  test('a hue stays with its id and lies on the circle', () => {
    fc.assert(
      fc.property(fc.string(), (id) => {
        expect(hueOf(id)).toBe(hueOf(id))
        expect(hueOf(id)).toBeGreaterThanOrEqual(0)
        expect(hueOf(id)).toBeLessThan(360)
      }),
    )
  })
})

describe('times', () => {
  const nowMs = new Date(2026, 10, 22, 15, 30).getTime()
  const day = 24 * 60 * 60_000

  test('a list shows the time today, the weekday this week, else the date', () => {
    expect(listTime(nowMs, nowMs, 'en-GB')).toBe('15:30')
    expect(listTime(nowMs - 2 * day, nowMs, 'en-GB')).toBe('Fri')
    expect(listTime(nowMs - 30 * day, nowMs, 'en-GB')).toBe('23 Oct')
    expect(listTime(nowMs + 2 * day, nowMs, 'en-GB')).toBe('24 Nov')
  })

  test('a heading says today and yesterday in words, and the year only when it is another', () => {
    expect(dayHeading(nowMs, nowMs, 'en-GB')).toBe('Today')
    expect(dayHeading(nowMs - day, nowMs, 'hi-IN')).toBe('कल')
    expect(dayHeading(nowMs - 20 * day, nowMs, 'en-GB')).toBe('Monday 2 November')
    expect(dayHeading(nowMs - 400 * day, nowMs, 'en-GB')).toContain('2025')
  })

  test('times follow the habits of the language', () => {
    expect(timeOfDay(nowMs, 'en-US')).toMatch(/^3:30\sPM$/u)
    expect(timeOfDay(nowMs, 'de-DE')).toBe('15:30')
  })
})

describe('groups of messages', () => {
  const first = message(1, { device: 'd1', author: 'Ann', sentAtMs: 0 })

  test('messages of one author within the gap stay together', () => {
    expect(startsGroup(first, { ...first, sentAtMs: GROUP_GAP_MS })).toBe(false)
    expect(startsGroup(first, { ...first, sentAtMs: GROUP_GAP_MS + 1 })).toBe(true)
    expect(startsGroup(first, { ...first, device: 'd2' })).toBe(false)
    expect(startsGroup(first, { ...first, user: 'u2' })).toBe(true)
    expect(startsGroup(first, { ...first, author: 'Meera', via: 'Ann' })).toBe(true)
    expect(startsGroup({ ...first, kind: 'notice' }, first)).toBe(true)
    expect(startsGroup(undefined, first)).toBe(true)
  })

  test('a day starts with its first message', () => {
    expect(startsDay(undefined, first)).toBe(true)
    expect(startsDay(first, { ...first, sentAtMs: 1 })).toBe(false)
    expect(startsDay(first, { ...first, sentAtMs: 2 * 24 * 60 * 60_000 })).toBe(true)
  })
})

describe('order', () => {
  const places = fc.uniqueArray(fc.integer({ min: 0, max: 40 }))
  const at = (numbers: number[]) => numbers.map((n) => message(n))

  test('inserting keeps the order of keys, without duplicates and without loss', () => {
    fc.assert(
      fc.property(places, places, (some, others) => {
        const merged = insertByKey(at([...some].sort((a, b) => a - b)), at(others))
        const expected = [...new Set([...some, ...others])].sort((a, b) => a - b)
        expect(merged.map(({ key }) => key)).toEqual(expected.map(keyAt))
      }),
    )
  })

  test('what comes again replaces what was there', () => {
    expect(insertByKey(at([1, 2]), [message(2, { text: 'changed' })])[1]!.text).toBe('changed')
  })

  test('a message is found by its place, and only itself', () => {
    const messages = at([1, 3, 5])
    expect(indexAtKey(messages, keyAt(4))).toBe(2)
    expect(indexOfMessage(messages, messages[1]!)).toBe(1)
    expect(indexOfMessage(messages, { id: 'other', key: keyAt(3) })).toBe(-1)
  })
})

describe('reactions', () => {
  test('mine comes on top of the others and goes without a trace', () => {
    const others = [{ emoji: '👍', count: 1, mine: false, people: ['Bob'] }]
    const withMine = toggled(others, '👍', true, 'Ann')
    expect(withMine).toEqual([{ emoji: '👍', count: 2, mine: true, people: ['Bob', 'Ann'] }])
    expect(toggled(withMine, '👍', false, 'Ann')).toEqual(others)
    expect(toggled(withMine, '👍', true, 'Ann')).toEqual(withMine)
    expect(toggled(toggled([], '☕', true, 'Ann'), '☕', false, 'Ann')).toEqual([])
    expect(toggled(others, '☕', false, 'Ann')).toEqual(others)
  })
})

describe('unread', () => {
  /** own and foreign messages in timeline order; the number is the delivery index. */
  const timeline = (...entries: [n: number, own?: 'own'][]): Message[] =>
    entries.map(([n, own], index) => message(n, { key: keyAt(index), n, own: own === 'own' }))

  test('the first unread message of others is known once a read one stands above it, or nothing does', () => {
    const messages = timeline([0], [1, 'own'], [2], [3])
    expect(firstUnread(messages, 1, false)).toBe(messages[2]!.id)
    expect(firstUnread(messages, 3, false)).toBeUndefined()
    expect(firstUnread(messages.slice(2), 1, false)).toBeUndefined()
    expect(firstUnread(messages.slice(2), 1, true)).toBe(messages[2]!.id)
  })

  test('what is shown ahead of its past is neither read nor unread', () => {
    const [first, ...rest] = timeline([0], [0], [5])
    const messages = [first!, { ...rest[0]!, provisional: true as const }, rest[1]!]
    expect(firstUnread(messages.slice(1), 4, false)).toBeUndefined()
    expect(firstUnread(messages, -1, true)).toBe(first!.id)
    expect(unreadAboveRead([rest[1]!, messages[1]!], 4)).toEqual([])
  })

  test('that somebody joined is not unread', () => {
    const messages = timeline([0], [1], [2])
    messages[2] = { ...messages[2]!, kind: 'notice', notice: { type: 'joined', effective: true } }
    expect(firstUnread(messages, 0, true)).toBe(messages[1]!.id)
    expect(firstUnread(messages, 1, true)).toBeUndefined()
  })

  test('a late message stands above one that was read', () => {
    const messages = timeline([0], [3], [1], [2, 'own'], [4])
    expect(unreadAboveRead(messages, 2).map(({ n }) => n)).toEqual([3])
  })
})
