import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'electron-vite'

/** electron-vite: main and preload for Electron, the window for both shells. */
export default defineConfig({
  main: {
    build: {
      outDir: 'out/main',
      externalizeDeps: true,
      lib: { entry: 'src-main/index.ts', formats: ['es'], fileName: 'index' },
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
