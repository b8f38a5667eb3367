/**
 * Every bound of the engine, with its unit. A hostile member can push any of these to the limit, and no further.
 * Each has a test that reaches it.
 */

/** One encoded event, all fields. */
export const MAX_EVENT_SIZE_BYTES = 64 * 1024
/** The body (later: ciphertext) of one event. */
export const MAX_BODY_SIZE_BYTES = 48 * 1024
/** Dots that one event cites; more tips are cited by later events. */
export const MAX_DEPS = 32
/** Control heads that one event cites. */
export const MAX_CONTROL_HEADS = 64
/** Devices of one person that a revocation names; the latest, of anybody who has more. */
export const MAX_CUT_DEVICES = 64
/** How often one invite may be used. */
export const MAX_INVITE_USES = 10_000

/** Events of one device that wait for earlier ones. */
export const MAX_PENDING_PER_DEVICE = 64
/** Waiting events that one neighbour handed over. */
export const MAX_PENDING_PER_SOURCE = 512
/** Waiting events of a group. */
export const MAX_PENDING_PER_GROUP = 4096
/** Bytes of waiting events of a group. */
export const MAX_PENDING_SIZE_BYTES = 8 * 1024 * 1024
/** An event that waited longer is dropped; sync fetches it again when its past is there. */
export const MAX_PENDING_AGE_MS = 10 * 60 * 1000
/** Waiting longer than this, an event is shown greyed; its state is unaffected. */
export const PREVIEW_AFTER_MS = 3_000

/** Events of devices that are not in the roster yet, kept until its control events arrive. */
export const MAX_HELD_EVENTS = 512
export const MAX_HELD_PER_DEVICE = 64

/** Events of a group that came and are not taken in yet, from which on gossip is not taken; sync finds it again. */
export const MAX_ARRIVING_SIZE_BYTES = 1024 * 1024
/** Signatures that threads have been given; whoever brings more waits. */
export const MAX_VERIFYING_EVENTS = 4_096

/** An event dated further ahead of the reference clock waits until it is due. Two clocks wrong by 5 minutes each pass. */
export const MAX_FUTURE_MS = 10 * 60_000
/** Events that wait until they are due. */
export const MAX_FUTURE_EVENTS = 256

/** Events of one device that gossip hands on in the long run, and at once. */
export const RELAY_EVENTS_PER_S = 5
export const RELAY_BURST_EVENTS = 1_000

/** Ages of the oldest gap at which more peers are asked for it. */
export const GAP_ASK_SOURCE_AFTER_MS = 200
export const GAP_ASK_MORE_AFTER_MS = 1_000
export const GAP_ASK_ALL_AFTER_MS = 10_000

/** Ranges and control events that one question for gaps names, and the events of one answer. */
export const MAX_MISSING_RANGES = 512
export const MAX_MISSING_HEADS = 64
export const MAX_MISSING_EVENTS = 1_024

/** Events of a forked device, or beyond the cut of a removal, that nobody else's event depends on; they are hidden. */
export const MAX_HIDDEN_PER_DEVICE = 32
/** Devices of which the last event that was not taken is remembered: with another of its place it proves a fork. */
export const MAX_REFUSED_KEPT = 64
/** Ways to tell apart what one event cites, tried until its commitment fits; it counts where devices forked only. */
export const MAX_BRANCH_CHOICES = 4_096
/** Places of one forked device's chain that a clock frame names. */
export const MAX_TIPS_PER_FORKED_CHAIN = 256

/** Clocks kept, the ones used last; others are rebuilt on demand. */
export const MAX_CACHED_CLOCKS = 1_024

/** Places listed in one clock frame: at 21 bytes each, at most, it fits into a frame of the network. */
export const MAX_CLOCK_TIPS = 12_000
/** Forked devices listed in one session. */
export const MAX_FORKS_LISTED = 10_000
/** Payload of one frame of events; a single larger event still travels alone. */
export const EVENTS_FRAME_SIZE_BYTES = 64 * 1024
/** Sync sessions of a group that one peer may have begun at once: one, and another that is just ending. */
export const MAX_SESSIONS_PER_PEER = 2
/** Of a peer's own events that it hands over by sync, those that are gossiped on: its last ones. */
export const MAX_UNHEARD = 64
/** Own events that wait to be gossiped. */
export const MAX_OUTBOX_SIZE_BYTES = 4 * 1024 * 1024
/** Rejected events after which a sync session is ended. */
export const MAX_REJECTED_PER_SESSION = 64
/** Events of the slices that a plan is cut into; more, when there would be too many slices. */
export const SLICE_EVENTS = 1_000
export const MAX_SLICES = 4_096
/** Slices that are asked for before the one before them is here. */
export const MAX_SLICES_AHEAD = 8
/** How often a session looks at an event that it offers, before it takes the questions for an attack. */
export const MAX_LOOKS_PER_EVENT = 8
/** Events of a slice that came before those of an earlier slice, as bytes: then its stream is not read on. */
export const MAX_EARLY_SIZE_BYTES = 2 * 1024 * 1024
/** A slice that everything waits for is given to another peer after this. */
export const SLICE_TIMEOUT_MS = 15_000
/** Events of a plan from which on catching up is shown, and begins with the newest screens. */
export const LONG_PLAN_EVENTS = 1_000

/** Events refused for the state of the receiver, such as a full buffer, after which a sync session is ended. */
export const MAX_PASSING_PER_SESSION = 4_096
/** What a peer shows to be admitted to a sync session: the largest is an entrance that cites MAX_CONTROL_HEADS. */
export const MAX_CREDENTIAL_SIZE_BYTES = 3 * 1024
/** Addresses taken from one peer, and their length. */
export const MAX_ADDRESSES = 64
export const MAX_ADDRESS_SIZE_BYTES = 256

/** Newest events that are shown before the history that leads to them is here; and their size. */
export const MAX_WINDOW_EVENTS = 200
export const MAX_WINDOW_SIZE_BYTES = 1024 * 1024

/** A passphrase, as UTF-8. */
export const MAX_PASSPHRASE_SIZE_BYTES = 1024
/** What a text or file from elsewhere may make this device spend on one passphrase: 1 GiB, some 20 s. */
export const MAX_PASSWORD_PASSES = 16
export const MAX_PASSWORD_MEMORY_KIB = 1024 * 1024
/** An exported identity, as text; and the name in it, as UTF-8. */
export const MAX_EXPORT_SIZE_BYTES = 1024
export const MAX_EXPORTED_NAME_SIZE_BYTES = 256

/** Devices that a rotate event brings a secret: 88 bytes each, so that it fits into a body. More of them ask for it. */
export const MAX_SHARES = 512
/** Secrets in one frame from a member to a newcomer. */
export const MAX_SECRETS_PER_FRAME = 64
/** What one encrypted body holds: with padding and proof it is one of MAX_BODY_SIZE_BYTES at most. */
export const MAX_PLAINTEXT_SIZE_BYTES = 47_103
/** Chains of message keys that are kept, the ones used last, at some 2 kB; others are derived again. */
export const MAX_CACHED_CHAINS = 2_048
