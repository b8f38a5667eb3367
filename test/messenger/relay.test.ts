/** A member who floods a group is heard, and not multiplied. */
import { expect, test } from 'vitest'
import type { Event } from '../../src-main/core/event.ts'
import { RELAY_BURST_EVENTS } from '../../src-main/core/limits.ts'
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
  await alice.commands.post({ group, text: 'what a flood' })
  await bystander.until(() => bystander.gossip.some((text) => text.includes('what a flood')))
  expect(bystander.gossip).toHaveLength(burst + 1)
})
