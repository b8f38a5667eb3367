/** What both sides of bench/unordered.ts can do, and the ordered side: the engine and its log, as the messenger uses them. */
import { decodeBatch, encodeBatch } from '../../src-main/core/batch.ts'
import { KIND, type Event } from '../../src-main/core/event.ts'
import { fromHex } from '../../src-main/core/bytes.ts'
import { epochOf, epochSecret, topicOf } from '../../src-main/core/secrets/derivations.ts'
import { Epochs } from '../../src-main/core/secrets/epochs.ts'
import { Seals } from '../../src-main/core/secrets/sealing.ts'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import { inlineVerifier } from '../../src-main/crypto/verifier.ts'
import { GroupLog } from '../../src-main/messenger/group-log.ts'
import { Outbox } from '../../src-main/messenger/outbox.ts'
import { systemTime } from '../../src-main/messenger/time.ts'
import type { Network, PeerKey, Verdict } from '../../src-main/network/network.ts'
import type { Storage } from '../../src-main/storage/storage.ts'
import { openingWith } from '../../test/helpers/messengers.ts'
import type { Person, World } from '../../test/helpers/people.ts'

/** As long as the messenger's. */
export const TOPIC = topicOf(new Uint8Array(32), '00'.repeat(32), '00'.repeat(8), sodiumCrypto)

/** One epoch, with which both sides encrypt. */
export function epochOfWorld({ group }: World): { id: string; epoch: Uint8Array; epochs: Epochs } {
  const epochs = new Epochs()
  epochs.add({ founder: group, hlc: 1n, ...epochSecret(new Uint8Array(32), sodiumCrypto) })
  const id = epochOf(group)
  return { id, epoch: fromHex(id), epochs }
}

const now = () => ({ nowMs: Date.now(), atMs: performance.now() })

export interface BroadcastParts {
  storage: Storage
  network: Network
  world: World
  self: Person
  /** Written: in the order in which they become visible. */
  onDelivered(id: string, kind: number): void
}

/** A broadcast of signed events that are on the disk of their author before they leave. */
export interface Broadcast {
  /** Resolves with its id when the event is on disk. */
  post(kind: number, body: Uint8Array, target: string | undefined): Promise<string>
  receive(from: PeerKey, gossip: Uint8Array): Verdict | Promise<Verdict>
  /** Everything is written. */
  flushed(): Promise<void>
}

export async function openOrdered(parts: BroadcastParts): Promise<Broadcast> {
  const { storage, network, world, self, onDelivered } = parts
  const { sha256, verify } = sodiumCrypto
  const fail = (what: string) => () => {
    throw new Error(what)
  }
  const { id, epoch, epochs } = epochOfWorld(world)
  const seals = new Seals({ group: world.group, self: self.tag, epochs, primitives: sodiumCrypto })
  const log = await GroupLog.open(
    {
      group: world.group,
      self: self.tag,
      sha256,
      verify,
      verifier: inlineVerifier(verify),
      sign: (eventId) => self.sign(eventId),
      seal: (plaintext, fields) => ({ body: seals.seal(plaintext, { ...fields, epoch }, id), epoch }),
      bodies: openingWith(world.group, epochs),
    },
    storage,
    {
      onDelivered: (delivered) => {
        for (const { event } of delivered) if (event.kind < KIND.create) onDelivered(event.id, event.kind)
      },
      onHidden: fail('hidden'),
      onUnlocked: fail('unlocked'),
      onFork: fail('fork'),
      // The entrance of this device, which it did not write itself.
      onOwnUnknown: () => {},
      onPendingChanged: () => {},
      onRefused: (reason) => fail(reason)(),
      onDuplicate: () => {},
      onAsk: () => {},
      onControl: () => {},
      onPeople: () => {},
    },
  )
  await log.restore(systemTime)
  const control = world.control.map(({ bytes }) => bytes)
  await (
    await log.receive(control, network.self, now)
  ).written
  const encode = (events: readonly Event[]) => encodeBatch(events, sha256)
  const outbox = new Outbox<Event>({ network, topics: () => [TOPIC], time: systemTime, encode })
  return {
    async post(kind, body, target) {
      const { event } = await log.append(kind, body, now(), target)
      outbox.push(event)
      return event.id
    },
    async receive(from, gossip) {
      const events = decodeBatch(gossip, world.group, sha256)
      return events ? (await log.receive(events, from, now)).verdict : 'reject'
    },
    flushed: () => log.flushed(),
  }
}
