/** Secrets of epochs, and the names that follow from them. */
import { expect, test } from 'vitest'
import { encodeChange } from '../../src-main/core/control/bodies.ts'
import { KIND, type Event } from '../../src-main/core/event.ts'
import { MAX_SHARES } from '../../src-main/core/limits.ts'
import { epochOf } from '../../src-main/core/secrets/derivations.ts'
import { decodeRotation } from '../../src-main/core/secrets/rotation.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { Keyring } from '../../src-main/messenger/keyring.ts'
import { makeWorld, type Person, type World } from '../helpers/people.ts'

/** What the group wants; a test may change it. */
interface Settings {
  history: 'all' | 'from-joining'
  disappearAfterMs: number
}
const ringOf = (
  { group }: World,
  { engine, tag, key, user }: Person,
  settings: Settings = { history: 'all', disappearAfterMs: 0 },
) =>
  new Keyring(
    { group, roster: () => engine.roster, settings: () => settings, crypto, device: tag, key, user },
    [],
  )

function three() {
  const world = makeWorld(['alice', 'bob', 'carol'])
  const [alice, bob, carol] = world.people as [Person, Person, Person]
  const rings = new Map(world.people.map((person) => [person, ringOf(world, person)]))
  const ring = (person: Person) => rings.get(person)!
  const deliver = (event: Event, ...people: Person[]) => {
    for (const person of people) {
      person.hear(event)
      ring(person).note(event)
    }
  }
  /** Rotates; returns the event. */
  const rotate = (person: Person) => {
    const event = person.write(KIND.rotate, ring(person).rotate())
    ring(person).note(event)
    return [event]
  }
  const remove = (by: Person, { user }: Person) =>
    by.write(
      KIND.remove,
      encodeChange({ kind: 'remove', target: user, ban: false, cut: by.engine.roster.cutOf(user) }),
    )
  return { world, alice, bob, carol, ring, deliver, rotate, remove }
}

test('a rotation gives everybody in the group one secret and one name, and nobody else', () => {
  const { alice, bob, carol, ring, deliver, rotate, remove } = three()
  const [first] = rotate(alice)
  deliver(first!, bob, carol)
  const before = ring(alice).topicsFor('message')
  expect(before).toHaveLength(1)
  for (const person of [bob, carol]) expect(ring(person).topicsFor('message')).toEqual(before)

  const removal = remove(alice, carol)
  for (const person of [bob, carol]) person.hear(removal)
  for (const person of [alice, bob]) expect(ring(person).isRotationDue).toBe(true)
  // Nothing is written with a secret that carol has.
  for (const person of [alice, bob]) expect(ring(person).current).toBeUndefined()
  for (const person of [alice, bob]) expect(ring(person).topicsFor('message')).toEqual([])
  const [second] = rotate(alice)
  deliver(second!, bob, carol)
  for (const person of [alice, bob]) expect(ring(person).isRotationDue).toBe(false)
  expect(ring(bob).topicsFor('message')).toEqual(ring(alice).topicsFor('message'))
  expect(ring(bob).topicsFor('message')).not.toEqual(before)
  expect(ring(carol).all).toHaveLength(1)
  expect(ring(carol).topics).toEqual(before)
  // Whoever has not heard of it yet is still heard, and told.
  expect(ring(bob).topics).toEqual([...ring(bob).topicsFor('message'), ...before])
})

test('a secret that a peer hands over is taken once, and only if it is what was committed to', () => {
  const { world, alice, ring, rotate } = three()
  const [rotation] = rotate(alice)
  const late = makeWorld(['alice', 'bob', 'carol']).people[1]!
  late.hear(rotation!)
  const keyring = ringOf(world, { ...late, tag: 'ff'.repeat(8) })
  // Its share is somebody else's.
  expect(keyring.note(rotation!)).toBe(false)
  const epoch = epochOf(rotation!.id)
  const shared = ring(alice).give(late.user, [epoch, 'ee'.repeat(8)])
  expect(shared).toHaveLength(1)
  expect(keyring.missing).toEqual([epoch])
  expect(keyring.take([{ epoch, secret: crypto.randomBytes(32) }])).toBe(false)
  expect(keyring.take([{ ...shared[0]!, epoch: 'ff'.repeat(8) }])).toBe(false)
  expect(keyring.all).toEqual([])
  expect(keyring.take(shared)).toBe(true)
  expect(keyring.take(shared)).toBe(false)
  expect(keyring.missing).toEqual([])
  expect(keyring.topics).toEqual(ring(alice).topics)
})

test('of two rotations at once all take the same', () => {
  const { alice, bob, carol, ring, deliver, rotate } = three()
  const [one, other] = [rotate(alice)[0]!, rotate(bob)[0]!]
  deliver(one, bob, carol)
  deliver(other, alice, carol)
  const [topics] = [alice, bob, carol].map((person) => ring(person).topicsFor('message'))
  for (const person of [bob, carol]) expect(ring(person).topicsFor('message')).toEqual(topics)
  expect(ring(carol).topics).toHaveLength(2)
})

test('a device listens under so many names, the latest', () => {
  const { alice, ring, rotate } = three()
  const names: string[] = []
  for (let i = 0; i < 6; i++) {
    rotate(alice)
    names.unshift(ring(alice).topicsFor('message')[0]!)
  }
  expect(new Set(names).size).toBe(6)
  expect(ring(alice).topics).toEqual(names.slice(0, 4))
  expect(ring(alice).topicsFor('control')).toEqual(names.slice(0, 4))
})

test('without a secret there is no name', () => {
  const { alice, ring } = three()
  expect([ring(alice).topics, ring(alice).topicsFor('message'), ring(alice).current]).toEqual([
    [],
    [],
    undefined,
  ])
})

test('in a large group the devices that entered last have a share, and the others ask', () => {
  const { world, alice } = three()
  const devices = Array.from({ length: MAX_SHARES + 1 }, (_, i) => ({
    tag: i.toString(16).padStart(16, '0'),
    publicKey: alice.key.publicKey,
  }))
  const roster = { devices: () => devices.values(), isActive: () => true, isExposed: () => false }
  const { shares } = decodeRotation(ringOf(world, { ...alice, engine: { roster } as never }).rotate())!
  expect(shares.map(({ tag }) => tag)).toEqual(devices.slice(1).map(({ tag }) => tag))
})
