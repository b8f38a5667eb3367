/** Whoever was removed, or may only read, is told so. */
import { expect, onTestFinished, test } from 'vitest'
import { makeFastCrypto } from '../../scripts/sim/fast-crypto.ts'
import { Random } from '../../scripts/sim/random.ts'
import { World, type Person } from '../../scripts/sim/world.ts'

async function makeWorld(people = 3) {
  const world = new World({
    ...{ seed: 1, people, minDelayMs: 50, maxDelayMs: 300, lossProbability: 0, duplicateProbability: 0 },
    ...{ maxSkewMs: 0, hostile: 0, crypto: makeFastCrypto(new Random(1)) },
  })
  onTestFinished(() => world.end())
  await world.begin()
  return world
}

const commandsOf = ({ messenger }: Person) => messenger!.commands

test('a reader may not write, and is told so', async () => {
  const world = await makeWorld()
  const { group, people } = world
  const [alice, bob] = people as [Person, Person, Person]
  await commandsOf(alice).setRole({ group, user: bob.identity.user, role: 'reader' })
  await world.runUntil(async () => !(await world.standing(bob)).mayWrite)
  const post = commandsOf(bob).post({ group, text: 'may I?' })
  await expect(post).rejects.toMatchObject({ code: 'NOT_ALLOWED' })
  await commandsOf(alice).setRole({ group, user: bob.identity.user, role: 'member' })
  await world.runUntil(async () => (await world.standing(bob)).mayWrite)
  await commandsOf(bob).post({ group, text: 'thank you' })
})

test.each([0, 1])(
  'whoever was removed while away learns it, with all that led to it (peer %i is not there)',
  async (absent) => {
    //  alice  role bob admin ──┐
    //  bob                     └── role bob2 admin ── … ── remove carol     carol has seen none of it
    const world = await makeWorld(4)
    const { group, people } = world
    const [alice, bob, dave, carol] = people as [Person, Person, Person, Person]
    await world.divide([[alice, bob, dave], [carol]])
    await commandsOf(alice).setRole({ group, user: bob.identity.user, role: 'admin' })
    await world.runUntil(async () => {
      const { groups } = await commandsOf(bob).getState()
      return groups[0]!.role === 'admin'
    })
    await commandsOf(bob).setRole({ group, user: dave.identity.user, role: 'reader' })
    await commandsOf(bob).removeMember({ group, user: carol.identity.user, ban: false })
    await world.run(5_000)
    const { groups: before } = await commandsOf(carol).getState()
    expect(before[0]).toMatchObject({ joined: true, role: 'member' })
    await world.switchOff(people[absent]!)
    await world.divide([people])
    const summary = async () => (await commandsOf(carol).getState()).groups[0]!
    await world.runUntil(async () => (await summary()).people === 3)
    expect(await summary()).toMatchObject({ out: 'removed', joined: false, pending: { count: 0 } })
    // It learns what led there, and nothing of what came after.
    const { id } = await commandsOf(people[1 - absent]!).post({ group, text: 'among us' })
    await world.run(60_000)
    expect(carol.delivered.map((message) => message.id)).not.toContain(id)
  },
)

test('what somebody wrote on without knowing of their removal is hidden, and answers to it are not', async () => {
  //  carol  m0 ──────────── m1 ┐         dave has seen m1, and answers it; alice removes carol with a cut after m0
  //  alice   └─ remove carol   │
  //  dave                      └─ a1
  const world = await makeWorld(4)
  const { group, people } = world
  const [alice, bob, dave, carol] = people as [Person, Person, Person, Person]
  const post = async (person: Person, text: string, replyTo?: string) =>
    (await commandsOf(person).post({ group, text, replyTo })).id
  const shownBy = async (person: Person) =>
    (await commandsOf(person).getTimeline({ group, limit: 200 })).messages.map(({ id }) => id)
  const before = await post(carol, 'before')
  await world.runUntil(() => world.isQuiet())
  await world.divide([
    [alice, bob],
    [dave, carol],
  ])
  await commandsOf(alice).removeMember({ group, user: carol.identity.user, ban: false })
  const beyond = await post(carol, 'beyond')
  await world.runUntil(async () => (await shownBy(dave)).includes(beyond))
  const answer = await post(dave, 'answer', beyond)
  await world.divide([people])
  await world.runUntil(async () => (await world.isQuiet()) && (await world.isRosterSettled()))
  for (const person of [alice, bob, dave]) {
    const shown = await shownBy(person)
    expect(shown).toEqual(expect.arrayContaining([before, answer]))
    expect(shown).not.toContain(beyond)
  }
  expect(await world.verdict([before, answer])).toMatchObject({ violations: [], lost: 0, missing: [] })
})
