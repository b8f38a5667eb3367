import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { openLevelStorage } from '../../src-main/storage/level.ts'
import { storageContract } from '../contract/storage.ts'

const folders: string[] = []
async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tapri-level-'))
  folders.push(path)
  return path
}
afterEach(async () => {
  for (const path of folders.splice(0)) await rm(path, { recursive: true, force: true })
})

storageContract('level', async () => {
  const path = await folder()
  return { open: () => openLevelStorage(path), remove: () => rm(path, { recursive: true, force: true }) }
})

test('a second opening of the same folder says that it is in use', async () => {
  const path = await folder()
  const store = await openLevelStorage(path)
  await expect(openLevelStorage(path)).rejects.toMatchObject({ code: 'DATA_IN_USE' })
  await store.close()
})

test('a damaged store is reported with what to do, and left as it is', async () => {
  const path = await folder()
  const store = await openLevelStorage(path)
  await store.write({ put: [[Uint8Array.of(1), Uint8Array.of(1)]] }, { durable: true })
  await store.close()
  const manifest = (await readdir(path)).find((name) => name.startsWith('MANIFEST'))!
  await writeFile(join(path, manifest), 'garbage')
  await expect(openLevelStorage(path)).rejects.toMatchObject({
    code: 'STORE_CORRUPT',
    message: expect.stringContaining('Move the folder away'),
  })
  expect(await readFile(join(path, manifest), 'utf8')).toBe('garbage')
})
