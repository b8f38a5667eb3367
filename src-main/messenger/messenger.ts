/**
 * The application: opens the parts, feeds events to the groups' engines, carries out what follows, and implements the
 * contract that windows talk to.
 */
import type { AppState, Commands, GroupId, GroupSummary, UpdateName } from '../api/contract.ts'
import { AppError } from '../api/errors.ts'
import type { OperatorCommands } from '../api/operator.ts'
import { encodeBatch } from '../core/batch.ts'
import { fromHex } from '../core/bytes.ts'
import type { Moment } from '../core/engine.ts'
import { chainOf, deviceTag, encodeEvent, commitTo, KIND, type Event } from '../core/event.ts'
import { hlcAt } from '../core/hlc.ts'
import type { Entry } from '../core/history.ts'
import { encodeCreate, isEntrance } from '../core/control/bodies.ts'
import { Relay } from '../core/relay.ts'
import { commitmentTo, epochSecret } from '../core/secrets/derivations.ts'
import { type Crypto, type KeyPair } from '../crypto/crypto.ts'
import { identityOf, type UserIdentity } from '../crypto/identity.ts'
import { newEntropy } from '../crypto/phrase.ts'
import { inlineVerifier, type Verifier } from '../crypto/verifier.ts'
import type { Network, PeerKey } from '../network/network.ts'
import { groupKey, groupRanges, groupsRange } from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'
import { administration } from './administration.ts'
import { Bodies } from './bodies.ts'
import { Admission, type Refusal } from './admission.ts'
import { admitting, type Admitting } from './admitting.ts'
import { checked } from './arguments.ts'
import { encodeMessage, encodeReaction, encodeSettings } from './content.ts'
import { Counters } from './counters.ts'
import { Demands } from './demands.ts'
import { readDraft, saveDraft } from './drafts.ts'
import { enter } from './entering.ts'
import { Gossiping } from './gossiping.ts'
import { Group } from './group.ts'
import { GroupLog, type Delivered } from './group-log.ts'
import { Introducing } from './introducing.ts'
import { Links } from './links.ts'
import { Keyring } from './keyring.ts'
import { decodeInvite, decodeMembership, encodeMembership, type Membership } from './membership.ts'
import type { Acting, OpenGroup } from './open-group.ts'
import { operation } from './operation.ts'
import { Outbox, type Batching } from './outbox.ts'
import { isRetired, openStoreOf, retire } from './own-device.ts'
import { ReferenceClock } from './reference-clock.ts'
import { NOT_KEPT, personal, type KeyProtection } from './personal.ts'
import { Secrecy } from './secrecy.ts'
import { pictureBytes, Self } from './self.ts'
import { Syncing } from './syncing.ts'
import { systemTime, type Time } from './time.ts'
import { Updates } from './updates.ts'

const VERSION = '0.1.0'
const TICK_MS = 200
/** A look at a random member's clock now and then finds whatever gossip lost. */
const ANTI_ENTROPY_MS = 5_000
/** Of a group that is deleted. */
const ROWS_PER_WRITE = 256
/** How often windows are told how far a group has been opened. */
const OPENING_UPDATE_MS = 250

/** What a messenger is made of; tests and simulations put other implementations in. */
export interface MessengerParts {
  storage: Storage
  network: Network
  crypto: Crypto
  key: KeyPair
  /** The person; somebody new where none is given. */
  identity?: UserIdentity
  /** Keeps another identity in place of it. */
  keepIdentity?: (entropy: Uint8Array) => Promise<void>
  /** How the keys are kept; nowhere, where it is not given. */
  protection?: KeyProtection
  dataFolder: string
  name?: string | undefined
  time?: Time
  /** Closed with the messenger. In this thread when there is none. */
  verifier?: Verifier
  batching?: Batching
}

export class Messenger {
  readonly commands: Commands
  readonly operator: OperatorCommands
  readonly #parts: MessengerParts
  /** This device. */
  readonly #self: string
  readonly #person: Self
  readonly #protection: KeyProtection
  readonly #demands: Demands
  readonly #acting: Acting
  readonly #secrecy: Secrecy
  readonly #introducing: Introducing
  readonly #groups = new Map<GroupId, OpenGroup>()
  readonly #links: Links
  readonly #admitting: Admitting
  readonly #syncing: Syncing
  readonly #gossiping: Gossiping
  readonly #counters = new Counters()
  readonly #clock: ReferenceClock
  readonly #updates: Updates
  /** This device's key is not to be used for writing again. */
  #isRetired = false
  readonly #time: Time
  readonly #verifier: Verifier
  #cancelTimers: (() => void)[] = []
  #opened: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  private constructor(parts: MessengerParts, incarnation: Uint8Array, person: Self) {
    this.#parts = parts
    this.#person = person
    this.#protection = parts.protection ?? NOT_KEPT
    const { network, crypto, key } = parts
    this.#self = deviceTag(key.publicKey, crypto.sha256)
    this.#time = parts.time ?? systemTime
    this.#updates = new Updates(this.#time, (error) => {
      if (!this.#closing) console.error('Updates could not be built:', error)
    })
    this.#verifier = parts.verifier ?? inlineVerifier(crypto.verify)
    this.#clock = new ReferenceClock(() => this.#time.nowMs())
    this.#links = new Links(network, () => {
      for (const open of this.#groups.values()) this.#updates.changed(open)
    })
    this.#admitting = admitting({
      ...{ self: this.#self, key, crypto, person, links: this.#links, groups: this.#groups },
      syncing: () => this.#syncing,
      mayWrite: () => !this.#isRetired,
      now: () => this.#now(),
    })
    this.#syncing = new Syncing({
      network,
      crypto,
      groups: this.#groups,
      incarnation,
      time: this.#time,
      now: () => this.#now(),
      addresses: () => this.#addresses(),
      ...this.#admitting,
      onRefused: (group, peer, refusal, event) => {
        const open = this.#groups.get(group)
        if (open) this.#refused(open, peer, refusal, event).catch(reportStoreFailure)
      },
      onAddresses: (group, addresses) => this.#learn(group, addresses),
      onPeerClock: (peer, offsetMs) => this.#clock.note(peer, offsetMs),
      onAdmitted: (group, peer) => {
        this.#links.setAdmitted(group, peer, 'admitted')
        this.#groups.get(group)?.group.noteRefused(false)
      },
      onSynchronised: (group, peer) => this.#synchronised(group, peer),
      onControlsTaken: (group, peer) => {
        const open = this.#groups.get(group)
        if (open) this.#enter(open, peer).catch((error: unknown) => this.#failed(error))
      },
      onProgress: (group, progress) => this.#groups.get(group)?.group.noteProgress(progress),
      onWindow: (group, events, peer) => this.#groups.get(group)?.group.noteWindow(events, peer),
      onUnheard: (group, events) => this.#gossiping.handOn(this.#groups.get(group), events),
      onForkSuspected: () => this.#counters.forksSuspected++,
      onFault: (peer, reason) => this.#counters.refuse(reason, peer),
    })
    const admitted = (group: GroupId) => this.#shuffled(this.#links.admitted(group))
    const onFailure = (error: unknown) => this.#failed(error)
    this.#gossiping = new Gossiping({
      ...{ groups: this.#groups, crypto, syncing: this.#syncing, counters: this.#counters },
      ...{ admitted, now: () => this.#now(), onFailure },
    })
    this.#demands = new Demands({ groups: this.#groups, isRetired: () => this.#isRetired, time: this.#time })
    this.#acting = {
      self: this.#self,
      demandWritable: this.#demands.member,
      append: (open, kind, body, covers) => this.#append(open, kind, body, covers),
      save: (open) => this.#saveMembership(open.membership),
      rotate: (open) => this.#secrecy.rotate(open),
      nowMs: () => this.#clock.now(),
    }
    this.#secrecy = new Secrecy({
      ...this.#acting,
      network,
      syncing: this.#syncing,
      time: this.#time,
      mayWrite: () => !this.#isRetired,
      admitted,
      onReadable: (open) => {
        this.#updates.timelineChanged(open)
      },
      onFailure,
    })
    this.#introducing = new Introducing({
      ...{ groups: this.#groups, person, append: this.#acting.append, opened: this.#demands.opened },
      mayWrite: () => !this.#isRetired,
      tell: (name, argument) => this.#updates.tell(name, argument),
      onFailure,
    })
    this.commands = checked(this.#makeCommands())
    this.operator = checked(
      operation({
        ...this.#acting,
        ...{ network, links: this.#links, groups: this.#groups, counters: this.#counters },
        restored: this.#demands.opened,
        demandWriter: this.#demands.writer,
      }),
    )
  }

  static async start(parts: MessengerParts): Promise<Messenger> {
    const { storage, network, crypto, key, keepIdentity } = parts
    const tag = deviceTag(key.publicKey, crypto.sha256)
    const identity = parts.identity ?? identityOf(newEntropy(crypto), crypto)
    const person = await Self.open({ storage, crypto, key, identity, keep: keepIdentity })
    const messenger = new Messenger(parts, await openStoreOf(tag, storage, crypto), person)
    messenger.#isRetired = await isRetired(tag, storage)
    if (person.name === '' && parts.name !== undefined) await person.setName(parts.name)
    for await (const [, value] of storage.range(groupsRange()))
      await messenger.#open(decodeMembership(value, crypto))
    await network.start({
      onPeer: (peer, connected) => messenger.#onPeer(peer, connected),
      onTopicPeer: (topic, peer, joined) => messenger.#onTopicPeer(topic, peer, joined),
      onGossip: (topic, from, data) => messenger.#gossiping.take(topic, from, data),
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

  /** The system handed over a link to a group. */
  openLink(link: string): void {
    this.#updates.openLink(link)
  }

  /** Tells the listener every update until the returned function is called. */
  onUpdate(listener: (name: UpdateName, argument: unknown) => void): () => void {
    return this.#updates.listen(listener)
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
    for (const { outbox, cancelSummary, cancelRotation } of this.#groups.values()) {
      cancelSummary?.()
      cancelRotation?.()
      outbox.stop()
    }
    await this.#parts.network.stop()
    await this.#verifier.close()
    for (const { log } of this.#groups.values()) await log.close()
    await this.#parts.storage.close()
    this.#protection.lock()
    this.#updates.end()
  }

  #makeCommands(): Commands {
    return {
      getState: async () => this.#state(),
      ...personal({
        person: this.#person,
        groups: this.#groups,
        protection: this.#protection,
        identity: () => this.#introducing.identity,
        announce: (change) => this.#introducing.announce(change),
        tell: (name, argument) => this.#updates.tell(name, argument),
        peopleChanged: (open) => this.#updates.peopleChanged(open),
      }),
      ...administration({
        ...this.#acting,
        crypto: this.#parts.crypto,
        person: this.#person,
        addresses: () => this.#addresses(),
      }),
      createGroup: (settings) => this.#createGroup(settings),
      joinGroup: ({ invite }) => this.#joinGroup(invite),
      cancelJoin: async ({ group }) => {
        if (this.#demands.group(group).group.joined)
          throw new AppError('STILL_MEMBER', 'You are in this group already.')
        await this.#delete(group)
      },
      deleteGroup: async ({ group }) => {
        const open = this.#demands.group(group)
        if (open.group.joined && open.group.summary(0).people > 1)
          throw new AppError('STILL_MEMBER', 'Leave the group first; then it can be deleted here.')
        await this.#delete(group)
      },
      getPeople: async ({ group, after }) => this.#demands.group(group).group.people.page(after),
      getTimeline: ({ group, ...page }) => this.#demands.group(group).group.page(page),
      explain: async ({ group, message }) => (await this.#demands.opened(group)).group.explain(message),
      post: async ({ group, text, replyTo }) => {
        const open = await this.#demands.writer(group)
        const body = encodeMessage({ text, replyTo })
        return open.group.fresh(await this.#append(open, KIND.message, body, replyTo))
      },
      react: async ({ group, target, emoji, on }) => {
        const body = encodeReaction({ target, emoji, on })
        await this.#append(await this.#demands.writer(group), KIND.reaction, body, target)
      },
      saveDraft: ({ group, draft }) =>
        saveDraft(this.#parts.storage, this.#demands.group(group).log.group, draft),
      getDraft: ({ group }) => readDraft(this.#parts.storage, this.#demands.group(group).log.group),
      markRead: async ({ group, n }) => {
        const open = this.#demands.group(group)
        open.group.unread.markRead(n)
        open.membership.readN = open.group.unread.readN
        this.#updates.changed(open)
        await this.#demands.opened(open.log.group)
        await this.#saveMembership(open.membership)
      },
    }
  }

  #state(): AppState {
    return {
      link: this.#updates.takeLink(),
      device: this.#self,
      name: this.#person.name,
      identity: this.#introducing.identity,
      blocked: this.#person.marked('blocked'),
      groups: [...this.#groups.values()].map((open) => this.#summary(open)),
      addresses: this.#parts.network.addresses(),
      version: VERSION,
      dataFolder: this.#parts.dataFolder,
      protection: this.#protection.kind,
      hasKeychain: this.#protection.hasKeychain,
    }
  }

  /** The first event of a group: its id is the group's id, and it makes this device's person the owner. */
  async #createGroup(settings: Parameters<Commands['createGroup']>[0]): Promise<GroupSummary> {
    this.#demands.writable()
    const { picture, ...texts } = settings
    const content = { ...texts, picture: picture === undefined ? undefined : pictureBytes(picture) }
    const { crypto, key, network } = this.#parts
    const secret = epochSecret(crypto.randomBytes(32), crypto)
    const fields = {
      kind: KIND.create,
      tag: this.#self,
      seq: 1,
      hlc: hlcAt(this.#clock.now()),
      deps: [],
      commit: commitTo(undefined, [], undefined, crypto.sha256),
      body: encodeCreate(this.#person.credentials, commitmentTo(secret, undefined, crypto)),
    }
    const sign = (id: Uint8Array) => crypto.sign(id, key.secretKey)
    const event = encodeEvent(fields, '', crypto.sha256, sign)
    const membership = this.#membership(event.id, {
      epochs: [{ founder: event.id, hlc: event.hlc, ...secret }],
    })
    await this.#saveMembership(membership)
    const open = await this.#open(membership)
    await this.#restore(open)
    const { written } = await open.log.receive([event.bytes], network.self, () => this.#now())
    await written
    open.entrance = event.bytes
    await this.#append(open, KIND.settings, encodeSettings(content))
    await this.#introducing.introduce(open)
    return this.#summary(open)
  }

  #membership(group: GroupId, known: Partial<Membership>): Membership {
    return {
      group,
      epochs: [],
      joining: undefined,
      nameHint: '',
      invites: [],
      readN: 0,
      addresses: [],
      ...known,
    }
  }

  async #joinGroup(text: string): Promise<GroupSummary> {
    this.#demands.writable()
    const { group, invite, seed, groupName, addresses } = decodeInvite(text, this.#parts.crypto)
    const joining = { invite, seed }
    const known = this.#groups.get(group)
    if (known) {
      if (known.group.joined) {
        const isOwn = known.membership.invites.some((one) => one.invite === invite)
        const sentence = isOwn
          ? 'This is your own invite: send it to somebody else.'
          : 'You are already in this group.'
        throw new AppError('ALREADY_MEMBER', sentence)
      }
      known.membership.joining = joining
      known.joinProblem = undefined
      known.joiningSinceMs = this.#time.monotonicMs()
      await this.#saveMembership(known.membership)
      this.#learn(group, [...addresses])
      this.#greetAll(known)
      return this.#summary(known)
    }
    const membership = this.#membership(group, { joining, nameHint: groupName, addresses: [...addresses] })
    await this.#saveMembership(membership)
    const open = await this.#open(membership)
    await this.#restore(open)
    this.#greetAll(open)
    this.#links.dialDue(this.#time.monotonicMs())
    return this.#summary(open)
  }

  /** Takes everything of a group off this device. */
  async #delete(id: GroupId): Promise<void> {
    const { storage } = this.#parts
    const open = this.#demands.group(id)
    this.#groups.delete(id)
    open.cancelSummary?.()
    open.outbox.stop()
    for (const topic of open.keyring.topics) this.#parts.network.leave(topic)
    open.cancelRotation?.()
    for (const peer of this.#parts.network.peers()) this.#syncing.expel(id, peer)
    await open.log.close()
    for (const range of groupRanges(id)) {
      let keys: Uint8Array[] = []
      const remove = async () => {
        if (keys.length > 0) await storage.write({ put: [], remove: keys })
        keys = []
      }
      for await (const [key] of storage.range(range)) if (keys.push(key) === ROWS_PER_WRITE) await remove()
      await remove()
    }
    this.#updates.tell('groupDeleted', { group: id })
    this.#introducing.noteConflicts()
  }

  #addresses(): string[] {
    return [...this.#parts.network.addresses(), ...this.#links.addresses()]
  }

  async #open(membership: Membership): Promise<OpenGroup> {
    const { storage, network, crypto, key, batching } = this.#parts
    const id = membership.group
    const nowMs = () => this.#clock.now()
    const settings = () => log.particulars.settings
    const keyring = new Keyring(
      {
        ...{ group: id, settings, crypto, device: this.#self, key, user: this.#person.user },
        roster: () => log.engine.roster,
      },
      membership.epochs,
    )
    const bodies = new Bodies({ group: id, device: this.#self, crypto, settings, keyring, nowMs })
    const parts = {
      group: id,
      self: this.#self,
      sha256: crypto.sha256,
      verify: crypto.verify,
      verifier: this.#verifier,
      sign: (eventId: Uint8Array) => crypto.sign(eventId, key.secretKey),
      seal: bodies.seal.bind(bodies),
      bodies,
    }
    const log: GroupLog = await GroupLog.open(parts, storage, {
      onControl: (event) => {
        const open = this.#groups.get(id)
        if (open?.keyring.note(event)) this.#secrecy.noteKnown(open)
      },
      onDelivered: (delivered) => {
        const open = this.#groups.get(id)
        if (open) this.#updates.delivered(open, delivered)
      },
      onUnlocked: (entries) => void this.#unlocked(id, entries).catch((error) => this.#failed(error)),
      onHidden: (entries) => void this.#hidden(id, entries).catch(reportStoreFailure),
      onFork: (proof) => this.#forked(id, proof),
      onOwnUnknown: () => this.#retire(),
      onPeople: (isRenamed) => this.#peopleKnown(id, isRenamed),
      onPendingChanged: () => this.#updates.changed(this.#groups.get(id)),
      onRefused: (reason, from) => this.#counters.refuse(reason, from),
      onDuplicate: () => this.#counters.duplicates++,
      onAsk: (question) => this.#gossiping.ask(id, question),
    })
    const presence = {
      connectionOf: (peer: PeerKey) => this.#links.connectionOf(id, peer),
      overall: () => this.#links.overall(id),
      joinProblem: () => this.#admitting.joinProblem(id),
    }
    const group = await new Group(log, {
      storage,
      crypto,
      device: this.#self,
      self: this.#person,
      nameHint: membership.nameHint,
      readN: membership.readN,
      presence,
      hasKey: () => keyring.hasSecret,
      nowMs,
      onTimelineChanged: () => this.#updates.tell('timelineChanged', { group: id }),
      onSummaryChanged: () => this.#updates.changed(this.#groups.get(id)),
      onRefused: (reason, from) => this.#counters.refuse(reason, from),
    }).open()
    const open: OpenGroup = {
      group,
      log,
      membership,
      admission: new Admission(log, crypto, () => this.#clock.now()),
      keyring,
      bodies,
      keysChanged: Promise.withResolvers(),
      asking: undefined,
      rotating: undefined,
      cancelRotation: undefined,
      outbox: new Outbox({
        network,
        topics: ({ kind }) => keyring.topicsFor(chainOf(kind) === 'c' ? 'control' : 'message'),
        time: this.#time,
        encode: (events) => encodeBatch(events, crypto.sha256),
        batching,
      }),
      relay: new Relay(),
      entrance: undefined,
      entranceKnownBy: new Set(),
      isEntering: false,
      isIntroducing: false,
      joinProblem: undefined,
      joiningSinceMs: this.#time.monotonicMs(),
      cancelSummary: undefined,
      arePeopleChanged: false,
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
    const stopTelling = this.#time.every(OPENING_UPDATE_MS, () => this.#updates.changed(open))
    try {
      if (await open.log.restore(this.#time)) {
        console.error(`Records of group ${open.log.group.slice(0, 8)} did not agree with its log: repaired.`)
        await open.group.open()
      }
    } finally {
      stopTelling()
    }
    if (this.#closing) return
    const entrance = open.log.engine.history.chain(this.#self, 'c').findLast(({ kind }) => isEntrance(kind))
    if (entrance) open.entrance = (await open.log.read(entrance)).bytes
    // A renewed device finds its person in the group, and nobody who knows it there: it says at once that it is theirs.
    if (await this.#enter(open)) this.#introducing.introduceSoon(open)
    for (const topic of open.keyring.topics) network.join(topic)
    this.#secrecy.rotateWhenDue(open)
    this.#introducing.noteConflicts()
    this.#updates.changed(open)
  }

  /** Own event: on disk first, then to windows (onDelivered), then to the network. */
  async #append(open: OpenGroup, kind: number, body: Uint8Array, target?: string): Promise<Delivered> {
    const { history } = open.log.engine
    if (target !== undefined && history.get(target)?.kind !== KIND.message)
      throw new AppError('UNKNOWN_MESSAGE', 'The message you answer is not here yet.')
    // Control events are written in the same turn: a removal and what follows from it are one batch.
    if (chainOf(kind) === 'm' && !open.keyring.current) await this.#secrecy.demandEpoch(open)
    const delivered = await open.log.append(kind, body, this.#now(), target)
    open.outbox.push(delivered.event)
    return delivered
  }

  async #hidden(id: GroupId, entries: readonly Entry[]): Promise<void> {
    const open = this.#groups.get(id)
    if (open) await this.#updates.hidden(open, entries)
  }

  async #unlocked(id: GroupId, entries: readonly Entry[]): Promise<void> {
    const open = this.#groups.get(id)
    if (open) await this.#updates.unlocked(open, entries)
  }

  /** Whoever learns of a fork tells the others: gossip knows the proof again that somebody else sends. */
  #forked(id: GroupId, proof: Event[]): void {
    const open = this.#groups.get(id)
    if (!open) return
    for (const event of proof) open.outbox.push(event)
    this.#updates.changed(open)
  }

  /** Somebody has events of this device that its store lacks: see messenger/own-device.ts. */
  #retire(): void {
    if (this.#isRetired) return
    this.#isRetired = true
    retire(this.#self, this.#parts.storage).catch(reportStoreFailure)
  }

  #onPeer(peer: PeerKey, connected: boolean): void {
    this.#links.onPeer(peer, connected)
    if (!connected) {
      for (const { entranceKnownBy } of this.#groups.values()) entranceKnownBy.delete(peer)
      return this.#clock.forget(peer)
    }
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
    const open = this.#gossiping.groupOf(topic)
    if (open) this.#syncing.start(open.log.group, peer)
  }

  async #synchronised(id: GroupId, peer: PeerKey): Promise<void> {
    const open = this.#groups.get(id)
    if (!open) return
    this.#links.setAdmitted(id, peer, 'synchronised')
    if (open.entrance) open.entranceKnownBy.add(peer)
    await this.#enter(open, peer)
    if (open.group.joined) this.#introducing.introduceSoon(open)
    void this.#secrecy.ask(open, peer)
  }

  /** See messenger/entering.ts. */
  async #enter(open: OpenGroup, peer?: PeerKey): Promise<boolean> {
    if (this.#isRetired) return false
    const { crypto } = this.#parts
    const parts = { ...this.#acting, crypto, person: this.#person, syncing: this.#syncing }
    if (!(await enter(open, peer, parts))) return false
    for (const admitted of this.#links.admitted(open.log.group)) this.#syncing.start(open.log.group, admitted)
    void this.#secrecy.ask(open, peer)
    return true
  }

  async #refused(open: OpenGroup, peer: PeerKey, refusal: Refusal, event: Uint8Array): Promise<void> {
    await this.#admitting.noteRefusal(open, peer, refusal, event)
    this.#updates.changed(open)
  }

  /** Who belongs to the group was written down. */
  #peopleKnown(id: GroupId, isRenamed: boolean): void {
    const open = this.#groups.get(id)
    if (!open || open.log.opening) return
    if (isRenamed) this.#updates.tell('timelineChanged', { group: id })
    this.#updates.peopleChanged(open)
    this.#introducing.noteConflicts()
    this.#secrecy.wake(open)
    this.#secrecy.rotateWhenDue(open)
    void this.#secrecy.ask(open)
    const { roster } = open.log.engine
    const { sha256 } = this.#parts.crypto
    for (const peer of this.#parts.network.peers()) {
      const tag = deviceTag(fromHex(peer), sha256)
      const isAdmitted = this.#links.admitted(id).includes(peer)
      if (isAdmitted && roster.knows(tag) && !roster.isActive(tag)) {
        this.#links.expel(id, peer)
        this.#syncing.expel(id, peer)
      } else if (!isAdmitted && roster.isActive(tag)) this.#syncing.start(id, peer)
    }
  }

  #syncWithAnyone(): void {
    for (const [id, open] of this.#groups) {
      this.#secrecy.keepUp(open)
      const known = new Set(this.#links.admitted(id))
      // Somebody may not have known this device when it came.
      for (const peer of this.#parts.network.peers()) if (!open.group.joined) known.add(peer)
      for (const topic of open.keyring.topics)
        for (const peer of this.#parts.network.topicPeers(topic)) known.add(peer)
      const [peer] = this.#shuffled([...known])
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
      if (open.log.engine.pending().length > 0) this.#updates.changed(open)
      open.log.tick(now).then((due) => this.#gossiping.handOn(open, due), reportStoreFailure)
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

  #summary(open: OpenGroup): GroupSummary {
    return open.group.summary(this.#time.monotonicMs())
  }

  /** Something went wrong that nobody waits for; after the store was closed, that is why. */
  #failed(error: unknown): void {
    if (!this.#closing) reportStoreFailure(error)
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
