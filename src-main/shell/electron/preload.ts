/** All that a window may touch: text frames to and from the messenger. Runs sandboxed. */
import { contextBridge, ipcRenderer } from 'electron'

const CHANNEL = 'tapri'
const waiting: string[] = []
let listener: ((frame: string) => void) | undefined

ipcRenderer.on(CHANNEL, (_event, frame: unknown) => {
  if (typeof frame !== 'string') return
  if (listener) listener(frame)
  else waiting.push(frame)
})

contextBridge.exposeInMainWorld(
  'tapri',
  Object.freeze({
    send(frame: unknown) {
      if (typeof frame === 'string') ipcRenderer.send(CHANNEL, frame)
    },
    onFrame(callback: (frame: string) => void) {
      listener = callback
      for (const frame of waiting.splice(0)) callback(frame)
    },
    /** The main process ends its windows with itself: there is nothing to tell. */
    onClose() {},
  }),
)
