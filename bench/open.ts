/**
 * How long until a large group can be read, and until it can be written to? A folder with EVENTS events is opened several
 * times, each time by a process of its own; the system's file cache stays warm.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { openMessenger } from '../src-main/messenger/opening.ts'
import { LOOPBACK, writeLargeGroup } from '../test/helpers/large-group.ts'
import { inFolder, sizeAt } from './parts/setting.ts'

/** A process that opens the folder is told where it is instead. */
const EVENTS = process.send ? 0 : sizeAt(1, 100_000)
const AUTHORS = 8
const UNREAD = 500
const RUNS = 5
const PAGE_SIZE = 50

interface Run {
  /** From the call of openMessenger on. */
  lastScreenMs: number
  openedMs: number
  longestPauseMs: number
  peakMiB: number
}

async function openOnce(dataFolder: string, group: string): Promise<Run> {
  const loop = monitorEventLoopDelay({ resolution: 1 })
  loop.enable()
  const startMs = performance.now()
  const messenger = await openMessenger({ dataFolder, ...LOOPBACK })
  const { messages } = await messenger.commands.getTimeline({ group, limit: PAGE_SIZE })
  const lastScreenMs = performance.now() - startMs
  if (messages.length !== PAGE_SIZE) throw new Error(`${messages.length} messages are on the last screen`)
  await messenger.opened
  const openedMs = performance.now() - startMs
  loop.disable()
  await messenger.close()
  const round = Math.round
  return {
    lastScreenMs: round(lastScreenMs),
    openedMs: round(openedMs),
    longestPauseMs: round(loop.max / 1e6),
    peakMiB: round(process.resourceUsage().maxRSS / 1024),
  }
}

async function measure(dataFolder: string): Promise<void> {
  const { group } = await writeLargeGroup(dataFolder, { events: EVENTS, authors: AUTHORS, unread: UNREAD })
  const runs: Run[] = []
  for (let i = 0; i < RUNS; i++) {
    const child = fork(import.meta.filename, [dataFolder, group])
    const [run] = (await once(child, 'message')) as [Run]
    runs.push(run)
    await once(child, 'exit')
  }
  const all = (of: (run: Run) => number) => runs.map(of).sort((a, b) => a - b)
  console.log(
    JSON.stringify({
      question: 'how long until a large group can be read, and written to?',
      events: EVENTS,
      authors: AUTHORS,
      unread: UNREAD,
      lastScreenMs: all(({ lastScreenMs }) => lastScreenMs),
      openedMs: all(({ openedMs }) => openedMs),
      longestPauseMs: all(({ longestPauseMs }) => longestPauseMs),
      peakMiB: Math.max(...all(({ peakMiB }) => peakMiB)),
    }),
  )
}

if (process.send) {
  const [dataFolder, group] = process.argv.slice(2)
  process.send(await openOnce(dataFolder!, group!))
  process.disconnect()
} else await inFolder((folder) => measure(join(folder, 'data')))
