/** Bounds of the messenger's small parts. The numbers stand here once more: doubling one is to be noticed. */
import { expect, test } from 'vitest'
import { AppError } from '../../src-main/api/errors.ts'
import { Counters } from '../../src-main/messenger/counters.ts'
import { Links } from '../../src-main/messenger/links.ts'
import { ReferenceClock } from '../../src-main/messenger/reference-clock.ts'
import type { Network } from '../../src-main/network/network.ts'

const HOUR_MS = 3_600_000

/** A network on which nobody answers before the test says so. Addresses are `<peer>/<anything>`. */
function makeDeafNetwork() {
  const dialled: string[] = []
  let giveUp: (() => void)[] = []
  const network = {
    self: 'self',
    peers: () => [],
    peerOf: (address: string) => address.split('/')[0],
    connect: (address: string) => {
      dialled.push(address)
      return new Promise<never>((_, reject) =>
        giveUp.push(() => reject(new AppError('PEER_UNREACHABLE', 'No answer.'))),
      )
    },
  } as Partial<Network> as Network
  return {
    network,
    dialled,
    /** Every dial fails, and whatever follows from it happens. */
    async fail() {
      while (giveUp.length > 0) {
        const due = giveUp
        giveUp = []
        for (const one of due) one()
        for (let turn = 0; turn < 10; turn++) await Promise.resolve()
      }
    },
  }
}

test('dials go out a few at a time', async () => {
  const { network, dialled, fail } = makeDeafNetwork()
  const links = new Links(network, () => {})
  links.learn(Array.from({ length: 20 }, (_, i) => `peer ${i}/a`))
  links.dialDue(0)
  expect(dialled).toHaveLength(8)
  links.dialDue(0)
  expect(dialled).toHaveLength(8)
  await fail()
  links.dialDue(0)
  expect(new Set(dialled).size).toBe(16)
})

test('so many peers are known, and so many addresses of each', async () => {
  const { network, dialled, fail } = makeDeafNetwork()
  const links = new Links(network, () => {})
  links.learn(Array.from({ length: 1_010 }, (_, i) => `peer ${i}/a`))
  links.learn(Array.from({ length: 10 }, (_, i) => `peer 0/${i}`))
  expect(links.addresses()).toHaveLength(1_000 + 1)
  for (let round = 0; round < 200; round++) {
    links.dialDue(0)
    await fail()
  }
  const peers = dialled.map((address) => address.split('/')[0])
  expect(new Set(peers).size).toBe(1_000)
  expect(dialled.filter((address) => address.startsWith('peer 0/'))).toEqual(
    [9, 8, 7, 6, 5, 4].map((i) => `peer 0/${i}`),
  )
})

test('a peer that does not answer is dialled ever more rarely, and never given up', async () => {
  const { network, dialled, fail } = makeDeafNetwork()
  const links = new Links(network, () => {})
  links.learn(['peer/a'])
  const dialledAtMs: number[] = []
  for (let atMs = 0; atMs < 200_000; atMs += 500) {
    const before = dialled.length
    links.dialDue(atMs)
    if (dialled.length > before) dialledAtMs.push(atMs)
    await fail()
  }
  const pauses = dialledAtMs.slice(1).map((atMs, i) => atMs - dialledAtMs[i]!)
  expect(pauses.slice(0, 6)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000])
  expect(new Set(pauses.slice(6))).toEqual(new Set([30_000]))
})

test('bad input is counted for so many peers, and in sum for all', () => {
  const counters = new Counters()
  for (let i = 0; i < 1_010; i++) counters.refuse('malformed', `peer ${i}`)
  counters.refuse('malformed', 'peer 0')
  const { rejected, rejectedByPeer } = counters.report()
  expect(rejected).toEqual({ malformed: 1_011 })
  expect(Object.keys(rejectedByPeer)).toHaveLength(1_000)
  expect(rejectedByPeer['peer 0']).toEqual({ malformed: 2 })
})

test('the reference clock goes with the neighbours, never behind the own, and by a day at most', () => {
  const clock = new ReferenceClock(() => 0)
  clock.note('slow', -5 * HOUR_MS)
  expect(clock.now()).toBe(0)
  clock.note('right', HOUR_MS)
  clock.note('mad', 1_000 * HOUR_MS)
  expect(clock.now()).toBe(HOUR_MS)
  clock.forget('slow')
  clock.forget('right')
  expect(clock.now()).toBe(24 * HOUR_MS)
  clock.forget('mad')
  expect(clock.now()).toBe(0)
})
