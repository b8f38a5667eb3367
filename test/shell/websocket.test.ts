import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { MAX_FRAME_BYTES, type Transport } from '../../src-main/api/transport.ts'
import { fileFor, serveWebSocket, type WebSocketShell } from '../../src-main/shell/websocket.ts'

let home: string
let shell: WebSocketShell
let port: number
let token: string
let transports: Transport[]
/** Called for each window, before anything of it is looked at. */
let greet: (transport: Transport) => void
let arrived: PromiseWithResolvers<Transport>

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'tapri-shell-'))
  const folder = join(home, 'window')
  await mkdir(join(folder, 'assets'), { recursive: true })
  await writeFile(join(folder, 'index.html'), '<!doctype html>window')
  await writeFile(join(folder, 'assets', 'main.js'), 'script')
  await writeFile(join(folder, 'notes.txt'), 'of no type that a window has')
  await writeFile(join(home, 'secret.js'), 'secret')
  transports = []
  greet = (transport) => transport.onFrame(() => {})
  arrived = Promise.withResolvers()
  shell = await serveWebSocket({
    folder,
    onClient(transport) {
      transports.push(transport)
      greet(transport)
      arrived.resolve(transport)
    },
  })
  const url = new URL(shell.url)
  port = Number(url.port)
  token = url.hash.slice('#token='.length)
})

afterEach(async () => {
  await shell.close()
  await rm(home, { recursive: true, force: true })
})

interface Answer {
  status: number
  headers: IncomingMessage['headers']
  body: string
}

/** Asks for a path exactly as it is written. */
async function ask(
  path: string,
  options: { method?: string; headers?: OutgoingHttpHeaders } = {},
): Promise<Answer> {
  const asking = request({ host: '127.0.0.1', port, path, ...options }).end()
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  return { status: response.statusCode!, headers: response.headers, body: await text(response) }
}

interface Dial {
  path?: string
  protocols?: string[]
  headers?: OutgoingHttpHeaders
}

function dial({ path = '/rpc', protocols = ['tapri', token], headers = {} }: Dial = {}): WebSocket {
  const client = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { headers })
  onTestFinished(() => client.terminate())
  return client
}

async function open(options?: Dial): Promise<WebSocket> {
  const client = dial(options)
  await once(client, 'open')
  return client
}

/** The status of an upgrade that is refused. */
async function refusal(options: Dial): Promise<number> {
  const client = dial(options)
  const [, response] = (await once(client, 'unexpected-response')) as [unknown, IncomingMessage]
  client.on('error', () => {})
  return response.statusCode!
}

describe('pages', () => {
  test('the window is served, and may load and talk to nothing but itself', async () => {
    const { status, headers, body } = await ask('/')
    expect([status, body]).toEqual([200, '<!doctype html>window'])
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    const policy = headers['content-security-policy']!
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self'")
    expect(policy).not.toContain('unsafe')
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(headers['referrer-policy']).toBe('no-referrer')
    expect(headers['access-control-allow-origin']).toBeUndefined()
    expect(await ask('/assets/main.js')).toMatchObject({ status: 200, body: 'script' })
    expect(await ask('/?query')).toMatchObject({ status: 200 })
  })

  test('refusals carry the policy too', async () => {
    expect((await ask('/missing.js')).headers['content-security-policy']).toContain("default-src 'none'")
  })

  test.each([
    '/../secret.js',
    '/assets/../../secret.js',
    '/%2e%2e/secret.js',
    '/..%2fsecret.js',
    '/assets/..%2f..%2fsecret.js',
    '/%2e%2e%2fsecret.js',
    '/..%5csecret.js',
    '/%252e%252e/secret.js',
    '//../secret.js',
    '/./../secret.js',
    '/index.html%00.js',
    '/%',
    '/missing.js',
    '/assets',
    '/assets/',
    '/notes.txt',
    'http://127.0.0.1/../secret.js',
  ])('%s is not found', async (path) => {
    expect(await ask(path)).toMatchObject({ status: 404, body: 'Not found' })
  })

  test.each(['/../window-secret/a.js', '/%2e%2e%2fwindow-secret/a.js', '/a\0.js', '/%00'])(
    '%j leads to no file, or to one inside',
    (path) => {
      expect(fileFor('/srv/window', path) ?? '/srv/window/').toMatch(/^\/srv\/window\//)
    },
  )

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s is not allowed', async (method) => {
    expect((await ask('/', { method })).status).toBe(405)
  })

  test('a host name that was pointed here by somebody else is refused', async () => {
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1', `127.0.0.1:${port + 1}`])
      expect((await ask('/', { headers: { Host: host } })).status).toBe(403)
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`])
      expect((await ask('/', { headers: { Host: host } })).status).toBe(200)
  })

  test('the token is on no page', async () => {
    for (const path of ['/', '/assets/main.js', '/missing']) {
      const { headers, body } = await ask(path)
      expect(body + JSON.stringify(headers)).not.toContain(token)
    }
  })
})

describe('who may connect', () => {
  test('the window with the token of its URL', async () => {
    for (const origin of [undefined, `http://127.0.0.1:${port}`, `http://localhost:${port}`]) {
      const client = await open({ headers: origin === undefined ? {} : { Origin: origin } })
      expect(client.protocol).toBe('tapri')
    }
  })

  test.each<[string, () => string[]]>([
    ['no protocols', () => []],
    ['no token', () => ['tapri']],
    ['a wrong token', () => ['tapri', '0'.repeat(64)]],
    ['a token cut off', () => ['tapri', token.slice(0, -1)]],
    ['a token with more', () => ['tapri', `${token}0`]],
    ['another protocol', () => ['other', token]],
    ['the token first', () => [token, 'tapri']],
  ])('nobody with %s', async (_, protocols) => {
    expect(await refusal({ protocols: protocols() })).toBe(401)
    expect(transports).toEqual([])
  })

  test.each([
    'http://evil.example',
    'https://127.0.0.1',
    'http://127.0.0.1',
    'http://127.0.0.1:1',
    'null',
    'file://',
    '',
  ])('no page of the origin %j, even with the token', async (origin) => {
    expect(await refusal({ headers: { Origin: origin } })).toBe(403)
  })

  test('no https page of the same host and port', async () => {
    expect(await refusal({ headers: { Origin: `https://127.0.0.1:${port}` } })).toBe(403)
  })

  test('nobody under another host name, even with the token', async () => {
    expect(await refusal({ headers: { Host: `evil.example:${port}` } })).toBe(403)
  })

  test('nobody at another path', async () => {
    for (const path of ['/', '/rpc/', '/rpc?x', '/other']) expect(await refusal({ path })).toBe(404)
  })

  test('no more than sixteen windows, and another one when one has gone', async () => {
    const clients = await Promise.all(Array.from({ length: 16 }, () => open()))
    expect(await refusal({})).toBe(503)
    const gone = new Promise<void>((resolve) => transports[0]!.onClose(resolve))
    for (const client of clients) client.close()
    await gone
    await open()
  })

  test('whoever is refused and vanishes at once does no harm', async () => {
    for (let i = 0; i < 20; i++) {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      const head = `GET /rpc HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`
      socket.write(head, () => socket.resetAndDestroy())
      await once(socket, 'close')
    }
    expect((await ask('/')).status).toBe(200)
  })
})

describe('frames', () => {
  test('frames travel both ways, in order', async () => {
    const heard: string[] = []
    const done = Promise.withResolvers<void>()
    greet = (transport) =>
      transport.onFrame((frame) => {
        heard.push(frame)
        transport.send(`${frame}!`)
        if (heard.length === 3) done.resolve()
      })
    const client = await open()
    const answers: string[] = []
    const answered = new Promise<void>((resolve) =>
      client.on('message', (data: Buffer) => {
        if (answers.push(data.toString()) === 3) resolve()
      }),
    )
    for (const frame of ['one', 'zwei ü', 'तीन']) client.send(frame)
    await Promise.all([done.promise, answered])
    expect(heard).toEqual(['one', 'zwei ü', 'तीन'])
    expect(answers).toEqual(['one!', 'zwei ü!', 'तीन!'])
  })

  test('frames that come before anybody listens are kept', async () => {
    greet = () => {}
    const client = await open()
    const transport = await arrived.promise
    await new Promise((resolve) => client.send('early', resolve))
    await ask('/')
    expect(await new Promise((resolve) => transport.onFrame(resolve))).toBe('early')
  })

  test.each<[string, string | Buffer, number]>([
    ['an oversized frame', 'x'.repeat(MAX_FRAME_BYTES + 1), 1009],
    ['a binary frame', Buffer.from('{}'), 1003],
  ])('%s ends its window and no other', async (_, frame, expected) => {
    greet = (transport) => transport.onFrame((sent) => transport.send(sent))
    const [client, other] = [await open(), await open()]
    client.send(frame)
    const [code] = (await once(client, 'close')) as [number]
    expect(code).toBe(expected)
    other.send('still here')
    expect(String((await once(other, 'message'))[0])).toBe('still here')
  })

  test('a window that stopped reading is ended, and no other', async () => {
    const slow = await open()
    const transport = await arrived.promise
    const other = await open()
    slow.pause()
    const ended = new Promise<void>((resolve) => transport.onClose(resolve))
    const frame = 'x'.repeat(1024 * 1024)
    for (let i = 0; i < 64; i++) transport.send(frame)
    await ended
    transports[1]!.send('for you')
    expect(String((await once(other, 'message'))[0])).toBe('for you')
  })

  test('a transport that closes says so to its window, and sending after that does nothing', async () => {
    const client = await open()
    const transport = await arrived.promise
    const ended = new Promise<void>((resolve) => transport.onClose(resolve))
    transport.close()
    await Promise.all([once(client, 'close'), ended])
    transport.send('late')
  })

  test('closing the shell ends every window', async () => {
    const client = await open()
    const closed = once(client, 'close')
    await shell.close()
    await closed
  })
})
