/**
 * What does order cost? Five peers in processes of their own play the office on libp2p over loopback, paced, with LevelDB:
 * in every other round causally ordered (GroupLog and Outbox, as the messenger uses them), in the others without any order
 * (parts/unordered.ts). Neither side runs sync sessions, which mend losses in either world.
 *
 * Bandwidth: all bytes that the sockets sent. Disk: the stores after closing, compacted. Latency: from the call of post
 * until another peer has it on disk and hands it on, over all pairs.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { KIND } from '../src-main/core/event.ts'
import { sodiumCrypto } from '../src-main/crypto/sodium.ts'
import { encodeMessage, encodeReaction } from '../src-main/messenger/content.ts'
import { createLibp2pNetwork } from '../src-main/network/libp2p/node.ts'
import type { Network } from '../src-main/network/network.ts'
import { openLevelStorage } from '../src-main/storage/level.ts'
import type { Storage } from '../src-main/storage/storage.ts'
import { officeWorkload, type Post } from '../scripts/sim/workload.ts'
import { makeWorld } from '../test/helpers/people.ts'
import { openOrdered, TOPIC, type Broadcast } from './parts/broadcast.ts'
import { answerParent, Child } from './parts/children.ts'
import { median, percentile, poll, rounded, spread } from './parts/measure.ts'
import { openUnordered } from './parts/unordered.ts'

const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin']
const PAIRS_OF_ROUNDS = 4
const EVENTS = 500
const PACE_MS = 20
/** gossipsub builds its mesh in heartbeats of a second. */
const MESH_MS = 1_500

interface Report {
  /** Event -> nanoseconds of the machine's clock. */
  posted: [id: string, ns: string][]
  arrived: [id: string, ns: string][]
  wireBytes: number
}

/** What happens in one round, the same in all. */
function office(): Post[] {
  const members = NAMES.length
  return [...officeWorkload({ seed: 7, members, events: EVENTS, active: members, paceMs: PACE_MS })].slice(
    0,
    EVENTS,
  )
}

function makePeer() {
  const world = makeWorld(NAMES)
  let self = 0
  let network: Network
  let storage: Storage
  let broadcast: Broadcast
  let arrivals = new Map<string, bigint>()
  let messages: string[] = []
  return {
    async open({ index, folder, isOrdered }: { index: number; folder: string; isOrdered: boolean }) {
      self = index
      arrivals = new Map()
      messages = []
      const { secretKey } = sodiumCrypto.keyPair()
      network = createLibp2pNetwork({ secretKey, listen: ['/ip4/127.0.0.1/tcp/0'], mdns: false })
      storage = await openLevelStorage(folder)
      broadcast = await (isOrdered ? openOrdered : openUnordered)({
        storage,
        network,
        world,
        self: world.people[index]!,
        onDelivered(id, kind) {
          arrivals.set(id, process.hrtime.bigint())
          if (kind === KIND.message) messages.push(id)
        },
      })
      await network.start({
        onPeer() {},
        onTopicPeer() {},
        onGossip: async (_topic, from, data) => broadcast.receive(from, data),
        onStream: (stream) => stream.abort('not here'),
        onDiscovered() {},
        onRefused() {},
      })
      network.join(TOPIC)
      return network.addresses()[0]!
    },
    async connect(addresses: string[]) {
      for (const address of addresses) await network.connect(address)
    },
    async gather() {
      await poll(() => network.topicPeers(TOPIC).length === NAMES.length - 1)
    },
    async play(): Promise<Report> {
      const posted: Report['posted'] = []
      const before = network.wireBytes().sent
      const write = async ({ kind, back, text }: Post) => {
        const target = kind === 'message' ? undefined : messages.at(-1 - back)
        const isReaction = kind === 'reaction' && target !== undefined
        const body = isReaction
          ? encodeReaction({ target, emoji: text, on: true })
          : encodeMessage({ text, replyTo: target })
        const ns = process.hrtime.bigint()
        const id = await broadcast.post(isReaction ? KIND.reaction : KIND.message, body, target)
        posted.push([id, String(ns)])
      }
      const own = office().filter(({ author }) => author === self)
      const due = (post: Post) => new Promise((resolve) => setTimeout(resolve, MESH_MS + post.atMs))
      await Promise.all(own.map(async (post) => due(post).then(() => write(post))))
      await poll(() => arrivals.size === EVENTS)
      const arrived = [...arrivals].map(([id, ns]): [string, string] => [id, String(ns)])
      return { posted, arrived, wireBytes: network.wireBytes().sent - before }
    },
    async close() {
      await network.stop()
      await broadcast.flushed()
      await storage.close()
    },
  }
}

async function diskBytes(folder: string): Promise<number> {
  // On Node it is a ClassicLevel; its types do not say so.
  const level = new Level(folder) as Level<string, string> & {
    compactRange(from: string, to: string): Promise<void>
  }
  await level.open()
  await level.compactRange('\0', '\xff')
  await level.close()
  const names = (await readdir(folder)).filter((name) => !name.startsWith('LOG'))
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size))
  return sizes.reduce((sum, size) => sum + size)
}

async function round(peers: readonly Child[], folder: string, isOrdered: boolean) {
  const folders = peers.map((_, i) => join(folder, String(i)))
  const addresses: string[] = []
  for (const [index, peer] of peers.entries())
    addresses.push(await peer.ask<string>('open', { index, folder: folders[index], isOrdered }))
  for (const [i, peer] of peers.entries()) await peer.ask('connect', addresses.slice(0, i))
  await Promise.all(peers.map((peer) => peer.ask('gather')))
  const reports = await Promise.all(peers.map((peer) => peer.ask<Report>('play')))
  await Promise.all(peers.map((peer) => peer.ask('close')))
  const postedNs = new Map(reports.flatMap(({ posted }) => posted))
  const latenciesMs = reports.flatMap(({ posted, arrived }) => {
    const own = new Set(posted.map(([id]) => id))
    return arrived
      .filter(([id]) => !own.has(id))
      .map(([id, ns]) => Number(BigInt(ns) - BigInt(postedNs.get(id)!)) / 1e6)
  })
  const disk = await Promise.all(folders.map(diskBytes))
  return {
    wireBytesPerEvent: reports.reduce((sum, { wireBytes }) => sum + wireBytes, 0) / EVENTS,
    diskBytesPerEvent: disk.reduce((sum, size) => sum + size) / NAMES.length / EVENTS,
    p50: median(latenciesMs),
    p99: percentile(latenciesMs, 0.99),
  }
}

type Round = Awaited<ReturnType<typeof round>>

async function measure(folder: string): Promise<void> {
  const peers = NAMES.map(() => new Child(import.meta.filename))
  const rounds: Record<'ordered' | 'unordered', Round[]> = { ordered: [], unordered: [] }
  for (let i = 0; i < PAIRS_OF_ROUNDS; i++)
    for (const side of i % 2 === 0
      ? (['ordered', 'unordered'] as const)
      : (['unordered', 'ordered'] as const))
      rounds[side].push(await round(peers, join(folder, `${i} ${side}`), side === 'ordered'))
  await Promise.all(peers.map((peer) => peer.end()))
  const figures = (of: keyof Round) => {
    const [ordered, unordered] = [rounds.ordered, rounds.unordered].map((side) => side.map((one) => one[of]))
    const added = median(ordered!) / median(unordered!) - 1
    return { ordered: spread(ordered!), unordered: spread(unordered!), added: rounded(added, 2) }
  }
  console.log(
    JSON.stringify({
      question: 'what does order cost, against the same events unordered?',
      peers: NAMES.length,
      events: EVENTS,
      eventsPerSecond: rounded(1_000 / PACE_MS),
      wireBytesPerEvent: figures('wireBytesPerEvent'),
      diskBytesPerEvent: figures('diskBytesPerEvent'),
      latencyMs: { p50: figures('p50'), p99: figures('p99') },
    }),
  )
}

if (process.send) answerParent(makePeer())
else {
  const folder = await mkdtemp(join(tmpdir(), 'tapri-bench-'))
  try {
    await measure(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}
