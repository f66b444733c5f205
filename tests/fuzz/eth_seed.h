/* eth_seed.h - what the Ethereum targets start from: a verified block of mainnet.
 *
 * Seeds that are more than one byte string begin with the first string's length in two
 * bytes, little-endian.
 */
#ifndef CZI_FUZZ_ETH_SEED_H
#define CZI_FUZZ_ETH_SEED_H

#include "../unit/eth_sample.h"
#include "domain/ethereum/fact.h"
#include "fuzz.h"

static inline struct czi_eth_block *seed_block(void)
{
    struct czi_eth_block_options options = {.threads = 1};
    struct czi_eth_block *b = NULL;

    CZI_CHECK(czi_eth_block_verify(eth_block_46147, strlen(eth_block_46147), &options, &b,
                                   NULL) == CZ_OK);
    return b;
}

/* Signed by the key of EIP-155's example (ethers 6): types 1 to 4. */
static const char *const seed_transactions[] = {
    "01f8dc010905825208943535353535353535353535353535353535353535880de0b6b3a764000080"
    "f872f859940000000000000000000000000000000000000001f842a0111111111111111111111111"
    "1111111111111111111111111111111111111111a000000000000000000000000000000000000000"
    "00000000000000000000000000d6943535353535353535353535353535353535353535c080a03ae6"
    "1e92e7523e69826bee97405aa5fbdcc9e695844a2e1808ae297d6ca3b17da02f765a9f71fc62575b"
    "1d4e6e0bbe39c7f4cd2e6e456e7f0446337e930e106d33",
    "02f8e101090364825208943535353535353535353535353535353535353535880de0b6b3a7640000"
    "84a9059cbbf872f859940000000000000000000000000000000000000001f842a011111111111111"
    "11111111111111111111111111111111111111111111111111a00000000000000000000000000000"
    "000000000000000000000000000000000000d6943535353535353535353535353535353535353535"
    "c001a004aa9fbeceaaf6ca5eddfce8c6534cf2e9e5a8a18211214b196c6a6f9d7d2468a043a17197"
    "8162b599a6c9e20f7a7a6dc11663dd92fd48aedd519b5010f60519b3",
    "03f88d01090364825208943535353535353535353535353535353535353535880de0b6b3a7640000"
    "80c007e1a0012222222222222222222222222222222222222222222222222222222222222201a041"
    "75f01c2fdb3c91bac44972fc5ffac4e0249693cc70e98c0b7feaeb9ed24e8ba0103dee9fbeb369c1"
    "c11634540c92bbeabd789400e9c6b372648b2bbbfb495305",
    "04f9013b01090364825208943535353535353535353535353535353535353535880de0b6b3a76400"
    "0080f872f859940000000000000000000000000000000000000001f842a011111111111111111111"
    "11111111111111111111111111111111111111111111a00000000000000000000000000000000000"
    "000000000000000000000000000000d6943535353535353535353535353535353535353535c0f85c"
    "f85a809435353535353535353535353535353535353535350701a0c99bb14e1a7caa603ab2376afd"
    "c33c9456bfd7dfbcb2de00ba210fe62afef864a064fde9e580ac69506c8e16b0ad6c8118f27872d8"
    "5577ebeb5d6c62a802430f6901a0fd3142f2fdd8dd27467c838715e328fd6e4316dcdb0877466441"
    "5ef40d7c0122a039a1c5dcf56e4bdcfe05577f343177d6665fb83e1d4d41bc13e77eca9491f26c",
};

static inline void put_hex(struct czi_buf *out, const char *hex)
{
    size_t n = strlen(hex) / 2;

    CZI_CHECK(czi_buf_reserve(out, n) && czi_unhex(out->data + out->len, n, hex, 2 * n));
    out->len += n;
}

static inline void put_split(struct czi_buf *out, struct czi_slice first)
{
    czi_buf_put_byte(out, (uint8_t)first.len);
    czi_buf_put_byte(out, (uint8_t)(first.len >> 8));
    czi_buf_put(out, first.data, first.len);
}

/* Takes the first string off an input. */
static inline struct czi_slice take_split(struct czi_cursor *c)
{
    const uint8_t *n = czi_cursor_take(c, 2);
    size_t len = n ? CZI_MIN((size_t)n[0] | (size_t)n[1] << 8, czi_cursor_left(c)) : 0;

    return (struct czi_slice){czi_cursor_take(c, len), len};
}

#endif
