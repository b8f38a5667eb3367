/** Bugs to plant, one at a time: each a text of a file that stands there once, and what to put in its place. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MEMBERSHIP_PLANTS } from './membership.ts'
import { SECRECY_PLANTS } from './secrecy.ts'

export interface Plant {
  /** What is then wrong. */
  name: string
  file: string
  find: string
  replace: string
}

const ENGINE = 'src-main/core/engine.ts'
const CITATIONS = 'src-main/core/citations.ts'
const HELD = 'src-main/core/held.ts'
const FORK = 'src-main/core/fork.ts'
const HISTORY = 'src-main/core/history.ts'
const DIFFERENCE = 'src-main/core/difference.ts'

export const PLANTS: readonly Plant[] = [
  ...MEMBERSHIP_PLANTS,
  ...SECRECY_PLANTS,
  {
    name: 'nobody waits for what an event cites',
    file: CITATIONS,
    find: "for (const dot of deps) if (!history.at(dot.tag, 'm', dot.seq)) return",
    replace: "for (const dot of deps) if (dot.seq > 1_000_000 && !history.at(dot.tag, 'm', dot.seq)) return",
  },
  {
    name: 'control heads are not waited for',
    file: CITATIONS,
    find: 'for (const id of controlHeads ?? []) if (!history.get(id)) return { id }',
    replace: '',
  },
  {
    name: 'signatures are not looked at',
    file: ENGINE,
    find: 'if (!this.#isSigned(event, key, examined)) return',
    replace: 'if (!this.#isSigned(event, key, examined) && event.seq > 1_000_000) return',
  },
  {
    name: 'a commitment may be anything',
    file: CITATIONS,
    find: 'if (equalBytes(commit, commitTo(',
    replace: 'if (seq < 1_000_000 || equalBytes(commit, commitTo(',
  },
  {
    name: 'dates may shrink along citations',
    file: ENGINE,
    find: "if (event.hlc <= parent.hlc) return { reason: 'clock-not-growing' }",
    replace: 'void parent',
  },
  {
    name: 'what waited for an event is not woken',
    file: ENGINE,
    find: 'ready.push(...this.#buffer.wake(event, chainOf(event.kind)))',
    replace: 'this.#buffer.wake(event, chainOf(event.kind))',
  },
  {
    name: 'what was dated ahead is never due',
    file: ENGINE,
    find: 'for (const { event, from } of this.#future.takeDue(nowMs))',
    replace: 'for (const { event, from } of this.#future.takeDue(0))',
  },
  {
    name: 'who dates ahead leaves no room for a clock that is wrong',
    file: HELD,
    find: 'b.length > a.length ? b : a',
    replace: 'a',
  },
  {
    name: 'copies are verified again',
    file: ENGINE,
    find: 'if (this.#isHere(event.id)) return void effects',
    replace:
      'if (this.#isHere(event.id) && [this.#isSigned(event, this.roster.keyOf(event)!)]) return void effects',
  },
  {
    name: 'events of devices that are not known yet are dropped',
    file: ENGINE,
    find: 'this.#strangers.hold(event.tag, bytes, from)',
    replace: '',
  },
  {
    name: 'nobody asks for gaps',
    file: ENGINE,
    find: "if (question) effects.push({ type: 'ask', ...question })",
    replace: 'void question',
  },
  {
    name: 'an event cites what it has already covered',
    file: HISTORY,
    find: 'heads.delete(cited.id)',
    replace: 'void cited',
  },
  {
    name: 'what only a forked device had cited is forgotten',
    file: HISTORY,
    find: 'for (const parent of entry.parents) open.add(parent)',
    replace: '',
  },
  {
    name: 'what was hidden stays hidden when somebody turns out to depend on it',
    file: FORK,
    find: 'acknowledged.push(next)\n      stack.push(...next.parents)',
    replace: 'acknowledged.push(next)',
  },
  {
    name: 'digests overlook the control chain',
    file: HISTORY,
    find: "for (const chain of ['m', 'c'] as const) {\n        const tip",
    replace: "for (const chain of ['m'] as const) {\n        const tip",
  },
  {
    name: 'sync overlooks devices that the other side has never heard of',
    file: DIFFERENCE,
    find: 'if (theirs.get(number) !== this.summary.get(number)) yield* devices',
    replace: 'if (theirs.has(number) && theirs.get(number) !== this.summary.get(number)) yield* devices',
  },
  {
    name: 'sync leaves out the first missing event',
    file: DIFFERENCE,
    find: 'append(difference[chain], entries, length, forks)',
    replace: 'append(difference[chain], entries, length > 0 ? length + 1 : 0, forks)',
  },
  {
    name: 'sync sends the latest first',
    file: DIFFERENCE,
    find: 'difference[chain] = this.#history.inOrder(difference[chain])',
    replace: 'difference[chain] = this.#history.inOrder(difference[chain]).reverse()',
  },
  {
    name: 'an own event may be dated like what it has seen',
    file: 'src-main/core/hlc.ts',
    find: 'physical > latestSeen ? physical : latestSeen + 1n',
    replace: 'physical > latestSeen ? physical : latestSeen',
  },
  {
    name: 'who waits for a control event is not woken',
    file: 'src-main/core/delivery.ts',
    find: 'for (const watch of [{ tag, chain, seq }, { id }])',
    replace: 'for (const watch of [{ tag, chain, seq }, { id: `${id}0` }])',
  },
  {
    name: 'timeline keys have no fixed width',
    file: 'src-main/core/timeline.ts',
    find: "hlc.toString(16).padStart(16, '0')",
    replace: 'hlc.toString(16)',
  },
  {
    name: 'whoever asks is a member',
    file: 'src-main/core/members.ts',
    find: 'this.#verify(proof, proofStatement(this.#group, invite, credentials), inviteKey)',
    replace: 'proof.length > 0',
  },
  {
    name: 'clocks lag one behind',
    file: 'src-main/core/clock.ts',
    find: 'highest[index] ??= next.seq',
    replace: 'highest[index] ??= next.seq - 1',
  },
  {
    name: 'own events are not written durably',
    file: 'src-main/messenger/group-log.ts',
    find: 'batch.durable ||= event.tag === this.#parts.self',
    replace: 'batch.durable ||= event.seq < 0',
  },
  {
    name: 'nobody looks at a random neighbour now and then',
    file: 'src-main/messenger/messenger.ts',
    find: 'messenger.#time.every(ANTI_ENTROPY_MS, () => messenger.#syncWithAnyone()),',
    replace: '',
  },
  {
    name: 'what an author hands over by sync is not gossiped',
    file: 'src-main/messenger/session.ts',
    find: '.then(() => onUnheard(id, this.#intake.unheard()))',
    replace: '.then(() => onUnheard(id, []))',
  },
  {
    name: 'what came before it was due is never gossiped',
    file: 'src-main/messenger/group-log.ts',
    find: 'await this.#carryOut(effects)\n    return due',
    replace: 'await this.#carryOut(effects)\n    return due.slice(due.length)',
  },
  {
    name: 'everything that a device wrote was heard when its last message was',
    file: CITATIONS,
    find: 'if (entry.seq > heard[chain]) unheard.push(entry)',
    replace: 'if (entry.seq > heard.m) unheard.push(entry)',
  },
  {
    name: 'entries are put in the order of nothing',
    file: HISTORY,
    find: 'Array.from(ns.sort(), (n)',
    replace: 'Array.from(ns.reverse(), (n)',
  },
]

/** The plant's file with the bug in it. Fails with an Error when there is not exactly one place for it. */
export async function sown({ name, file, find, replace }: Plant, root: string): Promise<string> {
  const parts = (await readFile(join(root, file), 'utf8')).split(find)
  if (parts.length !== 2) throw new Error(`"${name}" is to be planted where ${parts.length - 1} places fit`)
  return parts.join(replace)
}
