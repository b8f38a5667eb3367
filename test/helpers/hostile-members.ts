/** Members of a group who hold a key of it, and write with it what no honest device would. */
import { encodeBatch } from '../../src-main/core/batch.ts'
import { onTestFinished } from 'vitest'
import type { GroupSummary } from '../../src-main/api/contract.ts'
import { toHex } from '../../src-main/core/bytes.ts'
import {
  chainOf,
  commitTo,
  deviceTag,
  encodeEvent,
  KIND,
  type Event,
  type EventFields,
} from '../../src-main/core/event.ts'
import { hlcAt } from '../../src-main/core/hlc.ts'
import { MAX_CHAIN_SEQ } from '../../src-main/core/secrets/ratchet.ts'
import type { KeyPair } from '../../src-main/crypto/crypto.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { encodeMessage, encodeProfile } from '../../src-main/messenger/content.ts'
import { decodeInvite } from '../../src-main/messenger/membership.ts'
import { Messenger } from '../../src-main/messenger/messenger.ts'
import { systemTime } from '../../src-main/messenger/time.ts'
import { createMemoryNetwork, MemoryHub } from '../../src-main/network/memory.ts'
import type { PeerKey } from '../../src-main/network/network.ts'
import { openMemoryStorage } from '../../src-main/storage/memory.ts'
import { credentialsOf, joinBody } from '../../scripts/sim/gathering.ts'
import { epochsOf, peopleOf, sealAs, topicOf, until } from './messengers.ts'
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
  const start = async (name: string, key = crypto.keyPair(), storage = openMemoryStorage()) => {
    const network = createMemoryNetwork(hub, toHex(key.publicKey))
    const parts = { storage, network, crypto, key, dataFolder: 'memory', name, time }
    const messenger = await Messenger.start(parts)
    onTestFinished(() => messenger.close())
    return messenger
  }
  const alicesDevice = crypto.keyPair()
  const alicesDisk = openMemoryStorage()
  const alice = await start('Alice', alicesDevice, alicesDisk)
  const keys = Array.from({ length: hostile }, () => crypto.keyPair())
  const { id: group } = await alice.commands.createGroup({ name: 'office' })
  const { invite } = await alice.commands.createInvite({ group })
  const summary = async () => (await alice.commands.getState()).groups[0]!
  const untilSo = (isSo: (summary: GroupSummary) => boolean) =>
    until(alice, async () => isSo(await summary()))
  const topic = await topicOf(alicesDisk, group)
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
  const gossip = async (...events: Event[]) => {
    for (const event of events) await mallory.network.publish(topic, encodeBatch([event], crypto.sha256))
  }
  const gossipTogether = (...events: Event[]) =>
    mallory.network.publish(topic, encodeBatch(events, crypto.sha256))
  const epochs = await epochsOf(alicesDisk, group)
  const sign = (key: KeyPair, fields: Omit<EventFields, 'tag'>) => {
    const tag = deviceTag(key.publicKey, crypto.sha256)
    const own = { ...fields, tag }
    // Each with seals of its own: to those of an honest device, dates only grow.
    const isSealed = chainOf(fields.kind) === 'm' && fields.seq <= MAX_CHAIN_SEQ
    const sealed = isSealed ? sealAs(tag, group, epochs)(own) : own
    return encodeEvent(sealed, group, crypto.sha256, (id) => crypto.sign(id, key.secretKey))
  }
  /** What each of them said last before the test begins: that she is called Mallory. */
  const profiles: Event[] = []
  let hlc = hlcAt(START_MS) + 1_000n
  const { invite: inviteId, seed } = decodeInvite(invite, crypto)
  let heads = [inviteId]
  for (const key of keys) {
    const door = { group, invite: inviteId, inviteKey: crypto.keyPair(seed), voucher: alicesDevice, heads }
    const join = sign(key, {
      ...{ kind: KIND.join, seq: 1, hlc: hlc++, deps: [], controlHeads: heads },
      commit: commitTo(undefined, [], heads, crypto.sha256),
      body: joinBody(credentialsOf(key, crypto), door, crypto),
    })
    heads = [join.id]
    const profile = sign(key, {
      ...{ kind: KIND.profile, seq: 1, hlc: hlc++, deps: [], controlHeads: heads },
      commit: commitTo(undefined, [], heads, crypto.sha256),
      body: encodeProfile({ name: 'Mallory' }),
    })
    profiles.push(profile)
    await gossip(join, profile)
  }
  await until(alice, async () => {
    const people = await peopleOf(alice, group)
    return people.filter(({ name }) => name === 'Mallory').length === hostile
  })
  return {
    alice,
    start,
    startWitness,
    group,
    invite,
    clocks,
    summary,
    untilSo,
    /** A message of a hostile member, with some fields as given; seq 1 is that of her first. */
    forge(text: string, change: Forgery): Event {
      const { member = 0, previous = profiles[member]!, ...fields } = change
      return sign(keys[member]!, {
        kind: KIND.message,
        hlc: hlcAt(START_MS + change.seq),
        deps: [],
        commit: commitTo(previous.id, [], undefined, crypto.sha256),
        body: encodeMessage({ text }),
        ...fields,
        seq: change.seq + profiles[member]!.seq,
      })
    },
    gossip,
    gossipTogether,
    /** Everything that is shown for good. */
    async shown() {
      const { messages } = await alice.commands.getTimeline({ group, limit: 200 })
      const { unread, last } = await summary()
      const people = (await peopleOf(alice, group)).map(({ user, name, devices }) => ({
        ...{ user, name },
        devices: devices.map(({ device, forked }) => ({ device, forked })),
      }))
      return { messages, unread, last, people }
    },
  }
}
