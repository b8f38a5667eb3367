import { COMMAND_NAMES, UPDATE_NAMES, type Updates } from '../api/contract.ts'
import { OPERATOR_COMMAND_NAMES } from '../api/operator.ts'
import { connectRpc } from '../api/rpc.ts'
import type { Served } from '../api/served.ts'
import type { Transport } from '../api/transport.ts'

/** Answers one window: its commands go to the messenger, updates come back, until the transport closes. */
export function serveClient(transport: Transport, served: Served, { operator = false } = {}): void {
  const rpc = connectRpc<Updates, object>(transport, {
    remote: UPDATE_NAMES,
    local: operator ? { ...served.commands, ...served.operator } : served.commands,
    localNames: [...COMMAND_NAMES, ...(operator ? OPERATOR_COMMAND_NAMES : [])] as never[],
    onProblem: (problem) => console.error('A window call failed:', problem),
  })
  const stop = served.onUpdate((name, argument) => rpc.notify[name](argument as never))
  transport.onClose(stop)
}
