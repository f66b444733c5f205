/* fuzz_eth_header.c - the header decoder over any bytes.
 *
 * Properties: the number of fields is one of a fork's, and the extra data lie in the input.
 */
#include "eth_seed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct czi_eth_header h;
    cz_error err = {0};

    if (czi_eth_header_decode(data, size, &h, &err) != CZ_OK) {
        CZI_CHECK(strncmp(err.detail, "header: ", 8) == 0);
        return 0;
    }
    CZI_CHECK(h.field_count >= 15 && h.field_count <= 21);
    CZI_CHECK(!h.extra_data.len || (h.extra_data.data >= data &&
                                    h.extra_data.data + h.extra_data.len <= data + size));
    CZI_CHECK(czi_rlp_validate(data, size, NULL) == CZ_OK);
    return 0;
}

/* A real header, and the same with as many zero or empty fields as later forks have. */
bool fuzz_seed(size_t i, struct czi_buf *out)
{
    static const size_t added[] = {0, 1, 2, 5, 6};
    struct czi_eth_block *b;
    struct czi_rlp r, inside;
    size_t opened;

    if (i >= CZI_COUNTOF(added))
        return false;
    b = seed_block();
    r = czi_rlp(b->header_rlp.data, b->header_rlp.len);
    inside = czi_rlp_list(&r);
    opened = czi_rlp_open(out);
    czi_buf_put(out, inside.at, (size_t)(inside.end - inside.at));
    for (size_t n = 0; n < added[i]; n++) {
        if (n == 1 || n >= 4)
            czi_rlp_put_string(out, b->hash, sizeof b->hash);
        else
            czi_rlp_put_u64(out, 7);
    }
    czi_rlp_close(out, opened);
    czi_eth_block_free(b);
    return true;
}
