/** How text frames travel between a window and the messenger; Electron IPC and WebSocket both look like this. */
export interface Transport {
  send(frame: string): void
  /** One listener; frames that came before it are delivered when it is set. */
  onFrame(listener: (frame: string) => void): void
  /** Called once, when the other side is gone. */
  onClose(listener: () => void): void
  close(): void
}

/** Frames above this are refused on both sides. */
export const MAX_FRAME_BYTES = 4 * 1024 * 1024
