import { describe, expect, test } from 'vitest'
import { ROLES, type Person, type RoleName } from '../../src-main/api/contract.ts'
import {
  actionsOn,
  actionsOnFormer,
  mayRevoke,
  mayWrite,
  outranks,
  roleBelow,
  rolesToInvite,
  type OwnRole,
} from '../../src-renderer/lib/permissions.ts'

const person = (role: RoleName, parts: Partial<Person> = {}) => ({
  role,
  isSelf: false,
  isBlocked: false,
  isMuted: false,
  isSuccessor: false,
  ...parts,
})
const OF_EVERYBODY = 'verify mute block'

describe('what one may do with a person', () => {
  test.each<[own: OwnRole, role: RoleName, offered: string]>([
    ['owner', 'owner', ''],
    ['owner', 'admin', 'make-owner make-member make-reader transfer name-successor remove ban'],
    ['owner', 'member', 'make-owner make-admin make-reader transfer name-successor remove ban'],
    ['owner', 'reader', 'make-owner make-admin make-member transfer name-successor remove ban'],
    ['admin', 'owner', ''],
    ['admin', 'admin', ''],
    ['admin', 'member', 'make-reader remove ban'],
    ['admin', 'reader', 'make-member remove ban'],
    ['member', 'owner', ''],
    ['member', 'member', ''],
    ['member', 'reader', ''],
    ['reader', 'reader', ''],
    [undefined, 'member', ''],
  ])('%s on %s', (own, role, offered) => {
    expect(actionsOn(own, person(role), true).join(' ')).toBe(`${OF_EVERYBODY} ${offered}`.trim())
  })

  test('oneself steps down, one role at a time, and an owner only where there is another', () => {
    const offered = (role: OwnRole, hasOtherOwner: boolean) =>
      actionsOn(role, person(role ?? 'member', { isSelf: true }), hasOtherOwner)
    expect(offered('owner', true)).toEqual(['step-down'])
    expect(offered('owner', false)).toEqual([])
    expect(offered('admin', false)).toEqual(['step-down'])
    expect([offered('reader', true), offered(undefined, true)]).toEqual([[], []])
    expect(ROLES.map(roleBelow)).toEqual(['admin', 'member', 'reader', undefined])
  })

  test('what was done can be undone', () => {
    const done = person('admin', { isBlocked: true, isMuted: true, isSuccessor: true })
    const offered = actionsOn('owner', done, true)
    expect(offered).toEqual(expect.arrayContaining(['unblock', 'unmute', 'withdraw-successor']))
    expect(offered).not.toEqual(expect.arrayContaining(['name-successor']))
    expect(actionsOn('admin', done, true)).toEqual(['verify', 'unmute', 'unblock'])
  })
})

test('owners and admins admit again, with lower roles than their own, and ban whoever is out', () => {
  expect(actionsOnFormer('owner', { reason: 'left' })).toEqual([
    'add-member',
    'add-reader',
    'add-admin',
    'ban',
  ])
  expect(actionsOnFormer('admin', { reason: 'removed' })).toEqual(['add-member', 'add-reader', 'ban'])
  expect(actionsOnFormer('admin', { reason: 'banned' })).toEqual(['add-member', 'add-reader'])
  expect(actionsOnFormer('member', { reason: 'left' })).toEqual([])
  expect(actionsOnFormer(undefined, { reason: 'left' })).toEqual([])
})

test('an invite gives less than its maker has', () => {
  expect(rolesToInvite('owner')).toEqual(['member', 'reader', 'admin'])
  expect(rolesToInvite('admin')).toEqual(['member', 'reader'])
  expect(rolesToInvite('member')).toEqual([])
  expect(rolesToInvite(undefined)).toEqual([])
})

test('an invite is taken back by whoever made it, or has more to say than it gives', () => {
  expect(mayRevoke('member', { role: 'member', link: 'tapri:1' })).toBe(true)
  expect(mayRevoke('member', { role: 'reader' })).toBe(false)
  expect(mayRevoke('admin', { role: 'member' })).toBe(true)
  expect(mayRevoke('admin', { role: 'admin' })).toBe(false)
  expect(mayRevoke('owner', { role: 'admin' })).toBe(true)
})

test('readers read, and whoever is out has nothing to say', () => {
  expect((['owner', 'admin', 'member'] as const).every(mayWrite)).toBe(true)
  expect([mayWrite('reader'), mayWrite(undefined)]).toEqual([false, false])
  expect([outranks('owner', 'admin'), outranks('admin', 'admin'), outranks(undefined, 'reader')]).toEqual([
    true,
    false,
    false,
  ])
})
