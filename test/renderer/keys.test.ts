import { expect, test } from 'vitest'
import { AppError } from '../../src-main/api/errors.ts'
import { MIN_KEYS_LENGTH } from '../../src-renderer/lib/passphrase.ts'
import { Messenger } from '../../src-renderer/state/messenger.svelte.ts'
import { NewPassphrase } from '../../src-renderer/state/new-passphrase.svelte.ts'
import { office } from './fake-client.ts'

test('locked keys are no failure: the window waits for the passphrase, and loads once they are open', async () => {
  const fake = office(5)
  fake.lockedWith = 'four horses'
  const messenger = new Messenger(fake)
  await expect.poll(() => messenger.isLocked).toBe(true)
  expect([messenger.ready, messenger.fatal, messenger.toasts.list]).toEqual([false, undefined, []])
  await expect(messenger.unlock('three horses')).rejects.toMatchObject({ code: 'WRONG_PASSPHRASE' })
  await messenger.unlock('four horses')
  await messenger.load()
  expect([messenger.isLocked, messenger.ready]).toEqual([false, true])
})

test('who opens the keys is shown as soon as it has changed', async () => {
  const fake = office(5)
  const messenger = new Messenger(fake)
  await expect.poll(() => messenger.about.protection).toBe('system')
  await messenger.setPassphrase('four horses')
  expect(messenger.about.protection).toBe('passphrase')
  fake.failures.set('setPassphrase', new AppError('KEY_UNREADABLE', 'The keychain refuses.'))
  await expect(messenger.setPassphrase(undefined)).rejects.toMatchObject({ code: 'KEY_UNREADABLE' })
  expect(messenger.about.protection).toBe('passphrase')
  await messenger.setPassphrase(undefined)
  expect(messenger.about.protection).toBe('system')
})

test('without keychain or passphrase the window warns, until somebody has seen it or set one', async () => {
  const fake = office(5)
  Object.assign(fake, { protection: 'none', hasKeychain: false })
  const messenger = new Messenger(fake)
  expect(messenger.warns).toBe(false)
  await expect.poll(() => messenger.warns).toBe(true)
  await messenger.setPassphrase('four horses')
  expect(messenger.warns).toBe(false)
  await messenger.setPassphrase(undefined)
  expect(messenger.warns).toBe(true)
  messenger.dismissWarning()
  expect(messenger.warns).toBe(false)
})

test('a new passphrase is long enough and typed twice alike', () => {
  const form = new NewPassphrase(MIN_KEYS_LENGTH)
  form.passphrase = form.again = 'चाय☕☕'
  expect([form.isReady, form.missing, form.strength]).toEqual([false, 3, 'short'])
  form.passphrase = 'four horses'
  expect([form.isReady, form.differs]).toEqual([false, true])
  form.again = 'four horses'
  expect([form.isReady, form.differs, form.missing]).toEqual([true, false, 0])
  form.clear()
  expect([form.isReady, form.differs]).toEqual([false, false])
})
