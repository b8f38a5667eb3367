/**
 * What does order cost? Five peers in processes of their own play the office on libp2p over loopback, paced, with LevelDB:
 * once causally ordered (GroupLog and Outbox, as the messenger uses them), once without any order (parts/unordered.ts).
 * Each side has networks and stores of its own. They take turns of half a second, so that whatever else the machine does
 * disturbs both alike. Neither side runs sync sessions, which mend losses in either world.
 *
 * Bandwidth: all bytes that the sockets sent. Disk: the stores after closing, compacted. Latency: from the call of post
 * until another peer has it on disk and hands it on, over all pairs; and the same without the author's own durable write,
 * which takes most of it and is the same on both sides. All receivers work at the same time, so on a machine with fewer
 * cores than peers each waits for what the others do: `node bench/unordered.ts 2` has two peers.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { KIND } from '../src-main/core/event.ts'
import { sodiumCrypto } from '../src-main/crypto/sodium.ts'
import { encodeMessage, encodeReaction } from '../src-main/messenger/content.ts'
import { createLibp2pNetwork } from '../src-main/network/libp2p/node.ts'
import { openLevelStorage } from '../src-main/storage/level.ts'
import { officeWorkload, type Post } from '../scripts/sim/workload.ts'
import { makeWorld, type World } from '../test/helpers/people.ts'
import { openOrdered, TOPIC } from './parts/broadcast.ts'
import { answerParent, Child } from './parts/children.ts'
import { median, percentile, poll, rounded, spread } from './parts/measure.ts'
import { inFolder, sizeAt } from './parts/setting.ts'
import { openUnordered } from './parts/unordered.ts'

const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin'].slice(0, sizeAt(1, 5))
const ROUNDS = 3
/** How an office is played: how many events, and the time between two of them, on average. */
interface Pace {
  events: number
  paceMs: number
}
const MEASURED: Pace = { events: 180, paceMs: 60 }
/** Played first, and not measured: a messenger that has opened a group has run its code some thousand times. */
const WARM_UP: Pace = { events: 4_000, paceMs: 3 }
const TURN_MS = 500
/** gossipsub builds its mesh in heartbeats of a second. */
const MESH_MS = 1_500

const SIDES = ['ordered', 'unordered'] as const
type Side = (typeof SIDES)[number]
type BySide<T> = Record<Side, T>

interface Report {
  /** Event -> nanoseconds of the machine's clock. */
  posted: [id: string, ns: string, onDiskNs: string][]
  arrived: [id: string, ns: string][]
  wireBytes: number
}

/** What happens in one round, on either side. */
function office(pace: Pace): Post[] {
  const members = NAMES.length
  const posts = officeWorkload({ seed: 7, members, active: members, ...pace })
  return [...posts].slice(0, pace.events)
}

/** When it happens: the sides take turns. */
function dueMs({ atMs }: Post, turn: number): number {
  return MESH_MS + (2 * Math.floor(atMs / TURN_MS) + turn) * TURN_MS + (atMs % TURN_MS)
}

/** One device on one side. */
async function openSide(side: Side, index: number, folder: string, world: World) {
  const { secretKey } = sodiumCrypto.keyPair()
  const network = createLibp2pNetwork({ secretKey, listen: ['/ip4/127.0.0.1/tcp/0'], mdns: false })
  const storage = await openLevelStorage(folder)
  const arrivals = new Map<string, bigint>()
  const messages: string[] = []
  const broadcast = await (side === 'ordered' ? openOrdered : openUnordered)({
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
  const write = async ({ kind, back, text }: Post): Promise<Report['posted'][number]> => {
    const target = kind === 'message' ? undefined : messages.at(-1 - back)
    const isReaction = kind === 'reaction' && target !== undefined
    const body = isReaction
      ? encodeReaction({ target, emoji: text, on: true })
      : encodeMessage({ text, replyTo: target })
    const ns = process.hrtime.bigint()
    const id = await broadcast.post(isReaction ? KIND.reaction : KIND.message, body, target)
    return [id, String(ns), String(process.hrtime.bigint())]
  }
  return {
    address: network.addresses()[0]!,
    async connect(addresses: readonly string[]) {
      for (const address of addresses) await network.connect(address)
      await poll(() => network.topicPeers(TOPIC).length === NAMES.length - 1)
    },
    async play(turn: number, pace: Pace): Promise<Report> {
      const before = network.wireBytes().sent
      const own = office(pace).filter(({ author }) => author === index)
      const due = (post: Post) => new Promise((resolve) => setTimeout(resolve, dueMs(post, turn)))
      const posted = await Promise.all(own.map((post) => due(post).then(() => write(post))))
      await poll(() => arrivals.size === pace.events)
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

function makePeer() {
  const world = makeWorld(NAMES)
  let sides: BySide<Awaited<ReturnType<typeof openSide>>>
  return {
    async open({ index, folders }: { index: number; folders: BySide<string> }): Promise<BySide<string>> {
      sides = {
        ordered: await openSide('ordered', index, folders.ordered, world),
        unordered: await openSide('unordered', index, folders.unordered, world),
      }
      return { ordered: sides.ordered.address, unordered: sides.unordered.address }
    },
    async connect(addresses: readonly BySide<string>[]) {
      for (const side of SIDES) await sides[side].connect(addresses.map((address) => address[side]))
    },
    async play({ first, pace }: { first: Side; pace: Pace }): Promise<BySide<Report>> {
      const reports = SIDES.map((side) => sides[side].play(side === first ? 0 : 1, pace))
      const [ordered, unordered] = await Promise.all(reports)
      return { ordered: ordered!, unordered: unordered! }
    },
    async close() {
      for (const side of SIDES) await sides[side].close()
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

function figuresOf(reports: readonly Report[], diskBytes: readonly number[], { events }: Pace) {
  /** Of every event at every other peer. */
  const latenciesMs = (since: (posted: Report['posted'][number]) => string) => {
    const startNs = new Map(
      reports.flatMap(({ posted }) => posted.map((one) => [one[0], BigInt(since(one))])),
    )
    return reports.flatMap(({ posted, arrived }) => {
      const own = new Set(posted.map(([id]) => id))
      const others = arrived.filter(([id]) => !own.has(id))
      return others.map(([id, ns]) => Number(BigInt(ns) - startNs.get(id)!) / 1e6)
    })
  }
  const sincePost = latenciesMs(([, ns]) => ns)
  const sinceOnDisk = latenciesMs(([, , onDiskNs]) => onDiskNs)
  return {
    wireBytesPerEvent: reports.reduce((sum, { wireBytes }) => sum + wireBytes, 0) / events,
    diskBytesPerEvent: diskBytes.reduce((sum, size) => sum + size) / NAMES.length / events,
    p50Ms: median(sincePost),
    p99Ms: percentile(sincePost, 0.99),
    fromDiskP50Ms: median(sinceOnDisk),
    fromDiskP99Ms: percentile(sinceOnDisk, 0.99),
  }
}

type Figures = ReturnType<typeof figuresOf>

async function round(
  peers: readonly Child[],
  folder: string,
  first: Side,
  pace: Pace,
): Promise<BySide<Figures>> {
  const addresses: BySide<string>[] = []
  const folderOf = (side: Side, index: number) => join(folder, `${side} ${index}`)
  for (const [index, peer] of peers.entries()) {
    const folders = { ordered: folderOf('ordered', index), unordered: folderOf('unordered', index) }
    addresses.push(await peer.ask('open', { index, folders }))
  }
  // Each calls those before it, and waits until all are there.
  await Promise.all(peers.map((peer, i) => peer.ask('connect', addresses.slice(0, i))))
  const reports = await Promise.all(peers.map((peer) => peer.ask<BySide<Report>>('play', { first, pace })))
  await Promise.all(peers.map((peer) => peer.ask('close')))
  const figures = async (side: Side) => {
    const disk = await Promise.all(peers.map((_, index) => diskBytes(folderOf(side, index))))
    return figuresOf(
      reports.map((report) => report[side]),
      disk,
      pace,
    )
  }
  return { ordered: await figures('ordered'), unordered: await figures('unordered') }
}

async function measure(folder: string): Promise<void> {
  const peers = NAMES.map(() => new Child(import.meta.filename))
  await round(peers, join(folder, 'warm-up'), 'ordered', WARM_UP)
  const rounds: BySide<Figures>[] = []
  for (let i = 0; i < ROUNDS; i++)
    rounds.push(await round(peers, join(folder, String(i)), SIDES[i % 2]!, MEASURED))
  await Promise.all(peers.map((peer) => peer.end()))
  const compare = (of: keyof Figures) => ({
    ordered: spread(rounds.map(({ ordered }) => ordered[of])),
    unordered: spread(rounds.map(({ unordered }) => unordered[of])),
    added: spread(rounds.map(({ ordered, unordered }) => ordered[of] / unordered[of] - 1)),
  })
  console.log(
    JSON.stringify({
      question: 'what does order cost, against the same events unordered?',
      peers: NAMES.length,
      events: MEASURED.events,
      eventsPerSecond: rounded(1_000 / MEASURED.paceMs),
      wireBytesPerEvent: compare('wireBytesPerEvent'),
      diskBytesPerEvent: compare('diskBytesPerEvent'),
      latencyMs: { p50: compare('p50Ms'), p99: compare('p99Ms') },
      latencyFromDiskMs: { p50: compare('fromDiskP50Ms'), p99: compare('fromDiskP99Ms') },
    }),
  )
}

if (process.send) answerParent(makePeer())
else await inFolder(measure)
