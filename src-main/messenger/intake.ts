/** Takes in what one stream brings, a little at a time; fails when too much of it is refused. */
import type { DeviceTag, EventId } from '../api/contract.ts'
import { fromHex } from '../core/bytes.ts'
import type { Outcome } from '../core/catch-up.ts'
import { unheardOf } from '../core/citations.ts'
import type { Moment } from '../core/engine.ts'
import { deviceTag, type Event } from '../core/event.ts'
import { MAX_PASSING_PER_SESSION, MAX_REJECTED_PER_SESSION, MAX_UNHEARD } from '../core/limits.ts'
import type { PeerKey } from '../network/network.ts'
import { Fault } from './frames.ts'
import type { GroupLog, Taken } from './group-log.ts'

/** Events taken in before the event loop turns: some 10 ms. */
const EVENTS_PER_TURN = 64
/** Signatures of so many turns are verified while the turn before them is taken in. */
const TURNS_AHEAD = 2

export class Intake {
  readonly #log: GroupLog
  readonly #peer: PeerKey
  readonly #now: () => Moment
  /** The peer's device. */
  readonly #tag: DeviceTag
  /** The last of what it wrote itself and was news. */
  readonly #own = new Map<EventId, Event>()
  #refused = 0
  #passing = 0

  constructor(log: GroupLog, peer: PeerKey, now: () => Moment) {
    this.#log = log
    this.#peer = peer
    this.#now = now
    this.#tag = deviceTag(fromHex(peer), log.engine.sha256)
  }

  /** What gossip has not brought and this stream has, from its author: perhaps nobody else has heard of it. */
  unheard(): Event[] {
    if (this.#own.size === 0) return []
    return unheardOf(this.#tag, this.#log.engine.history).flatMap(({ id }) => this.#own.get(id) ?? [])
  }

  /** Resolves when they are on disk. */
  async take(events: readonly Uint8Array[]): Promise<Outcome> {
    const outcome = { news: events.length, waiting: 0 }
    const arriving: Promise<Taken>[] = []
    const takeIn = async (limit: number): Promise<void> => {
      while (arriving.length > limit) {
        const { refused, passing, duplicates, waiting, news, written } = await arriving.shift()!
        outcome.news -= refused + passing + duplicates
        outcome.waiting += waiting
        this.#refused += refused
        this.#passing += passing
        if (this.#refused > MAX_REJECTED_PER_SESSION || this.#passing > MAX_PASSING_PER_SESSION)
          throw new Fault('too-many-refused')
        await written
        for (const event of news) this.#note(event)
      }
    }
    for (let i = 0; i < events.length; i += EVENTS_PER_TURN) {
      const taken = this.#log.receive(events.slice(i, i + EVENTS_PER_TURN), this.#peer, this.#now)
      // It is looked at below, unless something before it ends the session.
      taken.catch(() => {})
      arriving.push(taken)
      // A newcomer knows nobody's key until the first events are taken in.
      await takeIn(this.#log.engine.roster.isFounded ? TURNS_AHEAD : 0)
    }
    await takeIn(0)
    return outcome
  }

  #note(event: Event): void {
    if (event.tag !== this.#tag) return
    this.#own.set(event.id, event)
    if (this.#own.size > MAX_UNHEARD) this.#own.delete(this.#own.keys().next().value!)
  }
}
