import { afterEach, describe, expect, test } from 'vitest'
import {
  MAX_FRAME_SIZE_BYTES,
  MAX_GOSSIP_SIZE_BYTES,
  MAX_STREAMS_PER_PEER,
  type FrameStream,
  type Network,
} from '../../src-main/network/network.ts'
import { framesOf, meet, Witness } from '../helpers/witness.ts'

/** A peer of the same kind that keeps no limits when it sends. */
export interface RudePeer {
  self: string
  connect(address: string): Promise<void>
  publish(topic: string, data: Uint8Array): Promise<void>
  openStream(peer: string): Promise<{ sendFrame(frame: Uint8Array): Promise<void> }>
  stop(): Promise<void>
}

/** What the suite needs of an implementation. All networks it makes can reach each other. */
export interface NetworkMaker {
  make(): Network
  makeRude(): Promise<RudePeer>
}

const TOPIC = 'topic'
const bytes = (text: string) => new TextEncoder().encode(text)
const text = (frames: Uint8Array[]) => frames.map((frame) => new TextDecoder().decode(frame))

/** The laws that every network keeps. */
export function networkContract(name: string, prepare: () => NetworkMaker): void {
  describe(`network: ${name}`, () => {
    const running: { stop(): Promise<void> }[] = []
    let maker = prepare()
    afterEach(async () => {
      await Promise.all(running.splice(0).map((network) => network.stop()))
      maker = prepare()
    })
    async function peers<Count extends number>(count: Count) {
      const made = await Promise.all(Array.from({ length: count }, () => new Witness(maker.make()).start()))
      running.push(...made.map(({ network }) => network))
      return made as Count extends 2
        ? [Witness, Witness]
        : Count extends 3
          ? [Witness, Witness, Witness]
          : Witness[]
    }
    async function rude(): Promise<RudePeer> {
      const peer = await maker.makeRude()
      running.push(peer)
      return peer
    }
    const address = ({ network }: Witness) => network.addresses()[0]!
    /** a dials b; both know of it. */
    async function link(a: Witness, b: Witness): Promise<void> {
      await a.network.connect(address(b))
      await b.until(() => b.network.peers().includes(a.network.self))
    }
    async function linked(): Promise<[Witness, Witness]> {
      const [alice, bob] = await peers(2)
      await link(alice, bob)
      return [alice, bob]
    }
    /** A stream from one to the other, as both see it. */
    async function stream(from: Witness, to: Witness): Promise<[FrameStream, FrameStream]> {
      const n = to.streams.length
      const near = await from.network.openStream(to.network.self)
      await near.send(bytes('hello'))
      const far = await to.stream(n)
      const first = await far.frames[Symbol.asyncIterator]().next()
      expect(text([first.value as Uint8Array])).toEqual(['hello'])
      return [near, far]
    }

    describe('links', () => {
      test('connecting proves the key, and both sides are told once', async () => {
        const [alice, bob] = await peers(2)
        expect(await alice.network.connect(address(bob))).toBe(bob.network.self)
        await bob.until(() => bob.peers.length > 0)
        expect(await alice.network.connect(address(bob))).toBe(bob.network.self)
        expect(alice.peers).toEqual([[bob.network.self, true]])
        expect(bob.peers).toEqual([[alice.network.self, true]])
        expect(alice.network.peers()).toEqual([bob.network.self])
        expect(bob.network.peers()).toEqual([alice.network.self])
      })

      test('an address where nobody answers, or that is none, is unreachable', async () => {
        const [alice, bob] = await peers(2)
        const gone = address(bob)
        await bob.network.stop()
        for (const nobody of [gone, address(alice), 'nonsense', ''])
          await expect(alice.network.connect(nobody)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
        expect(alice.peers).toEqual([])
      })

      test('an aborted dial is unreachable', async () => {
        const [alice, bob] = await peers(2)
        const dial = alice.network.connect(address(bob), AbortSignal.abort())
        await expect(dial).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
      })

      test('an address names its peer without dialling', async () => {
        const [alice, bob] = await peers(2)
        expect(alice.network.peerOf(address(bob))).toBe(bob.network.self)
        for (const nonsense of ['', 'nonsense', '/ip4/127.0.0.1/tcp/1', 'memory/'])
          expect(alice.network.peerOf(nonsense)).toBeUndefined()
      })

      test('both sides are told when a link goes away', async () => {
        const [alice, bob] = await linked()
        await bob.network.stop()
        await alice.until(() => alice.peers.length === 2)
        expect(alice.peers).toEqual([
          [bob.network.self, true],
          [bob.network.self, false],
        ])
        expect(alice.network.peers()).toEqual([])
      })

      test('stopping twice is stopping once, and ends streams on both sides', async () => {
        const [alice, bob] = await linked()
        const [near, far] = await stream(alice, bob)
        const reading = [framesOf(near), framesOf(far)]
        await Promise.all([alice.network.stop(), alice.network.stop()])
        await alice.network.stop()
        await Promise.allSettled(reading)
        expect(alice.network.peers()).toEqual([])
        expect(alice.network.addresses()).toEqual([])
        await expect(alice.network.connect(address(bob))).rejects.toThrow()
        await expect(near.send(bytes('late'))).rejects.toThrow()
      })

      test('what crosses the wire is counted', async () => {
        const [alice, bob] = await linked()
        const before = bob.network.wireBytes().received
        const [near, far] = await stream(alice, bob)
        await near.send(new Uint8Array(100_000))
        await near.close()
        await framesOf(far)
        expect(bob.network.wireBytes().received - before).toBeGreaterThanOrEqual(100_000)
        expect(alice.network.wireBytes().sent).toBeGreaterThanOrEqual(100_000)
      })
    })

    describe('reachability', () => {
      test('a peer that is not reachable any more is cut, on both sides', async () => {
        const [alice, bob] = await linked()
        const [near] = await stream(alice, bob)
        await alice.network.setReachable(() => false)
        await Promise.all([alice, bob].map((one) => one.until(() => one.peers.length === 2)))
        expect(alice.network.peers()).toEqual([])
        expect(bob.network.peers()).toEqual([])
        await expect(framesOf(near)).rejects.toThrow()
        await expect(alice.network.openStream(bob.network.self)).rejects.toMatchObject({
          code: 'PEER_UNREACHABLE',
        })
      })

      test('neither side can link while one does not want to, and both can afterwards', async () => {
        const [alice, bob] = await peers(2)
        await alice.network.setReachable((peer) => peer !== bob.network.self)
        await expect(alice.network.connect(address(bob))).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
        // Whoever dials may learn of the refusal only after the handshake.
        await bob.network.connect(address(alice)).catch(() => {})
        await bob.until(() => bob.peers.length % 2 === 0)
        expect(bob.network.peers()).toEqual([])
        expect(alice.peers).toEqual([])
        await alice.network.setReachable(() => true)
        await link(bob, alice)
        expect(alice.peers).toEqual([[bob.network.self, true]])
      })

      test('others are not affected', async () => {
        const [alice, bob, carol] = await peers(3)
        await link(alice, bob)
        await link(carol, alice)
        await alice.network.setReachable((peer) => peer === carol.network.self)
        await bob.until(() => bob.peers.length === 2)
        expect(alice.network.peers()).toEqual([carol.network.self])
      })
    })

    describe('gossip', () => {
      test('whoever joins or leaves a topic is known to be there or not', async () => {
        const [alice, bob] = await linked()
        const self = alice.network.self
        alice.network.join(TOPIC)
        await bob.until(() => bob.topics.length === 1)
        expect(bob.network.topicPeers(TOPIC)).toEqual([self])
        expect(bob.network.topicPeers('another')).toEqual([])
        alice.network.leave(TOPIC)
        await bob.until(() => bob.topics.length === 2)
        expect(bob.network.topicPeers(TOPIC)).toEqual([])
        expect(bob.topics).toEqual([
          [TOPIC, self, true],
          [TOPIC, self, false],
        ])
      })

      test('a topic joined before the link is known after it, and after the next one', async () => {
        const [alice, bob] = await peers(2)
        alice.network.join(TOPIC)
        await link(alice, bob)
        await bob.until(() => bob.network.topicPeers(TOPIC).includes(alice.network.self))
        await bob.network.setReachable(() => false)
        await Promise.all([alice, bob].map((one) => one.until(() => one.peers.length === 2)))
        expect(bob.network.topicPeers(TOPIC)).toEqual([])
        await bob.network.setReachable(() => true)
        await link(bob, alice)
        await bob.until(() => bob.network.topicPeers(TOPIC).includes(alice.network.self))
        expect(bob.topics.filter(([, , joined]) => joined)).toHaveLength(2)
      })

      test('a message reaches everybody in the topic, once, and not its author', async () => {
        const [alice, bob, carol] = await peers(3)
        for (const [a, b] of [
          [alice, bob],
          [bob, carol],
          [carol, alice],
        ] as const)
          await link(a, b)
        await meet(TOPIC, alice, bob, carol)
        await alice.network.publish(TOPIC, bytes('one'))
        await Promise.all([bob, carol].map((one) => one.until(() => one.gossip.includes('one'))))
        await bob.network.publish(TOPIC, bytes('two'))
        await Promise.all([alice, carol].map((one) => one.until(() => one.gossip.includes('two'))))
        expect([alice.gossip, bob.gossip, carol.gossip]).toEqual([['two'], ['one'], ['one', 'two']])
      })

      test('the same under two topics reaches the listeners of each', async () => {
        const [alice, bob, carol] = await peers(3)
        for (const other of [bob, carol]) await link(alice, other)
        for (const [topic, listener] of [
          ['old', bob],
          ['new', carol],
        ] as const) {
          await meet(topic, alice, listener)
          await alice.until(() => alice.network.topicPeers(topic).includes(listener.network.self))
        }
        await Promise.all(['new', 'old'].map((topic) => alice.network.publish(topic, bytes('renewed'))))
        for (const listener of [bob, carol]) await listener.until(() => listener.gossip.includes('renewed'))
      })

      test('only what was accepted is forwarded', async () => {
        //  alice ── bob ── carol     alice and carol are not linked
        const [alice, bob, carol] = await peers(3)
        await link(alice, bob)
        await link(carol, bob)
        await meet(TOPIC, alice, bob, carol)
        bob.judge = (said) => said as 'accept' | 'ignore' | 'reject'
        for (const verdict of ['reject', 'ignore', 'accept'])
          await alice.network.publish(TOPIC, bytes(verdict))
        await carol.until(() => carol.gossip.length > 0)
        expect(bob.gossip.toSorted()).toEqual(['accept', 'ignore', 'reject'])
        expect(carol.gossip).toEqual(['accept'])
      })

      test('publishing without anybody there is no failure', async () => {
        const [alice] = await peers(2)
        alice.network.join(TOPIC)
        await alice.network.publish(TOPIC, bytes('anybody?'))
      })

      test('a message may have the maximum size and not one byte more', async () => {
        const [alice, bob] = await linked()
        await meet(TOPIC, alice, bob)
        const oversized = new Uint8Array(MAX_GOSSIP_SIZE_BYTES + 1)
        await expect(alice.network.publish(TOPIC, oversized)).rejects.toThrow(TypeError)
        await alice.network.publish(TOPIC, oversized.subarray(1))
        await bob.until(() => bob.gossip.length > 0)
        expect(bob.gossip[0]).toHaveLength(MAX_GOSSIP_SIZE_BYTES)
      })

      test('an oversized message of a rude peer is counted, and its next one is heard', async () => {
        const [alice] = await peers(2)
        alice.network.join(TOPIC)
        const mallory = await rude()
        await mallory.connect(address(alice))
        await mallory.publish(TOPIC, new Uint8Array(MAX_GOSSIP_SIZE_BYTES + 1))
        await mallory.publish(TOPIC, bytes('sorry'))
        await alice.until(() => alice.gossip.length > 0 && alice.refused.length > 0)
        expect(alice.gossip).toEqual(['sorry'])
        expect(alice.refused).toEqual([[mallory.self, 'oversized-gossip']])
      })

      test('fourteen peers behind one address all hear everything', async () => {
        const [hub, ...others] = (await peers(14)) as [Witness, ...Witness[]]
        for (const other of others) await link(other, hub)
        await meet(TOPIC, hub, ...others)
        await hub.network.publish(TOPIC, bytes('from the middle'))
        await others[0]!.network.publish(TOPIC, bytes('from the rim'))
        for (const other of others) await other.until(() => other.gossip.includes('from the middle'))
        for (const other of [hub, ...others.slice(1)])
          await other.until(() => other.gossip.includes('from the rim'))
      })
    })

    describe('streams', () => {
      test('frames arrive whole and in order, and the end is clean', async () => {
        const [alice, bob] = await linked()
        const [near, far] = await stream(alice, bob)
        expect([near.peer, far.peer]).toEqual([bob.network.self, alice.network.self])
        const sent = Array.from({ length: 200 }, (_, i) => `frame ${i} ${'x'.repeat((i * 37) % 500)}`)
        const sending = (async () => {
          for (const frame of ['', ...sent]) await near.send(bytes(frame))
          await near.close()
        })()
        expect(text(await framesOf(far))).toEqual(['', ...sent])
        await sending
      })

      test('a reader that begins after the end still gets everything', async () => {
        const [alice, bob] = await linked()
        const [near, far] = await stream(alice, bob)
        const sent = Array.from({ length: 50 }, (_, i) => `${i}`)
        const sending = Promise.all(sent.map((frame) => near.send(bytes(frame)))).then(() => near.close())
        // The answer comes back on another stream, after all of that has arrived.
        await roundTrip(alice, bob)
        expect(text(await framesOf(far))).toEqual(sent)
        await sending
      })

      test('both directions are independent: one side can answer after the other has ended', async () => {
        const [alice, bob] = await linked()
        const [near, far] = await stream(alice, bob)
        await near.close()
        expect(await framesOf(far)).toEqual([])
        await far.send(bytes('an answer'))
        await far.close()
        expect(text(await framesOf(near))).toEqual(['an answer'])
      })

      test('closing again does nothing, and sending after it fails', async () => {
        const [alice, bob] = await linked()
        const [near] = await stream(alice, bob)
        await near.close()
        await near.close()
        await expect(near.send(bytes('late'))).rejects.toThrow()
      })

      test('an aborted stream fails on both sides', async () => {
        const [alice, bob] = await linked()
        const [near, far] = await stream(alice, bob)
        const reading = Promise.allSettled([framesOf(near), framesOf(far)])
        near.abort('for a test')
        expect((await reading).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
        await expect(near.send(bytes('late'))).rejects.toThrow()
        await expect(far.send(bytes('late'))).rejects.toThrow()
        await near.close()
      })

      test('a frame may have the maximum size and not one byte more', async () => {
        const [alice, bob] = await linked()
        const [near, far] = await stream(alice, bob)
        const largest = new Uint8Array(MAX_FRAME_SIZE_BYTES).map((_, i) => i % 251)
        const reading = framesOf(far)
        await expect(near.send(new Uint8Array(MAX_FRAME_SIZE_BYTES + 1))).rejects.toThrow(TypeError)
        for (let i = 0; i < 3; i++) await near.send(largest)
        await near.close()
        const frames = await reading
        expect(frames).toHaveLength(3)
        for (const frame of frames) expect(Buffer.compare(frame, largest)).toBe(0)
      })

      test('a sender waits for a reader that does not read, and goes on when it does', async () => {
        const [alice, bob] = await linked()
        const [near, far] = await stream(alice, bob)
        const count = 80
        let sent = 0
        const sending = (async () => {
          for (; sent < count; sent++) await near.send(new Uint8Array(MAX_FRAME_SIZE_BYTES).fill(sent))
          await near.close()
        })()
        for (let before = -1; before !== sent;) {
          before = sent
          for (let i = 0; i < 10; i++) await roundTrip(alice, bob)
        }
        expect(sent).toBeLessThan(count / 2)
        const frames = await framesOf(far)
        expect(frames.map((frame) => frame[0])).toEqual(Array.from({ length: count }, (_, i) => i))
        await sending
      })

      test('a sender that waits learns of the break', async () => {
        const [alice, bob] = await linked()
        const [near, far] = await stream(alice, bob)
        const sending = (async () => {
          for (;;) await near.send(new Uint8Array(MAX_FRAME_SIZE_BYTES))
        })()
        const failed = expect(sending).rejects.toThrow()
        far.abort('for a test')
        await failed
      })

      test('an oversized frame of a rude peer is counted and ends its stream only', async () => {
        const [alice] = await peers(2)
        const mallory = await rude()
        await mallory.connect(address(alice))
        const near = await mallory.openStream(alice.network.self)
        await near.sendFrame(new Uint8Array(MAX_FRAME_SIZE_BYTES + 1))
        await expect(framesOf(await alice.stream())).rejects.toThrow()
        expect(alice.refused).toEqual([[mallory.self, 'oversized-frame']])
        expect(alice.network.peers()).toEqual([mallory.self])
      })

      test('a peer cannot have more than its share of streams open, and can again when some ended', async () => {
        const [alice, bob] = await linked()
        const open = () => stream(alice, bob)
        const first = await open()
        for (let i = 1; i < MAX_STREAMS_PER_PEER; i++) await open()
        // Whoever opens it may learn of the refusal only when it reads.
        await expect(alice.network.openStream(bob.network.self).then(framesOf)).rejects.toThrow()
        expect(bob.streams).toHaveLength(MAX_STREAMS_PER_PEER)
        const over = first.map(framesOf)
        await Promise.all(first.map((end) => end.close()))
        await Promise.all(over)
        await roundTrip(alice, bob)
      })

      test('a rude peer gets no more streams than its share, and what it tried is counted', async () => {
        const [alice] = await peers(2)
        const mallory = await rude()
        await mallory.connect(address(alice))
        for (let i = 0; i < MAX_STREAMS_PER_PEER + 2; i++)
          await mallory.openStream(alice.network.self).then(
            (stream) => stream.sendFrame(bytes('hello')),
            () => {},
          )
        await alice.until(() => alice.refused.length === 2)
        expect(alice.refused).toEqual(Array.from({ length: 2 }, () => [mallory.self, 'stream-limit']))
        expect(alice.streams).toHaveLength(MAX_STREAMS_PER_PEER)
      })

      test('a stream to nobody is unreachable', async () => {
        const [alice, bob] = await peers(2)
        const opening = alice.network.openStream(bob.network.self)
        await expect(opening).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
      })

      /** There and back on a stream of its own. */
      async function roundTrip(from: Witness, to: Witness): Promise<void> {
        const [near, far] = await stream(from, to)
        await far.send(bytes('back'))
        await Promise.all([near.close(), far.close()])
        expect(text(await framesOf(near))).toEqual(['back'])
        await framesOf(far)
      }
    })
  })
}
