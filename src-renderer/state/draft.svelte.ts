import type { GroupId, Quote } from '../../src-main/api/contract.ts'
import { keep, readKept } from '../lib/kept.ts'

/** What is being written in one group, and what it answers. The text outlives the window. */
export class Draft {
  readonly #group: GroupId
  #text = $state('')
  replyTo = $state.raw<Quote | undefined>(undefined)

  constructor(group: GroupId) {
    this.#group = group
    this.#text = readKept(`draft.${group}`) ?? ''
  }

  get text(): string {
    return this.#text
  }

  set text(text: string) {
    this.#text = text
    keep(`draft.${this.#group}`, text)
  }

  /** Hands over what was written and starts afresh. */
  take(): { text: string; replyTo: Quote | undefined } {
    const taken = { text: this.#text.trim(), replyTo: this.replyTo }
    this.text = ''
    this.replyTo = undefined
    return taken
  }
}
