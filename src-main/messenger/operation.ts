/** The commands of whoever runs a peer without a window: demos, tests and measurements. */
import type { GroupId } from '../api/contract.ts'
import type { Diagnostics, OperatorCommands } from '../api/operator.ts'
import { KIND } from '../core/event.ts'
import type { Network } from '../network/network.ts'
import { decodeMessage, encodeMessage } from './content.ts'
import type { Counters } from './counters.ts'
import type { GroupLog } from './group-log.ts'
import type { Links } from './links.ts'
import type { Acting, OpenGroup } from './open-group.ts'
import { writeTrace } from './trace.ts'

export interface OperationParts extends Pick<Acting, 'self' | 'append'> {
  network: Network
  links: Links
  groups: ReadonlyMap<GroupId, OpenGroup>
  counters: Counters
  /** A group, once it has been opened. */
  restored(group: GroupId): Promise<OpenGroup>
  /** A group to which this person may write, once it has been opened. */
  demandWriter(group: GroupId): Promise<OpenGroup>
}

export function operation(parts: OperationParts): OperatorCommands {
  const { self, network, links, restored, demandWriter, append } = parts
  return {
    postBridged: async ({ group, text, author, replyTo, line, notice }) => {
      const body = encodeMessage({ text, replyTo, author, line })
      const kind = notice ? KIND.notice : KIND.message
      const { event } = await append(await demandWriter(group), kind, body, replyTo)
      return { id: event.id }
    },
    setReachable: ({ peers }) => {
      const allowed = peers === 'all' ? undefined : new Set(peers)
      return links.setReachable((peer) => allowed === undefined || allowed.has(peer))
    },
    getPeerKey: async () => ({ peer: network.self }),
    getDiagnostics: async () => diagnosticsOf(parts),
    getLines: async ({ group }) => {
      const { log } = await restored(group)
      const lines: [number, string][] = []
      for (const entry of log.engine.history.log) {
        const line = decodeMessage(log.contentOf(await log.read(entry)))?.line
        if (line !== undefined) lines.push([line, entry.id])
      }
      return { lines }
    },
    writeTrace: async ({ group, folder }) => ({
      file: await writeTrace((await restored(group)).group, self, folder),
    }),
  }
}

function diagnosticsOf({ network, groups, counters }: OperationParts): Diagnostics {
  const open = [...groups.values()]
  const sum = (of: (log: GroupLog) => number) => open.reduce((total, { log }) => total + of(log), 0)
  return {
    ...counters.report(),
    delivered: sum(({ engine: { history } }) => history.log.length - history.forks.hiddenCount),
    pending: sum((log) => log.engine.pending().length) + secretsToCome(open),
    wireBytes: network.wireBytes(),
    metadataBytes: sum((log) => log.metadataBytes),
    eventBytes: sum((log) => log.eventBytes),
  }
}

/** Secrets that somebody is still to hand over, or to make. */
function secretsToCome(groups: readonly OpenGroup[]): number {
  return groups
    .filter(({ group }) => group.joined)
    .reduce((total, { keyring }) => total + keyring.missing.length + (keyring.isRotationDue ? 1 : 0), 0)
}
