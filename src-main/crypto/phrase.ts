/** Words for bytes: 11 bits each, of the English list of BIP-39. */
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { AppError } from '../api/errors.ts'
import type { Crypto } from './crypto.ts'

/** Bytes that a recovery phrase stands for. */
export const ENTROPY_SIZE = 32
export const PHRASE_WORDS = 24
const BITS_PER_WORD = 11
const PLACES = new Map(wordlist.map((word, place) => [word, place]))

export function newEntropy(crypto: Pick<Crypto, 'randomBytes'>): Uint8Array {
  return crypto.randomBytes(ENTROPY_SIZE)
}

/** The 24 words of 32 bytes; the last one checks the others. */
export function phraseOf(entropy: Uint8Array): string[] {
  if (entropy.length !== ENTROPY_SIZE) throw new TypeError('a recovery phrase stands for 32 bytes')
  return entropyToMnemonic(entropy, wordlist).split(' ')
}

/**
 * The way back, from whatever a person typed: case, line breaks, commas and numbers do not matter. Fails with AppError
 * WRONG_PHRASE; data has the place (from 0) and the word that is none, or how many words there are.
 */
export function entropyOf(text: string): Uint8Array {
  const words = text
    .normalize('NFKD')
    .toLowerCase()
    .split(/[^\p{L}\p{M}]+/u)
    .filter((word) => word !== '')
  const place = words.findIndex((word) => !PLACES.has(word))
  if (place >= 0 && words.length <= PHRASE_WORDS) {
    const word = words[place]!.slice(0, 40)
    const sentence = `Word ${place + 1}, “${word}”, is none of the words that phrases are made of.`
    throw new AppError('WRONG_PHRASE', sentence, { data: { place, word } })
  }
  if (words.length !== PHRASE_WORDS) {
    const sentence = `A recovery phrase has ${PHRASE_WORDS} words; these are ${words.length}.`
    throw new AppError('WRONG_PHRASE', sentence, { data: { words: words.length } })
  }
  try {
    return mnemonicToEntropy(words.join(' '), wordlist)
  } catch (cause) {
    const sentence =
      'These words are no recovery phrase together: one is another word, or some changed places.'
    throw new AppError('WRONG_PHRASE', sentence, { cause })
  }
}

/** The first bits of some bytes as so many words, without a check; for comparing by eye and voice. */
export function wordsOf(bytes: Uint8Array, count: number): string[] {
  if (count * BITS_PER_WORD > bytes.length * 8) throw new TypeError('too few bytes for so many words')
  const bit = (at: number) => (bytes[at >> 3]! >> (7 - (at & 7))) & 1
  return Array.from({ length: count }, (_, word) => {
    let place = 0
    for (let i = 0; i < BITS_PER_WORD; i++) place = (place << 1) | bit(word * BITS_PER_WORD + i)
    return wordlist[place]!
  })
}
