/** What hostile members do by forking, to somebody who comes later. */
import { expect, test } from 'vitest'
import { MAX_REJECTED_PER_SESSION } from '../../src-main/core/limits.ts'
import { MAX_TEXT_SIZE_BYTES } from '../../src-main/messenger/content.ts'
import type { Messenger } from '../../src-main/messenger/messenger.ts'
import { MAX_FRAME_SIZE_BYTES } from '../../src-main/network/network.ts'
import { makeScene } from '../helpers/hostile-members.ts'
import { forkedIn, until } from '../helpers/messengers.ts'

/** Resolves when this member knows of so many forks. */
const untilForked = (messenger: Messenger, count: number) =>
  until(messenger, async () => {
    const [office] = (await messenger.commands.getState()).groups
    return office!.joined && (await forkedIn(messenger, office!.id)).length === count
  })

test('a newcomer learns of any number of large forks', async () => {
  //  each of them  ┬─ 1      together too large for one frame
  //                └─ 1'
  const hostile = Math.ceil(MAX_FRAME_SIZE_BYTES / (2 * MAX_TEXT_SIZE_BYTES)) + 1
  const { alice, group, start, invite, forge, gossip } = await makeScene({ hostile })
  // She cites their entrances, which therefore stay.
  await alice.commands.post({ group, text: 'welcome' })
  for (let member = 0; member < hostile; member++)
    for (const letter of ['a', 'b'])
      await gossip(forge(letter.repeat(MAX_TEXT_SIZE_BYTES), { seq: 1, member }))
  await untilForked(alice, hostile)
  const bob = await start('Bob')
  await bob.commands.joinGroup({ invite })
  await untilForked(bob, hostile)
})

test('no session ends because of proofs that nothing else follows from', async () => {
  //  each of them  ┬─ 1      both commit to a past that never was
  //                └─ 1'
  const hostile = MAX_REJECTED_PER_SESSION + 6
  const { alice, group, start, invite, forge, gossip } = await makeScene({ hostile })
  await alice.commands.post({ group, text: 'welcome' })
  for (let member = 0; member < hostile; member++)
    for (const letter of ['a', 'b'])
      await gossip(forge(letter, { seq: 1, member, commit: new Uint8Array(16) }))
  await untilForked(alice, hostile)
  const bob = await start('Bob')
  await bob.commands.joinGroup({ invite })
  await untilForked(bob, hostile)
  const { rejected } = await bob.operator.getDiagnostics()
  expect(rejected['too-many-refused']).toBeUndefined()
})
