/* eth_sample.h - Ethereum mainnet's block 46147, whose one transaction is the first transfer of
 * ether there ever was: a whole block for tests that need no other file.
 */
#ifndef CZI_TEST_ETH_SAMPLE_H
#define CZI_TEST_ETH_SAMPLE_H

#define Z64 "0000000000000000000000000000000000000000000000000000000000000000"

static const char eth_block_46147[] =
    "{\"hash\":\"0x4e3a3754410177e6937ef1f84bba68ea139e8d1a2258c5f85db9f"
    "1cd715a1bdd\",\"parentHash\":\"0x5a41d0e66b4120775176c09fcf39e7c0520"
    "517a13d2b57b18d33d342df038bfc\",\"sha3Uncles\":\"0x1dcc4de8dec75d7aa"
    "b85b567b6ccd41ad312451b948a7413f0a142fd40d49347\",\"miner\":\"0xe6a7"
    "a1d47ff21b6321162aea7c6cb457d5476bca\",\"stateRoot\":\"0x0e0df2706b0"
    "a4fb8bd08c9246d472abbe850af446405d9eba1db41db18b4a169\",\"transact"
    "ionsRoot\":\"0x4513310fcb9f6f616972a3b948dc5d547f280849a87ebb5af01"
    "91f98b87be598\",\"receiptsRoot\":\"0xfe2bf2a941abf41d72637e5b9175033"
    "2a30283efd40c424dc522b77e6f0ed8c4\",\"logsBloom\":\"0x" Z64 Z64 Z64 Z64 Z64 Z64 Z64 Z64
    "\",\"difficulty\":\"0x153886c1bbd\",\"number\":\"0xb443\",\"gasLimit\":\"0x5"
    "20b\",\"gasUsed\":\"0x5208\",\"timestamp\":\"0x55c42659\",\"totalDifficult"
    "y\":\"0x97a50222edba99\",\"extraData\":\"0x657468706f6f6c2e6f7267\",\"mi"
    "xHash\":\"0xb48c515a9dde8d346c3337ea520aa995a4738bb595495506125449"
    "c1149d6cf4\",\"nonce\":\"0xba4f8ecd18aab215\",\"uncles\":[],\"transactio"
    "ns\":[{\"hash\":\"0x5c504ed432cb51138bcf09aa5e8a410dd4a1e204ef84bfed"
    "1be16dfba1b22060\",\"nonce\":\"0x0\",\"blockHash\":\"0x4e3a3754410177e69"
    "37ef1f84bba68ea139e8d1a2258c5f85db9f1cd715a1bdd\",\"blockNumber\":\""
    "0xb443\",\"transactionIndex\":\"0x0\",\"from\":\"0xa1e4380a3b1f749673e27"
    "0229993ee55f35663b4\",\"to\":\"0x5df9b87991262f6ba471f09758cde1c0fc1"
    "de734\",\"value\":\"0x7a69\",\"gasPrice\":\"0x2d79883d2000\",\"gas\":\"0x520"
    "8\",\"input\":\"0x\",\"r\":\"0x88ff6cf0fefd94db46111149ae4bfc179e9b94721"
    "fffd821d38d16464b3f71d0\",\"s\":\"0x45e0aff800961cfce805daef7016b9b6"
    "75c137a6a41a548f7b60a3484c06a33a\",\"v\":\"0x1c\",\"type\":\"0x0\"}],\"siz"
    "e\":\"0x27a\"}";

#undef Z64

#endif
