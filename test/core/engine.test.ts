import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  commitTo,
  deviceTag,
  encodeEvent,
  KIND,
  type Event,
  type EventFields,
} from '../../src-main/core/event.ts'
import { hlcAt } from '../../src-main/core/hlc.ts'
import {
  GAP_ASK_ALL_AFTER_MS,
  GAP_ASK_MORE_AFTER_MS,
  GAP_ASK_SOURCE_AFTER_MS,
  MAX_DEPS,
  MAX_FUTURE_MS,
  MAX_HELD_PER_DEVICE,
  MAX_PENDING_AGE_MS,
  MAX_PENDING_PER_DEVICE,
  MAX_PENDING_PER_GROUP,
} from '../../src-main/core/limits.ts'
import { timelineKey } from '../../src-main/core/timeline.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { credentialsOf, joinBody } from '../../scripts/sim/gathering.ts'
import { at, makePerson, makeWorld, reasons, START_MS, type Person } from '../helpers/people.ts'

function three() {
  const world = makeWorld(['alice', 'bob', 'carol'])
  const [alice, bob, carol] = world.people as [Person, Person, Person]
  return { world, alice, bob, carol }
}

/** An event of a hostile member: the fields of an honest one, changed and signed again. */
function forge(group: string, author: Person, honest: Event, change: Partial<EventFields>): Event {
  return encodeEvent({ ...honest, ...change }, group, crypto.sha256, author.sign)
}

describe('delivery', () => {
  test('an event waits until its dependencies arrive', () => {
    //  alice  q
    //          \
    //  bob      r      carol hears r first
    const { alice, bob, carol } = three()
    const question = alice.say('pizza?')
    bob.hear(question)
    const answer = bob.say('yes')
    expect(carol.hear(answer).map(({ type }) => type)).toEqual(['wait'])
    expect(carol.heard()).toEqual([])
    expect(carol.engine.gaps()).toEqual([{ tag: alice.tag, count: 1 }])
    carol.hear(question)
    expect(carol.heard()).toEqual([question.id, answer.id])
    expect(carol.engine.pending()).toEqual([])
  })

  test('what is missing is counted without what is here and waits', () => {
    //  alice  a1 ─ a2 ─ a3 ─ a4 ─ a5       bob hears a2 and a4, and b1 of carol's, which cites a5
    const { alice, bob, carol } = three()
    const said = ['1', '2', '3', '4', '5'].map((text) => alice.say(text))
    carol.hear(...said)
    bob.hear(said[3]!)
    expect(bob.engine.gaps()).toEqual([{ tag: alice.tag, count: 3 }])
    bob.hear(said[1]!)
    expect(bob.engine.gaps()).toEqual([{ tag: alice.tag, count: 2 }])
    bob.hear(carol.say('so'))
    expect(bob.engine.gaps()).toEqual([{ tag: alice.tag, count: 3 }])
  })

  test('events of one device are delivered in its order', () => {
    const { alice, bob } = three()
    const said = ['1', '2', '3', '4'].map((text) => alice.say(text))
    bob.hear(...said.toReversed())
    expect(bob.heard()).toEqual(said.map(({ id }) => id))
  })

  test('a duplicate changes nothing', () => {
    const { alice, bob } = three()
    const hello = alice.say('hello')
    bob.hear(hello)
    expect(bob.hear(hello)).toEqual([{ type: 'duplicate', id: hello.id }])
    expect(bob.heard()).toEqual([hello.id])
  })

  test('an event cites only the tips that its author has not yet covered', () => {
    //  alice  a1 ──────── a3?      bob heard a1; alice hears b1, b2: she cites b2 only
    //  bob      └ b1 ─ b2
    const { alice, bob } = three()
    bob.hear(alice.say('a1'))
    const [b1, b2] = [bob.say('b1'), bob.say('b2')]
    alice.hear(b1, b2)
    expect(alice.say('a2').deps).toEqual([{ tag: bob.tag, seq: 2 }])
    expect(alice.say('a3').deps).toEqual([])
  })

  test('with more tips than an event can cite, the one that covers what it answers is among them', () => {
    const names = Array.from({ length: MAX_DEPS + 4 }, (_, i) => `p${i}`)
    const { people } = makeWorld(names)
    const [reader, ...writers] = people as [Person, ...Person[]]
    const said = writers.map((writer, i) => writer.say('tip', { nowMs: START_MS + 1_000 + i }))
    reader.hear(...said)
    const newest = said.at(-1)!
    const answer = reader.say('answer', { covers: newest.id })
    expect(answer.deps).toHaveLength(MAX_DEPS)
    expect(answer.deps).toContainEqual({ tag: newest.tag, seq: 1 })
    const next = reader.say('the rest')
    expect(next.deps).toHaveLength(writers.length - MAX_DEPS)
  })

  test('every arrival order gives the same set, a causal order and the same timeline', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), fc.integer({ min: 5, max: 30 }), (numbers, steps) => {
        const next = (limit: number) => (numbers.next().value as number) % limit
        const { people } = makeWorld(['alice', 'bob', 'carol'])
        const all: Event[] = []
        for (let i = 0; i < steps; i++) {
          const person = people[next(3)]!
          if (all.length > 0 && next(2)) person.hear(all[next(all.length)]!)
          // Clocks are skewed by up to an hour in either direction.
          const skewMs = (next(3) - 1) * 30_000
          all.push(person.say(`${i}`, { nowMs: START_MS + 10_000 * i + skewMs }))
        }
        for (const person of people) {
          const left = all.slice()
          while (left.length > 0)
            person.engine.step({
              type: 'receive',
              bytes: left.splice(next(left.length), 1)[0]!.bytes,
              from: 'x',
              ...at(START_MS + 1e7),
            })
        }
        // What was dated ahead of a receiver's clock is due by now.
        for (const { engine } of people) engine.step({ type: 'tick', ...at(START_MS + 1e7) })
        const timelines = people.map(({ engine }) =>
          engine.history.log
            .slice()
            .sort((a, b) => (timelineKey(a) < timelineKey(b) ? -1 : 1))
            .map(({ id }) => id),
        )
        for (const person of people) {
          expect(person.heard()).toHaveLength(steps)
          const { history } = person.engine
          for (const entry of history.log)
            for (const parent of entry.parents) {
              expect(history.nOf(parent)).toBeLessThan(history.nOf(entry))
              expect(timelineKey(parent) < timelineKey(entry)).toBe(true)
            }
        }
        expect(timelines[1]).toEqual(timelines[0])
        expect(timelines[2]).toEqual(timelines[0])
        expect(people[1]!.engine.history.digest(crypto.sha256)).toEqual(
          people[0]!.engine.history.digest(crypto.sha256),
        )
      }),
      { numRuns: 60 },
    )
  })
})

describe('clocks', () => {
  test('happensBefore, concurrent and compare agree with a search of the graph', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), (numbers) => {
        const next = (limit: number) => (numbers.next().value as number) % limit
        const { people } = makeWorld(['alice', 'bob', 'carol'])
        const all: Event[] = []
        for (let i = 0; i < 40; i++) {
          const person = people[next(3)]!
          person.hear(...all.slice(0, next(all.length + 1)))
          all.push(person.say(`${i}`))
        }
        const [reader] = people as [Person]
        reader.hear(...all)
        const { history, clocks } = reader.engine
        const pasts = new Map<string, Set<string>>()
        for (const entry of history.log) {
          const past = new Set<string>()
          for (const parent of entry.parents)
            for (const id of pasts.get(parent.id)!.add(parent.id)) past.add(id)
          pasts.set(entry.id, past)
        }
        const messages = history.log.filter(({ kind }) => kind === KIND.message)
        for (const a of messages)
          for (const b of messages) {
            const before = pasts.get(b.id)!.has(a.id) && a !== b
            const after = pasts.get(a.id)!.has(b.id) && a !== b
            expect(clocks.happensBefore(a, b)).toBe(before)
            expect(clocks.compare(a, b)).toBe(
              a === b ? 'equal' : before ? 'before' : after ? 'after' : 'concurrent',
            )
          }
      }),
      { numRuns: 15 },
    )
  })
})

describe('bad input', () => {
  test('a wrong signature is refused and changes nothing', () => {
    const { world, alice, bob, carol } = three()
    const honest = alice.say('mine')
    const stolen = forge(world.group, carol, honest, {})
    expect(reasons(bob.hear(stolen))).toEqual(['bad-signature'])
    expect(bob.heard()).toEqual([])
    expect(reasons(bob.hear(honest))).toEqual([])
  })

  test('an event of another group is refused', () => {
    const { bob } = three()
    const other = makeWorld(['alice', 'bob'])
    const foreign = forge('22'.repeat(32), other.people[0]!, other.people[0]!.say('x'), {})
    expect(reasons(bob.hear(foreign))).toEqual(['bad-signature'])
  })

  test('a commitment to another past is refused, by everyone', () => {
    const { world, alice, bob, carol } = three()
    bob.hear(alice.say('a1'))
    const honest = bob.say('b1')
    const lie = forge(world.group, bob, honest, { commit: new Uint8Array(16) })
    expect(reasons(alice.hear(lie))).toEqual(['commit-mismatch'])
    expect(reasons(carol.hear(alice.engine && lie))).toEqual([])
    expect(carol.engine.pending()).toHaveLength(1)
  })

  test('a clock that does not grow along a dependency is refused', () => {
    const { world, alice, bob } = three()
    const first = alice.say('a1')
    const second = alice.say('a2')
    bob.hear(first)
    expect(reasons(bob.hear(forge(world.group, alice, second, { hlc: first.hlc })))).toEqual([
      'clock-not-growing',
    ])
  })

  test('an event dated too far ahead waits until it is due', () => {
    const { alice, bob } = three()
    const early = alice.say('from the future', { nowMs: START_MS + 10 * MAX_FUTURE_MS })
    expect(reasons(bob.hear(early))).toEqual(['too-far-ahead'])
    expect(bob.heard()).toEqual([])
    bob.engine.step({ type: 'tick', ...at(START_MS + 9 * MAX_FUTURE_MS) })
    expect(bob.heard()).toEqual([early.id])
  })

  test('an event of an unknown device is held until its entrance arrives', () => {
    const world = makeWorld(['alice', 'bob'], { alone: true })
    const [alice, bob] = world.people as [Person, Person]
    const hello = bob.say('hello')
    expect(reasons(alice.hear(hello))).toEqual(['unknown-device'])
    alice.hear(...world.control)
    expect(alice.heard()).toEqual([hello.id])
  })

  test('an entrance without the proof of an invite is refused', () => {
    const { world, alice } = three()
    const [mallory] = makeWorld(['mallory', 'mike']).people as [Person]
    const { group, gathering } = world
    const door = gathering.door()
    const controlHeads = [...door.heads]
    /** Somebody's entrance, with some of it as given. */
    const entrance = (seed: number, change: Partial<typeof door>) => {
      const key = crypto.keyPair(crypto.sha256(Uint8Array.of(seed)))
      const fields: EventFields = {
        kind: KIND.join,
        tag: deviceTag(key.publicKey, crypto.sha256),
        seq: 1,
        hlc: hlcAt(START_MS + 10),
        deps: [],
        commit: commitTo(undefined, [], controlHeads, crypto.sha256),
        controlHeads,
        body: joinBody(credentialsOf(key, crypto), { ...door, ...change }, crypto),
      }
      return encodeEvent(fields, group, crypto.sha256, (id) => crypto.sign(id, key.secretKey))
    }
    const changes: Partial<typeof door>[] = [
      { group: mallory.engine.history.log[0]!.id },
      { invite: group },
      { inviteKey: mallory.key },
      // Of somebody who is no member, and of a member who had seen something else.
      { voucher: mallory.key },
      { heads: [group] },
    ]
    for (const [i, change] of changes.entries()) {
      expect(reasons(alice.hear(entrance(i, change)))).toEqual(['bad-membership-proof'])
      expect(alice.engine.roster.members.size).toBe(3)
    }
    expect(alice.hear(entrance(changes.length, {})).map(({ type }) => type)).toEqual(['deliver'])
    expect(alice.engine.roster.members.size).toBe(4)
  })

  test('a message that cites a message as control head is refused', () => {
    const { world, alice, bob } = three()
    const first = alice.say('a1')
    bob.hear(first)
    const honest = bob.say('b1')
    const controlHeads = [first.id]
    const ids = [first.id]
    const lie = forge(world.group, bob, honest, {
      controlHeads,
      commit: commitTo(undefined, ids, controlHeads, crypto.sha256),
    })
    expect(reasons(alice.hear(lie))).toEqual(['bad-control-head'])
  })
})

describe('time', () => {
  /** What becomes of an event whose past never comes, in the order in which it happens. */
  function waitInVain(clockAt: (afterMs: number) => number) {
    const { alice, bob } = three()
    alice.say('lost')
    const { bytes } = alice.say('heard')
    const moment = (afterMs: number) => ({ nowMs: START_MS + clockAt(afterMs), atMs: afterMs })
    bob.engine.step({ type: 'receive', bytes, from: 'neighbour', ...moment(0) })
    const happened: [afterMs: number, what: string][] = []
    for (let afterMs = 0; afterMs <= MAX_PENDING_AGE_MS + 1_000; afterMs += 100)
      for (const effect of bob.engine.step({ type: 'tick', ...moment(afterMs) }))
        happened.push([
          afterMs,
          effect.type === 'ask' ? effect.width : effect.type === 'refuse' ? effect.reason : effect.type,
        ])
    expect(bob.engine.pending()).toEqual([])
    return happened
  }

  test('nothing is asked or dropped earlier or later because the reference clock jumps', () => {
    const calm = waitInVain((afterMs) => 2_000 + afterMs)
    expect(calm.slice(0, 3)).toEqual([
      [GAP_ASK_SOURCE_AFTER_MS, 'source'],
      [GAP_ASK_MORE_AFTER_MS, 'more'],
      [GAP_ASK_ALL_AFTER_MS, 'all'],
    ])
    expect(calm.at(-1)).toEqual([MAX_PENDING_AGE_MS + 100, 'expired'])
    const hourMs = 3_600_000
    expect(waitInVain((afterMs) => 2_000 + (afterMs > 100 ? 5 * hourMs : 0))).toEqual(calm)
    expect(waitInVain((afterMs) => 2_000 - (afterMs > 100 ? 5 * hourMs : 0))).toEqual(calm)
    expect(waitInVain((afterMs) => 2_000 + hourMs * Math.sin(afterMs))).toEqual(calm)
  })
})

describe('limits', () => {
  test('of one device, the events nearest to what is delivered are kept', () => {
    const { alice, bob } = three()
    const said = Array.from({ length: MAX_PENDING_PER_DEVICE + 10 }, (_, i) => alice.say(`${i}`))
    bob.hear(...said.slice(1).toReversed())
    const kept = bob.engine.pending().map(({ event }) => event.seq)
    expect(kept).toHaveLength(MAX_PENDING_PER_DEVICE)
    expect(Math.max(...kept)).toBe(MAX_PENDING_PER_DEVICE + 1)
    bob.hear(said[0]!)
    expect(bob.heard()).toHaveLength(MAX_PENDING_PER_DEVICE + 1)
  })

  test('a full buffer delays nothing that comes in order, and nobody who has little waiting', () => {
    //  mallory and her many devices plant what never can be delivered; alice is honest
    const devices = MAX_PENDING_PER_GROUP / MAX_PENDING_PER_DEVICE
    const names = Array.from({ length: devices }, (_, i) => `mallory ${i}`)
    const { group, people } = makeWorld(['alice', 'bob', ...names])
    const [alice, bob, ...mallories] = people as [Person, Person, ...Person[]]
    const take = ({ bytes }: Event, from: string) =>
      bob.engine.step({ type: 'receive', bytes, from, ...at(START_MS + 2_000) })
    for (const [i, mallory] of mallories.entries()) {
      const model = mallory.say('poison')
      for (let seq = 2; seq < 2 + MAX_PENDING_PER_DEVICE; seq++)
        take(forge(group, mallory, model, { seq }), `neighbour ${i % 8}`)
    }
    expect(bob.engine.pending()).toHaveLength(MAX_PENDING_PER_GROUP)
    const said = Array.from({ length: 100 }, (_, i) => alice.say(`${i}`))
    for (const event of said.slice(0, 50))
      expect(take(event, 'sync').map(({ type }) => type)).toEqual(['deliver'])
    // Gossip brings the rest the wrong way round.
    for (const event of said.slice(51).toReversed())
      expect(take(event, 'neighbour 3').filter(({ type }) => type === 'wait')).toHaveLength(1)
    expect(bob.engine.pending()).toHaveLength(MAX_PENDING_PER_GROUP)
    expect(reasons(take(said[50]!, 'neighbour 3'))).toEqual([])
    expect(bob.heard()).toEqual(said.map(({ id }) => id))
  })

  test('what waited too long is dropped and can come again', () => {
    const { alice, bob } = three()
    const [first, second] = [alice.say('1'), alice.say('2')]
    bob.hear(second)
    const effects = bob.engine.step({ type: 'tick', ...at(START_MS + 3_000 + MAX_PENDING_AGE_MS) })
    expect(reasons(effects)).toEqual(['expired'])
    bob.hear(first, second)
    expect(bob.heard()).toEqual([first.id, second.id])
  })

  test('a stranger cannot make a peer hold more than its share', () => {
    const world = makeWorld(['alice', 'bob'], { alone: true })
    const [alice, bob] = world.people as [Person, Person]
    const said = Array.from({ length: MAX_HELD_PER_DEVICE + 5 }, (_, i) => bob.say(`${i}`))
    alice.hear(...said)
    alice.hear(...world.control)
    expect(alice.heard()).toHaveLength(MAX_HELD_PER_DEVICE)
  })

  test('a gap is asked for with growing width', () => {
    const { alice, bob } = three()
    alice.say('lost')
    bob.hear(alice.say('heard'))
    const ask = (afterMs: number) =>
      bob.engine
        .step({ type: 'tick', ...at(START_MS + 2_000 + afterMs) })
        .map((effect) => effect.type === 'ask' && effect.width)
    expect([100, 500, 600, 2_100, 3_000, 10_000, 19_000, 20_000, 40_000].map(ask)).toEqual([
      [],
      ['source'],
      [],
      ['more'],
      [],
      ['all'],
      [],
      ['again'],
      ['again'],
    ])
  })

  test('what can never be delivered is asked for less and less often, and delays no other question', () => {
    const { world, alice, bob, carol } = three()
    const poison = forge(world.group, alice, alice.say('1'), { seq: 1_000 })
    bob.hear(poison)
    const asked: number[] = []
    for (let afterMs = 0; afterMs < MAX_PENDING_AGE_MS; afterMs += 200) {
      if (afterMs === 100_000) {
        carol.say('lost')
        const from = 'carol’s neighbour'
        bob.engine.step({
          type: 'receive',
          bytes: carol.say('heard').bytes,
          from,
          ...at(START_MS + 2_000 + afterMs),
        })
      }
      const effects = bob.engine.step({ type: 'tick', ...at(START_MS + 2_000 + afterMs) })
      for (const effect of effects) if (effect.type === 'ask') asked.push(afterMs)
    }
    const first = [200, 1_000, 10_000, 20_000, 40_000, 80_000]
    expect(asked).toEqual([
      ...first,
      100_200,
      101_000,
      110_000,
      120_000,
      140_000,
      160_000,
      ...asked.slice(12),
    ])
    expect(asked.length).toBeLessThan(20)
  })
})

describe('a log that is read back', () => {
  test('restores the same engine, and the next own event continues the chain', () => {
    const { world, alice, bob } = three()
    const logged: Uint8Array[] = world.control.map(({ bytes }) => bytes)
    const a1 = alice.say('a1')
    bob.hear(a1)
    const b1 = bob.say('b1')
    logged.push(a1.bytes, b1.bytes)
    const again = makeWorld(['alice', 'bob', 'carol'], { alone: true }).people[1]!
    const fresh = new (again.engine.constructor as typeof import('../../src-main/core/engine.ts').Engine)({
      group: world.group,
      self: bob.tag,
      sha256: crypto.sha256,
      verify: crypto.verify,
      sign: bob.sign,
    })
    for (const bytes of logged) expect('event' in fresh.restore(bytes)).toBe(true)
    expect(fresh.history.digest(crypto.sha256)).toEqual(bob.engine.history.digest(crypto.sha256))
    const next = fresh.step({
      type: 'append',
      kind: KIND.message,
      body: new Uint8Array(0),
      ...at(START_MS + 9_000),
    })
    expect(next[0]).toMatchObject({ type: 'deliver', event: { seq: 2, controlHeads: undefined } })
  })

  test('is refused when an event is missing', () => {
    const { world, alice } = three()
    const fresh = makePerson('bob', alice.key, world.group)
    expect(fresh.engine.restore(world.control[0]!.bytes)).toHaveProperty('event')
    expect(fresh.engine.restore(world.control[2]!.bytes)).toEqual({ reason: 'gap' })
    expect(fresh.engine.restore(world.control[1]!.bytes)).toHaveProperty('event')
    expect(fresh.engine.restore(world.control[2]!.bytes)).toHaveProperty('event')
  })

  test('is refused when an event is there twice', () => {
    const { world, alice } = three()
    const fresh = makePerson('alice', alice.key, world.group)
    for (const { bytes } of world.control) expect(fresh.engine.restore(bytes)).toHaveProperty('event')
    for (const { bytes } of world.control) expect(fresh.engine.restore(bytes)).toEqual({ reason: 'twice' })
    expect(fresh.engine.history.forks.tags).toEqual([])
    expect(fresh.engine.history.log).toHaveLength(world.control.length)
  })
})
