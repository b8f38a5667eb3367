/**
 * Rebuilds the graph of a group from its log, behind the screen, and checks it: every id, link and chain, and every
 * proof of a fork. Then, and only when all of that is in order,
 *
 * 1. the records that the screen is read from (records.ts) are compared with what follows from the log;
 * 2. where they disagree, they are written again: nothing is lost with them, so they are repaired and no damage.
 *
 * It works in slices, between which everything else has its turn.
 */
import type { EventId, GroupId } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import { equalBytes, toHex } from '../core/bytes.ts'
import type { Engine } from '../core/engine.ts'
import type { Event } from '../core/event.ts'
import type { Entry } from '../core/history.ts'
import { decodeEvents } from '../core/sync.ts'
import {
  decodeN,
  deviceRange,
  eventRange,
  forkRange,
  personRange,
  reactionRange,
  settingsRange,
  timelineRange,
  type KeyRange,
} from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'
import { decodeReaction, type Content } from './content.ts'
import type { Particulars } from './particulars.ts'
import {
  answeredBy,
  decodePlaced,
  deviceOf,
  deviceRow,
  personOf,
  personRow,
  placeRow,
  reactionRow,
  settingsRow,
  shownInPlaceOf,
  type Row,
} from './records.ts'
import type { Time } from './time.ts'

const SLICE_MS = 10
const ROWS_PER_WRITE = 256

export interface RestoringParts {
  group: GroupId
  /** Without a single event. */
  engine: Engine
  /** Of that engine, likewise. */
  particulars: Particulars
  storage: Storage
  /** How many events the log should hold. */
  total: number
  time: Time
  /** Ends it; its reason is what run() fails with. */
  signal: AbortSignal
  onEvent(event: Event): void
  /** What an event says, as far as this device can read it. */
  contentOf(event: Event, entry: Entry): Content
}

export class Restoring {
  readonly #parts: RestoringParts
  /** n of what an event answers. */
  readonly #answers = new Map<Entry, number>()
  /** The message that an event is a reaction to. */
  readonly #reactions = new Map<Entry, EventId>()
  /** Events that cannot be read here: what their records say of their content stays as it is. */
  readonly #locked = new Set<Entry>()
  /** Those of them that are recorded as reactions. */
  readonly #lockedReactions = new Set<Entry>()
  #sliceStartMs: number

  constructor(parts: RestoringParts) {
    this.#parts = parts
    this.#sliceStartMs = parts.time.monotonicMs()
  }

  /** Returns whether records had to be repaired. Fails with AppError STORE_CORRUPT, having written nothing. */
  async run(): Promise<boolean> {
    await this.#replay()
    await this.#replayProofs()
    if (this.#parts.engine.history.forks.version > 0) this.#parts.particulars.foldAgain()
    const wrong = await this.#wrongRecords()
    if (wrong) await this.#repair(wrong)
    return wrong !== undefined
  }

  async #replay(): Promise<void> {
    const { group, engine, particulars, storage, total, onEvent, contentOf } = this.#parts
    const { log } = engine.history
    for await (const [key, bytes] of storage.range(eventRange(group))) {
      const n = log.length + 1
      const restored = decodeN(key) === n ? engine.restore(bytes) : { reason: 'gap' as const }
      if ('reason' in restored) throw damaged(group, `event ${n}: ${restored.reason}`)
      const { event, entry } = restored
      onEvent(event)
      const content = contentOf(event, entry)
      if (content.locked) this.#locked.add(entry)
      particulars.note(content, entry)
      const answers = answeredBy(engine, content, entry)
      if (answers !== undefined) this.#answers.set(entry, answers)
      const reaction = decodeReaction(content)
      if (reaction) this.#reactions.set(entry, reaction.target)
      await this.#turn()
    }
    if (log.length !== total) throw damaged(group, `${log.length} of ${total} events are there`)
  }

  /** Every record that follows from the graph, whoever it is about. */
  *#peopleRows(): Generator<Row> {
    const { group, engine, particulars, total } = this.#parts
    const { roster } = engine
    for (const { tag } of roster.devices()) yield deviceRow(group, deviceOf(engine, tag)!)
    for (const user of roster.everybody()) {
      const person = personOf(engine, particulars, user)
      if (person) yield personRow(group, person)
    }
    if (total > 0 && particulars.isSet) yield settingsRow(group, particulars.settings)
  }

  async #replayProofs(): Promise<void> {
    const { group, engine, storage } = this.#parts
    for await (const [, proof] of storage.range(forkRange(group))) {
      const [one, other, ...rest] = decodeEvents(proof) ?? []
      if (!one || !other || rest.length > 0 || !engine.restoreProof(one, other))
        throw damaged(group, 'a proof cannot be read')
      await this.#turn()
    }
  }

  /** Keys that should not be there, or not hold what they do; undefined when every record is as it should be. */
  async #wrongRecords(): Promise<Uint8Array[] | undefined> {
    const { group, engine } = this.#parts
    const { log } = engine.history
    const wrong: Uint8Array[] = []
    let right = 0
    const compare = async (range: KeyRange, expected: (row: Row) => Row | undefined) => {
      for await (const row of this.#parts.storage.range(range)) {
        const [key, value] = expected(row) ?? []
        if (key && value && equalBytes(key, row[0]) && equalBytes(value, row[1])) right++
        else wrong.push(row[0])
        await this.#turn()
      }
    }
    await compare(timelineRange(group), (row) => {
      const { n, answers } = decodePlaced(row[1])
      const entry = log[n - 1]
      if (entry && this.#locked.has(entry) && answers !== undefined) this.#answers.set(entry, answers)
      return this.#placeRow(entry)
    })
    await compare(reactionRange(group), (row) => {
      const entry = log[decodeN(row[0]) - 1]
      if (!entry || !this.#locked.has(entry)) return this.#reactionRow(entry)
      // Whether it counts is known, what it is about is not.
      if (!engine.history.forks.isVisible(entry) || this.#lockedReactions.has(entry)) return undefined
      this.#lockedReactions.add(entry)
      return row
    })
    const people = new Map([...this.#peopleRows()].map((row) => [toHex(row[0]), row]))
    for (const range of [deviceRange(group), personRange(group), settingsRange(group)])
      await compare(range, ([key]) => people.get(toHex(key)))
    let expected = people.size + this.#lockedReactions.size
    for (const entry of log) {
      if (this.#isPlaced(entry)) expected++
      if (this.#isReaction(entry)) expected++
      await this.#turn()
    }
    return wrong.length > 0 || right !== expected ? wrong : undefined
  }

  async #repair(wrong: Uint8Array[]): Promise<void> {
    const { storage } = this.#parts
    for (let i = 0; i < wrong.length; i += ROWS_PER_WRITE)
      await storage.write({ put: [], remove: wrong.slice(i, i + ROWS_PER_WRITE) })
    let put: Row[] = []
    for (const row of this.#rows()) {
      put.push(row)
      if (put.length === ROWS_PER_WRITE) {
        await storage.write({ put })
        put = []
      }
      await this.#turn()
    }
    await storage.write({ put })
  }

  /** Every record that follows from the log. */
  *#rows(): Generator<Row> {
    const { engine } = this.#parts
    yield* this.#peopleRows()
    for (const entry of engine.history.log) {
      const row = this.#placeRow(entry) ?? this.#reactionRow(entry)
      if (row) yield row
    }
  }

  #placeRow(entry: Entry | undefined): Row | undefined {
    if (!entry || !this.#isPlaced(entry)) return undefined
    return placeRow(this.#parts.group, entry, this.#nOf(entry), this.#answers.get(entry))
  }

  #reactionRow(entry: Entry | undefined): Row | undefined {
    if (!entry || !this.#isReaction(entry)) return undefined
    return reactionRow(this.#parts.group, this.#reactions.get(entry)!, this.#nOf(entry))
  }

  #nOf(entry: Entry): number {
    return this.#parts.engine.history.nOf(entry)
  }

  #isPlaced(entry: Entry): boolean {
    return shownInPlaceOf(this.#parts.engine, entry) === entry
  }

  #isReaction(entry: Entry): boolean {
    return this.#reactions.has(entry) && this.#parts.engine.history.forks.isVisible(entry)
  }

  /** Lets everything else have its turn once the slice is used up. */
  async #turn(): Promise<void> {
    const { time, signal } = this.#parts
    if (time.monotonicMs() - this.#sliceStartMs >= SLICE_MS) {
      await new Promise<void>((resolve) => void time.after(0, resolve))
      this.#sliceStartMs = time.monotonicMs()
    }
    signal.throwIfAborted()
  }
}

/** What is wrong with the log of a group on this disk. */
export function damaged(group: GroupId, what: string): AppError {
  return new AppError(
    'STORE_CORRUPT',
    `The messages of group ${group.slice(0, 8)} on this disk are damaged (${what}). Nothing was changed. ` +
      'Move the data folder away to keep it, start Tapri again, and join the group with a new invite: ' +
      'the other members still have the messages.',
  )
}
