import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_OBSERVED } from '../../../src-main/core/data/limits.ts'
import { lwwRegister } from '../../../src-main/core/data/lww-register.ts'
import { mvRegister, type RegisterState } from '../../../src-main/core/data/mv-register.ts'
import { fold, maximal, play, steps, tagOf, type Told } from '../../helpers/causal.ts'
import { describeLaws } from './laws.ts'

const mv = mvRegister<number>()
const lww = lwwRegister<number>()
const action = fc.nat(9)
const make = (state: RegisterState<number>, value: number) => mv.write(state, value)
const byKey = (a: Told<unknown>, b: Told<unknown>) => (a.key < b.key ? -1 : 1)

describeLaws('multi-value register', { type: mv, action, make })
describeLaws('last-writer-wins register', { type: lww, action, make })

describe('a multi-value register', () => {
  test('keeps exactly the maximal concurrent writes, in timeline order', () => {
    fc.assert(
      fc.property(steps(action, 30), (script) => {
        const { operations, devices } = play(mv, script, make)
        for (const known of [operations, ...devices.map(({ delivered }) => delivered)])
          expect(mv.value(fold(mv, known))).toEqual(
            maximal(known)
              .sort(byKey)
              .map(({ change }) => change.value),
          )
      }),
    )
  })

  test('shows its author what it wrote, and nothing else', () => {
    fc.assert(
      fc.property(steps(action, 30), (script) => {
        play(mv, script, make, {
          onAppend: ({ change }, state) => expect(mv.value(state)).toEqual([change.value]),
        })
      }),
    )
  })

  test('keeps the latest write of each device, though nothing is listed as observed', () => {
    fc.assert(
      fc.property(steps(action, 30), (script) => {
        const silent = script.map((step) => ({ ...step, claims: [] }))
        const { operations } = play(mv, silent, make, { lying: true })
        const latest = new Map(operations.map(({ dot, change }) => [dot.tag, change.value]))
        const state = fold(mv, operations)
        expect(new Map([...state].map(([tag, { value }]) => [tag, value]))).toEqual(latest)
      }),
    )
  })

  test('refuses a write that lists more than it may', () => {
    const observed = Array.from({ length: MAX_OBSERVED + 1 }, (_, seq) => ({ tag: tagOf(1), seq }))
    const place = { dot: { tag: tagOf(0), seq: 1 }, key: '', saw: () => true }
    expect(mv.apply(mv.empty(), { ...place, change: { value: 1, observed } })).toBe(false)
    expect(mv.apply(mv.empty(), { ...place, change: { value: 1, observed: observed.slice(1) } })).toBe(true)
  })
})

describe('a last-writer-wins register', () => {
  test('shows the write with the greatest timeline key of all', () => {
    fc.assert(
      fc.property(steps(action, 30), (script) => {
        const { operations } = play(lww, script, make)
        const winner = operations.slice().sort(byKey).at(-1)
        expect(lww.value(fold(lww, operations))).toBe(winner?.change.value)
      }),
    )
  })

  test('shows its author what it wrote', () => {
    fc.assert(
      fc.property(steps(action, 30), (script) => {
        play(lww, script, make, {
          onAppend: ({ change }, state) => expect(lww.value(state)).toBe(change.value),
        })
      }),
    )
  })

  test('is empty until somebody writes', () => {
    expect(lww.value(lww.empty())).toBeUndefined()
    expect(mv.value(mv.empty())).toEqual([])
  })
})
