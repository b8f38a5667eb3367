/**
 * Worlds in which somebody forks: mallory writes, goes away, and comes back with an older disk to people who have not
 * heard of what she wrote. So both branches are answered before anybody can know of the other.
 */
import { expect, onTestFinished, test } from 'vitest'
import { makeFastCrypto } from '../../scripts/sim/fast-crypto.ts'
import { Random } from '../../scripts/sim/random.ts'
import { World, type Person } from '../../scripts/sim/world.ts'

const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1)

async function makeWorld(seed: number): Promise<World> {
  const world = new World({
    seed,
    people: 5,
    minDelayMs: 1,
    maxDelayMs: 300,
    lossProbability: 0.2,
    duplicateProbability: 0.1,
    maxSkewMs: 60_000,
    hostile: 0,
    crypto: makeFastCrypto(new Random(seed)),
  })
  onTestFinished(() => world.end())
  await world.begin()
  return world
}

/** Writes, and answers or reacts to what is on the screen. Returns the id of what was written. */
async function write(world: World, { messenger, delivered }: Person): Promise<string> {
  const { group, random } = world
  const { commands } = messenger!
  const messages = delivered.filter(({ kind, text }) => kind === 'message' && text !== '')
  const target = messages.length > 0 && random.chance(0.7) ? random.pick(messages.slice(-8)).id : undefined
  if (target !== undefined && random.chance(0.3))
    await commands.react({ group, target, emoji: '🫖', on: true })
  const { id } = await commands.post({ group, text: `${random.next()}`, replyTo: target })
  return id
}

test.each(SEEDS)(
  'seed %i: what honest people wrote on either branch stays, and all show the same',
  async (seed) => {
    const world = await makeWorld(seed)
    const { random, people, group } = world
    const [alice, bob, carol, dave, mallory] = people as [Person, Person, Person, Person, Person]
    const honest = [alice, bob, carol, dave]
    const kept: string[] = []
    const talk = async (turns: number, speakers: Person[]) => {
      for (let i = 0; i < turns; i++) {
        const speaker = random.pick(speakers)
        const id = await write(world, speaker)
        if (speaker !== mallory) kept.push(id)
        await world.run(random.between(0, 400))
      }
    }
    await talk(5, people)
    await world.runUntil(() => world.isQuiet())
    await world.switchOff(mallory)
    const backup = new Map(mallory.disk)

    //  alice, bob and mallory | carol and dave; then alice and bob | carol, dave and mallory as she was before
    await world.switchOn(mallory)
    await world.divide([
      [alice, bob, mallory],
      [carol, dave],
    ])
    await write(world, mallory)
    await talk(8, [alice, bob, mallory])
    await world.switchOff(mallory)
    mallory.disk = backup
    await world.switchOn(mallory)
    await world.divide([
      [alice, bob],
      [carol, dave, mallory],
    ])
    await write(world, mallory)
    await talk(8, [alice, bob, carol, dave, mallory])
    if (random.chance(0.5)) await world.switchOff(mallory)
    if (random.chance(0.5)) {
      const victim = random.pick(honest)
      victim.pullThePlug()
      await world.switchOn(victim)
    }
    await world.divide([people])
    await talk(4, honest)
    await world.runUntil(() => world.isQuiet(), 300_000)
    if (mallory.messenger) await world.switchOff(mallory)

    const forkedFor = async ({ messenger }: Person) => {
      const { groups } = await messenger!.commands.getState()
      return groups[0]!.people.filter(({ forked }) => forked).map(({ name }) => name)
    }
    for (const person of honest) {
      await world.runUntil(async () => (await forkedFor(person)).length > 0)
      expect(await forkedFor(person)).toEqual(['Person 4'])
    }
    // A restart finds the same on the disk.
    const page = async ({ messenger }: Person) =>
      (await messenger!.commands.getTimeline({ group, limit: 200 })).messages.map(
        ({ id, reactions, replyTo }) => ({
          id,
          reactions,
          replyTo,
        }),
      )
    const before = await page(alice)
    await world.switchOff(alice)
    await world.switchOn(alice)
    expect(await page(alice)).toEqual(before)
    expect(await forkedFor(alice)).toEqual(['Person 4'])
    const ids = before.map(({ id }) => id)
    expect(kept.filter((id) => !ids.includes(id))).toEqual([])
    for (const person of [bob, carol, dave]) expect((await page(person)).map(({ id }) => id)).toEqual(ids)
    // Nobody asks mallory what she shows.
    mallory.misdeed = 'withhold'
    const verdict = await world.verdict(kept)
    expect(verdict).toMatchObject({ violations: [], lost: 0, missing: [], identicalTimelines: true })
  },
)
