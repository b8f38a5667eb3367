/** The checker must find what it is there for: every test plants one fault in a good run. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { checkTraces, readTrace, type Trace, type TracedEvent } from '../../scripts/demo/check-trace.ts'

const id = (name: string) => name.repeat(64)
const A = '11'.repeat(8)
const B = '22'.repeat(8)
const event = (
  name: string,
  device: string,
  seq: number,
  hlc: number,
  deps: string[],
  line?: number,
): Omit<TracedEvent, 'n'> => ({
  id: id(name),
  device,
  seq,
  chain: 'm',
  kind: 'message',
  hlc: hlc.toString(16).padStart(16, '0'),
  deps: deps.map(id),
  ...(line === undefined ? {} : { line }),
})

//   a ── b ── c     a, c by A; b answers a, d by B
//          └─ d
const a = event('a', A, 1, 10, [], 0)
const b = event('b', B, 1, 11, ['a'], 1)
const c = event('c', A, 2, 12, ['a', 'b'], 2)
const d = event('d', B, 2, 13, ['b'], 3)
const expected = {
  lines: [
    { line: 0, answers: [] },
    { line: 1, answers: [0] },
    { line: 2, answers: [1] },
    { line: 3, answers: [] },
  ],
}

function trace(events: Omit<TracedEvent, 'n'>[], timeline = 'abcd'): Trace {
  return {
    name: 'peer',
    events: events.map((one, i) => ({ n: i + 1, ...one })),
    end: { end: true, timeline: [...timeline].map(id), roster: 'ff', pending: 0 },
  }
}
const good = () => trace([a, b, c, d])
const check = (...traces: Trace[]) => checkTraces(traces, expected)

test('a good run has nothing to complain about, whatever the order of delivery', () => {
  expect(check(good(), trace([a, b, d, c]))).toEqual({
    violations: [],
    violationCount: 0,
    lost: 0,
    identicalTimelines: true,
    pending: 0,
    events: 4,
  })
})

test.each<[string, Trace, RegExp]>([
  ['an event before what it depends on', trace([a, c, b, d]), /before/],
  ['a gap in a chain', trace([a, b, { ...c, seq: 3 }, d]), /number 3 of its chain/],
  ['an event delivered twice', trace([a, b, b, c, d]), /twice/],
  ['a line posted twice', trace([a, b, c, { ...d, line: 2 }]), /line 2 was posted twice/],
  [
    'an answer before what it answers',
    trace([{ ...a, line: 1 }, { ...b, line: 0 }, c, d]),
    /which it answers/,
  ],
  ['a date that does not grow', trace([a, { ...b, hlc: a.hlc }, c, d]), /not dated after/],
  ['a timeline against the causal order', trace([a, b, c, d], 'acbd'), /timeline shows .* before/],
  ['a timeline without a line', trace([a, b, c, d], 'abc'), /does not show line 3/],
  ['a timeline with a stranger', trace([a, b, c, d], 'abcde'), /which was not delivered/],
  [
    'a wrong number of delivery',
    { ...good(), events: good().events.map((one) => ({ ...one, n: 1 })) },
    /numbered/,
  ],
  ['a trace without an end', { ...good(), end: undefined }, /no end/],
])('%s is found', (_name, faulty, sentence) => {
  const { violations, violationCount } = check(faulty)
  expect(violationCount).toBeGreaterThan(0)
  expect(violations.join('\n')).toMatch(sentence)
})

test('what one peer has and another lacks is lost', () => {
  expect(check(good(), trace([a, b, c], 'abc'))).toMatchObject({ lost: 2, identicalTimelines: false })
})

/** c lies beyond a cut, and d answers it: it is a line of the trace, and nobody shows it. */
const answersHidden = { ...d, deps: ['b', 'c'].map(id) }
const cut = (
  timeline = 'abd',
  hidden = 'c',
  events: Omit<TracedEvent, 'n'>[] = [a, b, c, answersHidden],
): Trace => {
  const { end, ...rest } = trace(events, timeline)
  return { ...rest, end: { ...end!, hidden: [...hidden].map(id) } }
}

test('what a removal cut off is there for what depends on it, and not shown', () => {
  expect(check(cut(), cut())).toMatchObject({ violations: [], lost: 0, identicalTimelines: true })
  expect(check(cut('abcd')).violations.join()).toMatch(/shows .* which is hidden/)
  expect(check(cut('abd', 'e')).violations.join()).toMatch(/said to be hidden, and was not delivered/)
  expect(check(cut('abd', '')).violations.join()).toMatch(/does not show line 2/)
  expect(check(cut(), trace([a, b, c, answersHidden])).violations.join()).toMatch(/hide different events/)
  expect(check(cut('abd', 'c', [a, b, answersHidden])).violations.join()).toMatch(/depends on/)
})

test('a line of somebody who was removed may be cut off, but not at one peer alone', () => {
  const lines = expected.lines.map((one) => ({ ...one, mayBeCut: one.line === 2 }))
  const without = trace([a, b, d], 'abd')
  expect(checkTraces([without], { lines })).toMatchObject({ violations: [], lost: 0 })
  expect(checkTraces([without], expected)).toMatchObject({ lost: 1 })
  expect(checkTraces([without, good()], { lines })).toMatchObject({ lost: 1, identicalTimelines: false })
})

test('a peer that is out is judged for the order of what it has, and for nothing else', () => {
  const outsider = (events: Omit<TracedEvent, 'n'>[], timeline: string): Trace => {
    const { end, ...rest } = trace(events, timeline)
    return { ...rest, end: { ...end!, roster: 'ee', pending: 3 } }
  }
  const verdict = checkTraces([good()], expected, [outsider([a, b], 'ab')])
  expect(verdict).toMatchObject({ violations: [], lost: 0, identicalTimelines: true, pending: 0 })
  const { violations } = checkTraces([good()], expected, [outsider([a, c, b], 'abc')])
  expect(violations.join()).toMatch(/delivered before/)
})

test('timelines of another order are not identical', () => {
  expect(check(good(), trace([a, b, c, d], 'abdc')).identicalTimelines).toBe(false)
})

test('a trace file that is not in the format is refused with its line', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tapri-trace-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'x.ndjson')
  const write = (...rows: unknown[]) =>
    writeFile(file, rows.map((row) => JSON.stringify(row)).join('\n') + '\n')
  const [first] = good().events
  await write(first, good().end)
  expect(await readTrace(file)).toMatchObject({ events: [first], end: good().end })
  await write(first, { ...first, extra: 1 })
  await expect(readTrace(file)).rejects.toThrow(/:2:/)
  await write(good().end, first)
  await expect(readTrace(file)).rejects.toThrow(/follows the end/)
})
