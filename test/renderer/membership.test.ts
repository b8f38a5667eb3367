/** The state classes of groups and membership, on a messenger in memory. */
import { describe, expect, test } from 'vitest'
import { AppError } from '../../src-main/api/errors.ts'
import { isShown } from '../../src-renderer/lib/audit.ts'
import { DISAPPEAR_CHOICES_MS } from '../../src-renderer/lib/disappearing.ts'
import { MIN_EXPORT_LENGTH, strengthOf } from '../../src-renderer/lib/passphrase.ts'
import { phraseWords, placesToAsk } from '../../src-renderer/lib/phrase.ts'
import { encodeSmall, isPicture, MAX_PICTURE_CHARACTERS } from '../../src-renderer/lib/picture.ts'
import { qrCode } from '../../src-renderer/lib/qr.ts'
import { rosterRows } from '../../src-renderer/lib/roster.ts'
import { GroupForm } from '../../src-renderer/state/group-form.svelte.ts'
import { Messenger } from '../../src-renderer/state/messenger.svelte.ts'
import { PhraseCheck } from '../../src-renderer/state/phrase-check.svelte.ts'
import {
  ALICE,
  auditEntries,
  CRICKET,
  crowd,
  FORMER,
  GREEN,
  group,
  JOINING,
  NOON_MS,
  office,
  OFFICE,
  people,
  PHRASE,
  RED,
  userOf,
} from './fake-client.ts'

const RAHUL = userOf('b0b0000000000002')

async function atTheOffice() {
  const fake = office(20)
  const messenger = new Messenger(fake)
  await expect.poll(() => messenger.ready).toBe(true)
  const count = (command: string) => fake.calls.filter((call) => call.command === command).length
  return { fake, messenger, count }
}

describe('people', () => {
  test('are asked for when they are shown, and again when they change while they are', async () => {
    const { fake, messenger, count } = await atTheOffice()
    const list = messenger.peopleOf(OFFICE)
    fake.changePerson(RAHUL, { name: 'Rahul V.' })
    expect(count('getPeople')).toBe(0)
    const hide = list.show()
    await expect.poll(() => list.phase).toBe('ready')
    expect(list.list).toHaveLength(5)
    expect(list.self).toMatchObject({ name: 'Alice Rao' })
    fake.changePerson(RAHUL, { name: 'Rahul' })
    await expect.poll(() => list.list.some(({ name }) => name === 'Rahul')).toBe(true)
    hide()
    const asked = count('getPeople')
    fake.changePerson(RAHUL, { name: 'Rahul Verma' })
    expect(count('getPeople')).toBe(asked)
    list.show()
    await expect.poll(() => list.list.some(({ name }) => name === 'Rahul Verma')).toBe(true)
  })

  test('of a large group come page by page, each once', async () => {
    const { fake, messenger, count } = await atTheOffice()
    fake.people = crowd(4_500)
    const list = messenger.peopleOf(OFFICE)
    list.show()
    await expect.poll(() => list.list.length).toBe(4_500)
    expect(count('getPeople')).toBe(3)
    expect(new Set(list.list.map(({ user }) => user)).size).toBe(4_500)
    expect(list.former).toEqual(FORMER)
  })

  test('that cannot be read say why, and are asked for again', async () => {
    const { fake, messenger } = await atTheOffice()
    fake.failures.set('getPeople', new AppError('TIMED_OUT', 'No answer.'))
    const list = messenger.peopleOf(OFFICE)
    list.show()
    await expect.poll(() => list.phase).toBe('failed')
    expect(list.failure).toMatchObject({ code: 'TIMED_OUT' })
    await list.load()
    expect(list.phase).toBe('ready')
  })

  test('change by what is done with them', async () => {
    const { fake, messenger } = await atTheOffice()
    const list = messenger.peopleOf(OFFICE)
    list.show()
    await list.load()
    const rahul = () => list.list.find(({ user }) => user === RAHUL)
    await list.setRole(RAHUL, 'reader')
    await expect.poll(() => rahul()?.role).toBe('reader')
    await list.nameSuccessor(undefined)
    await expect.poll(() => rahul()?.isSuccessor).toBe(false)
    await list.setVerified(RAHUL, false)
    await expect.poll(() => rahul()?.isVerified).toBe(false)
    await list.remove(RAHUL, true)
    await expect.poll(() => list.former.find(({ user }) => user === RAHUL)?.reason).toBe('banned')
    await list.add(RAHUL, 'member')
    await expect.poll(() => rahul()?.role).toBe('member')
    await list.transfer(RAHUL)
    await expect.poll(() => list.self?.role).toBe('admin')
    expect(messenger.group(OFFICE)?.role).toBe('admin')
    fake.failures.set('setRole', new AppError('NOT_ALLOWED', 'Not allowed.'))
    await expect(list.setRole(RAHUL, 'owner')).rejects.toMatchObject({ code: 'NOT_ALLOWED' })
  })

  test('stand by role, oneself first, then whoever is there, by name; former members last', () => {
    const rows = rosterRows(people(), FORMER, '', 'en')
    const names = rows.map((row) =>
      row.kind === 'person' ? row.person.name : row.kind === 'former' ? row.member.name : `[${row.id}]`,
    )
    expect(names).toEqual([
      ...['[owner]', 'Alice Rao', '[admin]', 'Rahul Verma', '[member]', 'Priya Nair', 'अनिता शर्मा'],
      ...['[reader]', 'Rohit', '[former]', 'Sameer Joshi', 'Spam Bot', 'Vikram'],
    ])
    const found = rosterRows(people(), FORMER, ' RA ', 'en').map(({ id }) => id)
    expect(found).toEqual([
      ...['owner', userOf(ALICE), 'admin', RAHUL],
      ...['former', `former ${FORMER[0]!.user}`],
    ])
    expect(rosterRows(people(), FORMER, 'nobody', 'en')).toEqual([])
  })

  test('who are blocked are known to the window at once, and to every other window', async () => {
    const { fake, messenger } = await atTheOffice()
    await messenger.setBlocked(RAHUL, true)
    expect([...messenger.blocked]).toEqual([RAHUL])
    fake.blocked = []
    await fake.commands.setBlocked({ user: userOf(ALICE), blocked: true })
    expect([...messenger.blocked]).toEqual([userOf(ALICE)])
    await messenger.load()
    expect([...messenger.blocked]).toEqual([userOf(ALICE)])
  })
})

test('my devices are gathered from all groups, and one that was lost leaves all of them', async () => {
  const { fake, messenger } = await atTheOffice()
  const devices = messenger.ownDevices()
  await devices.load([OFFICE, CRICKET])
  expect(devices.list).toMatchObject([
    { device: ALICE, isSelf: true, groups: [OFFICE, CRICKET] },
    { isSelf: false, groups: [OFFICE, CRICKET] },
  ])
  await devices.remove(devices.list[1]!)
  expect(fake.calls.filter(({ command }) => command === 'removeDevice')).toHaveLength(2)
  expect(devices.list[1]).toMatchObject({ groups: [] })
})

describe('invites', () => {
  test('are made as they are wanted, and taken back', async () => {
    const { fake, messenger } = await atTheOffice()
    const invites = messenger.invitesOf(OFFICE)
    await invites.load()
    expect(invites.open).toEqual([])
    Object.assign(invites, { role: 'reader', uses: 20, hours: 24 })
    await invites.create(NOON_MS)
    expect(fake.calls.findLast(({ command }) => command === 'createInvite')!.args).toEqual({
      group: OFFICE,
      role: 'reader',
      maxUses: 20,
      expiresAtMs: NOON_MS + 86_400_000,
    })
    expect(invites.link).toBe(invites.open[0]!.link)
    await invites.create(NOON_MS)
    await invites.revoke(invites.open[1]!.id)
    expect(invites.link).not.toBe('')
    await invites.revoke(invites.open[0]!.id)
    expect([invites.link, invites.open]).toEqual(['', []])
  })

  test('that come as a link open the dialog, and do nothing by themselves', async () => {
    const { messenger, count } = await atTheOffice()
    messenger.openLink('tapri:abc')
    expect(messenger.dialog).toEqual({ kind: 'join', invite: 'tapri:abc' })
    expect(count('joinGroup')).toBe(0)
  })
})

describe('a group', () => {
  test('that is joined no longer, or deleted, leaves the window', async () => {
    const { fake, messenger } = await atTheOffice()
    messenger.open(JOINING)
    messenger.dialog = { kind: 'settings', group: JOINING }
    await messenger.cancelJoin(JOINING)
    expect([messenger.activeId, messenger.dialog]).toEqual([undefined, undefined])
    expect(messenger.group(JOINING)).toBeUndefined()
    await messenger.leaveGroup(CRICKET)
    expect(messenger.group(CRICKET)).toMatchObject({ joined: false, out: 'left' })
    await messenger.deleteGroup(CRICKET)
    expect(messenger.groups.map(({ id }) => id)).toEqual([OFFICE])
    expect(fake.calls.at(-1)).toMatchObject({ command: 'deleteGroup' })
  })

  test('is changed only where somebody changed it', () => {
    const form = new GroupForm(group({ id: OFFICE, name: 'Office', description: 'Lunch' }))
    expect([form.changes, form.isReady]).toEqual([{}, false])
    form.name = ' Office 3 '
    form.picture = ''
    expect(form.changes).toEqual({ name: 'Office 3', picture: '' })
    expect(form.isReady).toBe(true)
    form.disappearAfterMs = DISAPPEAR_CHOICES_MS[1]!
    expect(form.changes).toMatchObject({ disappearAfterMs: 86_400_000 })
    form.name = '  '
    expect(form.isReady).toBe(false)
  })

  test('shows who did what, the latest first, and what somebody looks for', async () => {
    const { fake, messenger } = await atTheOffice()
    fake.audit = auditEntries().reverse()
    const audit = messenger.auditOf(OFFICE)
    await audit.load()
    expect(audit.shown.map(({ id }) => id)).toEqual(auditEntries().map(({ id }) => id))
    audit.kind = 'ineffective'
    expect(audit.shown.map(({ type }) => type)).toEqual(['added', 'role-changed'])
    audit.person = 'Rahul Verma'
    expect(audit.shown.map(({ type }) => type)).toEqual(['added'])
    expect(audit.persons('en')).toContain('Spam Bot')
    expect(auditEntries().filter((entry) => isShown(entry, 'invites', '')).length).toBe(2)
    fake.failures.set('getAudit', new AppError('NOT_ALLOWED', 'Not allowed.'))
    const refused = messenger.auditOf(OFFICE)
    await refused.load()
    expect(refused.phase).toBe('failed')
  })

  test('is opened at a message that was asked for elsewhere', async () => {
    const { messenger } = await atTheOffice()
    messenger.dialog = { kind: 'audit', group: OFFICE }
    messenger.show(OFFICE, { id: 'a', key: 'b' })
    expect(messenger.dialog).toBeUndefined()
    expect([messenger.activeId, messenger.wanted]).toEqual([OFFICE, { group: OFFICE, id: 'a', key: 'b' }])
  })
})

describe('the recovery phrase', () => {
  test('is shown, asked for in part, and forgotten', async () => {
    const { fake } = await atTheOffice()
    fake.identify({ isPhraseConfirmed: false })
    const phrase = new PhraseCheck(fake.commands, () => 0)
    expect(phrase.words).toEqual([])
    await phrase.reveal()
    expect(phrase.words).toEqual(PHRASE)
    phrase.ask()
    expect([phrase.places, phrase.isAnswered]).toEqual([[0, 1, 2], false])
    phrase.answers = ['zebra', 'zebra', 'zebra']
    await expect(phrase.check()).rejects.toMatchObject({ code: 'WRONG_PHRASE' })
    expect(phrase.stage).toBe('asking')
    phrase.answers = phrase.places.map((place) => ` ${PHRASE[place]!.toUpperCase()} `)
    await phrase.check()
    expect([phrase.stage, phrase.words, phrase.answers]).toEqual(['done', [], []])
    expect(fake.identity.isPhraseConfirmed).toBe(true)
  })

  test('is read as it was written: numbered, in lines, in capitals', () => {
    expect(phraseWords('1. Acid\n 2) BAMBOO,  candle ')).toEqual(['acid', 'bamboo', 'candle'])
    expect(phraseWords(' ')).toEqual([])
  })

  test('is asked for in different places, in order', () => {
    expect(placesToAsk(24, 3, () => 0.999)).toEqual([21, 22, 23])
    for (let i = 0; i < 100; i++) {
      const places = placesToAsk(24, 3, Math.random)
      expect(new Set(places).size).toBe(3)
      expect([...places].sort((a, b) => a - b)).toEqual(places)
    }
  })

  test('brings an identity back, or says which word is wrong', async () => {
    const { messenger } = await atTheOffice()
    const misspelled = PHRASE.with(4, 'chay').join(' ')
    await expect(messenger.restoreIdentity(misspelled)).rejects.toMatchObject({
      data: { place: 4, word: 'chay' },
    })
    await messenger.restoreIdentity(PHRASE.join(' '))
    expect(messenger.identity.user).toBe('ab'.repeat(16))
  })
})

describe('a picture', () => {
  test('is fetched once, when it is first shown, and again when it was missing', async () => {
    const { fake, messenger, count } = await atTheOffice()
    const { pictures } = messenger
    expect(pictures.data(undefined)).toBeUndefined()
    expect([pictures.data('p1'), pictures.data('p1')]).toEqual([undefined, undefined])
    await expect.poll(() => count('getPicture')).toBe(1)
    fake.pictures.set('p1', RED)
    fake.changePerson(RAHUL, {})
    await expect.poll(() => pictures.data('p1'), { timeout: 5_000 }).toBe(RED)
    pictures.data('p1')
    expect(count('getPicture')).toBe(2)
  })

  test('that is something else is not shown', async () => {
    const { fake, messenger, count } = await atTheOffice()
    fake.pictures.set('p2', 'data:image/svg+xml,<svg onload="alert(1)"/>')
    messenger.pictures.data('p2')
    await expect.poll(() => count('getPicture')).toBe(1)
    expect(messenger.pictures.data('p2')).toBeUndefined()
    expect([isPicture(RED), isPicture(GREEN), isPicture('https://example.org/a.png')]).toEqual([
      true,
      true,
      false,
    ])
  })

  test('becomes as good as fits', () => {
    const sized = (limit: number) => (type: string, quality: number) =>
      `data:${type};base64,${'A'.repeat(Math.round(quality * limit))}`
    expect(encodeSmall(sized(20_000))!.length).toBeGreaterThan(17_000)
    expect(encodeSmall(sized(60_000))!.length).toBeLessThanOrEqual(MAX_PICTURE_CHARACTERS)
    expect(encodeSmall(sized(1_000_000))).toBeUndefined()
    const onlyJpeg = (type: string) => `data:${type === 'image/webp' ? 'image/png' : type};base64,AAAA`
    expect(encodeSmall(onlyJpeg)).toMatch(/^data:image\/jpeg/)
  })
})

test('a passphrase is judged by its length and how different its parts are', () => {
  expect(
    ['short', 'aaaaaaaaaaaaaaaaaaaaaa', 'fourhorses', 'four horses', 'four horses drink chai'].map(
      (passphrase) => strengthOf(passphrase, MIN_EXPORT_LENGTH),
    ),
  ).toEqual(['short', 'weak', 'weak', 'weak', 'good'])
})

test('a QR code has its three eyes and a quiet zone, or is none when the text is too long', () => {
  const code = qrCode('tapri:1234')!
  expect(code.size).toBeGreaterThanOrEqual(21 + 8)
  // The upper edge of two eyes: seven dark modules, four modules in.
  expect(code.path).toContain('M4 4h7v1h-7z')
  expect(code.path).toContain(`M${code.size - 11} 4h7v1h-7z`)
  expect(qrCode('a'.repeat(3_000))).toBeUndefined()
})

test('a name and a picture are changed in place', async () => {
  const { fake, messenger } = await atTheOffice()
  await messenger.setName('Alice')
  await messenger.setPicture(GREEN)
  expect(messenger.identity).toMatchObject({ name: 'Alice' })
  expect(fake.pictures.get(messenger.identity.picture!)).toBe(GREEN)
  await messenger.setPicture(undefined)
  expect(messenger.identity.picture).toBeUndefined()
  await expect(messenger.importIdentity('tapri-identity:1', 'wrong')).rejects.toMatchObject({
    code: 'WRONG_PASSPHRASE',
  })
  expect(await messenger.exportIdentity('four horses drink chai')).toMatch(/^tapri-identity:/)
})
