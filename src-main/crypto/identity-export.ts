/**
 * An identity as a text to keep elsewhere, which only its passphrase opens.
 *
 *   "tapri-identity:" base64url( version 1 | box of crypto/passphrase.ts around: entropy 32 | name as a block )
 */
import { AppError } from '../api/errors.ts'
import { concat, Reader, Writer } from '../core/bytes.ts'
import { MAX_EXPORT_SIZE_BYTES, MAX_EXPORTED_NAME_SIZE_BYTES } from '../core/limits.ts'
import type { Crypto, PasswordCost } from './crypto.ts'
import { lock, MODERATE_COST, unlock } from './passphrase.ts'
import { ENTROPY_SIZE } from './phrase.ts'

const PREFIX = 'tapri-identity:'
const VERSION = 1
const LABEL = 'tapri-identity-1'

export interface ExportedIdentity {
  entropy: Uint8Array
  name: string
}

/** TypeError when the passphrase is empty, or it or the name is too long. */
export async function exportIdentity(
  { entropy, name }: ExportedIdentity,
  passphrase: string,
  crypto: Crypto,
  cost: PasswordCost = MODERATE_COST,
): Promise<string> {
  const nameBytes = new TextEncoder().encode(name)
  if (entropy.length !== ENTROPY_SIZE || nameBytes.length > MAX_EXPORTED_NAME_SIZE_BYTES)
    throw new TypeError('an identity is 32 bytes and a name')
  const plaintext = new Writer().bytes(entropy).block(nameBytes).finish()
  const box = await lock(plaintext, passphrase, LABEL, crypto, cost)
  crypto.erase(plaintext)
  return PREFIX + Buffer.from(concat([Uint8Array.of(VERSION), box])).toString('base64url')
}

/** Spaces and line breaks in the text do not matter. Fails with AppError WRONG_PASSPHRASE or INVALID_EXPORT. */
export async function importIdentity(
  text: string,
  passphrase: string,
  crypto: Crypto,
): Promise<ExportedIdentity> {
  const invalid = (sentence: string) => new AppError('INVALID_EXPORT', sentence)
  if (text.length > 2 * MAX_EXPORT_SIZE_BYTES)
    throw invalid('This text is too long for an exported identity.')
  const compact = text.replace(/\s+/g, '')
  if (!compact.startsWith(PREFIX)) throw invalid(`An exported identity begins with “${PREFIX}”.`)
  const bytes = new Uint8Array(Buffer.from(compact.slice(PREFIX.length), 'base64url'))
  if (PREFIX + Buffer.from(bytes).toString('base64url') !== compact || compact.length > MAX_EXPORT_SIZE_BYTES)
    throw invalid('A part of the exported identity is missing, or altered.')
  if (bytes[0] !== VERSION) throw invalid('Another version of Tapri exported this identity.')
  const result = await unlock(bytes.subarray(1), passphrase, LABEL, crypto)
  if ('reason' in result) {
    if (result.reason === 'malformed')
      throw invalid('A part of the exported identity is missing, or altered.')
    throw new AppError(
      'WRONG_PASSPHRASE',
      'This passphrase does not open the exported identity, or a part of it was altered.',
    )
  }
  const reader = new Reader(result.plaintext)
  const entropy = reader.bytes(ENTROPY_SIZE).slice()
  const name = new TextDecoder().decode(reader.block(MAX_EXPORTED_NAME_SIZE_BYTES))
  if (!reader.isDone()) throw invalid('The exported identity holds something else.')
  crypto.erase(result.plaintext)
  return { entropy, name }
}
