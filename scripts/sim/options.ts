import { parseArgs } from 'node:util'
import { UsageError, whole } from '../command-line.ts'
import { ALL_FAULTS, FAULTS, NO_FAULTS, type Fault, type Faults } from './faults.ts'

export interface SimOptions {
  /** In the roster. */
  members: number
  /** Of them, those whose devices run. */
  online: number
  events: number
  active: number
  seed: number
  faults: Faults
  /** Ed25519 and SHA-256 instead of their fast stand-ins. */
  realCrypto: boolean
  /** A membership script. */
  scriptFile: string | undefined
  traceFolder: string | undefined
  tracePeers: number
  reportFile: string | undefined
}

/** Up to so many members run the whole messenger. */
export const MAX_MESSENGERS = 20
/** Of more members, only some have an engine each unless --online says otherwise: every engine holds the whole roster. */
const MAX_ONLINE_BY_DEFAULT = 2_000
const ONLINE_OF_MANY = 1_000

export const USAGE = `npm run sim -- [options]
  --members 500         how many members the group has (2 to 10000); up to ${MAX_MESSENGERS} run the whole messenger,
                        more an engine each
  --online N            members whose devices run; the others entered once, stand in everybody's roster,
                        and nothing of them runs (all of up to ${MAX_ONLINE_BY_DEFAULT} members, else ${ONLINE_OF_MANY})
  --events 50000        what they write, all in all (1 to 1000000)
  --active 200          members who write at the busiest hour
  --seed 42             draws everything: the same seed gives the same run
  --faults all|none|LIST
                        of ${FAULTS.join(', ')}
  --real-crypto         SHA-256 and Ed25519 instead of fast stand-ins
  --script FILE         who adds, removes and promotes whom, and when: one step a line, AT WHO ACT [WHOM] [ROLE]; AT is
                        the share of the events that have been written, WHO and WHOM are members from 0. Acts:
                        role, add (with a role), remove, ban, transfer, successor, leave, succeed, defy;
                        divide A,B/C and heal have no WHO. # begins a comment
  --trace DIR           write what peers delivered, in order
  --trace-peers 5       so many peers
  --report FILE         write the summary as JSON`

/** Fails with UsageError. */
export function readOptions(args: string[]): SimOptions {
  let values
  try {
    ;({ values } = parseArgs({
      args,
      options: {
        members: { type: 'string', default: '500' },
        online: { type: 'string' },
        events: { type: 'string', default: '50000' },
        active: { type: 'string', default: '200' },
        seed: { type: 'string', default: '42' },
        faults: { type: 'string', default: 'all' },
        'real-crypto': { type: 'boolean', default: false },
        script: { type: 'string' },
        trace: { type: 'string' },
        'trace-peers': { type: 'string', default: '5' },
        report: { type: 'string' },
      },
    }))
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  const members = whole('--members', values.members, 2, 10_000)
  const least = Math.min(members, MAX_MESSENGERS + 1)
  const usual = members > MAX_ONLINE_BY_DEFAULT ? ONLINE_OF_MANY : members
  const online = values.online === undefined ? usual : whole('--online', values.online, least, members)
  return {
    members,
    online,
    events: whole('--events', values.events, 1, 1_000_000),
    active: Math.min(online, whole('--active', values.active, 1, 10_000)),
    seed: whole('--seed', values.seed, 0, 0xffff_ffff),
    faults: readFaults(values.faults),
    realCrypto: values['real-crypto'],
    scriptFile: values.script,
    traceFolder: values.trace,
    tracePeers: Math.min(online, whole('--trace-peers', values['trace-peers'], 1, 10_000)),
    reportFile: values.report,
  }
}

function readFaults(text: string): Faults {
  if (text === 'all') return ALL_FAULTS
  if (text === 'none') return NO_FAULTS
  const names = text.split(',')
  const wrong = names.find((name) => !(FAULTS as readonly string[]).includes(name))
  if (wrong !== undefined) throw new UsageError(`--faults: ${wrong} is none of ${FAULTS.join(', ')}.`)
  return new Set(names as Fault[])
}
