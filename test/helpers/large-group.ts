/** A data folder with a long conversation in it, made as quickly as its rules allow: nobody's engine but the owner's. */
import { join } from 'node:path'
import type { EventId, GroupId } from '../../src-main/api/contract.ts'
import type { Engine } from '../../src-main/core/engine.ts'
import {
  commitTo,
  deviceTag,
  encodeEvent,
  KIND,
  type Dot,
  type Event,
  type EventFields,
} from '../../src-main/core/event.ts'
import { hlcAt } from '../../src-main/core/hlc.ts'
import type { Epochs } from '../../src-main/core/secrets/epochs.ts'
import type { KeyPair } from '../../src-main/crypto/crypto.ts'
import { openKeystore } from '../../src-main/crypto/keystore.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { inlineVerifier } from '../../src-main/crypto/verifier.ts'
import { encodeMessage, encodeProfile, encodeReaction } from '../../src-main/messenger/content.ts'
import { GroupLog, type GroupLogEvents } from '../../src-main/messenger/group-log.ts'
import {
  decodeInvite,
  decodeMembership,
  encodeMembership,
  type InviteText,
} from '../../src-main/messenger/membership.ts'
import { openMessenger } from '../../src-main/messenger/opening.ts'
import { openDeviceKey } from '../../src-main/messenger/own-device.ts'
import { systemTime } from '../../src-main/messenger/time.ts'
import { groupKey } from '../../src-main/storage/keys.ts'
import { openLevelStorage } from '../../src-main/storage/level.ts'
import { sealedStorage } from '../../src-main/messenger/sealed-store.ts'
import type { Storage } from '../../src-main/storage/storage.ts'
import { credentialsOf, joinBody } from '../../scripts/sim/gathering.ts'
import { epochsOf, openingWith, sealAs } from './messengers.ts'

export const LOOPBACK = { listen: ['/ip4/127.0.0.1/tcp/0'], mdns: false }
const EVENTS_PER_BATCH = 256
const TEXT = 'the kind of sentence that people write to each other during the day'

export interface LargeGroup {
  group: GroupId
  /** Delivery index of the last event. */
  length: number
  /** Texts of the last messages, in timeline order: enough for a page. */
  lastTexts: string[]
}

export interface LargeGroupOptions {
  /** Messages, answers and reactions together. */
  events: number
  /** The owner of the folder is one of them. */
  authors: number
  /** So many of the last events have not been looked at. */
  unread: number
}

export const SILENT: GroupLogEvents = {
  onDelivered() {},
  onHidden() {},
  onFork() {},
  onOwnUnknown() {},
  onPendingChanged() {},
  onRefused(reason) {
    throw new Error(`an event was refused: ${reason}`)
  },
  onDuplicate() {},
  onAsk() {},
  onControl() {},
  onPeople() {},
  onUnlocked() {},
}

/** Every fifth event does not know the one before it; one in four answers, one in ten is a reaction. */
export async function writeLargeGroup(
  dataFolder: string,
  { events, authors, unread }: LargeGroupOptions,
): Promise<LargeGroup> {
  const owner = await openMessenger({ dataFolder, ...LOOPBACK, name: 'Author 0' })
  const { id: group } = await owner.commands.createGroup({ name: 'large' })
  const { invite } = await owner.commands.createInvite({ group, maxUses: authors })
  await owner.close()
  const door = decodeInvite(invite, crypto)
  const { log, storage, key } = await openLog(dataFolder, group)
  const epochs = await epochsOf(storage, group)
  const lastTexts: string[] = []
  let batch: Uint8Array[] = []
  const take = async () => {
    const now = () => ({ nowMs: Date.now(), atMs: performance.now() })
    const { written } = await log.receive(batch, 'maker', now)
    await written
    batch = []
  }
  const keys = [key, ...Array.from({ length: authors - 1 }, () => crypto.keyPair())]
  for (const { event, text } of conversation(door, keys, log.engine, epochs, events)) {
    batch.push(event.bytes)
    if (text !== undefined) lastTexts.push(text)
    if (lastTexts.length > 200) lastTexts.shift()
    if (batch.length === EVENTS_PER_BATCH) await take()
  }
  await take()
  const length = log.length
  const membership = decodeMembership((await storage.get(groupKey(group)))!, crypto)
  const read = { ...membership, readN: length - unread, addresses: [] }
  await storage.write({ put: [[groupKey(group), encodeMembership(read)]] }, { durable: true })
  await storage.close()
  return { group, length, lastTexts }
}

/** The log of a group in a data folder, ready to be written to, without a messenger around it. */
export async function openLog(
  dataFolder: string,
  group: GroupId,
): Promise<{ log: GroupLog; storage: Storage; key: KeyPair }> {
  const keystore = await openKeystore(dataFolder, crypto)
  const disk = await openLevelStorage(join(dataFolder, 'store'))
  const storage = sealedStorage(disk, keystore.secrets.storeKey, crypto)
  const key = await openDeviceKey(storage, keystore, crypto)
  const epochs = await epochsOf(storage, group)
  const parts = {
    group,
    self: deviceTag(key.publicKey, crypto.sha256),
    sha256: crypto.sha256,
    // All of it was signed right here.
    verify: () => true,
    verifier: inlineVerifier(() => true),
    sign: (id: Uint8Array) => crypto.sign(id, key.secretKey),
    bodies: openingWith(group, epochs),
  }
  const log = await GroupLog.open(parts, storage, SILENT)
  await log.restore(systemTime)
  return { log, storage, key }
}

interface Author {
  tag: string
  seal(fields: Omit<EventFields, 'epoch'>): EventFields
  sign(id: Uint8Array): Uint8Array
  seq: number
  last: EventId | undefined
  hasCitedControl: boolean
}

function* conversation(
  { group, invite, seed }: InviteText,
  keys: readonly KeyPair[],
  { history }: Engine,
  epochs: Epochs,
  count: number,
): Generator<{ event: Event; text?: string }> {
  const { sha256 } = crypto
  const authors = keys.map(({ publicKey, secretKey }): Author => ({
    tag: deviceTag(publicKey, sha256),
    seal: sealAs(deviceTag(publicKey, sha256), group, epochs),
    sign: (id) => crypto.sign(id, secretKey),
    seq: 0,
    last: undefined,
    hasCitedControl: false,
  }))
  // What the owner's app has written by itself.
  let control: EventId = invite
  const inviteKey = crypto.keyPair(seed)
  const ownDots = history.chain(authors[0]!.tag, 'm')
  authors[0]!.seq = ownDots.length
  authors[0]!.last = ownDots.at(-1)!.id
  for (const [i, author] of authors.entries()) {
    const { tag, sign } = author
    if (i === 0) continue
    const controlHeads = [control]
    const door = { group, invite, inviteKey, voucher: keys[0]!, heads: controlHeads }
    const body = joinBody(credentialsOf(keys[i]!, crypto), door, crypto)
    const commit = commitTo(undefined, [], controlHeads, sha256)
    // The group was founded just now, and an event is later than what it cites.
    const hlc = hlcAt(Date.now() + i)
    const fields = { kind: KIND.join, tag, seq: 1, hlc, deps: [], commit, controlHeads, body }
    const event = encodeEvent(fields, group, sha256, sign)
    control = event.id
    yield { event }
    const profile = {
      ...{ kind: KIND.profile, tag, seq: 1, hlc: hlc + 1n, deps: [], controlHeads: [control] },
      commit: commitTo(undefined, [], [control], sha256),
      body: encodeProfile({ name: `Author ${i}` }),
    }
    const introduced = encodeEvent(author.seal(profile), group, sha256, sign)
    author.last = introduced.id
    author.seq = 1
    yield { event: introduced }
  }
  interface Head extends Dot {
    id: EventId
  }
  let heads: Head[] = []
  const messages: EventId[] = []
  const first = hlcAt(Date.now() + authors.length)
  for (let i = 0; i < count; i++) {
    const author = authors[(i * 7 + (i >> 4)) % authors.length]!
    const seen = i % 5 === 4 ? heads.slice(0, -1) : heads
    const deps = seen.filter(({ tag }) => tag !== author.tag).sort((a, b) => (a.tag < b.tag ? -1 : 1))
    const isReaction = i % 10 === 9
    const text = `message ${i}: ${TEXT}`
    // What is that far back is in everybody's past.
    const target = i % 4 === 1 || isReaction ? messages.at(-8) : undefined
    const body =
      isReaction && target !== undefined
        ? encodeReaction({ target, emoji: ['👍', '🫖', '🎉'][i % 3]!, on: true })
        : encodeMessage({ text, replyTo: target })
    const kind = isReaction && target !== undefined ? KIND.reaction : KIND.message
    const controlHeads = author.hasCitedControl ? undefined : [control]
    author.hasCitedControl = true
    const depIds = deps.map(({ id }) => id)
    const event = encodeEvent(
      author.seal({
        kind,
        tag: author.tag,
        seq: ++author.seq,
        hlc: first + BigInt(i),
        deps: deps.map(({ tag, seq }) => ({ tag, seq })),
        commit: commitTo(author.last, depIds, controlHeads, sha256),
        controlHeads,
        body,
      }),
      group,
      sha256,
      author.sign,
    )
    author.last = event.id
    heads = [...heads.filter((head) => !seen.includes(head) && head.tag !== author.tag), { ...event }]
    if (kind === KIND.message) messages.push(event.id)
    if (messages.length > 8) messages.shift()
    yield kind === KIND.message ? { event, text } : { event }
  }
}
