import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { openLevelStorage } from '../../src-main/storage/level.ts'
import { isDamagedLog } from '../../src-main/storage/level-files.ts'

/** The log of a store that wrote values of these sizes, one batch each. */
async function logOf(sizes: number[]): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'tapri-log-'))
  try {
    const store = await openLevelStorage(folder)
    for (const [i, size] of sizes.entries())
      await store.write({ put: [[Uint8Array.of(i), new Uint8Array(size).fill(i)]] })
    await store.close()
    const name = (await readdir(folder)).find((file) => file.endsWith('.log'))!
    return new Uint8Array(await readFile(join(folder, name)))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function flipped(log: Uint8Array, at: number): Uint8Array {
  const copy = log.slice()
  copy[at]! ^= 0x55
  return copy
}

const LAST_SIZE = 30
let small: Uint8Array
let large: Uint8Array
beforeAll(async () => {
  small = await logOf([10, 0, 20, 5, LAST_SIZE])
  large = await logOf([100_000, 32 * 1024 - 40, 10, 70_000, LAST_SIZE])
})

test('a log as it was written is intact', async () => {
  expect(await isDamagedLog(small)).toBe(false)
  expect(await isDamagedLog(large)).toBe(false)
  expect(await isDamagedLog(new Uint8Array(0))).toBe(false)
})

test('every changed byte before the last record is noticed', async () => {
  const end = small.length - LAST_SIZE - 40
  for (let at = 0; at < end; at++) expect([at, await isDamagedLog(flipped(small, at))]).toEqual([at, true])
})

test('a changed byte in records of several blocks is noticed', async () => {
  const end = large.length - LAST_SIZE - 40
  for (let at = 0; at < end; at += 9_973)
    expect([at, await isDamagedLog(flipped(large, at))]).toEqual([at, true])
})

test('a log that a crash cut off anywhere is intact', async () => {
  for (let length = 0; length < small.length; length++)
    expect([length, await isDamagedLog(small.subarray(0, length))]).toEqual([length, false])
  for (let length = 0; length < large.length; length += 9_973)
    expect([length, await isDamagedLog(large.subarray(0, length))]).toEqual([length, false])
})

test('zeros at the end, of a disk that had grown the file only, are no damage', async () => {
  const grown = new Uint8Array(small.length + 10_000)
  grown.set(small)
  expect(await isDamagedLog(grown)).toBe(false)
})
