/** A group that this device has: its log, what windows see of it, and everything around. */
import type { DeviceTag, EventId, JoinProblem } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import type { Role } from '../core/control/operation.ts'
import type { Event } from '../core/event.ts'
import type { Relay } from '../core/relay.ts'
import type { PeerKey } from '../network/network.ts'
import type { Admission } from './admission.ts'
import type { Bodies } from './bodies.ts'
import type { Group } from './group.ts'
import type { Delivered, GroupLog } from './group-log.ts'
import type { Keyring } from './keyring.ts'
import type { Membership } from './membership.ts'
import type { Outbox } from './outbox.ts'

export interface OpenGroup {
  group: Group
  log: GroupLog
  membership: Membership
  admission: Admission
  keyring: Keyring
  bodies: Bodies
  /** Resolves when there is something else to write with, or somebody else who may. */
  keysChanged: PromiseWithResolvers<void>
  /** Peers are being asked for secrets, this one first. */
  asking: { first: PeerKey | undefined } | undefined
  /** What somebody waits for who wants to write. */
  rotating: Promise<void> | undefined
  /** Takes back the rotation that is due soon. */
  cancelRotation: (() => void) | undefined
  outbox: Outbox<Event>
  relay: Relay
  /** The event with which this device entered: whoever does not know it yet is shown it. */
  entrance: Uint8Array | undefined
  /** Peers that have it, as far as is known. */
  entranceKnownBy: Set<PeerKey>
  isEntering: boolean
  /** It is telling the group what its person is called. */
  isIntroducing: boolean
  joinProblem: JoinProblem | undefined
  /** Moment.atMs at which joining began. */
  joiningSinceMs: number
  /** Takes back the update that is due soon. */
  cancelSummary: (() => void) | undefined
  /** What that update is to say besides. */
  arePeopleChanged: boolean
}

/** How a command acts on a group; the messenger implements it. */
export interface Acting {
  readonly self: DeviceTag
  /** A group in which this device may write, once it has been opened. Fails with what keeps it from that. */
  demandWritable(group: string): Promise<OpenGroup>
  /** Writes an event: on disk, then to windows and the network. */
  append(open: OpenGroup, kind: number, body: Uint8Array, covers?: EventId): Promise<Delivered>
  save(open: OpenGroup): Promise<void>
  /** Gives every device a fresh secret. */
  rotate(open: OpenGroup): Promise<void>
  /** Reference time, unix ms. */
  nowMs(): number
}

/** Fails with AppError NOT_ALLOWED. */
export function demandRole({ group }: OpenGroup, least: Role): Role {
  const role = group.me?.role
  if (role === undefined || role < least) throw notAllowed()
  return role
}

export function notAllowed(): AppError {
  return new AppError('NOT_ALLOWED', 'Your role in this group does not allow that.')
}
