/** What was written in a group and not sent; it outlives the window, and is gone with the group. */
import * as v from 'valibot'
import type { Draft, GroupId } from '../api/contract.ts'
import { draftKey } from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'
import { DraftShape } from './arguments.ts'

const NOTHING: Draft = { text: '' }

export async function saveDraft(storage: Storage, group: GroupId, draft: Draft): Promise<void> {
  const key = draftKey(group)
  if (draft.text === '' && !draft.replyTo) await storage.write({ put: [], remove: [key] })
  else await storage.write({ put: [[key, new TextEncoder().encode(JSON.stringify(draft))]] })
}

/** What cannot be read is no draft. */
export async function readDraft(storage: Storage, group: GroupId): Promise<Draft> {
  const bytes = await storage.get(draftKey(group))
  if (!bytes) return NOTHING
  try {
    return v.parse(DraftShape, JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    return NOTHING
  }
}
