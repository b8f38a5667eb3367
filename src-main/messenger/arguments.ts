/** The shapes of what windows and operators may ask: their frames are outside bytes, so they are parsed, not trusted. */
import * as v from 'valibot'
import type { Commands } from '../api/contract.ts'
import type { OperatorCommands } from '../api/operator.ts'
import { AppError } from '../api/errors.ts'
import { TIMELINE_KEY_LENGTH } from '../core/timeline.ts'
import { MAX_EMOJI_SIZE_BYTES, MAX_NAME_LENGTH, MAX_TEXT_SIZE_BYTES } from './content.ts'

const MAX_PAGE = 200
const MAX_INVITE_LENGTH = 32 * 1024
const MAX_PEERS = 10_000

const hexOf = (length: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${length}}$`)))
const Id = hexOf(64)
const Key = hexOf(TIMELINE_KEY_LENGTH)
const Name = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(MAX_NAME_LENGTH))
const Text = v.pipe(v.string(), v.minLength(1), v.maxLength(4 * MAX_TEXT_SIZE_BYTES))
const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

type Arguments = { [K in keyof (Commands & OperatorCommands)]: v.GenericSchema | undefined }

export const ARGUMENTS: Arguments = {
  getState: undefined,
  setName: v.strictObject({ name: Name }),
  createGroup: v.strictObject({ name: Name }),
  createInvite: v.strictObject({ group: Id }),
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
