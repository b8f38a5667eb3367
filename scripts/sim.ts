/**
 * `npm run sim`: a world from a seed, played and judged. Exit code 1 when anything is violated, lost or different,
 * 2 when the run could not be made.
 */
import { writeFile } from 'node:fs/promises'
import { sodiumCrypto } from '../src-main/crypto/sodium.ts'
import { runCommand } from './command-line.ts'
import { ProgressBar } from './demo/progress-bar.ts'
import { readScriptFile } from './membership-script.ts'
import { Crowd } from './sim/crowd.ts'
import { makeFastCrypto } from './sim/fast-crypto.ts'
import { MAX_MESSENGERS, readOptions, USAGE, type SimOptions } from './sim/options.ts'
import { play } from './sim/play.ts'
import { Random } from './sim/random.ts'
import { isGood, summary, type Report } from './sim/report.ts'
import { writeTraces } from './sim/traces.ts'
import { OFFICE_PACE_MS } from './sim/workload.ts'

type Found = Omit<
  Report,
  | 'members'
  | 'online'
  | 'seed'
  | 'faults'
  | 'crypto'
  | 'wallMs'
  | 'peakRssBytes'
  | 'deliveriesPerSecond'
  | 'deliveriesPerCpuSecond'
>

async function main(args: string[]): Promise<number> {
  const options = readOptions(args)
  const startMs = performance.now()
  const startCpu = process.cpuUsage()
  const found = await (options.members <= MAX_MESSENGERS ? playMessengers(options) : playEngines(options))
  const wallMs = Math.round(performance.now() - startMs)
  const { user, system } = process.cpuUsage(startCpu)
  const report: Report = {
    members: options.members,
    online: options.online,
    seed: options.seed,
    faults: [...options.faults],
    crypto: options.realCrypto ? 'real' : 'fast',
    ...found,
    deliveriesPerSecond: Math.round((1000 * found.deliveries) / wallMs),
    deliveriesPerCpuSecond: Math.round((1e6 * found.deliveries) / (user + system)),
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    wallMs,
  }
  console.log(summary(report))
  if (options.reportFile !== undefined)
    await writeFile(options.reportFile, JSON.stringify(report, undefined, 2) + '\n')
  return isGood(report) ? 0 : 1
}

const cryptoOf = ({ realCrypto, seed }: SimOptions) =>
  realCrypto ? sodiumCrypto : makeFastCrypto(new Random(seed))

const scriptOf = async ({ scriptFile, members }: SimOptions) =>
  scriptFile === undefined ? undefined : readScriptFile(scriptFile, members)

async function playMessengers(options: SimOptions): Promise<Found> {
  const { members, events, active, seed, faults, traceFolder, tracePeers } = options
  const crypto = cryptoOf(options)
  const script = await scriptOf(options)
  // Disks that fail are part of this world: what messengers say about them is no news.
  console.error = () => {}
  const { world, result } = await play({
    seed,
    people: members,
    events,
    active,
    paceMs: OFFICE_PACE_MS / 10,
    faults,
    crypto,
    ...(script ? { script } : {}),
  })
  if (traceFolder !== undefined)
    for (const person of world.people.slice(0, tracePeers)) await world.writeTrace(person, traceFolder)
  const diagnostics = await Promise.all(
    world.people.map(({ messenger }) => messenger!.operator.getDiagnostics()),
  )
  const { verdict, latencyMs, done, notDone } = result
  await world.end()
  return {
    peer: 'messenger',
    events: verdict.events,
    deliveries: diagnostics.reduce((sum, { delivered }) => sum + delivered, 0),
    violations: verdict.violationCount,
    violationSentences: verdict.violations,
    lost: verdict.lost + verdict.missing.length,
    identicalTimelines: verdict.identicalTimelines,
    pending: verdict.pending,
    latencyMs,
    metadataBytesPerEvent: diagnostics[0]!.metadataBytes / diagnostics[0]!.delivered,
    worldHours: world.nowMs / 3_600_000,
    ...(script ? { membership: { members: result.members, done, notDone } } : {}),
  }
}

async function playEngines(options: SimOptions): Promise<Found> {
  const { members, online, events, active, seed, faults, traceFolder, tracePeers } = options
  const script = await scriptOf(options)
  const bar = new ProgressBar(process.stdout)
  const crowd = new Crowd({
    seed,
    members,
    online,
    events,
    active,
    faults,
    crypto: cryptoOf(options),
    ...(script ? { script } : {}),
    onProgress: (posted) => bar.show({ lines: events, posted, handedOut: posted, skipped: 0, waiting: 0 }),
  })
  const verdict = crowd.run()
  bar.end()
  if (traceFolder !== undefined) await writeTraces(crowd, traceFolder, tracePeers)
  const figures = crowd.figures()
  const { done, notDone } = crowd.director
  return {
    peer: 'engine',
    events: figures.events,
    deliveries: figures.deliveries,
    violations: verdict.violationCount,
    violationSentences: verdict.violations,
    lost: verdict.lost,
    identicalTimelines: verdict.identicalTimelines,
    pending: verdict.pending,
    latencyMs: figures.latencyMs,
    unorderedLatencyMs: figures.unorderedLatencyMs,
    latencyRatio: figures.latencyRatio,
    metadataBytesPerEvent: figures.metadataBytes.mean,
    worldHours: crowd.agenda.nowMs / 3_600_000,
    ...(script ? { membership: { members: crowd.members(), done, notDone } } : {}),
    engine: figures,
  }
}

await runCommand(USAGE, main)
