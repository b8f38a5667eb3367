/** Two real session machines face to face, without a network between them. */
import { expect, test } from 'vitest'
import { SyncSession, type Frame, type SyncEffect } from '../../src-main/core/sync.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { makeWorld, type Person } from '../helpers/people.ts'

/** Both sides give all they have; returns the kinds of what follows from it at the receivers. */
function synchronise(a: Person, b: Person): string[] {
  const found: string[] = []
  const ends = [a, b].map((person) => ({
    person,
    frames: [] as Frame[],
    session: new SyncSession(
      person.engine.history,
      crypto.sha256,
      { proof: new Uint8Array(32), incarnation: new Uint8Array(8), wallClockMs: 0 },
      [],
    ),
  }))
  const [near, far] = ends as [(typeof ends)[0], (typeof ends)[0]]
  const carryOut = (end: typeof near, effects: SyncEffect[]): void => {
    const other = end === near ? far : near
    for (const effect of effects)
      if (effect.type === 'send') other.frames.push(effect.frame)
      else if (effect.type === 'stream') {
        const events = effect.ns.map((n) => bytesOf.get(end.person.engine.history.log[n - 1]!.id)!)
        other.frames.push({ type: 'events', events })
        carryOut(end, end.session.streamed())
      } else if (effect.type === 'receive')
        for (const bytes of effect.events)
          for (const { type } of end.person.hear({ bytes } as Parameters<Person['hear']>[0])) found.push(type)
  }
  for (const end of ends) carryOut(end, end.session.start())
  for (let moved = true; moved;) {
    moved = false
    for (const end of ends)
      for (let frame = end.frames.shift(); frame; frame = end.frames.shift()) {
        carryOut(end, end.session.receive(frame))
        moved = true
      }
  }
  return found
}

const bytesOf = new Map<string, Uint8Array>()

test('what sync brings is in causal order: the receiver lets nothing wait', () => {
  //  alice  a1 ── a2 ──── a3 …        dave hears all of it at once
  //  bob      └ b1 ─ b2 ┘
  const { people, control } = makeWorld(['alice', 'bob', 'dave'])
  const [alice, bob, dave] = people as [Person, Person, Person]
  for (const event of control) bytesOf.set(event.id, event.bytes)
  for (let i = 0; i < 20; i++) {
    const [said, answered] = [alice.say(`${i}`), bob.say(`${i}, too`)]
    alice.hear(answered)
    bob.hear(said)
    for (const event of [said, answered]) bytesOf.set(event.id, event.bytes)
  }
  expect(synchronise(alice, dave)).toEqual(Array.from({ length: 40 }, () => 'deliver'))
  expect(dave.heard()).toEqual(alice.heard())
  expect(synchronise(alice, dave)).toEqual([])
})
