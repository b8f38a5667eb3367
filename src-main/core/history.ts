/**
 * What this device has delivered of one group: the causal graph, without bodies.
 *
 * 1. log[i].n = i + 1, and everything an entry cites stands before it.
 * 2. A chain is gapless: chain(tag, c)[i].seq = i + 1.
 * 3. heads are the message entries that no delivered message cites; controlHeads likewise for the control chain.
 */
import type { DeviceTag, EventId } from '../api/contract.ts'
import { Writer } from './bytes.ts'
import { chainOf, type Chain, type Dot, type Event, type Sha256 } from './event.ts'
import type { Hlc } from './hlc.ts'

/** One delivered event, as the graph needs it. */
export interface Entry {
  /** Local delivery index: 1, 2, 3… */
  n: number
  id: EventId
  kind: number
  tag: DeviceTag
  seq: number
  hlc: Hlc
  deps: readonly Dot[]
  controlHeads: readonly EventId[] | undefined
}

/** How far a device's chains have been delivered here. */
export interface Progress {
  tag: DeviceTag
  messages: number
  controls: number
}

const NOTHING: readonly Entry[] = []

export class History {
  readonly log: Entry[] = []
  readonly heads = new Map<EventId, Entry>()
  readonly controlHeads = new Map<EventId, Entry>()
  /** The latest reading that was delivered. */
  latest: Hlc = 0n
  readonly #byId = new Map<EventId, Entry>()
  readonly #chains: Record<Chain, Map<DeviceTag, Entry[]>> = { m: new Map(), c: new Map() }
  #digest: { n: number; value: Uint8Array } | undefined

  get(id: EventId): Entry | undefined {
    return this.#byId.get(id)
  }

  /** Delivered events of one device, in order of seq. */
  chain(tag: DeviceTag, chain: Chain): readonly Entry[] {
    return this.#chains[chain].get(tag) ?? NOTHING
  }

  at(tag: DeviceTag, chain: Chain, seq: number): Entry | undefined {
    return this.chain(tag, chain)[seq - 1]
  }

  previousOf(event: { tag: DeviceTag; kind: number; seq: number }): Entry | undefined {
    return this.at(event.tag, chainOf(event.kind), event.seq - 1)
  }

  /** Everything an entry cites directly: its device's previous event, its dots, its control heads. */
  parentsOf(entry: Entry): Entry[] {
    const previous = this.previousOf(entry)
    return [
      ...(previous ? [previous] : []),
      ...entry.deps.map((dot) => this.at(dot.tag, 'm', dot.seq)!),
      ...(entry.controlHeads ?? []).map((id) => this.#byId.get(id)!),
    ]
  }

  /** Takes in an event whose whole past is here; the caller has checked that. */
  add(event: Event): Entry {
    const { id, kind, tag, seq, hlc, deps, controlHeads } = event
    const entry: Entry = { n: this.log.length + 1, id, kind, tag, seq, hlc, deps, controlHeads }
    const chain = chainOf(kind)
    const entries = this.#chains[chain].get(tag)
    if (entries) entries.push(entry)
    else this.#chains[chain].set(tag, [entry])
    this.log.push(entry)
    this.#byId.set(id, entry)
    if (hlc > this.latest) this.latest = hlc
    const heads = chain === 'm' ? this.heads : this.controlHeads
    for (const parent of this.parentsOf(entry)) if (chainOf(parent.kind) === chain) heads.delete(parent.id)
    heads.set(id, entry)
    return entry
  }

  /** Every device that wrote anything, sorted by tag. */
  progress(): Progress[] {
    const tags = new Set([...this.#chains.m.keys(), ...this.#chains.c.keys()])
    return [...tags].sort().map((tag) => ({
      tag,
      messages: this.chain(tag, 'm').length,
      controls: this.chain(tag, 'c').length,
    }))
  }

  /** 32 bytes that are equal exactly when two histories hold the same events: a hash over the tip of every chain. */
  digest(sha256: Sha256): Uint8Array {
    if (this.#digest?.n !== this.log.length) {
      const writer = new Writer()
      for (const { tag } of this.progress())
        for (const chain of ['m', 'c'] as const) {
          const tip = this.chain(tag, chain).at(-1)
          if (tip) writer.hex(tip.id)
        }
      this.#digest = { n: this.log.length, value: sha256(writer.finish()) }
    }
    return this.#digest.value
  }
}
