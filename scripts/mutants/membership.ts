/** Bugs in the rules of membership (src-main/core/control). Their names begin with the rule. */
import type { Plant } from './plants.ts'

const OPERATION = 'src-main/core/control/operation.ts'
const CUTS = 'src-main/core/control/cuts.ts'
const ROLES = 'src-main/core/control/roles.ts'
const STANDING = 'src-main/core/control/standing.ts'
const VERDICTS = 'src-main/core/control/verdicts.ts'
const RESOLVER = 'src-main/core/control/resolver.ts'
const MEMBERS = 'src-main/core/members.ts'
const FORK = 'src-main/core/fork.ts'
const ENGINE = 'src-main/core/engine.ts'
const LEDGER = 'src-main/core/control/ledger.ts'
const CONFLICTS = 'src-main/core/control/conflicts.ts'
const AUDIT = 'src-main/core/control/audit.ts'

export const MEMBERSHIP_PLANTS: readonly Plant[] = [
  {
    name: 'R1: operations are judged by everything that is here',
    file: RESOLVER,
    find: 'const circumstances = this.#standing(past, context).circumstancesOf(operation)\n    const judged',
    replace: 'const circumstances = this.#now().circumstancesOf(operation)\n    const judged',
  },
  {
    name: 'R2: equals act on each other',
    file: OPERATION,
    find: 'governs && target < author && !isProtected',
    replace: 'governs && target <= author && !isProtected',
  },
  {
    name: 'R2: one gives as much as one has',
    file: OPERATION,
    find: 'author >= ROLE.admin && (role < author ||',
    replace: 'author >= ROLE.admin && (role <= author ||',
  },
  {
    name: 'R2: admins act on named successors',
    file: OPERATION,
    find: 'const isProtected = author < ROLE.owner &&',
    replace: 'const isProtected = author < ROLE.reader &&',
  },
  {
    name: 'R3: revocations cancel nothing',
    file: VERDICTS,
    find: 'else cancel(context, number)',
    replace: 'else cancel(context, Infinity)',
  },
  {
    name: 'R3: cuts accept one more than they say',
    file: CUTS,
    find: 'seq > (extent?.c ?? 0))',
    replace: 'seq > (extent?.c ?? 0) + 1)',
  },
  {
    name: 'R3: devices that a cut leaves out are accepted',
    file: CUTS,
    find: 'seq > (extent?.c ?? 0))',
    replace: 'seq > (extent?.c ?? Infinity))',
  },
  {
    name: 'R3: cuts accept what their author had not seen',
    file: CUTS,
    find: '(!isSeen || seq > (extent?.c ?? 0))',
    replace: 'seq > (extent?.c ?? 0)',
  },
  {
    name: 'R3: cuts reach what was done with a higher role',
    file: CUTS,
    find: 'role <= revokingRole && (!isSeen',
    replace: '(!isSeen',
  },
  {
    name: 'R3: the founding can be cancelled',
    file: CUTS,
    find: "if (change.kind === 'create') return false\n  const isSeen",
    replace: 'const isSeen',
  },
  {
    name: 'R3: leaving is cancelled',
    file: CUTS,
    find: "return isLoweringOneself(done.operation) && revocation.operation.change.kind !== 'removeDevice'",
    replace: 'return isLoweringOneself(done.operation) && revocation.depth < 0',
  },
  {
    name: 'R4: who gets its role back is not considered again',
    file: VERDICTS,
    find: 'for (let next; (next = waiting.findIndex(mayCount)) >= 0;) accept(waiting.splice(next, 1)[0]!)',
    replace: 'if (mayCount(revocation)) accept(waiting.pop()!)',
  },
  {
    name: 'R3: leaving beyond a cut still ends invites',
    file: VERDICTS,
    find: '!context.blunted.has(revocation) && this.verdict(revocation, context)',
    replace: 'this.verdict(revocation, context)',
  },
  {
    name: 'R3: invites outlast the office that gave them',
    file: CUTS,
    find: '!mayInvite(change.kind',
    replace: 'mayInvite(change.kind',
  },
  {
    name: 'R3: a revoked invite admits whoever has not seen that',
    file: CUTS,
    find: 'change.invite === revoking.invite && !isSeen',
    replace: 'change.invite === revoking.invite && isSeen',
  },
  {
    name: 'R3: what comes later than a revocation is not looked at',
    file: VERDICTS,
    find: 'if (past.missing.length === 0 && past.limit === number) return false',
    replace: 'if (past.missing.length >= 0) return false',
  },
  {
    name: 'R4: whoever came first takes precedence',
    file: CUTS,
    find: 'role === revokingRole && !isSubject',
    replace: 'role >= 0 && !isSubject',
  },
  {
    name: 'R4: of equals the later one takes precedence',
    file: CUTS,
    find: 'reach(a) - reach(b) || a.depth - b.depth',
    replace: 'reach(a) - reach(b) || b.depth - a.depth',
  },
  {
    name: 'R4: revocations come before the removal of the device',
    file: CUTS,
    find: 'return reach(a) - reach(b) || a.depth',
    replace: 'return a.depth',
  },
  {
    name: 'R4: revocations are considered as they come',
    file: VERDICTS,
    find: 'revocations.toSorted((a, b) => precedence(judged[a]!, judged[b]!))',
    replace:
      'judged.length > 0 ? [...revocations] : [...revocations].sort((a, b) => precedence(judged[a]!, judged[b]!))',
  },
  {
    name: 'R4: a succession that does not hold lends its role',
    file: CUTS,
    find: 'return Math.min(rank(one), ...roles)',
    replace: 'return Math.max(rank(one), ...roles)',
  },
  {
    name: 'R4: an admin takes back that somebody became an owner',
    file: CUTS,
    find: "judged.operation.change.kind === 'succeed' ? ROLE.owner",
    replace: "judged.operation.change.kind === 'succeed' ? ROLE.reader",
  },
  {
    name: 'R4: the removal of a device comes before that of its person',
    file: CUTS,
    find: 'role === revokingRole && !isSubject(done, revocation)',
    replace: 'role === revokingRole',
  },
  {
    name: 'R5: an addition wins',
    file: ROLES,
    find: 'removals.every((removal) =>',
    replace: 'removals.length === 0 || removals.some((removal) =>',
  },
  {
    name: 'R5: additions never outlast a removal',
    file: ROLES,
    find: '    return isBefore(removal, admission)\n',
    replace: '    return isBefore(removal, admission) && false\n',
  },
  {
    name: 'R5: an invite from before the removal admits again',
    file: ROLES,
    find: 'isBefore(removal, admission.invite)',
    replace: 'isBefore(removal, admission)',
  },
  {
    name: 'R5: the banned come back by invite',
    file: ROLES,
    find: 'return !removed.ban && admission.invite',
    replace: 'return admission.invite',
  },
  {
    name: 'R6: of concurrent roles the greatest counts',
    file: ROLES,
    find: 'set = Math.min(set ?? role, role)',
    replace: 'set = Math.max(set ?? role, role)',
  },
  {
    name: 'R6: of concurrent additions the least counts',
    file: ROLES,
    find: 'admitted = Math.max(admitted ?? role, role)',
    replace: 'admitted = Math.min(admitted ?? role, role)',
  },
  {
    name: 'R6: earlier roles count as well',
    file: ROLES,
    find: 'if (latest.some((later) => isBefore(one, later))) continue',
    replace: 'if (latest.some((later) => isBefore(one, later)) && one.depth < 0) continue',
  },
  {
    name: 'R7: what depended on something cancelled stays',
    file: VERDICTS,
    find: 'const again = { ...circumstances, isDeviceRemoved, author: standing.role(author) }',
    replace: 'const again = { ...circumstances, isDeviceRemoved }',
  },
  {
    name: 'R7: a join stays whose invite was cancelled',
    file: VERDICTS,
    find: 'return !isDeviceRemoved && invite !== undefined && invite.isBacked',
    replace: 'return !isDeviceRemoved && (!invite || invite.isBacked)',
  },
  {
    name: 'R7: a succession stays whose naming was cancelled',
    file: VERDICTS,
    find: "if (change.kind === 'succeed') again.named = standing.named()",
    replace: '',
  },
  {
    name: 'R7: a revocation that fell still cancels',
    file: VERDICTS,
    find: '(fallen = this.#fallen(context)) !== undefined',
    replace: '(fallen = this.#fallen(context)) === -1',
  },
  {
    name: 'invites: uses are not counted',
    file: OPERATION,
    find: '      !invite.isUsedUp &&\n',
    replace: '',
  },
  {
    name: 'invites: their date is not looked at',
    file: OPERATION,
    find: 'timeMs <= invite.expiresMs',
    replace: 'timeMs <= Infinity',
  },
  {
    name: 'invites: whoever comes back uses one up',
    file: STANDING,
    find: '    joined.delete(joining)\n',
    replace: '',
  },
  {
    name: 'devices: a removed one acts on',
    file: STANDING,
    find: 'author: isDeviceRemoved ? undefined : this.role(author),\n      isDeviceRemoved,',
    replace: 'author: this.role(author),\n      isDeviceRemoved: false,',
  },
  {
    name: 'devices: a removed one joins again',
    file: OPERATION,
    find: '      !isDeviceRemoved &&\n',
    replace: '',
  },
  {
    name: 'devices: anybody’s can be removed',
    file: OPERATION,
    find: 'return isOwnDevice',
    replace: 'return isOwnDevice || author >= ROLE.reader',
  },
  {
    name: 'devices: one that removes another undoes its own removal',
    file: CUTS,
    find: "change.kind === 'join' || change.kind === 'removeDevice'",
    replace: "change.kind === 'join'",
  },
  {
    name: 'devices: the removal of one takes its person’s membership',
    file: CUTS,
    find: "change.kind === 'join' || change.kind === 'removeDevice'",
    replace: "change.kind === 'removeDevice'",
  },
  {
    name: 'devices: a removal goes for whoever else used it',
    file: STANDING,
    find: 'this.#operation(number).author === user && this.counts(number))\n  }\n\n  /** Whether somebody did',
    replace: 'this.counts(number) && user !== undefined)\n  }\n\n  /** Whether somebody did',
  },
  {
    name: 'successors: anybody may succeed',
    file: OPERATION,
    find: 'isNamed(named, by)',
    replace: 'named.length >= 0',
  },
  {
    name: 'successors: admins name them',
    file: OPERATION,
    find: 'return author === ROLE.owner && (change',
    replace: 'return author >= ROLE.admin && (change',
  },
  {
    name: 'successors: a withdrawal comes too late',
    file: CUTS,
    find: "if (change.kind !== 'succeed' || isSeen ||",
    replace: "if (change.kind !== 'succeed' || !isSeen ||",
  },
  {
    name: 'successors: an earlier naming counts as well',
    file: STANDING,
    find: 'if (namings.some((later) => pasts.isBefore(number, later))) continue',
    replace: '',
  },
  {
    name: 'successors: named by whoever is no owner any more',
    file: STANDING,
    find: 'if (!isRemoved && this.role(owner) === ROLE.owner)',
    replace: 'if (!isRemoved)',
  },
  {
    name: 'successors: a removal does not end a naming',
    file: STANDING,
    find: 'if (!isRemoved && this.role(owner) === ROLE.owner)',
    replace: 'if (this.role(owner) === ROLE.owner)',
  },
  {
    name: 'rotate: readers may',
    file: OPERATION,
    find: 'return author >= ROLE.member\n',
    replace: 'return author >= ROLE.reader\n',
  },
  {
    name: 'unknown operations count',
    file: OPERATION,
    find: "case 'unknown':\n      return false",
    replace: "case 'unknown':\n      return true",
  },
  {
    name: 'messages: what a message had seen does not matter',
    file: RESOLVER,
    find: '|| holds(view, number)) return false',
    replace: '|| (holds(view, number) && seq < 0)) return false',
  },
  {
    name: 'messages: demotions to a member hide',
    file: RESOLVER,
    find: "if (change.kind === 'role' && change.role >= ROLE.member) return false",
    replace: '',
  },
  {
    name: 'messages: a cut is that of the control chain',
    file: RESOLVER,
    find: 'seq <= (extent?.m ?? 0)',
    replace: 'seq <= (extent?.m ?? 1)',
  },
  {
    name: 'messages: revocations that do not count hide',
    file: RESOLVER,
    find: '!whole.blunted.has(number) && this.#verdicts.verdict(number, whole)',
    replace: '!whole.blunted.has(number)',
  },
  {
    name: 'version: does not grow when somebody is removed',
    file: RESOLVER,
    find: 'if (isOtherwise || (judged',
    replace: 'if (isOtherwise && (judged',
  },
  {
    name: 'version: grows by whatever comes',
    file: RESOLVER,
    find: 'if (isOtherwise || (judged.isRevocation && this.isEffective(id))) this.#version++',
    replace: 'this.#version += isOtherwise ? 1 : 1',
  },
  {
    name: 'members are not resolved again when something is cancelled',
    file: RESOLVER,
    find: 'isOtherwise = true\n      const target',
    replace: 'isOtherwise = true\n      if (latest > 0) continue\n      const target',
  },
  {
    name: 'joins are not found by who made the invite',
    file: LEDGER,
    find: '      revocations = joined(revocations, this.lowerings(invite.operation.author))\n',
    replace: '',
  },
  {
    name: 'disputed: what somebody did whose role is disputed is as ever',
    file: LEDGER,
    find: 'return this.#reachOf(user)\n',
    replace: 'return this.#reachOf(user).slice(0, 0)\n',
  },
  {
    name: 'disputed: joins by an invite that is disputed are as ever',
    file: LEDGER,
    find: 'this.#disputedInvites.add(invite)\n      return this.joins(invite)',
    replace: 'this.#disputedInvites.add(invite)\n      return NONE',
  },
  {
    name: 'disputed: what comes later is as ever',
    file: LEDGER,
    find: 'if (this.#disputedUsers.has(author) ||',
    replace: 'if (',
  },
  {
    name: 'disputed: what joins later is as ever',
    file: LEDGER,
    find: 'return this.#disputedInvites.has(change.invite) || this.#disputedUsers',
    replace: 'return this.#disputedInvites.size < 0 && this.#disputedUsers',
  },
  {
    name: 'disputed: successions are not, unless they are reached',
    file: LEDGER,
    find: 'for (const number of this.#successions) open',
    replace: 'for (const number of NONE) open',
  },
  {
    name: 'conflicts: mutual removals are told as any other',
    file: CONFLICTS,
    find: "? 'mutual' : 'cut'",
    replace: "? 'cut' : 'cut'",
  },
  {
    name: 'conflicts: what fell with the cancelled is not told',
    file: CONFLICTS,
    find: 'lost.some((one) => this.#resolver.isBefore(one.id, id))',
    replace: 'lost.some((one) => this.#resolver.isBefore(id, one.id))',
  },
  {
    name: 'audit: listed as it came',
    file: AUDIT,
    find: 'return one.timeMs - other.timeMs || one.depth - other.depth || (a.id < b.id ? -1 : 1)',
    replace: 'return one === other ? 1 : 0',
  },
  {
    name: 'R8: what comes to nothing is not taken',
    file: MEMBERS,
    find: 'const role = this.#all.roleAt(operation.parents, operation.author, tag)',
    replace:
      "if (!this.#all.wouldAllow(operation)) return { reason: 'not-a-member' }\n" +
      '    const role = this.#all.roleAt(operation.parents, operation.author, tag)',
  },
  {
    name: 'R9: a proof of a fork hides nothing',
    file: FORK,
    find: 'return !this.#forked.has(entry.tag) && !this.#cutOff.has(entry)',
    replace: 'return !this.#cutOff.has(entry)',
  },
  {
    name: 'R9: the roster counts whatever a forked device wrote',
    file: FORK,
    find: 'return !this.#forked.has(entry.tag) || this.#acknowledged.has(entry)',
    replace: 'return !this.#forked.has(entry.tag) || entry.seq > 0',
  },
  {
    name: 'cuts: messages beyond one stay',
    file: MEMBERS,
    find: 'return this.#shown.isBeyondCut({ user, device: tag, seq, heads: this.#counted(seen?.heads ?? []) })',
    replace: 'return seq > 1_000_000',
  },
  {
    name: 'cuts: what comes after a removal is not held against it',
    file: FORK,
    find: 'if (!this.#isBeyondCut(entry)) return\n',
    replace: 'if (entry.seq < 1_000_000) return\n',
  },
  {
    name: 'cuts: what came before a removal is not held against it',
    file: ENGINE,
    find: 'const { hidden, shown } = forks.judgeAgain(this.roster.cutDevices())',
    replace: 'const { hidden, shown } = forks.judgeAgain([])',
  },
  {
    name: 'cuts: a message beyond one is shown where somebody answered it',
    file: FORK,
    find: 'return this.isKept(entry) && !this.#cutOff.has(entry)',
    replace: 'return this.isKept(entry)',
  },
  {
    name: 'cuts: what somebody answered is not kept when it lies beyond one',
    file: FORK,
    find: 'return this.stands(entry) || this.#acknowledged.has(entry)',
    replace: 'return this.stands(entry) || (this.#acknowledged.has(entry) && !this.#cutOff.has(entry))',
  },
  {
    name: 'removed: nobody is told what led to it',
    file: 'src-main/messenger/admission.ts',
    find: 'return id === removal || this.#log.engine.roster.isBefore(id, removal)',
    replace: 'return id === removal',
  },
  {
    name: 'removed: whoever was is told what came later as well',
    file: 'src-main/messenger/admission.ts',
    find: 'return id === removal || this.#log.engine.roster.isBefore(id, removal)',
    replace: 'return id.length > 0',
  },
  {
    name: 'removed: whoever was may ask for everything',
    file: 'src-main/messenger/admission.ts',
    find: "if (removal === undefined || chainOf(kind) !== 'c') return false\n",
    replace: 'if (removal !== undefined) return true\n',
  },
]
