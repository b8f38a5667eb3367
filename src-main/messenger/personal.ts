/** The commands about this person: who they are, whom they trust, and how their keys are kept. */
import type { Commands, GroupId, Identity, Protection, UpdateName } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import { decodeProfile, decodeSettings } from './content.ts'
import type { OpenGroup } from './open-group.ts'
import { pictureBytes, pictureUrl, type Self } from './self.ts'

/** How the keys of this device are kept; the shell that opened them knows. */
export interface KeyProtection {
  readonly kind: Protection
  readonly hasKeychain: boolean
  /** undefined: no passphrase. Fails with AppError KEY_UNREADABLE. */
  setPassphrase(passphrase: string | undefined): Promise<void>
  /** Erases them from memory: nothing needs them any more. */
  lock(): void
}

/** Of a messenger whose keys are nowhere but in memory. */
export const NOT_KEPT: KeyProtection = {
  kind: 'none',
  hasKeychain: false,
  setPassphrase: () =>
    Promise.reject(new AppError('KEY_UNREADABLE', 'Nothing keeps the keys of this Tapri.')),
  lock() {},
}

export interface PersonalParts {
  person: Self
  groups: ReadonlyMap<GroupId, OpenGroup>
  protection: KeyProtection
  identity(): Identity
  /** Tells every group. */
  announce(change: { name: string } | { picture: Uint8Array }): Promise<void>
  tell(name: UpdateName, argument: unknown): void
  peopleChanged(open: OpenGroup): void
}

type Personal = Pick<
  Commands,
  | 'setName'
  | 'setPicture'
  | 'getPicture'
  | 'revealPhrase'
  | 'confirmPhrase'
  | 'restoreIdentity'
  | 'exportIdentity'
  | 'importIdentity'
  | 'getFingerprint'
  | 'setVerified'
  | 'setBlocked'
  | 'setMuted'
  | 'unlock'
  | 'setPassphrase'
>

export function personal(parts: PersonalParts): Personal {
  const { person, groups, protection, identity, announce, tell, peopleChanged } = parts
  const changed = () => tell('identityChanged', identity())

  const demandFresh = () => {
    if (groups.size > 0)
      throw new AppError('IDENTITY_IN_USE', 'This identity is in groups already. Use an empty data folder.')
  }

  const mark = (name: 'verified' | 'blocked' | 'muted') => async (user: string, on: boolean) => {
    await person.mark(name, user, on)
    if (name === 'blocked') tell('blockedChanged', { users: person.marked('blocked') })
    for (const open of groups.values()) {
      await open.group.unread.recount()
      peopleChanged(open)
    }
  }
  const [verify, block, mute] = [mark('verified'), mark('blocked'), mark('muted')]

  return {
    setName: async ({ name }) => {
      await person.setName(name)
      changed()
      await announce({ name })
    },

    setPicture: async ({ picture }) => {
      const bytes = picture === undefined ? undefined : pictureBytes(picture)
      await person.setPicture(bytes)
      changed()
      await announce({ picture: bytes ?? new Uint8Array(0) })
    },

    getPicture: async ({ picture: id }) => {
      if (person.picture && person.identity.picture === id) return { data: pictureUrl(person.picture) }
      for (const { log } of groups.values()) {
        const shown = [log.settings, ...log.people.values()].find(({ picture }) => picture?.id === id)
        const picture = shown?.picture ?? log.particulars.picture(id)
        if (!picture) continue
        const content = log.contentOf(await log.read(picture.n))
        const bytes = (decodeProfile(content) ?? decodeSettings(content))?.picture
        if (bytes) return { data: pictureUrl(bytes) }
      }
      throw new AppError('UNKNOWN_PICTURE', 'That picture is not here.')
    },

    revealPhrase: async () => ({ words: person.phrase }),

    confirmPhrase: async ({ words }) => {
      await person.confirmPhrase(words)
      changed()
    },

    restoreIdentity: async ({ phrase }) => {
      demandFresh()
      await person.restore(phrase)
      changed()
      return identity()
    },

    exportIdentity: async ({ passphrase }) => ({ text: await person.export(passphrase) }),

    importIdentity: async ({ text, passphrase }) => {
      demandFresh()
      await person.import(text, passphrase)
      changed()
      return identity()
    },

    getFingerprint: async ({ user }) => {
      for (const { log } of groups.values()) {
        const [tag] = log.engine.roster.devicesOf(user)
        if (tag === undefined) continue
        const { userKey } = log.engine.roster.device(tag)!
        const { fingerprint, fingerprintCode } = person.fingerprint(userKey)
        return { words: fingerprint, code: fingerprintCode }
      }
      throw new AppError('UNKNOWN_PERSON', 'That person is not known here.')
    },

    setVerified: ({ user, verified }) => verify(user, verified),
    setBlocked: ({ user, blocked }) => block(user, blocked),
    setMuted: ({ user, muted }) => mute(user, muted),

    // Whoever reaches this has been let in.
    unlock: async () => {},
    setPassphrase: ({ passphrase }) => protection.setPassphrase(passphrase),
  }
}
