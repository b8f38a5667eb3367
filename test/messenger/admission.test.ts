/** What a peer shows to be admitted, byte by byte. Who is admitted: membership.test.ts and hostile.test.ts. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex } from '../../src-main/core/bytes.ts'
import {
  decodeCredential,
  encodeCredential,
  problemOf,
  REFUSALS,
  type Credential,
} from '../../src-main/messenger/admission.ts'

const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
const credentials: fc.Arbitrary<Credential> = fc.oneof(
  fc.constant({ type: 'member' as const }),
  fc.record({ type: fc.constant('entrance' as const), event: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({
    type: fc.constant('invite' as const),
    invite: bytes(32).map(toHex),
    credentials: fc.record({ deviceKey: bytes(32), userKey: bytes(32), certificate: bytes(64) }),
    proof: bytes(64),
  }),
)

test('a credential is read as it was written, and has no other encoding', () => {
  fc.assert(
    fc.property(credentials, fc.uint8Array({ minLength: 1, maxLength: 3 }), (credential, more) => {
      const written = encodeCredential(credential)
      expect(decodeCredential(written)).toEqual(credential)
      expect(decodeCredential(written.subarray(0, -1))).toBeUndefined()
      expect(decodeCredential(new Uint8Array([...written, ...more]))).toBeUndefined()
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (any) => {
      const credential = decodeCredential(any)
      if (credential) expect(encodeCredential(credential)).toEqual(any)
    }),
  )
})

test('bytes of credentials and numbers of refusals are as they were', () => {
  const own = {
    deviceKey: new Uint8Array(32).fill(2),
    userKey: new Uint8Array(32).fill(3),
    certificate: new Uint8Array(64).fill(4),
  }
  const all: Credential[] = [
    { type: 'member' },
    { type: 'entrance', event: Uint8Array.of(9, 9) },
    { type: 'invite', invite: '11'.repeat(32), credentials: own, proof: new Uint8Array(64).fill(5) },
  ]
  expect(all.map((credential) => toHex(encodeCredential(credential)))).toEqual([
    '00',
    '01020909',
    `02${'11'.repeat(32)}${'02'.repeat(32)}${'03'.repeat(32)}${'04'.repeat(64)}${'05'.repeat(64)}`,
  ])
  expect(REFUSALS).toMatchInlineSnapshot(`
    [
      "stranger",
      "removed",
      "behind",
      "invite-unknown",
      "invite-expired",
      "invite-revoked",
      "invite-used",
      "banned",
    ]
  `)
})

test('a newcomer is told what it can do something about', () => {
  const told = REFUSALS.filter((refusal) => problemOf(refusal) !== undefined)
  expect(told).toEqual(['invite-unknown', 'invite-expired', 'invite-revoked', 'invite-used', 'banned'])
})
