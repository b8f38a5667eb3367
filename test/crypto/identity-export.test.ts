import { describe, expect, test } from 'vitest'
import {
  MAX_EXPORT_SIZE_BYTES,
  MAX_EXPORTED_NAME_SIZE_BYTES,
  MAX_PASSPHRASE_SIZE_BYTES,
  MAX_PASSWORD_MEMORY_KIB,
  MAX_PASSWORD_PASSES,
} from '../../src-main/core/limits.ts'
import type { Crypto } from '../../src-main/crypto/crypto.ts'
import { exportIdentity, importIdentity } from '../../src-main/crypto/identity-export.ts'
import { MODERATE_COST } from '../../src-main/crypto/passphrase.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'

const CHEAP = { passes: 1, memoryKiB: 8 }
const PREFIX = 'tapri-identity:'
const alice = { entropy: Uint8Array.from({ length: 32 }, (_, i) => i), name: 'Älice' }
const PASSPHRASE = 'correct horse'
/** Made when the format was: it must open for good. */
const OLD =
  'tapri-identity:AQEAAAAIvj8bMOFVDUrFDE3CAOQ_ngIkCcUDaXe0UCxDMp1uluiqAAOesMYepnRkV_eaxRjWEatd8eOhJlcrQW3p1zN0w_WHtdO7e6LTjUAFBGxUhaDQ72fqQ0BOIrH8WOol71s'

const bytesOf = (text: string) => Buffer.from(text.slice(PREFIX.length), 'base64url')
const textOf = (bytes: Uint8Array) => PREFIX + Buffer.from(bytes).toString('base64url')
const altered = (text: string, at: number, xor = 1) => {
  const bytes = bytesOf(text)
  bytes[at]! ^= xor
  return textOf(bytes)
}
const isInvalid = (text: string) =>
  expect(importIdentity(text, PASSPHRASE, crypto)).rejects.toMatchObject({ code: 'INVALID_EXPORT' })
const isWrong = (text: string, passphrase = PASSPHRASE) =>
  expect(importIdentity(text, passphrase, crypto)).rejects.toMatchObject({ code: 'WRONG_PASSPHRASE' })

describe('an exported identity', () => {
  test('comes back with its passphrase, and only so', async () => {
    const text = await exportIdentity(alice, PASSPHRASE, crypto, CHEAP)
    expect(text).toMatch(/^tapri-identity:[\w-]+$/)
    expect(await importIdentity(text, PASSPHRASE, crypto)).toEqual(alice)
    await isWrong(text, 'correct horsf')
    await isWrong(text, '')
    expect(await exportIdentity(alice, PASSPHRASE, crypto, CHEAP)).not.toBe(text)
  })

  test('of the first version opens for good', async () => {
    expect(await importIdentity(OLD, PASSPHRASE, crypto)).toEqual(alice)
  })

  test('costs a guesser 256 MiB and three passes unless told', async () => {
    const costs: object[] = []
    const counting: Crypto = {
      ...crypto,
      passwordKey: (password, salt, cost) => {
        costs.push(cost)
        return crypto.passwordKey(password, salt, CHEAP)
      },
    }
    const text = await exportIdentity(alice, PASSPHRASE, counting)
    expect(await importIdentity(text, PASSPHRASE, counting)).toEqual(alice)
    expect(costs).toEqual([MODERATE_COST, MODERATE_COST])
    expect(MODERATE_COST).toEqual({ passes: 3, memoryKiB: 262_144 })
  })

  test('may be broken into lines, and opens whichever way the passphrase was typed', async () => {
    const text = await exportIdentity(alice, 'caf\u00e9', crypto, CHEAP)
    const broken = ` ${text.replace(/.{40}/g, '$&\r\n  ')}\n`
    expect(await importIdentity(broken, 'cafe\u0301', crypto)).toEqual(alice)
  })

  test('that was altered anywhere does not open', async () => {
    const text = await exportIdentity(alice, PASSPHRASE, crypto, CHEAP)
    // version | passes 1 | memory 4 | salt 16 | nonce 24 | ciphertext
    await isInvalid(altered(text, 0))
    await isWrong(altered(text, 1, 2))
    await isWrong(altered(text, 5, 1))
    for (const at of [6, 22, 46, bytesOf(text).length - 1]) await isWrong(altered(text, at))
    await isWrong(textOf(bytesOf(text).subarray(0, -1)))
    await isInvalid(textOf(bytesOf(text).subarray(0, 40)))
  })

  test('that is none is told so', async () => {
    const text = await exportIdentity(alice, PASSPHRASE, crypto, CHEAP)
    for (const other of [
      '',
      'tapri-id:AAAA',
      PREFIX,
      text.slice(1),
      `${text}=`,
      text.replace(PREFIX, `${PREFIX}*`),
    ])
      await isInvalid(other)
  })

  test('makes no device spend more than so much', async () => {
    const text = await exportIdentity(alice, PASSPHRASE, crypto, CHEAP)
    const demanding = (passes: number, memoryKiB: number) => {
      const bytes = bytesOf(text)
      bytes[1] = passes
      bytes.writeUInt32BE(memoryKiB, 2)
      return textOf(bytes)
    }
    const asked: object[] = []
    const free: Crypto = {
      ...crypto,
      passwordKey: async (_p, _s, cost) => (asked.push(cost), new Uint8Array(32)),
    }
    const reach = (passes: number, memoryKiB: number) =>
      importIdentity(demanding(passes, memoryKiB), PASSPHRASE, free).catch(({ code }) => code as string)
    expect(await reach(MAX_PASSWORD_PASSES, MAX_PASSWORD_MEMORY_KIB)).toBe('WRONG_PASSPHRASE')
    expect(await reach(MAX_PASSWORD_PASSES + 1, 8)).toBe('INVALID_EXPORT')
    expect(await reach(1, MAX_PASSWORD_MEMORY_KIB + 1)).toBe('INVALID_EXPORT')
    expect(await reach(0, 8)).toBe('INVALID_EXPORT')
    expect(await reach(1, 7)).toBe('INVALID_EXPORT')
    expect(asked).toHaveLength(1)
    await isInvalid(`${text}${'A'.repeat(MAX_EXPORT_SIZE_BYTES - text.length + 4)}`)
    await isInvalid(' '.repeat(3 * MAX_EXPORT_SIZE_BYTES) + text)
  })

  test('takes names and passphrases of so many bytes, and no more', async () => {
    const name = 'n'.repeat(MAX_EXPORTED_NAME_SIZE_BYTES)
    const passphrase = 'p'.repeat(MAX_PASSPHRASE_SIZE_BYTES)
    const text = await exportIdentity({ ...alice, name }, passphrase, crypto, CHEAP)
    expect(text.length).toBeLessThanOrEqual(MAX_EXPORT_SIZE_BYTES)
    expect(await importIdentity(text, passphrase, crypto)).toEqual({ ...alice, name })
    await isWrong(text, `${passphrase}p`)
    await expect(exportIdentity({ ...alice, name: `${name}n` }, passphrase, crypto, CHEAP)).rejects.toThrow(
      TypeError,
    )
    await expect(exportIdentity(alice, `${passphrase}p`, crypto, CHEAP)).rejects.toThrow(TypeError)
    await expect(exportIdentity(alice, '', crypto, CHEAP)).rejects.toThrow(TypeError)
  })
})
