/**
 * How soon does a newcomer read the newest screen of a large group, and when is the group complete? One member, in a process
 * of its own, has MEMBERS members and EVENTS events; this process joins over real libp2p on loopback.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { openMessenger } from '../src-main/messenger/opening.ts'
import { LOOPBACK, writeLargeGroup } from '../test/helpers/large-group.ts'
import { traceOf, until } from '../test/helpers/messengers.ts'
import { inFolder, sizeAt } from './parts/setting.ts'

const EVENTS = sizeAt(1, 50_000)
const MEMBERS = sizeAt(2, 500)
const SCREEN = 50

interface Served {
  group: string
  invite: string
  length: number
}

async function serve(folder: string): Promise<void> {
  const { group, length } = await writeLargeGroup(folder, { events: EVENTS, authors: MEMBERS, unread: 0 })
  const member = await openMessenger({ dataFolder: folder, ...LOOPBACK })
  await member.opened
  const { invite } = await member.commands.createInvite({ group })
  process.send!({ group, invite, length } satisfies Served)
  const [{ count }] = (await once(process, 'message')) as [{ count: number }]
  await until(member, async () => (await member.operator.getDiagnostics()).delivered >= count)
  process.send!({ end: endOf(await traceOf(member, group)) })
  await once(process, 'disconnect')
  await member.close()
}

/** The last line of a trace: timeline and roster. */
const endOf = (trace: string) => trace.trimEnd().split('\n').at(-1)!

async function measure(folder: string): Promise<void> {
  const child = fork(import.meta.filename, [String(EVENTS), String(MEMBERS), join(folder, 'member')])
  const [{ group, invite, length }] = (await once(child, 'message')) as [Served]
  const newcomer = await openMessenger({
    dataFolder: join(folder, 'newcomer'),
    ...LOOPBACK,
    name: 'Newcomer',
  })
  const startMs = performance.now()
  const startCpu = process.cpuUsage()
  await newcomer.commands.joinGroup({ invite })
  let screenMs: number | undefined
  await until(newcomer, async () => {
    if (screenMs === undefined) {
      const { messages } = await newcomer.commands.getTimeline({ group, limit: SCREEN })
      if (messages.length === SCREEN) screenMs = performance.now() - startMs
    }
    const { groups } = await newcomer.commands.getState()
    return groups[0]!.joined && (await newcomer.operator.getDiagnostics()).delivered > length
  })
  const completeMs = performance.now() - startMs
  const { user, system } = process.cpuUsage(startCpu)
  // Its own entrance and profile are to arrive there as well.
  child.send({ count: (await newcomer.operator.getDiagnostics()).delivered })
  const [{ end }] = (await once(child, 'message')) as [{ end: string }]
  const isSame = endOf(await traceOf(newcomer, group)) === end
  child.disconnect()
  await newcomer.close()
  await once(child, 'exit')
  console.log(
    JSON.stringify({
      question: 'how soon does a newcomer read, and have, a large group?',
      events: EVENTS,
      members: MEMBERS,
      newestScreenMs: Math.round(screenMs!),
      completeMs: Math.round(completeMs),
      cpuSeconds: Math.round((user + system) / 1e4) / 100,
      sameTimelineAndRoster: isSame,
    }),
  )
}

if (process.send) await serve(process.argv[4]!)
else await inFolder(measure)
