import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readConversation } from '../../scripts/demo/irc-log.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const read = (log: string, annotation?: string, limit?: number) =>
  readConversation(bytes(log), annotation === undefined ? undefined : bytes(annotation), limit)

test('what is said, done and announced is told apart', () => {
  const { lines, skipped } = read(
    [
      '[10:00] <asha> hello <all>',
      '[10:01]  * ravi waves',
      '=== meera [~m@host] has joined #chai',
      '=== ravi sits down',
    ].join('\n'),
  )
  expect(lines.map(({ line, isNotice, nick, text }) => [line, isNotice, nick, text])).toEqual([
    [0, false, 'asha', 'hello <all>'],
    [1, false, 'ravi', 'ravi waves'],
    [2, true, 'meera', 'meera has joined #chai'],
    [3, false, 'ravi', 'ravi sits down'],
  ])
  expect(skipped).toBe(0)
})

test('lines of no known form are counted, and keep their numbers', () => {
  const { lines, skipped } = read(
    'nonsense\n[10:00] <a> one\n[25:00] <a> two\n[10:00] <a>\n\n[10:01] <a> three\n',
  )
  expect(lines.map(({ line, text }) => [line, text])).toEqual([
    [1, 'one'],
    [5, 'three'],
  ])
  expect(skipped).toBe(4)
})

test('the later line answers the earlier one, whichever is named first', () => {
  const log = ['a', 'b', 'c', 'd'].map((text) => `[10:00] <x> ${text}`).join('\n')
  const { lines, skippedAnnotations } = read(log, '0 2 -\n2 1 -\n3 3 -\n0 2 -\n1 99 -\nrubbish\n')
  expect(lines.map(({ answers }) => answers)).toEqual([[], [], [0, 1], []])
  expect(skippedAnnotations).toBe(2)
})

test('links beyond the limit are not asked for', () => {
  const log = ['a', 'b', 'c'].map((text) => `[10:00] <x> ${text}`).join('\n')
  const { lines, skippedAnnotations } = read(log, '0 1 -\n1 2 -\n', 2)
  expect(lines).toHaveLength(2)
  expect(skippedAnnotations).toBe(0)
})

test('midnight goes on, and a line out of order does not go back', () => {
  const times = ['23:58', '23:57', '00:01', '00:00', '10:00']
  const { lines } = read(times.map((time) => `[${time}] <x> y`).join('\n'))
  const minutes = lines.map(({ minute }) => minute)
  expect(minutes).toEqual([...minutes].sort((a, b) => a - b))
  expect(minutes[2]).toBeLessThan(10)
  expect(minutes[4]! - minutes[3]!).toBe(600)
})

test('a new nick is known as the old one', () => {
  const { renamed } = read('=== kabir is now known as kabir|class\n=== x is now known as x')
  expect([...renamed]).toEqual([['kabir|class', 'kabir']])
})

test('any bytes are read without an error, and every line is either taken or counted', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.uint8Array({ maxLength: 100 }), (log, annotation) => {
      const { lines, skipped } = readConversation(log, annotation)
      const rows = new TextDecoder().decode(log).split(/\r?\n/)
      const count = rows.at(-1) === '' ? rows.length - 1 : rows.length
      expect(lines.length + skipped).toBe(count)
    }),
  )
})
