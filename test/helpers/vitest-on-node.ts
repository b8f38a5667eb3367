/**
 * The part of vitest that the engine's unit tests use, on node:test: Electron's own Node is older than vitest allows.
 * Used by the bundle of scripts/electron-units.ts only.
 */
import { after as afterAll, afterEach, before as beforeAll, describe, test as nodeTest } from 'node:test'
import {
  chai,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from '@vitest/expect'

chai.use(JestExtend)
chai.use(JestChaiExpect)
chai.use(JestAsymmetricMatchers)
const { expect } = chai
Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: expect, configurable: true })
setState({ assertionCalls: 0 } as never, expect as never)

type Body = (...args: unknown[]) => unknown
const test = Object.assign(
  (name: string, body: Body) => void nodeTest(name, async () => void (await body())),
  {
    /** A row is a list of arguments, or one argument whose fields the name may mention ($field). */
    each: (rows: unknown[]) => (name: string, body: Body) => {
      for (const row of rows) {
        const args = Array.isArray(row) ? (row as unknown[]) : [row]
        const field = (_: string, key: string) => String((row as Record<string, unknown>)[key])
        const title = name.replace('%s', String(args[0])).replace(/\$(\w+)/g, field)
        void nodeTest(title, async () => void (await body(...args)))
      }
    },
  },
)

export { afterAll, afterEach, beforeAll, describe, expect, test }
