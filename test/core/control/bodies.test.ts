/** The bodies of control events, byte by byte. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src-main/core/bytes.ts'
import {
  certifiedUser,
  certify,
  createCommitmentOf,
  decodeBody,
  encodeChange,
  encodeCreate,
  encodeEnter,
  encodeInvite,
  encodeJoin,
  isEntrance,
  proofStatement,
  voucherStatement,
  type Admission,
  type Credentials,
} from '../../../src-main/core/control/bodies.ts'
import { ROLE, type Change, type Cut } from '../../../src-main/core/control/operation.ts'
import { deviceTag, KIND } from '../../../src-main/core/event.ts'
import { userId } from '../../../src-main/core/identity.ts'
import { MAX_CUT_DEVICES, MAX_INVITE_USES } from '../../../src-main/core/limits.ts'
import { sodiumCrypto as crypto } from '../../../src-main/crypto/sodium.ts'

type Plain = Parameters<typeof encodeChange>[0]

const hex = (sizeBytes: number) =>
  fc.uint8Array({ minLength: sizeBytes, maxLength: sizeBytes }).map((bytes) => toHex(bytes))
const bytes = (sizeBytes: number) => fc.uint8Array({ minLength: sizeBytes, maxLength: sizeBytes })
const role = fc.integer({ min: 0, max: ROLE.owner })
const seq = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const extent = fc.record({ c: seq, m: seq })
const cut: fc.Arbitrary<Cut> = fc
  .uniqueArray(fc.tuple(hex(8), extent), { selector: ([tag]) => tag, maxLength: MAX_CUT_DEVICES })
  .map((devices) => new Map(devices))
const changes: fc.Arbitrary<Plain> = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), target: hex(16), role }),
  fc.record({ kind: fc.constant('revoke' as const), invite: hex(32) }),
  fc.record({ kind: fc.constant('role' as const), target: hex(16), role, cut }),
  fc.record({ kind: fc.constant('remove' as const), target: hex(16), cut, ban: fc.boolean() }),
  fc.record({ kind: fc.constant('removeDevice' as const), device: hex(8), extent }),
  fc.record({ kind: fc.constant('successor' as const), target: fc.option(hex(16), { nil: undefined }) }),
  fc.record({ kind: fc.constant('succeed' as const) }),
)
const credentials: fc.Arbitrary<Credentials> = fc.record({
  deviceKey: bytes(32),
  userKey: bytes(32),
  certificate: bytes(64),
})
const admission: fc.Arbitrary<Admission> = fc.record({
  invite: hex(32),
  proof: bytes(64),
  voucher: fc.record({ device: hex(8), signature: bytes(64) }),
})
const invite: fc.Arbitrary<Extract<Change, { kind: 'invite' }>> = fc.record({
  kind: fc.constant('invite' as const),
  role,
  expiresMs: seq,
  maxUses: fc.integer({ min: 1, max: MAX_INVITE_USES }),
})

/** Well-formed bodies of every kind that the rules of bodies.ts are about. */
const bodies: fc.Arbitrary<{ kind: number; body: Uint8Array }> = fc.oneof(
  changes.map((change) => ({ kind: KIND[change.kind], body: encodeChange(change) })),
  fc.tuple(credentials, bytes(32)).map((args) => ({ kind: KIND.create, body: encodeCreate(...args) })),
  fc.tuple(credentials, admission).map((args) => ({ kind: KIND.join, body: encodeJoin(...args) })),
  credentials.map((own) => ({ kind: KIND.enter, body: encodeEnter(own) })),
  fc.tuple(bytes(32), invite).map((args) => ({ kind: KIND.invite, body: encodeInvite(...args) })),
)

/** What was read, written again. */
function encodeAgain(kind: number, body: Uint8Array): Uint8Array | undefined {
  const decoded = decodeBody({ kind, body })
  if (!decoded) return undefined
  const { change, credentials: own, admission: by, inviteKey } = decoded
  switch (change.kind) {
    case 'create':
      return encodeCreate(own!, createCommitmentOf(body))
    case 'join':
      return encodeJoin(own!, by!)
    case 'enter':
      return encodeEnter(own!)
    case 'invite':
      return encodeInvite(inviteKey!, change)
    case 'rotate':
    case 'unknown':
      return body
    default:
      return encodeChange(change)
  }
}

describe('what was written is read', () => {
  test('a change', () => {
    fc.assert(
      fc.property(changes, (change) => {
        expect(decodeBody({ kind: KIND[change.kind], body: encodeChange(change) })).toEqual({ change })
      }),
    )
  })

  test('who founds, joins or enters', () => {
    fc.assert(
      fc.property(credentials, admission, bytes(32), (own, by, commitment) => {
        const create = encodeCreate(own, commitment)
        expect(decodeBody({ kind: KIND.create, body: create })).toEqual({
          change: { kind: 'create' },
          credentials: own,
        })
        expect(createCommitmentOf(create)).toEqual(commitment)
        expect(decodeBody({ kind: KIND.join, body: encodeJoin(own, by) })).toEqual({
          change: { kind: 'join', invite: by.invite },
          credentials: own,
          admission: by,
        })
        expect(decodeBody({ kind: KIND.enter, body: encodeEnter(own) })).toEqual({
          change: { kind: 'enter' },
          credentials: own,
        })
      }),
    )
  })

  test('an invite', () => {
    fc.assert(
      fc.property(bytes(32), invite, (inviteKey, change) => {
        const body = encodeInvite(inviteKey, change)
        expect(decodeBody({ kind: KIND.invite, body })).toEqual({ change, inviteKey })
      }),
    )
  })

  test('a kind of a later version, whatever is in it', () => {
    fc.assert(
      fc.property(fc.integer({ min: KIND.succeed + 1, max: 0xff }), fc.uint8Array(), (kind, body) => {
        expect(decodeBody({ kind, body })).toEqual({ change: { kind: 'unknown' } })
      }),
    )
  })
})

describe('what is not canonical is invalid', () => {
  test('a body cut off, and one with more in it', () => {
    fc.assert(
      fc.property(
        bodies,
        fc.nat(),
        fc.uint8Array({ minLength: 1, maxLength: 3 }),
        ({ kind, body }, at, more) => {
          // A successor without a target is nobody: that is all of it.
          const isNobody = kind === KIND.successor && at % (body.length || 1) === 0
          if (body.length > 0 && !isNobody)
            expect(decodeBody({ kind, body: body.subarray(0, at % body.length) })).toBeUndefined()
          if (body.length > 0 || kind === KIND.succeed)
            expect(decodeBody({ kind, body: new Uint8Array([...body, ...more]) })).toBeUndefined()
        },
      ),
      { numRuns: 300 },
    )
  })

  test('whatever can be read has no other encoding', () => {
    const kinds = Object.values(KIND).filter((kind) => kind >= KIND.create && kind !== KIND.rotate)
    const mutated = fc
      .tuple(bodies, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }))
      .map(([{ kind, body }, bytesChanged]) => {
        const changed = body.slice()
        for (const [at, byte] of bytesChanged) if (changed.length > 0) changed[at % changed.length] = byte
        return { kind, body: changed }
      })
    const anything = fc.record({ kind: fc.constantFrom(...kinds), body: fc.uint8Array({ maxLength: 200 }) })
    fc.assert(
      fc.property(fc.oneof(mutated, anything), ({ kind, body }) => {
        const again = encodeAgain(kind, body)
        if (again) expect(toHex(again)).toBe(toHex(body))
      }),
      { numRuns: 1_000 },
    )
  })

  const target = '11'.repeat(16)
  test.each<[string, number, Uint8Array]>([
    ['a role above the owner’s', KIND.add, encodeChange({ kind: 'add', target, role: ROLE.owner + 1 })],
    [
      'a role above the owner’s, given later',
      KIND.role,
      encodeChange({ kind: 'role', target, role: ROLE.owner + 1, cut: new Map() }),
    ],
    [
      'an invite that nobody may use',
      KIND.invite,
      encodeInvite(new Uint8Array(32), { kind: 'invite', role: 10, expiresMs: 1, maxUses: 0 }),
    ],
    [
      'an invite for a role above the owner’s',
      KIND.invite,
      encodeInvite(new Uint8Array(32), { kind: 'invite', role: ROLE.owner + 1, expiresMs: 1, maxUses: 1 }),
    ],
    ['a ban that is neither', KIND.remove, new Uint8Array([...new Uint8Array(16), 2, 0])],
    ['half a successor', KIND.successor, new Uint8Array(15)],
    ['a number longer than it needs', KIND.removeDevice, new Uint8Array([...new Uint8Array(8), 0x80, 0, 0])],
  ])('%s', (_, kind, body) => {
    expect(decodeBody({ kind, body })).toBeUndefined()
  })

  test('a cut whose devices are not in order, or twice the same', () => {
    const one = [...new Uint8Array(7), 1, 0, 0]
    const two = [...new Uint8Array(7), 2, 0, 0]
    const remove = (...devices: number[][]) =>
      new Uint8Array([...new Uint8Array(16), 0, devices.length, ...devices.flat()])
    expect(decodeBody({ kind: KIND.remove, body: remove(one, two) })).toHaveProperty('change')
    for (const devices of [
      [two, one],
      [one, one],
    ])
      expect(decodeBody({ kind: KIND.remove, body: remove(...devices) })).toBeUndefined()
  })

  test('a cut names so many devices, and no more', () => {
    const cutOf = (count: number): Cut =>
      new Map(Array.from({ length: count }, (_, i) => [i.toString(16).padStart(16, '0'), { c: 1, m: 1 }]))
    const change = (count: number): Plain => ({ kind: 'remove', target, ban: false, cut: cutOf(count) })
    const body = encodeChange(change(MAX_CUT_DEVICES))
    expect(decodeBody({ kind: KIND.remove, body })).toEqual({ change: change(MAX_CUT_DEVICES) })
    expect(() => encodeChange(change(MAX_CUT_DEVICES + 1))).toThrow(TypeError)
    // The count is one byte, after target and ban.
    const more = new Uint8Array([...body, ...new Uint8Array(7), 0xff, 1, 1])
    expect(more[17]).toBe(MAX_CUT_DEVICES)
    more[17]! += 1
    expect(decodeBody({ kind: KIND.remove, body: more })).toBeUndefined()
  })

  test('an invite may be used so often, and no oftener', () => {
    const of = (maxUses: number) => ({
      kind: KIND.invite,
      body: encodeInvite(new Uint8Array(32), { kind: 'invite', role: ROLE.member, expiresMs: 1, maxUses }),
    })
    expect(decodeBody(of(MAX_INVITE_USES))).toHaveProperty('change.maxUses', MAX_INVITE_USES)
    expect(decodeBody(of(MAX_INVITE_USES + 1))).toBeUndefined()
  })
})

describe('credentials', () => {
  const device = crypto.keyPair(crypto.sha256(Uint8Array.of(1)))
  const user = crypto.keyPair(crypto.sha256(Uint8Array.of(2)))
  const other = crypto.keyPair(crypto.sha256(Uint8Array.of(3)))
  const own = certify(device.publicKey, user, crypto.sign)
  const tag = deviceTag(device.publicKey, crypto.sha256)
  const userOf = (changed: Partial<Credentials>, of = tag) =>
    certifiedUser({ ...own, ...changed }, of, crypto.sha256, crypto.verify)

  test('are those of the person who certified the device', () => {
    expect(userOf({})).toBe(userId(user.publicKey, crypto.sha256))
  })

  test('are nobody’s for another device, with another key, or with a certificate of another', () => {
    expect(userOf({}, deviceTag(other.publicKey, crypto.sha256))).toBeUndefined()
    expect(userOf({ deviceKey: other.publicKey })).toBeUndefined()
    expect(userOf({ userKey: other.publicKey })).toBeUndefined()
    expect(userOf({ certificate: certify(device.publicKey, other, crypto.sign).certificate })).toBeUndefined()
    expect(userOf({ certificate: certify(other.publicKey, user, crypto.sign).certificate })).toBeUndefined()
  })
})

test('what newcomers and vouchers sign differs in everything that it is about', () => {
  const own = { deviceKey: new Uint8Array(32), userKey: new Uint8Array(32), certificate: new Uint8Array(64) }
  const of = (n: number) => n.toString(16).padStart(64, '0')
  const changed = { ...own, userKey: new Uint8Array(32).fill(1) }
  const statements = [
    proofStatement(of(1), of(2), own),
    proofStatement(of(2), of(2), own),
    proofStatement(of(1), of(1), own),
    proofStatement(of(1), of(2), changed),
    voucherStatement(of(1), of(2), own, []),
    voucherStatement(of(1), of(2), own, [of(3)]),
    voucherStatement(of(1), of(2), own, [of(3), of(4)]),
    voucherStatement(of(1), of(2), changed, []),
  ]
  expect(new Set(statements.map(toHex)).size).toBe(statements.length)
})

test('whoever founds, joins or enters brings keys along', () => {
  const kinds = Object.entries(KIND).filter(([, kind]) => isEntrance(kind))
  expect(kinds.map(([name]) => name)).toEqual(['create', 'join', 'enter'])
})

test('bytes are as they were', () => {
  const fill = (byte: number, sizeBytes: number) => new Uint8Array(sizeBytes).fill(byte)
  const own = { deviceKey: fill(1, 32), userKey: fill(2, 32), certificate: fill(3, 64) }
  const user = '44'.repeat(16)
  const id = '55'.repeat(32)
  const by = { invite: id, proof: fill(6, 64), voucher: { device: '77'.repeat(8), signature: fill(8, 64) } }
  const some: Cut = new Map([
    ['bb'.repeat(8), { c: 300, m: 0 }],
    ['aa'.repeat(8), { c: 1, m: 2 }],
  ])
  const terms = { kind: 'invite' as const, role: ROLE.member, expiresMs: 1_767_225_600_000, maxUses: 300 }
  const all: [string, Uint8Array][] = [
    ['create', encodeCreate(own, fill(9, 32))],
    ['join', encodeJoin(own, by)],
    ['enter', encodeEnter(own)],
    ['add', encodeChange({ kind: 'add', target: user, role: ROLE.member })],
    ['invite', encodeInvite(fill(9, 32), terms)],
    ['revoke', encodeChange({ kind: 'revoke', invite: id })],
    ['role', encodeChange({ kind: 'role', target: user, role: ROLE.reader, cut: some })],
    ['remove', encodeChange({ kind: 'remove', target: user, ban: true, cut: some })],
    [
      'removeDevice',
      encodeChange({ kind: 'removeDevice', device: 'aa'.repeat(8), extent: { c: 1, m: 300 } }),
    ],
    ['successor', encodeChange({ kind: 'successor', target: user })],
    ['nobody as successor', encodeChange({ kind: 'successor', target: undefined })],
    ['succeed', encodeChange({ kind: 'succeed' })],
  ]
  // Runs of one byte are written as the byte and how often.
  const short = (text: string) =>
    text.replace(/(..)\1{3,}/g, (run: string, byte: string) => ` ${byte}*${run.length / 2} `).trim()
  expect(Object.fromEntries(all.map(([name, body]) => [name, short(toHex(body))]))).toMatchInlineSnapshot(`
    {
      "add": "44*16 0a",
      "create": "01*32  02*32  03*64  09*32",
      "enter": "01*32  02*32  03*64",
      "invite": "09*32 0a80d0eab6b733ac02",
      "join": "01*32  02*32  03*64  55*32  06*64  77*8  08*64",
      "nobody as successor": "",
      "remove": "44*16 0102 aa*8 0102 bb*8 ac0200",
      "removeDevice": "aa*8 01ac02",
      "revoke": "55*32",
      "role": "44*16 0002 aa*8 0102 bb*8 ac0200",
      "succeed": "",
      "successor": "44*16",
    }
  `)
})
