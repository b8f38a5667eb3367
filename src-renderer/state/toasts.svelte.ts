import { errorSentence } from '../i18n/words.svelte.ts'

export interface Toast {
  id: number
  text: string
  tone: 'problem' | 'news'
}

/** Long enough to read two sentences. */
export const TOAST_MS = 7_000

/** Short sentences over the window: what failed, what was done. */
export class Toasts {
  list = $state.raw<readonly Toast[]>([])
  #next = 0

  /** Says what failed. */
  problem(error: unknown): void {
    this.#add(errorSentence(error), 'problem')
  }

  /** Says what was done. */
  news(text: string): void {
    this.#add(text, 'news')
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id)
  }

  #add(text: string, tone: Toast['tone']): void {
    const id = this.#next++
    // The same sentence again replaces the earlier one, so that a repeating failure does not fill the window.
    this.list = [...this.list.filter((toast) => toast.text !== text), { id, text, tone }].slice(-4)
    setTimeout(() => this.dismiss(id), TOAST_MS)
  }
}
