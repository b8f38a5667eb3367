import { mkdir, open, readFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../api/errors.ts'
import type { Crypto, KeyPair } from './crypto.ts'

const FILE = 'device.key'

/**
 * This installation's Ed25519 key: the libp2p peer key and the vector-clock process. Made at the first start, as a file
 * that only its owner can read. Fails with AppError KEY_UNREADABLE; a damaged key is never replaced.
 */
export async function loadDeviceKey(folder: string, crypto: Crypto): Promise<KeyPair> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, FILE)
  const problem = (what: string, cause?: unknown) =>
    new AppError('KEY_UNREADABLE', `The device key ${path} ${what}.`, { cause })
  let seed: Uint8Array
  try {
    seed = new Uint8Array(await readFile(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw problem('cannot be read', error)
    return makeDeviceKey(path, crypto)
  }
  if (seed.length !== 32)
    throw problem(
      'is damaged. Restore it from a backup of this folder, or move the whole folder away to start as a new device',
    )
  if (process.platform !== 'win32' && ((await stat(path)).mode & 0o077) !== 0)
    throw problem(`can be read by other users. Run: chmod 600 "${path}"`)
  return crypto.keyPair(seed)
}

/** Whether this folder has a device key already. */
export async function hasDeviceKey(folder: string): Promise<boolean> {
  const found = await stat(join(folder, FILE)).catch((error: NodeJS.ErrnoException) => error)
  return !(found instanceof Error && found.code === 'ENOENT')
}

/** A new key in place of the old one, which stays beside it and is not read again. Fails with AppError KEY_UNREADABLE. */
export async function replaceDeviceKey(folder: string, crypto: Crypto): Promise<KeyPair> {
  const path = join(folder, FILE)
  await rename(path, `${path}.retired`)
  return loadDeviceKey(folder, crypto)
}

async function makeDeviceKey(path: string, crypto: Crypto): Promise<KeyPair> {
  const seed = crypto.randomBytes(32)
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(seed)
    await file.sync()
  } finally {
    await file.close()
  }
  return crypto.keyPair(seed)
}
