/**
 * The same broadcast without order, as bench/unordered.ts compares it: an event has no seq, no dots, no commitment and no
 * control heads, nothing waits, and nobody knows what depends on what. All else is the same: the other fields, id and
 * signature, copies recognised by id, one batch per write, own events written durably, and what screens are read from:
 * the timeline by hlc and device, with n of what a message answers if that is here, reactions, members.
 *
 * What it leaves out in its favour: it could not tell its peers what it lacks, an answer that comes before its message
 * would never find it, and nothing but verifying every signature again would show that a stored row was altered.
 *
 * Bodies are encrypted likewise, with a key of their own for each.
 *
 *   version 1 | kind | flags | device tag 8 | hlc 8 | epoch 8 | body length | signature 64 | body
 */
import { ascii, concat, fromHex, Reader, toHex, Writer } from '../../src-main/core/bytes.ts'
import type { EventFields } from '../../src-main/core/event.ts'
import { hlcAt, nextHlc } from '../../src-main/core/hlc.ts'
import { MAX_BODY_SIZE_BYTES, MAX_FUTURE_MS } from '../../src-main/core/limits.ts'
import { timelineKey } from '../../src-main/core/timeline.ts'
import { Seals } from '../../src-main/core/secrets/sealing.ts'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import { decodeMessage, decodeReaction } from '../../src-main/messenger/content.ts'
import { Outbox } from '../../src-main/messenger/outbox.ts'
import {
  deviceRow,
  encodePlaced,
  personRow,
  reactionRow,
  type Placed,
  type Row,
} from '../../src-main/messenger/records.ts'
import { systemTime } from '../../src-main/messenger/time.ts'
import { encodeN, eventKey, stateKey, timelineIndexKey, timelineRange } from '../../src-main/storage/keys.ts'
import { epochOfWorld, TOPIC, type Broadcast, type BroadcastParts } from './broadcast.ts'

type Fields = Pick<EventFields, 'kind' | 'tag' | 'hlc' | 'body'>
type Plain = Fields & { id: string; signature: Uint8Array; bytes: Uint8Array }
type Numbered = Plain & { n: number }

export async function openUnordered(parts: BroadcastParts): Promise<Broadcast> {
  const { storage, network, world, self, onDelivered } = parts
  const { sha256, verify } = sodiumCrypto
  const { group } = world
  const { roster } = self.engine
  const { id: epochId, epoch, epochs } = epochOfWorld(world)
  const seals = new Seals({ group, self: self.tag, epochs, primitives: sodiumCrypto })
  /** Dates differ, and so do keys. */
  const contextOf = ({ kind, tag, hlc }: Omit<Fields, 'body'>) => ({
    ...{ kind, tag, hlc, seq: 1, deps: [], commit: new Uint8Array(16), epoch },
  })
  const contentOf = (event: Plain) => {
    const opened = seals.open({ ...contextOf(event), body: event.body }, epochId)
    if ('reason' in opened) throw new Error(opened.reason)
    return { kind: event.kind, ...opened }
  }
  /** Id -> n. */
  const known = new Map<string, number>()
  let latest = 0n
  let n = 0
  let next: { events: Numbered[]; durable: boolean; written: PromiseWithResolvers<void> } | undefined
  let writing: Promise<void> | undefined
  const outbox = new Outbox<Plain>({
    network,
    topics: () => [TOPIC],
    time: systemTime,
    encode: (events) => concat(events.map(({ bytes }) => bytes)),
  })

  const idOf = (header: Uint8Array, body: Uint8Array) =>
    sha256(concat([ascii('un1'), fromHex(group), header, sha256(body)]))

  function make({ kind, tag, hlc, body: plaintext }: Fields): Plain {
    const body = seals.seal(plaintext, contextOf({ kind, tag, hlc }), epochId)
    const writer = new Writer().byte(1).byte(kind).byte(0).hex(tag).uint64(hlc).bytes(epoch)
    const header = writer.varint(body.length).finish()
    const id = idOf(header, body)
    const signature = self.sign(id)
    return { kind, tag, hlc, body, id: toHex(id), signature, bytes: concat([header, signature, body]) }
  }

  function read(reader: Reader, from: Uint8Array): Plain | undefined {
    const start = reader.offset
    const [version, kind, flags] = [reader.byte(), reader.byte(), reader.byte()]
    const [tag, hlc] = [reader.hex(8), reader.uint64()]
    reader.bytes(epoch.length)
    const bodyLength = reader.varint(MAX_BODY_SIZE_BYTES)
    const header = from.subarray(start, reader.offset)
    const signature = reader.bytes(64)
    const body = reader.bytes(bodyLength)
    if (reader.failed || version !== 1 || flags !== 0) return undefined
    const bytes = from.slice(start, reader.offset)
    return { kind, tag, hlc, body, id: toHex(idOf(header, body)), signature, bytes }
  }

  function take(event: Plain, durable: boolean): Promise<void> {
    known.set(event.id, ++n)
    if (event.hlc > latest) latest = event.hlc
    next ??= { events: [], durable: false, written: Promise.withResolvers() }
    next.events.push({ ...event, n })
    next.durable ||= durable
    const { promise } = next.written
    writing ??= writeAll()
    return promise
  }

  async function writeAll(): Promise<void> {
    await Promise.resolve()
    for (let batch = next; batch; batch = next) {
      next = undefined
      const put: Row[] = []
      for (const event of batch.events) {
        put.push([eventKey(group, event.n), event.bytes])
        const reaction = decodeReaction(contentOf(event))
        if (reaction) put.push(reactionRow(group, reaction.target, event.n))
        else put.push([placeOf(event), encodePlaced(placed(event))])
      }
      put.push([stateKey(group), encodeN(batch.events.at(-1)!.n)])
      await storage.write({ put }, { durable: batch.durable })
      for (const { id, kind } of batch.events) onDelivered(id, kind)
      batch.written.resolve()
    }
    writing = undefined
  }

  const placeOf = ({ hlc, tag }: Plain) =>
    new Writer(64).bytes(timelineRange(group).from).uint64(hlc).hex(tag).finish()

  function placed(event: Numbered): Placed {
    const replyTo = decodeMessage(contentOf(event))?.replyTo
    return { n: event.n, answers: replyTo === undefined ? undefined : known.get(replyTo) }
  }

  // Who is a member has nothing to do with order: it is on this disk, too.
  const rows = world.control.flatMap((event) => {
    const index = [timelineIndexKey(group, timelineKey(event)), encodeN(++n)] as const
    return [[eventKey(group, n), event.bytes] as const, index]
  })
  const people = [...roster.devices()].flatMap(({ tag, publicKey, user }) => [
    deviceRow(group, { ...{ tag, publicKey, user }, forked: false, active: true, removed: false }),
    personRow(group, {
      user,
      role: roster.members.get(user),
      out: undefined,
      name: undefined,
      picture: undefined,
    }),
  ])
  await storage.write({ put: [...rows, ...people] })

  return {
    async post(kind, body) {
      const event = make({ kind, tag: self.tag, hlc: nextHlc(latest, Date.now()), body })
      await take(event, true)
      outbox.push(event)
      return event.id
    },
    receive(_from, gossip) {
      let isNews = false
      for (const reader = new Reader(gossip); reader.remaining > 0;) {
        const event = read(reader, gossip)
        const key = event && roster.device(event.tag)?.publicKey
        if (!event || !key) return 'reject'
        if (known.has(event.id)) continue
        if (!verify(event.signature, fromHex(event.id), key)) return 'reject'
        if (event.hlc > hlcAt(Date.now() + MAX_FUTURE_MS)) continue
        isNews = true
        void take(event, false)
      }
      return isNews ? 'accept' : 'ignore'
    },
    async flushed() {
      await writing
    },
  }
}
