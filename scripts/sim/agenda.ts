/** What is going to happen in a world, by its own time. Tasks of one moment run in the order in which they were put in. */
interface Task {
  atMs: number
  order: number
  run(): void
}

const isBefore = (a: Task, b: Task) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

/** A binary heap. */
export class Agenda {
  readonly #tasks: Task[] = []
  #order = 0
  /** The world's time: it begins at 0 and never goes back. */
  nowMs = 0

  /** When the next task is due; Infinity when there is none. */
  get nextMs(): number {
    return this.#tasks[0]?.atMs ?? Infinity
  }

  /** Returns what takes it back. */
  after(delayMs: number, run: () => void): () => void {
    const task = { atMs: this.nowMs + Math.max(0, Math.ceil(delayMs)), order: this.#order++, run }
    const tasks = this.#tasks
    let at = tasks.length
    for (let above; at > 0 && isBefore(task, tasks[(above = (at - 1) >> 1)]!); at = above)
      tasks[at] = tasks[above]!
    tasks[at] = task
    return () => {
      task.run = () => {}
    }
  }

  /** Lets time pass to the next task that is due by endMs, and runs it. False when there is none. */
  step(endMs: number): boolean {
    const tasks = this.#tasks
    const [first] = tasks
    if (!first || first.atMs > endMs) return false
    const last = tasks.pop()!
    if (last !== first) {
      let at = 0
      for (let below = 1; below < tasks.length; below = 2 * at + 1) {
        if (below + 1 < tasks.length && isBefore(tasks[below + 1]!, tasks[below]!)) below++
        if (!isBefore(tasks[below]!, last)) break
        tasks[at] = tasks[below]!
        at = below
      }
      tasks[at] = last
    }
    this.nowMs = Math.max(this.nowMs, first.atMs)
    first.run()
    return true
  }
}
