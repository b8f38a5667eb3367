/**
 * What does encryption cost? Sealing and opening of messages as they come in a group, a newcomer's catching up and single
 * messages from anywhere; and a rotation for a large group, for whoever makes it and whoever gets it. CPU time of one core.
 */
import { deviceTag, type EventFields } from '../src-main/core/event.ts'
import { hlcAt } from '../src-main/core/hlc.ts'
import { MAX_SHARES } from '../src-main/core/limits.ts'
import { epochOf, epochSecret } from '../src-main/core/secrets/derivations.ts'
import { Epochs } from '../src-main/core/secrets/epochs.ts'
import { decodeRotation, encodeRotation, openShare } from '../src-main/core/secrets/rotation.ts'
import { Seals } from '../src-main/core/secrets/sealing.ts'
import { sodiumCrypto as crypto } from '../src-main/crypto/sodium.ts'

const GROUP = '11'.repeat(32)
const MESSAGES = 50_000
const AUTHORS = 50
const TEXT_SIZE_BYTES = 120
const DEVICES = 750
const ROUNDS = 5
const round = (value: number) => Math.round(value * 100) / 100

/** CPU milliseconds, of the threads of this process. */
function cpuMs(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
/** The median of some rounds, after one that does not count. */
function median(work: () => void): number {
  const times = Array.from({ length: ROUNDS + 1 }, () => cpuMs(work)).slice(1)
  return times.sort((a, b) => a - b)[ROUNDS >> 1]!
}

const epoch = epochOf(GROUP)
const epochs = new Epochs()
epochs.add({ founder: GROUP, hlc: 1n, ...epochSecret(crypto.randomBytes(32), crypto) })
const seals = (self: string) => new Seals({ group: GROUP, self, epochs, primitives: crypto })
const tags = Array.from({ length: AUTHORS }, (_, n) => n.toString(16).padStart(16, '0'))
const text = crypto.randomBytes(TEXT_SIZE_BYTES)
/** The authors take turns; each cites one other, as in a lively group. */
const fields = Array.from({ length: MESSAGES }, (_, n): Omit<EventFields, 'body'> => ({
  kind: 1,
  tag: tags[n % AUTHORS]!,
  seq: 1 + Math.floor(n / AUTHORS),
  hlc: hlcAt(1_700_000_000_000 + n),
  deps: [{ tag: tags[(n + 1) % AUTHORS]!, seq: 1 + Math.floor(n / AUTHORS) }],
  commit: new Uint8Array(16).fill(n),
}))

let events: EventFields[] = []
const sealMs = median(() => {
  const authors = new Map(tags.map((tag) => [tag, seals(tag)]))
  events = fields.map((one) => ({ ...one, body: authors.get(one.tag)!.seal(text, one, epoch) }))
})
const openAll = (list: readonly EventFields[]) => () => {
  const reader = seals(tags[0]!)
  for (const event of list)
    if ('reason' in reader.open(event, epoch)) throw new Error('a good message was not opened')
}
const openMs = median(openAll(events))
/** Each from another place than the one before: no two share the way down. */
const scattered = events.map((_, i) => events[(i * 7919) % MESSAGES]!)
const scatteredMs = median(openAll(scattered))
/** One device wrote everything, and a newcomer asks for the last one. */
const last = { ...fields[0]!, seq: MESSAGES, hlc: hlcAt(1_800_000_000_000) }
const lastEvent = { ...last, body: seals(tags[0]!).seal(text, last, epoch) }
const lastOnlyMs = median(() => {
  for (let i = 0; i < 1000; i++) openAll([lastEvent])()
})

const devices = Array.from({ length: DEVICES }, () => {
  const keys = crypto.keyPair()
  return { keys, publicKey: keys.publicKey, tag: deviceTag(keys.publicKey, crypto.sha256) }
})
const secret = crypto.randomBytes(32)
/** The rest is handed the secret as it is, when it asks. */
let body = new Uint8Array(0)
const rotateMs = median(() => {
  body = new Uint8Array(encodeRotation(GROUP, devices.slice(-MAX_SHARES), secret, crypto))
})
const receivers = devices.slice(-100)
const receiveMs = median(() => {
  for (const { tag, keys } of receivers)
    if (!('secret' in openShare(decodeRotation(body)!, GROUP, tag, keys, crypto)))
      throw new Error('a good share was not opened')
})

console.log(
  JSON.stringify({
    question: 'what does encryption cost?',
    messages: MESSAGES,
    textBytes: TEXT_SIZE_BYTES,
    bodyBytes: events[0]!.body.length,
    sealUs: round((1000 * sealMs) / MESSAGES),
    openUs: round((1000 * openMs) / MESSAGES),
    openScatteredUs: round((1000 * scatteredMs) / MESSAGES),
    openOnlyTheLastUs: round(lastOnlyMs),
    rotation: {
      devices: DEVICES,
      bytes: body.length,
      senderMs: round(rotateMs),
      receiverMs: round(receiveMs / receivers.length),
    },
  }),
)
