import { expect, test } from 'vitest'
import { askingFor, type Width } from '../../src-main/core/gaps.ts'
import type { Missing } from '../../src-main/core/missing.ts'

const REACHABLE = ['a', 'b', 'c', 'd', 'e']
const LACKING: Missing = { ranges: [{ tag: '00'.repeat(8), chain: 'm', from: 1, to: 2 }], heads: [] }

function asking(width: Width, sources: string[], missing: Missing = LACKING) {
  return askingFor({ width, sources }, missing, REACHABLE)
}

test('more and more neighbours are asked, and for more', () => {
  expect(asking('source', ['d', 'b', 'gone'])).toEqual({ peers: ['b', 'd'], forAll: false })
  expect(asking('more', ['a'])).toEqual({ peers: ['b', 'c'], forAll: false })
  expect(asking('all', ['a'])).toEqual({ peers: ['b', 'c', 'd', 'e'], forAll: true })
  expect(asking('again', ['a'])).toEqual({ peers: ['b', 'c'], forAll: true })
})

test('where those are gone, or there are no others, everybody is asked', () => {
  expect(asking('source', ['gone'])).toEqual({ peers: REACHABLE, forAll: false })
  expect(asking('more', REACHABLE)).toEqual({ peers: REACHABLE, forAll: false })
  expect(askingFor({ width: 'all', sources: ['gone'] }, LACKING, [])).toEqual({ peers: [], forAll: true })
})

test('who cannot say what is missing asks for all', () => {
  expect(asking('source', ['a'], { ranges: [], heads: [] })).toEqual({ peers: ['a'], forAll: true })
})
