import { safeStorage } from 'electron'

/** The keychain of the operating system (crypto/key-guard.ts). To be asked once the app is ready. */
export function systemKeychain() {
  return {
    isAvailable: () => safeStorage.isEncryptionAvailable() && !isPretence(),
    encrypt: (text: string) => safeStorage.encryptString(text),
    decrypt: (bytes: Uint8Array) => safeStorage.decryptString(Buffer.from(bytes)),
  }
}

/** Without a keyring, Linux seals with a key that everybody has. */
function isPretence(): boolean {
  return process.platform === 'linux' && safeStorage.getSelectedStorageBackend() === 'basic_text'
}
