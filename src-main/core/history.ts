/**
 * What this device has delivered of one group: the causal graph, without bodies.
 *
 * 1. nOf(log[i]) = i + 1, and everything an entry cites stands before it. An entry itself says only what is so on every
 *    device: engines of one group may share it.
 * 2. A chain is gapless: chain(tag, c)[i].seq = i + 1. Where a device forked (core/fork.ts), its chain is a tree; then
 *    chain() holds of each place the event that was delivered first, and all() every one.
 * 3. heads are the message entries that no delivered message depends on; controlHeads likewise for the control chain.
 *    What does not stand (core/fork.ts) is left out on either side: nobody will cite it, so what only it cited is a head.
 */
import type { DeviceTag, EventId } from '../api/contract.ts'
import { Writer } from './bytes.ts'
import { chainOf, type Chain, type Event, type Sha256 } from './event.ts'
import { Forks } from './fork.ts'
import type { Seen } from './control/views.ts'
import type { Hlc } from './hlc.ts'

/** One delivered event, as the graph needs it. */
export interface Entry {
  readonly id: EventId
  readonly kind: number
  readonly tag: DeviceTag
  readonly seq: number
  readonly hlc: Hlc
  /** What it cites directly: its device's previous event unless it is the first, its dots, its control heads. */
  readonly parents: readonly Entry[]
  /** Of a message: the control events in its past. */
  readonly seen: Seen | undefined
}

/** Returns an equal entry that was made before, if there is one: for whoever runs many engines of one group. */
export type Share = (entry: Entry) => Entry

/** What has been delivered here of one device: its chains, in order of seq. */
export interface Device {
  readonly tag: DeviceTag
  readonly m: readonly Entry[]
  readonly c: readonly Entry[]
}

interface GrowingDevice extends Device {
  /** NOTHING until the first event: most members of a large group have entered, and said nothing. */
  m: readonly Entry[]
  c: readonly Entry[]
  readonly bucket: GrowingBucket
}

/** Devices whose tags begin with the same byte: the leaves of the digest. */
export interface Bucket {
  /** Sorted by tag. */
  readonly devices: readonly Device[]
  /** Over the tips of those that have not forked; empty when there are none. */
  readonly hash: Uint8Array
}

interface GrowingBucket {
  readonly devices: GrowingDevice[]
  /** undefined when it has to be made again. */
  hash: Uint8Array | undefined
}

/** One unbranched run of the tree that a forked device's chain is; of other devices, the chain. */
export type Branch = string

const NOTHING: readonly Entry[] = []
const NO_HASH = new Uint8Array(0)
const BUCKETS = 256
/** What is hashed, written into again and again: a large group has all of its buckets hashed in a row. */
const TIPS = new Writer()

export class History {
  readonly log: Entry[] = []
  readonly heads = new Map<EventId, Entry>()
  readonly controlHeads = new Map<EventId, Entry>()
  /** The latest reading that was delivered. */
  latest: Hlc = 0n
  readonly #share: Share
  readonly #ns = new Map<EventId, number>()
  /** Events that do not stand and that somebody else's event of their chain depends on. */
  readonly #covered = new Set<Entry>()
  readonly #devices = new Map<DeviceTag, GrowingDevice>()
  /** Sorted by tag. */
  readonly #sorted: GrowingDevice[] = []
  /** By the first byte of a tag. */
  readonly #buckets: (GrowingBucket | undefined)[] = Array.from({ length: BUCKETS }, () => undefined)
  /** forks.version for which the hashes of the buckets were made. */
  #hashedVersion = 0
  /** Place -> what was delivered there after the first. */
  readonly #siblings = new Map<string, Entry[]>()
  /** Of chains that are trees: the branches other than the first, and the last event of each branch. */
  readonly #branchOf = new Map<EventId, Branch>()
  readonly #tips = new Map<string, Map<Branch, Entry>>()
  readonly forks: Forks = new Forks(this)
  #digest: { n: number; version: number; value: Uint8Array } | undefined
  #forkedHash: { version: number; value: Uint8Array } | undefined

  constructor(share: Share = (entry) => entry) {
    this.#share = share
  }

  get(id: EventId): Entry | undefined {
    const n = this.#ns.get(id)
    return n === undefined ? undefined : this.log[n - 1]
  }

  /** Local delivery index of a delivered event: 1, 2, 3… */
  nOf({ id }: Entry): number {
    return this.#ns.get(id)!
  }

  /** Delivered events, each once, in the order of delivery. */
  inOrder(entries: readonly Entry[]): Entry[] {
    // Mostly there is nothing to sort, and sync asks for each peer.
    if (entries.length < 2) return [...entries]
    const ns = new Uint32Array(entries.length)
    for (let i = 0; i < ns.length; i++) ns[i] = this.nOf(entries[i]!)
    return Array.from(ns.sort(), (n) => this.log[n - 1]!)
  }

  /** Delivered events of one device, in order of seq. */
  chain(tag: DeviceTag, chain: Chain): readonly Entry[] {
    return this.#devices.get(tag)?.[chain] ?? NOTHING
  }

  /** Whether anything of a device has been delivered. */
  knows(tag: DeviceTag): boolean {
    return this.#devices.has(tag)
  }

  /** Every device that wrote anything, sorted by tag. */
  get devices(): readonly Device[] {
    return this.#sorted
  }

  /** The event in a place of a chain; the one delivered first, when the device forked. */
  at(tag: DeviceTag, chain: Chain, seq: number): Entry | undefined {
    return this.chain(tag, chain)[seq - 1]
  }

  /** All delivered events in a place of a chain: more than one only when the device forked. */
  all(tag: DeviceTag, chain: Chain, seq: number): readonly Entry[] {
    const first = this.at(tag, chain, seq)
    if (!first) return NOTHING
    const others = this.#siblings.size > 0 ? this.#siblings.get(placeKey(tag, chain, seq)) : undefined
    return others ? [first, ...others] : [first]
  }

  /** Which branch of its device's tree an event stands in: named by the branch's first event, or else by the device. */
  branchOf({ id, tag }: Entry): Branch {
    return (this.#branchOf.size > 0 ? this.#branchOf.get(id) : undefined) ?? tag
  }

  /** The last event of each branch that is not continued, of the events that count. */
  leaves(tag: DeviceTag, chain: Chain, counts: (entry: Entry) => boolean = () => true): Entry[] {
    const leaves = new Set<Entry>()
    for (let seq = 1; seq <= this.chain(tag, chain).length; seq++)
      for (const entry of this.all(tag, chain, seq)) {
        if (!counts(entry)) continue
        leaves.add(entry)
        const previous = previousOf(entry)
        if (previous) leaves.delete(previous)
      }
    return [...leaves]
  }

  /**
   * Takes in an event whose whole past is here; the caller has checked that. parents: as Entry has them; seen: of a
   * message, the control events in its past; apply: what else is to happen before it covers what it cites.
   */
  add(
    { id, kind, tag, seq, hlc }: Event,
    parents: readonly Entry[],
    seen?: Seen,
    apply?: (entry: Entry) => void,
  ): Entry {
    const device = this.#devices.get(tag) ?? this.#meet(tag)
    const entry = this.#share({ id, kind, tag: device.tag, seq, hlc, parents, seen })
    this.#grow(entry, device)
    this.#ns.set(id, this.log.push(entry))
    if (hlc > this.latest) this.latest = hlc
    apply?.(entry)
    this.forks.place(entry)
    this.#cover(entry)
    return entry
  }

  /** Every delivered event of a device. */
  *ofDevice(tag: DeviceTag): Generator<Entry> {
    for (const chain of ['m', 'c'] as const)
      for (let seq = 1; seq <= this.chain(tag, chain).length; seq++) yield* this.all(tag, chain, seq)
  }

  /**
   * Some events stand no longer, or again: fallen are all that do not, changed are those and all that did not before. Returns
   * what of the fallen lies in the past of what stands.
   *
   * One pass back through the log: whatever cites an event comes before it. Of events that nothing changed cites, nothing
   * is asked but whether they stand.
   */
  uncover(fallen: ReadonlySet<Entry>, changed: Iterable<Entry>): Set<Entry> {
    const open = new Set<Entry>()
    for (const entry of changed) {
      open.add(entry)
      for (const parent of entry.parents) open.add(parent)
    }
    const covered = new Set<Entry>()
    const acknowledged = new Set<Entry>()
    for (let i = this.log.length - 1; i >= 0; i--) {
      const entry = this.log[i]!
      const isFallen = fallen.has(entry)
      if (isFallen && !acknowledged.has(entry)) continue
      for (const parent of entry.parents) {
        if (!open.has(parent)) continue
        if (fallen.has(parent)) acknowledged.add(parent)
        if (chainOf(parent.kind) === chainOf(entry.kind) && (!isFallen || covered.has(entry)))
          covered.add(parent)
      }
    }
    this.#covered.clear()
    for (const entry of open) {
      const heads = chainOf(entry.kind) === 'm' ? this.heads : this.controlHeads
      if (fallen.has(entry) && covered.has(entry)) this.#covered.add(entry)
      if (fallen.has(entry) || covered.has(entry)) heads.delete(entry.id)
      else heads.set(entry.id, entry)
    }
    return acknowledged
  }

  /** What an entry cites is no head any more; through events that do not stand it covers what these cite as well. */
  #cover(entry: Entry): void {
    const { forks } = this
    if (!forks.stands(entry)) return
    const chain = chainOf(entry.kind)
    const heads = chain === 'm' ? this.heads : this.controlHeads
    heads.set(entry.id, entry)
    for (let generation = entry.parents; generation.length > 0;) {
      const before: Entry[] = []
      for (const cited of generation) {
        if (chainOf(cited.kind) !== chain) continue
        heads.delete(cited.id)
        if (forks.stands(cited) || this.#covered.has(cited)) continue
        this.#covered.add(cited)
        before.push(...cited.parents)
      }
      generation = before
    }
  }

  /**
   * Puts an entry at its place in its device's chain. The chain of a device that has not forked is one branch:
   *
   *      d1 ── d2 ── d3          branches: d (d1 d2 d3)
   *        └── d2'── d3'                   d2' (d2' d3')
   */
  #grow(entry: Entry, device: GrowingDevice): void {
    const { id, kind, tag, seq } = entry
    const chain = chainOf(kind)
    const { bucket, [chain]: entries } = device
    bucket.hash = undefined
    let tips = this.#tips.size > 0 ? this.#tips.get(chain + tag) : undefined
    if (seq <= entries.length) {
      if (!tips) this.#tips.set(chain + tag, (tips = new Map([[tag, entries.at(-1)!]])))
      const place = placeKey(tag, chain, seq)
      this.#siblings.set(place, [...(this.#siblings.get(place) ?? []), entry])
    } else if (entries === NOTHING) device[chain] = [entry]
    else (entries as Entry[]).push(entry)
    if (!tips) return
    const previous = previousOf(entry)
    const branch = previous && this.branchOf(previous)
    if (branch !== undefined && tips.get(branch) === previous) {
      tips.set(branch, entry)
      if (branch !== tag) this.#branchOf.set(id, branch)
    } else {
      tips.set(id, entry)
      this.#branchOf.set(id, id)
    }
  }

  #meet(tag: DeviceTag): GrowingDevice {
    const bucket = (this.#buckets[parseInt(tag.slice(0, 2), 16)] ??= { devices: [], hash: undefined })
    const device: GrowingDevice = { tag, m: NOTHING, c: NOTHING, bucket }
    this.#devices.set(tag, device)
    for (const devices of [this.#sorted, bucket.devices]) devices.splice(placeOf(tag, devices), 0, device)
    return device
  }

  /**
   * 32 bytes that are equal exactly when two histories keep the same events and know the same forks: a hash over the
   * tip of every chain, as far as it is kept (core/fork.ts); of a forked device over the last kept events of its branches.
   * A tree of hashes (Merkle 1987),
   * so that only what has changed since it was last asked for is hashed again.
   */
  digest(sha256: Sha256): Uint8Array {
    const { version } = this.forks
    if (this.#digest?.n !== this.log.length || this.#digest.version !== version) {
      const writer = new Writer(32 * (1 + BUCKETS))
      for (const [, { hash }] of this.buckets(sha256)) writer.bytes(hash)
      const value = sha256(writer.bytes(this.#hashOfForked(sha256)).finish())
      this.#digest = { n: this.log.length, version, value }
    }
    return this.#digest.value
  }

  /** The leaves of the digest by number (0 to 255), in that order; those without devices are left out. */
  *buckets(sha256: Sha256): Generator<[number, Bucket]> {
    const { version } = this.forks
    if (this.#hashedVersion !== version)
      for (const bucket of this.#buckets) if (bucket) bucket.hash = undefined
    this.#hashedVersion = version
    for (const [number, bucket] of this.#buckets.entries()) {
      if (!bucket) continue
      bucket.hash ??= this.#hashOf(bucket, sha256)
      yield [number, bucket as Bucket]
    }
  }

  #hashOf({ devices }: GrowingBucket, sha256: Sha256): Uint8Array {
    TIPS.clear()
    for (const device of devices)
      for (const chain of ['m', 'c'] as const) {
        const tip = this.forks.lastKept(device.tag, device[chain])
        if (tip && !this.forks.has(device.tag)) TIPS.hex(tip.id)
      }
    return TIPS.length > 0 ? sha256(TIPS.peek()) : NO_HASH
  }

  /** What a forked device writes is not kept until forks.version grows. */
  #hashOfForked(sha256: Sha256): Uint8Array {
    const { forks } = this
    if (this.#forkedHash?.version !== forks.version) {
      const writer = new Writer()
      const isKept = (entry: Entry) => forks.isKept(entry)
      for (const tag of forks.tags) {
        writer.hex(tag)
        const leaves = (['m', 'c'] as const).flatMap((chain) => this.leaves(tag, chain, isKept))
        for (const id of leaves.map((leaf) => leaf.id).sort()) writer.hex(id)
      }
      this.#forkedHash = { version: forks.version, value: sha256(writer.finish()) }
    }
    return this.#forkedHash.value
  }
}

/** The event before it in its device's chain. */
export function previousOf({ seq, parents }: Entry): Entry | undefined {
  return seq > 1 ? parents[0] : undefined
}

/** Where a device with this tag stands, or would stand, in a sorted list. */
function placeOf(tag: DeviceTag, devices: readonly Device[]): number {
  let from = 0
  for (let to = devices.length; from < to;) {
    const middle = (from + to) >> 1
    if (devices[middle]!.tag < tag) from = middle + 1
    else to = middle
  }
  return from
}

function placeKey(tag: DeviceTag, chain: Chain, seq: number): string {
  return `${chain}${tag}${seq}`
}
