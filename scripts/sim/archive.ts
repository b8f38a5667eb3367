/** Every event of a world once: numbered, decoded once for all peers, with what its author says about it. */
import type { DeviceTag, EventId } from '../../src-main/api/contract.ts'
import {
  chainOf,
  decodeEvent,
  type DecodeResult,
  type Event,
  type Sha256,
} from '../../src-main/core/event.ts'

/** A decoded event that all peers share. */
export interface Filed extends Event {
  /** 0, 1, 2… in the order in which the events of the world came up. */
  index: number
}

export class Archive {
  readonly events: Filed[] = []
  /** When it was handed to the network or, never published, found in a log; world time. */
  readonly publishedMs: number[] = []
  readonly isHonest: boolean[] = []
  /** Peers where it has been delivered, or will be without waiting; a bit each. */
  readonly #settled: Uint8Array[] = []
  readonly #parents: (readonly number[] | undefined)[] = []
  readonly #places = new Map<string, number>()
  readonly #group: string
  readonly #peers: number
  readonly #sha256: Sha256
  readonly #decoded = new Map<Uint8Array, DecodeResult>()
  readonly #byId = new Map<EventId, Filed>()
  readonly #tags = new Map<DeviceTag, DeviceTag>()

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

  file(bytes: Uint8Array, nowMs: number, isHonest: boolean): Filed | undefined {
    const result = this.decode(bytes)
    if ('reason' in result) return undefined
    const { index } = result.event as Filed
    this.publishedMs[index] = nowMs
    this.isHonest[index] = isHonest
    return result.event as Filed
  }

  /** Numbers of the events that one of the message chain cites; undefined while one of them has not come up. */
  parentsOf(event: number): readonly number[] | undefined {
    return (this.#parents[event] ??= this.#findParents(this.events[event]!))
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

  #findParents({ tag, seq, deps, controlHeads }: Filed): number[] | undefined {
    const dots = seq > 1 ? [{ tag, seq: seq - 1 }, ...deps] : deps
    const parents = [
      ...dots.map((dot) => this.#places.get(`${dot.tag} ${dot.seq}`)),
      ...(controlHeads ?? []).map((id) => this.#byId.get(id)?.index),
    ]
    return parents.every((parent) => parent !== undefined) ? parents : undefined
  }

  get(id: EventId): Filed | undefined {
    return this.#byId.get(id)
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
      const place = `${filed.tag} ${filed.seq}`
      if (chainOf(filed.kind) === 'm' && !this.#places.has(place)) this.#places.set(place, index)
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
