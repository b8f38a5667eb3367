/** The Network on libp2p: TCP, Noise, yamux, identify, gossipsub, direct streams, and mDNS to find neighbours. */
import { noise } from '@chainsafe/libp2p-noise'
import { privateKeyFromRaw, publicKeyFromRaw } from '@libp2p/crypto/keys'
import { TopicValidatorResult, type GossipSub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { AppError } from '../../api/errors.ts'
import { fromHex, toHex } from '../../core/bytes.ts'
import {
  CONNECT_TIMEOUT_MS,
  MAX_GOSSIP_SIZE_BYTES,
  MAX_STREAMS_PER_PEER,
  SYNC_PROTOCOL,
  type FrameStream,
  type Network,
  type NetworkHandlers,
  type PeerKey,
  type Verdict,
} from '../network.ts'
import { frameStream } from './frames.ts'
import { gossipService } from './gossip.ts'
import { countBytes } from './metrics.ts'

const STOP_TIMEOUT_MS = 5_000
const MDNS_SERVICE = 'tapri.local'
/** Peers behind one address, such as a family or a demo, that may dial at the same time. */
const MAX_DIALS_FROM_ONE_HOST = 128
/** Far below what libp2p buffers of a paused stream before it gives the stream up. */
const MAX_STREAM_WINDOW_BYTES = 1024 * 1024

export interface Libp2pInit {
  /** 64 bytes, libsodium layout: the device key is the peer key. */
  secretKey: Uint8Array
  /** Multiaddresses. */
  listen: string[]
  mdns: boolean
  /** Artificial one-way delay of everything received, for demos. */
  delayMs?: number
}

const RESULTS: Record<Verdict, TopicValidatorResult> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}

type Node = Libp2p<{ gossip: GossipSub }>

/** A network that is not started yet. */
export function createLibp2pNetwork(init: Libp2pInit): Network {
  return new Libp2pNetwork(init)
}

class Libp2pNetwork implements Network {
  readonly self: PeerKey
  readonly #init: Libp2pInit
  readonly #wire = { received: 0, sent: 0 }
  #node: Node | undefined
  #handlers: NetworkHandlers | undefined
  #isReachable: (peer: PeerKey) => boolean = () => true
  #connected = new Set<PeerKey>()

  constructor(init: Libp2pInit) {
    this.#init = init
    this.self = toHex(init.secretKey.subarray(32))
  }

  async start(handlers: NetworkHandlers): Promise<void> {
    this.#handlers = handlers
    const { secretKey, listen, mdns: useMdns } = this.#init
    const isDenied = (id: PeerId) => !this.#admits(id)
    try {
      this.#node = await createLibp2p({
        start: false,
        privateKey: privateKeyFromRaw(secretKey),
        addresses: { listen },
        transports: [tcp()],
        connectionEncrypters: [noise()],
        streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: MAX_STREAM_WINDOW_BYTES } })],
        peerDiscovery: useMdns ? [mdns({ serviceTag: MDNS_SERVICE })] : [],
        connectionManager: {
          dialTimeout: CONNECT_TIMEOUT_MS,
          reconnectRetries: 0,
          inboundConnectionThreshold: MAX_DIALS_FROM_ONE_HOST,
          maxIncomingPendingConnections: MAX_DIALS_FROM_ONE_HOST,
        },
        connectionGater: {
          denyDialMultiaddr: () => false,
          denyDialPeer: isDenied,
          denyInboundEncryptedConnection: isDenied,
          denyOutboundEncryptedConnection: isDenied,
        },
        metrics: countBytes(this.#wire),
        services: { identify: identify(), gossip: gossipService() },
      })
    } catch (error) {
      throw new AppError('INTERNAL', `The network could not be set up: ${messageOf(error)}`, { cause: error })
    }
    this.#listen(this.#node)
    await this.#node.handle(SYNC_PROTOCOL, (stream, connection) => this.#onStream(stream, connection), {
      // libp2p refuses in silence; #onStream refuses earlier, and tells.
      maxInboundStreams: 2 * MAX_STREAMS_PER_PEER,
      maxOutboundStreams: MAX_STREAMS_PER_PEER,
      runOnLimitedConnection: true,
    })
    try {
      await this.#node.start()
    } catch (error) {
      throw new AppError('INTERNAL', `Cannot listen on ${listen.join(', ')}: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }

  async stop(): Promise<void> {
    const node = this.#node
    this.#node = undefined
    this.#handlers = undefined
    this.#connected.clear()
    if (!node) return
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, STOP_TIMEOUT_MS)
    })
    await Promise.race([Promise.resolve(node.stop()).catch(() => {}), late])
    clearTimeout(timer)
  }

  addresses(): string[] {
    return this.#node?.getMultiaddrs().map(String) ?? []
  }

  async connect(address: string, signal?: AbortSignal): Promise<PeerKey> {
    const unreachable = (cause: unknown) =>
      new AppError('PEER_UNREACHABLE', `No answer from ${address}.`, { cause })
    const limit = AbortSignal.timeout(CONNECT_TIMEOUT_MS)
    try {
      const connection = await this.#demand().dial(multiaddr(address), {
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      })
      return keyOf(connection.remotePeer)!
    } catch (error) {
      throw unreachable(error)
    }
  }

  peerOf(address: string): PeerKey | undefined {
    try {
      const parts = multiaddr(address).getComponents()
      const id = parts.findLast(({ name }) => name === 'p2p')?.value
      return id === undefined ? undefined : keyOf(peerIdFromString(id))
    } catch {
      return undefined
    }
  }

  peers(): PeerKey[] {
    return [...this.#connected]
  }

  async setReachable(isReachable: (peer: PeerKey) => boolean): Promise<void> {
    this.#isReachable = isReachable
    const cut = (this.#node?.getConnections() ?? []).filter(({ remotePeer }) => !this.#admits(remotePeer))
    for (const connection of cut) connection.abort(new Error('not reachable any more'))
  }

  join(topic: string): void {
    const gossip = this.#gossip()
    gossip.topicValidators.set(topic, async (from, { data }) => RESULTS[await this.#judge(topic, from, data)])
    gossip.subscribe(topic)
  }

  leave(topic: string): void {
    const gossip = this.#gossip()
    gossip.unsubscribe(topic)
    gossip.topicValidators.delete(topic)
  }

  topicPeers(topic: string): PeerKey[] {
    return this.#gossip()
      .getSubscribers(topic)
      .map(keyOf)
      .filter((key) => key !== undefined)
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    if (data.length > MAX_GOSSIP_SIZE_BYTES) throw new TypeError('gossip is oversized')
    await this.#gossip().publish(topic, data)
  }

  async openStream(peer: PeerKey, signal?: AbortSignal): Promise<FrameStream> {
    const limit = AbortSignal.timeout(CONNECT_TIMEOUT_MS)
    const node = this.#demand()
    const id = peerIdFromPublicKey(publicKeyFromRaw(fromHex(peer)))
    if (!this.#connected.has(peer)) throw new AppError('PEER_UNREACHABLE', 'There is no link to that peer.')
    try {
      const stream = await node.dialProtocol(id, SYNC_PROTOCOL, {
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
        runOnLimitedConnection: true,
      })
      return this.#frames(stream, peer)
    } catch (error) {
      if (limit.aborted) throw new AppError('TIMED_OUT', 'The peer did not answer in time.', { cause: error })
      throw new AppError('PEER_UNREACHABLE', 'The peer does not take the stream.', { cause: error })
    }
  }

  wireBytes(): { received: number; sent: number } {
    return { ...this.#wire }
  }

  #listen(node: Node): void {
    node.addEventListener('connection:open', ({ detail }) => this.#onConnection(detail))
    node.addEventListener('connection:close', ({ detail }) => this.#onConnection(detail))
    node.addEventListener('peer:discovery', ({ detail }) => {
      this.#handlers?.onDiscovered(detail.multiaddrs.map((address) => withPeer(String(address), detail.id)))
    })
    node.services.gossip.addEventListener('subscription-change', ({ detail }) => {
      const peer = keyOf(detail.peerId)
      if (!peer) return
      for (const { topic, subscribe } of detail.subscriptions)
        this.#handlers?.onTopicPeer(topic, peer, subscribe)
    })
  }

  /** Several connections to one peer are one link. */
  #onConnection({ remotePeer }: Connection): void {
    const peer = keyOf(remotePeer)
    if (!peer || !this.#node) return
    const isLinked = this.#node.getConnections(remotePeer).some(({ status }) => status === 'open')
    if (isLinked === this.#connected.has(peer)) return
    if (isLinked) this.#connected.add(peer)
    else this.#connected.delete(peer)
    this.#handlers?.onPeer(peer, isLinked)
  }

  #onStream(stream: Stream, { remotePeer }: Connection): void {
    const peer = keyOf(remotePeer)
    if (!peer || !this.#node || !this.#handlers) return stream.abort(new Error('not taken'))
    const open = this.#node.getConnections(remotePeer).flatMap(({ streams }) => streams)
    const isInbound = ({ direction, protocol }: Stream) =>
      direction === 'inbound' && protocol === SYNC_PROTOCOL
    if (open.filter(isInbound).length > MAX_STREAMS_PER_PEER) {
      this.#handlers.onRefused(peer, 'stream-limit')
      return stream.abort(new Error('too many streams'))
    }
    this.#handlers.onStream(this.#frames(stream, peer))
  }

  #frames(stream: Stream, peer: PeerKey): FrameStream {
    const onOversized = () => this.#handlers?.onRefused(peer, 'oversized-frame')
    return frameStream(stream, peer, onOversized, this.#init.delayMs ?? 0)
  }

  async #judge(topic: string, from: PeerId, data: Uint8Array): Promise<Verdict> {
    const peer = keyOf(from)
    if (!peer || !this.#handlers) return 'ignore'
    if (data.length > MAX_GOSSIP_SIZE_BYTES) {
      this.#handlers.onRefused(peer, 'oversized-gossip')
      return 'reject'
    }
    if (this.#init.delayMs) await new Promise((resolve) => setTimeout(resolve, this.#init.delayMs))
    return this.#handlers ? this.#handlers.onGossip(topic, peer, data) : 'ignore'
  }

  #admits(id: PeerId): boolean {
    const peer = keyOf(id)
    return peer !== undefined && this.#isReachable(peer)
  }

  #gossip(): GossipSub {
    return this.#demand().services.gossip
  }

  #demand(): Node {
    if (!this.#node) throw new AppError('CLOSED', 'The network is not running.')
    return this.#node
  }
}

function keyOf(id: PeerId): PeerKey | undefined {
  return id.type === 'Ed25519' ? toHex(id.publicKey.raw) : undefined
}

function withPeer(address: string, id: PeerId): string {
  return address.includes('/p2p/') ? address : `${address}/p2p/${id}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
