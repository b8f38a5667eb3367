/** Members of a group who hold a key of it, and write with it what no honest device would. */
import { encodeBatch } from '../../src-main/core/batch.ts'
import { onTestFinished } from 'vitest'
import type { GroupSummary } from '../../src-main/api/contract.ts'
import { toHex } from '../../src-main/core/bytes.ts'
import {
  commitTo,
  deviceTag,
  encodeEvent,
  KIND,
  type Event,
  type EventFields,
} from '../../src-main/core/event.ts'
import { hlcAt } from '../../src-main/core/hlc.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { encodeMessage } from '../../src-main/messenger/content.ts'
import { decodeInvite, topicOf } from '../../src-main/messenger/membership.ts'
import { Messenger } from '../../src-main/messenger/messenger.ts'
import { systemTime } from '../../src-main/messenger/time.ts'
import { createMemoryNetwork, MemoryHub } from '../../src-main/network/memory.ts'
import type { PeerKey } from '../../src-main/network/network.ts'
import { openMemoryStorage } from '../../src-main/storage/memory.ts'
import { until } from './messengers.ts'
import { meet, Witness } from './witness.ts'

/** Unix ms at which alice's clock stands. */
export const START_MS = Date.UTC(2026, 0, 1)

type Forgery = Partial<EventFields> & {
  seq: number
  previous?: Event | undefined
  /** Who signs it; the first, unless said otherwise. */
  member?: number
}

/**
 * Alice at her window, in a group with so many hostile members, who all are Mallory: she gossips whatever she likes.
 * Alice's clocks are in the test's hand.
 */
export async function makeScene({ hostile = 1 } = {}) {
  const hub = new MemoryHub()
  /** Alice's clocks: the one that she may set, and the one that she may not. */
  const clocks = { nowMs: START_MS, atMs: 0 }
  const time = { ...systemTime, nowMs: () => clocks.nowMs, monotonicMs: () => clocks.atMs }
  const start = async (name: string, key = crypto.keyPair()) => {
    const network = createMemoryNetwork(hub, toHex(key.publicKey))
    const parts = { storage: openMemoryStorage(), network, crypto, key, dataFolder: 'memory', name, time }
    const messenger = await Messenger.start(parts)
    onTestFinished(() => messenger.close())
    return messenger
  }
  const alice = await start('Alice')
  const keys = Array.from({ length: hostile }, () => crypto.keyPair())
  const { id: group } = await alice.commands.createGroup({ name: 'office' })
  const { invite } = await alice.commands.createInvite({ group })
  const summary = async () => (await alice.commands.getState()).groups[0]!
  const untilSo = (isSo: (summary: GroupSummary) => boolean) =>
    until(alice, async () => isSo(await summary()))
  for (const [i, key] of keys.entries()) {
    const member = await start('Mallory', key)
    await member.commands.joinGroup({ invite })
    await untilSo(({ people }) => people.length === 2 + i)
    await member.close()
  }

  const topic = topicOf(decodeInvite(invite, crypto).secret, crypto)
  const { peer: alicesKey } = await alice.operator.getPeerKey()
  /** Somebody with no messenger, linked to alice alone and in the group's topic. */
  const startWitness = async (peer: PeerKey) => {
    const witness = await new Witness(createMemoryNetwork(hub, peer)).start()
    onTestFinished(() => witness.network.stop())
    await witness.network.connect(`memory/${alicesKey}`)
    await meet(topic, witness)
    await witness.until(() => witness.network.topicPeers(topic).includes(alicesKey))
    return witness
  }
  const mallory = await startWitness(toHex(keys[0]!.publicKey))
  return {
    alice,
    start,
    startWitness,
    group,
    invite,
    clocks,
    summary,
    untilSo,
    /** A message of a hostile member, with some fields as given. */
    forge(text: string, change: Forgery): Event {
      const { previous, member = 0, ...fields } = change
      const key = keys[member]!
      const honest: EventFields = {
        kind: KIND.message,
        tag: deviceTag(key.publicKey, crypto.sha256),
        hlc: hlcAt(START_MS + change.seq),
        deps: [],
        commit: commitTo(previous?.id, [], undefined, crypto.sha256),
        body: encodeMessage({ text }),
        ...fields,
      }
      return encodeEvent(honest, group, crypto.sha256, (id) => crypto.sign(id, key.secretKey))
    },
    async gossip(...events: Event[]) {
      for (const event of events) await mallory.network.publish(topic, encodeBatch([event], crypto.sha256))
    },
    /** Everything that is shown for good. */
    async shown() {
      const { messages } = await alice.commands.getTimeline({ group, limit: 200 })
      const { unread, last, people } = await summary()
      return { messages, unread, last, people: people.map(({ device, forked }) => [device, forked]) }
    },
  }
}
