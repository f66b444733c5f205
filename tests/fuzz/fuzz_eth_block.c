/* fuzz_eth_block.c - the block reader over any text.
 *
 * Properties: refused with a reason, or verified, and then with the trusted hash as well.
 */
#include "eth_seed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct czi_eth_block_options options = {.threads = 1};
    struct czi_eth_block *b = NULL, *again = NULL;
    cz_error err = {0};

    if (czi_eth_block_verify((const char *)data, size, &options, &b, &err) != CZ_OK) {
        CZI_CHECK(err.detail[0] && !b);
        return 0;
    }
    options.trust = b->hash;
    CZI_CHECK(czi_eth_block_verify((const char *)data, size, &options, &again, &err) == CZ_OK);
    czi_eth_block_free(again);
    czi_eth_block_free(b);
    return 0;
}

bool fuzz_seed(size_t i, struct czi_buf *out)
{
    static const char *const around[][2] = {
        {"", ""},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":", "}"},
    };

    if (i >= CZI_COUNTOF(around))
        return false;
    czi_buf_printf(out, "%s%s%s", around[i][0], eth_block_46147, around[i][1]);
    return true;
}
