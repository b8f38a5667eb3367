/** What arrives before its past is shown greyed after a while, and changes nothing else. All clocks are in the test's hand. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { GroupSummary } from '../../src-main/api/contract.ts'
import { hlcAt } from '../../src-main/core/hlc.ts'
import { MAX_PENDING_PER_DEVICE, PREVIEW_AFTER_MS } from '../../src-main/core/limits.ts'
import { makeScene, START_MS } from '../helpers/hostile-members.ts'

const HOUR_MS = 3_600_000
/** Shown at once, and gaps listed at once, however many there are. */
const MAX_PREVIEWS = 50
const MAX_GAPS = 20

const texts = ({ pending }: GroupSummary) => pending.preview.map(({ text }) => text)

test('after three seconds of waiting a message is shown greyed, until it takes its place', async () => {
  const { clocks, forge, gossip, summary, untilSo, shown } = await makeScene()
  const one = forge('one', { seq: 1 })
  const two = forge('two', { seq: 2, previous: one })
  const three = forge('three', { seq: 3, previous: two })
  const before = await shown()
  await gossip(three)
  await untilSo(({ pending }) => pending.count === 1)
  clocks.atMs += PREVIEW_AFTER_MS - 1
  expect((await summary()).pending.preview).toEqual([])
  clocks.atMs += 1
  const { pending } = await summary()
  expect(pending).toMatchObject({ count: 1, missing: [{ name: 'Mallory', count: 2 }] })
  const preview = { id: three.id, author: 'Mallory', text: 'three', sentAtMs: START_MS + 3 }
  expect(pending.preview).toEqual([{ ...preview, waitingFor: 2, waitingOn: 'Mallory' }])
  expect(await shown()).toEqual(before)

  await gossip(one)
  await untilSo(({ last }) => last?.text === 'one')
  expect((await summary()).pending.preview).toEqual([{ ...preview, waitingFor: 1, waitingOn: 'Mallory' }])
  await gossip(two)
  await untilSo((group) => group.pending.count === 0)
  expect((await summary()).pending).toEqual({ count: 0, missing: [], preview: [] })
  const { messages } = await shown()
  expect(messages.slice(-3).map(({ text }) => text)).toEqual(['one', 'two', 'three'])
})

test('a preview comes neither earlier nor later when the clock is set', async () => {
  const { clocks, forge, gossip, summary, untilSo } = await makeScene()
  await gossip(forge('two', { seq: 2 }))
  await untilSo(({ pending }) => pending.count === 1)
  for (const jumpMs of [5 * HOUR_MS, -10 * HOUR_MS, 5 * HOUR_MS]) {
    clocks.nowMs += jumpMs
    expect(texts(await summary())).toEqual([])
  }
  clocks.nowMs -= 5 * HOUR_MS
  clocks.atMs += PREVIEW_AFTER_MS
  expect(texts(await summary())).toEqual(['two'])
})

test('no more is shown of what waits than fits', async () => {
  const { clocks, forge, gossip, summary, untilSo } = await makeScene()
  const strangers = Array.from({ length: MAX_GAPS + 5 }, (_, i) => ({
    tag: (0xff00 + i).toString(16).padEnd(16, '0'),
    seq: 7,
  }))
  const planted = Array.from({ length: MAX_PREVIEWS + 5 }, (_, i) =>
    forge(`${i}`, { seq: i + 2, deps: strangers }),
  )
  await gossip(...planted)
  await untilSo(({ pending }) => pending.count === planted.length)
  clocks.atMs += PREVIEW_AFTER_MS
  const { pending } = await summary()
  expect(pending.preview).toHaveLength(MAX_PREVIEWS)
  expect(pending.missing).toHaveLength(MAX_GAPS)
})

test('whatever is planted, it is shown as waiting and changes nothing else', async () => {
  const hostile = fc.record({
    seq: fc.oneof(fc.integer({ min: 2, max: 9 }), fc.integer({ min: 2, max: Number.MAX_SAFE_INTEGER - 1 })),
    dots: fc.uniqueArray(fc.integer({ min: 1, max: 0xffff }), { maxLength: 4 }),
    heads: fc.uniqueArray(fc.integer({ min: 1, max: 255 }), { maxLength: 2 }),
    commit: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  })
  const plans = fc.uniqueArray(hostile, {
    minLength: 1,
    maxLength: MAX_PENDING_PER_DEVICE,
    selector: ({ seq }) => seq,
  })
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const { clocks, forge, gossip, summary, untilSo, shown } = await makeScene()
      const before = await shown()
      const planted = plan.map(({ seq, dots, heads, commit }, i) => {
        const deps = dots.map((dot) => ({ tag: dot.toString(16).padStart(16, '0'), seq: dot }))
        deps.sort((a, b) => (a.tag < b.tag ? -1 : 1))
        const controlHeads = heads.map((head) => head.toString(16).padStart(64, '0')).sort()
        return forge(`${i}`, {
          seq,
          deps,
          commit,
          hlc: hlcAt(START_MS),
          ...(controlHeads.length > 0 ? { controlHeads } : {}),
        })
      })
      await gossip(...planted)
      await untilSo(({ pending }) => pending.count === planted.length)
      expect(texts(await summary())).toEqual([])
      clocks.atMs += PREVIEW_AFTER_MS
      const { pending } = await summary()
      expect(pending.preview.map(({ id }) => id)).toEqual(planted.slice(0, MAX_PREVIEWS).map(({ id }) => id))
      for (const { waitingFor, waitingOn } of pending.preview) {
        expect(waitingFor).toBeGreaterThan(0)
        expect(waitingOn).toBe('Mallory')
      }
      expect(await shown()).toEqual(before)
    }),
    { numRuns: 20 },
  )
})
