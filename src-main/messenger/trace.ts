/** Writes what a device delivered, in the trace format that an independent program can check. */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { DeviceTag, EventId } from '../api/contract.ts'
import { toHex } from '../core/bytes.ts'
import type { Engine } from '../core/engine.ts'
import { chainOf, kindName } from '../core/event.ts'
import type { Entry } from '../core/history.ts'
import { decodeMessage } from './content.ts'
import type { Group } from './group.ts'

/** The line of one delivered event; n: among those that are handed on; line: of the log that it was replayed from. */
export function traceLine(entry: Entry, n: number, line?: number): object {
  const { id, tag, seq, kind, hlc } = entry
  return {
    n,
    id,
    device: tag,
    seq,
    chain: chainOf(kind),
    kind: kindName(kind),
    hlc: hlc.toString(16).padStart(16, '0'),
    deps: entry.parents.map((parent) => parent.id),
    ...(line === undefined ? {} : { line }),
  }
}

/** What a trace has a line for: everything that is handed on. What an event depends on is among it, shown or not. */
export function tracedEntries({ history }: Engine): Entry[] {
  return history.log.filter((entry) => history.forks.isKept(entry))
}

/** The last line: the ids of the timeline, in display order, and of the events above that are not shown. */
export function traceEnd(timeline: EventId[], engine: Engine, traced: readonly Entry[]): object {
  const { forks } = engine.history
  const forked = forks.tags
  const hidden = traced.flatMap((entry) => (forks.isVisible(entry) ? [] : [entry.id]))
  return {
    end: true,
    timeline,
    roster: toHex(engine.roster.digest()),
    pending: engine.pending().length,
    ...(forked.length === 0 ? {} : { forked }),
    ...(hidden.length === 0 ? {} : { hidden }),
  }
}

/** One value a line. Returns the path of `folder/<device tag>.ndjson`. */
export async function writeTraceFile(
  folder: string,
  device: DeviceTag,
  values: AsyncIterable<object> | Iterable<object>,
): Promise<string> {
  await mkdir(folder, { recursive: true })
  const file = join(folder, `${device}.ndjson`)
  const out = createWriteStream(file)
  for await (const value of values) if (!out.write(JSON.stringify(value) + '\n')) await once(out, 'drain')
  out.end()
  await once(out, 'finish')
  return file
}

/** One line per delivered event that is kept, then one for the timeline. Returns the path of `folder/<device tag>.ndjson`. */
export async function writeTrace(group: Group, self: DeviceTag, folder: string): Promise<string> {
  await group.log.flushed()
  return writeTraceFile(folder, self, linesOf(group))
}

async function* linesOf(group: Group): AsyncGenerator<object> {
  const { engine } = group.log
  const { history } = engine
  // More may come while this is written: it says nothing of that.
  const traced = tracedEntries(engine)
  for (const [i, entry] of traced.entries()) {
    const line = decodeMessage(group.log.contentOf(await group.log.read(entry)))?.line
    yield traceLine(entry, i + 1, line)
  }
  const timeline: EventId[] = []
  const known = new Set(traced)
  for await (const n of group.timeline()) {
    const entry = history.log[n - 1]!
    if (known.has(entry)) timeline.push(entry.id)
  }
  yield traceEnd(timeline, engine, traced)
}
