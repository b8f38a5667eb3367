import { expect, test } from 'vitest'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import { toHex } from '../../src-main/core/bytes.ts'
import { createMemoryNetwork, MemoryHub, type Parcel } from '../../src-main/network/memory.ts'
import { networkContract } from '../contract/network.ts'
import { framesOf, Witness } from '../helpers/witness.ts'

networkContract('memory', () => {
  const hub = new MemoryHub()
  const key = () => toHex(sodiumCrypto.randomBytes(32))
  return {
    make: () => createMemoryNetwork(hub, key()),
    async makeRude() {
      const { network } = await new Witness(createMemoryNetwork(hub, key(), { sendsAnySize: true })).start()
      return {
        self: network.self,
        connect: async (address) => void (await network.connect(address)),
        publish: (topic, data) => network.publish(topic, data),
        async openStream(peer) {
          const stream = await network.openStream(peer)
          return { sendFrame: (frame) => stream.send(frame) }
        },
        stop: () => network.stop(),
      }
    },
  }
})

/** A hub that runs what was deferred when told to, in an order that a seed decides. */
function seededHub(seed: number, isLost: (parcel: Parcel) => boolean = () => false) {
  const waiting: (() => void)[] = []
  const hub = new MemoryHub((task, parcel) => {
    if (!isLost(parcel)) waiting.push(task)
  })
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647
  return {
    hub,
    /** Until nothing happens any more. */
    async run() {
      for (;;) {
        // Whatever a task resolved may defer more.
        await new Promise(setImmediate)
        if (waiting.length === 0) return
        waiting.splice(Math.floor(random() * waiting.length), 1)[0]!()
      }
    },
  }
}

async function pair(seeded: ReturnType<typeof seededHub>) {
  const start = (digit: string) => new Witness(createMemoryNetwork(seeded.hub, digit.repeat(64))).start()
  const [alice, bob] = [await start('a'), await start('b')]
  void alice.network.connect(bob.network.addresses()[0]!)
  await seeded.run()
  return [alice, bob] as const
}

test.each([1, 2, 3, 4, 5])(
  'frames are in order and topics are right in whatever order tasks run (seed %i)',
  async (seed) => {
    const seeded = seededHub(seed)
    const [alice, bob] = await pair(seeded)
    const opening = alice.network.openStream(bob.network.self)
    for (const topic of ['x', 'y', 'z']) alice.network.join(topic)
    alice.network.leave('y')
    await seeded.run()
    const near = await opening
    const sent = Array.from({ length: 30 }, (_, i) => Uint8Array.of(i))
    const sending = Promise.all(sent.map((frame) => near.send(frame))).then(() => near.close())
    const reading = framesOf(bob.streams[0]!)
    await seeded.run()
    await sending
    expect(await reading).toEqual(sent)
    expect(['x', 'y', 'z'].map((topic) => bob.network.topicPeers(topic).length)).toEqual([1, 0, 1])
  },
)

test('the same seed gives the same run, and another one another', async () => {
  const heard = async (seed: number) => {
    const seeded = seededHub(seed)
    const [alice, bob] = await pair(seeded)
    bob.network.join('x')
    await seeded.run()
    for (let i = 0; i < 20; i++) await alice.network.publish('x', Buffer.from(`${i}`))
    await seeded.run()
    return bob.gossip
  }
  expect(await heard(7)).toEqual(await heard(7))
  expect(await heard(7)).not.toEqual(await heard(8))
  expect((await heard(8)).toSorted()).toEqual((await heard(7)).toSorted())
})

test('lost gossip is lost, and nothing else is', async () => {
  const seeded = seededHub(1, ({ type, to }) => type === 'gossip' && to.startsWith('b'))
  const [alice, bob] = await pair(seeded)
  for (const { network } of [alice, bob]) network.join('x')
  await seeded.run()
  await alice.network.publish('x', Buffer.from('to bob'))
  await bob.network.publish('x', Buffer.from('to alice'))
  await seeded.run()
  expect([alice.gossip, bob.gossip]).toEqual([['to alice'], []])
})
