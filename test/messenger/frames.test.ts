/** Whatever is handed on fits into the frames of the network. */
import { expect, test } from 'vitest'
import { EVENTS_FRAME_SIZE_BYTES, MAX_EVENT_SIZE_BYTES } from '../../src-main/core/limits.ts'
import { decodeEvents } from '../../src-main/core/sync.ts'
import { MAX_TEXT_SIZE_BYTES } from '../../src-main/messenger/content.ts'
import { Outbox } from '../../src-main/messenger/outbox.ts'
import { systemTime } from '../../src-main/messenger/time.ts'
import { MAX_FRAME_SIZE_BYTES, MAX_GOSSIP_SIZE_BYTES, type Network } from '../../src-main/network/network.ts'
import { makeScene } from '../helpers/hostile-members.ts'
import { until } from '../helpers/messengers.ts'

test('gossip leaves in batches of bounded size, and a large event alone', async () => {
  const sent: number[][] = []
  const all = Promise.withResolvers<void>()
  const sizes = [1, EVENTS_FRAME_SIZE_BYTES / 2, EVENTS_FRAME_SIZE_BYTES / 2, 1, MAX_EVENT_SIZE_BYTES, 1, 1]
  const publish = async (_topic: string, data: Uint8Array) => {
    expect(data.length).toBeLessThanOrEqual(MAX_GOSSIP_SIZE_BYTES)
    sent.push(decodeEvents(data)!.map((event) => event.length))
    if (sent.flat().length === sizes.length) all.resolve()
  }
  const outbox = new Outbox({ publish } as Partial<Network> as Network, 'topic', systemTime)
  for (const size of sizes) outbox.push(new Uint8Array(size))
  await all.promise
  const [first, second, third, fourth, fifth, sixth, seventh] = sizes
  expect(sent).toEqual([[first], [second, third], [fourth], [fifth], [sixth, seventh]])
})

test('a newcomer learns of any number of large forks', async () => {
  //  each of them  ┬─ 1      together too large for one frame
  //                └─ 1'
  const hostile = Math.ceil(MAX_FRAME_SIZE_BYTES / (2 * MAX_TEXT_SIZE_BYTES)) + 1
  const { alice, group, start, invite, forge, gossip, untilSo } = await makeScene({ hostile })
  // She cites their entrances, which therefore stay.
  await alice.commands.post({ group, text: 'welcome' })
  for (let member = 0; member < hostile; member++)
    for (const letter of ['a', 'b'])
      await gossip(forge(letter.repeat(MAX_TEXT_SIZE_BYTES), { seq: 1, member }))
  await untilSo(({ people }) => people.filter(({ forked }) => forked).length === hostile)
  const bob = await start('Bob')
  await bob.commands.joinGroup({ invite })
  await until(bob, async () => {
    const [office] = (await bob.commands.getState()).groups
    return office!.joined && office!.people.filter(({ forked }) => forked).length === hostile
  })
})
