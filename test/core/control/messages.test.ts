/** What a revocation means for messages, and when that has to be looked at again. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EventId } from '../../../src-main/api/contract.ts'
import { Resolver } from '../../../src-main/core/control/resolver.ts'
import { play, ROOT, steps } from './histories.ts'
import { add, ALL, invite, join, remove, removeDevice, set, Story } from './story.ts'

const hidden = (story: Story, user: string, seq: number, heads: EventId[], device = `${user}'s`) =>
  story.resolver.isBeyondCut({ user, device, seq, heads })

describe('isBeyondCut', () => {
  test('hides what a removed one wrote beyond the cut without having seen it', () => {
    const story = new Story().does('alice', 'dave out', [ALL], remove('dave', [["dave's", 7]]))
    expect([6, 7, 8].map((seq) => hidden(story, 'dave', seq, [ALL]))).toEqual([false, false, true])
    expect(hidden(story, 'dave', 8, ['dave out'])).toBe(false)
    expect(hidden(story, 'dave', 1, [ALL], 'a device that the cut does not name')).toBe(true)
    expect(hidden(story, 'bob', 8, [ALL])).toBe(false)
    story.does('bob', 'dave again', ['dave out'], add('dave'))
    expect(hidden(story, 'dave', 8, ['dave again'])).toBe(false)
    expect(hidden(story, 'dave', 8, [ALL])).toBe(true)
  })

  test('goes by leaving as well, and by a demotion to a reader, but not by one to anything more', () => {
    const story = new Story()
      .does('dave', 'dave leaves', [ALL], remove('dave', [["dave's", 7]]))
      .does('alice', 'bob reads', [ALL], set('bob', 0, [["bob's", 7]]))
      .does('alice', 'carol less', [ALL], set('carol', 10, [["carol's", 7]]))
    expect(['dave', 'bob', 'carol'].map((user) => hidden(story, user, 8, [ALL]))).toEqual([true, true, false])
  })

  test('goes by the removal of the device', () => {
    const story = new Story()
      .does('bob on phone', 'phone in', [ALL], { kind: 'enter' })
      .does('bob', 'no phone', ['phone in'], removeDevice('phone', 7))
    expect(hidden(story, 'bob', 8, ['phone in'], 'phone')).toBe(true)
    expect(hidden(story, 'bob', 7, ['phone in'], 'phone')).toBe(false)
    expect(hidden(story, 'bob', 8, ['phone in'])).toBe(false)
    expect(hidden(story, 'carol', 8, ['phone in'], 'phone')).toBe(false)
  })

  test('goes by what counts only', () => {
    const story = new Story()
      .does('dave', 'no right to', [ALL], remove('carol'))
      .does('bob', 'carol out', [ALL], remove('carol'))
    expect(hidden(story, 'carol', 1, [ALL])).toBe(true)
    story.does('alice', 'bob out', [ALL], remove('bob'))
    expect(hidden(story, 'carol', 1, [ALL])).toBe(false)
  })
})

describe('version', () => {
  test('does not grow by additions, joins and promotions', () => {
    const story = new Story().does('bob', 'link', [ALL], invite())
    const before = story.resolver.version
    story
      .does('erin', 'erin joins', ['link'], join('link'))
      .does('bob', 'frank in', [ALL], add('frank'))
      .does('alice', 'dave up', [ALL], set('dave', 20))
      .does('dave', 'no right to', [ALL], remove('alice'))
    expect(story.resolver.version).toBe(before)
  })

  test('grows by what counts against somebody, not by what was cancelled before it came', () => {
    const story = new Story().does('alice', 'bob out', [ALL], remove('bob', [["bob's", 0]]))
    const before = story.resolver.version
    expect(before).toBeGreaterThan(0)
    story.does('bob', 'as if in time', [ALL], remove('carol'))
    expect(story.resolver.version).toBe(before)
    story.does('alice', 'carol out', ['bob out'], remove('carol'))
    expect(story.resolver.version).toBeGreaterThan(before)
  })

  test('grows whenever anything that was said before is otherwise', () => {
    let changes = 0
    fc.assert(
      fc.property(steps(20), (script) => {
        const { operations } = play(script, true)
        const resolver = new Resolver(ROOT)
        const said = () =>
          operations
            .filter(({ id }) => resolver.has(id))
            .map(({ id, author, device }) => [
              resolver.isEffective(id),
              ...[1, 3].map((seq) => resolver.isBeyondCut({ user: author, device, seq, heads: [id] })),
            ])
        for (const operation of operations) {
          const [version, before] = [resolver.version, said()]
          resolver.add(operation)
          const after = said().filter((_, i) => operations[i]!.id !== operation.id)
          if (JSON.stringify(after) === JSON.stringify(before)) continue
          changes++
          expect(resolver.version).toBeGreaterThan(version)
        }
      }),
      { numRuns: 300 },
    )
    expect(changes).toBeGreaterThan(300)
  })
})
