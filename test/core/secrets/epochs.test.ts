import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../../src-main/core/bytes.ts'
import { MAX_SECRETS_PER_FRAME } from '../../../src-main/core/limits.ts'
import { epochOf, epochSecret } from '../../../src-main/core/secrets/derivations.ts'
import {
  decodeEpoch,
  decodeSecrets,
  encodeEpoch,
  encodeSecrets,
  Epochs,
  type Epoch,
  type SharedSecret,
} from '../../../src-main/core/secrets/epochs.ts'
import { sodiumCrypto as crypto } from '../../../src-main/crypto/sodium.ts'
import { MAX_FRAME_SIZE_BYTES } from '../../../src-main/network/network.ts'

const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i)
const made = (name: string, hlc: number, secret = SECRET): Epoch => ({
  founder: name.padEnd(64, '0'),
  hlc: BigInt(hlc),
  ...epochSecret(secret, crypto),
})
/** Without the secret. */
const lasting = ({ secret: _, ...rest }: Epoch): Epoch => rest
const epochsOf = (...all: Epoch[]) => {
  const epochs = new Epochs()
  for (const epoch of all) epochs.add(epoch)
  return epochs
}
const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
const anyEpoch: fc.Arbitrary<Epoch> = fc
  .record({
    founder: bytes(32).map(toHex),
    hlc: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    secret: bytes(32),
    isWhole: fc.boolean(),
  })
  .map(({ founder, hlc, secret, isWhole }) => {
    const epoch = { founder, hlc, ...epochSecret(secret, crypto) }
    return isWhole ? epoch : lasting(epoch)
  })

describe('the epochs of a group', () => {
  test('live side by side, and the latest is current', () => {
    const epochs = epochsOf(made('b0', 2), made('a0', 1), made('c0', 3))
    expect(epochs.current()).toEqual({ epoch: made('c0', 3), isRotationDue: false })
    expect(epochs.get(epochOf(made('a0', 1).founder))).toEqual(made('a0', 1))
    expect(epochs.all.map(({ hlc }) => hlc)).toEqual([3n, 2n, 1n])
    expect(epochs.add(made('c0', 3))).toBe(false)
    expect(epochs.size).toBe(3)
  })

  test('are none at first', () => {
    expect(new Epochs().current()).toBeUndefined()
    expect(new Epochs().get('00'.repeat(8))).toBeUndefined()
  })

  test('that are exposed are written with only while there is no other', () => {
    //  rotate by carol (a0) ──────────────────┐   later, but bob has a share of it
    //  remove bob ── rotate by alice (b0) ────┘
    const epochs = epochsOf(made('a0', 9), made('b0', 5))
    const exposed = (names: string[]) => (epoch: Epoch) =>
      names.some((name) => epoch.founder.startsWith(name))
    expect(epochs.current(exposed(['a0']))).toEqual({ epoch: made('b0', 5), isRotationDue: false })
    expect(epochs.current(exposed(['a0', 'b0']))).toEqual({ epoch: made('a0', 9), isRotationDue: true })
  })

  test('are the same, and the same one is current, in whatever order they came', () => {
    const few = fc.array(
      fc.record({
        // Ids of different events that begin alike, too.
        founder: fc
          .tuple(fc.constantFrom('aa', 'ab', 'ac', 'ad'), fc.constantFrom('0', '1'))
          .map(([start, end]) => start.padEnd(63, '0') + end),
        hlc: fc.integer({ min: 0, max: 3 }),
      }),
      { maxLength: 8 },
    )
    fc.assert(
      fc.property(few, fc.array(fc.nat()), (list, order) => {
        // What is said of an event is the same wherever it is said.
        const all = [...new Map(list.map(({ founder, hlc }) => [founder, made(founder, hlc)])).values()]
        const shuffled = all
          .map((epoch, i) => [order[i] ?? 0, epoch] as const)
          .sort(([a], [b]) => a - b)
          .map(([, epoch]) => epoch)
        expect(epochsOf(...shuffled).all).toEqual(epochsOf(...all).all)
        expect(epochsOf(...shuffled).current()).toEqual(epochsOf(...all).current())
      }),
    )
  })

  test('of two events that begin alike are one: the smaller id counts', () => {
    const small = made('aa', 1)
    const large = { ...made('aa', 2, SECRET.with(0, 7)), founder: `${'aa'.padEnd(63, '0')}1` }
    for (const epochs of [epochsOf(small, large), epochsOf(large, small)]) expect(epochs.all).toEqual([small])
  })

  test('are forgotten one by one', () => {
    const epochs = epochsOf(made('a0', 1), made('b0', 2))
    const id = epochOf(made('b0', 2).founder)
    expect(epochs.forget(id)).toEqual(SECRET)
    expect(epochs.get(id)).toEqual(lasting(made('b0', 2)))
    expect(epochs.current()?.epoch).toEqual(made('a0', 1))
    expect(epochs.forget(id)).toBeUndefined()
  })

  test('of which only a part is here are not written with, until all of it comes', () => {
    const epochs = epochsOf(made('a0', 1), lasting(made('b0', 2)))
    expect(epochs.current()).toEqual({ epoch: made('a0', 1), isRotationDue: false })
    expect(epochs.add(lasting(made('a0', 1)))).toBe(false)
    expect(epochs.add(made('b0', 2))).toBe(true)
    expect(epochs.add(lasting(made('b0', 2)))).toBe(false)
    expect(epochs.current()?.epoch).toEqual(made('b0', 2))
  })
})

describe('an epoch on the disk', () => {
  test('has exactly these bytes', () => {
    const whole = { founder: 'ab'.repeat(32), hlc: 0x019b_0000_0000_0001n, ...epochSecret(SECRET, crypto) }
    const start = `02${'ab'.repeat(32)}019b000000000001`
    expect(toHex(encodeEpoch(whole))).toBe(`${start}01${toHex(SECRET)}`)
    expect(toHex(encodeEpoch(lasting(whole)))).toBe(
      `${start}00${toHex(whole.lasting)}${toHex(whole.fingerprint)}`,
    )
  })

  test('is read as it was written, and nothing else is', () => {
    fc.assert(
      fc.property(anyEpoch, (epoch) => {
        const record = encodeEpoch(epoch)
        expect(decodeEpoch(record, crypto)).toEqual(epoch)
        expect(decodeEpoch(record.subarray(1), crypto)).toBeUndefined()
        expect(decodeEpoch(record.with(0, 1), crypto)).toBeUndefined()
      }),
    )
  })
})

const anyShared: fc.Arbitrary<SharedSecret> = fc.oneof(
  fc.record({ epoch: bytes(8).map(toHex), secret: bytes(32) }),
  fc.record({ epoch: bytes(8).map(toHex), lasting: bytes(32), fingerprint: bytes(32) }),
)

describe('secrets for a newcomer', () => {
  const secrets = fc
    .uniqueArray(anyShared, {
      maxLength: 6,
      selector: ({ epoch }) => epoch,
    })
    .map((list) => list.sort((a, b) => (a.epoch < b.epoch ? -1 : 1)))

  test('have exactly these bytes', () => {
    const frame = encodeSecrets([
      { epoch: 'bb'.repeat(8), secret: SECRET },
      { epoch: 'aa'.repeat(8), secret: SECRET },
    ])
    expect(toHex(frame)).toBe(`02${'aa'.repeat(8)}01${toHex(SECRET)}${'bb'.repeat(8)}01${toHex(SECRET)}`)
  })

  test('are read as they were written', () => {
    fc.assert(fc.property(secrets, (list) => void expect(decodeSecrets(encodeSecrets(list))).toEqual(list)))
  })

  test('have one form, and nothing throws', () => {
    fc.assert(
      fc.property(secrets, fc.nat(), fc.integer({ min: 1, max: 255 }), (list, at, flip) => {
        const frame = encodeSecrets(list)
        frame[at % frame.length]! ^= flip
        const decoded = decodeSecrets(frame)
        if (decoded) expect(encodeSecrets(decoded)).toEqual(frame)
      }),
    )
    const entry = fromHex(`${'aa'.repeat(8)}01${'aa'.repeat(32)}`)
    expect(decodeSecrets(Uint8Array.from([2, ...entry, ...entry]))).toBeUndefined()
    expect(decodeSecrets(Uint8Array.from([1, ...entry, 0]))).toBeUndefined()
    expect(decodeSecrets(new Uint8Array(0))).toBeUndefined()
  })

  test('are so many in a frame, and no more', () => {
    const list = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ epoch: n.toString(16).padStart(16, '0'), secret: SECRET }))
    const full = encodeSecrets(list(MAX_SECRETS_PER_FRAME))
    expect(full.length).toBeLessThan(MAX_FRAME_SIZE_BYTES)
    expect(decodeSecrets(full)).toHaveLength(MAX_SECRETS_PER_FRAME)
    expect(() => encodeSecrets(list(MAX_SECRETS_PER_FRAME + 1))).toThrow(TypeError)
    const more = Uint8Array.from([...full, ...fromHex(`${'ff'.repeat(8)}01${'ff'.repeat(32)}`)])
    more[0]! += 1
    expect(decodeSecrets(more)).toBeUndefined()
  })
})
