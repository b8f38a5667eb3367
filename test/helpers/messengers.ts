/** Real messengers on libp2p, with their stores in memory, and ways to wait for what happens in them. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GroupId } from '../../src-main/api/contract.ts'
import type { KeyPair } from '../../src-main/crypto/crypto.ts'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import { Messenger } from '../../src-main/messenger/messenger.ts'
import { createLibp2pNetwork } from '../../src-main/network/libp2p/node.ts'
import type { Network, PeerKey } from '../../src-main/network/network.ts'
import { openMemoryStorage } from '../../src-main/storage/memory.ts'

export interface RunningMessenger {
  messenger: Messenger
  key: KeyPair
  address: string
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
  return { messenger, key, address: network.addresses()[0]!, judged }
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
