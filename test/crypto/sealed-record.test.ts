import { expect, test } from 'vitest'
import { ascii, fromHex, toHex } from '../../src-main/core/bytes.ts'
import { openRecord, sealRecord } from '../../src-main/crypto/sealed-record.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'

const KEY = Uint8Array.from({ length: 32 }, (_, i) => i)
const [value, place] = [ascii('value'), ascii('place')]
/** Made when the format was: it must open for good. */
const OLD = '313f0431a1d11408f053cd0f2fdceac3a299fc76f77304c1353db5b83f3d4af7fd410631f812c15bb37f134483'

test('a sealed record opens in its place, with its key, and unaltered', () => {
  const record = sealRecord(value, place, KEY, crypto)
  expect(openRecord(record, place, KEY, crypto)).toEqual(value)
  expect(openRecord(record, ascii('other'), KEY, crypto)).toBeUndefined()
  expect(openRecord(record, place, KEY.with(0, 1), crypto)).toBeUndefined()
  for (const at of [0, 24, record.length - 1])
    expect(openRecord(record.with(at, record[at]! ^ 1), place, KEY, crypto)).toBeUndefined()
  for (const length of [0, 23, 24, 39])
    expect(openRecord(record.subarray(0, length), place, KEY, crypto)).toBeUndefined()
})

test('the same is never sealed alike', () => {
  const records = Array.from({ length: 10 }, () => toHex(sealRecord(value, place, KEY, crypto)))
  expect(new Set(records).size).toBe(10)
})

test('what was once sealed opens for good', () => {
  expect(openRecord(fromHex(OLD), place, KEY, crypto)).toEqual(value)
})
