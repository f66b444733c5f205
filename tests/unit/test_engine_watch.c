/* test_engine_watch.c - watches of resources: judged at every state, told once, in order. Those
 * of domains and time are in test_time_watch.c. */
#include "held_fs.h"
#include "watch_fixture.h"

/* Everything goes into one batch: nothing happens before wx_work. */
static cz_engine *open_one_batch(void)
{
    cz_options o = {.batch_max = 128, .backlog_max = 256, .ordered = true};

    return fx_open_driven_with(NULL, &o);
}

static bool has_text(const cz_resource *r, const char *text)
{
    return r->data_len == strlen(text) && memcmp(r->data, text, r->data_len) == 0;
}

static bool is_text(void *arg, const cz_resource *r)
{
    return has_text(r, arg);
}

static bool never(void *arg, const cz_resource *r)
{
    (void)arg;
    (void)r;
    return false;
}

static bool always(void *arg, const cz_resource *r)
{
    (void)arg;
    (void)r;
    return true;
}

static bool is_locked(void *arg, const cz_resource *r)
{
    (void)arg;
    return r->state == CZ_LOCKED;
}

static void write_numbers(cz_engine *g, const char *label, unsigned from, unsigned count)
{
    for (unsigned i = from; i < from + count; i++) {
        char text[16];

        (void)snprintf(text, sizeof text, "%u", i);
        (void)fx_submit(g, fx_write("w", i, label, text));
    }
}

/* ---- When ---------------------------------------------------------------------------------
 */

static void a_watch_without_a_predicate_ends_with_the_next_change(void **state)
{
    cz_engine *g = open_one_batch();
    cz_id x = fx_data(g, "x");
    struct wx_told t = {0};
    uint64_t watch;

    (void)state;
    watch = wx_watch(g, &(cz_watch_spec){.resource = &x}, &t);
    wx_work(g);
    assert_int_equal(t.count, 0);
    write_numbers(g, "x", 1, 3);
    wx_work(g);
    assert_int_equal(wx_one(&t).watch, watch);
    assert_int_equal(t.got[0].code, CZ_OK);
    assert_int_equal(t.got[0].position, 2); /* the creation was the first */
    assert_int_equal(t.got[0].version, 2);
    assert_int_equal(t.got[0].lamport, 2);
    assert_int_equal(t.got[0].fact, 0);
    fx_close(g);
    assert_int_equal(t.count, 1);
}

static void what_is_true_already_ends_a_watch_at_once(void **state)
{
    cz_engine *g = open_one_batch();
    cz_id x = fx_data(g, "x");
    char text[] = "new";
    struct wx_told t = {0};

    (void)state;
    (void)wx_watch(g,
                   &(cz_watch_spec){
                       .resource = &x, .resource_is = is_text, .arg = text, .with_data = true},
                   &t);
    assert_int_equal(t.count, 0);
    wx_work(g);
    assert_int_equal(wx_one(&t).code, CZ_OK);
    assert_int_equal(t.got[0].position, 0);
    assert_int_equal(t.got[0].version, 1);
    fx_close(g);
}

/* For each of 100 states in one batch a watch that is true of it alone. */
static void no_state_within_a_batch_is_missed(void **state)
{
    enum { COUNT = 100 };
    cz_engine *g = open_one_batch();
    cz_id x = fx_data(g, "x");
    char texts[COUNT][16];
    struct wx_told t = {0};

    (void)state;
    for (unsigned i = COUNT; i-- > 0;) {
        (void)snprintf(texts[i], sizeof texts[i], "%u", i + 1);
        (void)wx_watch(g,
                       &(cz_watch_spec){.resource = &x,
                                        .resource_is = is_text,
                                        .arg = texts[i],
                                        .with_data = true},
                       &t);
    }
    write_numbers(g, "x", 1, COUNT);
    wx_work(g);
    assert_int_equal(t.count, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(t.got[i].watch, COUNT - i);
        assert_int_equal(t.got[i].position, i + 2);
        assert_int_equal(t.got[i].version, i + 2);
    }
    fx_close(g);
}

struct seen {
    cz_resource r[16];
    size_t count;
};

static bool see(void *arg, const cz_resource *r)
{
    struct seen *s = arg;

    CZI_CHECK(s->count < CZI_COUNTOF(s->r));
    s->r[s->count++] = *r;
    return false;
}

static void a_predicate_sees_each_state_as_it_was(void **state)
{
    cz_engine *g = open_one_batch();
    cz_id a = fx_make(g, "a", CZ_FUNGIBLE, "COIN", 100);
    struct seen s = {0};
    struct wx_told t = {0};

    (void)state;
    (void)fx_make(g, "b", CZ_FUNGIBLE, "COIN", 0);
    (void)wx_watch(g, &(cz_watch_spec){.resource = &a, .resource_is = see, .arg = &s}, &t);
    (void)fx_submit(g, fx_pay("w", 1, "a", "b", 30));
    (void)fx_submit(g, fx_pay("w", 2, "a", "b", 1000)); /* rejected: no state */
    (void)fx_submit(g, fx_pay("w", 3, "b", "a", 5));
    wx_work(g);
    assert_int_equal(s.count, 3);
    assert_true(s.r[0].quantity == 100 && s.r[1].quantity == 70 && s.r[2].quantity == 75);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(s.r[i].version, i + 1);
        assert_string_equal(s.r[i].label, "a");
        assert_string_equal(s.r[i].asset, "COIN");
        assert_memory_equal(&s.r[i].id, &a, sizeof a);
        assert_null(s.r[i].data);
    }
    assert_int_equal(s.r[1].position, 3);
    assert_int_equal(s.r[2].position, 5);
    assert_int_equal(s.r[1].lamport, 2);
    assert_int_equal(s.r[2].lamport, 3);
    assert_int_equal(t.count, 0);
    fx_close(g);
}

static void reading_a_resource_changes_nothing(void **state)
{
    cz_engine *g = open_one_batch();
    cz_id x = fx_data(g, "x");
    cz_effect *e = fx_effect("r", 1);
    struct wx_told t = {0};
    cz_error err = {0};

    (void)state;
    (void)wx_watch(g, &(cz_watch_spec){.resource = &x}, &t);
    assert_ok(cz_effect_require(e, &x, &(cz_requirement){.has_state = true}, &err), err);
    assert_int_equal(fx_run(g, e).status, CZ_STATUS_APPLIED);
    assert_int_equal(t.count, 0);
    fx_close(g);
}

static void a_resource_that_is_not_there_yet_can_be_watched(void **state)
{
    cz_engine *g = open_one_batch();
    cz_id x = fx_id("x");
    struct wx_told t = {0};

    (void)state;
    (void)wx_watch(g, &(cz_watch_spec){.resource = &x, .resource_is = always}, &t);
    wx_work(g);
    assert_int_equal(t.count, 0);
    (void)fx_data(g, "y");
    (void)fx_data(g, "x");
    assert_int_equal(wx_one(&t).position, 2);
    assert_int_equal(t.got[0].version, 1);
    fx_close(g);
}

/* ---- Data ---------------------------------------------------------------------------------
 */

static cz_effect *lifecycle(uint64_t nonce, const char *label, bool lock)
{
    cz_effect *e = fx_effect("w", nonce);
    cz_id id = fx_id(label);
    cz_error err = {0};

    if (lock)
        assert_ok(cz_effect_lock(e, &id, &err), err);
    else
        assert_ok(cz_effect_unlock(e, &id, &err), err);
    return e;
}

static bool is_locked_with(void *arg, const cz_resource *r)
{
    return r->state == CZ_LOCKED && has_text(r, arg);
}

/* The effect that locks it does not have its bytes, and the resource has others by then. */
static void data_is_of_its_state_when_the_effect_gives_none(void **state)
{
    cz_engine *g = open_one_batch();
    cz_id x = fx_data(g, "x");
    char first[] = "new", second[] = "2";
    struct wx_told t = {0};

    (void)state;
    (void)wx_watch(g,
                   &(cz_watch_spec){.resource = &x,
                                    .resource_is = is_locked_with,
                                    .arg = second,
                                    .with_data = true},
                   &t);
    (void)wx_watch(g,
                   &(cz_watch_spec){.resource = &x,
                                    .resource_is = is_locked_with,
                                    .arg = first,
                                    .with_data = true},
                   &t);
    (void)fx_submit(g, lifecycle(1, "x", true));
    (void)fx_submit(g, lifecycle(2, "x", false));
    write_numbers(g, "x", 3, 1);
    (void)fx_submit(g, fx_write("w", 4, "x", "2"));
    (void)fx_submit(g, lifecycle(5, "x", true));
    (void)fx_submit(g, lifecycle(6, "x", false));
    (void)fx_submit(g, fx_write("w", 7, "x", "later"));
    wx_work(g);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.got[0].position, 2);
    assert_int_equal(t.got[0].watch, 2);
    assert_int_equal(t.got[1].position, 6);
    fx_close(g);
}

static bool is_second_with(void *arg, const cz_resource *r)
{
    return r->version == 2 && has_text(r, arg);
}

static void a_creation_that_finds_the_resource_there_gives_it_no_bytes(void **state)
{
    cz_engine *g = open_one_batch();
    cz_id x = fx_data(g, "x");
    cz_creation c = fx_creation("x", CZ_DATA, NULL, 0);
    cz_effect *e = fx_effect("w", 1);
    char text[] = "new";
    struct wx_told t = {0};
    cz_error err = {0};

    (void)state;
    c.data = (const uint8_t *)"other";
    c.data_len = 5;
    c.if_absent = true;
    (void)wx_watch(g,
                   &(cz_watch_spec){.resource = &x,
                                    .resource_is = is_second_with,
                                    .arg = text,
                                    .with_data = true},
                   &t);
    assert_ok(cz_effect_create(e, &c, &err), err);
    assert_int_equal(fx_run(g, e).reason, CZ_APPLIED);
    assert_int_equal(wx_one(&t).position, 2);
    fx_close(g);
}

static void without_being_asked_for_data_is_not_shown(void **state)
{
    cz_engine *g = open_one_batch();
    cz_id x = fx_data(g, "x");
    struct seen s = {0};
    struct wx_told t = {0};

    (void)state;
    (void)wx_watch(g, &(cz_watch_spec){.resource = &x, .resource_is = see, .arg = &s}, &t);
    write_numbers(g, "x", 1, 1);
    wx_work(g);
    assert_int_equal(s.count, 2);
    assert_true(!s.r[0].data && !s.r[1].data && s.r[1].data_len == 0);
    fx_close(g);
}

/* ---- On its way to the disk -----------------------------------------------------------------
 */

static cz_engine *open_held(struct held_fs *h)
{
    struct czi_ledger_options store = {.fs = &h->base,
                                       .memory_index = true,
                                       .segment_size_max = UINT64_MAX};
    cz_options o = {.threads = 2, .batch_max = 8, .backlog_max = 256, .ordered = true};
    cz_engine *g = NULL;
    cz_error err = {0};

    held_init(h);
    assert_ok(czi_ledger_create(store.fs, &err), err);
    assert_ok(czi_open_store(&store, &o, &g, &err), err);
    return g;
}

static uint64_t executed(cz_engine *g)
{
    uint64_t n;

    czi_manager_lock(g);
    n = g->step.core.positions;
    czi_manager_unlock(g);
    return n;
}

/* Engines execute ahead of the disk: what is executed and not on disk when a watch begins is
 * judged all the same, and with the bytes that it had. */
static void what_is_under_way_when_a_watch_begins_is_judged(void **state)
{
    struct held_fs h;
    cz_engine *g = open_held(&h);
    cz_id x = fx_data(g, "x"), y = fx_data(g, "y");
    char first[] = "new";
    cz_effect *e[16];
    cz_submission run[16];
    struct wx_told t = {0};
    uint64_t ticket;
    size_t accepted;
    cz_error err = {0};

    (void)state;
    for (unsigned i = 0; i < 16; i++)
        e[i] = i == 8 || i == 9 ? lifecycle(i + 1, "x", i == 8)
                                : fx_write("w", i + 1, i == 10 ? "x" : "y", "later");
    for (unsigned i = 0; i < 16; i++) {
        const uint8_t *bytes = NULL;

        assert_ok(cz_effect_encode(e[i], &bytes, &run[i].len, &err), err);
        run[i].bytes = bytes;
    }
    held_hold(&h);
    assert_ok(cz_submit_batch(g, run, 16, NULL, NULL, &ticket, &accepted, &err), err);
    while (executed(g) < 18)
        sched_yield();
    /* Is and was true of the second state alone. */
    (void)wx_watch(g,
                   &(cz_watch_spec){.resource = &x,
                                    .resource_is = is_locked_with,
                                    .arg = first,
                                    .with_data = true},
                   &t);
    (void)wx_watch(g, &(cz_watch_spec){.resource = &x}, &t);
    (void)wx_watch(g, &(cz_watch_spec){.resource = &y, .resource_is = always}, &t);
    while (atomic_load(&g->watches.fresh_count))
        sched_yield();
    held_let_go(&h, false);
    assert_ok(cz_flush(g, &err), err);
    fx_close(g);
    held_done(&h);
    for (unsigned i = 0; i < 16; i++)
        cz_effect_free(e[i]);
    assert_int_equal(t.count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(t.got[i].code, CZ_OK);
        assert_int_equal(t.got[i].position, i ? 11 : 3);
    }
}

/* ---- Order --------------------------------------------------------------------------------
 */

static void watches_that_one_effect_ends_are_told_in_order_of_their_numbers(void **state)
{
    cz_engine *g = open_one_batch();
    cz_id a = fx_make(g, "a", CZ_FUNGIBLE, "COIN", 100);
    cz_id b = fx_make(g, "b", CZ_FUNGIBLE, "COIN", 100);
    struct wx_told t = {0};

    (void)state;
    for (unsigned i = 0; i < 40; i++)
        (void)wx_watch(g,
                       i % 3 == 2 ? &(cz_watch_spec){.resource = &a,
                                                     .resource_is = never,
                                                     .deadline_lamport = 2}
                                  : &(cz_watch_spec){.resource = i % 3 ? &a : &b},
                       &t);
    (void)fx_submit(g, fx_pay("w", 1, "a", "b", 1));
    wx_work(g);
    assert_int_equal(t.count, 40);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(t.got[i].watch, i + 1);
        assert_int_equal(t.got[i].code, i % 3 == 2 ? CZ_TIMEOUT : CZ_OK);
        assert_int_equal(t.got[i].position, 3);
    }
    fx_close(g);
}

/* ---- From callbacks -----------------------------------------------------------------------
 */

struct follower {
    cz_engine *engine;
    cz_id resource;
    uint64_t versions[256], last;
    size_t count, limit;
};

static bool is_newer(void *arg, const cz_resource *r)
{
    return r->version > ((const struct follower *)arg)->last;
}

static void follow(void *arg, const cz_watched *w)
{
    struct follower *f = arg;
    cz_watch_spec spec = {.resource = &f->resource, .resource_is = is_newer, .arg = f};

    if (w && w->code)
        return;
    if (w)
        f->versions[f->count++] = f->last = w->version;
    if (f->count < f->limit && cz_watch(f->engine, &spec, follow, f, NULL, NULL))
        abort();
}

/* In batches of any size, and with several under way. */
static void who_watches_again_in_the_callback_sees_every_state_once(void **state)
{
    enum { COUNT = 200 };

    (void)state;
    for (unsigned batch = 1; batch <= 128; batch *= 2) {
        cz_options o = {.batch_max = batch, .backlog_max = 256, .ordered = true};
        cz_engine *g = fx_open_driven_with(NULL, &o);
        struct follower f = {.engine = g,
                             .resource = fx_data(g, "x"),
                             .limit = COUNT,
                             .last = 1};

        follow(&f, NULL);
        write_numbers(g, "x", 1, COUNT);
        wx_work(g);
        assert_int_equal(f.count, COUNT);
        for (unsigned i = 0; i < COUNT; i++)
            assert_int_equal(f.versions[i], i + 2);
        fx_close(g);
    }
}

struct nest {
    cz_engine *engine;
    cz_id resource;
    struct wx_told told;
    uint64_t other;
    int code;
};

static void watch_in_result(void *arg, const cz_result *r)
{
    struct nest *n = arg;

    (void)r;
    (void)wx_watch(n->engine, &(cz_watch_spec){.resource = &n->resource}, &n->told);
}

static void a_watch_from_the_callback_of_an_effect_begins_behind_it(void **state)
{
    struct nest n = {.engine = open_one_batch()};
    cz_engine *g = n.engine;
    cz_error err = {0};

    (void)state;
    n.resource = fx_data(g, "x");
    for (unsigned i = 1; i <= 5; i++) {
        cz_effect *e = fx_write("w", i, "x", "text");
        uint64_t ticket;

        assert_ok(cz_submit_effect(g, e, i == 2 ? watch_in_result : NULL, &n, &ticket, &err),
                  err);
        cz_effect_free(e);
    }
    wx_work(g);
    assert_int_equal(wx_one(&n.told).position, 4);
    fx_close(g);
}

static void watch_in_watched(void *arg, const cz_watched *w)
{
    struct nest *n = arg;

    if (w->code == CZ_OK)
        (void)wx_watch(n->engine, &(cz_watch_spec){.resource = &n->resource}, &n->told);
}

static void watch_something_true(void *arg, const cz_result *r)
{
    struct nest *n = arg;
    cz_id y = fx_id("y");

    (void)r;
    if (cz_watch(n->engine, &(cz_watch_spec){.resource = &y, .resource_is = always},
                 watch_in_watched, n, NULL, NULL))
        abort();
}

/* Also when that one was true at once. */
static void a_watch_from_the_callback_of_a_watch_begins_before_the_next_effect(void **state)
{
    struct nest n = {.engine = open_one_batch()};
    cz_engine *g = n.engine;
    cz_error err = {0};

    (void)state;
    n.resource = fx_data(g, "x");
    (void)fx_data(g, "y");
    for (unsigned i = 1; i <= 5; i++) {
        cz_effect *e = fx_write("w", i, "x", "text");
        uint64_t ticket;

        assert_ok(cz_submit_effect(g, e, i == 2 ? watch_something_true : NULL, &n, &ticket,
                                   &err),
                  err);
        cz_effect_free(e);
    }
    wx_work(g);
    assert_int_equal(wx_one(&n.told).position, 5);
    fx_close(g);
}

static void submit_in_watched(void *arg, const cz_watched *w)
{
    struct nest *n = arg;
    cz_effect *e = fx_write("w2", 1, "y", "seen");
    cz_error err = {0};

    n->code = w->code ? w->code : cz_submit_effect(n->engine, e, NULL, NULL, NULL, &err);
    cz_effect_free(e);
}

static void a_callback_may_submit(void **state)
{
    struct nest n = {.engine = open_one_batch(), .code = -1};
    cz_error err = {0};

    (void)state;
    n.resource = fx_data(n.engine, "x");
    (void)fx_data(n.engine, "y");
    assert_ok(cz_watch(n.engine, &(cz_watch_spec){.resource = &n.resource}, submit_in_watched,
                       &n, NULL, &err),
              err);
    write_numbers(n.engine, "x", 1, 1);
    wx_work(n.engine);
    assert_int_equal(n.code, CZ_OK);
    fx_assert_data(n.engine, "y", "seen");
    fx_close(n.engine);
}

/* ---- Deadlines in Lamport time --------------------------------------------------------------
 */

static void a_lamport_deadline_ends_a_watch_at_the_receipt_that_reaches_it(void **state)
{
    cz_engine *g = open_one_batch();
    cz_id x = fx_data(g, "x");
    struct wx_told t = {0};

    (void)state;
    (void)fx_data(g, "y");
    (void)wx_watch(
        g, &(cz_watch_spec){.resource = &x, .resource_is = never, .deadline_lamport = 10}, &t);
    write_numbers(g, "y", 1, 20); /* Lamport times 2 to 21, positions 3 to 22 */
    wx_work(g);
    assert_int_equal(wx_one(&t).code, CZ_TIMEOUT);
    assert_int_equal(t.got[0].position, 11);
    assert_int_equal(t.got[0].lamport, 10);
    assert_int_equal(t.got[0].version, 0);
    fx_close(g);
}

static void what_becomes_true_with_its_deadline_is_true(void **state)
{
    cz_engine *g = open_one_batch();
    cz_id x = fx_data(g, "x");
    char text[] = "9";
    cz_watch_spec spec = {.resource = &x,
                          .resource_is = is_text,
                          .arg = text,
                          .with_data = true};
    struct wx_told t = {0};

    (void)state;
    spec.deadline_lamport = 10;
    (void)wx_watch(g, &spec, &t);
    spec.deadline_lamport = 9;
    (void)wx_watch(g, &spec, &t);
    write_numbers(g, "x", 1, 20);
    wx_work(g);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.got[0].watch, 2);
    assert_int_equal(t.got[0].code, CZ_TIMEOUT);
    assert_int_equal(t.got[0].position, 9);
    assert_int_equal(t.got[1].code, CZ_OK);
    assert_int_equal(t.got[1].position, 10);
    fx_close(g);
}

static void a_deadline_that_was_reached_before_ends_a_watch_at_once(void **state)
{
    cz_engine *g = open_one_batch();
    cz_id x = fx_data(g, "x");
    cz_watch_spec spec = {.resource = &x, .resource_is = never, .deadline_lamport = 1};
    struct wx_told t = {0};

    (void)state;
    (void)wx_watch(g, &spec, &t);
    spec.resource_is = always; /* which is so too */
    (void)wx_watch(g, &spec, &t);
    wx_work(g);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.got[0].code, CZ_TIMEOUT);
    assert_int_equal(t.got[0].position, 0);
    assert_int_equal(t.got[1].code, CZ_OK);
    fx_close(g);
}

/* ---- Ending without
 * ---------------------------------------------------------------------------
 */

static void giving_a_watch_up_calls_it_back_first(void **state)
{
    cz_engine *g = open_one_batch();
    cz_id x = fx_data(g, "x");
    struct wx_told t = {0};
    uint64_t fresh, begun;
    cz_error err = {0};

    (void)state;
    begun = wx_watch(g, &(cz_watch_spec){.resource = &x, .deadline_lamport = 100}, &t);
    wx_work(g);
    fresh = wx_watch(g, &(cz_watch_spec){.resource = &x, .deadline_lamport = 100}, &t);
    assert_ok(cz_unwatch(g, fresh, &err), err);
    assert_ok(cz_unwatch(g, begun, &err), err);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.got[0].watch, fresh);
    assert_int_equal(t.got[1].watch, begun);
    assert_int_equal(t.got[0].code, CZ_CANCELLED);
    assert_int_equal(t.got[1].code, CZ_CANCELLED);
    assert_int_equal(cz_unwatch(g, begun, &err), CZ_NOT_FOUND);
    assert_int_equal(cz_unwatch(g, 0, &err), CZ_NOT_FOUND);
    assert_int_equal(cz_unwatch(g, 99, &err), CZ_NOT_FOUND);
    write_numbers(g, "x", 1, 3);
    wx_work(g);
    assert_int_equal(t.count, 2);
    /* Nothing is left that would make effects dearer. */
    assert_null(czi_resource_at(&g->step.core.resources,
                                czi_id_table_find(&g->step.core.resources.ids, &x))
                    ->watched);
    fx_close(g);
}

static void unwatch_other(void *arg, const cz_watched *w)
{
    struct nest *n = arg;

    if (w->code == CZ_OK)
        n->code = cz_unwatch(n->engine, n->other, NULL);
}

static void a_callback_may_give_others_up(void **state)
{
    (void)state;
    for (unsigned both = 0; both < 2; both++) {
        struct nest n = {.engine = open_one_batch(), .code = -1};
        cz_id x = fx_data(n.engine, "x");
        cz_watch_spec spec = {.resource = &x};
        cz_error err = {0};

        assert_ok(cz_watch(n.engine, &spec, unwatch_other, &n, NULL, &err), err);
        if (!both)
            spec.resource_is = never;
        n.other = wx_watch(n.engine, &spec, &n.told);
        write_numbers(n.engine, "x", 1, 1);
        wx_work(n.engine);
        /* The one that the same effect ends is on its way. */
        assert_int_equal(n.code, both ? CZ_NOT_FOUND : CZ_OK);
        assert_int_equal(wx_one(&n.told).code, both ? CZ_OK : CZ_CANCELLED);
        fx_close(n.engine);
    }
}

static void closing_ends_every_watch(void **state)
{
    (void)state;
    for (unsigned threads = 0; threads < 3; threads++) {
        cz_engine *g = threads ? fx_open(threads) : open_one_batch();
        cz_id x = fx_data(g, "x"), y = fx_id("y");
        struct wx_told t = {0};

        for (unsigned i = 0; i < 50; i++)
            (void)wx_watch(g,
                           &(cz_watch_spec){.resource = i % 2 ? &x : &y,
                                            .deadline_lamport = i % 3 ? 0 : 1000},
                           &t);
        fx_close(g);
        assert_int_equal(t.count, 50);
        for (unsigned i = 0; i < 50; i++) {
            assert_int_equal(t.got[i].watch, i + 1);
            assert_int_equal(t.got[i].code, CZ_CLOSED);
        }
    }
}

static void a_disk_that_fails_ends_every_watch(void **state)
{
    struct held_fs h;
    cz_engine *g = open_held(&h);
    cz_id x = fx_data(g, "x");
    struct wx_told t = {0};
    cz_error err = {0};
    cz_result r;
    uint64_t ticket;

    (void)state;
    (void)wx_watch(g, &(cz_watch_spec){.resource = &x, .resource_is = is_locked}, &t);
    held_hold(&h);
    ticket = fx_submit(g, lifecycle(1, "x", true));
    held_until_asleep(&h);
    held_let_go(&h, true);
    assert_int_equal(cz_wait(g, ticket, CZ_FOREVER, &r, &err), CZ_CLOSED);
    assert_int_equal(cz_await(g, &(cz_watch_spec){.resource = &x}, CZ_FOREVER, NULL, &err),
                     CZ_CLOSED);
    assert_int_not_equal(cz_close(g, &err), CZ_OK);
    held_done(&h);
    assert_int_equal(wx_one(&t).code, CZ_CLOSED); /* what it waited for is not on disk */
}

static void who_only_reads_a_store_cannot_watch(void **state)
{
    cz_engine *g = fx_open_with(&(cz_options){.read_only = true});
    cz_id x = fx_id("x");
    cz_error err = {0};

    (void)state;
    assert_int_equal(cz_watch(g, &(cz_watch_spec){.resource = &x}, wx_tell, NULL, NULL, &err),
                     CZ_CLOSED);
    fx_close(g);
}

/* ---- Refused --------------------------------------------------------------------------------
 */

static bool map_never(void *arg, const cz_time_map *map)
{
    (void)arg;
    (void)map;
    return false;
}

static void what_makes_no_sense_is_refused(void **state)
{
    cz_engine *g = open_one_batch();
    cz_id x = fx_id("x");
    cz_watch_spec bad[] = {
        {.arg = NULL},
        {.resource = &x, .time_map = true},
        {.resource = &x, .domain = "moon"},
        {.domain = "moon", .time_map = true},
        {.resource = &x, .time_is = map_never},
        {.time_map = true, .resource_is = never},
        {.time_map = true, .with_data = true},
        {.time_map = true, .height = 4},
        {.resource = &x, .height = 4},
        {.domain = "moon", .height = 4, .time_is = map_never},
        {.resource = &x, .deadline_time = 7},
        {.resource = &x, .deadline_domain = "moon"},
    };
    cz_error err = {0};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(bad); i++)
        assert_int_equal(cz_watch(g, &bad[i], wx_tell, NULL, NULL, &err), CZ_INVALID);
    assert_int_equal(cz_watch(g, &(cz_watch_spec){.resource = &x}, NULL, NULL, NULL, &err),
                     CZ_INVALID);
    assert_int_equal(cz_watch(g, &(cz_watch_spec){.domain = "moon"}, wx_tell, NULL, NULL, &err),
                     CZ_UNKNOWN_DOMAIN);
    assert_int_equal(cz_watch(g,
                              &(cz_watch_spec){.resource = &x,
                                               .deadline_domain = "moon",
                                               .deadline_time = 1},
                              wx_tell, NULL, NULL, &err),
                     CZ_UNKNOWN_DOMAIN);
    fx_close(g);
}

/* CZI_WATCHES_MAX */
static void no_more_watches_than_the_limit_are_taken(void **state)
{
    cz_engine *g = open_one_batch();
    cz_watch_spec spec = {.time_map = true};
    struct wx_told t = {0};
    cz_error err = {0};
    uint64_t watch;

    (void)state;
    atomic_store(&g->watches.count, CZI_WATCHES_MAX - 1);
    watch = wx_watch(g, &spec, &t);
    assert_int_equal(cz_watch(g, &spec, wx_tell, &t, NULL, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "CZI_WATCHES_MAX"));
    assert_ok(cz_unwatch(g, watch, &err), err);
    assert_ok(cz_watch(g, &spec, wx_tell, &t, NULL, &err), err);
    fx_close(g);
}

static int make_and_let_go(cz_engine *g, const cz_id *x, struct wx_told *t, cz_error *err)
{
    uint64_t watch = 0;
    int rc = cz_watch(g, &(cz_watch_spec){.resource = x, .deadline_lamport = 50}, wx_tell, t,
                      &watch, err);

    return rc ? rc : cz_unwatch(g, watch, err);
}

static void without_memory_nothing_is_watched(void **state)
{
    cz_engine *g = open_one_batch();
    cz_id x = fx_id("x");
    cz_error err = {0};
    unsigned failures = 0;

    (void)state;
    for (int64_t skip = 0;; skip++) {
        struct wx_told t = {0};
        int rc;

        czi_alloc_fail_after(skip);
        rc = make_and_let_go(g, &x, &t, &err);
        czi_alloc_fail_after(-1);
        assert_int_equal(t.count, rc == CZ_OK);
        if (rc == CZ_OK)
            break;
        assert_int_equal(rc, CZ_NOMEM);
        assert_int_equal(atomic_load(&g->watches.count), 0);
        failures++;
    }
    assert_int_equal(failures, 3); /* the watch, the resource's, the table */
    fx_close(g);
}

/* The engine's thread makes room for it, and cannot. */
static void a_watch_of_what_is_not_there_tells_that_there_is_no_memory(void **state)
{
    struct wx_told t = {0};
    unsigned failures = 0;

    (void)state;
    for (int64_t skip = 0; failures == t.count; skip++) {
        cz_engine *g = open_one_batch();
        cz_id x = fx_id("x");

        (void)wx_watch(g, &(cz_watch_spec){.resource = &x}, &t);
        t.count = 0;
        czi_alloc_fail_after(skip);
        wx_work(g);
        czi_alloc_fail_after(-1);
        if (t.count) {
            assert_int_equal(wx_one(&t).code, CZ_NOMEM);
            failures = 1;
        } else {
            failures = UINT32_MAX;
        }
        fx_close(g);
    }
    assert_int_equal(wx_one(&t).code, CZ_CLOSED);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watch_without_a_predicate_ends_with_the_next_change),
        cmocka_unit_test(what_is_true_already_ends_a_watch_at_once),
        cmocka_unit_test(no_state_within_a_batch_is_missed),
        cmocka_unit_test(a_predicate_sees_each_state_as_it_was),
        cmocka_unit_test(reading_a_resource_changes_nothing),
        cmocka_unit_test(a_resource_that_is_not_there_yet_can_be_watched),
        cmocka_unit_test(data_is_of_its_state_when_the_effect_gives_none),
        cmocka_unit_test(a_creation_that_finds_the_resource_there_gives_it_no_bytes),
        cmocka_unit_test(without_being_asked_for_data_is_not_shown),
        cmocka_unit_test(what_is_under_way_when_a_watch_begins_is_judged),
        cmocka_unit_test(watches_that_one_effect_ends_are_told_in_order_of_their_numbers),
        cmocka_unit_test(who_watches_again_in_the_callback_sees_every_state_once),
        cmocka_unit_test(a_watch_from_the_callback_of_an_effect_begins_behind_it),
        cmocka_unit_test(a_watch_from_the_callback_of_a_watch_begins_before_the_next_effect),
        cmocka_unit_test(a_callback_may_submit),
        cmocka_unit_test(a_lamport_deadline_ends_a_watch_at_the_receipt_that_reaches_it),
        cmocka_unit_test(what_becomes_true_with_its_deadline_is_true),
        cmocka_unit_test(a_deadline_that_was_reached_before_ends_a_watch_at_once),
        cmocka_unit_test(giving_a_watch_up_calls_it_back_first),
        cmocka_unit_test(a_callback_may_give_others_up),
        cmocka_unit_test(closing_ends_every_watch),
        cmocka_unit_test(a_disk_that_fails_ends_every_watch),
        cmocka_unit_test(who_only_reads_a_store_cannot_watch),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(no_more_watches_than_the_limit_are_taken),
        cmocka_unit_test(without_memory_nothing_is_watched),
        cmocka_unit_test(a_watch_of_what_is_not_there_tells_that_there_is_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
