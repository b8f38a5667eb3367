/** One event carries at most this much text. */
export const MAX_TEXT_BYTES = 40_000

const encoder = new TextEncoder()

/** Size of a text as it travels. */
export function textBytes(text: string): number {
  return encoder.encode(text).length
}

/** The start of a text on one line, for lists and quotes. */
export function snippet(text: string, length = 120): string {
  const line = text.replace(/\s+/gu, ' ').trim()
  const characters = Array.from(line)
  return characters.length <= length ? line : `${characters.slice(0, length - 1).join('')}…`
}
