/** What a membership script may say, and what a person is told who did not write it right. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { InputError, UsageError } from '../../scripts/command-line.ts'
import {
  areTogether,
  cutPeers,
  MAX_SCRIPT_SIZE_BYTES,
  MAX_STEPS,
  readScript,
  readScriptFile,
  stepText,
} from '../../scripts/membership-script.ts'

const SAMPLE = join(import.meta.dirname, '../../scripts/demo/sample.membership.txt')
const PEERS = 5

test('every act is read, with comments and empty rows between', () => {
  const steps = readScript(
    [
      '# who does what',
      '0 0 role 1 admin',
      '',
      '.25\t1   remove 2 # away',
      '0.3 1 ban 3',
      '0.3 1 add 2 reader',
      '0.4 divide 0,1/2,3',
      '0.5 heal',
      '0.6 0 transfer 1',
      '0.6 1 successor 4',
      '0.7 4 succeed',
      '0.7 2 defy',
      '1 4 leave',
    ].join('\r\n'),
    PEERS,
  )
  expect(steps[0]).toEqual({ at: 0, row: 2, act: 'role', who: 0, whom: 1, role: 'admin' })
  expect(steps[1]).toEqual({ at: 0.25, row: 4, act: 'remove', who: 1, whom: 2 })
  expect(steps[4]).toEqual({
    at: 0.4,
    row: 7,
    act: 'divide',
    sides: [
      [0, 1],
      [2, 3],
    ],
  })
  expect(steps.map((step) => stepText(step))).toEqual([
    ...[
      '0 role 1 admin',
      '1 remove 2',
      '1 ban 3',
      '1 add 2 reader',
      'divide 0,1/2,3',
      'heal',
      '0 transfer 1',
    ],
    ...['1 successor 4', '4 succeed', '2 defy', '4 leave'],
  ])
  expect([...cutPeers(steps)].sort()).toEqual([2, 3])
})

test('who is named on no side is on one more', () => {
  const sides = [[0, 1], [2]]
  expect(areTogether(sides, 0, 1)).toBe(true)
  expect(areTogether(sides, 1, 2)).toBe(false)
  expect(areTogether(sides, 3, 4)).toBe(true)
  expect(areTogether(sides, 2, 3)).toBe(false)
})

test.each([
  ['soon 0 leave', /"soon" is no fraction/],
  ['1.01 0 leave', /is no fraction/],
  ['-1 0 leave', /is no fraction/],
  ['1e-1 0 leave', /is no fraction/],
  ['0.5', /there is no act/],
  ['0.5 0', /there is no act/],
  ['0.5 0 dance', /"dance" is none of role, add/],
  ['0.5 0 toString', /"toString" is none of/],
  ['0.5 5 leave', /"5" is no peer: they are 0 to 4/],
  ['0.5 x leave', /is no peer/],
  ['0.5 0 remove', /expected AT WHO remove WHOM/],
  ['0.5 0 remove 1 2', /expected AT WHO remove WHOM/],
  ['0.5 0 remove 0', /peer 0 cannot remove itself/],
  ['0.5 0 role 1', /expected AT WHO role WHOM ROLE/],
  ['0.5 0 role 1 king', /"king" is none of owner, admin, member, reader/],
  ['0.5 divide', /expected AT divide/],
  ['0.5 divide 0,1/1', /named twice/],
  ['0.5 divide 0,/1', /is no peer/],
  ['0.5 0 heal', /expected AT heal/],
  [`0.5 0 ${'x'.repeat(100)}`, /"x{40}…" is none/],
])('%s is refused with a sentence and its row', (line, sentence) => {
  const read = () => readScript(`0.1 0 role 1 admin\n${line}`, PEERS)
  expect(read).toThrow(UsageError)
  expect(read).toThrow(/^Row 2 of the script: /)
  expect(read).toThrow(sentence)
})

test('a script does not go back in time', () => {
  expect(() => readScript('0.5 0 leave\n0.4 heal', PEERS)).toThrow(/Row 2 .* less than/)
})

test('a script has a size', () => {
  expect(readScript('0 heal\n'.repeat(MAX_STEPS), PEERS)).toHaveLength(MAX_STEPS)
  expect(() => readScript('0 heal\n'.repeat(MAX_STEPS + 1), PEERS)).toThrow(/more than 1000 steps/)
  expect(() => readScript('#'.repeat(MAX_SCRIPT_SIZE_BYTES + 1), PEERS)).toThrow(/larger than/)
})

test('a file that is not there, too large or empty is refused with its name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tapri-script-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'script.txt')
  await expect(readScriptFile(file, PEERS)).rejects.toThrow(InputError)
  await writeFile(file, '# nothing\n')
  await expect(readScriptFile(file, PEERS)).rejects.toThrow(/holds no step/)
  await writeFile(file, '#'.repeat(MAX_SCRIPT_SIZE_BYTES + 1))
  await expect(readScriptFile(file, PEERS)).rejects.toThrow(/larger than/)
})

test('the sample has everything in it', async () => {
  const steps = await readScriptFile(SAMPLE, PEERS)
  const acts = [
    'role',
    'remove',
    'ban',
    'add',
    'leave',
    'transfer',
    'successor',
    'succeed',
    'divide',
    'heal',
    'defy',
  ]
  expect([...new Set(steps.map(({ act }) => act))].sort()).toEqual(acts.sort())
})
