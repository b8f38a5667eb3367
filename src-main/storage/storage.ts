/**
 * An ordered map of bytes on disk or in memory. Keys compare as bytes.
 * Every implementation runs test/contract/storage.ts.
 */
export interface StorageBatch {
  put: readonly (readonly [key: Uint8Array, value: Uint8Array])[]
  remove?: readonly Uint8Array[]
}

export interface StorageRange {
  /** Inclusive. */
  from: Uint8Array
  /** Exclusive. */
  to: Uint8Array
  reverse?: boolean
  limit?: number
}

/** Every failure is an AppError STORE_FAILED, never an absent value. */
export interface Storage {
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  /** All or nothing. durable: on the disk itself, not only in the system's cache, when it resolves. */
  write(batch: StorageBatch, options?: { durable?: boolean }): Promise<void>
  range(range: StorageRange): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]>
  /** Idempotent. */
  close(): Promise<void>
}
