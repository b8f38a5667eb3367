import { strengthOf, type Strength } from '../lib/passphrase.ts'

/** A passphrase of at least so many characters that is being chosen: typed twice, because it is not seen. */
export class NewPassphrase {
  passphrase = $state('')
  again = $state('')
  readonly #minLength: number

  constructor(minLength: number) {
    this.#minLength = minLength
  }

  get strength(): Strength {
    return strengthOf(this.passphrase, this.#minLength)
  }

  /** Characters that it is too short by. */
  get missing(): number {
    return Math.max(0, this.#minLength - Array.from(this.passphrase).length)
  }

  get differs(): boolean {
    return this.again !== '' && this.again !== this.passphrase
  }

  get isReady(): boolean {
    return this.missing === 0 && this.again === this.passphrase
  }

  clear(): void {
    this.passphrase = this.again = ''
  }
}
