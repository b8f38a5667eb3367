/**
 * Watches a crowd and knows nothing of the engine: it reads what events cite, and counts. Every delivery is judged when
 * it happens.
 *
 * 1. An event is delivered once, and after all that it cites: its device's previous event, its dots, its control heads.
 *    Which event is meant, where a device forked, the commitment tells; one that fits nothing is not delivered.
 * 2. What an honest event cites, and what that cites, is exactly what its author had delivered of members that never
 *    forked: nothing is forgotten and nothing claimed. The oracle has clocks of its own for that. Events that cite as
 *    many as they can are left out, and what was written by people who may be removed: whoever knows of a removal
 *    cites nothing that lies beyond its cut.
 * 3. Dates grow along citations, so that sorting by date, device, chain and number keeps every order there is.
 * 4. Shown is what members wrote that never forked and that no removal cuts off, and all of its past, but for what is
 *    cut off; of the others' nothing else.
 */
import type { DeviceTag } from '../../src-main/api/contract.ts'
import { chainOf } from '../../src-main/core/event.ts'
import { MAX_DEPS } from '../../src-main/core/limits.ts'
import type { Archive } from './archive.ts'

const MAX_SENTENCES = 20
/** Clocks of this many numbers are affordable; in larger worlds the second rule is checked of the first events only. */
const MAX_CLOCK_CELLS = 200_000_000

/** What one peer has delivered: its log as it would be on disk, and how far of each device that writes messages. */
export class Delivered {
  log = new Uint32Array(64)
  length = 0
  readonly messages: Uint32Array
  /** A bit per event. */
  has = new Uint8Array(64)

  constructor(writers: number) {
    this.messages = new Uint32Array(writers)
  }

  /** Numbers of the events, in order. */
  get events(): Uint32Array {
    return this.log.subarray(0, this.length)
  }
}

export class Oracle {
  readonly peers: Delivered[]
  readonly violations: string[] = []
  violationCount = 0
  readonly #archive: Archive
  /** Whoever wrote a message, numbered as they appear. */
  readonly #writers = new Map<DeviceTag, number>()
  readonly #tags: DeviceTag[] = []
  /** Of each event, its author's number; -1 for control events. */
  readonly #writerOf: number[] = []
  readonly #clocks: Uint16Array[] = []
  #clockCells = 0
  readonly #peerCount: number
  readonly #cutTags: ReadonlySet<DeviceTag>

  /** cutTags: devices of which something may lie beyond a cut. */
  constructor(archive: Archive, peers: number, cutTags: ReadonlySet<DeviceTag> = new Set()) {
    this.#archive = archive
    this.#cutTags = cutTags
    this.#peerCount = peers
    this.peers = Array.from({ length: peers }, () => new Delivered(peers))
  }

  violate(peer: number, sentence: string): void {
    this.violationCount++
    if (this.violations.length < MAX_SENTENCES) this.violations.push(`peer ${peer}: ${sentence}`)
  }

  /** A peer handed this event on. */
  delivered(peer: number, event: number): void {
    const here = this.peers[peer]!
    if (bit(here.has, event)) this.violate(peer, `event ${event} was delivered twice`)
    const parents = this.#archive.parentsOf(event)
    if (!parents) this.violate(peer, `event ${event} was delivered and commits to a past that does not exist`)
    else
      for (const parent of parents)
        if (!bit(here.has, parent))
          this.violate(peer, `event ${event} came before event ${parent}, which it cites`)
    const writer = this.#writer(event)
    if (writer >= 0)
      here.messages[writer] = Math.max(here.messages[writer]!, this.#archive.events[event]!.seq)
    append(here, event)
  }

  /** A peer wrote this event; it has been delivered to itself. */
  written(peer: number, event: number): void {
    const { deps } = this.#archive.events[event]!
    if (this.#writer(event) < 0 || deps.length >= MAX_DEPS || this.#clockCells >= MAX_CLOCK_CELLS) return
    const { messages } = this.peers[peer]!
    const clock = this.#clockOf(event)
    for (const [writer, tag] of this.#tags.entries()) {
      const [cites, had] = [clock[writer], messages[writer]]
      if (cites === had || this.#archive.branching.has(tag) || this.#cutTags.has(tag)) continue
      return this.violate(peer, `event ${event} covers ${cites} of device ${tag}, and its author had ${had}`)
    }
  }

  /** A peer lost the end of its log. */
  truncated(peer: number, length: number): void {
    const here = this.peers[peer]!
    for (; here.length > length; here.length--) {
      const event = here.log[here.length - 1]!
      const writer = this.#writer(event)
      if (writer >= 0) here.messages[writer] = this.#archive.events[event]!.seq - 1
      here.has[event >> 3]! &= ~(1 << (event & 7))
    }
  }

  has(peer: number, event: number): boolean {
    return bit(this.peers[peer]!.has, event)
  }

  /** Of these events of one peer's log those that every screen must show, when these devices forked and this is cut off. */
  visible(
    events: Uint32Array,
    forked: ReadonlySet<DeviceTag>,
    cutOff: ReadonlySet<number> = new Set(),
  ): Set<number> {
    const kept = new Set<number>()
    // From the end: whoever cites an event comes after it.
    for (const event of events.toReversed()) {
      if (!forked.has(this.#archive.events[event]!.tag) && !cutOff.has(event)) kept.add(event)
      if (kept.has(event)) for (const parent of this.#archive.parentsOf(event) ?? []) kept.add(parent)
    }
    return new Set([...kept].filter((event) => !cutOff.has(event)))
  }

  /** Everything that an event cites, directly or not. */
  past(event: number): Set<number> {
    const past = new Set<number>()
    const open = [event]
    for (let next = open.pop(); next !== undefined; next = open.pop())
      for (const parent of this.#archive.parentsOf(next) ?? [])
        if (!past.has(parent)) {
          past.add(parent)
          open.push(parent)
        }
    return past
  }

  /** Numbers of all shown events among these, in the order in which every screen must show them. */
  timeline(events: Iterable<number>, isShown: (kind: number) => boolean): number[] {
    const filed = this.#archive.events
    const shown = [...events].filter((event) => isShown(filed[event]!.kind))
    return shown.sort((x, y) => {
      const [a, b] = [filed[x]!, filed[y]!]
      if (a.hlc !== b.hlc) return a.hlc < b.hlc ? -1 : 1
      if (a.tag !== b.tag) return a.tag < b.tag ? -1 : 1
      if (chainOf(a.kind) !== chainOf(b.kind)) return chainOf(a.kind) === 'c' ? -1 : 1
      return a.seq - b.seq || (a.id < b.id ? -1 : 1)
    })
  }

  /** Whether each of these stands after everything that it cites. */
  isLinearExtension(timeline: readonly number[]): boolean {
    const place = new Map(timeline.map((event, i) => [event, i]))
    return timeline.every((event, i) =>
      this.#archive.parentsOf(event)?.every((parent) => (place.get(parent) ?? -1) < i),
    )
  }

  #writer(event: number): number {
    return (this.#writerOf[event] ??= this.#findWriter(event))
  }

  #findWriter(event: number): number {
    const { tag, kind } = this.#archive.events[event]!
    if (chainOf(kind) === 'c') return -1
    const known = this.#writers.get(tag)
    if (known !== undefined) return known
    this.#writers.set(tag, this.#tags.length)
    return this.#tags.push(tag) - 1
  }

  /** How far each writer's messages go in the past of this one, itself included. */
  #clockOf(event: number): Uint16Array {
    const stack = [event]
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (this.#clocks[top]) {
        stack.pop()
        continue
      }
      const parents = (this.#archive.parentsOf(top) ?? []).filter((parent) => this.#writer(parent) >= 0)
      const unknown = parents.filter((parent) => !this.#clocks[parent])
      if (unknown.length > 0) {
        stack.push(...unknown)
        continue
      }
      stack.pop()
      const clock = new Uint16Array(this.#peerCount)
      for (const parent of parents) {
        const other = this.#clocks[parent]!
        for (let i = 0; i < other.length; i++) if (other[i]! > clock[i]!) clock[i] = other[i]!
      }
      clock[this.#writer(top)] = this.#archive.events[top]!.seq
      this.#clocks[top] = clock
      this.#clockCells += clock.length
    }
    return this.#clocks[event]!
  }
}

function bit(bits: Uint8Array, at: number): boolean {
  return (bits[at >> 3]! & (1 << (at & 7))) !== 0
}

function append(here: Delivered, event: number): void {
  if (here.length === here.log.length) {
    const larger = new Uint32Array(2 * here.length)
    larger.set(here.log)
    here.log = larger
  }
  here.log[here.length++] = event
  if (event >> 3 >= here.has.length) {
    const larger = new Uint8Array(2 * Math.max(here.has.length, event >> 3))
    larger.set(here.has)
    here.has = larger
  }
  here.has[event >> 3]! |= 1 << (event & 7)
}
