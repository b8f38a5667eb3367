/** What peers of a crowd delivered and show, in the format that demo/check-trace.ts reads. */
import { isShown, timelineKey } from '../../src-main/core/timeline.ts'
import { traceEnd, tracedEntries, traceLine, writeTraceFile } from '../../src-main/messenger/trace.ts'
import type { Crowd } from './crowd.ts'

/** Of the first peers, a file each. */
export async function writeTraces({ peers }: Crowd, folder: string, count: number): Promise<void> {
  for (const { engine, tag } of peers.slice(0, count)) {
    const { history } = engine
    const shown = history.log.filter((entry) => isShown(entry.kind) && history.forks.isVisible(entry))
    const timeline = shown.map((entry) => [timelineKey(entry), entry.id] as const).sort()
    const ids = timeline.map(([, id]) => id)
    const traced = tracedEntries(engine)
    const lines = traced.map((entry, i) => traceLine(entry, i + 1))
    await writeTraceFile(folder, tag, [...lines, traceEnd(ids, engine, traced)])
  }
}
