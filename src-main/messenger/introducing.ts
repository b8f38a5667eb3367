/** What this person tells their groups about themselves: a name and a picture; and where their devices said otherwise. */
import { isDeepStrictEqual } from 'node:util'
import type { GroupId, Identity, SettingConflict, UpdateName } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import { KIND } from '../core/event.ts'
import { encodeProfile } from './content.ts'
import type { Acting, OpenGroup } from './open-group.ts'
import { mergeConflicts } from './particulars.ts'
import type { Self } from './self.ts'

export interface IntroducingParts {
  groups: ReadonlyMap<GroupId, OpenGroup>
  person: Self
  append: Acting['append']
  /** Whether this device may write at all. */
  mayWrite(): boolean
  /** A group, once it has been opened; fails when it cannot be. */
  opened(group: GroupId): Promise<OpenGroup>
  tell(name: UpdateName, argument: unknown): void
  /** Something went wrong that nobody waits for. */
  onFailure(error: unknown): void
}

export class Introducing {
  readonly #parts: IntroducingParts
  #toldConflicts: SettingConflict[] = []

  constructor(parts: IntroducingParts) {
    this.#parts = parts
  }

  get identity(): Identity {
    return { ...this.#parts.person.identity, conflicts: this.#conflicts() }
  }

  /** Tells windows when a conflict of the own profile came or went. */
  noteConflicts(): void {
    const conflicts = this.#conflicts()
    if (isDeepStrictEqual(conflicts, this.#toldConflicts)) return
    this.#toldConflicts = conflicts
    this.#parts.tell('identityChanged', this.identity)
  }

  /** Tells a group what this person is called; or takes that over from another device of theirs. Fails as append() does. */
  async introduce(open: OpenGroup): Promise<void> {
    const { person, append } = this.#parts
    if (open.log.particulars.profile(person.user).name !== undefined) return
    await append(open, KIND.profile, encodeProfile({ name: person.name || '?', picture: person.picture }))
  }

  /** Once there is a key to do it with. */
  introduceSoon(open: OpenGroup): void {
    if (open.isIntroducing) return
    open.isIntroducing = true
    this.introduce(open)
      .catch((error: unknown) => {
        // Without a key, or a place in the group, it is tried again at the next sync.
        if (!(error instanceof AppError) || error.code.startsWith('STORE')) this.#parts.onFailure(error)
      })
      .finally(() => (open.isIntroducing = false))
  }

  /** Tells every group. */
  async announce(change: { name: string } | { picture: Uint8Array }): Promise<void> {
    const { groups, mayWrite, opened, append } = this.#parts
    if (!mayWrite()) return
    for (const open of groups.values()) {
      if (!open.group.joined) continue
      await opened(open.log.group)
      await append(open, KIND.profile, encodeProfile(change))
    }
  }

  /** Over all groups in which they can be settled; what several groups hold is told once. */
  #conflicts(): SettingConflict[] {
    const { groups, person } = this.#parts
    const found = [...groups.values()]
      .filter(({ group, log }) => group.joined && !log.opening)
      .flatMap(({ log }) => log.particulars.profileConflicts(person.user, (tag) => tag))
    return mergeConflicts(found)
  }
}
