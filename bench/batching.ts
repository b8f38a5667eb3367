/**
 * What does batching gain at saturation, and what does it cost when idle? Real messengers in processes of their own, on
 * libp2p over loopback, with LevelDB; in every other round each event leaves alone.
 *
 * Throughput: all peers post as fast as they can, until everybody has everything on disk. Latency: one peer posts now and
 * then; from the call until another peer announces the message to its window.
 */
import { join } from 'node:path'
import { sodiumCrypto } from '../src-main/crypto/sodium.ts'
import { Messenger } from '../src-main/messenger/messenger.ts'
import { BATCHING, type Batching } from '../src-main/messenger/outbox.ts'
import { createLibp2pNetwork } from '../src-main/network/libp2p/node.ts'
import { openLevelStorage } from '../src-main/storage/level.ts'
import { officeWorkload } from '../scripts/sim/workload.ts'
import { answerParent, Child } from './parts/children.ts'
import { median, percentile, poll, rounded, spread } from './parts/measure.ts'
import { inFolder } from './parts/setting.ts'

const PEERS = 3
const ROUNDS = 3
/** Events before the first message: the foundation, settings, an invite, entrances, and what everybody is called. */
const BEGINNING = 3 + (PEERS - 1) + PEERS
/** Per peer. */
const POSTS = 1_000
/** Posts of one peer that are being written at a time. */
const AT_ONCE = 32
const IDLE_POSTS = 40
const IDLE_MS = 25
const ALONE: Batching = { intervalMs: 0, maxEvents: 1 }

/** What one peer saw of a round. */
interface Sent {
  messages: number
  messageBytes: number
  eventBytes: number
  wireBytes: number
}

function makePeer() {
  const network = { messages: 0, messageBytes: 0 }
  const arrivals = new Map<string, bigint>()
  let messenger: Messenger
  let group = ''
  const delivered = async () => (await messenger.operator.getDiagnostics()).delivered
  const people = async () => (await messenger.commands.getPeople({ group })).people
  return {
    async start({ folder, isBatching }: { folder: string; isBatching: boolean }) {
      const key = sodiumCrypto.keyPair()
      const listen = ['/ip4/127.0.0.1/tcp/0']
      const libp2p = createLibp2pNetwork({ secretKey: key.secretKey, listen, mdns: false })
      const publish = libp2p.publish.bind(libp2p)
      libp2p.publish = (topic, data) => {
        network.messages++
        network.messageBytes += data.length
        return publish(topic, data)
      }
      messenger = await Messenger.start({
        storage: await openLevelStorage(folder),
        network: libp2p,
        crypto: sodiumCrypto,
        key,
        dataFolder: folder,
        batching: isBatching ? BATCHING : ALONE,
      })
    },
    async found() {
      group = (await messenger.commands.createGroup({ name: 'bench' })).id
      return (await messenger.commands.createInvite({ group })).invite
    },
    async join(invite: string) {
      group = (await messenger.commands.joinGroup({ invite })).id
    },
    /** Everybody is there, and linked. */
    async gather() {
      const isHere = async () => (await people()).every(({ connection }) => connection === 'synchronised')
      await poll(async () => (await people()).length === PEERS && (await isHere()))
    },
    async post() {
      const office = officeWorkload({ seed: 1, members: 1, events: 2 * POSTS, active: 1 })
      // The writers take turns.
      const posts = [...office].slice(0, POSTS).values()
      const write = async () => {
        for (const { text } of posts) await messenger.commands.post({ group, text })
      }
      await Promise.all(Array.from({ length: AT_ONCE }, write))
      await poll(async () => (await delivered()) === BEGINNING + IDLE_POSTS + PEERS * POSTS)
    },
    async sent(): Promise<Sent> {
      const { wireBytes, eventBytes } = await messenger.operator.getDiagnostics()
      return { ...network, eventBytes, wireBytes: wireBytes.sent }
    },
    /** When what is posted from now on was called for; nanoseconds of the machine's clock. */
    async postNowAndThen() {
      const times: [text: string, ns: string][] = []
      for (let i = 0; i < IDLE_POSTS; i++) {
        const text = `idle ${i}`
        await new Promise((resolve) => setTimeout(resolve, IDLE_MS))
        times.push([text, String(process.hrtime.bigint())])
        await messenger.commands.post({ group, text })
      }
      return times
    },
    watch() {
      messenger.onUpdate((name, argument) => {
        if (name !== 'messagesDelivered') return
        for (const { text } of (argument as { messages: { text: string }[] }).messages)
          arrivals.set(text, process.hrtime.bigint())
      })
    },
    async arrivals() {
      await poll(() => arrivals.size === IDLE_POSTS)
      return [...arrivals].map(([text, ns]) => [text, String(ns)])
    },
    close: () => messenger.close(),
  }
}

async function round(folder: string, isBatching: boolean) {
  const peers = Array.from({ length: PEERS }, () => new Child(import.meta.filename))
  const [founder, ...others] = peers
  await Promise.all(
    peers.map((peer, i) => peer.ask('start', { folder: join(folder, String(i)), isBatching })),
  )
  const invite = await founder!.ask('found')
  await Promise.all(others.map((peer) => peer.ask('join', invite)))
  await Promise.all(peers.map((peer) => peer.ask('gather')))
  await others[0]!.ask('watch')
  const calls = await founder!.ask<[string, string][]>('postNowAndThen')
  const arrivals = new Map(await others[0]!.ask<[string, string][]>('arrivals'))
  const latenciesMs = calls.map(([text, ns]) => Number(BigInt(arrivals.get(text)!) - BigInt(ns)) / 1e6)
  const before = await Promise.all(peers.map((peer) => peer.ask<Sent>('sent')))
  const startMs = performance.now()
  await Promise.all(peers.map((peer) => peer.ask('post')))
  const seconds = (performance.now() - startMs) / 1_000
  const after = await Promise.all(peers.map((peer) => peer.ask<Sent>('sent')))
  await Promise.all(peers.map((peer) => peer.ask('close')))
  await Promise.all(peers.map((peer) => peer.end()))
  const total = (of: keyof Sent) => after.reduce((sum, sent, i) => sum + sent[of] - before[i]![of], 0)
  const events = PEERS * POSTS
  return {
    perSecond: events / seconds,
    eventsPerMessage: events / total('messages'),
    // Every peer has every event.
    sharedShare: 1 - total('messageBytes') / (total('eventBytes') / PEERS),
    wireBytesPerEvent: total('wireBytes') / events,
    latenciesMs,
  }
}

async function measure(folder: string): Promise<void> {
  const rounds: Record<'batched' | 'alone', Awaited<ReturnType<typeof round>>[]> = { batched: [], alone: [] }
  for (let i = 0; i < ROUNDS; i++) {
    rounds.alone.push(await round(join(folder, `${i} alone`), false))
    rounds.batched.push(await round(join(folder, `${i} batched`), true))
  }
  const figures = (of: typeof rounds.batched) => {
    const latencies = of.flatMap(({ latenciesMs }) => latenciesMs)
    return {
      eventsPerSecond: spread(of.map(({ perSecond }) => perSecond)),
      eventsPerMessage: rounded(median(of.map(({ eventsPerMessage }) => eventsPerMessage))),
      wireBytesPerEvent: rounded(median(of.map(({ wireBytesPerEvent }) => wireBytesPerEvent))),
      bytesSavedBySharing: rounded(median(of.map(({ sharedShare }) => sharedShare)), 2),
      idleLatencyMs: { p50: rounded(median(latencies)), p99: rounded(percentile(latencies, 0.99)) },
    }
  }
  const [batched, alone] = [figures(rounds.batched), figures(rounds.alone)]
  console.log(
    JSON.stringify({
      question: 'what does batching gain at saturation, and cost when idle?',
      peers: PEERS,
      events: PEERS * POSTS,
      batched,
      alone,
      throughputGain: rounded(batched.eventsPerSecond.median / alone.eventsPerSecond.median - 1, 2),
      idleLatencyAddedMs: rounded(batched.idleLatencyMs.p50 - alone.idleLatencyMs.p50, 2),
    }),
  )
}

if (process.send) answerParent(makePeer())
else await inFolder(measure)
