/**
 * The window in a browser: a web server on 127.0.0.1 that serves the built window and takes its WebSocket.
 * Whoever wants in needs the random token of the URL; a page of another origin and a rebound host name are refused.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize, sep } from 'node:path'
import { WebSocketServer, type WebSocket } from 'ws'
import { MAX_FRAME_BYTES, type Transport } from '../api/transport.ts'

const HOST = '127.0.0.1'
const MAX_CLIENTS = 16
const MAX_WAITING_BYTES = 16 * 1024 * 1024
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
}
/** What the window may load and talk to: itself. */
export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self' ws://127.0.0.1:* ws://localhost:*; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const HEADERS = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
}

export interface WebSocketShell {
  /** With the token in its fragment, which never leaves the browser. */
  url: string
  close(): Promise<void>
}

export interface WebSocketShellOptions {
  /** The built window. */
  folder: string
  /** 0, the default: any free port. */
  port?: number
  onClient(transport: Transport): void
}

/** Starts the server. Fails when the port is taken. */
export async function serveWebSocket({
  folder,
  port = 0,
  onClient,
}: WebSocketShellOptions): Promise<WebSocketShell> {
  const token = randomBytes(32).toString('hex')
  const server = createServer((request, response) => {
    respond(server, folder, request, response).catch((error: unknown) => {
      console.error('A page could not be served:', error)
      response.destroy()
    })
  })
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    handleProtocols: (protocols) => (protocols.has('tapri') ? 'tapri' : false),
  })
  server.on('upgrade', (request, socket, head) => {
    const status = refusal(request, server, token, sockets.clients.size)
    if (!status)
      return sockets.handleUpgrade(request, socket, head, (client) => onClient(asTransport(client)))
    // Whoever is refused may be gone by now.
    socket.on('error', () => socket.destroy())
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, HOST, resolve)
  })
  return {
    url: `http://${HOST}:${portOf(server)}/#token=${token}`,
    async close() {
      for (const client of sockets.clients) client.terminate()
      sockets.close()
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function asTransport(client: WebSocket): Transport {
  client.on('error', () => client.terminate())
  client.pause()
  return {
    send(frame) {
      // A window that stopped reading is ended: it starts afresh when it comes back.
      if (client.bufferedAmount > MAX_WAITING_BYTES) client.terminate()
      else if (client.readyState === client.OPEN) client.send(frame)
    },
    onFrame(listener) {
      client.on('message', (data: Buffer, isBinary) => {
        if (isBinary) client.close(1003)
        else listener(data.toString('utf8'))
      })
      client.resume()
    },
    onClose: (listener) => void client.once('close', listener),
    close: () => client.close(),
  }
}

/** The status line for an upgrade that is refused. */
function refusal(
  request: IncomingMessage,
  server: Server,
  token: string,
  clients: number,
): string | undefined {
  const { origin } = request.headers
  if (request.url !== '/rpc') return '404 Not Found'
  if (!isOurHost(request.headers.host, server)) return '403 Forbidden'
  if (origin !== undefined && !(origin.startsWith('http://') && isOurHost(origin.slice(7), server)))
    return '403 Forbidden'
  const [name, given = ''] = (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((part) => part.trim())
  const expected = Buffer.from(token)
  const actual = Buffer.from(given)
  if (name !== 'tapri' || actual.length !== expected.length || !timingSafeEqual(actual, expected))
    return '401 Unauthorized'
  return clients >= MAX_CLIENTS ? '503 Service Unavailable' : undefined
}

async function respond(server: Server, folder: string, request: IncomingMessage, response: ServerResponse) {
  const answer = (status: number, text: string) => response.writeHead(status, HEADERS).end(text)
  if (!isOurHost(request.headers.host, server)) return answer(403, 'Forbidden')
  if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'Method not allowed')
  const path = fileFor(folder, request.url ?? '/')
  const type = path && TYPES[extname(path)]
  if (!path || !type) return answer(404, 'Not found')
  let content: Buffer
  try {
    content = await readFile(path)
  } catch {
    return answer(404, 'Not found')
  }
  return response.writeHead(200, { ...HEADERS, 'Content-Type': type }).end(content)
}

/** The file below folder that a URL path names; undefined when it leads outside. */
export function fileFor(folder: string, url: string): string | undefined {
  let path: string
  try {
    path = decodeURIComponent(new URL(url, 'http://localhost').pathname)
  } catch {
    return undefined
  }
  if (path.includes('\0')) return undefined
  const file = normalize(join(folder, path.endsWith('/') ? `${path}index.html` : path))
  return file.startsWith(normalize(folder) + sep) ? file : undefined
}

function isOurHost(host: string | undefined, server: Server): boolean {
  const port = portOf(server)
  return host === `${HOST}:${port}` || host === `localhost:${port}`
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
