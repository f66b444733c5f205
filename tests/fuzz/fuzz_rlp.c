/* fuzz_rlp.c - the RLP reader over any bytes.
 *
 * Property: what is accepted is what the writer makes of the items that were read; so there
 * is one form only.
 */
#include "domain/ethereum/rlp.h"
#include "fuzz.h"

static void copy(struct czi_rlp *r, struct czi_buf *out)
{
    while (czi_rlp_more(r)) {
        struct czi_rlp peek = *r;
        struct czi_rlp_item item = czi_rlp_item(&peek);

        if (item.list) {
            struct czi_rlp inside = czi_rlp_list(r);
            size_t opened = czi_rlp_open(out);

            copy(&inside, out);
            CZI_CHECK(czi_rlp_end(&inside, NULL) == CZ_OK);
            czi_rlp_close(out, opened);
        } else {
            struct czi_slice s = czi_rlp_string(r);

            czi_rlp_put_string(out, s.data, s.len);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CZI_AUTOBUF out = {0};
    struct czi_rlp r = czi_rlp(data, size);
    cz_error err = {0};

    if (czi_rlp_validate(data, size, &err) != CZ_OK) {
        CZI_CHECK(strncmp(err.detail, "byte ", 5) == 0);
        return 0;
    }
    copy(&r, &out);
    CZI_CHECK(!out.failed && czi_rlp_end(&r, NULL) == CZ_OK);
    CZI_CHECK(out.len == size && memcmp(out.data, data, size) == 0);
    return 0;
}

bool fuzz_seed(size_t i, struct czi_buf *out)
{
    static const struct czi_slice seeds[] = {
        {(const uint8_t *)"\x80", 1},
        {(const uint8_t *)"\xc7\xc0\xc1\xc0\xc3\xc0\xc1\xc0", 8},
        {(const uint8_t *)"\xc8\x83"
                          "cat\x83"
                          "dog",
         9},
        {(const uint8_t *)"\xca\x81\x80\x82\x01\x00\x05\xc3\x01\x02\x03", 11},
    };
    uint8_t longer[300] = {0x80};

    if (i < CZI_COUNTOF(seeds)) {
        czi_buf_put(out, seeds[i].data, seeds[i].len);
        return true;
    }
    if (i > CZI_COUNTOF(seeds) + 1)
        return false;
    size_t opened = czi_rlp_open(out);
    czi_rlp_put_string(out, longer, i == CZI_COUNTOF(seeds) ? 60 : sizeof longer);
    czi_rlp_put_u64(out, UINT64_MAX);
    czi_rlp_close(out, opened);
    return true;
}
