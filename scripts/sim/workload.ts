/**
 * The office: who writes when, and what. Authors follow Zipf's law, half of what they write answers or reacts to
 * something recent, and the day has its rhythm: little at night, most before noon and in the afternoon. One seed, one
 * office, for simulations and benchmarks alike.
 */
import { Random } from './random.ts'

export interface Office {
  seed: number
  members: number
  /** Messages and reactions, all in all. */
  events: number
  /** Members who write at the busiest hour. */
  active: number
  /** Mean time between two events; OFFICE_PACE_MS unless a world is to be in a hurry. */
  paceMs?: number
}

/** One thing that somebody writes. */
export interface Post {
  /** Since the world began. */
  atMs: number
  /** 0 to members - 1. */
  author: number
  kind: 'message' | 'answer' | 'reaction'
  /** An answer or reaction is about the message so many before the latest that its author sees. */
  back: number
  text: string
}

/** 50,000 events take two days. */
export const OFFICE_PACE_MS = 3_456
/** Share of a day's events by hour. */
const HOURS = [1, 1, 1, 1, 1, 2, 5, 15, 50, 90, 100, 80, 45, 70, 95, 90, 70, 40, 20, 10, 8, 6, 4, 2]
const DAYS = 2
const ANSWERS = 0.35
const REACTIONS = 0.15
const EMOJI = ['👍', '🫖', '🎉', '👀', '❤️']
const WORDS =
  'the plan for monday is ready please look at it when you have time or tell me what is missing'.split(' ')

/** In order of time. */
export function* officeWorkload({
  seed,
  members,
  events,
  active,
  paceMs = OFFICE_PACE_MS,
}: Office): Generator<Post> {
  const random = new Random(seed)
  const hours = Array.from({ length: DAYS }, () => HOURS).flat()
  const total = hours.reduce((sum, share) => sum + share, 0)
  const hourMs = (events * paceMs) / hours.length
  let started = 0
  for (const [hour, share] of hours.entries()) {
    const isLast = hour === hours.length - 1
    const count = isLast ? events - started : Math.round((events * share) / total)
    started += count
    const writers = Math.min(members, Math.max(1, Math.ceil((active * share) / Math.max(...HOURS))))
    // Whoever writes most differs from hour to hour, slowly.
    const first = Math.floor((hour * members) / hours.length / 4)
    const zipf = new Zipf(writers)
    const times = Array.from({ length: count }, () => (hour + random.next()) * hourMs).sort((a, b) => a - b)
    for (const atMs of times) {
      const roll = random.next()
      const kind = roll < REACTIONS ? 'reaction' : roll < REACTIONS + ANSWERS ? 'answer' : 'message'
      yield {
        atMs: Math.floor(atMs),
        author: (first + zipf.pick(random)) % members,
        kind,
        back: Math.floor(20 * random.next() ** 3),
        text: kind === 'reaction' ? random.pick(EMOJI) : sentence(random),
      }
    }
  }
}

function sentence(random: Random): string {
  const words = Array.from({ length: random.between(1, 15) }, () => random.pick(WORDS))
  return `${words.join(' ')} ${random.between(0, 999_999)}`
}

/** Rank r is picked in proportion to 1 / (r + 1). */
class Zipf {
  readonly #sums: number[] = []

  constructor(count: number) {
    let sum = 0
    for (let rank = 0; rank < count; rank++) this.#sums.push((sum += 1 / (rank + 1)))
  }

  pick(random: Random): number {
    const at = random.next() * this.#sums.at(-1)!
    let low = 0
    for (let high = this.#sums.length - 1; low < high;) {
      const middle = (low + high) >> 1
      if (this.#sums[middle]! > at) high = middle
      else low = middle + 1
    }
    return low
  }
}
