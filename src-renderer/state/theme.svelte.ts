import { keep, readKept } from '../lib/kept.ts'

export const THEMES = ['system', 'light', 'dark'] as const
export type ThemeName = (typeof THEMES)[number]

/** Light, dark, or whatever the system says; kept, and put on the root element where the style sheet sees it. */
export class Theme {
  #name = $state<ThemeName>('system')

  constructor() {
    const kept = readKept('theme')
    this.name = THEMES.find((theme) => theme === kept) ?? 'system'
  }

  get name(): ThemeName {
    return this.#name
  }

  set name(name: ThemeName) {
    this.#name = name
    keep('theme', name)
    if (typeof document !== 'undefined') document.documentElement.dataset['theme'] = name
  }
}
