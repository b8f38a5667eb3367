import { defineConfig } from 'vitest/config'

/** End-to-end tests: the built app in a real Electron. They need a display, for example `xvfb-run -a`. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    globalSetup: ['setup.ts'],
    // Times are measured: nothing else runs meanwhile.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 30_000,
  },
})
