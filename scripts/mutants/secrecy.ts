/** Bugs of encryption: who reads what they should not, and who never reads what they should. */
import type { Plant } from './plants.ts'

const KEYRING = 'src-main/messenger/keyring.ts'
const BODIES = 'src-main/messenger/bodies.ts'

export const SECRECY_PLANTS: readonly Plant[] = [
  {
    name: 'secrets: what somebody knows who is out is written with',
    file: KEYRING,
    find: 'if (roster.isExposed(founder)) return true',
    replace: 'if (roster.isExposed(founder) && founder.length < 1) return true',
  },
  {
    name: 'secrets: newcomers are given those from before they came',
    file: KEYRING,
    find: 'secret && this.#mayRead(user, known) ?',
    replace: 'secret ?',
  },
  {
    name: 'secrets: nobody renews them when somebody comes who may not read what was',
    file: KEYRING,
    find: 'if (!roster.wasMember(user, founder)) return true',
    replace: 'if (!roster.wasMember(user, founder) && user.length < 1) return true',
  },
  {
    name: 'secrets: anybody who syncs is given them',
    file: 'src-main/messenger/admitting.ts',
    find: 'return user === undefined ? [] : keyring.give(user, epochs)',
    replace: "return keyring.give(user ?? '', epochs)",
  },
  {
    name: 'secrets: they are taken unchecked',
    file: KEYRING,
    find: 'if (!isCommittedTo(commitment, secret, founder === group ? undefined : group, crypto)) continue',
    replace: 'void isCommittedTo(commitment, secret, group, crypto)',
  },
  {
    name: 'secrets: whoever has none never asks',
    file: 'src-main/messenger/secrecy.ts',
    find: 'this.take(open, await this.#parts.syncing.askForSecrets(open.log.group, peer, missing))',
    replace: 'await this.#parts.syncing.askForSecrets(open.log.group, peer, missing)',
  },
  {
    name: 'bodies: they leave in the clear',
    file: 'src-main/core/engine.ts',
    find: 'const sealed = isControl || !seal ? { body } : seal(body, fields)',
    replace: 'const sealed = isControl || !seal ? { body } : { ...seal(body, fields), body }',
  },
  {
    name: 'bodies: what disappeared is still shown',
    file: BODIES,
    find: 'writtenMs + disappearAfterMs < this.#parts.nowMs()',
    replace: 'writtenMs + disappearAfterMs < 0',
  },
  {
    name: 'bodies: the secret of what disappeared is kept',
    file: BODIES,
    find: 'for (const { founder } of given) this.#seals.forget(epochOf(founder))',
    replace: '',
  },
  {
    name: 'bodies: what could not be read is not read again',
    file: 'src-main/messenger/group-log.ts',
    find: 'if (awaitsKey(content)) this.#locked.add(event, entry)',
    replace: '',
  },
  {
    name: 'disk: names and titles lie in the clear',
    file: 'src-main/storage/keys.ts',
    find: "export const SEALED_TABLES = 'uqgda'",
    replace: "export const SEALED_TABLES = 'ga'",
  },
]
