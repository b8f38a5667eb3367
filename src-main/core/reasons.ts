/** Why bytes of a peer are not taken, and what that says about whoever handed them over. */
export type Reason =
  | 'oversized'
  | 'unknown-version'
  | 'malformed'
  | 'bad-signature'
  | 'forked-device'
  | 'commit-mismatch'
  | 'clock-not-growing'
  | 'bad-control-head'
  | 'not-a-member'
  | 'not-admitted'
  | 'read-only'
  | 'cut-off'
  | 'bad-membership-proof'
  | 'unknown-device'
  | 'buffer-full'
  | 'too-far-ahead'
  | 'expired'

/** Reasons that whoever hands the bytes on could have seen without knowing anything else. */
const PROVABLE: ReadonlySet<Reason> = new Set(['oversized', 'unknown-version', 'malformed', 'bad-signature'])

/** Reasons that lie with this device and this moment: an honest neighbour hands over such events too. */
const PASSING: ReadonlySet<Reason> = new Set([
  'forked-device',
  'cut-off',
  'unknown-device',
  'buffer-full',
  'too-far-ahead',
  'expired',
])

/** Whether a neighbour that forwards such bytes is provably at fault. */
export function isProvablyBad(reason: Reason): boolean {
  return PROVABLE.has(reason)
}

/** Whether the event may be taken at another time, or by another device. */
export function isPassing(reason: Reason): boolean {
  return PASSING.has(reason)
}

/** Whether its author may not write such an event, as far as the event itself has seen. */
export function isForbidden(reason: Reason): boolean {
  return reason === 'not-a-member' || reason === 'read-only'
}
