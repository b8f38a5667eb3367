import { afterAll, describe, expect, test, vi } from 'vitest'
import { AppError } from '../../src-main/api/errors.ts'
import { CALL_TIMEOUT_MS, connectRpc } from '../../src-main/api/rpc.ts'
import { MAX_FRAME_BYTES, type Transport } from '../../src-main/api/transport.ts'

// birpc keeps the timers that it finds when it is loaded.
vi.hoisted(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterAll(() => void vi.useRealTimers())

/** One end of a wire: what is sent comes out at the other. */
class End implements Transport {
  other!: End
  readonly sent: string[] = []
  #listener: (frame: string) => void = () => {}
  #onClose: () => void = () => {}
  send(frame: string) {
    this.sent.push(frame)
    queueMicrotask(() => this.other.#listener(frame))
  }
  onFrame(listener: (frame: string) => void) {
    this.#listener = listener
  }
  onClose(listener: () => void) {
    this.#onClose = listener
  }
  close() {
    this.#onClose()
    this.other.#onClose()
  }
}

function wire(): [End, End] {
  const [a, b] = [new End(), new End()]
  a.other = b
  b.other = a
  return [a, b]
}

interface Commands {
  double(n: number): Promise<number>
  fail(what: 'expected' | 'defect'): Promise<void>
  large(length: number): Promise<string>
  wait(): Promise<void>
  nothing(): Promise<void>
}
const NAMES = ['double', 'fail', 'large', 'wait', 'nothing'] as const

function connected() {
  const [window, main] = wire()
  const problems: unknown[] = []
  const local = {
    double: async (n: number) => 2 * n,
    async fail(what: string) {
      if (what === 'defect') throw new Error('at /home/alice/secret.ts:7')
      throw new AppError('UNKNOWN_GROUP', 'No such group.', { data: { group: 'g', tries: 3 } })
    },
    large: async (length: number) => 'x'.repeat(length),
    wait: () => new Promise<void>(() => {}),
    nothing: async () => {},
    unlisted: async () => 'must not be reached',
  }
  connectRpc<object, typeof local>(main, {
    remote: [],
    local,
    localNames: NAMES,
    onProblem: (problem) => problems.push(problem),
  })
  const { call, notify, close } = connectRpc<Commands, object>(window, {
    remote: NAMES,
    local: {},
    localNames: [],
  })
  /** Sends a frame as it is, and lets everything it causes happen. */
  const inject = async (frame: string) => {
    window.send(frame)
    await call.nothing()
  }
  return { window, main, call, notify, close, problems, inject }
}

const answers = ({ sent }: End, id: string) =>
  sent
    .map((frame) => JSON.parse(frame) as { i: string; e?: unknown; r?: unknown })
    .filter(({ i }) => i === id)

describe('calls', () => {
  test('a call is answered', async () => {
    const { call } = connected()
    expect(await Promise.all([call.double(21), call.double(-1)])).toEqual([42, -2])
    expect(await call.nothing()).toBeUndefined()
  })

  test('a notification is carried out and not answered', async () => {
    const { main, notify, call } = connected()
    void notify.double(1)
    await call.nothing()
    expect(main.sent).toHaveLength(1)
  })

  test('a notification that fails is a problem for the log, and nothing more', async () => {
    const { problems, notify, call } = connected()
    void notify.fail('defect')
    expect(await call.double(1)).toBe(2)
    expect(problems).toHaveLength(1)
  })

  test.each([
    'constructor',
    '__proto__',
    'toString',
    'hasOwnProperty',
    'valueOf',
    'prototype',
    'then',
    '$close',
    'unlisted',
    'missing',
    '',
  ])('%j is no command', async (name) => {
    const { main, inject } = connected()
    await inject(JSON.stringify({ t: 'q', i: 'x', m: name, a: [] }))
    expect(answers(main, 'x')).toMatchObject([{ e: { code: 'UNKNOWN_COMMAND' } }])
    expect(answers(main, 'x')[0]!.r).toBeUndefined()
  })

  test('a call that nobody answers times out', async () => {
    const { call } = connected()
    const waiting = expect(call.wait()).rejects.toMatchObject({ code: 'TIMED_OUT' })
    await vi.advanceTimersByTimeAsync(CALL_TIMEOUT_MS)
    await waiting
  })
})

describe('frames', () => {
  test.each([
    'no JSON',
    '',
    'null',
    '42',
    '"text"',
    '[]',
    '{}',
    '{"t":"q"}',
    '{"t":"q","i":"x","m":"double"}',
    '{"t":"q","i":"x","m":7,"a":[]}',
    '{"t":"q","i":"x","m":"double","a":{}}',
    '{"t":"q","i":{},"m":"double","a":[1]}',
    '{"t":"s"}',
    '{"t":"s","i":"never asked","r":1}',
    '{"t":"?","i":"x"}',
    `{"__proto__":{"t":"q","i":"x","m":"double","a":[1]}}`,
  ])('%s is dropped, and the next call is answered', async (frame) => {
    const { main, call, inject } = connected()
    await inject(frame)
    expect(await call.double(2)).toBe(4)
    expect(answers(main, 'x')).toEqual([])
  })

  test('an oversized frame is dropped unread', async () => {
    const { main, problems, inject } = connected()
    await inject(JSON.stringify({ t: 'q', i: 'x', m: 'double', a: ['x'.repeat(MAX_FRAME_BYTES)] }))
    expect(answers(main, 'x')).toEqual([])
    expect(problems).toHaveLength(1)
  })

  test('an answer that is too large is an error for whoever asked', async () => {
    const { call } = connected()
    await expect(call.large(MAX_FRAME_BYTES)).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(await call.large(1)).toBe('x')
  })

  test('a call that is too large fails at once', async () => {
    const { call } = connected()
    const large = 'x'.repeat(MAX_FRAME_BYTES) as unknown as number
    await expect(call.double(large)).rejects.toMatchObject({ code: 'INTERNAL' })
  })
})

describe('errors', () => {
  test('an expected failure crosses with its code, sentence and data', async () => {
    const failure = await connected()
      .call.fail('expected')
      .catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(AppError)
    expect(failure).toMatchObject({
      code: 'UNKNOWN_GROUP',
      message: 'No such group.',
      data: { group: 'g', tries: 3 },
    })
  })

  test('a defect crosses as INTERNAL only, and is a problem for the log', async () => {
    const { main, call, problems } = connected()
    await expect(call.fail('defect')).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(main.sent.join()).not.toContain('secret')
    expect(problems).toMatchObject([{ message: 'at /home/alice/secret.ts:7' }])
  })

  test.each([
    ['of an unknown code', { code: 'MADE_UP', message: 'x' }],
    ['with an inherited name for a code', { code: 'constructor', message: 'x' }],
    ['without a sentence', { code: 'CLOSED' }],
    ['that is no object', 'x'],
    ['that is null', null],
  ])('an answer with an error %s is INTERNAL', async (_, e) => {
    const { window, main, call } = connected()
    const waiting = call.wait()
    const { i } = JSON.parse(window.sent[0]!) as { i: string }
    main.send(JSON.stringify({ t: 's', i, e }))
    await expect(waiting).rejects.toMatchObject({ code: 'INTERNAL' })
  })
})

describe('the end', () => {
  test('closing rejects what waits and whatever follows', async () => {
    const { call, notify, close } = connected()
    const waiting = expect(call.wait()).rejects.toMatchObject({ code: 'CLOSED' })
    close()
    await waiting
    await expect(call.double(1)).rejects.toMatchObject({ code: 'CLOSED' })
    void notify.double(1)
  })

  test('the other side going away rejects what waits', async () => {
    const { main, call } = connected()
    const waiting = expect(call.wait()).rejects.toMatchObject({ code: 'CLOSED' })
    main.close()
    await waiting
  })
})
