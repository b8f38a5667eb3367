/**
 * What LevelDB overlooks when it opens a store: without its CURRENT file it makes a new store and deletes the old one,
 * and from the first damaged record of a log on it drops what the log still holds, both in silence.
 *
 * A log is blocks of 32 KiB, each a row of records: masked CRC-32C of the rest, 4 bytes, little-endian | length 2 |
 * type 1 | data; fewer than 7 bytes at the end of a block are zeros.
 * Source: https://github.com/google/leveldb/blob/main/doc/log_format.md
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'

const BLOCK_SIZE = 32 * 1024
const HEADER_SIZE = 7
const LAST_TYPE = 4
const MASK_DELTA = 0xa282ead8
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = (byte >>> 1) ^ (byte & 1 ? 0x82f63b78 : 0)
  return byte
})

/** What is wrong with the files of a store; undefined when nothing is, or there is no store. */
export async function damageOf(folder: string): Promise<string | undefined> {
  const names = (await unlessGone(readdir(folder))) ?? []
  const logs = names.filter((name) => name.endsWith('.log'))
  const hasTables = names.some((name) => name.endsWith('.ldb'))
  if ((hasTables || logs.length > 0) && !names.includes('CURRENT')) return 'CURRENT is missing'
  if (hasTables && logs.length === 0) return 'its log is missing'
  for (const name of logs) {
    const log = await unlessGone(readFile(join(folder, name)))
    if (log && (await isDamagedLog(log))) return `${name} has been altered`
  }
  return undefined
}

/** There may be no store yet, and another process that has it open may just have replaced a log. */
async function unlessGone<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Whether an intact record follows a damaged place. A damaged end is a write that a crash cut off: nobody was told of it. */
export async function isDamagedLog(log: Uint8Array): Promise<boolean> {
  let isBroken = false
  for (let start = 0; start < log.length; start += BLOCK_SIZE) {
    // A log may have megabytes, and the event loop something else to do.
    await setImmediate()
    const block = log.subarray(start, start + BLOCK_SIZE)
    for (let at = 0; at + HEADER_SIZE <= block.length;) {
      const size = recordSize(block.subarray(at))
      if (size !== undefined && isBroken) return true
      if (size === undefined) isBroken = true
      at += size ?? 1
    }
  }
  return false
}

/** Bytes that the record at the start takes; undefined when it is not intact. */
function recordSize(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const size = HEADER_SIZE + view.getUint16(4, true)
  const type = bytes[6]!
  if (type < 1 || type > LAST_TYPE || size > bytes.length) return undefined
  const crc = crc32c(bytes.subarray(6, size))
  const masked = (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0
  return masked === view.getUint32(0, true) ? size : undefined
}

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
