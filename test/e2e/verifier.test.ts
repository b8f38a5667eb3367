/** Signatures in the built app, whose threads run a file of the bundle. */
import { expect, test } from 'vitest'
import { fromHex } from '../../src-main/core/bytes.ts'
import { toRecords } from '../../src-main/crypto/verifier.ts'
import { CRAFTED_SIGNATURES } from '../contract/crafted-signatures.ts'
import { openApp } from './app.ts'

test('a thread of the built app gives the verdicts that every other process gives', async () => {
  const { electron } = await openApp()
  const signed = CRAFTED_SIGNATURES.map(({ id, signature, publicKey }) => ({
    id: fromHex(id),
    signature: fromHex(signature),
    publicKey: fromHex(publicKey),
  }))
  const verdicts = await electron.evaluate(
    async ({ app }, records) => {
      const { Worker } = process.getBuiltinModule('node:worker_threads')
      const worker = new Worker(`${app.getAppPath()}/out/main/verifier-worker.js`)
      const said = () =>
        new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
      try {
        await said()
        const answer = said()
        worker.postMessage(Uint8Array.from(records))
        return await answer
      } finally {
        await worker.terminate()
      }
    },
    [...toRecords(signed)],
  )
  expect(verdicts).toEqual(CRAFTED_SIGNATURES.map(({ isValid }) => isValid))
})
