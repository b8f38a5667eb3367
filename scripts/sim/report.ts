import type { Fault } from './faults.ts'
import { MAX_MESSENGERS } from './options.ts'
import type { CrowdFigures } from './tally.ts'

/** What a run found; written as JSON with --report. Times are of the world, unless they are called wall or CPU. */
export interface Report {
  /** In the roster; online: those whose devices ran. */
  members: number
  online: number
  seed: number
  faults: Fault[]
  crypto: 'fast' | 'real'
  /** What a peer is in this world: its engine with sync, or the whole messenger. */
  peer: 'engine' | 'messenger'
  events: number
  deliveries: number
  violations: number
  violationSentences: string[]
  /** Honest events missing somewhere in the end, counted per peer. */
  lost: number
  identicalTimelines: boolean
  pending: number
  deliveriesPerSecond: number
  deliveriesPerCpuSecond: number
  /** From publication to delivery; of worlds of engines at devices that had been on and undivided since. */
  latencyMs: { p50: number; p99: number }
  /** Of worlds of engines: the same arrivals, had every event been shown when it came, and ordered against that. */
  unorderedLatencyMs?: { p50: number; p99: number }
  latencyRatio?: { p50: number; p99: number }
  metadataBytesPerEvent: number
  peakRssBytes: number
  wallMs: number
  worldHours: number
  /** With a script: who belongs to the group in the end, and how many steps came about; of the others, why not. */
  membership?: { members: number[]; done: number; notDone: string[] }
  /** Of worlds of engines. */
  engine?: CrowdFigures
}

export function isGood({ violations, lost, identicalTimelines, pending }: Report): boolean {
  return violations === 0 && lost === 0 && identicalTimelines && pending === 0
}

/** Of many, who is not. */
function whoIsThere(members: number, there: readonly number[]): string {
  if (members <= MAX_MESSENGERS) return `members are ${there.join(', ')}`
  const out = Array.from({ length: members }, (_, member) => member).filter((one) => !there.includes(one))
  return `there are ${there.length} members, all but ${out.join(', ') || 'nobody'}`
}

export function summary(report: Report): string {
  const { violations, lost, identicalTimelines, pending, violationSentences } = report
  const { members, online, latencyMs, unorderedLatencyMs, latencyRatio, engine, membership } = report
  const isLarger = latencyRatio
    ? ` (${latencyRatio.p50.toFixed(3)} and ${latencyRatio.p99.toFixed(3)} times)`
    : ''
  return [
    `${members} members, ${online} of them online, seed ${report.seed}, faults: ${report.faults.join(', ') || 'none'}`,
    `${report.events} events, ${report.deliveries} deliveries in ${(report.wallMs / 1000).toFixed(1)} s` +
      ` (${report.deliveriesPerSecond}/s, ${report.deliveriesPerCpuSecond} per CPU-second,` +
      ` at most ${(report.peakRssBytes / 2 ** 30).toFixed(1)} GiB)`,
    `delivered after ${latencyMs.p50} ms (median), ${latencyMs.p99} ms (99 %) of ${report.worldHours.toFixed(1)} hours` +
      (unorderedLatencyMs
        ? `; without order after ${unorderedLatencyMs.p50} ms and ${unorderedLatencyMs.p99} ms${isLarger}`
        : ''),
    `${report.metadataBytesPerEvent.toFixed(1)} bytes of an event are there for the order` +
      (engine
        ? `; its clock is ${(100 * engine.clockBytes.savedShare).toFixed(1)} % smaller than a full one`
        : ''),
    ...(engine
      ? [
          `${Object.values(engine.sessions).reduce((a, b) => a + b)} sync sessions, ${engine.crashes} crashes,` +
            ` ${engine.forked} devices forked`,
        ]
      : []),
    ...(membership
      ? [
          `${membership.done} steps of the script, ${membership.notDone.length} that could not be done; ` +
            `in the end ${whoIsThere(members, membership.members)}`,
          ...membership.notDone.map((sentence) => `  ${sentence}`),
        ]
      : []),
    ...violationSentences.map((sentence) => `  ${sentence}`),
    `${violations} violations, ${lost} lost, ${pending} still waiting, timelines ${identicalTimelines ? 'identical' : 'DIFFERENT'}`,
  ].join('\n')
}
