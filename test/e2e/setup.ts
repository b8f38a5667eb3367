import type { TestProject } from 'vitest/node'
import { ensureBuilt } from '../../scripts/build.ts'
import { electronRuntime } from '../../scripts/electron-runtime.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The Electron executable. */
    electron: string
  }
}

/** Builds the app and finds an Electron, once per run. */
export default async function setup(project: TestProject): Promise<void> {
  ensureBuilt()
  project.provide('electron', (await electronRuntime()).path)
}
