import { parseArgs } from 'node:util'
import { UsageError, whole } from '../command-line.ts'
import type { Faults, Span } from './faults.ts'

export interface DemoOptions {
  peers: number
  /** A log; undefined for the built-in sample. */
  replay: string | undefined
  /** Lines of the log. */
  limit: number
  /** Times real time; Infinity: as fast as it goes. */
  speed: number
  faults: Faults
  /** A membership script. */
  scriptFile: string | undefined
  delayMs: number
  seed: number
  traceFolder: string | undefined
  /** Where the peers keep their data, for good; undefined: in a folder that goes with them. */
  dataFolder: string | undefined
  reportFile: string | undefined
  /** Stop when everything has arrived. */
  exit: boolean
}

export const USAGE = `npm run demo -- [options]
  --peers 3                   how many peers, each a process of its own (2 to 16)
  --replay FILE               an IRC log; its annotations (*.annotation.txt) are taken from beside it
  --limit K                   only the first K lines of it
  --speed 60|max              times real time, or as fast as it goes
  --offline PEER:FROM-TO      that peer's network is down; FROM and TO are fractions of the replay
  --kill PEER@AT              that peer's process is killed there, and started again later
  --partition A,B/C@FROM-TO   the sides do not reach each other
  --script FILE               who adds, removes and promotes whom, and when: one step a line, AT WHO ACT [WHOM] [ROLE].
                              AT is a fraction of the replay, WHO and WHOM are peers. Acts: role, add (with a role:
                              owner, admin, member, reader), remove, ban, transfer, successor, leave, succeed; divide
                              A,B/C and heal have no WHO. # begins a comment. A peer that is out does not post
  --delay MS                  everything arrives that much later
  --seed S                    who speaks through which peer
  --trace DIR                 write what every peer delivered, in order
  --data DIR                  the peers keep their data there, and it stays; nothing else may be in it
  --report FILE               write the summary as JSON
  --exit                      stop when everything has arrived
--offline, --kill and --partition may be given several times.`

const MAX_PEERS = 16
const MAX_SPEED = 100_000

/** Fails with UsageError. */
export function readOptions(args: string[]): DemoOptions {
  let values
  try {
    ;({ values } = parseArgs({
      args,
      options: {
        peers: { type: 'string', default: '3' },
        replay: { type: 'string' },
        limit: { type: 'string' },
        speed: { type: 'string', default: '60' },
        offline: { type: 'string', multiple: true, default: [] },
        kill: { type: 'string', multiple: true, default: [] },
        partition: { type: 'string', multiple: true, default: [] },
        script: { type: 'string' },
        delay: { type: 'string', default: '0' },
        seed: { type: 'string', default: '1' },
        trace: { type: 'string' },
        data: { type: 'string' },
        report: { type: 'string' },
        exit: { type: 'boolean', default: false },
      },
    }))
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  const peers = whole('--peers', values.peers, 2, MAX_PEERS)
  const peer = (option: string, text: string) => whole(`the peer of ${option}`, text, 0, peers - 1)
  return {
    peers,
    replay: values.replay,
    limit: values.limit === undefined ? Infinity : whole('--limit', values.limit, 1, 10_000_000),
    speed: values.speed === 'max' ? Infinity : whole('--speed', values.speed, 1, MAX_SPEED),
    faults: {
      offline: values.offline.map((text) => {
        const [, who, span] = match('--offline', text, /^(\d+):(.+)$/, 'PEER:FROM-TO')
        return { peer: peer('--offline', who!), ...readSpan('--offline', span!) }
      }),
      kill: values.kill.map((text) => {
        const [, who, at] = match('--kill', text, /^(\d+)@(.+)$/, 'PEER@AT')
        return { peer: peer('--kill', who!), at: fraction('--kill', at!) }
      }),
      partition: values.partition.map((text) => {
        const [, sides, span] = match('--partition', text, /^([\d,/]+)@(.+)$/, 'A,B/C@FROM-TO')
        return { sides: readSides(sides!, peer), ...readSpan('--partition', span!) }
      }),
    },
    scriptFile: values.script,
    delayMs: whole('--delay', values.delay, 0, 60_000),
    seed: whole('--seed', values.seed, 0, Number.MAX_SAFE_INTEGER),
    traceFolder: values.trace,
    dataFolder: values.data,
    reportFile: values.report,
    exit: values.exit,
  }
}

function readSides(text: string, peer: (option: string, text: string) => number): number[][] {
  const sides = text.split('/').map((side) => side.split(',').map((one) => peer('--partition', one)))
  const named = sides.flat()
  if (new Set(named).size !== named.length) throw new UsageError('--partition names a peer twice.')
  return sides
}

function readSpan(option: string, text: string): Span {
  const [, from, to] = match(option, text, /^([\d.]+)-([\d.]+)$/, 'FROM-TO')
  const span = { from: fraction(option, from!), to: fraction(option, to!) }
  if (span.from >= span.to) throw new UsageError(`${option}: FROM must be less than TO.`)
  return span
}

function fraction(option: string, text: string): number {
  const value = text === '' ? NaN : Number(text)
  if (value >= 0 && value <= 1) return value
  throw new UsageError(`${option}: ${text} is no fraction from 0 to 1.`)
}

function match(option: string, text: string, pattern: RegExp, shape: string): RegExpExecArray {
  const found = pattern.exec(text)
  if (!found) throw new UsageError(`${option} ${text}: expected ${shape}.`)
  return found
}
