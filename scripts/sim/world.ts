/**
 * A world of real messengers on memory networks and disks, with a clock of its own. The seed decides every delay, loss
 * and choice, so a run can be had again: nothing in it waits for the machine.
 */
import { rm, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { EventId, Message, UserId } from '../../src-main/api/contract.ts'
import { AppError } from '../../src-main/api/errors.ts'
import { encodeBatch } from '../../src-main/core/batch.ts'
import { isEntrance } from '../../src-main/core/control/bodies.ts'
import { chainOf, decodeEvent, deviceTag, type Event } from '../../src-main/core/event.ts'
import type { Crypto, KeyPair } from '../../src-main/crypto/crypto.ts'
import { identityOf, type UserIdentity } from '../../src-main/crypto/identity.ts'
import { Messenger } from '../../src-main/messenger/messenger.ts'
import type { Time } from '../../src-main/messenger/time.ts'
import { createMemoryNetwork, MemoryHub, type Parcel } from '../../src-main/network/memory.ts'
import { eventRange } from '../../src-main/storage/keys.ts'
import { openMemoryStorage, type MemoryDisk } from '../../src-main/storage/memory.ts'
import type { Storage } from '../../src-main/storage/storage.ts'
import { checkTraces, readTrace, type Trace, type Verdict } from '../demo/check-trace.ts'
import { Agenda } from './agenda.ts'
import { Forger, MISDEEDS, type Misdeed, type Tip } from './forger.ts'
import { Random } from './random.ts'
import { RudeNetwork } from './rude-network.ts'

const START_MS = Date.UTC(2026, 0, 1)
/** At the end of an event's key. */
const N_SIZE = 6

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
  /** It writes by hand from now on, although it was removed. */
  isDefiant: boolean
  /** Writes the next message of its chain without any notice of its removal, dates it back, and gossips it. */
  defy(): Promise<void>
}

export class World {
  readonly random: Random
  readonly people: Person[]
  readonly #options: WorldOptions
  readonly #hub: MemoryHub
  readonly #agenda = new Agenda()
  readonly #forgers = new Map<Person, Forger>()
  readonly #defiant = new Map<Person, Forger>()
  /** By cause: who does not reach whom. */
  readonly #divisions = new Map<string, readonly Person[][]>()
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
      isDefiant: false,
      defy: () => Promise.resolve(),
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
    await this.runUntil(() => this.#haveAllMet())
    this.misdeedsAllowed = true
  }

  /** Everybody is there, knows what everybody is called, and has all that their apps wrote by themselves. */
  async #haveAllMet(): Promise<boolean> {
    const met = await Promise.all(
      this.people.map(async ({ messenger }) => {
        const { people } = await messenger!.commands.getPeople({ group: this.group })
        return people.filter(({ user, name }) => name !== user.slice(0, 8)).length
      }),
    )
    return met.every((count) => count === this.people.length)
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
    person.defy = async () => {
      const forger = this.#defiantOf(person)
      const gossip = forger
        .write('behind', START_MS + this.#agenda.nowMs)
        .map((bytes) => this.#asGossip(bytes))
      // It has what it made, and gives it to whoever syncs with it and does not know better.
      await rude.hear(gossip)
      rude.slip(gossip)
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
    if (this.#divisions.size > 0) await this.#applyDivisions()
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
    const account = await this.#account()
    throw new Error([`seed ${this.#options.seed}: it did not come true`, ...account].join('\n'))
  }

  /** How everybody sees the group, a line each. */
  #account(): Promise<string[]> {
    return Promise.all(
      this.people.map(async ({ index, messenger, misdeed, isDefiant }) => {
        if (!messenger) return `${index} is off`
        const { groups } = await messenger.commands.getState()
        const { delivered, pending, rejected } = await messenger.operator.getDiagnostics()
        const summary = groups.find(({ id }) => id === this.group)
        if (!summary) return `${index} knows no group`
        const { role, out, joined, connection } = summary
        const { people } = await messenger.commands.getPeople({ group: this.group })
        const roster = people.map(({ user, role: theirs }) => {
          const person = this.people.find(({ identity }) => identity.user === user)
          return `${person?.index ?? '?'} ${theirs}`
        })
        const conduct = misdeed ?? (isDefiant ? 'defiant' : '')
        return (
          `${index} ${conduct} ${role ?? out ?? 'nobody'}${joined ? '' : ', not in'}, ${connection}; ` +
          `${delivered} delivered, ${pending} pending; ${roster.sort().join(', ')}; ${JSON.stringify(rejected)}`
        )
      }),
    )
  }

  /**
   * Who does not reach whom from now on; everybody reaches everybody when all are on one side. The network may fall apart
   * for several causes at once: those reach each other who are on one side of each of them.
   */
  async divide(sides: readonly Person[][], cause = 'fault'): Promise<void> {
    if (sides.length < 2) this.#divisions.delete(cause)
    else this.#divisions.set(cause, sides)
    await this.#applyDivisions()
  }

  async #applyDivisions(): Promise<void> {
    const keyOf = ({ key }: Person) => Buffer.from(key.publicKey).toString('hex')
    const causes = [...this.#divisions.values()]
    const areTogether = (one: Person, other: Person) =>
      causes.every((sides) => sides.some((side) => side.includes(one) && side.includes(other)))
    for (const person of this.people) {
      const reached = this.people.filter((other) => areTogether(person, other))
      const peers = reached.length === this.people.length ? ('all' as const) : reached.map(keyOf)
      await person.messenger?.operator.setReachable({ peers })
    }
  }

  /** Everybody but those who withhold: what only they still have, after somebody's power failed, nobody gets back. */
  get witnesses(): Person[] {
    return this.people.filter(({ misdeed }) => misdeed !== 'withhold')
  }

  /** Whether somebody, as far as they know, belongs to the group, and may write. Nobody does who is switched off. */
  async standing({ messenger }: Person): Promise<{ isMember: boolean; mayWrite: boolean }> {
    const summary = (await messenger?.commands.getState())?.groups.find(({ id }) => id === this.group)
    const isMember = summary?.joined === true && summary.role !== undefined
    return { isMember, mayWrite: isMember && summary.role !== 'reader' }
  }

  /** Everybody who believes to belong to the group. */
  async members(): Promise<Person[]> {
    const standings = await Promise.all(this.people.map((person) => this.standing(person)))
    return this.people.filter((_, i) => standings[i]!.isMember)
  }

  /** Those of the members whose messengers tell the truth. */
  async #judged(): Promise<Person[]> {
    const members = await this.members()
    return this.witnesses.filter((person) => members.includes(person))
  }

  /** Whether all members that are on know each other by their roles, and nobody else. */
  async isRosterSettled(): Promise<boolean> {
    const members = await this.members()
    const users = members.map(({ identity }) => identity.user).sort()
    const rosters = await Promise.all(
      (await this.#judged()).map(async ({ messenger }) => {
        const { people } = await messenger!.commands.getPeople({ group: this.group })
        return people.map(({ user, role }): [UserId, string] => [user, role]).sort()
      }),
    )
    const [first] = rosters
    return (
      first !== undefined &&
      first.map(([user]) => user).join() === users.join() &&
      rosters.every((roster) => roster.join() === first.join())
    )
  }

  /** Whether all members that are on have delivered as much, wait for nothing, and show the same. */
  async isQuiet(): Promise<boolean> {
    const messengers = (await this.#judged()).flatMap(({ messenger }) => messenger ?? [])
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

  /**
   * What an independent program says of everybody's log, and which of these events some timeline of a member does not show.
   * Of those who are out only the order of what they have is judged.
   */
  async verdict(posted: readonly EventId[] = []): Promise<Verdict & { missing: EventId[] }> {
    const folder = await mkdtemp(join(tmpdir(), 'tapri-world-'))
    try {
      const members = await this.#judged()
      const [traces, outsiders]: [Trace[], Trace[]] = [[], []]
      for (const person of this.witnesses) {
        const trace = await readTrace(await this.writeTrace(person, folder))
        if (members.includes(person)) traces.push(trace)
        else outsiders.push(trace)
      }
      const shown = traces.map(({ end }) => new Set(end?.timeline))
      const missing = posted.filter((id) => !shown.every((timeline) => timeline.has(id)))
      return { ...checkTraces(traces, { lines: [] }, outsiders), missing }
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
    let forger = this.#forgers.get(person)
    if (!forger) this.#forgers.set(person, (forger = this.#makeForger(person)))
    return forger
  }

  /** Goes on where the messenger stood at the first time. */
  #defiantOf(person: Person): Forger {
    let forger = this.#defiant.get(person)
    if (!forger) this.#defiant.set(person, (forger = this.#makeForger(person)))
    return forger
  }

  #makeForger(person: Person): Forger {
    const { crypto } = this.#options
    return new Forger({
      group: this.group,
      tag: deviceTag(person.key.publicKey, crypto.sha256),
      sha256: crypto.sha256,
      sign: (id) => crypto.sign(id, person.key.secretKey),
      random: this.random,
      aheadMs: [24 * 60 * 60_000, 48 * 60 * 60_000],
      ...this.#writtenBy(person),
    })
  }

  /** With what somebody's app entered, and what it wrote last by itself, as the disk tells. */
  #writtenBy({ key, disk }: Person): { entrance: Event; tip: Tip | undefined } {
    const { sha256 } = this.#options.crypto
    const tag = deviceTag(key.publicKey, sha256)
    const prefix = Buffer.from(eventRange(this.group).from.subarray(0, -N_SIZE)).toString('hex')
    const events = [...disk].flatMap(([row, bytes]) => {
      const decoded = row.startsWith(prefix) ? decodeEvent(bytes, this.group, sha256) : undefined
      return decoded && 'event' in decoded && decoded.event.tag === tag ? decoded.event : []
    })
    const tip = events.filter(({ kind }) => chainOf(kind) === 'm').sort((a, b) => b.seq - a.seq)[0]
    return {
      entrance: events.find(({ kind }) => isEntrance(kind))!,
      tip: tip && { seq: tip.seq, previous: tip.id, hlc: tip.hlc },
    }
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
