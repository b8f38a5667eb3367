/** What a crowd has come to: whether everybody shows the same, and all that honest members wrote. */
import type { EventId } from '../../src-main/api/contract.ts'
import { toHex } from '../../src-main/core/bytes.ts'
import { Resolver } from '../../src-main/core/control/resolver.ts'
import { chainOf, KIND } from '../../src-main/core/event.ts'
import { isShown, timelineKey } from '../../src-main/core/timeline.ts'
import type { Archive } from './archive.ts'
import type { Crowd } from './crowd.ts'
import type { CrowdPeer } from './crowd-peer.ts'

/** Timelines of so many peers are built event by event, as a window does. */
const INSERTED_TIMELINES = 3

export interface CrowdVerdict {
  violations: string[]
  violationCount: number
  /** Honest events missing somewhere, in the end. */
  lost: number
  identicalTimelines: boolean
  /** Waiting somewhere, in the end. */
  pending: number
}

/** Every witness shows as much as everybody else, and nothing waits. */
export function isQuiet(crowd: Crowd): boolean {
  for (const peer of crowd.peers) crowd.catchUp(peer)
  const shownBy = ({ engine: { history } }: CrowdPeer) => history.log.length - history.forks.hiddenCount
  const witnesses = crowd.peers.filter(({ isWitness }) => isWitness)
  const [first] = witnesses
  return (
    crowd.mesh.isIdle &&
    witnesses.every(
      (peer) =>
        shownBy(peer) === shownBy(first!) &&
        peer.engine.history.forks.tags.length === first!.engine.history.forks.tags.length &&
        peer.engine.pending().length === 0 &&
        !peer.engine.awaitsDate,
    )
  )
}

export function judge(crowd: Crowd): CrowdVerdict {
  const { oracle, archive, peers } = crowd
  const roster = toHex(peers[0]!.engine.roster.digest())
  for (const { index, engine } of peers) {
    const { events } = oracle.peers[index]!
    if (
      engine.history.log.length !== events.length ||
      !events.every((event, i) => engine.history.log[i]!.id === archive.events[event]!.id)
    )
      oracle.violate(index, 'its engine remembers something else than it delivered')
    if (toHex(engine.roster.digest()) !== roster) oracle.violate(index, 'its roster is another')
  }
  const cutOff = cutOffIn(crowd)
  const visible = oracle.visible(oracle.peers[0]!.events, judgeForks(crowd), cutOff)
  const written = archive.events.filter(({ index }) => archive.isHonest[index] && !cutOff.has(index)).length
  let lost = 0
  let identicalTimelines = true
  for (const { index, engine, isWitness } of peers) {
    const { log, forks } = engine.history
    let [shown, honest] = [0, 0]
    for (const [i, event] of oracle.peers[index]!.events.entries()) {
      if (!log[i] || !forks.isVisible(log[i])) continue
      if (visible.has(event)) shown++
      else if (isWitness) identicalTimelines = false
      if (archive.isHonest[event] && !cutOff.has(event)) honest++
    }
    if (shown !== visible.size) identicalTimelines = false
    lost += written - honest
  }
  const timeline = oracle.timeline(visible, isShown)
  if (!oracle.isLinearExtension(timeline)) oracle.violate(0, 'the timeline is not a linear extension')
  // Equal sets: the timelines differ only if the place of an event depends on when it came.
  if (identicalTimelines)
    for (const { index } of crowd.random.shuffled(peers).slice(0, INSERTED_TIMELINES)) {
      const inserted = insertAll(crowd, index, visible)
      if (inserted.every((event, i) => event === timeline[i])) continue
      identicalTimelines = false
      oracle.violate(index, 'its timeline is another')
    }
  const pending = peers.reduce((sum, { engine }) => sum + engine.pending().length, 0)
  const { violations, violationCount } = oracle
  return { violations, violationCount, lost, identicalTimelines, pending }
}

/**
 * What lies beyond a cut, given all that anybody holds. What an event had seen is read from its citations here; what
 * follows is decided by rules that tests of their own compare with others (test/core/control).
 */
function cutOffIn({ archive, oracle, peers, cutTags, group }: Crowd): Set<number> {
  const cutOff = new Set<number>()
  if (cutTags.size === 0) return cutOff
  const { roster } = peers[0]!.engine
  const resolver = new Resolver(group)
  for (const { engine } of peers)
    for (const operation of engine.roster.resolver.operations()) resolver.add(operation)
  const { members } = resolver
  if (
    members.size !== roster.members.size ||
    [...members].some(([user, role]) => roster.members.get(user) !== role)
  )
    oracle.violate(0, 'its roster is not what all control events come to')
  for (const { index, id, tag, kind, seq } of archive.events) {
    if (!cutTags.has(tag)) continue
    if (chainOf(kind) === 'm') {
      const past = [...oracle.past(index)].map((event) => archive.events[event]!)
      const heads = past.filter((event) => resolver.has(event.id)).map((event) => event.id)
      const { user } = roster.device(tag)!
      if (resolver.isBeyondCut({ user, device: tag, seq, heads })) cutOff.add(index)
    } else if (resolver.has(id) && resolver.cancelledBy(id).some((by) => kindOf(archive, by) !== KIND.role))
      cutOff.add(index)
  }
  return cutOff
}

const kindOf = (archive: Archive, id: EventId) => archive.get(id)!.kind

/** Everybody knows of the same forks, and of all that can be proved; they are hostile members. Returns the devices. */
function judgeForks({ oracle, archive, peers }: Crowd): Set<string> {
  const forked = new Set(peers[0]!.engine.history.forks.tags)
  for (const { index, engine } of peers)
    if (engine.history.forks.tags.join() !== [...forked].join())
      oracle.violate(index, 'it knows of other forks')
  for (const { index, tag, misdeed } of peers)
    if (forked.has(tag) && !misdeed) oracle.violate(index, 'it never forked, and is said to have')
  for (const siblings of archive.siblings()) {
    const known = siblings.filter((event) =>
      peers.some(({ index, isWitness }) => isWitness && oracle.has(index, event)),
    )
    if (known.length > 1 && !forked.has(archive.events[known[0]!]!.tag))
      oracle.violate(0, `nobody noticed that events ${known.join(' and ')} stand in one place`)
  }
  return forked
}

/** The timeline of a peer as it grows, event by event. */
function insertAll({ oracle, archive }: Crowd, peer: number, visible: ReadonlySet<number>): number[] {
  const sorted: { key: string; event: number }[] = []
  for (const event of oracle.peers[peer]!.events) {
    const filed = archive.events[event]!
    if (!isShown(filed.kind) || !visible.has(event)) continue
    const key = timelineKey(filed) + filed.id
    // From the end: most things come about when they happened.
    const at = sorted.findLastIndex((one) => one.key < key) + 1
    sorted.splice(at, 0, { key, event })
  }
  return sorted.map(({ event }) => event)
}
