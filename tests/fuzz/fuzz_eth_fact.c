/* fuzz_eth_fact.c - the check of Ethereum's facts over any bytes: a fact either proves or is
 * refused with its layer's fault. */
#include "domain/domain.h"
#include "eth_seed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct czi_cursor c = czi_cursor(data, size);
    struct czi_slice fact = take_split(&c), header = {c.at, czi_cursor_left(&c)}, none = {0};
    struct czi_block block = {0};
    struct czi_fact f, h;
    cz_error err = {0};
    bool is_block;
    int rc;

    if (c.failed || czi_fact_decode(fact.data, fact.len, &f, NULL) != CZ_OK)
        return 0;
    is_block = f.kind == CZ_FACT_BLOCK;
    if (czi_fact_decode(header.data, header.len, &h, NULL) == CZ_OK)
        (void)!czi_fact_block(&h, &block, NULL);
    rc = is_block ? czi_adapter_ethereum.header(none, &f, &err)
                  : czi_adapter_ethereum.inclusion(none, &f, &block, &err);
    CZI_CHECK(rc == CZ_OK ||
              (rc == (is_block ? CZ_BAD_HEADER : CZ_BAD_INCLUSION) && err.detail[0]));
    return 0;
}

struct kept {
    struct czi_buf header, transfer;
};

static int keep(void *arg, const cz_id *id, struct czi_slice fact,
                const struct czi_eth_transfer *t, cz_error *err)
{
    struct kept *k = arg;

    (void)id;
    (void)err;
    czi_buf_put(t ? &k->transfer : &k->header, fact.data, fact.len);
    return CZ_OK;
}

bool fuzz_seed(size_t i, struct czi_buf *out)
{
    struct kept k = {0};
    struct czi_eth_block *b;

    if (i >= 2)
        return false;
    b = seed_block();
    CZI_CHECK(czi_eth_block_facts(b, keep, &k, NULL) == CZ_OK);
    put_split(out, czi_buf_slice(i ? &k.transfer : &k.header));
    if (i)
        czi_buf_put(out, k.header.data, k.header.len);
    czi_buf_done(&k.header);
    czi_buf_done(&k.transfer);
    czi_eth_block_free(b);
    return true;
}
