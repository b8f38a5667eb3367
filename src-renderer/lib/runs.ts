/** What a timeline shows: messages, and in place of a run of those that are locked for good, one quiet row. */
import type { EventId, Message, TimelineKey } from '../../src-main/api/contract.ts'
import { indexAtKey } from './ordered.ts'

/** What waits for its key, or is not as it should be, stays a row of its own. */
const FOLDED = ['before-joining', 'expired'] as const

/** Several messages in a row that nobody will read here. Its id and key are those of the last, so it grows upwards. */
export interface Run {
  kind: 'run'
  id: EventId
  key: TimelineKey
  locked: (typeof FOLDED)[number]
  count: number
  first: Message
  last: Message
}

export type Row = Message | Run

/** The rows for some messages; a run ends above the first unread one. */
export function foldRuns(messages: readonly Message[], firstUnreadId?: EventId): readonly Row[] {
  if (!messages.some((message) => lockedForGood(message) !== undefined)) return messages
  const rows: Row[] = []
  for (const message of messages) {
    const above = rows.at(-1)
    const locked = lockedForGood(message)
    if (above === undefined || locked === undefined || message.id === firstUnreadId) rows.push(message)
    else if (locked !== endsOf(above).last.locked || message.provisional !== endsOf(above).last.provisional)
      rows.push(message)
    else {
      const { first, count } = above.kind === 'run' ? above : { first: above, count: 1 }
      const { id, key } = message
      rows[rows.length - 1] = { kind: 'run', id, key, locked, count: count + 1, first, last: message }
    }
  }
  return rows
}

/** The first and the last message of a row. */
export function endsOf(row: Row): { first: Message; last: Message } {
  return row.kind === 'run' ? row : { first: row, last: row }
}

/** Which messages stand in the rows from first to last: the indices of the outermost two. */
export function messagesIn(
  messages: readonly Message[],
  rows: readonly Row[],
  first: number,
  last: number,
): [first: number, last: number] {
  const indexOf = (row: Row | undefined, end: 'first' | 'last') =>
    row === undefined ? -1 : indexAtKey(messages, endsOf(row)[end].key)
  return [indexOf(rows[first], 'first'), indexOf(rows[last], 'last')]
}

/** Why nobody will read a message here, now or later. */
export function lockedForGood({ locked }: Message): Run['locked'] | undefined {
  return FOLDED.find((reason) => reason === locked)
}
