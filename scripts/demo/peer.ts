/** One peer of a demo: a headless process with its own data folder, driven over its WebSocket. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'
import { COMMAND_NAMES, UPDATE_NAMES, type Commands, type Updates } from '../../src-main/api/contract.ts'
import { AppError } from '../../src-main/api/errors.ts'
import { OPERATOR_COMMAND_NAMES, type OperatorCommands } from '../../src-main/api/operator.ts'
import { connectRpc } from '../../src-main/api/rpc.ts'
import { MAX_FRAME_BYTES, type Transport } from '../../src-main/api/transport.ts'

const HEADLESS = join(import.meta.dirname, '..', '..', 'src-main', 'headless.ts')
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 10_000

export interface PeerOptions {
  dataFolder: string
  name: string
  delayMs?: number
  onUpdate<K extends keyof Updates>(name: K, argument: Parameters<Updates[K]>[0]): void
  /** The process ended, or its WebSocket did, without stop() or kill(). */
  onLost(reason: string): void
}

export class Peer {
  readonly #options: PeerOptions
  #child: ChildProcess | undefined
  #calls: (Commands & OperatorCommands) | undefined
  #isEnding = false
  #isStopped = false
  /** Public key, the same after every start. */
  key = ''
  /** Opens its window in a browser. */
  url = ''

  constructor(options: PeerOptions) {
    this.#options = options
  }

  get isRunning(): boolean {
    return this.#calls !== undefined
  }

  /** Commands of the window and of the operator. Throws while there is no process. */
  get call(): Commands & OperatorCommands {
    if (!this.#calls) throw new Error('the peer is not running')
    return this.#calls
  }

  /** Starts the process on its data folder. What it prints to stderr goes to the file `log` there. */
  async start(): Promise<void> {
    const { dataFolder, name, delayMs = 0, onLost } = this.#options
    await mkdir(dataFolder, { recursive: true })
    if (this.#isStopped) throw new Error(`${name} was stopped`)
    this.#isEnding = false
    const child = spawn(
      process.execPath,
      [
        // `node --cpu-prof scripts/demo.ts` is about the peers.
        ...process.execArgv.filter((argument) => argument.startsWith('--cpu-prof')),
        ...[HEADLESS, '--data', dataFolder, '--name', name, '--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns'],
        ...['--delay', String(delayMs), '--operator', '--json', '--attached'],
      ],
      { stdio: ['pipe', 'pipe', 'pipe'] },
    )
    this.#child = child
    // Open as long as this process lives: the peer ends with it, however it ends.
    child.stdin.on('error', () => {})
    child.stderr.pipe(createWriteStream(join(dataFolder, 'log'), { flags: 'a' }))
    child.once('exit', (code, signal) => {
      this.#calls = undefined
      if (!this.#isEnding)
        onLost(`${name} ended by itself (${signal ?? code}); see ${join(dataFolder, 'log')}`)
    })
    const { url, peer } = await this.#announced(child)
    this.url = url
    this.key = peer
    await this.#connect(url)
  }

  /** SIGKILL: as if the power went. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** For good: it cannot be started again. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#end('SIGTERM')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    this.#isEnding = true
    this.#calls = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await ended
    clearTimeout(late)
  }

  async #announced(child: ChildProcess): Promise<{ url: string; peer: string }> {
    const lines = createInterface({ input: child.stdout! })
    const signal = AbortSignal.any([AbortSignal.timeout(START_TIMEOUT_MS), aborted(child)])
    try {
      const [line] = (await once(lines, 'line', { signal })) as [string]
      return JSON.parse(line) as { url: string; peer: string }
    } catch (cause) {
      child.kill('SIGKILL')
      const { name, dataFolder } = this.#options
      throw new Error(`${name} did not start; see ${join(dataFolder, 'log')}`, { cause })
    }
  }

  async #connect(url: string): Promise<void> {
    const { onUpdate, onLost, name } = this.#options
    const { host, hash } = new URL(url)
    const socket = new WebSocket(`ws://${host}/rpc`, ['tapri', hash.replace('#token=', '')], {
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false,
    })
    await once(socket, 'open', { signal: AbortSignal.timeout(START_TIMEOUT_MS) })
    const transport: Transport = {
      send: (frame) => socket.send(frame),
      onFrame: (listener) => void socket.on('message', (data: Buffer) => listener(data.toString('utf8'))),
      onClose: (listener) => void socket.once('close', listener),
      close: () => socket.close(),
    }
    const updates = Object.fromEntries(
      UPDATE_NAMES.map((update) => [update, (argument: never) => onUpdate(update, argument)]),
    ) as unknown as Updates
    const rpc = connectRpc<Commands & OperatorCommands, Updates>(transport, {
      remote: [...COMMAND_NAMES, ...OPERATOR_COMMAND_NAMES],
      local: updates,
      localNames: UPDATE_NAMES,
      onProblem: (problem) => {
        // What a command fails with, whoever called it is told.
        if (!this.#isEnding && !(problem instanceof AppError)) onLost(`${name}: ${String(problem)}`)
      },
    })
    socket.once('close', () => {
      if (!this.#isEnding) onLost(`${name} closed its connection`)
    })
    this.#calls = rpc.call
  }
}

/** Aborted when the process ends. */
function aborted(child: ChildProcess): AbortSignal {
  const controller = new AbortController()
  child.once('exit', () => controller.abort(new Error('the process ended')))
  child.once('error', (error) => controller.abort(error))
  return controller.signal
}
