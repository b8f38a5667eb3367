import { SvelteMap } from 'svelte/reactivity'
import type { Commands, PictureId } from '../../src-main/api/contract.ts'
import { isPicture } from '../lib/picture.ts'

/** So many pictures are kept; of the others the one asked for first goes. */
const MAX_KEPT = 1_000
/** While much comes, what is missing is asked for again no more often than this. */
const RETRY_MS = 500

/** Pictures of people and groups, fetched when the first of them comes on screen. */
export class Pictures {
  readonly #get: Commands['getPicture']
  readonly #data = new SvelteMap<PictureId, string>()
  readonly #asked = new Set<PictureId>()
  /** Not here when they were asked for. */
  readonly #missing = new Set<PictureId>()
  #retrying = false

  constructor(get: Commands['getPicture']) {
    this.#get = get
  }

  /** A data URL; undefined until it is here. */
  data(picture: PictureId | undefined): string | undefined {
    if (picture === undefined) return undefined
    const data = this.#data.get(picture)
    if (data === undefined && !this.#asked.has(picture)) void this.#fetch(picture)
    return data
  }

  /** Something came: what was missing may be here now, or soon. */
  retry(): void {
    if (this.#retrying || this.#missing.size === 0) return
    this.#retrying = true
    setTimeout(() => {
      this.#retrying = false
      const missing = [...this.#missing]
      this.#missing.clear()
      for (const picture of missing) void this.#fetch(picture)
    }, RETRY_MS)
  }

  async #fetch(picture: PictureId): Promise<void> {
    this.#asked.add(picture)
    try {
      const { data } = await this.#get({ picture })
      if (isPicture(data)) this.#keep(picture, data)
    } catch {
      // Initials stand in for it until something comes.
      this.#missing.add(picture)
    }
  }

  #keep(picture: PictureId, data: string): void {
    const [oldest] = this.#data.keys()
    if (this.#data.size >= MAX_KEPT && oldest !== undefined) {
      this.#data.delete(oldest)
      this.#asked.delete(oldest)
    }
    this.#data.set(picture, data)
  }
}
