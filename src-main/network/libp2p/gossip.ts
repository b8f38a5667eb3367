import { gossipsub, StrictNoSign } from '@libp2p/gossipsub'
import { createHash } from 'node:crypto'

/** A neighbour answers in one piece when it is asked for many messages; what is larger ends its gossip to us. */
const MAX_RPC_SIZE_BYTES = 4 * 1024 * 1024

/** What is sent under several topics is another message in each: whoever listens to one of them is to have it. */
function digestOf(topic: string, data: Uint8Array | undefined): Buffer {
  const hash = createHash('sha256').update(`${topic.length} ${topic}`)
  return hash.update(data ?? new Uint8Array()).digest()
}

/**
 * gossipsub as Tapri uses it. Our signature is the signature (StrictNoSign), and copies are recognised by topic
 * and content before anything else is looked at. Several peers behind one address are a family or a test, not an attack.
 */
export function gossipService() {
  return gossipsub({
    globalSignaturePolicy: StrictNoSign,
    // 128 bits are plenty to recognise a copy; whoever crafts a collision only hides a message of its own.
    msgIdFn: ({ topic, data }) => digestOf(topic, data).subarray(0, 16),
    fastMsgIdFn: ({ topic, data }) => digestOf(topic, data).toString('base64'),
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
