/**
 * A verifier with threads of its own, so that catching up leaves this one free.
 *
 * 1. Small batches are verified here and at once: a live message waits for no thread.
 * 2. Threads start with the first large batch. While none is ready, or none is left, large batches are verified here
 *    too, a few milliseconds per turn. Threads make it faster, never right or wrong.
 * 3. One large batch is answered per turn of the event loop: whoever asked has work to do with it.
 * 4. A thread that dies or says nothing is started once more, then given up; what it had is done by the others.
 */
import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { MAX_VERIFYING_EVENTS } from '../core/limits.ts'
import type { SignedId } from '../core/event.ts'
import { sodiumCrypto } from './sodium.ts'
import { RECORD_SIZE_BYTES, toRecords, verifierClosed, verifyRecords, type Verifier } from './verifier.ts'

/**
 * One core is left for everything else. One thread verifies about as many events as this one takes in meanwhile, and
 * costs 30 MB; a second makes up for a slow first.
 */
const THREADS = Math.max(1, Math.min(2, availableParallelism() - 1))
/**
 * Smaller batches are verified here. Handing one signature over costs this thread as much as verifying it, and a live
 * message waits neither for a thread nor behind others: bench/verify.ts.
 */
const MIN_BATCH = 8
/** What a thread, or a turn of this one, is given at a time: 2 to 3 ms of work. */
const JOB_SIZE_BYTES = 64 * RECORD_SIZE_BYTES
/** A thread that says nothing for so long when it has work, or when it starts, hangs. */
const SILENCE_TIMEOUT_MS = 10_000
const STARTS_PER_THREAD = 2

export interface VerifierPoolOptions {
  threads?: number
  /** The module that threads run. */
  worker?: URL
  /** For a thread that has work. */
  silenceTimeoutMs?: number
  /** A thread was lost; an English sentence. */
  onProblem?(sentence: string): void
}

export interface VerifierPool extends Verifier {
  /** Signatures that threads have been given, or this one in their place. */
  readonly verifying: number
  /** Resolves when its threads are ready; verify() does not need that. Fails with an Error when one is lost. */
  start(): Promise<void>
}

export function openVerifierPool(options: VerifierPoolOptions = {}): VerifierPool {
  return new Pool(options)
}

interface Job {
  records: Uint8Array
  verdicts: PromiseWithResolvers<boolean[]>
}

class Pool implements VerifierPool {
  readonly #options: Required<VerifierPoolOptions>
  #threads: Thread[] | undefined
  verifying = 0
  #room = Promise.withResolvers<void>()
  /** The turn of the event loop that is given away already. */
  #turn = Promise.resolve()
  #closed: Promise<void> | undefined

  constructor({ threads, worker, silenceTimeoutMs, onProblem }: VerifierPoolOptions) {
    // Beside this module: as TypeScript, or in the bundle.
    const beside = new URL(`./verifier-worker${extname(import.meta.url)}`, import.meta.url)
    this.#options = {
      threads: threads ?? THREADS,
      worker: worker ?? beside,
      silenceTimeoutMs: silenceTimeoutMs ?? SILENCE_TIMEOUT_MS,
      onProblem: onProblem ?? ((sentence) => console.error(sentence)),
    }
  }

  async start(): Promise<void> {
    if (this.#closed) throw verifierClosed()
    const threads = this.#running()
    if (threads.length === 0) throw new Error('no thread is left')
    await Promise.all(threads.map(({ ready }) => ready))
  }

  async verify(signed: readonly SignedId[]): Promise<boolean[]> {
    if (this.#closed) throw verifierClosed()
    const records = toRecords(signed)
    if (signed.length < MIN_BATCH) return verifyRecords(records, sodiumCrypto.verify)
    while (this.verifying > 0 && this.verifying + signed.length > MAX_VERIFYING_EVENTS) {
      await this.#room.promise
      if (this.#closed) throw verifierClosed()
    }
    this.verifying += signed.length
    try {
      const jobs: Job[] = []
      for (let at = 0; at < records.length; at += JOB_SIZE_BYTES)
        jobs.push({ records: records.subarray(at, at + JOB_SIZE_BYTES), verdicts: Promise.withResolvers() })
      for (const job of jobs) this.#assign(job)
      const verdicts = await Promise.all(jobs.map((job) => job.verdicts.promise))
      await this.#nextTurn()
      return verdicts.flat()
    } finally {
      this.verifying -= signed.length
      this.#room.resolve()
      this.#room = Promise.withResolvers()
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#room.resolve()
    const threads = this.#threads ?? []
    for (const thread of threads) for (const { verdicts } of thread.jobs) verdicts.reject(verifierClosed())
    await Promise.all([this.#turn, ...threads.map((thread) => thread.stop())])
  }

  #assign(job: Job): void {
    const [idlest] = this.#running()
      .filter(({ isReady }) => isReady)
      .sort((a, b) => a.jobs.length - b.jobs.length)
    if (idlest) return idlest.take(job)
    void this.#nextTurn().then(() => {
      if (this.#closed) job.verdicts.reject(verifierClosed())
      else job.verdicts.resolve(verifyRecords(job.records, sodiumCrypto.verify))
    })
  }

  #nextTurn(): Promise<void> {
    this.#turn = this.#turn.then(() => setImmediate())
    return this.#turn
  }

  #running(): Thread[] {
    const { threads } = this.#options
    this.#threads ??= Array.from({ length: threads }, () => this.#startThread(STARTS_PER_THREAD))
    return this.#threads
  }

  #startThread(starts: number): Thread {
    const { worker, silenceTimeoutMs, onProblem } = this.#options
    return new Thread(worker, silenceTimeoutMs, (thread, cause) => {
      if (this.#closed) return
      const threads = this.#threads!
      const [end, start] = [threads.indexOf(thread), starts > 1 ? [this.#startThread(starts - 1)] : []]
      threads.splice(end, 1, ...start)
      const consequence =
        start.length > 0
          ? 'It is started again.'
          : threads.length > 0
            ? 'The others do its work.'
            : 'The main thread does its work.'
      onProblem(`A thread that verifies signatures ${cause}. ${consequence}`)
      for (const job of thread.jobs) this.#assign(job)
    })
  }
}

/** One worker. Answers come in the order of the jobs. */
class Thread {
  readonly jobs: Job[] = []
  isReady = false
  /** Rejects when the thread is lost. */
  readonly ready: Promise<void>
  readonly #worker: Worker
  readonly #silenceTimeoutMs: number
  #isSilent = false
  #timer: NodeJS.Timeout | undefined

  constructor(module: URL, silenceTimeoutMs: number, onLost: (thread: Thread, cause: string) => void) {
    this.#silenceTimeoutMs = silenceTimeoutMs
    this.#worker = new Worker(module, { name: 'verifier' })
    const ready = Promise.withResolvers<void>()
    this.ready = ready.promise
    this.ready.catch(() => {})
    let cause = 'ended'
    this.#worker.on('error', (error) => (cause = `failed (${(error as Error).message})`))
    this.#worker.once('exit', () => {
      clearTimeout(this.#timer)
      if (this.#isSilent) cause = 'did not answer'
      ready.reject(new Error(cause))
      onLost(this, cause)
    })
    this.#worker.once('message', () => {
      this.isReady = true
      ready.resolve()
      this.#watch()
      this.#worker.on('message', (verdicts: boolean[]) => this.#answer(verdicts))
    })
    this.#expectWord(SILENCE_TIMEOUT_MS)
  }

  take(job: Job): void {
    this.jobs.push(job)
    // The thread gets a copy: if it dies, the job is somebody else's.
    const records = job.records.slice()
    this.#worker.postMessage(records, [records.buffer as ArrayBuffer])
    if (this.jobs.length === 1) this.#watch()
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#worker.terminate()
  }

  #answer(verdicts: boolean[]): void {
    this.jobs.shift()!.verdicts.resolve(verdicts)
    this.#watch()
  }

  #watch(): void {
    clearTimeout(this.#timer)
    // A thread without work keeps no process alive.
    if (this.jobs.length === 0) return this.#worker.unref()
    this.#worker.ref()
    this.#expectWord(this.#silenceTimeoutMs)
  }

  #expectWord(timeoutMs: number): void {
    this.#timer = setTimeout(() => {
      this.isReady = false
      this.#isSilent = true
      void this.#worker.terminate()
    }, timeoutMs).unref()
  }
}
