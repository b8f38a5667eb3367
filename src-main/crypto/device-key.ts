import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Crypto, KeyPair } from './crypto.ts'
import { damaged, hasKeyFile, readKeyFile, writeKeyFile } from './key-file.ts'

const FILE = 'device.key'
const SEED_SIZE = 32

/**
 * This installation's Ed25519 key: the libp2p peer key and the vector-clock process. Made at the first start, as a file
 * that only its owner can read. Fails with AppError KEY_UNREADABLE; a damaged key is never replaced.
 */
export async function loadDeviceKey(folder: string, crypto: Crypto): Promise<KeyPair> {
  const path = join(folder, FILE)
  let seed = await readKeyFile(path)
  if (!seed) await writeKeyFile(path, (seed = crypto.randomBytes(SEED_SIZE)))
  if (seed.length !== SEED_SIZE) throw damaged(path)
  return crypto.keyPair(seed)
}

/** Whether this folder has a device key already. */
export function hasDeviceKey(folder: string): Promise<boolean> {
  return hasKeyFile(join(folder, FILE))
}

/** A new key in place of the old one, which stays beside it and is not read again. Fails with AppError KEY_UNREADABLE. */
export async function replaceDeviceKey(folder: string, crypto: Crypto): Promise<KeyPair> {
  const path = join(folder, FILE)
  await rename(path, `${path}.retired`)
  return loadDeviceKey(folder, crypto)
}
