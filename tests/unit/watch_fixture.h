/* watch_fixture.h - what watches tell, kept in order; and facts of a simulated chain that go
 * into the same batches as effects. */
#ifndef CZI_TEST_WATCH_FIXTURE_H
#define CZI_TEST_WATCH_FIXTURE_H

#include "guard_fixture.h"
#include "sim_fixture.h"

#define WX_TOLD_MAX 256

struct wx_told {
    cz_watched got[WX_TOLD_MAX];
    size_t count;
};

static inline void wx_tell(void *arg, const cz_watched *result)
{
    struct wx_told *t = arg;

    CZI_CHECK(t->count < WX_TOLD_MAX);
    t->got[t->count++] = *result;
}

static inline uint64_t wx_watch(cz_engine *g, const cz_watch_spec *spec, struct wx_told *t)
{
    cz_error err = {0};
    uint64_t watch = 0;

    assert_ok(cz_watch(g, spec, wx_tell, t, &watch, &err), err);
    return watch;
}

/* The only one that was told. */
static inline cz_watched wx_one(const struct wx_told *t)
{
    assert_int_equal(t->count, 1);
    return t->got[0];
}

static inline void wx_work(cz_engine *g)
{
    while (czi_engine_pump(g))
        continue;
}

/* ---- Chains -------------------------------------------------------------------------------
 */

/* Known to the store, with so many blocks, of which it knows none. */
static inline cz_sim_chain *wx_chain(cz_engine *g, const char *name, uint64_t blocks,
                                     struct sim_facts *ret_facts)
{
    cz_sim_chain *chain = sim_chain(name, 5);
    cz_domain_spec spec;
    cz_error err = {0};

    cz_sim_domain(chain, &spec);
    assert_ok(cz_domain_set(g, &spec, &err), err);
    assert_ok(cz_sim_mine(chain, blocks, &err), err);
    sim_all(chain, NULL, ret_facts);
    return chain;
}

/* Queues the fact of a block; the proof was the chain's. */
static inline void wx_block(cz_engine *g, const struct sim_facts *f, uint64_t height)
{
    cz_error err = {0};
    uint64_t ticket;

    for (size_t i = 0; i < f->count; i++)
        if (f->meta[i].kind == CZ_FACT_BLOCK && f->meta[i].height == height) {
            assert_ok(czi_submit_item(g, f->meta[i].bytes, f->meta[i].len, NULL, NULL, &ticket,
                                      &err),
                      err);
            return;
        }
    fail_msg("no block %llu", (unsigned long long)height);
}

static inline void wx_chain_done(cz_sim_chain *chain, struct sim_facts *f)
{
    sim_facts_done(f);
    cz_sim_free(chain);
}

#endif
