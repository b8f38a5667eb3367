import type {
  Commands,
  DeviceTag,
  EventId,
  GroupId,
  Message,
  Quote,
  UserId,
} from '../../src-main/api/contract.ts'

/** A message of mine that is not final yet, shaped like a message so that the timeline shows it as one. */
export interface Outgoing {
  message: Message
  /** failed keeps the error, to be told in words. */
  status: 'sending' | 'failed'
  error?: unknown
}

/** Who writes here. */
export interface Author {
  device: DeviceTag
  user?: UserId | undefined
  name: string
}

/** Sorts after every real key. */
const LAST_KEY = '~'

let lastNumber = 0

/** Messages of mine on their way into one group: shown at once, final once the messenger has them on disk. */
export class Outbox {
  readonly #group: GroupId
  readonly #post: Commands['post']
  readonly #settled: (message: Message, localId: EventId) => void
  list = $state.raw<readonly Outgoing[]>([])

  constructor(
    group: GroupId,
    post: Commands['post'],
    /** Called with the final message; in the same breath the bubble leaves the list. */
    settled: (message: Message, localId: EventId) => void,
  ) {
    this.#group = group
    this.#post = post
    this.#settled = settled
  }

  find(id: EventId): Outgoing | undefined {
    return this.list.find((outgoing) => outgoing.message.id === id)
  }

  async send(text: string, replyTo: Quote | undefined, author: Author): Promise<void> {
    const message: Message = {
      id: `local-${++lastNumber}`,
      key: LAST_KEY + String(lastNumber).padStart(12, '0'),
      n: -1,
      kind: 'message',
      device: author.device,
      user: author.user,
      author: author.name,
      own: true,
      text,
      sentAtMs: Date.now(),
      replyTo,
      reactions: [],
    }
    this.list = [...this.list, { message, status: 'sending' }]
    await this.#try(message)
  }

  async retry(id: EventId): Promise<void> {
    const outgoing = this.find(id)
    if (outgoing?.status !== 'failed') return
    this.#set({ message: outgoing.message, status: 'sending' })
    await this.#try(outgoing.message)
  }

  discard(id: EventId): void {
    this.list = this.list.filter((outgoing) => outgoing.message.id !== id)
  }

  /**
   * The bubble that a delivered message of mine came from. The update may overtake the answer to post, so this
   * goes by what was said; the answer then finds nothing left to do.
   */
  claim(delivered: Message): Outgoing | undefined {
    const same = this.list.filter(
      ({ message }) => message.text === delivered.text && message.replyTo?.id === delivered.replyTo?.id,
    )
    const found = same.find(({ status }) => status === 'sending') ?? same[0]
    if (found !== undefined) this.discard(found.message.id)
    return found
  }

  async #try(message: Message): Promise<void> {
    try {
      const { text, replyTo } = message
      const final = await this.#post({ group: this.#group, text, replyTo: replyTo?.id })
      this.discard(message.id)
      this.#settled(final, message.id)
    } catch (error) {
      if (this.find(message.id) !== undefined) this.#set({ message, status: 'failed', error })
    }
  }

  #set(changed: Outgoing): void {
    this.list = this.list.map((outgoing) => (outgoing.message.id === changed.message.id ? changed : outgoing))
  }
}
