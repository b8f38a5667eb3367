/**
 * What another device lacks of a history, told by the tips of its chains.
 *
 * 1. Devices are compared in buckets first, the leaves of the digest (Merkle 1987): four bytes each tell which differ, and
 *    only of these the tips are told. In a large group where little has happened that is almost nothing.
 * 2. Each side tells of every such chain how far it goes, and a fingerprint of its tip: four bytes of the id. Which four
 *    is drawn per session, so nobody can make two events, or two buckets, that always look the same.
 * 3. An equal place with a different fingerprint exposes a fork: the event of that place is sent, and proves it.
 * 4. The chain of a forked device (core/fork.ts) is a tree, so its tips name places 1, 2, 4, 8… before the end of each
 *    branch: whoever compares finds how far every branch is shared.
 * The work grows with the number of devices in differing buckets and with what is missing, not with the length of the
 * history.
 */
import type { DeviceTag, EventId } from '../api/contract.ts'
import type { Chain, Sha256 } from './event.ts'
import type { Forks } from './fork.ts'
import { previousOf, type Bucket, type Device, type Entry, type History } from './history.ts'
import { MAX_CLOCK_TIPS, MAX_TIPS_PER_FORKED_CHAIN } from './limits.ts'

/** One place of a clock frame: how far a chain goes, and a fingerprint of its tip, 32 bits. */
export interface Tip {
  tag: DeviceTag
  chain: Chain
  seq: number
  fingerprint: number
}

/** A fingerprint of each bucket of devices, by its number: History.buckets(). */
export type Summary = ReadonlyMap<number, number>

/** What the other side lacks, in delivery order. */
export interface Difference {
  c: Entry[]
  m: Entry[]
  /** Devices that wrote something else in a place that the other side knows. */
  suspects: DeviceTag[]
}

const CHAINS: readonly Chain[] = ['m', 'c']

export class Comparison {
  /** What is here. */
  readonly summary: Summary
  readonly #history: History
  readonly #buckets: readonly (readonly [number, Bucket])[]
  /** Where the four bytes of a fingerprint stand in an id, one in each quarter. */
  readonly #offsets: readonly number[]

  /** draw: bytes that nobody could foresee, at least four. */
  constructor(history: History, sha256: Sha256, draw: Uint8Array) {
    this.#history = history
    this.#offsets = [0, 1, 2, 3].map((quarter) => 8 * quarter + (draw[quarter]! & 7))
    this.#buckets = [...history.buckets(sha256)]
    this.summary = new Map(this.#buckets.map(([number, { hash }]) => [number, this.#fingerprintOf(hash)]))
  }

  /** How far the chains here go that may differ from the other side's. */
  tips(theirs: Summary): Tip[] {
    const { forks } = this.#history
    const tips: Tip[] = []
    for (const { tag, m, c } of this.#differing(theirs)) {
      if (forks.has(tag)) continue
      if (m.length > 0) tips.push(this.#tip(m.at(-1)!, 'm'))
      if (c.length > 0) tips.push(this.#tip(c.at(-1)!, 'c'))
    }
    // Last, so that they crowd out nobody.
    for (const tag of forks.tags)
      for (const chain of CHAINS)
        for (const entry of this.#landmarks(tag, chain)) tips.push(this.#tip(entry, chain))
    return tips.slice(0, MAX_CLOCK_TIPS)
  }

  /** What is not with them, by what they told; theirForks: the devices of which they know that they forked. */
  missing(summary: Summary, tips: readonly Tip[], theirForks: ReadonlySet<DeviceTag>): Difference {
    const theirs = { m: new Map<DeviceTag, Tip[]>(), c: new Map<DeviceTag, Tip[]>() }
    for (const tip of tips) {
      const known = theirs[tip.chain].get(tip.tag)
      if (known) known.push(tip)
      else theirs[tip.chain].set(tip.tag, [tip])
    }
    const difference: Difference = { c: [], m: [], suspects: [] }
    const { forks } = this.#history
    const forked = new Set([...forks.tags, ...theirForks])
    for (const device of this.#differing(summary))
      for (const chain of CHAINS) {
        const { tag, [chain]: entries } = device
        if (forked.has(tag)) continue
        let length = 0
        let rival: Entry | undefined
        for (const tip of theirs[chain].get(tag) ?? []) {
          const ours = entries[tip.seq - 1]
          if (ours && this.#fingerprint(ours.id) !== tip.fingerprint) rival ??= ours
          if (tip.seq > length) length = tip.seq
        }
        if (rival) {
          difference[chain].push(rival)
          difference.suspects.push(tag)
        } else append(difference[chain], entries, length, forks)
      }
    for (const tag of forked)
      for (const chain of CHAINS) {
        const known = theirs[chain].get(tag) ?? []
        append(difference[chain], this.#missingOfTree(tag, chain, known, theirForks.has(tag)), 0, forks)
      }
    for (const chain of CHAINS) difference[chain] = this.#history.inOrder(difference[chain])
    return difference
  }

  /** Devices that may have written something that one side lacks, unless they forked. */
  *#differing(theirs: Summary): Generator<Device> {
    for (const [number, { devices }] of this.#buckets)
      if (theirs.get(number) !== this.summary.get(number)) yield* devices
  }

  /** What is kept of a forked device's tree, but for what leads up to a tip of theirs. */
  #missingOfTree(tag: DeviceTag, chain: Chain, theirs: readonly Tip[], isKnownFork: boolean): Entry[] {
    const history = this.#history
    const shared = new Set<Entry>()
    for (const tip of theirs)
      for (const entry of history.all(tag, chain, tip.seq)) {
        if (this.#fingerprint(entry.id) !== tip.fingerprint) continue
        for (let at: Entry | undefined = entry; at && !shared.has(at); at = previousOf(at)) shared.add(at)
      }
    // They do not know what to ask for until they have the proof: another session follows.
    if (!isKnownFork && theirs.length > 0 && shared.size === 0) return []
    const entries: Entry[] = []
    for (let seq = 1; seq <= history.chain(tag, chain).length; seq++)
      for (const entry of history.all(tag, chain, seq))
        if (!shared.has(entry) && history.forks.isKept(entry)) entries.push(entry)
    return entries
  }

  /** Places of a tree that tell how much of it is here: dense at the ends of its branches. Branches that are kept first. */
  #landmarks(tag: DeviceTag, chain: Chain): Entry[] {
    const { forks } = this.#history
    const leaves = this.#history.leaves(tag, chain)
    const landmarks = new Set<Entry>()
    const walked = new Set<Entry>()
    for (const leaf of leaves.sort((a, b) => Number(forks.isKept(b)) - Number(forks.isKept(a)))) {
      let at: Entry | undefined = leaf
      for (let back = 0; at; back++, at = previousOf(at)) {
        // 0, 1, 2, 4, 8… before the end, and the beginning.
        if ((back & (back - 1)) === 0 || at.seq === 1 || walked.has(at)) landmarks.add(at)
        if (walked.has(at)) break
        walked.add(at)
      }
    }
    return [...landmarks].slice(0, MAX_TIPS_PER_FORKED_CHAIN)
  }

  #tip({ tag, seq, id }: Entry, chain: Chain): Tip {
    return { tag, chain, seq, fingerprint: this.#fingerprint(id) }
  }

  #fingerprintOf(hash: Uint8Array): number {
    return this.#offsets.reduce((fingerprint, offset) => fingerprint * 256 + (hash[offset] ?? 0), 0)
  }

  /** Of the same bytes, of an id. */
  #fingerprint(id: EventId): number {
    let fingerprint = 0
    for (const offset of this.#offsets)
      fingerprint = fingerprint * 256 + digitOf(id, 2 * offset) * 16 + digitOf(id, 2 * offset + 1)
    return fingerprint
  }
}

/** Value of a lower-case hex digit. */
function digitOf(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return code < 58 ? code - 48 : code - 87
}

/** What is kept of a chain, from a place on. */
function append(to: Entry[], entries: readonly Entry[], from: number, forks: Forks): void {
  for (let i = from; i < entries.length; i++) if (forks.isKept(entries[i]!)) to.push(entries[i]!)
}
