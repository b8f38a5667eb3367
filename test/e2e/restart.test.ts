import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { decodeN } from '../../src-main/storage/keys.ts'
import { openLevelStorage } from '../../src-main/storage/level.ts'
import { aliceAndBob, command, freshFolder, openApp, type App } from './app.ts'

test('an app that was killed right after sending has everything and reconnects by itself', async () => {
  const [alice, bob] = await aliceAndBob()
  await bob.say('who brings the samosas?')
  await alice.receive('who brings the samosas?')
  await alice.reply('who brings the samosas?', 'I do')
  await alice.kill()

  await bob.connected('offline')
  await bob.see('people-button').click()
  await bob.page.locator('[data-testid=person][data-state=offline]', { hasText: 'Alice' }).waitFor()
  await bob.say('and the chutney?')

  const again = await openApp({ data: alice.data })
  await again.openGroup('Office')
  await again.connected('synchronised')
  await again.receive('and the chutney?')
  expect(await again.texts()).toEqual(['who brings the samosas?', 'I do', 'and the chutney?'])
  await again.message('I do', '[data-own=true]').getByTestId('quote').waitFor()
  await again.say('also me')
  await bob.receive('also me')
  expect(await bob.texts()).toEqual(await again.texts())
})

test('a second app on the same data folder says so and ends, and the first one stays', async () => {
  const first = await openApp()
  await first.introduce('Alice')
  const { path, args } = command(first.data)
  const second = spawn(path, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  onTestFinished(() => void second.kill('SIGKILL'))
  const [said, [code]] = await Promise.all([text(second.stderr), once(second, 'exit')])
  expect(code).toBe(1)
  expect(said).toContain(`Tapri is already running on ${first.data}`)
  await first.createGroup('Still here')
  await first.say('I was first')
})

test('a damaged store is told in words, with what to do, left as it is, and tried again on a click', async () => {
  const data = freshFolder()
  const store = join(data, 'store')
  const before = await openApp({ data })
  await before.introduce('Alice')
  await before.close()
  const manifest = readdirSync(store).find((name) => name.startsWith('MANIFEST'))!
  copyFileSync(join(store, manifest), join(data, 'backup'))
  writeFileSync(join(store, manifest), 'damaged')

  const app = await openApp({ data, expected: /is damaged/ })
  const fatal = app.page.locator('[data-testid=fatal][data-code=STORE_CORRUPT]')
  await fatal.waitFor()
  const sentence = await fatal.getByRole('alert').textContent()
  expect(sentence).toContain(store)
  expect(sentence).toContain('Move the folder away')
  await Promise.all([app.page.waitForEvent('load'), fatal.getByRole('button').click()])
  await fatal.waitFor()
  expect(readFileSync(join(store, manifest), 'utf8')).toBe('damaged')

  copyFileSync(join(data, 'backup'), join(store, manifest))
  await fatal.getByRole('button').click()
  await app.see('welcome').waitFor()
  await app.createGroup('All is well again')
  await app.say('and I am still Alice')
})

test('damage that shows only behind the screen takes the place of the screen', async () => {
  const data = freshFolder()
  const before = await openApp({ data })
  await before.introduce('Alice')
  await before.createGroup('Office')
  for (const text of ['one', 'two', 'three']) await before.say(text)
  await before.close()
  const store = join(data, 'store')
  const removed = await takeEvent(store, 2)

  const app = await openApp({ data, expected: /are damaged/ })
  const fatal = app.page.locator('[data-testid=fatal][data-code=STORE_CORRUPT]')
  await fatal.waitFor()
  expect(await fatal.getByRole('alert').textContent()).toMatch(
    /damaged.*Nothing was changed.*Move the data folder away/,
  )

  const storage = await openLevelStorage(store)
  await storage.write({ put: [removed] }, { durable: true })
  await storage.close()
  await fatal.getByRole('button').click()
  await app.openGroup('Office')
  expect(await app.texts()).toEqual(['one', 'two', 'three'])
  await app.say('four')
})

/** Takes the n-th event of the only group out of a store. */
async function takeEvent(store: string, n: number): Promise<readonly [Uint8Array, Uint8Array]> {
  const storage = await openLevelStorage(store)
  const [e, f] = [Buffer.from('e'), Buffer.from('f')]
  for await (const row of storage.range({ from: e, to: f })) {
    if (decodeN(row[0]) !== n) continue
    await storage.write({ put: [], remove: [row[0]] }, { durable: true })
    await storage.close()
    return row
  }
  throw new Error(`event ${n} is not there`)
}

test('a window opens where it was left, and on a screen that exists', async () => {
  const data = freshFolder()
  const bounds = (app: App) =>
    app.electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.getBounds())
  const first = await openApp({ data })
  await first.see('first-run').waitFor()
  const left = { x: 40, y: 30, width: 820, height: 600 }
  await first.electron.evaluate(({ BrowserWindow }, to) => {
    BrowserWindow.getAllWindows()[0]!.setBounds(to)
  }, left)
  await expect.poll(() => bounds(first)).toEqual(left)
  await first.close()
  const second = await openApp({ data })
  expect(await bounds(second)).toEqual(left)
  await second.close()

  writeFileSync(join(data, 'window.json'), JSON.stringify({ ...left, x: 90_000, y: -90_000 }))
  const third = await openApp({ data })
  const { x, y } = await bounds(third)
  expect(Math.max(Math.abs(x), Math.abs(y))).toBeLessThan(10_000)
})
