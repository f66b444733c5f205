/* fuzz_fact.c - the fact decoder over any bytes.
 *
 * Properties: what is decoded encodes to the same bytes, and its claim's bytes are in them.
 */
#include "fact/fact.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CZI_AUTOBUF out = {0};
    struct czi_block b;
    struct czi_fact f;
    cz_error err = {0};

    if (czi_fact_decode(data, size, &f, &err) != CZ_OK) {
        CZI_CHECK(strncmp(err.detail, "fact: ", 6) == 0);
        return 0;
    }
    CZI_CHECK(f.claim_bytes.data > data && f.claim_bytes.len < size);
    CZI_CHECK(czi_fact_encode(&f, &out, &err) == CZ_OK);
    CZI_CHECK(out.len == size && memcmp(out.data, data, size) == 0);
    if (czi_fact_block(&f, &b, &err) == CZ_OK)
        CZI_CHECK(f.kind == CZ_FACT_BLOCK && b.root_count + 1u == f.claim_count);
    return 0;
}

bool fuzz_seed(size_t i, struct czi_buf *out)
{
    static const uint8_t text[32] = "0123456789abcdef0123456789abcde", seed[32] = {1};
    struct czi_slice hash = {text, sizeof text};
    struct czi_fact f = {.domain = {text, 8},
                         .kind = i ? CZ_FACT_DEPOSIT : CZ_FACT_BLOCK,
                         .height = 70000,
                         .time = 1700000000,
                         .finality = CZ_SAFE,
                         .event_key = {text, 16},
                         .has_expires = i > 1,
                         .trust = CZI_TRUST_SIGNED,
                         .has_header = i > 0,
                         .proof_count = 3,
                         .proof = {hash, {text, 5}, {text, 0}},
                         .claim_count = 3,
                         .claim = {{CZI_VALUE_BYTES, 0, hash},
                                   {CZI_VALUE_BYTES, 0, hash},
                                   {CZI_VALUE_BYTES, 0, hash}}};

    if (i >= 3)
        return false;
    if (i > 1) {
        f.claim[1] = (struct czi_fact_value){CZI_VALUE_UINT, 5, {0}};
        f.claim[2] = (struct czi_fact_value){CZI_VALUE_TEXT, 0, {text, 10}};
        CZI_CHECK(czi_fact_sign(&f, seed, NULL) == CZ_OK);
    }
    CZI_CHECK(czi_fact_encode(&f, out, NULL) == CZ_OK);
    return true;
}
