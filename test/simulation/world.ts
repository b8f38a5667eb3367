/**
 * A world of real messengers on memory networks and disks, with a clock of its own. The seed decides every delay, loss
 * and choice, so a run can be had again: nothing in it waits for the machine.
 */
import { rm, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { checkTraces, readTrace, type Verdict } from '../../scripts/demo/check-trace.ts'
import type { Message } from '../../src-main/api/contract.ts'
import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import type { KeyPair } from '../../src-main/crypto/crypto.ts'
import { Messenger } from '../../src-main/messenger/messenger.ts'
import type { Time } from '../../src-main/messenger/time.ts'
import { createMemoryNetwork, MemoryHub, type Parcel } from '../../src-main/network/memory.ts'
import { openMemoryStorage, type MemoryDisk } from '../../src-main/storage/memory.ts'
import type { Storage } from '../../src-main/storage/storage.ts'
import { Random } from './random.ts'

const START_MS = Date.UTC(2026, 0, 1)

export interface WorldOptions {
  seed: number
  people: number
  /** One way; every parcel draws its own, so they overtake each other. */
  minDelayMs: number
  maxDelayMs: number
  /** Of gossip; streams are reliable. */
  lossProbability: number
  /** Each device's clock is wrong by up to this, either way. */
  maxSkewMs: number
}

interface Task {
  atMs: number
  order: number
  run(): void
}

/** One device and whoever holds it. */
export interface Person {
  index: number
  key: KeyPair
  disk: MemoryDisk
  skewMs: number
  /** undefined while it is switched off. */
  messenger: Messenger | undefined
  /** What the window was told, in that order, since the last start. */
  delivered: Message[]
  /** Ends the process without a farewell. */
  pullThePlug(): void
}

export class World {
  readonly random: Random
  readonly people: Person[]
  readonly #options: WorldOptions
  readonly #hub: MemoryHub
  readonly #tasks: Task[] = []
  #nowMs = 0
  #order = 0
  group = ''

  constructor(options: WorldOptions) {
    const random = new Random(options.seed)
    this.random = random
    this.#options = options
    this.#hub = new MemoryHub((task, parcel) => this.#carry(task, parcel))
    this.people = Array.from({ length: options.people }, (_, index) => ({
      index,
      key: sodiumCrypto.keyPair(random.bytes(32)),
      disk: new Map(),
      skewMs: random.between(-options.maxSkewMs, options.maxSkewMs),
      messenger: undefined,
      delivered: [],
      pullThePlug() {},
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
      return states.every(({ groups }) => groups[0]!.people.length === this.people.length)
    })
  }

  async switchOn(person: Person): Promise<void> {
    const life = { isOver: false }
    const storage = mortal(openMemoryStorage(person.disk), life)
    const network = createMemoryNetwork(this.#hub, Buffer.from(person.key.publicKey).toString('hex'))
    person.delivered = []
    person.pullThePlug = () => {
      life.isOver = true
      person.messenger = undefined
      void network.stop()
    }
    const messenger = await Messenger.start({
      storage,
      network,
      crypto: { ...sodiumCrypto, randomBytes: (length) => this.random.bytes(length) },
      key: person.key,
      dataFolder: '',
      name: `Person ${person.index}`,
      time: this.#timeOf(person, life),
    })
    messenger.onUpdate((name, argument) => {
      if (name !== 'messagesDelivered') return
      person.delivered.push(...(argument as { messages: Message[] }).messages)
    })
    person.messenger = messenger
  }

  async switchOff(person: Person): Promise<void> {
    await person.messenger!.close()
    person.pullThePlug()
  }

  /** Runs the task when the world gets there. */
  after(delayMs: number, run: () => void): () => void {
    const task = { atMs: this.#nowMs + delayMs, order: this.#order++, run }
    const at = this.#tasks.findLastIndex((other) => other.atMs <= task.atMs) + 1
    this.#tasks.splice(at, 0, task)
    return () => {
      task.run = () => {}
    }
  }

  /** Lets so much time pass. */
  async run(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs
    while (this.#tasks.length > 0 && this.#tasks[0]!.atMs <= endMs) {
      const task = this.#tasks.shift()!
      this.#nowMs = task.atMs
      task.run()
      // Whatever follows from it without time passing: nothing in here waits for anything but microtasks.
      await setImmediate()
    }
    this.#nowMs = endMs
  }

  /** Fails when it does not come true within limitMs of the world. */
  async runUntil(isSo: () => Promise<boolean>, limitMs = 120_000): Promise<void> {
    for (const endMs = this.#nowMs + limitMs; this.#nowMs < endMs; await this.run(500))
      if (await isSo()) return
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

  /** Whether everybody who is on has delivered as much, shows the same, and waits for nothing. */
  async isQuiet(): Promise<boolean> {
    const looks = await Promise.all(
      this.people.map(async ({ messenger }) => {
        if (!messenger) return undefined
        const { delivered, pending } = await messenger.operator.getDiagnostics()
        const page = await messenger.commands.getTimeline({ group: this.group, limit: 200 })
        return JSON.stringify([delivered, pending, page.messages.map(({ id }) => id)])
      }),
    )
    const [first, ...others] = looks.filter((look) => look !== undefined)
    return JSON.parse(first!)[1] === 0 && others.every((look) => look === first)
  }

  /** What an independent program says of everybody's log. */
  async verdict(): Promise<Verdict> {
    const folder = await mkdtemp(join(tmpdir(), 'tapri-world-'))
    try {
      const { group } = this
      const traces = []
      for (const { messenger } of this.people) {
        const { file } = await messenger!.operator.writeTrace({ group, folder })
        traces.push(await readTrace(file))
      }
      return checkTraces(traces, { lines: [] })
    } finally {
      await rm(folder, { recursive: true })
    }
  }

  async end(): Promise<void> {
    for (const person of this.people) if (person.messenger) await this.switchOff(person)
  }

  #carry(task: () => void, { type }: Parcel): void {
    const { minDelayMs, maxDelayMs, lossProbability } = this.#options
    if (type === 'gossip' && this.random.chance(lossProbability)) return
    this.after(this.random.between(minDelayMs, maxDelayMs), task)
  }

  #timeOf({ skewMs }: Person, life: { isOver: boolean }): Time {
    const alive = (task: () => void) => () => {
      if (!life.isOver) task()
    }
    const time: Time = {
      nowMs: () => START_MS + this.#nowMs + skewMs,
      monotonicMs: () => this.#nowMs,
      after: (delayMs, task) => this.after(delayMs, alive(task)),
      every: (intervalMs, task) => {
        let cancel = () => {}
        const again = () => {
          task()
          cancel = this.after(intervalMs, alive(again))
        }
        cancel = this.after(intervalMs, alive(again))
        return () => cancel()
      },
      random: () => this.random.next(),
    }
    return time
  }
}

/** A disk that no longer answers once its device is dead. */
function mortal(storage: Storage, life: { isOver: boolean }): Storage {
  const never = new Promise<never>(() => {})
  return {
    ...storage,
    write: (batch, options) => (life.isOver ? never : storage.write(batch, options)),
    get: (key) => (life.isOver ? never : storage.get(key)),
  }
}
