import { expect, test } from 'vitest'
import { CatchUp, type Slice } from '../../src-main/core/catch-up.ts'
import { LONG_PLAN_EVENTS, MAX_SLICES_AHEAD } from '../../src-main/core/limits.ts'
import type { Plan } from '../../src-main/core/sync.ts'

/** So many slices of ten events each, up to the dates 9, 19, 29… */
function plan(slices: number, controls = 0): Plan {
  return {
    controls,
    slices: Array.from({ length: slices }, (_, i) => ({ to: BigInt(10 * i + 9), count: 10 })),
  }
}

const good = (slice: Slice) => ({ news: slice.atLeast, waiting: 0 })

/** The peer hands over all of it. */
function bring(catchUp: CatchUp<string>, peer: string, slice: Slice): void {
  catchUp.take(peer, slice, good(slice))
  catchUp.finish(peer, slice)
}

const next = (catchUp: CatchUp<string>, peer: string) => catchUp.next(peer) as Slice

test('each slice is given to one peer, and the slices leave no date out', () => {
  const catchUp = new CatchUp<string>()
  for (const peer of ['bob', 'carol']) catchUp.join(peer, plan(3))
  const slices = [next(catchUp, 'bob'), next(catchUp, 'carol'), next(catchUp, 'bob')]
  expect(slices).toMatchObject([
    { chain: 'm', from: 0n, to: 9n, atLeast: 10 },
    { chain: 'm', from: 10n, to: 19n, atLeast: 10 },
    { chain: 'm', from: 20n, to: 29n, atLeast: 10 },
  ])
  expect(catchUp.next('carol')).toBe('wait')
})

test('slices are taken in in order, whichever arrives first', () => {
  const catchUp = new CatchUp<string>()
  for (const peer of ['bob', 'carol']) catchUp.join(peer, plan(2))
  const [first, second] = [next(catchUp, 'bob'), next(catchUp, 'carol')]
  expect([catchUp.isTurn(first), catchUp.isTurn(second)]).toEqual([true, false])
  bring(catchUp, 'bob', first)
  expect(catchUp.isTurn(second)).toBe(true)
  expect(catchUp.next('bob')).toBe('wait')
  bring(catchUp, 'carol', second)
  expect([catchUp.next('bob'), catchUp.next('carol')]).toEqual(['end', 'end'])
})

test('nobody fetches far ahead of what is taken in', () => {
  const catchUp = new CatchUp<string>()
  catchUp.join('bob', plan(MAX_SLICES_AHEAD + 2))
  const slices = Array.from({ length: MAX_SLICES_AHEAD }, () => next(catchUp, 'bob'))
  expect(catchUp.next('bob')).toBe('wait')
  bring(catchUp, 'bob', slices[0]!)
  expect(catchUp.next('bob')).toMatchObject({ chain: 'm' })
})

test('control events come first, from one peer at a time, and again only from who has more', () => {
  const catchUp = new CatchUp<string>()
  catchUp.join('bob', plan(2, 5))
  catchUp.join('carol', plan(2, 5))
  catchUp.join('dave', plan(2, 6))
  const controls = next(catchUp, 'bob')
  expect(controls).toMatchObject({ chain: 'c', atLeast: 5 })
  expect([catchUp.next('bob'), catchUp.next('carol')]).toEqual(['wait', 'wait'])
  bring(catchUp, 'bob', controls)
  expect(catchUp.next('carol')).toMatchObject({ chain: 'm' })
  expect(catchUp.next('dave')).toMatchObject({ chain: 'c', atLeast: 6 })
})

test('who promises control events and brings none is not believed', () => {
  const catchUp = new CatchUp<string>()
  catchUp.join('mallory', plan(1, 500))
  catchUp.join('bob', plan(1, 5))
  const promised = next(catchUp, 'mallory')
  catchUp.take('mallory', promised, { news: 0, waiting: 0 })
  catchUp.finish('mallory', promised)
  expect(catchUp.next('bob')).toMatchObject({ chain: 'c', atLeast: 5 })
})

test('what a peer held when it left is given to another', () => {
  const catchUp = new CatchUp<string>()
  for (const peer of ['bob', 'carol']) catchUp.join(peer, plan(2))
  const first = next(catchUp, 'bob')
  next(catchUp, 'carol')
  expect(catchUp.next('carol')).toBe('wait')
  const before = catchUp.version
  catchUp.leave('bob')
  expect(catchUp.version).toBeGreaterThan(before)
  expect(catchUp.next('carol')).toBe(first)
})

test('who has fewer, or brings little news, does not get the slice again', () => {
  const catchUp = new CatchUp<string>()
  for (const peer of ['bob', 'mallory']) catchUp.join(peer, plan(2))
  const first = next(catchUp, 'mallory')
  catchUp.decline('mallory', first)
  const second = next(catchUp, 'mallory')
  expect(second).not.toBe(first)
  catchUp.take('mallory', second, { news: 4, waiting: 0 })
  catchUp.finish('mallory', second)
  expect(catchUp.next('mallory')).toBe('wait')
  expect([catchUp.next('bob'), catchUp.next('bob')]).toEqual([first, second])
})

test('a slice that nobody has ends it, and nobody waits for ever', () => {
  const catchUp = new CatchUp<string>()
  for (const peer of ['mallory', 'bob']) catchUp.join(peer, plan(2))
  const [first, second] = [next(catchUp, 'mallory'), next(catchUp, 'bob')]
  catchUp.decline('mallory', first)
  bring(catchUp, 'bob', second)
  catchUp.decline('bob', next(catchUp, 'bob'))
  expect([catchUp.next('bob'), catchUp.next('mallory')]).toEqual(['stop', 'stop'])
})

test('when somebody withheld, the leader goes on alone until it ends well', () => {
  const catchUp = new CatchUp<string>()
  for (const peer of ['bob', 'mallory']) catchUp.join(peer, plan(4))
  bring(catchUp, 'mallory', next(catchUp, 'mallory'))
  const second = next(catchUp, 'bob')
  catchUp.take('bob', second, { news: 10, waiting: 3 })
  catchUp.finish('bob', second)
  expect(catchUp.next('mallory')).toBe('stop')
  catchUp.leave('mallory')
  for (let i = 0; i < 2; i++) bring(catchUp, 'bob', next(catchUp, 'bob'))
  expect(catchUp.next('bob')).toBe('end')
  catchUp.leave('bob')
  for (const peer of ['bob', 'mallory']) catchUp.join(peer, plan(2))
  expect([next(catchUp, 'bob').chain, next(catchUp, 'mallory').chain]).toEqual(['m', 'm'])
})

test('waiting proves nothing against anybody while one peer brings everything', () => {
  const catchUp = new CatchUp<string>()
  for (const peer of ['bob', 'carol']) catchUp.join(peer, plan(3))
  const first = next(catchUp, 'bob')
  catchUp.take('bob', first, { news: 10, waiting: 3 })
  catchUp.finish('bob', first)
  expect(catchUp.next('carol')).toMatchObject({ chain: 'm' })
})

test('one whom others wait for is known, and one whom nobody waits for is not hurried', () => {
  const catchUp = new CatchUp<string>()
  catchUp.join('bob', plan(2))
  const first = next(catchUp, 'bob')
  expect(catchUp.turn).toBeUndefined()
  catchUp.join('carol', plan(2))
  expect(catchUp.turn).toEqual({ peer: 'bob', slice: first })
})

test('whoever keeps silent about a later slice is hurried when nobody else has the one before it', () => {
  const catchUp = new CatchUp<string>()
  // Mallory, who leads, promised what nobody has; Moriarty was asked for what comes after it.
  for (const peer of ['mallory', 'moriarty']) catchUp.join(peer, plan(2))
  const first = next(catchUp, 'mallory')
  const later = next(catchUp, 'moriarty')
  expect(catchUp.turn).toEqual({ peer: 'mallory', slice: first })
  catchUp.leave('mallory')
  catchUp.join('bob', plan(0))
  catchUp.decline('bob', next(catchUp, 'bob'))
  expect(catchUp.next('bob')).toBe('wait')
  expect(catchUp.turn).toEqual({ peer: 'moriarty', slice: later })
  catchUp.leave('moriarty')
  // Not without her, either: what is left begins anew.
  catchUp.decline('bob', next(catchUp, 'bob'))
  expect(catchUp.next('bob')).toBe('stop')
  catchUp.leave('bob')
  catchUp.join('bob', plan(1))
  bring(catchUp, 'bob', next(catchUp, 'bob'))
  expect(catchUp.next('bob')).toBe('end')
})

test('when a slice is to be had from nobody, one who holds another does not keep everything from beginning anew', () => {
  const catchUp = new CatchUp<string>()
  for (const peer of ['bob', 'carol', 'moriarty']) catchUp.join(peer, plan(2))
  const first = next(catchUp, 'moriarty')
  catchUp.decline('moriarty', first)
  const later = next(catchUp, 'moriarty')
  for (const peer of ['bob', 'carol']) catchUp.decline(peer, next(catchUp, peer))
  for (const peer of ['bob', 'carol']) {
    expect(catchUp.next(peer)).toBe('stop')
    catchUp.leave(peer)
  }
  expect(catchUp.turn).toEqual({ peer: 'moriarty', slice: later })
})

test('only a long plan has progress and a window, and only one peer is asked for the window', () => {
  const long = (count: number): Plan => ({ controls: 0, slices: [{ to: 9n, count }] })
  const short = new CatchUp<string>()
  short.join('bob', long(LONG_PLAN_EVENTS - 1))
  expect([short.progress, short.asksForWindow('bob')]).toEqual([undefined, false])
  const catchUp = new CatchUp<string>()
  for (const peer of ['bob', 'carol']) catchUp.join(peer, long(LONG_PLAN_EVENTS))
  expect([catchUp.asksForWindow('carol'), catchUp.asksForWindow('bob')]).toEqual([false, true])
  expect(catchUp.asksForWindow('bob')).toBe(false)
  const slice = next(catchUp, 'bob')
  catchUp.take('bob', slice, { news: 7, waiting: 0 })
  expect(catchUp.progress).toEqual({ done: 7, total: LONG_PLAN_EVENTS })
  for (const peer of ['bob', 'carol']) catchUp.leave(peer)
  expect(catchUp.progress).toBeUndefined()
})

test('peers other than the leader may have more, once something came', () => {
  const catchUp = new CatchUp<string>()
  for (const peer of ['bob', 'carol']) catchUp.join(peer, plan(1))
  bring(catchUp, 'bob', next(catchUp, 'bob'))
  expect([catchUp.leave('bob'), catchUp.leave('carol')]).toEqual([false, true])
})

test('of a slice that came in part, only the rest is asked for', () => {
  const catchUp = new CatchUp<string>()
  for (const peer of ['bob', 'carol']) catchUp.join(peer, plan(2))
  const first = next(catchUp, 'bob')
  catchUp.take('bob', first, { news: 7, waiting: 0 })
  catchUp.leave('bob')
  expect(catchUp.next('carol')).toMatchObject({ from: 0n, atLeast: 3 })
})
