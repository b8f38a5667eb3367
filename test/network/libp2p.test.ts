import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import { createLibp2pNetwork } from '../../src-main/network/libp2p/node.ts'
import { STREAM_IDLE_TIMEOUT_MS } from '../../src-main/network/network.ts'
import { networkContract } from '../contract/network.ts'
import { makeRudeLibp2p } from '../helpers/rude-libp2p.ts'
import { framesOf, Witness } from '../helpers/witness.ts'

const make = () =>
  createLibp2pNetwork({
    secretKey: sodiumCrypto.keyPair().secretKey,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    mdns: false,
  })

networkContract('libp2p', () => ({ make, makeRude: makeRudeLibp2p }))

const running: { stop(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((network) => network.stop()))
})
async function start(): Promise<Witness> {
  const witness = await new Witness(make()).start()
  running.push(witness.network)
  return witness
}
async function startRude(alice: Witness) {
  const mallory = await makeRudeLibp2p()
  running.push(mallory)
  await mallory.connect(alice.network.addresses()[0]!)
  return mallory
}
/** Somebody can still link to alice and be answered. */
async function expectUsable(alice: Witness): Promise<void> {
  const bob = await start()
  await bob.network.connect(alice.network.addresses()[0]!)
  const n = alice.streams.length
  const near = await bob.network.openStream(alice.network.self)
  await near.send(Uint8Array.of(1))
  const far = await alice.stream(n)
  await Promise.all([near.close(), far.close()])
  expect(await framesOf(far)).toEqual([Uint8Array.of(1)])
  await framesOf(near)
}

test('an address that names another peer than the one who answers is unreachable', async () => {
  const [alice, bob, carol] = [await start(), await start(), await start()]
  const [port, name] = [bob, carol].map(({ network }) => network.addresses()[0]!.split('/p2p/'))
  const dial = alice.network.connect(`${port![0]}/p2p/${name![1]}`)
  await expect(dial).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
  expect(alice.peers).toEqual([])
})

describe('garbage on the TCP port', () => {
  const noise = '\x13/multistream/1.0.0\n\x07/noise\n'
  const garbage: [string, Buffer][] = [
    ['random bytes', randomBytes(64 * 1024)],
    ['a web request', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['zeros', Buffer.alloc(64 * 1024)],
    ['a protocol nobody speaks', Buffer.from('\x13/multistream/1.0.0\n\x06/evil\n')],
    ['a broken handshake', Buffer.concat([Buffer.from(noise), randomBytes(1024)])],
    ['a handshake cut off', Buffer.from(noise)],
  ]
  test.each(garbage)('%s: nobody is hurt but who sent it', async (_, bytes) => {
    const alice = await start()
    const { port } = multiaddr(alice.network.addresses()[0])
      .getComponents()
      .reduce((found, { name, value }) => (name === 'tcp' ? { port: Number(value) } : found), { port: 0 })
    const socket = connect(port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.on('error', () => {})
    socket.end(bytes)
    socket.resume()
    await new Promise((resolve) => socket.once('close', resolve))
    expect(alice.peers).toEqual([])
    await expectUsable(alice)
  })
})

describe('garbage on a stream', () => {
  test('a frame cut off by the end fails', async () => {
    const alice = await start()
    const mallory = await startRude(alice)
    const stream = await mallory.openStream(alice.network.self)
    stream.send(Uint8Array.of(100, 1, 2, 3))
    await stream.closeWrite()
    await expect(framesOf(await alice.stream())).rejects.toThrow()
    await expectUsable(alice)
  })

  test('a length cut off by the end fails', async () => {
    const alice = await start()
    const mallory = await startRude(alice)
    const stream = await mallory.openStream(alice.network.self)
    stream.send(Uint8Array.of(0x80))
    await stream.closeWrite()
    await expect(framesOf(await alice.stream())).rejects.toThrow()
  })

  test.each([
    ['an over-long length', new Uint8Array(10).fill(0x80)],
    ['an infinite length', new Uint8Array(1024).fill(0xff)],
    ['a length of gigabytes', Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f)],
  ])('%s ends the stream and is counted', async (_, bytes) => {
    const alice = await start()
    const mallory = await startRude(alice)
    const stream = await mallory.openStream(alice.network.self)
    stream.send(bytes)
    await expect(framesOf(await alice.stream())).rejects.toThrow()
    await stream.received
    expect(alice.refused).toEqual([[mallory.self, 'oversized-frame']])
    await expectUsable(alice)
  })
})

/** Timers go on as ever, and can be moved ahead: libp2p needs some of its own to open a stream. */
function leapTimers(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true })
  onTestFinished(() => void vi.useRealTimers())
}

test('a stream on which nothing moves is aborted on both sides', async () => {
  const [alice, bob] = [await start(), await start()]
  await alice.network.connect(bob.network.addresses()[0]!)
  leapTimers()
  const near = await alice.network.openStream(bob.network.self)
  await near.send(Uint8Array.of(1))
  const far = await bob.stream()
  const over = Promise.allSettled([framesOf(near), framesOf(far)])
  vi.advanceTimersByTime(STREAM_IDLE_TIMEOUT_MS)
  expect((await over).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})

test('a stream on which something moves now and then stays', async () => {
  const [alice, bob] = [await start(), await start()]
  await alice.network.connect(bob.network.addresses()[0]!)
  leapTimers()
  const near = await alice.network.openStream(bob.network.self)
  await near.send(Uint8Array.of(0))
  const frames = (await bob.stream()).frames[Symbol.asyncIterator]()
  for (let i = 0; i < 3; i++) {
    expect(await frames.next()).toEqual({ done: false, value: Uint8Array.of(i) })
    vi.advanceTimersByTime(STREAM_IDLE_TIMEOUT_MS * 0.9)
    await near.send(Uint8Array.of(i + 1))
  }
})

const ownNetwork = [
  ...(process.getuid?.() === 0 ? [] : ['--map-root-user']),
  '--net',
  'sh',
  '-c',
  'ip link set lo up && ip route add 224.0.0.0/4 dev lo && exec "$@"',
  '--',
]
const canHaveOwnNetwork =
  process.platform === 'linux' && spawnSync('unshare', [...ownNetwork, 'true']).status === 0

test.skipIf(!canHaveOwnNetwork)(
  'two peers find each other by mDNS, in a network of their own (needs unshare and ip)',
  async () => {
    const sources = join(import.meta.dirname, '../../src-main')
    const pair = `
      import { createLibp2pNetwork } from ${JSON.stringify(join(sources, 'network/libp2p/node.ts'))}
      import { sodiumCrypto } from ${JSON.stringify(join(sources, 'crypto/sodium.ts'))}
      const start = async () => {
        const found = Promise.withResolvers()
        const { secretKey } = sodiumCrypto.keyPair()
        const network = createLibp2pNetwork({ secretKey, listen: ['/ip4/127.0.0.1/tcp/0'], mdns: true })
        await network.start({
          onPeer() {}, onTopicPeer() {}, onStream() {}, onRefused() {}, async onGossip() { return 'ignore' },
          onDiscovered: (addresses) => found.resolve(addresses),
        })
        return { network, found: found.promise }
      }
      const [alice, bob] = [await start(), await start()]
      const addresses = await Promise.race([alice.found, bob.found])
      const dialler = alice.network.peerOf(addresses[0]) === bob.network.self ? alice : bob
      const linked = await dialler.network.connect(addresses[0])
      const other = dialler === alice ? bob : alice
      console.log(linked === other.network.self ? 'found and linked' : 'a stranger')
      await Promise.all([alice.network.stop(), bob.network.stop()])`
    const child = spawn('unshare', [...ownNetwork, process.execPath, '--input-type=module', '-e', pair], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    expect(await text(child.stdout)).toBe('found and linked\n')
  },
)
