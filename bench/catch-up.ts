/**
 * How long does a newcomer take to catch up? PEERS peers in a process of their own have a group of EVENTS events by several
 * authors; this process joins over real libp2p on loopback, with everything verified and written to LevelDB; then it
 * closes and opens its folder again, up to the last screen.
 *
 * opening: what decrypting all bodies once costs of that, done again by itself, as a share of the rest.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { toHex } from '../src-main/core/bytes.ts'
import { decodeEvent, type Event } from '../src-main/core/event.ts'
import { identityOf } from '../src-main/crypto/identity.ts'
import { openKeystore } from '../src-main/crypto/keystore.ts'
import { sodiumCrypto } from '../src-main/crypto/sodium.ts'
import { Messenger } from '../src-main/messenger/messenger.ts'
import { openMessenger } from '../src-main/messenger/opening.ts'
import { openDeviceKey } from '../src-main/messenger/own-device.ts'
import { createMemoryNetwork, MemoryHub } from '../src-main/network/memory.ts'
import { openLevelStorage } from '../src-main/storage/level.ts'
import { sealedStorage } from '../src-main/messenger/sealed-store.ts'
import { openMemoryStorage } from '../src-main/storage/memory.ts'
import { eventRange } from '../src-main/storage/keys.ts'
import { epochsOf, openingWith, until } from '../test/helpers/messengers.ts'
import { inFolder, sizeAt } from './parts/setting.ts'

const EVENTS = sizeAt(1, 50_000)
const PEERS = sizeAt(2, 1)
const AUTHORS = 8
const TEXT = 'the kind of sentence that people write to each other during the day'
const LISTEN = ['/ip4/127.0.0.1/tcp/0']

const folderOf = (dataFolder: string, author: number) => join(dataFolder, `${author}`)

/** Leaves a group in which AUTHORS devices wrote to each other in the folders of the first PEERS of them. */
async function writeGroup(dataFolder: string): Promise<string> {
  const hub = new MemoryHub()
  // Nobody here is hostile, and this part is not measured.
  const crypto = { ...sodiumCrypto, verify: () => true }
  const start = async (author: number) => {
    const folder = folderOf(dataFolder, author)
    const isKept = author < PEERS
    await mkdir(folder, { recursive: true })
    const keystore = await openKeystore(folder, crypto)
    const disk = isKept ? await openLevelStorage(join(folder, 'store')) : openMemoryStorage()
    const storage = sealedStorage(disk, keystore.secrets.storeKey, crypto)
    const key = await openDeviceKey(storage, keystore, crypto)
    const network = createMemoryNetwork(hub, toHex(key.publicKey))
    const identity = identityOf(keystore.secrets.entropy, crypto)
    return Messenger.start({ storage, network, crypto, key, identity, dataFolder, name: `Author ${author}` })
  }
  const authors = await Promise.all(Array.from({ length: AUTHORS }, (_, author) => start(author)))
  const [founder, ...others] = authors
  const { id: group } = await founder!.commands.createGroup({ name: 'bench' })
  const { invite } = await founder!.commands.createInvite({ group })
  await Promise.all(others.map((author) => author.commands.joinGroup({ invite })))
  const deliveredBy = async ({ operator }: Messenger) => (await operator.getDiagnostics()).delivered
  // Founding, settings and an invite; of everybody a profile, and of all but the founder an entrance.
  const before = 3 + AUTHORS + AUTHORS - 1
  for (const author of authors) await until(author, async () => (await deliveredBy(author)) >= before)
  for (let posted = 0; posted < EVENTS; posted += AUTHORS)
    await Promise.all(
      authors.map(({ commands }, i) => commands.post({ group, text: `message ${posted + i}: ${TEXT}` })),
    )
  for (const author of authors.slice(0, PEERS))
    await until(author, async () => (await deliveredBy(author)) >= EVENTS + before)
  await Promise.all(authors.map((author) => author.close()))
  return group
}

async function serve(dataFolder: string): Promise<void> {
  const group = await writeGroup(dataFolder)
  const peers = await Promise.all(
    Array.from({ length: PEERS }, (_, author) =>
      openMessenger({ dataFolder: folderOf(dataFolder, author), listen: LISTEN, mdns: false }),
    ),
  )
  const invites = await Promise.all(peers.map(({ commands }) => commands.createInvite({ group })))
  process.send!({ group, invites: invites.map(({ invite }) => invite) })
  await once(process, 'disconnect')
  await Promise.all(peers.map((peer) => peer.close()))
}

async function measure(folder: string): Promise<void> {
  const child = fork(import.meta.filename, [String(EVENTS), String(PEERS), join(folder, 'server')])
  const [{ group, invites }] = (await once(child, 'message')) as [{ group: string; invites: string[] }]
  const options = { dataFolder: join(folder, 'newcomer'), listen: LISTEN, mdns: false, name: 'Newcomer' }
  let messenger = await openMessenger(options)
  const loop = monitorEventLoopDelay({ resolution: 5 })
  loop.enable()
  const startMs = performance.now()
  const startCpu = process.cpuUsage()
  let mostPending = 0
  const rssMiB: Record<string, number> = {}
  for (const invite of invites) await messenger.commands.joinGroup({ invite })
  await until(messenger, async () => {
    const { delivered, pending } = await messenger.operator.getDiagnostics()
    mostPending = Math.max(mostPending, pending)
    for (const share of [25, 50, 75, 100])
      if (delivered >= (EVENTS * share) / 100)
        rssMiB[`${share}%`] ??= Math.round(process.memoryUsage.rss() / 2 ** 20)
    return delivered > EVENTS
  })
  const { user, system } = process.cpuUsage(startCpu)
  const wallMs = performance.now() - startMs
  loop.disable()
  const { duplicates } = await messenger.operator.getDiagnostics()
  await messenger.close()
  child.disconnect()
  await once(child, 'exit')
  const openMs = performance.now()
  messenger = await openMessenger(options)
  await messenger.commands.getTimeline({ group, limit: 50 })
  const coldOpenMs = performance.now() - openMs
  await messenger.close()
  const openingSeconds = await openAll(options.dataFolder, group)
  const cpuSeconds = (user + system) / 1e6
  console.log(
    JSON.stringify({
      question: 'how long does a newcomer take to catch up, and to open again?',
      events: EVENTS,
      peers: PEERS,
      authors: AUTHORS,
      cpuSeconds: Math.round(cpuSeconds * 100) / 100,
      opening: {
        cpuSeconds: Math.round(openingSeconds * 100) / 100,
        share: Math.round((1000 * openingSeconds) / (cpuSeconds - openingSeconds)) / 1000,
      },
      wallMs: Math.round(wallMs),
      longestPauseMs: Math.round(loop.max / 1e6),
      mostPending,
      duplicates,
      duplicateShare: Math.round((1000 * duplicates) / EVENTS) / 1000,
      rssMiB,
      coldOpenMs: Math.round(coldOpenMs),
      peakMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    }),
  )
}

/** CPU seconds that it takes to decrypt the body of every event of a log once. */
async function openAll(dataFolder: string, group: string): Promise<number> {
  const keystore = await openKeystore(dataFolder, sodiumCrypto)
  const disk = await openLevelStorage(join(dataFolder, 'store'))
  const storage = sealedStorage(disk, keystore.secrets.storeKey, sodiumCrypto)
  const { open } = openingWith(group, await epochsOf(storage, group))
  const events: Event[] = []
  for await (const [, bytes] of storage.range(eventRange(group))) {
    const decoded = decodeEvent(bytes, group, sodiumCrypto.sha256)
    if ('event' in decoded && decoded.event.epoch) events.push(decoded.event)
  }
  await storage.close()
  const before = process.cpuUsage()
  for (const event of events) open(event)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

if (process.send) await serve(process.argv[4]!)
else await inFolder(measure)
