/**
 * The application: opens the parts, feeds events to the groups' engines, carries out what follows, and implements the
 * contract that windows talk to.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { AppState, Commands, GroupId, GroupSummary, UpdateName } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import type { Diagnostics, OperatorCommands } from '../api/operator.ts'
import { decodeBatch, encodeBatch } from '../core/batch.ts'
import type { Moment } from '../core/engine.ts'
import { deviceTag, encodeEvent, commitTo, KIND, type Event } from '../core/event.ts'
import { hlcAt } from '../core/hlc.ts'
import type { Entry } from '../core/history.ts'
import { encodeCreate, encodeJoin, joinStatement } from '../core/members.ts'
import { Relay } from '../core/relay.ts'
import { type Crypto, type KeyPair } from '../crypto/crypto.ts'
import { sodiumCrypto } from '../crypto/sodium.ts'
import { openVerifierPool } from '../crypto/verifier-pool.ts'
import { inlineVerifier, type Verifier } from '../crypto/verifier.ts'
import { createLibp2pNetwork } from '../network/libp2p/node.ts'
import type { Network, PeerKey, Verdict } from '../network/network.ts'
import { groupKey, groupsRange, settingKey } from '../storage/keys.ts'
import { openLevelStorage } from '../storage/level.ts'
import type { Storage } from '../storage/storage.ts'
import { checked } from './arguments.ts'
import { decodeMessage, encodeMessage, encodeReaction } from './content.ts'
import { Counters } from './counters.ts'
import { Group } from './group.ts'
import { GroupLog, type Delivered } from './group-log.ts'
import { Links } from './links.ts'
import {
  decodeInvite,
  decodeMembership,
  encodeInvite,
  encodeMembership,
  inviteKeyOf,
  topicOf,
  type Membership,
} from './membership.ts'
import { Outbox, type Batching } from './outbox.ts'
import { isRetired, openDeviceKey, openStoreOf, retire } from './own-device.ts'
import { ReferenceClock } from './reference-clock.ts'
import { Syncing } from './syncing.ts'
import { inTime, systemTime, type Time } from './time.ts'
import { writeTrace } from './trace.ts'

const VERSION = '0.1.0'
const TICK_MS = 200
/** A look at a random member's clock now and then finds whatever gossip lost. */
const ANTI_ENTROPY_MS = 5_000
/** Changes of a group within this time are told to windows once. */
const SUMMARY_DELAY_MS = 50
/** How often windows are told how far a group has been opened. */
const OPENING_UPDATE_MS = 250
/** Whoever writes to a group that is being opened waits no longer: less than a window waits for an answer. */
const MAX_OPENING_WAIT_MS = 25_000
const MAX_MESSAGES_PER_UPDATE = 100
const INVITE_ADDRESSES = 8
const utf8 = new TextEncoder()

export interface MessengerOptions {
  dataFolder: string
  /** Multiaddresses to listen on. */
  listen: string[]
  mdns: boolean
  /** Name for a fresh data folder; kept from then on. */
  name?: string | undefined
  /** Artificial delay of everything received, for demos. */
  delayMs?: number | undefined
}

/** What a messenger is made of; tests and simulations put other implementations in. */
export interface MessengerParts {
  storage: Storage
  network: Network
  crypto: Crypto
  key: KeyPair
  dataFolder: string
  name?: string | undefined
  time?: Time
  /** Closed with the messenger. In this thread when there is none. */
  verifier?: Verifier
  batching?: Batching
}

interface OpenGroup {
  group: Group
  log: GroupLog
  secret: Uint8Array
  membership: Membership
  topic: string
  outbox: Outbox<Event>
  relay: Relay
  /** Takes back the update that is due soon. */
  cancelSummary: (() => void) | undefined
}

/**
 * Opens the data folder and goes online. Fails with AppError DATA_IN_USE, STORE_CORRUPT, STORE_FAILED or
 * KEY_UNREADABLE; nothing is left open then. What is there can be shown when it resolves; whether all of it is in order
 * is known later: see Messenger.opened.
 */
export async function openMessenger(options: MessengerOptions): Promise<Messenger> {
  const { dataFolder, listen, mdns, name, delayMs } = options
  await mkdir(dataFolder, { recursive: true, mode: 0o700 })
  const storage = await openLevelStorage(join(dataFolder, 'store'))
  const verifier = openVerifierPool()
  try {
    const key = await openDeviceKey(storage, dataFolder, sodiumCrypto)
    const network = createLibp2pNetwork({ secretKey: key.secretKey, listen, mdns, delayMs: delayMs ?? 0 })
    return await Messenger.start({ storage, network, crypto: sodiumCrypto, verifier, key, dataFolder, name })
  } catch (error) {
    await verifier.close()
    await storage.close()
    throw error
  }
}

export class Messenger {
  readonly commands: Commands
  readonly operator: OperatorCommands
  readonly #parts: MessengerParts
  readonly #self: string
  readonly #groups = new Map<GroupId, OpenGroup>()
  readonly #links: Links
  readonly #syncing: Syncing
  readonly #counters = new Counters()
  readonly #clock: ReferenceClock
  readonly #listeners = new Set<(name: UpdateName, argument: unknown) => void>()
  #name = ''
  /** This device's key is not to be used for writing again. */
  #isRetired = false
  readonly #time: Time
  readonly #verifier: Verifier
  #cancelTimers: (() => void)[] = []
  #opened: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  private constructor(parts: MessengerParts, incarnation: Uint8Array) {
    this.#parts = parts
    const { network, crypto, key } = parts
    this.#self = deviceTag(key.publicKey, crypto.sha256)
    this.#time = parts.time ?? systemTime
    this.#verifier = parts.verifier ?? inlineVerifier(crypto.verify)
    this.#clock = new ReferenceClock(() => this.#time.nowMs())
    this.#links = new Links(network, () => this.#allChanged())
    this.#syncing = new Syncing({
      network,
      crypto,
      groups: this.#groups,
      incarnation,
      time: this.#time,
      now: () => this.#now(),
      addresses: () => [...network.addresses(), ...this.#links.addresses()],
      onAddresses: (group, addresses) => this.#learn(group, addresses),
      onPeerClock: (peer, offsetMs) => this.#clock.note(peer, offsetMs),
      onAdmitted: (group, peer) => this.#links.setAdmitted(group, peer, 'admitted'),
      onSynchronised: (group, peer) => this.#synchronised(group, peer),
      onProgress: (group, progress) => this.#groups.get(group)?.group.noteProgress(progress),
      onWindow: (group, events, peer) => this.#groups.get(group)?.group.noteWindow(events, peer),
      onForkSuspected: () => this.#counters.forksSuspected++,
      onFault: (peer, reason) => this.#counters.refuse(reason, peer),
    })
    this.commands = checked(this.#makeCommands())
    this.operator = checked(this.#makeOperatorCommands())
  }

  static async start(parts: MessengerParts): Promise<Messenger> {
    const { storage, network, crypto } = parts
    const tag = deviceTag(parts.key.publicKey, crypto.sha256)
    const messenger = new Messenger(parts, await openStoreOf(tag, storage, crypto))
    messenger.#isRetired = await isRetired(tag, storage)
    const name = await storage.get(settingKey('name'))
    if (name) messenger.#name = new TextDecoder().decode(name)
    else if (parts.name !== undefined) await messenger.#setName(parts.name)
    for await (const [, value] of storage.range(groupsRange())) await messenger.#open(decodeMembership(value))
    await network.start({
      onPeer: (peer, connected) => messenger.#onPeer(peer, connected),
      onTopicPeer: (topic, peer, joined) => messenger.#onTopicPeer(topic, peer, joined),
      onGossip: (topic, from, data) => messenger.#onGossip(topic, from, data),
      onStream: (stream) => void messenger.#syncing.answer(stream),
      onDiscovered: (addresses) => messenger.#links.learn(addresses),
      onRefused: (peer, reason) => messenger.#counters.refuse(reason, peer),
    })
    messenger.#opened = messenger.#restoreAll()
    messenger.#opened.catch(() => {})
    messenger.#cancelTimers = [
      messenger.#time.every(TICK_MS, () => messenger.#tick()),
      messenger.#time.every(ANTI_ENTROPY_MS, () => messenger.#syncWithAnyone()),
    ]
    messenger.#tick()
    return messenger
  }

  /**
   * Resolves when every group has been checked, or the messenger is closed. Fails with AppError STORE_CORRUPT or
   * STORE_FAILED: then nothing was written or sent for that group, and this messenger is to be closed.
   */
  get opened(): Promise<void> {
    return this.#opened
  }

  /** Tells the listener every update until the returned function is called. */
  onUpdate(listener: (name: UpdateName, argument: unknown) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Writes what is to be written and closes everything. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    for (const cancel of this.#cancelTimers) cancel()
    this.#links.stop()
    this.#syncing.stop()
    for (const { outbox, cancelSummary } of this.#groups.values()) {
      cancelSummary?.()
      outbox.stop()
    }
    await this.#parts.network.stop()
    await this.#verifier.close()
    for (const { log } of this.#groups.values()) await log.close()
    await this.#parts.storage.close()
    this.#listeners.clear()
  }

  #makeCommands(): Commands {
    return {
      getState: async () => this.#state(),
      setName: ({ name }) => this.#setName(name),
      createGroup: ({ name }) => this.#createGroup(name),
      createInvite: async ({ group }) => ({ invite: this.#invite(this.#demandJoined(group)) }),
      joinGroup: ({ invite }) => this.#joinGroup(invite),
      getTimeline: ({ group, ...page }) => this.#demand(group).group.page(page),
      explain: async ({ group, message }) =>
        (await this.#restored(this.#demand(group))).group.explain(message),
      post: async ({ group, text, replyTo }) => {
        const open = await this.#demandWritableGroup(group)
        const body = encodeMessage({ text, replyTo })
        return open.group.fresh(await this.#post(open, KIND.message, body, replyTo))
      },
      react: async ({ group, target, emoji, on }) => {
        const body = encodeReaction({ target, emoji, on })
        await this.#post(await this.#demandWritableGroup(group), KIND.reaction, body, target)
      },
      markRead: async ({ group, n }) => {
        const open = this.#demand(group)
        open.group.markRead(n)
        open.membership.readN = open.group.readN
        this.#changed(open)
        await this.#restored(open)
        await this.#saveMembership(open.membership)
      },
    }
  }

  #makeOperatorCommands(): OperatorCommands {
    return {
      postBridged: async ({ group, text, author, replyTo, line, notice }) => {
        const body = encodeMessage({ text, replyTo, author, line })
        const kind = notice ? KIND.notice : KIND.message
        const { event } = await this.#post(await this.#demandWritableGroup(group), kind, body, replyTo)
        return { id: event.id }
      },
      setReachable: ({ peers }) => {
        const allowed = peers === 'all' ? undefined : new Set(peers)
        return this.#links.setReachable((peer) => allowed === undefined || allowed.has(peer))
      },
      getPeerKey: async () => ({ peer: this.#parts.network.self }),
      getDiagnostics: async () => this.#diagnostics(),
      getLines: async ({ group }) => {
        const { log } = await this.#restored(this.#demand(group))
        const lines: [number, string][] = []
        for (const { n, id } of log.engine.history.log) {
          const line = decodeMessage(await log.read(n))?.line
          if (line !== undefined) lines.push([line, id])
        }
        return { lines }
      },
      writeTrace: async ({ group, folder }) => ({
        file: await writeTrace((await this.#restored(this.#demand(group))).group, this.#self, folder),
      }),
    }
  }

  #state(): AppState {
    return {
      device: this.#self,
      name: this.#name,
      groups: [...this.#groups.values()].map((open) => this.#summary(open)),
      addresses: this.#parts.network.addresses(),
      version: VERSION,
      dataFolder: this.#parts.dataFolder,
    }
  }

  async #setName(name: string): Promise<void> {
    this.#name = name
    await this.#parts.storage.write({ put: [[settingKey('name'), utf8.encode(name)]] }, { durable: true })
  }

  /** The first event of a group: its id is the group's id, and it makes this device the first member. */
  async #createGroup(name: string): Promise<GroupSummary> {
    this.#demandWritable()
    const { crypto, key, network } = this.#parts
    const secret = crypto.randomBytes(32)
    const body = encodeCreate({
      publicKey: key.publicKey,
      inviteKey: inviteKeyOf(secret, crypto).publicKey,
      nonce: crypto.randomBytes(16),
      groupName: utf8.encode(name),
      memberName: utf8.encode(this.#name || '?'),
    })
    const fields = {
      kind: KIND.create,
      tag: this.#self,
      seq: 1,
      hlc: hlcAt(this.#clock.now()),
      deps: [],
      commit: commitTo(undefined, [], undefined, crypto.sha256),
      body,
    }
    const sign = (id: Uint8Array) => crypto.sign(id, key.secretKey)
    const event = encodeEvent(fields, '', crypto.sha256, sign)
    const membership: Membership = { group: event.id, secret, readN: 0, addresses: [] }
    await this.#saveMembership(membership)
    const open = await this.#open(membership)
    await this.#restore(open)
    const { written } = await open.log.receive([event.bytes], network.self, () => this.#now())
    await written
    return this.#summary(open)
  }

  async #joinGroup(invite: string): Promise<GroupSummary> {
    const membership = decodeInvite(invite, this.#parts.crypto)
    const known = this.#groups.get(membership.group)
    if (known) {
      if (known.group.joined) throw new AppError('ALREADY_MEMBER', 'You are already in this group.')
      this.#learn(membership.group, membership.addresses)
      return this.#summary(known)
    }
    await this.#saveMembership(membership)
    const open = await this.#open(membership)
    await this.#restore(open)
    this.#greetAll(open)
    this.#links.dialDue(this.#time.monotonicMs())
    return this.#summary(open)
  }

  #invite({ membership }: OpenGroup): string {
    const { network, crypto } = this.#parts
    const addresses = [...network.addresses(), ...this.#links.addresses()].slice(0, INVITE_ADDRESSES)
    return encodeInvite({ ...membership, addresses }, crypto)
  }

  async #open(membership: Membership): Promise<OpenGroup> {
    const { storage, network, crypto, key, batching } = this.#parts
    const id = membership.group
    const parts = {
      group: id,
      self: this.#self,
      sha256: crypto.sha256,
      verify: crypto.verify,
      verifier: this.#verifier,
      sign: (eventId: Uint8Array) => crypto.sign(eventId, key.secretKey),
    }
    const log = await GroupLog.open(parts, storage, {
      onDelivered: (delivered) => this.#delivered(id, delivered),
      onHidden: (entries) => void this.#hidden(id, entries).catch(reportStoreFailure),
      onFork: (proof) => this.#forked(id, proof),
      onOwnUnknown: () => this.#retire(),
      onPendingChanged: () => this.#changed(this.#groups.get(id)),
      onRefused: (reason, from) => this.#counters.refuse(reason, from),
      onDuplicate: () => this.#counters.duplicates++,
      onAsk: (width, sources) => this.#ask(id, width, sources),
    })
    const presence = {
      connectionOf: (peer: PeerKey) => this.#links.connectionOf(id, peer),
      overall: () => this.#links.overall(id),
    }
    const group = await new Group(log, {
      storage,
      crypto,
      self: this.#self,
      readN: membership.readN,
      presence,
      nowMs: () => this.#clock.now(),
      onTimelineChanged: () => this.#tell('timelineChanged', { group: id }),
      onSummaryChanged: () => this.#changed(this.#groups.get(id)),
      onRefused: (reason, from) => this.#counters.refuse(reason, from),
    }).open()
    const topic = topicOf(membership.secret, crypto)
    const open: OpenGroup = {
      group,
      log,
      secret: membership.secret,
      membership,
      topic,
      outbox: new Outbox({
        network,
        topic,
        time: this.#time,
        encode: (events) => encodeBatch(events, crypto.sha256),
        batching,
      }),
      relay: new Relay(),
      cancelSummary: undefined,
    }
    this.#groups.set(id, open)
    this.#links.learn(membership.addresses)
    return open
  }

  /** One group after the other, the smallest first: it is online soonest. */
  async #restoreAll(): Promise<void> {
    const groups = [...this.#groups.values()].sort((a, b) => a.log.length - b.log.length)
    try {
      for (const open of groups) {
        await this.#restore(open)
        this.#greetAll(open)
      }
    } catch (error) {
      if (!this.#closing) throw error
    }
  }

  /** Rebuilds the graph of a group, and takes it online. */
  async #restore(open: OpenGroup): Promise<void> {
    const { network } = this.#parts
    const stopTelling = this.#time.every(OPENING_UPDATE_MS, () => this.#changed(open))
    try {
      if (await open.log.restore(this.#time)) {
        console.error(`Records of group ${open.log.group.slice(0, 8)} did not agree with its log: repaired.`)
        await open.group.open()
      }
    } finally {
      stopTelling()
    }
    if (this.#closing) return
    network.join(open.topic)
    this.#changed(open)
  }

  /** Own event: on disk first, then to windows (onDelivered), then to the network. */
  async #post(open: OpenGroup, kind: number, body: Uint8Array, target?: string): Promise<Delivered> {
    const { history } = open.log.engine
    if (target !== undefined && history.get(target)?.kind !== KIND.message)
      throw new AppError('UNKNOWN_MESSAGE', 'The message you answer is not here yet.')
    const delivered = await open.log.append(kind, body, this.#now(), target)
    open.outbox.push(delivered.event)
    return delivered
  }

  #delivered(id: GroupId, delivered: Delivered[]): void {
    const open = this.#groups.get(id)
    if (!open) return
    const changed = open.group.noteDelivered(delivered)
    this.#changed(open)
    if (this.#listeners.size > 0)
      this.#announce(open, delivered, changed).catch((error: unknown) => {
        console.error('Updates could not be built:', error)
      })
  }

  async #hidden(id: GroupId, entries: readonly Entry[]): Promise<void> {
    const open = this.#groups.get(id)
    if (!open) return
    const changed = await open.group.noteHidden(entries)
    this.#changed(open)
    this.#tell('timelineChanged', { group: id })
    if (this.#listeners.size > 0) await this.#announce(open, [], changed)
  }

  /** Whoever learns of a fork tells the others: gossip knows the proof again that somebody else sends. */
  #forked(id: GroupId, proof: Event[]): void {
    const open = this.#groups.get(id)
    if (!open) return
    for (const event of proof) open.outbox.push(event)
    this.#changed(open)
  }

  /** Somebody has events of this device that its store lacks: see messenger/own-device.ts. */
  #retire(): void {
    if (this.#isRetired) return
    this.#isRetired = true
    retire(this.#self, this.#parts.storage).catch(reportStoreFailure)
  }

  async #announce({ group, log }: OpenGroup, delivered: Delivered[], changed: number[]): Promise<void> {
    const id = log.group
    for (let i = 0; i < delivered.length; i += MAX_MESSAGES_PER_UPDATE) {
      const shown = delivered
        .slice(i, i + MAX_MESSAGES_PER_UPDATE)
        .filter(({ event }) => event.kind !== KIND.reaction)
      const messages = await Promise.all(shown.map((one) => group.fresh(one)))
      if (messages.length > 0) this.#tell('messagesDelivered', { group: id, messages })
    }
    const messages = await Promise.all(changed.map((n) => group.message(n)))
    if (messages.length > 0) this.#tell('messagesChanged', { group: id, messages })
  }

  #onPeer(peer: PeerKey, connected: boolean): void {
    this.#links.onPeer(peer, connected)
    if (!connected) return this.#clock.forget(peer)
    for (const open of this.#groups.values()) if (!open.log.opening) this.#greet(open, peer)
  }

  #greetAll(open: OpenGroup): void {
    for (const peer of this.#parts.network.peers()) this.#greet(open, peer)
  }

  /** One of the two begins to sync; a newcomer that waits to be admitted always does. */
  #greet({ group, log }: OpenGroup, peer: PeerKey): void {
    if (peer > this.#parts.network.self || !group.joined) this.#syncing.start(log.group, peer)
  }

  /** Between a link coming up and the subscription being known, gossip passes this peer by: pull once. */
  #onTopicPeer(topic: string, peer: PeerKey, joined: boolean): void {
    if (!joined) return
    for (const [id, open] of this.#groups) if (open.topic === topic) this.#syncing.start(id, peer)
  }

  async #onGossip(topic: string, from: PeerKey, data: Uint8Array): Promise<Verdict> {
    const open = [...this.#groups.values()].find((candidate) => candidate.topic === topic)
    if (!open) return 'ignore'
    const events = decodeBatch(data, open.log.group, this.#parts.crypto.sha256)
    if (!events) {
      this.#counters.refuse('malformed', from)
      return 'reject'
    }
    if (open.log.arrivals.isFull) {
      this.#counters.refuse('busy', from)
      return 'ignore'
    }
    try {
      const { verdict, news, written } = await open.log.receive(events, from, () => this.#now())
      written.catch(reportStoreFailure)
      return verdict === 'accept' && !open.relay.allows(news, this.#now().atMs) ? 'ignore' : verdict
    } catch (error) {
      if (!this.#closing) reportStoreFailure(error)
      return 'ignore'
    }
  }

  async #synchronised(id: GroupId, peer: PeerKey): Promise<void> {
    const open = this.#groups.get(id)
    if (!open) return
    this.#links.setAdmitted(id, peer, 'synchronised')
    const { members, groupName } = open.log.engine.roster
    if (!members.has(this.#self) && !this.#isRetired && groupName) await this.#enter(open)
  }

  /** This device's own entrance, once everything that came before it is here. */
  async #enter(open: OpenGroup): Promise<void> {
    const { crypto, key } = this.#parts
    const { secretKey } = inviteKeyOf(open.secret, crypto)
    const proof = crypto.sign(joinStatement(open.log.group, key.publicKey), secretKey)
    const memberName = utf8.encode(this.#name || '?')
    const body = encodeJoin({ publicKey: key.publicKey, proof, memberName })
    const delivered = await open.log.append(KIND.join, body, this.#now())
    open.outbox.push(delivered.event)
    for (const peer of this.#links.admitted(open.log.group)) this.#syncing.start(open.log.group, peer)
  }

  /** The sources of what waits, and then two more peers, for what it lacks; then everybody for everything. */
  #ask(id: GroupId, width: 'source' | 'more' | 'all', sources: string[]): void {
    const open = this.#groups.get(id)
    if (!open) return
    const admitted = this.#links.admitted(id)
    const others = this.#shuffled(admitted.filter((peer) => !sources.includes(peer)))
    const asked =
      width === 'source'
        ? admitted.filter((peer) => sources.includes(peer))
        : others.slice(0, width === 'more' ? 2 : others.length)
    const missing = open.log.engine.missing()
    const isKnown = missing.ranges.length + missing.heads.length > 0
    for (const peer of asked.length > 0 ? asked : admitted)
      if (width === 'all' || !isKnown) this.#syncing.start(id, peer)
      else this.#syncing.ask(id, peer, missing)
  }

  #syncWithAnyone(): void {
    for (const id of this.#groups.keys()) {
      const [peer] = this.#shuffled(this.#links.admitted(id))
      if (peer) this.#syncing.start(id, peer)
    }
  }

  #now(): Moment {
    return { nowMs: this.#clock.now(), atMs: this.#time.monotonicMs() }
  }

  #tick(): void {
    const now = this.#now()
    this.#links.dialDue(now.atMs)
    for (const open of this.#groups.values()) {
      if (open.log.engine.pending().length > 0) this.#changed(open)
      open.log.tick(now).catch(reportStoreFailure)
    }
  }

  #learn(id: GroupId, addresses: string[]): void {
    this.#links.learn(addresses)
    const open = this.#groups.get(id)
    if (!open) return
    const known = new Set(open.membership.addresses)
    const fresh = addresses.filter((address) => !known.has(address) && this.#isOthers(address))
    if (fresh.length === 0) return
    open.membership.addresses = [...fresh, ...open.membership.addresses].slice(0, 64)
    this.#saveMembership(open.membership).catch(reportStoreFailure)
  }

  #isOthers(address: string): boolean {
    const { network } = this.#parts
    const peer = network.peerOf(address)
    return peer !== undefined && peer !== network.self
  }

  async #saveMembership(membership: Membership): Promise<void> {
    const row = [groupKey(membership.group), encodeMembership(membership)] as const
    await this.#parts.storage.write({ put: [row] }, { durable: true })
  }

  #demand(id: GroupId): OpenGroup {
    const open = this.#groups.get(id)
    if (!open) throw new AppError('UNKNOWN_GROUP', 'This app is not in that group.')
    return open
  }

  #demandWritable(): void {
    if (this.#isRetired)
      throw new AppError(
        'DEVICE_RETIRED',
        'This data folder was restored from a backup, or is in use on a second machine. ' +
          'Close Tapri and start it again: it goes on as a new device in the same groups.',
      )
  }

  #demandJoined(id: GroupId): OpenGroup {
    const open = this.#demand(id)
    this.#demandWritable()
    if (open.group.joined) return open
    throw new AppError('NOT_JOINED_YET', 'Still joining: no member of the group has answered yet.')
  }

  /** Like #demandJoined, once the group has been opened. Fails also with AppError TIMED_OUT, CLOSED, or what is wrong with it. */
  async #demandWritableGroup(id: GroupId): Promise<OpenGroup> {
    await this.#restored(this.#demandJoined(id))
    return this.#demandJoined(id)
  }

  async #restored(open: OpenGroup): Promise<OpenGroup> {
    const late = () => new AppError('TIMED_OUT', 'This group is still being opened. Try again in a moment.')
    await inTime(open.log.restored, MAX_OPENING_WAIT_MS, this.#time, late)
    return open
  }

  #diagnostics(): Diagnostics {
    const logs = [...this.#groups.values()].map(({ log }) => log)
    const sum = (of: (log: GroupLog) => number) => logs.reduce((total, log) => total + of(log), 0)
    return {
      ...this.#counters.report(),
      delivered: sum(({ engine: { history } }) => history.log.length - history.forks.hiddenCount),
      pending: sum((log) => log.engine.pending().length),
      wireBytes: this.#parts.network.wireBytes(),
      metadataBytes: sum((log) => log.metadataBytes),
      eventBytes: sum((log) => log.eventBytes),
    }
  }

  #summary(open: OpenGroup): GroupSummary {
    return open.group.summary(this.#time.monotonicMs())
  }

  #allChanged(): void {
    for (const open of this.#groups.values()) this.#changed(open)
  }

  #changed(open: OpenGroup | undefined): void {
    if (!open || open.cancelSummary || this.#listeners.size === 0) return
    open.cancelSummary = this.#time.after(SUMMARY_DELAY_MS, () => {
      open.cancelSummary = undefined
      this.#tell('groupChanged', this.#summary(open))
    })
  }

  #tell(name: UpdateName, argument: unknown): void {
    for (const listener of this.#listeners) listener(name, argument)
  }

  #shuffled<T>(items: T[]): T[] {
    return items
      .map((item) => ({ item, at: this.#time.random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item)
  }
}

function reportStoreFailure(error: unknown): void {
  console.error('The store failed:', error)
}
