/* replay_fixture.h - a small store with every kind of record, and a forger for its journal.
 *
 * The forger reads a journal into records, lets a test change any of them, and writes it anew
 * with frames, hashes, chain and CHECKPOINT that all fit: what is then wrong is only what the
 * test changed, and the check that the test is about must find it.
 */
#ifndef CZI_TEST_REPLAY_FIXTURE_H
#define CZI_TEST_REPLAY_FIXTURE_H

#include "causality/sim.h"
#include "codec/blake3.h"
#include "domain/ethereum/fact.h"
#include "engine/cite.h"
#include "engine/engine.h"
#include "eth_sample.h"
#include "fs_fixture.h"
#include "ledger/checkpoint.h"
#include "platform/simulated.h"
#include "replay/journal.h"

#include <ftw.h>

#define RECORDS_MAX 128

static inline cz_id resource_id(const char *label)
{
    cz_id creator = cz_operator(), id;
    cz_error err = {0};

    assert_ok(cz_resource_id(&creator, label, &id, &err), err);
    return id;
}

/* ---- The store -------------------------------------------------------------------------- */

/* Effects in the order of their positions: nonce and position are equal. */
enum {
    MAKE_AB = 1, /* creates a with 100 and b with 50 USD, alike otherwise */
    MAKE_D,      /* data */
    MAKE_PQ,     /* positions of ETH */
    PAY,         /* a to b 30 */
    MOVE,        /* p to q 7 */
    WRITE,       /* d */
    LOCK,        /* b */
    UNLOCK,      /* b */
    OVERDRAFT,   /* rejected */
    UNKNOWN,     /* rejected: no such resource */
    READ,        /* a to b 1, d only read */
    CITE,        /* cites the transfer's fact; moves q to p 2 */
    CITE_NONE,   /* rejected: a fact that is not there */
    FOLLOW,      /* follows CITE; a to b 1 */
    FOLLOW_NONE, /* rejected */
    MAKE_C,      /* c with 5 USD */
    CONSUME,     /* c */
    ARCHIVE,     /* d */
    /* From here on there is a second domain, with blocks. */
    CREDIT,   /* uses up a deposit; q to p 1 */
    TWICE,    /* rejected: the deposit is used up */
    LEAVE,    /* leaves out a fact that is not there, cites a balance; q to p 1 */
    LEAVE_UP, /* rejected: an overdraft, and so a fact left out */
    EXACT,    /* cites the newest block, exactly, with its time */
    EVENT,    /* of task 1 of a program */
    FORK,     /* of task 2, behind it */
    TOUCH,    /* of task 2: a to b 1 */
    SEE,      /* of task 1: reads a */
    AFTER,    /* of task 3, behind SEE; with a fact left out */
    LOST,     /* of task 1; rejected: a fact that is not there */
    EARLY,    /* in one frame with a block that comes behind it, */
    LATE,     /* which this one sees, */
    LATEST,   /* and this one the next */
    STALE,    /* rejected: EXACT again */
    REST,     /* on a block that is retracted later */
    GONE,     /* rejected: the block was retracted; and a fact that is not there */
    FROZEN,   /* rejected: two final facts contradict */
    DECIDED,  /* after the decision */
    MISRUN,   /* rejected: d is no code */
    MISCALL,  /* the same of a call, which declares nothing */
    POSITIONS = MISCALL,
    REJECTED = 12,
    CITE_FAULTS = 7, /* of these: for what they cite or follow */
    RESOURCES = 6,
};

struct sample {
    cz_engine *engine;
    uint64_t nonce;
    cz_id facts[4]; /* a block and its transfer */
    unsigned fact_count;
    uint64_t items; /* of all fact logs */
    cz_sim_chain *chain;
    cz_id effects[POSITIONS + 1];
    uint8_t root[32];
};

static inline cz_effect *new_effect(struct sample *s)
{
    cz_effect *e = cz_effect_new();
    cz_id origin = cz_operator();

    assert_non_null(e);
    cz_effect_set_origin(e, &origin);
    cz_effect_set_nonce(e, ++s->nonce);
    return e;
}

static inline void run_effect(struct sample *s, cz_effect *e, enum cz_reason reason)
{
    cz_error err = {0};
    cz_result r;
    uint64_t ticket;

    assert_ok(cz_submit_effect(s->engine, e, NULL, NULL, &ticket, &err), err);
    assert_ok(cz_wait(s->engine, ticket, CZ_FOREVER, &r, &err), err);
    assert_int_equal(r.reason, reason);
    assert_int_equal(r.position, s->nonce);
    if (s->nonce <= POSITIONS)
        s->effects[s->nonce] = r.effect;
    cz_effect_free(e);
}

static inline void add_creation(cz_effect *e, const char *label, enum cz_kind kind,
                                const char *asset, cz_quantity q, const char *data)
{
    cz_creation c = {.creator = cz_operator(),
                     .controller = cz_operator(),
                     .label = label,
                     .kind = kind,
                     .asset = asset,
                     .quantity = q,
                     .data = (const uint8_t *)data,
                     .data_len = data ? strlen(data) : 0};
    cz_error err = {0};

    assert_ok(cz_effect_create(e, &c, &err), err);
}

static inline void add_transfer(cz_effect *e, const char *from, const char *to, cz_quantity q)
{
    cz_id a = resource_id(from), b = resource_id(to);
    cz_error err = {0};

    assert_ok(cz_effect_transfer(e, &a, &b, q, &err), err);
}

static inline void add_move(cz_effect *e, const char *from, const char *to, cz_quantity q)
{
    cz_id a = resource_id(from), b = resource_id(to);
    cz_error err = {0};

    assert_ok(cz_effect_move(e, &a, &b, q, &err), err);
}

static inline void run_simple(struct sample *s, const char *label,
                              int (*add)(cz_effect *e, const cz_id *id, cz_error *err))
{
    cz_effect *e = new_effect(s);
    cz_id id = resource_id(label);
    cz_error err = {0};

    assert_ok(add(e, &id, &err), err);
    run_effect(s, e, CZ_APPLIED);
}

static inline int submit_fact(void *arg, const cz_id *id, struct czi_slice fact,
                              const struct czi_eth_transfer *transfer, cz_error *err)
{
    struct sample *s = arg;
    uint64_t ticket;
    int rc = czi_submit_item(s->engine, fact.data, fact.len, NULL, NULL, &ticket, err);

    (void)transfer;
    s->facts[s->fact_count++] = *id;
    return rc;
}

static inline void run_facts(struct sample *s)
{
    const cz_domain_spec domain = {.name = "ethereum", .adapter = "ethereum"};
    struct czi_eth_block_options o = {.threads = 1};
    struct czi_eth_block *b;
    cz_error err = {0};

    assert_ok(cz_domain_set(s->engine, &domain, &err), err);
    assert_ok(czi_eth_block_verify(eth_block_46147, strlen(eth_block_46147), &o, &b, &err),
              err);
    assert_ok(czi_eth_block_facts(b, submit_fact, s, &err), err);
    assert_ok(cz_flush(s->engine, &err), err);
    czi_eth_block_free(b);
}

static inline void run_sample_first(struct sample *s)
{
    cz_effect *e = new_effect(s);
    cz_id d = resource_id("d");
    cz_error err = {0};

    add_creation(e, "a", CZ_FUNGIBLE, "USD", 100, NULL);
    add_creation(e, "b", CZ_FUNGIBLE, "USD", 50, NULL);
    run_effect(s, e, CZ_APPLIED);
    add_creation(e = new_effect(s), "d", CZ_DATA, NULL, 0, "hello");
    run_effect(s, e, CZ_APPLIED);
    add_creation(e = new_effect(s), "p", CZ_POSITION, "ETH", 0, NULL);
    add_creation(e, "q", CZ_POSITION, "ETH", 0, NULL);
    run_effect(s, e, CZ_APPLIED);
    add_transfer(e = new_effect(s), "a", "b", 30);
    run_effect(s, e, CZ_APPLIED);
    add_move(e = new_effect(s), "p", "q", 7);
    run_effect(s, e, CZ_APPLIED);
    e = new_effect(s);
    assert_ok(cz_effect_write(e, &d, "world", 5, &err), err);
    run_effect(s, e, CZ_APPLIED);
    run_simple(s, "b", cz_effect_lock);
    run_simple(s, "b", cz_effect_unlock);
    add_transfer(e = new_effect(s), "a", "b", 1000);
    run_effect(s, e, CZ_OVERDRAFT);
    add_transfer(e = new_effect(s), "a", "nobody", 1);
    run_effect(s, e, CZ_UNKNOWN_RESOURCE);
    add_transfer(e = new_effect(s), "a", "b", 1);
    assert_ok(cz_effect_access(e, &d, CZ_READ, &err), err);
    run_effect(s, e, CZ_APPLIED);
}

static inline void run_sample_rest(struct sample *s)
{
    cz_id nothing = {{1, 2, 3}};
    cz_error err = {0};
    cz_effect *e;

    run_facts(s);
    add_move(e = new_effect(s), "q", "p", 2);
    assert_ok(cz_effect_cite(e, &s->facts[1], &err), err);
    run_effect(s, e, CZ_APPLIED);
    add_move(e = new_effect(s), "q", "p", 1);
    assert_ok(cz_effect_cite(e, &nothing, &err), err);
    run_effect(s, e, CZ_UNKNOWN_FACT);
    add_transfer(e = new_effect(s), "a", "b", 1);
    assert_ok(cz_effect_follow(e, &s->effects[CITE], &err), err);
    run_effect(s, e, CZ_APPLIED);
    add_transfer(e = new_effect(s), "a", "b", 1);
    assert_ok(cz_effect_follow(e, &s->effects[CITE_NONE], &err), err);
    run_effect(s, e, CZ_UNKNOWN_PREDECESSOR);
    add_creation(e = new_effect(s), "c", CZ_FUNGIBLE, "USD", 5, NULL);
    run_effect(s, e, CZ_APPLIED);
    run_simple(s, "c", cz_effect_consume);
    run_simple(s, "d", cz_effect_archive);
}

/* ---- A domain that moves ------------------------------------------------------------------
 */

static inline int keep_fact_id(void *arg, const cz_sim_fact *fact, cz_error *err)
{
    (void)err;
    *(cz_id *)arg = fact->id;
    return CZ_OK;
}

/* Of the chain as it is now. */
static inline cz_id sim_id(struct sample *s, enum cz_fact_kind kind, const char *name)
{
    cz_error err = {0};
    cz_id id;

    assert_ok(cz_sim_fact_of(s->chain, kind, name, NULL, keep_fact_id, &id, &err), err);
    return id;
}

static inline void observe(struct sample *s, uint64_t blocks)
{
    cz_error err = {0};

    assert_ok(cz_sim_mine(s->chain, blocks, &err), err);
    assert_ok(cz_sim_observe(s->chain, s->engine, NULL, &err), err);
}

static inline cz_effect *move_effect(struct sample *s)
{
    cz_effect *e = new_effect(s);

    add_move(e, "q", "p", 1);
    return e;
}

static inline void depend(cz_effect *e, cz_id fact, cz_dependency d)
{
    cz_error err = {0};

    d.fact = fact;
    assert_ok(cz_effect_depend(e, &d, &err), err);
}

static inline void run_credits(struct sample *s)
{
    const cz_id nothing = {{1, 2, 3}};
    const cz_dependency credit = {.policy = CZ_STILL_TRUE,
                                  .finality = CZ_DEPTH,
                                  .depth = 1,
                                  .purpose = "credit"};
    const cz_dependency optional = {.policy = CZ_STILL_TRUE, .optional = true};
    cz_id deposit = sim_id(s, CZ_FACT_DEPOSIT, "1");
    cz_effect *e;

    for (enum cz_reason reason = CZ_APPLIED;; reason = CZ_EVENT_CONSUMED) {
        depend(e = move_effect(s), deposit, credit);
        run_effect(s, e, reason);
        if (reason)
            break;
    }
    depend(e = move_effect(s), nothing, optional);
    depend(e, sim_id(s, CZ_FACT_BALANCE, "alice/MOON"),
           (cz_dependency){.policy = CZ_AT_LEAST_HEIGHT, .has_max_age = true, .max_age = 100});
    run_effect(s, e, CZ_APPLIED);
    add_transfer(e = new_effect(s), "a", "b", 1000);
    depend(e, nothing, optional);
    run_effect(s, e, CZ_OVERDRAFT);
    depend(e = move_effect(s), sim_id(s, CZ_FACT_BLOCK, "2"),
           (cz_dependency){.policy = CZ_EXACT});
    depend(e, sim_id(s, CZ_FACT_TIME, ""), (cz_dependency){.policy = CZ_STILL_TRUE});
    run_effect(s, e, CZ_APPLIED);
}

static inline void run_program(struct sample *s)
{
    const cz_id nothing = {{1, 2, 3}}, program = resource_id("program"), a = resource_id("a");
    cz_error err = {0};
    cz_effect *e;

    cz_effect_set_program(e = new_effect(s), &program, 1);
    run_effect(s, e, CZ_APPLIED);
    cz_effect_set_program(e = new_effect(s), &program, 2);
    assert_ok(cz_effect_follow(e, &s->effects[EVENT], &err), err);
    run_effect(s, e, CZ_APPLIED);
    add_transfer(e = new_effect(s), "a", "b", 1);
    cz_effect_set_program(e, &program, 2);
    run_effect(s, e, CZ_APPLIED);
    cz_effect_set_program(e = new_effect(s), &program, 1);
    assert_ok(cz_effect_access(e, &a, CZ_READ, &err), err);
    run_effect(s, e, CZ_APPLIED);
    cz_effect_set_program(e = new_effect(s), &program, 3);
    assert_ok(cz_effect_follow(e, &s->effects[SEE], &err), err);
    depend(e, nothing, (cz_dependency){.optional = true});
    run_effect(s, e, CZ_APPLIED);
    cz_effect_set_program(e = new_effect(s), &program, 1);
    depend(e, nothing, (cz_dependency){.policy = CZ_STILL_TRUE});
    run_effect(s, e, CZ_UNKNOWN_FACT);
}

static inline int queue_fact(void *arg, const cz_sim_fact *fact, cz_error *err)
{
    struct sample *s = arg;
    uint64_t ticket;

    return czi_submit_item(s->engine, fact->bytes, fact->len, NULL, NULL, &ticket, err);
}

/* Three effects and between them the facts of two blocks, all in one batch: the engine has no
 * threads, so nothing begins before it is waited for. */
static inline void run_mixed(struct sample *s)
{
    uint64_t ticket, height = cz_sim_height(s->chain);
    cz_error err = {0};

    assert_ok(cz_sim_mine(s->chain, 2, &err), err);
    for (unsigned i = 0; i < 3; i++) {
        cz_effect *e = move_effect(s);

        if (i) {
            char name[24];

            (void)snprintf(name, sizeof name, "%u", (unsigned)height + i);
            assert_ok(cz_sim_fact_of(s->chain, CZ_FACT_BLOCK, name, NULL, queue_fact, s, &err),
                      err);
        }
        assert_ok(cz_submit_effect(s->engine, e, NULL, NULL, &ticket, &err), err);
        assert_ok(cz_effect_id(e, &s->effects[s->nonce], &err), err);
        cz_effect_free(e);
    }
    assert_ok(cz_flush(s->engine, &err), err);
    observe(s, 0);
}

/* A reorganisation, then one of what is final; the second one wins. */
static inline void run_reorganised(struct sample *s)
{
    const cz_id nothing = {{0xff}};
    cz_id newest = sim_id(s, CZ_FACT_BLOCK, "2");
    char name[24];
    cz_error err = {0};
    cz_effect *e;

    depend(e = move_effect(s), newest, (cz_dependency){.policy = CZ_EXACT});
    run_effect(s, e, CZ_STALE_FACT);
    (void)snprintf(name, sizeof name, "%u", (unsigned)cz_sim_height(s->chain));
    newest = sim_id(s, CZ_FACT_BLOCK, name);
    depend(e = move_effect(s), newest, (cz_dependency){.policy = CZ_EXACT});
    run_effect(s, e, CZ_APPLIED);
    assert_ok(cz_sim_reorg(s->chain, 1, false, &err), err);
    observe(s, 0);
    depend(e = move_effect(s), newest, (cz_dependency){.policy = CZ_STILL_TRUE});
    depend(e, nothing, (cz_dependency){.policy = CZ_STILL_TRUE});
    assert_ok(cz_effect_follow(e, &nothing, &err), err);
    run_effect(s, e, memcmp(&newest, &nothing, 32) < 0 ? CZ_NOT_CANONICAL : CZ_UNKNOWN_FACT);
}

struct frozen {
    bool is;
    cz_id stands, against;
};

static inline int find_frozen(void *arg, const cz_domain *d)
{
    struct frozen *f = arg;

    if (d->frozen)
        *f = (struct frozen){true, d->contradicts[0], d->contradicts[1]};
    return CZ_OK;
}

static inline void run_frozen(struct sample *s)
{
    cz_id deposit = sim_id(s, CZ_FACT_DEPOSIT, "1");
    struct frozen f = {false};
    cz_error err = {0};
    cz_effect *e;

    assert_ok(cz_sim_finalize(s->chain, cz_sim_height(s->chain), &err), err);
    observe(s, 0);
    assert_ok(cz_sim_reorg(s->chain, 1, false, &err), err);
    (void)!cz_sim_observe(s->chain, s->engine, NULL, &err);
    assert_ok(cz_domain_list(s->engine, find_frozen, &f, &err), err);
    assert_true(f.is);
    depend(e = move_effect(s), deposit, (cz_dependency){.policy = CZ_STILL_TRUE});
    run_effect(s, e, CZ_DOMAIN_FROZEN);
    assert_ok(cz_domain_resolve(s->engine, "moon", &f.against, "the chain said so", &err), err);
    observe(s, 1);
    depend(e = move_effect(s), deposit, (cz_dependency){.policy = CZ_STILL_TRUE});
    run_effect(s, e, CZ_APPLIED);
}

/* Guests that are never started: what else there is of them has tests of its own. */
static inline void run_guests(struct sample *s)
{
    cz_id d = resource_id("d"), a = resource_id("a");
    cz_guest_access seen[] = {{a, CZ_WRITE}};
    cz_effect *e = new_effect(s);
    cz_error err = {0};

    assert_ok(cz_effect_run(e, &d, 1000, seen, 1, "input", 5, &err), err);
    run_effect(s, e, CZ_NOT_CODE);
    e = new_effect(s);
    assert_ok(cz_effect_call(e, &d, 1000, "input", 5, &err), err);
    run_effect(s, e, CZ_NOT_CODE);
}

static inline void run_domain(struct sample *s)
{
    cz_domain_spec domain;
    cz_error err = {0};

    assert_ok(cz_sim_new("moon", 7, &s->chain, &err), err);
    cz_sim_domain(s->chain, &domain);
    assert_ok(cz_domain_set(s->engine, &domain, &err), err);
    domain.safe_depth = 2;
    assert_ok(cz_domain_set(s->engine, &domain, &err), err);
    assert_ok(cz_sim_deposit(s->chain, "alice", "MOON", 100, NULL, &err), err);
    assert_ok(cz_sim_balance(s->chain, "alice", "MOON", 100, &err), err);
    observe(s, 2);
    run_credits(s);
    run_program(s);
    run_mixed(s);
    run_reorganised(s);
    run_frozen(s);
    run_guests(s);
    cz_sim_free(s->chain);
}

/* Makes the store at path and closes it. */
static inline void make_store(const char *path, struct sample *s)
{
    struct czi_ledger_options store = {.memory_index = true, .segment_size_max = UINT64_MAX};
    cz_options o = {.ordered = true, .backlog_max = 64};
    cz_error err = {0};
    cz_stats stats;

    *s = (struct sample){0};
    assert_ok(cz_init(path, &err), err);
    assert_ok(czi_fs_posix(path, &store.fs, &err), err);
    assert_ok(czi_open_driven(&store, &o, &s->engine, &err), err);
    run_sample_first(s);
    run_sample_rest(s);
    run_domain(s);
    assert_int_equal(s->nonce, POSITIONS);
    assert_ok(cz_root(s->engine, s->root, &err), err);
    assert_ok(cz_stats_get(s->engine, &stats, &err), err);
    s->items = stats.facts;
    assert_ok(cz_close(s->engine, &err), err);
    store.fs->ops->free(store.fs);
}

/* ---- Stores in memory ------------------------------------------------------------------- */

static inline struct czi_fs *memory_fs(void)
{
    cz_error err = {0};
    struct czi_fs *fs;

    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &fs, &err), err);
    assert_ok(fs->ops->make_dir(fs, "", &err) == CZ_CONFLICT ? 0 : CZ_OK, err);
    assert_ok(fs->ops->make_dir(fs, "journal", &err), err);
    return fs;
}

static inline void put_file(struct czi_fs *fs, const char *path, const void *data, size_t len)
{
    struct czi_file *f;
    cz_error err = {0};

    assert_ok(fs->ops->open(fs, path, CZI_OPEN_CREATE, &f, &err), err);
    assert_ok(fs->ops->write(f, 0, data, len, &err), err);
    fs->ops->close(f);
}

static inline void get_file(struct czi_fs *fs, const char *path, struct czi_buf *ret)
{
    struct czi_file *f;
    uint64_t size;
    size_t got;
    cz_error err = {0};

    assert_ok(fs->ops->open(fs, path, CZI_OPEN_READ, &f, &err), err);
    assert_ok(fs->ops->size(f, &size, &err), err);
    ret->len = 0;
    assert_non_null(czi_buf_reserve(ret, size));
    assert_ok(fs->ops->read(f, 0, ret->data, size, &got, &err), err);
    ret->len = got;
    fs->ops->close(f);
}

/* A copy of a store with one segment, without its index. */
static inline struct czi_fs *copy_store(struct czi_fs *from)
{
    static const char *const files[] = {"FORMAT", "CHECKPOINT", "journal/0000000000000001"};
    struct czi_fs *to = memory_fs();
    struct czi_buf b = {0};

    for (size_t i = 0; i < CZI_COUNTOF(files); i++) {
        get_file(from, files[i], &b);
        put_file(to, files[i], b.data, b.len);
    }
    czi_buf_done(&b);
    return to;
}

/* The sample in memory. */
static inline struct czi_fs *sample_fs(struct sample *s)
{
    char dir[4096], path[4200];
    struct czi_fs *disk, *fs;
    cz_error err = {0};

    fixture_temp_dir(dir);
    (void)snprintf(path, sizeof path, "%s/store", dir);
    make_store(path, s);
    assert_ok(czi_fs_posix(path, &disk, &err), err);
    fs = copy_store(disk);
    disk->ops->free(disk);
    fixture_remove_tree(dir);
    return fs;
}

/* ---- The forger ------------------------------------------------------------------------- */

struct forged_record {
    enum czi_record_type type;
    struct czi_buf bytes; /* with a scope behind them */
    struct czi_outcome outcome;
    struct czi_post posts[8];
    uint8_t hashes[8][32];
    struct czi_extra extra;
    uint8_t time[32]; /* all zero: none */
    uint32_t frame;
};

struct forger {
    struct forged_record records[RECORDS_MAX];
    struct czi_shared_clock *clocks[RECORDS_MAX];
    unsigned count, clock_count;
    uint32_t frames;
    uint32_t spoil_receipts; /* number of the frame, from 1, whose receipts' hash is wrong */
    int skip_positions;      /* added to the last frame's first position */
    int extra_count;         /* added to the last frame's number of positions */
};

static inline void forge_take_links(struct forger *f, struct forged_record *r,
                                    const struct czi_outcome *o)
{
    if (o->time)
        memcpy(r->time, o->time, 32);
    if (!o->extra)
        return;
    r->extra = *o->extra;
    if (r->extra.clock)
        r->extra.clock = f->clocks[f->clock_count++] = czi_clock_copy(o->extra->clock);
}

static inline int forge_take(void *arg, const struct czi_frame *frame, cz_error *err)
{
    struct forger *f = arg;
    struct czi_record_reader reader;
    struct czi_record rec;
    bool more = true;
    size_t scope;

    f->frames++;
    czi_record_reader(&reader, frame->payload, frame->first_position);
    for (;;) {
        struct forged_record *r = &f->records[f->count];

        assert_ok(czi_record_next(&reader, &more, &rec, err), *err);
        if (!more)
            return CZ_OK;
        assert_true(++f->count < RECORDS_MAX && rec.outcome.post_count <= 8);
        *r = (struct forged_record){.type = rec.type,
                                    .outcome = rec.outcome,
                                    .frame = f->frames};
        scope = rec.outcome.extra ? rec.outcome.extra->scope.len : 0;
        czi_buf_put(&r->bytes, rec.bytes.data, rec.bytes.len + scope);
        r->bytes.len -= scope;
        forge_take_links(f, r, &rec.outcome);
        for (unsigned i = 0; i < rec.outcome.post_count; i++) {
            r->posts[i] = rec.outcome.posts[i];
            if (!r->posts[i].written || r->posts[i].kind != CZ_DATA)
                continue;
            memcpy(r->hashes[i], r->posts[i].data_hash, 32);
            r->posts[i].data_hash = r->hashes[i];
        }
    }
}

static inline void forge_open(struct forger *f, struct czi_fs *fs)
{
    struct czi_ledger_options o = {.fs = fs, .read_only = true, .memory_index = true};
    struct czi_ledger *l;
    cz_error err = {0};

    *f = (struct forger){0};
    assert_ok(czi_ledger_open(&o, &l, &err), err);
    assert_ok(czi_ledger_scan(l, false, forge_take, f, &err), err);
    assert_ok(czi_ledger_close(l, &err), err);
}

static inline void forge_done(struct forger *f)
{
    for (unsigned i = 0; i < f->count; i++)
        czi_buf_done(&f->records[i].bytes);
    for (unsigned i = 0; i < f->clock_count; i++)
        czi_clock_drop(f->clocks[i]);
}

/* The record of the effect that had this position in the sample. */
static inline struct forged_record *forged(struct forger *f, uint64_t position)
{
    for (unsigned i = 0; i < f->count; i++)
        if (f->records[i].type != CZI_RECORD_ITEM && f->records[i].outcome.position == position)
            return &f->records[i];
    fail_msg("no position %u", (unsigned)position);
    return NULL;
}

static inline struct forged_record *forged_fact(struct forger *f, unsigned n)
{
    for (unsigned i = 0; i < f->count; i++)
        if (f->records[i].type == CZI_RECORD_ITEM && n-- == 0)
            return &f->records[i];
    fail_msg("no such fact");
    return NULL;
}

/* The first fact of a kind in a domain. */
static inline struct forged_record *forged_kind(struct forger *f, const char *domain,
                                                enum cz_fact_kind kind)
{
    for (unsigned i = 0; i < f->count; i++) {
        struct forged_record *r = &f->records[i];
        struct czi_item item;

        if (r->type == CZI_RECORD_ITEM &&
            !czi_item_decode(r->bytes.data, r->bytes.len, &item, NULL) &&
            item.type == CZI_ITEM_FACT && item.fact.kind == kind &&
            item.domain.len == strlen(domain) &&
            !memcmp(item.domain.data, domain, item.domain.len))
            return r;
    }
    fail_msg("no such fact");
    return NULL;
}

/* The place of a resource among an effect's accesses. */
static inline unsigned forged_access(const struct forged_record *r, const char *label)
{
    struct czi_effect_view v;
    cz_id id = resource_id(label);
    cz_error err = {0};

    assert_ok(czi_effect_view(r->bytes.data, r->bytes.len, &v, &err), err);
    for (unsigned i = 0; i < czi_effect_accesses(&v); i++)
        if (czi_id_equal(czi_effect_access_id(r->bytes.data, &v, i), &id))
            return i;
    fail_msg("%s is not accessed", label);
    return 0;
}

static inline struct czi_post *forged_post(struct forger *f, uint64_t position,
                                           const char *label)
{
    struct forged_record *r = forged(f, position);

    return &r->posts[forged_access(r, label)];
}

/* Replaces an effect by another; the outcome stays. */
static inline void forge_effect(struct forged_record *r, cz_effect *e)
{
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    r->bytes.len = 0;
    czi_buf_put(&r->bytes, bytes, len);
    cz_effect_free(e);
}

/* A copy of a record behind another one, in a frame of its own. */
static inline struct forged_record *forge_insert(struct forger *f,
                                                 const struct forged_record *what,
                                                 const struct forged_record *behind)
{
    unsigned at = (unsigned)(behind - f->records) + 1;
    struct forged_record copy = *what;

    copy.bytes = (struct czi_buf){0};
    czi_buf_put(&copy.bytes, what->bytes.data, what->bytes.len);
    copy.frame = behind->frame;
    memmove(&f->records[at + 1], &f->records[at], (f->count - at) * sizeof copy);
    f->records[at] = copy;
    f->count++;
    for (unsigned i = 0; i < f->count; i++)
        for (unsigned k = 0; k < 8; k++)
            if (f->records[i].posts[k].written && f->records[i].posts[k].kind == CZ_DATA)
                f->records[i].posts[k].data_hash = f->records[i].hashes[k];
    return &f->records[at];
}

/* One frame from the records first..last, sealed behind `place`, which moves on. */
static inline void forge_frame(struct forger *f, unsigned first, unsigned last,
                               struct czi_place *place, struct czi_buf *segment)
{
    struct czi_buf frame = {0}, receipts = {0};
    uint32_t number = f->records[first].frame;
    bool is_last = last + 1 == f->count;
    struct czi_frame head = {.first_position = place->positions + 1,
                             .facts_before = place->facts};
    static const uint8_t none[32];
    const uint8_t *time = NULL;
    uint8_t mark[CZI_MARK_SIZE], *p;

    if (is_last)
        head.first_position += (uint64_t)f->skip_positions;
    p = czi_buf_reserve(&frame, 1 << 20);
    assert_non_null(p);
    p += CZI_FRAME_HEADER_SIZE;
    for (unsigned i = first; i <= last; i++) {
        struct forged_record *r = &f->records[i];
        cz_id effect, receipt;
        cz_error err = {0};

        if (r->type == CZI_RECORD_ITEM) {
            p = czi_record_put_item(p, czi_buf_slice(&r->bytes));
            head.fact_count++;
            continue;
        }
        r->outcome.position = head.first_position + head.position_count++;
        r->outcome.posts = r->posts;
        r->outcome.extra = r->outcome.extra ? &r->extra : NULL;
        if (r->extra.scope.data)
            r->extra.scope.data = r->bytes.data + r->bytes.len;
        r->outcome.time = memcmp(r->time, none, 32) ? r->time : NULL;
        if (r->outcome.time && (!time || memcmp(time, r->time, 32) != 0))
            p = czi_record_put_time(p, time = r->time);
        p = czi_record_put_effect(p, czi_buf_slice(&r->bytes), &r->outcome);
        czi_blake3(r->bytes.data, r->bytes.len, effect.bytes);
        assert_ok(czi_receipt_id(&effect, &r->outcome, &receipt, &err), err);
        czi_buf_put(&receipts, &receipt, sizeof receipt);
    }
    if (is_last)
        head.position_count += (uint32_t)f->extra_count;
    czi_blake3(receipts.data, receipts.len, head.receipts);
    head.receipts[0] ^= number == f->spoil_receipts;
    memcpy(head.previous, place->hash, 32);
    frame.len = (size_t)(p - frame.data);
    czi_frame_seal(frame.data, frame.len - CZI_FRAME_HEADER_SIZE, &head);
    czi_mark_put(mark, 1, segment->len);
    czi_buf_put(segment, mark, sizeof mark);
    head.segment = 1;
    head.offset = segment->len;
    czi_buf_put(segment, frame.data, frame.len);
    *place = czi_place_of(&head);
    czi_buf_done(&frame);
    czi_buf_done(&receipts);
}

/* Everything anew, as a store that was closed. */
static inline struct czi_fs *forge_write(struct forger *f)
{
    struct czi_place place = czi_place_start();
    struct czi_fs *fs = memory_fs();
    struct czi_buf segment = {0};
    uint8_t header[CZI_SEGMENT_HEADER_SIZE];
    cz_error err = {0};

    czi_segment_header_put(header, 1, &place);
    czi_buf_put(&segment, header, sizeof header);
    for (unsigned first = 0, i = 0; i < f->count; i++)
        if (i + 1 == f->count || f->records[i + 1].frame != f->records[i].frame) {
            forge_frame(f, first, i, &place, &segment);
            first = i + 1;
        }
    assert_false(segment.failed);
    put_file(fs, "FORMAT", "causality store 1\n", 18);
    put_file(fs, "journal/0000000000000001", segment.data, segment.len);
    assert_ok(czi_checkpoint_write(fs, &place, &err), err);
    czi_buf_done(&segment);
    return fs;
}

#endif
