/** Delivered events of one group that wait for the keys of their epochs. */
import { toHex } from '../core/bytes.ts'
import { isParticular, type Event } from '../core/event.ts'
import type { Entry, History } from '../core/history.ts'

/** Events that are read again in one go. */
const ENTRIES_PER_TURN = 256

export class LockedEntries {
  /** What one key opens: an epoch comes as a whole, or its lasting part alone. */
  readonly #byKey = new Map<string, Set<Entry>>()

  add({ epoch, kind }: Event, entry: Entry): void {
    const key = `${isParticular(kind)} ${epoch && toHex(epoch)}`
    const entries = this.#byKey.get(key)
    if (entries) entries.add(entry)
    else this.#byKey.set(key, new Set([entry]))
  }

  /** Takes out what can be opened now, in the order of delivery, so much in one go. isOpen is asked once per key. */
  async take(history: History, isOpen: (entry: Entry) => Promise<boolean>): Promise<Entry[][]> {
    const open: Entry[] = []
    for (const [key, entries] of this.#byKey) {
      const [first] = entries
      if (!first || !(await isOpen(first))) continue
      this.#byKey.delete(key)
      open.push(...entries)
    }
    const inOrder = history.inOrder(open)
    return Array.from({ length: Math.ceil(open.length / ENTRIES_PER_TURN) }, (_, i) =>
      inOrder.slice(i * ENTRIES_PER_TURN, (i + 1) * ENTRIES_PER_TURN),
    )
  }
}
