/** Which events of the membership chain are valid, and what the roster makes of them. */
import { describe, expect, test } from 'vitest'
import {
  certify,
  encodeChange,
  encodeEnter,
  encodeInvite,
  type Credentials,
} from '../../src-main/core/control/bodies.ts'
import { ROLE } from '../../src-main/core/control/operation.ts'
import {
  commitTo,
  deviceTag,
  encodeEvent,
  KIND,
  type Event,
  type EventFields,
} from '../../src-main/core/event.ts'
import { hlcAt } from '../../src-main/core/hlc.ts'
import { MAX_CUT_DEVICES } from '../../src-main/core/limits.ts'
import type { KeyPair } from '../../src-main/crypto/crypto.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { credentialsOf, joinBody, type Door } from '../../scripts/sim/gathering.ts'
import { makeWorld, reasons, START_MS, type Person } from '../helpers/people.ts'

const keyOf = (seed: number) => crypto.keyPair(crypto.sha256(Uint8Array.of(seed)))

/** Alice owns the group, bob is a member. */
function two() {
  const world = makeWorld(['alice', 'bob'])
  const [alice, bob] = world.people as [Person, Person]
  const write = (key: KeyPair, fields: Partial<EventFields> & { kind: number; body: Uint8Array }): Event => {
    const { controlHeads } = fields
    const honest = { seq: 1, hlc: hlcAt(START_MS + 60_000), deps: [] }
    const commit = commitTo(undefined, [], controlHeads, crypto.sha256)
    const tag = deviceTag(key.publicKey, crypto.sha256)
    return encodeEvent({ ...honest, tag, commit, ...fields }, world.group, crypto.sha256, (id) =>
      crypto.sign(id, key.secretKey),
    )
  }
  /** Somebody's entrance by an invite, on what was seen. */
  const join = (
    key: KeyPair,
    change: Partial<Door> & { credentials?: Credentials; cites?: string[]; atMs?: number } = {},
  ) => {
    const door = { ...world.gathering.door(), ...change }
    const controlHeads = change.cites ?? [...door.heads].sort()
    const body = joinBody(change.credentials ?? credentialsOf(key, crypto), door, crypto)
    return write(key, { kind: KIND.join, controlHeads, body, hlc: hlcAt(change.atMs ?? START_MS + 60_000) })
  }
  const remove = (by: Person, { user }: Person, ban = false) =>
    by.write(
      KIND.remove,
      encodeChange({ kind: 'remove', target: user, ban, cut: by.engine.roster.cutOf(user) }),
    )
  return { ...world, alice, bob, write, join, remove }
}

const types = (person: Person, ...events: Event[]) => person.hear(...events).map(({ type }) => type)

describe('an entrance', () => {
  test('is valid with the invite’s key, a certificate and a member’s voucher', () => {
    const { alice, bob, join } = two()
    const carol = keyOf(1)
    const entrance = join(carol, { voucher: bob.key })
    expect(types(alice, entrance)).toEqual(['deliver'])
    const tag = deviceTag(carol.publicKey, crypto.sha256)
    const device = alice.engine.roster.device(tag)!
    expect(device).toMatchObject({ publicKey: carol.publicKey, entrance: entrance.id })
    expect(alice.engine.roster.members.get(device.user)).toBe(ROLE.member)
    expect(alice.engine.roster.isActive(tag)).toBe(true)
    expect(alice.engine.roster.authorOf(entrance.id)).toBe(device.user)
  })

  test.each<[string, (key: KeyPair, world: ReturnType<typeof two>) => Event]>([
    [
      'with a certificate of somebody else',
      (key, { join }) => {
        const { userKey } = credentialsOf(key, crypto)
        const { certificate } = certify(key.publicKey, keyOf(99), crypto.sign)
        return join(key, { credentials: { deviceKey: key.publicKey, userKey, certificate } })
      },
    ],
    [
      'with a certificate for another device',
      (key, { join }) => {
        const own = credentialsOf(key, crypto)
        return join(key, {
          credentials: { ...own, certificate: credentialsOf(keyOf(98), crypto).certificate },
        })
      },
    ],
    ['with another key than the invite’s', (key, { join }) => join(key, { inviteKey: keyOf(97) })],
    ['with a voucher of somebody who is no member', (key, { join }) => join(key, { voucher: keyOf(96) })],
    ['with a voucher of its own', (key, { join }) => join(key, { voucher: key })],
    [
      'that cites something else than what the voucher is about',
      (key, { join, group }) => join(key, { cites: [group] }),
    ],
    ['by what is no invite', (key, { join, group }) => join(key, { invite: group })],
    [
      'with a voucher that was given to somebody else',
      (key, { join }) => {
        const other = join(keyOf(95))
        return { ...join(key), body: other.body } as Event
      },
    ],
  ])('%s is refused', (_, make) => {
    const world = two()
    const key = keyOf(2)
    const made = make(key, world)
    const event = world.write(key, { ...made })
    const before = [...world.alice.engine.roster.members]
    const why = reasons(world.alice.hear(event))
    expect(why.every((reason) => ['bad-membership-proof', 'unknown-device'].includes(reason))).toBe(true)
    expect(why).toHaveLength(1)
    expect([...world.alice.engine.roster.members]).toEqual(before)
    expect(world.alice.engine.roster.knows(event.tag)).toBe(false)
  })

  test('by an invite that is used up, in what it cites, is refused; concurrent ones are all taken', () => {
    const { alice, join } = two()
    const key = keyOf(3)
    const terms = { kind: 'invite' as const, role: ROLE.reader, expiresMs: START_MS + 120_000, maxUses: 1 }
    const invite = alice.write(KIND.invite, encodeInvite(key.publicKey, terms))
    const by = { invite: invite.id, inviteKey: key, heads: [invite.id] }
    const [first, second] = [join(keyOf(4), by), join(keyOf(5), by)]
    expect(types(alice, first, second)).toEqual(['deliver', 'deliver'])
    expect(alice.engine.roster.members.size).toBe(4)
    const third = join(keyOf(6), { ...by, heads: [first.id], atMs: START_MS + 60_001 })
    expect(reasons(alice.hear(third))).toEqual(['not-admitted'])
    expect(alice.engine.roster.members.size).toBe(4)
  })

  test('after the invite’s end, or after it was taken back, is refused', () => {
    const { alice, join } = two()
    const key = keyOf(7)
    const terms = { kind: 'invite' as const, role: ROLE.member, expiresMs: START_MS + 120_000, maxUses: 9 }
    const invite = alice.write(KIND.invite, encodeInvite(key.publicKey, terms))
    const by = { invite: invite.id, inviteKey: key, heads: [invite.id] }
    expect(reasons(alice.hear(join(keyOf(8), { ...by, atMs: START_MS + 120_001 })))).toEqual(['not-admitted'])
    expect(alice.engine.roster.inviteState(invite.id)).toEqual({
      isRevoked: false,
      expiresMs: START_MS + 120_000,
    })
    const revoke = alice.write(KIND.revoke, encodeChange({ kind: 'revoke', invite: invite.id }))
    expect(alice.engine.roster.inviteState(invite.id)).toMatchObject({ isRevoked: true })
    expect(reasons(alice.hear(join(keyOf(9), { ...by, heads: [revoke.id] })))).toEqual(['not-admitted'])
    // Who had not seen that is taken, and it comes to nothing.
    const unaware = join(keyOf(10), by)
    expect(types(alice, unaware)).toContain('deliver')
    expect(alice.engine.roster.members.size).toBe(2)
  })

  test('of a further device needs nothing but the certificate of a member', () => {
    const { alice, bob, write, control } = two()
    const phone = keyOf(11)
    const person = crypto.keyPair(crypto.sha256(bob.key.secretKey.subarray(0, 32)))
    const controlHeads = [control.at(-1)!.id]
    const enter = (key: KeyPair, user: KeyPair) =>
      write(key, {
        ...{ kind: KIND.enter, controlHeads },
        body: encodeEnter(certify(key.publicKey, user, crypto.sign)),
      })
    const entrance = enter(phone, person)
    expect(types(alice, entrance)).toEqual(['deliver'])
    expect(alice.engine.roster.devicesOf(bob.user)).toEqual([bob.tag, entrance.tag])
    expect(alice.engine.roster.members.size).toBe(2)
    expect(reasons(alice.hear(enter(keyOf(12), keyOf(13))))).toEqual(['not-a-member'])
  })

  test('with other keys than those that the device came with is refused', () => {
    const { alice, bob, write, control } = two()
    const other = keyOf(14)
    const body = encodeEnter(certify(bob.key.publicKey, other, crypto.sign))
    const controlHeads = [control.at(-1)!.id]
    const previous = control.find(({ tag }) => tag === bob.tag)!
    const commit = commitTo(previous.id, [], controlHeads, crypto.sha256)
    const event = write(bob.key, { kind: KIND.enter, seq: 2, body, controlHeads, commit })
    expect(reasons(alice.hear(event))).toEqual(['bad-membership-proof'])
  })
})

describe('what somebody may write', () => {
  test('follows from the event’s own past: who cites the removal writes nothing', () => {
    const { alice, bob, write, remove } = two()
    const said = bob.say('before')
    alice.hear(said)
    const removal = remove(alice, bob)
    const event = write(bob.key, {
      ...{ kind: KIND.message, seq: 2, body: new Uint8Array(0), controlHeads: [removal.id] },
      commit: commitTo(said.id, [], [removal.id], crypto.sha256),
    })
    const witness = makeWorld(['alice', 'bob']).people[0]!
    witness.hear(said, removal)
    for (const person of [alice, witness]) expect(reasons(person.hear(event))).toEqual(['not-a-member'])
    // Nor does it help to cite somebody's message that had seen it.
    const answer = alice.say('he is out')
    const around = write(bob.key, {
      ...{ kind: KIND.message, seq: 2, body: Uint8Array.of(1), deps: [{ tag: alice.tag, seq: answer.seq }] },
      commit: commitTo(said.id, [answer.id], undefined, crypto.sha256),
    })
    witness.hear(answer)
    expect(witness.engine.history.get(answer.id)).toBeDefined()
    expect(types(witness, around)).not.toContain('deliver')
  })

  test('readers write no messages, but say what they are called', () => {
    const { alice, bob } = two()
    const cut = alice.engine.roster.cutOf(bob.user)
    const demotion = alice.write(
      KIND.role,
      encodeChange({ kind: 'role', target: bob.user, role: ROLE.reader, cut }),
    )
    bob.hear(demotion)
    expect(() => bob.say('may I?')).toThrow(TypeError)
    for (const kind of [KIND.profile, KIND.report]) {
      const event = bob.write(kind, new Uint8Array(0))
      expect(types(alice, event)).toEqual(['deliver'])
    }
  })

  test('somebody without any entrance in the event’s past is no member there', () => {
    const { alice, bob, write } = two()
    const event = write(bob.key, { kind: KIND.message, body: new Uint8Array(0) })
    expect(reasons(alice.hear(event))).toEqual(['not-a-member'])
  })
})

describe('the roster', () => {
  test('tells how somebody went, and whether an invite admits them again', () => {
    const { alice, bob, remove, gathering } = two()
    const { invite } = gathering
    const { roster } = alice.engine
    expect([roster.wayOut(bob.user), roster.admits(invite, bob.user)]).toEqual([undefined, true])
    const removal = remove(alice, bob)
    expect([roster.wayOut(bob.user), roster.isActive(bob.tag)]).toEqual(['removed', false])
    expect(roster.removalOf(bob.tag)).toBe(removal.id)
    expect(roster.admits(invite, bob.user)).toBe(false)
    const key = keyOf(20)
    const terms = { kind: 'invite' as const, role: ROLE.member, expiresMs: START_MS + 120_000, maxUses: 9 }
    const fresh = alice.write(KIND.invite, encodeInvite(key.publicKey, terms))
    expect(roster.admits(fresh.id, bob.user)).toBe(true)
    remove(alice, bob, true)
    expect([roster.wayOut(bob.user), roster.admits(fresh.id, bob.user)]).toEqual(['banned', false])
  })

  test('says that a secret is exposed until a rotation had seen the removal', () => {
    const { alice, bob, group, remove } = two()
    const { roster } = alice.engine
    expect(roster.isExposed(group)).toBe(false)
    remove(alice, bob)
    expect(roster.isExposed(group)).toBe(true)
  })

  test('cuts off at all that was delivered, of the latest so many devices', () => {
    const { alice, bob, write, control } = two()
    const person = crypto.keyPair(crypto.sha256(bob.key.secretKey.subarray(0, 32)))
    const controlHeads = [control.at(-1)!.id]
    alice.hear(bob.say('1'), bob.say('2'))
    expect([...alice.engine.roster.cutOf(bob.user)]).toEqual([[bob.tag, { c: 1, m: 2 }]])
    const tags = Array.from({ length: MAX_CUT_DEVICES }, (_, i) => {
      const key = crypto.keyPair(crypto.sha256(Uint8Array.of(200, i)))
      const body = encodeEnter(certify(key.publicKey, person, crypto.sign))
      const event = write(key, { kind: KIND.enter, controlHeads, body })
      expect(types(alice, event)).toEqual(['deliver'])
      return event.tag
    })
    expect([...alice.engine.roster.cutOf(bob.user).keys()]).toEqual(tags)
  })
})
