/** The network of somebody who may be hostile: what its messenger sends is twisted, and more is sent than it knows of. */
import { decodeFrame, encodeFrame } from '../../src-main/core/sync.ts'
import {
  MAX_GOSSIP_SIZE_BYTES,
  type FrameStream,
  type Network,
  type NetworkHandlers,
} from '../../src-main/network/network.ts'
import { twistFrame, type Misdeed } from './forger.ts'
import type { Random } from './random.ts'

export class RudeNetwork {
  /** What its messenger believes to be the network. */
  readonly network: Network
  /** All that it was ever in. */
  readonly #topics = new Set<string>()
  #handlers: NetworkHandlers | undefined

  constructor(network: Network, misdeed: () => Misdeed | undefined, random: Random) {
    const twisted = (stream: FrameStream): FrameStream => ({
      peer: stream.peer,
      frames: stream.frames,
      send: (bytes) => {
        const frame = decodeFrame(bytes)
        return stream.send(frame ? encodeFrame(twistFrame(frame, misdeed(), random)) : bytes)
      },
      close: () => stream.close(),
      abort: (reason) => stream.abort(reason),
    })
    this.network = {
      self: network.self,
      start: (handlers) => {
        this.#handlers = handlers
        return network.start({
          ...handlers,
          onStream: (stream) => handlers.onStream(twisted(stream)),
          onGossip: async (topic, from, data) => {
            const verdict = await handlers.onGossip(topic, from, data)
            return misdeed() === 'withhold' ? 'ignore' : verdict
          },
        })
      },
      stop: () => network.stop(),
      addresses: () => network.addresses(),
      connect: (address, signal) => network.connect(address, signal),
      peerOf: (address) => network.peerOf(address),
      peers: () => network.peers(),
      setReachable: (isReachable) => network.setReachable(isReachable),
      join: (topic) => {
        this.#topics.add(topic)
        network.join(topic)
      },
      leave: (topic) => network.leave(topic),
      topicPeers: (topic) => network.topicPeers(topic),
      publish: (topic, data) => network.publish(topic, data),
      openStream: async (peer, signal) => twisted(await network.openStream(peer, signal)),
      wireBytes: () => network.wireBytes(),
    }
  }

  /** Gossips what its messenger did not write, as far as it fits; whoever is offline slips nothing. */
  slip(gossip: readonly Uint8Array[]): void {
    for (const topic of this.#topics)
      for (const data of gossip)
        if (data.length <= MAX_GOSSIP_SIZE_BYTES) this.network.publish(topic, data).catch(() => {})
  }

  /** Its own messenger hears this, as if somebody else had gossiped it. */
  async hear(gossip: readonly Uint8Array[]): Promise<void> {
    for (const topic of [...this.#topics].slice(-1))
      for (const data of gossip) await this.#handlers?.onGossip(topic, this.network.self, data)
  }
}
