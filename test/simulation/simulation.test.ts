/**
 * Whole worlds, each from one seed: people write, answer and react while links are slow and lossy, clocks are wrong,
 * the network falls apart and devices lose their power. `TAPRI_SEED=7 npx vitest run test/simulation` runs one again.
 */
import { expect, onTestFinished, test } from 'vitest'
import { World, type Person, type WorldOptions } from './world.ts'

const SEEDS = process.env['TAPRI_SEED']
  ? [Number(process.env['TAPRI_SEED'])]
  : Array.from({ length: 20 }, (_, i) => i + 1)
const ACTIONS = 80

async function makeWorld(seed: number, overrides: Partial<WorldOptions> = {}): Promise<World> {
  const world = new World({
    seed,
    people: 4,
    minDelayMs: 1,
    maxDelayMs: 300,
    lossProbability: 0.2,
    maxSkewMs: 300_000,
    ...overrides,
  })
  onTestFinished(() => world.end())
  await world.begin()
  return world
}

/** Somebody who is switched on does what people do; nothing of it may fail. Returns the id of what was posted. */
async function act(world: World, { messenger, delivered }: Person): Promise<string | undefined> {
  const { group, random } = world
  const { commands } = messenger!
  const messages = delivered.filter(({ kind }) => kind === 'message')
  const target = messages.length > 0 && random.chance(0.6) ? random.pick(messages.slice(-20)).id : undefined
  if (target !== undefined && random.chance(0.3)) {
    await commands.react({ group, target, emoji: random.pick(['👍', '🫖']), on: random.chance(0.8) })
    return undefined
  }
  const { id } = await commands.post({ group, text: `${random.next()}`, replyTo: target })
  return id
}

/** One more thing goes wrong, or is mended. */
async function disturb(world: World): Promise<void> {
  const { random, people } = world
  const person = random.pick(people)
  const roll = random.between(1, 4)
  if (roll === 1) await world.divide([people])
  else if (roll === 2) {
    const side = people.filter(() => random.chance(0.5))
    await world.divide([side, people.filter((one) => !side.includes(one))])
  } else if (!person.messenger) await world.switchOn(person)
  else if (roll === 3) person.pullThePlug()
  else await world.switchOff(person)
}

test.each(SEEDS)(
  'seed %i: nothing is lost, doubled or out of order, and every timeline is the same',
  async (seed) => {
    const world = await makeWorld(seed)
    const { random, people } = world
    const posted: string[] = []
    let acted = 0
    for (let i = 0; i < ACTIONS; i++) {
      if (random.chance(0.15)) await disturb(world)
      const present = people.filter(({ messenger }) => messenger)
      if (present.length > 0) {
        const id = await act(world, random.pick(present))
        if (id !== undefined) posted.push(id)
        acted++
      }
      await world.run(random.between(0, 600))
    }
    for (const person of people) if (!person.messenger) await world.switchOn(person)
    await world.divide([people])
    await world.runUntil(() => world.isQuiet())

    const verdict = await world.verdict()
    expect(verdict).toMatchObject({ violations: [], lost: 0, identicalTimelines: true, pending: 0 })
    // Founding, joining, and what was done: each once.
    expect(verdict.events).toBe(people.length + acted)
    const { messages } = await people[0]!.messenger!.commands.getTimeline({ group: world.group, limit: 200 })
    const shown = new Set(messages.map(({ id }) => id))
    expect(posted.filter((id) => !shown.has(id))).toEqual([])
    const pages = await Promise.all(
      people.map(({ messenger }) => messenger!.commands.getTimeline({ group: world.group, limit: 200 })),
    )
    const reactions = pages.map((page) =>
      page.messages.map((message) => message.reactions.map(({ emoji, people: who }) => [emoji, who])),
    )
    for (const other of reactions) expect(other).toEqual(reactions[0])
  },
)

test('the same seed gives the same run', async () => {
  const run = async () => {
    const world = await makeWorld(99)
    for (let i = 0; i < 20; i++) {
      await act(world, world.random.pick(world.people))
      await world.run(world.random.between(0, 600))
    }
    return JSON.stringify(world.people.map(({ delivered }) => delivered))
  }
  expect(await run()).toBe(await run())
})

test('what gossip loses is found again while no link changes', async () => {
  const world = await makeWorld(7, { lossProbability: 1 })
  for (const person of world.people) await act(world, person)
  await world.runUntil(() => world.isQuiet(), 60_000)
  expect(await world.verdict()).toMatchObject({ violations: [], lost: 0, events: 2 * world.people.length })
})
