import { areTogether, type Step } from '../membership-script.ts'

/** What goes wrong in a run, as functions of how much of the replay has been handed out (0 to 1). */
export interface Span {
  from: number
  to: number
}

export interface Faults {
  /** The peer's network is down for that span. */
  offline: ({ peer: number } & Span)[]
  /** The peer is killed there, and restarted RESTART_AFTER later. */
  kill: { peer: number; at: number }[]
  /** Peers of different sides do not reach each other; those not named are one more side. */
  partition: ({ sides: number[][] } & Span)[]
}

/** As a fraction of the replay. */
export const RESTART_AFTER = 0.1

/** Partitions that a script's divisions and healings come to; each lasts until the next of them. */
export function scriptedPartitions(steps: readonly Step[]): Faults['partition'] {
  const turns = steps.filter(({ act }) => act === 'divide' || act === 'heal')
  return turns.flatMap((step, i) => {
    const to = turns[i + 1]?.at ?? Infinity
    return step.act === 'divide' ? [{ sides: step.sides, from: step.at, to }] : []
  })
}

/** Peers that a peer can reach at that place of the replay. */
export function reachableFrom(
  peer: number,
  peers: number,
  { offline, partition }: Faults,
  at: number,
): number[] {
  const isIn = ({ from, to }: Span) => from <= at && at < to
  const offlineNow = new Set(offline.filter(isIn).map((fault) => fault.peer))
  const partitionsNow = partition.filter(isIn)
  if (offlineNow.has(peer)) return []
  return Array.from({ length: peers }, (_, other) => other).filter(
    (other) =>
      other !== peer &&
      !offlineNow.has(other) &&
      partitionsNow.every(({ sides }) => areTogether(sides, other, peer)),
  )
}

/** Whether a peer has no process there. */
export function isKilled(peer: number, { kill }: Faults, at: number): boolean {
  return kill.some((fault) => fault.peer === peer && fault.at <= at && at < fault.at + RESTART_AFTER)
}
