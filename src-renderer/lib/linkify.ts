/** A piece of a message: plain text, or a link whose href is always http or https. */
export interface TextPart {
  text: string
  href?: string
}

const CANDIDATE = /\bhttps?:\/\/[^\s<>"'`{}|\\^]+/giu
const TRAILING = /[.,:;!?*_~…।]+$/u

/** Cuts a text into plain parts and safe links. The texts of all parts together are the whole text. */
export function linkify(text: string): TextPart[] {
  const parts: TextPart[] = []
  let done = 0
  for (const match of text.matchAll(CANDIDATE)) {
    const link = withoutTrailing(match[0])
    const href = safeHref(link)
    if (href === undefined) continue
    if (match.index > done) parts.push({ text: text.slice(done, match.index) })
    parts.push({ text: link, href })
    done = match.index + link.length
  }
  if (done < text.length) parts.push({ text: text.slice(done) })
  return parts
}

function withoutTrailing(link: string): string {
  let rest = link.replace(TRAILING, '')
  while (rest.endsWith(')') && count(rest, ')') > count(rest, '('))
    rest = rest.slice(0, -1).replace(TRAILING, '')
  return rest
}

function count(text: string, character: string): number {
  return text.split(character).length - 1
}

function safeHref(link: string): string | undefined {
  if (!URL.canParse(link)) return undefined
  const url = new URL(link)
  // user@host makes a link look like it leads somewhere else.
  const safe =
    (url.protocol === 'http:' || url.protocol === 'https:') && url.username === '' && url.password === ''
  return safe ? url.href : undefined
}
