/** Who gets into a group and out of it, with real messengers on a memory network. */
import { setImmediate } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Commands, GroupId, Identity, RoleName } from '../../src-main/api/contract.ts'
import type { ErrorCode } from '../../src-main/api/errors.ts'
import { encodeBatch } from '../../src-main/core/batch.ts'
import {
  chainOf,
  commitTo,
  decodeEvent,
  deviceTag,
  encodeEvent,
  KIND,
  type Event,
} from '../../src-main/core/event.ts'
import { hlcAt } from '../../src-main/core/hlc.ts'
import type { Range } from '../../src-main/core/missing.ts'
import { decodeFrame, encodeFrame, type Frame } from '../../src-main/core/sync.ts'
import { identityOf } from '../../src-main/crypto/identity.ts'
import { certify, isEntrance } from '../../src-main/core/control/bodies.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import {
  encodeCredential,
  inviteCredential,
  REFUSALS,
  type Credential,
} from '../../src-main/messenger/admission.ts'
import { encodeMessage } from '../../src-main/messenger/content.ts'
import { decodeInvite, encodeInvite, helloProof } from '../../src-main/messenger/membership.ts'
import { createMemoryNetwork } from '../../src-main/network/memory.ts'
import { eventRange } from '../../src-main/storage/keys.ts'
import { openMemoryStorage } from '../../src-main/storage/memory.ts'
import { epochsOf, topicOf } from '../helpers/messengers.ts'
import { makeOffice, type Device } from '../helpers/offices.ts'
import { Witness } from '../helpers/witness.ts'

const failsWith = (code: ErrorCode) => expect.objectContaining({ code }) as unknown
const refused = (promise: Promise<unknown>, code: ErrorCode = 'NOT_ALLOWED') =>
  expect(promise).rejects.toEqual(failsWith(code))
const PICTURE = `data:image/png;base64,${Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 7]).toString('base64')}`

/** Resolves once this is so, of which no window is told. */
async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await setImmediate()
}

/** Everything in the store of a device, in the order of delivery. */
async function allEventsOf({ disk }: Device, group: GroupId): Promise<Event[]> {
  const events: Event[] = []
  for await (const [, bytes] of openMemoryStorage(disk).range(eventRange(group)))
    events.push((decodeEvent(bytes, group, crypto.sha256) as { event: Event }).event)
  return events
}

/** Events of a device in its own store. */
async function eventsOf(device: Device, group: GroupId): Promise<Event[]> {
  const tag = deviceTag(device.key.publicKey, crypto.sha256)
  return (await allEventsOf(device, group)).filter((event) => event.tag === tag)
}

const topicFor = ({ disk }: Device, group: GroupId) => topicOf(openMemoryStorage(disk), group)

describe('joining by an invite', () => {
  test('makes a member who reads what was written before, and is known by name', async () => {
    const { devices, group, invite, newcomer } = await makeOffice('alice', 'bob')
    const [alice, bob] = devices as [Device, Device]
    await alice.commands.post({ group, text: 'before' })
    const carol = await newcomer('carol')
    expect(await carol.commands.joinGroup({ invite })).toMatchObject({ joined: false, name: 'office' })
    await carol.until(({ joined, people }) => joined && people === 3)
    await carol.untilSays('before')
    await carol.commands.post({ group, text: 'here' })
    for (const device of [alice, bob]) {
      await device.untilSays('here')
      expect((await device.people()).map(({ name, role }) => [name, role]).sort()).toEqual([
        ['alice', 'owner'],
        ['bob', 'member'],
        ['carol', 'member'],
      ])
    }
    expect((await carol.group()).joinProblem).toBeUndefined()
  })

  test.each<RoleName>(['admin', 'member', 'reader'])('gives the role of the invite: %s', async (role) => {
    const { devices, group, newcomer } = await makeOffice('alice')
    const [alice] = devices as [Device]
    const { invite } = await alice.commands.createInvite({ group, role })
    const bob = await newcomer('bob')
    await bob.commands.joinGroup({ invite })
    expect(await bob.until(({ joined }) => joined)).toMatchObject({ role })
    await alice.until(async () => (await alice.people()).some((person) => person.role === role))
  })

  test('that was used up, expired, revoked or never was tells why it does not work', async () => {
    const { clocks, devices, group, newcomer, inviteId } = await makeOffice('alice')
    const [alice] = devices as [Device]
    const { createInvite, revokeInvite } = alice.commands
    const once = await createInvite({ group, maxUses: 1 })
    const short = await createInvite({ group, expiresAtMs: clocks.nowMs + 1_000 })
    const revoked = await createInvite({ group })
    const never = { ...decodeInvite(revoked.invite, crypto), invite: group }
    await revokeInvite({ group, invite: revoked.id })
    const bob = await newcomer('bob')
    await bob.commands.joinGroup({ invite: once.invite })
    await bob.until(({ joined }) => joined)
    await alice.until(({ people }) => people === 2)
    clocks.nowMs += 2_000
    for (const [invite, problem] of [
      [once.invite, 'invite-used'],
      [short.invite, 'invite-expired'],
      [revoked.invite, 'invite-revoked'],
      [encodeInvite(never, crypto), 'invite-unknown'],
    ] as const) {
      const carol = await newcomer('carol')
      await carol.commands.joinGroup({ invite })
      expect(await carol.until(({ joinProblem }) => joinProblem !== undefined)).toMatchObject({
        joined: false,
        joinProblem: problem,
        people: 0,
      })
      // Nothing of the group has come to somebody who may not enter.
      expect(await carol.texts()).toEqual([])
      expect(await eventsOf(alice, group)).not.toEqual([])
      expect([...carol.disk.keys()].filter((key) => key.startsWith('65'))).toEqual([])
      await carol.commands.cancelJoin({ group })
      expect((await carol.commands.getState()).groups).toEqual([])
    }
    const { invites } = await alice.commands.getInvites({ group })
    expect(invites.map(({ id }) => id)).toEqual([inviteId])
  })

  test('with another key than the invite’s gives nothing away, and with a second invite it works', async () => {
    const { devices, group, invite, newcomer } = await makeOffice('alice')
    const [alice] = devices as [Device]
    const carol = await newcomer('carol')
    const wrong = { ...decodeInvite(invite, crypto), seed: crypto.randomBytes(32) }
    await carol.commands.joinGroup({ invite: encodeInvite(wrong, crypto) })
    const rejected = async () =>
      (await alice.messenger.operator.getDiagnostics()).rejected['not-admitted'] ?? 0
    await eventually(async () => (await rejected()) > 0)
    expect(await carol.group()).toMatchObject({ joined: false, joinProblem: undefined, people: 0 })
    expect([...carol.disk.keys()].filter((key) => key.startsWith('65'))).toEqual([])
    await carol.commands.joinGroup({ invite })
    expect(await carol.until(({ joined }) => joined)).toMatchObject({ joinProblem: undefined })
    expect((await alice.until(({ people }) => people === 2)).id).toBe(group)
  })

  test('while nobody is there says so after a while', async () => {
    const { devices, newcomer, invite, clocks } = await makeOffice('alice')
    await devices[0]!.messenger.close()
    const carol = await newcomer('carol')
    await carol.commands.joinGroup({ invite })
    expect((await carol.group()).joinProblem).toBeUndefined()
    clocks.aheadMs += 60_000
    expect((await carol.group()).joinProblem).toBe('unreachable')
    await devices[0]!.start()
    await carol.until(({ joined }) => joined)
  })

  test('that is one’s own, or of a group one is in, fails at once', async () => {
    const { devices, invite } = await makeOffice('alice', 'bob')
    for (const { commands } of devices) await refused(commands.joinGroup({ invite }), 'ALREADY_MEMBER')
  })

  test('of one use admits one of two who come at the same time', async () => {
    const { devices, group, newcomer } = await makeOffice('alice')
    const [alice] = devices as [Device]
    const { invite } = await alice.commands.createInvite({ group, maxUses: 1 })
    const both = [await newcomer('bob'), await newcomer('carol')]
    await Promise.all(both.map(({ commands }) => commands.joinGroup({ invite })))
    await alice.until(({ people }) => people === 2)
    const states = await Promise.all(
      both.map((device) => device.until(({ joined, joinProblem }) => joined || joinProblem !== undefined)),
    )
    expect(states.filter(({ joined }) => joined)).toHaveLength(1)
    expect(states.find(({ joined }) => !joined)!.joinProblem).toBe('invite-used')
  })
})

describe('removal', () => {
  /** Bob was removed by alice, and his messenger is closed; a hand-made peer has his keys, his store and his links. */
  async function removeBob({ ban = false } = {}) {
    const office = await makeOffice('alice', 'bob', 'carol')
    const { hub, devices, group, invite } = office
    const [alice, bob, carol] = devices as [Device, Device, Device]
    await bob.commands.post({ group, text: 'kept' })
    for (const device of [alice, carol]) await device.untilSays('kept')
    const oldTopic = await topicFor(bob, group)
    const own = await eventsOf(bob, group)
    await bob.messenger.close()
    await alice.commands.removeMember({ group, user: bob.user, ban })
    for (const device of [alice, carol]) {
      await device.until(({ people }) => people === 2)
      await eventually(async () => (await topicFor(device, group)) !== oldTopic)
    }
    const bobsHand = await new Witness(createMemoryNetwork(hub, bob.peer)).start()
    onTestFinished(() => bobsHand.network.stop())
    await bobsHand.network.connect(`memory/${alice.peer}`)
    /** What alice answers to some frames. */
    const ask = async (...frames: Frame[]) => {
      const stream = await bobsHand.network.openStream(alice.peer)
      for (const frame of frames) await stream.send(encodeFrame(frame))
      await stream.close()
      const answer: Frame[] = []
      try {
        for await (const bytes of stream.frames) answer.push(decodeFrame(bytes)!)
      } catch {
        // A refusal is followed by nothing, not even an end.
      }
      return answer
    }
    const proof = helloProof(group, bob.peer, alice.peer, crypto)
    const hello = (credential: Credential) =>
      ask({
        type: 'hello',
        proof,
        credential: encodeCredential(credential),
        incarnation: new Uint8Array(8),
        wallClockMs: office.clocks.nowMs,
        digest: new Uint8Array(32),
      })
    const credentials = certify(bob.key.publicKey, bob.identity.keys, crypto.sign)
    const invited = inviteCredential(group, decodeInvite(invite, crypto), credentials, crypto)
    return { ...office, alice, bob, carol, own, oldTopic, bobsHand, ask, hello, proof, invited }
  }

  test('ends what the removed device gets, whatever it shows', async () => {
    const { alice, group, own, hello, ask, proof, invited } = await removeBob()
    const entrance = own.findLast(({ kind }) => isEntrance(kind))!
    const reasonOf = ([first, ...rest]: Frame[]) => {
      expect(rest).toEqual([])
      expect(first!.type).toBe('refuse')
      return first!.type === 'refuse' ? REFUSALS[first!.reason] : undefined
    }
    // Nor does she get the secret that was made when she went, by any name.
    const epochs = [...(await epochsOf(openMemoryStorage(alice.disk), group)).all].map(({ founder }) =>
      founder.slice(0, 16),
    )
    expect(epochs.length).toBeGreaterThan(1)
    for (const credential of [
      { type: 'member' },
      { type: 'entrance', event: entrance.bytes },
      invited,
    ] as const)
      expect(
        reasonOf(await ask({ type: 'keys', proof, credential: encodeCredential(credential), epochs })),
      ).not.toBeUndefined()
    const removed = await hello({ type: 'member' })
    expect(reasonOf(removed)).toBe('removed')
    expect(reasonOf(await hello({ type: 'entrance', event: entrance.bytes }))).toBe('removed')
    expect(reasonOf(await hello(invited))).toBe('invite-revoked')
    // It may ask for what led to its removal, and gets nothing else.
    const tag = deviceTag(alice.key.publicKey, crypto.sha256)
    const ranges = [{ tag, chain: 'm' as const, from: 1, to: 100 }]
    expect(await ask({ type: 'ask', proof, ranges, heads: [] })).toEqual([{ type: 'end' }])
    const credential = encodeCredential(invited)
    expect(reasonOf(await ask({ type: 'enter', proof, credential, heads: [] }))).toBe('invite-revoked')
  })

  test('leaves the removed device what led to it, however it asks for more', async () => {
    const { alice, carol, bob, group, ask, proof } = await removeBob()
    // Alice holds this when she is asked: what led to the removal, the removal, and what bob must not have.
    await carol.commands.post({ group, text: 'among us' })
    await alice.untilSays('among us')
    await alice.commands.setRole({ group, user: carol.user, role: 'admin' })
    const held = await allEventsOf(alice, group)
    const controls = held.filter(({ kind }) => chainOf(kind) === 'c')
    const removal = controls.findIndex(({ kind }) => kind === KIND.remove)
    const led = controls.slice(0, removal + 1).map(({ id }) => id)
    expect(controls.length).toBeGreaterThan(led.length + 1)

    const idsOf = (answer: Frame[]) =>
      answer
        .flatMap((frame) => (frame.type === 'events' ? frame.events : []))
        .map((bytes) => (decodeEvent(bytes, group, crypto.sha256) as { event: Event }).event.id)
    const tags = [alice, bob, carol].map(({ key }) => deviceTag(key.publicKey, crypto.sha256))
    const rangesOf = (chain: 'c' | 'm') => tags.map((tag) => ({ tag, chain, from: 1, to: 100 }))
    const asked = async (ranges: Range[], heads: string[]) =>
      idsOf(await ask({ type: 'ask', proof, ranges, heads })).sort()
    expect(await asked(rangesOf('m'), [])).toEqual([])
    expect(await asked(rangesOf('c'), [])).toEqual(led.toSorted())
    expect(await asked([...rangesOf('m'), ...rangesOf('c')], [])).toEqual(led.toSorted())
    const later = held.map(({ id }) => id).filter((id) => !led.includes(id))
    expect(await asked([], later)).toEqual([])
    expect(await asked([], [...later, led.at(-1)!])).toEqual([led.at(-1)])
  })

  test('by a ban refuses every invite', async () => {
    const { alice, bob, group, hello } = await removeBob({ ban: true })
    const { invite } = await alice.commands.createInvite({ group })
    const credentials = certify(bob.key.publicKey, bob.identity.keys, crypto.sign)
    const fresh = inviteCredential(group, decodeInvite(invite, crypto), credentials, crypto)
    const [answer] = await hello(fresh)
    expect(answer).toMatchObject({ type: 'refuse', reason: REFUSALS.indexOf('banned') })
  })

  test('moves the group’s gossip, and what comes under the old name of whoever is out is not shown', async () => {
    const { alice, bob, carol, group, own, oldTopic, bobsHand } = await removeBob()
    bobsHand.network.join(oldTopic)
    await bobsHand.until(() => bobsHand.network.topicPeers(oldTopic).includes(alice.peer))
    const last = own.findLast(({ kind }) => kind === KIND.message)!
    const late = encodeEvent(
      {
        ...{ kind: KIND.message, tag: last.tag, seq: last.seq + 1, deps: [] },
        hlc: hlcAt(Date.UTC(2026, 0, 1)) + 60_000n,
        commit: commitTo(last.id, [], undefined, crypto.sha256),
        body: encodeMessage({ text: 'late' }),
      },
      group,
      crypto.sha256,
      (id) => crypto.sign(id, bob.key.secretKey),
    )
    await bobsHand.network.publish(oldTopic, encodeBatch([late], crypto.sha256))
    await alice.until(({ hidden }) => hidden === 1)
    await alice.commands.post({ group, text: 'among us' })
    await carol.untilSays('among us')
    expect(await alice.texts()).toEqual(['kept', 'among us'])
    expect(await carol.texts()).toEqual(['kept', 'among us'])
    expect(bobsHand.gossip.filter((text) => text.includes('among us'))).toEqual([])
    expect((await carol.group()).hidden).toBe(0)
  })

  test('is told to whoever was removed, who can read on what there was, and write nothing', async () => {
    const { devices, group } = await makeOffice('alice', 'bob')
    const [alice, bob] = devices as [Device, Device]
    await alice.commands.post({ group, text: 'one' })
    await bob.untilSays('one')
    await alice.commands.removeMember({ group, user: bob.user, ban: false })
    await bob.until(({ out }) => out === 'removed')
    expect(await bob.group()).toMatchObject({ joined: false, name: 'office' })
    await refused(bob.commands.post({ group, text: 'but' }))
    await refused(bob.commands.leaveGroup({ group }))
    await alice.commands.post({ group, text: 'two' })
    await bob.reopen()
    expect(await bob.group()).toMatchObject({ joined: false, out: 'removed' })
    expect(await bob.texts()).toEqual(['one'])
    const { people, former } = await alice.commands.getPeople({ group })
    expect(people.map(({ name }) => name)).toEqual(['alice'])
    expect(former).toMatchObject([{ user: bob.user, name: 'bob', reason: 'removed' }])
    await bob.commands.deleteGroup({ group })
    expect((await bob.commands.getState()).groups).toEqual([])
  })

  test('ends when somebody is admitted again: everything is there, and goes on', async () => {
    const { devices, group } = await makeOffice('alice', 'bob')
    const [alice, bob] = devices as [Device, Device]
    await alice.commands.removeMember({ group, user: bob.user, ban: false })
    await bob.until(({ out }) => out === 'removed')
    await alice.commands.post({ group, text: 'meanwhile' })
    await alice.commands.addMember({ group, user: bob.user, role: 'reader' })
    await bob.until(({ joined, role }) => joined && role === 'reader')
    await bob.untilSays('meanwhile')
    await refused(bob.commands.post({ group, text: 'may I?' }))
    await alice.commands.setRole({ group, user: bob.user, role: 'member' })
    await bob.until(({ role }) => role === 'member')
    await bob.commands.post({ group, text: 'back' })
    await alice.untilSays('back')
    expect((await alice.commands.getPeople({ group })).former).toEqual([])
  })

  test('allows to come back by an invite that was made since', async () => {
    const { devices, group, invite } = await makeOffice('alice', 'bob')
    const [alice, bob] = devices as [Device, Device]
    await alice.commands.removeMember({ group, user: bob.user, ban: false })
    await bob.until(({ out }) => out === 'removed')
    await bob.commands.joinGroup({ invite })
    expect(await bob.until(({ joinProblem }) => joinProblem !== undefined)).toMatchObject({
      joined: false,
      joinProblem: 'invite-revoked',
    })
    const fresh = await alice.commands.createInvite({ group })
    await bob.commands.joinGroup({ invite: fresh.invite })
    await bob.until(({ joined }) => joined)
    await bob.commands.post({ group, text: 'back' })
    await alice.untilSays('back')
  })
})

describe('roles', () => {
  test('decide who may do what', async () => {
    const { devices, group, inviteId } = await makeOffice('alice', 'bob', 'carol', 'dave')
    const [alice, bob, carol, dave] = devices as [Device, Device, Device, Device]
    await alice.commands.setRole({ group, user: bob.user, role: 'admin' })
    await alice.commands.setRole({ group, user: dave.user, role: 'reader' })
    await bob.until(({ role }) => role === 'admin')
    await dave.until(({ role }) => role === 'reader')
    const ofAdmins = ({ commands }: Device): Promise<unknown>[] => [
      commands.changeSettings({ group, name: 'mine' }),
      commands.createInvite({ group }),
      commands.getInvites({ group }),
      commands.revokeInvite({ group, invite: inviteId }),
      commands.removeMember({ group, user: alice.user, ban: false }),
      commands.setRole({ group, user: alice.user, role: 'reader' }),
      commands.nameSuccessor({ group, user: alice.user }),
      commands.transferOwnership({ group, user: alice.user }),
      commands.succeed({ group }),
      commands.removeDevice({ group, device: deviceTag(alice.key.publicKey, crypto.sha256) }),
      commands.getAudit({ group }),
    ]
    for (const device of [carol, dave]) for (const attempt of ofAdmins(device)) await refused(attempt)
    await refused(dave.commands.post({ group, text: 'x' }))
    const { id } = await alice.commands.post({ group, text: 'hear, hear' })
    await dave.untilSays('hear, hear')
    await refused(dave.commands.react({ group, target: id, emoji: '👍', on: true }))
    await dave.commands.report({ group, message: id, reason: 'noise' })
    await bob.until(async () => (await bob.commands.getAudit({ group })).reports.length === 1)

    // An admin acts on those below, and gives less than that.
    await refused(bob.commands.removeMember({ group, user: alice.user, ban: false }))
    await refused(bob.commands.setRole({ group, user: carol.user, role: 'admin' }))
    await refused(bob.commands.setRole({ group, user: bob.user, role: 'owner' }))
    await refused(bob.commands.createInvite({ group, role: 'admin' }))
    await refused(bob.commands.nameSuccessor({ group, user: carol.user }))
    await bob.commands.removeMember({ group, user: carol.user, ban: false })
    await alice.until(({ people }) => people === 3)
    await bob.commands.changeSettings({ group, name: 'our office', description: 'tea' })
    expect(await alice.until(({ name }) => name === 'our office')).toMatchObject({ description: 'tea' })
  })

  test('go over from one owner to another', async () => {
    const { devices, group } = await makeOffice('alice', 'bob')
    const [alice, bob] = devices as [Device, Device]
    await refused(alice.commands.leaveGroup({ group }), 'LAST_OWNER')
    await refused(alice.commands.setRole({ group, user: alice.user, role: 'member' }), 'LAST_OWNER')
    await alice.commands.transferOwnership({ group, user: bob.user })
    await bob.until(({ role }) => role === 'owner')
    expect(await alice.group()).toMatchObject({ role: 'admin' })
    await alice.commands.leaveGroup({ group })
    await bob.until(({ people }) => people === 1)
  })

  test('pass to a successor who wants it', async () => {
    const { devices, group } = await makeOffice('alice', 'bob')
    const [alice, bob] = devices as [Device, Device]
    await alice.commands.nameSuccessor({ group, user: bob.user })
    await bob.until(({ maySucceed }) => maySucceed)
    expect((await alice.people()).find(({ user }) => user === bob.user)).toMatchObject({ isSuccessor: true })
    await bob.commands.succeed({ group })
    await alice.until(async () => (await alice.people()).every(({ role }) => role === 'owner'))
  })
})

describe('leaving', () => {
  test('is told to everybody, and those who stay change the secret', async () => {
    const { devices, group } = await makeOffice('alice', 'bob', 'carol')
    const [alice, bob, carol] = devices as [Device, Device, Device]
    const topic = await topicFor(alice, group)
    await refused(bob.commands.deleteGroup({ group }), 'STILL_MEMBER')
    await bob.commands.leaveGroup({ group })
    expect(await bob.until(({ joined }) => !joined)).toMatchObject({ out: 'left' })
    for (const device of [alice, carol]) {
      await device.until(({ people }) => people === 2)
      await eventually(async () => (await topicFor(device, group)) !== topic)
      expect((await device.commands.getPeople({ group })).former).toMatchObject([
        { user: bob.user, reason: 'left' },
      ])
    }
    await eventually(async () => (await topicFor(alice, group)) === (await topicFor(carol, group)))
    expect(await topicFor(bob, group)).toBe(topic)
    await alice.commands.post({ group, text: 'without bob' })
    await carol.untilSays('without bob')
    expect(await bob.texts()).toEqual([])
    await bob.commands.deleteGroup({ group })
    // Nothing of it is left on the disk.
    const rows = [...bob.disk.keys()].filter((key) => key.includes(group.slice(0, 32)))
    expect(rows).toEqual([])
    await bob.reopen()
    expect((await bob.commands.getState()).groups).toEqual([])
  })

  test('allows to come back by the same invite', async () => {
    const { devices, group, invite } = await makeOffice('alice', 'bob')
    const [alice, bob] = devices as [Device, Device]
    await bob.commands.leaveGroup({ group })
    await alice.until(({ people }) => people === 1)
    await bob.commands.joinGroup({ invite })
    await bob.until(({ joined }) => joined)
    await alice.until(({ people }) => people === 2)
  })
})

describe('a second device of the same person', () => {
  test('enters by itself, stands beside the first, and can be taken out', async () => {
    const { devices, group, invite, newcomer } = await makeOffice('alice', 'bob')
    const [alice, bob] = devices as [Device, Device]
    const phone = await newcomer('bob', identityOf(bob.identity.entropy, crypto))
    await phone.commands.joinGroup({ invite })
    await phone.until(({ joined }) => joined)
    await alice.until(async () => (await alice.people()).some(({ devices: own }) => own.length === 2))
    expect(await alice.group()).toMatchObject({ people: 2 })
    await phone.commands.post({ group, text: 'on the way' })
    await alice.untilSays('on the way')
    await bob.untilSays('on the way')
    const tag = deviceTag(phone.key.publicKey, crypto.sha256)
    await refused(alice.commands.removeDevice({ group, device: tag }))
    const topic = await topicFor(alice, group)
    await bob.commands.removeDevice({ group, device: tag })
    expect(await phone.until(({ out }) => out !== undefined)).toMatchObject({
      joined: false,
      out: 'device-removed',
    })
    await refused(phone.commands.post({ group, text: 'stolen' }))
    await eventually(async () => (await topicFor(alice, group)) !== topic)
    await bob.commands.post({ group, text: 'found it' })
    await alice.untilSays('found it')
    const own = (await alice.people()).find(({ user }) => user === bob.user)!.devices
    expect(own.map(({ device, removed }) => [device === tag, removed]).sort()).toEqual([
      [false, false],
      [true, true],
    ])
    // The invite does not let the device in again.
    await phone.commands.joinGroup({ invite })
    await alice.commands.post({ group, text: 'secret' })
    await bob.untilSays('secret')
    expect(await phone.texts()).toEqual(['on the way'])
  })
})

describe('names, pictures and settings', () => {
  test('spread, with conflicts until somebody settles them', async () => {
    const { devices, group } = await makeOffice('alice', 'bob')
    const [alice, bob] = devices as [Device, Device]
    await bob.commands.setName({ name: 'Robert' })
    await alice.until(async () => (await alice.people()).some(({ name }) => name === 'Robert'))
    await bob.commands.setPicture({ picture: PICTURE })
    await alice.until(async () => (await alice.people()).some(({ picture }) => picture !== undefined))
    const { picture } = (await alice.people()).find(({ user }) => user === bob.user)!
    expect(await alice.commands.getPicture({ picture: picture! })).toEqual({ data: PICTURE })
    await bob.commands.setPicture({})
    await alice.until(async () => (await alice.people()).every((person) => person.picture === undefined))
    await alice.commands.setRole({ group, user: bob.user, role: 'admin' })
    await bob.until(({ role }) => role === 'admin')

    for (const { messenger } of [alice, bob]) await messenger.operator.setReachable({ peers: [] })
    await alice.commands.changeSettings({ group, name: 'one' })
    await bob.commands.changeSettings({ group, name: 'two', picture: PICTURE })
    for (const { messenger } of [alice, bob]) await messenger.operator.setReachable({ peers: 'all' })
    const states = []
    for (const device of [alice, bob])
      states.push(await device.until(({ conflicts }) => conflicts.length === 1))
    expect(states[0]!.conflicts).toMatchObject([{ field: 'name' }])
    expect(states[0]!.conflicts[0]!.values.map(({ value }) => value).sort()).toEqual(['one', 'two'])
    expect(states[0]!.conflicts).toEqual(states[1]!.conflicts)
    expect(states[0]!.name).toBe(states[1]!.name)
    await bob.commands.changeSettings({ group, name: 'three' })
    for (const device of [alice, bob])
      expect(await device.until(({ name }) => name === 'three')).toMatchObject({ conflicts: [] })
    expect((await alice.group()).picture).toBe((await bob.group()).picture)
  })

  test('of one person, changed on two devices at the same time, are theirs to choose from', async () => {
    const { devices, clocks, invite, newcomer } = await makeOffice('alice', 'bob')
    const [alice, bob] = devices as [Device, Device]
    const phone = await newcomer('alice', identityOf(alice.identity.entropy, crypto))
    await phone.commands.joinGroup({ invite })
    await phone.until(({ joined, people }) => joined && people === 2)
    await alice.until(async () => (await alice.people()).some(({ devices: own }) => own.length === 2))
    const second = await phone.commands.createGroup({ name: 'second' })
    const { invite: toSecond } = await phone.commands.createInvite({ group: second.id })
    await alice.commands.joinGroup({ invite: toSecond })
    await eventually(async () =>
      (await alice.commands.getState()).groups.every(({ joined, people }) => joined && people > 0),
    )
    const both = [alice, phone]
    const conflictsOf = async ({ commands }: Device) => (await commands.getState()).identity.conflicts
    const told: number[] = []
    phone.messenger.onUpdate((name, identity) => {
      if (name === 'identityChanged') told.push((identity as Identity).conflicts.length)
    })

    for (const { messenger } of both) await messenger.operator.setReachable({ peers: [] })
    await alice.commands.setName({ name: 'Alice' })
    await alice.commands.setPicture({ picture: PICTURE })
    clocks.nowMs += 1_000
    await phone.commands.setName({ name: 'Alicia' })
    await phone.commands.setPicture({})
    for (const { messenger } of both) await messenger.operator.setReachable({ peers: 'all' })
    for (const device of both) await eventually(async () => (await conflictsOf(device)).length === 2)
    const [name, picture] = await conflictsOf(phone)
    const tags = both.map(({ key }) => deviceTag(key.publicKey, crypto.sha256))
    expect(await conflictsOf(alice)).toEqual([name, picture])
    expect([name!.field, picture!.field]).toEqual(['name', 'picture'])
    expect(name!.values).toEqual([
      { value: 'Alice', by: tags[0] },
      { value: 'Alicia', by: tags[1] },
    ])
    // The one that is not shown can be looked at, and chosen.
    const { data } = await phone.commands.getPicture({ picture: picture!.values[0]!.value })
    expect(data).toBe(PICTURE)
    expect(await conflictsOf(bob)).toEqual([])

    await phone.commands.setName({ name: 'Alice' })
    for (const device of both)
      await eventually(async () => (await conflictsOf(device)).every(({ field }) => field !== 'name'))
    await phone.commands.setPicture({ picture: data })
    for (const device of both) await eventually(async () => (await conflictsOf(device)).length === 0)
    for (const device of [...both, bob])
      await device.until(async () => {
        const own = (await device.people()).find(({ user }) => user === alice.user)
        return own?.name === 'Alice' && own.picture === picture!.values[0]!.value
      })
    expect(Math.max(...told)).toBe(2)
    expect(told.at(-1)).toBe(0)
  })
})

test('a restart keeps all of it', async () => {
  const { devices, group } = await makeOffice('alice', 'bob', 'carol', 'dave')
  const [alice, bob, carol, dave] = devices as [Device, Device, Device, Device]
  await alice.commands.setRole({ group, user: bob.user, role: 'admin' })
  await alice.commands.nameSuccessor({ group, user: bob.user })
  const topics = async () => [await topicFor(alice, group), await topicFor(bob, group)]
  /** Both write under one name, which is another than before. */
  const untilRotated = (before: string) =>
    eventually(async () => {
      const [own, bobs] = await topics()
      return own === bobs && own !== before
    })
  // Those who stay rotate when somebody has left; whoever removes somebody does at once.
  const [first] = await topics()
  await dave.commands.leaveGroup({ group })
  await untilRotated(first!)
  const [second] = await topics()
  await alice.commands.removeMember({ group, user: carol.user, ban: true })
  await untilRotated(second!)
  await alice.commands.changeSettings({
    group,
    description: 'tea',
    history: 'from-joining',
    picture: PICTURE,
  })
  await alice.until(({ people }) => people === 2)
  await bob.until(({ people, role, maySucceed, description }) => {
    return people === 2 && role === 'admin' && maySucceed && description === 'tea'
  })
  type Look = [unknown, unknown, unknown, string]
  const look = async (device: Device): Promise<Look> => {
    const { online: _, connection: __, ...summary } = await device.group()
    const { people, former } = await device.commands.getPeople({ group })
    const plain = people.map(({ online: _, connection: __, devices: own, ...person }) => ({
      ...person,
      devices: own.map(({ online: _, connection: __, ...one }) => one),
    }))
    const { invites } = await device.commands.getInvites({ group })
    return [
      summary,
      { plain, former },
      invites.map(({ link: _, ...invite }) => invite),
      await topicFor(device, group),
    ]
  }
  const before = [await look(alice), await look(bob)]
  for (const device of [alice, bob]) {
    await device.messenger.close()
    await device.start()
  }
  expect([await look(alice), await look(bob)]).toEqual(before)
  expect(before[0]![0]).toMatchObject({ history: 'from-joining', description: 'tea' })
  const picture = (await bob.group()).picture!
  expect(await bob.commands.getPicture({ picture } satisfies Parameters<Commands['getPicture']>[0])).toEqual({
    data: PICTURE,
  })
})
