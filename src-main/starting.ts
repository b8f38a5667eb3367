/**
 * What windows are served: the messenger; and while there is none, why. A window still opens then, and every command answers
 * with the reason. One whose keys are locked takes the passphrase.
 */
import { COMMAND_NAMES, type Commands } from './api/contract.ts'
import { AppError } from './api/errors.ts'
import type { Served } from './api/served.ts'
import { checked } from './messenger/arguments.ts'
import type { Messenger } from './messenger/messenger.ts'

export class Starting {
  messenger: Messenger | undefined
  /** There is no messenger, because its keys are locked. */
  isLocked = false
  readonly #open: (passphrase?: string) => Promise<Messenger>
  #served: Promise<Served> | undefined
  #unlocking: Promise<void> | undefined

  /** open: fails with an AppError for what is to be told in a window; anything else is a defect, and thrown on. */
  constructor(open: (passphrase?: string) => Promise<Messenger>) {
    this.#open = open
  }

  /** For a page. Once one has been told the reason, the next one tries again. */
  async served(): Promise<Served> {
    const served = await (this.#served ??= this.#start())
    if (served !== this.messenger) this.#served = undefined
    return served
  }

  /** Damage that showed behind the screen: as if the messenger had not started. */
  async giveUp(error: unknown): Promise<void> {
    const refusing = this.#refusing(error)
    await this.messenger?.close()
    this.messenger = undefined
    this.#served = Promise.resolve(refusing)
  }

  /** Resolves when nothing is being started, and what was is closed. */
  async close(): Promise<void> {
    await this.#served
    await this.#unlocking?.catch(() => {})
    await this.messenger?.close()
  }

  async #start(): Promise<Served> {
    try {
      return (this.messenger = await this.#open())
    } catch (error) {
      return this.#refusing(error)
    }
  }

  #refusing(error: unknown): Served {
    if (!(error instanceof AppError)) throw error
    console.error(error.message)
    this.isLocked = error.code === 'KEYS_LOCKED'
    const refuse = () => Promise.reject(error)
    const commands = Object.fromEntries(COMMAND_NAMES.map((name) => [name, refuse])) as unknown as Commands
    const unlock: Commands['unlock'] = ({ passphrase }) => {
      this.#unlocking ??= this.#unlock(passphrase).finally(() => (this.#unlocking = undefined))
      return this.#unlocking
    }
    return {
      commands: this.isLocked ? checked({ ...commands, unlock }) : commands,
      operator: {} as Served['operator'],
      onUpdate: () => () => {},
    }
  }

  async #unlock(passphrase: string): Promise<void> {
    if (this.messenger) return
    this.messenger = await this.#open(passphrase)
    this.isLocked = false
    this.#served = Promise.resolve(this.messenger)
  }
}
