import type { Opening } from '../../src-main/messenger/bodies.ts'

/** Reads what engines write that have no encryption. */
export const unsealed: Opening = { open: ({ kind, body }) => ({ kind, plaintext: body }) }
