/** Shorter is not taken: an exported identity may be tried at leisure by whoever finds it, the keys only on this disk. */
export const MIN_EXPORT_LENGTH = 10
export const MIN_KEYS_LENGTH = 8

export type Strength = 'short' | 'weak' | 'fair' | 'good'

/**
 * A hint, no promise: how hard a passphrase is to guess, by its length and how many different characters and words it has.
 */
export function strengthOf(passphrase: string, minLength: number): Strength {
  const characters = Array.from(passphrase)
  if (characters.length < minLength) return 'short'
  const different = new Set(characters).size
  const words = new Set(passphrase.trim().split(/\s+/u)).size
  const kinds = [/\p{Ll}|\p{Lo}/u, /\p{Lu}/u, /\p{N}/u, /[^\p{L}\p{M}\p{N}]/u].filter((kind) =>
    kind.test(passphrase),
  ).length
  if (different < 6) return 'weak'
  const score = characters.length + 3 * (kinds - 1) + 2 * (words - 1)
  return score >= 26 ? 'good' : score >= 17 ? 'fair' : 'weak'
}
