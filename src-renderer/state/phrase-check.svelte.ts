import type { Commands } from '../../src-main/api/contract.ts'
import { ASKED_WORDS, placesToAsk } from '../lib/phrase.ts'

/**
 * Shows the recovery phrase and asks for some of it: warning → words → asking → done. The words are forgotten when
 * the last stage is reached, and with this object.
 */
export class PhraseCheck {
  stage = $state<'warning' | 'words' | 'asking' | 'done'>('warning')
  words = $state.raw<readonly string[]>([])
  /** Which words are asked for, counted from 0. */
  places = $state.raw<readonly number[]>([])
  answers = $state<string[]>([])

  readonly #commands: Pick<Commands, 'revealPhrase' | 'confirmPhrase'>
  readonly #random: () => number

  constructor(
    commands: Pick<Commands, 'revealPhrase' | 'confirmPhrase'>,
    random: () => number = Math.random,
  ) {
    this.#commands = commands
    this.#random = random
  }

  get isAnswered(): boolean {
    return this.answers.length > 0 && this.answers.every((answer) => answer.trim() !== '')
  }

  async reveal(): Promise<void> {
    this.words = (await this.#commands.revealPhrase()).words
    this.stage = 'words'
  }

  ask(): void {
    this.places = placesToAsk(this.words.length, ASKED_WORDS, this.#random)
    this.answers = this.places.map(() => '')
    this.stage = 'asking'
  }

  back(): void {
    this.stage = 'words'
  }

  /** Fails with WRONG_PHRASE. */
  async check(): Promise<void> {
    const words = this.places.map((place, index) => ({
      place,
      word: this.answers[index]!.trim().toLowerCase(),
    }))
    await this.#commands.confirmPhrase({ words })
    this.words = []
    this.answers = []
    this.stage = 'done'
  }
}
