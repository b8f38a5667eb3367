/**
 * Devices that wrote two different events in one place of a chain: forks. What such a device shows is decided here, as
 * a pure function of the set of events, so that all devices agree whatever came first.
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
 * 2. Delivery takes no notice of forks: an event is bound to one event per place that it cites by its commitment, so
 *    every branch that somebody cited can be delivered everywhere, and nothing honest ever waits for a lost branch.
 * 3. Acknowledged: an event in the past of an event whose author is not forked.
 * 4. Visible(S, P): events of devices that are not forked, and acknowledged ones. The rest is hidden: it is not in the
 *    timeline, not in the roster, not handed on by gossip or sync, and (being cited by nobody) needed by nobody.
 * 5. So devices that have exchanged all proofs, and all events of members that never forked, show the same, whichever
 *    hidden events they happen to hold: Visible is the past of the events of members that never forked.
 * 6. Nobody who knows of a fork cites an event of that device again, so its tail stays hidden. What only that device had
 *    cited is cited instead: an answer never goes ahead of what its author had seen.
 *
 * Bounds: a forked device has at most MAX_HIDDEN_PER_DEVICE hidden events here. More are taken only while somebody
 * else's event waits for one of them; then sync brings it, and it does not stay hidden.
 */
import type { DeviceTag } from '../api/contract.ts'
import type { Entry, History } from './history.ts'
import { MAX_HIDDEN_PER_DEVICE } from './limits.ts'

export class Forks {
  readonly #history: History
  readonly #forked = new Set<DeviceTag>()
  /** Of forked devices; everything of others is visible. */
  readonly #acknowledged = new Set<Entry>()
  readonly #hiddenOf = new Map<DeviceTag, number>()
  /** Grows with everything that changes what is visible, except deliveries. */
  version = 0

  constructor(history: History) {
    this.#history = history
  }

  has(tag: DeviceTag): boolean {
    return this.#forked.has(tag)
  }

  /** All forked devices, sorted. */
  get tags(): DeviceTag[] {
    return [...this.#forked].sort()
  }

  isVisible(entry: Entry): boolean {
    return !this.#forked.has(entry.tag) || this.#acknowledged.has(entry)
  }

  /** Delivered events that are not visible. */
  get hiddenCount(): number {
    return [...this.#hiddenOf.values()].reduce((sum, count) => sum + count, 0)
  }

  /** Whether a forked device has as many hidden events here as it may. */
  isFull(tag: DeviceTag): boolean {
    return (this.#hiddenOf.get(tag) ?? 0) >= MAX_HIDDEN_PER_DEVICE
  }

  /** There is a proof against this device. Returns what is hidden from now on; one pass over the log. */
  add(tag: DeviceTag): Entry[] {
    if (this.#forked.has(tag)) return []
    const { log } = this.#history
    const wasVisible = new Set(
      log.filter((entry) => this.#couldBeHidden(entry, tag) && this.isVisible(entry)),
    )
    this.#forked.add(tag)
    this.#history.uncover()
    this.#acknowledged.clear()
    this.#hiddenOf.clear()
    this.version++
    // The log is a linear extension: from its end, everything that acknowledges an event comes before it.
    for (let i = log.length - 1; i >= 0; i--) {
      const entry = log[i]!
      if (!this.isVisible(entry)) this.#count(entry.tag, 1)
      else for (const parent of entry.parents) this.#acknowledge(parent)
    }
    return [...wasVisible].filter((entry) => !this.isVisible(entry))
  }

  /** An event was delivered. Returns what was hidden and is acknowledged by it, in delivery order. */
  noteDelivered(entry: Entry): Entry[] {
    if (this.#forked.size === 0) return []
    if (this.#forked.has(entry.tag)) {
      this.#count(entry.tag, 1)
      return []
    }
    const shown: Entry[] = []
    const stack = [...entry.parents]
    for (let next = stack.pop(); next; next = stack.pop()) {
      if (!this.#acknowledge(next)) continue
      this.#count(next.tag, -1)
      shown.push(next)
      stack.push(...next.parents)
    }
    if (shown.length > 0) this.version++
    return shown.sort((a, b) => a.n - b.n)
  }

  /** False when that says nothing new. */
  #acknowledge(entry: Entry): boolean {
    if (this.isVisible(entry)) return false
    this.#acknowledged.add(entry)
    return true
  }

  #couldBeHidden({ tag }: Entry, added: DeviceTag): boolean {
    return tag === added || this.#forked.has(tag)
  }

  #count(tag: DeviceTag, change: 1 | -1): void {
    this.#hiddenOf.set(tag, (this.#hiddenOf.get(tag) ?? 0) + change)
  }
}
