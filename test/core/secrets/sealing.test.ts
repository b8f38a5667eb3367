import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../../src-main/core/bytes.ts'
import { KIND, type EventFields } from '../../../src-main/core/event.ts'
import { MAX_CACHED_CHAINS, MAX_PLAINTEXT_SIZE_BYTES } from '../../../src-main/core/limits.ts'
import { epochOf, epochSecret } from '../../../src-main/core/secrets/derivations.ts'
import { Epochs } from '../../../src-main/core/secrets/epochs.ts'
import { Seals } from '../../../src-main/core/secrets/sealing.ts'
import { sodiumCrypto as crypto } from '../../../src-main/crypto/sodium.ts'

type Fields = Omit<EventFields, 'body'>

const GROUP = '11'.repeat(32)
const EPOCH = epochOf(GROUP)
const LATER = 'ee'.repeat(32)
const ALICE = '0123456789abcdef'
const BOB = 'aaaaaaaaaaaaaaaa'
const TEXT = Buffer.from('Chai at five?')
const secret = () => Uint8Array.from({ length: 32 }, (_, i) => i)

const FIELDS: Fields = {
  kind: 1,
  tag: ALICE,
  seq: 300,
  hlc: 0x019b_0000_0000_0001n,
  deps: [{ tag: BOB, seq: 5 }],
  commit: new Uint8Array(16).fill(0xcc),
}
const at = (seq: number): Fields => ({ ...FIELDS, seq, hlc: BigInt(seq) })

function epochsOf(...founders: string[]): Epochs {
  const epochs = new Epochs()
  for (const [i, founder] of founders.entries())
    epochs.add({ founder, hlc: BigInt(i), ...epochSecret(secret().with(0, i), crypto) })
  return epochs
}
const seals = (self = ALICE, { group = GROUP, epochs = epochsOf(GROUP), primitives = crypto } = {}) =>
  new Seals({ group, self, epochs, primitives })
const sealed = (fields = FIELDS, text: Uint8Array = TEXT): EventFields => ({
  ...fields,
  body: seals().seal(text, fields, EPOCH),
})
const open = (event: EventFields, reader = seals(BOB)) => {
  const result = reader.open(event, EPOCH)
  return 'plaintext' in result ? Buffer.from(result.plaintext) : result.reason
}

describe('a sealed body', () => {
  test('has exactly these bytes; computed a second time in Python', () => {
    expect(toHex(sealed().body)).toBe(
      '8c240e7207b79d91f4ea4a174dc4a17bf319c856ce4563cc87eb122bef0ceafe32906be81497f370f8cefd6633a2ab30e4d9fbb77262784ab8692f237a84943d6b628f6106f9e6cbe20d88729566219a',
    )
  })

  test('is read by whoever has the secret', () => {
    expect(open(sealed())).toEqual(TEXT)
    expect(open(sealed(FIELDS, new Uint8Array(0)))).toEqual(Buffer.alloc(0))
    const text = fc.uint8Array({ maxLength: 2000 })
    fc.assert(
      fc.property(text, (bytes) => void expect(open(sealed(FIELDS, bytes))).toEqual(Buffer.from(bytes))),
    )
  })

  test('has one of a few sizes', () => {
    const sizes = new Set(
      Array.from({ length: 500 }, (_, size) => sealed(FIELDS, new Uint8Array(size)).body.length),
    )
    expect([...sizes]).toEqual([64 + 16, 128 + 16, 256 + 16, 512 + 16])
  })

  test('opens in the place that it was written for, and nowhere else', () => {
    const event = sealed()
    const moved: Partial<Fields>[] = [
      { kind: 2 },
      { tag: BOB, deps: [] },
      { seq: 301 },
      { hlc: FIELDS.hlc + 1n },
      { deps: [] },
      { deps: [{ tag: BOB, seq: 6 }] },
      { commit: new Uint8Array(16).fill(0xcd) },
      { controlHeads: ['ab'.repeat(32)] },
      { epoch: fromHex(EPOCH) },
    ]
    for (const change of moved) expect(open({ ...event, ...change })).toBe('undecipherable')
  })

  test('opens in no other group, and no other epoch', () => {
    const epochs = epochsOf(GROUP, LATER)
    expect(open(sealed(), seals(BOB, { group: '12'.repeat(32) }))).toBe('undecipherable')
    expect(seals(BOB, { epochs }).open(sealed(), epochOf(LATER))).toEqual({ reason: 'undecipherable' })
    // Not even where another epoch has the same secret.
    const same = new Epochs()
    same.add({ founder: LATER, hlc: 1n, ...epochSecret(secret().with(0, 0), crypto) })
    expect(seals(BOB, { epochs: same }).open(sealed(), epochOf(LATER))).toEqual({ reason: 'undecipherable' })
  })

  test('that was altered, cut or erased is no text, and nothing throws', () => {
    const event = sealed()
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (place, flip) => {
        const body = event.body.slice()
        body[place % body.length]! ^= flip
        expect(open({ ...event, body })).toBe('undecipherable')
      }),
    )
    for (const length of [0, 15, 16, event.body.length - 1])
      expect(open({ ...event, body: event.body.subarray(0, length) })).toBe('undecipherable')
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        (body) => void expect(open({ ...event, body })).toBe('undecipherable'),
      ),
    )
  })

  test('that a member padded in another way is refused', () => {
    // encrypt() is given what pad() made; this member gives it something else.
    const careless: typeof crypto = {
      ...crypto,
      encrypt: (_, ...rest) => crypto.encrypt(new Uint8Array(64), ...rest),
    }
    const body = seals(ALICE, { primitives: careless }).seal(TEXT, FIELDS, EPOCH)
    expect(open({ ...FIELDS, body })).toBe('bad-padding')
  })

  test('is unreadable, and no fault, without the secret', () => {
    expect(open(sealed(), seals(BOB, { epochs: epochsOf(LATER) }))).toBe('unknown-epoch')
    expect(open({ ...sealed(), seq: 2 ** 32 })).toBe('forgotten')
  })

  test('becomes readable when the secret comes', () => {
    const epochs = epochsOf()
    const reader = seals(BOB, { epochs })
    expect(open(sealed(), reader)).toBe('unknown-epoch')
    epochs.add({ founder: GROUP, hlc: 0n, ...epochSecret(secret().with(0, 0), crypto) })
    expect(open(sealed(), reader)).toEqual(TEXT)
  })

  test('is not readable any more once its epoch is forgotten', () => {
    const epochs = epochsOf(GROUP, LATER)
    const reader = seals(BOB, { epochs })
    const other = { ...FIELDS, body: seals(ALICE, { epochs }).seal(TEXT, FIELDS, epochOf(LATER)) }
    expect(open(sealed(), reader)).toEqual(TEXT)
    const { secret } = epochs.get(EPOCH)!
    const name = { ...FIELDS, kind: KIND.profile, hlc: FIELDS.hlc + 1n }
    const named = { ...name, body: seals().seal(TEXT, name, EPOCH) }
    reader.forget(EPOCH)
    expect(open(sealed(), reader)).toBe('forgotten')
    expect(secret).toEqual(new Uint8Array(32))
    // What people are called is no conversation: it lasts.
    expect(open(named, reader)).toEqual(TEXT)
    expect(reader.open(other, epochOf(LATER))).toHaveProperty('plaintext')
  })

  test('is read by another secret when the epoch turns out to have another', () => {
    //  Two events whose ids begin alike: the smaller whole id counts, whichever came first.
    const [first, second] = [`${EPOCH}${'ff'.repeat(24)}`, GROUP]
    const epochs = epochsOf(first)
    const reader = seals(BOB, { epochs })
    expect(epochOf(first)).toBe(epochOf(second))
    reader.open(sealed(), EPOCH)
    epochs.add({ founder: second, hlc: 0n, ...epochSecret(secret().with(0, 77), crypto) })
    const body = seals(ALICE, { epochs }).seal(TEXT, FIELDS, EPOCH)
    expect(open({ ...FIELDS, body }, reader)).toEqual(TEXT)
  })
})

describe('a key', () => {
  test('encrypts one text: what is not later than the one before is refused', () => {
    const own = seals()
    own.seal(TEXT, at(5), EPOCH)
    for (const hlc of [5n, 4n]) expect(() => own.seal(TEXT, { ...at(6), hlc }, EPOCH)).toThrow(TypeError)
    own.seal(TEXT, at(6), EPOCH)
  })

  test('is another one even where a device writes twice in a place', () => {
    const keys: string[] = []
    const watching: typeof crypto = {
      ...crypto,
      encrypt: (text, context, nonce, key) => {
        keys.push(toHex(key))
        expect(nonce).toEqual(new Uint8Array(24))
        return crypto.encrypt(text, context, nonce, key)
      },
    }
    const write = (fields: Fields) => seals(ALICE, { primitives: watching }).seal(TEXT, fields, EPOCH)
    write(FIELDS)
    write({ ...FIELDS, hlc: FIELDS.hlc + 1n })
    write({ ...FIELDS, commit: new Uint8Array(16) })
    write({ ...FIELDS, kind: 3 })
    expect(new Set(keys).size).toBe(4)
  })

  test('is erased after its use', () => {
    const used: Uint8Array[] = []
    const watching: typeof crypto = {
      ...crypto,
      encrypt: (text, context, nonce, key) => {
        used.push(text, key)
        return crypto.encrypt(text, context, nonce, key)
      },
      decrypt: (body, context, nonce, key) => {
        used.push(key)
        return crypto.decrypt(body, context, nonce, key)
      },
    }
    const own = seals(ALICE, { primitives: watching })
    const body = own.seal(TEXT, FIELDS, EPOCH)
    expect(open({ ...FIELDS, body }, own)).toEqual(TEXT)
    expect(used).toHaveLength(3)
    for (const bytes of used) expect([...bytes].every((byte) => byte === 0)).toBe(true)
  })
})

describe('a device seals', () => {
  test('its own events only, in an epoch that it knows', () => {
    expect(() => seals(BOB).seal(TEXT, FIELDS, EPOCH)).toThrow(TypeError)
    expect(() => seals().seal(TEXT, FIELDS, epochOf(LATER))).toThrow('unknown-epoch')
    expect(() => seals().seal(TEXT, { ...FIELDS, seq: 2 ** 32 }, EPOCH)).toThrow('forgotten')
    expect(() => seals().seal(TEXT, { ...FIELDS, seq: 0 }, EPOCH)).toThrow(TypeError)
  })

  test('texts of so many bytes, and no more', () => {
    const largest = new Uint8Array(MAX_PLAINTEXT_SIZE_BYTES).fill(7)
    expect(open(sealed(FIELDS, largest))).toEqual(Buffer.from(largest))
    expect(() => sealed(FIELDS, new Uint8Array(MAX_PLAINTEXT_SIZE_BYTES + 1))).toThrow(TypeError)
  })
})

test('so many chains are kept, the ones used last', () => {
  let derived = 0
  const counting: typeof crypto = {
    ...crypto,
    keyedHash: (key, data, size) => {
      if (Buffer.from(data).includes('tapri-chain-1')) derived++
      return crypto.keyedHash(key, data, size)
    },
  }
  const reader = seals(BOB, { primitives: counting })
  const from = (n: number) =>
    reader.open({ ...FIELDS, tag: n.toString(16).padStart(16, '0'), deps: [], body: TEXT }, EPOCH)
  for (let n = 0; n < MAX_CACHED_CHAINS; n++) from(n)
  from(0)
  expect(derived).toBe(MAX_CACHED_CHAINS)
  from(MAX_CACHED_CHAINS)
  from(0)
  expect(derived).toBe(MAX_CACHED_CHAINS + 1)
  from(1)
  expect(derived).toBe(MAX_CACHED_CHAINS + 2)
})
