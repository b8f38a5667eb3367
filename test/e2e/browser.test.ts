import { expect, test } from 'vitest'
import { openApp, openBrowser } from './app.ts'
import { startPeer } from './peer.ts'
import { LINK_TIMEOUT_MS } from './window.ts'

test('a browser and the desktop app talk to each other, and a reload keeps the browser in', async () => {
  const peer = await startPeer()
  const [browser, app] = await Promise.all([openBrowser(peer.url), openApp()])
  await Promise.all([browser.introduce('Bea'), app.introduce('Alice')])
  expect(new URL(browser.page.url()).hash).toBe('')
  await browser.createGroup('Chai')
  await app.join(await browser.invite())
  await app.say('hello browser')
  await browser.receive('hello browser')
  await browser.reply('hello browser', 'hello desktop')
  await app.receive('hello desktop')
  await browser.page.reload()
  await browser.openGroup('Chai')
  await browser.receive('hello desktop')
  expect(await browser.texts()).toEqual(['hello browser', 'hello desktop'])
})

test('a browser without the token is told where to find it', async () => {
  const { url } = await startPeer('Bea')
  const browser = await openBrowser(url.split('#')[0]!)
  await browser.see('no-token').waitFor()
})

test('a browser says that its Tapri has gone, and fails no message silently', async () => {
  const peer = await startPeer('Bea')
  const browser = await openBrowser(peer.url, { expected: /WebSocket connection to .* failed/ })
  await browser.createGroup('Chai')
  await peer.stop()
  await browser.see('link-banner').waitFor()
  await browser.see('composer').fill('is anybody there?')
  await browser.see('composer').press('Enter')
  await browser.message('is anybody there?', '[data-status=failed]').waitFor()
})

test('messages of a peer that was out of reach come late: in their place, marked, and announced', async () => {
  const [app, bob] = await Promise.all([openApp(), startPeer('Bob')])
  await app.introduce('Alice')
  await app.createGroup('Office')
  const { id } = await bob.call.joinGroup({ invite: await app.invite() })
  const joined = async () => (await bob.call.getState()).groups[0]!.joined
  await expect.poll(joined, { timeout: LINK_TIMEOUT_MS }).toBe(true)
  await app.connected('synchronised')

  await bob.call.setReachable({ peers: [] })
  await app.connected('offline')
  await bob.call.post({ group: id, text: 'lunch at one?' })
  const { id: question } = await bob.call.post({ group: id, text: 'or at two?' })
  await bob.call.post({ group: id, text: 'two it is', replyTo: question })
  await app.say('has anybody seen Bob?')
  expect(await app.texts()).toEqual(['has anybody seen Bob?'])

  await bob.call.setReachable({ peers: 'all' })
  await app.page.locator('[data-testid=earlier-bar][data-count="3"]').waitFor({ timeout: LINK_TIMEOUT_MS })
  const conversation = ['lunch at one?', 'or at two?', 'two it is', 'has anybody seen Bob?']
  expect(await app.texts()).toEqual(conversation)
  await app.message('or at two?', '[data-late=true]').waitFor()
  await app.see('earlier-dismiss').click()
  await app.see('earlier-bar').waitFor({ state: 'detached' })
  const texts = async () =>
    (await bob.call.getTimeline({ group: id, limit: 50 })).messages.map(({ text }) => text).filter(Boolean)
  await expect.poll(texts, { timeout: LINK_TIMEOUT_MS }).toEqual(conversation)
})
