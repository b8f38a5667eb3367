/**
 * Verifies the signatures of events, many at a time, aside from whatever else this process does. Implementations run
 * test/contract/verifier.ts. All of them ask libsodium, one signature at a time: libraries disagree on crafted
 * signatures (Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs", 2020), and what one device takes and another
 * refuses splits a group.
 *
 * Every event's own signature is verified once before it is delivered. That is dear, and there is less to save than it
 * seems:
 *
 * - Not the last of a run only, although it commits to all before it. A hostile author signs e5 with rubbish and e6
 *   well: whoever takes e5 on the word of e6 cannot hand it to anybody who looks, so answers to e5 are delivered here
 *   and never there.
 * - Not a random linear combination of many signatures (batch verification): it accepts crafted ones that looking at
 *   each refuses, and by chance, so two devices differ.
 * - A copy is recognised by its id before its signature is looked at. The id does not cover the signature, so that is
 *   sound: what is delivered, cited and shown depends on the id alone. Somebody who changes a signature (S + L, which
 *   libsodium refuses) or an author who makes a second one changes nothing but which bytes a device hands on, and all of
 *   those verify. A copy with a bad signature is refused, and its id is not remembered.
 * - What was read back from the own disk was verified before it was written.
 */
import { AppError } from '../api/errors.ts'
import type { SignedId } from '../core/event.ts'
import type { Verify } from '../core/members.ts'

export interface Verifier {
  /**
   * Whether each is signed by its key, in order. While too many wait already, it waits for them. Fails with AppError
   * CLOSED once close() was called; TypeError when a field has another length than SignedId says.
   */
  verify(signed: readonly SignedId[]): Promise<boolean[]>
  /** Gives up what waits. Idempotent. */
  close(): Promise<void>
}

/** Verifies in this thread and turn: for simulations, tests, and whoever receives little. */
export function inlineVerifier(verify: Verify): Verifier {
  let closed = false
  return {
    async verify(signed) {
      if (closed) throw verifierClosed()
      return verifyRecords(toRecords(signed), verify)
    },
    async close() {
      closed = true
    },
  }
}

export function verifierClosed(): AppError {
  return new AppError('CLOSED', 'Signatures are not verified any more.')
}

const SIGNATURE_SIZE = 64
const ID_SIZE = 32
const KEY_SIZE = 32
export const RECORD_SIZE_BYTES = SIGNATURE_SIZE + ID_SIZE + KEY_SIZE

/** One flat buffer, which threads can pass on without copying: signature, id and key, again and again. */
export function toRecords(signed: readonly SignedId[]): Uint8Array {
  const records = new Uint8Array(signed.length * RECORD_SIZE_BYTES)
  for (const [i, { signature, id, publicKey }] of signed.entries()) {
    if (signature.length !== SIGNATURE_SIZE || id.length !== ID_SIZE || publicKey.length !== KEY_SIZE)
      throw new TypeError('a signature, id or key has the wrong length')
    records.set(signature, i * RECORD_SIZE_BYTES)
    records.set(id, i * RECORD_SIZE_BYTES + SIGNATURE_SIZE)
    records.set(publicKey, i * RECORD_SIZE_BYTES + SIGNATURE_SIZE + ID_SIZE)
  }
  return records
}

/** What every implementation does in the end, in whatever thread. */
export function verifyRecords(records: Uint8Array, verify: Verify): boolean[] {
  return Array.from({ length: records.length / RECORD_SIZE_BYTES }, (_, i) => {
    const record = records.subarray(i * RECORD_SIZE_BYTES, (i + 1) * RECORD_SIZE_BYTES)
    const id = record.subarray(SIGNATURE_SIZE, SIGNATURE_SIZE + ID_SIZE)
    return verify(record.subarray(0, SIGNATURE_SIZE), id, record.subarray(SIGNATURE_SIZE + ID_SIZE))
  })
}
