import { safeStorage } from 'electron'
import type { Keychain } from '../../crypto/key-guard.ts'

/** The keychain of the operating system. To be asked once the app is ready. */
export function systemKeychain(): Keychain {
  return {
    isAvailable: () => safeStorage.isEncryptionAvailable() && !isPretence(),
    encrypt: (text) => safeStorage.encryptString(text),
    decrypt: (bytes) => safeStorage.decryptString(Buffer.from(bytes)),
  }
}

/** Without a keyring, Linux seals with a key that everybody has. */
function isPretence(): boolean {
  return process.platform === 'linux' && safeStorage.getSelectedStorageBackend() === 'basic_text'
}
