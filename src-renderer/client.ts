/**
 * The window's end of the contract: one Client over whichever link this window has. In Electron that is the
 * preload's port, in a browser a WebSocket that is opened again, ever more slowly, when it closes.
 */
import { COMMAND_NAMES, UPDATE_NAMES, type Commands, type Updates } from '../src-main/api/contract.ts'
import { AppError } from '../src-main/api/errors.ts'
import { connectRpc, type Rpc } from '../src-main/api/rpc.ts'
import type { Transport } from '../src-main/api/transport.ts'

/** connecting: never been open. lost: was open, is being opened again. refused: this window has no token. */
export type Link = 'connecting' | 'open' | 'lost' | 'refused'

export interface ClientListener extends Updates {
  linkChanged(link: Link): void
}

/** What the state classes need; a test passes a fake. */
export interface Client {
  readonly commands: Commands
  /** Calls back with the current link at once, then with every update. */
  listen(listener: ClientListener): void
}

/** What the Electron preload puts on the window. */
interface PreloadPort {
  send(frame: string): void
  onFrame(listener: (frame: string) => void): void
  onClose?(listener: () => void): void
}

declare global {
  interface Window {
    tapri?: PreloadPort
  }
}

const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 8_000

/** The client of this window. */
export function createClient(): Client {
  if (window.tapri !== undefined) {
    const port = window.tapri
    return new LinkedClient((opened) => opened(portTransport(port)))
  }
  const token = takeToken()
  if (token === undefined) return new LinkedClient(undefined)
  return new LinkedClient((opened, failed) => openWebSocket(token, opened, failed))
}

type Connect = (opened: (transport: Transport) => void, failed: () => void) => void

class LinkedClient implements Client {
  readonly commands: Commands
  #rpc: Rpc<Commands> | undefined
  #listener: ClientListener | undefined
  #link: Link = 'connecting'
  #retryMs = FIRST_RETRY_MS

  constructor(connect: Connect | undefined) {
    this.commands = Object.fromEntries(
      COMMAND_NAMES.map((name) => [name, (args: never) => this.#call(name, args)]),
    ) as unknown as Commands
    if (connect === undefined) this.#link = 'refused'
    else this.#open(connect)
  }

  listen(listener: ClientListener): void {
    this.#listener = listener
    listener.linkChanged(this.#link)
  }

  #call(name: keyof Commands, args: never): Promise<unknown> {
    if (this.#rpc === undefined)
      return Promise.reject(new AppError('CLOSED', 'The connection to Tapri is closed.'))
    return this.#rpc.call[name](args)
  }

  #open(connect: Connect): void {
    const again = () => {
      this.#rpc = undefined
      if (this.#link === 'open') this.#change('lost')
      setTimeout(() => this.#open(connect), this.#retryMs)
      this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS)
    }
    connect((transport) => {
      this.#rpc = connectRpc<Commands, Updates>(transport, {
        remote: COMMAND_NAMES,
        local: this.#updates(),
        localNames: UPDATE_NAMES,
        onProblem: (problem) => console.warn(problem),
      })
      transport.onClose(again)
      this.#retryMs = FIRST_RETRY_MS
      this.#change('open')
    }, again)
  }

  #updates(): Updates {
    return {
      groupChanged: (group) => this.#listener?.groupChanged(group),
      messagesDelivered: (args) => this.#listener?.messagesDelivered(args),
      messagesChanged: (args) => this.#listener?.messagesChanged(args),
      timelineChanged: (args) => this.#listener?.timelineChanged(args),
      peopleChanged: (args) => this.#listener?.peopleChanged(args),
      identityChanged: (identity) => this.#listener?.identityChanged(identity),
      linkOpened: (args) => this.#listener?.linkOpened(args),
      blockedChanged: (args) => this.#listener?.blockedChanged(args),
      groupDeleted: (args) => this.#listener?.groupDeleted(args),
    }
  }

  #change(link: Link): void {
    this.#link = link
    this.#listener?.linkChanged(link)
  }
}

function portTransport(port: PreloadPort): Transport {
  return {
    send: (frame) => port.send(frame),
    onFrame: (listener) => port.onFrame(listener),
    onClose: (listener) => port.onClose?.(listener),
    close: () => {},
  }
}

function openWebSocket(token: string, opened: (transport: Transport) => void, failed: () => void): void {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  const socket = new WebSocket(`${scheme}://${location.host}/rpc`, ['tapri', token])
  const closeListeners: (() => void)[] = []
  let isOpen = false
  socket.addEventListener('open', () => {
    isOpen = true
    opened({
      send: (frame) => socket.send(frame),
      onFrame: (listener) =>
        socket.addEventListener('message', (event: MessageEvent<unknown>) => listener(String(event.data))),
      onClose: (listener) => closeListeners.push(listener),
      close: () => socket.close(),
    })
  })
  socket.addEventListener('close', () => {
    if (!isOpen) return failed()
    for (const listener of closeListeners) listener()
  })
}

/** The token of the address bar, which is then removed there; a reload finds it in the session. */
function takeToken(): string | undefined {
  const given = new URLSearchParams(location.hash.slice(1)).get('token')
  if (given !== null && given !== '') {
    sessionStorage.setItem('tapri.token', given)
    history.replaceState(null, '', location.pathname + location.search)
    return given
  }
  return sessionStorage.getItem('tapri.token') ?? undefined
}
