import { join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { expect } from 'vitest'

const PICTURES = join(import.meta.dirname, '..', '..', 'artifacts', 'screenshots')
/** How long a window may take to show something over a link. */
export const LINK_TIMEOUT_MS = 15_000

/** What a person does and sees in a window. */
export class Window {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  see(testId: string): Locator {
    return this.page.getByTestId(testId)
  }

  /** The first run: says who this is. */
  async introduce(name: string): Promise<void> {
    await this.see('name-input').fill(name)
    await this.see('confirm').click()
    await this.see('welcome').waitFor()
  }

  async createGroup(name: string): Promise<void> {
    await this.see('create-group').click()
    await this.see('group-name-input').fill(name)
    await this.see('confirm').click()
    await this.page.getByRole('heading', { name, exact: true }).waitFor()
  }

  /** The invite text of the open group. */
  async invite(): Promise<string> {
    await this.see('invite-button').click()
    await this.see('invite-create').click()
    const invite = await this.see('invite-text').inputValue()
    await this.page.keyboard.press('Escape')
    await this.see('invite-text').waitFor({ state: 'detached' })
    return invite
  }

  /** Joins a group, and waits until it can be written to. */
  async join(invite: string): Promise<void> {
    await this.see('join-group').click()
    await this.see('invite-input').fill(invite)
    await this.see('confirm').click()
    await expect.poll(() => this.see('composer').isEnabled(), { timeout: LINK_TIMEOUT_MS }).toBe(true)
  }

  async openGroup(name: string): Promise<void> {
    await this.see('group-item').filter({ hasText: name }).click()
    await this.page.getByRole('heading', { name, exact: true }).waitFor()
  }

  /** Writes a message and waits until it is on disk. */
  async say(text: string): Promise<void> {
    await this.see('composer').fill(text)
    await this.see('composer').press('Enter')
    await this.message(text, '[data-status=sent]').waitFor()
  }

  /** Answers a message with another. With the focus its actions stay, however the list comes to rest under the pointer. */
  async reply(to: string, text: string): Promise<void> {
    await this.message(to).focus()
    await this.message(to).getByTestId('reply-button').click()
    await this.see('composer-quote').waitFor()
    await this.say(text)
  }

  async react(to: string, emoji: string): Promise<void> {
    await this.message(to).focus()
    await this.message(to).getByTestId('react-button').click()
    await this.page.locator(`[data-testid=quick-reaction][data-emoji="${emoji}"]`).click()
  }

  /** The row of the message with exactly this text. */
  message(text: string, selector = ''): Locator {
    return this.page.locator(`[data-testid=message]${selector}`, {
      has: this.page.getByTestId('message-text').getByText(text, { exact: true }),
    })
  }

  /** Waits until this text has come over a link. */
  async receive(text: string): Promise<Locator> {
    const row = this.message(text)
    await row.waitFor({ timeout: LINK_TIMEOUT_MS })
    return row
  }

  /** Leaves a picture in artifacts/screenshots, for people to look at. */
  async picture(name: string): Promise<void> {
    await this.page.screenshot({ path: join(PICTURES, `${name}.png`), animations: 'disabled' })
  }

  /** The texts on screen, from top to bottom. */
  texts(): Promise<string[]> {
    return this.see('message-text').allTextContents()
  }

  /** Waits until a link to the open group is in this state. */
  async connected(state: 'offline' | 'synchronised'): Promise<void> {
    await this.page
      .locator(`[data-testid=connection][data-state=${state}]`)
      .waitFor({ timeout: LINK_TIMEOUT_MS })
  }
}
