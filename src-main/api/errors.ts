/**
 * Expected failures. The codes are stable, a window may branch on them; the sentences are free to change.
 * Programmer mistakes are plain TypeErrors; bad data from peers is a counted return value, never thrown.
 */
export const ERROR_CODES = {
  INVALID_ARGUMENT: 'a command was called with arguments of the wrong shape or size',
  UNKNOWN_COMMAND: 'the command does not exist',
  UNKNOWN_GROUP: 'this app is not in that group',
  UNKNOWN_MESSAGE: 'that message is not here (yet)',
  NO_KEY_YET: 'no member has handed over the keys of the group, so nothing can be written that they can read',
  NOT_JOINED_YET: 'the group is still being joined, so nothing can be written to it',
  INVALID_INVITE: 'the text is not an invite of this version',
  NOT_ALLOWED: 'this person, or this device, may not do that in the group',
  LAST_OWNER: 'the only owner cannot leave or step down before naming another one',
  STILL_MEMBER: 'the group is to be left before it is erased',
  UNKNOWN_PERSON: 'that person is not known here',
  UNKNOWN_PICTURE: 'that picture is not here (yet)',
  INVALID_PICTURE: 'the data is no PNG, JPEG or WebP picture, or it is too large',
  WRONG_PHRASE: 'the words are not the recovery phrase, or not all of them',
  WRONG_PASSPHRASE: 'the passphrase does not open it',
  INVALID_EXPORT: 'the text is not an exported identity',
  IDENTITY_IN_USE: 'this identity is in groups already, so another one cannot take its place',
  ALREADY_MEMBER: 'this app is already in that group',
  MESSAGE_TOO_LONG: 'the text is larger than one event can carry',
  DATA_IN_USE: 'another Tapri is running on the same data folder',
  STORE_CORRUPT: 'the store is damaged; it is never replaced silently',
  STORE_FAILED: 'the disk refused a read or a write',
  KEY_UNREADABLE: 'a key file is damaged, or its permissions are too wide',
  KEYS_LOCKED: 'the keys are locked until the passphrase is given',
  DEVICE_RETIRED:
    'this data folder was restored or copied; Tapri goes on as a new device when it is started again',
  PEER_UNREACHABLE: 'no address of that peer answered',
  TIMED_OUT: 'the wait reached its limit',
  CLOSED: 'the app is shutting down',
  INTERNAL: 'a defect of Tapri itself; the log has the details',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/** How an error crosses to the window: plain data, because Electron passes on only the message. */
export interface ErrorData {
  code: ErrorCode
  message: string
  data?: Record<string, string | number> | undefined
}

/** An expected failure with a stable code and a sentence a person can act on. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly data: Record<string, string | number> | undefined

  constructor(
    code: ErrorCode,
    sentence: string,
    options: { data?: Record<string, string | number>; cause?: unknown } = {},
  ) {
    super(sentence, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.data = options.data
  }

  toJSON(): ErrorData {
    return { code: this.code, message: this.message, data: this.data }
  }
}

/** Any thrown value as data for the window; what is not an AppError is a defect and says no more than that. */
export function errorData(error: unknown): ErrorData {
  if (error instanceof AppError) return error.toJSON()
  return { code: 'INTERNAL', message: 'Something went wrong inside Tapri. The log has the details.' }
}
