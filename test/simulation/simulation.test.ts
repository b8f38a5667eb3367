/**
 * Whole worlds, each from one seed: people write, answer and react while links are slow and lossy, clocks are wrong, the
 * network falls apart, devices lose their power and their disks, and somebody is hostile.
 * `TAPRI_SEED=7 npx vitest run test/simulation` runs one again; TAPRI_SEEDS=20 runs the first 20.
 */
import { expect, onTestFinished, test, vi } from 'vitest'
import { makeFastCrypto } from '../../scripts/sim/fast-crypto.ts'
import { ALL_FAULTS, NO_FAULTS } from '../../scripts/sim/faults.ts'
import { play, type PlayOptions } from '../../scripts/sim/play.ts'
import { Random } from '../../scripts/sim/random.ts'
import type { Person, World } from '../../scripts/sim/world.ts'
import { MAX_PENDING_PER_DEVICE } from '../../src-main/core/limits.ts'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'

const SEEDS = process.env['TAPRI_SEED']
  ? [Number(process.env['TAPRI_SEED'])]
  : Array.from({ length: Number(process.env['TAPRI_SEEDS'] ?? 200) }, (_, i) => i + 1)
/** Real signatures in one world of so many. */
const REAL_ONE_IN = 20

async function playOne(seed: number, change: Partial<PlayOptions> = {}) {
  const errors = vi.spyOn(console, 'error').mockImplementation(() => {})
  onTestFinished(() => errors.mockRestore())
  const { world, result } = await play({
    seed,
    people: 3 + (seed % 3),
    events: 40,
    active: 5,
    paceMs: 300,
    faults: ALL_FAULTS,
    crypto: seed % REAL_ONE_IN === 0 ? sodiumCrypto : makeFastCrypto(new Random(seed)),
    ...change,
  })
  onTestFinished(() => world.end())
  return { world, result }
}

/** What everybody's window shows: the last messages, with their reactions. */
function pages({ witnesses, group }: World) {
  return Promise.all(
    witnesses.map(async ({ messenger }) => {
      const { messages } = await messenger!.commands.getTimeline({ group, limit: 200 })
      return messages.map(({ id, reactions }) => [
        id,
        reactions.map(({ emoji, people: who }) => [emoji, who]),
      ])
    }),
  )
}

test.each(SEEDS)(
  'seed %i: nothing is lost, doubled or out of order, and everybody shows the same',
  async (seed) => {
    const { world, result } = await playOne(seed)
    const { verdict, written } = result
    const good = { violations: [], lost: 0, missing: [], identicalTimelines: true, pending: 0 }
    expect(verdict).toMatchObject(good)
    expect(verdict.events).toBeGreaterThanOrEqual(2 + 2 * world.people.length + written)
    const [first, ...others] = await pages(world)
    for (const other of others) expect(other).toEqual(first)
  },
)

test('without hostile members there is exactly what was written', async () => {
  const faults = new Set([...ALL_FAULTS].filter((fault) => fault !== 'hostile' && fault !== 'crash'))
  const { world, result } = await playOne(1, { people: 4, faults })
  // The foundation, settings and an invite; an entrance of everybody else; and what everybody is called.
  expect(result.verdict.events).toBe(3 + 2 * world.people.length - 1 + result.written)
})

test('the same seed gives the same run', async () => {
  const run = async () => {
    const { world, result } = await playOne(99)
    return JSON.stringify([result, world.people.map(({ delivered }) => delivered)])
  }
  expect(await run()).toBe(await run())
})

test('what gossip loses is found again while no link changes', async () => {
  const { world } = await playOne(7, { faults: NO_FAULTS })
  const { people, group } = world
  world.gossipIsLost = true
  for (const { messenger } of people) await messenger!.commands.post({ group, text: 'into the wind' })
  await world.runUntil(() => world.isQuiet(), 60_000)
  expect(await world.verdict()).toMatchObject({ violations: [], lost: 0 })
})

test('what a full buffer had no room for is fetched again', async () => {
  //  alice  a1 ── a2 ── … ── a100      gossip loses a1, and brings more than may wait of one device
  const { world } = await playOne(7, { faults: NO_FAULTS })
  const { people, group } = world
  const [alice, ...others] = people as [Person, ...Person[]]
  const post = (text: string) => alice.messenger!.commands.post({ group, text })
  world.gossipIsLost = true
  const ids = [(await post('lost')).id]
  await world.run(10)
  world.gossipIsLost = false
  for (let i = 2; i <= MAX_PENDING_PER_DEVICE + 40; i++) ids.push((await post(`${i}`)).id)
  await world.run(200)
  for (const { messenger } of others) {
    const { pending, rejected } = await messenger!.operator.getDiagnostics()
    expect(pending).toBe(MAX_PENDING_PER_DEVICE)
    expect(rejected['buffer-full']).toBeGreaterThan(0)
  }
  await world.runUntil(() => world.isQuiet(), 30_000)
  expect(await world.verdict(ids)).toMatchObject({ violations: [], lost: 0, missing: [], pending: 0 })
})
