/**
 * A FrameStream over a libp2p stream: unsigned varint length, then the frame. Reading stops asking for more while a few
 * frames wait to be taken, so the sender's window closes; sending waits until the window has taken everything.
 */
import type { Stream } from '@libp2p/interface'
import { decode, encodingLength, encode } from 'uint8-varint'
import { Uint8ArrayList } from 'uint8arraylist'
import { MAX_FRAME_SIZE_BYTES, STREAM_IDLE_TIMEOUT_MS, type FrameStream, type PeerKey } from '../network.ts'

/** Frames parsed and not yet taken, at which reading pauses. */
const MAX_FRAMES_WAITING = 8
const CLOSE_TIMEOUT_MS = 5_000
const MAX_PREFIX_SIZE = encodingLength(MAX_FRAME_SIZE_BYTES)

/** onOversized is told before the stream is aborted for a frame over its limit. delayMs holds every frame back. */
export function frameStream(
  stream: Stream,
  peer: PeerKey,
  onOversized: () => void,
  delayMs: number,
): FrameStream {
  abortWhenIdle(stream)
  const reader = new FrameReader(stream, onOversized)
  return {
    peer,
    frames: { [Symbol.asyncIterator]: () => reader.read(delayMs) },
    async send(frame) {
      if (frame.length > MAX_FRAME_SIZE_BYTES) throw new TypeError('frame is oversized')
      stream.send(new Uint8ArrayList(encode(frame.length), frame))
      await drained(stream)
    },
    async close() {
      try {
        await stream.close({ signal: AbortSignal.timeout(CLOSE_TIMEOUT_MS) })
      } catch (error) {
        stream.abort(error as Error)
      }
    },
    abort: (reason) => stream.abort(new Error(reason)),
  }
}

/** libp2p's own inactivityTimeout of a stream is not looked at by anybody. */
function abortWhenIdle(stream: Stream): void {
  if (stream.status !== 'open') return
  const timer = setTimeout(() => stream.abort(new Error('nothing moved')), STREAM_IDLE_TIMEOUT_MS)
  const moved = () => void timer.refresh()
  stream.addEventListener('message', moved)
  stream.addEventListener('idle', moved)
  stream.addEventListener('close', () => clearTimeout(timer))
}

/**
 * Resolves when the other side's window has taken all that was sent. The stream's own onDrain() resolves whenever
 * anything of the connection drains, and at once after its first use.
 */
async function drained(stream: Stream): Promise<void> {
  const isDrained = () => stream.writeBufferLength === 0 && !stream.writableNeedsDrain
  if (isDrained()) return
  const result = Promise.withResolvers<void>()
  const look = () => {
    if (stream.status !== 'open') result.reject(new Error('the stream broke'))
    else if (isDrained()) result.resolve()
  }
  const types = ['idle', 'drain', 'close'] as const
  for (const type of types) stream.addEventListener(type, look)
  try {
    await result.promise
  } finally {
    for (const type of types) stream.removeEventListener(type, look)
  }
}

class FrameReader {
  readonly #stream: Stream
  readonly #onOversized: () => void
  readonly #buffer = new Uint8ArrayList()
  readonly #frames: Uint8Array[] = []
  #ended = false
  #wake = () => {}

  constructor(stream: Stream, onOversized: () => void) {
    this.#stream = stream
    this.#onOversized = onOversized
    stream.addEventListener('message', (event) => {
      this.#buffer.append(event.data)
      this.#parse()
    })
    const end = () => {
      this.#ended = true
      this.#wake()
    }
    // A closed stream may still hold bytes that have not been read.
    const endIfRead = () => {
      if (stream.readableEnded || stream.status !== 'closed') end()
    }
    stream.addEventListener('end', end)
    stream.addEventListener('close', endIfRead)
    // The other side may have been done with it before anybody listened.
    if (stream.status !== 'open') endIfRead()
  }

  async *read(delayMs: number): AsyncGenerator<Uint8Array> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame) {
        if (this.#frames.length === 0) {
          if (this.#stream.readStatus === 'paused') this.#stream.resume()
          this.#parse()
        }
        if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
        yield frame
      } else if (this.#ended) {
        const isWhole = this.#buffer.byteLength === 0
        if (this.#stream.status === 'aborted' || this.#stream.status === 'reset' || !isWhole)
          throw new Error('the stream broke')
        return
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }

  #parse(): void {
    while (this.#buffer.byteLength > 0 && this.#frames.length < MAX_FRAMES_WAITING) {
      const prefix = this.#buffer.subarray(0, Math.min(MAX_PREFIX_SIZE, this.#buffer.byteLength))
      const isComplete = prefix.some((byte) => byte < 0x80)
      if (!isComplete && prefix.length < MAX_PREFIX_SIZE) break
      const length = isComplete ? decode(prefix) : Infinity
      if (length > MAX_FRAME_SIZE_BYTES) {
        this.#onOversized()
        this.#stream.abort(new Error('frame is oversized'))
        return
      }
      const prefixSize = prefix.findIndex((byte) => byte < 0x80) + 1
      if (this.#buffer.byteLength < prefixSize + length) break
      this.#frames.push(this.#buffer.slice(prefixSize, prefixSize + length))
      this.#buffer.consume(prefixSize + length)
    }
    if (this.#frames.length >= MAX_FRAMES_WAITING && this.#stream.readStatus === 'readable')
      this.#stream.pause()
    this.#wake()
  }
}
