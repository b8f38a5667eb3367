/**
 * The whole UI API on one page: commands go from a window to the messenger, updates come back.
 * The same contract runs over Electron IPC and over a WebSocket; a window cannot tell which.
 * All ids are lower-case hex. All times are unix milliseconds. Everything here is plain JSON.
 */

/** 64 hex digits. */
export type GroupId = string
/** 64 hex digits: SHA-256 of an event. */
export type EventId = string
/** 16 hex digits: names a device in every group. */
export type DeviceTag = string
/** 32 hex digits: names a person in every group, whichever device they use. */
export type UserId = string
/** 32 hex digits: names a picture; getPicture() has it. */
export type PictureId = string
/** Sortable position in the timeline (hex of hlc, device tag, seq): compare as strings, never by time. */
export type TimelineKey = string

/** What a link to a group goes through, each step needing the one before. */
export const CONNECTION_STATES = [
  'offline',
  'transport',
  'authenticated',
  'admitted',
  'synchronised',
] as const
/**
 * offline: no link. transport: a socket is up (or being dialled). authenticated: Noise proved the peer's key.
 * admitted: the peer proved membership. synchronised: the last exchange ended with equal sets of events.
 */
export type ConnectionState = (typeof CONNECTION_STATES)[number]

/** What somebody may do: an owner everything, an admin to members, a member write, a reader read. */
export const ROLES = ['owner', 'admin', 'member', 'reader'] as const
export type RoleName = (typeof ROLES)[number]

/** One installation of a person. */
export interface Device {
  device: DeviceTag
  isSelf: boolean
  online: boolean
  /** The state of the link to this device, for this group. */
  connection: ConnectionState
  /**
   * This device told different people different things, or its data was copied: there is proof. What it wrote and
   * nobody built on is hidden.
   */
  forked: boolean
  /** Its user took it out of the group. */
  removed: boolean
}

export interface Person {
  user: UserId
  name: string
  picture?: PictureId | undefined
  role: RoleName
  isSelf: boolean
  /** Any of their devices; the best of their links. */
  online: boolean
  connection: ConnectionState
  /** Any of their devices. */
  forked: boolean
  /** Somebody compared the fingerprints and said so, on this device. */
  isVerified: boolean
  /** Only on this device: what they write is folded away; or does not count as unread. */
  isBlocked: boolean
  isMuted: boolean
  /** An owner named this person to become an owner whenever they want. */
  isSuccessor: boolean
  devices: Device[]
}

/** Somebody who belonged to the group and may be admitted again. */
export interface FormerMember {
  user: UserId
  name: string
  reason: 'left' | 'removed' | 'banned'
}

/** Why joining does not go on by itself. */
export const JOIN_PROBLEMS = [
  'unreachable',
  'invite-unknown',
  'invite-expired',
  'invite-revoked',
  'invite-used',
  'banned',
  'own-invite',
] as const
export type JoinProblem = (typeof JOIN_PROBLEMS)[number]

/**
 * Why a text is not to be read here; it is '' then. no-key: its key has not come yet; it can be read once it has.
 * before-joining: the group gives newcomers no keys of what was written before they came. expired: it disappeared, as the
 * group wants it. unreadable: it was not sealed as it must be.
 */
export const LOCKED_REASONS = ['no-key', 'before-joining', 'expired', 'unreadable'] as const
export type Locked = (typeof LOCKED_REASONS)[number]

/**
 * Who opens the keys of this device when it starts. system: the keychain of the operating system, for whoever is logged in as
 * this user. passphrase: whoever knows it. none: nobody need; whoever can read the data folder has the keys.
 */
export type Protection = 'none' | 'system' | 'passphrase'

/** Whether newcomers may read what was written before they came. */
export type HistoryPolicy = 'all' | 'from-joining'

/** What admins say about a group; each field is replicated by itself. */
export interface GroupSettings {
  name: string
  description: string
  picture?: PictureId | undefined
  history: HistoryPolicy
  /** How long after a message was written every honest device erases it; 0: never. */
  disappearAfterMs: number
}

/** Somebody changed the same thing at the same time: one of these is shown until somebody chooses. */
export interface SettingConflict {
  field: keyof GroupSettings
  /**
   * In timeline order; the last one is shown. Of a picture its id, of a time its ms. by: the name of a person, or the
   * DeviceTag where all of it is one person's.
   */
  values: { value: string; by: string }[]
}

export interface Invite {
  id: EventId
  role: RoleName
  expiresAtMs: number
  maxUses: number
  uses: number
  /** Who made it. */
  by: string
  /** The text that admits whoever holds it; only where it was made. */
  link?: string | undefined
}

export interface GroupSummary {
  id: GroupId
  /** Empty until the group has been joined and its first messages have arrived. */
  name: string
  description: string
  picture?: PictureId | undefined
  history: HistoryPolicy
  disappearAfterMs: number
  conflicts: SettingConflict[]
  /** False while this device still waits to be admitted, or belongs to the group no longer: it may read, not write. */
  joined: boolean
  /** This person's own role; unset when they do not belong to the group. */
  role?: RoleName | undefined
  /** Set when this person, or this device alone, was in the group and is out. */
  out?: 'left' | 'removed' | 'banned' | 'device-removed' | undefined
  /** While joining: what keeps it. Unset when nothing does. */
  joinProblem?: JoinProblem | undefined
  /** Named by an owner: may become an owner now. */
  maySucceed: boolean
  /** Members, and those of them with a device that is linked to this one. */
  people: number
  online: number
  /** Messages of removed people that came too late and are hidden; for moderators, else 0. */
  hidden: number
  /** The best state of any link in this group. */
  connection: ConnectionState
  /** Messages of others, delivered since markRead; counted up to 1,000. */
  unread: number
  /** Everything delivered up to this index has been read. */
  readN: number
  /** Last row of the timeline, for the list. */
  last?: Pick<Message, 'author' | 'user' | 'own' | 'text' | 'locked' | 'notice' | 'sentAtMs'> | undefined
  pending: PendingSummary
  /** Events of the past that are being fetched from a neighbour; unset when nothing is. */
  catchingUp?: Progress | undefined
  /** Stored events that are being checked after the start; until they are, what is posted waits. */
  opening?: Progress | undefined
}

/** How far something has come, in events. */
export interface Progress {
  done: number
  total: number
}

/** What is known to exist but cannot be shown in order yet. */
export interface PendingSummary {
  /** Events here that wait for earlier ones. */
  count: number
  /** Known earlier events that are missing, at most 20 listed. */
  missing: { device: DeviceTag; name: string; count: number }[]
  /** Waiting longer than 3 s: shown greyed below the timeline, in no final place. At most 50. */
  preview: PendingMessage[]
}

export interface PendingMessage {
  id: EventId
  author: string
  text: string
  locked?: Locked | undefined
  sentAtMs: number
  /** How many earlier messages it waits for, as far as known; at least 1. */
  waitingFor: number
  /** Name of the device whose messages are missing. */
  waitingOn: string
}

export interface Reaction {
  emoji: string
  count: number
  mine: boolean
  /** Names, at most 20. */
  people: string[]
}

/** Something that happened to the group. Names are as they are known now. */
export interface Notice {
  type:
    | 'group-created'
    | 'joined'
    | 'added'
    | 'left'
    | 'removed'
    | 'banned'
    | 'role-changed'
    | 'successor-named'
    | 'successor-withdrawn'
    | 'succeeded'
    | 'device-added'
    | 'device-removed'
    | 'settings-changed'
    | 'text'
  /** Who it happened to, unless that is the author. */
  target?: string | undefined
  targetUser?: UserId | undefined
  role?: RoleName | undefined
  /** Settings that were changed. */
  fields?: (keyof GroupSettings)[] | undefined
  /** False when it came to nothing: it was not allowed, or lost a conflict. */
  effective: boolean
  /** Set when it met something that others did at the same time: the same sentence everywhere. */
  conflict?: Conflict | undefined
}

/** What several people did to the membership without knowing of each other, and what came of it. */
export interface Conflict {
  /**
   * cancelled: by removed, demoted or took back the invite of target, whose acts it had not seen (lost) do not count.
   * mutual: by and target acted against each other; by's act holds. roles: the least of several roles holds.
   * readded: target was removed and added at once; the removal holds.
   */
  kind: 'cancelled' | 'mutual' | 'roles' | 'readded'
  act: 'removed' | 'demoted' | 'invite-revoked' | 'device-removed' | 'successor-withdrawn'
  by: string
  target: string
  /** What does not count; at most 5. */
  lost: { type: AuditEntry['type']; target?: string | undefined }[]
  lostCount: number
  /** The role that holds, for roles. */
  role?: RoleName | undefined
}

/** One act of the audit view. */
export interface AuditEntry {
  id: EventId
  atMs: number
  by: string
  byUser?: UserId | undefined
  type: Notice['type'] | 'invited' | 'invite-revoked' | 'rotated' | 'unknown'
  target?: string | undefined
  role?: RoleName | undefined
  /** Of an invite: until when, and how often. */
  expiresAtMs?: number | undefined
  maxUses?: number | undefined
  effective: boolean
  /** Of a revocation: acts that it cancelled, and messages that it hides. */
  cancelled: number
  hidden: number
  conflict?: Conflict | undefined
}

export interface Report {
  message: Quote
  by: string
  reason: string
  atMs: number
}

/** Who this person is, in every group. */
export interface Identity {
  user: UserId
  name: string
  picture?: PictureId | undefined
  /** Name and picture, where this person's devices said different things at the same time, in any group. */
  conflicts: SettingConflict[]
  /** The recovery phrase was shown, and typed back. */
  isPhraseConfirmed: boolean
  /** 12 words that nobody else has. */
  fingerprint: string[]
  /** The same for a QR code. */
  fingerprintCode: string
}

export interface Quote {
  id: EventId
  key: TimelineKey
  author: string
  /** As in a message. */
  user?: UserId | undefined
  /** Cut to 200 characters. */
  text: string
  locked?: Locked | undefined
}

export interface Message {
  id: EventId
  key: TimelineKey
  /** Local delivery index: the order in which this device delivered. Unread and cursors use this. */
  n: number
  kind: 'message' | 'notice'
  device: DeviceTag
  /** Who wrote it; unset for a device that nobody knows any more. */
  user?: UserId | undefined
  /** Name to show; for a bridged message the name on the other side of the bridge. */
  author: string
  /** Of whoever wrote it, as it is known now; not of somebody on the other side of a bridge. */
  picture?: PictureId | undefined
  /** Set when a bridge posted this on behalf of somebody: the name of the bridge's device. */
  via?: string | undefined
  own: boolean
  text: string
  locked?: Locked | undefined
  /** For a notice of membership: which sentence of the catalogue to show instead of text. The author did it. */
  notice?: Notice | undefined
  sentAtMs: number
  replyTo?: Quote | undefined
  reactions: Reaction[]
  /** Shown before what led to it is here: n is 0, and it can be neither answered nor reacted to yet. */
  provisional?: true | undefined
}

/** Something that its author had seen last: a message, or a reaction to it. */
export interface Seen extends Quote {
  /** Set for a reaction; the quote is what was reacted to. */
  reaction?: { author: string; emoji: string } | undefined
}

/** Why a message stands where it stands. */
export interface Explanation {
  /** What it answers, if its author had seen that. */
  answers?: Quote | undefined
  /** What its author had seen last: everything else that the author had seen came before one of these. At most 8. */
  seen: Seen[]
  /**
   * Messages near it that are independent of it: neither author had seen the other's. In timeline order; of the 10
   * messages above and the 10 below.
   */
  independent: Quote[]
  /** Set when it came late: how many messages below it were here already, and when the latest of them was written. */
  late?: { overtaken: number; latestMs: number } | undefined
}

export interface Page {
  /** In timeline order. */
  messages: Message[]
  hasEarlier: boolean
  hasLater: boolean
}

export interface AppState {
  device: DeviceTag
  name: string
  identity: Identity
  /** A link to a group that the system handed over, and no window has shown yet. */
  link?: string | undefined
  /** Whom this person blocked on this device: what they write is folded away. */
  blocked: UserId[]
  groups: GroupSummary[]
  /** Addresses this app listens on. */
  addresses: string[]
  /** Which build this is, and where it keeps its data. */
  version: string
  dataFolder: string
  /** Who opens this device's keys, and whether the operating system has a keychain that could. */
  protection: Protection
  hasKeychain: boolean
}

/** What was written and not sent. */
export interface Draft {
  text: string
  replyTo?: Quote | undefined
}

export interface Commands {
  getState(): Promise<AppState>
  /** Name shown to others, in every group. 1-64 characters. */
  setName(args: { name: string }): Promise<void>
  /** A picture of at most 24 kB, as a data URL of type image/png, image/jpeg or image/webp; undefined takes it away. */
  setPicture(args: { picture?: string | undefined }): Promise<void>
  /** A data URL. Fails with UNKNOWN_PICTURE. */
  getPicture(args: { picture: PictureId }): Promise<{ data: string }>
  /** 24 words that restore the identity on another machine. To be shown once, and never logged. */
  revealPhrase(): Promise<{ words: string[] }>
  /** Some of the words, typed back: place (0-23) and word. Fails with WRONG_PHRASE. */
  confirmPhrase(args: { words: { place: number; word: string }[] }): Promise<void>
  /**
   * Takes on the identity of a phrase, before this one is in any group. Fails with IDENTITY_IN_USE, WRONG_PHRASE; the data
   * of that name the first word that is in no list: place (0-23) and word.
   */
  restoreIdentity(args: { phrase: string }): Promise<Identity>
  /** The identity as a text that only the passphrase opens. */
  exportIdentity(args: { passphrase: string }): Promise<{ text: string }>
  /** The way back. Fails with WRONG_PASSPHRASE, INVALID_EXPORT, IDENTITY_IN_USE. */
  importIdentity(args: { text: string; passphrase: string }): Promise<Identity>
  /** Another person's fingerprint, to compare over another channel. */
  getFingerprint(args: { user: UserId }): Promise<{ words: string[]; code: string }>
  setVerified(args: { user: UserId; verified: boolean }): Promise<void>
  /**
   * While the keys are locked every other command fails with KEYS_LOCKED. Once this resolves, the window is to be loaded
   * again. Fails with WRONG_PASSPHRASE.
   */
  unlock(args: { passphrase: string }): Promise<void>
  /**
   * From now on this passphrase opens the keys, at least 8 characters; undefined: the keychain, or nobody where there is
   * none. Fails with KEY_UNREADABLE.
   */
  setPassphrase(args: { passphrase?: string | undefined }): Promise<void>
  setBlocked(args: { user: UserId; blocked: boolean }): Promise<void>
  setMuted(args: { user: UserId; muted: boolean }): Promise<void>

  createGroup(args: {
    name: string
    description?: string | undefined
    picture?: string | undefined
    history?: HistoryPolicy | undefined
    disappearAfterMs?: number | undefined
  }): Promise<GroupSummary>
  /** Only what is named changes. A picture as for setPicture; '' takes it away. Fails with NOT_ALLOWED. */
  changeSettings(args: {
    group: GroupId
    name?: string | undefined
    description?: string | undefined
    picture?: string | undefined
    history?: HistoryPolicy | undefined
    disappearAfterMs?: number | undefined
  }): Promise<void>
  /** The last owner must name a new one first: fails with LAST_OWNER. */
  leaveGroup(args: { group: GroupId }): Promise<void>
  /** Erases the group from this device. Of a group that one still belongs to, fails with STILL_MEMBER. */
  deleteGroup(args: { group: GroupId }): Promise<void>

  /** A text that admits whoever holds it, so often and so long. Fails with NOT_ALLOWED. */
  createInvite(args: {
    group: GroupId
    role?: RoleName | undefined
    maxUses?: number | undefined
    expiresAtMs?: number | undefined
  }): Promise<{ invite: string; id: EventId }>
  /** Those that still admit somebody. */
  getInvites(args: { group: GroupId }): Promise<{ invites: Invite[] }>
  revokeInvite(args: { group: GroupId; invite: EventId }): Promise<void>
  /** Returns at once; the group is there with joined=false until a member answered. */
  joinGroup(args: { invite: string }): Promise<GroupSummary>
  /** Gives up joining, and forgets the group. */
  cancelJoin(args: { group: GroupId }): Promise<void>

  /**
   * By user, so many as go into one frame; next is set when there are more, to be asked for with after. former comes with
   * the first.
   */
  getPeople(args: {
    group: GroupId
    after?: UserId | undefined
  }): Promise<{ people: Person[]; former: FormerMember[]; next?: UserId | undefined }>
  /** Admits somebody again, or a person of another group. Fails with NOT_ALLOWED. */
  addMember(args: { group: GroupId; user: UserId; role: RoleName }): Promise<void>
  setRole(args: { group: GroupId; user: UserId; role: RoleName }): Promise<void>
  removeMember(args: { group: GroupId; user: UserId; ban: boolean }): Promise<void>
  /** A device of one's own that was lost. */
  removeDevice(args: { group: GroupId; device: DeviceTag }): Promise<void>
  /** Makes somebody the owner, and oneself an admin. */
  transferOwnership(args: { group: GroupId; user: UserId }): Promise<void>
  /** undefined: nobody any more. */
  nameSuccessor(args: { group: GroupId; user?: UserId | undefined }): Promise<void>
  /** Becomes an owner, as an owner had foreseen. */
  succeed(args: { group: GroupId }): Promise<void>
  /** Tells those who may act what is wrong with a message. */
  report(args: { group: GroupId; message: EventId; reason: string }): Promise<void>
  /** For admins: who did what, the latest first, and what was reported. */
  getAudit(args: { group: GroupId }): Promise<{ entries: AuditEntry[]; reports: Report[] }>
  /**
   * One page of the timeline. Without before and after: the newest page. before/after are exclusive keys;
   * around is inclusive and gives a page with that key in the middle. limit 1-200; long messages make a page shorter.
   */
  getTimeline(args: {
    group: GroupId
    before?: TimelineKey | undefined
    after?: TimelineKey | undefined
    around?: TimelineKey | undefined
    limit: number
  }): Promise<Page>
  /** What the order knows about a delivered message. Fails with UNKNOWN_MESSAGE. */
  explain(args: { group: GroupId; message: EventId }): Promise<Explanation>
  /** Resolves when the message is on disk; it is published after that. replyTo must be a delivered message. */
  post(args: { group: GroupId; text: string; replyTo?: EventId | undefined }): Promise<Message>
  /** on=false takes a reaction back. emoji: one grapheme, at most 32 bytes. */
  react(args: { group: GroupId; target: EventId; emoji: string; on: boolean }): Promise<void>
  /** Keeps what was written and not sent, until it is called again; '' forgets it. */
  saveDraft(args: { group: GroupId; draft: Draft }): Promise<void>
  getDraft(args: { group: GroupId }): Promise<Draft>
  /** Gives every device of the group a fresh secret, as happens by itself once a week and whenever somebody goes. */
  renewKeys(args: { group: GroupId }): Promise<void>
  /** Everything delivered up to n has been seen. */
  markRead(args: { group: GroupId; n: number }): Promise<void>
}

export interface Updates {
  /** A group came, or something of its summary changed. */
  groupChanged(group: GroupSummary): void
  /** Delivered in causal order; each belongs at its key, which may be above what is shown. */
  messagesDelivered(args: { group: GroupId; messages: Message[] }): void
  /** Reactions of these messages changed. */
  messagesChanged(args: { group: GroupId; messages: Message[] }): void
  /** Messages that were shown are no longer, or have become final: read again what is on screen. */
  timelineChanged(args: { group: GroupId }): void
  /** Somebody came, went, or is somebody else now: read the people again where they are shown. */
  peopleChanged(args: { group: GroupId }): void
  identityChanged(identity: Identity): void
  /** The system handed over a link to a group: ask before anything is done with it. */
  linkOpened(args: { link: string }): void
  /** All who are blocked on this device from now on. */
  blockedChanged(args: { users: UserId[] }): void
  /** It is gone from this device. */
  groupDeleted(args: { group: GroupId }): void
}

export type CommandName = keyof Commands
export type UpdateName = keyof Updates

/** Frozen lists, so that both shells pass on exactly these names and nothing that was inherited. */
export const COMMAND_NAMES: readonly CommandName[] = Object.freeze([
  'getState',
  'setName',
  'setPicture',
  'getPicture',
  'revealPhrase',
  'confirmPhrase',
  'restoreIdentity',
  'exportIdentity',
  'importIdentity',
  'getFingerprint',
  'setVerified',
  'unlock',
  'setPassphrase',
  'setBlocked',
  'setMuted',
  'createGroup',
  'changeSettings',
  'leaveGroup',
  'deleteGroup',
  'createInvite',
  'getInvites',
  'revokeInvite',
  'joinGroup',
  'cancelJoin',
  'getPeople',
  'addMember',
  'setRole',
  'removeMember',
  'removeDevice',
  'transferOwnership',
  'nameSuccessor',
  'succeed',
  'report',
  'getAudit',
  'getTimeline',
  'explain',
  'post',
  'react',
  'saveDraft',
  'getDraft',
  'renewKeys',
  'markRead',
] as const)
export const UPDATE_NAMES: readonly UpdateName[] = Object.freeze([
  'groupChanged',
  'messagesDelivered',
  'messagesChanged',
  'timelineChanged',
  'peopleChanged',
  'identityChanged',
  'linkOpened',
  'blockedChanged',
  'groupDeleted',
] as const)
