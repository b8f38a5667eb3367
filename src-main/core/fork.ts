/**
 * What is shown and handed on of devices that wrote two different events in one place of a chain: forks; and of devices
 * of people who were removed, and wrote on without knowing. Decided here, as a pure function of the set of events, so that
 * all devices agree whatever came first.
 *
 *      mallory  m1 ─┬─ m2 ── m3        alice delivered m2 and answered it (a1); bob delivered m2', and cited it (b1)
 *                   └─ m2'── m3'       before either knew of the other branch: both answers stay, and with them what
 *      alice          └── a1           they answer. m3 and m3' are in nobody else's past: they are hidden.
 *      bob             └─── b1
 *
 * S is a set of events that contains the past of each of its events; P a set of proofs.
 *
 * 1. Proof: two events of equal device, chain and seq and different id, both signed by that device. Their past does not
 *    matter, nor whether anybody delivered them. A device is forked when P holds a proof of it, or S two such events.
 *    An honest device never is: its own event is on the disk before anybody else sees it.
 * 2. Delivery takes no notice of forks and cuts: an event is bound to one event per place that it cites by its commitment,
 *    so every branch that somebody cited can be delivered everywhere, and nothing honest ever waits for a lost branch.
 * 3. An event stands when its device is not forked and it does not lie beyond a cut (core/members.ts).
 * 4. Acknowledged: an event in the past of an event that stands.
 * 5. Kept(S, P): events that stand, and acknowledged ones. Only they are handed on by gossip and sync; of the rest a few
 *    are held here, and (being cited by nobody) needed by nobody.
 * 6. Visible: kept, and not beyond a cut: an answer to a message that a removal had cut off is shown, that message is not.
 *    The roster counts what is kept but for forks; what is cut off counts for nothing there anyway.
 * 7. So devices that have exchanged all proofs, and all events that stand, show the same, whatever else they happen to
 *    hold: Kept is the past of the events that stand.
 * 8. Nobody who knows cites what does not stand, so it stays hidden. What only such an event had cited is cited instead:
 *    an answer never goes ahead of what its author had seen.
 *
 * Bounds: of one device at most MAX_HIDDEN_PER_DEVICE events are held that are not kept. More are taken only while
 * somebody else's event waits for one of them; then sync brings it, and it does not stay hidden.
 */
import type { DeviceTag } from '../api/contract.ts'
import type { Entry, History } from './history.ts'
import { MAX_HIDDEN_PER_DEVICE } from './limits.ts'

/** What changed for the screen, in delivery order. */
export interface Change {
  hidden: Entry[]
  shown: Entry[]
}

export class Forks {
  readonly #history: History
  readonly #forked = new Set<DeviceTag>()
  /** Delivered events beyond a cut. */
  readonly #cutOff = new Set<Entry>()
  /** Devices with events beyond a cut. */
  readonly #cutDevices = new Set<DeviceTag>()
  /** Of events that do not stand; everything else is kept anyway. */
  #acknowledged = new Set<Entry>()
  readonly #hiddenOf = new Map<DeviceTag, number>()
  #isBeyondCut: (entry: Entry) => boolean = () => false
  /** Grows with everything that changes what is kept of suspects. */
  version = 0

  constructor(history: History) {
    this.#history = history
  }

  /** Who says what lies beyond a cut: the roster. */
  judgeCutsBy(isBeyondCut: (entry: Entry) => boolean): void {
    this.#isBeyondCut = isBeyondCut
  }

  /** Whether a device forked. */
  has(tag: DeviceTag): boolean {
    return this.#forked.has(tag)
  }

  /** All forked devices, sorted. */
  get tags(): DeviceTag[] {
    return [...this.#forked].sort()
  }

  /** Whether some of what a device wrote is not to be handed on: it forked, or goes beyond a cut. */
  isSuspect(tag: DeviceTag): boolean {
    return this.#forked.has(tag) || this.#cutDevices.has(tag)
  }

  /** All of them. */
  get suspects(): DeviceTag[] {
    return [...this.#forked, ...this.#cutDevices]
  }

  /** The last event of a device's chain that is kept. Of a device that did not fork that is a beginning of the chain. */
  lastKept(tag: DeviceTag, chain: readonly Entry[]): Entry | undefined {
    return this.#cutDevices.has(tag) ? chain.findLast((entry) => this.isKept(entry)) : chain.at(-1)
  }

  /** Whether it acknowledges what it cites. */
  stands(entry: Entry): boolean {
    return !this.#forked.has(entry.tag) && !this.#cutOff.has(entry)
  }

  /** Whether it is handed on. */
  isKept(entry: Entry): boolean {
    if (this.#forked.size + this.#cutOff.size === 0) return true
    return this.stands(entry) || this.#acknowledged.has(entry)
  }

  isVisible(entry: Entry): boolean {
    return this.isKept(entry) && !this.#cutOff.has(entry)
  }

  isCutOff(entry: Entry): boolean {
    return this.#cutOff.has(entry)
  }

  /** Whether a control event counts for the roster. */
  counts(entry: Entry): boolean {
    return !this.#forked.has(entry.tag) || this.#acknowledged.has(entry)
  }

  /** Delivered events that are not visible. */
  get hiddenCount(): number {
    const keptButCut = [...this.#cutOff].filter((entry) => this.#acknowledged.has(entry)).length
    return [...this.#hiddenOf.values()].reduce((sum, count) => sum + count, keptButCut)
  }

  /** Delivered events beyond a cut, in delivery order. */
  get cutOff(): Entry[] {
    return this.#history.inOrder([...this.#cutOff])
  }

  /** Whether as many events of a device are held here, without being kept, as may be. */
  isFull(tag: DeviceTag): boolean {
    return (this.#hiddenOf.get(tag) ?? 0) >= MAX_HIDDEN_PER_DEVICE
  }

  /** There is a proof against this device. Returns what is hidden from now on; one pass over the log. */
  add(tag: DeviceTag): Entry[] {
    if (this.#forked.has(tag)) return []
    return this.#change(new Set([tag]), () => void this.#forked.add(tag)).hidden
  }

  /** Revocations changed: cuts are to be looked at again. One pass over the log, if anything changed. */
  judgeAgain(devices: Iterable<DeviceTag>): Change {
    const cutOff = new Set<Entry>()
    for (const tag of new Set([...devices, ...this.#cutDevices]))
      for (const entry of this.#history.ofDevice(tag)) if (this.#isBeyondCut(entry)) cutOff.add(entry)
    if (cutOff.size === this.#cutOff.size && [...cutOff].every((entry) => this.#cutOff.has(entry)))
      return { hidden: [], shown: [] }
    const touched = new Set([...cutOff].map(({ tag }) => tag))
    return this.#change(touched, () => {
      this.#cutOff.clear()
      this.#cutDevices.clear()
      for (const entry of cutOff) {
        this.#cutOff.add(entry)
        this.#cutDevices.add(entry.tag)
      }
    })
  }

  /** An event is about to be delivered: does it stand? */
  place(entry: Entry): void {
    if (!this.#isBeyondCut(entry)) return
    this.#cutOff.add(entry)
    this.#cutDevices.add(entry.tag)
    this.version++
  }

  /** An event was delivered. Returns what was hidden and is shown because of it, in delivery order. */
  noteDelivered(entry: Entry): Entry[] {
    if (this.#forked.size === 0 && this.#cutOff.size === 0) return []
    if (!this.stands(entry)) {
      this.#count(entry.tag, 1)
      return []
    }
    const acknowledged: Entry[] = []
    const stack = [...entry.parents]
    for (let next = stack.pop(); next; next = stack.pop()) {
      if (!this.#acknowledge(next)) continue
      this.#count(next.tag, -1)
      acknowledged.push(next)
      stack.push(...next.parents)
    }
    if (acknowledged.length > 0 || this.#cutDevices.has(entry.tag)) this.version++
    return this.#history.inOrder(acknowledged.filter((one) => !this.#cutOff.has(one)))
  }

  /** What is hidden and shown by a change to devices; those that were suspects before may be touched by it as well. */
  #change(devices: ReadonlySet<DeviceTag>, change: () => void): Change {
    const history = this.#history
    const tags = [...new Set([...devices, ...this.suspects])]
    const touched = history.inOrder(tags.flatMap((tag) => [...history.ofDevice(tag)]))
    const wasVisible = new Set(touched.filter((entry) => this.isVisible(entry)))
    const before = touched.filter((entry) => !this.stands(entry))
    change()
    this.version++
    const fallen = new Set(touched.filter((entry) => !this.stands(entry)))
    this.#acknowledged = history.uncover(fallen, [...before, ...fallen])
    this.#hiddenOf.clear()
    for (const entry of fallen) if (!this.#acknowledged.has(entry)) this.#count(entry.tag, 1)
    return {
      hidden: touched.filter((entry) => wasVisible.has(entry) && !this.isVisible(entry)),
      shown: touched.filter((entry) => !wasVisible.has(entry) && this.isVisible(entry)),
    }
  }

  /** False when that says nothing new. */
  #acknowledge(entry: Entry): boolean {
    if (this.isKept(entry)) return false
    this.#acknowledged.add(entry)
    return true
  }

  #count(tag: DeviceTag, change: 1 | -1): void {
    this.#hiddenOf.set(tag, (this.#hiddenOf.get(tag) ?? 0) + change)
  }
}
