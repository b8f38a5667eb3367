/** Who keeps the one key that opens this device's secrets (keystore.ts). */
import type { Protection } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import type { Crypto, PasswordCost } from './crypto.ts'
import { lock, MODERATE_COST, unlock } from './passphrase.ts'

/** As a keystore's file numbers them. */
export const GUARD_KINDS: readonly Protection[] = ['none', 'system', 'passphrase']

export interface KeyGuard {
  readonly kind: Protection
  wrap(key: Uint8Array): Promise<Uint8Array>
  /** Fails with AppError WRONG_PASSPHRASE or KEY_UNREADABLE. */
  unwrap(wrapped: Uint8Array): Promise<Uint8Array>
}

/**
 * What Electron's safeStorage does, passed in. isAvailable must be false where it only pretends: on Linux without a keyring
 * (backend basic_text) everybody has its key.
 */
export interface Keychain {
  isAvailable(): boolean
  encrypt(text: string): Uint8Array
  decrypt(bytes: Uint8Array): string
}

const LABEL = 'tapri-keys-1'

/** Leaves the key as it is. */
export const noGuard: KeyGuard = {
  kind: 'none',
  wrap: async (key) => key.slice(),
  unwrap: async (wrapped) => wrapped.slice(),
}

export function systemGuard(keychain: Keychain): KeyGuard {
  const ask = (use: () => Uint8Array): Uint8Array => {
    const refused = 'The keychain of the system, which keeps the keys of Tapri,'
    if (!keychain.isAvailable())
      throw new AppError('KEY_UNREADABLE', `${refused} is not available. Unlock it, and start Tapri again.`)
    try {
      return use()
    } catch (cause) {
      const sentence = `${refused} does not open them. They may come from another computer or user.`
      throw new AppError('KEY_UNREADABLE', sentence, { cause })
    }
  }
  return {
    kind: 'system',
    wrap: async (key) => ask(() => new Uint8Array(keychain.encrypt(Buffer.from(key).toString('base64')))),
    unwrap: async (wrapped) => ask(() => new Uint8Array(Buffer.from(keychain.decrypt(wrapped), 'base64'))),
  }
}

export function passphraseGuard(
  passphrase: string,
  crypto: Crypto,
  cost: PasswordCost = MODERATE_COST,
): KeyGuard {
  return {
    kind: 'passphrase',
    wrap: (key) => lock(key, passphrase, LABEL, crypto, cost),
    async unwrap(wrapped) {
      const result = await unlock(wrapped, passphrase, LABEL, crypto)
      if ('plaintext' in result) return result.plaintext
      if (result.reason === 'malformed') throw new AppError('KEY_UNREADABLE', 'The file of keys is damaged.')
      throw new AppError('WRONG_PASSPHRASE', 'This passphrase does not open the keys of Tapri.')
    },
  }
}
