/** A member who floods a group is heard, and not multiplied. */
import { expect, test } from 'vitest'
import type { Event } from '../../src-main/core/event.ts'
import { RELAY_BURST_EVENTS } from '../../src-main/core/limits.ts'
import { makeScene } from '../helpers/hostile-members.ts'
import { until } from '../helpers/messengers.ts'

test('what one device writes beyond a burst is delivered, and others get it by sync instead of gossip', async () => {
  //  mallory ── alice ── bob
  const { alice, group, start, invite, forge, gossip, untilSo } = await makeScene()
  const bob = await start('Bob')
  const summary = async () => (await bob.commands.getState()).groups[0]!
  await bob.operator.setReachable({ peers: [(await alice.operator.getPeerKey()).peer] })
  await bob.commands.joinGroup({ invite })
  await until(bob, async () => (await summary()).joined)
  // When he is heard and answered, what he synchronised when he came is over.
  const { id } = await bob.commands.post({ group, text: 'hello' })
  await untilSo(({ last }) => last?.text === 'hello')
  await alice.commands.post({ group, text: 'welcome', replyTo: id })
  await until(bob, async () => (await summary()).last?.text === 'welcome')
  // Her entrance was the first that alice handed on.
  const burst = RELAY_BURST_EVENTS - 1
  const extra = 20
  const flood: Event[] = []
  for (let seq = 1; seq <= burst + extra; seq++) flood.push(forge(`${seq}`, { seq, previous: flood.at(-1) }))
  await gossip(...flood)
  await untilSo(({ last }) => last?.text === `${flood.length}`)
  // What alice writes herself is not counted. It cites the end of the flood, so bob lets it wait, greyed or not.
  await alice.commands.post({ group, text: 'what a flood' })
  await until(bob, async () => (await summary()).pending.count === 1)
  const { unread, pending } = await summary()
  expect(unread).toBe(burst + 1)
  expect(pending.missing).toMatchObject([{ name: 'Mallory', count: extra }])

  await bob.operator.setReachable({ peers: [] })
  await bob.operator.setReachable({ peers: [(await alice.operator.getPeerKey()).peer] })
  await until(bob, async () => (await summary()).last?.text === 'what a flood')
  expect((await summary()).pending.count).toBe(0)
  // More than are counted one by one.
  expect((await summary()).unread).toBe(1_000)
  const { messages } = await bob.commands.getTimeline({ group, limit: 200 })
  expect(messages.some(({ text }) => text === `${flood.length}`)).toBe(true)
})
