import { ipcMain, type WebContents } from 'electron'
import type { Transport } from '../../api/transport.ts'

const CHANNEL = 'tapri'

/** Brings every page that our own windows load to onClient; frames of any other sender are dropped. */
export function acceptWindows(origin: string, onClient: (transport: Transport) => void): void {
  const clients = new Map<number, { receive(frame: string): void; end(): void }>()
  const connect = (contents: WebContents) => {
    let receive: (frame: string) => void = () => {}
    const closers: (() => void)[] = []
    const client = {
      receive: (frame: string) => receive(frame),
      end: () => {
        clients.delete(contents.id)
        for (const closer of closers.splice(0)) closer()
      },
    }
    onClient({
      send: (frame) => {
        if (!contents.isDestroyed()) contents.send(CHANNEL, frame)
      },
      onFrame: (listener) => {
        receive = listener
      },
      onClose: (listener) => void closers.push(listener),
      close: () => client.end(),
    })
    // A page that is loaded again is a new client; a navigation that was refused changes nothing.
    contents.once('did-navigate', client.end)
    contents.once('destroyed', client.end)
    clients.set(contents.id, client)
    return client
  }
  ipcMain.on(CHANNEL, (event, frame: unknown) => {
    const sender = event.senderFrame
    if (!sender || sender.parent || sender.origin !== origin || typeof frame !== 'string') return
    const client = clients.get(event.sender.id) ?? connect(event.sender)
    client.receive(frame)
  })
}
