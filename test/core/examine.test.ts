/** Signatures that are verified outside the engine. */
import { expect, test } from 'vitest'
import { Engine, type Examined } from '../../src-main/core/engine.ts'
import { commitTo, encodeEvent, KIND, type Event } from '../../src-main/core/event.ts'
import { hlcAt } from '../../src-main/core/hlc.ts'
import type { KeyPair } from '../../src-main/crypto/crypto.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { credentialsOf, joinBody } from '../../scripts/sim/gathering.ts'
import { makeWorld, reasons, START_MS, type Person } from '../helpers/people.ts'

const utf8 = new TextEncoder()

/** An engine that hears, and how often it verified a signature itself. */
function makeListener(group: string, sha256 = crypto.sha256) {
  let verified = 0
  const engine = new Engine({
    group,
    self: '00'.repeat(8),
    sha256,
    verify: (...args) => {
      verified++
      return crypto.verify(...args)
    },
    sign: (id) => id,
  })
  const now = { nowMs: START_MS + 2_000, atMs: 2_000 }
  const hear = ({ bytes }: Event, examined?: Examined) =>
    engine.step({ type: 'receive', bytes, ...(examined && { examined }), from: 'neighbour', ...now })
  return { engine, hear, verified: () => verified }
}

test('the engine says what is to be verified, and takes the verdict instead of verifying', () => {
  const world = makeWorld(['alice'])
  const [alice] = world.people as [Person]
  const { engine, hear, verified } = makeListener(world.group)
  const said = alice.say('hello')
  expect(engine.examine(said.bytes).signed).toBeUndefined()
  for (const event of world.control) hear(event)
  const before = verified()
  const examined = engine.examine(said.bytes)
  const id = Uint8Array.from(Buffer.from(said.id, 'hex'))
  const { publicKey } = engine.roster.device(alice.tag)!
  expect(examined.signed).toEqual({ id, signature: said.signature, publicKey })
  expect(reasons(hear(said, { ...examined, isValid: false }))).toEqual(['bad-signature'])
  expect(hear(said, { ...examined, isValid: true }).map(({ type }) => type)).toEqual(['deliver'])
  expect(verified()).toBe(before)
  expect(engine.examine(said.bytes).signed).toBeUndefined()
  const later = alice.say('later')
  expect(hear(later, engine.examine(later.bytes)).map(({ type }) => type)).toEqual(['deliver'])
  expect(verified()).toBe(before + 1)
})

test('a verdict about another key of the same device tag does not count', () => {
  // Tags have 8 bytes: whoever computes for long enough has two keys with one tag. Here the hash is made for that.
  const world = makeWorld(['alice'])
  const [bob, mallory] = ['bob', 'mallory'].map((name) => crypto.keyPair(crypto.sha256(utf8.encode(name))))
  const isTwin = (data: Uint8Array) =>
    data.length === 35 &&
    [bob!, mallory!].some(({ publicKey }) => Buffer.from(data.subarray(3)).equals(publicKey))
  const sha256 = (data: Uint8Array) => (isTwin(data) ? new Uint8Array(32).fill(0xbb) : crypto.sha256(data))
  const door = world.gathering.door()
  const controlHeads = [...door.heads]
  const join = (key: KeyPair) => {
    const fields = {
      kind: KIND.join,
      tag: 'bb'.repeat(8),
      seq: 1,
      hlc: hlcAt(START_MS + 10),
      deps: [],
      commit: commitTo(undefined, [], controlHeads, sha256),
      controlHeads,
      body: joinBody(credentialsOf(key, crypto), door, crypto),
    }
    return encodeEvent(fields, world.group, sha256, (id) => crypto.sign(id, key.secretKey))
  }
  const [bobs, mallorys] = [join(bob!), join(mallory!)]
  const { engine, hear } = makeListener(world.group, sha256)
  for (const event of world.control) hear(event)
  const examined = engine.examine(mallorys.bytes)
  expect(examined.signed!.publicKey).toEqual(mallory!.publicKey)
  expect(hear(bobs).map(({ type }) => type)).toEqual(['deliver'])
  expect(reasons(hear(mallorys, { ...examined, isValid: true }))).toEqual(['bad-signature'])
  expect(engine.history.forks.tags).toEqual([])
})
