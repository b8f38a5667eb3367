/** Devices of a crowd that are switched off and on, with and without a farewell, and what is on their disks then. */
import type { Crowd } from './crowd.ts'
import type { CrowdPeer } from './crowd-peer.ts'

/** Deliveries that a power cut takes along, at most: they were not on disk yet. */
const MAX_TORN = 30
const MAX_OFF_MS = 600_000
/** Neighbours that are met as soon as the device is on again. */
const MET = 3

export function switchOff(crowd: Crowd, peer: CrowdPeer): void {
  const { mesh } = crowd
  if (!mesh.isOn[peer.index]) return
  crowd.catchUp(peer)
  mesh.isOn[peer.index] = false
  peer.life++
  peer.isTicking = false
  peer.endCutSessions()
}

/** Nothing is left but the disk. */
export function switchOn(crowd: Crowd, peer: CrowdPeer): void {
  const { mesh, oracle, archive, tally } = crowd
  if (mesh.isOn[peer.index]) return
  mesh.isOn[peer.index] = true
  mesh.forget(peer.index)
  peer.restart()
  peer.undisturbedSinceMs = crowd.agenda.nowMs
  for (const [i, event] of oracle.peers[peer.index]!.events.entries()) {
    const restored = peer.engine.restore(archive.events[event]!.bytes)
    tally.restored++
    if ('reason' in restored) {
      oracle.violate(peer.index, `its log does not follow at ${i + 1}: ${restored.reason}`)
      break
    }
  }
  for (const { events } of peer.proofs.values())
    if (!peer.engine.restoreProof(...events)) oracle.violate(peer.index, 'a proof proves nothing')
  crowd.meetings.meet(peer, MET, 'link')
}

/**
 * Own events are on disk, and what came before them; of what came after, the last may not be. unpublished: the event
 * that nobody else has seen when that happens.
 */
export function pullThePlug(crowd: Crowd, peer: CrowdPeer, unpublished?: number): void {
  const { mesh, oracle, archive, tally, random, agenda } = crowd
  if (!mesh.isOn[peer.index]) return
  const { index, tag } = peer
  tally.crashes++
  switchOff(crowd, peer)
  const here = oracle.peers[index]!
  const ownN = 1 + peer.engine.history.log.findLastIndex((entry) => entry.tag === tag)
  const kept = Math.max(ownN, here.length - random.between(0, MAX_TORN))
  for (const event of here.events.subarray(kept)) archive.settle(event, index, false)
  oracle.truncated(index, kept)
  for (const [forked, { at }] of peer.proofs) if (at > kept) peer.proofs.delete(forked)
  agenda.after(random.between(1, MAX_OFF_MS), () => {
    if (unpublished !== undefined) archive.publishedMs[unpublished] = agenda.nowMs
    switchOn(crowd, peer)
  })
}
