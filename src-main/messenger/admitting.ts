/** How this device and a peer admit each other to a group: what each shows, what each refuses, and what becomes of that. */
import type { GroupId, JoinProblem } from '../api/contract.ts'
import { controlFrontier } from '../core/citations.ts'
import { decodeBody } from '../core/control/bodies.ts'
import type { Moment } from '../core/engine.ts'
import { decodeEvent } from '../core/event.ts'
import type { Crypto, KeyPair } from '../crypto/crypto.ts'
import type { PeerKey } from '../network/network.ts'
import { encodeCredential, inviteCredential, problemOf, type Refusal } from './admission.ts'
import type { Links } from './links.ts'
import type { OpenGroup } from './open-group.ts'
import type { Self } from './self.ts'
import type { Syncing, SyncParts } from './syncing.ts'

/** Whoever was removed asks so often for what led to it; the next refusal brings as many more. */
const MAX_REMOVAL_ROUNDS = 32
/** A newcomer that has found nobody for so long is told. */
const UNREACHABLE_AFTER_MS = 10_000

export interface AdmittingParts {
  /** This device. */
  self: string
  key: KeyPair
  crypto: Crypto
  person: Self
  links: Links
  groups: ReadonlyMap<GroupId, OpenGroup>
  syncing(): Syncing
  /** Whether this device may vouch for anybody. */
  mayWrite(): boolean
  now(): Moment
}

export interface Admitting extends Pick<
  SyncParts,
  'credential' | 'refusal' | 'vouch' | 'secretsFor' | 'removalOf' | 'ledToRemoval'
> {
  /** A peer refused this device. event: what took it out, as the peer says. */
  noteRefusal(open: OpenGroup, peer: PeerKey, refusal: Refusal, event: Uint8Array): Promise<void>
  /** Why nobody has let this device in yet. */
  joinProblem(group: GroupId): JoinProblem | undefined
}

/** Of groups that are open. */
export function admitting(parts: AdmittingParts): Admitting {
  const { self, key, crypto, person, links, groups, syncing, mayWrite, now } = parts
  const find = (group: GroupId) => groups.get(group)!

  /** Something waits that takes this person, or this device, out of the group. */
  const isRemovalPending = ({ log }: OpenGroup) =>
    log.engine.pending().some(({ event }) => {
      const change = decodeBody(event)?.change
      if (change?.kind === 'removeDevice') return change.device === self
      return change?.kind === 'remove' && change.target === person.user
    })

  return {
    credential(group, peer) {
      const { log, membership, entrance, entranceKnownBy } = find(group)
      const { joining } = membership
      if (joining && !log.engine.roster.isActive(self))
        return encodeCredential(inviteCredential(group, joining, person.credentials, crypto))
      const isKnown = !entrance || entranceKnownBy.has(peer)
      return encodeCredential(isKnown ? { type: 'member' } : { type: 'entrance', event: entrance })
    },

    // A newcomer gives nothing away, and takes from whoever knows the group.
    async refusal(group, peer, credential) {
      const { log, admission, outbox } = find(group)
      if (!log.engine.roster.isActive(self)) return undefined
      return admission.refusal(peer, credential, async (event) => {
        const { written, verdict } = await log.receive([event], peer, now)
        await written
        // Whoever has just entered is under no topic yet: this device tells the others.
        const decoded = decodeEvent(event, group, crypto.sha256)
        if (verdict === 'accept' && 'event' in decoded) outbox.push(decoded.event)
      })
    },

    vouch(group, peer, credential, heads) {
      const { admission, log } = find(group)
      if (!log.engine.roster.isActive(self) || !mayWrite()) return 'stranger'
      return admission.vouch(peer, credential, heads, controlFrontier(log.engine.history), key)
    },

    secretsFor(group, peer, epochs) {
      const { admission, keyring } = find(group)
      const user = admission.memberOf(peer)
      return user === undefined ? [] : keyring.give(user, epochs)
    },

    async removalOf(group, peer) {
      const { admission, log } = find(group)
      const removal = admission.removalOf(peer)
      const entry = removal === undefined ? undefined : log.engine.history.get(removal)
      return entry ? (await log.read(entry)).bytes : new Uint8Array(0)
    },

    ledToRemoval: (group, peer, entry) => find(group).admission.ledToRemoval(peer, entry),

    async noteRefusal(open, peer, refusal, event) {
      open.entranceKnownBy.delete(peer)
      if (!open.group.joined) open.joinProblem = problemOf(refusal)
      else if (refusal === 'removed') {
        const { log } = open
        const { written } = await log.receive([event], peer, now)
        await written
        // Signed by somebody of the group: until what led to it is here, it is a claim.
        for (let round = 0; round < MAX_REMOVAL_ROUNDS && isRemovalPending(open); round++)
          await syncing().ask(log.group, peer, log.engine.missing())
        if (isRemovalPending(open)) open.group.noteRefused(true)
      }
    },

    joinProblem(group) {
      const open = groups.get(group)
      if (!open?.membership.joining) return undefined
      if (open.joinProblem) return open.joinProblem
      const isAlone = links.admitted(group).length === 0
      const isLong = now().atMs - open.joiningSinceMs > UNREACHABLE_AFTER_MS
      return isAlone && isLong ? 'unreachable' : undefined
    },
  }
}
