/* fuzz_sim_fact.c - the check of simulated chains' items over any bytes: an item either proves
 * or is refused with its layer's fault, and what is decoded of parameters and headers is
 * canonical.
 *
 * An input is an item and the fact of the block that it rests on; of a retraction, of its
 * target.
 */
#include "causality/sim.h"
#include "domain/domain.h"
#include "domain/simulated/format.h"
#include "eth_seed.h"

static cz_sim_chain *chain(void)
{
    cz_sim_chain *c = NULL;

    CZI_CHECK(cz_sim_new("moon", 1, &c, NULL) == CZ_OK);
    CZI_CHECK(cz_sim_deposit(c, "alice", "MOON", 100, NULL, NULL) == CZ_OK);
    CZI_CHECK(cz_sim_custom(c, "any", 3, NULL, NULL) == CZ_OK);
    CZI_CHECK(cz_sim_balance(c, "alice", "MOON", 100, NULL) == CZ_OK);
    CZI_CHECK(cz_sim_price(c, "MOON/EUR", 5, NULL) == CZ_OK);
    CZI_CHECK(cz_sim_register(c, "owner", "alice", 5, NULL) == CZ_OK);
    CZI_CHECK(cz_sim_mine(c, 2, NULL) == CZ_OK);
    CZI_CHECK(cz_sim_finalize(c, 1, NULL) == CZ_OK);
    return c;
}

static void check_parameters(struct czi_slice bytes)
{
    uint8_t again[CZI_SIM_PARAMETERS_SIZE_MAX];
    struct czi_sim_parameters p;

    if (czi_sim_parameters_decode(bytes, &p, NULL) == CZ_OK)
        CZI_CHECK(czi_sim_parameters_encode(&p, again) == bytes.len &&
                  memcmp(again, bytes.data, bytes.len) == 0);
}

static bool may_be(const struct czi_item *item, int rc)
{
    if (rc == CZ_OK || (item->type != CZI_ITEM_DOMAIN && rc == CZ_BAD_OBSERVER))
        return true;
    switch (item->type) {
    case CZI_ITEM_FACT:
        return rc == (item->fact.kind == CZ_FACT_BLOCK ? CZ_BAD_HEADER : CZ_BAD_INCLUSION);
    case CZI_ITEM_RETRACTION:
        return rc == CZ_BAD_HEADER;
    case CZI_ITEM_DOMAIN:
        return rc == CZ_INVALID;
    case CZI_ITEM_DECISION:
        break;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static cz_sim_chain *c;
    struct czi_cursor cursor = czi_cursor(data, size);
    struct czi_slice bytes = take_split(&cursor);
    struct czi_slice block_bytes = {cursor.at, czi_cursor_left(&cursor)}, p;
    struct czi_block block;
    struct czi_item item;
    struct czi_fact b;
    cz_domain_spec spec;
    cz_error err = {0};
    bool has_block;
    int rc;

    if (!c)
        c = chain();
    check_parameters(bytes);
    if (cursor.failed || czi_item_decode(bytes.data, bytes.len, &item, NULL) != CZ_OK)
        return 0;
    cz_sim_domain(c, &spec);
    p = (struct czi_slice){spec.parameters, spec.parameters_len};
    has_block = czi_fact_decode(block_bytes.data, block_bytes.len, &b, NULL) == CZ_OK &&
                czi_fact_block(&b, &block, NULL) == CZ_OK;
    rc = czi_item_verify(&item, &czi_adapter_simulated, p, has_block ? &block : NULL,
                         has_block ? &block : NULL, &err);
    CZI_CHECK(may_be(&item, rc) && (rc == CZ_OK || err.detail[0]));
    if (has_block && item.type == CZI_ITEM_FACT && item.fact.kind != CZ_FACT_BLOCK) {
        rc = czi_adapter_simulated.inclusion(p, &item.fact, &block, &err);
        CZI_CHECK(rc == CZ_OK || rc == CZ_BAD_INCLUSION);
    }
    return 0;
}

/* ---- Seeds ------------------------------------------------------------------------------ */

struct wanted {
    size_t left;
    struct czi_buf block, fact;
};

static int keep(void *arg, const cz_sim_fact *fact, cz_error *err)
{
    struct wanted *w = arg;

    (void)err;
    if (w->fact.len)
        return CZ_OK;
    if (fact->kind == CZ_FACT_BLOCK && !fact->is_final) {
        w->block.len = 0;
        czi_buf_put(&w->block, fact->bytes, fact->len);
    }
    if (!w->left--)
        czi_buf_put(&w->fact, fact->bytes, fact->len);
    return CZ_OK;
}

/* The competing header of the newest block as evidence. */
static void retraction(cz_sim_chain *c, struct wanted *w)
{
    struct czi_item item = {.type = CZI_ITEM_RETRACTION,
                            .domain = {(const uint8_t *)"moon", 4},
                            .retraction = {.evidence_count = 1}};
    struct czi_slice *evidence = &item.retraction.evidence[0];

    item.retraction.note = (struct czi_slice){(const uint8_t *)"gone", 4};
    w->left = SIZE_MAX;
    CZI_CHECK(cz_sim_facts(c, 2, NULL, keep, w, NULL) == CZ_OK);
    CZI_CHECK(cz_sim_reorg(c, 1, false, NULL) == CZ_OK);
    CZI_CHECK(cz_sim_header(c, 2, &evidence->data, &evidence->len, NULL) == CZ_OK);
    CZI_CHECK(czi_item_encode(&item, &w->fact, NULL) == CZ_OK);
}

static void domain(const cz_sim_chain *c, struct wanted *w)
{
    struct czi_item item = {.type = CZI_ITEM_DOMAIN, .domain = {(const uint8_t *)"moon", 4}};
    cz_domain_spec spec;

    cz_sim_domain(c, &spec);
    item.config.adapter = (struct czi_slice){(const uint8_t *)"simulated", 9};
    item.config.parameters = (struct czi_slice){spec.parameters, spec.parameters_len};
    CZI_CHECK(czi_item_encode(&item, &w->fact, NULL) == CZ_OK);
}

static void parameters(const cz_sim_chain *c, struct wanted *w)
{
    cz_domain_spec spec;

    cz_sim_domain(c, &spec);
    czi_buf_put(&w->fact, spec.parameters, spec.parameters_len);
}

bool fuzz_seed(size_t i, struct czi_buf *out)
{
    enum { FACTS = 13 }; /* 2 + 2 events + 3 of state + time, then 1 + 3 + time */
    static const uint8_t observer[32] = {3};
    struct wanted w = {.left = i % FACTS};
    cz_sim_chain *c = chain();

    if (i < 2 * (size_t)FACTS)
        CZI_CHECK(cz_sim_facts(c, 0, i < FACTS ? NULL : observer, keep, &w, NULL) == CZ_OK);
    else if (i == 2 * (size_t)FACTS)
        retraction(c, &w);
    else if (i == 2 * (size_t)FACTS + 1)
        domain(c, &w);
    else if (i == 2 * (size_t)FACTS + 2)
        parameters(c, &w);
    put_split(out, czi_buf_slice(&w.fact));
    czi_buf_put(out, w.block.data, w.block.len);
    czi_buf_done(&w.block);
    czi_buf_done(&w.fact);
    cz_sim_free(c);
    return i <= 2 * (size_t)FACTS + 2;
}
