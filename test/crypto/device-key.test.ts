import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { loadDeviceKey } from '../../src-main/crypto/device-key.ts'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'

const folders: string[] = []
async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tapri-key-'))
  folders.push(path)
  return path
}
afterEach(async () => {
  for (const path of folders.splice(0)) await rm(path, { recursive: true, force: true })
})

test('the key is made once and stays the same', async () => {
  const path = await folder()
  const first = await loadDeviceKey(path, sodiumCrypto)
  expect(await loadDeviceKey(path, sodiumCrypto)).toEqual(first)
})

test('only its owner may read it, and a wider permission is refused', async () => {
  const path = await folder()
  await loadDeviceKey(path, sodiumCrypto)
  const file = join(path, 'device.key')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  await chmod(file, 0o644)
  await expect(loadDeviceKey(path, sodiumCrypto)).rejects.toMatchObject({ code: 'KEY_UNREADABLE' })
})

test('a damaged key is reported and never replaced', async () => {
  const path = await folder()
  const file = join(path, 'device.key')
  await writeFile(file, 'short', { mode: 0o600 })
  await expect(loadDeviceKey(path, sodiumCrypto)).rejects.toMatchObject({ code: 'KEY_UNREADABLE' })
  expect(await readFile(file, 'utf8')).toBe('short')
})
