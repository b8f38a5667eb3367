/** `npm run mutants` takes too long for every day; that its bugs can still be planted does not. */
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PLANTS, sown } from '../../scripts/mutants/plants.ts'

const ROOT = join(import.meta.dirname, '../..')

test.each(PLANTS)(
  'there is one place to plant that $name, and the rest can still be parsed',
  async (plant) => {
    const source = await sown(plant, ROOT)
    expect(source).toContain(plant.replace)
    expect(() => stripTypeScriptTypes(source)).not.toThrow()
  },
)

test('a bug without a place is an error', async () => {
  const nowhere = { name: 'it', file: 'package.json', find: 'no such text', replace: '' }
  await expect(sown(nowhere, ROOT)).rejects.toThrow('"it" is to be planted where 0 places fit')
})
