/* test_world.c - a simulated world: what a step is, what time does, what a crash leaves. */
#include "causality/sim.h"
#include "engine/engine.h"
#include "fs_fixture.h"

#include <string.h>

static const cz_options small = {.batch_max = 8, .backlog_max = 64};

static cz_sim_world *world_of(uint64_t seed, unsigned disorder)
{
    cz_sim_options o = {.seed = seed, .disorder = disorder, .engine = &small};
    cz_sim_world *w = NULL;
    cz_error err = {0};

    assert_ok(cz_sim_world_new(&o, &w, &err), err);
    return w;
}

static cz_engine *open_in(cz_sim_world *w)
{
    cz_engine *g = NULL;
    cz_error err = {0};

    assert_ok(cz_sim_open(w, &g, &err), err);
    return g;
}

static cz_id id_of(const char *label)
{
    cz_id creator = cz_operator(), id;
    cz_error err = {0};

    assert_ok(cz_resource_id(&creator, label, &id, &err), err);
    return id;
}

static cz_id data_in(cz_engine *g, const char *label)
{
    cz_creation c = {.creator = cz_operator(),
                     .controller = cz_operator(),
                     .label = label,
                     .kind = CZ_DATA,
                     .data = (const uint8_t *)"0",
                     .data_len = 1};
    cz_error err = {0};
    cz_id id;

    assert_ok(cz_register(g, &c, &id, &err), err);
    return id;
}

/* Effect number `nonce` of a writer: it replaces the data of a resource. */
static cz_effect *write_of(const char *label, uint64_t nonce)
{
    cz_effect *e = cz_effect_new();
    cz_id id = id_of(label);
    cz_error err = {0};

    assert_non_null(e);
    cz_effect_set_origin(e, &id);
    cz_effect_set_nonce(e, nonce);
    assert_ok(cz_effect_write(e, &id, &nonce, sizeof nonce, &err), err);
    return e;
}

static uint64_t submit(cz_engine *g, const char *label, uint64_t nonce)
{
    cz_effect *e = write_of(label, nonce);
    cz_error err = {0};
    uint64_t ticket = 0;

    assert_ok(cz_submit_effect(g, e, NULL, NULL, &ticket, &err), err);
    cz_effect_free(e);
    return ticket;
}

static int perform(cz_engine *g, const char *label, uint64_t nonce, cz_error *err)
{
    cz_effect *e = write_of(label, nonce);
    int rc = cz_perform(g, e, NULL, err);

    cz_effect_free(e);
    return rc;
}

/* 0: it is as it was created, or was not created. */
static uint64_t written(cz_engine *g, const char *label)
{
    cz_id id = id_of(label);
    uint64_t n = 0;
    cz_error err = {0};
    cz_resource r;
    int rc = cz_resource_get(g, &id, &r, &err);

    if (rc == CZ_NOT_FOUND)
        return 0;
    assert_ok(rc, err);
    if (r.data_len == sizeof n)
        memcpy(&n, r.data, sizeof n);
    return n;
}

/* ---- Steps --------------------------------------------------------------------------------
 */

static void nothing_happens_but_in_a_step(void **state)
{
    cz_sim_world *w = world_of(1, 0);
    cz_engine *g = open_in(w);
    uint64_t before, ticket;
    cz_error err = {0};
    cz_result r;

    (void)state;
    data_in(g, "a");
    assert_false(cz_sim_step(w));
    before = cz_sim_steps(w);
    ticket = submit(g, "a", 1);
    assert_int_equal(cz_poll(g, ticket, &r, &err), CZ_BUSY);
    assert_int_equal(cz_sim_steps(w), before);
    /* Executed, sealed, told that it is, persisted, acknowledged. */
    for (int i = 0; i < 5; i++) {
        assert_int_equal(cz_poll(g, ticket, &r, &err), CZ_BUSY);
        assert_true(cz_sim_step(w));
    }
    assert_ok(cz_poll(g, ticket, &r, &err), err);
    assert_false(cz_sim_step(w));
    assert_int_equal(cz_sim_steps(w), before + 5);
    cz_sim_world_free(w);
}

static void a_call_that_waits_takes_steps(void **state)
{
    cz_sim_world *w = world_of(1, 500);
    cz_engine *g = open_in(w);
    uint64_t before;
    cz_error err = {0};

    (void)state;
    data_in(g, "a");
    before = cz_sim_steps(w);
    assert_ok(perform(g, "a", 1, &err), err);
    assert_true(cz_sim_steps(w) >= before + 5);
    assert_int_equal(written(g, "a"), 1);
    cz_sim_world_free(w);
}

struct line {
    char text[64];
};

struct walker {
    struct line *line;
    char letter;
};

static int walk(void *arg, cz_error *err)
{
    struct walker *a = arg;

    (void)err;
    for (int i = 0; i < 3; i++) {
        a->line->text[strlen(a->line->text)] = a->letter;
        cz_task_yield();
    }
    return CZ_OK;
}

/* Three tasks on each of two schedulers write their letters, three times each. */
static struct line turns(uint64_t seed, unsigned disorder)
{
    cz_sim_world *w = world_of(seed, disorder);
    cz_engine *g = open_in(w);
    struct walker walkers[6];
    cz_scheduler *s[2];
    struct line line = {""};
    cz_error err = {0};

    for (int i = 0; i < 2; i++)
        assert_ok(cz_scheduler_new(g, NULL, &s[i], &err), err);
    for (int i = 0; i < 6; i++) {
        cz_task_spec spec = {.fn = walk, .arg = &walkers[i], .detached = true};

        walkers[i] = (struct walker){&line, (char)("abcxyz"[i])};
        assert_ok(cz_task_spawn(s[i / 3], &spec, NULL, &err), err);
    }
    cz_sim_settle(w);
    assert_int_equal(strlen(line.text), 18);
    for (int i = 0; i < 2; i++)
        assert_int_equal(cz_scheduler_close(s[i], &err), CZ_OK);
    cz_sim_world_free(w);
    return line;
}

static void without_disorder_runners_and_their_tasks_take_turns(void **state)
{
    struct line line = turns(1, 0);

    (void)state;
    /* The newest runner is first. */
    assert_string_equal(line.text, "xaybzcxaybzcxaybzc");
}

static void disorder_reorders_as_the_seed_has_it(void **state)
{
    unsigned different = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct line first = turns(seed, 1000), again = turns(seed, 1000);

        assert_string_equal(first.text, again.text);
        different += strcmp(first.text, turns(seed + 1, 1000).text) != 0;
        assert_string_not_equal(first.text, turns(seed, 0).text);
    }
    assert_true(different >= 19);
}

/* ---- Time ---------------------------------------------------------------------------------
 */

static void the_clock_stands_still_but_when_it_is_moved(void **state)
{
    cz_sim_world *w = world_of(1, 0);
    cz_engine *g = open_in(w);
    cz_error err = {0};

    (void)state;
    data_in(g, "a");
    assert_ok(perform(g, "a", 1, &err), err);
    assert_int_equal(cz_sim_now(w), 0);
    assert_false(cz_sim_advance(w, CZ_FOREVER)); /* nobody waits, so there is nowhere to go */
    assert_int_equal(cz_sim_now(w), 0);
    assert_false(cz_sim_advance(w, 70));
    assert_int_equal(cz_sim_now(w), 70);
    assert_ok(cz_close(g, &err), err);
    assert_false(cz_sim_advance(w, 30));
    (void)open_in(w);
    assert_int_equal(cz_sim_now(w), 100);
    cz_sim_crash(w);
    assert_int_equal(cz_sim_now(w), 100);
    (void)open_in(w);
    assert_int_equal(cz_sim_now(w), 100);
    cz_sim_world_free(w);
}

struct sleeper {
    cz_engine *engine;
    const char *label;
    uint64_t ms;
    int code;
};

/* Waits for what somebody else keeps. */
static int wait_for_it(void *arg, cz_error *err)
{
    struct sleeper *s = arg;
    cz_claim claim = {id_of(s->label), CZ_WRITE, 0};
    cz_guard guard;

    s->code = cz_acquire(s->engine, &claim, s->ms, &guard, err);
    return CZ_OK;
}

static void time_goes_to_the_next_deadline_or_as_far_as_it_may(void **state)
{
    cz_sim_world *w = world_of(1, 0);
    cz_engine *g = open_in(w);
    struct sleeper early = {g, "a", 40, -1}, late = {g, "a", 100, -1};
    cz_claim claim = {data_in(g, "a"), CZ_WRITE, 0};
    cz_task_spec specs[2] = {{.fn = wait_for_it, .arg = &late, .detached = true},
                             {.fn = wait_for_it, .arg = &early, .detached = true}};
    cz_scheduler *s;
    cz_guard guard;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_acquire(g, &claim, CZ_FOREVER, &guard, &err), err);
    assert_ok(cz_scheduler_new(g, NULL, &s, &err), err);
    for (int i = 0; i < 2; i++)
        assert_ok(cz_task_spawn(s, &specs[i], NULL, &err), err);
    cz_sim_settle(w);
    assert_true(cz_sim_advance(w, 30));
    cz_sim_settle(w);
    assert_int_equal(cz_sim_now(w), 30);
    assert_int_equal(early.code, -1);
    assert_true(cz_sim_advance(w, 30));
    assert_int_equal(cz_sim_now(w), 40);
    cz_sim_settle(w);
    assert_int_equal(early.code, CZ_TIMEOUT);
    assert_int_equal(late.code, -1);
    assert_true(cz_sim_advance(w, CZ_FOREVER));
    assert_int_equal(cz_sim_now(w), 100);
    cz_sim_settle(w);
    assert_int_equal(late.code, CZ_TIMEOUT);
    assert_false(cz_sim_advance(w, CZ_FOREVER));
    assert_ok(cz_release(&guard, &err), err);
    assert_int_equal(cz_scheduler_close(s, &err), CZ_OK);
    cz_sim_world_free(w);
}

static void a_wait_that_ends_by_time_moves_the_clock(void **state)
{
    cz_sim_world *w = world_of(1, 0);
    cz_engine *g = open_in(w);
    cz_claim claim = {data_in(g, "a"), CZ_WRITE, 0};
    cz_context *other;
    cz_guard guard;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_context_new(g, "other", &other, &err), err);
    assert_ok(cz_context_enter(other, &err), err);
    assert_ok(cz_acquire(g, &claim, CZ_FOREVER, &guard, &err), err);
    cz_context_leave();
    assert_int_equal(cz_acquire(g, &claim, 250, &guard, &err), CZ_TIMEOUT);
    assert_int_equal(cz_sim_now(w), 250);
    assert_ok(cz_context_end(other, &err), err);
    cz_sim_world_free(w);
}

/* ---- Crashes ------------------------------------------------------------------------------
 */

static void a_crash_keeps_what_was_acknowledged_and_may_lose_the_rest(void **state)
{
    unsigned kept = 0, lost = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        cz_sim_world *w = world_of(seed, 0);
        cz_engine *g = open_in(w);
        cz_error err = {0};

        data_in(g, "a");
        assert_ok(perform(g, "a", 1, &err), err);
        (void)submit(g, "a", 2);
        cz_sim_crash_after(w, 4); /* in the step that writes it */
        cz_sim_settle(w);
        assert_true(cz_sim_crashed(w));
        cz_sim_crash(w);
        g = open_in(w);
        kept += written(g, "a") == 2;
        lost += written(g, "a") == 1;
        cz_sim_world_free(w);
    }
    assert_int_equal(kept + lost, 40);
    assert_true(kept > 0 && lost > 0);
}

static void without_power_nothing_happens_and_everybody_is_told(void **state)
{
    cz_sim_world *w = world_of(3, 0);
    cz_engine *g = open_in(w);
    uint64_t ticket, steps;
    cz_error err = {0};
    cz_result r;

    (void)state;
    data_in(g, "a");
    ticket = submit(g, "a", 1);
    steps = cz_sim_steps(w);
    cz_sim_crash_after(w, 2);
    assert_false(cz_sim_crashed(w));
    cz_sim_settle(w);
    assert_true(cz_sim_crashed(w));
    assert_int_equal(cz_sim_steps(w), steps + 2);
    assert_false(cz_sim_step(w));
    assert_false(cz_sim_advance(w, 10));
    assert_int_equal(cz_sim_now(w), 0);
    assert_int_equal(cz_wait(g, ticket, CZ_FOREVER, &r, &err), CZ_CLOSED);
    assert_non_null(strstr(err.detail, "the power went"));
    assert_int_equal(perform(g, "a", 2, &err), CZ_CLOSED);
    assert_int_equal(cz_sim_steps(w), steps + 2);
    cz_sim_crash(w);
    assert_true(cz_sim_crashed(w));
    g = open_in(w);
    assert_false(cz_sim_crashed(w));
    assert_int_equal(written(g, "a"), 0);
    cz_sim_world_free(w);
}

static void the_power_may_go_while_a_call_waits(void **state)
{
    cz_sim_world *w = world_of(4, 0);
    cz_engine *g = open_in(w);
    cz_error err = {0};

    (void)state;
    data_in(g, "a");
    cz_sim_crash_after(w, 1);
    assert_int_equal(perform(g, "a", 1, &err), CZ_CLOSED);
    assert_true(cz_sim_crashed(w));
    cz_sim_crash(w);
    cz_sim_world_free(w);
}

static void the_power_may_go_at_once_or_never(void **state)
{
    cz_sim_world *w = world_of(4, 0);
    cz_engine *g = open_in(w);
    cz_error err = {0};

    (void)state;
    data_in(g, "a");
    cz_sim_crash_after(w, 1);
    cz_sim_crash_after(w, UINT64_MAX);
    assert_ok(perform(g, "a", 1, &err), err);
    cz_sim_crash_after(w, 0);
    assert_true(cz_sim_crashed(w));
    assert_int_equal(perform(g, "a", 2, &err), CZ_CLOSED);
    cz_sim_crash(w);
    g = open_in(w);
    assert_int_equal(written(g, "a"), 1);
    cz_sim_world_free(w);
}

static void a_crash_can_be_told_while_there_is_no_power(void **state)
{
    cz_sim_world *w = world_of(4, 0);
    cz_engine *g;
    cz_error err = {0};

    (void)state;
    cz_sim_crash(w);
    cz_sim_crash_after(w, 6);
    g = open_in(w);
    data_in(g, "a"); /* five steps */
    assert_false(cz_sim_crashed(w));
    assert_int_equal(perform(g, "a", 1, &err), CZ_CLOSED);
    assert_true(cz_sim_crashed(w));
    cz_sim_crash(w);
    cz_sim_world_free(w);
}

static int write_for_ever(void *arg, cz_error *err)
{
    int rc = CZ_OK;

    for (uint64_t n = 1; !rc; n++)
        rc = perform(arg, "a", n, err);
    return rc;
}

static void what_lives_on_an_engine_is_closed_before_or_after_the_power_went(void **state)
{
    (void)state;
    for (unsigned after = 0; after < 60; after++) {
        cz_sim_world *w = world_of(after, 300);
        cz_engine *g = open_in(w);
        struct sleeper sleeper = {g, "b", CZ_FOREVER, -1};
        cz_claim claim = {data_in(g, "b"), CZ_WRITE, 0};
        cz_task_spec specs[2] = {{.fn = write_for_ever, .arg = g, .detached = true},
                                 {.fn = wait_for_it, .arg = &sleeper, .detached = true}};
        cz_context *c;
        cz_scheduler *s;
        cz_guard guard;
        cz_error err = {0};

        data_in(g, "a");
        assert_ok(cz_context_new(g, "holder", &c, &err), err);
        assert_ok(cz_context_enter(c, &err), err);
        assert_ok(cz_acquire(g, &claim, CZ_FOREVER, &guard, &err), err);
        cz_context_leave();
        assert_ok(cz_scheduler_new(g, NULL, &s, &err), err);
        for (int i = 0; i < 2; i++)
            assert_ok(cz_task_spawn(s, &specs[i], NULL, &err), err);
        cz_sim_crash_after(w, after + 1);
        if (after % 2) {
            cz_sim_settle(w);
            assert_true(cz_sim_crashed(w));
        }
        (void)!cz_scheduler_close(s, &err);
        (void)!cz_context_end(c, &err);
        cz_sim_crash(w);
        (void)open_in(w);
        cz_sim_world_free(w);
    }
}

static void closing_leaves_a_store_that_opens_again(void **state)
{
    cz_sim_world *w = world_of(5, 0);
    cz_engine *g = open_in(w), *second = NULL;
    cz_error err = {0};

    (void)state;
    assert_int_equal(cz_sim_open(w, &second, &err), CZ_BUSY);
    data_in(g, "a");
    (void)submit(g, "a", 1); /* which closing waits for */
    assert_ok(cz_close(g, &err), err);
    assert_false(cz_sim_step(w));
    g = open_in(w);
    assert_int_equal(written(g, "a"), 1);
    cz_sim_world_free(w);
}

/* Enough for several segments, and checkpoints between them. */
static void a_long_run_goes_on_from_checkpoints_whether_the_index_is_there_or_not(void **state)
{
    enum { EFFECTS = 1000 };
    uint64_t last = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        cz_sim_world *w = world_of(seed, 0);
        cz_engine *g = open_in(w);
        cz_error err = {0};
        cz_stats stats;

        data_in(g, "a");
        for (uint64_t n = 1; n <= EFFECTS; n++) {
            last = submit(g, "a", n);
            if (n % 50 == 0)
                cz_sim_settle(w);
        }
        assert_true(last > 0);
        assert_ok(cz_stats_get(g, &stats, &err), err);
        assert_true(stats.journal_bytes > 10 * 8192);
        cz_sim_crash(w);
        g = open_in(w);
        assert_int_equal(written(g, "a"), EFFECTS);
        assert_ok(perform(g, "a", EFFECTS + 1, &err), err);
        cz_sim_world_free(w);
    }
}

static void worlds_do_not_know_of_each_other(void **state)
{
    cz_sim_world *w[2] = {world_of(6, 0), world_of(6, 0)};
    cz_engine *g[2] = {open_in(w[0]), open_in(w[1])};
    cz_error err = {0};

    (void)state;
    data_in(g[0], "a");
    data_in(g[1], "a");
    (void)submit(g[0], "a", 1);
    assert_ok(perform(g[1], "a", 2, &err), err);
    assert_true(cz_sim_step(w[0]));
    assert_false(cz_sim_step(w[1]));
    cz_sim_crash(w[1]);
    assert_int_equal(written(g[0], "a"), 1);
    g[1] = open_in(w[1]);
    assert_int_equal(written(g[1], "a"), 2);
    cz_sim_world_free(w[0]);
    cz_sim_world_free(w[1]);
}

/* ---- Options ------------------------------------------------------------------------------
 */

static void a_disorder_beyond_all_steps_is_refused(void **state)
{
    cz_sim_options o = {.disorder = 1001};
    cz_sim_world *w = NULL;
    cz_error err = {0};

    (void)state;
    assert_int_equal(cz_sim_world_new(&o, &w, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "1001"));
    o.disorder = 1000;
    assert_ok(cz_sim_world_new(&o, &w, &err), err);
    cz_sim_world_free(w);
    assert_ok(cz_sim_world_new(NULL, &w, &err), err);
    (void)open_in(w);
    cz_sim_world_free(w);
    cz_sim_world_free(NULL);
}

static void what_the_engine_refuses_can_be_opened_by_nobody(void **state)
{
    cz_options options = {.batch_max = CZI_BATCH_ENTRIES_MAX + 1};
    cz_sim_options o = {.engine = &options};
    cz_sim_world *w = NULL;
    cz_engine *g = NULL;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_sim_world_new(&o, &w, &err), err);
    assert_int_equal(cz_sim_open(w, &g, &err), CZ_LIMIT);
    assert_null(g);
    cz_sim_crash(w); /* also of a world in which nothing is open */
    cz_sim_world_free(w);
}

/* ---- Saving -------------------------------------------------------------------------------
 */

static void a_saved_store_is_one_like_any_other(void **state)
{
    char dir[4096], path[4200];
    cz_sim_world *w = world_of(7, 0);
    cz_engine *g = open_in(w);
    cz_journal_report replayed;
    cz_audit_report audited;
    cz_error err = {0};

    (void)state;
    fixture_temp_dir(dir);
    (void)snprintf(path, sizeof path, "%s/store", dir);
    data_in(g, "a");
    for (uint64_t n = 1; n <= 500; n++)
        assert_ok(perform(g, "a", n, &err), err);
    assert_int_equal(cz_sim_save(w, path, &err), CZ_BUSY);
    assert_ok(cz_close(g, &err), err);
    assert_ok(cz_sim_save(w, path, &err), err);
    assert_int_equal(cz_sim_save(w, path, &err), CZ_CONFLICT);
    assert_ok(cz_audit(path, NULL, &audited, &err), err);
    assert_int_equal(audited.journal.positions, 501);
    assert_true(audited.journal.segments > 1);
    assert_false(audited.journal.unfinished_tail);
    assert_ok(cz_replay(path, NULL, &replayed, &err), err);
    assert_memory_equal(replayed.root, audited.journal.root, 32);
    assert_ok(cz_open(path, NULL, &g, &err), err);
    assert_int_equal(written(g, "a"), 500);
    assert_ok(perform(g, "a", 501, &err), err);
    assert_ok(cz_close(g, &err), err);
    g = open_in(w);
    assert_int_equal(written(g, "a"), 500); /* the world's own is not touched */
    cz_sim_world_free(w);
    fixture_remove_tree(dir);
}

static void a_store_that_cannot_be_saved_says_where(void **state)
{
    cz_sim_world *w = world_of(7, 0);
    cz_error err = {0};

    (void)state;
    assert_int_not_equal(cz_sim_save(w, "/proc/causality/store", &err), CZ_OK);
    assert_non_null(strstr(err.detail, "/proc/causality/store"));
    cz_sim_world_free(w);
}

/* ---- Memory -------------------------------------------------------------------------------
 */

/* All that a world does, until the first failure. */
static int live(cz_sim_world **w, const char *path)
{
    cz_sim_options o = {.seed = 8, .disorder = 500, .engine = &small};
    cz_error err = {0};
    cz_engine *g = NULL;
    int rc = cz_sim_world_new(&o, w, &err);

    if (!rc)
        rc = cz_sim_open(*w, &g, &err);
    if (!rc) {
        cz_effect *e = cz_effect_new();
        cz_id id = id_of("x");
        cz_creation c = {.creator = cz_operator(),
                         .controller = cz_operator(),
                         .label = "x",
                         .kind = CZ_DATA,
                         .data = (const uint8_t *)"0",
                         .data_len = 1};

        rc = e ? CZ_OK : CZ_NOMEM;
        if (!rc) {
            cz_effect_set_origin(e, &id);
            cz_effect_set_nonce(e, 1);
            rc = cz_effect_create(e, &c, &err);
        }
        if (!rc)
            rc = cz_perform(g, e, NULL, &err);
        cz_effect_free(e);
    }
    if (*w)
        cz_sim_crash(*w);
    if (!rc)
        rc = cz_sim_open(*w, &g, &err);
    if (!rc)
        rc = cz_close(g, &err);
    if (!rc)
        rc = cz_sim_save(*w, path, &err);
    return rc;
}

static void memory_that_ends_anywhere_is_an_error_and_no_harm(void **state)
{
    char dir[4096], path[4200];
    bool failed = true;
    int64_t after = 0, refused = 0;

    (void)state;
    fixture_temp_dir(dir);
    (void)snprintf(path, sizeof path, "%s/store", dir);
    for (; failed; after++) {
        cz_sim_world *w = NULL;
        int rc;

        czi_alloc_fail_after(after);
        rc = live(&w, path);
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        if (rc && (!failed || (rc != CZ_NOMEM && rc != CZ_CLOSED)))
            fail_msg("allocation %lld: %s", (long long)after, cz_code_name(rc));
        refused += rc == CZ_NOMEM;
        cz_sim_world_free(w);
        fixture_remove_tree(path);
    }
    assert_true(refused > 50);
    fixture_remove_tree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_happens_but_in_a_step),
        cmocka_unit_test(a_call_that_waits_takes_steps),
        cmocka_unit_test(without_disorder_runners_and_their_tasks_take_turns),
        cmocka_unit_test(disorder_reorders_as_the_seed_has_it),
        cmocka_unit_test(the_clock_stands_still_but_when_it_is_moved),
        cmocka_unit_test(time_goes_to_the_next_deadline_or_as_far_as_it_may),
        cmocka_unit_test(a_wait_that_ends_by_time_moves_the_clock),
        cmocka_unit_test(a_crash_keeps_what_was_acknowledged_and_may_lose_the_rest),
        cmocka_unit_test(without_power_nothing_happens_and_everybody_is_told),
        cmocka_unit_test(the_power_may_go_while_a_call_waits),
        cmocka_unit_test(the_power_may_go_at_once_or_never),
        cmocka_unit_test(a_crash_can_be_told_while_there_is_no_power),
        cmocka_unit_test(what_lives_on_an_engine_is_closed_before_or_after_the_power_went),
        cmocka_unit_test(closing_leaves_a_store_that_opens_again),
        cmocka_unit_test(a_long_run_goes_on_from_checkpoints_whether_the_index_is_there_or_not),
        cmocka_unit_test(worlds_do_not_know_of_each_other),
        cmocka_unit_test(a_disorder_beyond_all_steps_is_refused),
        cmocka_unit_test(what_the_engine_refuses_can_be_opened_by_nobody),
        cmocka_unit_test(a_saved_store_is_one_like_any_other),
        cmocka_unit_test(a_store_that_cannot_be_saved_says_where),
        cmocka_unit_test(memory_that_ends_anywhere_is_an_error_and_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
