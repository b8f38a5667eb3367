/** A few people with the whole messenger each: the office's workload, and everything that may go wrong meanwhile. */
import type { EventId } from '../../src-main/api/contract.ts'
import { AppError } from '../../src-main/api/errors.ts'
import type { Crypto } from '../../src-main/crypto/crypto.ts'
import type { Verdict } from '../demo/check-trace.ts'
import { cutPeers, type Step } from '../membership-script.ts'
import { Director } from './director.ts'
import { DUPLICATE_PROBABILITY, MAX_SKEW_MS, type Faults } from './faults.ts'
import { Histogram } from './histogram.ts'
import { officeWorkload, type Post } from './workload.ts'
import { World, type Person } from './world.ts'

export interface PlayOptions {
  seed: number
  people: number
  events: number
  active: number
  /** Mean time between two events. */
  paceMs: number
  faults: Faults
  crypto: Crypto
  /** What happens to the membership; AT is the share of the events that have been written. */
  script?: readonly Step[]
}

const LOSS_PROBABILITY = 0.2
/** Something else goes wrong before so many of the events. */
const TROUBLE_PROBABILITY = 0.2
/** What can never be delivered waits for ten minutes. */
const SETTLING_MS = 15 * 60_000
const MISDEED_PROBABILITY = 0.3
const DEFIANCE_PROBABILITY = 0.3

export interface PlayResult {
  verdict: Verdict & { missing: EventId[] }
  /** Messages and reactions that were written without an error. */
  written: number
  /** Steps of the script that were carried out, and those that were not, with the reason. */
  done: number
  notDone: string[]
  /** Who belongs to the group in the end, by number. */
  members: number[]
  latencyMs: { p50: number; p99: number }
}

/** Plays, mends everything and waits until nothing is missing anywhere. The world is left on, for whoever looks on. */
export async function play(options: PlayOptions): Promise<{ world: World; result: PlayResult }> {
  const { seed, people, events, active, paceMs, faults, crypto, script = [] } = options
  const world = new World({
    seed,
    people,
    minDelayMs: faults.has('reorder') ? 1 : 50,
    maxDelayMs: faults.has('reorder') ? 300 : 50,
    lossProbability: faults.has('loss') ? LOSS_PROBABILITY : 0,
    duplicateProbability: faults.has('duplicate') ? DUPLICATE_PROBABILITY : 0,
    maxSkewMs: faults.has('skew') ? MAX_SKEW_MS : 0,
    hostile: faults.has('hostile') && people > 2 ? 1 : 0,
    crypto,
  })
  const { random } = world
  await world.begin()
  const postedMs = new Map<EventId, number>()
  const latency = new Histogram()
  world.onDelivered = (_person, messages) => {
    for (const { id } of messages) {
      const atMs = postedMs.get(id)
      if (atMs !== undefined) latency.add(world.nowMs - atMs)
    }
  }
  const posted: EventId[] = []
  const director = new Director(world, script)
  const cut = cutPeers(script)
  let written = 0
  let handedOut = 0
  for (const post of officeWorkload({ seed, members: people, events, active, paceMs })) {
    await world.run(Math.max(0, post.atMs - world.nowMs))
    await director.reach(handedOut++ / events)
    if (random.chance(TROUBLE_PROBABILITY)) await disturb(world, faults)
    const honest = world.people.filter(({ misdeed, isDefiant }) => !misdeed && !isDefiant)
    const present = await director.writersOf(honest.filter(({ messenger }) => messenger))
    const author = present[post.author % present.length]
    if (author) {
      const atMs = world.nowMs
      const id = await write(world, author, post)
      if (id !== 'failed') written++
      if (id !== 'failed' && id !== undefined) {
        if (!cut.has(author.index)) posted.push(id)
        postedMs.set(id, atMs)
      }
    }
    for (const person of world.people)
      if (person.misdeed && person.messenger && random.chance(MISDEED_PROBABILITY)) person.misbehave()
    for (const person of world.people)
      if (person.isDefiant && person.messenger && random.chance(DEFIANCE_PROBABILITY)) await person.defy()
  }
  await director.reach(1)
  for (const person of world.people) {
    if (person.hasFailed()) person.pullThePlug()
    if (!person.messenger) await world.switchOn(person)
  }
  await world.divide([world.people])
  await world.divide([world.people], 'script')
  await world.runUntil(async () => (await world.isQuiet()) && (await world.isRosterSettled()), SETTLING_MS)
  const latencyMs = { p50: latency.percentile(0.5), p99: latency.percentile(0.99) }
  const members = (await world.members()).map(({ index }) => index)
  const { done, notDone } = director
  const verdict = await world.verdict(posted)
  return { world, result: { verdict, written, latencyMs, done, notDone, members } }
}

/** Returns the id of a message; a disk that fails ends the process, as a person would. */
async function write(
  { group, random }: World,
  person: Person,
  { kind, back, text }: Post,
): Promise<EventId | undefined | 'failed'> {
  const { commands } = person.messenger!
  const messages = person.delivered.filter((message) => message.kind === 'message')
  const target = kind === 'message' ? undefined : messages.at(-1 - back)?.id
  try {
    if (kind === 'reaction' && target !== undefined) {
      await commands.react({ group, target, emoji: text, on: random.chance(0.8) })
      return undefined
    }
    const { id } = await commands.post({ group, text, replyTo: target })
    return id
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    // Somebody removed them a moment ago.
    if (error.code === 'NOT_ALLOWED') return 'failed'
    if (error.code !== 'STORE_FAILED') throw error
    person.pullThePlug()
    return 'failed'
  }
}

/** One more thing goes wrong, or is mended. */
async function disturb(world: World, faults: Faults): Promise<void> {
  const { random, people } = world
  const person = random.pick(people)
  const troubles: (() => Promise<void> | void)[] = []
  if (faults.has('partition'))
    troubles.push(
      () => world.divide([people]),
      () => {
        const side = people.filter(() => random.chance(0.5))
        return world.divide([side, people.filter((one) => !side.includes(one))])
      },
    )
  const isDown = person.messenger === undefined
  if (faults.has('crash'))
    troubles.push(() => (isDown ? world.switchOn(person) : person.pullThePlug()), person.failNextWrite)
  if (faults.has('offline')) troubles.push(() => (isDown ? world.switchOn(person) : world.switchOff(person)))
  if (troubles.length > 0) await random.pick(troubles)()
}
