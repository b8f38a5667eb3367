/** The way of events into the engine, with their signatures verified in this thread and in others. */
import { setImmediate } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { encodeBatch } from '../../src-main/core/batch.ts'
import { concat, toHex } from '../../src-main/core/bytes.ts'
import { encodeEvent, KIND, type Event, type SignedId } from '../../src-main/core/event.ts'
import { MAX_ARRIVING_SIZE_BYTES, MAX_BODY_SIZE_BYTES } from '../../src-main/core/limits.ts'
import type { Reason } from '../../src-main/core/reasons.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { openVerifierPool } from '../../src-main/crypto/verifier-pool.ts'
import { inlineVerifier, verifierClosed, type Verifier } from '../../src-main/crypto/verifier.ts'
import { unsealed } from '../helpers/unsealed.ts'
import { GroupLog } from '../../src-main/messenger/group-log.ts'
import { Messenger } from '../../src-main/messenger/messenger.ts'
import { createMemoryNetwork, MemoryHub } from '../../src-main/network/memory.ts'
import { systemTime } from '../../src-main/messenger/time.ts'
import { openMemoryStorage } from '../../src-main/storage/memory.ts'
import { topicOf } from '../helpers/messengers.ts'
import { signWithNonce } from '../helpers/ed25519.ts'
import { Witness } from '../helpers/witness.ts'
import { makeWorld, START_MS, type Person, type World } from '../helpers/people.ts'

const NOW = { nowMs: START_MS + 2_000, atMs: 2_000 }
const utf8 = new TextEncoder()
const keyOf = ({ name }: Person) => crypto.keyPair(crypto.sha256(utf8.encode(`device ${name}`)))

/** The same event with another signature. */
function signedAs({ id, bytes, body, ...rest }: Event, signature: Uint8Array): Event {
  const end = bytes.length - body.length
  return {
    ...rest,
    id,
    body,
    signature,
    bytes: concat([bytes.subarray(0, end - 64), signature, bytes.subarray(end)]),
  }
}
const badlySigned = (event: Event) => signedAs(event, new Uint8Array(64).fill(1))
const signedAgain = (event: Event, author: Person) =>
  signedAs(
    event,
    signWithNonce(Buffer.from(event.id, 'hex'), keyOf(author).secretKey, new Uint8Array(32).fill(3, 0, 31)),
  )

interface Listener {
  log: GroupLog
  /** Ids of messages, in delivery order. */
  delivered: string[]
  refused: Reason[]
  duplicates: number
  /** Calls of the engine's own verify. */
  verifiedInline: number
}

/** Somebody's log of the group of a world. */
async function listen(world: World, verifier: Verifier, self = '00'.repeat(8)): Promise<Listener> {
  const listener: Omit<Listener, 'log'> = { delivered: [], refused: [], duplicates: 0, verifiedInline: 0 }
  const parts = {
    group: world.group,
    self,
    sha256: crypto.sha256,
    verify: (...args: Parameters<typeof crypto.verify>) => {
      listener.verifiedInline++
      return crypto.verify(...args)
    },
    verifier,
    sign: (id: Uint8Array) => world.people.find(({ tag }) => tag === self)!.sign(id),
    bodies: unsealed,
  }
  const log = await GroupLog.open(parts, openMemoryStorage(), {
    onDelivered: (all) =>
      listener.delivered.push(...all.flatMap(({ event: { id, kind } }) => (kind < KIND.create ? id : []))),
    onHidden() {},
    onUnlocked() {},
    onFork() {},
    onOwnUnknown() {},
    onPendingChanged() {},
    onRefused: (reason) => listener.refused.push(reason),
    onDuplicate: () => listener.duplicates++,
    onAsk() {},
    onControl() {},
    onPeople() {},
  })
  await log.restore(systemTime)
  return Object.assign(listener, { log })
}

async function take({ log }: Listener, events: readonly Event[], from = 'neighbour') {
  const { verdict, refused, written } = await log.receive(
    events.map(({ bytes }) => bytes),
    from,
    () => NOW,
  )
  await written
  return { verdict, refused }
}

const verifiers: Verifier[] = []
afterEach(async () => {
  for (const verifier of verifiers.splice(0)) await verifier.close()
})
const MAKE: [where: string, make: () => Promise<Verifier>][] = [
  ['in this thread', async () => inlineVerifier(crypto.verify)],
  [
    'in threads',
    async () => {
      const pool = openVerifierPool({ threads: 2 })
      await pool.start()
      return pool
    },
  ],
]

describe.each(MAKE)('verified %s', (_, make) => {
  /** Alice, who has written so much that threads get work, and somebody who has not heard of it. */
  async function scene() {
    const world = makeWorld(['alice', 'bob'])
    const [alice, bob] = world.people as [Person, Person]
    const verifier = await make()
    verifiers.push(verifier)
    const counted: SignedId[] = []
    const counting: Verifier = {
      ...verifier,
      verify: (signed) => {
        counted.push(...signed)
        return verifier.verify(signed)
      },
    }
    const start = async () => {
      const listener = await listen(world, counting)
      await take(listener, world.control)
      counted.length = 0
      listener.verifiedInline = 0
      return listener
    }
    const said = Array.from({ length: 20 }, (_, i) => alice.say(`message ${i}`))
    return { world, alice, bob, said, verifier, counted, start, ids: said.map(({ id }) => id) }
  }

  test('an event with a bad signature is refused, and is taken when its good copy comes later', async () => {
    const { said, start, ids } = await scene()
    const listener = await start()
    const bad = [...said.slice(0, 19), badlySigned(said[19]!)]
    expect(await take(listener, bad, 'mallory')).toEqual({ verdict: 'reject', refused: 1 })
    expect(listener.delivered).toEqual(ids.slice(0, 19))
    expect(listener.refused).toEqual(['bad-signature'])
    expect(await take(listener, said, 'bob')).toEqual({ verdict: 'accept', refused: 0 })
    expect(listener.delivered).toEqual(ids)
  })

  test('a copy with a bad signature changes nothing once the good one is here', async () => {
    const { said, start, ids, counted } = await scene()
    const listener = await start()
    await take(listener, said)
    expect(await take(listener, said.map(badlySigned), 'mallory')).toEqual({ verdict: 'ignore', refused: 0 })
    expect(listener.delivered).toEqual(ids)
    expect(listener.refused).toEqual([])
    expect(counted).toHaveLength(20)
  })

  test('of copies that come at the same time the good one counts, in whatever order', async () => {
    const { said, start, ids } = await scene()
    for (const isGoodFirst of [true, false]) {
      const listener = await start()
      const good = () => take(listener, said, 'bob')
      const bad = () => take(listener, said.map(badlySigned), 'mallory')
      await Promise.all(isGoodFirst ? [good(), bad()] : [bad(), good()])
      expect(listener.delivered).toEqual(ids)
      expect(listener.refused).toHaveLength(isGoodFirst ? 0 : 20)
    }
  })

  test('each event is verified once, however often it comes meanwhile', async () => {
    const { said, start, ids, counted } = await scene()
    const listener = await start()
    await Promise.all(['bob', 'carol', 'dave'].map((from) => take(listener, said, from)))
    expect(counted).toHaveLength(20)
    expect(listener.verifiedInline).toBe(0)
    expect(listener.delivered).toEqual(ids)
    expect(listener.duplicates).toBe(40)
  })

  test('an event with two good signatures is one event, whichever comes first', async () => {
    const { said, alice, start, ids } = await scene()
    const again = said.map((event) => signedAgain(event, alice))
    expect(again.map(({ signature }) => signature)).not.toEqual(said.map(({ signature }) => signature))
    for (const [first, second] of [
      [said, again],
      [again, said],
    ] as const) {
      const listener = await start()
      expect(await take(listener, first, 'bob')).toEqual({ verdict: 'accept', refused: 0 })
      expect(await take(listener, second, 'carol')).toEqual({ verdict: 'ignore', refused: 0 })
      expect(listener.delivered).toEqual(ids)
      expect(listener.log.engine.history.forks.tags).toEqual([])
    }
  })

  test('a well signed event does not vouch for the badly signed one before it', async () => {
    const { said, start, ids } = await scene()
    const listener = await start()
    const crafted = said.map((event, i) => (i === 10 ? badlySigned(event) : event))
    await take(listener, crafted, 'mallory')
    expect(listener.delivered).toEqual(ids.slice(0, 10))
    expect(listener.log.engine.pending().map(({ event }) => event.id)).toEqual(ids.slice(11))
    await take(listener, [said[10]!], 'bob')
    expect(listener.delivered).toEqual(ids)
  })

  test('a device that becomes known on the way is heard', async () => {
    const { world, bob, said, verifier, ids } = await scene()
    const listener = await listen(world, verifier)
    const answers = Array.from({ length: 20 }, (_, i) => bob.say(`answer ${i}`))
    await take(listener, [...world.control, ...said, ...answers])
    expect(listener.delivered).toEqual([...ids, ...answers.map(({ id }) => id)])
  })
})

/** A verifier whose answers are held back from the nth call on. */
function gate(n = 0): Verifier & { open(call: number): void; calls: number } {
  const inline = inlineVerifier(crypto.verify)
  const held: PromiseWithResolvers<void>[] = []
  return {
    get calls() {
      return held.length
    },
    async verify(signed) {
      const call = Promise.withResolvers<void>()
      if (held.length < n) call.resolve()
      held.push(call)
      await call.promise
      return inline.verify(signed)
    },
    open: (call) => held[call]!.resolve(),
    async close() {
      for (const call of held) call.reject(verifierClosed())
    },
  }
}

test('what is verified sooner does not overtake, and what happens meanwhile does no harm', async () => {
  const world = makeWorld(['alice', 'bob'])
  const [alice, bob] = world.people as [Person, Person]
  const verifier = gate()
  const listener = await listen(world, verifier, bob.tag)
  const { log } = listener
  const begin = take(listener, world.control)
  verifier.open(0)
  await begin
  const events = [alice.say('one'), alice.say('two'), alice.say('three')]
  let most = 0
  const all = events.map(async (event) => {
    await take(listener, [event])
    most = Math.max(most, log.engine.pending().length)
  })
  expect(verifier.calls).toBe(4)
  verifier.open(3)
  verifier.open(2)
  const own = await log.append(KIND.message, utf8.encode('own'), NOW)
  await log.tick(NOW)
  expect(listener.delivered).toEqual([own.event.id])
  verifier.open(1)
  await Promise.all(all)
  expect(listener.delivered).toEqual([own.event.id, ...events.map(({ id }) => id)])
  expect(most).toBe(0)
})

test('what is on its way is bounded, and given up at the end', async () => {
  const world = makeWorld(['alice'])
  const verifier = gate()
  const listener = await listen(world, verifier)
  const [alice] = world.people as [Person]
  const event = alice.say('x'.repeat(40_000))
  const count = Math.floor(MAX_ARRIVING_SIZE_BYTES / event.bytes.length)
  const outcomes = Array.from({ length: count }, () => take(listener, [event]))
  expect(listener.log.arrivals.isFull).toBe(false)
  outcomes.push(take(listener, [event]))
  expect(listener.log.arrivals.isFull).toBe(true)
  const results = Promise.allSettled(outcomes)
  await verifier.close()
  await listener.log.close()
  for (const result of await results) expect(result).toMatchObject({ reason: { code: 'CLOSED' } })
  expect(listener.log.arrivals.isFull).toBe(false)
  expect(listener.delivered).toEqual([])
})

test('a messenger takes no more gossip than is on its way, counts it, and closes without waiting for threads', async () => {
  const hub = new MemoryHub()
  const key = crypto.keyPair()
  const self = toHex(key.publicKey)
  // The first call is for the first event of the group.
  const verifier = gate(1)
  const storage = openMemoryStorage()
  const messenger = await Messenger.start({
    storage,
    network: createMemoryNetwork(hub, self),
    crypto,
    verifier,
    key,
    dataFolder: '',
  })
  const { id: group } = await messenger.commands.createGroup({ name: 'office' })
  const topic = await topicOf(storage, group)
  const mallory = await new Witness(createMemoryNetwork(hub, 'ee'.repeat(32))).start()
  mallory.network.join(topic)
  const alice = await mallory.network.connect(`memory/${self}`)
  await mallory.until(() => mallory.network.topicPeers(topic).includes(alice))
  const large = (seq: number) =>
    encodeEvent(
      {
        kind: KIND.message,
        tag: 'ee'.repeat(8),
        seq,
        hlc: 1n,
        deps: [],
        commit: new Uint8Array(16),
        body: new Uint8Array(MAX_BODY_SIZE_BYTES),
      },
      group,
      crypto.sha256,
      () => new Uint8Array(64),
    )
  const count = Math.ceil(MAX_ARRIVING_SIZE_BYTES / large(1).bytes.length) + 2
  for (let seq = 1; seq <= count; seq++)
    await mallory.network.publish(topic, encodeBatch([large(seq)], crypto.sha256))
  const rejected = async () =>
    (await messenger.operator.getDiagnostics()).rejectedByPeer[mallory.network.self]
  while (((await rejected())?.['busy'] ?? 0) < 2) await setImmediate()
  expect(await rejected()).toEqual({ busy: 2 })
  await messenger.close()
  expect(verifier.calls).toBe(count - 1)
})
