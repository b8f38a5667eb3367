/** A data folder that was restored from a backup, or lost its store, never goes on where its device had been. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Messenger } from '../../src-main/messenger/messenger.ts'
import { openMessenger } from '../../src-main/messenger/opening.ts'
import { forkedIn, peopleOf, texts, until } from '../helpers/messengers.ts'

async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tapri-restored-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function open(dataFolder: string, name: string): Promise<Messenger> {
  const messenger = await openMessenger({ dataFolder, name, listen: ['/ip4/127.0.0.1/tcp/0'], mdns: false })
  onTestFinished(() => messenger.close())
  return messenger
}

const deviceOf = async ({ commands }: Messenger) => (await commands.getState()).device
const groupOf = async ({ commands }: Messenger) => (await commands.getState()).groups[0]!
const isJoined = (messenger: Messenger) => until(messenger, async () => (await groupOf(messenger)).joined)

/** Alice is online; bob, in a folder of his own, is in her group. */
async function makeScene() {
  const folder = await freshFolder()
  const [alice, bob] = [await open(await freshFolder(), 'alice'), await open(folder, 'bob')]
  const { id: group } = await alice.commands.createGroup({ name: 'office' })
  const { invite } = await alice.commands.createInvite({ group })
  await bob.commands.joinGroup({ invite })
  await isJoined(bob)
  const post = async (from: Messenger, text: string) => {
    await from.commands.post({ group, text })
    await until(alice, async () => (await texts(alice, group)).includes(text))
  }
  return { alice, bob, folder, group, post }
}

test('a folder restored from a backup gets its messages back, and becomes a new device', async () => {
  const { alice, bob, folder, group, post } = await makeScene()
  await post(bob, 'one')
  const device = await deviceOf(bob)
  await bob.close()
  const backup = await freshFolder()
  await cp(folder, backup, { recursive: true })
  const later = await open(folder, 'bob')
  expect(await deviceOf(later)).toBe(device)
  await post(later, 'two')
  await later.close()

  const restored = await open(backup, 'bob')
  expect(await deviceOf(restored)).toBe(device)
  await until(restored, async () => (await texts(restored, group)).includes('two'))
  const refused = { code: 'DEVICE_RETIRED' }
  await expect(restored.commands.post({ group, text: 'lost' })).rejects.toMatchObject(refused)
  await expect(restored.commands.createGroup({ name: 'lost' })).rejects.toMatchObject(refused)
  await restored.close()

  const renewed = await open(backup, 'bob')
  expect(await deviceOf(renewed)).not.toBe(device)
  await isJoined(renewed)
  await post(renewed, 'three')
  expect(await texts(alice, group)).toEqual(['one', 'two', 'three'])
  const people = await peopleOf(alice, group)
  // A further device of the same person, whose key lies in the folder.
  expect(people.map(({ name, devices }) => [name, devices.map(({ forked }) => forked)])).toEqual([
    ['alice', [false]],
    ['bob', [false, false]],
  ])
  await renewed.close()
  const again = await open(backup, 'bob')
  expect(await deviceOf(again)).toBe(await deviceOf(renewed))
})

test('what a restored folder writes before it meets anybody is a fork of the old device, and of nobody else', async () => {
  const { alice, bob, folder, group, post } = await makeScene()
  const device = await deviceOf(bob)
  await bob.close()
  const backup = await freshFolder()
  await cp(folder, backup, { recursive: true })
  const later = await open(folder, 'bob')
  await post(later, 'two')
  await post(alice, 'answer to two')
  await later.close()

  const restored = await open(backup, 'bob')
  await restored.operator.setReachable({ peers: [] })
  await restored.commands.post({ group, text: 'another two' }).catch(() => {})
  await restored.operator.setReachable({ peers: 'all' })
  await until(alice, async () => (await forkedIn(alice, group)).length > 0)
  expect(await forkedIn(alice, group)).toEqual([device])
  expect(await texts(alice, group)).toEqual(['two', 'answer to two'])
})

test('windows are told when a message that they show is hidden by a fork', async () => {
  const { alice, bob, folder, group, post } = await makeScene()
  await bob.close()
  const backup = await freshFolder()
  await cp(folder, backup, { recursive: true })
  const later = await open(folder, 'bob')
  await post(later, 'nobody answered this')
  await later.close()
  const changed = new Promise<unknown>((resolve) =>
    alice.onUpdate((name, argument) => name === 'timelineChanged' && resolve(argument)),
  )

  const restored = await open(backup, 'bob')
  await restored.operator.setReachable({ peers: [] })
  await restored.commands.post({ group, text: 'nor this' })
  await restored.operator.setReachable({ peers: 'all' })
  expect(await changed).toEqual({ group })
  expect(await texts(alice, group)).toEqual([])
})

test('a folder that lost its store is a new device, and catches up when it is invited again', async () => {
  const { alice, bob, folder, group, post } = await makeScene()
  await post(bob, 'one')
  await post(alice, 'two')
  const device = await deviceOf(bob)
  await bob.close()
  await rm(join(folder, 'store'), { recursive: true })
  const empty = await open(folder, 'bob')
  expect(await deviceOf(empty)).not.toBe(device)
  const { invite } = await alice.commands.createInvite({ group })
  await empty.commands.joinGroup({ invite })
  await isJoined(empty)
  await until(empty, async () => (await texts(empty, group)).length === 2)
  await post(empty, 'three')
  expect(await texts(alice, group)).toEqual(['one', 'two', 'three'])
  expect(await texts(empty, group)).toEqual(['one', 'two', 'three'])
  const people = await peopleOf(alice, group)
  // A further device of the same person, whose key lies in the folder.
  expect(people.map(({ name, devices }) => [name, devices.map(({ forked }) => forked)])).toEqual([
    ['alice', [false]],
    ['bob', [false, false]],
  ])
})

test('a key without the store that it belongs to is not used again', async () => {
  const { bob, folder } = await makeScene()
  const device = await deviceOf(bob)
  await bob.close()
  await rm(join(folder, 'store'), { recursive: true })
  const empty = await open(folder, 'bob')
  expect(await deviceOf(empty)).not.toBe(device)
  await empty.close()
  expect(await deviceOf(await open(folder, 'bob'))).toBe(await deviceOf(empty))
})
