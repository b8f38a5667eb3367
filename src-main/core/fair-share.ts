/**
 * Waiting events, device by device, so that room is shared fairly: when there is none left, the device that takes up
 * most of it gives up the event farthest in its future. Whoever plants what can never be delivered thereby crowds out
 * itself; with many devices, those that have waited longest: what is honest has its past within seconds.
 *
 * Constant time: devices of about equal weight, up to a factor of two, form a class, and the first of the heaviest
 * class gives way. (Longest queue drop, as in Suter et al., "Buffer Management Schemes for Supporting TCP in Gigabit
 * Routers with Per-flow Queueing", 1999.)
 */
import type { DeviceTag } from '../api/contract.ts'
import type { Pending } from './delivery.ts'
import type { Event } from './event.ts'
import { MAX_PENDING_PER_GROUP, MAX_PENDING_SIZE_BYTES } from './limits.ts'

/** What an event weighs beyond its bytes: a share of places is worth as much as a share of bytes. */
const PLACE_WEIGHT = MAX_PENDING_SIZE_BYTES / MAX_PENDING_PER_GROUP

interface Queue {
  weight: number
  /** At most MAX_PENDING_PER_DEVICE; the caller sees to that. */
  waiting: Set<Pending>
}

export class FairShare {
  readonly #queues = new Map<DeviceTag, Queue>()
  /** [k]: devices that weigh at least 2 ** k and less than twice as much; who came into the class first comes first. */
  readonly #classes: Set<DeviceTag>[] = Array.from({ length: 32 }, () => new Set())
  count = 0
  sizeBytes = 0

  ofDevice(tag: DeviceTag): ReadonlySet<Pending> {
    return this.#queues.get(tag)?.waiting ?? new Set()
  }

  add(pending: Pending): void {
    this.#change(pending, 1)
  }

  remove(pending: Pending): void {
    this.#change(pending, -1)
  }

  /** The event of the same device that gives way to this one; undefined when this one is the farthest. */
  farther({ tag, seq }: Event): Pending | undefined {
    let farthest: Pending | undefined
    for (const pending of this.ofDevice(tag))
      if (pending.event.seq > (farthest?.event.seq ?? seq)) farthest = pending
    return farthest
  }

  /** The event of any device that gives way to this one; undefined when this one is to give way. */
  heavier(event: Event): Pending | undefined {
    const weight = (this.#queues.get(event.tag)?.weight ?? 0) + weightOf(event)
    const heaviest = this.#classes.findLastIndex((devices) => devices.size > 0)
    const [first] = this.#classes[heaviest] ?? []
    if (first === undefined || first === event.tag || classOf(weight) > heaviest) return this.farther(event)
    return [...this.ofDevice(first)].reduce((a, b) => (b.event.seq > a.event.seq ? b : a))
  }

  #change(pending: Pending, sign: 1 | -1): void {
    const { event } = pending
    const queue = this.#queues.get(event.tag) ?? { weight: 0, waiting: new Set() }
    const before = classOf(queue.weight)
    queue.weight += sign * weightOf(event)
    this.count += sign
    this.sizeBytes += sign * event.bytes.length
    if (sign > 0) queue.waiting.add(pending)
    else queue.waiting.delete(pending)
    const after = classOf(queue.weight)
    if (after !== before) {
      this.#classes[before]?.delete(event.tag)
      this.#classes[after]?.add(event.tag)
    }
    if (queue.weight > 0) this.#queues.set(event.tag, queue)
    else this.#queues.delete(event.tag)
  }
}

function weightOf({ bytes }: Event): number {
  return PLACE_WEIGHT + bytes.length
}

/** -1 for nothing. */
function classOf(weight: number): number {
  return 31 - Math.clz32(weight)
}
