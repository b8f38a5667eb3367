/**
 * `npm run demo`: peers as processes of their own on loopback replay a conversation; what they delivered is checked.
 * Exit code 1 when anything is violated, lost or different, 2 when the run could not be made.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { GroupId, GroupSummary, UserId } from '../src-main/api/contract.ts'
import type { Diagnostics } from '../src-main/api/operator.ts'
import { ensureBuilt } from './build.ts'
import { InputError, runCommand } from './command-line.ts'
import { checkTraces, readTrace } from './demo/check-trace.ts'
import { scriptedPartitions } from './demo/faults.ts'
import { MAX_LOG_SIZE_BYTES, readConversation, type Conversation } from './demo/irc-log.ts'
import { readOptions, USAGE, type DemoOptions } from './demo/options.ts'
import { Peer } from './demo/peer.ts'
import { ProgressBar } from './demo/progress-bar.ts'
import { Replay } from './demo/replay.ts'
import { isGood, makeReport, summary } from './demo/report.ts'
import { cutPeers, readScriptFile, type Step } from './membership-script.ts'

const SAMPLE = join(import.meta.dirname, 'demo', 'sample.raw.txt')
const MEET_TIMEOUT_MS = 60_000
const AGREE_TIMEOUT_MS = 60_000
const AGREE_INTERVAL_MS = 300

async function main(args: string[]): Promise<number> {
  const options = readOptions(args)
  const conversation = await readLog(options)
  const script =
    options.scriptFile === undefined ? [] : await readScriptFile(options.scriptFile, options.peers)
  if (!options.exit) ensureBuilt()
  const folder = await folderOf(options)
  const cluster = new Cluster(options, folder)
  const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  let isKept = true
  try {
    const outcome = await Promise.race([run(options, conversation, script, cluster), interrupted])
    if (typeof outcome !== 'boolean') return 130
    isKept = options.dataFolder !== undefined || !outcome
    if (options.exit) return outcome ? 0 : 1
    console.log('\nThe peers stay up. Open their windows in a browser on this machine:')
    for (const [i, { url }] of cluster.peers.entries()) console.log(`  peer ${i}  ${url}`)
    console.log('Ctrl+C ends them.')
    await Promise.race([interrupted, cluster.lost])
    return outcome ? 0 : 1
  } finally {
    await cluster.stop()
    if (isKept) console.log(`The data of the peers is kept in ${folder}.`)
    else await rm(folder, { recursive: true, force: true })
  }
}

/** Where the peers keep their data: an empty folder. */
async function folderOf({ dataFolder }: DemoOptions): Promise<string> {
  if (dataFolder === undefined) return mkdtemp(join(tmpdir(), 'tapri-demo-'))
  let names: string[]
  try {
    await mkdir(dataFolder, { recursive: true })
    names = await readdir(dataFolder)
  } catch (cause) {
    throw new InputError(`${dataFolder} cannot be used as a folder.`, { cause })
  }
  if (names.length > 0) throw new InputError(`${dataFolder} is not empty.`)
  return resolve(dataFolder)
}

async function run(
  options: DemoOptions,
  conversation: Conversation,
  script: readonly Step[],
  cluster: Cluster,
): Promise<boolean> {
  const { lines } = conversation
  const name = basename(options.replay ?? 'sample', '.raw.txt')
  console.log(`Starting ${options.peers} peers …`)
  await cluster.start()
  const group = await cluster.meet(name)
  const answers = lines.filter((line) => line.answers.length > 0).length
  console.log(`Replaying ${lines.length} lines of ${name}, ${answers} of them answers.`)
  const bar = new ProgressBar(process.stdout)
  const replay = new Replay({
    peers: cluster.peers,
    group,
    lines,
    peerOf: cast(conversation, options),
    speed: options.speed,
    faults: { ...options.faults, partition: [...options.faults.partition, ...scriptedPartitions(script)] },
    script,
    users: await cluster.users(),
    beforeKill: (peer) => cluster.noteDiagnostics(peer),
    onProgress: (progress) => bar.show(progress),
  })
  cluster.onDelivered = (peer, ids) => replay.noteDelivered(peer, ids)
  cluster.onGroup = (peer, summary) => replay.noteGroup(peer, summary)
  cluster.lost.catch((error: unknown) => replay.fail(error))
  const result = await replay.run()
  bar.end()
  if (!result.isComplete) console.log('Nothing moved for a minute: the run is incomplete.')
  for (const sentence of result.notDone) console.log(`Not done: ${sentence}`)
  const membership = await cluster.agree(group)
  if (!membership.isAgreed) console.log('The peers do not agree within a minute on who belongs to the group.')
  const traceFolder = options.traceFolder ?? join(cluster.folder, 'trace')
  await mkdir(traceFolder, { recursive: true })
  const files = await cluster.writeTraces(group, traceFolder)
  const traces = await Promise.all(files.map(readTrace))
  const tracesOf = (peers: readonly number[]) => peers.map((peer) => traces[peer]!)
  const cut = cutPeers(script)
  const peerOf = cast(conversation, options)
  const posted = lines.flatMap(({ line, nick }) =>
    result.skipped.has(line)
      ? []
      : [{ line, answers: result.answered.get(line) ?? [], mayBeCut: cut.has(peerOf(nick)) }],
  )
  const { members, outsiders } = membership
  const verdict = checkTraces(tracesOf(members), { lines: posted }, tracesOf(outsiders))
  for (const peer of cluster.peers) await cluster.noteDiagnostics(peer)
  const report = await makeReport({
    peers: options.peers,
    replay: name,
    seed: options.seed,
    lines: lines.length,
    skippedLines: conversation.skipped,
    skippedAnnotations: conversation.skippedAnnotations,
    ...(script.length > 0
      ? {
          membership: {
            members,
            out: outsiders,
            hidden: new Set(traces.flatMap(({ end }) => end?.hidden ?? [])).size,
            linesOfPeersOut: result.skipped.size,
            stepsNotDone: result.notDone.length,
          },
        }
      : {}),
    result,
    verdict,
    diagnostics: cluster.diagnostics,
    dataFolders: cluster.dataFolders,
  })
  console.log(summary(report))
  for (const violation of verdict.violations) console.log(`  ! ${violation}`)
  if (options.reportFile) await writeFile(options.reportFile, JSON.stringify(report, null, 2) + '\n')
  if (options.traceFolder) console.log(`The traces are in ${options.traceFolder}.`)
  return isGood(report) && result.isComplete && membership.isAgreed
}

/** The processes, and what is known about them. */
class Cluster {
  readonly folder: string
  readonly peers: Peer[]
  readonly dataFolders: string[]
  /** Of every process, taken before its end. */
  readonly diagnostics: Diagnostics[] = []
  /** Rejects when a peer ended by itself. */
  readonly lost: Promise<never>
  onDelivered: (peer: number, ids: string[]) => void = () => {}
  onGroup: (peer: number, summary: GroupSummary) => void = () => {}
  #onGroup: () => void = () => {}

  constructor({ peers, delayMs }: DemoOptions, folder: string) {
    const { promise, reject } = Promise.withResolvers<never>()
    promise.catch(() => {})
    this.lost = promise
    this.folder = folder
    this.dataFolders = Array.from({ length: peers }, (_, i) => join(folder, `peer-${i}`))
    this.peers = this.dataFolders.map(
      (dataFolder, i) =>
        new Peer({
          dataFolder,
          name: `Peer ${i}`,
          delayMs,
          onLost: (reason) => reject(new Error(reason)),
          onUpdate: (name, argument) => {
            if (name === 'groupChanged') {
              this.#onGroup()
              if ('joined' in argument) this.onGroup(i, argument)
            } else if (name === 'messagesDelivered' && 'messages' in argument)
              this.onDelivered(
                i,
                argument.messages.map(({ id }) => id),
              )
          },
        }),
    )
  }

  async start(): Promise<void> {
    await Promise.all(this.peers.map((peer) => peer.start()))
  }

  /** The first peer founds a group, the others join; resolves when each knows all and has a link to them. */
  async meet(name: string): Promise<GroupId> {
    const [founder, ...others] = this.peers
    const { id } = await founder!.call.createGroup({ name })
    const { invite } = await founder!.call.createInvite({ group: id })
    await Promise.all(others.map((peer) => peer.call.joinGroup({ invite })))
    const signal = AbortSignal.timeout(MEET_TIMEOUT_MS)
    for (;;) {
      const changed = new Promise<void>((resolve, reject) => {
        this.#onGroup = resolve
        signal.onabort = () => reject(new Error('The peers did not all meet within a minute.'))
      })
      const states = await Promise.all(this.peers.map((peer) => peer.call.getState()))
      const hasMet = states.every(({ groups }) => {
        const group = groups.find((one) => one.id === id)
        return group?.joined && group.online === this.peers.length
      })
      if (hasMet) return id
      await Promise.race([changed, this.lost])
    }
  }

  /** The person at each peer. */
  async users(): Promise<UserId[]> {
    const states = await Promise.all(this.peers.map((peer) => peer.call.getState()))
    return states.map(({ identity }) => identity.user)
  }

  /** Waits until everybody who believes to be in knows exactly the others who do, with their roles, and all that they have. */
  async agree(group: GroupId): Promise<{ isAgreed: boolean; members: number[]; outsiders: number[] }> {
    const users = await this.users()
    const signal = AbortSignal.timeout(AGREE_TIMEOUT_MS)
    for (let before: string | undefined; ;) {
      const states = await Promise.all(this.peers.map((peer) => peer.call.getState()))
      const isMember = states.map(({ groups }) =>
        groups.some(({ id, joined, role }) => id === group && joined && role),
      )
      const members = users.flatMap((_, i) => (isMember[i] ? [i] : []))
      const outsiders = users.flatMap((_, i) => (isMember[i] ? [] : [i]))
      const expected = members.map((i) => users[i]!).sort()
      const views = await Promise.all(
        members.map(async (i) => {
          const { call } = this.peers[i]!
          const { people } = await call.getPeople({ group })
          const { delivered, pending } = await call.getDiagnostics()
          const isExpected =
            people
              .map(({ user }) => user)
              .sort()
              .join() === expected.join()
          const roles = people.map(({ user, role }) => [user, role]).sort()
          return isExpected && pending === 0 ? JSON.stringify([roles, delivered]) : undefined
        }),
      )
      const view = views.every((other) => other === views[0]) ? views[0] : undefined
      // What somebody wrote who is out may still be on its way: nothing changes between two looks.
      const isAgreed = view !== undefined && view === before
      before = view
      if (isAgreed || signal.aborted) return { isAgreed, members, outsiders }
      await setTimeout(AGREE_INTERVAL_MS)
    }
  }

  async noteDiagnostics(peer: Peer): Promise<void> {
    this.diagnostics.push(await peer.call.getDiagnostics())
  }

  async writeTraces(group: GroupId, folder: string): Promise<string[]> {
    const traces = await Promise.all(this.peers.map((peer) => peer.call.writeTrace({ group, folder })))
    return traces.map(({ file }) => file)
  }

  async stop(): Promise<void> {
    await Promise.all(this.peers.map((peer) => peer.stop()))
  }
}

/** Binds every speaker to one peer, by the seed; somebody who changes nick stays where they are. */
function cast({ renamed }: Conversation, { peers, seed }: DemoOptions): (nick: string) => number {
  return (nick) => {
    const seen = new Set<string>()
    while (renamed.has(nick) && !seen.has(nick)) {
      seen.add(nick)
      nick = renamed.get(nick)!
    }
    return createHash('sha256').update(`${seed} ${nick}`).digest().readUInt32BE() % peers
  }
}

/** Fails with InputError when there is nothing to replay in it. */
async function readLog({ replay = SAMPLE, limit }: DemoOptions): Promise<Conversation> {
  const annotationFile = replay.replace(/(\.raw)?\.txt$/, '.annotation.txt')
  let log: Buffer
  let annotation: Buffer | undefined
  try {
    const { size } = await stat(replay)
    if (size > MAX_LOG_SIZE_BYTES) throw new Error(`it is larger than ${MAX_LOG_SIZE_BYTES} bytes`)
    log = await readFile(replay)
    if (annotationFile !== replay && existsSync(annotationFile)) annotation = await readFile(annotationFile)
  } catch (error) {
    throw new InputError(`${replay} cannot be read: ${(error as Error).message}`)
  }
  if (log.length === 0) throw new InputError(`${replay} is empty: there is nothing to replay.`)
  const conversation = readConversation(log, annotation, limit)
  const { lines, skipped } = conversation
  if (lines.length === 0)
    throw new InputError(
      `${replay} is no chat log: not one of its ${skipped} lines has the form "[HH:MM] <nick> text".`,
    )
  if (skipped > 0) console.log(`Skipped ${skipped} lines that are in no known form.`)
  return conversation
}

await runCommand(USAGE, main)
