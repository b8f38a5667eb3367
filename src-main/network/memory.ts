/**
 * A Network without sockets, for tests and simulations. Peers that share a hub reach each other at `memory/<peer key>`.
 *
 * 1. Nothing reaches a handler of another peer but through the hub's defer: whoever passes it in decides order, delay
 *    and loss, and the same decisions give the same run.
 * 2. Frames of a stream, and what a peer knows of another's topics, are right in whatever order tasks run.
 */
import { createHash } from 'node:crypto'
import { AppError } from '../api/errors.ts'
import {
  MAX_FRAME_SIZE_BYTES,
  MAX_GOSSIP_SIZE_BYTES,
  MAX_STREAMS_PER_PEER,
  type FrameStream,
  type Network,
  type NetworkHandlers,
  type PeerKey,
} from './network.ts'

/** Frames sent and not yet taken, from which on a sender waits. */
const MAX_FRAMES_WAITING = 8
/** Messages remembered so that their copies are recognised. */
const MAX_SEEN = 10_000
const ADDRESS_PREFIX = 'memory/'

/** What a deferred task carries. Gossip may be lost or delayed; every other task has to run, or its link hangs. */
export interface Parcel {
  from: PeerKey
  to: PeerKey
  type: 'dial' | 'topics' | 'gossip' | 'stream' | 'frame'
}

/** The air between memory networks. */
export class MemoryHub {
  readonly defer: (task: () => void, parcel: Parcel) => void
  readonly running = new Map<PeerKey, MemoryNetwork>()

  constructor(defer: (task: () => void, parcel: Parcel) => void = (task) => queueMicrotask(task)) {
    this.defer = defer
  }
}

export interface MemoryNetworkOptions {
  /** Sends what is too large: the peer without manners that a test needs. */
  sendsAnySize?: boolean
}

/** A network that is not started yet. */
export function createMemoryNetwork(
  hub: MemoryHub,
  self: PeerKey,
  { sendsAnySize = false }: MemoryNetworkOptions = {},
): Network {
  return new MemoryNetwork(hub, self, sendsAnySize)
}

/** One end of a link. */
interface Link {
  network: MemoryNetwork
  /** Topics the other end is known to be in. */
  topics: Set<string>
  streams: Set<MemoryStream>
}

class MemoryNetwork implements Network {
  readonly self: PeerKey
  readonly #hub: MemoryHub
  readonly #sendsAnySize: boolean
  readonly #links = new Map<PeerKey, Link>()
  readonly #topics = new Set<string>()
  readonly #seen = new Set<string>()
  readonly #wire = { received: 0, sent: 0 }
  #handlers: NetworkHandlers | undefined
  #isReachable: (peer: PeerKey) => boolean = () => true

  constructor(hub: MemoryHub, self: PeerKey, sendsAnySize: boolean) {
    this.#hub = hub
    this.self = self
    this.#sendsAnySize = sendsAnySize
  }

  async start(handlers: NetworkHandlers): Promise<void> {
    this.#handlers = handlers
    this.#hub.running.set(this.self, this)
  }

  async stop(): Promise<void> {
    if (!this.#handlers) return
    this.#handlers = undefined
    this.#hub.running.delete(this.self)
    for (const peer of this.peers()) this.#cut(peer)
    this.#topics.clear()
  }

  addresses(): string[] {
    return this.#handlers ? [ADDRESS_PREFIX + this.self] : []
  }

  async connect(address: string, signal?: AbortSignal): Promise<PeerKey> {
    const peer = this.peerOf(address)
    const linked = Promise.withResolvers<boolean>()
    const dial = () => linked.resolve(peer !== undefined && !signal?.aborted && this.#link(peer))
    if (peer) this.#hub.defer(dial, { from: this.self, to: peer, type: 'dial' })
    else dial()
    if (peer && (await linked.promise)) return peer
    throw new AppError('PEER_UNREACHABLE', `No answer from ${address}.`)
  }

  peerOf(address: string): PeerKey | undefined {
    const peer = address.startsWith(ADDRESS_PREFIX) ? address.slice(ADDRESS_PREFIX.length) : ''
    return /^[0-9a-f]{64}$/.test(peer) ? peer : undefined
  }

  peers(): PeerKey[] {
    return [...this.#links.keys()]
  }

  async setReachable(isReachable: (peer: PeerKey) => boolean): Promise<void> {
    this.#isReachable = isReachable
    for (const peer of this.peers()) if (!isReachable(peer)) this.#cut(peer)
  }

  join(topic: string): void {
    this.#demandRunning()
    this.#topics.add(topic)
    this.#announceTopics()
  }

  leave(topic: string): void {
    this.#demandRunning()
    this.#topics.delete(topic)
    this.#announceTopics()
  }

  topicPeers(topic: string): PeerKey[] {
    return [...this.#links].filter(([, { topics }]) => topics.has(topic)).map(([peer]) => peer)
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    this.#demandRunning()
    if (data.length > MAX_GOSSIP_SIZE_BYTES && !this.#sendsAnySize) throw new TypeError('gossip is oversized')
    if (this.#isNews(topic, data)) this.#spread(topic, data.slice(), undefined)
  }

  async openStream(peer: PeerKey, signal?: AbortSignal): Promise<FrameStream> {
    this.#demandRunning()
    const opened = Promise.withResolvers<MemoryStream | undefined>()
    const open = () => opened.resolve(signal?.aborted ? undefined : this.#open(peer))
    if (this.#links.has(peer)) this.#hub.defer(open, { from: this.self, to: peer, type: 'stream' })
    else opened.resolve(undefined)
    const stream = await opened.promise
    if (!stream) throw new AppError('PEER_UNREACHABLE', 'The peer does not take the stream.')
    return stream
  }

  wireBytes(): { received: number; sent: number } {
    return { ...this.#wire }
  }

  /** False when the other end is not there, or either end does not want the other. */
  #link(peer: PeerKey): boolean {
    const other = this.#hub.running.get(peer)
    if (!this.#handlers || !other || other === this) return false
    if (this.#links.has(peer)) return true
    if (!this.#isReachable(peer) || !other.#isReachable(this.self)) return false
    for (const [near, far] of bothWays(this, other))
      near.#links.set(far.self, { network: far, topics: new Set(), streams: new Set() })
    for (const [near, far] of bothWays(this, other)) {
      near.#handlers?.onPeer(far.self, true)
      near.#announceTopics()
    }
    return true
  }

  #cut(peer: PeerKey): void {
    const other = this.#links.get(peer)!.network
    for (const [near, far] of bothWays(this, other)) {
      for (const stream of near.#links.get(far.self)?.streams ?? []) stream.abort()
      if (near.#links.delete(far.self)) near.#handlers?.onPeer(far.self, false)
    }
  }

  #announceTopics(): void {
    for (const [to, { network }] of this.#links)
      this.#hub.defer(() => network.#learnTopics(this), { from: this.self, to, type: 'topics' })
  }

  /** Looks at what is so now, not at what was announced: announcements may overtake each other. */
  #learnTopics(other: MemoryNetwork): void {
    const known = this.#links.get(other.self)?.topics
    if (!known) return
    for (const topic of known) {
      if (other.#topics.has(topic)) continue
      known.delete(topic)
      this.#handlers?.onTopicPeer(topic, other.self, false)
    }
    for (const topic of other.#topics) {
      if (known.has(topic)) continue
      known.add(topic)
      this.#handlers?.onTopicPeer(topic, other.self, true)
    }
  }

  #spread(topic: string, data: Uint8Array, except: PeerKey | undefined): void {
    for (const to of this.topicPeers(topic)) {
      if (to === except) continue
      const { network } = this.#links.get(to)!
      this.#wire.sent += data.length
      this.#hub.defer(() => network.#takeGossip(topic, this.self, data), {
        from: this.self,
        to,
        type: 'gossip',
      })
    }
  }

  #takeGossip(topic: string, from: PeerKey, data: Uint8Array): void {
    if (!this.#handlers || !this.#links.has(from) || !this.#topics.has(topic)) return
    this.#wire.received += data.length
    if (data.length > MAX_GOSSIP_SIZE_BYTES) return this.#handlers.onRefused(from, 'oversized-gossip')
    if (!this.#isNews(topic, data)) return
    void this.#handlers.onGossip(topic, from, data.slice()).then((verdict) => {
      if (verdict === 'accept' && this.#handlers) this.#spread(topic, data, from)
    })
  }

  #isNews(topic: string, data: Uint8Array): boolean {
    const id = topic + createHash('sha256').update(data).digest('base64')
    if (this.#seen.has(id)) return false
    this.#seen.add(id)
    if (this.#seen.size > MAX_SEEN) this.#seen.delete(this.#seen.values().next().value!)
    return true
  }

  #open(peer: PeerKey): MemoryStream | undefined {
    const mine = this.#links.get(peer)
    const theirs = mine && mine.network.#links.get(this.self)
    const taker = mine && mine.network.#handlers
    if (!theirs || !taker) return undefined
    if ([...theirs.streams].filter(({ isInbound }) => isInbound).length >= MAX_STREAMS_PER_PEER) {
      taker.onRefused(this.self, 'stream-limit')
      return undefined
    }
    const there = this.#pipe(mine.network)
    const back = mine.network.#pipe(this)
    const near = new MemoryStream(peer, false, there, back)
    const far = new MemoryStream(this.self, true, back, there)
    mine.streams.add(near)
    theirs.streams.add(far)
    const forget = () => {
      mine.streams.delete(near)
      theirs.streams.delete(far)
    }
    Promise.all([there.over, back.over]).then(forget, () => {
      near.abort()
      forget()
    })
    taker.onStream(far)
    return near
  }

  #pipe(to: MemoryNetwork): Pipe {
    return new Pipe({
      sendsAnySize: this.#sendsAnySize,
      defer: (task) => this.#hub.defer(task, { from: this.self, to: to.self, type: 'frame' }),
      onSent: (sizeBytes) => (this.#wire.sent += sizeBytes),
      onArrived: (sizeBytes) => (to.#wire.received += sizeBytes),
      onOversized: () => to.#handlers?.onRefused(this.self, 'oversized-frame'),
    })
  }

  #demandRunning(): void {
    if (!this.#handlers) throw new AppError('CLOSED', 'The network is not running.')
  }
}

function bothWays<T>(a: T, b: T): [near: T, far: T][] {
  return [
    [a, b],
    [b, a],
  ]
}

class MemoryStream implements FrameStream {
  readonly peer: PeerKey
  readonly isInbound: boolean
  readonly frames: AsyncIterable<Uint8Array>
  readonly #outgoing: Pipe
  readonly #incoming: Pipe

  constructor(peer: PeerKey, isInbound: boolean, outgoing: Pipe, incoming: Pipe) {
    this.peer = peer
    this.isInbound = isInbound
    this.#outgoing = outgoing
    this.#incoming = incoming
    this.frames = { [Symbol.asyncIterator]: () => incoming.read() }
  }

  send(frame: Uint8Array): Promise<void> {
    return this.#outgoing.send(frame)
  }

  async close(): Promise<void> {
    this.#outgoing.end()
  }

  abort(): void {
    this.#outgoing.break()
    this.#incoming.break()
  }
}

interface PipeOptions {
  sendsAnySize: boolean
  defer(task: () => void): void
  onSent(sizeBytes: number): void
  onArrived(sizeBytes: number): void
  onOversized(): void
}

/** One direction of a stream. */
class Pipe {
  readonly #options: PipeOptions
  /** Sent and not taken, in order; the first #arrived of them can be taken. undefined is the end. */
  readonly #frames: (Uint8Array | undefined)[] = []
  #arrived = 0
  #ended = false
  #broken = false
  #changed = Promise.withResolvers<void>()
  readonly #over = Promise.withResolvers<void>()

  constructor(options: PipeOptions) {
    this.#options = options
  }

  /** Resolves when the end has arrived, rejects when the pipe broke. */
  get over(): Promise<void> {
    return this.#over.promise
  }

  async send(frame: Uint8Array): Promise<void> {
    if (frame.length > MAX_FRAME_SIZE_BYTES && !this.#options.sendsAnySize)
      throw new TypeError('frame is oversized')
    if (this.#ended || this.#broken) throw new Error('the stream is closed')
    this.#options.onSent(frame.length)
    this.#push(frame.slice())
    while (this.#frames.length >= MAX_FRAMES_WAITING) {
      await this.#changed.promise
      if (this.#broken) throw new Error('the stream broke')
    }
  }

  end(): void {
    if (this.#ended || this.#broken) return
    this.#ended = true
    this.#push(undefined)
  }

  break(): void {
    if (this.#broken) return
    this.#broken = true
    this.#over.reject(new Error('the stream broke'))
    this.#wake()
  }

  async *read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#broken) throw new Error('the stream broke')
      if (this.#arrived === 0) {
        await this.#changed.promise
        continue
      }
      const frame = this.#frames[0]
      if (!frame) return
      this.#frames.shift()
      this.#arrived--
      this.#wake()
      yield frame
    }
  }

  #push(frame: Uint8Array | undefined): void {
    this.#frames.push(frame)
    this.#options.defer(() => this.#arrive())
  }

  #arrive(): void {
    if (this.#broken) return
    const frame = this.#frames[this.#arrived++]
    if (!frame) this.#over.resolve()
    else if (frame.length > MAX_FRAME_SIZE_BYTES) {
      this.#options.onOversized()
      this.break()
    } else this.#options.onArrived(frame.length)
    this.#wake()
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}
