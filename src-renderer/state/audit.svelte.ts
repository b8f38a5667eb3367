import type { AuditEntry, Commands, GroupId, Report } from '../../src-main/api/contract.ts'
import { isShown, personsOf, type AuditKind } from '../lib/audit.ts'

/** Who did what in one group, narrowed down to what is asked for. */
export class Audit {
  entries = $state.raw<readonly AuditEntry[]>([])
  reports = $state.raw<readonly Report[]>([])
  phase = $state<'loading' | 'ready' | 'failed'>('loading')
  failure = $state.raw<unknown>(undefined)
  kind = $state<AuditKind>('all')
  /** A name, or '' for everybody. */
  person = $state('')
  readonly shown: readonly AuditEntry[] = $derived(
    this.entries.filter((entry) => isShown(entry, this.kind, this.person)),
  )

  readonly #group: GroupId
  readonly #commands: Commands

  constructor(group: GroupId, commands: Commands) {
    this.#group = group
    this.#commands = commands
  }

  persons(locale: string): string[] {
    return personsOf(this.entries, locale)
  }

  async load(): Promise<void> {
    try {
      const { entries, reports } = await this.#commands.getAudit({ group: this.#group })
      this.entries = [...entries].sort((a, b) => b.atMs - a.atMs)
      this.reports = reports
      this.phase = 'ready'
    } catch (error) {
      this.failure = error
      this.phase = 'failed'
    }
  }
}
