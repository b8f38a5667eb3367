/**
 * Random causal histories of a replicated type: a few devices change their own state, and deliver each other's
 * operations in random orders that respect causality. Pasts are kept as plain sets, so that a test checks
 * the types against the graph and not against their own idea of it.
 */
import fc from 'fast-check'
import type { DataType, Observed, Operation } from '../../src-main/core/data/operation.ts'
import type { Dot } from '../../src-main/core/event.ts'
import { timelineKey } from '../../src-main/core/timeline.ts'

/** An operation with its exact past. */
export interface Told<Change> extends Operation<Change> {
  past: ReadonlySet<Told<Change>>
}

/** What one device does next: hears a few operations, then changes something. */
export interface Step<Action> {
  /** Device, by index. */
  at: number
  /** Which of the deliverable operations to deliver, one after the other; more numbers, more heard. */
  hear: number[]
  /** How far the device's clock jumps ahead. */
  skew: number
  action: Action
  /** What a liar says that it observed; an honest author has none. */
  claims?: { device: number; seq: number }[] | undefined
}

/** Makes an action's change from what its device observes; none when the action makes no sense there. */
export type MakeChange<State, Change, Action> = (state: State, action: Action) => Change | undefined

export interface PlayOptions<State, Change> {
  /** Every device hears everything before it acts, and hears its own operation at once. */
  inTurns?: boolean
  /** Authors list their claims, where they have some, as observed, whatever they saw. */
  lying?: boolean
  /** Called when an operation was applied at its author. */
  onAppend?: (operation: Told<Change>, state: State) => void
}

export interface Device<State, Change> {
  state: State
  delivered: Told<Change>[]
}

export const DEVICES = 3

/** 16 hex digits: aaaa…, bbbb…, cccc… */
export function tagOf(device: number): string {
  return 'abc'.charAt(device).repeat(16)
}

export function steps<Action>(action: fc.Arbitrary<Action>, maxLength: number): fc.Arbitrary<Step<Action>[]> {
  const small = fc.nat(2 * DEVICES)
  const claim = fc.record({ device: fc.nat(DEVICES - 1), seq: fc.integer({ min: 1, max: 4 }) })
  return fc.array(
    fc.record({
      at: fc.nat(DEVICES - 1),
      hear: fc.array(small, { maxLength: 4 }),
      skew: small,
      action,
      claims: fc.option(fc.array(claim, { maxLength: 3 }), { nil: undefined, freq: 3 }),
    }),
    { minLength: 1, maxLength, size: 'max' },
  )
}

/** Runs the steps. operations are in the order of their making, which is a causal one. */
export function play<State extends { readonly size: number }, Change, Action>(
  type: DataType<State, Change, unknown>,
  script: Step<Action>[],
  make: MakeChange<State, Change, Action>,
  { inTurns = false, lying = false, onAppend }: PlayOptions<State, Change> = {},
) {
  const operations: Told<Change>[] = []
  const devices = Array.from({ length: DEVICES }, () => ({
    state: type.empty(),
    delivered: [] as Told<Change>[],
    hlc: 0,
    seq: 0,
  }))
  for (const { at, hear, skew, action, claims } of script) {
    const device = devices[at]!
    for (const choice of inTurns ? operations.map(() => 0) : hear) {
      const ready = deliverable(operations, device.delivered)
      if (ready.length > 0) deliver(type, device, ready[choice % ready.length]!)
    }
    const wanted = make(device.state, action)
    if (wanted === undefined) continue
    const observed = claims?.map((claim) => ({ tag: tagOf(claim.device), seq: claim.seq }))
    const change = lying && observed ? claiming(wanted, observed) : wanted
    const heard = device.delivered.map(({ key }) => parseInt(key.slice(0, 16), 16))
    device.hlc = Math.max(device.hlc, ...heard) + 1 + skew
    const dot = { tag: tagOf(at), seq: ++device.seq }
    const past = new Set(device.delivered)
    const names = new Set(device.delivered.map((seen) => nameOf(seen.dot)))
    const key = timelineKey({ ...dot, kind: 1, hlc: BigInt(device.hlc) })
    const operation = { dot, key, saw: (seen: Dot) => names.has(nameOf(seen)), change, past }
    operations.push(operation)
    deliver(type, device, operation)
    onAppend?.(operation, device.state)
  }
  return { operations, devices }
}

/** Delivers the rest, in an order that the choices pick; 0 for the numbers that they lack. */
export function catchUp<State extends { readonly size: number }, Change>(
  type: DataType<State, Change, unknown>,
  device: Device<State, Change>,
  operations: Told<Change>[],
  choices: number[] = [],
): Device<State, Change> {
  for (let i = 0; device.delivered.length < operations.length; i++) {
    const ready = deliverable(operations, device.delivered)
    deliver(type, device, ready[(choices[i] ?? 0) % ready.length]!)
  }
  return device
}

/** A device that has delivered nothing. */
export function newcomer<State extends { readonly size: number }, Change>(
  type: DataType<State, Change, unknown>,
): Device<State, Change> {
  return { state: type.empty(), delivered: [] }
}

/** The state after some operations, in this order. */
export function fold<State extends { readonly size: number }, Change>(
  type: DataType<State, Change, unknown>,
  operations: Iterable<Operation<Change>>,
): State {
  const state = type.empty()
  for (const operation of operations) type.apply(state, operation)
  return state
}

/** Every order of the operations that respects causality. */
export function* linearExtensions<Change>(operations: Told<Change>[]): Generator<Told<Change>[]> {
  if (operations.length === 0) yield []
  for (const first of operations)
    if (!operations.some((other) => first.past.has(other)))
      for (const rest of linearExtensions(operations.filter((other) => other !== first)))
        yield [first, ...rest]
}

/** Those of some operations that none of the others has seen. */
export function maximal<Change>(operations: Told<Change>[]): Told<Change>[] {
  return operations.filter((operation) => !operations.some((other) => other.past.has(operation)))
}

function deliverable<Change>(operations: Told<Change>[], delivered: Told<Change>[]): Told<Change>[] {
  const here = new Set(delivered)
  return operations.filter(
    (operation) => !here.has(operation) && [...operation.past].every((seen) => here.has(seen)),
  )
}

function deliver<State extends { readonly size: number }, Change>(
  type: DataType<State, Change, unknown>,
  device: Device<State, Change>,
  operation: Told<Change>,
): void {
  type.apply(device.state, operation)
  device.delivered.push(operation)
}

/** The change with another list wherever it lists what it observed. */
function claiming<Change>(change: Change, observed: Observed): Change {
  if (typeof change !== 'object' || change === null) return change
  return Object.fromEntries(
    Object.entries(change).map(([name, value]) => [
      name,
      name === 'observed' ? observed : claiming(value as unknown, observed),
    ]),
  ) as Change
}

function nameOf({ tag, seq }: Dot): string {
  return `${tag} ${seq}`
}
