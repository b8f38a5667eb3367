/** What people say of themselves and of their group, and who settles it when they said so at the same time. */
import { expect, test } from 'vitest'
import { encodeChange } from '../../src-main/core/control/bodies.ts'
import { ROLE } from '../../src-main/core/control/operation.ts'
import { KIND, type Event } from '../../src-main/core/event.ts'
import { unsealed } from '../helpers/unsealed.ts'
import {
  encodeMessage,
  encodeProfile,
  encodeSettings,
  type SettingsContent,
} from '../../src-main/messenger/content.ts'
import { mergeConflicts, Particulars } from '../../src-main/messenger/particulars.ts'
import { makeWorld, START_MS, type Person } from '../helpers/people.ts'

const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)

/** Alice is the owner, carol an admin, bob a member. Each sees what the engine of each delivers. */
function office() {
  const { people } = makeWorld(['alice', 'bob', 'carol'])
  const [alice, bob, carol] = people as [Person, Person, Person]
  const seen = new Map(people.map((person) => [person, new Particulars(person.engine)]))
  const deliver = (person: Person, ...events: Event[]) => {
    for (const event of events) {
      person.hear(event)
      const entry = person.engine.history.get(event.id)
      if (entry) seen.get(person)!.note(unsealed.open(event), entry)
    }
  }
  let atMs = START_MS + 1_000
  const write = (person: Person, kind: number, body: Uint8Array) => {
    const event = person.write(kind, body, { nowMs: (atMs += 10) })
    deliver(person, event)
    return event
  }
  const set = (person: Person, settings: SettingsContent) =>
    write(person, KIND.settings, encodeSettings(settings))
  const target = carol.user
  const promotion = alice.write(
    KIND.role,
    encodeChange({ kind: 'role', target, role: ROLE.admin, cut: alice.engine.roster.cutOf(target) }),
  )
  for (const person of [bob, carol]) person.hear(promotion)
  const conflicts = (person: Person) =>
    seen.get(person)!.conflicts((tag) => people.find((one) => one.tag === tag)!.name)
  return { people, alice, bob, carol, seen, deliver, write, set, conflicts }
}

test('a later setting takes the place of what its author had seen, field by field', () => {
  const { alice, bob, carol, seen, deliver, set, conflicts } = office()
  const first = set(alice, { name: 'one', description: 'tea' })
  deliver(carol, first)
  const second = set(carol, { name: 'two', history: 'from-joining' })
  deliver(bob, first, second)
  expect(seen.get(bob)!.settings).toEqual({
    name: 'two',
    description: 'tea',
    picture: undefined,
    history: 'from-joining',
    disappearAfterMs: 0,
  })
  expect(conflicts(bob)).toEqual([])
})

test('what was set at the same time is told everywhere alike, until somebody settles it who had seen both', () => {
  const { alice, bob, carol, seen, deliver, set, conflicts } = office()
  const [one, two] = [set(alice, { name: 'one' }), set(carol, { name: 'two' })]
  deliver(bob, one, two)
  deliver(alice, two)
  deliver(carol, one)
  const values = [
    { value: 'one', by: 'alice' },
    { value: 'two', by: 'carol' },
  ]
  for (const person of [alice, bob, carol]) {
    expect(conflicts(person)).toEqual([{ field: 'name', values }])
    // The later one is shown meanwhile.
    expect(seen.get(person)!.settings.name).toBe('two')
  }
  const settled = set(alice, { name: 'one' })
  deliver(bob, settled)
  deliver(carol, settled)
  for (const person of [alice, bob, carol]) {
    expect(conflicts(person)).toEqual([])
    expect(seen.get(person)!.settings.name).toBe('one')
  }
})

test('the same value from two is no conflict', () => {
  const { alice, bob, carol, deliver, set, conflicts } = office()
  deliver(bob, set(alice, { name: 'one' }), set(carol, { name: 'one' }))
  expect(conflicts(bob)).toEqual([])
})

test('what a member sets who is no admin counts for nothing', () => {
  const { alice, bob, seen, deliver, set, conflicts } = office()
  const first = set(alice, { name: 'one' })
  deliver(bob, first)
  deliver(alice, set(bob, { name: 'mine' }))
  for (const person of [alice, bob]) {
    expect(seen.get(person)!.settings.name).toBe('one')
    expect(conflicts(person)).toEqual([])
  }
})

test('what was hidden by a removal is taken back, and given back when it counts after all', () => {
  const { alice, bob, carol, seen, deliver, set } = office()
  deliver(bob, set(alice, { name: 'one' }))
  const cut = alice.engine.roster.cutOf(carol.user)
  const removal = alice.write(
    KIND.remove,
    encodeChange({ kind: 'remove', target: carol.user, ban: false, cut }),
  )
  deliver(bob, set(carol, { name: 'late' }))
  expect(seen.get(bob)!.settings.name).toBe('late')
  bob.hear(removal)
  seen.get(bob)!.foldAgain()
  expect(seen.get(bob)!.settings.name).toBe('one')
})

test('a person is what their own devices say, and a picture can be taken away', () => {
  const { alice, bob, carol, seen, deliver, write } = office()
  const profile = seen.get(carol)!
  expect(profile.profile(bob.user)).toEqual({ name: undefined, picture: undefined })
  deliver(carol, write(bob, KIND.profile, encodeProfile({ name: ' Bob\n', picture: PNG })))
  const { name, picture } = profile.profile(bob.user)
  expect([name, picture!.id.length]).toEqual(['Bob', 32])
  expect(carol.engine.history.log[picture!.n - 1]!.kind).toBe(KIND.profile)
  deliver(carol, write(bob, KIND.profile, encodeProfile({ picture: new Uint8Array(0) })))
  expect(profile.profile(bob.user)).toEqual({ name: 'Bob', picture: undefined })
  expect(profile.profile(alice.user).name).toBeUndefined()
})

test('conflicts of several groups are one for each field, with each value of a device once', () => {
  const [one, two, three] = [
    { value: 'one', by: 'a' },
    { value: 'two', by: 'b' },
    { value: 'one', by: 'c' },
  ] as const
  expect(
    mergeConflicts([
      { field: 'name', values: [one, two] },
      { field: 'picture', values: [two, one] },
      { field: 'name', values: [one, three, two] },
    ]),
  ).toEqual([
    { field: 'name', values: [one, two, three] },
    { field: 'picture', values: [two, one] },
  ])
  expect(mergeConflicts([])).toEqual([])
})

test('what is no profile and no settings says nothing', () => {
  const { alice, bob, seen, deliver, write } = office()
  deliver(
    bob,
    write(alice, KIND.message, encodeMessage({ text: 'x' })),
    write(alice, KIND.settings, Uint8Array.of(1)),
  )
  expect(seen.get(bob)!.isSet).toBe(false)
  expect(seen.get(bob)!.settings).toMatchObject({ name: '', description: '', history: 'all' })
})
