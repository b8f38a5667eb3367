import type { Message } from '../../src-main/api/contract.ts'

/** Messages of one author further apart than this start a new group. */
export const GROUP_GAP_MS = 5 * 60_000

/** Whether two times fall on the same day on this machine's calendar. */
export function sameDay(aMs: number, bMs: number): boolean {
  return new Date(aMs).toDateString() === new Date(bMs).toDateString()
}

/** Whether a day separator belongs above a message. */
export function startsDay(previous: Message | undefined, message: Message): boolean {
  return previous === undefined || !sameDay(previous.sentAtMs, message.sentAtMs)
}

/** Whether a message shows its author again, or continues the group of the message above it. */
export function startsGroup(previous: Message | undefined, message: Message): boolean {
  return (
    previous === undefined ||
    previous.kind !== 'message' ||
    (previous.user ?? previous.device) !== (message.user ?? message.device) ||
    previous.author !== message.author ||
    previous.via !== message.via ||
    startsDay(previous, message) ||
    Math.abs(message.sentAtMs - previous.sentAtMs) > GROUP_GAP_MS
  )
}
