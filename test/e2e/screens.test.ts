/** Walks through every screen of the window and leaves a picture of each in artifacts/screenshots. */
import { expect, test } from 'vitest'
import { JOIN_PROBLEMS, type Locked, type Message } from '../../src-main/api/contract.ts'
import { AppError } from '../../src-main/api/errors.ts'
import {
  ALICE,
  auditEntries,
  crowd,
  explanationOf,
  FakeMessenger,
  GREEN,
  group,
  keyAt,
  message,
  NOON_MS,
  notice,
  office,
  OFFICE,
  JOINING,
  PHRASE,
  quoteOf,
  RED,
  REMOVAL_WINS,
  WAITING,
} from '../renderer/fake-client.ts'
import { openApp, openBrowser } from './app.ts'
import { serveFake } from './fake-server.ts'
import { startPeer } from './peer.ts'
import { LINK_TIMEOUT_MS, type Window } from './window.ts'

const WIDE = 1080
const NARROW = 480

type Look = { theme: 'light' | 'dark'; language: 'en' | 'hi' }
const LOOKS: Look[] = [
  { theme: 'light', language: 'en' },
  { theme: 'dark', language: 'hi' },
  { theme: 'dark', language: 'en' },
  { theme: 'light', language: 'hi' },
]

/** A browser on a messenger, with a way to change how it looks and to keep a picture. */
async function open(fake: FakeMessenger) {
  const browser = await openBrowser(await serveFake(fake))
  const { page, electron } = browser
  return Object.assign(browser, {
    async look({ theme, language }: Look) {
      await page.evaluate(
        ([chosenTheme, chosenLanguage]) => {
          localStorage.setItem('tapri.theme', chosenTheme!)
          localStorage.setItem('tapri.language', chosenLanguage!)
        },
        [theme, language],
      )
      await page.reload()
      await page.locator(`html[lang=${language}] #app > .window`).waitFor()
    },
    async size(width: number, height = 760) {
      await electron.evaluate(
        ({ BrowserWindow }, [w, h]) => BrowserWindow.getAllWindows()[0]!.setContentSize(w!, h!),
        [width, height],
      )
      await page.waitForFunction((wanted) => innerWidth === wanted, width)
    },
    async keep(name: string) {
      await browser.picture(name)
      expect(await spilled(browser), name).toEqual([])
    },
  })
}

/** Whatever reaches out of the window sideways, or is cut without an ellipsis. */
function spilled({ page }: Window): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('#app *, dialog *')]
      .filter((element) => {
        const { left, right, width } = element.getBoundingClientRect()
        if (width === 0 || element.closest('.for-readers, svg')) return false
        const isCut =
          element.matches('button, p, h1, h2, h3, legend, label, dt') &&
          element.scrollWidth > element.clientWidth + 1 &&
          getComputedStyle(element).textOverflow !== 'ellipsis' &&
          element.clientWidth > 0
        return left < -1 || right > innerWidth + 1 || isCut
      })
      .map((element) => element.outerHTML.slice(0, 160)),
  )
}

test('the first screens say what Tapri is and what to do', async () => {
  const fake = new FakeMessenger()
  fake.name = ''
  const window = await open(fake)
  for (const look of LOOKS.slice(0, 2)) {
    await window.look(look)
    await window.see('first-run').waitFor()
    await window.keep(`first-run-${look.theme}-${look.language}`)
  }
  await window.size(NARROW)
  await window.keep('first-run-narrow')
  await window.size(WIDE)
  await window.introduce('Alice Rao')
  for (const look of LOOKS) {
    await window.look(look)
    await window.see('welcome').waitFor()
    await window.keep(`empty-${look.theme}-${look.language}`)
  }
  await window.look(LOOKS[0]!)
  fake.failures.set(
    'getState',
    new AppError(
      'STORE_CORRUPT',
      'The store in /home/alice/.config/tapri/store is damaged (Corruption: checksum mismatch). Nothing was changed. Move the folder away to keep it, start Tapri again, and join your groups with a new invite: the other members still have the messages.',
    ),
  )
  await window.page.reload()
  await window.see('fatal').waitFor()
  await window.keep('fatal')
})

test('a conversation reads well in both themes and both languages', async () => {
  const window = await open(office())
  for (const look of LOOKS) {
    await window.size(WIDE)
    await window.look(look)
    await window.openGroup('Office – third floor')
    await window.see('message').last().waitFor()
    await window.keep(`conversation-${look.theme}-${look.language}`)
    await window.see('people-button').click()
    await window.see('person').first().waitFor()
    await window.keep(`people-${look.theme}-${look.language}`)
    await window.see('forked').locator('summary').press('Enter')
    await window.see('forked').locator('p').waitFor()
    await window.keep(`forked-${look.theme}-${look.language}`)
    await window.see('people-button').click()
    await window.see('connection').click()
    await window.see('connection-step').first().waitFor()
    await window.keep(`connection-${look.theme}-${look.language}`)
    await window.page.keyboard.press('Escape')
    await window.see('settings-button').click()
    await window.see('version').waitFor()
    await window.keep(`settings-${look.theme}-${look.language}`)
    await window.page.keyboard.press('Escape')
    await window.size(NARROW)
    await window.keep(`narrow-conversation-${look.theme}-${look.language}`)
    await window.see('back-button').click()
    await window.see('group-item').first().waitFor()
    await window.keep(`narrow-groups-${look.theme}-${look.language}`)
  }
})

test('Why here? names causes and what is independent, and leads to them with the keyboard alone', async () => {
  const fake = office(90)
  const messages = fake.timelines.get(OFFICE)!
  const at = messages.length - 7
  fake.explanations.set(messages[at]!.id, explanationOf(messages, at))
  fake.explanations.set(messages[at + 1]!.id, { seen: [], independent: [] })
  const window = await open(fake)
  const row = (index: number) => window.page.locator(`[data-row][data-id="${messages[index]!.id}"]`)
  /** The row that has the focus, or else what has it. */
  const focused = () =>
    window.page.evaluate(() => {
      const element = document.activeElement as HTMLElement
      return element.dataset['id'] ?? element.outerHTML.slice(0, 200)
    })
  for (const look of LOOKS) {
    const suffix = `${look.theme}-${look.language}`
    await window.size(WIDE)
    await window.look(look)
    await window.openGroup('Office – third floor')
    await row(at).hover()
    await window.keep(`message-actions-${suffix}`)
    // With the focus the actions stay, however the list comes to rest under the pointer.
    await row(at).focus()
    await row(at).getByTestId('why-button').click()
    await window.see('why-late').waitFor()
    await window.keep(`why-${suffix}`)
    await window.size(NARROW)
    await window.keep(`why-narrow-${suffix}`)
    await window.page.keyboard.press('Escape')
    await window.size(WIDE)
    await row(at + 1).focus()
    await window.page.keyboard.press('w')
    await window.see('why-first').waitFor()
    await window.keep(`why-first-${suffix}`)
    await window.page.keyboard.press('Escape')
    await window.see('why-first').waitFor({ state: 'detached' })
    expect(await focused()).toBe(messages[at + 1]!.id)
  }
  await row(at).focus()
  await window.page.keyboard.press('w')
  const cause = window.see('why-place').and(window.page.locator(`[data-target="${messages[at - 40]!.id}"]`))
  await cause.focus()
  await window.page.keyboard.press('Enter')
  await cause.waitFor({ state: 'detached' })
  await expect.poll(focused, { timeout: 5_000 }).toBe(messages[at - 40]!.id)
  expect(await row(at - 40).isVisible()).toBe(true)
})

/** Waits until the line of progress is there for eyes, too. */
async function appeared(window: Window): Promise<void> {
  const opacity = () => window.see('progress').evaluate((line) => getComputedStyle(line).opacity)
  await expect.poll(opacity, { timeout: 5_000 }).toBe('1')
}

test('a newcomer sees the newest messages, and how far the earlier ones have come', async () => {
  const fake = office(90)
  const window = await open(fake)
  const ahead = Array.from({ length: 30 }, (_, i) =>
    message(49_970 + i, {
      n: 0,
      provisional: true,
      own: false,
      device: 'b0b0000000000002',
      author: 'Rahul Verma',
    }),
  )
  for (const look of LOOKS) {
    const suffix = `${look.theme}-${look.language}`
    await window.look(look)
    await window.page.locator(`[data-testid=group-item][data-id="${JOINING}"]`).click()
    fake.update(JOINING, { name: 'Cricket', catchingUp: { done: 12_400, total: 50_000 }, last: ahead.at(-1) })
    fake.hasMore = true
    fake.replace(JOINING, ahead)
    await window.see('message').last().waitFor()
    await appeared(window)
    await window.keep(`catching-up-${suffix}`)
    await window.see('message').first().hover()
    expect(await window.see('why-button').count()).toBe(0)
    await window.page.mouse.wheel(0, -20_000)
    await window.see('coming').waitFor()
    await window.keep(`newest-window-${suffix}`)
    await window.size(NARROW)
    await window.keep(`newest-window-narrow-${suffix}`)
    await window.size(WIDE)
    fake.hasMore = false
    fake.replace(JOINING, [])
    fake.update(JOINING, { catchingUp: undefined })
    await window.see('progress').waitFor({ state: 'detached' })

    await window.openGroup('Office – third floor')
    fake.update(OFFICE, { opening: { done: 31_000, total: 100_000 } })
    await appeared(window)
    fake.pause()
    await window.see('composer').fill('Is anybody here?')
    await window.see('composer').press('Enter')
    await window.see('sending').waitFor()
    await window.keep(`opening-${suffix}`)
    fake.resume()
    await window.see('sending').waitFor({ state: 'detached' })
    fake.update(OFFICE, { opening: undefined })
  }
})

test('when messages are hidden, what the reader looks at stays where it is', async () => {
  const fake = office(400)
  const window = await open(fake)
  await window.openGroup('Office – third floor')
  await window.see('message').last().waitFor()
  await window.page.getByRole('log').hover()
  const inView = () =>
    window.page.evaluate(() => {
      const log = document.querySelector('[role=log]')!.getBoundingClientRect()
      const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')]
      // Below where the bar of earlier messages may lie.
      const first = rows.find((row) => row.getBoundingClientRect().top > log.top + 40)!
      return { id: first.dataset['id']!, top: first.getBoundingClientRect().top }
    })
  const topOf = (id: string) =>
    window.page.locator(`[data-row][data-id="${id}"]`).evaluate((row) => row.getBoundingClientRect().top)
  const timeline = fake.timelines.get(OFFICE)!
  const indexInView = async () => {
    const { id } = await inView()
    return timeline.findIndex((other) => other.id === id)
  }
  // Far enough up that the end does not come into view when messages below go.
  const turnBack = async () => {
    // At once, unlike a wheel, whose last turn may still be on its way when the place is taken.
    await window.page.getByRole('log').evaluate((log) => log.scrollBy({ top: -500, behavior: 'instant' }))
    return indexInView()
  }
  await expect.poll(turnBack, { timeout: 5_000 }).toBeLessThan(timeline.length - 30)
  // Not at the edge, where half a pixel would make it another row that must not move.
  await window.page.getByRole('log').evaluate((log) => {
    const top = log.getBoundingClientRect().top + 40
    const tops = [...log.querySelectorAll('[data-row]')].map((row) => row.getBoundingClientRect().top - top)
    log.scrollBy({ top: Math.min(...tops.filter((one) => one > 0)) - 20, behavior: 'instant' })
  })
  let seen = await inView()
  await expect
    .poll(async () => {
      const before = seen
      seen = await inView()
      return before.id === seen.id && before.top === seen.top
    })
    .toBe(true)
  const index = timeline.findIndex(({ id }) => id === seen.id)
  const hidden = [index - 40, index - 20, index - 2, index + 2].map((at) => timeline[at]!.id)
  fake.replace(
    OFFICE,
    timeline.filter(({ id }) => !hidden.includes(id)),
  )
  const isGone = async () => (await window.page.locator(`[data-row][data-id="${hidden[3]}"]`).count()) === 0
  await expect.poll(isGone).toBe(true)
  await expect.poll(async () => Math.abs((await topOf(seen.id)) - seen.top)).toBeLessThanOrEqual(2)
})

test('dialogs fit, wide and narrow', async () => {
  const window = await open(office())
  for (const look of LOOKS.slice(0, 2)) {
    const suffix = `${look.theme}-${look.language}`
    await window.size(WIDE)
    await window.look(look)
    await window.see('create-group').click()
    await window.see('group-name-input').waitFor()
    await window.keep(`create-${suffix}`)
    await window.page.keyboard.press('Escape')
    await window.see('join-group').click()
    await window.see('invite-input').fill('hello')
    await window.see('confirm').click()
    await window.see('dialog-error').waitFor()
    await window.keep(`join-refused-${suffix}`)
    await window.page.keyboard.press('Escape')
    await window.openGroup('Office – third floor')
    await window.see('invite-button').click()
    await window.see('invite-create').click()
    await window.see('invite-copy').click()
    await window.see('invite-copied').and(window.page.locator('[data-copied]')).waitFor()
    await window.keep(`invite-${suffix}`)
    await window.size(NARROW)
    await window.keep(`invite-narrow-${suffix}`)
    await window.page.keyboard.press('Escape')
  }
})

test('answers, reactions, late and waiting messages, and failures are told where they happen', async () => {
  const fake = office(90)
  const window = await open(fake)
  const { page } = window
  for (const look of LOOKS) {
    const suffix = `${look.theme}-${look.language}`
    await window.size(WIDE)
    await window.look(look)
    await window.openGroup('Office – third floor')
    // Not the last row that is drawn, which is another one until the list has come to its end.
    const row = page.locator(`[data-row][data-id="${fake.timelines.get(OFFICE)!.at(-1)!.id}"]`)
    await row.focus()
    await row.getByTestId('reply-button').click()
    await window.see('composer').fill('Yes, the second one on the left.')
    await row.focus()
    await row.getByTestId('react-button').click()
    await window.see('quick-reaction').first().waitFor()
    await window.keep(`reply-${suffix}`)
    await row.getByTestId('react-button').click()
    await window.see('cancel-reply').click()
    await window.see('composer').fill('')

    const n = Number(await fake.timelines.get(OFFICE)!.length)
    const late = [60.5, 61.5].map((place, i) =>
      message(n + i, {
        key: keyAt(place + LOOKS.indexOf(look) / 10),
        own: false,
        device: 'b0b0000000000002',
        author: 'Rahul Verma',
      }),
    )
    fake.deliver(OFFICE, late)
    await window.see('earlier-list').click()
    await window.see('earlier-jump').first().waitFor()
    fake.update(OFFICE, {
      pending: {
        count: 3,
        missing: [{ device: 'dad0000000000004', name: 'अनिता शर्मा', count: 2 }],
        preview: WAITING,
      },
    })
    await window.see('pending-preview').waitFor()
    await window.keep(`pending-and-late-${suffix}`)
    await window.see('earlier-jump').first().click()
    await page.locator('[data-late=true]').first().waitFor()
    await window.keep(`late-${suffix}`)
    await window.see('newest-pill').click()
    fake.update(OFFICE, { pending: { count: 0, missing: [], preview: [] } })
    await window.see('pending-line').waitFor({ state: 'detached' })

    fake.failures.set('post', new AppError('STORE_FAILED', 'The disk is full.'))
    await window.see('composer').fill('will this arrive?')
    await window.see('composer').press('Enter')
    await window.see('retry').waitFor()
    fake.failures.set('react', new AppError('TIMED_OUT', 'No answer to react within 30 s.'))
    await window.see('message').locator('[data-emoji]').last().click()
    await window.see('toast').waitFor()
    await window.keep(`failed-${suffix}`)
    await window.see('discard').click()

    await window.page.locator(`[data-testid=group-item][data-id="${JOINING}"]`).click()
    await window.see('composer-explanation').waitFor()
    await window.keep(`joining-${suffix}`)
  }
})

test('a group without a word, and a name and words too long for their places', async () => {
  const fake = office(20)
  const long = 'Donaudampfschifffahrtsgesellschaftskapitänswitwenrente und alles, was sonst noch dazugehört'
  fake.add(group({ id: 'ab'.repeat(32), name: long }), [
    message(1, {
      author: long,
      text: `${long.replaceAll(' ', '')}\nhttps://example.org/${'path/'.repeat(40)}`,
    }),
    message(2, {
      author: long,
      device: 'b0b0000000000002',
      own: false,
      via: long,
      text: 'क्षत्रिय'.repeat(60),
    }),
  ])
  fake.add(group({ id: 'cd'.repeat(32), name: 'Silence', people: 0, online: 0 }), [])
  fake.name = long.slice(0, 64)
  const window = await open(fake)
  for (const width of [WIDE, NARROW]) {
    await window.size(width)
    if (await window.see('back-button').isVisible()) await window.see('back-button').click()
    await window.see('group-item').filter({ hasText: long }).click()
    await window.see('message').last().waitFor()
    await window.see('message').last().hover()
    await window.see('people-button').click()
    await window.keep(`long-words-${width}`)
    await window.see('people-button').click()
  }
  await window.see('back-button').click()
  await window.openGroup('Silence')
  await window.keep('silence')
})

test('a way back to an identity, and a phrase that is written down and checked', async () => {
  const fake = new FakeMessenger()
  fake.identify({ name: '', isPhraseConfirmed: false })
  const window = await open(fake)
  const { page } = window
  for (const look of LOOKS.slice(0, 2)) {
    const suffix = `${look.theme}-${look.language}`
    await window.size(WIDE)
    await window.look(look)
    await window.see('restore-identity').click()
    await window.see('phrase-input').fill(PHRASE.join(' ').replace('eagle', 'chay'))
    await window.see('confirm').last().click()
    await window.see('dialog-error').waitFor()
    await window.keep(`restore-wrong-word-${suffix}`)
    await window.see('phrase-input').fill([...PHRASE].reverse().join(' '))
    await window.see('confirm').last().click()
    await window.keep(`restore-wrong-phrase-${suffix}`)
    await window.see('restore-how-text').click()
    await window.see('export-input').fill('tapri-identity:1:abc')
    await window.see('passphrase-input').fill('wrong')
    await window.see('confirm').last().click()
    await window.see('dialog-error').waitFor()
    await window.size(NARROW)
    await window.keep(`restore-text-${suffix}`)
    await page.keyboard.press('Escape')
  }
  await window.size(WIDE)
  await window.introduce('Alice Rao')
  fake.add(group({ id: OFFICE, name: 'Office' }), [])
  for (const look of LOOKS) {
    const suffix = `${look.theme}-${look.language}`
    await window.size(WIDE)
    fake.identify({ isPhraseConfirmed: false })
    await window.look(look)
    await window.see('phrase-reminder').waitFor()
    await window.keep(`phrase-reminder-${suffix}`)
    await window.see('phrase-start').click()
    await window.see('phrase-reveal').waitFor()
    await window.keep(`phrase-warning-${suffix}`)
    await window.see('phrase-reveal').click()
    await window.see('phrase-words').waitFor()
    await window.keep(`phrase-words-${suffix}`)
    await window.size(NARROW)
    await window.keep(`phrase-words-narrow-${suffix}`)
    await window.see('phrase-next').click()
    const answers = window.see('phrase-answer')
    for (const answer of await answers.all()) await answer.fill('zebra')
    await window.see('phrase-check').click()
    await window.see('dialog-error').waitFor()
    await window.keep(`phrase-wrong-${suffix}`)
    for (const answer of await answers.all())
      await answer.fill(PHRASE[Number(await answer.getAttribute('data-place'))]!)
    await page.keyboard.press('Enter')
    await window.see('phrase-done').waitFor()
    await window.keep(`phrase-done-${suffix}`)
    await window.see('confirm').click()
    expect(await window.see('phrase-reminder').count()).toBe(0)
  }
})

test('the profile: name, picture, fingerprint, export and devices', async () => {
  const fake = office(60)
  const window = await open(fake)
  const { page } = window
  /** A picture as a camera may have taken it: wide, and far too large. */
  const photo = await page.evaluate(() => {
    const canvas = document.createElement('canvas')
    canvas.width = 1600
    canvas.height = 900
    const context = canvas.getContext('2d')!
    const shades = context.createLinearGradient(300, 0, 1300, 900)
    for (const [at, colour] of [
      ['0', '#2c7a4b'],
      ['0.5', '#f2b84b'],
      ['1', '#a2431c'],
    ] as const)
      shades.addColorStop(Number(at), colour)
    context.fillStyle = shades
    context.fillRect(0, 0, 1600, 900)
    context.fillStyle = '#fff'
    context.beginPath()
    context.arc(800, 450, 260, 0, 7)
    context.fill()
    return canvas.toDataURL('image/png').split(',')[1]!
  })
  for (const look of LOOKS) {
    const suffix = `${look.theme}-${look.language}`
    await window.size(WIDE)
    await window.look(look)
    await window.see('profile-button').click()
    await window.see('picture-input').setInputFiles({
      name: 'photo.png',
      mimeType: 'image/png',
      buffer: Buffer.from(photo, 'base64'),
    })
    await window.see('profile-saved').and(page.locator('[data-saved=true]')).waitFor()
    await window.keep(`profile-${suffix}`)
    const sent = fake.calls.findLast(({ command }) => command === 'setPicture')!.args as { picture: string }
    expect(sent.picture.length).toBeLessThanOrEqual(24_000)
    await window.see('picture-input').setInputFiles({
      name: 'words.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from('no picture'),
    })
    await window.see('picture-error').waitFor()
    await window.see('export').locator('summary').click()
    await window.see('export-passphrase').fill('four horses')
    await window.see('export-again').fill('four')
    await window.see('own-devices').locator('summary').click()
    await window.see('own-device').first().waitFor()
    await window.see('own-devices').scrollIntoViewIfNeeded()
    await window.keep(`profile-export-${suffix}`)
    await window.see('device-remove').click()
    await window.see('confirm-dialog').waitFor()
    await window.keep(`device-remove-${suffix}`)
    await page.keyboard.press('Escape')
    await window.see('export-passphrase').fill('four horses drink chai')
    await window.see('export-again').fill('four horses drink chai')
    await window.see('export-make').click()
    await window.see('export-copy').scrollIntoViewIfNeeded()
    await window.size(NARROW)
    await window.keep(`profile-narrow-${suffix}`)
    await window.see('picture-remove').click()
    await page.keyboard.press('Escape')
    await window.see('profile-dialog').waitFor({ state: 'detached' })
    expect(await page.evaluate(() => (document.activeElement as HTMLElement).dataset['testid'])).toBe(
      'profile-button',
    )
  }
})

test('what was changed on two devices at the same time is chosen from, by keyboard too', async () => {
  const fake = office(60)
  const [here, red, green] = [ALICE, '0'.repeat(31) + 'b', '0'.repeat(31) + 'c']
  const phone = '5eedf00d0000000b'
  fake.pictures.set(red, RED)
  fake.pictures.set(green, GREEN)
  const window = await open(fake)
  const { page } = window
  for (const look of LOOKS) {
    const suffix = `${look.theme}-${look.language}`
    fake.identify({
      name: 'Alice Rao',
      picture: red,
      conflicts: [
        {
          field: 'name',
          values: [
            { value: 'Alice Rao', by: here },
            { value: 'Alice Rao, on leave until the second week of December', by: phone },
          ],
        },
        {
          field: 'picture',
          values: [
            { value: green, by: phone },
            { value: '', by: '7ab1e7000000000c' },
            { value: red, by: here },
          ],
        },
      ],
    })
    await window.size(WIDE)
    await window.look(look)
    await window.see('profile-conflict-mark').waitFor()
    await window.keep(`profile-conflict-mark-${suffix}`)
    await window.see('profile-button').click()
    await expect.poll(() => window.see('setting-conflict').count()).toBe(2)
    await page.locator('[data-testid=conflict-choose] [data-picture=true]').nth(1).waitFor()
    await window.keep(`profile-conflict-${suffix}`)
    await window.size(NARROW)
    await window.keep(`profile-conflict-narrow-${suffix}`)
    // From the field that has the focus back to the last choice, and from there to the one before.
    const focused = () => page.evaluate(() => (document.activeElement as HTMLElement).dataset['value'])
    const backTo = async (value: string) => {
      for (let steps = 0; (await focused()) !== value && steps < 9; steps++)
        await page.keyboard.press('Shift+Tab')
      expect(await focused()).toBe(value)
    }
    await backTo(green)
    await page.keyboard.press('Enter')
    await expect.poll(() => window.see('setting-conflict').count()).toBe(1)
    const sent = fake.calls.findLast(({ command }) => command === 'setPicture')
    expect(sent?.args).toEqual({ picture: GREEN })
    await window.see('conflict-choose').last().click()
    await window.see('setting-conflict').waitFor({ state: 'detached' })
    const chosen = 'Alice Rao, on leave until the second week of December'
    expect(fake.identity).toMatchObject({ name: chosen, conflicts: [] })
    expect(await window.see('name-input').inputValue()).toBe(chosen)
    await window.see('profile-saved').and(page.locator('[data-saved=true]')).waitFor()
    await page.keyboard.press('Escape')
    await window.see('profile-conflict-mark').waitFor({ state: 'detached' })
  }
})

test('people by role, what one may do with each, and whoever is out', async () => {
  const fake = office(60)
  const picture = '0'.repeat(31) + 'a'
  fake.pictures.set(picture, RED)
  fake.people = fake.people.map((person) =>
    person.name === 'Priya Nair' ? { ...person, picture, isBlocked: true } : person,
  )
  fake.update(OFFICE, { maySucceed: true })
  const window = await open(fake)
  const { page } = window
  const row = (name: string) => window.see('person').filter({ hasText: name })
  const rahul = fake.people[1]!
  for (const look of LOOKS) {
    const suffix = `${look.theme}-${look.language}`
    await window.size(WIDE)
    await window.look(look)
    await window.openGroup('Office – third floor')
    await window.see('people-button').click()
    await row('Alice Rao').getByTestId('person-devices').click()
    await row('Alice Rao').getByTestId('device').first().waitFor()
    await window.keep(`people-devices-${suffix}`)
    await window.see('former-member').last().scrollIntoViewIfNeeded()
    await window.see('former-menu').last().click()
    await window.see('action-add-member').waitFor()
    await window.keep(`former-menu-${suffix}`)
    await page.keyboard.press('Escape')
    await row('Rahul Verma').getByTestId('person-menu').click()
    await window.see('action-ban').waitFor()
    await window.keep(`person-menu-${suffix}`)
    await window.size(NARROW)
    await row('Rahul Verma').getByTestId('person-menu').click()
    await window.see('action-verify').waitFor()
    await window.keep(`person-menu-narrow-${suffix}`)
    await window.see('action-verify').click()
    await window.see('their-fingerprint').waitFor()
    await window.keep(`verify-narrow-${suffix}`)
    await window.size(WIDE)
    await window.keep(`verify-${suffix}`)
    await window.see('verify-differ').click()
    await window.see('verify-differs').waitFor()
    await window.keep(`verify-differs-${suffix}`)
    await window.see('confirm').click()
    for (const action of ['remove', 'ban', 'transfer', 'make-owner']) {
      await row('Rahul Verma').getByTestId('person-menu').click()
      await window.see(`action-${action}`).click()
      await window.see('confirm-dialog').waitFor()
      await window.keep(`confirm-${action}-${suffix}`)
      await page.keyboard.press('Escape')
      await window.see('confirm-dialog').waitFor({ state: 'detached' })
    }
    fake.changePerson(rahul.user, { role: 'owner' })
    await row('Alice Rao').getByTestId('person-menu').click()
    await window.see('action-step-down').waitFor()
    await window.keep(`own-menu-${suffix}`)
    await window.see('action-step-down').click()
    await window.see('confirm-dialog').waitFor()
    fake.failures.set('setRole', new AppError('LAST_OWNER', 'You are the only owner.'))
    await window.see('confirm').click()
    await window.see('dialog-error').waitFor()
    await window.keep(`step-down-${suffix}`)
    await page.keyboard.press('Escape')
    fake.changePerson(rahul.user, { role: 'admin' })
    await row('Alice Rao').getByTestId('person-menu').waitFor({ state: 'detached' })
    await window.see('succeed').click()
    await window.see('confirm-dialog').waitFor()
    await window.keep(`succeed-${suffix}`)
    await page.keyboard.press('Escape')
    // It gives the focus back when it goes.
    await window.see('confirm-dialog').waitFor({ state: 'detached' })
  }
  // A row takes the focus a frame or two after the key.
  const focused = (name: string) => row(name).and(page.locator(':focus')).waitFor()
  await row('Rohit').focus()
  await page.keyboard.press('Home')
  await focused('Alice Rao')
  await page.keyboard.press('ArrowDown')
  await focused('Rahul Verma')
  await page.keyboard.press('Enter')
  await window.see('action-verify').waitFor()
  await page.keyboard.press('End')
  await page.keyboard.press('Enter')
  await window.see('confirm-dialog').waitFor()
  await window.see('confirm').focus()
  await page.keyboard.press('Enter')
  await window.see('former-member').filter({ hasText: 'Rahul Verma' }).waitFor()
})

test('ten thousand people open at once, are searched, and are not all drawn', async () => {
  const fake = office(60)
  fake.people = crowd(10_000)
  fake.former = []
  fake.update(OFFICE, { people: 10_000, online: 1_112 })
  const window = await open(fake)
  await window.openGroup('Office – third floor')
  const startMs = Date.now()
  await window.see('people-button').click()
  await window.see('person').first().waitFor()
  expect(Date.now() - startMs).toBeLessThan(3_000)
  expect(await window.see('person').count()).toBeLessThan(100)
  await window.keep('people-crowd')
  const worstMs = await window.page.evaluate(async () => {
    const list = document.querySelector('[data-testid=people-panel] [role=list]')!
    let worst = 0
    let before = performance.now()
    for (let frame = 0; frame < 60; frame++) {
      list.scrollTop += 4_000
      await new Promise(requestAnimationFrame)
      worst = Math.max(worst, performance.now() - before)
      before = performance.now()
    }
    return worst
  })
  expect(worstMs).toBeLessThan(500)
  await window.see('people-search').fill('09876')
  await expect.poll(() => window.see('person').count()).toBe(1)
  await window.see('people-search').fill('nobody of that name')
  await expect.poll(() => window.see('person').count()).toBe(0)
  await window.keep('people-no-match')
})

test('groups are made, settled, left and deleted', async () => {
  const fake = office(60)
  const picture = '0'.repeat(31) + 'b'
  fake.pictures.set(picture, GREEN)
  const window = await open(fake)
  const { page } = window
  for (const look of LOOKS) {
    const suffix = `${look.theme}-${look.language}`
    fake.update(OFFICE, {
      role: 'admin',
      picture,
      conflicts: [
        {
          field: 'name',
          values: [
            { value: 'Office 3', by: 'Rahul Verma' },
            { value: 'Office – third floor', by: 'Priya Nair' },
          ],
        },
        {
          field: 'picture',
          values: [
            { value: '', by: 'Rohit' },
            { value: picture, by: 'Priya Nair' },
          ],
        },
      ],
    })
    await window.size(WIDE)
    await window.look(look)
    await window.openGroup('Office – third floor')
    await window.see('conflict-mark').waitFor()
    await window.see('group-menu').click()
    await window.see('action-leave').waitFor()
    await window.keep(`group-menu-${suffix}`)
    await window.see('action-settings').click()
    await window.see('setting-conflict').first().waitFor()
    await window.keep(`settings-conflict-${suffix}`)
    await window.size(NARROW)
    await window.keep(`settings-conflict-narrow-${suffix}`)
    await window.size(WIDE)
    await window.see('conflict-choose').last().click()
    await expect.poll(() => window.see('setting-conflict').count()).toBe(1)
    await page.keyboard.press('Escape')
    fake.update(OFFICE, { role: 'member', conflicts: [] })
    await window.see('group-menu').click()
    await window.see('action-settings').click()
    await window.see('settings-read').waitFor()
    await window.keep(`settings-read-${suffix}`)
    await page.keyboard.press('Escape')
    fake.update(OFFICE, { role: 'owner' })
    fake.failures.set('leaveGroup', new AppError('LAST_OWNER', 'You are the only owner.'))
    await window.see('group-menu').click()
    await window.see('action-leave').click()
    await window.see('leave-dialog').waitFor()
    await window.keep(`leave-${suffix}`)
    await window.see('confirm').click()
    await window.see('last-owner').waitFor()
    await window.keep(`leave-last-owner-${suffix}`)
    await window.see('leave-to-people').click()
    await window.see('person').first().waitFor()
    await window.see('create-group').click()
    await window.see('group-name-input').fill('Chai club')
    await window.see('group-description-input').fill('Who brews today?')
    await window.size(NARROW)
    await window.keep(`create-narrow-${suffix}`)
    await page.keyboard.press('Escape')
  }
})

test('invites are made as they are wanted, listed, and taken back', async () => {
  const fake = office(60)
  const expiresAtMs = NOON_MS + 86_400_000
  const window = await open(fake)
  for (const look of LOOKS) {
    const suffix = `${look.theme}-${look.language}`
    fake.invites = [
      { id: 'a1'.repeat(32), role: 'reader', maxUses: 20, uses: 7, expiresAtMs, by: 'Rahul Verma' },
      { id: 'a2'.repeat(32), role: 'admin', maxUses: 1, uses: 0, expiresAtMs, by: 'Priya Nair' },
    ]
    await window.size(WIDE)
    await window.look(look)
    await window.openGroup('Office – third floor')
    await window.see('invite-button').click()
    await window.see('open-invite').first().waitFor()
    await window.keep(`invite-empty-${suffix}`)
    await window.see('invite-role-reader').click()
    await window.see('invite-uses-100').click()
    await window.see('invite-expires-720').click()
    await window.see('invite-create').click()
    await window.see('invite-text').waitFor()
    await window.keep(`invite-made-${suffix}`)
    expect(fake.invites[0]).toMatchObject({ role: 'reader', maxUses: 100 })
    await window.size(NARROW)
    await window.keep(`invite-made-narrow-${suffix}`)
    await window.see('invite-revoke').first().click()
    await expect.poll(() => window.see('open-invite').count()).toBe(2)
    expect(await window.see('invite-text').count()).toBe(0)
    await window.page.keyboard.press('Escape')
  }
})

test('joining says what keeps it, and blocks nothing', async () => {
  const fake = office(60)
  const window = await open(fake)
  const group = () => window.page.locator(`[data-testid=group-item][data-id="${JOINING}"]`)
  for (const look of LOOKS) {
    const suffix = `${look.theme}-${look.language}`
    await window.size(WIDE)
    await window.look(look)
    await group().click()
    for (const joinProblem of [undefined, ...JOIN_PROBLEMS]) {
      fake.update(JOINING, { joinProblem })
      await window.page.locator(`[data-testid=joining][data-reason=${joinProblem ?? 'waiting'}]`).waitFor()
      await window.keep(`joining-${joinProblem ?? 'waiting'}-${suffix}`)
    }
    await window.size(NARROW)
    await window.keep(`joining-narrow-${suffix}`)
    await window.see('join-other').click()
    await window.see('join-dialog').waitFor()
    await window.page.keyboard.press('Escape')
  }
  await window.size(WIDE)
  await window.see('join-cancel').click()
  await group().waitFor({ state: 'detached' })
})

test('what happened to the group is told in sentences, conflicts too', async () => {
  const fake = office(90)
  const timeline = fake.timelines.get(OFFICE)!
  const notices: Parameters<typeof notice>[1][] = [
    { type: 'added', target: 'Rohit', role: 'reader' },
    { type: 'removed', target: 'Rahul Verma', conflict: REMOVAL_WINS },
    { type: 'added', target: 'Rohit', effective: false, conflict: REMOVAL_WINS },
    { type: 'role-changed', target: 'Priya Nair', role: 'admin' },
    {
      type: 'role-changed',
      target: 'Rohit',
      role: 'reader',
      conflict: {
        kind: 'roles',
        act: 'demoted',
        by: 'Alice Rao',
        target: 'Rohit',
        lost: [],
        lostCount: 0,
        role: 'reader',
      },
    },
    { type: 'banned', target: 'Spam Bot' },
    { type: 'left' },
    { type: 'device-added' },
    { type: 'settings-changed', fields: ['name'] },
    { type: 'successor-named', target: 'अनिता शर्मा' },
  ]
  const start = timeline.length
  timeline.push(
    ...notices.map((of, index) =>
      notice(start + index, of, of.type === 'removed' ? { author: 'Priya Nair' } : {}),
    ),
  )
  const window = await open(fake)
  for (const look of LOOKS) {
    const suffix = `${look.theme}-${look.language}`
    await window.size(WIDE)
    await window.look(look)
    await window.openGroup('Office – third floor')
    await window.see('notice-conflict').first().waitFor()
    await window.keep(`notices-${suffix}`)
    await window.size(NARROW)
    await window.keep(`notices-narrow-${suffix}`)
  }
})

test('who did what, what came of it, and what was reported', async () => {
  const fake = office(90)
  fake.audit = auditEntries()
  const [reported] = fake.timelines.get(OFFICE)!.slice(50)
  const { id, key, author, text } = reported!
  fake.reports = [
    {
      message: { id, key, author, text },
      by: 'Priya Nair',
      reason: 'Advertising, for the third time.',
      atMs: NOON_MS,
    },
  ]
  fake.update(OFFICE, { hidden: 3 })
  const window = await open(fake)
  for (const look of LOOKS) {
    const suffix = `${look.theme}-${look.language}`
    await window.size(WIDE)
    await window.look(look)
    await window.openGroup('Office – third floor')
    await window.see('hidden-bar').waitFor()
    await window.keep(`hidden-bar-${suffix}`)
    await window.see('hidden-show').click()
    await window.see('audit-entry').first().waitFor()
    await window.keep(`audit-${suffix}`)
    await window.see('audit-kind').selectOption('ineffective')
    await expect.poll(() => window.see('audit-entry').count()).toBe(2)
    await window.see('audit-person').selectOption('Rohit')
    await window.size(NARROW)
    await window.keep(`audit-narrow-${suffix}`)
    await window.see('audit-part-reports').click()
    await window.see('audit-report').waitFor()
    await window.size(WIDE)
    await window.keep(`audit-reports-${suffix}`)
    await window.see('report-jump').click()
    await window.page.locator(`[data-row][data-id="${id}"]`).waitFor()
  }
})

test('who may not write is told why, and blocked people are folded away', async () => {
  const fake = office(90)
  const window = await open(fake)
  const { page } = window
  const isPriya = ({ device }: { device: string }) => device === 'ca401000000000e3'
  const timeline = fake.timelines.get(OFFICE)!
  const priya = timeline.findLast(isPriya)!
  const answer = timeline.indexOf(priya) + 1
  timeline[answer] = { ...timeline[answer]!, replyTo: quoteOf(priya) }
  for (const look of LOOKS) {
    const suffix = `${look.theme}-${look.language}`
    fake.blocked = []
    fake.update(OFFICE, { last: priya })
    fake.changePerson(priya.user!, { isBlocked: false })
    fake.update(OFFICE, { role: 'owner', joined: true, out: undefined })
    await window.size(WIDE)
    await window.look(look)
    await window.openGroup('Office – third floor')
    const row = page.locator(`[data-row][data-id="${priya.id}"]`)
    await row.focus()
    await row.getByTestId('report-button').click()
    await window.see('report-reason').fill('This is an advertisement.')
    await window.keep(`report-${suffix}`)
    await window.see('confirm').click()
    await window.see('toast').waitFor()
    await window.see('people-button').click()
    await window.see('person').filter({ hasText: 'Priya Nair' }).getByTestId('person-menu').click()
    await window.see('action-block').click()
    await row.getByTestId('blocked-toggle').waitFor()
    await window.see('quote-blocked').first().waitFor()
    await window.keep(`blocked-${suffix}`)
    await row.getByTestId('blocked-toggle').click()
    await row.getByTestId('message-text').waitFor()
    await window.see('people-button').click()
    fake.update(OFFICE, { role: 'reader' })
    await window.see('why-not').waitFor()
    await window.keep(`reader-${suffix}`)
    for (const out of ['left', 'removed', 'banned', 'device-removed'] as const) {
      fake.update(OFFICE, { role: undefined, joined: false, out })
      await page.locator(`[data-testid=why-not][data-reason=${out}]`).waitFor()
      await window.keep(`out-${out}-${suffix}`)
    }
    await window.size(NARROW)
    await window.keep(`out-narrow-${suffix}`)
    await window.see('out-delete').click()
    await window.see('delete-dialog').waitFor()
    await window.keep(`delete-${suffix}`)
    await page.keyboard.press('Escape')
  }
})

const KEYS_PASSPHRASE = 'four horses drink chai'

test('locked keys wait for the passphrase, and say what to do without it', async () => {
  const fake = office(60)
  fake.lockedWith = KEYS_PASSPHRASE
  const window = await open(fake)
  const { page } = window
  for (const look of LOOKS) {
    const suffix = `${look.theme}-${look.language}`
    await window.size(WIDE)
    await window.look(look)
    await window.see('unlock').waitFor()
    await window.keep(`unlock-${suffix}`)
    await page.keyboard.type('three horses')
    await page.keyboard.press('Enter')
    await window.see('unlock-passphrase-problem').waitFor()
    await window.see('unlock-passphrase-show').click()
    await window.keep(`unlock-wrong-${suffix}`)
    await window.size(NARROW, 560)
    await window.keep(`unlock-wrong-narrow-${suffix}`)
  }
  fake.pause()
  await window.see('unlock-passphrase').fill(KEYS_PASSPHRASE)
  await page.keyboard.press('Enter')
  await page.locator('[data-testid=unlock] form[aria-busy=true]').waitFor()
  await window.keep('unlock-busy')
  fake.resume()
  await window.see('group-item').first().waitFor()
  expect(await window.see('unlock').count()).toBe(0)
  for (const look of LOOKS.slice(0, 2)) {
    fake.failures.set(
      'getState',
      new AppError(
        'KEY_UNREADABLE',
        'The keychain of the system, which keeps the keys of Tapri, is not available. Unlock it, and start Tapri again.',
      ),
    )
    await window.look(look)
    await window.see('fatal').waitFor()
    await window.keep(`fatal-keychain-${look.theme}-${look.language}`)
  }
})

test('the profile says who opens the keys, and takes a passphrase', async () => {
  const fake = office(60)
  const window = await open(fake)
  const { page } = window
  const protection = (name: string) => page.locator(`[data-testid=protection][data-protection=${name}]`)
  for (const look of LOOKS) {
    const suffix = `${look.theme}-${look.language}`
    Object.assign(fake, { protection: 'none', hasKeychain: false })
    await window.size(WIDE)
    await window.look(look)
    await window.see('protection-reminder').waitFor()
    await window.keep(`protection-warning-${suffix}`)
    await window.see('protection-start').click()
    await protection('none').waitFor()
    expect(await page.evaluate(() => (document.activeElement as HTMLElement).dataset['testid'])).toBe(
      'protection-set',
    )
    await window.keep(`protection-none-${suffix}`)
    await page.keyboard.press('Enter')
    await page.keyboard.type('four ho')
    await window.see('protection-save').scrollIntoViewIfNeeded()
    await window.keep(`protection-short-${suffix}`)
    await window.see('keys-passphrase').fill(KEYS_PASSPHRASE)
    await window.see('keys-again').fill('four horses')
    await window.see('keys-passphrase-show').click()
    await window.size(NARROW)
    await window.see('protection-save').scrollIntoViewIfNeeded()
    await window.keep(`protection-differs-narrow-${suffix}`)
    await window.size(WIDE)
    await window.see('keys-again').fill(KEYS_PASSPHRASE)
    fake.failures.set('setPassphrase', new AppError('STORE_FAILED', 'The disk is full.'))
    await page.keyboard.press('Enter')
    await window.see('protection-error').waitFor()
    await window.see('protection-save').scrollIntoViewIfNeeded()
    await window.keep(`protection-failed-${suffix}`)
    await window.see('protection-save').click()
    await protection('passphrase').waitFor()
    await protection('passphrase').scrollIntoViewIfNeeded()
    await window.keep(`protection-passphrase-${suffix}`)
    await window.see('protection-remove').click()
    await window.see('confirm-dialog').waitFor()
    await window.keep(`protection-remove-none-${suffix}`)
    await window.see('confirm').click()
    await protection('none').waitFor()
    await page.keyboard.press('Escape')
    await window.see('protection-later').click()
    await window.see('protection-reminder').waitFor({ state: 'detached' })
    await page.evaluate(() => localStorage.removeItem('tapri.warned'))
  }
  Object.assign(fake, { protection: 'passphrase', hasKeychain: true })
  await window.look(LOOKS[0]!)
  await window.see('profile-button').click()
  await window.see('protection-remove').click()
  await window.keep('protection-remove-system')
  await window.see('confirm').click()
  await protection('system').waitFor()
  await protection('system').scrollIntoViewIfNeeded()
  await window.keep('protection-system')
})

test('what cannot be read says why, in its place, in quotes and in the list', async () => {
  const fake = office(40)
  const timeline = fake.timelines.get(OFFICE)!
  const base = timeline.length
  const from = (device: string, author: string) => ({ device, author, own: false })
  const rahul = from('b0b0000000000002', 'Rahul Verma')
  const priya = from('ca401000000000e3', 'Priya Nair')
  const locked = (at: number, reason: Locked, parts: Partial<Message>) =>
    message(base + at, { text: '', locked: reason, ...parts })
  const expired = locked(14, 'expired', {
    ...rahul,
    reactions: [{ emoji: '☕', count: 2, mine: true, people: ['Alice Rao', 'Rohit'] }],
  })
  timeline.push(
    ...Array.from({ length: 12 }, (_, i) => locked(i, 'before-joining', i % 2 ? rahul : priya)),
    message(base + 12, { ...priya, text: 'Welcome!' }),
    locked(13, 'before-joining', priya),
    expired,
    message(base + 15, { ...priya, text: 'Yes, at noon.', replyTo: quoteOf(expired) }),
    locked(16, 'unreadable', rahul),
    locked(17, 'no-key', { ...from(ALICE, 'Alice Rao'), own: true }),
    locked(18, 'no-key', { ...rahul, replyTo: quoteOf(locked(17, 'no-key', from(ALICE, 'Alice Rao'))) }),
  )
  fake.update(OFFICE, {
    last: timeline.at(-1),
    pending: {
      count: 1,
      missing: [{ device: priya.device, name: priya.author, count: 1 }],
      preview: [{ ...WAITING[0]!, text: '', locked: 'no-key' }],
    },
  })
  fake.explanations.set(expired.id, {
    seen: [quoteOf(timeline[base + 13]!)],
    independent: [quoteOf(timeline[base + 16]!), quoteOf(timeline[base + 15]!)],
  })
  const window = await open(fake)
  const { page } = window
  const row = page.locator(`[data-row][data-id="${expired.id}"]`)
  for (const look of LOOKS) {
    const suffix = `${look.theme}-${look.language}`
    await window.size(WIDE)
    await window.look(look)
    await window.openGroup('Office – third floor')
    await window.see('message').last().waitFor()
    await row.hover()
    expect(await row.getByTestId('why-button').count()).toBe(1)
    for (const action of ['reply-button', 'react-button', 'report-button'])
      expect(await row.getByTestId(action).count()).toBe(0)
    await window.keep(`locked-${suffix}`)
    expect(await window.see('locked-run').getAttribute('data-count')).toBe('12')
    await row.focus()
    await row.getByTestId('why-button').click()
    await window.see('why-seen').waitFor()
    await window.keep(`locked-why-${suffix}`)
    await page.keyboard.press('Escape')
    await window.size(NARROW)
    await window.keep(`locked-narrow-${suffix}`)
    await window.see('back-button').click()
    await window.keep(`locked-narrow-groups-${suffix}`)
  }
})

test('a long history from before joining is one row, which leads up only when it is asked to', async () => {
  const fake = office(40)
  const old = (n: number) => message(n, { own: false, text: '', locked: 'before-joining' })
  const timeline = [
    ...Array.from({ length: 500 }, (_, n) => old(n)),
    notice(500, { type: 'joined' }, { author: 'Alice Rao' }),
    ...Array.from({ length: 30 }, (_, i) => message(501 + i)),
  ]
  fake.add(group({ id: 'ee'.repeat(32), name: 'Newcomers', history: 'from-joining' }), timeline)
  const window = await open(fake)
  const { page } = window
  const run = window.see('locked-run')
  const count = () => run.getAttribute('data-count')
  const pages = () => fake.calls.filter(({ command }) => command === 'getTimeline').length
  for (const look of LOOKS.slice(0, 2)) {
    await window.look(look)
    await window.openGroup('Newcomers')
    await window.see('message').last().waitFor()
    await page.getByRole('log').hover()
    // A wheel may turn before the list is there.
    const upToRun = async () => {
      await page.mouse.wheel(0, -10_000)
      return run.isVisible()
    }
    await expect.poll(upToRun).toBe(true)
    await window.keep(`locked-history-${look.theme}-${look.language}`)
    expect(await count()).toBe('29')
    const before = pages()
    await window.see('locked-earlier').click()
    await expect.poll(count).toBe('89')
    expect(pages()).toBe(before + 1)
    // From the row below, the keyboard reaches it and its button.
    await window.see('notice').last().focus()
    await page.keyboard.press('Home')
    await expect
      .poll(() => page.evaluate(() => (document.activeElement as HTMLElement).dataset['testid']))
      .toBe('locked-run')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await expect.poll(count).toBe('149')
  }
  // A quote leads into it.
  fake.deliver('ee'.repeat(32), [
    message(600, { own: false, text: 'As I said.', replyTo: quoteOf(timeline[400]!) }),
  ])
  await page.getByRole('log').hover()
  const downToQuote = async () => {
    await page.mouse.wheel(0, 20_000)
    return window.see('quote').last().isVisible()
  }
  await expect.poll(downToQuote).toBe(true)
  await window.see('quote').last().click()
  await expect.poll(() => run.isVisible()).toBe(true)
})

test('messages that disappear, and keys that are renewed, are settled in the group', async () => {
  const fake = office(60)
  const window = await open(fake)
  const { page } = window
  const timeline = fake.timelines.get(OFFICE)!
  timeline.push(notice(timeline.length, { type: 'settings-changed', fields: ['disappearAfterMs'] }))
  const weekMs = 7 * 86_400_000
  for (const look of LOOKS) {
    const suffix = `${look.theme}-${look.language}`
    fake.update(OFFICE, { role: 'owner', disappearAfterMs: 0, conflicts: [] })
    await window.size(WIDE)
    await window.look(look)
    await window.openGroup('Office – third floor')
    await window.see('group-menu').click()
    await window.see('action-settings').click()
    await window.see('group-disappear').selectOption(String(weekMs))
    await window.see('renew-keys').click()
    await page.locator('[data-testid=renew-done][data-phase=done]').waitFor()
    await window.see('renew').scrollIntoViewIfNeeded()
    await window.keep(`disappear-settings-${suffix}`)
    fake.failures.set('renewKeys', new AppError('TIMED_OUT', 'There was no answer in time.'))
    await window.see('renew-keys').click()
    await window.see('renew-error').waitFor()
    await window.size(NARROW)
    await window.see('renew').scrollIntoViewIfNeeded()
    await window.keep(`disappear-settings-narrow-${suffix}`)
    await window.see('confirm').click()
    await window.see('disappears').waitFor()
    await window.keep(`disappear-header-narrow-${suffix}`)
    await window.size(WIDE)
    await window.keep(`disappear-header-${suffix}`)
    fake.update(OFFICE, {
      conflicts: [
        {
          field: 'disappearAfterMs',
          values: [
            { value: '0', by: 'Rahul Verma' },
            { value: String(weekMs), by: 'Priya Nair' },
          ],
        },
      ],
    })
    await window.see('conflict-mark').click()
    await window.see('setting-conflict').waitFor()
    await window.keep(`disappear-conflict-${suffix}`)
    await window.see('conflict-choose').first().click()
    await window.see('setting-conflict').waitFor({ state: 'detached' })
    expect(fake.groups.find(({ id }) => id === OFFICE)).toMatchObject({ disappearAfterMs: 0 })
    await page.keyboard.press('Escape')
    fake.update(OFFICE, { role: 'member', disappearAfterMs: weekMs })
    await window.see('group-menu').click()
    await window.see('action-settings').click()
    await window.see('settings-read').waitFor()
    await window.keep(`disappear-read-${suffix}`)
    await page.keyboard.press('Escape')
    await window.see('create-group').click()
    await window.see('group-name-input').fill('Chai club')
    await window.see('group-disappear').scrollIntoViewIfNeeded()
    await window.keep(`disappear-create-${suffix}`)
    await page.keyboard.press('Escape')
  }
})

test('an office plans its lunch: five real peers, one conversation', async () => {
  const [app, rahul, priya, rohit, anita] = await Promise.all([
    openApp(),
    startPeer('Rahul Verma'),
    startPeer('Priya Nair'),
    startPeer('Rohit'),
    startPeer('अनिता शर्मा'),
  ])
  const peers = [rahul, priya, rohit, anita]
  await app.introduce('Alice Rao')
  await app.createGroup('Office, third floor')
  const invite = await app.invite()
  const group = (await rahul.call.joinGroup({ invite })).id
  await Promise.all([priya, rohit, anita].map(({ call }) => call.joinGroup({ invite })))
  for (const { call } of peers) {
    const people = async () => (await call.getState()).groups[0]!.people
    await expect.poll(people, { timeout: LINK_TIMEOUT_MS }).toBe(5)
  }
  const say = async ({ call }: typeof rahul, text: string, replyTo?: string) => {
    const { id } = await call.post({ group, text, replyTo })
    await app.receive(text)
    for (const peer of peers) {
      const texts = async () =>
        (await peer.call.getTimeline({ group, limit: 50 })).messages.map((m) => m.text)
      await expect.poll(texts, { timeout: LINK_TIMEOUT_MS }).toContain(text)
    }
    return id
  }
  const party = await say(rahul, 'Pizza party tomorrow? 🍕')
  const cost = await say(priya, 'What does it cost?', party)
  await say(rahul, 'Two hundred each, chai included.', cost)
  const order = await say(rohit, 'I order. Two large ones, the menu is at https://example.org/menu')
  await say(anita, 'मेरे लिए शाकाहारी, और एक कड़क चाय ☕', order)
  await say(priya, 'And dessert')
  for (const { call } of [priya, rohit, anita])
    await call.react({ group, target: party, emoji: '👍', on: true })
  await rohit.call.react({ group, target: cost, emoji: '😂', on: true })
  await app.reply('And dessert', 'I bring the gulab jamun. Tomorrow at one, then?')
  await app.react('Pizza party tomorrow? 🍕', '❤️')
  await app.page.locator('[data-testid=reaction][data-emoji="👍"][data-count="3"]').waitFor()
  await app.see('newest-pill').click()
  await app.see('newest-pill').waitFor({ state: 'detached' })
  await app.see('people-button').click()
  await expect.poll(() => app.see('person').count()).toBe(5)
  await app.see('composer').focus()
  await app.page.mouse.move(0, 0)
  await app.picture('window')
  expect(await spilled(app)).toEqual([])
})
