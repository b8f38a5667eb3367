/** What is gossiped fits into the messages of the network. */
import { expect, test } from 'vitest'
import { EVENTS_FRAME_SIZE_BYTES, MAX_EVENT_SIZE_BYTES } from '../../src-main/core/limits.ts'
import { decodeEvents } from '../../src-main/core/sync.ts'
import { Outbox } from '../../src-main/messenger/outbox.ts'
import { systemTime } from '../../src-main/messenger/time.ts'
import { MAX_GOSSIP_SIZE_BYTES, type Network } from '../../src-main/network/network.ts'

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
