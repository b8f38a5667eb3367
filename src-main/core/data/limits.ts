/**
 * Bounds of replicated values. Each is judged on a change alone or on its author's own chain, never on what else is
 * here: a rule like "the set is full" would depend on the order in which concurrent changes arrive, and split the group.
 */

/** An element of a set or key of a map, in UTF-16 code units. */
export const MAX_KEY_LENGTH = 256
/** Devices that one change lists as observed; what does not fit is left for the next change. */
export const MAX_OBSERVED = 4096
/** Size of one increment, either way: sums of 2^33 of them are still exact. */
export const MAX_INCREMENT = 2 ** 20
/** Changes of one device that count in one replicated value: so many records can it make others keep. */
export const MAX_CHANGES_PER_DEVICE = 4096
