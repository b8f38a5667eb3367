/**
 * Sees to it that a group has a secret to write with, and that this device has those that it may have.
 *
 * 1. Whoever removes somebody rotates at once. Where that did not happen, or somebody left, one of the others does it soon;
 *    and whoever wants to write before that does it at once. A reader waits for it.
 * 2. Without any reason to, somebody rotates once a week, or more often where messages disappear: a secret is given up only
 *    as a whole.
 * 3. What is missing is asked for, of one peer after the other, until it is here.
 */
import type { GroupId } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import { ROLE } from '../core/control/operation.ts'
import { KIND } from '../core/event.ts'
import type { SharedSecret } from '../core/secrets/epochs.ts'
import type { Network, PeerKey } from '../network/network.ts'
import { notAllowed, type Acting, type OpenGroup } from './open-group.ts'
import type { Syncing } from './syncing.ts'
import { inTime, type Time } from './time.ts'

/** How soon somebody makes up for a rotation that is missing, at least; one that nothing urges has so many times as long. */
const ROTATE_AFTER_MS = 1_000
const LEISURE = 60
/** An epoch lasts no longer, and a quarter of the time after which messages disappear. */
const MAX_EPOCH_MS = 7 * 24 * 60 * 60 * 1000
const MIN_EPOCH_MS = 60 * 60 * 1000
const EPOCHS_PER_LIFETIME = 4
/** Whoever may write and has been given no secret for so long makes one. */
const MAX_SECRET_WAIT_MS = 15_000
const MAX_PEERS_ASKED = 3

export interface SecrecyParts extends Acting {
  network: Pick<Network, 'join'>
  syncing: Pick<Syncing, 'askForSecrets'>
  time: Time
  /** This device may write to groups at all. */
  mayWrite(): boolean
  /** Peers that belong to a group, in any order. */
  admitted(group: GroupId): PeerKey[]
  /** What windows show of a group may be read now, or may be read no longer. */
  onReadable(open: OpenGroup): void
  onFailure(error: unknown): void
}

export class Secrecy {
  readonly #parts: SecrecyParts

  constructor(parts: SecrecyParts) {
    this.#parts = parts
  }

  /** A peer handed over secrets of epochs. */
  take(open: OpenGroup, secrets: readonly SharedSecret[]): void {
    if (open.keyring.take(secrets)) this.noteKnown(open)
  }

  /** There are secrets that were not here before. */
  noteKnown(open: OpenGroup): void {
    const { log, keyring } = open
    this.wake(open)
    if (log.opening) return this.#keep(open)
    for (const topic of keyring.topics) this.#parts.network.join(topic)
    this.#parts.onReadable(open)
    // Kept only then: after a crash in between they are asked for again, and what they open is read again.
    log.readAgain().then(() => this.#keep(open), this.#parts.onFailure)
  }

  /** Gives the devices of the group a fresh secret; whoever gets no share of it asks. */
  async rotate(open: OpenGroup): Promise<void> {
    await this.#parts.append(open, KIND.rotate, open.keyring.rotate())
  }

  /** Sees to a rotation that is due, a little later: somebody else may come first. */
  rotateWhenDue(open: OpenGroup): void {
    const urgency = this.#urgencyOf(open)
    if (open.cancelRotation || !urgency) return
    const isAdmin = (open.group.me?.role ?? 0) >= ROLE.admin
    const { time } = this.#parts
    const least = ROTATE_AFTER_MS * (urgency === 'leisure' ? LEISURE : 1)
    open.cancelRotation = time.after((isAdmin ? 1 : 4) * (1 + time.random()) * least, () => {
      open.cancelRotation = undefined
      if (this.#urgencyOf(open)) this.rotate(open).catch(this.#parts.onFailure)
    })
  }

  /** Resolves when there is an epoch to write with. Fails with AppError NO_KEY_YET, or NOT_ALLOWED when this person is out. */
  async demandEpoch(open: OpenGroup): Promise<void> {
    const { keyring, group } = open
    const { time } = this.#parts
    const late = () => new AppError('NO_KEY_YET', 'No member has handed over the keys of this group yet.')
    const untilMs = time.monotonicMs() + MAX_SECRET_WAIT_MS
    while (!keyring.current) {
      if (!group.joined) throw notAllowed()
      const leftMs = untilMs - time.monotonicMs()
      if (this.#mayRotate(open) && (keyring.isRotationDue || leftMs <= 0)) await this.#rotateOnce(open)
      else if (leftMs <= 0) throw late()
      // Then all of it is asked again.
      else await inTime(open.keysChanged.promise, leftMs, time, late).catch(() => {})
    }
  }

  /** Who waits for something to write with is to look again. */
  wake(open: OpenGroup): void {
    const { keysChanged } = open
    open.keysChanged = Promise.withResolvers()
    keysChanged.resolve()
  }

  #rotateOnce(open: OpenGroup): Promise<void> {
    open.rotating ??= this.rotate(open).finally(() => (open.rotating = undefined))
    return open.rotating
  }

  /** Asks peers for secrets that are missing; first of them the one that is known to have some. */
  async ask(open: OpenGroup, first?: PeerKey): Promise<void> {
    const { log, keyring, group } = open
    // Nobody knows yet whoever is just entering.
    if (log.opening || !group.joined || open.isEntering || keyring.missing.length === 0) return
    const isAsking = open.asking !== undefined
    open.asking = { first }
    if (isAsking) return
    while (open.asking) {
      const one: PeerKey | undefined = open.asking.first
      const others = this.#parts.admitted(log.group).filter((peer) => peer !== one)
      await this.#askSome(open, (one === undefined ? others : [one, ...others]).slice(0, MAX_PEERS_ASKED))
      if (open.asking?.first === one) open.asking = undefined
    }
  }

  async #askSome(open: OpenGroup, peers: readonly PeerKey[]): Promise<void> {
    for (const peer of peers) {
      const { missing } = open.keyring
      if (missing.length === 0) return
      this.take(open, await this.#parts.syncing.askForSecrets(open.log.group, peer, missing))
    }
  }

  /** Time passes: what is missing, what is due, and what is to be given up. */
  keepUp(open: OpenGroup): void {
    if (open.log.opening) return
    void this.ask(open)
    this.rotateWhenDue(open)
    if (!open.bodies.giveUp()) return
    this.#keep(open)
    this.#parts.onReadable(open)
  }

  #keep(open: OpenGroup): void {
    open.membership.epochs = open.keyring.all
    this.#parts.save(open).catch(this.#parts.onFailure)
  }

  #mayRotate({ group }: OpenGroup): boolean {
    return group.joined && this.#parts.mayWrite() && (group.me?.role ?? 0) >= ROLE.member
  }

  #urgencyOf(open: OpenGroup): 'urgent' | 'leisure' | undefined {
    const { keyring, log } = open
    if (!this.#mayRotate(open)) return undefined
    if (keyring.isRotationDue) return 'urgent'
    const { disappearAfterMs } = log.settings
    const most = disappearAfterMs === 0 ? MAX_EPOCH_MS : disappearAfterMs / EPOCHS_PER_LIFETIME
    const lifetimeMs = Math.max(Math.min(most, MAX_EPOCH_MS), MIN_EPOCH_MS)
    const { beganMs } = keyring
    return beganMs !== undefined && beganMs + lifetimeMs < this.#parts.nowMs() ? 'leisure' : undefined
  }
}
