/** A headless peer: the same messenger in Node, with the commands of an operator. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { COMMAND_NAMES, UPDATE_NAMES, type Commands, type Updates } from '../../src-main/api/contract.ts'
import { OPERATOR_COMMAND_NAMES, type OperatorCommands } from '../../src-main/api/operator.ts'
import { connectRpc } from '../../src-main/api/rpc.ts'
import { freshFolder } from './app.ts'

const HEADLESS = join(import.meta.dirname, '..', '..', 'src-main', 'headless.ts')

export interface Peer {
  /** Opens its window in a browser. */
  url: string
  call: Commands & OperatorCommands
  stop(): Promise<void>
}

/** Starts a peer that ends with the test. */
export async function startPeer(name?: string): Promise<Peer> {
  const args = [
    '--data',
    freshFolder(),
    '--listen',
    '/ip4/127.0.0.1/tcp/0',
    '--no-mdns',
    '--operator',
    '--json',
  ]
  const named = name === undefined ? [] : ['--name', name]
  const child = spawn(process.execPath, [HEADLESS, ...args, ...named], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const stop = async () => {
    child.kill('SIGTERM')
    await exited
  }
  onTestFinished(stop)
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const { url } = JSON.parse(line) as { url: string }
  return { url, call: await connect(url), stop }
}

async function connect(url: string): Promise<Commands & OperatorCommands> {
  const { host, hash } = new URL(url)
  const socket = new WebSocket(`ws://${host}/rpc`, ['tapri', hash.replace('#token=', '')])
  await once(socket, 'open')
  const transport = {
    send: (frame: string) => socket.send(frame),
    onFrame: (listener: (frame: string) => void) =>
      void socket.on('message', (data: Buffer) => listener(data.toString())),
    onClose: (listener: () => void) => void socket.once('close', listener),
    close: () => socket.close(),
  }
  const ignore = () => {}
  const { call } = connectRpc<Commands & OperatorCommands, Updates>(transport, {
    remote: [...COMMAND_NAMES, ...OPERATOR_COMMAND_NAMES],
    local: {
      groupChanged: ignore,
      messagesDelivered: ignore,
      messagesChanged: ignore,
      timelineChanged: ignore,
      peopleChanged: ignore,
      linkOpened: ignore,
      identityChanged: ignore,
      blockedChanged: ignore,
      groupDeleted: ignore,
    },
    localNames: UPDATE_NAMES,
  })
  return call
}
