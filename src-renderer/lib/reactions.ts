import type { Reaction } from '../../src-main/api/contract.ts'

/** The quick bar. */
export const QUICK_EMOJI: readonly string[] = Object.freeze(['👍', '❤️', '😂', '😮', '🙏', '☕'])

/** Reactions as they look once mine is put on or taken back; name is what others see. */
export function toggled(
  reactions: readonly Reaction[],
  emoji: string,
  on: boolean,
  name: string,
): Reaction[] {
  const present = reactions.find((reaction) => reaction.emoji === emoji)
  if (present === undefined)
    return on ? [...reactions, { emoji, count: 1, mine: true, people: [name] }] : [...reactions]
  if (present.mine === on) return [...reactions]
  const people = on ? [...present.people, name] : present.people.filter((person) => person !== name)
  return reactions
    .map((reaction) =>
      reaction === present
        ? { ...present, mine: on, people, count: present.count + (on ? 1 : -1) }
        : reaction,
    )
    .filter((reaction) => reaction.count > 0)
}
