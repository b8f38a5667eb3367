/**
 * What do threads bring? The same signatures, in the batches of a sync session, verified in this thread and in threads:
 * how many per second, how much of this thread is busy with them, and how long one live event waits beside them.
 */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import type { SignedId } from '../src-main/core/event.ts'
import { sodiumCrypto as crypto } from '../src-main/crypto/sodium.ts'
import { openVerifierPool } from '../src-main/crypto/verifier-pool.ts'
import { inlineVerifier, type Verifier } from '../src-main/crypto/verifier.ts'

const SIGNATURES = 32_000
/** As many as a session has on the way: messenger/syncing.ts. */
const BATCHES_AT_A_TIME = 3
const round = (value: number) => Math.round(value * 1000) / 1000

const key = crypto.keyPair()
const signed: SignedId[] = Array.from({ length: SIGNATURES }, (_, n) => {
  const id = crypto.sha256(Uint8Array.of(n, n >> 8, n >> 16))
  return { id, signature: crypto.sign(id, key.secretKey), publicKey: key.publicKey }
})

async function measure(verifier: Verifier, batchSize: number) {
  const batches = Array.from({ length: Math.floor(SIGNATURES / batchSize) }, (_, i) =>
    signed.slice(i * batchSize, (i + 1) * batchSize),
  )
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  const loop = performance.eventLoopUtilization()
  let next = 0
  await Promise.all(
    Array.from({ length: BATCHES_AT_A_TIME }, async () => {
      for (let batch = batches[next++]; batch; batch = batches[next++])
        if ((await verifier.verify(batch)).includes(false)) throw new Error('a good signature was refused')
    }),
  )
  const seconds = (performance.now() - startMs) / 1000
  const { active } = performance.eventLoopUtilization(loop)
  const { user, system } = process.cpuUsage(cpu)
  const count = batches.length * batchSize
  return {
    batchSize,
    perSecond: Math.round(count / seconds),
    thisThreadUs: round((1000 * active) / count),
    cpuUs: round((user + system) / count),
  }
}

/** One live event at a time, while a session keeps the threads busy. */
async function waitOfOne(verifier: Verifier) {
  const busy = measure(verifier, 64)
  const waits: number[] = []
  for (let i = 0; i < 500; i++) {
    const startMs = performance.now()
    await verifier.verify([signed[i]!])
    waits.push(performance.now() - startMs)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await busy
  waits.sort((a, b) => a - b)
  return { p50Ms: round(waits[250]!), p99Ms: round(waits[495]!) }
}

const inline = inlineVerifier(crypto.verify)
const pool = openVerifierPool()
await measure(inline, 64)
const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
const startMs = performance.now()
await pool.start()
const starting = { ms: Math.round(performance.now() - startMs), longestPauseMs: Math.round(delay.max / 1e6) }
delay.disable()
await measure(pool, 64)
const sizes = [1, 8, 16, 64]
const inThreads = []
for (const size of sizes) inThreads.push(await measure(pool, size))
console.log(
  JSON.stringify({
    question: 'what do threads bring to verification?',
    signatures: SIGNATURES,
    inline: await measure(inline, 64),
    threads: inThreads,
    oneBesideSync: await waitOfOne(pool),
    starting,
  }),
)
await pool.close()
