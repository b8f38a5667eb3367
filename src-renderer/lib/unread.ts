import type { EventId, Message } from '../../src-main/api/contract.ts'

/** What of others can be unread: their messages, not that they came. */
export function countsAsUnread({ own, kind }: Message): boolean {
  return !own && kind === 'message'
}

/**
 * The delivery index up to which everything was read, given how many messages of others are unread.
 * Undefined when the loaded messages do not reach back far enough to know.
 */
export function readIndex(
  messages: readonly Message[],
  unread: number,
  isWhole: boolean,
): number | undefined {
  const indexes = messages.filter(countsAsUnread).map((message) => message.n)
  if (unread === 0) return messages.reduce((most, message) => Math.max(most, message.n), -1)
  if (indexes.length < unread && !isWhole) return undefined
  indexes.sort((a, b) => b - a)
  return (indexes[Math.min(unread, indexes.length) - 1] ?? 0) - 1
}

/** The first message of others, in timeline order, that was delivered after the given index. */
export function firstUnread(messages: readonly Message[], readN: number): EventId | undefined {
  return messages.find((message) => countsAsUnread(message) && message.n > readN)?.id
}

/** Unread messages of others that stand above a message which was read: late ones. */
export function unreadAboveRead(messages: readonly Message[], readN: number): Message[] {
  const lastRead = messages.findLastIndex((message) => message.n <= readN)
  return messages
    .slice(0, Math.max(lastRead, 0))
    .filter((message) => countsAsUnread(message) && message.n > readN)
}
