import { errorSentence } from '../i18n/words.svelte.ts'

/** What a dialog tries to do, and what to say when it did not work: a toast would lie behind the dialog. */
export class Attempt {
  busy = $state(false)
  /** A sentence; empty while there is nothing to say. */
  failure = $state('')
  readonly #sentence: (error: unknown) => string

  /** sentence: what to say about a failure. */
  constructor(sentence: (error: unknown) => string = errorSentence) {
    this.#sentence = sentence
  }

  /** Resolves with whether it worked. */
  async to(action: () => Promise<void>): Promise<boolean> {
    this.busy = true
    this.failure = ''
    try {
      await action()
      return true
    } catch (error) {
      this.failure = this.#sentence(error)
      return false
    } finally {
      this.busy = false
    }
  }
}
