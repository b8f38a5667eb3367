/** Somebody who watches a network: notes what its handlers were told, and wakes those who wait for it. */
import type {
  FrameStream,
  Network,
  NetworkHandlers,
  PeerKey,
  Verdict,
} from '../../src-main/network/network.ts'

export class Witness {
  readonly network: Network
  readonly peers: [PeerKey, boolean][] = []
  readonly topics: [topic: string, peer: PeerKey, joined: boolean][] = []
  readonly gossip: string[] = []
  /** The same, as it came. */
  readonly batches: Uint8Array[] = []
  readonly refused: [PeerKey | undefined, string][] = []
  readonly streams: FrameStream[] = []
  readonly discovered: string[] = []
  /** How gossip is judged. */
  judge: (text: string) => Verdict = () => 'accept'
  #changed = Promise.withResolvers<void>()

  constructor(network: Network) {
    this.network = network
  }

  async start(): Promise<this> {
    const note = <T>(list: T[], item: T) => {
      list.push(item)
      this.#changed.resolve()
      this.#changed = Promise.withResolvers()
    }
    const handlers: NetworkHandlers = {
      onPeer: (...event) => note(this.peers, event),
      onTopicPeer: (...event) => note(this.topics, event),
      onGossip: async (_topic, _from, data) => {
        const text = new TextDecoder().decode(data)
        this.batches.push(data)
        note(this.gossip, text)
        return this.judge(text)
      },
      onStream: (stream) => note(this.streams, stream),
      onDiscovered: (addresses) => addresses.forEach((address) => note(this.discovered, address)),
      onRefused: (...event) => note(this.refused, event),
    }
    await this.network.start(handlers)
    return this
  }

  /** Resolves once the condition holds; it is looked at again whenever the network has something to tell. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#changed.promise
  }

  /** The stream that a peer opened, the nth of them. */
  async stream(n = 0): Promise<FrameStream> {
    await this.until(() => this.streams.length > n)
    return this.streams[n]!
  }
}

/** Everything a stream brings, until it ends. */
export async function framesOf(stream: FrameStream): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = []
  for await (const frame of stream.frames) frames.push(frame)
  return frames
}

/** Both in the topic, and both know it. */
export async function meet(topic: string, ...witnesses: Witness[]): Promise<void> {
  for (const { network } of witnesses) network.join(topic)
  for (const witness of witnesses) {
    const linked = witness.network
      .peers()
      .filter((peer) => witnesses.some((other) => other.network.self === peer))
    await witness.until(() => linked.every((peer) => witness.network.topicPeers(topic).includes(peer)))
  }
}
