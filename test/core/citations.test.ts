import fc from 'fast-check'
import { expect, test } from 'vitest'
import { unheardOf } from '../../src-main/core/citations.ts'
import { KIND } from '../../src-main/core/event.ts'
import type { Entry } from '../../src-main/core/history.ts'
import { MAX_UNHEARD } from '../../src-main/core/limits.ts'
import { encodeChange } from '../../src-main/core/control/bodies.ts'
import { ROLE } from '../../src-main/core/control/operation.ts'
import { makeWorld, type Person } from '../helpers/people.ts'

const NAMES = ['alice', 'bob', 'carol']

/** Everything that somebody else wrote, and its past. */
function heardBesides(tag: string, log: readonly Entry[]): Set<Entry> {
  const heard = new Set<Entry>()
  const open = log.filter((entry) => entry.tag !== tag)
  for (let next = open.pop(); next; next = open.pop())
    if (!heard.has(next)) {
      heard.add(next)
      open.push(...next.parents)
    }
  return heard
}

test('what perhaps nobody has heard is what no event of anybody else builds on', () => {
  const act = fc.record({ by: fc.nat(2), hears: fc.nat(2), isControl: fc.boolean() })
  fc.assert(
    fc.property(fc.array(act, { maxLength: 25 }), (acts) => {
      const { people } = makeWorld(NAMES)
      for (const { by, hears, isControl } of acts) {
        const [author, listener] = [people[by]!, people[hears]!]
        const naming = encodeChange({ kind: 'role', target: listener.user, role: ROLE.owner, cut: new Map() })
        const event = isControl && by === 0 ? author.write(KIND.role, naming) : author.say('so it is')
        listener.hear(event)
      }
      for (const { engine } of people)
        for (const { tag } of people) {
          const { log } = engine.history
          const heard = heardBesides(tag, log)
          const unheard = log.filter((entry) => entry.tag === tag && !heard.has(entry))
          expect(unheardOf(tag, engine.history)).toEqual(unheard)
        }
    }),
    { numRuns: 200 },
  )
})

test('of somebody who talks to nobody, no more than the last are told', () => {
  const { people } = makeWorld(NAMES)
  const [alice] = people as [Person]
  const said = Array.from({ length: MAX_UNHEARD + 5 }, (_, i) => alice.say(`${i}`).id)
  expect(unheardOf(alice.tag, alice.engine.history).map(({ id }) => id)).toEqual(said.slice(5))
})
