import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { GroupId } from '../../src-main/api/contract.ts'
import { ascii, concat } from '../../src-main/core/bytes.ts'
import { encodeBatch } from '../../src-main/core/batch.ts'
import {
  commitTo,
  decodeEvent,
  deviceTag,
  encodeEvent,
  KIND,
  type Event,
  type EventFields,
} from '../../src-main/core/event.ts'
import { hlcAt } from '../../src-main/core/hlc.ts'
import {
  MAX_LOOKS_PER_EVENT,
  MAX_PASSING_PER_SESSION,
  MAX_REJECTED_PER_SESSION,
  MAX_SESSIONS_PER_PEER,
  SLICE_EVENTS,
} from '../../src-main/core/limits.ts'
import { encodeCreate } from '../../src-main/core/control/bodies.ts'
import { encodeFrame, type Frame } from '../../src-main/core/sync.ts'
import type { KeyPair } from '../../src-main/crypto/crypto.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { encodeMessage } from '../../src-main/messenger/content.ts'
import { encodeCredential, inviteCredential, type Credential } from '../../src-main/messenger/admission.ts'
import { decodeInvite, helloProof, type InviteText } from '../../src-main/messenger/membership.ts'
import { eventRange } from '../../src-main/storage/keys.ts'
import { MAX_FRAME_SIZE_BYTES, MAX_GOSSIP_SIZE_BYTES } from '../../src-main/network/network.ts'
import { credentialsOf, joinBody } from '../../scripts/sim/gathering.ts'
import {
  forkedIn,
  startMessenger,
  texts,
  topicOf,
  traceOf,
  until,
  type RunningMessenger,
} from '../helpers/messengers.ts'
import { makeRudeLibp2p, type RawStream, type RudeLibp2p } from '../helpers/rude-libp2p.ts'

/**
 * Mallory has an invite; the name under which the group gossips, and the keys of dave and erin, who are away, have leaked
 * to her. She is linked to alice.
 */
interface Scene {
  alice: RunningMessenger
  bob: RunningMessenger
  group: GroupId
  door: InviteText
  topic: string
  dave: RunningMessenger
  /** With it dave entered. */
  davesEntrance: Event
  erin: RunningMessenger
  /** The one message that dave wrote, before he went away. Bob answered it. */
  davesMessage: { id: string; sentAtMs: number; seq: number }
  erinsMessage: { id: string; seq: number }
  /** What alice and bob had before anything hostile came. */
  traces: string[]
}

let scene: Scene

beforeAll(async () => {
  const [alice, bob, dave, erin] = await Promise.all(['alice', 'bob', 'dave', 'erin'].map(startMessenger))
  const { id: group } = await alice!.messenger.commands.createGroup({ name: 'office' })
  const { invite } = await alice!.messenger.commands.createInvite({ group })
  for (const { messenger } of [bob!, dave!, erin!]) {
    await messenger.commands.joinGroup({ invite })
    await until(messenger, async () => {
      const { groups } = await messenger.commands.getState()
      return groups[0]!.joined
    })
  }
  const davesMessage = await dave!.messenger.commands.post({ group, text: 'pizza?' })
  await until(bob!.messenger, async () => (await texts(bob!.messenger, group)).includes('pizza?'))
  await bob!.messenger.commands.post({ group, text: 'yes', replyTo: davesMessage.id })
  const erinsMessage = await erin!.messenger.commands.post({ group, text: 'not for me' })
  for (const { messenger } of [alice!, bob!])
    await until(messenger, async () => {
      const shown = await texts(messenger, group)
      return shown.includes('yes') && shown.includes('not for me')
    })
  const davesEntrance = await entranceOf(dave!, group)
  await dave!.messenger.close()
  await erin!.messenger.close()
  const traces = await Promise.all([alice!, bob!].map(({ messenger }) => traceOf(messenger, group)))
  // Before their first message everybody has said what they are called.
  const seq = 2
  scene = {
    alice: alice!,
    bob: bob!,
    dave: dave!,
    erin: erin!,
    group,
    door: decodeInvite(invite, crypto),
    topic: await topicOf(alice!.storage, group),
    davesEntrance,
    davesMessage: { ...davesMessage, seq },
    erinsMessage: { ...erinsMessage, seq },
    traces,
  }
})

/** As it lies in its device's store. */
async function entranceOf({ storage, key }: RunningMessenger, group: GroupId): Promise<Event> {
  const tag = deviceTag(key.publicKey, crypto.sha256)
  for await (const [, bytes] of storage.range(eventRange(group))) {
    const { event } = decodeEvent(bytes, group, crypto.sha256) as { event: Event }
    if (event.tag === tag && event.kind === KIND.join) return event
  }
  throw new TypeError('it has not entered')
}

afterAll(async () => {
  await Promise.all([scene.alice, scene.bob].map(({ messenger }) => messenger.close()))
})

async function startMallory(): Promise<RudeLibp2p> {
  const mallory = await makeRudeLibp2p()
  onTestFinished(() => mallory.stop())
  await mallory.connect(scene.alice.address)
  return mallory
}

const self = ({ key }: RunningMessenger) => Buffer.from(key.publicKey).toString('hex')

/** The invite that she has, for herself. */
function mallorysInvite({ key }: RudeLibp2p) {
  return inviteCredential(scene.group, scene.door, credentialsOf(key, crypto), crypto)
}

function hello(
  mallory: RudeLibp2p,
  proof = helloProof(scene.group, mallory.self, self(scene.alice), crypto),
  credential: Credential = mallorysInvite(mallory),
) {
  return encodeFrame({
    type: 'hello',
    proof,
    credential: encodeCredential(credential),
    incarnation: new Uint8Array(8),
    wallClockMs: Date.now(),
    digest: new Uint8Array(32),
  })
}

/** An event that dave might write next, changed; signed with his key. */
function davesNext(change: Partial<EventFields> = {}, secretKey = scene.dave.key.secretKey): Uint8Array {
  const fields: EventFields = {
    kind: KIND.message,
    tag: deviceTag(scene.dave.key.publicKey, crypto.sha256),
    seq: scene.davesMessage.seq + 1,
    hlc: hlcAt(Date.now()),
    deps: [],
    commit: commitTo(scene.davesMessage.id, [], undefined, crypto.sha256),
    body: encodeMessage({ text: 'I quit' }),
    ...change,
  }
  return encodeEvent(fields, scene.group, crypto.sha256, (id) => crypto.sign(id, secretKey)).bytes
}

/** What erin might write next, always the same: refused more than once, it must not stand for two events of one place. */
function erinsNext(change: Partial<EventFields>): Uint8Array {
  const { erin, erinsMessage } = scene
  const tag = deviceTag(erin.key.publicKey, crypto.sha256)
  const commit = commitTo(erinsMessage.id, [], undefined, crypto.sha256)
  return davesNext({ tag, commit, ...change }, erin.key.secretKey)
}

function batchOf(bytes: Uint8Array): Uint8Array {
  const { event } = decodeEvent(bytes, scene.group, crypto.sha256) as { event: Event }
  return encodeBatch([event], crypto.sha256)
}

const UNSORTED_SUMMARY = encodeFrame({
  type: 'summary',
  buckets: new Map([2, 1].map((number) => [number, 0])),
})

/** A session in which mallory offers some events, and sends them as if she had been asked. */
function handingOver(mallory: RudeLibp2p, events: Uint8Array[]): Uint8Array[] {
  const slices = [{ to: 2n ** 64n - 1n, count: events.length }]
  const frames: Frame[] = [
    { type: 'plan', controls: 0, slices },
    { type: 'count', count: events.length },
    { type: 'events', events },
  ]
  return [hello(mallory), ...frames.map(encodeFrame)]
}

/** A first event of mallory's own chain. */
function mallorysFirst(
  { key }: RudeLibp2p,
  kind: number,
  body: Uint8Array,
  controlHeads?: string[],
): Uint8Array {
  const commit = commitTo(undefined, [], controlHeads, crypto.sha256)
  const tag = deviceTag(key.publicKey, crypto.sha256)
  return davesNext({ kind, tag, seq: 1, commit, body, controlHeads }, key.secretKey)
}

/** Mallory's entrance by the invite, with these keys. */
function mallorysEntrance(mallory: RudeLibp2p, inviteKey: KeyPair, voucher: KeyPair): Uint8Array {
  const { group, door, davesEntrance } = scene
  const heads = [davesEntrance.id]
  const body = joinBody(
    credentialsOf(mallory.key, crypto),
    { group, invite: door.invite, inviteKey, voucher, heads },
    crypto,
  )
  return mallorysFirst(mallory, KIND.join, body, heads)
}

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = bytes.slice()
  changed[at] = value
  return changed
}

/** Where the sequence number of an event begins: after version, kind, flags and device tag. */
const SEQ_AT = 11

/** What is held back until it is due must not stand in a place twice: that would prove a fork. */
let farSeq = 4
type Case = [what: string, reason: string, make: (mallory: RudeLibp2p) => Uint8Array]
/** Bytes that are no event, and the reason that is counted. */
const NO_EVENTS: Case[] = [
  ['nothing', 'malformed', () => new Uint8Array(0)],
  ['random bytes', 'malformed', () => withByte(randomBytes(300), 0, 1)],
  ['zeros', 'unknown-version', () => new Uint8Array(300)],
  ['an unknown version', 'unknown-version', () => withByte(davesNext(), 0, 2)],
  ['an event cut off', 'malformed', () => davesNext().subarray(0, -1)],
  ['an event with a byte more', 'malformed', () => concat([davesNext(), Uint8Array.of(0)])],
  ['unknown flags', 'malformed', () => withByte(davesNext(), 2, 0x80)],
  [
    'a number in a longer encoding than it needs',
    'malformed',
    () => {
      const honest = davesNext()
      return concat([honest.subarray(0, SEQ_AT), Uint8Array.of(0x82, 0), honest.subarray(SEQ_AT + 1)])
    },
  ],
]
/** Events that one may not take, whoever hands them over. */
const EVENTS: Case[] = [
  [
    'a changed body',
    'bad-signature',
    () => {
      const honest = davesNext()
      return withByte(honest, honest.length - 1, honest.at(-1)! ^ 1)
    },
  ],
  ['the signature of another', 'bad-signature', ({ key }) => davesNext({}, key.secretKey)],
  [
    'a message of a stranger',
    'unknown-device',
    (mallory) => mallorysFirst(mallory, KIND.message, encodeMessage({ text: 'hi' })),
  ],
  // Dave's key has leaked: she can vouch for herself, but not for an invite that she does not have.
  [
    'an entrance without the invite key',
    'bad-membership-proof',
    (mallory) => mallorysEntrance(mallory, mallory.key, scene.dave.key),
  ],
  [
    'an entrance without a voucher',
    'bad-membership-proof',
    (mallory) => mallorysEntrance(mallory, crypto.keyPair(scene.door.seed), mallory.key),
  ],
  [
    'a second foundation',
    'bad-membership-proof',
    (mallory) => {
      const body = encodeCreate(credentialsOf(mallory.key, crypto), new Uint8Array(32))
      return mallorysFirst(mallory, KIND.create, body)
    },
  ],
  [
    'a false commitment',
    'commit-mismatch',
    () => davesNext({ commit: new Uint8Array(16), hlc: hlcAt(scene.davesMessage.sentAtMs + 60_000) }),
  ],
  ['a date before its own past', 'clock-not-growing', () => erinsNext({ hlc: hlcAt(1) })],
  [
    'a date in the far future',
    'too-far-ahead',
    () => davesNext({ seq: farSeq++, hlc: hlcAt(Date.now() + 3_600_000) }),
  ],
]

/** Nobody took anything, and it is known who is to blame for what. */
async function expectUnharmed(mallory: RudeLibp2p, counts: Record<string, number> | undefined) {
  const { alice, bob, group, traces } = scene
  const { rejectedByPeer } = await alice.messenger.operator.getDiagnostics()
  expect(rejectedByPeer[mallory.self]).toEqual(counts)
  expect(await traceOf(alice.messenger, group)).toBe(traces[0])
  expect(await traceOf(bob.messenger, group)).toBe(traces[1])
}

describe('gossip', () => {
  async function gossip(bytes: (mallory: RudeLibp2p) => Uint8Array): Promise<RudeLibp2p> {
    const mallory = await startMallory()
    const judged = scene.alice.judged(mallory.self)
    await mallory.publish(scene.topic, bytes(mallory))
    await judged
    return mallory
  }

  test.each(EVENTS)('%s is counted as %s', async (_, reason, make) => {
    const mallory = await gossip((sender) => batchOf(make(sender)))
    await expectUnharmed(mallory, { [reason]: 1 })
  })

  test.each<[string, string, () => Uint8Array]>([
    ['bytes that are no batch', 'malformed', () => randomBytes(1_000)],
    ['a batch of nothing', 'malformed', () => new Uint8Array(0)],
    ['a batch cut off', 'malformed', () => batchOf(davesNext()).subarray(0, -1)],
    ['a batch with a byte more', 'malformed', () => concat([batchOf(davesNext()), Uint8Array.of(0)])],
    ['an event that is in no batch', 'malformed', () => davesNext()],
    ['an oversized message', 'oversized-gossip', () => new Uint8Array(MAX_GOSSIP_SIZE_BYTES + 1)],
  ])('%s: counted as %s', async (_, reason, make) => {
    await expectUnharmed(await gossip(make), { [reason]: 1 })
  })
})

describe('a sync session', () => {
  /** Says it, ends, and waits until alice is done with the stream. */
  async function say(stream: RawStream, ...frames: Uint8Array[]): Promise<Uint8Array> {
    for (const frame of frames) await stream.sendFrame(frame)
    await stream.closeWrite()
    return stream.received
  }
  async function openStream() {
    const mallory = await startMallory()
    return { mallory, stream: await mallory.openStream(self(scene.alice)) }
  }

  test.each([...NO_EVENTS, ...EVENTS])('%s is counted as %s', async (_, reason, make) => {
    const { mallory, stream } = await openStream()
    await say(stream, ...handingOver(mallory, [make(mallory)]))
    await expectUnharmed(mallory, { [reason]: 1 })
  })

  const summary = encodeFrame({ type: 'summary', buckets: new Map() })
  const clock = encodeFrame({ type: 'clock', tips: [] })
  const end = encodeFrame({ type: 'end' })
  const two = [Uint8Array.of(9), Uint8Array.of(9)]
  const events = encodeFrame({ type: 'events', events: two })
  const window = encodeFrame({ type: 'window', events: two })
  const count = encodeFrame({ type: 'count', count: 1 })
  const plan = encodeFrame({ type: 'plan', controls: 0, slices: [{ to: 1n, count: 1 }] })
  const want = encodeFrame({ type: 'want', chain: 'm', from: 0n, to: 1n, atLeast: 1_000 })
  const ask = encodeFrame({ type: 'ask', proof: new Uint8Array(32), ranges: [], heads: [] })
  test.each<[string, string, (mallory: RudeLibp2p) => Uint8Array[]]>([
    ['random bytes', 'bad-frame', () => [randomBytes(1_000)]],
    ['an empty frame', 'bad-frame', () => [new Uint8Array(0)]],
    ['a frame before the greeting', 'bad-frame', () => [clock]],
    ['a greeting cut off', 'bad-frame', (mallory) => [hello(mallory).subarray(0, -1)]],
    ['a greeting with a byte more', 'bad-frame', (mallory) => [concat([hello(mallory), Uint8Array.of(0)])]],
    ['a false proof', 'not-admitted', (mallory) => [hello(mallory, randomBytes(32))]],
    [
      'a proof that bob gave to alice',
      'not-admitted',
      (mallory) => [hello(mallory, helloProof(scene.group, self(scene.bob), self(scene.alice), crypto))],
    ],
    ['no credential', 'not-admitted', (mallory) => [hello(mallory, undefined, { type: 'member' })]],
    [
      'the entrance of another',
      'not-admitted',
      (mallory) => [hello(mallory, undefined, { type: 'entrance', event: scene.davesEntrance.bytes })],
    ],
    [
      'an invite shown by another',
      'not-admitted',
      (mallory) => {
        const credentials = credentialsOf(scene.dave.key, crypto)
        return [hello(mallory, undefined, inviteCredential(scene.group, scene.door, credentials, crypto))]
      },
    ],
    [
      'an invite without its key',
      'not-admitted',
      (mallory) => [hello(mallory, undefined, { ...mallorysInvite(mallory), proof: randomBytes(64) })],
    ],
    [
      'an invite that never was',
      'not-admitted',
      (mallory) => [hello(mallory, undefined, { ...mallorysInvite(mallory), invite: scene.group })],
    ],
    ['a second greeting', 'unexpected-frame', (mallory) => [hello(mallory), hello(mallory)]],
    ['random bytes after the greeting', 'bad-frame', (mallory) => [hello(mallory), randomBytes(1_000)]],
    ['a frame of unknown type', 'bad-frame', (mallory) => [hello(mallory), Uint8Array.of(99)]],
    ['a clock before the summary', 'unexpected-frame', (mallory) => [hello(mallory), clock]],
    ['a second summary', 'unexpected-frame', (mallory) => [hello(mallory), summary, summary]],
    ['a summary out of order', 'bad-frame', (mallory) => [hello(mallory), UNSORTED_SUMMARY]],
    ['a second clock', 'unexpected-frame', (mallory) => [hello(mallory), summary, clock, clock]],
    ['events that nobody asked for', 'unexpected-frame', (mallory) => [hello(mallory), events]],
    ['a window that nobody asked for', 'unexpected-frame', (mallory) => [hello(mallory), window]],
    ['a promise without a question', 'unexpected-frame', (mallory) => [hello(mallory), count]],
    ['a second plan', 'unexpected-frame', (mallory) => [hello(mallory), plan, plan]],
    ['a question before the clocks', 'unexpected-frame', (mallory) => [hello(mallory), want]],
    ['a question for what is missing in between', 'unexpected-frame', (mallory) => [hello(mallory), ask]],
    [
      'questions without end',
      'unexpected-frame',
      (mallory) => [
        hello(mallory),
        summary,
        clock,
        ...Array<Uint8Array>(MAX_LOOKS_PER_EVENT * 2 * SLICE_EVENTS).fill(want),
      ],
    ],
    [
      'more than was promised',
      'unexpected-frame',
      (mallory) => [...handingOver(mallory, [Uint8Array.of(9)]).slice(0, -1), events],
    ],
    ['a clock longer than its bytes', 'bad-frame', (mallory) => [hello(mallory), Uint8Array.of(4, 9, 9)]],
    [
      'an oversized event',
      'bad-frame',
      (mallory) => [hello(mallory), encodeFrame({ type: 'events', events: [new Uint8Array(70_000)] })],
    ],
    [
      'an oversized frame',
      'oversized-frame',
      (mallory) => [hello(mallory), new Uint8Array(MAX_FRAME_SIZE_BYTES + 1)],
    ],
  ])('%s: counted as %s', async (_, reason, frames) => {
    const { mallory, stream } = await openStream()
    await say(stream, ...frames(mallory))
    await expectUnharmed(mallory, { [reason]: 1 })
  })

  test('a frame cut off by the end of the stream is nobody’s proven fault', async () => {
    const { mallory, stream } = await openStream()
    stream.send(Uint8Array.of(200, 1, 1, 2, 3))
    await say(stream)
    await expectUnharmed(mallory, undefined)
  })

  test('a session with too many bad events is ended', async () => {
    const { mallory, stream } = await openStream()
    const events = Array.from({ length: MAX_REJECTED_PER_SESSION + 1 }, () => Uint8Array.of(9))
    await say(stream, ...handingOver(mallory, events), end)
    await expectUnharmed(mallory, { 'unknown-version': events.length, 'too-many-refused': 1 })
  })

  test('one session too many is ended, and the others go on', async () => {
    const { mallory, stream } = await openStream()
    const others = []
    for (let i = 1; i < MAX_SESSIONS_PER_PEER; i++) others.push(await mallory.openStream(self(scene.alice)))
    for (const one of [stream, ...others]) {
      await one.sendFrame(hello(mallory))
      await one.heard
    }
    const last = await mallory.openStream(self(scene.alice))
    await last.sendFrame(hello(mallory))
    expect(await last.received).toHaveLength(0)
    for (const one of [stream, ...others]) await say(one, end)
    await expectUnharmed(mallory, { 'too-many-sessions': 1 })
  })

  test('a session is ended after too much that this device cannot take now', async () => {
    const { mallory, stream } = await openStream()
    const event = mallorysFirst(mallory, KIND.message, encodeMessage({ text: 'hi' }))
    const count = MAX_PASSING_PER_SESSION + 1
    const slices = [{ to: 2n ** 64n - 1n, count }]
    const frames: Frame[] = [
      { type: 'plan', controls: 0, slices },
      { type: 'count', count },
    ]
    for (let left = count; left > 0; left -= 500)
      frames.push({ type: 'events', events: Array<Uint8Array>(Math.min(500, left)).fill(event) })
    await say(stream, hello(mallory), ...frames.map(encodeFrame), end)
    await expectUnharmed(mallory, { 'unknown-device': count, 'too-many-refused': 1 })
  })

  test('a clock of devices that nobody knows is answered, and harmless', async () => {
    const { mallory, stream } = await openStream()
    const tips = Array.from({ length: 5_000 }, () => ({
      tag: randomBytes(8).toString('hex'),
      chain: 'm' as const,
      seq: Number.MAX_SAFE_INTEGER,
      fingerprint: randomBytes(4).readUInt32BE(),
    }))
    const summary = encodeFrame({ type: 'summary', buckets: new Map() })
    await say(stream, hello(mallory), summary, encodeFrame({ type: 'clock', tips }), end)
    await expectUnharmed(mallory, undefined)
  })

  test('addresses that lead nowhere are harmless', async () => {
    const { mallory, stream } = await openStream()
    const addresses = ['', 'nonsense', '/ip4/127.0.0.1/tcp/1', '/p2p/x', '\0'].map((text) => ascii(text))
    addresses.push(randomBytes(200))
    await say(stream, hello(mallory), encodeFrame({ type: 'addresses', addresses }), end)
    await expectUnharmed(mallory, undefined)
  })

  test.each<[string, string, () => Uint8Array]>([
    ['random bytes', 'bad-frame', () => randomBytes(1_000)],
    ['a clock', 'unexpected-frame', () => clock],
    ['a refusal', 'not-admitted', () => encodeFrame({ type: 'refuse', reason: 0, event: new Uint8Array(0) })],
    ['an oversized frame', 'oversized-frame', () => new Uint8Array(MAX_FRAME_SIZE_BYTES + 1)],
  ])('%s in answer to a greeting: counted as %s', async (_, reason, make) => {
    const mallory = await startMallory()
    const taken = mallory.takeStream()
    await mallory.join(scene.topic)
    await say(await taken, make())
    await expectUnharmed(mallory, { [reason]: 1 })
  })
})

test('a second event in the place of one marks its device with everybody, and changes nothing else', async () => {
  const { alice, bob, dave, group, traces } = scene
  const mallory = await startMallory()
  const commit = commitTo(undefined, [], undefined, crypto.sha256)
  await mallory.publish(scene.topic, batchOf(davesNext({ seq: 1, commit })))
  for (const { messenger } of [alice, bob]) {
    const forked = () => forkedIn(messenger, group)
    await until(messenger, async () => (await forked()).length > 0)
    expect(await forked()).toEqual([deviceTag(dave.key.publicKey, crypto.sha256)])
  }
  for (const [i, { messenger }] of [alice, bob].entries()) {
    const trace = await traceOf(messenger, group)
    expect(trace.replace(/,"forked":\[[^\]]*\]/, '')).toBe(traces[i])
  }
})

test('after all of that, alice and bob still talk', async () => {
  const { alice, bob, group } = scene
  for (const [from, to] of [
    [alice, bob],
    [bob, alice],
  ] as const) {
    const text = `still here, ${self(from)}`
    await from.messenger.commands.post({ group, text })
    await until(to.messenger, async () => (await texts(to.messenger, group)).includes(text))
  }
})
