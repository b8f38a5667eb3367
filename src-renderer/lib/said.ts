import type { Message } from '../../src-main/api/contract.ts'
import { t } from '../i18n/words.svelte.ts'
import { snippet } from './text.ts'

/** What there is to read of a message, on one line: the start of its text, or why there is none. */
export function said({ text, locked }: Pick<Message, 'text' | 'locked'>, length?: number): string {
  return locked === undefined ? snippet(text, length) : t(`locked.${locked}`)
}
