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

export interface Person {
  device: DeviceTag
  name: string
  online: boolean
  /** The state of the link to this device, for this group. */
  connection: ConnectionState
  isSelf: boolean
  /**
   * This device told different people different things, or its data was copied: there is proof. What it wrote and
   * nobody built on is hidden.
   */
  forked: boolean
}

export interface GroupSummary {
  id: GroupId
  /** Empty until the group has been joined and its first event has arrived. */
  name: string
  /** False while this device still waits to be admitted: it may read, not write. */
  joined: boolean
  people: Person[]
  /** The best state of any link in this group. */
  connection: ConnectionState
  /** Messages of others, delivered since markRead; counted up to 1,000. */
  unread: number
  /** Everything delivered up to this index has been read. */
  readN: number
  /** Last row of the timeline, for the list. */
  last?: Pick<Message, 'author' | 'own' | 'text' | 'notice' | 'sentAtMs'> | undefined
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

export interface Quote {
  id: EventId
  key: TimelineKey
  author: string
  /** Cut to 200 characters. */
  text: string
}

export interface Message {
  id: EventId
  key: TimelineKey
  /** Local delivery index: the order in which this device delivered. Unread and cursors use this. */
  n: number
  kind: 'message' | 'notice'
  device: DeviceTag
  /** Name to show; for a bridged message the name on the other side of the bridge. */
  author: string
  /** Set when a bridge posted this on behalf of somebody: the name of the bridge's device. */
  via?: string | undefined
  own: boolean
  text: string
  /** For a notice of membership: which sentence of the catalogue to show instead of text. */
  notice?: 'group-created' | 'member-joined' | undefined
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
  groups: GroupSummary[]
  /** Addresses this app listens on. */
  addresses: string[]
  /** Which build this is, and where it keeps its data. */
  version: string
  dataFolder: string
}

export interface Commands {
  getState(): Promise<AppState>
  /** Name shown to others in groups created or joined from now on. 1-64 characters. */
  setName(args: { name: string }): Promise<void>
  createGroup(args: { name: string }): Promise<GroupSummary>
  /** A text that admits whoever holds it. */
  createInvite(args: { group: GroupId }): Promise<{ invite: string }>
  /** Returns at once; the group is there with joined=false until a member answered. */
  joinGroup(args: { invite: string }): Promise<GroupSummary>
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
}

export type CommandName = keyof Commands
export type UpdateName = keyof Updates

/** Frozen lists, so that both shells pass on exactly these names and nothing that was inherited. */
export const COMMAND_NAMES: readonly CommandName[] = Object.freeze([
  'getState',
  'setName',
  'createGroup',
  'createInvite',
  'joinGroup',
  'getTimeline',
  'explain',
  'post',
  'react',
  'markRead',
] as const)
export const UPDATE_NAMES: readonly UpdateName[] = Object.freeze([
  'groupChanged',
  'messagesDelivered',
  'messagesChanged',
  'timelineChanged',
] as const)
