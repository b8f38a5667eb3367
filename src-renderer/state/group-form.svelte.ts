import type { Commands, GroupSettings, GroupSummary, HistoryPolicy } from '../../src-main/api/contract.ts'

type Changes = Omit<Parameters<Commands['changeSettings']>[0], 'group'>

/** What admins say about a group, while somebody edits it. */
export class GroupForm {
  name = $state('')
  description = $state('')
  history = $state<HistoryPolicy>('all')
  disappearAfterMs = $state(0)
  /** A picture that was chosen here, as a data URL; '' takes it away; undefined leaves it as it is. */
  picture = $state<string | undefined>(undefined)
  readonly #before: GroupSettings

  constructor(group?: GroupSummary) {
    this.#before = group ?? { name: '', description: '', history: 'all', disappearAfterMs: 0 }
    this.name = this.#before.name
    this.description = this.#before.description
    this.history = this.#before.history
    this.disappearAfterMs = this.#before.disappearAfterMs
  }

  /** Only what is different from how it was opened: what others change meanwhile stays. */
  get changes(): Changes {
    const [name, description] = [this.name.trim(), this.description.trim()]
    return {
      ...(name !== this.#before.name && { name }),
      ...(description !== this.#before.description && { description }),
      ...(this.history !== this.#before.history && { history: this.history }),
      ...(this.disappearAfterMs !== this.#before.disappearAfterMs && {
        disappearAfterMs: this.disappearAfterMs,
      }),
      ...(this.picture !== undefined && { picture: this.picture }),
    }
  }

  get isReady(): boolean {
    return this.name.trim() !== '' && Object.keys(this.changes).length > 0
  }
}
