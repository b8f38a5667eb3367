/** Real messengers on libp2p, with their stores in memory, and ways to wait for what happens in them. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DeviceTag, GroupId, Person } from '../../src-main/api/contract.ts'
import { fromHex, toHex } from '../../src-main/core/bytes.ts'
import type { EventFields } from '../../src-main/core/event.ts'
import type { KeyPair } from '../../src-main/crypto/crypto.ts'
import { epochOf, topicOf as topicOfEpoch } from '../../src-main/core/secrets/derivations.ts'
import { Epochs } from '../../src-main/core/secrets/epochs.ts'
import { Seals } from '../../src-main/core/secrets/sealing.ts'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import type { Opening } from '../../src-main/messenger/bodies.ts'
import { decodeMembership } from '../../src-main/messenger/membership.ts'
import { Messenger } from '../../src-main/messenger/messenger.ts'
import { createLibp2pNetwork } from '../../src-main/network/libp2p/node.ts'
import type { Network, PeerKey } from '../../src-main/network/network.ts'
import { groupKey } from '../../src-main/storage/keys.ts'
import { openMemoryStorage } from '../../src-main/storage/memory.ts'
import type { Storage } from '../../src-main/storage/storage.ts'

export interface RunningMessenger {
  messenger: Messenger
  key: KeyPair
  address: string
  storage: Storage
  /** Resolves when the next gossip of this peer has been judged. */
  judged(from: PeerKey): Promise<void>
}

export async function startMessenger(name: string): Promise<RunningMessenger> {
  const key = sodiumCrypto.keyPair()
  const network = createLibp2pNetwork({
    secretKey: key.secretKey,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    mdns: false,
  })
  const judged = tellWhenJudged(network)
  const storage = openMemoryStorage()
  const messenger = await Messenger.start({
    storage,
    network,
    crypto: sodiumCrypto,
    key,
    dataFolder: 'memory',
    name,
  })
  return { messenger, key, address: network.addresses()[0]!, storage, judged }
}

function tellWhenJudged(network: Network): (from: PeerKey) => Promise<void> {
  const waiting = new Map<PeerKey, () => void>()
  const start = network.start.bind(network)
  network.start = (handlers) =>
    start({
      ...handlers,
      async onGossip(topic, from, data) {
        const verdict = await handlers.onGossip(topic, from, data)
        waiting.get(from)?.()
        return verdict
      },
      onRefused(peer, reason) {
        handlers.onRefused(peer, reason)
        if (peer) waiting.get(peer)?.()
      },
    })
  return (from) => new Promise((resolve) => waiting.set(from, resolve))
}

/** Resolves once the condition holds; it is looked at again at every update. */
export async function until(messenger: Messenger, condition: () => Promise<boolean>): Promise<void> {
  let changed: PromiseWithResolvers<void>
  const stop = messenger.onUpdate(() => changed.resolve())
  try {
    for (;;) {
      changed = Promise.withResolvers()
      if (await condition()) return
      await changed.promise
    }
  } finally {
    stop()
  }
}

/** What a member has of a group's epochs, as its store tells. */
export async function epochsOf(storage: Storage, group: GroupId): Promise<Epochs> {
  const epochs = new Epochs()
  const membership = decodeMembership((await storage.get(groupKey(group)))!, sodiumCrypto)
  for (const epoch of membership.epochs) epochs.add(epoch)
  return epochs
}

/** The name under which a member gossips in a group. */
export async function topicOf(storage: Storage, group: GroupId): Promise<string> {
  const { epoch } = (await epochsOf(storage, group)).current()!
  return topicOfEpoch(epoch.secret, group, epochOf(epoch.founder), sodiumCrypto)
}

/** Encrypts an event of a device as its app would, with the current epoch. */
export function sealAs(
  device: DeviceTag,
  group: GroupId,
  epochs: Epochs,
): (fields: Omit<EventFields, 'epoch'>) => EventFields {
  const seals = new Seals({ group, self: device, epochs, primitives: sodiumCrypto })
  return ({ body, ...fields }) => {
    const id = epochOf(epochs.current()!.epoch.founder)
    const context = { ...fields, epoch: fromHex(id) }
    return { ...context, body: seals.seal(body, context, id) }
  }
}

/** Reads what was written in these epochs. */
export function openingWith(group: GroupId, epochs: Epochs): Opening {
  const seals = new Seals({ group, self: '', epochs, primitives: sodiumCrypto })
  return {
    open(event) {
      const { kind, body, epoch } = event
      if (!epoch) return { kind, plaintext: body }
      const opened = seals.open(event, toHex(epoch))
      if ('reason' in opened) throw new Error(`an event cannot be read: ${opened.reason}`)
      return { kind, ...opened }
    },
  }
}

/** Members of a group, as a messenger lists them, by name. */
export async function peopleOf({ commands }: Messenger, group: GroupId): Promise<Person[]> {
  const { people } = await commands.getPeople({ group })
  return people.sort((a, b) => a.name.localeCompare(b.name))
}

/** Devices of members that forked. */
export async function forkedIn(messenger: Messenger, group: GroupId): Promise<string[]> {
  const people = await peopleOf(messenger, group)
  return people.flatMap(({ devices }) => devices.flatMap(({ device, forked }) => (forked ? [device] : [])))
}

/** Texts of the newest messages, in timeline order. */
export async function texts({ commands }: Messenger, group: GroupId): Promise<string[]> {
  const { messages } = await commands.getTimeline({ group, limit: 200 })
  return messages.filter(({ kind }) => kind === 'message').map(({ text }) => text)
}

/** Everything a messenger delivered, in its order, with its timeline and roster: the text of its trace. */
export async function traceOf({ operator }: Messenger, group: GroupId): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tapri-trace-'))
  try {
    const { file } = await operator.writeTrace({ group, folder })
    return await readFile(file, 'utf8')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
