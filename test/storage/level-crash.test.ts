import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { decodeN, encodeN, within } from '../../src-main/storage/keys.ts'
import { openLevelStorage } from '../../src-main/storage/level.ts'

test('a process that is killed between batches leaves whole batches, and all that it had acknowledged', async () => {
  const path = await mkdtemp(join(tmpdir(), 'tapri-crash-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  const writer = `
    import { openLevelStorage } from ${JSON.stringify(join(import.meta.dirname, '../../src-main/storage/level.ts'))}
    import { encodeN } from ${JSON.stringify(join(import.meta.dirname, '../../src-main/storage/keys.ts'))}
    const store = await openLevelStorage(${JSON.stringify(path)})
    for (let n = 1; ; n++) {
      await store.write({ put: [[Uint8Array.of(1, ...encodeN(n)), encodeN(n)], [Uint8Array.of(2, ...encodeN(n)), encodeN(n)]] })
      console.log(n)
    }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', writer], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let acknowledged = 0
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged = Number(line)
    if (acknowledged === 200) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  const store = await openLevelStorage(path)
  const read = async (table: number) => {
    const rows: number[] = []
    for await (const [key] of store.range(within(Uint8Array.of(table)))) rows.push(decodeN(key))
    return rows
  }
  const [first, second] = [await read(1), await read(2)]
  expect(first).toEqual(second)
  expect(first.length).toBeGreaterThanOrEqual(acknowledged)
  expect(first).toEqual(Array.from(first, (_, i) => decodeN(encodeN(i + 1))))
  await store.close()
})
