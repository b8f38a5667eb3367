/**
 * One key per message of a device, from the root of its chain in an epoch.
 *
 *   root ── 16 children ── 16 each ── … ── level 8: the key of seq 0, 1, 2 … 2^32 - 1
 *
 * A child is keyed BLAKE2b of its parent's key and its number among the 16: the tree of Goldreich, Goldwasser and Micali,
 * "How to construct random functions" (1986), with 16 branches instead of two.
 *
 * Why a tree and no plain hash chain. A chain (each key hashed into the next) forgets by itself, but a newcomer who begins at
 * message 50,000 has to walk there, whoever claims a large seq makes everybody walk, and each device needs a stored state per
 * chain. Here any key costs 8 hashes, the next one 1.07 in the mean, and nothing needs to be stored.
 *
 * The price is that nothing is forgotten by itself either: whoever has the root has all keys. That costs nothing as long as
 * the epoch's secret is kept, which it is, for messages are stored as they came and are read with it. A group that gives
 * up its past can have the other half: forgetThrough() replaces the root by what lies to the right, at most 15 nodes per
 * level, from which no earlier key follows. It helps only when the secret and what it was derived from are erased too.
 *
 *          root          forgetThrough(x):  ×  is erased, ○ is kept
 *        ×      ○
 *      ×   ○
 *     x
 */
import type { DeviceTag } from '../../api/contract.ts'
import { concat, fromHex } from '../bytes.ts'
import { derive, label } from './derivations.ts'
import type { Primitives } from './primitives.ts'

const LEVELS = 8
const BITS_PER_LEVEL = 4
const BRANCHES = 1 << BITS_PER_LEVEL
/** A chain of a device that is longer cannot be encrypted: after 4 billion messages in one epoch. */
export const MAX_CHAIN_SEQ = 2 ** (LEVELS * BITS_PER_LEVEL) - 1

const CHAIN = label('tapri-chain-1')
const STEPS = Array.from({ length: BRANCHES }, (_, branch) =>
  concat([label('tapri-step-1'), Uint8Array.of(branch)]),
)

/** The key of everything below it: of all seq whose upper bits are index. Level 0 is the root. */
export interface Node {
  level: number
  index: number
  key: Uint8Array
}

type Tools = Pick<Primitives, 'keyedHash' | 'erase'>

export class Chain {
  /** Everything that is not forgotten lies below one of these; ascending. */
  #roots: Node[]
  /** The last way down, by level: neighbours share most of it. */
  #path: (Node | undefined)[] = []
  readonly #tools: Tools

  constructor(roots: readonly Node[], tools: Tools) {
    this.#roots = [...roots]
    this.#tools = tools
  }

  /** What there is to store once something was forgotten. */
  get roots(): readonly Node[] {
    return this.#roots
  }

  /** 32 bytes; the caller copies what it keeps. undefined when it was forgotten, or for no seq of a chain. */
  keyOf(seq: number): Uint8Array | undefined {
    if (!Number.isInteger(seq) || seq < 0 || seq > MAX_CHAIN_SEQ) return undefined
    let node = this.#roots.find((root) => root.level === 0 || indexAt(seq, root.level) === root.index)
    if (!node) return undefined
    for (let level = node.level + 1; level <= LEVELS; level++) {
      const index = indexAt(seq, level)
      const known = this.#path[level]
      node = known?.index === index ? known : (this.#path[level] = this.#child(node, index))
    }
    return node.key
  }

  /** From now on no key up to this one can be derived from this chain. */
  forgetThrough(seq: number): void {
    const kept: Node[] = []
    const sort = (node: Node): void => {
      const size = 2 ** (BITS_PER_LEVEL * (LEVELS - node.level))
      const first = node.index * size
      if (first > seq) return void kept.push(node)
      if (first + size - 1 > seq)
        for (let branch = 0; branch < BRANCHES; branch++) {
          const index = node.index * BRANCHES + branch
          // What is forgotten as a whole need not be derived.
          if ((index + 1) * (size / BRANCHES) > seq + 1) sort(this.#child(node, index))
        }
      this.#tools.erase(node.key)
    }
    for (const root of this.#roots) sort(root)
    for (const node of this.#path) if (node) this.#tools.erase(node.key)
    this.#path = []
    this.#roots = kept
  }

  #child(parent: Node, index: number): Node {
    const key = this.#tools.keyedHash(parent.key, STEPS[index % BRANCHES]!)
    return { level: parent.level + 1, index, key }
  }
}

/** The chain of a device in an epoch. messages: of epochKeys(). */
export function chainOf(messages: Uint8Array, tag: DeviceTag, tools: Tools): Chain {
  const key = derive(messages, CHAIN, fromHex(tag), tools.keyedHash)
  return new Chain([{ level: 0, index: 0, key }], tools)
}

/** level: 1 to 8. */
function indexAt(seq: number, level: number): number {
  return seq >>> (BITS_PER_LEVEL * (LEVELS - level))
}
