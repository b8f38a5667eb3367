/**
 * What a demo, a bridge or a test may ask of a headless peer besides the window's contract.
 * Served only by the headless entry with --operator, over the same WebSocket.
 */
import type { EventId, GroupId } from './contract.ts'

/** Why bytes of a peer were not taken, counted per reason. Never thrown, never fatal. */
export interface Diagnostics {
  /** Events this peer delivered, its own included. */
  delivered: number
  /** Events that wait for earlier ones, and secrets of groups that are still to come. */
  pending: number
  duplicates: number
  /** reason -> count, for all peers together. */
  rejected: Record<string, number>
  /** peer key -> reason -> count. */
  rejectedByPeer: Record<string, Record<string, number>>
  forksSuspected: number
  wireBytes: { received: number; sent: number }
  /** Sums over all delivered events. */
  metadataBytes: number
  eventBytes: number
}

export interface OperatorCommands {
  /** A message that a bridge posts for somebody; line is the 0-based line of the log it came from. */
  postBridged(args: {
    group: GroupId
    text: string
    author?: string | undefined
    replyTo?: EventId | undefined
    line?: number | undefined
    notice?: boolean | undefined
  }): Promise<{ id: EventId }>
  /** Only these peers can be reached from now on: 'all', or peer keys; [] is offline. Cuts existing links. */
  setReachable(args: { peers: 'all' | string[] }): Promise<void>
  getPeerKey(): Promise<{ peer: string }>
  getDiagnostics(): Promise<Diagnostics>
  /** line -> id of every delivered event that was replayed from a log. */
  getLines(args: { group: GroupId }): Promise<{ lines: [number, EventId][] }>
  /** Writes the trace of one group into folder, as workload-format NDJSON; returns the file. */
  writeTrace(args: { group: GroupId; folder: string }): Promise<{ file: string }>
}

export const OPERATOR_COMMAND_NAMES: readonly (keyof OperatorCommands)[] = Object.freeze([
  'postBridged',
  'setReachable',
  'getPeerKey',
  'getDiagnostics',
  'getLines',
  'writeTrace',
] as const)
