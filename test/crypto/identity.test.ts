import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { toHex } from '../../src-main/core/bytes.ts'
import { certificateStatement } from '../../src-main/core/identity.ts'
import {
  fingerprintCode,
  fingerprintOf,
  hasIdentity,
  identityOf,
  loadIdentity,
  readFingerprintCode,
  replaceIdentity,
} from '../../src-main/crypto/identity.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'

const ENTROPY = Uint8Array.from({ length: 32 }, (_, i) => i)
const unreadable = { code: 'KEY_UNREADABLE' }

const folders: string[] = []
async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tapri-identity-'))
  folders.push(path)
  return path
}
afterEach(async () => {
  for (const path of folders.splice(0)) await rm(path, { recursive: true, force: true })
})

describe('an identity', () => {
  test('follows from its entropy, exactly so', () => {
    const { user, keys } = identityOf(ENTROPY, crypto)
    expect(toHex(keys.publicKey)).toBe('d70f9710cc359f7eb201b5ab4276ebdc0b7b91a93fae74ce14bfadae6bdfa863')
    expect(user).toBe('6fa9a12c625fb0f82cf50af13729b409')
    expect(fingerprintOf(keys.publicKey, crypto).join(' ')).toBe(
      'letter domain impact rail language domain legend pave tip oyster album fish',
    )
    expect(fingerprintCode(keys.publicKey)).toBe('tapri-id:1w-XEMw1n36yAbWrQnbr3At7kak_rnTOFL-trmvfqGM')
    expect(() => identityOf(ENTROPY.subarray(1), crypto)).toThrow(TypeError)
  })

  test('certifies devices', () => {
    const { keys } = identityOf(ENTROPY, crypto)
    const [mine, other] = [crypto.keyPair(), crypto.keyPair()]
    const certificate = crypto.sign(certificateStatement(mine.publicKey), keys.secretKey)
    expect(crypto.verify(certificate, certificateStatement(mine.publicKey), keys.publicKey)).toBe(true)
    expect(crypto.verify(certificate, certificateStatement(other.publicKey), keys.publicKey)).toBe(false)
  })

  test('has a code that is read back, and nothing else is', () => {
    const { publicKey } = identityOf(ENTROPY, crypto).keys
    const code = fingerprintCode(publicKey)
    expect(readFingerprintCode(code)).toEqual(publicKey)
    for (const other of [
      '',
      code.slice(1),
      code.slice(0, -1),
      `${code}A`,
      `${code} `,
      code.replace('id:', 'id:+'),
    ])
      expect(readFingerprintCode(other)).toBeUndefined()
  })
})

describe('the file of an identity', () => {
  test('is made once and stays the same, for its owner only', async () => {
    const path = await folder()
    expect(await hasIdentity(path)).toBe(false)
    const first = await loadIdentity(path, crypto)
    expect(await hasIdentity(path)).toBe(true)
    expect(await loadIdentity(path, crypto)).toEqual(first)
    const file = join(path, 'identity.key')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(new Uint8Array(await readFile(file))).toEqual(first.entropy)
    await chmod(file, 0o640)
    await expect(loadIdentity(path, crypto)).rejects.toMatchObject(unreadable)
  })

  test('is reported when it is damaged, and never replaced', async () => {
    const path = await folder()
    const file = join(path, 'identity.key')
    await writeFile(file, 'short', { mode: 0o600 })
    await expect(loadIdentity(path, crypto)).rejects.toMatchObject(unreadable)
    await expect(replaceIdentity(path, ENTROPY, crypto)).rejects.toMatchObject(unreadable)
    expect(await readFile(file, 'utf8')).toBe('short')
    expect(await readdir(path)).toEqual(['identity.key'])
  })

  test('gives way to another identity, and is kept aside', async () => {
    const path = await folder()
    const first = await loadIdentity(path, crypto)
    const second = await replaceIdentity(path, ENTROPY, crypto)
    expect(second.user).not.toBe(first.user)
    expect(await loadIdentity(path, crypto)).toEqual(second)
    expect(new Uint8Array(await readFile(join(path, 'identity.key.retired')))).toEqual(first.entropy)
    // Once more the same is no reason to forget the one before.
    await replaceIdentity(path, ENTROPY, crypto)
    expect(new Uint8Array(await readFile(join(path, 'identity.key.retired')))).toEqual(first.entropy)
  })

  test('that a crash left half written does not count, nor stand in the way', async () => {
    const path = await folder()
    const file = join(path, 'identity.key')
    await writeFile(`${file}.new`, 'half', { mode: 0o644 })
    const made = await loadIdentity(path, crypto)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(new Uint8Array(await readFile(file))).toEqual(made.entropy)
    expect(await readdir(path)).toEqual(['identity.key'])
  })
})
