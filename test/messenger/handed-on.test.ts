/** What comes by another way than gossip is told to the others by whoever has it: they would find it by sync, much later. */
import { expect, test } from 'vitest'
import { decodeBatch } from '../../src-main/core/batch.ts'
import { hlcAt } from '../../src-main/core/hlc.ts'
import { MAX_FUTURE_MS } from '../../src-main/core/limits.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { makeScene, START_MS } from '../helpers/hostile-members.ts'
import { texts, until } from '../helpers/messengers.ts'
import type { Witness } from '../helpers/witness.ts'

/** Ids of all events that somebody heard. */
const heardBy = ({ batches }: Witness, group: string): string[] =>
  batches.flatMap((batch) => decodeBatch(batch, group, crypto.sha256)!.map(({ id }) => id))

test('what somebody wrote while alone is gossiped by whoever hears of it first', async () => {
  //  bob ── alice ── a bystander        bob is offline while he writes
  const { group, invite, start, startWitness } = await makeScene()
  const bystander = await startWitness('bb'.repeat(32))
  const bob = await start('Bob')
  await bob.commands.joinGroup({ invite })
  await until(bob, async () => (await bob.commands.getState()).groups[0]?.joined === true)
  const first = await bob.commands.post({ group, text: 'so far, so good' })
  await bystander.until(() => heardBy(bystander, group).includes(first.id))
  await bob.operator.setReachable({ peers: [] })
  const { id } = await bob.commands.post({ group, text: 'is anybody there?' })
  await bob.operator.setReachable({ peers: 'all' })
  await bystander.until(() => heardBy(bystander, group).includes(id))
})

test('what came before it was due is gossiped when it is due', async () => {
  //  mallory ── alice ── a bystander
  const { alice, clocks, group, forge, gossip, gossipTogether, startWitness } = await makeScene({
    hostile: 3,
  })
  const bystander = await startWitness('bb'.repeat(32))
  const hlcOf = (aheadMs: number) => hlcAt(START_MS + MAX_FUTURE_MS + aheadMs)
  const early = forge('from tomorrow', { seq: 1, hlc: hlcOf(60_000) })
  const tooEarly = forge('from next year', { seq: 1, hlc: hlcOf(3_600_000), member: 1 })
  const timely = forge('from today', { seq: 1, member: 2 })
  // In another batch than its own: gossip knows again what it heard a moment ago.
  await gossipTogether(early, tooEarly)
  await gossip(timely)
  await bystander.until(() => heardBy(bystander, group).includes(timely.id))
  expect(heardBy(bystander, group)).not.toContain(early.id)
  clocks.nowMs += 90_000
  await until(alice, async () => (await texts(alice, group)).includes('from tomorrow'))
  await bystander.until(() => heardBy(bystander, group).includes(early.id))
  expect(heardBy(bystander, group)).not.toContain(tooEarly.id)
})
