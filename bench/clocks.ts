/**
 * What do cached clocks save, and reduced deltas? The first of 500 members answers the causal questions of the app about
 * what it has delivered, with the cache on and off; the answers must be the same. A full clock is a number per member.
 *
 * answers: does what a message answers lie in its past? Asked twice per answer, when its row is written and when it is
 * announced. screens: what did each message of a screen follow, and which others did its author not know yet?
 * pairs: how are two random messages related?
 */
import { chainOf, KIND } from '../src-main/core/event.ts'
import { Clocks } from '../src-main/core/clock.ts'
import type { Entry } from '../src-main/core/history.ts'
import { varintSize, Writer } from '../src-main/core/bytes.ts'
import { MAX_CACHED_CLOCKS } from '../src-main/core/limits.ts'
import { unsealed } from '../test/helpers/unsealed.ts'
import { decodeMessage } from '../src-main/messenger/content.ts'
import { Random } from '../scripts/sim/random.ts'
import { rounded } from './parts/measure.ts'
import { playOffice } from './parts/office.ts'

const MEMBERS = 500
const EVENTS = 2_000
const SCREENS = 5
const SCREEN = 30
const PAIRS = 1_000

const { events, history } = playOffice({ members: MEMBERS, events: EVENTS, active: 200 })
const messages = history.log.filter(({ kind }) => kind === KIND.message)
const byDate = [...messages].sort((a, b) => (a.hlc < b.hlc ? -1 : a.hlc > b.hlc ? 1 : 0))

/** Each asks, and tells what it was answered. */
const questions: Record<string, (clocks: Clocks) => Generator<unknown>> = {
  *answers(clocks) {
    const contents = new Map(events.map((event) => [event.id, decodeMessage(unsealed.open(event))]))
    for (const entry of messages) {
      const replyTo = contents.get(entry.id)?.replyTo
      const target = replyTo === undefined ? undefined : history.get(replyTo)
      if (!target) continue
      yield clocks.happensBefore(target, entry)
      yield clocks.happensBefore(target, entry)
    }
  },
  *screens(clocks) {
    for (let screen = 0; screen < SCREENS; screen++) {
      const start = Math.floor((screen * (byDate.length - SCREEN)) / SCREENS)
      const shown = byDate.slice(start, start + SCREEN)
      for (const entry of shown) {
        yield clocks.causesOf(entry).map(({ id }) => id)
        for (const other of shown) yield clocks.concurrent(entry, other)
      }
    }
  },
  *pairs(clocks) {
    const random = new Random(3)
    for (let i = 0; i < PAIRS; i++) yield clocks.compare(random.pick(messages), random.pick(messages))
  },
}

function ask(of: (clocks: Clocks) => Generator<unknown>, clocks: Clocks) {
  const startMs = performance.now()
  const answers = [...of(clocks)]
  return { ms: performance.now() - startMs, answers, lookups: clocks.lookups, rebuilds: clocks.rebuilds }
}

function compare(of: (clocks: Clocks) => Generator<unknown>) {
  const off = ask(of, new Clocks(history, 0))
  const on = ask(of, new Clocks(history, MAX_CACHED_CLOCKS))
  if (JSON.stringify(on.answers) !== JSON.stringify(off.answers))
    throw new Error('the cache changed an answer')
  return {
    questions: on.answers.length,
    answeredWithoutClock: Math.max(0, on.answers.length - on.lookups),
    lookups: on.lookups,
    rebuilds: {
      cacheOff: off.rebuilds,
      cacheOn: on.rebuilds,
      saved: rounded(1 - on.rebuilds / off.rebuilds),
    },
    hitRate: rounded(1 - on.rebuilds / on.lookups),
    ms: { cacheOff: rounded(off.ms), cacheOn: rounded(on.ms) },
  }
}

/** Bytes of a number per member, zeros included, as a clock that travels with every message would have them. */
function fullClockSize(clock: ReadonlyMap<string, number>): number {
  const writer = new Writer()
  for (const seq of clock.values()) writer.varint(seq)
  return writer.length + MEMBERS - clock.size
}

function clockSizes() {
  const clocks = new Clocks(history)
  const sum = { full: 0, delta: 0, count: 0 }
  for (const entry of messages.filter((_, i) => i % 8 === 0)) {
    sum.count++
    sum.full += fullClockSize(clocks.clockOf(entry))
    sum.delta += deltaSize(entry)
  }
  return {
    full: rounded(sum.full / sum.count),
    reducedDelta: rounded(sum.delta / sum.count),
    saved: rounded(1 - sum.delta / sum.full),
  }
}

/** Own seq, number of dots, dots. */
function deltaSize({ tag, seq, parents }: Entry): number {
  const dots = parents.filter((parent) => parent.tag !== tag && chainOf(parent.kind) === 'm')
  return dots.reduce((size, dot) => size + 8 + varintSize(dot.seq), varintSize(seq) + varintSize(dots.length))
}

const figures = Object.entries(questions).map(([name, one]) => [name, compare(one)] as const)
const sum = (of: (one: ReturnType<typeof compare>) => number) =>
  figures.reduce((total, [, one]) => total + of(one), 0)
console.log(
  JSON.stringify({
    question: 'what do cached clocks save, and reduced deltas?',
    members: MEMBERS,
    events: history.log.filter(({ kind }) => chainOf(kind) === 'm').length,
    rebuildsSaved: rounded(
      1 - sum(({ rebuilds }) => rebuilds.cacheOn) / sum(({ rebuilds }) => rebuilds.cacheOff),
    ),
    ...Object.fromEntries(figures),
    bytesPerClock: clockSizes(),
  }),
)
