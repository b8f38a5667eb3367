import type { Progress } from './replay.ts'

const WIDTH = 30
const INTERVAL_MS = 100

/** One line that is drawn again on a terminal; elsewhere a line for every tenth. */
export class ProgressBar {
  readonly #out: NodeJS.WriteStream
  #shownMs = 0
  #shownTenth = -1
  #last: Progress | undefined

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
  }

  show(progress: Progress): void {
    this.#last = progress
    const tenth = Math.floor((progress.posted / progress.lines) * 10)
    if (this.#out.isTTY) {
      const nowMs = performance.now()
      if (nowMs - this.#shownMs < INTERVAL_MS) return
      this.#shownMs = nowMs
      this.#out.write(`\r${draw(progress)}\x1b[K`)
    } else if (tenth > this.#shownTenth) this.#out.write(`${draw(progress)}\n`)
    this.#shownTenth = tenth
  }

  end(): void {
    if (this.#out.isTTY && this.#last) this.#out.write(`\r${draw(this.#last)}\x1b[K\n`)
  }
}

function draw({ lines, posted, skipped, waiting }: Progress): string {
  const full = Math.round((posted / lines) * WIDTH)
  const percent = String(Math.floor((posted / lines) * 100)).padStart(3)
  const suffix = (skipped > 0 ? `, ${skipped} skipped` : '') + (waiting > 0 ? `, ${waiting} waiting` : '')
  return `[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${percent} %  ${posted} of ${lines} posted${suffix}`
}
