/**
 * Worlds in which somebody forks: mallory writes, goes away, and comes back with an older disk to people who have not
 * heard of what she wrote. So both branches are answered before anybody can know of the other.
 */
import { expect, onTestFinished, test } from 'vitest'
import { makeFastCrypto } from '../../scripts/sim/fast-crypto.ts'
import { Random } from '../../scripts/sim/random.ts'
import { World, type Person } from '../../scripts/sim/world.ts'
import { peopleOf } from '../helpers/messengers.ts'
import { MAX_PENDING_AGE_MS } from '../../src-main/core/limits.ts'

const SEEDS = Array.from({ length: 60 }, (_, i) => i + 1)

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
    /** What mallory wrote since she was last switched on. */
    let branch: string[] = []
    const talk = async (turns: number, speakers: Person[]) => {
      for (let i = 0; i < turns; i++) {
        const speaker = random.pick(speakers)
        const id = await write(world, speaker)
        if (speaker === mallory) branch.push(id)
        else kept.push(id)
        await world.run(random.between(0, 400))
      }
    }
    /** A branch that only she has is gone with her, and then there is no fork: see below. */
    const untilHeard = (others: Person[]) =>
      world.runUntil(async () =>
        others.every(({ delivered }) => delivered.some(({ id }) => branch.includes(id))),
      )
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
    branch = [await write(world, mallory)]
    await talk(8, [alice, bob, mallory])
    await untilHeard([alice, bob])
    await world.switchOff(mallory)
    mallory.disk = backup
    await world.switchOn(mallory)
    await world.divide([
      [alice, bob],
      [carol, dave, mallory],
    ])
    branch = [await write(world, mallory)]
    await talk(8, [alice, bob, carol, dave, mallory])
    await untilHeard([carol, dave])
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
      return (await peopleOf(messenger!, group)).filter(({ forked }) => forked).map(({ name }) => name)
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

/** Everybody linked in one world, and mallory's disk as it is now, to be restored. */
async function makeBackup() {
  const world = await makeWorld(1)
  const [alice, bob, carol, dave, mallory] = world.people as [Person, Person, Person, Person, Person]
  const others = [alice, bob, carol, dave]
  const untilAllShow = (id: string) =>
    world.runUntil(
      async () =>
        others.every(({ delivered }) => delivered.some((one) => one.id === id)) && (await world.isQuiet()),
    )
  await untilAllShow(await write(world, mallory))
  const backup = new Map(mallory.disk)
  const restore = () => {
    mallory.pullThePlug()
    mallory.disk = backup
  }
  const forked = async () => {
    const people = await peopleOf(alice.messenger!, world.group)
    return people.filter((person) => person.forked).map(({ name }) => name)
  }
  return { world, mallory, others, untilAllShow, restore, forked }
}

test('a branch that was lost before anybody heard of it is no fork', async () => {
  //  mallory  ┬─ m1      only her disk had it, and that is gone
  //           └─ m1'
  const { world, mallory, others, untilAllShow, restore, forked } = await makeBackup()
  await world.divide([[mallory], others])
  const lost = await write(world, mallory)
  restore()
  await world.switchOn(mallory)
  await world.divide([world.people])
  const kept = await write(world, mallory)
  await untilAllShow(kept)
  expect(await forked()).toEqual([])
  const verdict = await world.verdict([lost, kept])
  expect(verdict).toMatchObject({ violations: [], lost: 0, missing: [lost], identicalTimelines: true })
})

test.each([
  ['until it has waited long enough, when its author stays away', false],
  ['until its author goes on from an older disk', true],
])('what follows on an event that is lost for everybody waits, %s', async (_, comesBack) => {
  //  mallory  m1 ── m2       gossip loses m1, and her disk is gone before anybody can ask for it
  const { world, mallory, others, untilAllShow, restore, forked } = await makeBackup()
  const { commands } = mallory.messenger!
  const waitsSomewhere = async () => {
    const all = await Promise.all(others.map(({ messenger }) => messenger!.operator.getDiagnostics()))
    return all.some(({ pending }) => pending > 0)
  }
  world.gossipIsLost = true
  await commands.post({ group: world.group, text: 'lost' })
  await world.run(5)
  world.gossipIsLost = false
  await commands.post({ group: world.group, text: 'and so?' })
  for (const endMs = world.nowMs + 400; world.nowMs < endMs && !(await waitsSomewhere());) await world.run(5)
  expect(await waitsSomewhere()).toBe(true)
  restore()
  const goneMs = world.nowMs
  if (comesBack) {
    await world.switchOn(mallory)
    const { id } = await mallory.messenger!.commands.post({ group: world.group, text: 'hello again' })
    await untilAllShow(id)
    expect(world.nowMs - goneMs).toBeLessThan(60_000)
  } else {
    await world.runUntil(() => world.isQuiet(), MAX_PENDING_AGE_MS + 10_000)
    expect(world.nowMs - goneMs).toBeGreaterThan(MAX_PENDING_AGE_MS - 10_000)
    await world.switchOn(mallory)
    await world.runUntil(() => world.isQuiet())
  }
  expect(await forked()).toEqual([])
  expect(await world.verdict()).toMatchObject({ violations: [], lost: 0, identicalTimelines: true })
})
