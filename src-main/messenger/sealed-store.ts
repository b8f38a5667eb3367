/**
 * A store whose tables of what people say and are called, and of keys, cannot be read without the store's key: their values
 * are sealed, each for its place (crypto/sealed-record.ts). The others hold ids, numbers and public keys, and events, whose
 * bodies are encrypted already.
 */
import { AppError } from '../api/errors.ts'
import type { Crypto } from '../crypto/crypto.ts'
import { openRecord, sealRecord } from '../crypto/sealed-record.ts'
import { SEALED_TABLES } from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'

const SEALED = new Set(Array.from(SEALED_TABLES, (table) => table.charCodeAt(0)))

/** storeKey: 32 bytes, of crypto/keystore.ts. Reading fails with AppError KEY_UNREADABLE what another key sealed. */
export function sealedStorage(storage: Storage, storeKey: Uint8Array, crypto: Crypto): Storage {
  const isSealed = (key: Uint8Array) => SEALED.has(key[0]!)
  const open = (key: Uint8Array, value: Uint8Array): Uint8Array => {
    if (!isSealed(key)) return value
    const opened = openRecord(value, key, storeKey, crypto)
    if (opened) return opened
    throw new AppError(
      'KEY_UNREADABLE',
      'The keys in this data folder do not open what is stored in it: keys.sealed is another one than before, or the ' +
        'store is damaged. Put the right keys.sealed back, or move the whole folder away.',
    )
  }
  return {
    async get(key) {
      const value = await storage.get(key)
      return value && open(key, value)
    },
    write({ put, remove }, options) {
      const sealed = put.map(([key, value]) => {
        return [key, isSealed(key) ? sealRecord(value, key, storeKey, crypto) : value] as const
      })
      return storage.write({ put: sealed, ...(remove ? { remove } : {}) }, options)
    },
    async *range(range) {
      for await (const [key, value] of storage.range(range)) yield [key, open(key, value)] as const
    },
    close: () => storage.close(),
  }
}
