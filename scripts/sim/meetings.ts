/** Who syncs with whom in a crowd, and when: as Messenger does it, but for the pace of what happens anyway. */
import { askingFor, type Question } from '../../src-main/core/gaps.ts'
import type { Crowd } from './crowd.ts'
import type { CrowdPeer } from './crowd-peer.ts'
import { askForMissing, Session, type SessionParts } from './crowd-sync.ts'
import type { Occasion } from './tally.ts'

/** Messenger looks at somebody every 5 s; gossip loses little, and hundreds of peers are many. */
const ANTI_ENTROPY_MS = 60 * 60_000
/** Whoever meets several neighbours does not begin with all of them at once. */
const MAX_HESITATION_MS = 5_000

export class Meetings {
  readonly #crowd: Crowd
  readonly #parts: SessionParts
  /** One at a time for any two. */
  readonly #running = new Set<string>()

  constructor(crowd: Crowd) {
    const { agenda, crypto, mesh, archive } = crowd
    this.#crowd = crowd
    this.#parts = {
      agenda,
      sha256: crypto.sha256,
      delayMs: () => mesh.delayMs(),
      isLinked: (one, other) => mesh.isLinked(one.index, other.index),
      bytesOf: ({ id }) => archive.get(id)!.bytes,
      take: (peer, events, from) => crowd.take(peer, events, from),
      catchUp: (peer) => crowd.catchUp(peer),
      handOn: (peer, from, events) => crowd.handOn(peer, from, events),
    }
  }

  /** Neighbours that can be reached, in random order. */
  linked(peer: CrowdPeer): CrowdPeer[] {
    const { mesh, random, peers } = this.#crowd
    const linked = mesh.neighbours[peer.index]!.filter((other) => mesh.isLinked(peer.index, other))
    return random.shuffled(linked).map((index) => peers[index]!)
  }

  /** Begins sessions with so many neighbours soon. */
  meet(peer: CrowdPeer, count: number, occasion: Occasion): void {
    const { agenda, random } = this.#crowd
    for (const other of this.linked(peer).slice(0, count))
      agenda.after(random.between(0, MAX_HESITATION_MS), () => this.#sync(peer, other, occasion))
  }

  /** Once in an hour, for good. */
  meetNowAndThen(peer: CrowdPeer): void {
    const { agenda, random } = this.#crowd
    const again = () => {
      this.meet(peer, 1, 'routine')
      agenda.after(ANTI_ENTROPY_MS, again)
    }
    agenda.after(random.between(0, ANTI_ENTROPY_MS), again)
  }

  ask(peer: CrowdPeer, question: Question): void {
    const linked = new Map(this.linked(peer).map((other) => [other.name, other]))
    const missing = peer.engine.missing()
    const { peers, forAll } = askingFor(question, missing, [...linked.keys()])
    for (const name of peers) {
      const other = linked.get(name)!
      if (forAll) this.#sync(peer, other, 'gap')
      // While much is on its way, what is missing is probably among it: as Syncing.ask() has it.
      else if (!peer.catchUp.progress && !peer.asking.has(other)) {
        this.#crowd.tally.questions++
        askForMissing(peer, other, missing, this.#parts)
      }
    }
  }

  #sync(a: CrowdPeer, b: CrowdPeer, occasion: Occasion): void {
    const { mesh, tally } = this.#crowd
    const slot = `${Math.min(a.index, b.index)} ${Math.max(a.index, b.index)}`
    if (this.#running.has(slot) || !mesh.isLinked(a.index, b.index)) return
    this.#running.add(slot)
    tally.sessions[occasion]++
    new Session(a, b, this.#parts, () => this.#running.delete(slot))
  }
}
