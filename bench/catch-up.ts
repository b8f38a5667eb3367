/**
 * How long does a newcomer take to catch up? One peer of its own process has a group of EVENTS events by several authors;
 * this process joins over real libp2p on loopback, with everything verified and written to LevelDB; then it closes and
 * opens its folder again, up to the last screen.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { toHex } from '../src-main/core/bytes.ts'
import { sodiumCrypto } from '../src-main/crypto/sodium.ts'
import { Messenger, openMessenger } from '../src-main/messenger/messenger.ts'
import { openDeviceKey } from '../src-main/messenger/own-device.ts'
import { createMemoryNetwork, MemoryHub } from '../src-main/network/memory.ts'
import { openLevelStorage } from '../src-main/storage/level.ts'
import { openMemoryStorage } from '../src-main/storage/memory.ts'
import { until } from '../test/helpers/messengers.ts'

const EVENTS = Number(process.argv[2] ?? 10_000)
const AUTHORS = 8
const TEXT = 'the kind of sentence that people write to each other during the day'
const LISTEN = ['/ip4/127.0.0.1/tcp/0']

/** Leaves a group in the folder in which AUTHORS devices wrote to each other. */
async function writeGroup(dataFolder: string): Promise<string> {
  const hub = new MemoryHub()
  // Nobody here is hostile, and this part is not measured.
  const crypto = { ...sodiumCrypto, verify: () => true }
  const start = async (author: number) => {
    const storage = author === 0 ? await openLevelStorage(join(dataFolder, 'store')) : openMemoryStorage()
    const key = author === 0 ? await openDeviceKey(storage, dataFolder, crypto) : crypto.keyPair()
    const network = createMemoryNetwork(hub, toHex(key.publicKey))
    return Messenger.start({ storage, network, crypto, key, dataFolder, name: `Author ${author}` })
  }
  await mkdir(dataFolder, { recursive: true })
  const authors = await Promise.all(Array.from({ length: AUTHORS }, (_, author) => start(author)))
  const [founder, ...others] = authors
  const { id: group } = await founder!.commands.createGroup({ name: 'bench' })
  const { invite } = await founder!.commands.createInvite({ group })
  await Promise.all(others.map((author) => author.commands.joinGroup({ invite })))
  const deliveredBy = async ({ operator }: Messenger) => (await operator.getDiagnostics()).delivered
  for (const author of authors) await until(author, async () => (await deliveredBy(author)) === AUTHORS)
  for (let posted = 0; posted < EVENTS; posted += AUTHORS)
    await Promise.all(
      authors.map(({ commands }, i) => commands.post({ group, text: `message ${posted + i}: ${TEXT}` })),
    )
  await until(founder!, async () => (await deliveredBy(founder!)) >= EVENTS + AUTHORS)
  await Promise.all(authors.map((author) => author.close()))
  return group
}

async function serve(dataFolder: string): Promise<void> {
  const group = await writeGroup(dataFolder)
  const messenger = await openMessenger({ dataFolder, listen: LISTEN, mdns: false })
  const { invite } = await messenger.commands.createInvite({ group })
  process.send!({ group, invite })
  await once(process, 'disconnect')
  await messenger.close()
}

async function measure(folder: string): Promise<void> {
  const child = fork(import.meta.filename, [String(EVENTS), join(folder, 'server')])
  const [{ group, invite }] = (await once(child, 'message')) as [{ group: string; invite: string }]
  const options = { dataFolder: join(folder, 'newcomer'), listen: LISTEN, mdns: false, name: 'Newcomer' }
  let messenger = await openMessenger(options)
  const loop = monitorEventLoopDelay({ resolution: 5 })
  loop.enable()
  const startMs = performance.now()
  const startCpu = process.cpuUsage()
  let mostPending = 0
  await messenger.commands.joinGroup({ invite })
  await until(messenger, async () => {
    const { delivered, pending } = await messenger.operator.getDiagnostics()
    mostPending = Math.max(mostPending, pending)
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
  console.log(
    JSON.stringify({
      question: 'how long does a newcomer take to catch up, and to open again?',
      events: EVENTS,
      authors: AUTHORS,
      cpuSeconds: Math.round((user + system) / 1e4) / 100,
      wallMs: Math.round(wallMs),
      longestPauseMs: Math.round(loop.max / 1e6),
      mostPending,
      duplicates,
      coldOpenMs: Math.round(coldOpenMs),
      peakMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    }),
  )
}

if (process.send) await serve(process.argv[3]!)
else {
  const folder = await mkdtemp(join(tmpdir(), 'tapri-bench-'))
  try {
    await measure(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}
