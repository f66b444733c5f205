/* fuzz_item.c - the decoder of the fact logs' items over any bytes.
 *
 * Properties: what is decoded encodes to the same bytes; a signature's check gives an answer.
 */
#include "fact/item.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CZI_AUTOBUF out = {0};
    struct czi_item item;
    cz_error err = {0};
    int rc;

    if (czi_item_decode(data, size, &item, &err) != CZ_OK) {
        CZI_CHECK(err.detail[0]);
        return 0;
    }
    CZI_CHECK(czi_item_encode(&item, &out, &err) == CZ_OK);
    CZI_CHECK(out.len == size && memcmp(out.data, data, size) == 0);
    rc = czi_item_check_signature(&item, &err);
    CZI_CHECK(rc == CZ_OK || rc == CZ_BAD_OBSERVER);
    return 0;
}

static struct czi_item seed_retraction(struct czi_slice text)
{
    return (struct czi_item){.type = CZI_ITEM_RETRACTION,
                             .domain = {text.data, 8},
                             .retraction = {.note = text,
                                            .evidence_count = 2,
                                            .evidence = {text, {text.data, 3}}}};
}

static struct czi_item seed_domain(struct czi_slice text)
{
    struct czi_item item = {.type = CZI_ITEM_DOMAIN,
                            .domain = {text.data, 8},
                            .config = {.sequence = 300,
                                       .adapter = {text.data, 5},
                                       .parameters = text,
                                       .policy = {6, 12, 1, CZ_SAFE},
                                       .observer_count = 3}};

    for (uint8_t i = 0; i < 3; i++)
        item.config.observers[i][0] = i;
    return item;
}

bool fuzz_seed(size_t i, struct czi_buf *out)
{
    static const uint8_t name[] = "0123456789abcdef", seed[32] = {1};
    struct czi_slice text = {name, sizeof name - 1};
    struct czi_item items[] = {
        seed_retraction(text),
        seed_retraction(text),
        seed_domain(text),
        {.type = CZI_ITEM_DECISION, .domain = {name, 8}, .decision = {.note = text}},
        {.type = CZI_ITEM_FACT, .fact = {.domain = {name, 8}, .kind = CZ_FACT_BLOCK}},
    };

    if (i >= CZI_COUNTOF(items))
        return false;
    if (i == 1)
        CZI_CHECK(czi_item_sign(&items[i], seed, NULL) == CZ_OK);
    CZI_CHECK(czi_item_encode(&items[i], out, NULL) == CZ_OK);
    return true;
}
