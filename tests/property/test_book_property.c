/* test_book_property.c - the book of facts against a model of it: the same random items give
 * the same reasons and the same state, with rows saved and loaded now and then.
 *
 * A seed is a world of two domains with a few branches, heights, keys and claims, so that
 * reorgs, conflicts, freezes and decisions are common.
 */
#include "book_model.h"
#include "unit/book_fixture.h"
#include "unit/book_rows.h"

enum { STEPS = 110, HEIGHTS = 24, DEPENDENCIES = 6 };

static const char *const domain_names[] = {"test", "other"};
static const char *const keys[] = {"k1", "k2"};
static const char *const purposes[] = {"credit", "report"};
static const enum cz_fact_kind kinds[] = {CZ_FACT_DEPOSIT, CZ_FACT_PRICE, CZ_FACT_REGISTER};

struct world {
    struct czi_rng rng;
    unsigned long seed;
    struct czi_book *book;
    struct model model;
    struct rows rows;
    struct spec specs[MODEL_ITEMS]; /* of facts, by number */
    struct czi_time_map before;
    unsigned salt;
    uint64_t seen[256]; /* how often each reason came */
};

static uint64_t below(struct world *w, uint64_t n)
{
    return czi_rng_below(&w->rng, n);
}

static bool one_in(struct world *w, uint64_t n)
{
    return below(w, n) == 0;
}

/* ---- Comparing --------------------------------------------------------------------------- */

static void assert_same_item(struct world *w, uint32_t n)
{
    const struct model_item *x = &w->model.items[n];
    struct czi_entry_info e;
    uint64_t depth, model_depth;

    czi_book_entry(w->book, n, &e);
    assert_memory_equal(&e.id, &x->id, sizeof e.id);
    assert_int_equal(e.type, x->type);
    assert_int_equal(e.domain, x->domain);
    assert_int_equal(e.standing, x->standing);
    assert_int_equal(e.retracted_by, x->retracted_by);
    assert_int_equal(e.block, x->block);
    assert_int_equal(czi_book_standing(w->book, n), model_standing(&w->model, n));
    assert_int_equal(czi_book_finality(w->book, n, &depth),
                     model_finality(&w->model, n, &model_depth));
    assert_int_equal(depth, model_depth);
    if (x->type != CZI_ITEM_FACT)
        return;
    assert_int_equal(e.kind, x->fact.kind);
    assert_int_equal(e.finality, x->fact.finality);
    assert_int_equal(e.height, x->fact.height);
    assert_int_equal(e.time, x->fact.time);
    assert_int_equal(e.expires, x->fact.has_expires ? x->fact.expires : UINT64_MAX);
}

static uint64_t highest(const bool *heights)
{
    uint64_t high = 0;

    for (uint64_t h = 0; h < MODEL_HEIGHTS; h++)
        high = heights[h] ? h : high;
    return high;
}

static void assert_same_domain(struct world *w, unsigned n)
{
    const struct model_domain *m = &w->model.domains[n];
    const struct czi_domain_time *known;
    struct czi_domain_info d;
    uint32_t head = model_head(&w->model, n);

    czi_book_domain_info(w->book, n, &d);
    assert_int_equal(d.sequence, m->config.sequence);
    assert_int_equal(d.frozen, m->frozen);
    if (d.frozen)
        assert_memory_equal(d.contradicts, m->contradicts, sizeof d.contradicts);
    assert_int_equal(d.has_head, head != CZI_ID_NONE);
    if (d.has_head) {
        assert_int_equal(d.head.height, w->model.items[head].fact.height);
        assert_memory_equal(d.head.hash, w->model.items[head].fact.block_hash, 32);
    }
    assert_int_equal(d.head.safe, highest(m->safe));
    assert_int_equal(d.head.final, highest(m->final));
    known = czi_time_map_find(czi_book_time(w->book), text_slice(d.name));
    assert_int_equal(known != NULL, m->has_known);
    if (known)
        assert_memory_equal(known, &m->known, sizeof *known);
}

static void assert_same_state(struct world *w)
{
    assert_int_equal(czi_book_count(w->book), w->model.item_count);
    assert_int_equal(czi_book_domains(w->book), w->model.domain_count);
    for (uint32_t n = 0; n < w->model.item_count; n++)
        assert_same_item(w, n);
    for (unsigned n = 0; n < w->model.domain_count; n++)
        assert_same_domain(w, n);
}

/* The time map never goes back, and its id is that of its bytes. */
static void assert_time_goes_on(struct world *w)
{
    enum cz_order order = czi_time_map_compare(czi_book_time(w->book), &w->before);
    cz_id id;
    cz_error err = {0};

    assert_true(order == CZ_SAME || order == CZ_AFTER);
    assert_ok(czi_time_map_id(czi_book_time(w->book), &id, &err), err);
    assert_memory_equal(czi_book_time_id(w->book), &id, sizeof id);
    if (order == CZ_SAME)
        return;
    czi_time_map_done(&w->before);
    assert_ok(czi_time_map_copy(czi_book_time(w->book), &w->before, &err), err);
}

/* ---- Items ------------------------------------------------------------------------------- */

static uint8_t take_both(struct world *w, const struct made *made, const struct spec *spec)
{
    uint32_t n = w->model.item_count, domain = CZI_ID_NONE;
    uint8_t standing[MODEL_ITEMS], reason;

    if (czi_book_find(w->book, &made->id) != CZI_ID_NONE)
        return CZ_EXISTS;
    for (uint32_t i = 0; i < n; i++)
        standing[i] = (uint8_t)w->model.items[i].standing;
    reason = model_take(&w->model, &made->item, &made->id);
    assert_int_equal(czi_book_judge(w->book, &made->item), reason);
    assert_int_equal(czi_book_take(w->book, &made->item, &made->id, &domain), reason);
    w->seen[reason]++;
    if (reason == CZ_APPLIED && spec)
        w->specs[n] = *spec;
    for (uint32_t i = 0; i < n; i++) { /* what was retracted stands never again */
        struct czi_entry_info e;

        czi_book_entry(w->book, i, &e);
        if (standing[i] == CZI_RETRACTED)
            assert_int_equal(e.standing, CZI_RETRACTED);
        if (standing[i] == CZI_HELD && e.standing == CZI_STANDS)
            assert_int_equal(made->item.type, CZI_ITEM_DECISION);
    }
    return reason;
}

static enum cz_finality random_finality(struct world *w)
{
    return one_in(w, 6) ? (one_in(w, 2) ? CZ_FINAL : CZ_SAFE) : CZ_SEEN;
}

static void take_random_block(struct world *w, const char *domain, unsigned number)
{
    uint32_t head =
        number < w->model.domain_count ? model_head(&w->model, number) : CZI_ID_NONE;
    const struct spec *top = head == CZI_ID_NONE ? NULL : &w->specs[head];
    struct spec s = {.domain = domain,
                     .branch = (char)('a' + below(w, 3)),
                     .height = below(w, HEIGHTS),
                     .parent = (char)('a' + below(w, 3)),
                     .finality = random_finality(w),
                     .salt = one_in(w, 3) ? (uint8_t)++w->salt : 0,
                     .claim = one_in(w, 20),
                     .time = one_in(w, 20) ? 1000 + below(w, 300) : 0,
                     .expires = one_in(w, 15) ? 1000 + below(w, 300) : 0,
                     .trust = one_in(w, 9) ? CZI_TRUST_SIGNED : CZI_TRUST_OPERATOR};
    AUTOMADE m = {0};

    if (top && !one_in(w, 4)) { /* upon the head, or beside it */
        s.height = CZI_MIN(top->height + !one_in(w, 4), HEIGHTS - 1u);
        s.parent = s.height > top->height ? top->branch : s.parent;
        s.branch = one_in(w, 5) ? s.branch : top->branch;
        s.time = one_in(w, 20) ? s.time : 0;
    }
    if (!s.height)
        s.height = 1;
    if (one_in(w, 12) && s.height > 2) { /* a parent that is not right below */
        s.height--;
        make_fact(&s, &m);
        block_hash(s.branch, s.height - 2,
                   (uint8_t *)(uintptr_t)m.item.fact.claim[0].bytes.data);
        m.id = czi_fact_id(m.bytes.data, m.bytes.len);
        s.header = NULL;
        (void)take_both(w, &m, &s);
        return;
    }
    make_fact(&s, &m);
    if (one_in(w, 30)) { /* of another block's hash */
        AUTOMADE again = {0};

        block_hash(s.branch, 1 + below(w, HEIGHTS - 1), m.item.fact.block_hash);
        make_item(&m.item, &again);
        (void)take_both(w, &again, &s);
        return;
    }
    (void)take_both(w, &m, &s);
}

static void take_random_fact(struct world *w, const char *domain)
{
    uint32_t n = w->model.item_count ? (uint32_t)below(w, w->model.item_count) : 0;
    const struct model_item *x = &w->model.items[n];
    struct spec s = {.domain = domain,
                     .kind = kinds[below(w, CZI_COUNTOF(kinds))],
                     .branch = (char)('a' + below(w, 3)),
                     .height = 1 + below(w, HEIGHTS - 1),
                     .finality = random_finality(w),
                     .key = keys[below(w, CZI_COUNTOF(keys))],
                     .claim = below(w, 2),
                     .expires = one_in(w, 6) ? 1000 + below(w, 300) : 0,
                     .salt = one_in(w, 2) ? (uint8_t)++w->salt : 0};
    AUTOMADE m = {0};

    if (w->model.item_count && x->type == CZI_ITEM_FACT && !one_in(w, 12)) {
        const struct model_item *block = &w->model.items[x->block];
        const struct spec *at = &w->specs[x->block];

        s.domain = one_in(w, 20) ? domain : at->domain;
        s.branch = at->branch;
        s.height = at->height;
        s.time = block->fact.time;
        s.trust = one_in(w, 20) ? CZI_TRUST_PINNED : at->trust;
        s.header = one_in(w, 20) ? &x->id : &block->id;
        s.height += one_in(w, 25);
    }
    make_fact(&s, &m);
    s.header = NULL;
    (void)take_both(w, &m, &s);
}

static void take_random_retraction(struct world *w, const char *domain)
{
    struct czi_item item = {.type = CZI_ITEM_RETRACTION, .domain = text_slice(domain)};
    uint8_t salt = (uint8_t)++w->salt;
    uint32_t n = w->model.item_count ? (uint32_t)below(w, w->model.item_count) : 0;
    AUTOMADE m = {0};

    for (int tries = 0; tries < 3 && n + 1 < w->model.item_count; tries++)
        n += (uint32_t)below(w, w->model.item_count - n); /* rather a new one */
    if (w->model.item_count && !one_in(w, 20)) {
        item.retraction.fact = w->model.items[n].id;
        if (!one_in(w, 10))
            item.domain = text_slice(w->model.domains[w->model.items[n].domain].name);
    }
    item.retraction.evidence_count = 1;
    item.retraction.evidence[0] = (struct czi_slice){&salt, 1};
    make_item(&item, &m);
    (void)take_both(w, &m, NULL);
}

static void take_random_domain(struct world *w, const char *domain, unsigned number)
{
    struct czi_domain_policy policy = {.safe_depth = below(w, 4),
                                       .final_depth = one_in(w, 2) ? 0 : 2 + below(w, 5),
                                       .record_depth = one_in(w, 3) ? below(w, 3) : 0,
                                       .record_finality = one_in(w, 4) ? CZ_SAFE : CZ_SEEN};
    bool known =
        number < w->model.domain_count && !strcmp(w->model.domains[number].name, domain);
    struct czi_item item =
        domain_item(domain, known ? w->model.domains[number].config.sequence + 1 : 0, policy);
    AUTOMADE m = {0};

    if (one_in(w, 6))
        item.config.sequence = below(w, 3);
    make_item(&item, &m);
    (void)take_both(w, &m, NULL);
}

static void take_random_decision(struct world *w)
{
    unsigned n = (unsigned)below(w, w->model.domain_count);
    const struct model_domain *d = &w->model.domains[n];
    struct czi_item item = {.type = CZI_ITEM_DECISION, .domain = text_slice(d->name)};
    unsigned keep = (unsigned)below(w, 2);
    char note[8];
    AUTOMADE m = {0};

    if (d->frozen) {
        item.decision.keep = w->model.items[d->contradicts[keep]].id;
        item.decision.drop = w->model.items[d->contradicts[!keep]].id;
    }
    if (one_in(w, 8))
        item.decision.drop = w->model.items[below(w, w->model.item_count)].id;
    (void)snprintf(note, sizeof note, "%u", ++w->salt % 1000000);
    item.decision.note = text_slice(note);
    make_item(&item, &m);
    (void)take_both(w, &m, NULL);
}

/* ---- Dependencies ------------------------------------------------------------------------ */

static struct czi_terms random_terms(struct world *w)
{
    struct czi_terms t = {.policy = (uint8_t)below(w, 3),
                          .finality = one_in(w, 2) ? (uint8_t)below(w, 4) : CZ_SEEN,
                          .depth = below(w, 5),
                          .optional = one_in(w, 3),
                          .has_max_age = one_in(w, 4),
                          .max_age = below(w, 120)};

    if (one_in(w, 2))
        t.purpose = text_slice(purposes[below(w, CZI_COUNTOF(purposes))]);
    return t;
}

/* An effect with some dependencies; when all hold, their events are consumed. */
static void check_random_effect(struct world *w)
{
    struct czi_dependency all[DEPENDENCIES];
    bool holds[DEPENDENCIES];
    unsigned count = 1 + (unsigned)below(w, DEPENDENCIES);
    cz_id unknown = {{1}};

    for (unsigned i = 0; i < count; i++) {
        uint32_t n = (uint32_t)below(w, w->model.item_count);

        all[i] =
            (struct czi_dependency){one_in(w, 40) ? unknown.bytes : w->model.items[n].id.bytes,
                                    random_terms(w)};
    }
    for (unsigned i = 0; i < count; i++) {
        bool model_holds = false;
        uint8_t reason = model_check(&w->model, all, i, &model_holds);

        holds[i] = false;
        assert_int_equal(czi_book_check(w->book, all, i, &holds[i]), reason);
        w->seen[reason]++;
        if (reason)
            return;
        assert_int_equal(holds[i], model_holds);
    }
    for (unsigned i = 0; i < count; i++)
        if (holds[i] && all[i].terms.purpose.data) {
            bool again = true;

            assert_true(czi_book_consume(w->book, &all[i]));
            model_consume(&w->model, &all[i]);
            all[i].terms.optional = true;
            assert_int_equal(czi_book_check(w->book, &all[i], 0, &again), CZ_APPLIED);
            assert_false(again);
        }
}

/* ---- Rows -------------------------------------------------------------------------------- */

static void save_and_load(struct world *w)
{
    struct czi_book *b;
    cz_error err = {0};

    rows_save(&w->rows, w->book);
    assert_int_equal(w->rows.count, czi_book_rows(w->book));
    if (one_in(w, 3))
        return;
    b = czi_book_new();
    assert_non_null(b);
    assert_ok(rows_load(&w->rows, b, &err), err);
    for (unsigned i = 0; i < w->rows.count; i++)
        assert_true(czi_book_has_row(b, czi_buf_slice(&w->rows.row[i].key),
                                     czi_buf_slice(&w->rows.row[i].value)));
    czi_book_free(w->book);
    w->book = b;
}

/* ---- Runs -------------------------------------------------------------------------------- */

static void take_a_step(struct world *w)
{
    unsigned number = (unsigned)below(w, 4) == 0;
    const char *domain = domain_names[number];
    uint64_t what = below(w, 100);

    /* Domains are known by the order in which they came. */
    if (w->model.domain_count && strcmp(w->model.domains[0].name, "test") != 0)
        number = !number;
    if (what < 4 || !w->model.domain_count)
        take_random_domain(w, domain, number);
    else if (what < 42)
        take_random_block(w, domain, number);
    else if (what < 68)
        take_random_fact(w, domain);
    else if (what < 74)
        take_random_retraction(w, domain);
    else if (what < 80)
        take_random_decision(w);
    else if (what < 97)
        check_random_effect(w);
    else
        save_and_load(w);
}

static void run(unsigned long seed, uint64_t seen[256])
{
    static struct world w;

    memset(&w, 0, sizeof w);
    w.rng = czi_rng(seed);
    w.seed = seed;
    w.book = czi_book_new();
    assert_non_null(w.book);
    for (int i = 0; i < STEPS; i++) {
        take_a_step(&w);
        assert_time_goes_on(&w);
        if (i % 4 == 0)
            assert_same_state(&w);
    }
    assert_same_state(&w);
    for (unsigned i = 0; i < 256; i++)
        seen[i] += w.seen[i];
    czi_book_free(w.book);
    czi_time_map_done(&w.before);
    rows_done(&w.rows);
}

/* The seed of the run that is under way, for whoever reads a failure. */
static unsigned long current;

static void say_the_seed(void)
{
    if (current)
        (void)fprintf(stderr, "CAUSALITY_SEED=%lu\n", current);
}

static void the_book_does_what_the_model_does(void **state)
{
#ifdef TEST_IS_SLOW
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 500);
#else
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 10000);
#endif
    unsigned long first = test_env("CAUSALITY_SEED", 1);
    static const uint8_t wanted[] = {
        CZ_APPLIED,        CZ_EXISTS,        CZ_WRONG_STATE,    CZ_UNKNOWN_FACT,
        CZ_UNKNOWN_DOMAIN, CZ_HEAD_UNKNOWN,  CZ_HEAD_BEHIND,    CZ_NOT_CANONICAL,
        CZ_BELOW_FINALITY, CZ_FACT_EXPIRED,  CZ_EVENT_CONSUMED, CZ_DOMAIN_FROZEN,
        CZ_STALE_FACT,     CZ_FACT_CONFLICT,
    };
    uint64_t seen[256] = {0};

    (void)state;
    (void)atexit(say_the_seed);
    for (current = first; current < first + seeds; current++) {
        if (getenv("CAUSALITY_VERBOSE"))
            (void)fprintf(stderr, "seed %lu\n", current);
        run(current, seen);
    }
    current = 0;
    for (size_t i = 0; i < CZI_COUNTOF(wanted) && seeds >= 100; i++)
        if (!seen[wanted[i]])
            fail_msg("no run gave reason %s", cz_reason_name(wanted[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_book_does_what_the_model_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
