/** What events have seen of a group's control history, on random graphs. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Views } from '../../../src-main/core/control/views.ts'

/** Names are in no order that has to do with the graph's. */
const idOf = (i: number) => ((i * 7919) % 10_007).toString(16).padStart(64, '0')

/** A graph: each event cites some of those before it. Its pasts are plain sets. */
const graphs = fc
  .array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 14 })
  .map((cited) => {
    const pasts: Set<string>[] = []
    for (const [i, numbers] of cited.entries()) {
      const past = new Set<string>()
      for (const number of i > 0 ? numbers : []) {
        past.add(idOf(number % i))
        for (const id of pasts[number % i]!) past.add(id)
      }
      pasts.push(past)
    }
    const byId = new Map(pasts.map((past, i) => [idOf(i), past]))
    const isBefore = (a: string, b: string) => byId.get(b)!.has(a)
    /** Everything that lies in the past of these, with them. */
    const closure = (heads: readonly string[]) =>
      [...new Set(heads.flatMap((head) => [head, ...byId.get(head)!]))].sort()
    return { ids: [...byId.keys()], isBefore, closure, views: new Views(isBefore) }
  })
const picks = fc.array(fc.nat(), { maxLength: 5 })
const pick = (ids: readonly string[], numbers: readonly number[]) =>
  numbers.map((number) => ids[number % ids.length]!)

test('a view holds what its heads hold, and none of its heads lies before another', () => {
  fc.assert(
    fc.property(graphs, picks, ({ ids, isBefore, closure, views }, numbers) => {
      const cited = pick(ids, numbers)
      const { heads } = views.of(cited)
      expect(closure(heads)).toEqual(closure(cited))
      expect(heads).toEqual([...new Set(heads)].sort())
      for (const a of heads) for (const b of heads) expect(isBefore(a, b)).toBe(false)
    }),
  )
})

test('equal views are one object, however they came about', () => {
  fc.assert(
    fc.property(graphs, picks, picks, ({ ids, closure, views }, one, other) => {
      const [a, b] = [views.of(pick(ids, one)), views.of(pick(ids, other))]
      expect(a === b).toBe(closure(a.heads).join() === closure(b.heads).join())
      expect(views.of(closure(a.heads))).toBe(a)
      expect(views.of(pick(ids, one).toReversed())).toBe(a)
    }),
  )
})

test('joining is a union: in any order, with nothing, and with oneself', () => {
  fc.assert(
    fc.property(graphs, picks, picks, picks, ({ ids, closure, views }, ...numbers) => {
      const [a, b, c] = numbers.map((some) => views.of(pick(ids, some))) as [
        ReturnType<Views['of']>,
        ReturnType<Views['of']>,
        ReturnType<Views['of']>,
      ]
      expect(closure(views.join(a, b).heads)).toEqual(closure([...a.heads, ...b.heads]))
      expect(views.join(a, b)).toBe(views.join(b, a))
      expect(views.join(views.join(a, b), c)).toBe(views.join(a, views.join(b, c)))
      expect(views.join(a, a)).toBe(a)
      expect(views.join(a, views.none)).toBe(a)
      expect(views.join(views.none, a)).toBe(a)
      expect(views.join(views.join(a, b), b)).toBe(views.join(a, b))
    }),
  )
})
