/** Hostile members: they hold a key of the group, and write with it what no honest device would. */
import type { DeviceTag, EventId, GroupId } from '../../src-main/api/contract.ts'
import {
  commitTo,
  encodeEvent,
  KIND,
  type Event,
  type EventFields,
  type Sha256,
} from '../../src-main/core/event.ts'
import type { Entry } from '../../src-main/core/history.ts'
import { hlcAt, type Hlc } from '../../src-main/core/hlc.ts'
import { MAX_EVENT_SIZE_BYTES } from '../../src-main/core/limits.ts'
import type { Tip as ClockTip } from '../../src-main/core/difference.ts'
import type { Frame } from '../../src-main/core/sync.ts'
import { encodeMessage } from '../../src-main/messenger/content.ts'
import type { Random } from './random.ts'

/** What somebody does, over and over. */
export const MISDEEDS = [
  /** Keeps to itself what it hears, and hands over nothing. */
  'withhold',
  /** Answers sync with wrong clocks, and with events in the wrong order, twice, or of its own making. */
  'lie',
  /** Dates what it writes ahead. */
  'ahead',
  /** Dates what it writes back, as far as it can. */
  'behind',
  /** Hands out what is too large, or not an event at all. */
  'oversize',
  /** Writes more than anybody reads. */
  'flood',
  /** Writes what can never be delivered: its past does not exist. */
  'poison',
  /** Signs with a wrong key, commits to a past that never was, or dates before what it cites. */
  'forge',
  /** Writes two events in one place of its chain, and goes on with both. */
  'fork',
] as const
export type Misdeed = (typeof MISDEEDS)[number]

export interface ForgerParts {
  group: GroupId
  tag: DeviceTag
  sha256: Sha256
  sign(id: Uint8Array): Uint8Array
  random: Random
  /** How far 'ahead' dates: a little beyond what is taken at once, or beyond any end of the world. */
  aheadMs: [from: number, to: number]
  /** With it the device entered: its first message cites that, or nobody takes it. */
  entrance: { id: EventId; hlc: Hlc }
  /** What the device has written by itself before; nothing, when unset. */
  tip?: Tip | undefined
}

const FLOOD = 40
const POISON = 80
const MAX_CITED = 8

/** The end of a chain. */
export interface Tip {
  seq: number
  previous: EventId | undefined
  hlc: Hlc
}

type Wanted = Tip & { commit?: Uint8Array; cited?: readonly Entry[] }

/** Writes events of one device without any engine. */
export class Forger {
  readonly #parts: ForgerParts
  #tip: Tip
  /** Of the other branch, when it forks. */
  #twin: Tip

  constructor(parts: ForgerParts) {
    this.#parts = parts
    this.#tip = this.#twin = parts.tip ?? { seq: 0, previous: undefined, hlc: parts.entrance.hlc }
  }

  /** Bytes to hand out now; heads: what each of two branches is to cite. */
  write(misdeed: Misdeed, nowMs: number, heads: readonly (readonly Entry[])[] = []): Uint8Array[] {
    const { random, aheadMs, sha256 } = this.#parts
    const now = hlcAt(nowMs)
    const tip = this.#tip
    switch (misdeed) {
      case 'ahead':
        return [this.#next(hlcAt(nowMs + random.between(...aheadMs)))]
      case 'behind':
        return [this.#next(1n)]
      case 'oversize':
        return [
          random.chance(0.5)
            ? new Uint8Array(MAX_EVENT_SIZE_BYTES + random.between(1, 1_000))
            : Uint8Array.of(1, ...random.bytes(random.between(0, 300))),
        ]
      case 'flood':
        return Array.from({ length: FLOOD }, () => this.#next(now))
      case 'poison': {
        const missing = tip.seq + 1 + random.between(1, 1_000)
        const far = { hlc: now, commit: random.bytes(16), previous: undefined }
        return Array.from({ length: POISON }, (_, i) => this.#encode({ seq: missing + i, ...far }).bytes)
      }
      case 'forge': {
        const next = { seq: tip.seq + 1, hlc: now, previous: tip.previous }
        const wrong = this.#encode(next).bytes.slice()
        wrong[wrong.length - 1]! ^= 1
        const commit = sha256(random.bytes(8)).slice(0, 16)
        return [
          wrong,
          this.#encode({ ...next, commit }).bytes,
          this.#next(now),
          this.#encode({ ...this.#tip, seq: this.#tip.seq + 1 }).bytes,
        ]
      }
      case 'fork': {
        const [near, far] = [this.#grow(tip, now, heads[0]), this.#grow(this.#twin, now, heads[1])]
        this.#tip = near.tip
        this.#twin = far.tip
        return [near.bytes, far.bytes]
      }
      case 'withhold':
      case 'lie':
        return [this.#next(now)]
    }
  }

  /** The next event of the chain. */
  #next(wanted: Hlc): Uint8Array {
    const { tip, bytes } = this.#grow(this.#tip, wanted)
    this.#tip = tip
    return bytes
  }

  /** Dated as wanted, as far as what comes before it allows. */
  #grow(tip: Tip, wanted: Hlc, heads: readonly Entry[] = []): { tip: Tip; bytes: Uint8Array } {
    const others = heads.filter((entry) => entry.tag !== this.#parts.tag).slice(0, MAX_CITED)
    const cited = others.sort((a, b) => (a.tag < b.tag ? -1 : 1))
    const hlc = [tip, ...cited].reduce(
      (latest, past) => (past.hlc >= latest ? past.hlc + 1n : latest),
      wanted,
    )
    const seq = tip.seq + 1
    const { id, bytes } = this.#encode({ seq, hlc, previous: tip.previous, cited })
    return { tip: { seq, hlc, previous: id }, bytes }
  }

  #encode({ seq, hlc, previous, commit, cited = [] }: Wanted): Event {
    const { group, tag, sha256, sign, random, entrance } = this.#parts
    const ids = cited.map(({ id }) => id)
    const controlHeads = seq === 1 ? [entrance.id] : undefined
    const fields: EventFields = {
      kind: KIND.message,
      tag,
      seq,
      hlc,
      deps: cited.map((entry) => ({ tag: entry.tag, seq: entry.seq })),
      commit: commit ?? commitTo(previous, ids, controlHeads, sha256),
      controlHeads,
      body: encodeMessage({ text: `${random.next()}` }),
    }
    return encodeEvent(fields, group, sha256, sign)
  }
}

/** What somebody makes of a sync frame before sending it; the honest leave it as it is. */
export function twistFrame<F extends Frame>(frame: F, misdeed: Misdeed | undefined, random: Random): F {
  if (misdeed === 'withhold' && frame.type === 'events') return { ...frame, events: [] }
  // Now and then: a peer that always says it has what it lacks would never get that, and ask for ever.
  if (misdeed !== 'lie' || random.chance(0.5)) return frame
  if (frame.type === 'summary') {
    const buckets = [...frame.buckets].map(
      ([number, fingerprint]) =>
        [number, random.chance(0.5) ? fingerprint : random.between(0, 0xffff_ffff)] as const,
    )
    return { ...frame, buckets: new Map(buckets) }
  }
  if (frame.type === 'clock') {
    const lieAbout = (tip: ClockTip): ClockTip => ({
      ...tip,
      seq: random.between(1, 2 * tip.seq),
      fingerprint: random.between(0, 0xffff_ffff),
    })
    return { ...frame, tips: frame.tips.map((tip) => (random.chance(0.5) ? tip : lieAbout(tip))) }
  }
  if (frame.type === 'events' && frame.events.length > 0)
    return {
      ...frame,
      events: [...frame.events.toReversed(), random.bytes(100), random.pick(frame.events)],
    }
  return frame
}
