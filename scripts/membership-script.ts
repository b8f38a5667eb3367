/**
 * What happens to the membership of a group in the course of a run: a text with one step a line, `AT WHO ACT [WHOM] [ROLE]`.
 * AT is a fraction of the run from 0 to 1 that never goes back, WHO and WHOM are numbers of peers, and `#` begins a comment.
 *
 *   0.10 0 role 1 admin           0.40 0 transfer 1             0.30 divide 0,1/2,3,4
 *   0.20 1 remove 2               0.50 0 successor 3            0.60 heal
 *   0.20 1 ban 2                  0.55 3 succeed                0.35 2 defy
 *   0.30 1 add 2 reader           0.90 3 leave
 */
import { readFile, stat } from 'node:fs/promises'
import { ROLES, type Commands, type GroupId, type RoleName, type UserId } from '../src-main/api/contract.ts'
import { InputError, UsageError } from './command-line.ts'

export const MAX_SCRIPT_SIZE_BYTES = 64 * 1024
export const MAX_STEPS = 1_000

/** What one peer does, to another or to itself. */
export type Deed =
  | { act: 'role' | 'add'; who: number; whom: number; role: RoleName }
  | { act: 'remove' | 'ban' | 'transfer' | 'successor'; who: number; whom: number }
  /** defy: its device writes on by hand, whatever its messenger says, and dates that back. Simulations only. */
  | { act: 'leave' | 'succeed' | 'defy'; who: number }

/** divide: peers of different sides do not reach each other, and those not named are one more side; until the next one. */
export type Act = Deed | { act: 'divide'; sides: number[][] } | { act: 'heal' }

export type Step = Act & {
  /** Fraction of the run. */
  at: number
  /** In the script, from 1. */
  row: number
}

/** Codes of what a step fails with when whoever is to do it is out, not in yet, or has not heard of what came before it. */
export const EXPECTED_PROBLEMS: readonly string[] = [
  'NOT_ALLOWED',
  'NOT_JOINED_YET',
  'UNKNOWN_PERSON',
  'LAST_OWNER',
  'DEVICE_RETIRED',
]

const SHAPES: Record<Act['act'], string> = {
  role: 'AT WHO role WHOM ROLE',
  add: 'AT WHO add WHOM ROLE',
  remove: 'AT WHO remove WHOM',
  ban: 'AT WHO ban WHOM',
  transfer: 'AT WHO transfer WHOM',
  successor: 'AT WHO successor WHOM',
  leave: 'AT WHO leave',
  succeed: 'AT WHO succeed',
  defy: 'AT WHO defy',
  divide: 'AT divide A,B/C',
  heal: 'AT heal',
}

/** peers: how many there are. Fails with UsageError, which names the row. */
export function readScript(text: string, peers: number): Step[] {
  if (text.length > MAX_SCRIPT_SIZE_BYTES)
    throw new UsageError(`The script is larger than ${MAX_SCRIPT_SIZE_BYTES} bytes.`)
  const steps: Step[] = []
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const words = line.replace(/#.*/, '').trim().split(/\s+/)
    if (words[0] === '') continue
    const row = i + 1
    const fail = (sentence: string): never => {
      throw new UsageError(`Row ${row} of the script: ${sentence}`)
    }
    if (steps.length >= MAX_STEPS) fail(`there are more than ${MAX_STEPS} steps.`)
    const at = readAt(words[0]!, fail)
    if (at < (steps.at(-1)?.at ?? 0)) fail('AT is less than in the row before it.')
    steps.push({ ...readAct(words.slice(1), peers, fail), at, row })
  }
  return steps
}

/** Fails with InputError. */
export async function readScriptFile(file: string, peers: number): Promise<Step[]> {
  let text: string
  try {
    const { size } = await stat(file)
    if (size > MAX_SCRIPT_SIZE_BYTES) throw new Error(`it is larger than ${MAX_SCRIPT_SIZE_BYTES} bytes`)
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new InputError(`${file} cannot be read: ${(error as Error).message}`)
  }
  const steps = readScript(text, peers)
  if (steps.length === 0) throw new InputError(`${file} holds no step.`)
  return steps
}

/** As it would stand in a script. */
export function stepText(step: Act): string {
  if (step.act === 'divide') return `divide ${step.sides.map((side) => side.join()).join('/')}`
  if (step.act === 'heal') return 'heal'
  const { who, act } = step
  return [who, act, ...('whom' in step ? [step.whom] : []), ...('role' in step ? [step.role] : [])].join(' ')
}

/** Peers whose messages a script may cut off: somebody removes them, or takes the right to write from them. */
export function cutPeers(steps: readonly Step[]): ReadonlySet<number> {
  const targets = steps.flatMap((step) => {
    const isCut =
      step.act === 'remove' || step.act === 'ban' || (step.act === 'role' && step.role === 'reader')
    return isCut ? [step.whom] : []
  })
  return new Set(targets)
}

/** Whether two peers are on one side; those not named are one more side. */
export function areTogether(sides: readonly (readonly number[])[], a: number, b: number): boolean {
  const sideOf = (peer: number) => sides.findIndex((side) => side.includes(peer))
  return sideOf(a) === sideOf(b)
}

/** Carries out what a peer does by its commands. Fails as they do. */
export async function carryOut(
  deed: Exclude<Deed, { act: 'defy' }>,
  commands: Commands,
  group: GroupId,
  userOf: (peer: number) => UserId,
): Promise<void> {
  switch (deed.act) {
    case 'role':
      return commands.setRole({ group, user: userOf(deed.whom), role: deed.role })
    case 'add':
      return commands.addMember({ group, user: userOf(deed.whom), role: deed.role })
    case 'remove':
    case 'ban':
      return commands.removeMember({ group, user: userOf(deed.whom), ban: deed.act === 'ban' })
    case 'transfer':
      return commands.transferOwnership({ group, user: userOf(deed.whom) })
    case 'successor':
      return commands.nameSuccessor({ group, user: userOf(deed.whom) })
    case 'leave':
      return commands.leaveGroup({ group })
    case 'succeed':
      return commands.succeed({ group })
  }
}

type Fail = (sentence: string) => never

function readAt(text: string, fail: Fail): number {
  const at = /^\d*\.?\d+$/.test(text) ? Number(text) : NaN
  return at >= 0 && at <= 1 ? at : fail(`${quoted(text)} is no fraction from 0 to 1.`)
}

function readAct(words: readonly string[], peers: number, fail: Fail): Act {
  const [first = '', second = ''] = words
  const isWhole = first === 'divide' || first === 'heal'
  const act = isWhole ? first : second
  if (!Object.hasOwn(SHAPES, act)) {
    const known = Object.keys(SHAPES).join(', ')
    return fail(act === '' ? 'there is no act.' : `${quoted(act)} is none of ${known}.`)
  }
  const shape = SHAPES[act as Act['act']]
  if (words.length !== shape.split(' ').length - 1) return fail(`expected ${shape}.`)
  const peer = (text: string): number => {
    const number = /^\d+$/.test(text) ? Number(text) : NaN
    return number < peers ? number : fail(`${quoted(text)} is no peer: they are 0 to ${peers - 1}.`)
  }
  if (act === 'heal') return { act }
  if (act === 'divide') return { act, sides: readSides(second, peer, fail) }
  const who = peer(first)
  if (act === 'leave' || act === 'succeed' || act === 'defy') return { act, who }
  const [, , other = '', name = ''] = words
  const whom = peer(other)
  if (who === whom && act !== 'role') return fail(`peer ${who} cannot ${act} itself.`)
  if (act !== 'role' && act !== 'add')
    return { act: act as 'remove' | 'ban' | 'transfer' | 'successor', who, whom }
  const role = ROLES.find((one) => one === name)
  return role ? { act, who, whom, role } : fail(`${quoted(name)} is none of ${ROLES.join(', ')}.`)
}

function readSides(text: string, peer: (text: string) => number, fail: Fail): number[][] {
  const sides = text.split('/').map((side) => side.split(',').map(peer))
  const named = sides.flat()
  return new Set(named).size === named.length ? sides : fail('a peer is named twice.')
}

/** What somebody typed, short enough for a sentence. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}
