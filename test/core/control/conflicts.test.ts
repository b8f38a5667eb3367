/** Every kind of conflict, as it is told; and the audit list. The same in every order. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { auditOf } from '../../../src-main/core/control/audit.ts'
import { conflictsOf, explain, type Conflict, type Deed } from '../../../src-main/core/control/conflicts.ts'
import { Resolver } from '../../../src-main/core/control/resolver.ts'
import { play, reordered, ROOT, steps } from './histories.ts'
import { add, ALL, invite, join, name, remove, removeDevice, set, Story } from './story.ts'

/** What a story is told as: "cut: alice remove bob; bob add erin | erin add frank -> bob out, erin out, frank out". */
const told = (story: Story) => conflictsOf(story.resolver).map(inShort)
const inShort = ({ kind, act, lost, fell, outcome }: Conflict): string => {
  const say = (deed: Deed) =>
    [deed.author, deed.kind, deed.target, deed.role].filter((x) => x !== undefined).join(' ')
  const now = outcome.map(({ user, role }) => `${user} ${role ?? 'out'}`).join(', ')
  const deeds = [lost, fell].filter((some) => some.length > 0).map((some) => some.map(say).join(', '))
  return `${kind}: ${say(act)}; ${deeds.join(' | ')} -> ${now}`
}

describe('conflictsOf', () => {
  test('tells of a removal and of what the removed one did meanwhile, and of what had been built on it', () => {
    const story = new Story()
      .does('bob', 'erin in', [ALL], add('erin', 60))
      .does('erin', 'frank in', ['erin in'], add('frank'))
      .does('alice', 'bob out', [ALL], remove('bob', [["bob's", 9]]))
    expect(told(story)).toEqual([
      'cut: alice remove bob; bob add erin 60 | erin add frank 10 -> bob out, erin out, frank out',
    ])
    expect(explain(story.resolver, 'frank in')).toHaveLength(1)
    expect(explain(story.resolver, 'carol in')).toEqual([])
  })

  test('says that somebody stays whom another one had added as well', () => {
    const story = new Story()
      .does('bob', 'erin in', [ALL], add('erin'))
      .does('carol', 'erin in, too', [ALL], add('erin'))
      .does('alice', 'bob out', [ALL], remove('bob', [["bob's", 9]]))
    expect(told(story)).toEqual(['cut: alice remove bob; bob add erin 10 -> bob out, erin 10'])
  })

  test('tells of a demotion and of what was done meanwhile', () => {
    const story = new Story()
      .does('bob', 'erin in', [ALL], add('erin'))
      .does('alice', 'bob less', [ALL], set('bob', 10, [["bob's", 9]]))
    expect(told(story)).toEqual(['cut: alice role bob 10; bob add erin 10 -> bob 10, erin out'])
  })

  test('tells who stays of two who remove each other', () => {
    const story = new Story()
      .does('alice', 'carol up', [ALL], set('carol', 90))
      .does('carol', 'bob out', ['carol up'], remove('bob'))
      .does('bob', 'carol out', [ALL], remove('carol'))
      .does('bob', 'erin in', ['carol out'], add('erin'))
    expect(told(story)).toEqual([
      'cut: carol remove bob; bob add erin 10 -> bob out, erin out',
      'mutual: carol remove bob; bob remove carol -> bob out, carol 90',
    ])
  })

  test('tells of somebody who was removed and added at the same time', () => {
    const story = new Story()
      .does('alice', 'dave out', [ALL], remove('dave'))
      .does('bob', 'erin in', [ALL], add('erin'))
      .does('alice', 'erin out', ['erin in'], remove('erin'))
      .does('carol', 'erin again', [ALL], add('erin'))
    expect(told(story)).toEqual(['readmission: alice remove erin; carol add erin 10 -> erin out'])
  })

  test('tells of somebody who joins by an invite from before the removal', () => {
    const story = new Story()
      .does('bob', 'link', [ALL], invite())
      .does('alice', 'dave out', ['link'], remove('dave'))
      .does('dave', 'dave sneaks in', ['dave out'], join('link'))
    expect(told(story)).toEqual(['readmission: alice remove dave; dave join bob 10 -> dave out'])
  })

  test('tells of several roles given at the same time, until somebody settles it', () => {
    const story = new Story()
      .does('alice', 'dave 50', [ALL], set('dave', 50))
      .does('bob', 'dave 70', [ALL], set('dave', 70))
    expect(told(story)).toEqual(['roles: alice role dave 50; bob role dave 70 -> dave 50'])
    expect(told(story.does('alice', 'settled', ['dave 50', 'dave 70'], set('dave', 60)))).toEqual([])
  })

  test('tells of an invite that ended while somebody joined', () => {
    const story = new Story()
      .does('bob', 'link', [ALL], invite())
      .does('erin', 'erin joins', ['link'], join('link'))
      .does('carol', 'no link', ['link'], { kind: 'revoke', invite: 'link' })
    expect(told(story)).toEqual(['invite: carol revoke bob 10; erin join bob 10 -> erin out'])
    const office = new Story()
      .does('bob', 'link', [ALL], invite())
      .does('erin', 'erin joins', ['link'], join('link'))
      .does('alice', 'bob out', ['link'], remove('bob', [["bob's", 1]]))
    expect(told(office)).toEqual(['invite: alice remove bob; erin join bob 10 -> bob out, erin out'])
  })

  test('tells of a naming that was withdrawn while the named one succeeded', () => {
    const story = new Story()
      .does('alice', 'bob named', [ALL], name('bob'))
      .does('bob', 'bob succeeds', ['bob named'], { kind: 'succeed' })
      .does('alice', 'not bob', ['bob named'], name('carol'))
    expect(told(story)).toEqual(['succession: alice successor carol; bob succeed bob 100 -> bob 80'])
  })

  test('tells of devices that took each other out, and of what a removed one did meanwhile', () => {
    const story = new Story()
      .does('bob on phone', 'phone in', [ALL], { kind: 'enter' })
      .does('bob', 'erin in', ['phone in'], add('erin'))
      .does('bob', 'a: no phone', ['erin in'], removeDevice('phone', 1))
      .does('bob on phone', 'b: no laptop', ['erin in'], removeDevice("bob's", 1))
      .does('bob on phone', 'dave out', ['b: no laptop'], remove('dave'))
    expect(told(story)).toEqual([
      'cut: bob removeDevice; bob remove dave -> dave 10',
      'devices: bob removeDevice; bob removeDevice -> bob 80',
    ])
  })

  test('and the audit list say the same in every order', () => {
    fc.assert(
      fc.property(steps(20), fc.array(fc.nat(100), { minLength: 1, maxLength: 20 }), (script, order) => {
        const made = play(script, true)
        const tell = (operations: typeof made.operations) => {
          const resolver = new Resolver(ROOT)
          for (const operation of operations) resolver.add(operation)
          return { conflicts: conflictsOf(resolver), audit: auditOf(resolver) }
        }
        expect(tell(reordered(made, order))).toEqual(tell(made.operations))
      }),
      { numRuns: 300 },
    )
  })
})

describe('auditOf', () => {
  test('lists causes first, then by date and id, with what became of each', () => {
    const story = new Story()
      .does('bob', 'z', [ALL], add('erin'), 5)
      .does('alice', 'bob out', [ALL], remove('bob'), 7)
      .does('carol', 'b', [ALL], add('frank'), 3)
      .does('dave', 'a', [ALL], add('grace'), 3)
    const audit = auditOf(story.resolver)
    expect(audit.map(({ id }) => id)).toEqual([
      ROOT,
      'bob in',
      'carol in',
      'dave in',
      'a',
      'b',
      'z',
      'bob out',
    ])
    const of = (wanted: string) => audit.find(({ id }) => id === wanted)!
    expect(of('a')).toMatchObject({ wasAllowed: false, isEffective: false, cancelledBy: [], cancels: [] })
    expect(of('z')).toMatchObject({ wasAllowed: true, isEffective: false, cancelledBy: ['bob out'] })
    expect(of('bob out')).toMatchObject({ isEffective: true, cancels: ['z'] })
    expect(story.resolver.cutsOf('bob')).toMatchObject([
      { revocation: { id: 'bob out' }, isEffective: true, cancelled: ['z'] },
    ])
  })
})
