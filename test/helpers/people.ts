/** alice, bob and carol: devices with fixed keys, and a group that alice founded and the others joined. */
import type { DeviceTag, EventId } from '../../src-main/api/contract.ts'
import { Engine, type Effect, type Moment } from '../../src-main/core/engine.ts'
import { deviceTag, KIND, type Event } from '../../src-main/core/event.ts'
import type { UserTag } from '../../src-main/core/control/operation.ts'
import type { KeyPair } from '../../src-main/crypto/crypto.ts'
import { userId } from '../../src-main/core/identity.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { credentialsOf, Gathering } from '../../scripts/sim/gathering.ts'

/** Unix ms at which every test world begins. */
export const START_MS = Date.UTC(2026, 0, 1)
/** When both clocks agree. */
export const at = (ms: number): Moment => ({ nowMs: ms, atMs: ms })
const utf8 = new TextEncoder()

/** One device with its engine of one group. */
export interface Person {
  name: string
  tag: DeviceTag
  key: KeyPair
  /** The person, whose only device it is. */
  user: UserTag
  engine: Engine
  sign(id: Uint8Array): Uint8Array
  /** Appends a message; answers, when given, must be covered. */
  say(text: string, options?: { nowMs?: number; covers?: EventId }): Event
  /** Appends an event of any kind. */
  write(kind: number, body: Uint8Array, options?: { nowMs?: number }): Event
  /** Takes in events as if gossiped. */
  hear(...events: Event[]): Effect[]
  /** Ids in delivery order, control events left out. */
  heard(): EventId[]
}

export interface World {
  group: string
  gathering: Gathering
  people: Person[]
  /** create, invite and joins, in causal order. */
  control: Event[]
}

/** A group of people with these names; the first founded it. All of them know all control events, unless alone is set. */
export function makeWorld(names: string[], { alone = false } = {}): World {
  const keys = names.map((name) => crypto.keyPair(crypto.sha256(utf8.encode(`device ${name}`))))
  const gathering = new Gathering(keys[0]!, START_MS, crypto.sha256(utf8.encode('office')), crypto)
  const { group, events: control } = gathering
  const people = names.map((name, i) => makePerson(name, keys[i]!, group))
  for (const [i, person] of people.entries()) {
    person.hear(...control)
    if (i === 0) continue
    const body = gathering.join(keys[i]!)
    const now = at(gathering.nowMs(control.length))
    gathering.note(appended(person.engine.step({ type: 'append', kind: KIND.join, body, ...now })))
  }
  if (!alone) for (const person of people) person.hear(...control)
  return { group, gathering, people, control }
}

/** A device that has heard nothing yet. */
export function makePerson(name: string, key: KeyPair, group: string): Person {
  const tag = deviceTag(key.publicKey, crypto.sha256)
  const sign = (id: Uint8Array) => crypto.sign(id, key.secretKey)
  const engine = new Engine({ group, self: tag, sha256: crypto.sha256, verify: crypto.verify, sign })
  const { userKey } = credentialsOf(key, crypto)
  return {
    ...{ name, tag, key, engine, sign },
    user: userId(userKey, crypto.sha256),
    write: (kind, body, { nowMs = START_MS + 1_000 } = {}) =>
      appended(engine.step({ type: 'append', kind, body, ...at(nowMs) })),
    say: (text, { nowMs = START_MS + 1_000, covers } = {}) =>
      appended(
        engine.step({ type: 'append', kind: KIND.message, body: utf8.encode(text), ...at(nowMs), covers }),
      ),
    hear: (...events) =>
      events.flatMap(({ bytes }) =>
        engine.step({ type: 'receive', bytes, from: 'neighbour', ...at(START_MS + 2_000) }),
      ),
    heard: () => engine.history.log.filter(({ kind }) => kind < KIND.create).map(({ id }) => id),
  }
}

function appended(effects: Effect[]): Event {
  const effect = effects.find((candidate) => candidate.type === 'deliver')
  if (!effect) throw new TypeError('nothing was appended')
  return effect.event
}

/** Refusal reasons among effects. */
export function reasons(effects: Effect[]): string[] {
  return effects.flatMap((effect) => (effect.type === 'refuse' ? [effect.reason] : []))
}
