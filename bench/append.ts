/**
 * How long does it take until an own message is on the disk? One after the other, each with a sync of the file, through
 * the log of a group with nothing in it and of one with EVENTS events.
 */
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { KIND } from '../src-main/core/event.ts'
import { encodeMessage } from '../src-main/messenger/content.ts'
import { openLog, writeLargeGroup } from '../test/helpers/large-group.ts'
import { inFolder, sizeAt } from './parts/setting.ts'

const EVENTS = sizeAt(1, 100_000)
const AUTHORS = 8
const APPENDS = 1_000
const TEXT = 'the kind of sentence that people write to each other during the day'

async function measure(dataFolder: string, events: number) {
  const { group } = await writeLargeGroup(dataFolder, { events, authors: AUTHORS, unread: 0 })
  const { log, storage } = await openLog(dataFolder, group)
  const takenMs: number[] = []
  for (let i = 0; i < APPENDS; i++) {
    const body = encodeMessage({ text: `${i}: ${TEXT}` })
    const startMs = performance.now()
    await log.append(KIND.message, body, { nowMs: Date.now(), atMs: startMs })
    takenMs.push(performance.now() - startMs)
  }
  await log.close()
  await storage.close()
  takenMs.sort((a, b) => a - b)
  const at = (share: number) => Math.round(takenMs[Math.floor(share * takenMs.length)]! * 100) / 100
  return { events, p50Ms: at(0.5), p99Ms: at(0.99) }
}

await inFolder(async (folder) => {
  const empty = await measure(join(folder, 'empty'), 0)
  const large = await measure(join(folder, 'large'), EVENTS)
  console.log(
    JSON.stringify({
      question: 'how long until an own message is on the disk?',
      appends: APPENDS,
      empty,
      large,
    }),
  )
})
