import { IntlMessageFormat } from 'intl-messageformat'
import { AppError } from '../../src-main/api/errors.ts'
import { keep, readKept } from '../lib/kept.ts'
import { en } from './en.ts'
import { hi } from './hi.ts'

export type MessageKey = keyof typeof en
/** What every language provides: the same keys, each an ICU message. */
export type Catalogue = Readonly<Record<MessageKey, string>>
export type Language = 'en' | 'hi'
export type Values = Record<string, string | number>

/** The languages, each named in itself. */
export const LANGUAGES: Readonly<Record<Language, { name: string; catalogue: Catalogue }>> = {
  en: { name: 'English', catalogue: en },
  hi: { name: 'हिन्दी', catalogue: hi },
}

/** The chosen language; whatever reads it is rendered again when it changes. */
class Words {
  #language = $state<Language>(initialLanguage())

  get language(): Language {
    return this.#language
  }

  set language(language: Language) {
    this.#language = language
    keep('language', language)
  }

  /** For dates and numbers: the system's regional form of the chosen language, if it has one. */
  get locale(): string {
    const system = globalThis.navigator?.language ?? ''
    return system.split('-')[0] === this.#language ? system : { en: 'en-IN', hi: 'hi-IN' }[this.#language]
  }
}

export const words = new Words()

const formats = new Map<string, IntlMessageFormat>()

/** A sentence of the catalogue in the chosen language. */
export function t(key: MessageKey, values?: Values): string {
  const language = words.language
  const name = `${language}/${key}`
  let format = formats.get(name)
  if (format === undefined) {
    format = new IntlMessageFormat(LANGUAGES[language].catalogue[key], words.locale, undefined, {
      ignoreTag: true,
    })
    formats.set(name, format)
  }
  return String(format.format(values))
}

/** What to tell a person about a failure: Tapri's own sentence, or the catalogue's where that is not English. */
export function errorSentence(error: unknown): string {
  if (!(error instanceof AppError)) return t('error.INTERNAL')
  return words.language === 'en' ? error.message : t(`error.${error.code}`)
}

function initialLanguage(): Language {
  const wanted = readKept('language') ?? globalThis.navigator?.language.split('-')[0]
  return wanted === 'hi' ? 'hi' : 'en'
}
