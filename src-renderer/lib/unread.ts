import type { EventId, Message } from '../../src-main/api/contract.ts'
import { lockedForGood } from './runs.ts'

/** What of others can be unread: their messages, not that they came, what is shown ahead of its past, or is never to be read. */
export function countsAsUnread(message: Message): boolean {
  const { own, kind, provisional } = message
  return !own && kind === 'message' && !provisional && lockedForGood(message) === undefined
}

/**
 * The first message of others, in timeline order, that was delivered after the given index. undefined when there is
 * none, or when it may stand above what is loaded.
 */
export function firstUnread(
  messages: readonly Message[],
  readN: number,
  isWhole: boolean,
): EventId | undefined {
  const first = messages.findIndex((message) => countsAsUnread(message) && message.n > readN)
  const isCertain = isWhole || messages.slice(0, Math.max(first, 0)).some((message) => isRead(message, readN))
  return isCertain ? messages[first]?.id : undefined
}

/** Unread messages of others that stand above a message which was read: late ones. */
export function unreadAboveRead(messages: readonly Message[], readN: number): Message[] {
  const lastRead = messages.findLastIndex((message) => isRead(message, readN))
  return messages
    .slice(0, Math.max(lastRead, 0))
    .filter((message) => countsAsUnread(message) && message.n > readN)
}

function isRead({ n, provisional }: Message, readN: number): boolean {
  return n <= readN && !provisional
}
