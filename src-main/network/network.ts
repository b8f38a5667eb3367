/**
 * What the messenger needs from a network: named topics that spread small messages to everyone who joined,
 * and direct, flow-controlled streams of frames to one peer. A peer is named by its device public key.
 * Every implementation runs test/contract/network.ts.
 */

/** Ed25519 public key of a device, 64 hex digits; proven by the transport before any handler is called. */
export type PeerKey = string

/**
 * accept: valid, forward it. ignore: not provably bad, do not forward. reject: provably bad, the sender may be penalised.
 */
export type Verdict = 'accept' | 'ignore' | 'reject'

/** A direct stream. Frames arrive whole and in order, or the stream fails. */
export interface FrameStream {
  readonly peer: PeerKey
  /**
   * Resolves when the network is ready for more: awaiting it is the flow control.
   * Fails with an Error when the stream is gone or the frame exceeds MAX_FRAME_SIZE_BYTES.
   */
  send(frame: Uint8Array): Promise<void>
  /** Ends when the other side closed; throws when the stream broke or a frame was oversized. */
  readonly frames: AsyncIterable<Uint8Array>
  /** Ends this side after what was sent has left. Bounded in time; never throws. */
  close(): Promise<void>
  /** Ends both sides at once. */
  abort(reason: string): void
}

export interface NetworkHandlers {
  /** An authenticated link came up or the last link went away; balanced per peer. */
  onPeer(peer: PeerKey, connected: boolean): void
  /** A connected peer joined or left a topic. */
  onTopicPeer(topic: string, peer: PeerKey, joined: boolean): void
  /** A message of a topic from a neighbour (not necessarily its author). Must not throw. */
  onGossip(topic: string, from: PeerKey, data: Uint8Array): Promise<Verdict>
  /** The peer opened a stream. Must not throw. */
  onStream(stream: FrameStream): void
  /** Found by local discovery (mDNS): addresses to dial, if the messenger wants to. */
  onDiscovered(addresses: string[]): void
  /** Bytes refused before any handler saw them: counted by the messenger. */
  onRefused(peer: PeerKey | undefined, reason: 'oversized-gossip' | 'oversized-frame' | 'stream-limit'): void
}

export interface Network {
  readonly self: PeerKey
  /** Starts listening. Handlers are called from now on. Fails with AppError. */
  start(handlers: NetworkHandlers): Promise<void>
  /** Ends every link. Idempotent, bounded in time. */
  stop(): Promise<void>
  /** Full dialable addresses of this peer, best first. */
  addresses(): string[]
  /** Dials; resolves with the proven key when the link is authenticated. Fails with AppError PEER_UNREACHABLE. */
  connect(address: string, signal?: AbortSignal): Promise<PeerKey>
  /** The peer named in an address, without dialling; undefined when it names none or is not understood. */
  peerOf(address: string): PeerKey | undefined
  peers(): PeerKey[]
  /**
   * Which peers may be linked from now on, both ways; links to others are cut. For a user who goes offline,
   * for blocking, and for partitions in demos and tests.
   */
  setReachable(isReachable: (peer: PeerKey) => boolean): Promise<void>
  join(topic: string): void
  leave(topic: string): void
  /** Connected peers known to be in the topic. */
  topicPeers(topic: string): PeerKey[]
  /** Hands the bytes to the topic's peers; resolves when they have been handed on, not when they arrived. At most MAX_GOSSIP_SIZE_BYTES. */
  publish(topic: string, data: Uint8Array): Promise<void>
  /** Opens a stream to a connected peer. Fails with AppError PEER_UNREACHABLE or TIMED_OUT. */
  openStream(peer: PeerKey, signal?: AbortSignal): Promise<FrameStream>
  /** Everything that crossed the wire, headers and handshakes included where the implementation can tell. */
  wireBytes(): { received: number; sent: number }
}

export const MAX_GOSSIP_SIZE_BYTES = 128 * 1024
export const MAX_FRAME_SIZE_BYTES = 256 * 1024
/** Dials, handshakes and stream openings give up after this. */
export const CONNECT_TIMEOUT_MS = 10_000
/** A stream on which nothing moved for this long is aborted. */
export const STREAM_IDLE_TIMEOUT_MS = 30_000
/** Open inbound sync streams per peer. */
export const MAX_STREAMS_PER_PEER = 32
export const SYNC_PROTOCOL = '/tapri/sync/1'
