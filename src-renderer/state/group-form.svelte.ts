import type { Commands, GroupSettings, GroupSummary, HistoryPolicy } from '../../src-main/api/contract.ts'

type Changes = Omit<Parameters<Commands['changeSettings']>[0], 'group'>

/** What a group is called, looks like and lets newcomers read, while somebody edits it. */
export class GroupForm {
  name = $state('')
  description = $state('')
  history = $state<HistoryPolicy>('all')
  /** A picture that was chosen here, as a data URL; '' takes it away; undefined leaves it as it is. */
  picture = $state<string | undefined>(undefined)
  readonly #before: GroupSettings

  constructor(group?: GroupSummary) {
    this.#before = group ?? { name: '', description: '', history: 'all' }
    this.name = this.#before.name
    this.description = this.#before.description
    this.history = this.#before.history
  }

  /** Only what is different from how it was opened: what others change meanwhile stays. */
  get changes(): Changes {
    const [name, description] = [this.name.trim(), this.description.trim()]
    return {
      ...(name !== this.#before.name && { name }),
      ...(description !== this.#before.description && { description }),
      ...(this.history !== this.#before.history && { history: this.history }),
      ...(this.picture !== undefined && { picture: this.picture }),
    }
  }

  get isReady(): boolean {
    return this.name.trim() !== '' && Object.keys(this.changes).length > 0
  }
}
