import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src-main/core/bytes.ts'
import { entropyOf, newEntropy, phraseOf, wordsOf } from '../../src-main/crypto/phrase.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'

/** Of the vectors that BIP-39 names (github.com/trezor/python-mnemonic, vectors.json). */
const PUBLISHED = [
  ['00'.repeat(32), `${'abandon '.repeat(23)}art`],
  [
    '7f'.repeat(32),
    'legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title',
  ],
  ['ff'.repeat(32), `${'zoo '.repeat(23)}vote`],
  [
    'f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f',
    'void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group space point ten exist slush involve unfold',
  ],
] as const
const [, , , [ENTROPY, PHRASE]] = PUBLISHED
const entropy = fc.uint8Array({ minLength: 32, maxLength: 32 })

/** What entropyOf() says of a text that is no phrase. */
function problem(text: string) {
  try {
    return entropyOf(text) && 'none'
  } catch (error) {
    const { code, message, data } = error as { code: string; message: string; data: object }
    expect(code).toBe('WRONG_PHRASE')
    return { message, data }
  }
}

describe('a recovery phrase', () => {
  test.each(PUBLISHED.map((pair) => [...pair]))('of %s is as published, both ways', (bytes, phrase) => {
    expect(phraseOf(fromHex(bytes as string)).join(' ')).toBe(phrase)
    expect(toHex(entropyOf(phrase as string))).toBe(bytes)
  })

  test('stands for all of 32 bytes, and is new each time', () => {
    fc.assert(
      fc.property(entropy, (bytes) => {
        expect(entropyOf(phraseOf(bytes).join(' '))).toEqual(bytes)
      }),
    )
    expect(newEntropy(crypto)).toHaveLength(32)
    expect(toHex(newEntropy(crypto))).not.toBe(toHex(newEntropy(crypto)))
    expect(() => phraseOf(new Uint8Array(16))).toThrow(TypeError)
  })

  test('is read however it was typed', () => {
    const words = PHRASE.split(' ')
    for (const text of [
      PHRASE.toUpperCase(),
      `\n\t ${words.join('\r\n')}  `,
      words.map((word, i) => `${i + 1}. ${word}`).join('\n'),
      words.map((word, i) => `${i + 1})${word}`).join(', '),
      words.join('\u3000'),
    ])
      expect(toHex(entropyOf(text))).toBe(ENTROPY)
  })

  test('with a word that is none is told so, and which', () => {
    const words = PHRASE.split(' ')
    expect(problem(words.with(4, 'Kamp').join(' '))).toEqual({
      message: 'Word 5, “kamp”, is none of the words that phrases are made of.',
      data: { place: 4, word: 'kamp' },
    })
    expect(problem(words.with(23, 'café').join(' '))).toMatchObject({ data: { place: 23 } })
    expect(problem(words.with(0, 'x'.repeat(1000)).join(' '))).toMatchObject({
      data: { place: 0, word: 'x'.repeat(40) },
    })
  })

  test('with too few or too many words is told how many there are', () => {
    const words = PHRASE.split(' ')
    expect(problem(words.slice(1).join(' '))).toMatchObject({ data: { words: 23 } })
    expect(problem(`${PHRASE} zoo`)).toMatchObject({ data: { words: 25 } })
    expect(problem('')).toMatchObject({ data: { words: 0 } })
    expect(problem('12 34')).toMatchObject({ data: { words: 0 } })
  })

  test('with words that changed places is none', () => {
    const words = PHRASE.split(' ')
    expect(problem([words[1], words[0], ...words.slice(2)].join(' '))).toMatchObject({
      message: 'These words are no recovery phrase together: one is another word, or some changed places.',
    })
  })
})

test('words for comparing stand for the first bits', () => {
  fc.assert(
    fc.property(entropy, (bytes) => {
      // The last word of a phrase has 3 bits of the bytes, and 8 that check them.
      expect(wordsOf(bytes, 23)).toEqual(phraseOf(bytes).slice(0, 23))
    }),
  )
  expect(() => wordsOf(new Uint8Array(16), 12)).toThrow(TypeError)
})
