/**
 * Checks what peers delivered against what they were told to post. Knows the trace format and nothing of the engine:
 * it would find the engine's mistakes, not repeat them.
 */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import * as v from 'valibot'

const Id = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))
const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const TracedEvent = v.strictObject({
  n: Count,
  id: Id,
  device: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
  seq: v.pipe(Count, v.minValue(1)),
  chain: v.picklist(['m', 'c']),
  kind: v.string(),
  hlc: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
  deps: v.array(Id),
  line: v.optional(Count),
})
const TraceEnd = v.strictObject({
  end: v.literal(true),
  timeline: v.array(Id),
  roster: v.pipe(v.string(), v.regex(/^[0-9a-f]+$/)),
  pending: Count,
  /** Devices that are proved to have written different events in one place: their chains are trees. */
  forked: v.optional(v.array(v.string())),
  /** Delivered, and shown no longer: a removal cut them off. They are here because something that is shown depends on them. */
  hidden: v.optional(v.array(Id)),
})
export type TracedEvent = v.InferOutput<typeof TracedEvent>
export type TraceEnd = v.InferOutput<typeof TraceEnd>

/** What one peer delivered, in order. */
export interface Trace {
  name: string
  events: TracedEvent[]
  /** Missing when the trace was cut off. */
  end: TraceEnd | undefined
}

/** What had to be delivered. */
export interface Expected {
  /** Lines that were posted. mayBeCut: by somebody whom others removed meanwhile, so that it need not be there. */
  lines: readonly { line: number; answers: readonly number[]; mayBeCut?: boolean }[]
}

export interface Verdict {
  /** One sentence each, at most MAX_SENTENCES; violationCount counts all. */
  violations: string[]
  violationCount: number
  /** Expected lines, and events of other peers, missing somewhere. */
  lost: number
  identicalTimelines: boolean
  pending: number
  /** Different events delivered by any peer. */
  events: number
}

const MAX_SENTENCES = 20

/** Fails with an Error that names the line when a file is not in the trace format. */
export async function readTrace(file: string): Promise<Trace> {
  const trace: Trace = { name: file, events: [], end: undefined }
  let row = 0
  for await (const text of createInterface({ input: createReadStream(file) })) {
    row++
    try {
      if (trace.end) throw new Error('something follows the end')
      const value: unknown = JSON.parse(text)
      if (typeof value === 'object' && value && 'end' in value) trace.end = v.parse(TraceEnd, value)
      else trace.events.push(v.parse(TracedEvent, value))
    } catch (error) {
      throw new Error(`${file}:${row}: ${(error as Error).message}`, { cause: error })
    }
  }
  return trace
}

/**
 * outsiders: of peers that belong to the group no longer. They stand still somewhere, and are judged for the order of what
 * they have.
 */
export function checkTraces(
  traces: readonly Trace[],
  expected: Expected,
  outsiders: readonly Trace[] = [],
): Verdict {
  const violations: string[] = []
  let violationCount = 0
  const violate = (trace: Trace, sentence: string) => {
    violationCount++
    if (violations.length < MAX_SENTENCES) violations.push(`${trace.name}: ${sentence}`)
  }
  const everything = new Map(
    traces.flatMap(({ events }) => events.map((event) => [event.id, event] as const)),
  )
  let lost = 0
  for (const trace of traces) {
    const delivered = checkOrder(trace, (sentence) => violate(trace, sentence))
    lost += everything.size - delivered.size
    lost += checkLines(trace, expected, (sentence) => violate(trace, sentence))
    checkTimeline(trace, delivered, (sentence) => violate(trace, sentence))
  }
  for (const trace of outsiders) {
    const delivered = checkOrder(trace, (sentence) => violate(trace, sentence))
    checkTimeline(trace, delivered, (sentence) => violate(trace, sentence))
  }
  const [first] = traces
  const isSame = (of: (trace: Trace) => unknown) =>
    traces.every((trace) => trace.end && JSON.stringify(of(trace)) === JSON.stringify(of(first!)))
  if (!isSame(({ end }) => end?.roster)) violate(first!, 'the rosters of the peers differ')
  if (!isSame(({ end }) => end?.hidden?.toSorted())) violate(first!, 'the peers hide different events')
  return {
    violations,
    violationCount,
    lost,
    identicalTimelines: isSame(({ end }) => end?.timeline),
    pending: traces.reduce((sum, { end }) => sum + (end?.pending ?? 0), 0),
    events: everything.size,
  }
}

/** Every event stands once, after all that it cites, and chains have no gaps. Returns the delivered events. */
function checkOrder(trace: Trace, violate: (sentence: string) => void): Map<string, TracedEvent> {
  const delivered = new Map<string, TracedEvent>()
  const chains = new Map<string, number>()
  trace.events.forEach((event, i) => {
    const { n, id, device, chain, seq, deps, hlc } = event
    if (n !== i + 1) violate(`delivery ${i + 1} is numbered ${n}`)
    if (delivered.has(id)) violate(`${id} was delivered twice`)
    const before = chains.get(device + chain) ?? 0
    const isTree = trace.end?.forked?.includes(device) ?? false
    if (isTree ? seq > before + 1 : seq !== before + 1)
      violate(`${id} is number ${seq} of its chain and came after ${before}`)
    chains.set(device + chain, Math.max(before, seq))
    const follows = (dep: string) => {
      const cited = delivered.get(dep)
      return cited?.device === device && cited.chain === chain && cited.seq === seq - 1
    }
    if (isTree && seq > 1 && !deps.some(follows)) violate(`${id} follows nothing of its own chain`)
    for (const dep of deps) {
      const cited = delivered.get(dep)
      if (!cited) violate(`${id} was delivered before ${dep}, which it depends on`)
      else if (cited.hlc >= hlc) violate(`${id} is not dated after ${dep}, which it depends on`)
    }
    delivered.set(id, event)
  })
  if (!trace.end) violate('the trace has no end')
  return delivered
}

/** Every posted line is there once, after the lines that it answers. Returns how many are missing. */
function checkLines(trace: Trace, { lines }: Expected, violate: (sentence: string) => void): number {
  const place = new Map<number, number>()
  for (const { line, n } of trace.events) {
    if (line === undefined) continue
    if (place.has(line)) violate(`line ${line} was posted twice`)
    place.set(line, n)
  }
  let missing = 0
  for (const { line, answers, mayBeCut = false } of lines) {
    const at = place.get(line)
    if (at === undefined) missing += mayBeCut ? 0 : 1
    else
      for (const answer of answers)
        if (!(place.get(answer)! < at))
          violate(`line ${line} was delivered before ${answer}, which it answers`)
  }
  return missing
}

/** What is shown is what was delivered, each after all of its past that is shown. */
function checkTimeline(
  { end }: Trace,
  delivered: ReadonlyMap<string, TracedEvent>,
  violate: (sentence: string) => void,
): void {
  if (!end) return
  const shown = new Map(end.timeline.map((id, place) => [id, place]))
  const hidden = new Set(end.hidden)
  if (shown.size !== end.timeline.length) violate('the timeline shows an event twice')
  for (const [id, place] of shown) {
    const event = delivered.get(id)
    if (!event) violate(`the timeline shows ${id}, which was not delivered`)
    for (const dep of event?.deps ?? [])
      if ((shown.get(dep) ?? -1) > place)
        violate(`the timeline shows ${id} before ${dep}, which it depends on`)
  }
  for (const id of hidden) {
    if (!delivered.has(id)) violate(`${id} is said to be hidden, and was not delivered`)
    if (shown.has(id)) violate(`the timeline shows ${id}, which is hidden`)
  }
  for (const { id, line } of delivered.values())
    if (line !== undefined && !shown.has(id) && !hidden.has(id))
      violate(`the timeline does not show line ${line}`)
}
