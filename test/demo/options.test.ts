import { expect, test } from 'vitest'
import { isKilled, reachableFrom } from '../../scripts/demo/faults.ts'
import { UsageError } from '../../scripts/command-line.ts'
import { readOptions } from '../../scripts/demo/options.ts'

test('every option of the demo is read', () => {
  const args =
    '--peers 5 --replay x.txt --speed max --offline 3:0.2-0.7 --kill 4@0.5 --partition 0,1/2,3,4@0.3-0.5 ' +
    '--delay 20 --seed 9 --limit 100 --trace T --data D --report R --exit'
  expect(readOptions(args.split(' '))).toEqual({
    peers: 5,
    replay: 'x.txt',
    limit: 100,
    speed: Infinity,
    faults: {
      offline: [{ peer: 3, from: 0.2, to: 0.7 }],
      kill: [{ peer: 4, at: 0.5 }],
      partition: [
        {
          sides: [
            [0, 1],
            [2, 3, 4],
          ],
          from: 0.3,
          to: 0.5,
        },
      ],
    },
    delayMs: 20,
    seed: 9,
    traceFolder: 'T',
    dataFolder: 'D',
    reportFile: 'R',
    exit: true,
  })
})

test.each([
  '--peers 1',
  '--peers two',
  '--speed 0',
  '--speed fast',
  '--offline 3:0.2-0.7',
  '--offline 1:0.7-0.2',
  '--offline 1',
  '--kill 1@2',
  '--kill 1@',
  '--partition 0,1@x',
  '--partition 0,0/1@0.1-0.2',
  '--partition ,/1@0.1-0.2',
  '--limit 0',
  '--unknown',
  'extra',
])('%s is refused with a sentence', (args) => {
  expect(() => readOptions(args.split(' '))).toThrow(UsageError)
})

test('an offline peer reaches nobody and is reached by nobody', () => {
  const faults = { offline: [{ peer: 1, from: 0.2, to: 0.4 }], kill: [], partition: [] }
  expect(reachableFrom(1, 3, faults, 0.3)).toEqual([])
  expect(reachableFrom(0, 3, faults, 0.3)).toEqual([2])
  expect(reachableFrom(0, 3, faults, 0.4)).toEqual([1, 2])
})

test('the sides of a partition do not reach each other, and those not named are one more side', () => {
  const faults = { offline: [], kill: [], partition: [{ sides: [[0, 1], [2]], from: 0, to: 1 }] }
  expect([0, 1, 2, 3, 4].map((peer) => reachableFrom(peer, 5, faults, 0.5))).toEqual([[1], [0], [], [4], [3]])
})

test('a killed peer comes back a tenth of the replay later', () => {
  const faults = { offline: [], kill: [{ peer: 2, at: 0.5 }], partition: [] }
  expect([0.49, 0.5, 0.59, 0.61].map((at) => isKilled(2, faults, at))).toEqual([false, true, true, false])
  expect(isKilled(1, faults, 0.5)).toBe(false)
})
