/** What has to be so before somebody does something in a group, and what to say when it is not. */
import type { GroupId } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import { ROLE } from '../core/control/operation.ts'
import { demandRole, type OpenGroup } from './open-group.ts'
import { inTime, type Time } from './time.ts'

/** Whoever writes to a group that is being opened waits no longer: less than a window waits for an answer. */
const MAX_OPENING_WAIT_MS = 25_000

export interface DemandsParts {
  groups: ReadonlyMap<GroupId, OpenGroup>
  /** Whether this device's key is not to be used for writing again. */
  isRetired(): boolean
  time: Time
}

export class Demands {
  readonly #parts: DemandsParts

  constructor(parts: DemandsParts) {
    this.#parts = parts
  }

  /** Fails with AppError UNKNOWN_GROUP. */
  readonly group = (id: GroupId): OpenGroup => {
    const open = this.#parts.groups.get(id)
    if (!open) throw new AppError('UNKNOWN_GROUP', 'This app is not in that group.')
    return open
  }

  /** A group, once it has been opened. Fails also with AppError TIMED_OUT, CLOSED, or what is wrong with it. */
  readonly opened = async (id: GroupId): Promise<OpenGroup> => {
    const open = this.group(id)
    const late = () => new AppError('TIMED_OUT', 'This group is still being opened. Try again in a moment.')
    await inTime(open.log.restored, MAX_OPENING_WAIT_MS, this.#parts.time, late)
    return open
  }

  /** Fails with AppError DEVICE_RETIRED. */
  writable(): void {
    if (this.#parts.isRetired())
      throw new AppError(
        'DEVICE_RETIRED',
        'This data folder was restored from a backup, or is in use on a second machine. ' +
          'Close Tapri and start it again: it goes on as a new device in the same groups.',
      )
  }

  /** A group to which this person belongs, once it has been opened. Fails also with AppError NOT_ALLOWED or NOT_JOINED_YET. */
  readonly member = async (id: GroupId): Promise<OpenGroup> => {
    this.#joined(id)
    await this.opened(id)
    return this.#joined(id)
  }

  /** Likewise, of somebody who does more than read. */
  readonly writer = async (id: GroupId): Promise<OpenGroup> => {
    const open = await this.member(id)
    demandRole(open, ROLE.member)
    return open
  }

  #joined(id: GroupId): OpenGroup {
    const open = this.group(id)
    this.writable()
    if (open.group.isReady) return open
    if (open.group.out) throw new AppError('NOT_ALLOWED', 'You do not belong to this group any more.')
    throw new AppError('NOT_JOINED_YET', 'Still joining: no member of the group has answered yet.')
  }
}
