/** A newcomer of a group with several members, over a memory network. */
import { expect, onTestFinished, test } from 'vitest'
import type { GroupId } from '../../src-main/api/contract.ts'
import { toHex } from '../../src-main/core/bytes.ts'
import { MAX_EARLY_SIZE_BYTES, SLICE_EVENTS, SLICE_TIMEOUT_MS } from '../../src-main/core/limits.ts'
import { decodeFrame, type Frame } from '../../src-main/core/sync.ts'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import { Messenger } from '../../src-main/messenger/messenger.ts'
import { systemTime, type Time } from '../../src-main/messenger/time.ts'
import { createMemoryNetwork, MemoryHub } from '../../src-main/network/memory.ts'
import type { FrameStream, Network, PeerKey } from '../../src-main/network/network.ts'
import { openMemoryStorage } from '../../src-main/storage/memory.ts'
import { until } from '../helpers/messengers.ts'

/** What a newcomer reads from a peer; resolve to go on. */
type Look = (peer: PeerKey, frame: Frame, sizeBytes: number) => Promise<void> | void

interface Device {
  messenger: Messenger
  self: PeerKey
}

const delivered = async ({ messenger }: Device) => (await messenger.operator.getDiagnostics()).delivered

async function makeDevice(hub: MemoryHub, name: string, look?: Look, time: Time = systemTime) {
  const key = sodiumCrypto.keyPair()
  const self = toHex(key.publicKey)
  const network = createMemoryNetwork(hub, self)
  const messenger = await Messenger.start({
    storage: openMemoryStorage(),
    network: look ? watched(network, look) : network,
    crypto: sodiumCrypto,
    key,
    dataFolder: 'memory',
    name,
    time,
  })
  onTestFinished(() => messenger.close())
  return { messenger, self }
}

/** Every frame is looked at before it is handed on. */
function watched(network: Network, look: Look): Network {
  const watch = (stream: FrameStream): FrameStream => ({
    peer: stream.peer,
    send: (frame) => stream.send(frame),
    close: () => stream.close(),
    abort: (reason) => stream.abort(reason),
    frames: (async function* () {
      for await (const bytes of stream.frames) {
        await look(stream.peer, decodeFrame(bytes)!, bytes.length)
        yield bytes
      }
    })(),
  })
  const { start, openStream } = network
  network.start = (handlers) =>
    start.call(network, { ...handlers, onStream: (stream) => handlers.onStream(watch(stream)) })
  network.openStream = async (peer, signal) => watch(await openStream.call(network, peer, signal))
  return network
}

/** Three members who have all that was said, and a newcomer who is about to join. */
async function makeScene(options: { messages: number; text: string; look: Look; time?: Time }) {
  const hub = new MemoryHub()
  const members = await Promise.all(['Alice', 'Bob', 'Carol'].map((name) => makeDevice(hub, name)))
  const [alice, ...others] = members as [Device, ...Device[]]
  const { id: group } = await alice.messenger.commands.createGroup({ name: 'office' })
  const { invite } = await alice.messenger.commands.createInvite({ group })
  for (const { messenger } of others) await messenger.commands.joinGroup({ invite })
  // The foundation, settings and an invite; two entrances; what the three are called.
  const beginning = 3 + 2 + 3
  for (const member of members)
    await until(member.messenger, async () => (await delivered(member)) === beginning)
  for (let i = 0; i < options.messages; i++)
    await alice.messenger.commands.post({ group, text: `${i} ${options.text}` })
  const total = options.messages + beginning
  for (const member of members) await until(member.messenger, async () => (await delivered(member)) === total)
  const newcomer = await makeDevice(hub, 'Dave', options.look, options.time)
  // The invite tells where all of them are reached.
  const join = async (): Promise<GroupId> => {
    const { invites } = await alice.messenger.commands.getInvites({ group })
    await newcomer.messenger.commands.joinGroup({ invite: invites[0]!.link! })
    return group
  }
  return { members, newcomer, join, total }
}

test('several members share the work, and next to nothing comes twice', async () => {
  const from = new Map<PeerKey, number>()
  const scene = await makeScene({
    messages: 6 * SLICE_EVENTS,
    text: 'lunch?',
    look: (peer, frame) => {
      if (frame.type === 'events') from.set(peer, (from.get(peer) ?? 0) + frame.events.length)
    },
  })
  const { newcomer, total, members } = scene
  await scene.join()
  // Its own entrance and its name are two more.
  await until(newcomer.messenger, async () => (await delivered(newcomer)) === total + 2)
  expect([...from.keys()].sort()).toEqual(members.map(({ self }) => self).sort())
  const { duplicates } = await newcomer.messenger.operator.getDiagnostics()
  expect(duplicates).toBeLessThanOrEqual(0.05 * total)
}, 60_000)

test('a member who falls silent is replaced, and no other is read far ahead meanwhile', async () => {
  //  silent   slice 1 …                   given to another after a while
  //  others   slice 2, slice 3            wait as bytes, until no more are taken from the network
  const early = new Map<PeerKey, number>()
  const full = Promise.withResolvers<void>()
  let silent: PeerKey | undefined
  let isSilent = true
  const never = new Promise<void>(() => {})
  const time: Time = {
    ...systemTime,
    after: (delayMs, task) => {
      if (delayMs !== SLICE_TIMEOUT_MS || !isSilent) return systemTime.after(delayMs, task)
      // Others wait: time flies once they can get no more.
      let isCancelled = false
      void full.promise.then(() => {
        if (isCancelled) return
        isSilent = false
        task()
      })
      return () => (isCancelled = true)
    },
  }
  const scene = await makeScene({
    messages: 4 * SLICE_EVENTS,
    text: 'x'.repeat(1.2 * (MAX_EARLY_SIZE_BYTES / SLICE_EVENTS)),
    time,
    look: (peer, frame, sizeBytes) => {
      // Membership events are short, and come first.
      if (!isSilent || frame.type !== 'events' || frame.events[0]!.length < 1_000) return
      silent ??= peer
      if (peer === silent) return never
      early.set(peer, (early.get(peer) ?? 0) + sizeBytes)
      const sizes = [...early.values()]
      // The last frame that fits may exceed the limit; that one more comes is what must not be.
      for (const size of sizes) expect(size).toBeLessThan(1.1 * MAX_EARLY_SIZE_BYTES)
      if (sizes.length === 2 && sizes.every((size) => size > MAX_EARLY_SIZE_BYTES)) full.resolve()
      return undefined
    },
  })
  const { newcomer, total } = scene
  await scene.join()
  await until(newcomer.messenger, async () => (await delivered(newcomer)) === total + 2)
  expect(silent).toBeDefined()
  expect(early.size).toBe(2)
}, 120_000)
