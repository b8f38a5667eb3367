import { sameDay } from './grouping.ts'

const DAY_MS = 24 * 60 * 60_000
const formatters = new Map<string, Intl.DateTimeFormat>()

/** Time of day, as people of this locale write it. */
export function timeOfDay(ms: number, locale: string): string {
  return format(ms, locale, { hour: 'numeric', minute: '2-digit' })
}

/** Full date and time, for tooltips. */
export function fullTime(ms: number, locale: string): string {
  return format(ms, locale, { dateStyle: 'full', timeStyle: 'short' })
}

/** Date and time in one sentence with others. */
export function shortTime(ms: number, locale: string): string {
  return format(ms, locale, { dateStyle: 'medium', timeStyle: 'short' })
}

/** A day as a heading: today and yesterday in words, else the date; the year only when it differs. */
export function dayHeading(ms: number, nowMs: number, locale: string): string {
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })
  if (sameDay(ms, nowMs)) return capitalised(relative.format(0, 'day'), locale)
  if (sameDay(ms, nowMs - DAY_MS)) return capitalised(relative.format(-1, 'day'), locale)
  const thisYear = new Date(ms).getFullYear() === new Date(nowMs).getFullYear()
  return format(ms, locale, {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    ...(thisYear ? {} : { year: 'numeric' }),
  })
}

/** The shortest useful form for a list: time today, weekday this week, else the date. */
export function listTime(ms: number, nowMs: number, locale: string): string {
  if (sameDay(ms, nowMs)) return timeOfDay(ms, locale)
  if (ms < nowMs && nowMs - ms < 6 * DAY_MS) return format(ms, locale, { weekday: 'short' })
  return format(ms, locale, { day: 'numeric', month: 'short' })
}

function format(ms: number, locale: string, options: Intl.DateTimeFormatOptions): string {
  const name = locale + JSON.stringify(options)
  let formatter = formatters.get(name)
  if (formatter === undefined) formatters.set(name, (formatter = new Intl.DateTimeFormat(locale, options)))
  return formatter.format(ms)
}

function capitalised(text: string, locale: string): string {
  return text.charAt(0).toLocaleUpperCase(locale) + text.slice(1)
}
