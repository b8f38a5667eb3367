/**
 * Watches a crowd and knows nothing of the engine: it reads what events cite, and counts. Every delivery is judged when
 * it happens.
 *
 * 1. A chain is delivered without a gap, and an event after all that it cites.
 * 2. What an honest event cites, and what that cites, is exactly what its author had delivered: nothing is forgotten and
 *    nothing claimed. The oracle has clocks of its own for that. Events that cite as many as they can are left out.
 * 3. Dates grow along citations, so that sorting by date, device, chain and number keeps every order there is.
 */
import type { DeviceTag } from '../../src-main/api/contract.ts'
import { MAX_DEPS } from '../../src-main/core/limits.ts'
import type { Archive } from './archive.ts'

const MAX_SENTENCES = 20
const FIRST_CONTROL_KIND = 0x40
/** Clocks of this many numbers are affordable; in larger worlds the second rule is not checked. */
const MAX_CLOCK_CELLS = 100_000_000

/** What one event says of itself and its past, as numbers. */
interface Fact {
  device: number
  isControl: boolean
  seq: number
  hlc: bigint
  /** Device, seq, device, seq… */
  dots: number[]
  /** Numbers of cited control events; -1 for what nobody knows. */
  heads: number[]
}

/** What one peer has delivered: its log as it would be on disk, and per device how far. */
export class Delivered {
  log = new Uint32Array(64)
  length = 0
  readonly messages: Uint32Array
  readonly controls: Uint32Array
  /** A bit per event. */
  has = new Uint8Array(64)

  constructor(devices: number) {
    this.messages = new Uint32Array(devices)
    this.controls = new Uint32Array(devices)
  }
}

export class Oracle {
  readonly peers: Delivered[]
  readonly violations: string[] = []
  violationCount = 0
  readonly #archive: Archive
  readonly #devices = new Map<DeviceTag, number>()
  readonly #facts: Fact[] = []
  readonly #clocks: Uint16Array[] = []

  constructor(archive: Archive, tags: readonly DeviceTag[], peers: number) {
    this.#archive = archive
    for (const [i, tag] of tags.entries()) this.#devices.set(tag, i)
    this.peers = Array.from({ length: peers }, () => new Delivered(tags.length))
  }

  violate(peer: number, sentence: string): void {
    this.violationCount++
    if (this.violations.length < MAX_SENTENCES) this.violations.push(`peer ${peer}: ${sentence}`)
  }

  /** A peer handed this event on. */
  delivered(peer: number, event: number): void {
    const here = this.peers[peer]!
    const { device, isControl, seq, dots, heads } = this.#fact(event)
    const chains = isControl ? here.controls : here.messages
    if (bit(here.has, event)) this.violate(peer, `event ${event} was delivered twice`)
    if (!(chains[device]! + 1 === seq))
      this.violate(peer, `event ${event} is number ${seq} of its chain and came after ${chains[device]}`)
    else chains[device] = seq
    for (let i = 0; i < dots.length; i += 2)
      if (!(here.messages[dots[i]!]! >= dots[i + 1]!))
        this.violate(
          peer,
          `event ${event} came before number ${dots[i + 1]} of device ${dots[i]}, which it cites`,
        )
    for (const head of heads)
      if (!bit(here.has, head)) this.violate(peer, `event ${event} came before the control event it cites`)
    append(here, event)
  }

  /** A peer wrote this event; it has been delivered to itself. */
  written(peer: number, event: number): void {
    const fact = this.#fact(event)
    const here = this.peers[peer]!
    if (fact.isControl || fact.dots.length >= 2 * MAX_DEPS || !this.#keepsClocks) return
    const clock = this.#clockOf(event)
    for (let device = 0; device < clock.length; device++)
      if (clock[device] !== here.messages[device]) {
        const [cites, had] = [clock[device], here.messages[device]]
        return this.violate(
          peer,
          `event ${event} covers ${cites} of device ${device}, and its author had ${had}`,
        )
      }
  }

  /** A peer lost the end of its log. */
  truncated(peer: number, length: number): void {
    const here = this.peers[peer]!
    for (; here.length > length; here.length--) {
      const event = here.log[here.length - 1]!
      const { device, isControl, seq } = this.#fact(event)
      const chains = isControl ? here.controls : here.messages
      chains[device] = seq - 1
      here.has[event >> 3]! &= ~(1 << (event & 7))
    }
  }

  has(peer: number, event: number): boolean {
    return bit(this.peers[peer]!.has, event)
  }

  /** Numbers of all shown events among these, in the order in which every screen must show them. */
  timeline(events: Iterable<number>, isShown: (kind: number) => boolean): number[] {
    const shown = [...events].filter((event) => isShown(this.#archive.events[event]!.kind))
    const tags = [...this.#devices.keys()]
    return shown.sort((x, y) => {
      const [a, b] = [this.#fact(x), this.#fact(y)]
      if (a.hlc !== b.hlc) return a.hlc < b.hlc ? -1 : 1
      if (a.device !== b.device) return tags[a.device]! < tags[b.device]! ? -1 : 1
      if (a.isControl !== b.isControl) return a.isControl ? -1 : 1
      return a.seq - b.seq
    })
  }

  /** Whether each of these stands after everything that it cites. */
  isLinearExtension(timeline: readonly number[]): boolean {
    const place = new Map(timeline.map((event, i) => [event, i]))
    const bySeq = new Map<number, number>()
    const slot = (device: number, isControl: boolean, seq: number) =>
      (device * 2 + Number(isControl)) * 2 ** 32 + seq
    for (const event of timeline) {
      const { device, isControl, seq } = this.#fact(event)
      bySeq.set(slot(device, isControl, seq), event)
    }
    return timeline.every((event, i) => {
      const { device, isControl, seq, dots, heads } = this.#fact(event)
      const cited = [bySeq.get(slot(device, isControl, seq - 1)), ...heads]
      for (let k = 0; k < dots.length; k += 2) cited.push(bySeq.get(slot(dots[k]!, false, dots[k + 1]!)))
      return cited.every((one) => one === undefined || (place.get(one) ?? -1) < i)
    })
  }

  get #keepsClocks(): boolean {
    return this.#archive.events.length * this.#devices.size < MAX_CLOCK_CELLS
  }

  #fact(event: number): Fact {
    const known = this.#facts[event]
    if (known) return known
    const { tag, kind, seq, hlc, deps, controlHeads } = this.#archive.events[event]!
    const device = (of: DeviceTag) => this.#devices.get(of) ?? -1
    return (this.#facts[event] = {
      device: device(tag),
      isControl: kind >= FIRST_CONTROL_KIND,
      seq,
      hlc,
      dots: deps.flatMap((dot) => [device(dot.tag), dot.seq]),
      heads: (controlHeads ?? []).map((id) => this.#archive.get(id)?.index ?? -1),
    })
  }

  /** How far each device's messages go in the past of this one, itself included. */
  #clockOf(event: number): Uint16Array {
    const known = this.#clocks[event]
    if (known) return known
    const stack = [event]
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const { device, seq } = this.#fact(top)
      const parents = this.#parents(top)
      const unknown = parents.filter((parent) => !this.#clocks[parent])
      if (unknown.length > 0) {
        stack.push(...unknown)
        continue
      }
      stack.pop()
      const clock = new Uint16Array(this.#devices.size)
      for (const parent of parents)
        for (const [i, value] of this.#clocks[parent]!.entries()) if (value > clock[i]!) clock[i] = value
      clock[device] = seq
      this.#clocks[top] = clock
    }
    return this.#clocks[event]!
  }

  readonly #places = new Map<number, number>()
  #placed = 0

  /** Events that an event cites directly, control events left out. */
  #parents(event: number): number[] {
    const slot = (device: number, seq: number) => device * 2 ** 32 + seq
    for (; this.#placed < this.#archive.events.length; this.#placed++) {
      const { device, isControl, seq } = this.#fact(this.#placed)
      if (!isControl && !this.#places.has(slot(device, seq)))
        this.#places.set(slot(device, seq), this.#placed)
    }
    const { device, seq, dots } = this.#fact(event)
    const parents = seq > 1 ? [this.#places.get(slot(device, seq - 1))!] : []
    for (let i = 0; i < dots.length; i += 2) parents.push(this.#places.get(slot(dots[i]!, dots[i + 1]!))!)
    return parents
  }
}

function bit(bits: Uint8Array, at: number): boolean {
  return at >= 0 && (bits[at >> 3]! & (1 << (at & 7))) !== 0
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
