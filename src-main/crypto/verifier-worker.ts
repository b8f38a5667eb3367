/** What a thread of crypto/verifier-pool.ts runs: records in, verdicts out, in the same order. */
import { parentPort } from 'node:worker_threads'
import { sodiumCrypto } from './sodium.ts'
import { verifyRecords } from './verifier.ts'

const port = parentPort!
port.on('message', (records: Uint8Array) => port.postMessage(verifyRecords(records, sodiumCrypto.verify)))
port.postMessage('ready')
