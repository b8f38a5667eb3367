import { ipcMain, type WebContents } from 'electron'
import type { Transport } from '../../api/transport.ts'

const CHANNEL = 'tapri'

/** Brings every page that our own windows load to onClient; frames of any other sender are dropped. */
export function acceptWindows(origin: string, onClient: (transport: Transport) => void): void {
  const clients = new Map<number, { receive(frame: string): void; end(): void }>()
  const connect = (contents: WebContents) => {
    const waiting: string[] = []
    let listener: ((frame: string) => void) | undefined
    let hasEnded = false
    const closers: (() => void)[] = []
    const client = {
      receive: (frame: string) => (listener ? listener(frame) : void waiting.push(frame)),
      end: () => {
        hasEnded = true
        clients.delete(contents.id)
        for (const closer of closers.splice(0)) closer()
      },
    }
    onClient({
      send: (frame) => {
        if (!hasEnded && !contents.isDestroyed()) contents.send(CHANNEL, frame)
      },
      onFrame: (receive) => {
        listener = receive
        for (const frame of waiting.splice(0)) receive(frame)
      },
      onClose: (closer) => {
        if (hasEnded) closer()
        else closers.push(closer)
      },
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
