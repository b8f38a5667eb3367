import type { Locator } from 'playwright-core'
import { expect, test } from 'vitest'
import { freshFolder, openApp, type App } from './app.ts'
import { LINK_TIMEOUT_MS } from './window.ts'

/** The row of somebody in the list of people, which is opened. */
async function person(app: App, name: string): Promise<Locator> {
  if ((await app.see('people-panel').count()) === 0) await app.see('people-button').click()
  const row = app.see('person').filter({ hasText: name })
  await row.waitFor({ timeout: LINK_TIMEOUT_MS })
  return row
}

/** Does something to somebody by their menu, with the keyboard. */
async function act(app: App, name: string, action: string): Promise<void> {
  const row = await person(app, name)
  await row.focus()
  await row.press('Enter')
  await app.see(`action-${action}`).press('Enter')
  const confirm = app.see('confirm-dialog').getByTestId('confirm')
  if (await confirm.isVisible()) await confirm.press('Enter')
}

async function notice(app: App, type: string): Promise<void> {
  await app.page
    .locator(`[data-testid=notice][data-type=${type}]`)
    .first()
    .waitFor({ timeout: LINK_TIMEOUT_MS })
}

/** Writes the recovery phrase down, and proves it. */
async function notePhrase(app: App): Promise<string> {
  await app.see('phrase-start').click()
  await app.see('phrase-reveal').click()
  const text = await app.see('phrase-words').locator('li').allTextContents()
  const words = text.map((word) => word.replace(/[^a-z]/g, ''))
  await app.see('phrase-next').click()
  for (const answer of await app.see('phrase-answer').all()) {
    const place = Number(await answer.getAttribute('data-place'))
    await answer.fill(words[place]!)
  }
  await app.see('phrase-check').click()
  await app.see('phrase-done').waitFor()
  await app.page.keyboard.press('Escape')
  return words.join(' ')
}

test('a group is founded, joined, governed, left by force and entered again, in real windows', async () => {
  const [alice, bob, carol] = await Promise.all([openApp(), openApp(), openApp()])
  await Promise.all([alice.introduce('Alice'), bob.introduce('Bob'), carol.introduce('Carol')])
  await alice.createGroup('Office')
  const invite = await alice.invite()
  await bob.join(invite)
  await carol.join(invite)
  await alice.say('everybody in?')
  await bob.receive('everybody in?')
  await carol.receive('everybody in?')

  await act(alice, 'Bob', 'make-admin')
  await notice(bob, 'role-changed')
  await bob.see('invite-button').waitFor({ timeout: LINK_TIMEOUT_MS })

  await act(bob, 'Carol', 'remove')
  await notice(alice, 'removed')
  await carol.page.locator('[data-testid=why-not][data-reason=removed]').waitFor({ timeout: LINK_TIMEOUT_MS })
  await alice.say('Carol does not read this')
  await bob.receive('Carol does not read this')
  expect(await carol.texts()).toEqual(['everybody in?'])

  const former = bob.see('former-member').filter({ hasText: 'Carol' })
  await former.waitFor({ timeout: LINK_TIMEOUT_MS })
  await former.focus()
  await former.press('Enter')
  await bob.see('action-add-member').press('Enter')
  await expect.poll(() => carol.see('composer').isVisible(), { timeout: 2 * LINK_TIMEOUT_MS }).toBe(true)
  await carol.say('back again')
  await alice.receive('back again')
  await bob.receive('back again')

  await alice.see('group-menu').click()
  await alice.see('action-audit').click()
  await alice.see('audit-dialog').waitFor()
  const types = await alice
    .see('audit-entry')
    .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-type')))
  expect(types).toEqual(
    expect.arrayContaining(['added', 'removed', 'role-changed', 'invited', 'group-created']),
  )
}, 180_000)

test('somebody recovers on a second data folder with the phrase, and is the same person on a new device', async () => {
  const [alice, bob] = await Promise.all([openApp(), openApp()])
  await Promise.all([alice.introduce('Alice'), bob.introduce('Bob')])
  await alice.createGroup('Office')
  await bob.join(await alice.invite())
  await bob.say('from my old laptop')
  await alice.receive('from my old laptop')
  const phrase = await notePhrase(bob)
  await bob.close()

  const again = await openApp({ data: freshFolder() })
  await again.see('restore-identity').click()
  await again.see('restore-how-phrase').click()
  await again.see('phrase-input').fill(phrase)
  await again.see('restore-dialog').getByTestId('confirm').click()
  await again.see('restore-dialog').waitFor({ state: 'detached', timeout: LINK_TIMEOUT_MS })
  await again.see('name-input').or(again.see('welcome')).first().waitFor({ timeout: LINK_TIMEOUT_MS })
  if (await again.see('name-input').isVisible()) await again.introduce('Bob')
  await again.join(await alice.invite())
  await again.say('from my new laptop')
  await alice.receive('from my new laptop')
  await notice(alice, 'device-added')
  await person(alice, 'Bob')
  expect(await alice.see('person').count()).toBe(2)
}, 120_000)

test('a link to a group that the system hands over is asked about, not followed', async () => {
  const alice = await openApp()
  await alice.introduce('Alice')
  await alice.createGroup('Office')
  const invite = await alice.invite()
  const bob = await openApp()
  await bob.introduce('Bob')
  await bob.electron.evaluate(
    ({ app }, link) => void app.emit('second-instance', {}, ['tapri', link]),
    invite,
  )
  await bob.see('join-dialog').waitFor()
  expect(await bob.see('invite-input').inputValue()).toBe(invite)
  await bob.see('join-dialog').getByTestId('confirm').click()
  await expect.poll(() => bob.see('composer').isEnabled(), { timeout: LINK_TIMEOUT_MS }).toBe(true)
})
