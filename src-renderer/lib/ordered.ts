import type { Message, TimelineKey } from '../../src-main/api/contract.ts'

/** Index of the first row whose key is not below the given one. Source: binary search. */
export function indexAtKey(rows: readonly Pick<Message, 'key'>[], key: TimelineKey): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (rows[middle]!.key < key) low = middle + 1
    else high = middle
  }
  return low
}

/** Index of the message with this id and key, or -1. */
export function indexOfMessage(
  messages: readonly Message[],
  message: { id: string; key: TimelineKey },
): number {
  const index = indexAtKey(messages, message.key)
  return messages[index]?.id === message.id ? index : -1
}

/**
 * A new list in key order with the incoming messages inserted; a message already there is replaced.
 * Linear in both lengths, and a plain append when everything incoming is newer.
 */
export function insertByKey(messages: readonly Message[], incoming: readonly Message[]): Message[] {
  const sorted = [...incoming].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  const merged: Message[] = []
  let from = 0
  for (const message of sorted) {
    const to = indexAtKey(messages, message.key)
    for (; from < to; from++) merged.push(messages[from]!)
    if (messages[from]?.key === message.key) from++
    if (merged.at(-1)?.key === message.key) merged.pop()
    merged.push(message)
  }
  for (; from < messages.length; from++) merged.push(messages[from]!)
  return merged
}
