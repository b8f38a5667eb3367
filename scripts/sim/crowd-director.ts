/**
 * Carries out a membership script in a crowd: whoever is to act appends the control events of it, also those that come to
 * nothing, as a device could that somebody has tampered with. Nothing is sealed in a crowd, so nobody changes a secret after a removal; and nobody is kept
 * from hearing on: that whoever is out changes nothing any more is what is looked at here.
 */
import { encodeChange } from '../../src-main/core/control/bodies.ts'
import { ROLE } from '../../src-main/core/control/operation.ts'
import { KIND } from '../../src-main/core/event.ts'
import { stepText, type Deed, type Step } from '../membership-script.ts'
import type { Crowd } from './crowd.ts'
import type { CrowdPeer } from './crowd-peer.ts'
import { defy } from './hostiles.ts'
import { separate } from './trouble.ts'

type Simple = Parameters<typeof encodeChange>[0]

export class CrowdDirector {
  /** Steps that came to something where they were made; whether that counts in the end is another question. */
  done = 0
  /** A sentence for each step that did not. */
  readonly notDone: string[] = []
  readonly #crowd: Crowd
  readonly #script: readonly Step[]
  readonly #endMs: number
  #next = 0

  /** endMs: until then the crowd writes; world time. */
  constructor(crowd: Crowd, script: readonly Step[], endMs: number) {
    this.#crowd = crowd
    this.#script = script
    this.#endMs = endMs
  }

  /** Carries out what is due at that place of the run. */
  reach(at: number): void {
    for (let step = this.#script[this.#next]; step && step.at <= at; step = this.#script[++this.#next]) {
      const problem = this.#carryOut(step)
      if (problem === undefined) this.done++
      else this.notDone.push(`Row ${step.row} (${stepText(step)}): ${problem}`)
    }
  }

  #carryOut(step: Step): string | undefined {
    const crowd = this.#crowd
    if (step.act === 'heal' || step.act === 'divide') {
      const sides = step.act === 'heal' ? [] : step.sides
      return void separate(crowd, sides)
    }
    const peer = crowd.peers[step.who]
    if (!peer) return 'has no device that is there.'
    if (peer.misdeed) return 'is hostile, and does as it likes.'
    if (peer.isDefiant) return 'writes by hand.'
    if (!crowd.mesh.isOn[peer.index]) return 'is switched off.'
    crowd.catchUp(peer)
    if (step.act === 'defy') return void defy(crowd, peer, this.#endMs)
    for (const change of this.#changesOf(step, peer)) {
      if (!peer.engine.roster.isActive(peer.tag)) return 'is out.'
      const { id } = crowd.append(peer, KIND[change.kind], encodeChange(change))!
      if (!peer.engine.roster.resolver.wasAllowed(id)) return 'is not allowed, and comes to nothing.'
      if (!crowd.mesh.isOn[peer.index]) return 'lost its power.'
    }
    return undefined
  }

  #changesOf(deed: Deed, peer: CrowdPeer): Simple[] {
    const { roster } = peer.engine
    const self = this.#crowd.userOf(peer.index)
    const setRole = (target: string, role: number): Simple => {
      return { kind: 'role', target, role, cut: roster.cutOf(target) }
    }
    const remove = (target: string, ban: boolean): Simple => {
      return { kind: 'remove', target, ban, cut: roster.cutOf(target) }
    }
    const whom = 'whom' in deed ? this.#crowd.userOf(deed.whom) : self
    switch (deed.act) {
      case 'add':
        return [{ kind: 'add', target: whom, role: ROLE[deed.role] }]
      case 'role':
        return [setRole(whom, ROLE[deed.role])]
      case 'remove':
      case 'ban':
        return [remove(whom, deed.act === 'ban')]
      case 'leave':
        return [remove(self, false)]
      case 'transfer':
        return [setRole(whom, ROLE.owner), setRole(self, ROLE.admin)]
      case 'successor':
        return [{ kind: 'successor', target: whom }]
      case 'succeed':
        return [{ kind: 'succeed' }]
      case 'defy':
        return []
    }
  }
}
