import { afterEach, describe, expect, test } from 'vitest'
import { ROLES, type AuditEntry, type Conflict } from '../../src-main/api/contract.ts'
import { LANGUAGES, t, words, type Language } from '../../src-renderer/i18n/words.svelte.ts'
import { actSentence, conflictSentence, type Sentence } from '../../src-renderer/lib/notices.ts'
import { auditEntries, REMOVAL_WINS } from './fake-client.ts'

afterEach(() => {
  words.language = 'en'
})

const say = ({ key, values }: Sentence) => t(key, values)
const languages = Object.keys(LANGUAGES) as Language[]
const TYPES: AuditEntry['type'][] = [
  ...new Set(auditEntries().map(({ type }) => type)),
  'succeeded',
  'text',
  'unknown',
  'added',
  'successor-withdrawn',
  'device-removed',
]
const ACTS: Conflict['act'][] = [
  'removed',
  'demoted',
  'invite-revoked',
  'device-removed',
  'successor-withdrawn',
]

describe('what somebody did', () => {
  test.each<[act: Parameters<typeof actSentence>[1], sentence: string]>([
    [{ type: 'added', target: 'Carol' }, 'Ann added Carol'],
    [{ type: 'added', target: 'Carol', role: 'reader' }, 'Ann added Carol as a read-only member'],
    [{ type: 'joined', role: 'member' }, 'Ann joined'],
    [{ type: 'joined', role: 'reader' }, 'Ann joined as a read-only member'],
    [{ type: 'role-changed', target: 'Bob', role: 'owner' }, 'Ann made Bob an owner'],
    [{ type: 'role-changed', role: 'admin' }, 'Ann stepped down to admin'],
    [{ type: 'banned', target: 'Bob' }, 'Ann banned Bob'],
    [{ type: 'settings-changed', fields: ['history'] }, 'Ann changed what newcomers may read'],
    [{ type: 'settings-changed', fields: ['disappearAfterMs'] }, 'Ann changed when messages disappear'],
    [{ type: 'settings-changed', fields: ['name', 'picture'] }, 'Ann changed the settings of the group'],
    [{ type: 'invited' }, 'Ann made an invite'],
    [
      { type: 'invited', role: 'admin', maxUses: 1, until: 'noon' },
      'Ann made an invite for 1 admin, until noon',
    ],
    [{ type: 'text', text: 'waves' }, 'Ann waves'],
  ])('%o', (act, sentence) => {
    expect(say(actSentence('Ann', act))).toBe(sentence)
  })

  test('has a sentence with all names for every type and role, in every language', () => {
    for (const language of languages) {
      words.language = language
      for (const type of TYPES)
        for (const role of [undefined, ...ROLES]) {
          const sentence = say(actSentence('Ann', { type, target: 'Bob', role }))
          expect(sentence, `${language} ${type} ${role}`).toMatch(/^[^{}]*Ann[^{}]*$/)
        }
    }
  })
})

describe('a conflict', () => {
  const conflict: Conflict = {
    kind: 'cancelled',
    act: 'removed',
    by: 'Ann',
    target: 'Bob',
    lost: [{ type: 'added', target: 'Carol' }],
    lostCount: 1,
  }

  test.each<[parts: Partial<Conflict>, sentence: string]>([
    [
      {},
      'Ann removed Bob while Bob added Carol: Bob is out, and adding Carol does not count, because a removal wins.',
    ],
    [
      { lostCount: 3 },
      'Ann removed Bob while Bob made 3 changes to the group: Bob is out, and none of that counts, because a removal wins.',
    ],
    [
      { act: 'demoted', lost: [{ type: 'invited' }] },
      'Ann gave Bob a lower role while Bob made an invite: Bob has the lower role, and that invite does not count, because a demotion wins.',
    ],
    [
      { act: 'invite-revoked', lost: [{ type: 'joined', target: 'Carol' }] },
      'Ann took back an invite of Bob while Carol joined with it: the invite is void, and that joining does not count, because taking back wins.',
    ],
    [
      { act: 'successor-withdrawn', lost: [{ type: 'succeeded' }] },
      'Ann withdrew the successor while Bob became an owner: Bob is no owner, because withdrawing wins.',
    ],
    [
      { kind: 'mutual' },
      'Ann and Bob acted against each other at the same time: what Ann did holds, so Bob is out.',
    ],
    [
      { kind: 'roles', role: 'reader' },
      'Several people changed the role of Bob at the same time: Bob is read-only now, because the least of the roles holds.',
    ],
    [
      { kind: 'readded' },
      'Ann removed Bob while somebody added Bob again: Bob is out, because a removal wins.',
    ],
  ])('%o is one sentence', (parts, sentence) => {
    expect(say(conflictSentence({ ...conflict, ...parts }))).toBe(sentence)
  })

  test('of any kind is one sentence in every language, whatever was lost', () => {
    const lost: Conflict['lost'] = TYPES.flatMap((type) => [{ type }, { type, target: 'Carol' }])
    for (const language of languages) {
      words.language = language
      for (const kind of ['cancelled', 'mutual', 'roles', 'readded'] as const)
        for (const act of ACTS)
          for (const only of lost) {
            const said = say(conflictSentence({ ...conflict, kind, act, lost: [only] }))
            expect(said, `${language} ${kind} ${act} ${only.type}`).toMatch(/^[^{}]*Bob[^{}]*[.।]$/)
            expect(said).not.toMatch(/ {2}|ने {2}/)
          }
    }
  })

  test('is said alike by whoever did it and whoever lost by it', () => {
    const [removal, addition] = auditEntries()
    expect(removal!.conflict).toBe(REMOVAL_WINS)
    expect(conflictSentence(addition!.conflict!)).toEqual(conflictSentence(removal!.conflict!))
  })
})
