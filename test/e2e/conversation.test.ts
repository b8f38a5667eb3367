import { expect, test } from 'vitest'
import { aliceAndBob, type App } from './app.ts'
import { LINK_TIMEOUT_MS } from './window.ts'

test('two people meet by an invite, talk, answer and react, and read the same conversation', async () => {
  const [alice, bob] = await aliceAndBob()
  await alice.say('pizza party tomorrow?')
  await bob.receive('pizza party tomorrow?')
  await bob.reply('pizza party tomorrow?', 'What does it cost?')
  const answer = await alice.receive('What does it cost?')
  expect(await answer.getByTestId('quote').textContent()).toContain('pizza party tomorrow?')

  await alice.react('What does it cost?', '👍')
  await bob.react('pizza party tomorrow?', '☕')
  const chip = (app: App, text: string) => app.message(text).getByTestId('reaction')
  for (const app of [alice, bob]) {
    await chip(app, 'What does it cost?').waitFor({ timeout: LINK_TIMEOUT_MS })
    await chip(app, 'pizza party tomorrow?').waitFor({ timeout: LINK_TIMEOUT_MS })
  }
  expect(await chip(bob, 'What does it cost?').getAttribute('data-mine')).toBe('false')
  await chip(alice, 'What does it cost?').click()
  await chip(bob, 'What does it cost?').waitFor({ state: 'detached', timeout: LINK_TIMEOUT_MS })

  await alice.reply('What does it cost?', 'Two hundred each.')
  await bob.receive('Two hundred each.')
  await bob.say('I am in')
  await alice.receive('I am in')
  const conversation = ['pizza party tomorrow?', 'What does it cost?', 'Two hundred each.', 'I am in']
  expect(await alice.texts()).toEqual(conversation)
  expect(await bob.texts()).toEqual(conversation)

  await bob.see('people-button').click()
  await expect.poll(() => bob.see('person').count()).toBe(2)
  expect(await bob.see('online-count').getAttribute('data-count')).toBe('2')
})

test('a message is in its own window within 50 ms, and in the other one within 200 ms, for 95 of 100', async () => {
  const [alice, bob] = await aliceAndBob()
  await Promise.all([watchMessages(alice), watchMessages(bob)])
  const samples: { own: Times; other: Times }[] = []
  for (let i = 0; i < 40; i++) {
    const [from, to] = i % 2 === 0 ? [alice, bob] : [bob, alice]
    const text = `message number ${i}`
    await from.see('composer').fill(text)
    await from.see('composer').press('Enter')
    const times = async (app: App) =>
      (await (await app.page.waitForFunction((said) => globalThis.painted.get(said), text)).jsonValue())!
    const [own, other] = await Promise.all([times(from), times(to)])
    const sentMs = await from.page.evaluate(() => globalThis.sentMs)
    const since = ({ insertedMs, paintedMs }: Times) => ({
      insertedMs: insertedMs - sentMs,
      paintedMs: paintedMs - sentMs,
    })
    samples.push({ own: since(own), other: since(other) })
  }
  const figures = {
    'own, in the window': spread(samples.map(({ own }) => own.insertedMs)),
    'own, painted': spread(samples.map(({ own }) => own.paintedMs)),
    'other, in the window': spread(samples.map(({ other }) => other.insertedMs)),
    'other, painted': spread(samples.map(({ other }) => other.paintedMs)),
  }
  console.log('From Enter to a message, ms:', JSON.stringify(figures))
  expect(figures['own, in the window'].p95).toBeLessThan(50)
  expect(figures['other, painted'].p95).toBeLessThan(200)
})

/** Unix milliseconds. */
interface Times {
  insertedMs: number
  paintedMs: number
}

declare global {
  /** When Enter was pressed last. */
  var sentMs: number
  /** By text, once it has been painted. */
  var painted: Map<string, Times>
}

/** Notes in a window when Enter is pressed, and when each message gets into the page and onto the screen. */
function watchMessages(app: App): Promise<void> {
  return app.page.evaluate(() => {
    const nowMs = () => performance.timeOrigin + performance.now()
    const inserted = new Map<string, number>()
    globalThis.painted = new Map()
    addEventListener('keydown', ({ key }) => key === 'Enter' && (globalThis.sentMs = nowMs()), true)
    const texts = () => document.querySelectorAll('[data-testid=message-text]')
    const noteInserted = () => {
      for (const { textContent } of texts())
        if (!inserted.has(textContent)) inserted.set(textContent, nowMs())
    }
    const notePainted = () => {
      const end = document.querySelector('[role=log]')!.getBoundingClientRect().bottom
      for (const text of texts()) {
        const insertedMs = inserted.get(text.textContent)
        if (insertedMs === undefined || globalThis.painted.has(text.textContent)) continue
        if (text.checkVisibility({ visibilityProperty: true }) && text.getBoundingClientRect().bottom <= end)
          globalThis.painted.set(text.textContent, { insertedMs, paintedMs: nowMs() })
      }
    }
    new MutationObserver(noteInserted).observe(document.body, { childList: true, subtree: true })
    // A message to itself is handled after the frame has been painted.
    const { port1, port2 } = new MessageChannel()
    port2.onmessage = notePainted
    const everyFrame = () => {
      port1.postMessage('')
      requestAnimationFrame(everyFrame)
    }
    everyFrame()
  })
}

function spread(times: number[]): { median: number; p95: number; most: number } {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (part: number) => Math.round(sorted[Math.ceil(part * sorted.length) - 1]!)
  return { median: at(0.5), p95: at(0.95), most: at(1) }
}
