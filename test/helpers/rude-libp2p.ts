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
import { Uint8ArrayList } from 'uint8arraylist'
import { fromHex, toHex } from '../../src-main/core/bytes.ts'
import type { KeyPair } from '../../src-main/crypto/crypto.ts'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import { gossipService } from '../../src-main/network/libp2p/gossip.ts'
import { SYNC_PROTOCOL } from '../../src-main/network/network.ts'
import type { RudePeer } from '../contract/network.ts'

/** Bytes of a sync stream, unframed. */
export interface RawStream {
  send(bytes: Uint8Array): void
  sendFrame(frame: Uint8Array): Promise<void>
  closeWrite(): Promise<void>
  /** Every byte the other side sent; resolves when it is done with the stream, in whatever way. */
  received: Promise<Uint8Array>
}

export interface RudeLibp2p extends RudePeer {
  key: KeyPair
  openStream(peer: string): Promise<RawStream>
  /** Subscribes, without ever looking at what comes. */
  join(topic: string): void
  /** The first stream that somebody opens to this peer from now on. */
  takeStream(): Promise<RawStream>
}

export async function makeRudeLibp2p(): Promise<RudeLibp2p> {
  const key = sodiumCrypto.keyPair()
  const node = await createLibp2p({
    privateKey: privateKeyFromRaw(key.secretKey),
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), gossip: gossipService() },
  })
  const { gossip } = node.services
  const taken = Promise.withResolvers<RawStream>()
  return {
    key,
    self: toHex(key.publicKey),
    connect: async (address) => void (await node.dial(multiaddr(address))),
    async publish(topic, data) {
      const known = Promise.withResolvers<void>()
      const look = () => {
        if (gossip.getSubscribers(topic).length > 0) known.resolve()
      }
      gossip.addEventListener('subscription-change', look)
      look()
      await known.promise
      gossip.removeEventListener('subscription-change', look)
      await gossip.publish(topic, data)
    },
    async openStream(peer) {
      const id = peerIdFromPublicKey(publicKeyFromRaw(fromHex(peer)))
      return rawStream(await node.dialProtocol(id, SYNC_PROTOCOL, { maxOutboundStreams: 1_000 }))
    },
    join: (topic) => gossip.subscribe(topic),
    async takeStream() {
      await node.handle(SYNC_PROTOCOL, (stream) => taken.resolve(rawStream(stream)))
      return taken.promise
    },
    stop: async () => node.stop(),
  }
}

function rawStream(stream: Stream): RawStream {
  const chunks: Uint8Array[] = []
  const over = Promise.withResolvers<Uint8Array>()
  const end = () => over.resolve(Buffer.concat(chunks))
  stream.addEventListener('message', ({ data }) => chunks.push(data.subarray()))
  stream.addEventListener('end', end)
  stream.addEventListener('close', end)
  if (stream.status !== 'open') end()
  return {
    send: (bytes) => void stream.send(bytes),
    async sendFrame(frame) {
      if (stream.status === 'open') stream.send(new Uint8ArrayList(encode(frame.length), frame))
    },
    closeWrite: () => stream.close(),
    received: over.promise,
  }
}
