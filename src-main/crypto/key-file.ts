/** Files that hold a key: their owner alone reads them, they are whole or not there, and a damaged one is never replaced. */
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from '../api/errors.ts'

/** An AppError KEY_UNREADABLE about this file. */
export function unreadable(path: string, what: string, cause?: unknown): AppError {
  return new AppError('KEY_UNREADABLE', `The key file ${path} ${what}.`, { cause })
}

/** For a file whose content is not what was written. */
export function damaged(path: string): AppError {
  return unreadable(
    path,
    'is damaged. Restore it from a backup of this folder, or move the whole folder away',
  )
}

/** undefined when there is none. Fails with AppError KEY_UNREADABLE, also when others may read it. */
export async function readKeyFile(path: string): Promise<Uint8Array | undefined> {
  let bytes: Uint8Array
  let mode: number
  try {
    bytes = new Uint8Array(await readFile(path))
    mode = (await stat(path)).mode
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unreadable(path, 'cannot be read', error)
  }
  if (process.platform !== 'win32' && (mode & 0o077) !== 0)
    throw unreadable(path, `can be read by other users. Run: chmod 600 "${path}"`)
  return bytes
}

/** It is on the disk, as a whole, when this resolves; what was there before stays until then. */
export async function writeKeyFile(path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const draft = `${path}.new`
  // Of a crash: it would keep its permissions.
  await rm(draft, { force: true })
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, path)
  await syncFolder(folder)
}

/** Makes a rename last. Windows cannot open folders, and needs no such thing. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
