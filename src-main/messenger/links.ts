/**
 * Links to other members: where they have been reached, when to dial again, and how far each link has come.
 * Dials are spread out with exponential backoff; nothing is dialled that is already linked.
 */
import type { ConnectionState } from '../api/contract.ts'
import type { Network, PeerKey } from '../network/network.ts'

const FIRST_RETRY_MS = 500
const MAX_RETRY_MS = 30_000
const MAX_PARALLEL_DIALS = 8
const MAX_KNOWN_PEERS = 1_000
const MAX_ADDRESSES_PER_PEER = 6

interface Known {
  addresses: string[]
  failures: number
  nextDialMs: number
}

export class Links {
  readonly #network: Network
  readonly #onChange: () => void
  readonly #known = new Map<PeerKey, Known>()
  readonly #dialling = new Set<PeerKey>()
  /** group -> peer -> how far; only peers that showed the group's proof are in it. */
  readonly #admitted = new Map<string, Map<PeerKey, 'admitted' | 'synchronised'>>()
  readonly #stopped = new AbortController()
  #isReachable: (peer: PeerKey) => boolean = () => true

  constructor(network: Network, onChange: () => void) {
    this.#network = network
    this.#onChange = onChange
  }

  /** Addresses that may lead to a member; the peer they name is dialled until it answers. */
  learn(addresses: readonly string[]): void {
    for (const address of addresses) {
      const peer = this.#network.peerOf(address)
      if (!peer || peer === this.#network.self) continue
      const known = this.#known.get(peer) ?? { addresses: [], failures: 0, nextDialMs: 0 }
      if (!this.#known.has(peer) && this.#known.size >= MAX_KNOWN_PEERS) continue
      if (!known.addresses.includes(address))
        known.addresses = [address, ...known.addresses].slice(0, MAX_ADDRESSES_PER_PEER)
      this.#known.set(peer, known)
    }
  }

  /** Addresses worth handing on: those of linked peers first. */
  addresses(): string[] {
    const linked = new Set(this.#network.peers())
    const known = [...this.#known].sort(([a], [b]) => Number(linked.has(b)) - Number(linked.has(a)))
    return known.flatMap(([, { addresses }]) => addresses.slice(0, 2))
  }

  /** Dials what is due. atMs: Moment.atMs. */
  dialDue(atMs: number): void {
    const linked = new Set(this.#network.peers())
    for (const [peer, known] of this.#known) {
      if (this.#dialling.size >= MAX_PARALLEL_DIALS) return
      if (linked.has(peer) || this.#dialling.has(peer) || known.nextDialMs > atMs) continue
      if (this.#isReachable(peer)) void this.#dial(peer, known, atMs)
    }
  }

  /** A peer belongs to the group no longer. */
  expel(group: string, peer: PeerKey): void {
    this.#admitted.get(group)?.delete(peer)
    this.#onChange()
  }

  async setReachable(isReachable: (peer: PeerKey) => boolean): Promise<void> {
    this.#isReachable = isReachable
    for (const known of this.#known.values()) Object.assign(known, { failures: 0, nextDialMs: 0 })
    await this.#network.setReachable(isReachable)
  }

  onPeer(peer: PeerKey, connected: boolean): void {
    if (!connected) for (const peers of this.#admitted.values()) peers.delete(peer)
    const known = this.#known.get(peer)
    if (known) Object.assign(known, { failures: 0, nextDialMs: 0 })
    this.#onChange()
  }

  setAdmitted(group: string, peer: PeerKey, state: 'admitted' | 'synchronised'): void {
    const peers = this.#admitted.get(group) ?? new Map<PeerKey, 'admitted' | 'synchronised'>()
    if (peers.get(peer) === 'synchronised' && state === 'admitted') return
    peers.set(peer, state)
    this.#admitted.set(group, peers)
    this.#onChange()
  }

  /** Linked peers that have shown the group's proof. */
  admitted(group: string): PeerKey[] {
    return [...(this.#admitted.get(group)?.keys() ?? [])]
  }

  connectionOf(group: string, peer: PeerKey): ConnectionState {
    const state = this.#admitted.get(group)?.get(peer)
    if (state) return state
    if (this.#network.peers().includes(peer)) return 'authenticated'
    return this.#dialling.has(peer) ? 'transport' : 'offline'
  }

  overall(group: string): ConnectionState {
    const states = [...(this.#admitted.get(group)?.values() ?? [])]
    if (states.length > 0) return states.includes('synchronised') ? 'synchronised' : 'admitted'
    if (this.#network.peers().length > 0) return 'authenticated'
    return this.#dialling.size > 0 ? 'transport' : 'offline'
  }

  stop(): void {
    this.#stopped.abort()
  }

  async #dial(peer: PeerKey, known: Known, atMs: number): Promise<void> {
    this.#dialling.add(peer)
    this.#onChange()
    try {
      for (const address of known.addresses) {
        if (this.#stopped.signal.aborted) return
        try {
          await this.#network.connect(address, this.#stopped.signal)
          return
        } catch {
          // The next address may do; when none does, the peer is dialled again later.
        }
      }
      known.failures++
      known.nextDialMs = atMs + Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** known.failures)
    } finally {
      this.#dialling.delete(peer)
      this.#onChange()
    }
  }
}
