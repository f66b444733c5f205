/* test_guard.c - what a guard is: claims, contents, updates, the ways in which it ends, and
 * handles that are no guard any more. Committing is in test_commit.c, waiting in
 * test_waiting.c. */
#include "guard_fixture.h"

/* ---- Claims -------------------------------------------------------------------------------
 */

static void a_guard_shows_what_its_resource_holds(void **state)
{
    cz_engine *g = fx_open(1);
    cz_id cash = fx_cash(g, "cash", 100), data = fx_data(g, "data");
    cz_guard a = fx_acquire(g, "cash", CZ_READ), b = fx_acquire(g, "data", CZ_WRITE);
    cz_contents c = fx_contents(&a);

    (void)state;
    assert_memory_equal(&c.resource, &cash, sizeof cash);
    assert_int_equal(c.kind, CZ_FUNGIBLE);
    assert_int_equal(c.state, CZ_ACTIVE);
    assert_string_equal(c.asset, "USD");
    assert_true(c.quantity == 100);
    assert_int_equal(c.version, 1);
    assert_null(c.data);
    c = fx_contents(&b);
    assert_memory_equal(&c.resource, &data, sizeof data);
    assert_int_equal(c.kind, CZ_DATA);
    assert_null(c.asset);
    assert_true(c.quantity == 0);
    assert_int_equal(c.data_len, 3);
    assert_memory_equal(c.data, "new", 3);
    fx_release(&a);
    fx_release(&b);
    fx_close(g);
}

static void a_resource_that_does_not_exist_is_not_found(void **state)
{
    cz_engine *g = fx_open(1);
    cz_claim claims[] = {fx_claim("data", CZ_WRITE), fx_claim("none", CZ_READ)};
    cz_guard guards[2] = {{0}};
    cz_wait_edge edge;
    size_t n = 0;
    bool available;
    cz_error err = {0};

    (void)state;
    fx_data(g, "data");
    assert_int_equal(cz_acquire(g, &claims[1], 0, guards, &err), CZ_NOT_FOUND);
    assert_int_equal(cz_try_acquire(g, &claims[1], guards, &err), CZ_NOT_FOUND);
    assert_int_equal(cz_acquire_many(g, claims, 2, 0, guards, &err), CZ_NOT_FOUND);
    assert_int_equal(guards[0].engine + guards[1].engine, 0);
    assert_int_equal(cz_owner(g, &claims[1].resource, &edge, 1, &n, &err), CZ_NOT_FOUND);
    assert_int_equal(cz_waiters(g, &claims[1].resource, &edge, 1, &n, &err), CZ_NOT_FOUND);
    assert_int_equal(cz_is_available(g, &claims[1].resource, CZ_READ, &available, &err),
                     CZ_NOT_FOUND);
    assert_int_equal(fx_stats(g).guards, 0);
    assert_ok(cz_try_acquire(g, &claims[0], guards, &err), err); /* nothing was left behind */
    fx_release(guards);
    fx_close(g);
}

/* An effect that waits has names for what it touches, whether that is there or not. */
static void a_resource_that_is_only_named_by_a_waiting_effect_is_not_found(void **state)
{
    cz_engine *g = fx_open(1);
    cz_claim claim = fx_claim("ghost", CZ_READ);
    cz_guard guard, none;
    uint64_t ticket;
    cz_stats stats;
    cz_error err = {0};

    (void)state;
    fx_cash(g, "cash", 100);
    guard = fx_acquire(g, "cash", CZ_WRITE);
    ticket = fx_submit(g, fx_pay("o", 1, "cash", "ghost", 5));
    fx_settle(g);
    assert_int_equal(fx_stats(g).waiting_effects, 1);
    assert_int_equal(cz_acquire(g, &claim, 0, &none, &err), CZ_NOT_FOUND);
    fx_release(&guard);
    assert_int_equal(fx_wait(g, ticket).reason, CZ_UNKNOWN_RESOURCE);
    assert_int_equal(cz_acquire(g, &claim, 0, &none, &err), CZ_NOT_FOUND);
    assert_ok(cz_stats_get(g, &stats, &err), err);
    assert_int_equal(stats.resources, 1);
    fx_cash(g, "ghost", 7); /* and can still be made */
    assert_quantity(g, "ghost", 7);
    fx_close(g);
}

static void another_kind_than_asked_for_is_the_wrong_type(void **state)
{
    static const enum cz_kind kinds[] = {CZ_FUNGIBLE, CZ_POSITION, CZ_DATA};
    static const char *const labels[] = {"cash", "position", "data"};
    cz_engine *g = fx_open(1);

    (void)state;
    fx_cash(g, "cash", 1);
    fx_make(g, "position", CZ_POSITION, "ETH", 0);
    fx_data(g, "data");
    for (unsigned has = 0; has < 3; has++)
        for (unsigned asked = 0; asked < 8; asked++) {
            bool fits = asked == 0 || (asked & CZ_TYPED(kinds[has]));
            cz_claim claim = {fx_id(labels[has]), CZ_WRITE, asked};
            cz_guard guard = {0};
            cz_error err = {0};

            assert_int_equal(cz_acquire(g, &claim, 0, &guard, &err),
                             fits ? CZ_OK : CZ_WRONG_TYPE);
            if (!fits)
                assert_non_null(strstr(err.detail, labels[has]));
            assert_ok(cz_release(&guard, &err), err);
        }
    assert_int_equal(fx_stats(g).guards, 0);
    fx_close(g);
}

static void what_is_neither_read_nor_write_is_invalid(void **state)
{
    cz_engine *g = fx_open(1);
    cz_claim claim = {fx_data(g, "data"), (enum cz_access)2, 0};
    cz_guard guard;
    cz_error err = {0};

    (void)state;
    assert_int_equal(cz_acquire(g, &claim, 0, &guard, &err), CZ_INVALID);
    assert_int_equal(cz_try_acquire(g, &claim, &guard, &err), CZ_INVALID);
    assert_int_equal(cz_acquire_many(g, &claim, 1, 0, &guard, &err), CZ_INVALID);
    fx_close(g);
}

static void a_try_that_fails_names_the_holder_and_leaves_nothing(void **state)
{
    cz_engine *g = fx_open(1);
    cz_context *other;
    cz_claim write = {fx_data(g, "data"), CZ_WRITE, 0};
    cz_guard held, guard = {0};
    cz_error err = {0};

    (void)state;
    assert_ok(cz_context_new(g, "the holder", &other, &err), err);
    assert_ok(cz_context_enter(other, &err), err);
    held = fx_acquire(g, "data", CZ_READ);
    cz_context_leave();
    assert_int_equal(cz_try_acquire(g, &write, &guard, &err), CZ_BUSY);
    assert_non_null(strstr(err.detail, "data"));
    assert_non_null(strstr(err.detail, "'the holder'"));
    assert_int_equal(fx_stats(g).refused, 1);
    assert_int_equal(fx_stats(g).guards, 1);
    assert_int_equal(guard.engine, 0);
    assert_int_equal(cz_release(&held, &err), CZ_STALE); /* it is the other context's */
    assert_ok(cz_context_end(other, &err), err);
    assert_ok(cz_try_acquire(g, &write, &guard, &err), err);
    fx_release(&guard);
    fx_close(g);
}

/* ---- Several ------------------------------------------------------------------------------
 */

static void several_claims_are_granted_in_one_step(void **state)
{
    cz_engine *g = fx_open(1);
    cz_claim claims[3];
    cz_guard guards[3];
    cz_error err = {0};

    (void)state;
    fx_data(g, "a");
    fx_data(g, "b");
    fx_data(g, "c");
    claims[0] = fx_claim("c", CZ_WRITE);
    claims[1] = fx_claim("a", CZ_READ);
    claims[2] = fx_claim("b", CZ_WRITE);
    assert_ok(cz_acquire_many(g, claims, 3, 0, guards, &err), err);
    for (unsigned i = 0; i < 3; i++) {
        cz_contents c = fx_contents(&guards[i]);

        assert_memory_equal(&c.resource, &claims[i].resource, sizeof(cz_id));
    }
    assert_int_equal(fx_stats(g).guards, 3);
    assert_ok(cz_release_many(guards, 3, &err), err);
    assert_int_equal(fx_stats(g).guards, 0);
    fx_close(g);
}

static void of_several_none_is_held_when_one_cannot_be_had(void **state)
{
    cz_engine *g = fx_open(1);
    cz_context *other;
    cz_claim claims[2];
    cz_guard guards[2] = {{0}};
    cz_error err = {0};

    (void)state;
    fx_data(g, "a");
    fx_data(g, "b");
    claims[0] = fx_claim("a", CZ_WRITE);
    claims[1] = fx_claim("b", CZ_WRITE);
    assert_ok(cz_context_new(g, "other", &other, &err), err);
    assert_ok(cz_context_enter(other, &err), err);
    fx_acquire(g, "b", CZ_READ);
    cz_context_leave();
    assert_int_equal(cz_acquire_many(g, claims, 2, 0, guards, &err), CZ_TIMEOUT);
    assert_int_equal(guards[0].engine + guards[1].engine, 0);
    assert_int_equal(fx_stats(g).guards, 1);
    assert_ok(cz_try_acquire(g, &claims[0], guards, &err), err);
    fx_release(guards);
    assert_ok(cz_context_end(other, &err), err);
    fx_close(g);
}

static void a_resource_that_is_claimed_twice_is_one_guard_in_the_stronger_mode(void **state)
{
    static const enum cz_access modes[][3] = {{CZ_READ, CZ_READ, CZ_READ},
                                              {CZ_WRITE, CZ_READ, CZ_READ},
                                              {CZ_READ, CZ_WRITE, CZ_READ},
                                              {CZ_READ, CZ_READ, CZ_WRITE}};
    cz_engine *g = fx_open(1);

    (void)state;
    fx_data(g, "a");
    fx_data(g, "b");
    for (unsigned row = 0; row < 4; row++) {
        cz_claim claims[4] = {fx_claim("a", modes[row][0]), fx_claim("b", CZ_READ),
                              fx_claim("a", modes[row][1]), fx_claim("a", modes[row][2])};
        cz_wait_edge edges[3];
        cz_guard guards[4];
        size_t n;
        cz_error err = {0};

        assert_ok(cz_acquire_many(g, claims, 4, 0, guards, &err), err);
        assert_memory_equal(&guards[0], &guards[2], sizeof(cz_guard));
        assert_memory_equal(&guards[0], &guards[3], sizeof(cz_guard));
        assert_memory_not_equal(&guards[0], &guards[1], sizeof(cz_guard));
        assert_int_equal(fx_stats(g).guards, 2);
        assert_ok(cz_owner(g, &claims[0].resource, edges, 3, &n, &err), err);
        assert_int_equal(n, 1);
        assert_int_equal(edges[0].mode, row ? CZ_WRITE : CZ_READ);
        assert_ok(cz_release_many(guards, 4, &err), err);
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(guards[i].engine, 0);
        assert_int_equal(fx_stats(g).guards, 0);
    }
    fx_close(g);
}

static void one_to_1024_claims_are_possible(void **state)
{
    static cz_claim claims[CZ_CLAIMS_MAX + 1];
    static cz_guard guards[CZ_CLAIMS_MAX + 1];
    cz_engine *g = fx_open(1);
    cz_error err = {0};

    (void)state;
    fx_data(g, "a");
    for (unsigned i = 0; i <= CZ_CLAIMS_MAX; i++)
        claims[i] = fx_claim("a", CZ_WRITE);
    assert_int_equal(cz_acquire_many(g, claims, 0, 0, guards, &err), CZ_INVALID);
    assert_int_equal(cz_acquire_many(g, claims, CZ_CLAIMS_MAX + 1, 0, guards, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "1025"));
    assert_non_null(strstr(err.detail, "1024"));
    assert_ok(cz_acquire_many(g, claims, CZ_CLAIMS_MAX, 0, guards, &err), err);
    assert_int_equal(fx_stats(g).guards, 1);
    assert_ok(cz_release_many(guards, CZ_CLAIMS_MAX, &err), err);
    fx_close(g);
}

/* A million guards of one context on one resource, which all read. */
static void at_most_a_million_guards_are_held(void **state)
{
    static cz_guard guards[CZI_GUARDS_MAX];
    cz_engine *g = fx_open(1);
    cz_claim claim = {fx_data(g, "x"), CZ_READ, 0}, two[2];
    cz_guard more[2] = {{0}};
    cz_error err = {0};

    (void)state;
    assert_int_equal(CZI_GUARDS_MAX, 1048576);
    fx_data(g, "y");
    two[0] = fx_claim("y", CZ_READ);
    two[1] = claim;
    for (size_t i = 0; i < CZI_GUARDS_MAX; i++)
        if (cz_acquire(g, &claim, 0, &guards[i], &err))
            fail_msg("guard %zu: %s", i, err.detail);
    assert_int_equal(cz_acquire(g, &claim, 0, more, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "1048576"));
    assert_int_equal(cz_try_acquire(g, &claim, more, &err), CZ_LIMIT);
    fx_release(&guards[77]);
    assert_int_equal(cz_acquire_many(g, two, 2, 0, more, &err), CZ_LIMIT);
    assert_int_equal(fx_stats(g).guards, CZI_GUARDS_MAX - 1);
    assert_ok(cz_acquire(g, &claim, 0, &guards[77], &err), err);
    assert_int_equal(fx_stats(g).guards, CZI_GUARDS_MAX);
    fx_close(g); /* ends them all */
    assert_int_equal(cz_release(&guards[CZI_GUARDS_MAX - 1], &err), CZ_STALE);
}

/* ---- Updates ------------------------------------------------------------------------------
 */

static void a_guard_shows_its_own_updates(void **state)
{
    cz_engine *g = fx_open(1);
    cz_guard cash, data;
    cz_contents c;

    (void)state;
    fx_cash(g, "cash", 100);
    fx_data(g, "data");
    cash = fx_acquire(g, "cash", CZ_WRITE);
    data = fx_acquire(g, "data", CZ_WRITE);
    fx_update_quantity(&cash, 30);
    fx_update_state(&cash, CZ_LOCKED);
    c = fx_contents(&cash);
    assert_true(c.quantity == 30);
    assert_int_equal(c.state, CZ_LOCKED);
    assert_int_equal(c.version, 1);
    fx_update_data(&data, "a longer text");
    fx_update_data(&data, "short");
    c = fx_contents(&data);
    assert_int_equal(c.data_len, 5);
    assert_memory_equal(c.data, "short", 5);
    fx_update_data(&data, "");
    assert_int_equal(fx_contents(&data).data_len, 0);
    assert_quantity(g, "cash", 100); /* nothing is recorded yet */
    fx_assert_data(g, "data", "new");
    fx_release(&cash);
    fx_release(&data);
    fx_close(g);
}

static void new_data_may_lie_in_the_old(void **state)
{
    cz_engine *g = fx_open(1);
    cz_guard guard;
    cz_contents c;
    cz_error err = {0};

    (void)state;
    fx_data(g, "data");
    guard = fx_acquire(g, "data", CZ_WRITE);
    for (unsigned i = 0; i < 2; i++) { /* first the resource's own, then what was staged */
        c = fx_contents(&guard);
        c.data++;
        c.data_len--;
        assert_ok(cz_guard_update(&guard, &c, &err), err);
    }
    c = fx_contents(&guard);
    assert_int_equal(c.data_len, 1);
    assert_memory_equal(c.data, "w", 1);
    fx_release(&guard);
    fx_close(g);
}

/* Of the contents that a guard shows, one thing is changed. */
struct bad_update {
    const char *label, *what;
    int code;
    void (*change)(cz_contents *c);
};

static uint8_t too_much[CZI_DATA_SIZE_MAX + 1];

static void another_resource(cz_contents *c)
{
    c->resource.bytes[5] ^= 1;
}
static void another_kind(cz_contents *c)
{
    c->kind = c->kind == CZ_DATA ? CZ_FUNGIBLE : CZ_DATA;
}
static void another_asset(cz_contents *c)
{
    c->asset = "EUR";
}
static void some_data(cz_contents *c)
{
    c->data = (const uint8_t *)"x";
    c->data_len = 1;
}
static void some_quantity(cz_contents *c)
{
    c->quantity = 1;
}
static void a_negative_quantity(cz_contents *c)
{
    c->quantity = -1;
}
static void too_much_data(cz_contents *c)
{
    c->data = too_much;
    c->data_len = sizeof too_much;
}
static void no_state(cz_contents *c)
{
    c->state = (enum cz_state)5;
}
static void data_from_nowhere(cz_contents *c)
{
    c->data = NULL;
    c->data_len = 2;
}

static const struct bad_update bad_updates[] = {
    {"cash", "another resource", CZ_INVALID, another_resource},
    {"cash", "another kind", CZ_WRONG_TYPE, another_kind},
    {"cash", "another asset", CZ_WRONG_TYPE, another_asset},
    {"cash", "data", CZ_WRONG_TYPE, some_data},
    {"cash", "a negative quantity", CZ_INVALID, a_negative_quantity},
    {"cash", "no state", CZ_INVALID, no_state},
    {"data", "another resource", CZ_INVALID, another_resource},
    {"data", "another kind", CZ_WRONG_TYPE, another_kind},
    {"data", "an asset", CZ_WRONG_TYPE, another_asset},
    {"data", "a quantity", CZ_WRONG_TYPE, some_quantity},
    {"data", "too much data", CZ_LIMIT, too_much_data},
    {"data", "data from nowhere", CZ_INVALID, data_from_nowhere},
    {"data", "no state", CZ_INVALID, no_state},
    {"position", "another asset", CZ_WRONG_TYPE, another_asset},
    {"position", "data", CZ_WRONG_TYPE, some_data},
};

static void only_state_quantity_and_data_can_be_replaced(void **state)
{
    cz_engine *g = fx_open(1);

    (void)state;
    fx_cash(g, "cash", 100);
    fx_data(g, "data");
    fx_make(g, "position", CZ_POSITION, "ETH", 0);
    for (size_t i = 0; i < CZI_COUNTOF(bad_updates); i++) {
        const struct bad_update *b = &bad_updates[i];
        cz_guard guard = fx_acquire(g, b->label, CZ_WRITE);
        cz_contents before = fx_contents(&guard), c = before, after;
        cz_error err = {0};
        int rc;

        b->change(&c);
        rc = cz_guard_update(&guard, &c, &err);
        if (rc != b->code)
            fail_msg("%s: %s: %s (%s)", b->label, b->what, cz_code_name(rc), err.detail);
        assert_true(err.detail[0]);
        after = fx_contents(&guard);
        assert_true(after.quantity == before.quantity && after.state == before.state &&
                    after.data == before.data && after.data_len == before.data_len);
        fx_release(&guard);
    }
    assert_int_equal(fx_stats(g).aborts, 0); /* none of them had an update */
    fx_close(g);
}

static void a_position_may_become_negative(void **state)
{
    cz_engine *g = fx_open(1);
    cz_guard guard;

    (void)state;
    fx_make(g, "position", CZ_POSITION, "ETH", 0);
    guard = fx_acquire(g, "position", CZ_WRITE);
    fx_update_quantity(&guard, -5);
    assert_true(fx_contents(&guard).quantity == -5);
    fx_release(&guard);
    fx_close(g);
}

static void a_guard_that_reads_cannot_update(void **state)
{
    cz_engine *g = fx_open(1);
    cz_guard guard;
    cz_contents c;
    cz_error err = {0};

    (void)state;
    fx_cash(g, "cash", 100);
    guard = fx_acquire(g, "cash", CZ_READ);
    c = fx_contents(&guard);
    c.quantity = 1;
    assert_int_equal(cz_guard_update(&guard, &c, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "write"));
    assert_true(fx_contents(&guard).quantity == 100);
    fx_release(&guard);
    fx_close(g);
}

/* ---- How a guard ends ---------------------------------------------------------------------
 */

static void leaving_the_scope_releases(cz_engine *g, int way)
{
    cz_claim claim = fx_claim("data", CZ_WRITE);
    cz_error err = {0};

    for (int i = 0; i < 2; i++) {
        CZ_GUARD(guard);

        assert_ok(cz_try_acquire(g, &claim, &guard, &err), err);
        fx_update_data(&guard, "never");
        if (way == 0)
            continue;
        if (way == 1)
            break;
        if (way == 2)
            return;
        if (way == 3)
            goto out;
        fx_release(&guard); /* early: the end of the scope has nothing to do */
    }
out:
    return;
}

static void a_guard_ends_with_its_scope_and_never_commits(void **state)
{
    static const unsigned guards[] = {2, 1, 1, 1, 2};
    cz_engine *g = fx_open(1);
    uint64_t aborts = 0;

    (void)state;
    fx_data(g, "data");
    for (int way = 0; way < 5; way++) {
        leaving_the_scope_releases(g, way);
        aborts += guards[way];
        assert_int_equal(fx_stats(g).guards, 0);
        assert_int_equal(fx_stats(g).aborts, aborts);
    }
    assert_int_equal(fx_get(g, "data").version, 1);
    fx_assert_data(g, "data", "new");
    fx_close(g);
}

static int count_entry(void *arg, const cz_receipt *r)
{
    (void)r;
    ++*(unsigned *)arg;
    return 0;
}

static void an_abort_leaves_no_trace_but_a_number(void **state)
{
    cz_engine *g = fx_open(1);
    cz_id id = fx_data(g, "data");
    uint8_t before[32], after[32];
    unsigned entries = 0;
    cz_stats s1, s2;
    cz_guard guard;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_root(g, before, &err), err);
    assert_ok(cz_stats_get(g, &s1, &err), err);
    guard = fx_acquire(g, "data", CZ_WRITE);
    fx_update_data(&guard, "x");
    assert_ok(cz_guard_abort(&guard, &err), err);
    guard = fx_acquire(g, "data", CZ_WRITE);
    fx_release(&guard); /* without an update: no abort */
    assert_ok(cz_root(g, after, &err), err);
    assert_ok(cz_stats_get(g, &s2, &err), err);
    assert_ok(cz_log(g, &id, count_entry, &entries, &err), err);
    assert_memory_equal(before, after, 32);
    assert_memory_equal(&s1, &s2, sizeof s1);
    assert_int_equal(entries, 1);
    assert_int_equal(fx_stats(g).aborts, 1);
    fx_close(g);
}

static void an_update_back_to_what_was_is_no_update(void **state)
{
    cz_engine *g = fx_open(1);
    cz_guard cash, data;

    (void)state;
    fx_cash(g, "cash", 100);
    fx_data(g, "data");
    cash = fx_acquire(g, "cash", CZ_WRITE);
    data = fx_acquire(g, "data", CZ_WRITE);
    fx_update_quantity(&cash, 30);
    fx_update_state(&cash, CZ_LOCKED);
    fx_update_quantity(&cash, 100);
    fx_update_state(&cash, CZ_ACTIVE);
    fx_update_data(&data, "else");
    fx_update_data(&data, "new");
    assert_false(fx_commit(&cash).has_receipt);
    assert_false(fx_commit(&data).has_receipt);
    assert_int_equal(fx_stats(g).aborts, 0);
    assert_int_equal(fx_get(g, "data").version, 1);
    fx_close(g);
}

static void what_is_no_guard_can_be_released(void **state)
{
    cz_guard none[3] = {{0}};
    cz_error err = {0};

    (void)state;
    assert_ok(cz_release(none, &err), err);
    assert_ok(cz_guard_abort(none, &err), err);
    assert_ok(cz_release_many(none, 3, &err), err);
    assert_ok(cz_release_many(none, 0, &err), err);
    cz_guard_cleanup(none);
}

static void releasing_several_releases_all_and_tells_the_first_error(void **state)
{
    cz_engine *g = fx_open(1);
    cz_guard guards[5] = {{0}}, stale;
    cz_error err = {0};

    (void)state;
    fx_data(g, "a");
    fx_data(g, "b");
    fx_data(g, "c");
    guards[0] = fx_acquire(g, "a", CZ_WRITE);
    guards[2] = stale = fx_acquire(g, "b", CZ_WRITE);
    guards[3] = guards[0];
    guards[4] = fx_acquire(g, "c", CZ_WRITE);
    fx_release(&stale);
    assert_int_equal(cz_release_many(guards, 5, &err), CZ_STALE);
    assert_int_equal(fx_stats(g).guards, 0);
    assert_int_equal(guards[0].engine + guards[3].engine + guards[4].engine, 0);
    fx_close(g);
}

/* ---- What is no guard any more ------------------------------------------------------------
 */

static int lens_get(void *arg, const cz_contents *whole, void *ret_part, cz_error *err)
{
    (void)arg;
    (void)whole;
    (void)err;
    *(uint8_t *)ret_part = 7;
    return CZ_OK;
}

/* Every function that takes a guard says the same of a handle. */
static void assert_stale(cz_guard guard)
{
    static const cz_lens lens = {.part_size = 1, .get = lens_get};
    cz_view view = {guard, &lens};
    cz_weak_guard weak = cz_guard_weak(&guard);
    const cz_guard before = guard;
    cz_contents c = {0};
    cz_effect *e = fx_effect("o", 1);
    uint8_t part = 0;
    cz_error err = {0};

    assert_int_equal(cz_guard_contents(&guard, &c, &err), CZ_STALE);
    assert_true(err.detail[0]);
    assert_int_equal(cz_guard_update(&guard, &c, &err), CZ_STALE);
    assert_int_equal(cz_guard_commit(&guard, NULL, &err), CZ_STALE);
    assert_int_equal(cz_guards_commit(&guard, 1, NULL, &err), CZ_STALE);
    assert_int_equal(cz_guards_apply(&guard, 1, e, NULL, &err), CZ_STALE);
    assert_int_equal(cz_guard_map(&guard, &lens, &view, &err), CZ_STALE);
    assert_int_equal(cz_view_get(&view, &part, &err), CZ_STALE);
    assert_int_equal(cz_view_set(&view, &part, &err), CZ_STALE);
    if (guard.engine) {
        assert_int_equal(cz_release(&guard, &err), CZ_STALE);
        assert_int_equal(cz_guard_abort(&guard, &err), CZ_STALE);
        assert_int_equal(cz_release_many(&guard, 1, &err), CZ_STALE);
    }
    cz_guard_cleanup(&guard);
    assert_memory_equal(&guard, &before, sizeof guard);
    assert_int_equal(part, 0);
    (void)weak;
    cz_effect_free(e);
}

static void a_copy_of_a_released_guard_is_stale(void **state)
{
    cz_engine *g = fx_open(1);
    cz_guard guard, copy, next;

    (void)state;
    fx_data(g, "data");
    guard = copy = fx_acquire(g, "data", CZ_WRITE);
    fx_release(&guard);
    assert_stale(copy);
    next = fx_acquire(g, "data", CZ_WRITE); /* whose record may be the same */
    assert_stale(copy);
    fx_release(&next);
    guard = copy = fx_acquire(g, "data", CZ_WRITE);
    fx_update_data(&guard, "x");
    fx_commit(&guard);
    assert_stale(copy);
    fx_close(g);
}

static void the_guard_of_another_context_is_stale(void **state)
{
    cz_engine *g = fx_open(1);
    cz_context *other;
    cz_guard mine, theirs;
    cz_error err = {0};

    (void)state;
    fx_data(g, "a");
    fx_data(g, "b");
    mine = fx_acquire(g, "a", CZ_WRITE);
    assert_ok(cz_context_new(g, "other", &other, &err), err);
    assert_ok(cz_context_enter(other, &err), err);
    theirs = fx_acquire(g, "b", CZ_WRITE);
    assert_stale(mine);
    cz_context_leave();
    assert_stale(theirs);
    assert_int_equal(fx_stats(g).guards, 2);
    fx_release(&mine);
    assert_ok(cz_context_end(other, &err), err);
    assert_stale(theirs);
    fx_close(g);
}

static void *use_a_strangers_guard(void *arg)
{
    assert_stale(*(cz_guard *)arg);
    return NULL;
}

static void the_guard_of_another_thread_is_stale(void **state)
{
    cz_engine *g = fx_open(1);
    cz_guard guard;
    pthread_t t;

    (void)state;
    fx_data(g, "data");
    guard = fx_acquire(g, "data", CZ_WRITE);
    assert_int_equal(pthread_create(&t, NULL, use_a_strangers_guard, &guard), 0);
    assert_int_equal(pthread_join(t, NULL), 0);
    fx_update_data(&guard, "mine");
    fx_commit(&guard);
    fx_assert_data(g, "data", "mine");
    fx_close(g);
}

static void handles_that_nobody_gave_are_stale(void **state)
{
    cz_engine *g = fx_open(1), *h = fx_open(1);
    struct czi_rng rng = czi_rng(3);
    cz_guard guard, bad;

    (void)state;
    fx_data(g, "data");
    fx_data(h, "data");
    guard = fx_acquire(g, "data", CZ_WRITE);
    assert_stale((cz_guard){0});
    for (unsigned i = 0; i < 200; i++) {
        bad = guard;
        switch (i % 4) {
        case 0:
            bad.engine = i < 40 ? h->serial + i : czi_rng_next(&rng) | 1;
            break;
        case 1:
            bad.index = (uint32_t)czi_rng_next(&rng) >> (i % 32);
            break;
        case 2:
            bad.generation = (uint32_t)czi_rng_next(&rng) >> (i % 32);
            break;
        default:
            bad = (cz_guard){czi_rng_next(&rng) >> (i % 64), (uint32_t)czi_rng_next(&rng),
                             (uint32_t)czi_rng_next(&rng)};
        }
        if (memcmp(&bad, &guard, sizeof bad) != 0)
            assert_stale(bad);
    }
    bad = guard;
    bad.generation = 0;
    assert_stale(bad);
    bad.index++; /* a record that was never given */
    assert_stale(bad);
    fx_release(&guard);
    fx_close(g);
    fx_close(h);
}

static void the_guards_of_a_closed_engine_are_stale(void **state)
{
    cz_engine *g = fx_open(1);
    cz_guard guard;
    cz_weak_guard weak;

    (void)state;
    fx_data(g, "data");
    guard = fx_acquire(g, "data", CZ_WRITE);
    fx_update_data(&guard, "x"); /* goes with the engine */
    weak = cz_guard_weak(&guard);
    assert_true(cz_weak_alive(&weak));
    fx_close(g);
    assert_stale(guard);
    assert_false(cz_weak_alive(&weak));
    g = fx_open(1); /* whose place may be the same */
    assert_stale(guard);
    assert_false(cz_weak_alive(&weak));
    fx_close(g);
}

/* An engine that could not be opened leaves nothing that a handle could find. */
static void an_engine_that_did_not_open_cannot_be_found(void **state)
{
    cz_options o = {.threads = 1, .backlog_max = 1};
    cz_engine *g = fx_open(1), *none = NULL;
    uint64_t first = g->serial;
    cz_error err = {0};

    (void)state;
    fx_close(g);
    for (unsigned i = 0; i < CZI_ENGINES_MAX + 10; i++)
        assert_int_equal(cz_open("/nonexistent/store", &o, &none, &err), CZ_NOT_FOUND);
    for (uint64_t i = first; i < first + 2 * CZI_ENGINES_MAX; i++)
        assert_stale((cz_guard){i, 0, 1});
    fx_close(fx_open(1));
}

static void a_weak_guard_tells_whether_the_guard_lives(void **state)
{
    cz_engine *g = fx_open(1);
    cz_weak_guard weak, none = {0};
    cz_guard guard;

    (void)state;
    fx_data(g, "data");
    assert_false(cz_weak_alive(&none));
    guard = fx_acquire(g, "data", CZ_WRITE);
    weak = cz_guard_weak(&guard);
    assert_true(cz_weak_alive(&weak));
    fx_release(&guard);
    assert_false(cz_weak_alive(&weak));
    guard = fx_acquire(g, "data", CZ_WRITE);
    assert_false(cz_weak_alive(&weak));
    fx_release(&guard);
    fx_close(g);
}

struct watched {
    cz_weak_guard weak;
    _Atomic bool looks;
};

static void *look_until_it_is_dead(void *arg)
{
    struct watched *w = arg;

    while (cz_weak_alive(&w->weak))
        w->looks = true;
    return NULL;
}

/* From any thread, and whatever its engine does. */
static void a_weak_guard_may_be_asked_while_the_engine_closes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        cz_engine *g = fx_open(1);
        struct watched w = {.looks = false};
        cz_guard guard;
        pthread_t t;

        fx_data(g, "data");
        guard = fx_acquire(g, "data", CZ_WRITE);
        w.weak = cz_guard_weak(&guard);
        assert_int_equal(pthread_create(&t, NULL, look_until_it_is_dead, &w), 0);
        while (!w.looks)
            sched_yield();
        fx_close(g);
        assert_int_equal(pthread_join(t, NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guard_shows_what_its_resource_holds),
        cmocka_unit_test(a_resource_that_does_not_exist_is_not_found),
        cmocka_unit_test(a_resource_that_is_only_named_by_a_waiting_effect_is_not_found),
        cmocka_unit_test(another_kind_than_asked_for_is_the_wrong_type),
        cmocka_unit_test(what_is_neither_read_nor_write_is_invalid),
        cmocka_unit_test(a_try_that_fails_names_the_holder_and_leaves_nothing),
        cmocka_unit_test(several_claims_are_granted_in_one_step),
        cmocka_unit_test(of_several_none_is_held_when_one_cannot_be_had),
        cmocka_unit_test(a_resource_that_is_claimed_twice_is_one_guard_in_the_stronger_mode),
        cmocka_unit_test(one_to_1024_claims_are_possible),
        cmocka_unit_test(at_most_a_million_guards_are_held),
        cmocka_unit_test(a_guard_shows_its_own_updates),
        cmocka_unit_test(new_data_may_lie_in_the_old),
        cmocka_unit_test(only_state_quantity_and_data_can_be_replaced),
        cmocka_unit_test(a_position_may_become_negative),
        cmocka_unit_test(a_guard_that_reads_cannot_update),
        cmocka_unit_test(a_guard_ends_with_its_scope_and_never_commits),
        cmocka_unit_test(an_abort_leaves_no_trace_but_a_number),
        cmocka_unit_test(an_update_back_to_what_was_is_no_update),
        cmocka_unit_test(what_is_no_guard_can_be_released),
        cmocka_unit_test(releasing_several_releases_all_and_tells_the_first_error),
        cmocka_unit_test(a_copy_of_a_released_guard_is_stale),
        cmocka_unit_test(the_guard_of_another_context_is_stale),
        cmocka_unit_test(the_guard_of_another_thread_is_stale),
        cmocka_unit_test(handles_that_nobody_gave_are_stale),
        cmocka_unit_test(the_guards_of_a_closed_engine_are_stale),
        cmocka_unit_test(an_engine_that_did_not_open_cannot_be_found),
        cmocka_unit_test(a_weak_guard_tells_whether_the_guard_lives),
        cmocka_unit_test(a_weak_guard_may_be_asked_while_the_engine_closes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
