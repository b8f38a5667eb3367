/** From a data folder to a messenger: its keys, its store, its network. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Crypto } from '../crypto/crypto.ts'
import { identityOf } from '../crypto/identity.ts'
import { noGuard, passphraseGuard, systemGuard, type Keychain } from '../crypto/key-guard.ts'
import { openKeystore, type Keystore } from '../crypto/keystore.ts'
import { sodiumCrypto } from '../crypto/sodium.ts'
import { openVerifierPool } from '../crypto/verifier-pool.ts'
import { createLibp2pNetwork } from '../network/libp2p/node.ts'
import { openLevelStorage } from '../storage/level.ts'
import { Messenger } from './messenger.ts'
import { openDeviceKey } from './own-device.ts'
import type { KeyProtection } from './personal.ts'
import { sealedStorage } from './sealed-store.ts'

export interface MessengerOptions {
  dataFolder: string
  /** Multiaddresses to listen on. */
  listen: string[]
  mdns: boolean
  /** Name for a fresh data folder; kept from then on. */
  name?: string | undefined
  /** The keychain of the operating system, where there is one. */
  keychain?: Keychain | undefined
  /** Opens the keys, where a passphrase guards them; guards new ones where there is no keychain. */
  passphrase?: string | undefined
  /** Artificial delay of everything received, for demos. */
  delayMs?: number | undefined
}

/**
 * Opens the data folder and goes online. Fails with AppError DATA_IN_USE, STORE_CORRUPT, STORE_FAILED, KEY_UNREADABLE,
 * KEYS_LOCKED or WRONG_PASSPHRASE; nothing is left open then. What is there can be shown when it resolves; whether all of it is in order
 * is known later: see Messenger.opened.
 */
export async function openMessenger(options: MessengerOptions): Promise<Messenger> {
  const { dataFolder, listen, mdns, name, delayMs, keychain, passphrase } = options
  const crypto = sodiumCrypto
  await mkdir(dataFolder, { recursive: true, mode: 0o700 })
  const keystore = await openKeystore(dataFolder, crypto, { keychain, passphrase })
  const { storeKey } = keystore.secrets
  const storage = sealedStorage(await openLevelStorage(join(dataFolder, 'store')), storeKey, crypto)
  const verifier = openVerifierPool()
  try {
    const key = await openDeviceKey(storage, keystore, crypto)
    const identity = identityOf(keystore.secrets.entropy, crypto)
    const network = createLibp2pNetwork({ secretKey: key.secretKey, listen, mdns, delayMs: delayMs ?? 0 })
    return await Messenger.start({
      ...{ storage, network, crypto, verifier, key, identity, dataFolder, name },
      keepIdentity: (entropy) => keystore.replace({ entropy }),
      protection: keyProtection(keystore, crypto, keychain),
    })
  } catch (error) {
    await verifier.close()
    await storage.close()
    keystore.lock()
    throw error
  }
}

function keyProtection(keystore: Keystore, crypto: Crypto, keychain: Keychain | undefined): KeyProtection {
  const hasKeychain = keychain?.isAvailable() ?? false
  return {
    get kind() {
      return keystore.guard
    },
    hasKeychain,
    setPassphrase: (passphrase) => {
      const otherwise = hasKeychain ? systemGuard(keychain!) : noGuard
      return keystore.changeGuard(passphrase === undefined ? otherwise : passphraseGuard(passphrase, crypto))
    },
    lock: () => keystore.lock(),
  }
}
