/* test_parked_bounds.c - many effects that wait: their results, the backlog, and how an engine
 * with such effects closes. */
#include "fs_fixture.h"
#include "guard_fixture.h"

/* With a backlog of one: places for so many results. */
#define RING (2 * (1 + CZI_COMMITS_MAX))

static cz_engine *open_small(unsigned backlog)
{
    return fx_open_driven_with(NULL, &(cz_options){.batch_max = 64, .backlog_max = backlog});
}

static uint64_t write_to(cz_engine *g, const char *label)
{
    static unsigned count;
    char origin[32];

    (void)snprintf(origin, sizeof origin, "origin %u", ++count);
    return fx_submit(g, fx_write(origin, 1, label, origin));
}

static void run_many(cz_engine *g, const char *label, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(fx_wait(g, write_to(g, label)).status, CZ_STATUS_APPLIED);
}

static int poll_ticket(cz_engine *g, uint64_t ticket)
{
    cz_error err = {0};
    cz_result r;

    return cz_poll(g, ticket, &r, &err);
}

/* ---- Results ------------------------------------------------------------------------------
 */

static void a_ticket_that_waits_is_kept_while_the_ring_goes_round(void **state)
{
    cz_engine *g = open_small(4);
    uint64_t ring = 2 * (4 + CZI_COMMITS_MAX), tickets[4], normal;
    cz_guard guard;
    cz_error err = {0};

    (void)state;
    fx_data(g, "x");
    fx_data(g, "y");
    guard = fx_acquire(g, "x", CZ_WRITE);
    normal = write_to(g, "y");
    for (unsigned i = 0; i < 3; i++)
        tickets[i] = write_to(g, "x");
    fx_settle(g);
    assert_int_equal(poll_ticket(g, normal), CZ_OK);
    run_many(g, "y", (unsigned)(3 * ring));
    assert_int_equal(poll_ticket(g, normal), CZ_NOT_FOUND);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(poll_ticket(g, tickets[i]), CZ_BUSY);
    tickets[3] = write_to(g, "x"); /* this one's place is still in the ring */
    fx_settle(g);
    fx_release(&guard);
    assert_ok(cz_flush(g, &err), err);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(fx_wait(g, tickets[i]).status, CZ_STATUS_APPLIED);
    run_many(g, "y", (unsigned)(3 * ring));
    assert_int_equal(poll_ticket(g, tickets[3]), CZ_NOT_FOUND);
    fx_close(g);
}

struct answers {
    unsigned count[200];
    uint64_t tickets[200];
};

static void answer(void *arg, const cz_result *r)
{
    struct answers *a = arg;

    assert_non_null(r);
    assert_int_equal(r->status, CZ_STATUS_APPLIED);
    for (unsigned i = 0; i < 200; i++)
        a->count[i] += a->tickets[i] == r->ticket;
}

static uint64_t write_with_answer(cz_engine *g, const char *label, struct answers *a,
                                  unsigned number)
{
    char origin[32];
    cz_effect *e;
    cz_error err = {0};

    (void)snprintf(origin, sizeof origin, "asks %u", number);
    e = fx_write(origin, 1, label, origin);
    assert_ok(cz_submit_effect(g, e, answer, a, &a->tickets[number], &err), err);
    cz_effect_free(e);
    return a->tickets[number];
}

/* Three kinds of effects wait: one for x, which comes first into the list of late ones; so many
 * for y that the list is full when they are done; and some for z, of which the ring's places
 * are needed next. The one for x is called back when the list has no room for it. */
static void each_is_called_back_once_however_late_and_full_the_list_is(void **state)
{
    cz_engine *g = open_small(256);
    uint64_t ring = 2 * (256 + CZI_COMMITS_MAX);
    struct answers a = {0};
    cz_guard x, y, z;
    cz_error err = {0};

    (void)state;
    fx_data(g, "w");
    fx_data(g, "x");
    fx_data(g, "y");
    fx_data(g, "z");
    x = fx_acquire(g, "x", CZ_WRITE);
    y = fx_acquire(g, "y", CZ_WRITE);
    z = fx_acquire(g, "z", CZ_WRITE);
    for (unsigned i = 0; i < 62; i++)
        (void)write_with_answer(g, i ? "y" : "x", &a, i);
    fx_settle(g);
    run_many(g, "w", (unsigned)ring + 10); /* all 62 are late */
    fx_release(&y);
    assert_ok(cz_wait(g, a.tickets[61], CZ_FOREVER, &(cz_result){0}, &err), err);
    for (unsigned i = 62; i < 123; i++)
        (void)write_with_answer(g, "z", &a, i);
    fx_settle(g);
    for (uint64_t t = 0; t + 1 < a.tickets[62] + ring + 2;) /* two of them are late: 64 */
        t = fx_wait(g, write_to(g, "w")).ticket;
    fx_release(&x);
    for (unsigned i = 0; i < 8; i++) /* in one batch with the one for x */
        (void)write_to(g, "w");
    fx_settle(g);
    assert_int_equal(a.count[0], 1);
    fx_release(&z);
    assert_ok(cz_flush(g, &err), err);
    for (unsigned i = 0; i < 123; i++)
        assert_int_equal(a.count[i], 1);
    fx_close(g);
}

/* ---- The backlog --------------------------------------------------------------------------
 */

static void who_holds_a_guard_commits_past_a_backlog_that_waits_for_it(void **state)
{
    (void)state;
    for (unsigned threads = 0; threads <= 2; threads++) {
        cz_options o = {.threads = threads, .batch_max = 7, .backlog_max = 8};
        cz_engine *g = threads ? fx_open_with(&o) : fx_open_driven_with(NULL, &o);
        cz_effect *one_more = fx_write("o", 1, "y", "z");
        uint64_t tickets[8], ninth;
        cz_guard guard;
        cz_result r;
        cz_error err = {0};

        fx_data(g, "x");
        fx_data(g, "y");
        fx_settle(g); /* their places in the backlog are free again */
        guard = fx_acquire(g, "x", CZ_WRITE);
        for (unsigned i = 0; i < 8; i++)
            tickets[i] = write_to(g, "x");
        fx_settle(g);
        assert_int_equal(cz_submit_effect(g, one_more, NULL, NULL, &ninth, &err), CZ_BUSY);
        assert_non_null(strstr(err.detail, "8 submissions"));
        assert_int_equal(cz_perform(g, one_more, &r, &err), CZ_BUSY);
        fx_update_data(&guard, "committed");
        r = fx_commit(&guard);
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(fx_wait(g, tickets[i]).position, r.position + 1 + i);
        assert_ok(cz_perform(g, one_more, &r, &err), err);
        cz_effect_free(one_more);
        fx_close(g);
    }
}

struct committer {
    cz_engine *engine;
    struct czi_buf bytes;
    uint64_t ticket;
    _Atomic bool is_in;
};

static void *submit_under_guards(void *arg)
{
    struct committer *c = arg;
    cz_error err = {0};

    assert_ok(czi_submit(c->engine, c->bytes.data, c->bytes.len, true, NULL, NULL, &c->ticket,
                         &err),
              err);
    c->is_in = true;
    return NULL;
}

static void encode(struct czi_buf *out, cz_effect *e)
{
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    out->len = 0;
    czi_buf_put(out, bytes, len);
    assert_false(out->failed);
    cz_effect_free(e);
}

/* The backlog is full, and so are the places that are kept: the next one waits for one. */
static void so_many_commits_are_under_way_and_the_next_waits(void **state)
{
    cz_engine *g = fx_open_with(&(cz_options){.threads = 1, .backlog_max = 3});
    struct committer c = {.engine = g};
    uint64_t ticket;
    pthread_t t;
    cz_error err = {0};

    (void)state;
    assert_int_equal(CZI_COMMITS_MAX, 256);
    fx_data(g, "x");
    assert_ok(czi_read_begin(g, &err), err); /* the engine rests */
    for (unsigned i = 0; i < 3; i++)
        (void)write_to(g, "x");
    encode(&c.bytes, fx_write("refused", 1, "x", "x"));
    assert_int_equal(czi_submit(g, c.bytes.data, c.bytes.len, false, NULL, NULL, &ticket, &err),
                     CZ_BUSY);
    for (unsigned i = 0; i < CZI_COMMITS_MAX; i++) {
        encode(&c.bytes, fx_write("commits", i + 1, "x", "x"));
        assert_ok(czi_submit(g, c.bytes.data, c.bytes.len, true, NULL, NULL, &ticket, &err),
                  err);
    }
    encode(&c.bytes, fx_write("commits", CZI_COMMITS_MAX + 1, "x", "last"));
    assert_int_equal(pthread_create(&t, NULL, submit_under_guards, &c), 0);
    for (bool sleeps = false; !sleeps;) {
        czi_mutex_lock(g->lock);
        sleeps = g->room_wanted == 1;
        czi_mutex_unlock(g->lock);
        sched_yield();
    }
    assert_false(c.is_in);
    czi_read_end(g);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(fx_wait(g, c.ticket).status, CZ_STATUS_APPLIED);
    fx_assert_data(g, "x", "last");
    czi_buf_done(&c.bytes);
    fx_close(g);
}

/* All of the backlog waits for the submitter itself: it must not wait for room. */
static void who_holds_guards_does_not_wait_for_a_full_backlog(void **state)
{
    cz_engine *g = fx_open_with(&(cz_options){.threads = 1, .backlog_max = 3});
    struct czi_buf bytes[6] = {{0}};
    cz_submission s[6];
    cz_claim claim = {fx_data(g, "x"), CZ_WRITE, 0};
    cz_guard guard = {0};
    cz_error err = {0};
    uint64_t ticket;
    size_t accepted = 0;

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        encode(&bytes[i], fx_write("origin", i + 1, "x", "e"));
        s[i] = (cz_submission){bytes[i].data, bytes[i].len};
    }
    assert_ok(cz_flush(g, &err), err); /* the place of what made x is free again */
    assert_ok(cz_acquire(g, &claim, CZ_FOREVER, &guard, &err), err);
    assert_int_equal(cz_submit_batch(g, s, 6, NULL, NULL, &ticket, &accepted, &err), CZ_BUSY);
    assert_int_equal(accepted, 3);
    assert_ok(cz_release(&guard, &err), err);
    assert_ok(cz_submit_batch(g, s + 3, 3, NULL, NULL, &ticket, &accepted, &err), err);
    assert_int_equal(fx_wait(g, ticket + 2).status, CZ_STATUS_APPLIED);
    for (unsigned i = 0; i < 6; i++)
        czi_buf_done(&bytes[i]);
    fx_close(g);
}

/* ---- Closing ------------------------------------------------------------------------------
 */

struct last_words {
    unsigned applied, others;
};

static void count_last(void *arg, const cz_result *r)
{
    struct last_words *w = arg;

    if (r->status == CZ_STATUS_APPLIED)
        w->applied++;
    else
        w->others++;
}

static void closing_applies_and_acknowledges_what_waits(void **state)
{
    char dir[4096], path[4200];

    (void)state;
    fixture_temp_dir(dir);
    for (unsigned threads = 1; threads <= 2; threads++) {
        struct last_words words = {0};
        cz_audit_report audit;
        cz_journal_report replay;
        cz_engine *g = NULL;
        cz_context *c;
        cz_error err = {0};

        (void)snprintf(path, sizeof path, "%s/store-%u", dir, threads);
        assert_ok(cz_init(path, &err), err);
        assert_ok(cz_open(path, &(cz_options){.threads = threads, .batch_max = 7}, &g, &err),
                  err);
        fx_data(g, "x");
        fx_data(g, "y");
        (void)fx_acquire(g, "x", CZ_WRITE); /* a thread's and a context's: both end */
        assert_ok(cz_context_new(g, "c", &c, &err), err);
        assert_ok(cz_context_enter(c, &err), err);
        (void)fx_acquire(g, "y", CZ_READ);
        cz_context_leave();
        for (unsigned i = 0; i < 50; i++) {
            cz_effect *e = fx_write("o", i + 1, i % 2 ? "x" : "y", "written");

            assert_ok(cz_submit_effect(g, e, count_last, &words, NULL, &err), err);
            cz_effect_free(e);
        }
        fx_settle(g);
        assert_int_equal(fx_stats(g).waiting_effects, 50);
        fx_close(g);
        assert_int_equal(words.applied, 0); /* the context has it open */
        assert_ok(cz_context_end(c, &err), err);
        assert_int_equal(words.applied, 50);
        assert_int_equal(words.others, 0);
        assert_ok(cz_open(path, NULL, &g, &err), err);
        assert_int_equal(fx_get(g, "x").version, 26);
        assert_int_equal(fx_get(g, "y").version, 26);
        fx_close(g);
        assert_ok(cz_audit(path, NULL, &audit, &err), err);
        assert_ok(cz_replay(path, NULL, &replay, &err), err);
        assert_int_equal(replay.applied, 52);
    }
    fixture_remove_tree(dir);
}

/* ---- In the middle of a batch -------------------------------------------------------------
 */

/* Between two entries a thread comes in and does this. */
static struct {
    cz_guard release;
    bool look;
    cz_lock_stats stats;
} come_in;

static void breathe(void *arg)
{
    cz_engine *g = arg;

    czi_manager_unlock(g);
    if (come_in.release.engine)
        fx_release(&come_in.release);
    if (come_in.look)
        come_in.stats = fx_stats(g);
    czi_manager_lock(g);
}

/* It is granted before anybody was told that it waits. */
static void a_guard_may_be_released_in_the_step_in_which_an_effect_began_to_wait(void **state)
{
    static const unsigned batches[] = {1, 64};

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        cz_engine *g = fx_open_driven_with(NULL, &(cz_options){.batch_max = batches[k],
                                                               .backlog_max = 256});
        uint64_t tickets[50], waiting, earlier;
        cz_guard z;
        cz_error err = {0};

        fx_data(g, "x");
        fx_data(g, "y");
        fx_data(g, "z");
        g->step.core.breathe = breathe;
        z = fx_acquire(g, "z", CZ_WRITE);
        earlier = write_to(g, "z"); /* was told long before */
        fx_settle(g);
        come_in.release = fx_acquire(g, "x", CZ_WRITE);
        waiting = write_to(g, "x");
        for (unsigned i = 0; i < 50; i++)
            tickets[i] = write_to(g, "y");
        fx_settle(g);
        assert_int_equal(fx_wait(g, waiting).status, CZ_STATUS_APPLIED);
        for (unsigned i = 0; i < 50; i++)
            assert_int_equal(fx_wait(g, tickets[i]).status, CZ_STATUS_APPLIED);
        assert_int_equal(poll_ticket(g, earlier), CZ_BUSY);
        fx_release(&z);
        assert_ok(cz_flush(g, &err), err);
        assert_int_equal(poll_ticket(g, earlier), CZ_OK);
        fx_close(g);
    }
}

static void counts_are_exact_in_the_middle_of_a_batch_too(void **state)
{
    cz_engine *g = open_small(16);
    cz_guard x;

    (void)state;
    fx_data(g, "x");
    g->step.core.breathe = breathe;
    x = fx_acquire(g, "x", CZ_WRITE);
    for (unsigned i = 0; i < 3; i++)
        (void)write_to(g, "x");
    fx_settle(g);
    assert_int_equal(fx_stats(g).waiting_effects, 3);
    fx_release(&x);
    assert_int_equal(fx_stats(g).waiting_effects, 2); /* the first has what it waited for */
    assert_int_equal(fx_stats(g).waiting, 0);
    come_in.look = true;
    assert_true(czi_engine_pump(g));
    come_in.look = false;
    assert_int_equal(come_in.stats.waiting_effects, 2); /* before it was executed */
    assert_int_equal(come_in.stats.waiting, 0);
    assert_int_equal(fx_stats(g).effects_waited, 3);
    fx_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_that_waits_is_kept_while_the_ring_goes_round),
        cmocka_unit_test(each_is_called_back_once_however_late_and_full_the_list_is),
        cmocka_unit_test(who_holds_a_guard_commits_past_a_backlog_that_waits_for_it),
        cmocka_unit_test(so_many_commits_are_under_way_and_the_next_waits),
        cmocka_unit_test(who_holds_guards_does_not_wait_for_a_full_backlog),
        cmocka_unit_test(closing_applies_and_acknowledges_what_waits),
        cmocka_unit_test(a_guard_may_be_released_in_the_step_in_which_an_effect_began_to_wait),
        cmocka_unit_test(counts_are_exact_in_the_middle_of_a_batch_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
