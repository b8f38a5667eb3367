/** What goes round in a group by gossip: what is taken of it, what is handed on, and who is asked for what it lacks. */
import type { GroupId } from '../api/contract.ts'
import { decodeBatch } from '../core/batch.ts'
import type { Moment } from '../core/engine.ts'
import type { Event } from '../core/event.ts'
import { askingFor, type Question } from '../core/gaps.ts'
import type { Crypto } from '../crypto/crypto.ts'
import type { PeerKey, Verdict } from '../network/network.ts'
import type { Counters } from './counters.ts'
import type { OpenGroup } from './open-group.ts'
import type { Syncing } from './syncing.ts'

export interface GossipingParts {
  groups: ReadonlyMap<GroupId, OpenGroup>
  crypto: Pick<Crypto, 'sha256'>
  syncing: Pick<Syncing, 'start' | 'ask'>
  counters: Counters
  /** Admitted neighbours, in random order. */
  admitted(group: GroupId): PeerKey[]
  now(): Moment
  /** Something went wrong that nobody waits for. */
  onFailure(error: unknown): void
}

export class Gossiping {
  readonly #parts: GossipingParts

  constructor(parts: GossipingParts) {
    this.#parts = parts
  }

  groupOf(topic: string): OpenGroup | undefined {
    for (const open of this.#parts.groups.values()) if (open.keyring.topics.includes(topic)) return open
    return undefined
  }

  /** Takes in what came under a topic. Resolves to whether it is to be forwarded; never rejects. */
  async take(topic: string, from: PeerKey, data: Uint8Array): Promise<Verdict> {
    const { crypto, counters, now, onFailure } = this.#parts
    const open = this.groupOf(topic)
    if (!open) return 'ignore'
    const events = decodeBatch(data, open.log.group, crypto.sha256)
    if (!events) {
      counters.refuse('malformed', from)
      return 'reject'
    }
    if (open.log.arrivals.isFull) {
      counters.refuse('busy', from)
      return 'ignore'
    }
    try {
      const { verdict, news, written } = await open.log.receive(events, from, now)
      written.catch(onFailure)
      return verdict === 'accept' && !this.#relays(open, news) ? 'ignore' : verdict
    } catch (error) {
      onFailure(error)
      return 'ignore'
    }
  }

  /** Tells the others what came by another way than gossip, and perhaps only here. */
  handOn(open: OpenGroup | undefined, events: readonly Event[]): void {
    if (!open) return
    for (const event of events) if (this.#relays(open, [event])) open.outbox.push(event)
  }

  /** Turns to neighbours for what waiting events lack. */
  ask(group: GroupId, question: Question): void {
    const { groups, admitted, syncing } = this.#parts
    const open = groups.get(group)
    if (!open) return
    const missing = open.log.engine.missing()
    const { peers, forAll } = askingFor(question, missing, admitted(group))
    for (const peer of peers)
      if (forAll) syncing.start(group, peer)
      else void syncing.ask(group, peer, missing)
  }

  #relays({ relay }: OpenGroup, events: readonly Event[]): boolean {
    const authors = events.map(({ tag }) => tag)
    return relay.allows(authors, this.#parts.now().atMs)
  }
}
