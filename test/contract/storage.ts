import { afterEach, describe, expect, test } from 'vitest'
import { within } from '../../src-main/storage/keys.ts'
import type { Storage, StorageRange } from '../../src-main/storage/storage.ts'

/** What a suite needs of an implementation: the same disk can be opened again. */
export interface StorageDisk {
  open(): Promise<Storage>
  remove(): Promise<void>
}

const bytes = (...values: number[]) => Uint8Array.from(values)

/** The laws that every storage keeps. */
export function storageContract(name: string, makeDisk: () => Promise<StorageDisk>): void {
  describe(`storage: ${name}`, () => {
    const disks: StorageDisk[] = []
    const stores: Storage[] = []
    afterEach(async () => {
      for (const store of stores.splice(0)) await store.close()
      for (const disk of disks.splice(0)) await disk.remove()
    })
    async function fresh() {
      const disk = await makeDisk()
      disks.push(disk)
      const open = async () => {
        const store = await disk.open()
        stores.push(store)
        return store
      }
      return { store: await open(), reopen: open }
    }
    async function keys(store: Storage, range: StorageRange): Promise<number[][]> {
      const found: number[][] = []
      for await (const [key] of store.range(range)) found.push([...key])
      return found
    }

    test('what was written is read, and what was not is undefined', async () => {
      const { store } = await fresh()
      await store.write({ put: [[bytes(1), bytes(2, 3)]] })
      expect([...(await store.get(bytes(1)))!]).toEqual([2, 3])
      expect(await store.get(bytes(9))).toBeUndefined()
    })

    test('a batch puts and removes together', async () => {
      const { store } = await fresh()
      await store.write({ put: [[bytes(1), bytes(1)]] })
      await store.write({ put: [[bytes(2), bytes(2)]], remove: [bytes(1)] }, { durable: true })
      expect(await store.get(bytes(1))).toBeUndefined()
      expect([...(await store.get(bytes(2)))!]).toEqual([2])
    })

    test('an empty value is a value', async () => {
      const { store } = await fresh()
      await store.write({ put: [[bytes(1), bytes()]] })
      expect(await store.get(bytes(1))).toHaveLength(0)
    })

    test('a range is in byte order, half-open, reversible and limited', async () => {
      const { store } = await fresh()
      const all = [[1], [1, 0], [1, 255], [2], [127], [128], [255]]
      await store.write({ put: all.toReversed().map((key) => [bytes(...key), bytes(0)] as const) })
      expect(await keys(store, { from: bytes(1), to: bytes(128) })).toEqual(all.slice(0, 5))
      expect(await keys(store, { from: bytes(1), to: bytes(255), reverse: true, limit: 2 })).toEqual([
        [128],
        [127],
      ])
      expect(await keys(store, { from: bytes(3), to: bytes(3) })).toEqual([])
    })

    test('a prefix stops at the boundary of its key', async () => {
      const { store } = await fresh()
      const put = [[120], [120, 33], [120, 33, 1], [121], [120, 255, 255], [122]]
      await store.write({ put: put.map((key) => [bytes(...key), bytes(0)] as const) })
      expect(await keys(store, within(bytes(120, 33)))).toEqual([
        [120, 33],
        [120, 33, 1],
      ])
      expect(await keys(store, within(bytes(120, 255)))).toEqual([[120, 255, 255]])
      expect(await keys(store, within(bytes(120)))).toHaveLength(4)
    })

    test('more rows than one step of an iterator are all read', async () => {
      const { store } = await fresh()
      const put = Array.from({ length: 1_000 }, (_, i) => [bytes(7, i >> 8, i & 255), bytes(0)] as const)
      await store.write({ put })
      expect(await keys(store, within(bytes(7)))).toHaveLength(1_000)
    })

    test('everything is there after opening again', async () => {
      const { store, reopen } = await fresh()
      await store.write({ put: [[bytes(1), bytes(1)]] })
      await store.write({ put: [[bytes(2), bytes(2)]] }, { durable: true })
      await store.close()
      expect(await keys(await reopen(), { from: bytes(0), to: bytes(9) })).toEqual([[1], [2]])
    })

    test('a closed storage refuses, with a code', async () => {
      const { store } = await fresh()
      await store.close()
      await store.close()
      await expect(store.get(bytes(1))).rejects.toMatchObject({ code: 'STORE_FAILED' })
      await expect(store.write({ put: [] })).rejects.toMatchObject({ code: 'STORE_FAILED' })
    })
  })
}
