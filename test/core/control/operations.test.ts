/** What the rules say of invites with a number of uses, of devices, and of successors. */
import { describe, expect, test } from 'vitest'
import { add, ALL, invite, join, name, remove, removeDevice, set, Story } from './story.ts'

describe('invites', () => {
  test('admit so many people, as far as the one who joins has seen', () => {
    const story = new Story()
      .does('bob', 'link', [ALL], invite(10, 1_000, 2))
      .does('erin', 'erin joins', ['link'], join('link'))
      .does('frank', 'frank joins', ['erin joins'], join('link'))
      .does('grace', 'grace is late', ['frank joins'], join('link'))
    expect(Object.keys(story.members)).toEqual(['alice', 'bob', 'carol', 'dave', 'erin', 'frank'])
    // Whoever joins at the same time has not seen the others. That it tells the truth, a voucher shows.
    story.does('heidi', 'heidi joins', ['erin joins'], join('link'))
    expect(story.members).toHaveProperty('heidi')
  })

  test('count people, not joins: whoever left comes back by one that is used up', () => {
    const story = new Story()
      .does('bob', 'link', [ALL], invite(10, 1_000, 1))
      .does('erin', 'erin joins', ['link'], join('link'))
      .does('erin', 'erin leaves', ['erin joins'], remove('erin'))
      .does('erin', 'erin is back', ['erin leaves'], join('link'))
      .does('frank', 'frank is late', ['erin is back'], join('link'))
    expect(story.members).toHaveProperty('erin')
    expect(story.members).not.toHaveProperty('frank')
  })

  test('of a join that is cancelled no use is made', () => {
    const story = new Story()
      .does('bob', 'link', [ALL], invite(10, 1_000, 1))
      .does('erin', 'erin joins', ['link'], join('link'))
      .does('erin', 'noise', ['erin joins'], { kind: 'rotate' })
      .does('alice', 'erin out', ['noise'], remove('erin', [["erin's", 0]]))
      .does('frank', 'frank joins', ['erin out'], join('link'))
    expect(story.counts('erin joins')).toBe(false)
    expect(story.counts('frank joins')).toBe(true)
  })

  test('end with the office of who made them, for whoever joins afterwards or unseen', () => {
    for (const end of [remove('bob', [["bob's", 9]]), set('bob', 50, [["bob's", 9]])]) {
      const story = new Story()
        .does('bob', 'link', [ALL], invite(50))
        .does('erin', 'erin joins', ['link'], join('link'))
        .does('alice', 'bob lowered', ['erin joins'], end)
        .does('frank', 'frank joins later', ['bob lowered'], join('link'))
        .does('grace', 'grace joins unseen', ['link'], join('link'))
      expect(story.counts('erin joins')).toBe(true)
      expect(story.counts('frank joins later')).toBe(false)
      expect(story.counts('grace joins unseen')).toBe(false)
      expect(story.resolver.cancelledBy('grace joins unseen')).toEqual(['bob lowered'])
      expect(story.resolver.openInvites(0)).toEqual([])
    }
  })

  test('that are open can be listed', () => {
    const story = new Story()
      .does('bob', 'a', [ALL], invite(10, 1_000, 2))
      .does('bob', 'b', ['a'], invite(10, 500, 1))
      .does('carol', 'c', ['b'], invite(20))
      .does('carol', 'd', ['c'], invite(20))
      .does('carol', 'no d', ['d'], { kind: 'revoke', invite: 'd' })
      .does('erin', 'erin joins', ['a'], join('a'))
    const open = (nowMs: number) => story.resolver.openInvites(nowMs).map(({ id, uses }) => [id, uses])
    expect(open(500)).toEqual([
      ['a', 1],
      ['b', 0],
      ['c', 0],
    ])
    expect(open(501)).toEqual([
      ['a', 1],
      ['c', 0],
    ])
    story.does('frank', 'frank joins', ['a'], join('a'))
    expect(open(501)).toEqual([['c', 0]])
  })
})

describe('devices', () => {
  const withPhone = () => new Story().does('bob on phone', 'phone in', [ALL], { kind: 'enter' })

  test('enter for a member, and for nobody else', () => {
    const story = withPhone().does('mallory on laptop', 'stranger in', [ALL], { kind: 'enter' })
    expect(story.counts('phone in')).toBe(true)
    expect(story.counts('stranger in')).toBe(false)
    expect(story.members).toEqual({ alice: 100, bob: 80, carol: 60, dave: 10 })
    story.does('alice', 'bob out', [ALL], remove('bob'))
    expect(story.counts('phone in')).toBe(false)
  })

  test('that were removed do nothing any more, neither entering again nor joining', () => {
    const story = withPhone()
      .does('bob', 'link', ['phone in'], invite())
      .does('bob', 'no phone', ['link'], removeDevice('phone', 1))
      .does('bob on phone', 'erin in', ['no phone'], add('erin'))
      .does('bob on phone', 'phone again', ['erin in'], { kind: 'enter' })
      .does('bob on phone', 'frank in', ['phone again'], add('frank'))
    expect(story.members).toEqual({ alice: 100, bob: 80, carol: 60, dave: 10 })
    expect(story.resolver.isRemovedDevice('bob', 'phone')).toBe(true)
    expect(story.resolver.roleAt(['no phone'], 'bob', 'phone')).toBeUndefined()
    expect(story.resolver.roleAt(['no phone'], 'bob', "bob's")).toBe(80)
    expect(story.resolver.roleAt(['link'], 'bob', 'phone')).toBe(80)
    story
      .does('bob', 'bob leaves', ['frank in'], remove('bob'))
      .does('carol', 'another link', ['bob leaves'], invite())
      .does('bob on phone', 'by phone', ['another link'], join('another link'))
    expect(story.members).not.toHaveProperty('bob')
    story.does('bob', 'by laptop', ['another link'], join('another link'))
    expect(story.members).toMatchObject({ bob: 10 })
  })

  test('have what they did unseen or beyond the extent cancelled, and nothing else', () => {
    const story = withPhone()
      .does('bob on phone', 'erin in', ['phone in'], add('erin'))
      .does('bob', 'no phone', ['erin in'], removeDevice('phone', 2))
      .does('bob on phone', 'dave out', ['erin in'], remove('dave'))
      .does('bob', 'frank in', ['erin in'], add('frank'))
    expect(story.members).toEqual({ alice: 100, bob: 80, carol: 60, dave: 10, erin: 10, frank: 10 })
    expect(story.resolver.cancelledBy('dave out')).toEqual(['no phone'])
    const theft = withPhone()
      .does('bob on phone', 'dave out', ['phone in'], remove('dave'))
      .does('bob', 'no phone', ['dave out'], removeDevice('phone', 1))
    expect(theft.members).toEqual({ alice: 100, bob: 80, carol: 60, dave: 10 })
  })

  test('are removed by their own person only', () => {
    const story = withPhone()
      .does('alice', 'bob’s phone', ['phone in'], removeDevice('phone', 0))
      .does('carol', 'no device of mine', ['phone in'], removeDevice('never seen', 0))
      .does('alice', 'phone of mine?', [ALL], removeDevice('phone', 0))
    for (const id of ['bob’s phone', 'no device of mine', 'phone of mine?'])
      expect(story.counts(id)).toBe(false)
    expect(story.resolver.isRemovedDevice('bob', 'phone')).toBe(false)
  })

  test('that remove each other are both out, whoever pretends to have been first', () => {
    const story = withPhone()
      .does('bob', 'erin in', ['phone in'], add('erin'))
      .does('bob', 'no phone', ['erin in'], removeDevice('phone', 1))
      .does('bob on phone', 'no laptop', ['erin in'], removeDevice("bob's", 1))
    expect(story.resolver.isRemovedDevice('bob', 'phone')).toBe(true)
    expect(story.resolver.isRemovedDevice('bob', "bob's")).toBe(true)
    // Whoever has the twenty-four words enters with a third one, which the removed ones cannot have seen.
    story
      .does('bob on tablet', 'tablet in', ['no phone'], { kind: 'enter' })
      .does('bob on phone', 'no tablet', ['tablet in'], removeDevice('tablet', 0))
    expect(story.resolver.isRemovedDevice('bob', 'tablet')).toBe(false)
  })

  test('keep what their person entered the group with', () => {
    const story = new Story()
      .does('bob', 'link', [ALL], invite())
      .does('erin on laptop', 'erin joins', ['link'], join('link'))
      .does('erin on phone', 'erin’s phone', ['erin joins'], { kind: 'enter' })
      .does('erin on phone', 'no laptop', ['erin’s phone'], removeDevice('laptop', 0))
    expect(story.members).toMatchObject({ erin: 10 })
    expect(story.counts('no laptop')).toBe(true)
    story
      .does('alice on phone 2', 'alice’s phone', [ALL], { kind: 'enter' })
      .does('alice on phone 2', 'no founding', ['alice’s phone'], removeDevice("alice's", 0))
    expect(story.members).toEqual({ alice: 100 })
  })
})

describe('successors', () => {
  const named = () => new Story().does('alice', 'bob named', [ALL], name('bob'))

  test('become owners when they want to', () => {
    const story = named()
    expect(story.resolver.namedSuccessors).toEqual([{ id: 'bob named', owner: 'alice', successor: 'bob' }])
    story.does('carol', 'not carol', ['bob named'], { kind: 'succeed' })
    story.does('bob', 'bob succeeds', ['bob named'], { kind: 'succeed' })
    expect(story.members).toEqual({ alice: 100, bob: 100, carol: 60, dave: 10 })
    expect(story.counts('not carol')).toBe(false)
  })

  test('are members, and named by an owner', () => {
    const story = new Story()
      .does('bob', 'by bob', [ALL], name('carol'))
      .does('alice', 'a stranger', [ALL], name('mallory'))
      .does('alice', 'herself', [ALL], name('alice'))
      .does('carol', 'carol succeeds', ['by bob', 'a stranger', 'herself'], { kind: 'succeed' })
    for (const id of ['by bob', 'a stranger', 'herself', 'carol succeeds'])
      expect(story.counts(id)).toBe(false)
  })

  test('are the latest that were named; of those named at the same time, all', () => {
    const story = named().does('alice', 'carol named', ['bob named'], name('carol'))
    expect(story.resolver.namedSuccessors.map(({ successor }) => successor)).toEqual(['carol'])
    story.does('alice', 'dave named', ['bob named'], name('dave'))
    expect(story.resolver.namedSuccessors.map(({ successor }) => successor)).toEqual(['carol', 'dave'])
    story.does('alice', 'nobody', ['carol named'], name(undefined))
    expect(story.resolver.namedSuccessors.map(({ successor }) => successor)).toEqual(['dave'])
    story.does('dave', 'dave succeeds', ['dave named'], { kind: 'succeed' })
    expect(story.members).toMatchObject({ dave: 100, carol: 60 })
  })

  test('a withdrawal that had not seen the succession wins', () => {
    for (const withdrawal of [name(undefined), name('carol')]) {
      const story = named()
        .does('bob', 'bob succeeds', ['bob named'], { kind: 'succeed' })
        .does('bob', 'carol out', ['bob succeeds'], remove('carol'))
        .does('alice', 'not bob', ['bob named'], withdrawal)
      expect(story.resolver.cancelledBy('bob succeeds')).toEqual(['not bob'])
      expect(story.members).toMatchObject({ bob: 80 })
    }
    const seen = named()
      .does('bob', 'bob succeeds', ['bob named'], { kind: 'succeed' })
      .does('alice', 'too late', ['bob succeeds'], name(undefined))
    expect(seen.members).toMatchObject({ bob: 100 })
  })

  test('of an owner who steps down or leaves nobody succeeds, not unseen either', () => {
    for (const end of [set('alice', 50), remove('alice')]) {
      const story = named()
        .does('alice', 'no owner', ['bob named'], end)
        .does('bob', 'too late', ['no owner'], { kind: 'succeed' })
        .does('bob on phone', 'as if in time', ['bob named'], { kind: 'succeed' })
      expect(story.members).toMatchObject({ bob: 80 })
      expect(story.resolver.namedSuccessors).toEqual([])
    }
  })

  test('a removal ends a naming, a demotion at the same time wins over the succession', () => {
    const story = new Story()
      .does('alice', 'dave named', [ALL], name('dave'))
      .does('carol', 'no right to', ['dave named'], remove('dave'))
      .does('alice', 'dave out', ['dave named'], remove('dave', [["dave's", 0]]))
      .does('dave', 'as if in time', ['dave named'], { kind: 'succeed' })
      .does('bob', 'dave again', ['dave out'], add('dave'))
      .does('dave', 'by the old naming', ['dave again'], { kind: 'succeed' })
    expect(story.members).toMatchObject({ dave: 10 })
    expect(story.counts('no right to')).toBe(false)
    const demoted = named()
      .does('alice', 'bob demoted', ['bob named'], set('bob', 10))
      .does('bob', 'bob succeeds', ['bob named'], { kind: 'succeed' })
    expect(demoted.members).toMatchObject({ bob: 10 })
  })

  test('what made somebody an owner falls with it', () => {
    const story = new Story()
      .does('alice', 'bob owner', [ALL], set('bob', 100))
      .does('bob on phone', 'phone in', ['bob owner'], { kind: 'enter' })
      .does('bob on phone', 'mallory in', ['phone in'], add('mallory'))
      .does('bob on phone', 'mallory named', ['mallory in'], name('mallory'))
      .does('mallory', 'mallory succeeds', ['mallory named'], { kind: 'succeed' })
    expect(story.members).toMatchObject({ mallory: 100 })
    story.does('bob', 'no phone', ['mallory succeeds'], removeDevice('phone', 1))
    expect(story.members).not.toHaveProperty('mallory')
  })
})

describe('other operations', () => {
  test('a new epoch is begun by members, and what is unknown never counts', () => {
    const story = new Story()
      .does('alice', 'reader in', [ALL], add('rita', 0))
      .does('rita', 'by a reader', ['reader in'], { kind: 'rotate' })
      .does('dave', 'by a member', ['reader in'], { kind: 'rotate' })
      .does('alice', 'of tomorrow', ['reader in'], { kind: 'unknown' })
    expect([story.counts('by a reader'), story.counts('by a member'), story.counts('of tomorrow')]).toEqual([
      false,
      true,
      false,
    ])
  })
})
