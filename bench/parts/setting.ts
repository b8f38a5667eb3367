/** Where a benchmark works, and how large it is. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Works in a folder that is there meanwhile. */
export async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tapri-bench-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** The whole number in this place of the command line, from 1, or else the usual one. TypeError when it is none. */
export function sizeAt(place: number, usual: number): number {
  const text = process.argv[place + 1]
  const size = text === undefined ? usual : Number(text)
  if (!Number.isSafeInteger(size) || size < 1) throw new TypeError(`${text} is no whole number`)
  return size
}
