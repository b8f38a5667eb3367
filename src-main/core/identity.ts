/**
 * A person is a user key; their devices are certified by it.
 *
 * The certificate binds a device to a person, everywhere and for good; a group takes a device out of itself by a control
 * event. It does not show that the device agrees: the event with which it enters a group is signed by the device and
 * names the person, so nobody gets to be the owner of somebody else's device.
 */
import type { UserId } from '../api/contract.ts'
import { ascii, concat, toHex } from './bytes.ts'
import type { Sha256 } from './event.ts'

const USER_PREFIX = ascii('usr')
const CERTIFICATE_PREFIX = ascii('tapri-device-1')

/** 32 hex digits that name a person everywhere: the first 16 bytes of SHA-256("usr", user public key). */
export function userId(publicKey: Uint8Array, sha256: Sha256): UserId {
  return toHex(sha256(concat([USER_PREFIX, publicKey])).subarray(0, 16))
}

/** What the user key signs to make a device one of its own. */
export function certificateStatement(devicePublicKey: Uint8Array): Uint8Array {
  return concat([CERTIFICATE_PREFIX, devicePublicKey])
}
