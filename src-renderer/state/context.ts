import { createContext } from 'svelte'
import type { Messenger } from './messenger.svelte.ts'

/** The messenger of the window, for every component below App. */
export const [getMessenger, setMessenger] = createContext<Messenger>()
