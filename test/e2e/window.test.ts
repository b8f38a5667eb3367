import { expect, test } from 'vitest'
import { aliceAndBob, openApp } from './app.ts'
import { LINK_TIMEOUT_MS } from './window.ts'

const WORD = 'Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz'
const STRANGE = [
  '<img src=x onerror="document.title=1"><script>document.title=2</script>',
  '{count, plural, other {#}} ${1} {{x}} &amp; &#60;b&#62;',
  `${WORD.repeat(12)}`,
  'مرحبا، متى نشرب الشاي؟ (https://example.org/شاي)',
  '\u202Eright to left override\u202C, and left to right again',
  'शाकाहारी भी चाहिए — क्षत्रिय, श्रृंगार, र्‍य',
  '👩‍👩‍👧‍👦🏳️‍🌈🇮🇳👍🏽 ☕️',
  `z${'\u0334\u0321\u0341\u035e'.repeat(20)}algo`,
  'a\n\n\nb\n\tc',
]

test('whatever is written is shown as text, here and there, and breaks no layout', async () => {
  const [alice, bob] = await aliceAndBob()
  for (const text of STRANGE) {
    await alice.see('composer').fill(text)
    await alice.see('composer').press('Enter')
  }
  await alice.say('last')
  await bob.receive('last')
  for (const app of [alice, bob]) {
    for (const narrow of [false, true]) {
      await app.electron.evaluate(
        ({ BrowserWindow }, width) => {
          BrowserWindow.getAllWindows()[0]!.setSize(width, 900)
        },
        narrow ? 480 : 1080,
      )
      await expect.poll(() => app.page.evaluate(() => innerWidth <= 480)).toBe(narrow)
      // Only what is near the screen is drawn: one goes up from the newest.
      await app.page.getByRole('log').hover()
      await app.page.mouse.wheel(0, 100_000)
      const goUpTo = async (text: string) => {
        const isDrawn = (await app.texts()).includes(text)
        if (!isDrawn) await app.page.mouse.wheel(0, -200)
        return isDrawn
      }
      for (const text of STRANGE.toReversed()) await expect.poll(() => goUpTo(text)).toBe(true)
      const wide = await app.page.evaluate(() =>
        [...document.querySelectorAll('[role=log], [role=log] *, aside, main')]
          .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
          .map((element) => element.outerHTML.slice(0, 200)),
      )
      expect(wide).toEqual([])
      await app.picture(`strange-texts-${narrow ? 'narrow' : 'wide'}`)
      expect(await app.page.title()).not.toMatch(/^[12]$/)
    }
  }
})

test('links are text that opens in the browser of the system, and only http and https do', async () => {
  const app = await openApp({ expected: /Not allowed to load local resource/ })
  await app.introduce('Alice')
  await app.createGroup('Links')
  await app.electron.evaluate(({ shell }) => {
    const opened: string[] = []
    Object.assign(globalThis, { opened })
    shell.openExternal = (url) => Promise.resolve(void opened.push(url))
  })
  await app.say('read https://example.org/a?b=c, not javascript:alert(1) or file:///etc/passwd')
  const link = app.page.locator('[data-testid=message-text] a')
  expect(await link.allTextContents()).toEqual(['https://example.org/a?b=c'])
  await link.click()
  await app.page.evaluate(() => {
    window.open('file:///etc/passwd')
    window.open('smb://example.org')
  })
  const opened = () => app.electron.evaluate(() => (globalThis as unknown as { opened: string[] }).opened)
  await expect.poll(opened).toEqual(['https://example.org/a?b=c'])
  expect(app.electron.windows()).toHaveLength(1)
})

test('a page in the window reaches nothing but the messenger, and stays where it is', async () => {
  const [app, bob] = await aliceAndBob({ expected: /Refused to|Not allowed to|ERR_BLOCKED_BY_CSP/ })
  const reach = await app.page.evaluate(() => ({
    node: ['require', 'process', 'module', 'Buffer', 'global', '__dirname'].filter((name) => name in window),
    port: Object.keys(window.tapri!),
    isFrozen: Object.isFrozen(window.tapri),
    opened: window.open('tapri-app://window/index.html'),
  }))
  expect(reach).toEqual({ node: [], port: ['send', 'onFrame', 'onClose'], isFrozen: true, opened: null })

  const here = app.page.url()
  const attempt = (go: (url: string) => void, url: string) => app.page.evaluate(go, url).catch(() => {})
  await attempt((url) => void (location.href = url), 'https://example.org/')
  await attempt((url) => void (location.href = url), 'file:///etc/passwd')
  await attempt((url) => void (location.href = url), 'data:text/html,<h1>elsewhere</h1>')
  const fetched = await app.page.evaluate(async () => {
    const inline = document.createElement('script')
    inline.textContent = 'window.injected = true'
    document.body.append(inline)
    const frame = document.createElement('iframe')
    frame.src = 'https://example.org/'
    document.body.append(frame)
    const answer = await fetch('https://example.org/').catch(() => 'refused')
    return { answer, injected: 'injected' in window }
  })
  expect(fetched).toEqual({ answer: 'refused', injected: false })
  expect(app.page.url()).toBe(here)

  // The refused navigations have not cut the window off.
  await bob.say('can you hear me?')
  const listed = () => app.page.evaluate(() => document.querySelector('nav')!.textContent)
  await expect.poll(listed, { timeout: LINK_TIMEOUT_MS }).toContain('can you hear me?')
})

test('a window that is loaded again shows the same, and hears what comes', async () => {
  const [alice, bob] = await aliceAndBob()
  await bob.say('before')
  await alice.receive('before')
  await alice.page.reload()
  await alice.openGroup('Office')
  await alice.receive('before')
  await bob.say('after')
  await alice.receive('after')
})
