/** Carries out a membership script in a world of messengers, as far as people can: who is switched off does nothing. */
import { AppError } from '../../src-main/api/errors.ts'
import { carryOut, EXPECTED_PROBLEMS, stepText, type Step } from '../membership-script.ts'
import type { Person, World } from './world.ts'

export class Director {
  /** Steps that came to something; whether that counts in the end is another question. */
  done = 0
  /** A sentence for each step that did not. */
  readonly notDone: string[] = []
  readonly #world: World
  readonly #script: readonly Step[]
  #next = 0

  constructor(world: World, script: readonly Step[]) {
    this.#world = world
    this.#script = script
  }

  /** Carries out what is due at that place of the run. */
  async reach(at: number): Promise<void> {
    for (let step = this.#script[this.#next]; step && step.at <= at; step = this.#script[++this.#next]) {
      const problem = await this.#carryOut(step)
      if (problem === undefined) this.done++
      else this.notDone.push(`Row ${step.row} (${stepText(step)}): ${problem}`)
    }
  }

  /** Those of them who may write, as far as they know. Without a script nobody ever loses that. */
  async writersOf(people: Person[]): Promise<Person[]> {
    if (this.#script.length === 0) return people
    const standings = await Promise.all(people.map((person) => this.#world.standing(person)))
    return people.filter((_, i) => standings[i]!.mayWrite)
  }

  async #carryOut(step: Step): Promise<string | undefined> {
    const { people, group } = this.#world
    if (step.act === 'heal') return void (await this.#world.divide([people], 'script'))
    if (step.act === 'divide') return void (await this.#divide(step.sides))
    const person = people[step.who]!
    if (person.misdeed) return 'is hostile, and does as it likes.'
    if (step.act === 'defy') return void (person.isDefiant = true)
    if (person.isDefiant) return 'writes by hand.'
    if (!person.messenger) return 'is switched off.'
    try {
      await carryOut(step, person.messenger.commands, group, (peer) => people[peer]!.identity.user)
      return undefined
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      if (error.code === 'STORE_FAILED') person.pullThePlug()
      else if (!EXPECTED_PROBLEMS.includes(error.code)) throw error
      return error.message
    }
  }

  async #divide(sides: number[][]): Promise<void> {
    const { people } = this.#world
    const named = sides.map((side) => side.map((peer) => people[peer]!))
    const others = people.filter(({ index }) => !sides.some((side) => side.includes(index)))
    await this.#world.divide(
      [...named, others].filter((side) => side.length > 0),
      'script',
    )
  }
}
