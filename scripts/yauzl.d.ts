/** The part of yauzl 3.4 that is used here; its published types are of version 2. */
declare module 'yauzl' {
  import type { Readable } from 'node:stream'
  export interface Entry {
    fileName: string
    externalFileAttributes: number
  }
  export interface ZipFile {
    eachEntry(): AsyncIterable<Entry>
    openReadStreamPromise(entry: Entry): Promise<Readable>
  }
  export function openPromise(path: string, options: { lazyEntries: boolean }): Promise<ZipFile>
}
