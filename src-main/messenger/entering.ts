/**
 * How a device gets into a group. A person who belongs to it already enters with a further device by saying so; anybody
 * else shows the key of an invite to a member, and enters with that member's voucher, on exactly the control events that
 * the member had seen.
 */
import { deviceTag, KIND } from '../core/event.ts'
import { controlFrontier } from '../core/citations.ts'
import { encodeEnter, encodeJoin } from '../core/control/bodies.ts'
import { fromHex } from '../core/bytes.ts'
import type { Crypto } from '../crypto/crypto.ts'
import type { PeerKey } from '../network/network.ts'
import { encodeCredential, inviteCredential } from './admission.ts'
import type { Acting, OpenGroup } from './open-group.ts'
import type { Self } from './self.ts'
import type { Syncing } from './syncing.ts'

export interface EnteringParts extends Acting {
  crypto: Crypto
  person: Self
  syncing: Pick<Syncing, 'askForVoucher' | 'start'>
}

/**
 * Enters if this device is to, and has not. Resolves to whether it has entered. peer: everything that it had is here, and it
 * may vouch; undefined while nobody is there.
 */
export async function enter(
  open: OpenGroup,
  peer: PeerKey | undefined,
  parts: EnteringParts,
): Promise<boolean> {
  const { engine } = open.log
  const { roster } = engine
  const { self, person } = parts
  if (open.isEntering || !roster.isFounded || roster.isActive(self) || roster.isRemovedDevice(self))
    return false
  open.isEntering = true
  try {
    if (roster.members.has(person.user))
      await append(open, KIND.enter, encodeEnter(person.credentials), parts)
    else if (peer === undefined || !(await join(open, peer, parts))) return false
    open.joinProblem = undefined
    open.membership.joining = undefined
    await parts.save(open)
    return true
  } finally {
    open.isEntering = false
  }
}

async function join(open: OpenGroup, peer: PeerKey, parts: EnteringParts): Promise<boolean> {
  const { crypto, person, self, syncing } = parts
  const { log, membership } = open
  const { joining } = membership
  if (!joining) return false
  const credential = inviteCredential(log.group, joining, person.credentials, crypto)
  const heads = controlFrontier(log.engine.history)
  const signature = await syncing.askForVoucher(log.group, peer, encodeCredential(credential), heads)
  if (!signature || membership.joining !== joining) return false
  // The event cites what is here when it is written: the voucher is about that, or of no use.
  if (controlFrontier(log.engine.history).join() !== heads.join()) {
    syncing.start(log.group, peer)
    return false
  }
  const { invite, proof } = credential
  const voucher = { device: deviceTag(fromHex(peer), crypto.sha256), signature }
  await append(open, KIND.join, encodeJoin(person.credentials, { invite, proof, voucher }), parts)
  return log.engine.roster.isActive(self)
}

async function append(open: OpenGroup, kind: number, body: Uint8Array, parts: EnteringParts): Promise<void> {
  const { event } = await parts.append(open, kind, body)
  open.entrance = event.bytes
}
