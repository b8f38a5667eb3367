import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Diagnostics } from '../../src-main/api/operator.ts'
import type { Verdict } from './check-trace.ts'
import type { ReplayResult } from './replay.ts'

/** What a run found; written as JSON with --report. */
export interface Report {
  peers: number
  replay: string
  seed: number
  /** Lines that were posted, and those of the log that were skipped because they are in no known form. */
  lines: number
  skippedLines: number
  skippedAnnotations: number
  /** With a script. */
  membership?: Membership
  /** Different events, those that founded and joined the group included. */
  events: number
  replies: number
  /** Breaks of the causal order or of what else a trace must hold. */
  violations: number
  /** Events, or posted lines, missing at some peer; counted per peer. */
  lost: number
  identicalTimelines: boolean
  /** Events that still wait at the end, over all peers. */
  pending: number
  wallMs: number
  /** From the call of post to the delivery at another peer, where no fault came between. */
  deliverP50Ms: number
  deliverP99Ms: number
  deliveries: number
  deliveriesHeldByFaults: number
  deliveriesPerSecond: number
  /** Mean over the delivered events: everything of an event but its body. */
  metadataBytesPerEvent: number
  /** Sent by all peers, handshakes and repetitions included. */
  wireBytes: number
  /** In the data folders of all peers at the end. */
  diskBytes: number
  duplicates: number
  rejected: Record<string, number>
}

/** What has become of the group. */
export interface Membership {
  /** Peers that belong to it in the end, and those that do not. */
  members: number[]
  out: number[]
  /** Events that a removal cut off, and that are kept because something depends on them. */
  hidden: number
  /** Not posted: their peer was out, or might only read. */
  linesOfPeersOut: number
  stepsNotDone: number
}

export interface ReportInput {
  peers: number
  replay: string
  seed: number
  lines: number
  skippedLines: number
  skippedAnnotations: number
  membership?: Membership
  result: ReplayResult
  verdict: Verdict
  /** Of every process that ran, those that were killed included. */
  diagnostics: readonly Diagnostics[]
  dataFolders: readonly string[]
}

export async function makeReport(input: ReportInput): Promise<Report> {
  const { result, verdict, diagnostics, dataFolders, ...rest } = input
  const sum = (of: (one: Diagnostics) => number) => diagnostics.reduce((total, one) => total + of(one), 0)
  const { deliveriesMs, deliveriesHeldByFaults, wallMs } = result
  const deliveries = deliveriesMs.length + deliveriesHeldByFaults
  const rejected: Record<string, number> = {}
  for (const one of diagnostics)
    for (const [reason, count] of Object.entries(one.rejected))
      rejected[reason] = (rejected[reason] ?? 0) + count
  const folders = await Promise.all(dataFolders.map(sizeOf))
  return {
    ...rest,
    events: verdict.events,
    replies: result.replies,
    violations: verdict.violationCount,
    lost: verdict.lost + result.lostAfterKill,
    identicalTimelines: verdict.identicalTimelines,
    pending: verdict.pending,
    wallMs: Math.round(wallMs),
    deliverP50Ms: quantile(deliveriesMs, 0.5),
    deliverP99Ms: quantile(deliveriesMs, 0.99),
    deliveries,
    deliveriesHeldByFaults,
    deliveriesPerSecond: Math.round((deliveries / wallMs) * 1000),
    metadataBytesPerEvent: rounded(
      sum((one) => one.metadataBytes) /
        Math.max(
          1,
          sum((one) => one.delivered),
        ),
    ),
    wireBytes: sum((one) => one.wireBytes.sent),
    diskBytes: folders.reduce((total, size) => total + size, 0),
    duplicates: sum((one) => one.duplicates),
    rejected,
  }
}

export function isGood({ violations, lost, identicalTimelines, pending }: Report): boolean {
  return violations === 0 && lost === 0 && identicalTimelines && pending === 0
}

/** For people. */
export function summary(report: Report): string {
  const { membership } = report
  const number = (value: number) => value.toLocaleString('en')
  const bytes = (value: number) => `${(value / 1024 / 1024).toFixed(2)} MiB`
  const rows = [
    [
      'events',
      `${number(report.events)} (${number(report.replies)} answers) at each of ${report.peers} peers`,
    ],
    [
      'skipped lines',
      `${number(report.skippedLines)} (and ${number(report.skippedAnnotations)} annotations)`,
    ],
    ...(membership
      ? [
          ['members', `${membership.members.join(', ')}; out: ${membership.out.join(', ') || 'nobody'}`],
          ['lines of peers out', number(membership.linesOfPeersOut)],
          ['hidden by removals', `${number(membership.hidden)} that something depends on`],
        ]
      : []),
    ['order violations', number(report.violations)],
    ['lost', number(report.lost)],
    ['still waiting', number(report.pending)],
    ['identical timelines', report.identicalTimelines ? 'yes' : 'NO'],
    ['delivery', `p50 ${report.deliverP50Ms} ms, p99 ${report.deliverP99Ms} ms`],
    [
      'held up by faults',
      `${number(report.deliveriesHeldByFaults)} of ${number(report.deliveries)} deliveries`,
    ],
    ['metadata', `${report.metadataBytesPerEvent} bytes an event`],
    ['wire', bytes(report.wireBytes)],
    ['disk', bytes(report.diskBytes)],
    ['time', `${(report.wallMs / 1000).toFixed(1)} s`],
  ]
  return rows.map(([name, value]) => `  ${name!.padEnd(20)} ${value}`).join('\n')
}

/** sorted: ascending. */
function quantile(sorted: readonly number[], q: number): number {
  return rounded(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0)
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const sizes = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size),
  )
  return sizes.reduce((total, size) => total + size, 0)
}
