import type { Fault } from './faults.ts'

/** What a run found; written as JSON with --report. Times are of the world, unless they are called wall or CPU. */
export interface Report {
  members: number
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
  deliverP50Ms: number
  deliverP99Ms: number
  metadataBytesPerEvent: number
  peakRssBytes: number
  wallMs: number
  worldHours: number
  /** Of worlds of engines. */
  engine?: object
}

export function isGood({ violations, lost, identicalTimelines, pending }: Report): boolean {
  return violations === 0 && lost === 0 && identicalTimelines && pending === 0
}

export function summary(report: Report): string {
  const { violations, lost, identicalTimelines, pending, violationSentences } = report
  return [
    `${report.events} events, ${report.deliveries} deliveries in ${(report.wallMs / 1000).toFixed(1)} s` +
      ` (${report.deliveriesPerSecond}/s, ${report.deliveriesPerCpuSecond} per CPU-second,` +
      ` at most ${(report.peakRssBytes / 2 ** 30).toFixed(1)} GiB)`,
    `delivered after ${report.deliverP50Ms} ms (median), ${report.deliverP99Ms} ms (99 %) of ${report.worldHours.toFixed(1)} hours`,
    `${report.metadataBytesPerEvent.toFixed(1)} bytes of an event are there for the order`,
    ...violationSentences.map((sentence) => `  ${sentence}`),
    `${violations} violations, ${lost} lost, ${pending} still waiting, timelines ${identicalTimelines ? 'identical' : 'DIFFERENT'}`,
  ].join('\n')
}
