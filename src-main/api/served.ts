import type { Commands, UpdateName } from './contract.ts'
import type { OperatorCommands } from './operator.ts'

/** What a shell needs of the messenger that it brings to a window. */
export interface Served {
  readonly commands: Commands
  readonly operator: OperatorCommands
  /** Tells the listener every update until the returned function is called. */
  onUpdate(listener: (name: UpdateName, argument: unknown) => void): () => void
}
