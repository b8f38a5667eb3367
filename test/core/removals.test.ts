/** What becomes of what somebody writes who was removed, and does not know it: fork.ts and members.ts together. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeChange } from '../../src-main/core/control/bodies.ts'
import { ROLE, type Role } from '../../src-main/core/control/operation.ts'
import { Engine, type Effect } from '../../src-main/core/engine.ts'
import { KIND, type Event } from '../../src-main/core/event.ts'
import type { Entry } from '../../src-main/core/history.ts'
import { MAX_HIDDEN_PER_DEVICE } from '../../src-main/core/limits.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import {
  hexDigest,
  ids,
  makeForkingWorld,
  makeNewcomer,
  shown,
  sync,
  syncAll,
  visible,
  type Device,
} from '../helpers/forking.ts'
import { reasons, START_MS } from '../helpers/people.ts'

/** Alice is the owner, the others are members. */
function five() {
  const { people, ...world } = makeForkingWorld()
  const [alice, mallory, mike, carol, bob] = people as [Device, Device, Device, Device, Device]
  return { ...world, people, alice, mallory, mike, carol, bob }
}

/** As the app does it: with all that has been delivered of them. */
const remove = (by: Device, { user }: Device, ban = false) =>
  by.write(
    KIND.remove,
    encodeChange({ kind: 'remove', target: user, ban, cut: by.engine.roster.cutOf(user) }),
  )
const add = (by: Device, { user }: Device, role: Role = ROLE.member) =>
  by.write(KIND.add, encodeChange({ kind: 'add', target: user, role }))
const appoint = (by: Device, { user }: Device, role: Role) =>
  by.write(KIND.role, encodeChange({ kind: 'role', target: user, role, cut: by.engine.roster.cutOf(user) }))
const types = (effects: Effect[]) => effects.map(({ type }) => type)

test('a device that may not write, tries twice and may write again has not forked', () => {
  const { alice, bob } = five()
  const tries = (nowMs: number) => {
    const body = new TextEncoder().encode('may I?')
    return bob.engine.step({ type: 'append', kind: KIND.message, body, nowMs, atMs: nowMs })
  }
  const removal = remove(alice, bob)
  bob.hear(removal)
  expect(reasons(tries(START_MS + 5_000))).toEqual(['not-a-member'])
  expect(types(tries(START_MS + 6_000))).toEqual(['refuse'])
  bob.hear(add(alice, bob))
  const said = tries(START_MS + 7_000)
  expect(types(said)).toEqual(['deliver'])
  expect(bob.engine.history.forks.tags).toEqual([])
})

describe('what a removed person wrote', () => {
  test('stays up to the cut, and is hidden beyond it, whatever comes first', () => {
    //  mallory  m1 ── m2
    //  alice      └── r       removes mallory; m2 had not seen it
    const { alice, mallory, bob, carol } = five()
    const m1 = mallory.say('1')
    alice.hear(m1)
    const removal = remove(alice, mallory)
    const m2 = mallory.say('2')
    expect(types(bob.hear(m1, m2, removal))).toContain('hide')
    expect(types(carol.hear(m1, removal, m2)).filter((type) => type === 'deliver')).toHaveLength(3)
    alice.hear(m2)
    for (const person of [alice, bob, carol]) {
      expect(shown(person)).toEqual(ids(m1))
      expect(person.engine.history.forks.cutOff.map(({ id }) => id)).toEqual(ids(m2))
      expect(person.engine.history.forks.hiddenCount).toBe(1)
      expect(person.engine.history.forks.tags).toEqual([])
    }
    expect(new Set([alice, bob, carol].map(hexDigest)).size).toBe(1)
  })

  test('is hidden, and an answer to it is shown', () => {
    //  mallory  m1 ── m2
    //  alice      └── r  │
    //  bob               └── b1 ── b2
    const { alice, mallory, bob, carol } = five()
    const m1 = mallory.say('1')
    alice.hear(m1)
    const removal = remove(alice, mallory)
    const m2 = mallory.say('2')
    bob.hear(m1, m2)
    const [b1, b2] = [bob.say('to 2', { covers: m2.id }), bob.say('more')]
    for (const person of [alice, carol]) {
      person.hear(m1, removal, m2, b1, b2)
      expect(shown(person)).toEqual(ids(m1, b1, b2))
      const { forks } = person.engine.history
      const entry = person.engine.history.get(m2.id)!
      expect([forks.isKept(entry), forks.isVisible(entry), forks.hiddenCount]).toEqual([true, false, 1])
    }
    bob.hear(removal)
    expect(shown(bob)).toEqual(ids(m1, b1, b2))
    expect(new Set([alice, bob, carol].map(hexDigest)).size).toBe(1)
  })

  test('is not cited by anybody who knows', () => {
    const { alice, mallory, carol } = five()
    const removal = remove(alice, mallory)
    const late = mallory.say('late')
    carol.hear(removal, late)
    expect(carol.say('next').deps).toEqual([])
  })

  test('with a citation of the removal is not taken, nor by a device that comes later', () => {
    const { alice, mallory, bob, archive, group, control } = five()
    const removal = remove(alice, mallory)
    mallory.hear(removal)
    // Her own engine would not write it: one that has seen nothing of the removal says what it cites.
    const honest = mallory.engine.roster.isActive(mallory.tag)
    expect(honest).toBe(false)
    expect(() => mallory.say('on')).toThrow(TypeError)
    const newcomer = makeNewcomer(group, [...control, removal], archive)
    for (const { engine } of [bob, newcomer]) expect(engine.history.forks.suspects).toEqual([])
  })

  test('comes back when the removal does not count after all', () => {
    //  alice   promotes carol ── demotes carol, accepting nothing      the removal of mallory by carol is cancelled
    //  carol            └── removes mallory
    const { alice, mallory, bob, carol } = five()
    const promotion = appoint(alice, carol, ROLE.admin)
    for (const person of [carol, bob, mallory]) person.hear(promotion)
    const removal = remove(carol, mallory)
    const late = mallory.say('late')
    bob.hear(removal, late)
    expect(shown(bob)).toEqual([])
    const demotion = appoint(alice, carol, ROLE.member)
    expect(types(bob.hear(demotion))).toEqual(['deliver', 'show', 'members'])
    expect(shown(bob)).toEqual(ids(late))
    alice.hear(removal, late)
    expect(shown(alice)).toEqual(ids(late))
    expect(hexDigest(alice)).toBe(hexDigest(bob))
  })

  test('stays hidden when she is admitted again, and what she writes from then on is shown', () => {
    const { alice, mallory, bob } = five()
    const removal = remove(alice, mallory)
    const late = mallory.say('late')
    alice.hear(late)
    const back = add(alice, mallory)
    mallory.hear(removal, back)
    const here = mallory.say('here again')
    for (const person of [alice, bob]) person.hear(removal, late, back, here)
    for (const person of [alice, bob]) expect(shown(person)).toEqual(ids(here))
    // What she had written beyond the cut is in the past of what she writes now, and so it is kept.
    for (const { engine } of [alice, bob]) expect(engine.history.forks.hiddenCount).toBe(1)
    expect(hexDigest(alice)).toBe(hexDigest(bob))
  })

  test('control events beyond the cut count for nothing, and nobody hands them on', () => {
    //  carol    promoted ── removes bob            alice has not seen that
    //  alice      └── removes carol
    const { alice, mallory, bob, carol, archive } = five()
    const promotion = appoint(alice, carol, ROLE.admin)
    for (const person of [carol, bob, mallory]) person.hear(promotion)
    const removal = remove(alice, carol)
    const revenge = remove(carol, bob)
    mallory.hear(revenge)
    expect(mallory.engine.roster.members.has(bob.user)).toBe(false)
    mallory.hear(removal)
    expect(mallory.engine.roster.members.has(bob.user)).toBe(true)
    expect(mallory.engine.history.forks.cutOff.map(({ id }) => id)).toEqual(ids(revenge))
    bob.hear(removal)
    sync(mallory, bob, archive)
    expect(bob.engine.history.get(revenge.id)).toBeUndefined()
    expect(hexDigest(bob)).toBe(hexDigest(mallory))
    expect(bob.engine.roster.digest()).toEqual(mallory.engine.roster.digest())
  })

  test('a member who writes what is not allowed is taken, and it comes to nothing (R8)', () => {
    const { alice, mallory, bob } = five()
    const members = [...alice.engine.roster.members]
    const attempt = remove(mallory, bob)
    expect(types(alice.hear(attempt))).toEqual(['deliver'])
    expect([...alice.engine.roster.members]).toEqual(members)
    expect(alice.engine.history.forks.suspects).toEqual([])
    bob.hear(attempt)
    expect(types(alice.hear(bob.say('still here')))).toEqual(['deliver'])
  })

  test('is bounded, until somebody depends on more', () => {
    //  mallory  m1 ── … ── m52      alice, who removed her, takes some of it; bob had heard all, and answered
    const { alice, mallory, bob, archive } = five()
    remove(alice, mallory)
    const said = Array.from({ length: MAX_HIDDEN_PER_DEVICE + 20 }, (_, i) => mallory.say(`${i}`))
    expect(new Set(reasons(alice.hear(...said)))).toEqual(new Set(['cut-off']))
    expect(alice.engine.history.forks.hiddenCount).toBe(MAX_HIDDEN_PER_DEVICE)
    expect(alice.engine.pending()).toHaveLength(0)
    bob.hear(...said)
    const answer = bob.say('all of it')
    syncAll([alice, bob], archive)
    for (const person of [alice, bob]) {
      expect(shown(person)).toEqual(ids(answer))
      expect(
        person.engine.history.log.filter(({ tag, kind }) => tag === mallory.tag && kind === KIND.message),
      ).toHaveLength(said.length)
    }
  })
})

describe('an own device that was taken out', () => {
  test('writes nothing any more that is shown, and its person goes on', () => {
    const { mallory, bob, alice } = five()
    const m1 = mallory.say('1')
    const extent = { c: 1, m: 1 }
    const removal = mallory.write(
      KIND.removeDevice,
      encodeChange({ kind: 'removeDevice', device: mallory.tag, extent }),
    )
    for (const person of [alice, bob]) {
      person.hear(m1, removal)
      expect(person.engine.roster.isActive(mallory.tag)).toBe(false)
      expect(person.engine.roster.isRemovedDevice(mallory.tag)).toBe(true)
      expect(person.engine.roster.members.has(mallory.user)).toBe(true)
      expect(shown(person)).toEqual(ids(m1))
    }
  })
})

describe('laws', () => {
  test('whoever is removed, comes back or forks, and whatever comes first, all devices show the same', () => {
    fc.assert(
      fc.property(
        fc.infiniteStream(fc.nat()),
        fc.integer({ min: 5, max: 40 }),
        fc.boolean(),
        (numbers, steps, isForking) => {
          const next = (limit: number) => (numbers.next().value as number) % limit
          const { people, twinsOf, archive, group, control, alice, mallory, mike, carol, bob } = {
            ...five(),
          }
          const appointments = [appoint(alice, carol, ROLE.admin), appoint(alice, mike, ROLE.admin)]
          const all = [...people, ...(isForking ? twinsOf('mallory') : [])]
          for (const person of all) person.hear(...appointments)
          const honest = isForking ? [alice, mike, carol, bob] : [alice, mike, carol, bob, mallory]
          const said: Event[] = []
          for (let i = 0; i < steps; i++) {
            const person = all[next(all.length)]!
            if (said.length > 0)
              for (let heard = next(4); heard > 0; heard--) {
                const from = next(said.length)
                const { tag } = said[from]!
                if (next(3) === 0) person.hear(said[from]!)
                else person.hear(...said.slice(0, from + 1).filter((one) => one.tag === tag || next(2)))
              }
            if (honest.includes(person) && next(5) === 0) sync(person, honest[next(honest.length)]!, archive)
            if (!person.engine.roster.isActive(person.tag)) continue
            // What forked devices write comes to nothing where their own engines find out about them.
            if (!honest.includes(person) && person.engine.history.forks.has(person.tag)) continue
            const about = people[next(people.length)]!
            const act = next(12)
            const nowMs = START_MS + 1_000 + 10 * i + next(50)
            if (act === 0) said.push(remove(person, about, next(4) === 0))
            else if (act === 1) said.push(add(person, about, [ROLE.member, ROLE.reader][next(2)]))
            else if (act === 2)
              said.push(appoint(person, about, [ROLE.reader, ROLE.member, ROLE.admin, 60][next(4)]!))
            else if ((person.engine.roster.members.get(person.user) ?? 0) >= ROLE.member)
              said.push(person.say(`${i}`, { nowMs }))
          }
          syncAll(honest, archive)

          for (const person of honest) {
            const { history, roster } = person.engine
            const { forks } = history
            expect(shown(person)).toEqual(shown(alice))
            expect(forks.tags).toEqual(alice.engine.history.forks.tags)
            expect(roster.digest()).toEqual(alice.engine.roster.digest())
            // What waits lacks something that nobody hands on: nobody keeps it.
            for (const { event } of person.engine.pending())
              for (const { engine } of honest) {
                const entry = engine.history.get(event.id)
                if (entry) expect(engine.history.forks.isKept(entry)).toBe(false)
              }
            // Kept is what the rule says: the past of everything that stands; visible is what of it no cut hides.
            const kept = new Set<Entry>()
            for (const entry of history.log.toReversed())
              if ((!forks.has(entry.tag) && !roster.isBeyondCut(entry)) || kept.has(entry)) {
                kept.add(entry)
                for (const parent of entry.parents) kept.add(parent)
              }
            expect(new Set(history.log.filter((entry) => forks.isKept(entry)))).toEqual(kept)
            const isShown = (entry: Entry) => kept.has(entry) && !roster.isBeyondCut(entry)
            expect(visible(history)).toEqual(history.log.filter(isShown))
            expect(forks.hiddenCount).toBe(history.log.length - visible(history).length)
            // Nobody's head is anything that does not stand.
            for (const head of history.heads.values()) expect(forks.stands(head)).toBe(true)
            // A restart changes nothing.
            const again = new Engine({ ...crypto, group, self: person.tag, sign: person.sign })
            for (const { id } of history.log) expect(again.restore(archive.get(id)!)).toHaveProperty('event')
            for (const [one, other] of person.proofs.values()) again.restoreProof(one, other)
            expect(again.history.digest(crypto.sha256)).toEqual(history.digest(crypto.sha256))
            expect(again.roster.digest()).toEqual(roster.digest())
            expect(visible(again.history).map(({ id }) => id)).toEqual(visible(history).map(({ id }) => id))
          }
          // Somebody new sees what the others see.
          const newcomer = { ...mallory, ...makeNewcomer(group, control, archive) }
          syncAll([alice, newcomer], archive)
          expect(shown(newcomer)).toEqual(shown(alice))
          expect(newcomer.engine.roster.digest()).toEqual(alice.engine.roster.digest())
        },
      ),
      { numRuns: 100 },
    )
  })
})
