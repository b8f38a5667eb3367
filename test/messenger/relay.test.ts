/** A member who floods a group is heard, and not multiplied. */
import { expect, test } from 'vitest'
import { decodeBatch } from '../../src-main/core/batch.ts'
import type { Event } from '../../src-main/core/event.ts'
import { RELAY_BURST_EVENTS } from '../../src-main/core/limits.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { makeScene } from '../helpers/hostile-members.ts'

test('what one device writes beyond a burst is delivered, and not handed on by gossip', async () => {
  //  mallory ── alice ── a bystander
  const { alice, group, startWitness, forge, gossip, untilSo } = await makeScene()
  const bystander = await startWitness('bb'.repeat(32))
  // Her entrance and her name were the first that alice handed on.
  const burst = RELAY_BURST_EVENTS - 2
  const flood: Event[] = []
  for (let seq = 1; seq <= burst + 20; seq++) flood.push(forge(`${seq}`, { seq, previous: flood.at(-1) }))
  await gossip(...flood)
  await untilSo(({ last }) => last?.text === `${flood.length}`)
  // What alice writes herself is not counted, and comes after all that she handed on.
  const { id } = await alice.commands.post({ group, text: 'what a flood' })
  const bringsIt = (batch: Uint8Array) =>
    decodeBatch(batch, group, crypto.sha256)!.some((event) => event.id === id)
  await bystander.until(() => bystander.batches.some(bringsIt))
  expect(bystander.gossip).toHaveLength(burst + 1)
})
