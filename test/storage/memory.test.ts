import { openMemoryStorage, type MemoryDisk } from '../../src-main/storage/memory.ts'
import { storageContract } from '../contract/storage.ts'

storageContract('memory', async () => {
  const disk: MemoryDisk = new Map()
  return { open: async () => openMemoryStorage(disk), remove: async () => disk.clear() }
})
