/**
 * A device never continues a chain that it may have continued before: that would fork it (core/fork.ts). A store and a
 * device key belong together, so the store names its device:
 *
 *   incarnation -> 8 random bytes: this store, under this key; HELLO carries it
 *   device      -> tag of the key that writes to this store
 *   retired     -> tag of a key that must not write again
 *
 * The key is replaced when the app opens, before anything is written with it, if it is there already and
 * 1. the store does not name it: the store was lost, or one of the two comes from elsewhere; or
 * 2. it is retired. It retires when a neighbour hands over an event that it signed and that is not in the store. Own
 *    events are on the disk before anybody sees them, so the store is an older one (restored from a backup), or another
 *    copy of it is in use. A neighbour cannot make that up: it would need the signature.
 * Groups and messages stay. The new device enters its groups by itself, as whoever has an invite may; until the app is
 * started again, writing fails with DEVICE_RETIRED. The old device stays in the roster, and silent.
 *
 * Nobody can tell a restored store from an old one before the first contact. What was written in between is a fork:
 * proved and shown like any other, and it touches the old device only.
 */
import type { DeviceTag } from '../api/contract.ts'
import { fromHex, toHex } from '../core/bytes.ts'
import { deviceTag } from '../core/event.ts'
import type { Crypto, KeyPair } from '../crypto/crypto.ts'
import type { Keystore } from '../crypto/keystore.ts'
import { settingKey } from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'

const INCARNATION_SIZE = 8
const SEED_SIZE = 32

/** The key to write to this store with. Fails with AppError KEY_UNREADABLE or STORE_FAILED. */
export async function openDeviceKey(storage: Storage, keystore: Keystore, crypto: Crypto): Promise<KeyPair> {
  const key = crypto.keyPair(keystore.secrets.deviceSeed)
  const tag = deviceTag(key.publicKey, crypto.sha256)
  const isUsable = (await names(storage, 'device', tag)) && !(await isRetired(tag, storage))
  if (isUsable || keystore.isNew) return key
  const deviceSeed = crypto.randomBytes(SEED_SIZE)
  await keystore.replace({ deviceSeed })
  return crypto.keyPair(deviceSeed)
}

/** Makes the store this device's, and returns its incarnation. */
export async function openStoreOf(tag: DeviceTag, storage: Storage, crypto: Crypto): Promise<Uint8Array> {
  const known = await storage.get(settingKey('incarnation'))
  if (known && (await names(storage, 'device', tag))) return known
  const incarnation = crypto.randomBytes(INCARNATION_SIZE)
  const put = [
    [settingKey('incarnation'), incarnation],
    [settingKey('device'), fromHex(tag)],
  ] as const
  await storage.write({ put }, { durable: true })
  return incarnation
}

export function isRetired(tag: DeviceTag, storage: Storage): Promise<boolean> {
  return names(storage, 'retired', tag)
}

export async function retire(tag: DeviceTag, storage: Storage): Promise<void> {
  await storage.write({ put: [[settingKey('retired'), fromHex(tag)]] }, { durable: true })
}

async function names(storage: Storage, setting: string, tag: DeviceTag): Promise<boolean> {
  const value = await storage.get(settingKey(setting))
  return value !== undefined && toHex(value) === tag
}
