/**
 * One replicated value, with a budget for each device. Which of a device's changes are within it depends on its own
 * chain only, which everybody delivers in the same order: the budget cannot split the group. It is counted here and not
 * in the types, because a map forgets a removed value with everything in it, and when it does differs between devices. A device
 * that has nothing left can remove no more either; the others can.
 */
import type { DeviceTag } from '../../api/contract.ts'
import { MAX_CHANGES_PER_DEVICE } from './limits.ts'
import type { DataType, Operation } from './operation.ts'

export class Replicated<State extends { readonly size: number }, Change, Value> {
  readonly state: State
  readonly #type: DataType<State, Change, Value>
  readonly #maxChanges: number
  readonly #spent = new Map<DeviceTag, number>()

  /** maxChanges: how many changes of one device count. */
  constructor(type: DataType<State, Change, Value>, maxChanges = MAX_CHANGES_PER_DEVICE) {
    this.#type = type
    this.#maxChanges = maxChanges
    this.state = type.empty()
  }

  get value(): Value {
    return this.#type.value(this.state)
  }

  /** Takes in an operation whose past was taken in. False when it is out of its limits and does nothing. */
  deliver(operation: Operation<Change>): boolean {
    if (this.left(operation.dot.tag) === 0) return false
    if (!this.#type.apply(this.state, operation)) return false
    this.#spent.set(operation.dot.tag, (this.#spent.get(operation.dot.tag) ?? 0) + 1)
    return true
  }

  /** Changes that this device has left. */
  left(tag: DeviceTag): number {
    return this.#maxChanges - (this.#spent.get(tag) ?? 0)
  }
}
