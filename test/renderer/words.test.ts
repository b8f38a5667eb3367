import { IntlMessageFormat } from 'intl-messageformat'
import { afterEach, describe, expect, test } from 'vitest'
import { AppError, ERROR_CODES, type ErrorCode } from '../../src-main/api/errors.ts'
import { errorSentence, LANGUAGES, t, words, type MessageKey } from '../../src-renderer/i18n/words.svelte.ts'

afterEach(() => {
  words.language = 'en'
})

const keys = Object.keys(LANGUAGES.en.catalogue) as MessageKey[]
const sentences = Object.entries(LANGUAGES).flatMap(([language, { catalogue }]) =>
  Object.entries(catalogue).map(([key, sentence]) => [language, key as MessageKey, sentence] as const),
)

interface Element {
  type: number
  value?: unknown
  options?: Record<string, { value: Element[] }>
}
/** Elements that are filled in: an argument, a number, or a choice by its value. */
const ARGUMENT = 1
const NUMBER = 2
const SELECT = 5
const PLURAL = 6

/** The names that a sentence needs values for. */
function placeholders(elements: readonly Element[]): Set<string> {
  const names = new Set<string>()
  for (const { type, value, options } of elements) {
    if (type === ARGUMENT || type === NUMBER || type === SELECT || type === PLURAL) names.add(String(value))
    for (const option of Object.values(options ?? {}))
      for (const name of placeholders(option.value)) names.add(name)
  }
  return names
}

const placeholdersOf = (sentence: string) =>
  [
    ...placeholders(
      new IntlMessageFormat(sentence, 'en', undefined, { ignoreTag: true }).getAst() as Element[],
    ),
  ].sort()

describe('the catalogues', () => {
  test('every language has exactly the same keys', () => {
    for (const { catalogue } of Object.values(LANGUAGES)) expect(Object.keys(catalogue)).toEqual(keys)
  })

  test('no sentence is empty or has loose ends', () => {
    for (const [language, key, sentence] of sentences)
      expect(sentence, `${language} ${key}`).toMatch(/^\S(.*\S)?$/s)
  })

  test('every language fills in the same values', () => {
    for (const [language, key, sentence] of sentences)
      expect(placeholdersOf(sentence), `${language} ${key}`).toEqual(
        placeholdersOf(LANGUAGES.en.catalogue[key]),
      )
  })

  test('Hindi is not English left over', () => {
    const same = keys.filter((key) => LANGUAGES.hi.catalogue[key] === LANGUAGES.en.catalogue[key])
    const letters = (key: MessageKey) =>
      LANGUAGES.en.catalogue[key].replace(/\{[^}]*\}/g, '').replace(/[^a-z]/gi, '')
    expect(same.filter((key) => letters(key) !== '')).toEqual([])
  })

  test('every error code has a sentence', () => {
    const codes = Object.keys(ERROR_CODES).map((code) => `error.${code}`)
    expect(keys.filter((key) => key.startsWith('error.')).sort()).toEqual(codes.sort())
  })
})

describe('a sentence', () => {
  test('counts as its language does', () => {
    expect(t('timeline.new', { count: 1 })).toBe('1 new message')
    expect(t('timeline.new', { count: 2 })).toBe('2 new messages')
    words.language = 'hi'
    expect(t('timeline.new', { count: 1 })).toBe('1 नया संदेश')
    expect(t('timeline.new', { count: 2 })).toBe('2 नए संदेश')
  })

  test('takes any name as it is', () => {
    const name = "{count} <b>#1</b> 'x'"
    expect(t('notice.joined', { author: name })).toBe(`${name} joined`)
  })

  test('about a failure names what the messenger knows, or is translated', () => {
    const error = new AppError('STORE_FAILED', 'The disk is full.')
    expect(errorSentence(error)).toBe('The disk is full.')
    words.language = 'hi'
    expect(errorSentence(error)).toBe(
      LANGUAGES.hi.catalogue['error.STORE_FAILED' satisfies `error.${ErrorCode}`],
    )
    expect(errorSentence(new TypeError('a defect'))).toBe(LANGUAGES.hi.catalogue['error.INTERNAL'])
  })
})
