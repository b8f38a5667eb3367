/** Laws of the resolver: it depends on the set alone, and says what the rules say. What each rule means: rules.test.ts. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Naming, Operation } from '../../../src-main/core/control/operation.ts'
import { Resolver } from '../../../src-main/core/control/resolver.ts'
import { play, reordered, ROOT, steps } from './histories.ts'
import { Reference } from './reference.ts'

const choices = fc.array(fc.nat(100), { minLength: 1, maxLength: 20 })

function resolve(operations: readonly Operation[]): Resolver {
  const resolver = new Resolver(ROOT)
  for (const operation of operations) resolver.add(operation)
  return resolver
}

const outcome = (resolver: Resolver, operations: readonly Operation[]) => ({
  members: [...resolver.members].sort(),
  effective: operations.map(({ id }) => resolver.isEffective(id)),
})

describe('Resolver', () => {
  test('says the same in every order, also where cuts lie', () => {
    fc.assert(
      fc.property(steps(20), choices, (script, order) => {
        const made = play(script, true)
        const expected = outcome(resolve(made.operations), made.operations)
        expect(outcome(resolve(reordered(made, order)), made.operations)).toEqual(expected)
      }),
      { numRuns: 2_000 },
    )
  })

  test('says what the rules say, word for word', () => {
    fc.assert(
      fc.property(steps(14), choices, (script, order) => {
        const made = play(script, true)
        const reference = new Reference(ROOT)
        for (const operation of made.operations) reference.add(operation)
        const { effective, blunted, roleOf } = reference.resolve(new Set(reference.operations.keys()))
        const resolver = resolve(reordered(made, order))
        const ending = new Set([...effective].filter((id) => !blunted.has(id)))
        for (const { id, author, device } of made.operations) {
          expect([id, resolver.isEffective(id)]).toEqual([id, effective.has(id)])
          expect(resolver.members.get(author)).toBe(roleOf(author))
          expect(resolver.isRemovedDevice(author, device)).toBe(
            reference.isDeviceRemoved(author, device, effective),
          )
          for (const seq of [1, 2, 4])
            expect(resolver.isBeyondCut({ user: author, device, seq, heads: [id] })).toBe(
              reference.isBeyondCut(author, device, seq, id, ending),
            )
        }
        const named = (namings: readonly Naming[]) => namings.map(({ id }) => id).sort()
        expect(named(resolver.namedSuccessors)).toEqual(named(reference.named(effective)))
        expect(resolver.openInvites(6)).toEqual(reference.openInvites(6, effective))
        expect(resolver.members.size).toBe(
          [0, 1, 2, 3, 4, 5].filter((i) => roleOf(`u${i}`) !== undefined).length,
        )
      }),
      { numRuns: 2_000 },
    )
  })

  test('says of every past what it would have said then', () => {
    fc.assert(
      fc.property(steps(20), (script) => {
        const { operations, pasts } = play(script, true)
        const whole = resolve(operations)
        const { id } = operations.at(-1)!
        const then = resolve(operations.filter((one) => one.id === id || pasts.get(id)!.has(one.id)))
        for (let i = 0; i < 6; i++) expect(whole.roleAt([id], `u${i}`)).toBe(then.members.get(`u${i}`))
      }),
      { numRuns: 1_000 },
    )
  })
})
