/**
 * Reads a chat log and its reply annotations: `[HH:MM] <nick> text`, `[HH:MM]  * nick action`, `=== nick has joined …`,
 * and actions as older logs write them, `=== nick action`.
 * The bytes come from anywhere: what is no line of that format is counted and skipped, never fatal.
 */

/** One line of the log that is posted. */
export interface Line {
  /** 0-based line of the file. */
  line: number
  /** Minutes since the first line; never less than the line before. */
  minute: number
  isNotice: boolean
  nick: string
  text: string
  /** Lines that this one answers, ascending. */
  answers: number[]
}

export interface Conversation {
  lines: Line[]
  /** Lines, and annotations, that say nothing this reader understands. */
  skipped: number
  skippedAnnotations: number
  /** later nick -> earlier nick of the same speaker. */
  renamed: Map<string, string>
}

export const MAX_LOG_SIZE_BYTES = 64 * 1024 * 1024
const MAX_NICK_LENGTH = 64
const MAX_TEXT_LENGTH = 8_000
const MINUTES_PER_DAY = 24 * 60

const SPOKEN = /^\[([01]\d|2[0-3]):([0-5]\d)\] (?:<([^>]+)> (.*)| \* (\S+) (.*))$/
const STARRED = /^=== (\S+)\s+(?:\[[^\]]*\]\s+)?(.+?)(?: \[.*\])?$/
const SYSTEM = /^(has (joined|left|quit|been)|sets mode|changes topic|is now known as (\S+)$)/
/** Colours and other marks of IRC clients, and whatever else is no text. */
// eslint-disable-next-line no-control-regex
const MARKS = /\x03\d{0,2}(,\d{1,2})?|[\x00-\x08\x0b-\x1f\x7f]/g

/** log and annotation as read from disk; limit: only so many lines of the file. */
export function readConversation(log: Uint8Array, annotation?: Uint8Array, limit = Infinity): Conversation {
  const lines = new Map<number, Line>()
  const renamed = new Map<string, string>()
  let skipped = 0
  let minute = 0
  let clock: number | undefined
  const rows = rowsOf(log)
  rows.slice(0, limit).forEach((row, line) => {
    const parsed = parseRow(row)
    if (!parsed) return void skipped++
    const { clock: now, newNick, ...said } = parsed
    if (now !== undefined) {
      // Only a step back by most of a day is midnight; a smaller one is a line out of order.
      const step = clock === undefined ? 0 : now - clock
      minute += step < -MINUTES_PER_DAY / 2 ? step + MINUTES_PER_DAY : Math.max(0, step)
      clock = now
    }
    if (newNick !== undefined && newNick !== said.nick && !renamed.has(newNick))
      renamed.set(newNick, said.nick)
    lines.set(line, { line, minute, ...said, answers: [] })
  })
  const skippedAnnotations = annotation ? link(lines, rowsOf(annotation), limit) : 0
  return { lines: [...lines.values()], skipped, skippedAnnotations, renamed }
}

function parseRow(row: string) {
  const spoken = SPOKEN.exec(row)
  const starred = spoken ? undefined : STARRED.exec(row)
  if (!spoken && !starred) return undefined
  const system = starred && SYSTEM.exec(starred[2]!)
  const nick = clean(spoken?.[3] ?? spoken?.[5] ?? starred![1]!)
  const text = clean(spoken?.[4] ?? `${nick} ${spoken?.[6] ?? starred![2]}`)
  const isTooLong = nick.length > MAX_NICK_LENGTH || text.length > MAX_TEXT_LENGTH
  if (nick === '' || text === '' || isTooLong) return undefined
  return {
    clock: spoken ? Number(spoken[1]) * 60 + Number(spoken[2]) : undefined,
    isNotice: Boolean(system),
    nick,
    text,
    newNick: system?.[3] && clean(system[3]),
  }
}

/** Adds `A B -` as "the later of the two answers the earlier"; returns how many rows were of no use. */
function link(lines: Map<number, Line>, rows: string[], limit: number): number {
  let skipped = 0
  for (const row of rows) {
    const match = /^(\d{1,9}) (\d{1,9}) -\s*$/.exec(row)
    const [a, b] = [Number(match?.[1]), Number(match?.[2])]
    const [target, answer] = [lines.get(Math.min(a, b)), lines.get(Math.max(a, b))]
    const isBeyondLimit = match && Math.max(a, b) >= limit
    if (target && answer && target !== answer) answer.answers.push(target.line)
    else if (!isBeyondLimit && !(target && target === answer)) skipped++
  }
  for (const line of lines.values()) line.answers = [...new Set(line.answers)].sort((x, y) => x - y)
  return skipped
}

function rowsOf(bytes: Uint8Array): string[] {
  const rows = new TextDecoder().decode(bytes).split(/\r?\n/)
  if (rows.at(-1) === '') rows.pop()
  return rows
}

function clean(text: string): string {
  return text.replace(MARKS, '').trim()
}
