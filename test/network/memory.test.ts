import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import { toHex } from '../../src-main/core/bytes.ts'
import { createMemoryNetwork, MemoryHub } from '../../src-main/network/memory.ts'
import { networkContract } from '../contract/network.ts'
import { Witness } from '../helpers/witness.ts'

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
