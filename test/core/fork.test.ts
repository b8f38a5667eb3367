import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EventId } from '../../src-main/api/contract.ts'
import { certify } from '../../src-main/core/control/bodies.ts'
import { Engine } from '../../src-main/core/engine.ts'
import {
  chainOf,
  commitTo,
  encodeEvent,
  KIND,
  type Chain,
  type Event,
  type EventFields,
} from '../../src-main/core/event.ts'
import type { Entry, History } from '../../src-main/core/history.ts'
import { MAX_HIDDEN_PER_DEVICE } from '../../src-main/core/limits.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { joinBody } from '../../scripts/sim/gathering.ts'
import {
  hexDigest,
  ids,
  LATER_MS,
  makeForkingWorld,
  makeNewcomer,
  shown,
  sync,
  syncAll,
  visible,
  type Device,
} from '../helpers/forking.ts'
import { reasons, START_MS } from '../helpers/people.ts'

function four() {
  const { people, twinsOf, ...world } = makeForkingWorld()
  const [alice, mallory, , carol, bob] = people as [Device, Device, Device, Device, Device]
  return { ...world, alice, bob, carol, mallory, twin: twinsOf('mallory')[0]! }
}

describe('a fork', () => {
  test('is proved by two events of one place, and tells nothing against anybody else', () => {
    //  mallory  ┬─ m1
    //           └─ m1'
    const { alice, mallory, twin, bob } = four()
    const [one, other] = [mallory.say('yes'), twin.say('no')]
    alice.hear(one)
    const [effect] = alice.hear(other)
    expect(effect).toMatchObject({ type: 'fork', tag: mallory.tag, hidden: [{ id: one.id }] })
    expect(alice.engine.history.forks.tags).toEqual([mallory.tag])
    expect(shown(alice)).toEqual([])
    expect(bob.hear(other, one).filter(({ type }) => type === 'fork')).toHaveLength(1)
    expect(hexDigest(bob)).toBe(hexDigest(alice))
  })

  test('is proved by events whose past is missing', () => {
    //  mallory  m1 ── m2 ┬─ m3        alice hears m3 and m3' only
    //                    └─ m3'
    const { alice, mallory, twin } = four()
    twin.hear(mallory.say('1'), mallory.say('2'))
    const effects = alice.hear(mallory.say('3'), twin.say('three'))
    expect(effects.map(({ type }) => type)).toEqual(['wait', 'fork', 'wait'])
  })

  test('is proved in the future as well', () => {
    const { alice, mallory, twin } = four()
    const nowMs = LATER_MS + 100 * 24 * 3_600_000
    const effects = alice.hear(mallory.say('1', { nowMs }), twin.say('one', { nowMs }))
    expect(effects.map(({ type }) => type)).toContain('fork')
  })

  test('is proved by events that cannot be delivered', () => {
    //  mallory  m1 ┬─ m2       commits to another m1
    //              └─ m2'      is not dated later than m1
    const { alice, bob, mallory, group, archive } = four()
    const m1 = mallory.say('1')
    const forge = (change: Partial<EventFields>) =>
      encodeEvent({ ...mallory.say('2'), seq: 2, ...change }, group, crypto.sha256, mallory.sign)
    const commit = commitTo(m1.id, [], undefined, crypto.sha256)
    const [m2, m2b] = [
      forge({ commit: new Uint8Array(16), controlHeads: undefined }),
      forge({ commit, hlc: m1.hlc, controlHeads: undefined }),
    ]
    // Bob hears them before their past, so both wait.
    expect(bob.hear(m2, m2b).map(({ type }) => type)).toEqual(['wait', 'fork', 'wait'])
    bob.hear(m1)
    alice.hear(m1)
    for (const [one, other] of [
      [m2, m2b],
      [m2b, m2],
    ] as const) {
      const carol = { ...four().carol }
      expect(reasons(carol.hear(m1, one))).toHaveLength(1)
      expect(carol.hear(other)).toMatchObject([
        { type: 'fork', tag: mallory.tag, hidden: [{ id: m1.id }] },
        { type: 'refuse', reason: 'forked-device' },
      ])
    }
    sync(bob, alice, archive)
    expect(alice.engine.history.forks.tags).toEqual([mallory.tag])
    syncAll([alice, bob], archive)
  })

  test('two signatures of one event are none', () => {
    const { alice, mallory } = four()
    const event = mallory.say('1')
    alice.hear(event)
    expect(alice.hear(event)).toEqual([{ type: 'duplicate', id: event.id }])
  })

  test('a message and a membership event of one number are none', () => {
    const { alice, mallory, control } = four()
    const first = mallory.say('1')
    expect(first.seq).toBe(control.find(({ tag }) => tag === mallory.tag)!.seq)
    expect(alice.hear(first).map(({ type }) => type)).toEqual(['deliver'])
  })

  test('each branch stays, as far as somebody cited it before knowing of the other', () => {
    //  mallory  m1 ┬─ m2 ─── m3           shown: m1 m2 m2' a1 b1, hidden: m3 m3'
    //              └─ m2'─── m3'
    //  alice          └── a1
    //  bob            └─────── b1 (m2')
    const { alice, bob, carol, mallory, twin, archive } = four()
    const m1 = mallory.say('1')
    twin.hear(m1)
    const [m2, m2b] = [mallory.say('2'), twin.say('two', { nowMs: START_MS + 1_001 })]
    alice.hear(m1, m2)
    bob.hear(m1, m2b)
    const a1 = alice.say('to 2', { nowMs: START_MS + 1_002 })
    const b1 = bob.say('to two', { nowMs: START_MS + 1_003 })
    const [m3, m3b] = [mallory.say('3'), twin.say('three')]
    alice.hear(m3)
    bob.hear(m3b)
    expect(a1.deps).toEqual(b1.deps)
    syncAll([alice, bob, carol], archive)
    for (const person of [alice, bob, carol]) {
      expect(shown(person)).toEqual(ids(m1, m2, m2b, a1, b1))
      expect(person.engine.pending()).toEqual([])
      const { history, clocks } = person.engine
      const [two, twoB, toTwo, toTwoB] = [m2, m2b, a1, b1].map(({ id }) => history.get(id)!) as Entry[]
      expect(clocks.happensBefore(two!, toTwo!)).toBe(true)
      expect(clocks.happensBefore(two!, toTwoB!)).toBe(false)
      expect(clocks.happensBefore(twoB!, toTwoB!)).toBe(true)
      expect(clocks.concurrent(two!, twoB!)).toBe(true)
    }
  })

  test('nobody who knows cites the device again', () => {
    const { alice, mallory, twin, bob } = four()
    alice.hear(mallory.say('yes'), twin.say('no'), bob.say('hm'), mallory.say('well'))
    expect(alice.say('so').deps).toEqual([{ tag: bob.tag, seq: 1 }])
  })

  //  b1 ── m1      m1 and m1' stand in one place: alice cites neither, and must not forget b1
  //        m1'
  test('what only the device had cited is cited instead', () => {
    const { alice, mallory, twin, bob, carol } = four()
    const b1 = bob.say('hm')
    mallory.hear(b1)
    const [one, other] = [mallory.say('hm indeed'), twin.say('no')]
    alice.hear(b1, one, other)
    carol.hear(b1, other, one)
    for (const { tag, say } of [alice, carol])
      expect({ tag, deps: say('so', { covers: b1.id }).deps }).toEqual({
        tag,
        deps: [{ tag: bob.tag, seq: 1 }],
      })
  })

  test('what somebody cites who did not know yet, covers what the device had cited', () => {
    const { alice, mallory, twin, bob, carol } = four()
    const b1 = bob.say('hm')
    mallory.hear(b1)
    const one = mallory.say('hm indeed')
    carol.hear(b1, one)
    alice.hear(b1, one, twin.say('no'), carol.say('indeed'))
    expect(alice.say('so').deps).toEqual([{ tag: carol.tag, seq: 1 }])
  })

  test('an answer brings back what it answers, once it arrives', () => {
    //  mallory  ┬─ m1             carol knows of the fork, and then hears that alice had answered m1
    //           └─ m1'
    //  alice       └── a1
    const { alice, carol, mallory, twin } = four()
    const [one, other] = [mallory.say('yes'), twin.say('no')]
    alice.hear(one)
    const answer = alice.say('good')
    carol.hear(one, other)
    expect(shown(carol)).toEqual([])
    expect(carol.hear(answer)).toMatchObject([
      { type: 'deliver' },
      { type: 'show', entries: [{ id: one.id }] },
    ])
    expect(shown(carol)).toEqual(ids(one, answer))
  })

  test('what only forked devices acknowledge is hidden', () => {
    //  mallory  ┬─ m1           carol forks as well: her answer acknowledges nothing any more
    //  twin     └─ m1'
    //  carol       └─ c1 | c1'
    const { people, twinsOf } = makeForkingWorld()
    const [alice, mallory, , carol] = people as [Device, Device, Device, Device]
    const [one, other] = [mallory.say('yes'), twinsOf('mallory')[0]!.say('no')]
    carol.hear(one)
    const answer = carol.say('good')
    alice.hear(one, other, answer)
    expect(shown(alice)).toEqual(ids(one, answer))
    const [effect] = alice.hear(twinsOf('carol')[0]!.say('bad'))
    expect(effect).toMatchObject({ type: 'fork', hidden: [{ id: one.id }, { id: answer.id }] })
    expect(shown(alice)).toEqual([])
  })

  test('in the membership chain counts as well, and all see the same person', () => {
    const { group, alice, bob, mallory, control, gathering } = four()
    const join = control.find(({ tag }) => tag === mallory.tag)!
    // With the same device, and the same invite, as somebody else.
    const somebody = crypto.keyPair(crypto.sha256(Uint8Array.of(1)))
    const credentials = certify(mallory.key.publicKey, somebody, crypto.sign)
    const door = { ...gathering.door(), heads: join.controlHeads! }
    const body = joinBody(credentials, door, crypto)
    const again = encodeEvent({ ...join, body }, group, crypto.sha256, mallory.sign)
    const cites = alice.say('hello all')
    bob.hear(cites)
    const members = [...alice.engine.roster.members]
    for (const person of [alice, bob]) {
      expect(person.hear(again).map(({ type }) => type)).toEqual(['fork', 'deliver', 'members'])
      expect(person.engine.history.forks.tags).toEqual([mallory.tag])
      expect([...person.engine.roster.members]).toEqual(members)
      expect(person.engine.roster.device(mallory.tag)!.user).toBe(mallory.user)
    }
    expect(bob.engine.roster.digest()).toEqual(alice.engine.roster.digest())
  })
})

describe('sync', () => {
  test('finds a fork that both sides know one half of', () => {
    //  mallory  m1 ┬─ m2 ── m3     alice has the upper branch, bob the lower, which is longer
    //              └─ m2'── m3'── m4'
    const { alice, bob, mallory, twin, archive } = four()
    const m1 = mallory.say('1')
    twin.hear(m1)
    alice.hear(m1, mallory.say('2'), mallory.say('3'))
    bob.hear(m1, twin.say('two'), twin.say('three'), twin.say('four'))
    sync(alice, bob, archive)
    expect(alice.engine.history.forks.tags).toEqual([mallory.tag])
    syncAll([alice, bob], archive)
    expect(bob.engine.history.forks.tags).toEqual([mallory.tag])
  })

  test('hands the proof to those who have heard nothing of the device', () => {
    const { alice, bob, carol, mallory, twin, archive } = four()
    alice.hear(mallory.say('1'), twin.say('one'))
    sync(alice, bob, archive)
    sync(carol, bob, archive)
    expect(carol.engine.history.forks.tags).toEqual([mallory.tag])
  })

  test('does not hand on what is hidden, beyond the proof', () => {
    const { alice, bob, mallory, twin, archive } = four()
    alice.hear(mallory.say('1'), twin.say('one'), mallory.say('2'), mallory.say('3'))
    sync(alice, bob, archive)
    expect(bob.heard().length).toBeLessThanOrEqual(2)
    expect(alice.heard()).toHaveLength(4)
  })
})

describe('what a forking device costs', () => {
  test('hidden events are bounded, until somebody depends on more', () => {
    //  mallory  ┬─ m1 ── … ── m50      alice takes some of it; bob had heard m50, and answered
    //           └─ m1'
    //  bob                     └── b1
    const { alice, bob, mallory, twin, archive } = four()
    alice.hear(twin.say('one'))
    const said = Array.from({ length: MAX_HIDDEN_PER_DEVICE + 20 }, (_, i) => mallory.say(`${i}`))
    const refused = reasons(alice.hear(...said))
    expect(new Set(refused)).toEqual(new Set(['forked-device']))
    expect(alice.engine.history.forks.hiddenCount).toBe(MAX_HIDDEN_PER_DEVICE)
    bob.hear(...said)
    const answer = bob.say('all of it')
    syncAll([alice, bob], archive)
    expect(shown(alice)).toEqual(ids(...said, answer))
    expect(alice.engine.history.forks.hiddenCount).toBe(1)
  })
})

/** Events that stand and that nothing standing cites, be it through events that do not stand. */
function headsOf({ log, forks }: History, chain: Chain): Set<Entry> {
  const entries = log.filter(({ kind }) => chainOf(kind) === chain)
  const covered = new Set<Entry>()
  const cover = (entry: Entry) => {
    for (const parent of entry.parents) {
      if (chainOf(parent.kind) !== chain || covered.has(parent)) continue
      covered.add(parent)
      if (!forks.stands(parent)) cover(parent)
    }
  }
  for (const entry of entries) if (forks.stands(entry)) cover(entry)
  return new Set(entries.filter((entry) => forks.stands(entry) && !covered.has(entry)))
}

describe('laws', () => {
  test('whatever forks, and whatever came first, all devices show the same and nothing honest is lost', () => {
    fc.assert(
      fc.property(
        fc.infiniteStream(fc.nat()),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 5, max: 40 }),
        (numbers, twins, steps) => {
          const next = (limit: number) => (numbers.next().value as number) % limit
          const { people, twinsOf, archive, group, control } = makeForkingWorld(twins)
          const [alice, mallory, , carol, bob] = people as [Device, Device, Device, Device, Device]
          const honest = [alice, carol, bob]
          const all = [...people, ...twinsOf('mallory'), ...(next(2) ? twinsOf('mike') : [])]
          const said: { event: Event; isHonest: boolean }[] = []
          for (let i = 0; i < steps; i++) {
            const person = all[next(all.length)]!
            const isHonest = honest.includes(person)
            // Mostly all of somebody's words in order, so that branches grow long; sometimes any single event.
            if (said.length > 0)
              for (let heard = next(4); heard > 0; heard--) {
                const from = next(said.length)
                const { event } = said[from]!
                if (next(3) === 0) person.hear(event)
                else
                  person.hear(
                    ...said
                      .slice(0, from + 1)
                      .map((one) => one.event)
                      .filter((one) => one.tag === event.tag || next(2)),
                  )
              }
            if (isHonest && next(4) === 0) sync(person, honest[next(3)]!, archive)
            const knew = person.engine.history.forks.tags
            const event = person.say(`${i} ${next(1000)}`, { nowMs: START_MS + 1_000 + 10 * i + next(50) })
            if (isHonest) expect(event.deps.filter(({ tag }) => knew.includes(tag))).toEqual([])
            said.push({ event, isHonest })
          }
          syncAll(honest, archive)

          const words = said.filter(({ isHonest }) => isHonest).map(({ event }) => event.id)
          for (const person of honest) {
            const { history, roster } = person.engine
            expect(words.filter((id) => !history.get(id))).toEqual([])
            expect(shown(person)).toEqual(shown(honest[0]!))
            expect(history.forks.tags).toEqual(honest[0]!.engine.history.forks.tags)
            expect(roster.digest()).toEqual(honest[0]!.engine.roster.digest())
            // A linear extension of happens-before, of which nothing visible lacks its past.
            for (const entry of history.log)
              for (const parent of entry.parents) {
                expect(history.nOf(parent)).toBeLessThan(history.nOf(entry))
                if (history.forks.isVisible(entry)) expect(history.forks.isVisible(parent)).toBe(true)
              }
            // Visible is what the rule says: the past of everything by devices that did not fork.
            const past = new Set<Entry>()
            for (const entry of history.log.toReversed())
              if (!history.forks.has(entry.tag) || past.has(entry)) {
                past.add(entry)
                for (const parent of entry.parents) past.add(parent)
              }
            expect(new Set(visible(history))).toEqual(past)
            expect(history.forks.hiddenCount).toBe(history.log.length - past.size)
            for (const chain of ['m', 'c'] as const) {
              const heads = chain === 'm' ? history.heads : history.controlHeads
              expect(new Set(heads.values())).toEqual(headsOf(history, chain))
            }
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
          syncAll([honest[0]!, newcomer], archive)
          expect(shown(newcomer)).toEqual(shown(honest[0]!))
        },
      ),
      { numRuns: 60 },
    )
  })

  test('happensBefore agrees with a search of the graph where devices forked', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), (numbers) => {
        const next = (limit: number) => (numbers.next().value as number) % limit
        const { people, twinsOf, archive } = makeForkingWorld(2)
        const all = [...people, ...twinsOf('mallory')]
        const said: Event[] = []
        for (let i = 0; i < 40; i++) {
          const person = all[next(all.length)]!
          person.hear(...said.slice(0, next(said.length + 1)))
          said.push(person.say(`${i}`))
        }
        const [reader, , , carol, bob] = people as [Device, Device, Device, Device, Device]
        syncAll([reader, carol, bob], archive)
        const { history, clocks } = reader.engine
        const pasts = new Map<EventId, Set<EventId>>()
        for (const entry of history.log) {
          const past = new Set<EventId>()
          for (const parent of entry.parents)
            for (const id of [parent.id, ...pasts.get(parent.id)!]) past.add(id)
          pasts.set(entry.id, past)
        }
        const messages = history.log.filter(({ kind }) => kind === KIND.message)
        for (const a of messages)
          for (const b of messages) expect(clocks.happensBefore(a, b)).toBe(pasts.get(b.id)!.has(a.id))
      }),
      { numRuns: 15 },
    )
  })
})
