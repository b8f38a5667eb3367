/** Keys behind a passphrase, and what is kept behind them, in real windows. */
import { expect, test } from 'vitest'
import { openApp } from './app.ts'

test('a passphrase that was set is asked for at the next start, and what was written is there behind it', async () => {
  const before = await openApp()
  await before.introduce('Alice')
  await before.createGroup('Office')
  await before.say('Tea?')
  await before.see('composer').fill('half a thought')
  await before.page.reload()
  await before.openGroup('Office')
  await expect.poll(() => before.see('composer').inputValue()).toBe('half a thought')
  await before.see('profile-button').click()
  await before.see('protection-set').click()
  await before.see('keys-passphrase').fill('four horses')
  await before.see('keys-again').fill('four horses')
  await before.see('protection-save').click()
  await before.page.locator('[data-testid=protection][data-protection=passphrase]').waitFor()
  await before.close()

  const { data } = before
  const after = await openApp({ data, expected: /are locked/ })
  await after.see('unlock-passphrase').fill('three horses')
  await after.see('confirm').click()
  await after.see('unlock-passphrase-problem').waitFor()
  await after.see('unlock-passphrase').fill('four horses')
  await after.see('confirm').click()
  await after.openGroup('Office')
  await after.message('Tea?').waitFor()
  await expect.poll(() => after.see('composer').inputValue()).toBe('half a thought')
  expect(await after.page.evaluate(() => Object.keys(localStorage))).not.toContainEqual(
    expect.stringContaining('draft'),
  )
})
