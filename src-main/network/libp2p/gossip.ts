import { gossipsub, StrictNoSign } from '@libp2p/gossipsub'
import { createHash } from 'node:crypto'

/** A neighbour answers in one piece when it is asked for many messages; what is larger ends its gossip to us. */
const MAX_RPC_SIZE_BYTES = 4 * 1024 * 1024

/** 64 bits of SHA-256 are plenty to recognise a copy; whoever crafts a collision only hides a message of its own. */
function contentId(data: Uint8Array): Uint8Array {
  return createHash('sha256').update(data).digest().subarray(0, 16)
}

/**
 * gossipsub as Tapri uses it. Our signature is the signature (StrictNoSign), and copies are recognised by content
 * before anything else is looked at. Several peers behind one address are a family or a test, not an attack.
 */
export function gossipService() {
  return gossipsub({
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: (message) => contentId(message.data),
    fastMsgIdFn: (message) =>
      createHash('sha256')
        .update(message.data ?? new Uint8Array())
        .digest('base64'),
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    emitSelf: false,
    floodPublish: true,
    doPX: false,
    maxInboundDataLength: MAX_RPC_SIZE_BYTES,
    maxOutboundBufferSize: 8 * 1024 * 1024,
    scoreParams: { IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0 },
  })
}
