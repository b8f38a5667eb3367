/** Serves the real window to a browser, with a messenger in memory behind it. */
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Served } from '../../src-main/api/served.ts'
import { serveClient } from '../../src-main/shell/serve.ts'
import { serveWebSocket } from '../../src-main/shell/websocket.ts'
import type { FakeMessenger } from '../renderer/fake-client.ts'

const WINDOW_FOLDER = join(import.meta.dirname, '..', '..', 'out', 'renderer')

/** Returns the URL that opens the window. */
export async function serveFake(fake: FakeMessenger): Promise<string> {
  const served: Served = {
    commands: fake.commands,
    operator: {} as Served['operator'],
    onUpdate(listener) {
      fake.listen({
        linkChanged: () => {},
        groupChanged: (argument) => listener('groupChanged', argument),
        messagesDelivered: (argument) => listener('messagesDelivered', argument),
        messagesChanged: (argument) => listener('messagesChanged', argument),
        timelineChanged: (argument) => listener('timelineChanged', argument),
        peopleChanged: (argument) => listener('peopleChanged', argument),
        identityChanged: (argument) => listener('identityChanged', argument),
        linkOpened: (argument) => listener('linkOpened', argument),
        blockedChanged: (argument) => listener('blockedChanged', argument),
        groupDeleted: (argument) => listener('groupDeleted', argument),
      })
      return () => {}
    },
  }
  const onClient = (transport: Parameters<typeof serveClient>[0]) => serveClient(transport, served)
  const shell = await serveWebSocket({ folder: WINDOW_FOLDER, onClient })
  onTestFinished(() => shell.close())
  return shell.url
}
