import { Level } from 'level'
import { AppError } from '../api/errors.ts'
import { damageOf } from './level-files.ts'
import type { Storage, StorageBatch, StorageRange } from './storage.ts'

/** Rows fetched per step of a range: large enough to be quick, small enough to leave the event loop free. */
const ROWS_PER_STEP = 256

/**
 * Opens the store in a folder, making it when there is none.
 * Fails with AppError DATA_IN_USE or STORE_CORRUPT; a damaged store is left exactly as it is.
 */
export async function openLevelStorage(folder: string): Promise<Storage> {
  let damage
  try {
    damage = await damageOf(folder)
  } catch (error) {
    throw unusable(folder, error)
  }
  if (damage !== undefined) throw damaged(folder, damage)
  const level = new Level<Uint8Array, Uint8Array>(folder, { keyEncoding: 'view', valueEncoding: 'view' })
  try {
    await level.open()
  } catch (error) {
    throw asOpenError(error, folder)
  }
  const failed = (cause: unknown) =>
    codeOf(cause) === 'LEVEL_CORRUPTION' ? damaged(folder, cause) : unusable(folder, cause)
  return {
    async get(key) {
      try {
        return await level.get(key)
      } catch (error) {
        throw failed(error)
      }
    },
    async write({ put, remove = [] }: StorageBatch, { durable = false } = {}) {
      try {
        await level.batch(
          [
            ...remove.map((key) => ({ type: 'del' as const, key })),
            ...put.map(([key, value]) => ({ type: 'put' as const, key, value })),
          ],
          { sync: durable },
        )
      } catch (error) {
        throw failed(error)
      }
    },
    async *range({ from, to, reverse = false, limit = -1 }: StorageRange) {
      let iterator
      try {
        iterator = level.iterator({ gte: from, lt: to, reverse, limit: limit === Infinity ? -1 : limit })
        for (;;) {
          const rows = await iterator.nextv(ROWS_PER_STEP)
          if (rows.length === 0) return
          yield* rows
        }
      } catch (error) {
        throw failed(error)
      } finally {
        await iterator?.close()
      }
    },
    close: () => level.close(),
  }
}

function asOpenError(error: unknown, folder: string): AppError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (codeOf(cause) !== 'LEVEL_LOCKED') return damaged(folder, cause)
  return new AppError(
    'DATA_IN_USE',
    `Another Tapri is already running on ${folder}. Close it first, or start this one with another --data folder.`,
    { cause },
  )
}

function unusable(folder: string, cause: unknown): AppError {
  const sentence = `The store in ${folder} could not be read or written: ${reasonOf(cause)}`
  return new AppError('STORE_FAILED', sentence, { cause })
}

function damaged(folder: string, cause: unknown): AppError {
  return new AppError(
    'STORE_CORRUPT',
    `The store in ${folder} is damaged (${reasonOf(cause)}). Nothing was changed. ` +
      'Move the folder away to keep it, start Tapri again, and join your groups with a new invite: ' +
      'the other members still have the messages.',
    { cause },
  )
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
