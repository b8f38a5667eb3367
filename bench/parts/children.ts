/** Parts of a benchmark in processes of their own: the parent asks, the child answers, one thing after the other. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** Longer than anything here takes. */
const LIMIT_MS = 60_000

type Answers = Record<string, (argument: never) => unknown>

export class Child {
  readonly #process: ChildProcess

  /** Runs the file again, as a child with the same arguments. */
  constructor(file: string) {
    this.#process = fork(file, process.argv.slice(2))
  }

  async ask<T>(question: string, argument?: unknown): Promise<T> {
    this.#process.send([question, argument])
    const given = new AbortController()
    const signal = AbortSignal.any([given.signal, AbortSignal.timeout(LIMIT_MS)])
    const died = once(this.#process, 'exit', { signal }).then(() => undefined)
    const answer = once(this.#process, 'message', { signal }) as Promise<[T]>
    try {
      const first = await Promise.race([answer, died])
      if (first) return first[0]
    } catch (cause) {
      throw new Error(`no answer to ${question}`, { cause })
    } finally {
      given.abort()
      died.catch(() => {})
      answer.catch(() => {})
    }
    throw new Error(`a child died over ${question}`)
  }

  async end(): Promise<void> {
    this.#process.disconnect()
    await once(this.#process, 'exit')
  }
}

/** Answers until the parent has no more questions, or is gone. */
export function answerParent(answers: Answers): void {
  process.on('disconnect', () => process.exit())
  process.on('message', async ([question, argument]: [string, never]) => {
    process.send!((await answers[question]!(argument)) ?? null)
  })
}
