import { t } from '../i18n/words.svelte.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const WEEK_MS = 7 * DAY_MS

/** After what time messages may disappear; 0: never. */
export const DISAPPEAR_CHOICES_MS: readonly number[] = [0, DAY_MS, WEEK_MS, 4 * WEEK_MS, 12 * WEEK_MS]

/** After what time messages disappear, in words; also a time that is no choice here. */
export function disappearTime(afterMs: number): string {
  if (afterMs === 0) return t('disappear.never')
  if (afterMs % WEEK_MS === 0) return t('disappear.weeks', { count: afterMs / WEEK_MS })
  if (afterMs >= DAY_MS) return t('invite.days', { count: Math.round(afterMs / DAY_MS) })
  return t('invite.hours', { count: Math.ceil(afterMs / HOUR_MS) })
}
