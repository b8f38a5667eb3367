/** What nobody reads who should not: from the wire, from disks, with old secrets; and how the others come to read it. */
import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { GroupId, Message } from '../../src-main/api/contract.ts'
import { toHex } from '../../src-main/core/bytes.ts'
import { chainOf, decodeEvent, KIND, type Event } from '../../src-main/core/event.ts'
import type { Epochs } from '../../src-main/core/secrets/epochs.ts'
import { Seals } from '../../src-main/core/secrets/sealing.ts'
import { certify } from '../../src-main/core/control/bodies.ts'
import { epochOf } from '../../src-main/core/secrets/derivations.ts'
import { decodeFrame, encodeFrame, type Frame } from '../../src-main/core/sync.ts'
import { identityOf } from '../../src-main/crypto/identity.ts'
import { openKeystore } from '../../src-main/crypto/keystore.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'
import { encodeCredential, inviteCredential, type Credential } from '../../src-main/messenger/admission.ts'
import { decodeInvite, helloProof } from '../../src-main/messenger/membership.ts'
import type { Messenger } from '../../src-main/messenger/messenger.ts'
import { openMessenger } from '../../src-main/messenger/opening.ts'
import { createMemoryNetwork } from '../../src-main/network/memory.ts'
import type { FrameStream, Network } from '../../src-main/network/network.ts'
import { eventRange } from '../../src-main/storage/keys.ts'
import { openLevelStorage } from '../../src-main/storage/level.ts'
import { openMemoryStorage } from '../../src-main/storage/memory.ts'
import { LOOPBACK } from '../helpers/large-group.ts'
import { epochsOf, until } from '../helpers/messengers.ts'
import { Witness } from '../helpers/witness.ts'
import { Device, makeOffice } from '../helpers/offices.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Passes on everything, and notes every byte that crosses. */
function tapped(network: Network, note: (bytes: Uint8Array) => void): Network {
  const tap = (stream: FrameStream): FrameStream => ({
    ...stream,
    peer: stream.peer,
    frames: stream.frames,
    send: (frame) => {
      note(frame)
      return stream.send(frame)
    },
    close: () => stream.close(),
    abort: (reason) => stream.abort(reason),
  })
  const methods = new Map<string | symbol, unknown>([
    ['publish', (topic: string, data: Uint8Array) => (note(data), network.publish(topic, data))],
    ['openStream', async (peer: string) => tap(await network.openStream(peer))],
    [
      'start',
      (handlers: Parameters<Network['start']>[0]) =>
        network.start({ ...handlers, onStream: (stream) => handlers.onStream(tap(stream)) }),
    ],
  ])
  return new Proxy(network, {
    get(target, name) {
      const method: unknown = methods.get(name) ?? Reflect.get(target, name)
      return typeof method === 'function' && !methods.has(name) ? method.bind(target) : method
    },
  })
}

async function messagesOf({ commands }: Pick<Device, 'commands'>, group: GroupId): Promise<Message[]> {
  const { messages } = await commands.getTimeline({ group, limit: 200 })
  return messages.filter(({ kind }) => kind === 'message')
}

/** Events of a message chain, as they lie on a disk. */
async function sealedOn({ disk }: Device, group: GroupId): Promise<Event[]> {
  const events: Event[] = []
  for await (const [, bytes] of openMemoryStorage(disk).range(eventRange(group))) {
    const { event } = decodeEvent(bytes, group, crypto.sha256) as { event: Event }
    if (chainOf(event.kind) === 'm') events.push(event)
  }
  return events
}

/** What these secrets open of an event; undefined for nothing. */
function openedWith(epochs: Epochs, group: GroupId, event: Event): Uint8Array | undefined {
  const seals = new Seals({ group, self: event.tag, epochs, primitives: crypto })
  // As one who does not care which epoch it says it is of.
  for (const { founder } of epochs.all) {
    const opened = seals.open(event, epochOf(founder))
    if ('plaintext' in opened) return opened.plaintext
  }
  return undefined
}

test('the wire and the disks hold no text, no name and no title', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tapri-secrecy-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const secrets = {
    title: 'Kettle conspiracy',
    description: 'who brings the samovar',
    alice: 'Alicia Quibble',
    bob: 'Bobbert Flange',
    text: 'the marmalade is behind the radiator',
    draft: 'unsent confession about biscuits',
    emoji: '🫖',
  }
  const open = async (name: 'alice' | 'bob') => {
    const messenger = await openMessenger({
      ...LOOPBACK,
      dataFolder: join(folder, name),
      name: secrets[name],
    })
    onTestFinished(() => messenger.close())
    return messenger
  }
  const [alice, bob] = [await open('alice'), await open('bob')]
  const { title, description, text, emoji } = secrets
  const { id: group } = await alice.commands.createGroup({ name: title, description })
  const { invite } = await alice.commands.createInvite({ group })
  await bob.commands.joinGroup({ invite })
  const isJoined = async () => (await bob.commands.getState()).groups[0]!.joined
  await until(bob, isJoined)
  const { id } = await alice.commands.post({ group, text })
  await until(bob, async () => (await messagesOf(bob, group)).some((one) => one.text === text))
  await bob.commands.react({ group, target: id, emoji, on: true })
  await bob.commands.saveDraft({ group, draft: { text: secrets.draft } })
  const isReacted = async () => (await messagesOf(alice, group))[0]!.reactions.length === 1
  await until(alice, isReacted)
  await Promise.all([alice.close(), bob.close()])

  const found: string[] = []
  const search = (bytes: Uint8Array, where: string) => {
    for (const [what, secret] of Object.entries(secrets))
      if (Buffer.from(bytes).includes(secret)) found.push(`${what} in ${where}`)
  }
  const phrases: string[] = []
  for (const name of ['alice', 'bob']) {
    // The files as they are, and what the store says of its records: blocks of files may be compressed.
    for (const file of await readdir(join(folder, name), { recursive: true, withFileTypes: true }))
      if (file.isFile()) search(readFileSync(join(file.parentPath, file.name)), `${name}/${file.name}`)
    const store = await openLevelStorage(join(folder, name, 'store'))
    let records = 0
    for await (const [key, value] of store.range({ from: Uint8Array.of(0), to: Uint8Array.of(0xff) })) {
      search(key, `${name}: a key`)
      search(value, `${name}: record ${String.fromCharCode(key[0]!)}`)
      records++
    }
    expect(records).toBeGreaterThan(10)
    await store.close()
    const { secrets: kept } = await openKeystore(join(folder, name), crypto)
    phrases.push(toHex(kept.entropy))
  }
  expect(found).toEqual([])
  expect(new Set(phrases).size).toBe(2)
})

test('whoever forwards for others sees no text, no name and no title', async () => {
  const { hub, clocks } = await makeOffice('nobody')
  const crossed: Uint8Array[] = []
  const start = (name: string): Promise<Device> => {
    const device = new Device(hub, name, clocks)
    return device.start((network) => tapped(network, (bytes) => void crossed.push(bytes.slice())))
  }
  const [alice, bob] = [await start('Alicia Quibble'), await start('Bobbert Flange')]
  const { id: group } = await alice.commands.createGroup({ name: 'Kettle conspiracy' })
  const { invite } = await alice.commands.createInvite({ group })
  await bob.commands.joinGroup({ invite })
  await bob.until(({ joined }) => joined)
  await alice.commands.post({ group, text: 'the marmalade is behind the radiator' })
  await bob.untilSays('the marmalade is behind the radiator')
  await bob.commands.post({ group, text: 'and the toast' })
  await alice.untilSays('and the toast')
  expect(crossed.length).toBeGreaterThan(20)
  const all = Buffer.concat(crossed)
  for (const secret of ['marmalade', 'and the toast', 'Quibble', 'Flange', 'conspiracy'])
    expect(all.includes(secret)).toBe(false)
})

test('whoever was removed reads nothing more, with every secret that they ever had', async () => {
  const { devices, group } = await makeOffice('alice', 'bob', 'mallory')
  const [alice, bob, mallory] = devices as [Device, Device, Device]
  await alice.commands.post({ group, text: 'before' })
  await mallory.untilSays('before')
  const old = await epochsOf(openMemoryStorage(mallory.disk), group)
  await alice.commands.removeMember({ group, user: mallory.user, ban: false })
  await alice.commands.post({ group, text: 'after' })
  await bob.until(({ people }) => people === 2)
  await bob.commands.post({ group, text: 'now we can talk' })
  await alice.untilSays('now we can talk')
  await bob.untilSays('after')
  const written = (await sealedOn(alice, group)).filter(({ kind }) => kind === KIND.message)
  expect(written).toHaveLength(3)
  // She gets hold of everything that lies on alice's disk.
  expect(written.map((event) => openedWith(old, group, event) !== undefined)).toEqual([true, false, false])
  const now = await epochsOf(openMemoryStorage(alice.disk), group)
  expect(written.every((event) => openedWith(now, group, event) !== undefined)).toBe(true)
})

test('whoever writes when somebody has just left makes a new secret first', async () => {
  const { devices, group } = await makeOffice('alice', 'bob', 'carol')
  const [alice, bob, carol] = devices as [Device, Device, Device]
  const old = await epochsOf(openMemoryStorage(carol.disk), group)
  await carol.commands.leaveGroup({ group })
  await bob.until(({ people }) => people === 2)
  await bob.commands.post({ group, text: 'she is gone' })
  await alice.untilSays('she is gone')
  const written = (await sealedOn(alice, group)).filter(({ kind }) => kind === KIND.message)
  expect(written.map((event) => openedWith(old, group, event))).toEqual([undefined])
})

test('where history begins with joining, a newcomer reads names and what comes, not what was', async () => {
  const { devices, group, newcomer } = await makeOffice('alice', 'bob')
  const [alice, bob] = devices as [Device, Device]
  await alice.commands.changeSettings({ group, history: 'from-joining', name: 'New office' })
  const { id } = await alice.commands.post({ group, text: 'old secret' })
  await bob.untilSays('old secret')
  await bob.commands.react({ group, target: id, emoji: '👍', on: true })
  const { invite } = await alice.commands.createInvite({ group })
  const carol = await newcomer('carol')
  await carol.commands.joinGroup({ invite })
  await carol.until(({ joined, name }) => joined && name === 'New office')
  await alice.until(({ people }) => people === 3)
  await alice.commands.post({ group, text: 'welcome' })
  await carol.untilSays('welcome')
  await carol.commands.post({ group, text: 'thanks' })
  await bob.untilSays('thanks')
  const seen = await messagesOf(carol, group)
  expect(seen.map(({ text, locked }) => [text, locked])).toEqual([
    ['', 'before-joining'],
    ['welcome', undefined],
    ['thanks', undefined],
  ])
  expect(seen[0]).toMatchObject({ author: 'alice', reactions: [] })
  expect((await carol.group()).unread).toBe(1)
  // And not even her disk could tell.
  const have = await epochsOf(openMemoryStorage(carol.disk), group)
  const [first] = (await sealedOn(carol, group)).filter(({ kind }) => kind === KIND.message)
  expect(openedWith(have, group, first!)).toBeUndefined()
  await carol.reopen()
  expect((await messagesOf(carol, group)).map(({ locked }) => locked)[0]).toBe('before-joining')
  // The others read on, and when the group changes its mind, so does she.
  await alice.commands.changeSettings({ group, history: 'all' })
  await carol.untilSays('old secret')
  expect((await messagesOf(carol, group))[0]!.reactions).toMatchObject([{ emoji: '👍', people: ['bob'] }])
})

test('messages disappear after their time, and then nobody’s disk can bring them back', async () => {
  const { devices, group, clocks } = await makeOffice('alice', 'bob')
  const [alice, bob] = devices as [Device, Device]
  await alice.commands.changeSettings({ group, disappearAfterMs: DAY_MS })
  await alice.commands.post({ group, text: 'gone tomorrow' })
  await bob.untilSays('gone tomorrow')
  clocks.nowMs += DAY_MS + 1_000
  for (const device of [alice, bob]) {
    expect((await messagesOf(device, group)).map(({ text, locked }) => [text, locked])).toEqual([
      ['', 'expired'],
    ])
    expect((await device.people()).map(({ name }) => name).sort()).toEqual(['alice', 'bob'])
  }
  // Somebody renews the secret now and then; a day after that the old one is given up.
  await bob.commands.renewKeys({ group })
  await alice.commands.post({ group, text: 'a new day' })
  await bob.untilSays('a new day')
  clocks.nowMs += DAY_MS + 1_000
  for (const device of [alice, bob]) {
    const first = (await sealedOn(device, group)).find(({ kind }) => kind === KIND.message)!
    await device.until(
      async () =>
        openedWith(await epochsOf(openMemoryStorage(device.disk), group), group, first) === undefined,
    )
    await device.reopen()
    expect((await messagesOf(device, group)).every(({ locked }) => locked === 'expired')).toBe(true)
    expect((await device.people()).map(({ name }) => name).sort()).toEqual(['alice', 'bob'])
    expect((await device.group()).name).toBe('office')
  }
})

test('secrets are given to members alone, however somebody asks for them', async () => {
  const { devices, group, hub, invite } = await makeOffice('alice')
  const [alice] = devices as [Device]
  const epochs = [...(await epochsOf(openMemoryStorage(alice.disk), group)).all].map(({ founder }) =>
    epochOf(founder),
  )
  const stranger = crypto.keyPair()
  const peer = toHex(stranger.publicKey)
  const witness = await new Witness(createMemoryNetwork(hub, peer)).start()
  onTestFinished(() => witness.network.stop())
  await witness.network.connect(`memory/${alice.peer}`)
  const proof = helloProof(group, peer, alice.peer, crypto)
  const ask = async (credential: Credential): Promise<Frame | undefined> => {
    const stream = await witness.network.openStream(alice.peer)
    await stream.send(encodeFrame({ type: 'keys', proof, credential: encodeCredential(credential), epochs }))
    for await (const frame of stream.frames) return decodeFrame(frame)
    return undefined
  }
  expect(await ask({ type: 'member' })).toMatchObject({ type: 'refuse' })
  // Whoever has an invite may sync, and enter; before that there are no keys.
  const { keys } = identityOf(crypto.randomBytes(32), crypto)
  const own = certify(stranger.publicKey, keys, crypto.sign)
  const invited = inviteCredential(group, decodeInvite(invite, crypto), own, crypto)
  expect(await ask(invited)).toEqual({ type: 'secrets', secrets: [] })
})

test('a secret that is a week old is renewed, and one that is not stays', async () => {
  const { devices, group, clocks } = await makeOffice('alice', 'bob')
  const [alice, bob] = devices as [Device, Device]
  const secretsOf = async ({ disk }: Device) => (await epochsOf(openMemoryStorage(disk), group)).all.length
  const before = await secretsOf(alice)
  clocks.nowMs += 6 * DAY_MS
  await alice.commands.post({ group, text: 'still the same' })
  await bob.untilSays('still the same')
  expect(await secretsOf(alice)).toBe(before)
  clocks.nowMs += 2 * DAY_MS
  for (const device of [alice, bob]) await device.until(async () => (await secretsOf(device)) > before)
  await bob.commands.post({ group, text: 'a fresh one' })
  await alice.untilSays('a fresh one')
})

test('a second device of a person gets the keys, and reads everything', async () => {
  const { devices, group, invite, newcomer } = await makeOffice('alice', 'bob')
  const [alice, bob] = devices as [Device, Device]
  await alice.commands.post({ group, text: 'hello' })
  await bob.untilSays('hello')
  const phone = await newcomer('alice', alice.identity)
  await phone.commands.joinGroup({ invite })
  await phone.untilSays('hello')
  await phone.until(({ joined }) => joined)
  await phone.commands.post({ group, text: 'from the phone' })
  await bob.untilSays('from the phone')
})

test('a folder under a passphrase opens with it alone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tapri-locked-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const open = async (passphrase?: string): Promise<Messenger> => {
    const messenger = await openMessenger({ ...LOOPBACK, dataFolder: folder, name: 'Alice', passphrase })
    onTestFinished(() => messenger.close())
    return messenger
  }
  const first = await open()
  await first.commands.createGroup({ name: 'office' })
  expect(await first.commands.getState()).toMatchObject({ protection: 'none', hasKeychain: false })
  await first.commands.setPassphrase({ passphrase: 'correct horse' })
  expect(await first.commands.getState()).toMatchObject({ protection: 'passphrase' })
  await first.close()
  await expect(open()).rejects.toMatchObject({ code: 'KEYS_LOCKED' })
  await expect(open('wrong horse')).rejects.toMatchObject({ code: 'WRONG_PASSPHRASE' })
  const again = await open('correct horse')
  expect((await again.commands.getState()).groups[0]).toMatchObject({ name: 'office' })
  await again.commands.setPassphrase({})
  await again.close()
  expect((await (await open()).commands.getState()).protection).toBe('none')
})
