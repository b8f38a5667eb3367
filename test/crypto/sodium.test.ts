import { sodiumCrypto } from '../../src-main/crypto/sodium.ts'
import { cryptoContract } from '../contract/crypto.ts'

cryptoContract('libsodium', sodiumCrypto)
