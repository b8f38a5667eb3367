/**
 * Small worlds in which everything happens to the membership at once: the sample script, while links are slow and lossy, the
 * network falls apart and people are away. `TAPRI_SEED=7 npx vitest run test/simulation/membership` runs one again.
 */
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { readScriptFile } from '../../scripts/membership-script.ts'
import { makeFastCrypto } from '../../scripts/sim/fast-crypto.ts'
import { ALL_FAULTS, type Fault } from '../../scripts/sim/faults.ts'
import { play, type PlayOptions } from '../../scripts/sim/play.ts'
import type { Person } from '../../scripts/sim/world.ts'
import { Random } from '../../scripts/sim/random.ts'
import { Engine } from '../../src-main/core/engine.ts'
import { deviceTag, KIND, type Event } from '../../src-main/core/event.ts'
import type { Entry } from '../../src-main/core/history.ts'
import { Roster } from '../../src-main/core/members.ts'
import { epochOf } from '../../src-main/core/secrets/derivations.ts'
import { Seals } from '../../src-main/core/secrets/sealing.ts'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import { eventRange } from '../../src-main/storage/keys.ts'
import { openMemoryStorage } from '../../src-main/storage/memory.ts'
import { epochsOf } from '../helpers/messengers.ts'

const SCRIPT = join(import.meta.dirname, '../../scripts/demo/sample.membership.txt')
const SEEDS = process.env['TAPRI_SEED']
  ? [Number(process.env['TAPRI_SEED'])]
  : Array.from({ length: Number(process.env['TAPRI_SEEDS'] ?? 16) }, (_, i) => i + 1)
const GOOD = { violations: [], lost: 0, missing: [], identicalTimelines: true, pending: 0 }

async function playOne(seed: number, change: Partial<PlayOptions> = {}) {
  const errors = vi.spyOn(console, 'error').mockImplementation(() => {})
  onTestFinished(() => errors.mockRestore())
  const people = 5 + (seed % 3)
  // Whoever is away carries out no step: half of the worlds do without.
  const faults = new Set<Fault>([
    'reorder',
    'loss',
    'partition',
    ...(seed % 2 === 0 ? ['offline' as const] : []),
  ])
  const { world, result } = await play({
    seed,
    people,
    events: 100,
    active: people,
    paceMs: 1_500,
    faults,
    crypto: makeFastCrypto(new Random(seed)),
    script: await readScriptFile(SCRIPT, people),
    ...change,
  })
  onTestFinished(() => world.end())
  return { world, result }
}

test.each(SEEDS)('seed %i: whoever is left agrees on who that is, and on what was said', async (seed) => {
  const { world, result } = await playOne(seed)
  // play() has waited until all rosters are equal, and name exactly those who believe to be in.
  expect(result.verdict).toMatchObject(GOOD)
  expect(result.members.length).toBeGreaterThan(1)
  if (seed % 2 === 1) expect(result.done).toBeGreaterThan(2 * result.notDone.length)
  expect(world.people.some(({ isDefiant }) => isDefiant)).toBe(true)
})

test.each([1, 3, 5, 7])('seed %i: whoever is out can open nothing of those who knew it', async (seed) => {
  const { world, result } = await playOne(seed, { crypto: sodiumCrypto })
  const { group, people } = world
  const member = people[result.members[0]!]!
  const tagOf = ({ key }: Person) => deviceTag(key.publicKey, sodiumCrypto.sha256)
  const engine = new Engine({ ...sodiumCrypto, group, self: tagOf(member), sign: () => new Uint8Array(64) })
  const messages: { event: Event; entry: Entry }[] = []
  for await (const [, bytes] of openMemoryStorage(member.disk).range(eventRange(group))) {
    const restored = engine.restore(bytes)
    if ('entry' in restored && restored.event.kind === KIND.message) messages.push(restored)
  }
  let tried = 0
  for (const [index, person] of people.entries()) {
    const tag = tagOf(person)
    const removal = engine.roster.removalOf(tag)
    if (result.members.includes(index) || removal === undefined) continue
    // Every secret that it ever had.
    const epochs = await epochsOf(openMemoryStorage(person.disk), group)
    const seals = new Seals({ group, self: tag, epochs, primitives: sodiumCrypto })
    for (const { event, entry } of messages) {
      const { heads } = entry.seen!
      const knew = heads.some((head) => head === removal || engine.roster.isBefore(removal, head))
      if (!knew || event.tag === tag) continue
      tried++
      for (const { founder } of epochs.all)
        expect(seals.open(event, epochOf(founder))).not.toHaveProperty('plaintext')
    }
  }
  expect(tried).toBeGreaterThan(0)
})

test('with every fault there is, hostile members among them, they agree as well', async () => {
  const { result } = await playOne(3, { people: 6, faults: ALL_FAULTS })
  expect(result.verdict).toMatchObject(GOOD)
})

test('when nothing goes wrong all of the script comes about, and somebody is out in the end', async () => {
  const { world, result } = await playOne(1, { faults: new Set() })
  expect(result.notDone).toEqual([])
  expect(result.members).not.toContain(2)
  const defiant = world.people[2]!
  const { groups } = await defiant.messenger!.commands.getState()
  expect(groups[0]).toMatchObject({ joined: false })
  expect(groups[0]!.out).toBeDefined()
})

test('a peer that knows no cuts is found out', async () => {
  const whole = Object.getOwnPropertyDescriptor(Roster.prototype, 'isBeyondCut')!
    .value as Roster['isBeyondCut']
  let victim: Roster | undefined
  const isVictim = (roster: Roster) => (victim ??= roster) === roster
  const spy = vi.spyOn(Roster.prototype, 'isBeyondCut').mockImplementation(function (this: Roster, entry) {
    return !isVictim(this) && whole.call(this, entry)
  })
  onTestFinished(() => spy.mockRestore())
  const outcomes = []
  for (const seed of [1, 3, 5]) {
    victim = undefined
    const outcome = await playOne(seed).catch(String)
    outcomes.push(typeof outcome !== 'string' && outcome.result.verdict.identicalTimelines)
  }
  expect(outcomes).toContain(false)
})
