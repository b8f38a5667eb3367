import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src-main/core/bytes.ts'
import {
  noGuard,
  passphraseGuard,
  systemGuard,
  type KeyGuard,
  type Keychain,
} from '../../src-main/crypto/key-guard.ts'
import { openKeystore, type Secrets } from '../../src-main/crypto/keystore.ts'
import { sodiumCrypto as crypto } from '../../src-main/crypto/sodium.ts'

const FILE = 'keys.sealed'
const CHEAP = { passes: 1, memoryKiB: 8 }
const guardOf = (passphrase: string) => passphraseGuard(passphrase, crypto, CHEAP)
const unreadable = { code: 'KEY_UNREADABLE' }
const bytes = (value: number) => new Uint8Array(32).fill(value)
const copyOf = (secrets: Secrets) =>
  Object.fromEntries(
    Object.entries<Uint8Array>({ ...secrets }).map(([name, secret]) => [name, toHex(secret)]),
  )
/** Made when the format was, guarded by none and by a passphrase: they must open for good. */
const OLD_PLAIN =
  '010020c30142a7276c168993d5d444bb6995192fe2aa9243d90279205f425d211e5603d2a81b056d240577bbc143504995ec726c5151250c09f16ce78d8020a1af44ffa9241406af3b480100f4976c84a89f5bcc9c88d6e712359706f8244a7b530c62df93c668461967632ba8126a276a7086170b1c5b5ba883cb0d41f675f62c135f844708b2321c86bb4935f20dde49b03938359099a65c97d37e1e168a519ce03ed12c045b8e53cf3b'
const OLD_LOCKED =
  '01025d010000000837124a5c24ce82895ee394e22d9eb0c0153894311b855c925f0ce1ec9ef3d3b95844ab8dbd072438fc411b2f06e430500719c1b86c7e36e701e429354fba13acb9bb55bee23c1982075fbc852df7f974578b5a8090f6ced7d2a81b056d240577bbc143504995ec726c5151250c09f16ce78d8020a1af44ffa9241406af3b480100f4976c84a89f5bcc9c88d6e712359706f8244a7b530c62df93c668461967632ba8126a276a7086170b1c5b5ba883cb0d41f675f62c135f844708b2321c86bb4935f20dde49b03938359099a65c97d37e1e168a519ce03ed12c045b8e53cf3b'

const folders: string[] = []
async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tapri-keystore-'))
  folders.push(path)
  return path
}
afterEach(async () => {
  for (const path of folders.splice(0)) await rm(path, { recursive: true, force: true })
})

/** As Electron's safeStorage: opens only what the same user sealed. */
function keychainOf(user: number, state = { available: true }): Keychain {
  const flip = (from: Uint8Array) => from.map((byte) => byte ^ user)
  return {
    isAvailable: () => state.available,
    encrypt: (text) => Uint8Array.of(user, ...flip(Buffer.from(text))),
    decrypt(sealed) {
      if (sealed[0] !== user)
        throw new Error('Error while decrypting the ciphertext provided to safeStorage.')
      return Buffer.from(flip(sealed.subarray(1))).toString()
    },
  }
}

/** A folder whose keys are under this guard, and what they are. */
async function kept(guard: KeyGuard): Promise<{ path: string; secrets: Record<string, string> }> {
  const path = await folder()
  const keystore = await openKeystore(path, crypto)
  await keystore.changeGuard(guard)
  return { path, secrets: copyOf(keystore.secrets) }
}
const read = async (path: string) => new Uint8Array(await readFile(join(path, FILE)))

describe('a keystore', () => {
  test('is made once, for its owner only, and stays the same', async () => {
    const path = await folder()
    const { secrets, guard } = await openKeystore(path, crypto)
    expect(guard).toBe('none')
    expect(new Set(Object.values(copyOf(secrets))).size).toBe(3)
    expect((await openKeystore(path, crypto)).secrets).toEqual(secrets)
    expect((await stat(join(path, FILE))).mode & 0o777).toBe(0o600)
    expect(await readdir(path)).toEqual([FILE])
    await chmod(join(path, FILE), 0o644)
    await expect(openKeystore(path, crypto)).rejects.toMatchObject(unreadable)
  })

  test('has exactly this form, and opens for good', async () => {
    const path = await folder()
    await writeFile(join(path, FILE), fromHex(OLD_PLAIN), { mode: 0o600 })
    expect((await openKeystore(path, crypto)).secrets).toEqual({
      entropy: bytes(1),
      deviceSeed: bytes(2),
      storeKey: bytes(3),
    })
    // version, guard, the key as it is, nonce, three secrets and a proof
    expect(OLD_PLAIN).toHaveLength(2 * (1 + 1 + 1 + 32 + 24 + 96 + 16))
    expect(OLD_PLAIN.slice(0, 6)).toBe('010020')
    await writeFile(join(path, FILE), fromHex(OLD_LOCKED))
    const locked = await openKeystore(path, crypto)
    await locked.unlock(guardOf('correct horse'))
    expect(locked.secrets.entropy).toEqual(bytes(1))
  })

  test('that is damaged is reported, and never replaced', async () => {
    for (const guard of [noGuard, guardOf('horse')]) {
      const { path } = await kept(guard)
      const good = await read(path)
      const damages = [
        new Uint8Array(0),
        good.subarray(0, 40),
        good.subarray(0, -1),
        good.with(0, 2),
        good.with(1, 3),
        good.with(good.length - 1, good.at(-1)! ^ 1),
        good.with(good.length - 100, good.at(-100)! ^ 1),
      ]
      for (const bad of damages) {
        await writeFile(join(path, FILE), bad)
        const use = async () => {
          const keystore = await openKeystore(path, crypto)
          if (keystore.isLocked) await keystore.unlock(guardOf('horse'))
        }
        await expect(use()).rejects.toMatchObject(unreadable)
        expect(await read(path)).toEqual(new Uint8Array(bad))
      }
    }
  })

  test('takes other secrets in, one after the other', async () => {
    const path = await folder()
    const keystore = await openKeystore(path, crypto)
    const before = copyOf(keystore.secrets)
    await Promise.all([keystore.replace({ entropy: bytes(7) }), keystore.replace({ deviceSeed: bytes(8) })])
    const after = { ...before, entropy: toHex(bytes(7)), deviceSeed: toHex(bytes(8)) }
    expect(copyOf(keystore.secrets)).toEqual(after)
    expect(copyOf((await openKeystore(path, crypto)).secrets)).toEqual(after)
    await expect(keystore.replace({ entropy: bytes(7).subarray(1) })).rejects.toThrow(TypeError)
    expect(copyOf(keystore.secrets)).toEqual(after)
  })
})

describe('a passphrase', () => {
  test('opens what it guards, and another one does not', async () => {
    const { path, secrets } = await kept(guardOf('correct horse'))
    const keystore = await openKeystore(path, crypto)
    expect(keystore).toMatchObject({ guard: 'passphrase', isLocked: true })
    await expect(keystore.unlock(guardOf('wrong horse'))).rejects.toMatchObject({ code: 'WRONG_PASSPHRASE' })
    expect(keystore.isLocked).toBe(true)
    await keystore.unlock(guardOf('correct horse'))
    expect(copyOf(keystore.secrets)).toEqual(secrets)
    await expect(keystore.unlock(noGuard)).rejects.toThrow(TypeError)
  })

  test('locks: nothing is told or changed, and what was is erased from memory', async () => {
    const { path } = await kept(guardOf('horse'))
    const keystore = await openKeystore(path, crypto)
    await keystore.unlock(guardOf('horse'))
    const { secrets } = keystore
    keystore.lock()
    keystore.lock()
    for (const secret of [secrets.entropy, secrets.deviceSeed, secrets.storeKey])
      expect(secret).toEqual(bytes(0))
    const locked = { code: 'KEYS_LOCKED' }
    expect(() => keystore.secrets).toThrow(expect.objectContaining(locked))
    await expect(keystore.changeGuard(noGuard)).rejects.toMatchObject(locked)
    await expect(keystore.replace({ entropy: bytes(1) })).rejects.toMatchObject(locked)
    await keystore.unlock(guardOf('horse'))
    expect(keystore.secrets.entropy).not.toEqual(bytes(0))
  })

  test('that is given opens at once, and guards a new keystore where there is no keychain', async () => {
    const path = await folder()
    const made = await openKeystore(path, crypto, { passphrase: 'correct horse' })
    expect(made).toMatchObject({ guard: 'passphrase', isLocked: false, isNew: true })
    const again = await openKeystore(path, crypto, { passphrase: 'correct horse' })
    expect(again).toMatchObject({ isLocked: false, isNew: false })
    expect(copyOf(again.secrets)).toEqual(copyOf(made.secrets))
    await expect(openKeystore(path, crypto, { passphrase: 'wrong horse' })).rejects.toMatchObject({
      code: 'WRONG_PASSPHRASE',
    })
    expect(await openKeystore(path, crypto)).toMatchObject({ isLocked: true })
  })

  test('is changed by wrapping the key again: the secrets are not written anew', async () => {
    const { path, secrets } = await kept(guardOf('old horse'))
    const before = await read(path)
    const keystore = await openKeystore(path, crypto)
    await keystore.unlock(guardOf('old horse'))
    await keystore.changeGuard(guardOf('new horse'))
    const after = await read(path)
    expect(after.subarray(-136)).toEqual(before.subarray(-136))
    expect(after.subarray(0, -136)).not.toEqual(before.subarray(0, -136))
    const again = await openKeystore(path, crypto)
    await expect(again.unlock(guardOf('old horse'))).rejects.toMatchObject({ code: 'WRONG_PASSPHRASE' })
    await again.unlock(guardOf('new horse'))
    expect(copyOf(again.secrets)).toEqual(secrets)
  })

  test('whose change was interrupted is the old one still', async () => {
    const { path, secrets } = await kept(guardOf('old horse'))
    const keystore = await openKeystore(path, crypto)
    await keystore.unlock(guardOf('old horse'))
    // The power fails while the new file is written: its half lies beside the old one.
    const half = (await read(path)).subarray(0, 50)
    await writeFile(join(path, `${FILE}.new`), half, { mode: 0o600 })
    const again = await openKeystore(path, crypto)
    await again.unlock(guardOf('old horse'))
    expect(copyOf(again.secrets)).toEqual(secrets)
    // And it is no obstacle to the next attempt.
    await again.changeGuard(guardOf('new horse'))
    expect(await readdir(path)).toEqual([FILE])
  })

  test('that cannot be set leaves everything as it was', async () => {
    const { path, secrets } = await kept(guardOf('old horse'))
    const keystore = await openKeystore(path, crypto)
    await keystore.unlock(guardOf('old horse'))
    const before = await read(path)
    const refusing: KeyGuard = { ...guardOf('x'), wrap: () => Promise.reject(new Error('no memory')) }
    await expect(keystore.changeGuard(refusing)).rejects.toThrow('no memory')
    expect(await read(path)).toEqual(before)
    expect(keystore.guard).toBe('passphrase')
    expect(copyOf(keystore.secrets)).toEqual(secrets)
    await keystore.changeGuard(noGuard)
    expect((await openKeystore(path, crypto)).guard).toBe('none')
  })
})

describe('the keychain of the system', () => {
  test('guards a new keystore when it is available', async () => {
    const path = await folder()
    const keystore = await openKeystore(path, crypto, { keychain: keychainOf(1) })
    expect(keystore).toMatchObject({ guard: 'system', isLocked: false })
    const again = await openKeystore(path, crypto, { keychain: keychainOf(1) })
    expect(copyOf(again.secrets)).toEqual(copyOf(keystore.secrets))
    expect(
      (await openKeystore(await folder(), crypto, { keychain: keychainOf(1, { available: false }) })).guard,
    ).toBe('none')
  })

  test('that refuses, is another user’s or is missing is reported, and nothing is replaced', async () => {
    const { path, secrets } = await kept(systemGuard(keychainOf(1)))
    const before = await read(path)
    for (const keychain of [keychainOf(2), keychainOf(1, { available: false }), undefined])
      await expect(openKeystore(path, crypto, { keychain })).rejects.toMatchObject(unreadable)
    expect(await read(path)).toEqual(before)
    expect(copyOf((await openKeystore(path, crypto, { keychain: keychainOf(1) })).secrets)).toEqual(secrets)
  })

  test('that refuses to guard leaves no keystore behind', async () => {
    const path = await folder()
    const refusing: Keychain = {
      ...keychainOf(1),
      encrypt() {
        throw new Error('Error while encrypting the text provided to safeStorage.')
      },
    }
    await expect(openKeystore(path, crypto, { keychain: refusing })).rejects.toMatchObject(unreadable)
    expect(await readdir(path)).toEqual([])
  })

  test('and a passphrase take turns', async () => {
    const { path, secrets } = await kept(systemGuard(keychainOf(1)))
    const keystore = await openKeystore(path, crypto, { keychain: keychainOf(1) })
    await keystore.changeGuard(guardOf('horse'))
    const locked = await openKeystore(path, crypto, { keychain: keychainOf(1) })
    expect(locked.isLocked).toBe(true)
    await locked.unlock(guardOf('horse'))
    await locked.changeGuard(systemGuard(keychainOf(1)))
    expect(copyOf((await openKeystore(path, crypto, { keychain: keychainOf(1) })).secrets)).toEqual(secrets)
  })
})
