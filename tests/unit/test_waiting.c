/* test_waiting.c - who waits for whom: queues, deadlines, cancellation, deadlocks, and what can
 * be asked about them. With threads of the system. */
#include "guard_fixture.h"

/* ---- Queues -------------------------------------------------------------------------------
 */

/* Who came when. */
struct order {
    _Atomic unsigned count;
    const char *names[64];
};

static int acquire_in_turn(struct fx_thread *t)
{
    struct order *o = t->arg;
    int rc = cz_acquire(t->engine, &t->claim, t->timeout_ms, &t->guard, &t->err);

    if (rc)
        return rc;
    o->names[o->count++] = t->name;
    return cz_release(&t->guard, &t->err);
}

static struct fx_thread in_turn(cz_engine *g, const char *name, const char *label,
                                enum cz_access mode, struct order *o)
{
    return (struct fx_thread){.engine = g,
                              .name = name,
                              .claim = fx_claim(label, mode),
                              .timeout_ms = CZ_FOREVER,
                              .work = acquire_in_turn,
                              .arg = o};
}

static bool available(cz_engine *g, const char *label, enum cz_access mode)
{
    cz_id id = fx_id(label);
    cz_error err = {0};
    bool ret;

    assert_ok(cz_is_available(g, &id, mode, &ret, &err), err);
    return ret;
}

static void writers_are_served_in_the_order_of_their_coming(void **state)
{
    static const char *const names[] = {"A", "B", "C", "D", "E"};
    cz_engine *g = fx_open(1);
    struct order order = {0};
    struct fx_thread t[5];
    cz_guard guard;

    (void)state;
    fx_data(g, "x");
    guard = fx_acquire(g, "x", CZ_WRITE);
    for (unsigned i = 0; i < 5; i++) {
        t[i] = in_turn(g, names[i], "x", CZ_WRITE, &order);
        fx_start(&t[i]);
        fx_until_waiters(g, "x", i + 1);
    }
    fx_release(&guard);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(fx_join(&t[i]), CZ_OK);
    for (unsigned i = 0; i < 5; i++)
        assert_string_equal(order.names[i], names[i]);
    assert_int_equal(fx_stats(g).acquired, 6);
    assert_int_equal(fx_stats(g).waited, 5);
    fx_close(g);
}

static void readers_share_a_writer_waits_and_a_later_reader_behind_it(void **state)
{
    cz_engine *g = fx_open(1);
    struct order order = {0};
    cz_context *other;
    cz_wait_edge e[4];
    cz_id id = fx_data(g, "x");
    struct fx_thread writer = in_turn(g, "writer", "x", CZ_WRITE, &order),
                     reader = in_turn(g, "reader", "x", CZ_READ, &order);
    cz_claim read = fx_claim("x", CZ_READ);
    cz_guard guard, refused = {0};
    size_t n;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_context_new(g, "other reader", &other, &err), err);
    assert_ok(cz_context_enter(other, &err), err);
    (void)fx_acquire(g, "x", CZ_READ);
    cz_context_leave();
    guard = fx_acquire(g, "x", CZ_READ); /* readers share */
    assert_true(available(g, "x", CZ_READ));
    assert_false(available(g, "x", CZ_WRITE));
    fx_start(&writer);
    fx_until_waiters(g, "x", 1);
    assert_false(available(g, "x", CZ_READ));
    assert_int_equal(cz_try_acquire(g, &read, &refused, &err), CZ_BUSY); /* no barging */
    fx_start(&reader);
    fx_until_waiters(g, "x", 2);
    assert_ok(cz_waiters(g, &id, e, 4, &n, &err), err);
    assert_int_equal(n, 2);
    assert_string_equal(e[0].party.name, "writer");
    assert_int_equal(e[0].mode, CZ_WRITE);
    assert_int_equal(e[0].place, 1);
    assert_false(e[0].holds);
    assert_string_equal(e[1].party.name, "reader");
    assert_int_equal(e[1].place, 2);
    fx_release(&guard);
    fx_until_waiters(g, "x", 2); /* the other reader is still there */
    assert_ok(cz_context_end(other, &err), err);
    assert_int_equal(fx_join(&writer), CZ_OK);
    assert_int_equal(fx_join(&reader), CZ_OK);
    assert_string_equal(order.names[0], "writer");
    assert_string_equal(order.names[1], "reader");
    fx_close(g);
}

static pthread_barrier_t both;

static int hold_together(struct fx_thread *t)
{
    int rc = cz_acquire(t->engine, &t->claim, t->timeout_ms, &t->guard, &t->err);

    pthread_barrier_wait(&both); /* ends only when all hold it at once */
    return rc ? rc : cz_release(&t->guard, &t->err);
}

static void neighbouring_readers_are_granted_together(void **state)
{
    cz_engine *g = fx_open(1);
    struct fx_thread t[3];
    cz_guard guard;

    (void)state;
    fx_data(g, "x");
    guard = fx_acquire(g, "x", CZ_WRITE);
    assert_int_equal(pthread_barrier_init(&both, NULL, 3), 0);
    for (unsigned i = 0; i < 3; i++) {
        t[i] = in_turn(g, "reader", "x", CZ_READ, NULL);
        t[i].work = hold_together;
        fx_start(&t[i]);
    }
    fx_until_waiters(g, "x", 3);
    fx_release(&guard);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(fx_join(&t[i]), CZ_OK);
    pthread_barrier_destroy(&both);
    fx_close(g);
}

static int read_after_acquire(struct fx_thread *t)
{
    int rc = cz_acquire(t->engine, &t->claim, t->timeout_ms, &t->guard, &t->err);
    cz_contents c;

    if (!rc)
        rc = cz_guard_contents(&t->guard, &c, &t->err);
    if (!rc)
        (void)snprintf(t->arg, 32, "%.*s v%llu", (int)c.data_len, (const char *)c.data,
                       (unsigned long long)c.version);
    return rc ? rc : cz_release(&t->guard, &t->err);
}

static void a_waiter_sees_the_update_of_who_held_before(void **state)
{
    cz_engine *g = fx_open(2);
    char seen[32] = "";
    struct fx_thread t = {.engine = g,
                          .claim = fx_claim("x", CZ_READ),
                          .timeout_ms = CZ_FOREVER,
                          .work = read_after_acquire,
                          .arg = seen};
    cz_guard guard;

    (void)state;
    fx_data(g, "x");
    guard = fx_acquire(g, "x", CZ_WRITE);
    fx_start(&t);
    fx_until_waiters(g, "x", 1);
    fx_update_data(&guard, "updated");
    fx_commit(&guard);
    assert_int_equal(fx_join(&t), CZ_OK);
    assert_string_equal(seen, "updated v2");
    fx_close(g);
}

static int acquire_two(struct fx_thread *t)
{
    cz_claim *claims = t->arg;
    cz_guard guards[2];
    int rc = cz_acquire_many(t->engine, claims, 2, t->timeout_ms, guards, &t->err);

    return rc ? rc : cz_release_many(guards, 2, &t->err);
}

static void several_are_waited_for_at_once_and_none_is_held_meanwhile(void **state)
{
    cz_engine *g = fx_open(1);
    cz_claim claims[2];
    struct fx_thread t = {.engine = g,
                          .timeout_ms = CZ_FOREVER,
                          .work = acquire_two,
                          .arg = claims};
    cz_id a = fx_data(g, "a");
    cz_guard guard;
    size_t n;
    cz_error err = {0};

    (void)state;
    fx_data(g, "b");
    claims[0] = fx_claim("a", CZ_WRITE);
    claims[1] = fx_claim("b", CZ_WRITE);
    guard = fx_acquire(g, "b", CZ_READ);
    fx_start(&t);
    fx_until_waiters(g, "a", 1);
    fx_until_waiters(g, "b", 1);
    assert_ok(cz_owner(g, &a, NULL, 0, &n, &err), err);
    assert_int_equal(n, 0);
    assert_false(available(g, "a", CZ_READ)); /* it came first */
    assert_int_equal(fx_stats(g).waiting, 1);
    fx_release(&guard);
    assert_int_equal(fx_join(&t), CZ_OK);
    assert_int_equal(fx_stats(g).acquired, 3);
    assert_int_equal(fx_stats(g).waited, 2);
    fx_close(g);
}

/* ---- How waiting ends ---------------------------------------------------------------------
 */

static cz_context *holder_of(cz_engine *g, const char *label, const char *name)
{
    cz_context *c;
    cz_error err = {0};

    assert_ok(cz_context_new(g, name, &c, &err), err);
    assert_ok(cz_context_enter(c, &err), err);
    (void)fx_acquire(g, label, CZ_WRITE);
    cz_context_leave();
    return c;
}

static void waiting_ends_when_the_time_is_over(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_claim claim = fx_claim("x", CZ_READ);
    cz_context *other;
    cz_guard guard = {0};
    uint64_t before;
    cz_error err = {0};

    (void)state;
    fx_data(g, "x");
    other = holder_of(g, "x", "other");
    for (uint64_t ms = 0; ms <= 5000; ms += 2500) {
        before = g->manager.now;
        assert_int_equal(cz_acquire(g, &claim, ms, &guard, &err), CZ_TIMEOUT);
        assert_int_equal(g->manager.now, before + ms * 1000000);
        assert_int_equal(guard.engine, 0);
    }
    assert_non_null(strstr(err.detail, "5000 ms"));
    assert_int_equal(fx_stats(g).timeouts, 3);
    assert_int_equal(fx_stats(g).waited, 0);
    assert_int_equal(fx_stats(g).waiting, 0);
    assert_int_equal(fx_stats(g).guards, 1);
    assert_ok(cz_context_end(other, &err), err);
    assert_ok(cz_acquire(g, &claim, 0, &guard, &err), err);
    fx_release(&guard);
    fx_close(g);
}

static void the_time_of_the_system_ends_waiting_too(void **state)
{
    cz_engine *g = fx_open(1);
    cz_claim claim = fx_claim("x", CZ_READ);
    cz_context *other;
    cz_guard guard = {0};
    uint64_t before = czi_clock_ns();
    cz_error err = {0};

    (void)state;
    fx_data(g, "x");
    other = holder_of(g, "x", "other");
    assert_int_equal(cz_acquire(g, &claim, 3, &guard, &err), CZ_TIMEOUT);
    assert_true(czi_clock_ns() - before >= 3000000);
    assert_ok(cz_context_end(other, &err), err);
    fx_close(g);
}

/* Holds h and waits for x. */
static int acquire_after_another(struct fx_thread *t)
{
    cz_claim first = fx_claim("h", CZ_WRITE);
    cz_guard held;
    cz_contents c;
    int rc = cz_acquire(t->engine, &first, 0, &held, &t->err);

    if (rc)
        return CZ_INVALID;
    rc = cz_acquire(t->engine, &t->claim, t->timeout_ms, &t->guard, &t->err);
    if (cz_guard_contents(&held, &c, NULL)) /* what it held it still holds */
        return CZ_INVALID;
    if (cz_release(&held, NULL) || (!rc && cz_release(&t->guard, NULL)))
        return CZ_INVALID;
    return rc;
}

static void waiting_ends_when_the_context_is_cancelled(void **state)
{
    cz_engine *g = fx_open(1);
    struct fx_thread t = {.engine = g,
                          .claim = fx_claim("x", CZ_WRITE),
                          .timeout_ms = CZ_FOREVER,
                          .work = acquire_after_another};
    cz_guard guard;
    cz_error err = {0};

    (void)state;
    fx_data(g, "x");
    fx_data(g, "h");
    guard = fx_acquire(g, "x", CZ_WRITE);
    assert_ok(cz_context_new(g, "cancelled", &t.context, &err), err);
    fx_start(&t);
    fx_until_waiters(g, "x", 1);
    cz_context_cancel(t.context);
    assert_int_equal(fx_join(&t), CZ_CANCELLED);
    assert_non_null(strstr(t.err.detail, "cancelled"));
    assert_int_equal(fx_stats(g).cancellations, 1);
    assert_int_equal(fx_stats(g).waited, 0);
    fx_until_waiters(g, "x", 0);
    fx_release(&guard);
    /* It was cancelled once: from now on it may wait again. */
    assert_ok(cz_context_enter(t.context, &err), err);
    guard = fx_acquire(g, "x", CZ_WRITE);
    fx_release(&guard);
    assert_ok(cz_context_end(t.context, &err), err);
    fx_close(g);
}

static void a_context_that_is_cancelled_does_not_begin_to_wait(void **state)
{
    cz_engine *g = fx_open(1);
    cz_claim claim = fx_claim("x", CZ_WRITE);
    cz_context *other, *c;
    cz_guard guard = {0};
    cz_error err = {0};

    (void)state;
    fx_data(g, "x");
    other = holder_of(g, "x", "other");
    assert_ok(cz_context_new(g, "c", &c, &err), err);
    cz_context_cancel(c);
    assert_ok(cz_context_enter(c, &err), err);
    assert_int_equal(cz_acquire(g, &claim, CZ_FOREVER, &guard, &err), CZ_CANCELLED);
    assert_int_equal(cz_acquire(g, &claim, 0, &guard, &err), CZ_TIMEOUT);
    assert_ok(cz_context_end(c, &err), err);
    assert_ok(cz_context_end(other, &err), err);
    fx_close(g);
}

/* Whatever the middle of the queue did, the others keep their order. */
static void who_gives_up_in_the_middle_lets_the_others_pass(void **state)
{
    cz_engine *g = fx_open(1);
    struct order order = {0};
    struct fx_thread t[3] = {in_turn(g, "r1", "x", CZ_READ, &order),
                             in_turn(g, "w", "x", CZ_WRITE, &order),
                             in_turn(g, "r2", "x", CZ_READ, &order)};
    cz_guard guard;
    cz_error err = {0};

    (void)state;
    fx_data(g, "x");
    guard = fx_acquire(g, "x", CZ_READ);
    assert_ok(cz_context_new(g, "w", &t[1].context, &err), err);
    fx_start(&t[1]);
    fx_until_waiters(g, "x", 1);
    fx_start(&t[2]);
    fx_until_waiters(g, "x", 2);
    fx_start(&t[0]);
    fx_until_waiters(g, "x", 3);
    cz_context_cancel(t[1].context);
    assert_int_equal(fx_join(&t[1]), CZ_CANCELLED);
    assert_int_equal(fx_join(&t[2]), CZ_OK); /* beside the reader that holds it */
    assert_int_equal(fx_join(&t[0]), CZ_OK);
    fx_release(&guard);
    assert_ok(cz_context_end(t[1].context, &err), err);
    fx_close(g);
}

/* ---- Deadlock -----------------------------------------------------------------------------
 */

/* Holds t->arg's first label and waits for the second; both end well. */
struct steps {
    const char *first, *second;
};

static int hold_and_wait(struct fx_thread *t)
{
    const struct steps *s = t->arg;
    cz_claim first = fx_claim(s->first, CZ_WRITE), second = fx_claim(s->second, CZ_WRITE);
    cz_guard a, b;
    int rc = cz_acquire(t->engine, &first, CZ_FOREVER, &a, &t->err);

    if (rc)
        return rc;
    rc = cz_acquire(t->engine, &second, CZ_FOREVER, &b, &t->err);
    if (!rc)
        rc = cz_release(&b, &t->err);
    return cz_release(&a, NULL) ? CZ_INVALID : rc;
}

static void assert_step(const cz_cycle *c, size_t i, const char *party, const char *label)
{
    cz_id id = fx_id(label);

    assert_true(i < c->count);
    assert_string_equal(c->steps[i].party.name, party);
    assert_string_equal(c->steps[i].label, label);
    assert_memory_equal(&c->steps[i].resource, &id, sizeof id);
    assert_int_equal(c->steps[i].mode, CZ_WRITE);
    assert_false(c->steps[i].awaits_effect);
}

/* `count` parties around a table: thread i holds label i and waits for label i + 1, the caller
 * holds the last one and closes the cycle. */
static void close_a_cycle(size_t count)
{
    static char labels[80][16], names[80][16];
    static struct fx_thread t[80];
    static struct steps steps[80];
    cz_engine *g = fx_open(1);
    cz_cycle cycle;
    cz_claim claim;
    cz_guard guard, next = {0};
    cz_error err = {0};

    for (size_t i = 0; i < count; i++) {
        (void)snprintf(labels[i], sizeof labels[i], "label %zu", i);
        (void)snprintf(names[i], sizeof names[i], "party %zu", i);
        fx_data(g, labels[i]);
    }
    assert_ok(cz_thread_name(g, names[count - 1], &err), err);
    guard = fx_acquire(g, labels[count - 1], CZ_WRITE);
    for (size_t i = count - 1; i-- > 0;) {
        steps[i] = (struct steps){labels[i], labels[i + 1]};
        t[i] = (struct fx_thread){.engine = g,
                                  .name = names[i],
                                  .work = hold_and_wait,
                                  .arg = &steps[i]};
        fx_start(&t[i]);
        fx_until_waiters(g, labels[i + 1], 1);
    }
    claim = fx_claim(labels[0], CZ_WRITE);
    assert_int_equal(cz_acquire(g, &claim, CZ_FOREVER, &next, &err), CZ_DEADLOCK);
    assert_int_equal(next.engine, 0);
    assert_ok(cz_deadlock_cycle(g, &cycle, &err), err);
    assert_int_equal(cycle.count, count);
    assert_int_equal(cycle.number, 1);
    for (size_t i = 0; i < count; i++)
        assert_step(&cycle, i, names[(count - 1 + i) % count], labels[i]);
    assert_int_equal(fx_stats(g).deadlocks, 1);
    assert_int_equal(fx_stats(g).waiting, count - 1); /* the others still wait */
    assert_ok(cz_release(&guard, &err), err);         /* what it held it still held */
    for (size_t i = 0; i + 1 < count; i++)
        assert_int_equal(fx_join(&t[i]), CZ_OK);
    next = fx_acquire(g, labels[0], CZ_WRITE); /* and all can be had */
    fx_release(&next);
    fx_close(g);
}

static void the_request_that_closes_a_cycle_fails_and_names_it(void **state)
{
    (void)state;
    close_a_cycle(2);
    close_a_cycle(3);
    close_a_cycle(5);
}

static void the_text_of_a_deadlock_tells_the_cycle_in_order(void **state)
{
    static const struct steps s = {"b", "a"};
    cz_engine *g = fx_open(1);
    struct fx_thread t = {.engine = g,
                          .name = "bob",
                          .work = hold_and_wait,
                          .arg = (void *)(uintptr_t)&s};
    cz_claim claim;
    cz_guard guard;
    const char *text, *at;
    cz_error err = {0};

    (void)state;
    fx_data(g, "a");
    fx_data(g, "b");
    assert_ok(cz_thread_name(g, "alice", &err), err);
    guard = fx_acquire(g, "a", CZ_WRITE);
    fx_start(&t);
    fx_until_waiters(g, "a", 1);
    claim = fx_claim("b", CZ_READ);
    assert_int_equal(cz_acquire(g, &claim, CZ_FOREVER, &guard, &err), CZ_DEADLOCK);
    text = err.detail;
    assert_non_null(at = strstr(text, "'alice' waits for b (read), held by 'bob'"));
    assert_non_null(strstr(at, "'bob' waits for a (write), held by 'alice'"));
    fx_release(&guard);
    assert_int_equal(fx_join(&t), CZ_OK);
    fx_close(g);
}

static void acquiring_again_and_upgrading_are_deadlocks_that_say_so(void **state)
{
    static const enum cz_access modes[][2] = {{CZ_READ, CZ_WRITE},
                                              {CZ_WRITE, CZ_READ},
                                              {CZ_WRITE, CZ_WRITE}};
    cz_engine *g = fx_open(1);

    (void)state;
    fx_data(g, "x");
    for (unsigned i = 0; i < 3; i++) {
        cz_claim claim = fx_claim("x", modes[i][1]);
        cz_guard guard = fx_acquire(g, "x", modes[i][0]), again = {0};
        cz_cycle cycle;
        cz_error err = {0};

        assert_int_equal(cz_acquire(g, &claim, CZ_FOREVER, &again, &err), CZ_DEADLOCK);
        assert_non_null(strstr(err.detail, "which it holds itself"));
        assert_non_null(strstr(err.detail, "x (")); /* of which resource */
        assert_ok(cz_deadlock_cycle(g, &cycle, &err), err);
        assert_int_equal(cycle.count, 1);
        assert_int_equal(cycle.number, 3 * i + 1);
        assert_int_equal(cz_acquire_many(g, &claim, 1, CZ_FOREVER, &again, &err), CZ_DEADLOCK);
        assert_int_equal(cz_acquire(g, &claim, 0, &again, &err), CZ_DEADLOCK);
        assert_int_equal(cz_try_acquire(g, &claim, &again, &err), CZ_BUSY);
        fx_release(&guard);
        if (i < 2)
            continue;
        assert_int_equal(fx_stats(g).deadlocks, 9);
    }
    fx_close(g);
}

static void a_place_ahead_in_the_queue_closes_a_cycle_too(void **state)
{
    static const struct steps s = {"h", "x"};
    cz_engine *g = fx_open(1);
    struct fx_thread t = {.engine = g,
                          .name = "ahead",
                          .work = hold_and_wait,
                          .arg = (void *)(uintptr_t)&s};
    cz_context *other = NULL;
    cz_guard mine;
    cz_claim claim;
    cz_cycle cycle;
    cz_error err = {0};

    (void)state;
    fx_data(g, "x");
    fx_data(g, "h");
    fx_data(g, "mine");
    /* "ahead" holds h, waits to write x (read by main); main waits to read h: held by ahead. */
    assert_ok(cz_thread_name(g, "main", &err), err);
    mine = fx_acquire(g, "x", CZ_READ);
    fx_start(&t);
    fx_until_waiters(g, "x", 1);
    claim = fx_claim("x", CZ_READ); /* behind who waits for it */
    assert_int_equal(cz_acquire(g, &claim, CZ_FOREVER, &mine, &err), CZ_DEADLOCK);
    assert_non_null(strstr(err.detail, "'main' waits for x (read), behind 'ahead'"));
    assert_ok(cz_deadlock_cycle(g, &cycle, &err), err);
    assert_int_equal(cycle.count, 2);
    fx_release(&mine);
    assert_int_equal(fx_join(&t), CZ_OK);
    assert_ok(cz_context_end(other, &err), err);
    fx_close(g);
}

static void without_a_deadlock_there_is_no_cycle(void **state)
{
    cz_engine *g = fx_open(1);
    cz_cycle cycle = {.count = 7};
    cz_error err = {0};

    (void)state;
    assert_int_equal(cz_deadlock_cycle(g, &cycle, &err), CZ_NOT_FOUND);
    assert_int_equal(cycle.count, 7);
    fx_close(g);
}

/* ---- What can be asked --------------------------------------------------------------------
 */

struct shown {
    cz_wait_edge edges[32];
    char labels[32][CZ_LABEL_SIZE_MAX + 1];
    size_t edge_count;
    uint64_t cycles[32];
    size_t steps[32], cycle_count;
    size_t stop_after; /* edges; 0: none */
};

static int show_edge(void *arg, const cz_wait_edge *e)
{
    struct shown *s = arg;

    assert_true(s->edge_count < 32);
    s->edges[s->edge_count] = *e;
    (void)snprintf(s->labels[s->edge_count], sizeof s->labels[0], "%s", e->label);
    s->edge_count++;
    return s->edge_count == s->stop_after ? 99 : 0;
}

static int show_cycle(void *arg, const cz_cycle *c)
{
    struct shown *s = arg;

    assert_true(s->cycle_count < 32);
    s->steps[s->cycle_count] = c->count;
    s->cycles[s->cycle_count++] = c->number;
    return 0;
}

static struct shown graph_of(cz_engine *g)
{
    struct shown s = {0};
    cz_wait_graph_visitor v = {show_edge, show_cycle, &s};
    cz_error err = {0};

    assert_ok(cz_wait_graph(g, &v, &err), err);
    return s;
}

static void the_wait_graph_is_grouped_by_resource_holders_first(void **state)
{
    static const struct steps s1 = {"a", "c"}, s2 = {"b", "c"};
    cz_engine *g = fx_open(1);
    struct fx_thread
        t1 = {.engine = g, .name = "t1", .work = hold_and_wait, .arg = (void *)(uintptr_t)&s1},
        t2 = {.engine = g, .name = "t2", .work = hold_and_wait, .arg = (void *)(uintptr_t)&s2};
    cz_guard guards[2];
    struct shown s;
    cz_wait_graph_visitor v = {show_edge, NULL, &s};
    cz_error err = {0};

    (void)state;
    fx_data(g, "a");
    fx_data(g, "b");
    fx_data(g, "c");
    fx_data(g, "d");
    assert_int_equal(graph_of(g).edge_count, 0);
    guards[0] = fx_acquire(g, "c", CZ_WRITE);
    guards[1] = fx_acquire(g, "d", CZ_READ);
    fx_start(&t1);
    fx_until_waiters(g, "c", 1);
    fx_start(&t2);
    fx_until_waiters(g, "c", 2);
    s = graph_of(g);
    assert_int_equal(s.edge_count, 6); /* a: t1; b: t2; c: main, t1, t2; d: main */
    for (size_t i = 1; i < s.edge_count; i++) {
        int order = memcmp(&s.edges[i - 1].resource, &s.edges[i].resource, sizeof(cz_id));

        assert_true(order < 0 || (order == 0 && s.edges[i - 1].place < s.edges[i].place));
    }
    for (size_t i = 0; i < s.edge_count; i++) {
        const cz_wait_edge *e = &s.edges[i];
        cz_id id = fx_id(s.labels[i]);

        assert_memory_equal(&e->resource, &id, sizeof id);
        assert_int_equal(e->holds, e->place == 0);
        assert_int_equal(e->party.kind, CZ_PARTY_THREAD);
        assert_int_equal(e->mode, strcmp(s.labels[i], "d") == 0 ? CZ_READ : CZ_WRITE);
        if (e->place)
            assert_string_equal(e->party.name, e->place == 1 ? "t1" : "t2");
    }
    s = (struct shown){.stop_after = 2};
    assert_int_equal(cz_wait_graph(g, &v, &err), 99);
    assert_int_equal(s.edge_count, 2);
    v.edge = NULL;
    assert_ok(cz_wait_graph(g, &v, &err), err); /* either may be NULL */
    assert_ok(cz_release_many(guards, 2, &err), err);
    assert_int_equal(fx_join(&t1), CZ_OK);
    assert_int_equal(fx_join(&t2), CZ_OK);
    fx_close(g);
}

static void the_wait_graph_keeps_the_last_16_cycles_newest_first(void **state)
{
    cz_engine *g = fx_open(1);
    cz_claim claim = fx_claim("x", CZ_WRITE);
    cz_guard guard, none;
    struct shown s;
    cz_error err = {0};

    (void)state;
    fx_data(g, "x");
    guard = fx_acquire(g, "x", CZ_WRITE);
    for (uint64_t n = 1; n <= 20; n++) {
        assert_int_equal(cz_acquire(g, &claim, 0, &none, &err), CZ_DEADLOCK);
        s = graph_of(g);
        assert_int_equal(s.cycle_count, n < 16 ? n : 16);
        for (size_t i = 0; i < s.cycle_count; i++) {
            assert_int_equal(s.cycles[i], n - i);
            assert_int_equal(s.steps[i], 1);
        }
    }
    fx_release(&guard);
    fx_close(g);
}

/* Longer cycles are told in full to whom they concern (and are cut only for the graph). */
static void a_cycle_of_66_is_told(void **state)
{
    (void)state;
    close_a_cycle(66);
}

static void owners_and_waiters_are_counted_when_there_is_no_room_for_them(void **state)
{
    cz_engine *g = fx_open(1);
    cz_id id = fx_data(g, "x");
    cz_context *c[3];
    cz_wait_edge e[3] = {0};
    size_t n;
    cz_error err = {0};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        char name[8];

        (void)snprintf(name, sizeof name, "c%u", i);
        assert_ok(cz_context_new(g, name, &c[i], &err), err);
        assert_ok(cz_context_enter(c[i], &err), err);
        (void)fx_acquire(g, "x", CZ_READ);
        cz_context_leave();
    }
    assert_ok(cz_owner(g, &id, e, 2, &n, &err), err);
    assert_int_equal(n, 3);
    assert_string_equal(e[0].label, "x");
    assert_int_equal(e[0].party.kind, CZ_PARTY_CONTEXT);
    assert_true(e[0].holds && e[1].holds);
    assert_int_equal(e[0].place, 0);
    assert_null(e[2].label);
    assert_ok(cz_owner(g, &id, NULL, 0, &n, &err), err);
    assert_int_equal(n, 3);
    assert_ok(cz_waiters(g, &id, e, 3, &n, &err), err);
    assert_int_equal(n, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_ok(cz_context_end(c[i], &err), err);
    assert_ok(cz_owner(g, &id, e, 3, &n, &err), err);
    assert_int_equal(n, 0);
    fx_close(g);
}

static void a_context_tells_its_guards_newest_first(void **state)
{
    cz_engine *g = fx_open(1);
    static const char *const labels[] = {"a", "b", "c"};
    cz_guard guards[3];
    cz_wait_edge e[3];
    size_t n;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_context_guards(g, NULL, 0, &n, &err), err);
    assert_int_equal(n, 0);
    for (unsigned i = 0; i < 3; i++) {
        fx_data(g, labels[i]);
        guards[i] = fx_acquire(g, labels[i], i == 1 ? CZ_READ : CZ_WRITE);
    }
    assert_ok(cz_context_guards(g, e, 3, &n, &err), err);
    assert_int_equal(n, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_string_equal(e[i].label, labels[2 - i]);
        assert_int_equal(e[i].mode, i == 1 ? CZ_READ : CZ_WRITE);
        assert_true(e[i].holds);
    }
    fx_release(&guards[1]);
    assert_ok(cz_context_guards(g, e, 1, &n, &err), err);
    assert_int_equal(n, 2);
    assert_string_equal(e[0].label, "c");
    fx_release(&guards[0]);
    fx_release(&guards[2]);
    fx_close(g);
}

static void the_counts_are_exact(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_claim x = fx_claim("x", CZ_WRITE), y = fx_claim("y", CZ_READ);
    cz_context *other;
    cz_guard guards[3];
    cz_lock_stats s, zero = {0};
    cz_error err = {0};

    (void)state;
    s = fx_stats(g);
    assert_memory_equal(&s, &zero, sizeof s);
    fx_data(g, "x"); /* the main thread has a context from here on */
    fx_data(g, "y");
    other = holder_of(g, "x", "other");                               /* 1 */
    assert_int_equal(cz_try_acquire(g, &x, guards, &err), CZ_BUSY);   /* refused 1 */
    assert_int_equal(cz_acquire(g, &x, 1, guards, &err), CZ_TIMEOUT); /* timeouts 1 */
    guards[0] = fx_acquire(g, "y", CZ_READ);                          /* 2 */
    guards[1] = fx_acquire(g, "y", CZ_READ);                          /* 3, beside it */
    x.resource = y.resource;
    assert_int_equal(cz_acquire(g, &x, 1, &guards[2], &err), CZ_DEADLOCK); /* deadlocks 1 */
    s = fx_stats(g);
    assert_int_equal(s.acquired, 3);
    assert_int_equal(s.waited, 0);
    assert_int_equal(s.refused, 1);
    assert_int_equal(s.deadlocks, 1);
    assert_int_equal(s.timeouts, 1);
    assert_int_equal(s.cancellations, 0);
    assert_int_equal(s.guards, 3);
    assert_int_equal(s.contexts, 2);
    assert_int_equal(s.waiting + s.waiting_effects, 0);
    assert_ok(cz_release_many(guards, 2, &err), err);
    guards[0] = fx_acquire(g, "y", CZ_WRITE); /* 4 */
    fx_update_data(&guards[0], "1");
    fx_commit(&guards[0]);                    /* commits 1 */
    guards[0] = fx_acquire(g, "y", CZ_WRITE); /* 5 */
    fx_update_data(&guards[0], "2");
    fx_release(&guards[0]); /* aborts 1 */
    (void)fx_submit(g, fx_write("o", 1, "x", "later"));
    (void)fx_submit(g, fx_write("o", 2, "y", "later"));
    while (czi_engine_pump(g))
        continue;
    s = fx_stats(g);
    assert_int_equal(s.waiting_effects, 2); /* x is held, and the second waits behind it */
    assert_int_equal(s.effects_waited, 2);
    assert_int_equal(s.waiting, 0);
    assert_ok(cz_context_end(other, &err), err);
    assert_ok(cz_flush(g, &err), err);
    s = fx_stats(g);
    assert_int_equal(s.acquired, 5);
    assert_int_equal(s.commits, 1);
    assert_int_equal(s.aborts, 1);
    assert_int_equal(s.waiting_effects, 0);
    assert_int_equal(s.effects_waited, 2);
    assert_int_equal(s.guards, 0);
    assert_int_equal(s.contexts, 1);
    fx_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writers_are_served_in_the_order_of_their_coming),
        cmocka_unit_test(readers_share_a_writer_waits_and_a_later_reader_behind_it),
        cmocka_unit_test(neighbouring_readers_are_granted_together),
        cmocka_unit_test(a_waiter_sees_the_update_of_who_held_before),
        cmocka_unit_test(several_are_waited_for_at_once_and_none_is_held_meanwhile),
        cmocka_unit_test(waiting_ends_when_the_time_is_over),
        cmocka_unit_test(the_time_of_the_system_ends_waiting_too),
        cmocka_unit_test(waiting_ends_when_the_context_is_cancelled),
        cmocka_unit_test(a_context_that_is_cancelled_does_not_begin_to_wait),
        cmocka_unit_test(who_gives_up_in_the_middle_lets_the_others_pass),
        cmocka_unit_test(the_request_that_closes_a_cycle_fails_and_names_it),
        cmocka_unit_test(the_text_of_a_deadlock_tells_the_cycle_in_order),
        cmocka_unit_test(acquiring_again_and_upgrading_are_deadlocks_that_say_so),
        cmocka_unit_test(a_place_ahead_in_the_queue_closes_a_cycle_too),
        cmocka_unit_test(without_a_deadlock_there_is_no_cycle),
        cmocka_unit_test(the_wait_graph_is_grouped_by_resource_holders_first),
        cmocka_unit_test(the_wait_graph_keeps_the_last_16_cycles_newest_first),
        cmocka_unit_test(a_cycle_of_66_is_told),
        cmocka_unit_test(owners_and_waiters_are_counted_when_there_is_no_room_for_them),
        cmocka_unit_test(a_context_tells_its_guards_newest_first),
        cmocka_unit_test(the_counts_are_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
