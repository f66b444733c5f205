/* fact_fixture.h - a store that knows a simulated chain, and what one does with its facts.
 *
 * `fw_open` gives a world with engine and chain; `fw_close` closes the store, replays and
 * audits it, and compares: so each story that is told with it is told twice, the second time
 * from the journal alone.
 */
#ifndef CZI_FACT_FIXTURE_H
#define CZI_FACT_FIXTURE_H

#include "causality/sim.h"
#include "guard_fixture.h"
#include "replay/journal.h"

struct fw {
    struct czi_fs *fs;
    cz_engine *engine;
    cz_sim_chain *chain;
    uint64_t nonce;
    bool driven;
};

static inline void fw_reopen(struct fw *w)
{
    struct czi_ledger_options store = {.fs = w->fs,
                                       .memory_index = true,
                                       .segment_size_max = UINT64_MAX};
    cz_options o = {.batch_max = 64, .backlog_max = 1024, .threads = 2};
    cz_error err = {0};

    assert_ok((w->driven ? czi_open_driven : czi_open_store)(&store, &o, &w->engine, &err),
              err);
}

/* fs: an empty one, which is w's then, or NULL: in memory. policy: what differs from
 * cz_sim_domain's, or NULL. */
static inline void fw_open_in(struct fw *w, struct czi_fs *fs, bool driven,
                              const cz_domain_spec *policy)
{
    cz_domain_spec domain;
    cz_error err = {0};

    *w = (struct fw){.driven = driven, .fs = fs};
    if (!fs)
        assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &w->fs, &err), err);
    assert_ok(czi_ledger_create(w->fs, &err), err);
    fw_reopen(w);
    assert_ok(cz_sim_new("moon", 7, &w->chain, &err), err);
    cz_sim_domain(w->chain, &domain);
    if (policy) {
        domain.safe_depth = policy->safe_depth;
        domain.final_depth = policy->final_depth;
        domain.record_depth = policy->record_depth;
        domain.record_finality = policy->record_finality;
        domain.observers = policy->observers;
        domain.observer_count = policy->observer_count;
    }
    assert_ok(cz_domain_set(w->engine, &domain, &err), err);
}

static inline void fw_open_with(struct fw *w, bool driven, const cz_domain_spec *policy)
{
    fw_open_in(w, NULL, driven, policy);
}

static inline void fw_open(struct fw *w, bool driven)
{
    fw_open_with(w, driven, NULL);
}

static inline void fw_close(struct fw *w)
{
    uint8_t root[32];
    cz_error err = {0};
    cz_journal_report replayed;
    cz_audit_report audited;

    assert_ok(cz_root(w->engine, root, &err), err);
    assert_ok(cz_close(w->engine, &err), err);
    assert_ok(czi_replay(w->fs, NULL, &replayed, &err), err);
    assert_ok(czi_audit(w->fs, NULL, &audited, &err), err);
    assert_memory_equal(replayed.root, root, 32);
    assert_memory_equal(audited.journal.root, root, 32);
    assert_int_equal(audited.unverified, 0);
    assert_true(audited.proofs == replayed.facts);
    cz_sim_free(w->chain);
    w->fs->ops->free(w->fs);
}

/* ---- The chain --------------------------------------------------------------------------- */

static inline void fw_mine(struct fw *w, uint64_t blocks)
{
    cz_error err = {0};

    assert_ok(cz_sim_mine(w->chain, blocks, &err), err);
}

static inline void fw_observe(struct fw *w)
{
    cz_error err = {0};

    assert_ok(cz_sim_observe(w->chain, w->engine, NULL, &err), err);
}

struct fw_fact {
    cz_id id;
    uint8_t bytes[8192];
    size_t len;
    uint64_t height;
};

static inline int fw_keep(void *arg, const cz_sim_fact *f, cz_error *err)
{
    struct fw_fact *out = arg;

    (void)err;
    assert_true(f->len <= sizeof out->bytes);
    out->id = f->id;
    out->height = f->height;
    out->len = f->len;
    memcpy(out->bytes, f->bytes, f->len);
    return CZ_OK;
}

/* A fact of the chain as it is now. */
static inline struct fw_fact fw_fact(struct fw *w, enum cz_fact_kind kind, const char *name)
{
    struct fw_fact f;
    cz_error err = {0};

    assert_ok(cz_sim_fact_of(w->chain, kind, name, NULL, fw_keep, &f, &err), err);
    return f;
}

static inline struct fw_fact fw_deposit(struct fw *w, uint64_t event)
{
    char name[24];

    (void)snprintf(name, sizeof name, "%llu", (unsigned long long)event);
    return fw_fact(w, CZ_FACT_DEPOSIT, name);
}

static inline int fw_add(struct fw *w, const struct fw_fact *f, cz_error *err)
{
    return cz_fact_add(w->engine, f->bytes, f->len, NULL, NULL, err);
}

/* ---- Effects ----------------------------------------------------------------------------- */

static inline cz_effect *fw_effect(struct fw *w)
{
    return fx_effect("origin", ++w->nonce);
}

static inline void fw_position(cz_effect *e, const char *label, cz_id *ret)
{
    cz_creation c = fx_creation(label, CZ_POSITION, "MOON", 0);
    cz_error err = {0};

    c.if_absent = true;
    *ret = fx_id(label);
    assert_ok(cz_effect_create(e, &c, &err), err);
}

/* Moves between positions, which are made if need be. */
static inline cz_effect *fw_move(struct fw *w, const char *from, const char *to, cz_quantity q)
{
    cz_effect *e = fw_effect(w);
    cz_error err = {0};
    cz_id a, b;

    fw_position(e, from, &a);
    fw_position(e, to, &b);
    assert_ok(cz_effect_move(e, &a, &b, q, &err), err);
    return e;
}

static inline void fw_depend(cz_effect *e, const cz_id *fact, enum cz_fact_policy policy,
                             bool optional, const char *purpose)
{
    cz_dependency d = {.fact = *fact,
                       .policy = policy,
                       .optional = optional,
                       .purpose = purpose};
    cz_error err = {0};

    assert_ok(cz_effect_depend(e, &d, &err), err);
}

/* Submits, waits, frees; what became of it. */
static inline cz_result fw_run(struct fw *w, cz_effect *e)
{
    cz_error err = {0};
    cz_result r;
    int rc = cz_perform(w->engine, e, &r, &err);

    if (rc != CZ_REJECTED)
        assert_ok(rc, err);
    cz_effect_free(e);
    return r;
}

/* A deposit's fact, credited with a purpose. */
static inline cz_result fw_credit(struct fw *w, const struct fw_fact *f, const char *to,
                                  cz_quantity q)
{
    cz_effect *e = fw_move(w, "moon", to, q);

    fw_depend(e, &f->id, CZ_STILL_TRUE, false, "credit");
    return fw_run(w, e);
}

static inline cz_result fw_pay(struct fw *w, const char *from, const char *to, cz_quantity q)
{
    return fw_run(w, fw_move(w, from, to, q));
}

/* ---- Disputes ---------------------------------------------------------------------------- */

struct fw_disputes {
    uint64_t positions[64];
    bool direct[64];
    size_t count;
};

static inline int fw_note_dispute(void *arg, const cz_dispute *d)
{
    struct fw_disputes *out = arg;

    assert_true(out->count < 64);
    out->direct[out->count] = d->direct;
    out->positions[out->count++] = d->position;
    return CZ_OK;
}

static inline struct fw_disputes fw_disputed(struct fw *w)
{
    struct fw_disputes out = {.count = 0};
    cz_error err = {0};

    assert_ok(cz_disputed(w->engine, fw_note_dispute, &out, &err), err);
    return out;
}

#endif
