/** A group in which somebody's device forks, and everybody keeps what a store would keep. */
import { expect } from 'vitest'
import type { DeviceTag, EventId } from '../../src-main/api/contract.ts'
import { fromHex } from '../../src-main/core/bytes.ts'
import { Engine, type Effect } from '../../src-main/core/engine.ts'
import { decodeEvent, KIND, type Event } from '../../src-main/core/event.ts'
import type { Entry, History } from '../../src-main/core/history.ts'
import { timelineKey } from '../../src-main/core/timeline.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { at, makeWorld, START_MS, type Person } from './people.ts'
import { makeSyncer, open, talk } from './sync.ts'

/** In the order of joining: each entrance acknowledges those before it. */
export const NAMES = ['alice', 'mallory', 'mike', 'carol', 'bob']
export const LATER_MS = START_MS + 100_000

/** Somebody and what a store would keep: proofs, as bytes. */
export interface Device extends Person {
  proofs: Map<DeviceTag, [Uint8Array, Uint8Array]>
  take(bytes: Uint8Array): Effect[]
}

/** Everybody; mallory and her twins write with one key, and do not know of each other. */
export function makeForkingWorld(twins = 1) {
  const archive = new Map<EventId, Uint8Array>()
  const world = makeWorld(NAMES)
  for (const { id, bytes } of world.control) archive.set(id, bytes)
  const device = (person: Person): Device => {
    const proofs: Device['proofs'] = new Map()
    const note = (effects: Effect[]) => {
      for (const effect of effects)
        if (effect.type === 'fork') {
          const [one, other] = effect.proof
          proofs.set(effect.tag, [archive.get(one.id)!, archive.get(other.id)!])
        }
      return effects
    }
    const take = (bytes: Uint8Array) => {
      const { event } = decodeEvent(bytes, world.group, crypto.sha256) as { event: Event }
      archive.set(event.id, bytes)
      return note(person.engine.step({ type: 'receive', bytes, from: 'neighbour', ...at(LATER_MS) }))
    }
    return {
      ...person,
      proofs,
      take,
      hear: (...events) => events.flatMap(({ bytes }) => take(bytes)),
      say: (text, options) => {
        const event = person.say(text, options)
        archive.set(event.id, event.bytes)
        return event
      },
      write: (...args) => {
        const event = person.write(...args)
        archive.set(event.id, event.bytes)
        return event
      },
    }
  }
  const people = world.people.map(device)
  // Keys and founding are fixed, so a second world has the same people in the same group.
  const twinsOf = (name: string) =>
    Array.from({ length: twins }, () => device(makeWorld(NAMES).people[NAMES.indexOf(name)]!))
  const { group, control, gathering } = world
  return { group, control, gathering, people, twinsOf, archive }
}

export const visible = ({ log, forks }: History) => log.filter((entry) => forks.isVisible(entry))
const place = (entry: Entry) => timelineKey(entry) + entry.id
export const shown = ({ engine: { history } }: Person) =>
  visible(history)
    .filter(({ kind }) => kind < KIND.create)
    .sort((a, b) => (place(a) < place(b) ? -1 : 1))
    .map(({ id }) => id)
export const ids = (...events: { id: EventId }[]) => events.map(({ id }) => id)
export const hexDigest = ({ engine }: Person) =>
  Buffer.from(engine.history.digest(crypto.sha256)).toString('hex')

/** One sync session, frames and all. */
export function sync(a: Device, b: Device, archive: Map<EventId, Uint8Array>): void {
  const [near, far] = [a, b].map(({ engine, take, proofs }) =>
    makeSyncer({
      history: engine.history,
      take,
      read: (portion) => [
        ...portion.proofs.flatMap((tag) => proofs.get(tag)!),
        ...portion.entries.map(({ id }) => archive.get(id)!),
      ],
    }),
  )
  const ends = open(near!, far!)
  talk(...ends)
  for (const { effects } of ends) expect(effects.at(-1)).toMatchObject({ type: 'finish' })
}

/** Everybody with everybody, until all show the same. */
export function syncAll(devices: Device[], archive: Map<EventId, Uint8Array>): void {
  for (let round = 0; new Set(devices.map(hexDigest)).size > 1; round++) {
    expect(round).toBeLessThan(12)
    for (const a of devices) for (const b of devices) if (a !== b) sync(a, b, archive)
  }
}

export function makeNewcomer(group: string, control: Event[], archive: Map<EventId, Uint8Array>) {
  const engine = new Engine({ ...crypto, group, self: '00'.repeat(8), sign: () => fromHex('') })
  const proofs: Device['proofs'] = new Map()
  const take = (bytes: Uint8Array) => {
    const effects = engine.step({ type: 'receive', bytes, from: 'neighbour', ...at(LATER_MS) })
    for (const effect of effects)
      if (effect.type === 'fork')
        proofs.set(effect.tag, effect.proof.map(({ id }) => archive.get(id)!) as [Uint8Array, Uint8Array])
    return effects
  }
  for (const { bytes } of control) take(bytes)
  return { engine, proofs, take }
}
