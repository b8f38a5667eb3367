import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { AppError } from '../../src-main/api/errors.ts'
import { forgetKept } from '../../src-renderer/lib/kept.ts'
import { Draft, KEEP_MS } from '../../src-renderer/state/draft.svelte.ts'
import { Messenger } from '../../src-renderer/state/messenger.svelte.ts'
import { CRICKET, office, OFFICE } from './fake-client.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const QUOTE = { id: 'a', key: 'b', author: 'Rahul Verma', text: 'Tea?' }

function draftAtTheOffice() {
  const fake = office(5)
  const saves = () => fake.calls.filter(({ command }) => command === 'saveDraft').length
  return { fake, saves, draft: new Draft(OFFICE, fake.commands) }
}

test('what is written without a pause is kept all the same, and not at every letter', async () => {
  const { fake, saves, draft } = draftAtTheOffice()
  for (let i = 1; i <= 20; i++) {
    draft.text = 'x'.repeat(i)
    await vi.advanceTimersByTimeAsync(KEEP_MS / 10)
  }
  expect(saves()).toBe(2)
  await vi.advanceTimersByTimeAsync(KEEP_MS)
  expect(fake.drafts.get(OFFICE)?.text).toBe('x'.repeat(20))
})

test('a draft comes back with what it answers, unless that is to be read no longer', async () => {
  const { fake, draft } = draftAtTheOffice()
  fake.drafts.set(OFFICE, { text: 'Yes', replyTo: QUOTE })
  await draft.load()
  expect([draft.text, draft.replyTo]).toEqual(['Yes', QUOTE])
  fake.drafts.set(OFFICE, { text: 'Yes', replyTo: { ...QUOTE, text: '', locked: 'expired' } })
  const later = new Draft(OFFICE, fake.commands)
  await later.load()
  expect([later.text, later.replyTo]).toEqual(['Yes', undefined])
})

test('what was typed while the draft was on its way stays, and is kept instead', async () => {
  const { fake, draft } = draftAtTheOffice()
  fake.drafts.set(OFFICE, { text: 'old' })
  const loading = draft.load()
  draft.text = 'new'
  await loading
  expect(draft.text).toBe('new')
  await draft.load()
  expect(fake.drafts.get(OFFICE)?.text).toBe('new')
})

test('what could not be kept goes when everything is loaded again', async () => {
  const { fake, draft } = draftAtTheOffice()
  fake.failures.set('saveDraft', new AppError('CLOSED', 'The connection is closed.'))
  draft.text = 'Tea'
  await vi.advanceTimersByTimeAsync(KEEP_MS)
  expect(fake.drafts.size).toBe(0)
  await draft.load()
  expect(fake.drafts.get(OFFICE)?.text).toBe('Tea')
})

test('a draft is kept at once when its group or the window is left, and forgotten when it was sent', async () => {
  const fake = office(5)
  const messenger = new Messenger(fake)
  await vi.waitFor(() => expect(messenger.ready).toBe(true))
  messenger.open(OFFICE)
  const { draft } = messenger.conversation!
  draft.text = 'Tea'
  messenger.open(CRICKET)
  await vi.waitFor(() => expect(fake.drafts.get(OFFICE)).toEqual({ text: 'Tea', replyTo: undefined }))
  draft.replyTo = QUOTE
  messenger.keepDrafts()
  await vi.waitFor(() => expect(fake.drafts.get(OFFICE)?.replyTo).toEqual(QUOTE))
  expect(draft.take()).toEqual({ text: 'Tea', replyTo: QUOTE })
  messenger.keepDrafts()
  await vi.waitFor(() => expect(fake.drafts.has(OFFICE)).toBe(false))
})

test('nothing is kept for a group that was deleted', async () => {
  const fake = office(5)
  const messenger = new Messenger(fake)
  await vi.waitFor(() => expect(messenger.ready).toBe(true))
  messenger.open(CRICKET)
  messenger.conversation!.draft.text = 'Tea'
  await messenger.deleteGroup(CRICKET)
  await vi.advanceTimersByTimeAsync(2 * KEEP_MS)
  expect(fake.calls.map(({ command }) => command)).not.toContain('saveDraft')
})

test('drafts of earlier versions are erased from where they lay in the clear', () => {
  const kept: Record<string, unknown> = Object.create({
    removeItem: (key: string) => delete kept[key],
  })
  Object.assign(kept, { 'tapri.draft.0f': 'secret', 'tapri.theme': 'dark', other: 'x' })
  vi.stubGlobal('localStorage', kept)
  forgetKept('draft.')
  expect(Object.keys(kept)).toEqual(['tapri.theme', 'other'])
})
