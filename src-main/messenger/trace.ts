/** Writes what a device delivered, in the trace format that an independent program can check. */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { toHex } from '../core/bytes.ts'
import { chainOf, kindName } from '../core/event.ts'
import { decodeMessage } from './content.ts'
import type { Group } from './group.ts'

/** One line per delivered event, then one for the timeline. Returns the path of `folder/<device tag>.ndjson`. */
export async function writeTrace(group: Group, self: string, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  await group.log.flushed()
  const { history, roster } = group.log.engine
  const file = join(folder, `${self}.ndjson`)
  const out = createWriteStream(file)
  const write = async (value: unknown) => {
    if (!out.write(JSON.stringify(value) + '\n')) await once(out, 'drain')
  }
  for (const entry of history.log.slice()) {
    const { n, id, tag, seq, kind, hlc } = entry
    const content = decodeMessage(await group.log.read(n))
    await write({
      n,
      id,
      device: tag,
      seq,
      chain: chainOf(kind),
      kind: kindName(kind),
      hlc: hlc.toString(16).padStart(16, '0'),
      deps: history.parentsOf(entry).map((parent) => parent.id),
      ...(content?.line === undefined ? {} : { line: content.line }),
    })
  }
  const timeline: string[] = []
  for await (const n of group.timeline()) timeline.push(history.log[n - 1]!.id)
  const pending = group.log.engine.pending().length
  await write({ end: true, timeline, roster: toHex(roster.digest()), pending })
  out.end()
  await once(out, 'finish')
  return file
}
