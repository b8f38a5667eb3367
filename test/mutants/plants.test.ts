/** `npm run mutants` takes too long for every day; that its bugs can still be planted does not. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PLANTS, sown } from '../../scripts/mutants/plants.ts'

const ROOT = join(import.meta.dirname, '../..')

test.each(PLANTS)('there is one place to plant that $name', async (plant) => {
  expect(await sown(plant, ROOT)).toContain(plant.replace)
})

test('a bug without a place is an error', async () => {
  const nowhere = { name: 'it', file: 'package.json', find: 'no such text', replace: '' }
  await expect(sown(nowhere, ROOT)).rejects.toThrow('"it" is to be planted where 0 places fit')
})
