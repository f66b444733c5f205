/* sim_fixture.h - a simulated chain's facts, kept and verified one by one. */
#ifndef CZI_TEST_SIM_FIXTURE_H
#define CZI_TEST_SIM_FIXTURE_H

#include "causality/sim.h"
#include "domain/domain.h"
#include "test.h"

#define SIM_FACTS_MAX 1024

struct sim_facts {
    cz_sim_fact meta[SIM_FACTS_MAX]; /* bytes: those kept here */
    struct czi_buf bytes[SIM_FACTS_MAX];
    size_t count;
};

static inline int sim_keep(void *arg, const cz_sim_fact *fact, cz_error *err)
{
    struct sim_facts *k = arg;

    CZI_CHECK(k->count < SIM_FACTS_MAX);
    czi_buf_put(&k->bytes[k->count], fact->bytes, fact->len);
    if (k->bytes[k->count].failed) {
        czi_buf_done(&k->bytes[k->count]);
        return czi_nomem(err, "a fact of the test");
    }
    k->meta[k->count] = *fact;
    k->meta[k->count].bytes = k->bytes[k->count].data;
    k->count++;
    return CZ_OK;
}

static inline void sim_facts_done(struct sim_facts *k)
{
    for (size_t i = 0; i < k->count; i++)
        czi_buf_done(&k->bytes[i]);
    k->count = 0;
}

static inline cz_sim_chain *sim_chain(const char *name, uint64_t seed)
{
    cz_sim_chain *c = NULL;
    cz_error err = {0};

    assert_ok(cz_sim_new(name, seed, &c, &err), err);
    return c;
}

/* All facts of a chain; NULL: no observer signs. */
static inline void sim_all(const cz_sim_chain *c, const uint8_t *seed, struct sim_facts *ret)
{
    cz_error err = {0};

    *ret = (struct sim_facts){0};
    assert_ok(cz_sim_facts(c, 0, seed, sim_keep, ret, &err), err);
}

static inline struct czi_slice sim_parameters(const cz_sim_chain *c)
{
    cz_domain_spec spec;

    cz_sim_domain(c, &spec);
    return (struct czi_slice){spec.parameters, spec.parameters_len};
}

static inline void sim_decode(const cz_sim_fact *m, struct czi_fact *ret)
{
    cz_error err = {0};

    assert_ok(czi_fact_decode(m->bytes, m->len, ret, &err), err);
}

/* The block that a fact names; false: it is not among them. */
static inline bool sim_block_of(const struct sim_facts *k, const struct czi_fact *f,
                                struct czi_block *ret)
{
    for (size_t i = 0; f->has_header && i < k->count; i++) {
        struct czi_fact block;

        if (memcmp(k->meta[i].id.bytes, f->header.bytes, 32) != 0)
            continue;
        sim_decode(&k->meta[i], &block);
        assert_int_equal(czi_fact_block(&block, ret, NULL), CZ_OK);
        return true;
    }
    return false;
}

/* As a store checks it, on the block that it names. */
static inline int sim_verify(struct czi_slice parameters, const struct sim_facts *k,
                             const struct czi_fact *f, cz_error *err)
{
    struct czi_item item = {.type = CZI_ITEM_FACT, .domain = f->domain, .fact = *f};
    struct czi_block block;
    bool found = sim_block_of(k, f, &block);

    return czi_item_verify(&item, &czi_adapter_simulated, parameters, found ? &block : NULL,
                           NULL, err);
}

/* The first fact of a kind, of a height (0: any). */
static inline size_t sim_find(const struct sim_facts *k, enum cz_fact_kind kind,
                              uint64_t height)
{
    for (size_t i = 0; i < k->count; i++)
        if (k->meta[i].kind == kind && (!height || k->meta[i].height == height))
            return i;
    fail_msg("no fact of kind %d at height %llu", (int)kind, (unsigned long long)height);
    return 0;
}

/* One of everything, in block 1; block 2 is final with it, and block 3 is not. */
static inline cz_sim_chain *sim_sample(const char *name, uint64_t seed)
{
    cz_sim_chain *c = sim_chain(name, seed);
    cz_error err = {0};

    assert_ok(cz_sim_deposit(c, "alice", "MOON", 100, NULL, &err), err);
    assert_ok(cz_sim_withdrawal(c, "bob", "MOON", 7, NULL, &err), err);
    assert_ok(cz_sim_transaction(c, "\x00\x01\x02", 3, NULL, &err), err);
    assert_ok(cz_sim_custom(c, "anything", 8, NULL, &err), err);
    assert_ok(cz_sim_balance(c, "alice", "MOON", 93, &err), err);
    assert_ok(cz_sim_price(c, "MOON/EUR", 31337, &err), err);
    assert_ok(cz_sim_register(c, "owner", "alice", 5, &err), err);
    assert_ok(cz_sim_mine(c, 3, &err), err);
    assert_ok(cz_sim_finalize(c, 2, &err), err);
    return c;
}

#endif
