/** A device that was removed, on real libp2p, made by hand: it has its key, its whole store and every secret it ever had. */
import { expect, onTestFinished, test } from 'vitest'
import type { GroupId } from '../../src-main/api/contract.ts'
import { decodeBatch } from '../../src-main/core/batch.ts'
import { toHex } from '../../src-main/core/bytes.ts'
import { chainOf, decodeEvent, deviceTag, KIND, type Event } from '../../src-main/core/event.ts'
import { epochOf } from '../../src-main/core/secrets/derivations.ts'
import type { Epochs } from '../../src-main/core/secrets/epochs.ts'
import { Seals } from '../../src-main/core/secrets/sealing.ts'
import { decodeFrame, encodeFrame, type Frame } from '../../src-main/core/sync.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { encodeCredential, REFUSALS } from '../../src-main/messenger/admission.ts'
import { helloProof } from '../../src-main/messenger/membership.ts'
import { createLibp2pNetwork } from '../../src-main/network/libp2p/node.ts'
import { eventRange } from '../../src-main/storage/keys.ts'
import type { Storage } from '../../src-main/storage/storage.ts'
import { LOOPBACK } from '../helpers/large-group.ts'
import { epochsOf, peopleOf, startMessenger, texts, topicOf, until } from '../helpers/messengers.ts'
import { Witness } from '../helpers/witness.ts'

async function start(name: string) {
  const running = await startMessenger(name)
  onTestFinished(() => running.messenger.close())
  const { messenger } = running
  const untilSays = (group: GroupId, text: string) =>
    until(messenger, async () => (await texts(messenger, group)).includes(text))
  const untilPeople = (group: GroupId, count: number) =>
    until(messenger, async () => {
      const people = await peopleOf(messenger, group)
      return people.filter(({ role, name }) => role !== undefined && name.length > 1).length === count
    })
  return { ...running, untilSays, untilPeople }
}

async function eventsIn(storage: Storage, group: GroupId): Promise<Event[]> {
  const events: Event[] = []
  for await (const [, bytes] of storage.range(eventRange(group)))
    events.push((decodeEvent(bytes, group, crypto.sha256) as { event: Event }).event)
  return events
}

/** Whether any of these secrets opens an event, whichever epoch it says it is of. */
function opens(epochs: Epochs, group: GroupId, event: Event): boolean {
  const seals = new Seals({ group, self: event.tag, epochs, primitives: crypto })
  return epochs.all.some(({ founder }) => 'plaintext' in seals.open(event, epochOf(founder)))
}

test('a removed device with all it ever had is given nothing that was written since, and could not read it', async () => {
  const [alice, bob, mallory] = [await start('alice'), await start('bob'), await start('mallory')]
  const { commands } = alice.messenger
  const { id: group } = await commands.createGroup({ name: 'office' })
  const { invite } = await commands.createInvite({ group })
  for (const { messenger } of [bob, mallory]) await messenger.commands.joinGroup({ invite })
  for (const one of [alice, bob, mallory]) await one.untilPeople(group, 3)
  await commands.post({ group, text: 'before' })
  for (const one of [bob, mallory]) await one.untilSays(group, 'before')

  const oldSecrets = await epochsOf(mallory.storage, group)
  const oldTopic = await topicOf(mallory.storage, group)
  const { user } = (await mallory.messenger.commands.getState()).identity
  await mallory.messenger.close()
  await commands.removeMember({ group, user, ban: false })
  for (const one of [alice, bob]) await one.untilPeople(group, 2)

  // Her key, on a network of her own; she listens where she always has, and where the group is now she does not know.
  const network = createLibp2pNetwork({ secretKey: mallory.key.secretKey, ...LOOPBACK })
  const hand = await new Witness(network).start()
  onTestFinished(() => network.stop())
  network.join(oldTopic)
  for (const { address } of [alice, bob]) await network.connect(address)
  await commands.post({ group, text: 'we are among us' })
  await bob.untilSays(group, 'we are among us')
  await bob.messenger.commands.post({ group, text: 'so it seems' })
  await alice.untilSays(group, 'so it seems')

  const controls = (await eventsIn(alice.storage, group)).filter(({ kind }) => chainOf(kind) === 'c')
  const removal = controls.findIndex(({ kind }) => kind === KIND.remove)
  const led = new Set(controls.slice(0, removal + 1).map(({ id }) => id))
  const tags = [alice, bob, mallory].map(({ key }) => deviceTag(key.publicKey, crypto.sha256))
  const ranges = tags.flatMap((tag) =>
    (['c', 'm'] as const).map((chain) => ({ tag, chain, from: 1, to: 99 })),
  )
  const held = (await eventsIn(alice.storage, group)).map(({ id }) => id)
  const epochs = (await epochsOf(alice.storage, group)).all.map(({ founder }) => epochOf(founder))
  const credential = encodeCredential({ type: 'member' })
  const got: Event[] = []
  for (const { key } of [alice, bob]) {
    const peer = toHex(key.publicKey)
    const proof = helloProof(group, network.self, peer, crypto)
    const ask = async (frame: Frame): Promise<Frame[]> => {
      const stream = await network.openStream(peer)
      await stream.send(encodeFrame(frame))
      await stream.close()
      const answer: Frame[] = []
      try {
        for await (const bytes of stream.frames) answer.push(decodeFrame(bytes)!)
      } catch {
        // A refusal is followed by nothing, not even an end.
      }
      for (const { events } of answer.filter((one) => one.type === 'events'))
        for (const bytes of events)
          got.push((decodeEvent(bytes, group, crypto.sha256) as { event: Event }).event)
      return answer
    }
    const hello = { incarnation: new Uint8Array(8), wallClockMs: Date.now(), digest: new Uint8Array(32) }
    const greeted = await ask({ type: 'hello', proof, credential, ...hello })
    expect(greeted).toMatchObject([{ type: 'refuse', reason: REFUSALS.indexOf('removed') }])
    const asked = await ask({ type: 'keys', proof, credential, epochs })
    expect(asked).toMatchObject([{ type: 'refuse' }])
    await ask({ type: 'ask', proof, ranges, heads: [] })
    await ask({ type: 'ask', proof, ranges: [], heads: held })
  }
  // She is told why she is out, and nothing else.
  expect(got.map(({ id }) => id).filter((id) => !led.has(id))).toEqual([])
  expect(got.some(({ kind }) => kind === KIND.remove)).toBe(true)
  const gossip = hand.batches.flatMap((batch) => decodeBatch(batch, group, crypto.sha256) ?? [])
  expect(gossip.filter(({ kind }) => chainOf(kind) === 'm')).toEqual([])
  // Nor would it help her to steal a disk.
  const messages = (await eventsIn(bob.storage, group)).filter(({ kind }) => kind === KIND.message)
  expect(messages.map((event) => opens(oldSecrets, group, event))).toEqual([true, false, false])
  const newSecrets = await epochsOf(bob.storage, group)
  expect(messages.map((event) => opens(newSecrets, group, event))).toEqual([true, true, true])
})
