/** What windows are told, and how often: changes of a group within a moment are told once. */
import type { UpdateName } from '../api/contract.ts'
import { isShown } from '../core/timeline.ts'
import type { Entry } from '../core/history.ts'
import { MAX_INVITE_LENGTH } from './arguments.ts'
import type { Delivered } from './group-log.ts'
import type { OpenGroup } from './open-group.ts'
import type { Time } from './time.ts'

/** Changes of a group within this time are told to windows once. */
const SUMMARY_DELAY_MS = 50
const MAX_MESSAGES_PER_UPDATE = 100

export class Updates {
  readonly #time: Time
  /** Told what an update could not be built for. */
  readonly #onFailure: (error: unknown) => void
  readonly #listeners = new Set<(name: UpdateName, argument: unknown) => void>()
  /** Handed over while no window was open. */
  #link: string | undefined

  constructor(time: Time, onFailure: (error: unknown) => void) {
    this.#time = time
    this.#onFailure = onFailure
  }

  /** Tells the listener every update until the returned function is called. */
  listen(listener: (name: UpdateName, argument: unknown) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  tell(name: UpdateName, argument: unknown): void {
    for (const listener of this.#listeners) listener(name, argument)
  }

  /** Nobody is told anything any more. */
  end(): void {
    this.#listeners.clear()
  }

  /** The system handed over a link to a group; what is too long for one is dropped. */
  openLink(link: string): void {
    if (link.length > MAX_INVITE_LENGTH) return
    if (this.#listeners.size === 0) this.#link = link
    else this.tell('linkOpened', { link })
  }

  /** The link that waits for a window, once. */
  takeLink(): string | undefined {
    const link = this.#link
    this.#link = undefined
    return link
  }

  /** What windows list of a group is to be told again. */
  changed(open: OpenGroup | undefined): void {
    if (!open || open.cancelSummary || this.#listeners.size === 0) return
    open.cancelSummary = this.#time.after(SUMMARY_DELAY_MS, () => {
      open.cancelSummary = undefined
      this.tell('groupChanged', open.group.summary(this.#time.monotonicMs()))
      if (open.arePeopleChanged) this.tell('peopleChanged', { group: open.log.group })
      open.arePeopleChanged = false
    })
  }

  peopleChanged(open: OpenGroup): void {
    open.arePeopleChanged = true
    this.changed(open)
  }

  timelineChanged(open: OpenGroup): void {
    this.tell('timelineChanged', { group: open.log.group })
    this.changed(open)
  }

  /** Events were delivered. */
  delivered(open: OpenGroup, delivered: Delivered[]): void {
    const changed = open.group.noteDelivered(delivered)
    this.changed(open)
    this.#announce(open, delivered, changed).catch(this.#onFailure)
  }

  /** Entries were hidden, or came back. */
  async hidden(open: OpenGroup, entries: readonly Entry[]): Promise<void> {
    const changed = await open.group.noteHidden(entries)
    this.timelineChanged(open)
    await this.#announce(open, [], changed)
  }

  /** What could not be read can be read now. */
  async unlocked(open: OpenGroup, entries: readonly Entry[]): Promise<void> {
    const changed = await open.group.noteUnlocked(entries)
    this.timelineChanged(open)
    await this.#announce(open, [], changed)
  }

  async #announce(
    { group, log }: OpenGroup,
    delivered: readonly Delivered[],
    changed: readonly number[],
  ): Promise<void> {
    if (this.#listeners.size === 0) return
    const id = log.group
    for (let i = 0; i < delivered.length; i += MAX_MESSAGES_PER_UPDATE) {
      const shown = delivered.slice(i, i + MAX_MESSAGES_PER_UPDATE).filter(({ event }) => isShown(event.kind))
      const messages = await Promise.all(shown.map((one) => group.fresh(one)))
      if (messages.length > 0) this.tell('messagesDelivered', { group: id, messages })
    }
    const messages = await Promise.all(changed.map((n) => group.message(n)))
    if (messages.length > 0) this.tell('messagesChanged', { group: id, messages })
  }
}
