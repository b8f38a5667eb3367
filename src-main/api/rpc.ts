/**
 * Typed calls over a Transport, both ways: a window calls commands, the messenger sends updates.
 * Built on birpc; what is added here is what hostile or broken input needs: frames are parsed with limits,
 * methods are own properties of a given list only, and errors cross as data and arrive as AppError again.
 */
import { createBirpc } from 'birpc'
import { AppError, ERROR_CODES, errorData, type ErrorData } from './errors.ts'
import { MAX_FRAME_BYTES, type Transport } from './transport.ts'

/** A call that was not answered by then fails with TIMED_OUT. */
export const CALL_TIMEOUT_MS = 30_000

type Functions = Record<string, (...args: never[]) => unknown>

export interface Rpc<Remote extends object> {
  /** Calls that wait for an answer; fail with AppError. */
  call: Remote
  /** Sends without waiting; never fails, a closed link drops it. */
  notify: Remote
  close(): void
}

export interface RpcOptions<Remote extends object, Local extends object> {
  /** What this side can call. */
  remote: readonly (keyof Remote & string)[]
  /** What this side answers. */
  local: Local
  localNames: readonly (keyof Local & string)[]
  /** Frames and calls that were refused, and defects: for the log. */
  onProblem?: (problem: unknown) => void
}

/** Connects two function tables over a transport. Every call has a timeout; closing rejects what waits. */
export function connectRpc<Remote extends object, Local extends object>(
  transport: Transport,
  { remote, local, localNames, onProblem = () => {} }: RpcOptions<Remote, Local>,
): Rpc<Remote> {
  const answerable = new Set<string>(localNames)
  const rpc = createBirpc<Functions, Functions, false>(local as Functions, {
    proxify: false,
    timeout: CALL_TIMEOUT_MS,
    post: (frame: string) => transport.send(frame),
    on: (listener) => transport.onFrame(listener),
    serialize,
    deserialize,
    resolver: (name, found) => reporting(answerable.has(name) ? found : refuse(name), onProblem),
    onGeneralError: (error, answered) => {
      onProblem(error)
      // A frame that nobody waits for ends here; whoever waits for an answer that cannot be sent gets the error instead.
      return error instanceof BadFrame || answered !== undefined
    },
    onTimeoutError: (name) => {
      throw new AppError('TIMED_OUT', `No answer to ${name} within ${CALL_TIMEOUT_MS / 1000} s.`)
    },
  })
  const closed = () => rpc.$close(new AppError('CLOSED', 'The connection to Tapri is closed.'))
  transport.onClose(closed)

  const table = (send: (name: string, args: unknown[]) => unknown) =>
    Object.fromEntries(remote.map((name) => [name, (...args: unknown[]) => send(name, args)])) as Remote
  return {
    call: table(async (name, args) => {
      try {
        return await rpc.$callRaw({ method: name, args })
      } catch (error) {
        if (error instanceof AppError) throw error
        throw new AppError('CLOSED', 'The connection to Tapri is closed.', { cause: error })
      }
    }),
    notify: table((name, args) => {
      if (rpc.$closed) return
      rpc.$callRaw({ method: name, args, event: true }).catch(onProblem)
    }),
    close() {
      closed()
      transport.close()
    },
  }
}

class BadFrame extends Error {}

function refuse(name: string) {
  return () => {
    throw new AppError('UNKNOWN_COMMAND', `There is no command ${JSON.stringify(name.slice(0, 40))}.`)
  }
}

/** Tells of defects, also in what nobody waits for. */
function reporting(answer: (...args: never[]) => unknown, onProblem: (problem: unknown) => void) {
  return async (...args: never[]) => {
    try {
      return await answer(...args)
    } catch (error) {
      if (!(error instanceof AppError)) onProblem(error)
      throw error
    }
  }
}

function serialize(frame: { e?: unknown }): string {
  const text = JSON.stringify(frame.e === undefined ? frame : { ...frame, e: errorData(frame.e) })
  if (text.length > MAX_FRAME_BYTES) throw new AppError('INTERNAL', 'A frame is larger than a window takes.')
  return text
}

function deserialize(text: unknown): unknown {
  if (typeof text !== 'string' || text.length > MAX_FRAME_BYTES) throw new BadFrame('not a frame')
  let frame: unknown
  try {
    frame = JSON.parse(text)
  } catch {
    throw new BadFrame('not JSON')
  }
  if (typeof frame !== 'object' || frame === null) throw new BadFrame('not an object')
  const { t, i, m, a, r, e } = frame as Record<string, unknown>
  if (t === 'q' && typeof m === 'string' && Array.isArray(a) && (i === undefined || typeof i === 'string'))
    return { t, i, m, a }
  if (t === 's' && typeof i === 'string') return { t, i, r, e: e === undefined ? undefined : asAppError(e) }
  throw new BadFrame('neither a call nor an answer')
}

function asAppError(value: unknown): AppError {
  const { code, message, data } = (value ?? {}) as Partial<ErrorData>
  if (typeof code !== 'string' || !Object.hasOwn(ERROR_CODES, code) || typeof message !== 'string')
    return new AppError('INTERNAL', 'Tapri answered with an error that this window does not know.')
  return new AppError(code, message, data === undefined ? {} : { data })
}
