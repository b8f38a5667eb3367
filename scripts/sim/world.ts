/**
 * A world of real messengers on memory networks and disks, with a clock of its own. The seed decides every delay, loss
 * and choice, so a run can be had again: nothing in it waits for the machine.
 */
import { rm, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { EventId, Message } from '../../src-main/api/contract.ts'
import { AppError } from '../../src-main/api/errors.ts'
import { encodeBatch } from '../../src-main/core/batch.ts'
import { decodeEvent, deviceTag } from '../../src-main/core/event.ts'
import type { Crypto, KeyPair } from '../../src-main/crypto/crypto.ts'
import { identityOf, type UserIdentity } from '../../src-main/crypto/identity.ts'
import { Messenger } from '../../src-main/messenger/messenger.ts'
import type { Time } from '../../src-main/messenger/time.ts'
import { createMemoryNetwork, MemoryHub, type Parcel } from '../../src-main/network/memory.ts'
import { openMemoryStorage, type MemoryDisk } from '../../src-main/storage/memory.ts'
import type { Storage } from '../../src-main/storage/storage.ts'
import { checkTraces, readTrace, type Verdict } from '../demo/check-trace.ts'
import { Agenda } from './agenda.ts'
import { Forger, MISDEEDS, type Misdeed } from './forger.ts'
import { Random } from './random.ts'
import { RudeNetwork } from './rude-network.ts'

const START_MS = Date.UTC(2026, 0, 1)

export interface WorldOptions {
  seed: number
  people: number
  /** One way; every parcel draws its own, so they overtake each other. */
  minDelayMs: number
  maxDelayMs: number
  /** Of gossip; streams are reliable. */
  lossProbability: number
  /** Gossip arrives once more. */
  duplicateProbability: number
  /** Each device's clock is wrong by up to this, either way. */
  maxSkewMs: number
  crypto: Crypto
  /** So many, the last ones, are hostile. */
  hostile: number
}

/** One device and whoever holds it. */
export interface Person {
  index: number
  key: KeyPair
  /** Lies beside the device's key, and outlives whatever happens to the disk. */
  identity: UserIdentity
  disk: MemoryDisk
  skewMs: number
  /** undefined while it is switched off. */
  messenger: Messenger | undefined
  /** What the window was told, in that order, since the last start. */
  delivered: Message[]
  /** Ends the process without a farewell. What was not written durably may be gone. */
  pullThePlug(): void
  /** The next write to its disk fails; the messenger then writes nothing more until it is started again. */
  failNextWrite(): void
  /** A write has failed, or the next one will. */
  hasFailed(): boolean
  misdeed: Misdeed | undefined
  /** What it does when it is hostile. */
  misbehave(): void
}

export class World {
  readonly random: Random
  readonly people: Person[]
  readonly #options: WorldOptions
  readonly #hub: MemoryHub
  readonly #agenda = new Agenda()
  readonly #forgers = new Map<Person, Forger>()
  /** What somebody's window is told. */
  onDelivered: (person: Person, messages: readonly Message[]) => void = () => {}
  group = ''
  /** Until then the hostile ones behave. */
  misdeedsAllowed = false
  /** Nothing that is gossiped arrives from now on. */
  gossipIsLost = false

  constructor(options: WorldOptions) {
    const random = new Random(options.seed)
    this.random = random
    this.#options = options
    this.#hub = new MemoryHub((task, parcel) => this.#carry(task, parcel))
    this.people = Array.from({ length: options.people }, (_, index) => ({
      index,
      key: options.crypto.keyPair(random.bytes(32)),
      identity: identityOf(random.bytes(32), options.crypto),
      disk: new Map(),
      skewMs: random.between(-options.maxSkewMs, options.maxSkewMs),
      messenger: undefined,
      delivered: [],
      pullThePlug() {},
      failNextWrite() {},
      hasFailed: () => false,
      misdeed: index >= options.people - options.hostile ? random.pick(MISDEEDS) : undefined,
      misbehave() {},
    }))
  }

  /** Everybody is switched on, and in one group. */
  async begin(): Promise<void> {
    for (const person of this.people) await this.switchOn(person)
    const [founder, ...others] = this.people
    const { id } = await founder!.messenger!.commands.createGroup({ name: 'office' })
    this.group = id
    const { invite } = await founder!.messenger!.commands.createInvite({ group: id })
    for (const { messenger } of others) await messenger!.commands.joinGroup({ invite })
    await this.runUntil(async () => {
      const states = await Promise.all(this.people.map(({ messenger }) => messenger!.commands.getState()))
      return states.every(({ groups }) => groups[0]!.people === this.people.length)
    })
    this.misdeedsAllowed = true
  }

  async switchOn(person: Person): Promise<void> {
    const disk = new FallibleDisk(person.disk)
    const key = Buffer.from(person.key.publicKey).toString('hex')
    const rude = new RudeNetwork(
      createMemoryNetwork(this.#hub, key),
      () => (this.misdeedsAllowed ? person.misdeed : undefined),
      this.random,
    )
    person.delivered = []
    person.pullThePlug = () => {
      disk.die(this.random)
      person.messenger = undefined
      void rude.network.stop()
    }
    person.failNextWrite = () => {
      disk.failsNext = true
    }
    person.hasFailed = () => disk.hasFailed || disk.failsNext
    person.misbehave = () => {
      const forger = this.#forgerOf(person)
      const nowMs = START_MS + this.#agenda.nowMs
      if (person.misdeed) rude.slip(forger.write(person.misdeed, nowMs).map((bytes) => this.#asGossip(bytes)))
    }
    const messenger = await Messenger.start({
      storage: disk.storage,
      network: rude.network,
      crypto: { ...this.#options.crypto, randomBytes: (length) => this.random.bytes(length) },
      key: person.key,
      identity: person.identity,
      dataFolder: '',
      name: `Person ${person.index}`,
      time: this.#timeOf(person, disk),
    })
    await messenger.opened
    messenger.onUpdate((name, argument) => {
      if (name !== 'messagesDelivered') return
      const { messages } = argument as { messages: Message[] }
      person.delivered.push(...messages)
      this.onDelivered(person, messages)
    })
    person.messenger = messenger
  }

  async switchOff(person: Person): Promise<void> {
    await person.messenger!.close()
    person.pullThePlug()
  }

  /** The world's time. */
  get nowMs(): number {
    return this.#agenda.nowMs
  }

  /** Lets so much time pass. */
  async run(durationMs: number): Promise<void> {
    const agenda = this.#agenda
    const endMs = agenda.nowMs + durationMs
    // After each task whatever follows from it without time passing: nothing in here waits for anything but microtasks.
    while (agenda.step(endMs)) await setImmediate()
    agenda.nowMs = endMs
  }

  /** Fails when it does not come true within limitMs of the world. */
  async runUntil(isSo: () => Promise<boolean>, limitMs = 120_000): Promise<void> {
    for (const endMs = this.nowMs + limitMs; this.nowMs < endMs; await this.run(500)) if (await isSo()) return
    throw new Error(`seed ${this.#options.seed}: it did not come true`)
  }

  /** Who does not reach whom from now on; everybody reaches everybody when all are on one side. */
  async divide(sides: readonly Person[][]): Promise<void> {
    const keyOf = ({ key }: Person) => Buffer.from(key.publicKey).toString('hex')
    for (const side of sides)
      for (const { messenger } of side) {
        const peers = side.length === this.people.length ? ('all' as const) : side.map(keyOf)
        await messenger?.operator.setReachable({ peers })
      }
  }

  /** Everybody but those who withhold: what only they still have, after somebody's power failed, nobody gets back. */
  get witnesses(): Person[] {
    return this.people.filter(({ misdeed }) => misdeed !== 'withhold')
  }

  /** Whether everybody who is on has delivered as much, waits for nothing, and shows the same. */
  async isQuiet(): Promise<boolean> {
    const messengers = this.witnesses.flatMap(({ messenger }) => messenger ?? [])
    const diagnostics = await Promise.all(messengers.map(({ operator }) => operator.getDiagnostics()))
    const [first] = diagnostics
    if (!diagnostics.every(({ delivered, pending }) => delivered === first!.delivered && pending === 0))
      return false
    const shown = await Promise.all(
      messengers.map(async ({ commands }) => {
        const { messages } = await commands.getTimeline({ group: this.group, limit: 200 })
        return messages.map(({ id }) => id).join()
      }),
    )
    return shown.every((ids) => ids === shown[0])
  }

  /** What an independent program says of everybody's log, and which of these events some timeline does not show. */
  async verdict(posted: readonly EventId[] = []): Promise<Verdict & { missing: EventId[] }> {
    const folder = await mkdtemp(join(tmpdir(), 'tapri-world-'))
    try {
      const traces = []
      for (const person of this.witnesses) traces.push(await readTrace(await this.writeTrace(person, folder)))
      const shown = traces.map(({ end }) => new Set(end?.timeline))
      const missing = posted.filter((id) => !shown.every((timeline) => timeline.has(id)))
      return { ...checkTraces(traces, { lines: [] }), missing }
    } finally {
      await rm(folder, { recursive: true })
    }
  }

  async writeTrace({ messenger }: Person, folder: string): Promise<string> {
    const { file } = await messenger!.operator.writeTrace({ group: this.group, folder })
    return file
  }

  async end(): Promise<void> {
    for (const person of this.people) if (person.messenger) await this.switchOff(person)
  }

  #carry(task: () => void, { type }: Parcel): void {
    const { minDelayMs, maxDelayMs, lossProbability, duplicateProbability } = this.#options
    const send = () => this.#agenda.after(this.random.between(minDelayMs, maxDelayMs), task)
    if (type !== 'gossip') return void send()
    if (this.gossipIsLost) return
    if (this.random.chance(duplicateProbability)) send()
    if (!this.random.chance(lossProbability)) send()
  }

  #forgerOf(person: Person): Forger {
    const { crypto } = this.#options
    const known = this.#forgers.get(person)
    if (known) return known
    const forger = new Forger({
      group: this.group,
      tag: deviceTag(person.key.publicKey, crypto.sha256),
      sha256: crypto.sha256,
      sign: (id) => crypto.sign(id, person.key.secretKey),
      random: this.random,
      aheadMs: [24 * 60 * 60_000, 48 * 60 * 60_000],
    })
    this.#forgers.set(person, forger)
    return forger
  }

  /** An event as it leaves an outbox; what is none, as it is. */
  #asGossip(bytes: Uint8Array): Uint8Array {
    const { sha256 } = this.#options.crypto
    const decoded = decodeEvent(bytes, this.group, sha256)
    return 'event' in decoded ? encodeBatch([decoded.event], sha256) : bytes
  }

  #timeOf({ skewMs }: Person, life: { isOver: boolean }): Time {
    const agenda = this.#agenda
    const alive = (task: () => void) => () => {
      if (!life.isOver) task()
    }
    return {
      nowMs: () => START_MS + agenda.nowMs + skewMs,
      monotonicMs: () => agenda.nowMs,
      after: (delayMs, task) => agenda.after(delayMs, alive(task)),
      every: (intervalMs, task) => {
        let cancel = () => {}
        const again = () => {
          task()
          cancel = agenda.after(intervalMs, alive(again))
        }
        cancel = agenda.after(intervalMs, alive(again))
        return () => cancel()
      },
      random: () => this.random.next(),
    }
  }
}

/**
 * A disk that forgets, fails and dies. As with LevelDB, a batch is written whole or not at all, in order, and a durable
 * one makes everything before it durable; of the others the last may be lost with the power.
 */
class FallibleDisk {
  readonly storage: Storage
  isOver = false
  hasFailed = false
  failsNext = false
  readonly #disk: MemoryDisk
  /** What was there before each batch that is not durable yet. */
  #undo: [key: string, before: Uint8Array | undefined][][] = []

  constructor(disk: MemoryDisk) {
    this.#disk = disk
    const storage = openMemoryStorage(disk)
    const never = new Promise<never>(() => {})
    this.storage = {
      ...storage,
      get: (key) => (this.isOver ? never : storage.get(key)),
      write: async (batch, options) => {
        if (this.isOver) return never
        if (this.failsNext) {
          this.failsNext = false
          this.hasFailed = true
          throw new AppError('STORE_FAILED', 'The disk is full.')
        }
        const keys = [...batch.put.map(([key]) => key), ...(batch.remove ?? [])]
        const before = keys.map((key) => Buffer.from(key).toString('hex'))
        if (options?.durable) this.#undo = []
        else this.#undo.push(before.map((key) => [key, disk.get(key)]))
        await storage.write(batch, options)
      },
      close: () => {
        this.#undo = []
        return storage.close()
      },
    }
  }

  /** The power is gone. */
  die(random: Random): void {
    if (this.isOver) return
    this.isOver = true
    const lost = this.#undo.splice(random.between(0, this.#undo.length))
    for (const batch of lost.toReversed())
      for (const [key, before] of batch.toReversed())
        if (before) this.#disk.set(key, before)
        else this.#disk.delete(key)
  }
}
