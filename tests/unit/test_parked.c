/* test_parked.c - effects that wait for guards: what waits, what passes, and in which order.
 *
 * Each claim is tested in small and large batches, on one thread, on two and on none. */
#include "fact/fact.h"
#include "guard_fixture.h"

/* ---- Configurations -----------------------------------------------------------------------
 */

static void in_all_configurations(void (*claim)(cz_engine *g))
{
    static const unsigned batches[] = {1, 7, 2048};

    for (unsigned threads = 0; threads <= 2; threads++)
        for (unsigned i = 0; i < 3; i++) {
            cz_options o = {.threads = threads, .batch_max = batches[i], .backlog_max = 512};
            cz_engine *g = threads ? fx_open_with(&o) : fx_open_driven_with(NULL, &o);

            fx_data(g, "w");
            fx_data(g, "x");
            fx_data(g, "y");
            fx_data(g, "z");
            claim(g);
            assert_int_equal(fx_stats(g).guards, 0);
            assert_int_equal(fx_stats(g).waiting_effects, 0);
            fx_close(g);
        }
}

#define IN_ALL_CONFIGURATIONS(name)                                                            \
    static void name(void **state)                                                             \
    {                                                                                          \
        (void)state;                                                                           \
        in_all_configurations(name##_in);                                                      \
    }

/* An effect that writes text to some of x, y and z, and reads others: "x", "xy", "x(y)". */
static cz_effect *touching(const char *origin, uint64_t nonce, const char *resources)
{
    cz_effect *e = fx_effect(origin, nonce);
    bool reads = false;
    cz_error err = {0};

    for (const char *s = resources; *s; s++) {
        char label[] = {*s, 0};
        cz_id id;

        if (*s == '(' || *s == ')') {
            reads = *s == '(';
            continue;
        }
        id = fx_id(label);
        if (reads)
            assert_ok(cz_effect_access(e, &id, CZ_READ, &err), err);
        else
            assert_ok(cz_effect_write(e, &id, origin, strlen(origin), &err), err);
    }
    return e;
}

/* Every effect has an origin of its own, so that only resources order them. */
static uint64_t touch(cz_engine *g, const char *resources)
{
    static unsigned count;
    char origin[32];

    (void)snprintf(origin, sizeof origin, "origin %u", ++count);
    return fx_submit(g, touching(origin, 1, resources));
}

static bool waits(cz_engine *g, uint64_t ticket)
{
    cz_error err = {0};
    cz_result r;
    int rc;

    fx_settle(g);
    rc = cz_poll(g, ticket, &r, &err);
    if (rc)
        assert_int_equal(rc, CZ_BUSY);
    return rc != CZ_OK;
}

static uint64_t position_of(cz_engine *g, uint64_t ticket)
{
    cz_result r = fx_wait(g, ticket);

    assert_int_equal(r.status, CZ_STATUS_APPLIED);
    return r.position;
}

/* ---- Who waits and who passes -------------------------------------------------------------
 */

static void an_effect_on_a_guarded_resource_waits_and_others_pass_in(cz_engine *g)
{
    cz_guard guard = fx_acquire(g, "x", CZ_WRITE);
    uint64_t on_x = touch(g, "x"), on_y = touch(g, "y"), reads_x = touch(g, "z(x)"),
             on_z = touch(g, "z"), before = fx_get(g, "y").position;
    cz_result r;
    cz_error err = {0};

    assert_true(waits(g, on_x));
    assert_int_equal(cz_poll(g, on_x, &r, &err), CZ_BUSY);
    assert_non_null(strstr(err.detail, "guard"));
    assert_false(waits(g, on_y));
    assert_true(waits(g, reads_x)); /* an exclusive guard keeps readers out */
    assert_true(waits(g, on_z));    /* behind it: nobody overtakes in z's queue */
    assert_int_equal(position_of(g, on_y), before);
    assert_int_equal(fx_stats(g).waiting_effects, 3);
    fx_release(&guard);
    assert_true(position_of(g, on_x) > before);
    assert_true(position_of(g, reads_x) > position_of(g, on_x));
    assert_true(position_of(g, on_z) > position_of(g, reads_x));
}
IN_ALL_CONFIGURATIONS(an_effect_on_a_guarded_resource_waits_and_others_pass)

static void effects_that_read_pass_a_guard_that_reads_in(cz_engine *g)
{
    cz_guard guard = fx_acquire(g, "x", CZ_READ);
    uint64_t first = touch(g, "y(x)"), writes = touch(g, "x"), second = touch(g, "z(x)"),
             third = touch(g, "y");

    assert_false(waits(g, first));
    assert_true(waits(g, writes));
    assert_true(waits(g, second)); /* behind a writer that waits */
    assert_false(waits(g, third));
    fx_release(&guard);
    assert_true(position_of(g, writes) < position_of(g, second));
}
IN_ALL_CONFIGURATIONS(effects_that_read_pass_a_guard_that_reads)

static void a_chain_of_waiting_effects_keeps_its_order_in(cz_engine *g)
{
    cz_guard guard = fx_acquire(g, "x", CZ_WRITE);
    uint64_t tickets[9], last = 0;

    tickets[0] = touch(g, "x");
    tickets[1] = touch(g, "xy");
    tickets[2] = touch(g, "y");
    tickets[3] = touch(g, "y(z)");
    tickets[4] = touch(g, "z");
    tickets[5] = touch(g, "z(xy)");
    tickets[6] = touch(g, "xyz");
    tickets[7] = touch(g, "y");
    tickets[8] = touch(g, "x(y)");
    for (unsigned i = 0; i < 9; i++)
        assert_true(waits(g, tickets[i]));
    fx_release(&guard);
    for (unsigned i = 0; i < 9; i++) {
        uint64_t position = position_of(g, tickets[i]);

        assert_true(position > last);
        last = position;
    }
}
IN_ALL_CONFIGURATIONS(a_chain_of_waiting_effects_keeps_its_order)

static void a_commit_comes_before_the_effects_that_wait_for_its_guard_in(cz_engine *g)
{
    cz_guard guard = fx_acquire(g, "x", CZ_WRITE);
    uint64_t first = touch(g, "x"), second = touch(g, "x");
    cz_result r;

    fx_update_data(&guard, "committed");
    assert_true(waits(g, first) && waits(g, second));
    r = fx_commit(&guard);
    assert_true(r.position < position_of(g, first));
    assert_true(position_of(g, first) < position_of(g, second));
}
IN_ALL_CONFIGURATIONS(a_commit_comes_before_the_effects_that_wait_for_its_guard)

static void what_waited_may_be_rejected_in_the_end_in(cz_engine *g)
{
    cz_guard guard = fx_acquire(g, "x", CZ_WRITE);
    uint64_t first = touch(g, "x"), second = touch(g, "x");
    cz_result r;

    assert_true(waits(g, second));
    fx_update_state(&guard, CZ_LOCKED);
    fx_commit(&guard);
    r = fx_wait(g, first);
    assert_int_equal(r.status, CZ_STATUS_REJECTED);
    assert_int_equal(r.reason, CZ_WRONG_STATE);
    assert_true(r.has_receipt);
    assert_int_equal(fx_wait(g, second).reason, CZ_WRONG_STATE);
}
IN_ALL_CONFIGURATIONS(what_waited_may_be_rejected_in_the_end)

/* ---- Origins ------------------------------------------------------------------------------
 */

static void effects_of_one_origin_keep_their_order_in(cz_engine *g)
{
    cz_guard guard = fx_acquire(g, "x", CZ_WRITE);
    uint64_t first = fx_submit(g, touching("o", 1, "x")),
             second = fx_submit(g, touching("o", 2, "y")),
             third = fx_submit(g, touching("o", 3, "z")),
             other = fx_submit(g, touching("p", 1, "z")), p1, p2, p3;

    assert_true(waits(g, first) && waits(g, second) && waits(g, third));
    assert_true(waits(g, other)); /* behind the third one, in z */
    fx_release(&guard);
    p1 = position_of(g, first);
    p2 = position_of(g, second);
    p3 = position_of(g, third);
    assert_true(p1 < p2 && p2 < p3 && p3 < position_of(g, other));
}
IN_ALL_CONFIGURATIONS(effects_of_one_origin_keep_their_order)

static void the_same_effect_again_waits_and_is_a_duplicate_in(cz_engine *g)
{
    cz_guard guard = fx_acquire(g, "x", CZ_WRITE);
    uint64_t first = fx_submit(g, touching("o", 5, "x")),
             again = fx_submit(g, touching("o", 5, "x")),
             other = fx_submit(g, touching("o", 5, "y")),
             old = fx_submit(g, touching("o", 4, "z"));
    cz_result a, b, r;
    cz_error err = {0};

    assert_true(waits(g, first) && waits(g, again) && waits(g, other) && waits(g, old));
    fx_release(&guard);
    assert_ok(cz_flush(g, &err), err); /* afterwards all have a result */
    assert_ok(cz_poll(g, first, &a, &err), err);
    assert_int_equal(a.status, CZ_STATUS_APPLIED);
    assert_ok(cz_poll(g, again, &b, &err), err);
    assert_int_equal(b.status, CZ_STATUS_DUPLICATE);
    assert_memory_equal(&a.receipt, &b.receipt, sizeof(cz_id));
    assert_int_equal(a.position, b.position);
    assert_ok(cz_poll(g, other, &r, &err), err);
    assert_int_equal(r.reason, CZ_NONCE);
    assert_false(r.has_receipt);
    assert_ok(cz_poll(g, old, &r, &err), err);
    assert_int_equal(r.reason, CZ_NONCE);
    assert_int_equal(fx_get(g, "x").version, 2);
    assert_int_equal(fx_get(g, "y").version, 1);
}
IN_ALL_CONFIGURATIONS(the_same_effect_again_waits_and_is_a_duplicate)

/* ---- Following ----------------------------------------------------------------------------
 */

static cz_effect *following(const char *origin, const char *resources, const cz_id *effect)
{
    cz_effect *e = touching(origin, 1, resources);
    cz_error err = {0};

    assert_ok(cz_effect_follow(e, effect, &err), err);
    return e;
}

static void who_follows_a_waiting_effect_waits_too_in(cz_engine *g)
{
    cz_guard guard = fx_acquire(g, "x", CZ_WRITE);
    cz_effect *e = touching("o", 1, "x"), *f;
    cz_id e_id = fx_effect_id(e), f_id, none = fx_id("no effect");
    uint64_t first = fx_submit(g, e), second, third, passes, unknown;

    f = following("p", "y", &e_id);
    f_id = fx_effect_id(f);
    second = fx_submit(g, f);
    third = fx_submit(g, following("q", "z", &f_id));
    unknown = fx_submit(g, following("r", "w", &none));
    passes = touch(g, "w");
    assert_true(waits(g, first) && waits(g, second) && waits(g, third));
    assert_false(waits(g, passes));
    assert_int_equal(fx_wait(g, unknown).reason, CZ_UNKNOWN_PREDECESSOR);
    fx_release(&guard);
    assert_true(position_of(g, first) < position_of(g, second));
    assert_true(position_of(g, second) < position_of(g, third));
}
IN_ALL_CONFIGURATIONS(who_follows_a_waiting_effect_waits_too)

static void who_follows_what_is_rejected_in_the_end_is_rejected_in(cz_engine *g)
{
    cz_guard guard = fx_acquire(g, "x", CZ_WRITE);
    cz_effect *e = touching("o", 1, "x");
    cz_id e_id = fx_effect_id(e);
    uint64_t first = fx_submit(g, e), second = fx_submit(g, following("p", "y", &e_id));

    assert_true(waits(g, second));
    fx_update_state(&guard, CZ_FROZEN);
    fx_commit(&guard);
    assert_int_equal(fx_wait(g, first).reason, CZ_WRONG_STATE);
    assert_int_equal(fx_wait(g, second).reason, CZ_UNKNOWN_PREDECESSOR);
}
IN_ALL_CONFIGURATIONS(who_follows_what_is_rejected_in_the_end_is_rejected)

static int no_such_edge(void *arg, const cz_wait_edge *e)
{
    assert_memory_not_equal(&e->resource, arg, sizeof(cz_id));
    return 0;
}

/* What it follows is applied and forgotten; another effect may have its record. */
static void who_follows_may_wait_for_more_in(cz_engine *g)
{
    cz_guard x = fx_acquire(g, "x", CZ_WRITE), y = fx_acquire(g, "y", CZ_WRITE),
             z = fx_acquire(g, "z", CZ_WRITE);
    cz_effect *e = touching("o", 1, "x"), *later = touching("l", 1, "z");
    cz_id e_id = fx_effect_id(e), later_id = fx_effect_id(later);
    cz_wait_graph_visitor v = {no_such_edge, NULL, &later_id};
    uint64_t first = fx_submit(g, e), second = fx_submit(g, following("p", "y", &e_id)), third;
    cz_result r;
    cz_error err = {0};

    assert_true(waits(g, first) && waits(g, second));
    fx_release(&x);
    (void)position_of(g, first);
    assert_true(waits(g, second));
    third = fx_submit(g, later);
    assert_true(waits(g, third));
    assert_ok(cz_wait_graph(g, &v, &err), err); /* nobody waits for that one */
    v.arg = &e_id;
    assert_ok(cz_wait_graph(g, &v, &err), err); /* nor for what is applied */
    fx_release(&y);
    assert_true(position_of(g, first) < position_of(g, second));
    assert_int_equal(cz_wait(g, third, CZ_FOREVER, &r, &err), CZ_DEADLOCK);
    fx_release(&z);
    (void)position_of(g, third);
}
IN_ALL_CONFIGURATIONS(who_follows_may_wait_for_more)

/* ---- Creations ----------------------------------------------------------------------------
 */

static cz_effect *creating(const char *origin, const char *label, const char *touched)
{
    cz_creation c = fx_creation(label, CZ_DATA, NULL, 0);
    cz_effect *e = touching(origin, 1, touched);
    cz_error err = {0};

    assert_ok(cz_effect_create(e, &c, &err), err);
    return e;
}

static void who_uses_a_resource_comes_behind_who_creates_it_in(cz_engine *g)
{
    cz_guard x = fx_acquire(g, "x", CZ_WRITE), y = fx_acquire(g, "y", CZ_WRITE), none;
    uint64_t creates = fx_submit(g, creating("o", "m", "x")), both = touch(g, "my"),
             again = fx_submit(g, creating("p", "m", "")), behind;
    cz_claim claim = fx_claim("m", CZ_READ);
    cz_stats stats;
    cz_error err = {0};

    assert_true(waits(g, creates) && waits(g, both) && waits(g, again));
    assert_int_equal(cz_try_acquire(g, &claim, &none, &err), CZ_NOT_FOUND);
    assert_ok(cz_stats_get(g, &stats, &err), err);
    assert_int_equal(stats.resources, 4);
    fx_release(&x);
    (void)position_of(g, creates);
    assert_true(waits(g, both));
    behind = touch(g, "m");
    assert_true(waits(g, behind)); /* those who waited before it was there come first */
    assert_int_equal(cz_try_acquire(g, &claim, &none, &err), CZ_BUSY);
    assert_ok(cz_stats_get(g, &stats, &err), err);
    assert_int_equal(stats.resources, 5);
    fx_release(&y);
    assert_true(position_of(g, both) < position_of(g, behind));
    assert_int_equal(fx_wait(g, again).reason, CZ_EXISTS);
    assert_int_equal(fx_get(g, "m").version, 3);
}
IN_ALL_CONFIGURATIONS(who_uses_a_resource_comes_behind_who_creates_it)

static void a_creation_that_is_rejected_leaves_nothing_in(cz_engine *g)
{
    cz_guard x = fx_acquire(g, "x", CZ_WRITE);
    uint64_t creates = fx_submit(g, creating("o", "m", "x")), uses = touch(g, "m"), again;
    cz_stats stats;
    cz_error err = {0};

    assert_true(waits(g, creates) && waits(g, uses));
    fx_update_state(&x, CZ_FROZEN);
    fx_commit(&x);
    assert_int_equal(fx_wait(g, creates).reason, CZ_WRONG_STATE);
    assert_int_equal(fx_wait(g, uses).reason, CZ_UNKNOWN_RESOURCE);
    assert_ok(cz_stats_get(g, &stats, &err), err);
    assert_int_equal(stats.resources, 4);
    again = fx_submit(g, creating("p", "m", ""));
    (void)position_of(g, again);
    assert_int_equal(fx_get(g, "m").version, 1);
}
IN_ALL_CONFIGURATIONS(a_creation_that_is_rejected_leaves_nothing)

/* ---- Facts --------------------------------------------------------------------------------
 */

static uint64_t submit_fact(cz_engine *g, uint64_t sequence)
{
    const struct czi_item item = {.type = CZI_ITEM_DOMAIN,
                                  .domain = {(const uint8_t *)"test", 4},
                                  .config = {.sequence = sequence,
                                             .adapter = {(const uint8_t *)"none", 4}}};
    CZI_AUTOBUF bytes = {0};
    uint64_t ticket;
    cz_error err = {0};

    assert_ok(czi_item_encode(&item, &bytes, &err), err);
    assert_ok(czi_submit_item(g, bytes.data, bytes.len, NULL, NULL, &ticket, &err), err);
    return ticket;
}

static void facts_wait_for_nobody_in(cz_engine *g)
{
    cz_guard guard = fx_acquire(g, "x", CZ_WRITE);
    uint64_t on_x = touch(g, "x"), fact = submit_fact(g, 0), more = touch(g, "x"),
             next = submit_fact(g, 1);

    assert_int_equal(fx_wait(g, fact).status, CZ_STATUS_APPLIED);
    assert_int_equal(fx_wait(g, next).status, CZ_STATUS_APPLIED);
    assert_true(waits(g, on_x) && waits(g, more));
    fx_release(&guard);
    (void)position_of(g, on_x);
    (void)position_of(g, more);
}
IN_ALL_CONFIGURATIONS(facts_wait_for_nobody)

/* ---- Waiting for what waits ---------------------------------------------------------------
 */

static void waiting_for_ones_own_guard_is_a_deadlock_in(cz_engine *g)
{
    cz_guard guard = fx_acquire(g, "x", CZ_WRITE);
    uint64_t first = touch(g, "x"), second = touch(g, "xy"), third = touch(g, "y");
    cz_result r = {.ticket = 77};
    cz_cycle cycle;
    cz_error err = {0};

    fx_settle(g);
    assert_int_equal(cz_wait(g, first, CZ_FOREVER, &r, &err), CZ_DEADLOCK);
    assert_ok(cz_deadlock_cycle(g, &cycle, &err), err);
    assert_int_equal(cycle.count, 2);
    assert_int_equal(cz_wait(g, third, CZ_FOREVER, &r, &err), CZ_DEADLOCK);
    assert_ok(cz_deadlock_cycle(g, &cycle, &err), err);
    assert_int_equal(cycle.count, 4); /* through those ahead of it */
    assert_true(cycle.steps[0].awaits_effect);
    assert_string_equal(cycle.steps[1].label, "y");
    assert_string_equal(cycle.steps[2].label, "x");
    assert_string_equal(cycle.steps[3].label, "x");
    assert_int_equal(cz_flush(g, &err), CZ_DEADLOCK);
    assert_int_equal(r.ticket, 77);
    fx_release(&guard);
    assert_ok(cz_flush(g, &err), err);
    assert_ok(cz_poll(g, second, &r, &err), err);
    assert_ok(cz_poll(g, third, &r, &err), err);
}
IN_ALL_CONFIGURATIONS(waiting_for_ones_own_guard_is_a_deadlock)

static cz_context *holder(cz_engine *g, const char *label)
{
    cz_context *c;
    cz_error err = {0};

    assert_ok(cz_context_new(g, "holder", &c, &err), err);
    assert_ok(cz_context_enter(c, &err), err);
    (void)fx_acquire(g, label, CZ_WRITE);
    cz_context_leave();
    return c;
}

static void waiting_for_what_waits_ends_when_the_time_is_over_in(cz_engine *g)
{
    cz_context *c = holder(g, "x");
    uint64_t ticket = touch(g, "x");
    cz_result r = {.ticket = 77};
    cz_error err = {0};

    assert_int_equal(cz_wait(g, ticket, 0, &r, &err), CZ_TIMEOUT);
    assert_int_equal(cz_wait(g, ticket, 2, &r, &err), CZ_TIMEOUT);
    assert_int_equal(r.ticket, 77);
    assert_int_equal(fx_stats(g).waiting, 0);
    assert_int_equal(fx_stats(g).waited, 0); /* that is no guard */
    assert_ok(cz_context_end(c, &err), err);
    (void)position_of(g, ticket);
}
IN_ALL_CONFIGURATIONS(waiting_for_what_waits_ends_when_the_time_is_over)

static void flushing_waits_for_all_that_waits_in(cz_engine *g)
{
    cz_context *c = holder(g, "x");
    uint64_t tickets[40];
    cz_result r;
    cz_error err = {0};

    for (unsigned i = 0; i < 40; i++)
        tickets[i] = touch(g, i % 3 ? "x" : "y");
    fx_settle(g);
    assert_int_equal(fx_stats(g).waiting_effects, 26);
    assert_ok(cz_context_end(c, &err), err);
    assert_ok(cz_flush(g, &err), err);
    for (unsigned i = 0; i < 40; i++)
        assert_ok(cz_poll(g, tickets[i], &r, &err), err);
}
IN_ALL_CONFIGURATIONS(flushing_waits_for_all_that_waits)

static void reading_does_not_wait_for_what_waits_in(cz_engine *g)
{
    cz_guard guard = fx_acquire(g, "x", CZ_WRITE);
    uint64_t ticket = touch(g, "x");
    uint8_t root[32];
    cz_error err = {0};

    assert_int_equal(fx_get(g, "x").version, 1);
    assert_ok(cz_root(g, root, &err), err);
    assert_true(waits(g, ticket));
    fx_release(&guard);
    (void)position_of(g, ticket);
    assert_int_equal(fx_get(g, "x").version, 2);
}
IN_ALL_CONFIGURATIONS(reading_does_not_wait_for_what_waits)

/* ---- With threads -------------------------------------------------------------------------
 */

struct turn {
    uint64_t version; /* of x, as the guard's holder saw it */
    cz_result result;
    uint64_t ticket;
};

static int look_at_x(struct fx_thread *t)
{
    struct turn *turn = t->arg;
    int rc = cz_acquire(t->engine, &t->claim, CZ_FOREVER, &t->guard, &t->err);
    cz_contents c;

    if (!rc)
        rc = cz_guard_contents(&t->guard, &c, &t->err);
    if (!rc)
        turn->version = c.version;
    return rc ? rc : cz_release(&t->guard, &t->err);
}

static int wait_for_ticket(struct fx_thread *t)
{
    struct turn *turn = t->arg;

    return cz_wait(t->engine, turn->ticket, CZ_FOREVER, &turn->result, &t->err);
}

static void guards_and_effects_stand_in_one_queue(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 2; threads++) {
        cz_engine *g = fx_open(threads);
        struct turn turn = {0}, waiter = {0};
        struct fx_thread t = {.engine = g,
                              .claim = fx_claim("x", CZ_WRITE),
                              .work = look_at_x,
                              .arg = &turn},
                         w = {.engine = g, .work = wait_for_ticket, .arg = &waiter};
        cz_guard guard;
        uint64_t first, second;

        fx_data(g, "x");
        guard = fx_acquire(g, "x", CZ_WRITE);
        first = touch(g, "x");
        fx_until_waiters(g, "x", 1);
        fx_start(&t);
        fx_until_waiters(g, "x", 2);
        second = waiter.ticket = touch(g, "x");
        fx_until_waiters(g, "x", 3);
        fx_start(&w);
        fx_until_waiting(g, 2); /* t, and w for the second */
        fx_release(&guard);
        assert_int_equal(fx_join(&t), CZ_OK);
        assert_int_equal(fx_join(&w), CZ_OK);
        assert_int_equal(turn.version, 2); /* after the first, before the second */
        assert_int_equal(waiter.result.position, position_of(g, second));
        assert_true(position_of(g, first) < position_of(g, second));
        fx_close(g);
    }
}

static int hold_y_and_wait_for_x(struct fx_thread *t)
{
    cz_guard y = fx_acquire(t->engine, "y", CZ_WRITE);
    int rc = fx_thread_acquire(t);

    return cz_release(&y, NULL) ? CZ_INVALID : rc;
}

/* main waits for an effect, which waits for bob's guard; bob waits for main's. */
static void
waiting_for_an_effect_that_waits_for_who_waits_for_oneself_is_a_deadlock(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 2; threads++) {
        cz_engine *g = fx_open(threads);
        struct fx_thread bob = {.engine = g,
                                .name = "bob",
                                .claim = fx_claim("x", CZ_WRITE),
                                .timeout_ms = CZ_FOREVER,
                                .work = hold_y_and_wait_for_x};
        cz_guard guard;
        cz_result r;
        cz_cycle c;
        uint64_t ticket;
        cz_error err = {0};

        fx_data(g, "x");
        fx_data(g, "y");
        assert_ok(cz_thread_name(g, "main", &err), err);
        guard = fx_acquire(g, "x", CZ_WRITE);
        fx_start(&bob);
        fx_until_waiters(g, "x", 1);
        ticket = touch(g, "y");
        assert_int_equal(cz_wait(g, ticket, CZ_FOREVER, &r, &err), CZ_DEADLOCK);
        assert_ok(cz_deadlock_cycle(g, &c, &err), err);
        assert_int_equal(c.count, 3);
        assert_string_equal(c.steps[0].party.name, "main");
        assert_true(c.steps[0].awaits_effect);
        assert_int_equal(c.steps[1].party.kind, CZ_PARTY_EFFECT);
        assert_int_equal(c.steps[1].party.id, ticket);
        assert_string_equal(c.steps[1].label, "y");
        assert_string_equal(c.steps[2].party.name, "bob");
        assert_string_equal(c.steps[2].label, "x");
        assert_int_equal(cz_flush(g, &err), CZ_DEADLOCK);
        fx_release(&guard);
        assert_int_equal(fx_join(&bob), CZ_OK);
        (void)position_of(g, ticket);
        fx_close(g);
    }
}

static int perform_on_y_holding_x(struct fx_thread *t)
{
    cz_effect *e = touching("b", 1, "y");
    cz_guard x = fx_acquire(t->engine, "x", CZ_WRITE);
    int rc = cz_perform(t->engine, e, &((struct turn *)t->arg)->result, &t->err);

    cz_effect_free(e);
    return cz_release(&x, NULL) ? CZ_INVALID : rc;
}

/* bob performs an effect on what main holds; main waits for bob's guard. */
static void waiting_for_who_performs_against_ones_guard_is_a_deadlock(void **state)
{
    cz_engine *g = fx_open(1);
    struct turn turn = {0};
    struct fx_thread bob = {.engine = g,
                            .name = "bob",
                            .work = perform_on_y_holding_x,
                            .arg = &turn};
    cz_claim claim = fx_claim("x", CZ_READ);
    cz_guard guard, none;
    cz_error err = {0};

    (void)state;
    fx_data(g, "x");
    fx_data(g, "y");
    guard = fx_acquire(g, "y", CZ_WRITE);
    fx_start(&bob);
    fx_until_waiters(g, "y", 1);
    fx_until_waiting(g, 1);
    assert_int_equal(cz_acquire(g, &claim, CZ_FOREVER, &none, &err), CZ_DEADLOCK);
    assert_non_null(strstr(err.detail, "'bob' waits for effect"));
    fx_release(&guard);
    assert_int_equal(fx_join(&bob), CZ_OK);
    assert_int_equal(turn.result.status, CZ_STATUS_APPLIED);
    fx_close(g);
}

static void a_cancelled_context_gives_up_its_wait_for_an_effect(void **state)
{
    cz_engine *g = fx_open(1);
    struct turn turn = {0};
    struct fx_thread w = {.engine = g, .work = wait_for_ticket, .arg = &turn};
    cz_guard guard;
    cz_error err = {0};

    (void)state;
    fx_data(g, "x");
    guard = fx_acquire(g, "x", CZ_WRITE);
    turn.ticket = touch(g, "x");
    assert_ok(cz_context_new(g, "w", &w.context, &err), err);
    fx_start(&w);
    fx_until_waiting(g, 1);
    cz_context_cancel(w.context);
    assert_int_equal(fx_join(&w), CZ_CANCELLED);
    assert_true(waits(g, turn.ticket)); /* the effect does not */
    fx_release(&guard);
    (void)position_of(g, turn.ticket);
    assert_ok(cz_context_end(w.context, &err), err);
    fx_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_effect_on_a_guarded_resource_waits_and_others_pass),
        cmocka_unit_test(effects_that_read_pass_a_guard_that_reads),
        cmocka_unit_test(a_chain_of_waiting_effects_keeps_its_order),
        cmocka_unit_test(a_commit_comes_before_the_effects_that_wait_for_its_guard),
        cmocka_unit_test(what_waited_may_be_rejected_in_the_end),
        cmocka_unit_test(effects_of_one_origin_keep_their_order),
        cmocka_unit_test(the_same_effect_again_waits_and_is_a_duplicate),
        cmocka_unit_test(who_follows_a_waiting_effect_waits_too),
        cmocka_unit_test(who_follows_what_is_rejected_in_the_end_is_rejected),
        cmocka_unit_test(who_follows_may_wait_for_more),
        cmocka_unit_test(who_uses_a_resource_comes_behind_who_creates_it),
        cmocka_unit_test(a_creation_that_is_rejected_leaves_nothing),
        cmocka_unit_test(facts_wait_for_nobody),
        cmocka_unit_test(waiting_for_ones_own_guard_is_a_deadlock),
        cmocka_unit_test(waiting_for_what_waits_ends_when_the_time_is_over),
        cmocka_unit_test(flushing_waits_for_all_that_waits),
        cmocka_unit_test(reading_does_not_wait_for_what_waits),
        cmocka_unit_test(guards_and_effects_stand_in_one_queue),
        cmocka_unit_test(
            waiting_for_an_effect_that_waits_for_who_waits_for_oneself_is_a_deadlock),
        cmocka_unit_test(waiting_for_who_performs_against_ones_guard_is_a_deadlock),
        cmocka_unit_test(a_cancelled_context_gives_up_its_wait_for_an_effect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
