/** What may go wrong in a world, by name. */
export const FAULTS = [
  'loss',
  'reorder',
  'duplicate',
  'partition',
  'skew',
  'crash',
  'offline',
  'hostile',
] as const
export type Fault = (typeof FAULTS)[number]
export type Faults = ReadonlySet<Fault>

export const ALL_FAULTS: Faults = new Set(FAULTS)
export const NO_FAULTS: Faults = new Set()

/** A message between two neighbours is lost. */
export const LOSS_PROBABILITY = 0.1
/** It comes once more, after everything that recognises copies has forgotten it. */
export const DUPLICATE_PROBABILITY = 0.02
/** Clocks of ordinary devices are wrong by up to this, either way. */
export const MAX_SKEW_MS = 5 * 60_000
/** Of one in so many devices, by hours. */
export const BADLY_SKEWED_ONE_IN = 200
export const MAX_BAD_SKEW_MS = 3 * 60 * 60_000
