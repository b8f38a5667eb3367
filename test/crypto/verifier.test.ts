import { afterEach, expect, test } from 'vitest'
import { MAX_VERIFYING_EVENTS } from '../../src-main/core/limits.ts'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import {
  openVerifierPool,
  type VerifierPool,
  type VerifierPoolOptions,
} from '../../src-main/crypto/verifier-pool.ts'
import { inlineVerifier } from '../../src-main/crypto/verifier.ts'
import { signedIds, verifierContract } from '../contract/verifier.ts'

verifierContract('in this thread', async () => inlineVerifier(sodiumCrypto.verify))
verifierContract('threads', async () => {
  const pool = openVerifierPool({ threads: 2, onProblem: fail })
  await pool.start()
  return pool
})
verifierContract('threads that are not ready', async () => openVerifierPool({ threads: 1, onProblem: fail }))

function fail(sentence: string): never {
  throw new Error(sentence)
}

const pools: VerifierPool[] = []
const problems: string[] = []
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close()
  problems.length = 0
})

/** A pool whose threads run this text. */
function poolOf(text: string, options: VerifierPoolOptions = {}): VerifierPool {
  const worker = new URL(`data:text/javascript,${encodeURIComponent(text)}`)
  const pool = openVerifierPool({
    threads: 1,
    worker,
    onProblem: (one) => void problems.push(one),
    ...options,
  })
  pools.push(pool)
  return pool
}

const PORT = `import { parentPort } from 'node:worker_threads'; parentPort.postMessage('ready');`
/** Says of everything that it is valid, which is how one sees that it was asked. */
const CREDULOUS = `${PORT} parentPort.on('message', (r) => parentPort.postMessage(Array(r.length / 128).fill(true)))`
const MORTAL = `${PORT} parentPort.on('message', () => { throw new Error('no more') })`
const SILENT = `${PORT} parentPort.on('message', () => {})`
const isEven = (n: number) => n % 2 === 0
const bad = (count: number) => signedIds(count, () => false)

test('large batches go to the threads, and small ones do not', async () => {
  const pool = poolOf(CREDULOUS)
  await pool.start()
  expect(await pool.verify(bad(100))).toEqual(Array(100).fill(true))
  expect(await pool.verify(bad(1))).toEqual([false])
})

test('one large batch is answered per turn of the event loop', async () => {
  for (const pool of [poolOf(CREDULOUS), poolOf(SILENT.replace(PORT, ''))]) {
    if (pool === pools[0]) await pool.start()
    let turn = 0
    let isOver = false
    const countTurns = () => {
      turn++
      if (!isOver) setImmediate(countTurns)
    }
    countTurns()
    const answeredIn = await Promise.all(
      Array.from({ length: 5 }, () => pool.verify(signedIds(64)).then(() => turn)),
    )
    isOver = true
    expect(new Set(answeredIn).size).toBe(5)
  }
})

test.each([
  ['dies', MORTAL, 'failed (no more)'],
  ['says nothing', SILENT, 'did not answer'],
])('what a thread had that %s is verified all the same; it is started again once', async (_, text, cause) => {
  const pool = poolOf(text, { silenceTimeoutMs: 200 })
  await pool.start()
  const told = (consequence: string) => `A thread that verifies signatures ${cause}. ${consequence}`
  const answers = Promise.all([pool.verify(signedIds(200, isEven)), pool.verify(signedIds(70))])
  expect(await answers).toEqual([Array.from({ length: 200 }, (_, n) => isEven(n)), Array(70).fill(true)])
  expect(problems).toEqual([told('It is started again.')])
  await pool.start().catch(() => {})
  expect(await pool.verify(signedIds(100, isEven))).toEqual(Array.from({ length: 100 }, (_, n) => isEven(n)))
  expect(problems).toEqual([told('It is started again.'), told('The main thread does its work.')])
  await expect(pool.start()).rejects.toThrow()
})

test('a thread that cannot start is no obstacle', async () => {
  const pool = poolOf(`throw new Error('no such file')`)
  await expect(pool.start()).rejects.toThrow('failed (no such file)')
  expect(await pool.verify(signedIds(100, isEven))).toEqual(Array.from({ length: 100 }, (_, n) => isEven(n)))
})

test('whoever brings more than threads are to have waits, and gets its answer', async () => {
  const pool = poolOf(
    `${PORT} parentPort.on('message', (r) => setImmediate(() => parentPort.postMessage(Array(r.length / 128).fill(true))))`,
  )
  await pool.start()
  const done: string[] = []
  const ask = (name: string, count: number) => pool.verify(bad(count)).then(() => done.push(name))
  const all = [
    ask('full', MAX_VERIFYING_EVENTS - 50),
    ask('fits', 50),
    ask('waits', 8),
    ask('waits too', 100),
  ]
  expect(pool.verifying).toBe(MAX_VERIFYING_EVENTS)
  await Promise.all(all)
  expect(done).toEqual(['full', 'fits', 'waits', 'waits too'])
  expect(pool.verifying).toBe(0)
})

test('what waits at the end is given up', async () => {
  const pool = poolOf(SILENT)
  await pool.start()
  const waiting = [100, MAX_VERIFYING_EVENTS].map((count) => pool.verify(bad(count)))
  const results = Promise.allSettled(waiting)
  await pool.close()
  for (const result of await results) expect(result).toMatchObject({ reason: { code: 'CLOSED' } })
  expect(problems).toEqual([])
})
