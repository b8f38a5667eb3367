/** A libp2p peer without manners: it speaks Tapri's protocols with whatever bytes a test gives it. */
import { noise } from '@chainsafe/libp2p-noise'
import { privateKeyFromRaw, publicKeyFromRaw } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Stream } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { encode } from 'uint8-varint'
import { concat, fromHex, toHex } from '../../src-main/core/bytes.ts'
import type { KeyPair } from '../../src-main/crypto/crypto.ts'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import { SYNC_PROTOCOL } from '../../src-main/network/network.ts'
import type { RudePeer } from '../contract/network.ts'

const GOSSIP_PROTOCOL = '/meshsub/1.1.0'

/** Bytes of a sync stream, unframed. */
export interface RawStream {
  send(bytes: Uint8Array): void
  sendFrame(frame: Uint8Array): Promise<void>
  /** Whether or not the other side has given the stream up already. */
  closeWrite(): Promise<void>
  /** Resolves when the other side has sent anything. */
  heard: Promise<void>
  /** Every byte the other side sent; resolves when it is done with the stream, in whatever way. */
  received: Promise<Uint8Array>
}

export interface RudeLibp2p extends RudePeer {
  key: KeyPair
  openStream(peer: string): Promise<RawStream>
  /** Subscribes, without ever looking at what comes. */
  join(topic: string): Promise<void>
  /** The first stream that somebody opens to this peer from now on. */
  takeStream(): Promise<RawStream>
}

/** It knows nobody but the one peer that it was connected to. */
export async function makeRudeLibp2p(): Promise<RudeLibp2p> {
  const key = sodiumCrypto.keyPair()
  const node = await createLibp2p({
    privateKey: privateKeyFromRaw(key.secretKey),
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
  })
  let gossip: Stream | undefined
  const sendGossip = async (rpc: Uint8Array) => {
    gossip ??= await node.dialProtocol(node.getPeers()[0]!, GOSSIP_PROTOCOL)
    gossip.send(prefixed(rpc))
  }
  return {
    key,
    self: toHex(key.publicKey),
    connect: async (address) => void (await node.dial(multiaddr(address))),
    publish: (topic, data) => sendGossip(field(2, concat([field(2, data), field(4, Buffer.from(topic))]))),
    join: (topic) => sendGossip(field(1, concat([Uint8Array.of(1 << 3, 1), field(2, Buffer.from(topic))]))),
    async openStream(peer) {
      const id = peerIdFromPublicKey(publicKeyFromRaw(fromHex(peer)))
      return rawStream(await node.dialProtocol(id, SYNC_PROTOCOL, { maxOutboundStreams: 1_000 }))
    },
    async takeStream() {
      const taken = Promise.withResolvers<RawStream>()
      await node.handle(SYNC_PROTOCOL, (stream) => taken.resolve(rawStream(stream)))
      return taken.promise
    },
    stop: async () => node.stop(),
  }
}

function prefixed(bytes: Uint8Array): Uint8Array {
  return concat([encode(bytes.length), bytes])
}

/** A length-delimited field of gossipsub's protobuf RPC. */
function field(number: number, bytes: Uint8Array): Uint8Array {
  return concat([Uint8Array.of((number << 3) | 2), prefixed(bytes)])
}

function rawStream(stream: Stream): RawStream {
  const chunks: Uint8Array[] = []
  const over = Promise.withResolvers<Uint8Array>()
  const end = () => over.resolve(Buffer.concat(chunks))
  const heard = Promise.withResolvers<void>()
  stream.addEventListener('message', ({ data }) => {
    chunks.push(data.subarray())
    heard.resolve()
  })
  stream.addEventListener('end', end)
  stream.addEventListener('close', end)
  if (stream.status !== 'open') end()
  return {
    send: (bytes) => void stream.send(bytes),
    async sendFrame(frame) {
      if (stream.status === 'open') stream.send(prefixed(frame))
    },
    closeWrite: () => stream.close().catch(() => {}),
    heard: heard.promise,
    received: over.promise,
  }
}
