import { AppError } from '../api/errors.ts'
import { fromHex, toHex } from '../core/bytes.ts'
import type { Storage, StorageBatch, StorageRange } from './storage.ts'

/** What survives closing and reopening a memory storage. */
export type MemoryDisk = Map<string, Uint8Array>

/** A storage without a disk, for tests and simulations. */
export function openMemoryStorage(disk: MemoryDisk = new Map()): Storage {
  let open = true
  const demandOpen = () => {
    if (!open) throw new AppError('STORE_FAILED', 'The store is closed.')
  }
  return {
    async get(key) {
      demandOpen()
      return disk.get(toHex(key))?.slice()
    },
    async write({ put, remove = [] }: StorageBatch) {
      demandOpen()
      for (const key of remove) disk.delete(toHex(key))
      for (const [key, value] of put) disk.set(toHex(key), value.slice())
    },
    async *range({ from, to, reverse = false, limit = Infinity }: StorageRange) {
      demandOpen()
      const [low, high] = [toHex(from), toHex(to)]
      const keys = [...disk.keys()].filter((key) => key >= low && key < high).sort()
      if (reverse) keys.reverse()
      for (const key of keys.slice(0, limit)) {
        demandOpen()
        const value = disk.get(key)
        if (value) yield [fromHex(key), value.slice()] as const
      }
    },
    async close() {
      open = false
    },
  }
}
