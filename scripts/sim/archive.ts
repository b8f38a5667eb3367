/** Every event of a world once: numbered, decoded once for all peers, with what it cites. */
import type { DeviceTag, EventId } from '../../src-main/api/contract.ts'
import { equalBytes } from '../../src-main/core/bytes.ts'
import {
  chainOf,
  commitTo,
  decodeEvent,
  type Chain,
  type DecodeResult,
  type Event,
  type Sha256,
} from '../../src-main/core/event.ts'
import type { Entry } from '../../src-main/core/history.ts'

/** A decoded event that all peers share. */
export interface Filed extends Event {
  /** 0, 1, 2… in the order in which the events of the world came up. */
  index: number
}

const NOWHERE: readonly number[] = []

export class Archive {
  readonly events: Filed[] = []
  /** When it was handed to the network or, never published, could first be found in a log; world time. */
  readonly publishedMs: number[] = []
  readonly isHonest: boolean[] = []
  /** Devices with different events in one place of a chain, whoever has seen them. */
  readonly branching = new Set<DeviceTag>()
  /** Peers where it has been delivered, or will be without waiting; a bit each. */
  readonly #settled: Uint8Array[] = []
  readonly #parents: (readonly number[] | undefined)[] = []
  readonly #places = new Map<string, number[]>()
  readonly #group: string
  readonly #peers: number
  readonly #sha256: Sha256
  readonly #decoded = new Map<Uint8Array, DecodeResult>()
  readonly #byId = new Map<EventId, Filed>()
  readonly #tags = new Map<DeviceTag, DeviceTag>()
  readonly #entries = new Map<EventId, Entry>()

  constructor(group: string, sha256: Sha256, peers: number) {
    this.#group = group
    this.#peers = peers
    this.#sha256 = sha256
  }

  /** decodeEvent for all engines of the world: the same bytes give the same object. */
  decode(bytes: Uint8Array): DecodeResult {
    let result = this.#decoded.get(bytes)
    if (!result) this.#decoded.set(bytes, (result = this.#file(bytes)))
    return result
  }

  /** One entry for all engines of the world that think the same of an event. */
  share(entry: Entry): Entry {
    const known = this.#entries.get(entry.id)
    if (!known) this.#entries.set(entry.id, entry)
    return known && isEqual(known, entry) ? known : entry
  }

  file(bytes: Uint8Array, nowMs: number, isHonest: boolean): Filed | undefined {
    const result = this.decode(bytes)
    if ('reason' in result) return undefined
    const { index } = result.event as Filed
    this.publishedMs[index] = nowMs
    this.isHonest[index] = isHonest
    return result.event as Filed
  }

  get(id: EventId): Filed | undefined {
    return this.#byId.get(id)
  }

  /** Numbers of the events that one cites, by its commitment; undefined while one of them has not come up. */
  parentsOf(event: number): readonly number[] | undefined {
    return (this.#parents[event] ??= this.#findParents(this.events[event]!))
  }

  /** Different events of one place, for each place where there are any. */
  *siblings(): Generator<readonly number[]> {
    for (const events of this.#places.values()) if (events.length > 1) yield events
  }

  settle(event: number, peer: number, isSettled: boolean): void {
    const bits = (this.#settled[event] ??= new Uint8Array((this.#peers + 7) >> 3))
    if (isSettled) bits[peer >> 3]! |= 1 << (peer & 7)
    else bits[peer >> 3]! &= ~(1 << (peer & 7))
  }

  isSettled(event: number, peer: number): boolean {
    const bits = this.#settled[event]
    return bits !== undefined && (bits[peer >> 3]! & (1 << (peer & 7))) !== 0
  }

  #findParents({ tag, kind, seq, deps, controlHeads, commit }: Filed): number[] | undefined {
    const heads = (controlHeads ?? []).map((id) => this.#byId.get(id)?.index)
    if (!heads.every((head) => head !== undefined)) return undefined
    const places = deps.map((dot) => this.#at('m', dot.tag, dot.seq))
    if (seq > 1) places.unshift(this.#at(chainOf(kind), tag, seq - 1))
    for (const cited of ways(places)) {
      const ids = cited.map((parent) => this.events[parent]!.id)
      const previous = seq > 1 ? ids.shift() : undefined
      if (equalBytes(commit, commitTo(previous, ids, controlHeads, this.#sha256))) return [...cited, ...heads]
    }
    return undefined
  }

  #at(chain: Chain, tag: DeviceTag, seq: number): readonly number[] {
    return this.#places.get(placeOf(chain, tag, seq)) ?? NOWHERE
  }

  /** The same event under another signature is the same event to every engine, and keeps its number. */
  #file(bytes: Uint8Array): DecodeResult {
    const result = decodeEvent(bytes, this.#group, this.#sha256)
    if ('reason' in result) return result
    const { event } = result
    const index = this.#byId.get(event.id)?.index ?? this.events.length
    const deps = event.deps.map(({ tag, seq }) => ({ tag: this.#same(tag), seq }))
    const filed: Filed = { ...event, tag: this.#same(event.tag), deps, index }
    if (index === this.events.length) {
      this.events.push(filed)
      this.#byId.set(filed.id, filed)
      const place = placeOf(chainOf(filed.kind), filed.tag, filed.seq)
      const others = this.#places.get(place)
      if (others) this.branching.add(filed.tag)
      this.#places.set(place, [...(others ?? []), index])
    }
    return { event: filed }
  }

  /** One text for equal texts. */
  #same(tag: DeviceTag): DeviceTag {
    const known = this.#tags.get(tag)
    if (known === undefined) this.#tags.set(tag, tag)
    return known ?? tag
  }
}

/** Entries of one event: what follows from its bytes is equal, and what an engine found out must be. */
function isEqual(one: Entry, other: Entry): boolean {
  return haveSame(one.parents, other.parents) && haveSame(one.seen?.heads ?? [], other.seen?.heads ?? [])
}

function haveSame<T>(some: readonly T[], others: readonly T[]): boolean {
  if (some.length !== others.length) return false
  for (let i = 0; i < some.length; i++) if (some[i] !== others[i]) return false
  return true
}

function placeOf(chain: Chain, tag: DeviceTag, seq: number): string {
  return `${chain}${tag}${seq}`
}

/** One of each, in all ways. */
function* ways(places: readonly (readonly number[])[]): Generator<number[]> {
  const [first, ...rest] = places
  if (!first) return void (yield [])
  for (const one of first) for (const others of ways(rest)) yield [one, ...others]
}
