/**
 * What people say of themselves, and admins of their group: replicated values, a register for each field. The greatest
 * timeline key is shown, and what was written at the same time is kept until somebody writes again who has seen both
 * (core/data/mv-register.ts). Nobody has to list what they saw: the engine knows.
 *
 * Of a person only what their own devices wrote counts; of the group only what somebody wrote who was an admin in the
 * past of the event (R1). What is hidden counts for nothing; then all of it is folded again.
 */
import type { DeviceTag, GroupSettings, HistoryPolicy, PictureId, SettingConflict } from '../api/contract.ts'
import { toHex } from '../core/bytes.ts'
import { ROLE, type UserTag } from '../core/control/operation.ts'
import { mvRegister, type RegisterState } from '../core/data/mv-register.ts'
import { operationOf } from '../core/data/operation.ts'
import type { Engine } from '../core/engine.ts'
import { isParticular, KIND } from '../core/event.ts'
import type { Entry } from '../core/history.ts'
import { decodeProfile, decodeSettings, readableName, type Content } from './content.ts'

/** A picture that some event carries. */
export interface Picture {
  id: PictureId
  /** n of the event. */
  n: number
}

export interface Profile {
  name: string | undefined
  picture: Picture | undefined
}

export interface Settings extends Omit<GroupSettings, 'picture'> {
  picture: Picture | undefined
}

export type Field = keyof GroupSettings

/** A text, a time, or a picture; no picture when it was taken away. */
type Value = string | number | Picture | undefined
type Fields = Map<Field, RegisterState<Value>>

const register = mvRegister<Value>()
const FIELDS: readonly Field[] = ['name', 'description', 'picture', 'history', 'disappearAfterMs']

export class Particulars {
  readonly #engine: Engine
  readonly #noted = new Map<Entry, Map<Field, Value>>()
  #ofPeople = new Map<UserTag, Fields>()
  #ofGroup: Fields = new Map()
  /** What #ofGroup says; asked for with every event that is read. */
  #settings: Settings | undefined

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /**
   * Takes note of a delivered event, in the order of delivery; if it could be read only later, foldAgain() follows. Does
   * nothing for kinds that say nothing of anybody.
   */
  note(content: Content, entry: Entry): void {
    if (!isParticular(entry.kind)) return
    const said: { [K in Field]?: string | number | Uint8Array | undefined } | undefined =
      decodeProfile(content) ?? decodeSettings(content)
    const values = new Map<Field, Value>()
    for (const field of FIELDS) {
      const value = said?.[field]
      if (value !== undefined)
        values.set(field, value instanceof Uint8Array ? this.#picture(value, entry) : value)
    }
    if (values.size === 0) return
    this.#noted.set(entry, values)
    this.#fold(entry, values)
  }

  /** Something was hidden, shown again, or noted late. */
  foldAgain(): void {
    this.#ofPeople = new Map()
    this.#ofGroup = new Map()
    this.#settings = undefined
    for (const entry of this.#engine.history.inOrder([...this.#noted.keys()]))
      this.#fold(entry, this.#noted.get(entry)!)
  }

  profile(user: UserTag): Profile {
    const fields = this.#ofPeople.get(user)
    const name = last(fields, 'name') as string | undefined
    return {
      name: name === undefined ? undefined : readableName(name),
      picture: last(fields, 'picture') as Picture | undefined,
    }
  }

  /** Whether anybody said anything of the group, even if it does not count. */
  get isSet(): boolean {
    return [...this.#noted.keys()].some(({ kind }) => kind === KIND.settings)
  }

  get settings(): Settings {
    this.#settings ??= this.#readSettings()
    return this.#settings
  }

  #readSettings(): Settings {
    const fields = this.#ofGroup
    const name = last(fields, 'name') as string | undefined
    return {
      name: name === undefined ? '' : readableName(name),
      description: (last(fields, 'description') as string | undefined) ?? '',
      picture: last(fields, 'picture') as Picture | undefined,
      history: (last(fields, 'history') as HistoryPolicy | undefined) ?? 'all',
      disappearAfterMs: (last(fields, 'disappearAfterMs') as number | undefined) ?? 0,
    }
  }

  /** Fields of the group that several people wrote at the same time, and nobody has settled since. */
  conflicts(nameOf: (device: DeviceTag) => string): SettingConflict[] {
    return conflictsIn(this.#ofGroup, nameOf)
  }

  /** The same of what a person wrote of themselves, on several devices. */
  profileConflicts(user: UserTag, nameOf: (device: DeviceTag) => string): SettingConflict[] {
    return conflictsIn(this.#ofPeople.get(user), nameOf)
  }

  /** A picture that is shown, or that somebody may still choose. */
  picture(id: PictureId): Picture | undefined {
    for (const fields of [this.#ofGroup, ...this.#ofPeople.values()])
      for (const value of register.value(fields.get('picture') ?? register.empty()))
        if (typeof value === 'object' && value.id === id) return value
    return undefined
  }

  #fold(entry: Entry, values: ReadonlyMap<Field, Value>): void {
    const { roster, history, clocks } = this.#engine
    if (!history.forks.isVisible(entry)) return
    const fields = entry.kind === KIND.settings ? this.#ofGroup : this.#fieldsOf(entry)
    if (!fields || (entry.kind === KIND.settings && (roster.roleIn(entry) ?? -1) < ROLE.admin)) return
    if (entry.kind === KIND.settings) this.#settings = undefined
    for (const [field, value] of values) {
      let state = fields.get(field)
      if (!state) fields.set(field, (state = register.empty()))
      const change = { value, observed: register.observe(state) }
      register.apply(state, operationOf(entry, change, history, clocks))
    }
  }

  #fieldsOf({ tag }: Entry): Fields | undefined {
    const user = this.#engine.roster.device(tag)?.user
    if (user === undefined) return undefined
    let fields = this.#ofPeople.get(user)
    if (!fields) this.#ofPeople.set(user, (fields = new Map()))
    return fields
  }

  #picture(bytes: Uint8Array, entry: Entry): Picture | undefined {
    if (bytes.length === 0) return undefined
    const { sha256, history } = this.#engine
    return { id: toHex(sha256(bytes).subarray(0, 16)), n: history.nOf(entry) }
  }
}

function last(fields: Fields | undefined, field: Field): Value {
  const state = fields?.get(field)
  return state && register.value(state).at(-1)
}

/** Each field once, each value of a device once, in the order in which they are found. */
export function mergeConflicts(conflicts: readonly SettingConflict[]): SettingConflict[] {
  const fields = new Map<Field, SettingConflict['values']>()
  for (const { field, values } of conflicts) {
    const known = fields.get(field) ?? []
    const fresh = values.filter(({ value, by }) => !known.some((one) => one.value === value && one.by === by))
    fields.set(field, [...known, ...fresh])
  }
  return [...fields].map(([field, values]) => ({ field, values }))
}

function conflictsIn(fields: Fields | undefined, nameOf: (device: DeviceTag) => string): SettingConflict[] {
  return FIELDS.flatMap((field) => {
    const written = [...(fields?.get(field) ?? [])]
    const values = written
      .sort(([, a], [, b]) => (a.key < b.key ? -1 : 1))
      .map(([tag, { value }]) => ({
        value: typeof value === 'object' ? value.id : String(value ?? ''),
        by: nameOf(tag),
      }))
    return new Set(values.map(({ value }) => value)).size > 1 ? [{ field, values }] : []
  })
}
