/** What each rule of membership means, one block per rule. Breaking the rule makes its block fail. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EventId } from '../../../src-main/api/contract.ts'
import { isAllowed, type Change, type Operation } from '../../../src-main/core/control/operation.ts'
import { Resolver } from '../../../src-main/core/control/resolver.ts'
import { play, push, reduced, ROOT, steps } from './histories.ts'
import { add, ALL, invite, name, remove, removeDevice, set, Story } from './story.ts'

describe('R1: an operation is judged by its own past', () => {
  test('what was not allowed does not become so by a later promotion', () => {
    const story = new Story()
      .does('dave', 'early', [ALL], add('erin'))
      .does('alice', 'promoted', ['early'], set('dave', 50))
    expect(story.counts('early')).toBe(false)
    expect(story.does('dave', 'again', ['promoted'], add('erin')).members).toMatchObject({
      dave: 50,
      erin: 10,
    })
  })

  test('what was allowed stays so when its author leaves later', () => {
    const story = new Story()
      .does('bob', 'erin in', [ALL], add('erin'))
      .does('bob', 'gone', ['erin in'], remove('bob'))
    expect(story.members).toEqual({ alice: 100, carol: 60, dave: 10, erin: 10 })
  })
})

describe('R2: one acts on lower roles only', () => {
  const roles = fc.constantFrom(0, 10, 49, 50, 60, 80, 99, 100)
  const judge = (change: Change, author: number | undefined, target: number | undefined) =>
    isAllowed({ id: 'op', author: 'ann', device: 'd', seq: 1, timeMs: 0, parents: [ROOT], change }, ROOT, {
      author,
      isDeviceRemoved: false,
      target,
      invite: undefined,
      isOwnDevice: false,
      named: [],
    })

  test('nobody removes or demotes an equal or a higher one, and nobody below an admin does it at all', () => {
    fc.assert(
      fc.property(roles, roles, roles, (author, target, role) => {
        const mayAct = author >= 50 && target < author
        expect(judge(remove('tom'), author, target)).toBe(mayAct)
        expect(judge(remove('tom', [], true), author, target)).toBe(mayAct)
        if (role < target) expect(judge(set('tom', role), author, target)).toBe(mayAct)
      }),
    )
  })

  test('nobody gives as much as it has, but an owner appoints owners', () => {
    fc.assert(
      fc.property(roles, roles, fc.option(roles, { nil: undefined }), (author, role, target) => {
        const mayGive = author >= 50 && (role < author || author === 100)
        expect(judge(add('tom', role), author, target)).toBe(mayGive && target === undefined)
        if (target !== undefined && role > target)
          expect(judge(set('tom', role), author, target)).toBe(mayGive && target < author)
        expect(judge(invite(role), author, undefined)).toBe(author >= 50 && role < author)
      }),
    )
  })

  test('everybody may leave and step down', () => {
    fc.assert(
      fc.property(roles, roles, (role, less) => {
        expect(judge(remove('ann'), role, role)).toBe(true)
        expect(judge(set('ann', less), role, role)).toBe(less < role)
      }),
    )
  })

  test('a stranger does nothing, and only the first operation founds', () => {
    for (const change of [add('tom'), remove('tom'), remove('tom', [], true), set('tom', 10), invite()])
      expect(judge(change, undefined, 10)).toBe(false)
    expect(judge({ kind: 'create' }, undefined, undefined)).toBe(false)
    expect(new Story().does('mallory', 'second', [], { kind: 'create' }).members).not.toHaveProperty(
      'mallory',
    )
  })
})

describe('R3: cuts', () => {
  test('what a removed admin did unseen and beyond the cut is cancelled, what came before stays', () => {
    const story = new Story()
      .does('bob', 'erin in', [ALL], add('erin'))
      .does('alice', 'bob out', ['erin in'], remove('bob', [["bob's", 1]]))
      .does('bob', 'frank in', ['erin in'], add('frank'))
    expect(story.members).toEqual({ alice: 100, carol: 60, dave: 10, erin: 10 })
    expect(story.resolver.cancelledBy('frank in')).toEqual(['bob out'])
  })

  test('a device that the cut does not name has no past that is accepted', () => {
    const story = new Story()
    story.resolver.add({
      id: 'erin in',
      author: 'bob',
      device: 'a device nobody saw',
      seq: 1,
      timeMs: 0,
      parents: [ALL],
      change: add('erin'),
    })
    story.does('alice', 'bob out', [ALL], remove('bob', [["bob's", 9]]))
    expect(story.members).toEqual({ alice: 100, carol: 60, dave: 10 })
  })

  test('not even when that past had been seen', () => {
    const story = new Story()
      .does('bob on phone', 'erin in', [ALL], add('erin'))
      .does('alice', 'bob out', ['erin in'], remove('bob', [["bob's", 9]]))
    expect(story.members).toEqual({ alice: 100, carol: 60, dave: 10 })
  })

  test('a demotion cuts as a removal does, a promotion does not', () => {
    const both = new Story()
      .does('alice', 'less', [ALL], set('bob', 10))
      .does('bob', 'erin in', [ALL], add('erin'))
      .does('alice', 'more', ['less'], set('carol', 70))
      .does('carol', 'frank in', [ALL], add('frank'))
    expect(both.members).toEqual({ alice: 100, bob: 10, carol: 70, dave: 10, frank: 10 })
  })

  test('a revoked invite admits nobody whom the revoking had not seen', () => {
    const story = new Story()
      .does('bob', 'link', [ALL], invite())
      .does('erin', 'erin joins', ['link'], { kind: 'join', invite: 'link' })
      .does('bob', 'taken back', ['erin joins'], { kind: 'revoke', invite: 'link' })
      .does('frank', 'frank joins', ['link'], { kind: 'join', invite: 'link' })
      .does('grace', 'grace joins', ['taken back'], { kind: 'join', invite: 'link' })
    expect(Object.keys(story.members)).toEqual(['alice', 'bob', 'carol', 'dave', 'erin'])
  })

  test('what counts holds, also when its author has the role for it only since something else was cut off', () => {
    const story = new Story()
      .does('bob on a stolen phone', 'link', [ALL], invite())
      .does('alice', 'naming', ['link'], name('carol'))
      .does('carol', 'carol takes over', ['naming'], { kind: 'succeed' })
      .does('bob on a stolen phone', 'carol down', ['link'], set('carol', 50))
      .does('bob', 'phone lost', ['carol takes over'], removeDevice('a stolen phone', 1))
      .does('carol', 'bob out', ['phone lost', 'carol down'], remove('bob', [["bob's", 1]]))
      .does('bob on an old phone', 'carol out', [ALL], remove('carol'))
    expect(story.members).toEqual({ alice: 100, carol: 100, dave: 10 })
    expect(['bob out', 'carol out'].map((id) => story.counts(id))).toEqual([true, false])
  })

  test('whoever was removed changes nothing by writing as if it had not been', () => {
    let attacks = 0
    const backdating = fc.property(steps(16), steps(3), fc.nat(999), (script, lies, pick) => {
      const made = play(script, false)
      const before = new Resolver(ROOT)
      for (const operation of made.operations) before.add(operation)
      const removals = made.operations.filter(
        ({ id, author, change }) =>
          change.kind === 'remove' &&
          change.target !== author &&
          before.isEffective(id) &&
          !before.members.has(change.target),
      )
      fc.pre(removals.length > 0)
      const removal = removals[pick % removals.length]!
      const target = (removal.change as Change & { kind: 'remove' }).target
      const rank = before.roleAt(removal.parents, removal.author)!
      const unseen = made.operations.filter(
        ({ id }) => id !== removal.id && !made.pasts.get(id)!.has(removal.id),
      )
      // Somebody who was the remover's equal in a past that it may cite might have done so rightly.
      fc.pre(unseen.every(({ id }) => (before.roleAt([id], target) ?? -1) < rank))
      // And so might an owner, which somebody becomes whom one had named.
      const named = unseen.some(({ change }) => change.kind === 'successor' && change.target === target)
      fc.pre(!named || rank === 100)
      const members = [...before.members].sort()
      let last: EventId | undefined
      for (const [i, lie] of lies.entries()) {
        const cited = unseen[lie[0]! % unseen.length]!.id
        const parents = reduced(made, last === undefined ? [cited] : [cited, last])
        const id = `lie ${i}`
        push(made, before, {
          id,
          author: target,
          device: `${target}.9`,
          seq: i + 1,
          timeMs: 0,
          parents,
          change: (
            [
              add(`u${lie[1]! % 6}`, lie[2]! % 60),
              remove(`u${lie[1]! % 6}`),
              set(`u${lie[1]! % 6}`, lie[2]! % 60),
              invite(lie[2]! % 60),
              { kind: 'enter' },
              removeDevice(`${target}.${lie[1]! % 2}`, 0),
              name(`u${lie[1]! % 6}`),
              { kind: 'succeed' },
            ] satisfies Change[]
          )[lie[3]! % 8]!,
        } satisfies Operation)
        last = id
        attacks++
      }
      expect([...before.members].sort()).toEqual(members)
    })
    fc.assert(backdating, { numRuns: 1_500 })
    expect(attacks).toBeGreaterThan(2_000)
  })
})

describe('R4: precedence', () => {
  test('of two admins who remove each other, the one of higher role stays, whoever came first', () => {
    const story = new Story()
      .does('carol', 'bob demoted?', [ALL], set('bob', 10))
      .does('bob', 'carol out', [ALL], remove('carol'))
      .does('carol', 'dave out', [ALL], remove('dave'))
    expect(story.members).toEqual({ alice: 100, bob: 80, dave: 10 })
  })

  test('of equal roles, the earlier one; a revocation that is cancelled cancels nothing', () => {
    // Both were promoted above the other in the past of their own operation.
    const removals: [string, EventId, EventId[], Change][] = [
      ['bob', 'a: carol out', ['bob up'], remove('carol')],
      ['carol', 'b: bob out', ['carol up'], remove('bob')],
    ]
    for (const inOrder of [removals, removals.toReversed()]) {
      const story = new Story()
        .does('alice', 'bob up', [ALL], set('bob', 90))
        .does('alice', 'carol up', [ALL], set('carol', 90))
      for (const removal of inOrder) story.does(...removal)
      expect(story.counts('a: carol out')).toBe(true)
      expect(story.counts('b: bob out')).toBe(false)
      expect(story.members).toEqual({ alice: 100, bob: 90, dave: 10 })
    }
  })

  test('of owners who take from each other what had made them owners, the one that came first', () => {
    const takings: [string, EventId, EventId[], Change][] = [
      ['erin', 'z: gina out', ['gina less'], remove('gina', [["gina's", 0]])],
      ['dave', 'noise', ['gina less'], { kind: 'rotate' }],
      ['dave', 'a: alice out', ['noise'], remove('alice', [["alice's", 6]])],
    ]
    for (const inOrder of [takings, [takings[1]!, takings[2]!, takings[0]!]]) {
      const story = new Story()
        .does('alice', 'gina in', [ALL], add('gina', 100))
        .does('alice', 'more noise', ['gina in'], { kind: 'rotate' })
        .does('alice', 'erin in', ['more noise'], add('erin', 100))
        .does('gina', 'dave owner', ['erin in'], set('dave', 100))
        .does('alice', 'alice less', ['dave owner'], set('alice', 10))
        .does('gina', 'gina less', ['alice less'], set('gina', 10))
      for (const taking of inOrder) story.does(...taking)
      expect(story.members).toMatchObject({ alice: 10, dave: 10, erin: 100 })
      expect(story.members).not.toHaveProperty('gina')
    }
  })

  test('nobody of lower role ever takes the owner down', () => {
    fc.assert(
      fc.property(steps(20), (script) => {
        const { operations } = play(script, true)
        const resolver = new Resolver(ROOT)
        const isTakenDown = ({ author, change }: Operation) =>
          author === 'u0' && 'target' in change && change.target === 'u0'
        const owners = operations.some(({ change }) => 'role' in change && change.role === 100)
        fc.pre(!owners && !operations.some(isTakenDown))
        for (const operation of operations) resolver.add(operation)
        expect(resolver.members.get('u0')).toBe(100)
      }),
      { numRuns: 500 },
    )
  })
})

describe('R5: a removal wins', () => {
  test('over an addition that had not seen it', () => {
    const story = new Story()
      .does('alice', 'dave out', [ALL], remove('dave'))
      .does('bob', 'erin in', [ALL], add('erin'))
      .does('alice', 'erin out', ['erin in', 'dave out'], remove('erin'))
      .does('carol', 'erin again', [ALL], add('erin'))
    expect(story.members).toEqual({ alice: 100, bob: 80, carol: 60 })
  })

  test('but not over one that had', () => {
    const story = new Story()
      .does('alice', 'dave out', [ALL], remove('dave'))
      .does('carol', 'dave again', ['dave out'], add('dave'))
    expect(story.members).toMatchObject({ dave: 10 })
  })

  test('an invite from before does not bring back who was removed, one from after does, and none who was banned', () => {
    const story = new Story()
      .does('bob', 'old link', [ALL], invite())
      .does('alice', 'dave out', ['old link'], remove('dave'))
      .does('dave', 'dave sneaks in', ['dave out'], { kind: 'join', invite: 'old link' })
    expect(story.members).not.toHaveProperty('dave')
    story
      .does('bob', 'new link', ['dave out'], invite())
      .does('dave', 'dave joins', ['new link'], { kind: 'join', invite: 'new link' })
    expect(story.members).toMatchObject({ dave: 10 })
    story
      .does('alice', 'dave banned', ['dave joins'], remove('dave', [["dave's", 9]], true))
      .does('bob', 'newer link', ['dave banned'], invite())
      .does('dave', 'dave joins again', ['newer link'], { kind: 'join', invite: 'newer link' })
    expect(story.members).not.toHaveProperty('dave')
    expect(story.does('bob', 'pardon', ['dave joins again'], add('dave')).members).toMatchObject({ dave: 10 })
  })

  test('whoever left may come back by the same invite', () => {
    const story = new Story()
      .does('bob', 'link', [ALL], invite())
      .does('erin', 'joins', ['link'], { kind: 'join', invite: 'link' })
      .does('erin', 'leaves', ['joins'], remove('erin'))
    expect(story.members).not.toHaveProperty('erin')
    story.does('erin', 'returns', ['leaves'], { kind: 'join', invite: 'link' })
    expect(story.members).toMatchObject({ erin: 10 })
  })

  test('an invite admits until its date', () => {
    const story = new Story().does('bob', 'link', [ALL], invite(10, 1_000))
    story.does('erin', 'in time', ['link'], { kind: 'join', invite: 'link' }, 1_000)
    story.does('frank', 'late', ['link'], { kind: 'join', invite: 'link' }, 1_001)
    expect(Object.keys(story.members)).toEqual(['alice', 'bob', 'carol', 'dave', 'erin'])
  })
})

describe('R6: concurrent roles', () => {
  test('of promotions and demotions the least counts', () => {
    const story = new Story()
      .does('alice', 'dave 50', [ALL], set('dave', 50))
      .does('bob', 'dave 70', [ALL], set('dave', 70))
    expect(story.members).toMatchObject({ dave: 50 })
    story.does('alice', 'settled', ['dave 50', 'dave 70'], set('dave', 60))
    expect(story.members).toMatchObject({ dave: 60 })
  })

  test('nobody is demoted by being added a second time', () => {
    const story = new Story()
      .does('alice', 'erin 70', [ALL], add('erin', 70))
      .does('carol', 'erin 20', [ALL], add('erin', 20))
    expect(story.members).toMatchObject({ erin: 70 })
    story
      .does('alice', 'erin 80', ['erin 70'], set('erin', 80))
      .does('bob', 'erin 10', [ALL], add('erin', 10))
    expect(story.members).toMatchObject({ erin: 80 })
  })
})

describe('R7: what depended on something cancelled is judged again', () => {
  test('whoever was added by a cancelled addition is out, with all that it did', () => {
    const story = new Story()
      .does('bob', 'erin in', [ALL], add('erin', 60))
      .does('erin', 'frank in', ['erin in'], add('frank'))
      .does('erin', 'dave out', ['frank in'], remove('dave', [["dave's", 0]]))
    expect(story.members).toEqual({ alice: 100, bob: 80, carol: 60, erin: 60, frank: 10 })
    story.does('alice', 'bob out', [ALL], remove('bob'))
    expect(story.members).toEqual({ alice: 100, carol: 60, dave: 10 })
  })

  test('a revocation that falls gives back what its cut had cancelled', () => {
    const story = new Story()
      .does('bob', 'erin in', [ALL], add('erin', 70))
      .does('erin', 'carol out', ['erin in'], remove('carol'))
      .does('carol', 'frank in', ['carol in'], add('frank'))
    expect(story.members).toEqual({ alice: 100, bob: 80, dave: 10, erin: 70 })
    story.does('alice', 'bob out', [ALL], remove('bob'))
    expect(story.members).toEqual({ alice: 100, carol: 60, dave: 10, frank: 10 })
  })

  test('what it did on somebody else’s word stays', () => {
    const story = new Story()
      .does('bob', 'erin in', [ALL], add('erin', 60))
      .does('alice', 'erin in, too', [ALL], add('erin', 60))
      .does('erin', 'frank in', ['erin in', 'erin in, too'], add('frank'))
      .does('alice', 'bob out', [ALL], remove('bob'))
    expect(story.members).toEqual({ alice: 100, carol: 60, dave: 10, erin: 60, frank: 10 })
  })
})
