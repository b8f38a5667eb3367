/** The shapes of what windows and operators may ask: their frames are outside bytes, so they are parsed, not trusted. */
import * as v from 'valibot'
import { LOCKED_REASONS, ROLES, type Commands } from '../api/contract.ts'
import type { OperatorCommands } from '../api/operator.ts'
import { AppError } from '../api/errors.ts'
import { TIMELINE_KEY_LENGTH } from '../core/timeline.ts'
import { MAX_INVITE_USES } from '../core/limits.ts'
import { PHRASE_WORDS } from '../crypto/phrase.ts'
import {
  DisappearAfterMs,
  MAX_DESCRIPTION_LENGTH,
  MAX_EMOJI_SIZE_BYTES,
  MAX_NAME_LENGTH,
  MAX_PICTURE_SIZE_BYTES,
  MAX_REASON_LENGTH,
  MAX_TEXT_SIZE_BYTES,
} from './content.ts'

const MAX_PAGE = 200
export const MAX_INVITE_LENGTH = 32 * 1024
const MAX_PEERS = 10_000
const MAX_PHRASE_LENGTH = 4_096
const MAX_PICTURE_URL_LENGTH = 2 * MAX_PICTURE_SIZE_BYTES

const hexOf = (length: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${length}}$`)))
const Id = hexOf(64)
const Key = hexOf(TIMELINE_KEY_LENGTH)
const Name = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(MAX_NAME_LENGTH))
const Text = v.pipe(v.string(), v.minLength(1), v.maxLength(4 * MAX_TEXT_SIZE_BYTES))
const User = hexOf(32)
const Role = v.picklist(ROLES)
const History = v.picklist(['all', 'from-joining'])
const Description = v.pipe(v.string(), v.trim(), v.maxLength(MAX_DESCRIPTION_LENGTH))
const Picture = v.pipe(v.string(), v.maxLength(MAX_PICTURE_URL_LENGTH))
const ShortText = v.pipe(v.string(), v.maxLength(64))
const Passphrase = v.pipe(v.string(), v.minLength(1), v.maxLength(1_000))
const NewPassphrase = v.pipe(Passphrase, v.minLength(8))
const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

export const DraftShape = v.strictObject({
  text: v.pipe(v.string(), v.maxLength(4 * MAX_TEXT_SIZE_BYTES)),
  replyTo: v.optional(
    v.strictObject({
      id: Id,
      key: Key,
      author: v.pipe(v.string(), v.maxLength(4 * MAX_NAME_LENGTH)),
      user: v.optional(User),
      text: v.pipe(v.string(), v.maxLength(1_000)),
      locked: v.optional(v.picklist(LOCKED_REASONS)),
    }),
  ),
})

type Arguments = { [K in keyof (Commands & OperatorCommands)]: v.GenericSchema | undefined }

export const ARGUMENTS: Arguments = {
  getState: undefined,
  setName: v.strictObject({ name: Name }),
  setPicture: v.strictObject({ picture: v.optional(Picture) }),
  getPicture: v.strictObject({ picture: hexOf(32) }),
  revealPhrase: undefined,
  confirmPhrase: v.strictObject({
    words: v.pipe(
      v.array(v.strictObject({ place: v.pipe(Count, v.maxValue(PHRASE_WORDS - 1)), word: ShortText })),
      v.minLength(1),
      v.maxLength(PHRASE_WORDS),
    ),
  }),
  restoreIdentity: v.strictObject({ phrase: v.pipe(v.string(), v.maxLength(MAX_PHRASE_LENGTH)) }),
  exportIdentity: v.strictObject({ passphrase: Passphrase }),
  importIdentity: v.strictObject({
    text: v.pipe(v.string(), v.maxLength(MAX_PHRASE_LENGTH)),
    passphrase: Passphrase,
  }),
  getFingerprint: v.strictObject({ user: User }),
  setVerified: v.strictObject({ user: User, verified: v.boolean() }),
  setBlocked: v.strictObject({ user: User, blocked: v.boolean() }),
  setMuted: v.strictObject({ user: User, muted: v.boolean() }),
  unlock: v.strictObject({ passphrase: Passphrase }),
  setPassphrase: v.strictObject({ passphrase: v.optional(NewPassphrase) }),
  createGroup: v.strictObject({
    name: Name,
    description: v.optional(Description),
    picture: v.optional(Picture),
    history: v.optional(History),
    disappearAfterMs: v.optional(DisappearAfterMs),
  }),
  changeSettings: v.strictObject({
    group: Id,
    name: v.optional(Name),
    description: v.optional(Description),
    picture: v.optional(v.union([v.literal(''), Picture])),
    history: v.optional(History),
    disappearAfterMs: v.optional(DisappearAfterMs),
  }),
  leaveGroup: v.strictObject({ group: Id }),
  deleteGroup: v.strictObject({ group: Id }),
  createInvite: v.strictObject({
    group: Id,
    role: v.optional(Role),
    maxUses: v.optional(v.pipe(Count, v.minValue(1), v.maxValue(MAX_INVITE_USES))),
    expiresAtMs: v.optional(Count),
  }),
  getInvites: v.strictObject({ group: Id }),
  revokeInvite: v.strictObject({ group: Id, invite: Id }),
  cancelJoin: v.strictObject({ group: Id }),
  getPeople: v.strictObject({ group: Id, after: v.optional(User) }),
  addMember: v.strictObject({ group: Id, user: User, role: Role }),
  setRole: v.strictObject({ group: Id, user: User, role: Role }),
  removeMember: v.strictObject({ group: Id, user: User, ban: v.boolean() }),
  removeDevice: v.strictObject({ group: Id, device: hexOf(16) }),
  transferOwnership: v.strictObject({ group: Id, user: User }),
  nameSuccessor: v.strictObject({ group: Id, user: v.optional(User) }),
  succeed: v.strictObject({ group: Id }),
  report: v.strictObject({
    group: Id,
    message: Id,
    reason: v.pipe(v.string(), v.maxLength(MAX_REASON_LENGTH)),
  }),
  getAudit: v.strictObject({ group: Id }),
  joinGroup: v.strictObject({ invite: v.pipe(v.string(), v.maxLength(MAX_INVITE_LENGTH)) }),
  getTimeline: v.strictObject({
    group: Id,
    before: v.optional(Key),
    after: v.optional(Key),
    around: v.optional(Key),
    limit: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_PAGE)),
  }),
  explain: v.strictObject({ group: Id, message: Id }),
  post: v.strictObject({ group: Id, text: Text, replyTo: v.optional(Id) }),
  react: v.strictObject({
    group: Id,
    target: Id,
    emoji: v.pipe(v.string(), v.minLength(1), v.maxBytes(MAX_EMOJI_SIZE_BYTES)),
    on: v.boolean(),
  }),
  saveDraft: v.strictObject({ group: Id, draft: DraftShape }),
  getDraft: v.strictObject({ group: Id }),
  renewKeys: v.strictObject({ group: Id }),
  markRead: v.strictObject({ group: Id, n: Count }),
  postBridged: v.strictObject({
    group: Id,
    text: Text,
    author: v.optional(Name),
    replyTo: v.optional(Id),
    line: v.optional(Count),
    notice: v.optional(v.boolean()),
  }),
  setReachable: v.strictObject({
    peers: v.union([v.literal('all'), v.pipe(v.array(Id), v.maxLength(MAX_PEERS))]),
  }),
  getPeerKey: undefined,
  getDiagnostics: undefined,
  getLines: v.strictObject({ group: Id }),
  writeTrace: v.strictObject({ group: Id, folder: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)) }),
}

/** The same commands, each refusing arguments of a wrong shape with AppError INVALID_ARGUMENT. */
export function checked<T extends object>(commands: T): T {
  const entries = Object.entries(commands) as [keyof Arguments, (argument: unknown) => Promise<unknown>][]
  return Object.fromEntries(
    entries.map(([name, command]) => [
      name,
      async (argument: unknown) => {
        const schema = ARGUMENTS[name]
        if (!schema) return command(undefined)
        const parsed = v.safeParse(schema, argument)
        if (parsed.success) return command(parsed.output)
        const [issue] = parsed.issues
        const where = v.getDotPath(issue) ?? 'argument'
        throw new AppError('INVALID_ARGUMENT', `${name}: ${where}: ${issue.message}`.slice(0, 300))
      },
    ]),
  ) as T
}
