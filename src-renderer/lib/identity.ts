/** Up to two letters that stand for a name in an avatar; whole graphemes, so Devanagari stays readable. */
export function initials(name: string): string {
  const words = name.match(/[\p{L}\p{N}]\S*/gu) ?? name.match(/\S+/gu) ?? []
  const first = words[0]
  if (first === undefined) return '·'
  const last = words.length > 1 ? words[words.length - 1]! : ''
  return (firstGrapheme(first) + firstGrapheme(last)).toLocaleUpperCase()
}

/** A hue in degrees that stays with an id wherever it is shown. */
export function hueOf(id: string): number {
  let hash = 2166136261
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 16777619)
  return HUES[(hash >>> 0) % HUES.length]!
}

const HUES = [15, 45, 75, 110, 145, 175, 205, 235, 265, 295, 325, 350]

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

function firstGrapheme(word: string): string {
  for (const { segment } of graphemes.segment(word)) return segment
  return ''
}
