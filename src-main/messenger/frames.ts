/** The frames of one stream: read one by one, and sent in order beside that. */
import { EVENTS_FRAME_SIZE_BYTES } from '../core/limits.ts'
import { decodeFrame, type Frame } from '../core/sync.ts'
import type { FrameStream } from '../network/network.ts'
import { inTime, type Time } from './time.ts'

export type SyncFault =
  'bad-frame' | 'unexpected-frame' | 'not-admitted' | 'too-many-refused' | 'too-many-sessions'

const FIRST_FRAME_TIMEOUT_MS = 10_000
const MAX_SENT_FRAMES_WAITING = 64
/** What somebody who is refused had sent already. */
const MAX_DRAINED_FRAMES = 64

/** A session ends for a reason that is the peer's. */
export class Fault extends Error {
  readonly reason: SyncFault
  constructor(reason: SyncFault) {
    super(reason)
    this.reason = reason
  }
}

/** It was told why it is not admitted, and is to read that before the stream is gone. */
export class Refused extends Fault {
  constructor() {
    super('not-admitted')
  }
}

/** Frames of a stream, decoded one by one; undefined at its end. */
export class Frames {
  readonly #frames: AsyncIterator<Uint8Array>
  readonly #time: Time
  #next: Promise<Frame | undefined> | undefined
  #isFirst = true

  constructor(stream: FrameStream, time: Time) {
    this.#time = time
    this.#frames = stream.frames[Symbol.asyncIterator]()
  }

  /** The same frame again until it is there, for whoever asks. */
  next(): Promise<Frame | undefined> {
    this.#next ??= this.#read().finally(() => (this.#next = undefined))
    return this.#next
  }

  /** Resolves when the other side has ended the stream, or has had the time to. Never rejects. */
  async drained(): Promise<void> {
    const late = () => new Error('no end in time')
    const ended = async () => {
      for (let count = 0; count < MAX_DRAINED_FRAMES; count++) if ((await this.#frames.next()).done) return
    }
    await inTime(ended(), FIRST_FRAME_TIMEOUT_MS, this.#time, late).catch(() => {})
  }

  async #read(): Promise<Frame | undefined> {
    const next = this.#frames.next()
    const silent = () => new Error('no first frame in time')
    const { done, value } = await (this.#isFirst
      ? inTime(next, FIRST_FRAME_TIMEOUT_MS, this.#time, silent)
      : next)
    this.#isFirst = false
    if (done) return undefined
    const frame = decodeFrame(value)
    if (!frame) throw new Fault('bad-frame')
    return frame
  }
}

/** Sends in order, beside the reading. */
export class SendQueue {
  readonly #stream: FrameStream
  #tail: Promise<void> = Promise.resolve()
  #waiting = 0
  readonly #onFailure: (error: unknown) => void

  constructor(stream: FrameStream, onFailure: (error: unknown) => void) {
    this.#stream = stream
    this.#onFailure = onFailure
  }

  /** Fails when the peer makes this side send without reading what comes. */
  push(frame: Uint8Array): void {
    if (++this.#waiting > MAX_SENT_FRAMES_WAITING) throw new Fault('unexpected-frame')
    this.run(async (send) => {
      this.#waiting--
      await send(frame)
    })
  }

  run(task: (send: (frame: Uint8Array) => Promise<void>) => Promise<void>): void {
    this.#tail = this.#tail.then(() => task((frame) => this.#stream.send(frame)))
    this.#tail.catch(this.#onFailure)
  }

  /** Everything, also what was added while waiting, has been sent. */
  async done(): Promise<void> {
    for (let tail; tail !== this.#tail;) await (tail = this.#tail)
  }
}

/** In groups that fit into one frame; a single larger event still travels alone. */
export async function* batches(
  events: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array[]> {
  let batch: Uint8Array[] = []
  let sizeBytes = 0
  for await (const event of events) {
    if (batch.length > 0 && sizeBytes + event.length > EVENTS_FRAME_SIZE_BYTES) {
      yield batch
      batch = []
      sizeBytes = 0
    }
    batch.push(event)
    sizeBytes += event.length
  }
  if (batch.length > 0) yield batch
}
