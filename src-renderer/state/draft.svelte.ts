import type { Commands, GroupId, Quote } from '../../src-main/api/contract.ts'

/** What was written is kept at most this long after it was. */
export const KEEP_MS = 300

/** What is being written in one group, and what it answers. The messenger keeps it, so it outlives the window. */
export class Draft {
  readonly #group: GroupId
  readonly #commands: Pick<Commands, 'saveDraft' | 'getDraft'>
  #text = $state('')
  #replyTo = $state.raw<Quote | undefined>(undefined)
  /** What is here takes the place of what is kept. */
  #isLatest = false
  #isUnsaved = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(group: GroupId, commands: Pick<Commands, 'saveDraft' | 'getDraft'>) {
    this.#group = group
    this.#commands = commands
  }

  get text(): string {
    return this.#text
  }

  set text(text: string) {
    this.#text = text
    this.#changed()
  }

  get replyTo(): Quote | undefined {
    return this.#replyTo
  }

  set replyTo(quote: Quote | undefined) {
    this.#replyTo = quote
    this.#changed()
  }

  /** Takes up what is kept, unless something was written here meanwhile: then that is kept. */
  async load(): Promise<void> {
    if (this.#isLatest) return this.flush()
    try {
      const { text, replyTo } = await this.#commands.getDraft({ group: this.#group })
      if (this.#isLatest) return
      this.#isLatest = true
      this.#text = text
      this.#replyTo = replyTo?.locked === undefined ? replyTo : undefined
    } catch {
      // It stays where it is kept, for the next time that everything is loaded.
    }
  }

  /** Keeps now what is not kept yet. */
  flush(): void {
    if (!this.#isUnsaved) return
    this.#stop()
    const draft = { text: this.#text, replyTo: this.#replyTo }
    this.#commands.saveDraft({ group: this.#group, draft }).catch(() => {
      // It is still in this window, and goes with the next change.
      this.#isUnsaved = true
    })
  }

  /** Hands over what was written and starts afresh. */
  take(): { text: string; replyTo: Quote | undefined } {
    const taken = { text: this.#text.trim(), replyTo: this.#replyTo }
    this.text = ''
    this.replyTo = undefined
    return taken
  }

  /** Its group is gone: there is nothing to keep any more. */
  discard(): void {
    this.#isLatest = true
    this.#stop()
  }

  #changed(): void {
    this.#isLatest = true
    this.#isUnsaved = true
    this.#timer ??= setTimeout(() => this.flush(), KEEP_MS)
  }

  #stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#isUnsaved = false
  }
}
