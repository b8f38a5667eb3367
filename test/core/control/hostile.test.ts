/** What members have tried, or could: each attack, and what comes of it. */
import { describe, expect, test } from 'vitest'
import type { Change } from '../../../src-main/core/control/operation.ts'
import { add, ALL, extents, invite, join, name, remove, removeDevice, set, Story } from './story.ts'

const founders = { alice: 100, bob: 80, carol: 60, dave: 10 }

describe('cuts that lie', () => {
  test('a cut that accepts more than its author has seen accepts no more', () => {
    const story = new Story()
      .does('alice', 'bob out', [ALL], remove('bob', [["bob's", 1_000_000]]))
      .does('bob', 'mallory in', [ALL], add('mallory', 70))
    expect(story.members).toEqual({ alice: 100, carol: 60, dave: 10 })
  })

  test('a cut that names devices of others reaches nothing of theirs', () => {
    const story = new Story()
      .does('carol', 'erin in', [ALL], add('erin'))
      .does('bob', 'dave out', ['erin in'], { ...remove('dave'), cut: extents([["carol's", 0]]) } as Change)
    expect(story.members).toEqual({ alice: 100, bob: 80, carol: 60, erin: 10 })
  })

  test('an admin does not undo what an owner did who has stepped down', () => {
    // Alice hands the group to bob; carol, whom alice appointed, then "removes alice" with all that she did after that.
    const story = new Story()
      .does('alice', 'bob owner', [ALL], set('bob', 100))
      .does('alice', 'alice less', ['bob owner'], set('alice', 10))
      .does('carol', 'alice out', ['alice less'], remove('alice', [["alice's", 4]]))
    expect(story.members).toEqual({ bob: 100, carol: 60, dave: 10 })
  })

  test('nobody undoes the founding', () => {
    const story = new Story()
      .does('alice', 'bob owner', [ALL], set('bob', 100))
      .does('alice', 'alice less', ['bob owner'], set('alice', 10))
      .does('bob', 'alice out', ['alice less'], remove('alice', [["alice's", 0]]))
    // The cut takes away bob's own office: it cuts nothing. The removal alone does not, and holds.
    expect(story.resolver.cancelledOf('alice out')).toEqual([])
    expect(story.members).toEqual({ bob: 100, carol: 60, dave: 10 })
  })

  test('a removed one does not take back by leaving earlier what was accepted of it', () => {
    const story = new Story()
      .does('bob', 'link', [ALL], invite())
      .does('erin', 'erin joins', ['link'], join('link'))
      .does('alice', 'bob out', ['erin joins'], remove('bob', [["bob's", 1]]))
      .does('bob on phone', 'bob leaves', ['link'], remove('bob'))
    expect(story.members).toEqual({ alice: 100, carol: 60, dave: 10, erin: 10 })
  })

  test('nor by removing a device, also of the same role as whoever removed it', () => {
    const stepped = new Story()
      .does('alice', 'carol up', [ALL], set('carol', 80))
      .does('bob', 'erin in', ['carol up'], add('erin'))
      .does('bob', 'bob less', ['erin in'], set('bob', 50))
      .does('carol', 'bob out', ['bob less'], remove('bob', [["bob's", 2]]))
      .does('bob on phone', 'no laptop', ['erin in'], removeDevice("bob's", 0))
    expect(stepped.members).toEqual({ alice: 100, carol: 80, dave: 10, erin: 10 })

    const story = new Story()
      .does('bob', 'erin in', [ALL], add('erin'))
      .does('alice', 'bob out', ['erin in'], remove('bob', [["bob's", 1]]))
      .does('bob on phone', 'phone in', ['erin in'], { kind: 'enter' })
      .does('bob on phone', 'no laptop', ['phone in'], removeDevice("bob's", 0))
    expect(story.members).toEqual({ alice: 100, carol: 60, dave: 10, erin: 10 })
    const demoted = new Story()
      .does('bob', 'erin in', [ALL], add('erin'))
      .does('alice', 'bob less', ['erin in'], set('bob', 10, [["bob's", 1]]))
      .does('bob on phone', 'phone in', ['bob less'], { kind: 'enter' })
      .does('bob on phone', 'no laptop', ['phone in'], removeDevice("bob's", 0))
    expect(demoted.members).toMatchObject({ bob: 10, erin: 10 })
  })
})

describe('ways back in', () => {
  test('an admin who was removed comes back neither under another key nor by an invite kept for that', () => {
    const story = new Story()
      .does('bob', 'back door', [ALL], invite(70))
      .does('alice', 'bob out', ['back door'], remove('bob', [["bob's", 1]]))
      .does('bob', 'bob 2 in', ['back door'], add('bob 2', 70))
      .does('bob 3', 'bob 3 joins', ['back door'], join('back door'))
      .does('bob 4', 'bob 4 joins', ['bob out'], join('back door'))
      .does('bob 3', 'carol out', ['bob 3 joins'], remove('carol'))
    expect(story.members).toEqual({ alice: 100, carol: 60, dave: 10 })
  })

  test('a join that leaves out the removal, the ban or the taking back does not help', () => {
    const story = new Story()
      .does('bob', 'link', [ALL], invite())
      .does('alice', 'dave banned', ['link'], remove('dave', [["dave's", 9]], true))
      .does('bob', 'no link', ['link'], { kind: 'revoke', invite: 'link' })
      .does('dave', 'dave leaves', [ALL], remove('dave'))
      .does('dave', 'dave joins', ['dave leaves', 'link'], join('link'))
      .does('erin', 'erin joins', ['link'], join('link'))
    expect(story.members).toEqual({ alice: 100, bob: 80, carol: 60 })
  })

  test('whoever left and writes as if it had not is cut off by a ban', () => {
    const story = new Story()
      .does('bob', 'bob leaves', [ALL], remove('bob'))
      .does('bob on phone', 'mallory in', [ALL], add('mallory', 70))
      .does('bob on phone', 'carol out', ['mallory in'], remove('carol'))
    expect(story.members).toMatchObject({ mallory: 70 })
    story.does('alice', 'bob banned', ['bob leaves'], remove('bob', [["bob's", 9]], true))
    expect(story.members).toEqual({ alice: 100, carol: 60, dave: 10 })
    expect(story.resolver.bannedUsers).toEqual(['bob'])
    // Nor is a ban a way to take from somebody what it did with a higher role.
    const other = new Story()
      .does('alice', 'bob owner', [ALL], set('bob', 100))
      .does('bob', 'erin in', ['bob owner'], add('erin', 80))
      .does('bob', 'bob leaves', ['erin in'], remove('bob'))
      .does('carol', 'bob banned', ['bob leaves'], remove('bob', [], true))
    expect(other.members).toMatchObject({ erin: 80 })
  })

  test('stepping down as if earlier raises nobody again', () => {
    const story = new Story()
      .does('alice', 'bob less', [ALL], set('bob', 10, [["bob's", 0]]))
      .does('bob', 'a little less', [ALL], set('bob', 70))
      .does('bob', 'erin in', ['a little less'], add('erin'))
    expect(story.members).toEqual({ ...founders, bob: 10 })
    const out = new Story()
      .does('alice', 'bob out', [ALL], remove('bob', [["bob's", 0]]))
      .does('bob', 'a little less', [ALL], set('bob', 70))
      .does('alice', 'bob in again', ['bob out'], add('bob', 10))
    expect(out.members).toMatchObject({ bob: 10 })
  })
})

describe('devices that were stolen', () => {
  const stolen = () => new Story().does('alice on phone', 'phone in', [ALL], { kind: 'enter' })

  test('what the thief does counts no more, however early it claims to have done it', () => {
    const story = stolen()
      .does('alice', 'noise', ['phone in'], { kind: 'rotate' })
      .does('alice', 'no phone', ['noise'], removeDevice('phone', 1))
      // Of less depth than the removal, and of the same role.
      .does('alice on phone', 'bob out', ['phone in'], remove('bob'))
      .does('alice on phone', 'mallory in', ['bob out'], add('mallory', 100))
      .does('mallory', 'carol out', ['mallory in'], remove('carol'))
      .does('alice on phone', 'alice leaves', ['mallory in'], remove('alice'))
    expect(story.members).toEqual(founders)
  })

  test('a device of somebody else is not taken out by a cousin in name', () => {
    const story = stolen()
      // A device that also did something for mallory, whom dave added… is mallory's only as far as mallory goes.
      .does('bob', 'mallory in', ['phone in'], add('mallory'))
      .does('mallory on phone', 'mallory’s phone', ['mallory in'], { kind: 'enter' })
      .does('mallory', 'no phone', ['mallory’s phone'], removeDevice('phone', 0))
    expect(story.resolver.isRemovedDevice('alice', 'phone')).toBe(false)
    expect(story.resolver.isBeyondCut({ user: 'alice', device: 'phone', seq: 5, heads: ['phone in'] })).toBe(
      false,
    )
    expect(story.counts('phone in')).toBe(true)
  })
})

describe('taking over', () => {
  test('a naming that was withdrawn makes no owner, whatever is removed along the way', () => {
    const story = new Story()
      .does('alice', 'bob owner', [ALL], set('bob', 100))
      .does('bob', 'carol owner', ['bob owner'], set('carol', 100))
      .does('carol', 'dave named', ['carol owner'], name('dave'))
      .does('bob', 'bob less', ['dave named'], set('bob', 10))
      .does('alice', 'noise', ['bob less'], { kind: 'rotate' })
      .does('alice', 'more noise', ['noise'], { kind: 'rotate' })
      .does('carol', 'not dave', ['more noise'], name(undefined))
      // As an owner, of less depth than the withdrawal, dave removes him who had made carol an owner, and all that he did.
      .does('dave', 'dave succeeds', ['bob less'], { kind: 'succeed' })
      .does('dave', 'bob out', ['dave succeeds'], remove('bob'))
    expect(story.members).toEqual({ alice: 100, bob: 10, carol: 100, dave: 10 })
  })

  test('admins do not act on a named successor, so it needs no ownership to defend itself', () => {
    const story = new Story()
      .does('alice', 'dave named', [ALL], name('dave'))
      .does('bob', 'dave out', ['dave named'], remove('dave'))
      .does('bob', 'dave less', ['dave named'], set('dave', 0))
    expect(story.members).toEqual(founders)
  })

  test('a successor who is removed has no owner’s role to act with as if before', () => {
    const story = new Story()
      .does('bob', 'erin in', [ALL], add('erin'))
      .does('alice', 'bob named', ['erin in'], name('bob'))
      .does('alice', 'noise', ['bob named'], { kind: 'rotate' })
      .does('alice', 'more noise', ['noise'], { kind: 'rotate' })
      .does('alice', 'still more', ['more noise'], { kind: 'rotate' })
      .does('alice', 'bob out', ['still more'], remove('bob', [["bob's", 1]]))
      .does('bob on phone', 'bob succeeds', ['bob named'], { kind: 'succeed' })
      .does('bob on phone', 'no laptop', ['bob succeeds'], removeDevice("bob's", 0))
      .does('bob on phone 2', 'bob succeeds, too', [ALL, 'bob named'], { kind: 'succeed' })
      .does('bob on phone 2', 'carol out', ['bob succeeds, too'], remove('carol'))
    expect(story.members).toEqual({ alice: 100, carol: 60, dave: 10, erin: 10 })
    expect(story.resolver.cancelledBy('no laptop')).toEqual(['bob out'])
    expect(story.resolver.cancelledBy('carol out')).toEqual(['bob out'])
  })

  test('nor does an admin whom a successor removed take that back as if before the naming', () => {
    const story = new Story()
      .does('alice', 'carol named', [ALL], name('carol'))
      .does('carol', 'carol succeeds', ['carol named'], { kind: 'succeed' })
      .does('carol', 'bob out', ['carol succeeds'], remove('bob', [["bob's", 0]]))
      .does('bob', 'carol out', [ALL], remove('carol'))
    expect(story.members).toEqual({ alice: 100, carol: 100, dave: 10 })
  })

  test('of an owner who stepped down, no successor backdated from then becomes one once an owner removed it', () => {
    const story = new Story()
      .does('alice', 'bob owner', [ALL], set('bob', 100))
      .does('alice', 'alice less', ['bob owner'], set('alice', 10))
      .does('bob', 'alice out', ['alice less'], remove('alice', [["alice's", 6]]))
      .does('alice on phone', 'dave named', ['bob owner'], name('dave'))
      .does('dave', 'dave succeeds', ['dave named'], { kind: 'succeed' })
    expect(story.members).toEqual({ bob: 100, carol: 60, dave: 10 })
  })

  test('depth and ids matter between equals only: nobody of lower role grinds its way up', () => {
    for (const id of ['0', '~']) {
      const story = new Story()
        .does('alice', 'noise', [ALL], { kind: 'rotate' })
        .does('alice', 'bob out', ['noise'], remove('bob'))
        .does('bob', id, ['bob in'], { kind: 'enter' })
        .does('bob', `${id}: carol out`, [id, 'carol in'], remove('carol'))
        .does('bob', `${id}: mallory in`, [`${id}: carol out`], add('mallory', 70))
      expect(story.members).toEqual({ alice: 100, carol: 60, dave: 10 })
    }
  })
})

test('whoever had the same role may claim to have acted in time, until a higher one cuts that off', () => {
  // Bob was above carol once. That he had not seen her promotion, nobody can disprove.
  const story = new Story()
    .does('alice', 'carol up', [ALL], set('carol', 90))
    .does('bob on phone', 'carol out', [ALL], remove('carol'))
  expect(story.members).toEqual({ alice: 100, bob: 80, dave: 10 })
  story.does('alice', 'bob out', ['carol up'], remove('bob', [["bob's", 9]]))
  expect(story.members).toEqual({ alice: 100, carol: 90, dave: 10 })
})
