/** Everything that goes wrong in a crowd but on its links: drawn from the seed before it happens. */
import type { Crowd } from './crowd.ts'
import type { CrowdPeer } from './crowd-peer.ts'
import type { Faults } from './faults.ts'
import { turnHostile } from './hostiles.ts'
import { pullThePlug, switchOff, switchOn } from './power.ts'

/** Devices that lose their power once, and that are off for half of the time. */
const CRASHED_ONE_IN = 5
const OFFLINE_ONE_IN = 20
/** When the network falls into how many sides; as shares of the time. */
const PARTITIONS = [
  { at: 0.25, sides: 2 },
  { at: 0.6, sides: 3 },
]
const PARTITION_LENGTH = 0.05
/** Neighbours that are met when links come up again. */
const MET = 2

/** endMs: until then the crowd writes; world time. */
export function planTrouble(crowd: Crowd, faults: Faults, endMs: number): void {
  const { random, agenda, peers } = crowd
  const split = PARTITIONS.map(({ at, sides }) => ({
    fromMs: at * endMs,
    toMs: (at + PARTITION_LENGTH) * endMs,
    sides,
  }))
  const partitions = faults.has('partition') ? split : []
  if (faults.has('hostile')) turnHostile(crowd, { endMs, partitions })
  const some = (oneIn: number): CrowdPeer[] => {
    const honest = random.shuffled(peers.filter(({ misdeed }) => !misdeed))
    return honest.slice(0, Math.ceil(peers.length / oneIn))
  }
  if (faults.has('crash'))
    for (const peer of some(CRASHED_ONE_IN))
      agenda.after(random.next() * endMs, () => {
        if (random.chance(0.5)) peer.failsNext = true
        else pullThePlug(crowd, peer)
      })
  if (faults.has('offline'))
    for (const peer of some(OFFLINE_ONE_IN)) {
      const fromMs = random.next() * endMs * 0.5
      agenda.after(fromMs, () => switchOff(crowd, peer))
      agenda.after(fromMs + endMs / 2, () => switchOn(crowd, peer))
    }
  for (const { fromMs, toMs, sides } of partitions) {
    agenda.after(fromMs, () => divide(crowd, sides))
    agenda.after(toMs, () => divide(crowd, 1))
  }
}

/** Everybody is on again, reaches everybody, and behaves. */
export function mend(crowd: Crowd): void {
  crowd.mesh.divide(1)
  crowd.mesh.separate([])
  for (const peer of crowd.peers) {
    switchOn(crowd, peer)
    peer.tame()
  }
}

function divide(crowd: Crowd, sides: number): void {
  crowd.mesh.divide(sides)
  linkAgain(crowd)
}

/** As a script has it; with no sides, everybody reaches everybody again whom no other trouble divides. */
export function separate(crowd: Crowd, sides: readonly (readonly number[])[]): void {
  crowd.mesh.separate(sides)
  linkAgain(crowd)
}

function linkAgain(crowd: Crowd): void {
  const { peers, agenda } = crowd
  for (const peer of peers) {
    peer.endCutSessions()
    peer.undisturbedSinceMs = agenda.nowMs
    // Links that come up bring a look at each other's clocks.
    crowd.meetings.meet(peer, MET, 'link')
  }
}
