import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'electron-vite'

/** electron-vite: main and preload for Electron, the window for both shells. */
export default defineConfig({
  main: {
    build: {
      outDir: 'out/main',
      externalizeDeps: true,
      lib: {
        // A worker is a file of its own, beside the one that starts it.
        entry: { index: 'src-main/index.ts', 'verifier-worker': 'src-main/crypto/verifier-worker.ts' },
        formats: ['es'],
        fileName: (_, name) => `${name}.js`,
      },
    },
  },
  preload: {
    build: {
      outDir: 'out/preload',
      lib: { entry: 'src-main/shell/electron/preload.ts', formats: ['cjs'], fileName: () => 'preload.cjs' },
    },
  },
  renderer: {
    root: 'src-renderer',
    build: {
      outDir: 'out/renderer',
      emptyOutDir: true,
      modulePreload: false,
      rollupOptions: { input: 'src-renderer/index.html' },
    },
    plugins: [svelte()],
  },
})
