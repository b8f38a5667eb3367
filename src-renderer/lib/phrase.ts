/** Words of a recovery phrase. */
export const PHRASE_LENGTH = 24
/** So many are typed back. */
export const ASKED_WORDS = 3

/** A phrase as it was typed, pasted or numbered: the words alone, in lower case. */
export function phraseWords(text: string): string[] {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .split(/[^\p{L}\p{M}]+/u)
    .filter((word) => word !== '')
}

/** Different places of a phrase, in order; random gives numbers from 0 to below 1. */
export function placesToAsk(length: number, count: number, random: () => number): number[] {
  const places = Array.from({ length }, (_, place) => place)
  return Array.from({ length: Math.min(count, length) }, () => {
    const [place] = places.splice(Math.floor(random() * places.length), 1)
    return place!
  }).sort((a, b) => a - b)
}
