/** Crowds of engines whose membership changes by a script, while everything else goes wrong. `TAPRI_SEED=7` draws another world. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Crowd, type CrowdOptions } from '../../scripts/sim/crowd.ts'
import { makeFastCrypto } from '../../scripts/sim/fast-crypto.ts'
import { ALL_FAULTS, NO_FAULTS, type Fault } from '../../scripts/sim/faults.ts'
import { DEFIANCES } from '../../scripts/sim/hostiles.ts'
import { Random } from '../../scripts/sim/random.ts'
import { readScript } from '../../scripts/membership-script.ts'
import { ROLE } from '../../src-main/core/control/operation.ts'
import { Roster } from '../../src-main/core/members.ts'

const SEED = Number(process.env['TAPRI_SEED'] ?? 1)
const MEMBERS = 30
const SAMPLE = readFileSync(join(import.meta.dirname, '../../scripts/demo/sample.membership.txt'), 'utf8')
const GOOD = { violations: [], lost: 0, identicalTimelines: true, pending: 0 }

/** Half of the crowd hears one side of it, and half the other. */
const MUTUAL = `
0.05 0 role 1 admin
0.10 divide 0,2,3,4,5,6,7,8,9,10,11,12,13,14/1,15,16,17,18,19,20,21,22,23,24
0.15 0 role 2 owner
0.20 2 remove 1            # they remove each other:
0.22 1 remove 2
0.24 1 remove 15           # an owner's word holds, so this comes to nothing
0.26 15 defy               # though whoever it is about writes on by hand
0.27 1 defy
0.30 0 remove 4
0.60 heal
0.70 0 add 4 reader
0.75 0 role 4 member
`

function makeCrowd(script: string, change: Partial<CrowdOptions> = {}): Crowd {
  const seed = change.seed ?? SEED
  return new Crowd({
    seed,
    members: MEMBERS,
    online: MEMBERS,
    events: 300,
    active: MEMBERS,
    faults: NO_FAULTS,
    crypto: makeFastCrypto(new Random(seed)),
    script: readScript(script, MEMBERS),
    ...change,
  })
}

/** How much everybody hides of what lies beyond a cut. */
const cutOffAt = ({ peers }: Crowd) => peers.map(({ engine }) => engine.history.forks.cutOff.length)

test('members come and go by the sample script, and all devices agree on who is left and what was said', () => {
  const crowd = makeCrowd(SAMPLE)
  expect(crowd.run()).toMatchObject(GOOD)
  // On a successor only owners act: that one is written, and comes to nothing.
  expect(crowd.director.notDone).toEqual(['Row 12 (1 remove 3): is not allowed, and comes to nothing.'])
  const { members } = crowd.peers[0]!.engine.roster
  expect(crowd.members()).toHaveLength(members.size)
  expect(crowd.members()).not.toContain(2)
  expect(Math.min(...cutOffAt(crowd))).toBeGreaterThan(0)
})

test('of two who remove each other while the network is divided one stays, and nothing of what the other did', () => {
  const crowd = makeCrowd(MUTUAL)
  expect(crowd.run()).toMatchObject(GOOD)
  expect(crowd.director.notDone).toEqual([])
  const everybodyElse = Array.from({ length: MEMBERS }, (_, member) => member).filter((one) => one !== 1)
  expect(crowd.members()).toEqual(everybodyElse)
  const { roster, history } = crowd.peers[0]!.engine
  expect(roster.members.get(crowd.userOf(2))).toBe(ROLE.owner)
  // All that one wrote by hand is shown again everywhere, and nothing of what the other did after its removal.
  const shownOf = (member: number) =>
    history.chain(crowd.peers[member]!.tag, 'm').filter((entry) => history.forks.isVisible(entry))
  expect(shownOf(15).length).toBeGreaterThanOrEqual(DEFIANCES)
  expect(shownOf(1).length).toBeLessThan(DEFIANCES)
})

test.each([SAMPLE, MUTUAL])(
  'with every fault there is, they agree as well',
  (script) => {
    const crowd = makeCrowd(script, { faults: ALL_FAULTS })
    expect(crowd.run()).toMatchObject(GOOD)
    expect(crowd.director.done).toBeGreaterThan(0)
  },
  240_000,
)

test('the same seed gives the same run', () => {
  const run = () => {
    const faults = new Set<Fault>(['loss', 'reorder', 'partition', 'crash'])
    const crowd = makeCrowd(SAMPLE, { faults, events: 100 })
    return JSON.stringify([crowd.run(), crowd.figures(), crowd.members(), crowd.director.notDone])
  }
  expect(run()).toBe(run())
})

test('a peer that knows no cuts is found out', () => {
  const whole = Object.getOwnPropertyDescriptor(Roster.prototype, 'isBeyondCut')!
    .value as Roster['isBeyondCut']
  const crowd = makeCrowd(SAMPLE)
  const victim = crowd.peers[7]!.engine.roster
  const spy = vi.spyOn(Roster.prototype, 'isBeyondCut').mockImplementation(function (this: Roster, entry) {
    return this !== victim && whole.call(this, entry)
  })
  onTestFinished(() => spy.mockRestore())
  expect(crowd.run().identicalTimelines).toBe(false)
})

test('what an honest member wrote and somebody does not show counts as lost', () => {
  const crowd = makeCrowd(SAMPLE)
  const whole = Object.getOwnPropertyDescriptor(Roster.prototype, 'isBeyondCut')!
    .value as Roster['isBeyondCut']
  const victim = crowd.peers[7]!.engine.roster
  // Takes the return of somebody for nothing.
  const spy = vi.spyOn(Roster.prototype, 'isBeyondCut').mockImplementation(function (this: Roster, entry) {
    return whole.call(this, entry) || (this === victim && entry.tag === crowd.peers[4]!.tag && entry.seq > 1)
  })
  onTestFinished(() => spy.mockRestore())
  const verdict = crowd.run()
  expect(verdict.identicalTimelines).toBe(false)
  expect(verdict.lost).toBeGreaterThan(0)
})
