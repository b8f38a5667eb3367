import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import { createLibp2pNetwork } from '../../src-main/network/libp2p/node.ts'
import { networkContract } from '../contract/network.ts'
import { makeRudeLibp2p } from '../helpers/rude-libp2p.ts'

const make = () =>
  createLibp2pNetwork({
    secretKey: sodiumCrypto.keyPair().secretKey,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    mdns: false,
  })

networkContract('libp2p', () => ({ make, makeRude: makeRudeLibp2p }))
