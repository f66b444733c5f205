/* test_commit.c - what becomes of updates: effects in the log, all or nothing; and what else is
 * applied under guards or makes resources. */
#include "fs_fixture.h"
#include "guard_fixture.h"

/* ---- Commit -------------------------------------------------------------------------------
 */

struct seen {
    unsigned entries;
    cz_receipt last;
    cz_post posts[CZI_ACCESSES_MAX];
    cz_id origin;
    uint64_t nonce;
};

static int see(void *arg, const cz_receipt *r)
{
    struct seen *s = arg;
    struct czi_effect_view v;

    s->entries++;
    s->last = *r;
    memcpy(s->posts, r->posts, r->post_count * sizeof *r->posts);
    assert_int_equal(czi_effect_view(r->effect_bytes, r->effect_len, &v, NULL), CZ_OK);
    memcpy(&s->origin, czi_effect_origin(r->effect_bytes), sizeof s->origin);
    s->nonce = v.nonce;
    return 0;
}

static struct seen log_of(cz_engine *g, const char *label)
{
    struct seen s = {0};
    cz_id id = fx_id(label);
    cz_error err = {0};

    assert_ok(cz_log(g, &id, see, &s, &err), err);
    return s;
}

/* As causality.h says: hash of resource and "guard". */
static cz_id guard_origin(const char *label)
{
    cz_id id = fx_id(label), origin;
    cz_error err = {0};

    assert_ok(cz_resource_id(&id, "guard", &origin, &err), err);
    return origin;
}

static void a_commit_is_an_effect_in_the_log(void **state)
{
    cz_engine *g = fx_open(1);
    cz_id origin = guard_origin("data");
    cz_guard guard;
    uint64_t nonce = 0;

    (void)state;
    fx_data(g, "data");
    for (unsigned i = 0; i < 3; i++) {
        char text[] = "text 0";
        struct seen s;
        cz_result r;

        text[5] = (char)('0' + i);
        guard = fx_acquire(g, "data", CZ_WRITE);
        fx_update_data(&guard, text);
        r = fx_commit(&guard);
        assert_true(r.has_receipt);
        assert_int_equal(r.status, CZ_STATUS_APPLIED);
        assert_int_equal(r.reason, CZ_APPLIED);
        assert_int_equal(r.position, i + 2);
        s = log_of(g, "data");
        assert_int_equal(s.entries, i + 2);
        assert_memory_equal(&s.last.id, &r.receipt, sizeof(cz_id));
        assert_memory_equal(&s.last.effect, &r.effect, sizeof(cz_id));
        assert_int_equal(s.last.position, r.position);
        assert_memory_equal(&s.origin, &origin, sizeof origin);
        assert_true(i == 0 || s.nonce > nonce);
        nonce = s.nonce;
        assert_int_equal(s.last.post_count, 1);
        assert_int_equal(s.posts[0].version, i + 2);
        fx_assert_data(g, "data", text);
    }
    assert_int_equal(fx_stats(g).commits, 3);
    assert_int_equal(fx_stats(g).aborts, 0);
    assert_int_equal(fx_stats(g).guards, 0);
    fx_close(g);
}

static void a_commit_without_updates_records_nothing(void **state)
{
    cz_engine *g = fx_open(1);
    cz_result r = {.has_receipt = true};
    cz_guard guards[2];
    uint8_t before[32], after[32];
    cz_error err = {0};

    (void)state;
    fx_data(g, "a");
    fx_cash(g, "b", 5);
    assert_ok(cz_root(g, before, &err), err);
    guards[0] = fx_acquire(g, "a", CZ_WRITE);
    guards[1] = fx_acquire(g, "b", CZ_READ);
    assert_ok(cz_guards_commit(guards, 2, &r, &err), err);
    assert_false(r.has_receipt);
    assert_int_equal(r.position, 0);
    assert_int_equal(guards[0].engine + guards[1].engine, 0);
    assert_ok(cz_root(g, after, &err), err);
    assert_memory_equal(before, after, 32);
    assert_int_equal(fx_stats(g).commits, 0);
    assert_int_equal(fx_stats(g).guards, 0);
    guards[0] = fx_acquire(g, "a", CZ_WRITE);
    assert_ok(cz_guard_commit(guards, NULL, &err), err); /* a result may be NULL */
    fx_close(g);
}

/* Guards of several with new quantities, and what comes of it. */
static int commit_quantities(cz_engine *g, const char *const *labels, const int *quantities,
                             size_t count, cz_result *r, cz_error *err)
{
    cz_guard guards[8];
    int rc;

    for (size_t i = 0; i < count; i++) {
        guards[i] = fx_acquire(g, labels[i], CZ_WRITE);
        fx_update_quantity(&guards[i], quantities[i]);
    }
    rc = cz_guards_commit(guards, count, r, err);
    if (rc) {
        cz_error late = {0};

        for (size_t i = 0; i < count; i++)
            assert_true(fx_contents(&guards[i]).quantity == quantities[i]);
        assert_ok(cz_release_many(guards, count, &late), late);
    }
    return rc;
}

static void quantities_move_between_the_guarded_resources(void **state)
{
    static const char *const labels[] = {"a", "b", "c", "d", "p", "q", "r"};
    static const int to[][7] = {
        {90, 60, 0, 0, 0, 0, 0},         /* two parties */
        {0, 60, 45, 45, 0, 0, 0},        /* one to two */
        {150, 0, 0, 0, 0, 0, 0},         /* three to one */
        {40, 30, 50, 30, 0, 0, 0},       /* one to three */
        {50, 20, 40, 40, 0, 0, 0},       /* a ring */
        {50, 20, 40, 40, -7, 5, 2},      /* positions, below zero */
        {10, 20, 40, 80, 5, -7, 2},      /* both kinds at once */
        {150, 0, 0, 0, 100, -50, -50},   /* … */
        {0, 0, 0, 150, -100, 200, -100}, /* … */
    };
    cz_engine *g = fx_open(1);
    cz_error err = {0};
    cz_result r;

    (void)state;
    fx_cash(g, "a", 100);
    fx_cash(g, "b", 50);
    fx_cash(g, "c", 0);
    fx_cash(g, "d", 0);
    for (unsigned i = 4; i < 7; i++)
        fx_make(g, labels[i], CZ_POSITION, "ETH", 0);
    for (size_t row = 0; row < CZI_COUNTOF(to); row++) {
        cz_stats before, after;

        assert_ok(cz_stats_get(g, &before, &err), err);
        assert_ok(commit_quantities(g, labels, to[row], 7, &r, &err), err);
        assert_int_equal(r.status, CZ_STATUS_APPLIED);
        for (unsigned i = 0; i < 7; i++)
            assert_quantity(g, labels[i], to[row][i]);
        assert_ok(cz_stats_get(g, &after, &err), err);
        assert_int_equal(after.positions, before.positions + 1); /* one effect */
    }
    fx_close(g);
}

static void a_sum_that_changes_is_refused(void **state)
{
    static const char *const labels[] = {"a", "b", "euro", "p", "q", "data"};
    static const int to[][5] = {
        {101, 50, 10, 0, 0}, /* more */
        {99, 50, 10, 0, 0},  /* less */
        {95, 50, 15, 0, 0},  /* dollars into euros */
        {95, 50, 10, 5, 0},  /* cash into a position */
        {100, 50, 10, 1, 0}, /* a position alone */
        {100, 50, 10, 3, -4},
    };
    cz_engine *g = fx_open(1);
    cz_result r = {.ticket = 77};

    (void)state;
    fx_cash(g, "a", 100);
    fx_cash(g, "b", 50);
    fx_make(g, "euro", CZ_FUNGIBLE, "EUR", 10);
    fx_make(g, "p", CZ_POSITION, "USD", 0);
    fx_make(g, "q", CZ_POSITION, "USD", 0);
    for (size_t row = 0; row < CZI_COUNTOF(to); row++) {
        cz_error err = {0};

        assert_int_equal(commit_quantities(g, labels, to[row], 5, &r, &err), CZ_INVALID);
        assert_non_null(strstr(err.detail, "changes by"));
        assert_int_equal(r.ticket, 77); /* untouched */
    }
    assert_quantity(g, "a", 100);
    assert_int_equal(fx_stats(g).commits, 0);
    assert_int_equal(fx_stats(g).rejections, 0);
    fx_close(g);
}

static void a_change_of_more_than_128_bits_is_refused(void **state)
{
    const cz_quantity most = (cz_quantity)((unsigned __int128)-1 >> 1);
    cz_engine *g = fx_open(1);
    cz_guard guards[2];
    cz_error err = {0};

    (void)state;
    fx_make(g, "p", CZ_POSITION, "ETH", 0);
    fx_make(g, "q", CZ_POSITION, "ETH", 0);
    guards[0] = fx_acquire(g, "p", CZ_WRITE);
    guards[1] = fx_acquire(g, "q", CZ_WRITE);
    fx_update_quantity(&guards[0], most);
    fx_update_quantity(&guards[1], -most);
    assert_ok(cz_guards_commit(guards, 2, NULL, &err), err);
    guards[0] = fx_acquire(g, "p", CZ_WRITE);
    guards[1] = fx_acquire(g, "q", CZ_WRITE);
    fx_update_quantity(&guards[0], -most); /* twice as far as fits */
    fx_update_quantity(&guards[1], most);
    assert_int_equal(cz_guards_commit(guards, 2, NULL, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "128"));
    fx_update_quantity(&guards[0], most);
    fx_update_quantity(&guards[1], -most - 1);
    assert_int_equal(cz_guards_commit(guards, 2, NULL, &err), CZ_INVALID);
    assert_ok(cz_release_many(guards, 2, &err), err);
    fx_close(g);
}

/* Whatever the kind, from each state to each: the move of the lifecycle, or why not. */
static void expect_move(cz_engine *g, const char *label, enum cz_state from, enum cz_state to,
                        bool empty)
{
    bool final = from >= CZ_CONSUMED;
    cz_guard guard = fx_acquire(g, label, CZ_WRITE);
    cz_contents c = fx_contents(&guard);
    cz_result r = {0};
    cz_error err = {0};
    int rc;

    assert_int_equal(c.state, from);
    c.state = to;
    rc = cz_guard_update(&guard, &c, &err);
    if (final && to != from) {
        assert_int_equal(rc, CZ_INVALID);
        fx_release(&guard);
        return;
    }
    assert_ok(rc, err);
    rc = cz_guard_commit(&guard, &r, &err);
    if (!empty && to == CZ_ARCHIVED) {
        assert_int_equal(rc, CZ_REJECTED);
        assert_int_equal(r.reason, CZ_NOT_EMPTY);
        fx_release(&guard);
        assert_int_equal(fx_get(g, label).state, from);
        return;
    }
    assert_ok(rc, err);
    assert_int_equal(r.has_receipt, from != to);
    assert_int_equal(fx_get(g, label).state, to);
}

static void bring_to(cz_engine *g, const char *label, enum cz_state state)
{
    static int (*const moves[])(cz_effect *e, const cz_id *resource,
                                cz_error *err) = {[CZ_LOCKED] = cz_effect_lock,
                                                  [CZ_FROZEN] = cz_effect_freeze,
                                                  [CZ_CONSUMED] = cz_effect_consume,
                                                  [CZ_ARCHIVED] = cz_effect_archive};
    cz_id id = fx_id(label);
    cz_effect *e;
    cz_error err = {0};

    if (state == CZ_ACTIVE)
        return;
    e = fx_effect(label, 1);
    assert_ok(moves[state](e, &id, &err), err);
    assert_int_equal(fx_run(g, e).status, CZ_STATUS_APPLIED);
}

static void each_move_of_the_lifecycle_is_possible_but_from_an_end(void **state)
{
    static const struct {
        const char *name;
        enum cz_kind kind;
        const char *asset;
        int quantity;
    } kinds[] = {{"data", CZ_DATA, NULL, 0},
                 {"empty", CZ_FUNGIBLE, "USD", 0},
                 {"cash", CZ_FUNGIBLE, "USD", 10},
                 {"position", CZ_POSITION, "ETH", 0}};
    cz_engine *g = fx_open(1);

    (void)state;
    for (unsigned k = 0; k < CZI_COUNTOF(kinds); k++)
        for (unsigned from = CZ_ACTIVE; from <= CZ_ARCHIVED; from++)
            for (unsigned to = CZ_ACTIVE; to <= CZ_ARCHIVED; to++) {
                bool empty = kinds[k].quantity == 0;
                char label[64];

                if (!empty && from == CZ_ARCHIVED)
                    continue; /* there is no such resource */
                (void)snprintf(label, sizeof label, "%s %u to %u", kinds[k].name, from, to);
                fx_make(g, label, kinds[k].kind, kinds[k].asset, kinds[k].quantity);
                bring_to(g, label, (enum cz_state)from);
                expect_move(g, label, (enum cz_state)from, (enum cz_state)to, empty);
                if (!empty && to == CZ_CONSUMED)
                    assert_quantity(g, label, 0); /* retired */
            }
    fx_close(g);
}

static void a_state_opens_before_and_closes_after_what_else_changes(void **state)
{
    cz_engine *g = fx_open(1);
    cz_guard guards[2];
    cz_contents c;
    cz_error err = {0};

    (void)state;
    fx_cash(g, "a", 100);
    fx_cash(g, "b", 0);
    fx_data(g, "data");
    bring_to(g, "a", CZ_LOCKED);
    bring_to(g, "data", CZ_FROZEN);
    guards[0] = fx_acquire(g, "a", CZ_WRITE);
    guards[1] = fx_acquire(g, "b", CZ_WRITE);
    fx_update_state(&guards[0], CZ_FROZEN); /* unlock, pay, freeze */
    fx_update_quantity(&guards[0], 60);
    fx_update_state(&guards[1], CZ_LOCKED); /* be paid, lock */
    fx_update_quantity(&guards[1], 40);
    assert_ok(cz_guards_commit(guards, 2, NULL, &err), err);
    assert_quantity(g, "a", 60);
    assert_int_equal(fx_get(g, "a").state, CZ_FROZEN);
    assert_int_equal(fx_get(g, "b").state, CZ_LOCKED);
    guards[0] = fx_acquire(g, "data", CZ_WRITE);
    c = fx_contents(&guards[0]);
    c.state = CZ_ARCHIVED;
    c.data = (const uint8_t *)"last words";
    c.data_len = 10;
    assert_ok(cz_guard_update(&guards[0], &c, &err), err);
    fx_commit(&guards[0]);
    fx_assert_data(g, "data", "last words");
    assert_int_equal(fx_get(g, "data").state, CZ_ARCHIVED);
    fx_close(g);
}

static void a_rejected_commit_keeps_guard_and_updates_and_can_be_corrected(void **state)
{
    cz_engine *g = fx_open(1);
    cz_guard guard;
    cz_result r = {0};
    cz_contents c;
    cz_error err = {0};

    (void)state;
    fx_data(g, "data");
    bring_to(g, "data", CZ_LOCKED);
    guard = fx_acquire(g, "data", CZ_WRITE);
    fx_update_data(&guard, "better");
    assert_int_equal(cz_guard_commit(&guard, &r, &err), CZ_REJECTED);
    assert_int_equal(r.reason, CZ_WRONG_STATE);
    assert_int_equal(r.status, CZ_STATUS_REJECTED);
    assert_true(r.has_receipt);
    assert_non_null(strstr(err.detail, cz_reason_text(CZ_WRONG_STATE)));
    assert_int_not_equal(guard.engine, 0);
    c = fx_contents(&guard);
    assert_int_equal(c.data_len, 6);
    assert_memory_equal(c.data, "better", 6);
    assert_int_equal(fx_stats(g).rejections, 1);
    assert_int_equal(fx_stats(g).guards, 1);
    fx_update_state(&guard, CZ_ACTIVE);
    r = fx_commit(&guard);
    assert_int_equal(r.status, CZ_STATUS_APPLIED);
    fx_assert_data(g, "data", "better");
    assert_int_equal(fx_stats(g).commits, 1);
    assert_int_equal(fx_stats(g).aborts, 0);
    fx_close(g);
}

static void a_commit_touches_at_most_64_resources(void **state)
{
    static cz_claim claims[CZI_ACCESSES_MAX + 1];
    static cz_guard guards[CZI_ACCESSES_MAX + 1];
    cz_engine *g = fx_open(1);
    cz_error err = {0};
    cz_result r;

    (void)state;
    for (unsigned i = 0; i <= CZI_ACCESSES_MAX; i++) {
        char label[16];

        (void)snprintf(label, sizeof label, "r%u", i);
        fx_cash(g, label, 1);
        claims[i] = fx_claim(label, CZ_WRITE);
    }
    assert_ok(cz_acquire_many(g, claims, CZI_ACCESSES_MAX + 1, 0, guards, &err), err);
    for (unsigned i = 0; i <= CZI_ACCESSES_MAX; i++)
        fx_update_quantity(&guards[i], i ? 0 : CZI_ACCESSES_MAX + 1);
    assert_int_equal(cz_guards_commit(guards, CZI_ACCESSES_MAX + 1, &r, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "64"));
    fx_update_quantity(&guards[0], CZI_ACCESSES_MAX);
    assert_ok(cz_guards_commit(guards, CZI_ACCESSES_MAX, &r, &err), err);
    assert_quantity(g, "r0", CZI_ACCESSES_MAX);
    assert_quantity(g, "r1", 0);
    fx_release(&guards[CZI_ACCESSES_MAX]);
    fx_close(g);
}

/* What is only looked at takes part: its version is in the receipt. */
static void guards_without_updates_are_read(void **state)
{
    cz_engine *g = fx_open(1);
    cz_guard guards[3];
    struct seen s;
    cz_error err = {0};

    (void)state;
    fx_data(g, "written");
    fx_data(g, "looked at");
    fx_data(g, "held to write");
    guards[0] = fx_acquire(g, "looked at", CZ_READ);
    guards[1] = fx_acquire(g, "written", CZ_WRITE);
    guards[2] = fx_acquire(g, "held to write", CZ_WRITE);
    fx_update_data(&guards[1], "x");
    assert_ok(cz_guards_commit(guards, 3, NULL, &err), err);
    s = log_of(g, "written");
    assert_int_equal(s.last.post_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        cz_id id = fx_id("written");
        bool written = memcmp(&s.posts[i].resource, &id, sizeof id) == 0;

        assert_int_equal(s.posts[i].mode, written ? CZ_WRITE : CZ_READ);
        assert_int_equal(s.posts[i].version, written ? 2 : 1);
    }
    assert_int_equal(fx_get(g, "looked at").version, 1);
    assert_int_equal(fx_get(g, "held to write").version, 1);
    assert_int_equal(fx_stats(g).guards, 0);
    fx_close(g);
}

static void the_same_guard_may_be_given_twice(void **state)
{
    cz_engine *g = fx_open(1);
    cz_guard guards[3];
    cz_error err = {0};

    (void)state;
    fx_data(g, "data");
    guards[0] = guards[1] = guards[2] = fx_acquire(g, "data", CZ_WRITE);
    fx_update_data(&guards[1], "x");
    assert_ok(cz_guards_commit(guards, 3, NULL, &err), err);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(guards[i].engine, 0);
    fx_assert_data(g, "data", "x");
    fx_close(g);
}

static void guards_of_two_engines_make_no_effect(void **state)
{
    cz_engine *g = fx_open(1), *h = fx_open(1);
    cz_guard guards[2];
    cz_error err = {0};

    (void)state;
    fx_data(g, "data");
    fx_data(h, "data");
    guards[0] = fx_acquire(g, "data", CZ_WRITE);
    guards[1] = fx_acquire(h, "data", CZ_WRITE);
    assert_int_equal(cz_guards_commit(guards, 2, NULL, &err), CZ_INVALID);
    assert_int_equal(cz_guards_commit(guards, 0, NULL, &err), CZ_INVALID);
    assert_ok(cz_release_many(guards, 2, &err), err);
    fx_close(g);
    fx_close(h);
}

/* An origin is nobody's in particular: who uses a guard's nonce first has it. */
static void a_strangers_use_of_the_origin_does_not_end_the_guard(void **state)
{
    cz_engine *g = fx_open(1);
    cz_id origin = guard_origin("a");
    cz_effect *e = fx_write("o", 1000, "b", "stranger");
    cz_guard guard;

    (void)state;
    fx_data(g, "a");
    fx_data(g, "b");
    cz_effect_set_origin(e, &origin);
    guard = fx_acquire(g, "a", CZ_WRITE);
    fx_update_data(&guard, "mine");
    assert_int_equal(fx_run(g, e).status, CZ_STATUS_APPLIED);
    fx_commit(&guard);
    fx_assert_data(g, "a", "mine");
    fx_close(g);
}

/* ---- On disk ------------------------------------------------------------------------------
 */

static void commit_some(cz_engine *g)
{
    cz_guard guards[2];
    cz_effect *e;
    cz_error err = {0};

    fx_cash(g, "a", 100);
    fx_cash(g, "b", 0);
    fx_data(g, "data");
    guards[0] = fx_acquire(g, "a", CZ_WRITE);
    guards[1] = fx_acquire(g, "b", CZ_WRITE);
    fx_update_quantity(&guards[0], 60);
    fx_update_quantity(&guards[1], 40);
    fx_update_state(&guards[1], CZ_LOCKED);
    assert_ok(cz_guards_commit(guards, 2, NULL, &err), err);
    guards[0] = fx_acquire(g, "b", CZ_WRITE);
    fx_update_quantity(&guards[0], 0);
    assert_int_equal(cz_guard_commit(&guards[0], NULL, &err), CZ_INVALID);
    fx_release(&guards[0]);
    guards[0] = fx_acquire(g, "data", CZ_WRITE);
    fx_update_data(&guards[0], "aborted");
    fx_release(&guards[0]);
    guards[0] = fx_acquire(g, "data", CZ_WRITE);
    guards[1] = fx_acquire(g, "a", CZ_READ);
    e = fx_write("o", 1, "data", "applied");
    assert_ok(cz_guards_apply(guards, 2, e, NULL, &err), err);
    cz_effect_free(e);
    guards[0] = fx_acquire(g, "a", CZ_WRITE);
    fx_submit(g, fx_pay("o", 2, "a", "ghost", 1)); /* waits, and is rejected */
    fx_submit(g, fx_pay("o", 3, "a", "b", 1));     /* b is locked */
    fx_settle(g);
    fx_update_state(&guards[0], CZ_FROZEN);
    fx_commit(&guards[0]);
    assert_ok(cz_flush(g, &err), err);
}

static void a_store_with_commits_is_audited_replayed_and_opened_again(void **state)
{
    char dir[4096], path[4200];
    cz_audit_report audit;
    cz_journal_report replay;
    uint8_t root[32], again[32];
    cz_engine *g = NULL;
    cz_stats stats;
    cz_error err = {0};

    (void)state;
    fixture_temp_dir(dir);
    (void)snprintf(path, sizeof path, "%s/store", dir);
    assert_ok(cz_init(path, &err), err);
    assert_ok(cz_open(path, &(cz_options){.threads = 2}, &g, &err), err);
    commit_some(g);
    assert_ok(cz_root(g, root, &err), err);
    assert_ok(cz_stats_get(g, &stats, &err), err);
    assert_int_equal(stats.applied, 6);
    assert_int_equal(stats.rejected, 2);
    assert_int_equal(stats.resources, 3);
    fx_close(g);
    assert_ok(cz_audit(path, NULL, &audit, &err), err);
    assert_ok(cz_replay(path, NULL, &replay, &err), err);
    assert_memory_equal(audit.journal.root, root, 32);
    assert_memory_equal(replay.root, root, 32);
    assert_int_equal(replay.applied, 6);
    assert_int_equal(replay.rejected, 2);
    assert_int_equal(replay.resources, 3);
    assert_ok(cz_open(path, NULL, &g, &err), err);
    assert_ok(cz_root(g, again, &err), err);
    assert_memory_equal(again, root, 32);
    fx_close(g);
    fixture_remove_tree(dir);
}

/* A store that is open for reading has guards, but nothing can be committed. */
static void a_store_that_is_open_for_reading_refuses_commits(void **state)
{
    char dir[4096], path[4200];
    cz_engine *g = NULL;
    cz_guard guard;
    cz_error err = {0};

    (void)state;
    fixture_temp_dir(dir);
    (void)snprintf(path, sizeof path, "%s/store", dir);
    assert_ok(cz_init(path, &err), err);
    assert_ok(cz_open(path, NULL, &g, &err), err);
    fx_data(g, "data");
    fx_close(g);
    assert_ok(cz_open(path, &(cz_options){.read_only = true}, &g, &err), err);
    guard = fx_acquire(g, "data", CZ_WRITE);
    assert_memory_equal(fx_contents(&guard).data, "new", 3);
    fx_update_data(&guard, "x");
    assert_int_equal(cz_guard_commit(&guard, NULL, &err), CZ_CLOSED);
    fx_release(&guard);
    fx_close(g);
    fixture_remove_tree(dir);
}

/* ---- Apply --------------------------------------------------------------------------------
 */

static void an_effect_is_applied_under_guards_that_cover_it(void **state)
{
    cz_engine *g = fx_open(1);
    cz_id a, b;
    cz_guard guards[2];
    cz_effect *e = fx_effect("o", 9);
    cz_result r;
    cz_error err = {0};

    (void)state;
    a = fx_data(g, "a");
    b = fx_data(g, "b");
    assert_ok(cz_effect_access(e, &b, CZ_READ, &err), err);
    assert_ok(cz_effect_write(e, &a, "x", 1, &err), err);
    guards[0] = fx_acquire(g, "a", CZ_READ);
    guards[1] = fx_acquire(g, "b", CZ_READ);
    assert_int_equal(cz_guards_apply(guards, 2, e, &r, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "reading"));
    fx_release(&guards[0]);
    guards[0] = fx_acquire(g, "a", CZ_WRITE);
    assert_int_equal(cz_guards_apply(guards, 1, e, &r, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "none of the guards"));
    assert_ok(cz_guards_apply(guards, 2, e, &r, &err), err);
    assert_int_equal(r.status, CZ_STATUS_APPLIED);
    assert_int_equal(guards[0].engine + guards[1].engine, 0);
    fx_assert_data(g, "a", "x");
    cz_effect_free(e);
    fx_close(g);
}

static void staged_updates_are_not_lost_by_an_effect(void **state)
{
    cz_engine *g = fx_open(1);
    cz_effect *e = fx_write("o", 1, "data", "effect");
    cz_guard guard;
    cz_error err = {0};

    (void)state;
    fx_data(g, "data");
    guard = fx_acquire(g, "data", CZ_WRITE);
    fx_update_data(&guard, "update");
    assert_int_equal(cz_guards_apply(&guard, 1, e, NULL, &err), CZ_INVALID);
    assert_memory_equal(fx_contents(&guard).data, "update", 6);
    fx_commit(&guard);
    fx_assert_data(g, "data", "update");
    cz_effect_free(e);
    fx_close(g);
}

static void a_rejected_effect_keeps_the_guards(void **state)
{
    cz_engine *g = fx_open(1);
    cz_effect *e = fx_pay("o", 1, "a", "b", 101), *f = fx_pay("o", 2, "a", "b", 100);
    cz_guard guards[2];
    cz_result r;
    cz_error err = {0};

    (void)state;
    fx_cash(g, "a", 100);
    fx_cash(g, "b", 0);
    guards[0] = fx_acquire(g, "a", CZ_WRITE);
    guards[1] = fx_acquire(g, "b", CZ_WRITE);
    assert_int_equal(cz_guards_apply(guards, 2, e, &r, &err), CZ_REJECTED);
    assert_int_equal(r.reason, CZ_OVERDRAFT);
    assert_int_equal(fx_stats(g).guards, 2);
    assert_ok(cz_guards_apply(guards, 2, f, &r, &err), err);
    assert_quantity(g, "b", 100);
    cz_effect_free(e);
    cz_effect_free(f);
    fx_close(g);
}

static void what_an_effect_creates_cannot_be_guarded(void **state)
{
    cz_engine *g = fx_open(1);
    cz_creation c = fx_creation("fresh", CZ_DATA, NULL, 0);
    cz_effect *e = fx_effect("o", 1);
    cz_guard guard;
    cz_error err = {0};

    (void)state;
    fx_data(g, "data");
    guard = fx_acquire(g, "data", CZ_WRITE);
    assert_ok(cz_effect_create(e, &c, &err), err);
    assert_int_equal(cz_guards_apply(&guard, 1, e, NULL, &err), CZ_INVALID);
    fx_release(&guard);
    cz_effect_free(e);
    fx_close(g);
}

static void an_origin_whose_effect_waits_is_refused(void **state)
{
    cz_engine *g = fx_open(1);
    cz_effect *e = fx_write("o", 2, "a", "second");
    uint64_t ticket;
    cz_guard a, b;
    cz_error err = {0};

    (void)state;
    fx_data(g, "a");
    fx_data(g, "b");
    a = fx_acquire(g, "a", CZ_WRITE);
    b = fx_acquire(g, "b", CZ_WRITE);
    ticket = fx_submit(g, fx_write("o", 1, "b", "first"));
    fx_settle(g);
    assert_int_equal(cz_guards_apply(&a, 1, e, NULL, &err), CZ_CONFLICT);
    assert_int_equal(fx_stats(g).guards, 2);
    fx_release(&b);
    assert_int_equal(fx_wait(g, ticket).status, CZ_STATUS_APPLIED);
    assert_ok(cz_guards_apply(&a, 1, e, NULL, &err), err);
    fx_assert_data(g, "a", "second");
    cz_effect_free(e);
    fx_close(g);
}

static void the_same_effect_again_is_a_duplicate_under_guards_too(void **state)
{
    cz_engine *g = fx_open(1);
    cz_effect *e = fx_write("o", 1, "data", "once");
    cz_result first, again;
    cz_guard guard;
    cz_error err = {0};

    (void)state;
    fx_data(g, "data");
    guard = fx_acquire(g, "data", CZ_WRITE);
    assert_ok(cz_guards_apply(&guard, 1, e, &first, &err), err);
    guard = fx_acquire(g, "data", CZ_WRITE);
    assert_ok(cz_guards_apply(&guard, 1, e, &again, &err), err);
    assert_int_equal(again.status, CZ_STATUS_DUPLICATE);
    assert_memory_equal(&first.receipt, &again.receipt, sizeof(cz_id));
    assert_int_equal(fx_get(g, "data").version, 2);
    cz_effect_free(e);
    fx_close(g);
}

/* ---- Making resources, performing effects -------------------------------------------------
 */

static void what_exists_cannot_be_created_but_registered(void **state)
{
    cz_engine *g = fx_open(1);
    cz_creation cash = fx_creation("cash", CZ_FUNGIBLE, "USD", 10),
                euro = fx_creation("cash", CZ_FUNGIBLE, "EUR", 10),
                data = fx_creation("cash", CZ_DATA, NULL, 0);
    cz_id id = {{0}}, again, expected = fx_id("cash");
    cz_error err = {0};

    (void)state;
    assert_ok(cz_register(g, &cash, &id, &err), err);
    assert_memory_equal(&id, &expected, sizeof id);
    memset(&id, 0, sizeof id);
    again = id;
    assert_int_equal(cz_create(g, &cash, &id, &err), CZ_CONFLICT);
    assert_int_equal(cz_create(g, &data, &id, &err), CZ_CONFLICT);
    assert_int_equal(cz_register(g, &euro, &id, &err), CZ_WRONG_TYPE);
    assert_int_equal(cz_register(g, &data, &id, &err), CZ_WRONG_TYPE);
    assert_memory_equal(&id, &again, sizeof id); /* untouched */
    assert_ok(cz_register(g, &cash, &id, &err), err);
    assert_memory_equal(&id, &expected, sizeof id);
    assert_quantity(g, "cash", 10); /* once */
    assert_int_equal(fx_get(g, "cash").version, 1);
    fx_close(g);
}

static void a_creation_that_is_malformed_or_rejected_says_so(void **state)
{
    const cz_quantity most = (cz_quantity)((unsigned __int128)-1 >> 1);
    cz_engine *g = fx_open(1);
    cz_creation bad = fx_creation("", CZ_DATA, NULL, 0),
                much = fx_creation("much", CZ_FUNGIBLE, "USD", most);
    cz_id id;
    cz_error err = {0};

    (void)state;
    fx_cash(g, "some", 1);
    assert_int_equal(cz_create(g, &bad, &id, &err), CZ_INVALID);
    assert_int_equal(cz_register(g, &bad, &id, &err), CZ_INVALID);
    assert_int_equal(cz_create(g, &much, &id, &err), CZ_REJECTED);
    assert_non_null(strstr(err.detail, cz_reason_text(CZ_OVERFLOW)));
    much.quantity = 5;
    assert_ok(cz_create(g, &much, &id, &err), err);
    fx_close(g);
}

enum { MAKERS = 8, MADE = 40 };

struct maker {
    pthread_t id;
    cz_engine *engine;
    bool registers;
    unsigned number, created, conflicts;
};

static void *make_all(void *arg)
{
    struct maker *m = arg;

    for (unsigned i = 0; i < MADE; i++) {
        char label[32];
        cz_creation c = fx_creation(label, CZ_FUNGIBLE, "USD", m->registers ? 0 : m->number);
        cz_error err = {0};
        cz_id id;
        int rc;

        (void)snprintf(label, sizeof label, "made %u", i);
        rc = m->registers ? cz_register(m->engine, &c, &id, &err)
                          : cz_create(m->engine, &c, &id, &err);
        m->created += rc == CZ_OK;
        m->conflicts += rc == CZ_CONFLICT;
    }
    return NULL;
}

static void of_eight_threads_that_create_exactly_one_does(void **state)
{
    (void)state;
    for (int registers = 0; registers < 2; registers++) {
        cz_engine *g = fx_open(2);
        struct maker makers[MAKERS];
        unsigned created = 0, conflicts = 0;
        cz_stats stats;
        cz_error err = {0};

        for (unsigned i = 0; i < MAKERS; i++) {
            /* Half of them make the same as another one: those are one effect. */
            makers[i] = (struct maker){.engine = g, .registers = registers, .number = i / 2};
            assert_int_equal(pthread_create(&makers[i].id, NULL, make_all, &makers[i]), 0);
        }
        for (unsigned i = 0; i < MAKERS; i++) {
            assert_int_equal(pthread_join(makers[i].id, NULL), 0);
            created += makers[i].created;
            conflicts += makers[i].conflicts;
        }
        assert_int_equal(created, registers ? MAKERS * MADE : MADE);
        assert_int_equal(conflicts, registers ? 0 : (MAKERS - 1) * MADE);
        assert_ok(cz_stats_get(g, &stats, &err), err);
        assert_int_equal(stats.resources, MADE);
        fx_close(g);
    }
}

static void performing_tells_what_became_of_an_effect(void **state)
{
    cz_engine *g = fx_open(1);
    cz_effect *good = fx_pay("o", 1, "a", "b", 60), *bad = fx_pay("o", 2, "a", "b", 60),
              *used = fx_pay("o", 1, "a", "b", 1);
    cz_result r, first;
    cz_error err = {0};

    (void)state;
    fx_cash(g, "a", 100);
    fx_cash(g, "b", 0);
    assert_ok(cz_perform(g, good, &first, &err), err);
    assert_int_equal(first.status, CZ_STATUS_APPLIED);
    assert_int_equal(cz_perform(g, bad, &r, &err), CZ_REJECTED);
    assert_int_equal(r.reason, CZ_OVERDRAFT);
    assert_int_equal(cz_perform(g, used, &r, &err), CZ_REJECTED);
    assert_int_equal(r.reason, CZ_NONCE);
    assert_false(r.has_receipt);
    assert_ok(cz_perform(g, good, &r, &err), err);
    assert_int_equal(r.status, CZ_STATUS_DUPLICATE);
    assert_memory_equal(&r.receipt, &first.receipt, sizeof(cz_id));
    assert_ok(cz_perform(g, good, NULL, &err), err); /* a result may be NULL */
    cz_effect_free(good);
    cz_effect_free(bad);
    cz_effect_free(used);
    fx_close(g);
}

static void performing_against_a_guard_of_ones_own_is_a_deadlock(void **state)
{
    cz_engine *g = fx_open(1);
    cz_effect *e = fx_write("o", 1, "data", "later");
    cz_result r = {.ticket = 5};
    cz_cycle cycle;
    cz_guard guard;
    cz_id effect;
    cz_error err = {0};

    (void)state;
    fx_data(g, "data");
    effect = fx_effect_id(e);
    guard = fx_acquire(g, "data", CZ_WRITE);
    assert_int_equal(cz_perform(g, e, &r, &err), CZ_DEADLOCK);
    assert_int_equal(r.ticket, 5);
    assert_ok(cz_deadlock_cycle(g, &cycle, &err), err);
    assert_int_equal(cycle.count, 2);
    assert_true(cycle.steps[0].awaits_effect);
    assert_memory_equal(&cycle.steps[0].resource, &effect, sizeof effect);
    assert_int_equal(cycle.steps[1].party.kind, CZ_PARTY_EFFECT);
    assert_string_equal(cycle.steps[1].label, "data");
    fx_release(&guard);
    assert_ok(cz_flush(g, &err), err); /* it stayed submitted */
    fx_assert_data(g, "data", "later");
    cz_effect_free(e);
    fx_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_is_an_effect_in_the_log),
        cmocka_unit_test(a_commit_without_updates_records_nothing),
        cmocka_unit_test(quantities_move_between_the_guarded_resources),
        cmocka_unit_test(a_sum_that_changes_is_refused),
        cmocka_unit_test(a_change_of_more_than_128_bits_is_refused),
        cmocka_unit_test(each_move_of_the_lifecycle_is_possible_but_from_an_end),
        cmocka_unit_test(a_state_opens_before_and_closes_after_what_else_changes),
        cmocka_unit_test(a_rejected_commit_keeps_guard_and_updates_and_can_be_corrected),
        cmocka_unit_test(a_commit_touches_at_most_64_resources),
        cmocka_unit_test(guards_without_updates_are_read),
        cmocka_unit_test(the_same_guard_may_be_given_twice),
        cmocka_unit_test(guards_of_two_engines_make_no_effect),
        cmocka_unit_test(a_strangers_use_of_the_origin_does_not_end_the_guard),
        cmocka_unit_test(a_store_with_commits_is_audited_replayed_and_opened_again),
        cmocka_unit_test(a_store_that_is_open_for_reading_refuses_commits),
        cmocka_unit_test(an_effect_is_applied_under_guards_that_cover_it),
        cmocka_unit_test(staged_updates_are_not_lost_by_an_effect),
        cmocka_unit_test(a_rejected_effect_keeps_the_guards),
        cmocka_unit_test(what_an_effect_creates_cannot_be_guarded),
        cmocka_unit_test(an_origin_whose_effect_waits_is_refused),
        cmocka_unit_test(the_same_effect_again_is_a_duplicate_under_guards_too),
        cmocka_unit_test(what_exists_cannot_be_created_but_registered),
        cmocka_unit_test(a_creation_that_is_malformed_or_rejected_says_so),
        cmocka_unit_test(of_eight_threads_that_create_exactly_one_does),
        cmocka_unit_test(performing_tells_what_became_of_an_effect),
        cmocka_unit_test(performing_against_a_guard_of_ones_own_is_a_deadlock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
