/**
 * The same messenger without Electron: browser mode, bots, demo peers. Prints the URL that opens its window.
 *
 *   node src-main/headless.ts --data DIR [--port P] [--listen MULTIADDR]... [--no-mdns] [--name NAME]
 *                             [--operator] [--json] [--delay MS] [--attached]
 *
 * TAPRI_PASSPHRASE, from the environment, opens the keys, and guards new ones. Without it a passphrase is asked for in the
 * window, where one guards them.
 *
 * --attached: ends when its standard input does, so that it never outlives the program that started it.
 */
import { join } from 'node:path'
import { homedir } from 'node:os'
import { parseArgs } from 'node:util'
import { AppError } from './api/errors.ts'
import { openMessenger } from './messenger/opening.ts'
import { serveClient } from './shell/serve.ts'
import { Starting } from './starting.ts'
import { serveWebSocket } from './shell/websocket.ts'

const WINDOW_FOLDER = join(import.meta.dirname, '..', 'out', 'renderer')
const CLOSE_TIMEOUT_MS = 5_000

interface HeadlessOptions {
  dataFolder: string
  port: number
  listen: string[]
  mdns: boolean
  name: string | undefined
  delayMs: number
  operator: boolean
  json: boolean
  attached: boolean
}

function readOptions(): HeadlessOptions {
  const { values } = parseArgs({
    options: {
      data: { type: 'string' },
      port: { type: 'string', default: '0' },
      listen: { type: 'string', multiple: true },
      'no-mdns': { type: 'boolean', default: false },
      name: { type: 'string' },
      delay: { type: 'string', default: '0' },
      operator: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      attached: { type: 'boolean', default: false },
    },
  })
  const count = (name: string, text: string, limit: number) => {
    const value = Number(text)
    if (Number.isInteger(value) && value >= 0 && value <= limit) return value
    throw new AppError('INVALID_ARGUMENT', `--${name} must be a number from 0 to ${limit}.`)
  }
  return {
    dataFolder: values.data ?? process.env['TAPRI_DATA'] ?? join(homedir(), '.tapri'),
    port: count('port', values.port, 65_535),
    listen: values.listen ?? ['/ip4/0.0.0.0/tcp/0'],
    mdns: !values['no-mdns'],
    name: values.name,
    delayMs: count('delay', values.delay, 60_000),
    operator: values.operator,
    json: values.json,
    attached: values.attached,
  }
}

async function main(): Promise<void> {
  const options = readOptions()
  const { dataFolder, listen, mdns, name, delayMs, port, operator, json, attached } = options
  const start = async (passphrase?: string) => {
    const messenger = await openMessenger({ dataFolder, listen, mdns, name, delayMs, passphrase })
    messenger.opened.catch(fail)
    return messenger
  }
  const starting = new Starting((passphrase) => start(passphrase ?? process.env['TAPRI_PASSPHRASE']))
  await starting.served()
  if (!starting.messenger && !starting.isLocked) process.exit(1)
  const server = await serveWebSocket({
    folder: WINDOW_FOLDER,
    port,
    onClient: (transport) =>
      void starting.served().then((served) => serveClient(transport, served, { operator }), fail),
  })
  let closing = false
  const close = () => {
    if (closing) return
    closing = true
    setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS).unref()
    server
      .close()
      .then(() => starting.close())
      .then(() => process.exit(0), fail)
  }
  process.once('SIGINT', close)
  process.once('SIGTERM', close)
  if (attached) process.stdin.once('close', close).resume()
  const peer = (await starting.messenger?.operator.getPeerKey())?.peer
  if (json) console.log(JSON.stringify({ ready: true, url: server.url, peer, locked: starting.isLocked }))
  else {
    console.log(`Tapri is running on ${dataFolder}. Open this in a browser on this machine:`)
    console.log(`  ${server.url}`)
  }
}

function fail(error: unknown): never {
  const isExpected =
    error instanceof AppError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS')
  console.error(isExpected ? (error as Error).message : error)
  process.exit(1)
}

process.on('unhandledRejection', fail)
await main().catch(fail)
