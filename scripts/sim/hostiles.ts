/** Hostile members of a crowd: what they do to whom, and when. What they write, forger.ts knows. */
import type { Crowd } from './crowd.ts'
import type { CrowdPeer } from './crowd-peer.ts'
import { Forger, MISDEEDS, type Misdeed } from './forger.ts'

const HOSTILE_ONE_IN = 50
/** Times that each of them does it. Poison makes everybody ask around for ten minutes. */
const OCCASIONS = 12
const POISONINGS = 1
/** So many messages somebody writes by hand: more than are held of a device that nobody answers. */
export const DEFIANCES = 40
/** A little beyond what is taken at once, up to what is due before the world ends. */
const AHEAD_MS: [from: number, to: number] = [11 * 60_000, 3 * 60 * 60_000]

/** World time. */
interface Span {
  fromMs: number
  toMs: number
}

export interface Plan {
  endMs: number
  partitions: readonly Span[]
}

/** The last ones: the founder and the members with a badly wrong clock stay honest. */
export function turnHostile(crowd: Crowd, plan: Plan): void {
  const { peers } = crowd
  const wanted = Math.max(MISDEEDS.length, Math.ceil(peers.length / HOSTILE_ONE_IN))
  for (let i = 0; i < Math.min(peers.length >> 1, wanted); i++)
    turn(crowd, peers[peers.length - 1 - i]!, MISDEEDS[i % MISDEEDS.length]!, plan)
}

function turn(crowd: Crowd, peer: CrowdPeer, misdeed: Misdeed, { endMs, partitions }: Plan): void {
  const { random, agenda, mesh } = crowd
  peer.misdeed = misdeed
  mesh.isSilent[peer.index] = misdeed === 'withhold'
  peer.forger = forgerOf(crowd, peer)
  const isFork = misdeed === 'fork'
  const whole = { fromMs: 0, toMs: endMs }
  for (let i = misdeed === 'poison' ? POISONINGS : OCCASIONS; i > 0; i--) {
    // While the network is whole, both branches of a fork meet before anybody has answered one.
    const { fromMs, toMs } = isFork && partitions.length > 0 ? random.pick(partitions) : whole
    agenda.after(fromMs + random.next() * (toMs - fromMs), () => {
      if (!peer.forger || !mesh.isOn[peer.index]) return
      if (isFork) return fork(crowd, peer, peer.forger)
      for (const bytes of peer.forger.write(misdeed, peer.nowMs())) slip(crowd, peer, bytes)
    })
  }
}

/**
 * A device writes on by hand, whatever its engine knows of a removal: the next messages of its chain, without any notice of
 * that, and dated back.
 */
export function defy(crowd: Crowd, peer: CrowdPeer, endMs: number): void {
  const { agenda, random, mesh } = crowd
  const forger = forgerOf(crowd, peer)
  peer.isDefiant = true
  peer.forger = forger
  for (let i = 0; i < DEFIANCES; i++)
    agenda.after(random.next() * (endMs - agenda.nowMs), () => {
      if (!peer.forger || !mesh.isOn[peer.index]) return
      for (const bytes of forger.write('behind', peer.nowMs())) slip(crowd, peer, bytes)
    })
}

/** Goes on where the device has come to. */
function forgerOf({ group, crypto, random }: Crowd, { key, tag, engine: { history } }: CrowdPeer): Forger {
  const last = history.chain(tag, 'm').at(-1)
  return new Forger({
    group,
    tag,
    sha256: crypto.sha256,
    sign: (id) => crypto.sign(id, key.secretKey),
    random,
    aheadMs: AHEAD_MS,
    entrance: history.at(tag, 'c', 1)!,
    tip: last && { seq: last.seq, previous: last.id, hlc: last.hlc },
  })
}

/** Hands bytes to everybody it reaches. */
function slip(crowd: Crowd, peer: CrowdPeer, bytes: Uint8Array): void {
  const { archive, agenda, mesh } = crowd
  const filed = archive.file(bytes, agenda.nowMs, false)
  if (filed) {
    crowd.take(peer, [bytes], peer)
    mesh.publish(peer.index, filed.index, agenda.nowMs)
  } else for (const other of crowd.meetings.linked(peer)) crowd.take(other, [bytes], peer)
}

/** It has a foot on either side: each branch goes on to one that answers what has been said there. */
function fork(crowd: Crowd, peer: CrowdPeer, forger: Forger): void {
  const { archive, agenda, mesh, random, peers } = crowd
  const reachable = random.shuffled(peers.filter((one) => mesh.isOn[one.index] && !one.misdeed))
  const [near] = reachable
  const far = reachable.find((one) => mesh.side[one.index] !== mesh.side[near!.index]) ?? reachable[1]
  if (!near || !far) return
  const heads = [near, far].map(({ engine }) => [...engine.history.heads.values()])
  const branches = forger.write('fork', peer.nowMs(), heads)
  for (const [i, bytes] of branches.entries()) {
    const target = [near, far][i]!
    const { index } = archive.file(bytes, agenda.nowMs, false)!
    if (crowd.take(target, [bytes], peer).news > 0) mesh.publish(target.index, index, agenda.nowMs)
  }
}
