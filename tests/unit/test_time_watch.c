/* test_time_watch.c - watches of domains and of the time map, and deadlines in a domain's time.
 * The blocks of the simulated chain come ten seconds apart; a block at height h is an item of
 * its own, so the domain is item 1 and block h is item h + 1. */
#include "timemap/time_map.h"
#include "watch_fixture.h"

static cz_engine *open_one_batch(void)
{
    cz_options o = {.batch_max = 128, .backlog_max = 256, .ordered = true};

    return fx_open_driven_with(NULL, &o);
}

struct scene {
    cz_engine *engine;
    cz_sim_chain *chain;
    struct sim_facts facts;
    struct wx_told told;
};

static void begin(struct scene *s, uint64_t blocks)
{
    memset(s, 0, sizeof *s);
    s->engine = open_one_batch();
    s->chain = wx_chain(s->engine, "moon", blocks, &s->facts);
}

static void finish(struct scene *s)
{
    fx_close(s->engine);
    wx_chain_done(s->chain, &s->facts);
}

static void record(struct scene *s, uint64_t from, uint64_t to)
{
    for (uint64_t h = from; h <= to; h++)
        wx_block(s->engine, &s->facts, h);
    wx_work(s->engine);
}

static uint64_t time_at(struct scene *s, uint64_t height)
{
    for (size_t i = 0; i < s->facts.count; i++) {
        struct czi_fact f;

        if (s->facts.meta[i].kind != CZ_FACT_BLOCK || s->facts.meta[i].height != height)
            continue;
        sim_decode(&s->facts.meta[i], &f);
        return f.time;
    }
    fail_msg("no block %llu", (unsigned long long)height);
    return 0;
}

/* ---- Domains --------------------------------------------------------------------------------
 */

static void a_height_ends_a_watch_when_a_block_reaches_it(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 20);
    for (uint64_t h = 20; h > 0; h--)
        (void)wx_watch(s.engine, &(cz_watch_spec){.domain = "moon", .height = h}, &s.told);
    record(&s, 1, 20);
    assert_int_equal(s.told.count, 20);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(s.told.got[i].watch, 20 - i);
        assert_int_equal(s.told.got[i].code, CZ_OK);
        assert_int_equal(s.told.got[i].fact, i + 2);
        assert_int_equal(s.told.got[i].position, 0);
    }
    finish(&s);
}

static void a_height_that_is_skipped_is_reached_too(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 20);
    for (uint64_t h = 1; h <= 5; h++)
        (void)wx_watch(s.engine, &(cz_watch_spec){.domain = "moon", .height = h}, &s.told);
    record(&s, 4, 4);
    assert_int_equal(s.told.count, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(s.told.got[i].watch, i + 1);
    finish(&s);
    assert_int_equal(s.told.count, 5);
    assert_int_equal(s.told.got[4].code, CZ_CLOSED);
}

static void a_height_that_is_there_ends_a_watch_at_once(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 3);
    record(&s, 1, 3);
    (void)wx_watch(s.engine, &(cz_watch_spec){.domain = "moon", .height = 3}, &s.told);
    wx_work(s.engine);
    assert_int_equal(wx_one(&s.told).code, CZ_OK);
    assert_int_equal(s.told.got[0].fact, 0);
    finish(&s);
}

static void without_height_and_predicate_a_domains_next_block_ends_a_watch(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 3);
    record(&s, 1, 1);
    (void)wx_watch(s.engine, &(cz_watch_spec){.domain = "moon"}, &s.told);
    (void)fx_data(s.engine, "x");
    assert_int_equal(s.told.count, 0);
    record(&s, 2, 3);
    assert_int_equal(wx_one(&s.told).fact, 3);
    finish(&s);
}

struct maps {
    uint64_t heights[64];
    cz_id ids[64];
    size_t count;
    const char *domain;
};

static bool note_map(void *arg, const cz_time_map *map)
{
    struct maps *m = arg;
    cz_domain_time t = {0};
    cz_error err = {0};
    cz_id id;

    assert_true(m->count < CZI_COUNTOF(m->heights));
    if (cz_time_map_find(map, m->domain, &t, &err))
        assert_int_equal(t.height, 0);
    assert_ok(czi_time_map_id(&map->map, &id, &err), err);
    assert_memory_equal(&id, &map->id, sizeof id);
    m->heights[m->count] = t.height;
    m->ids[m->count++] = id;
    return t.height == 7;
}

static void a_predicate_over_the_time_map_is_asked_once_for_each_map(void **state)
{
    struct maps maps = {.domain = "moon"};
    struct scene s;

    (void)state;
    begin(&s, 10);
    (void)wx_watch(s.engine,
                   &(cz_watch_spec){.time_map = true, .time_is = note_map, .arg = &maps},
                   &s.told);
    record(&s, 1, 10);
    assert_int_equal(maps.count, 8); /* the empty one, and up to the seventh */
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(maps.heights[i], i);
    assert_int_equal(wx_one(&s.told).fact, 8);
    assert_memory_equal(&s.told.got[0].time, &maps.ids[7], sizeof(cz_id));
    finish(&s);
}

static void a_predicate_of_a_domain_is_not_asked_about_others(void **state)
{
    struct maps moon = {.domain = "moon"}, both = {.domain = "mars"};
    struct sim_facts facts;
    cz_sim_chain *mars;
    struct scene s;

    (void)state;
    begin(&s, 2);
    mars = wx_chain(s.engine, "mars", 2, &facts);
    (void)wx_watch(s.engine,
                   &(cz_watch_spec){.domain = "moon", .time_is = note_map, .arg = &moon},
                   &s.told);
    (void)wx_watch(s.engine,
                   &(cz_watch_spec){.time_map = true, .time_is = note_map, .arg = &both},
                   &s.told);
    wx_block(s.engine, &facts, 1);
    wx_block(s.engine, &s.facts, 1);
    wx_block(s.engine, &facts, 2);
    wx_work(s.engine);
    assert_int_equal(moon.count, 2);
    assert_int_equal(both.count, 4);
    wx_chain_done(mars, &facts);
    finish(&s);
}

/* ---- Deadlines ------------------------------------------------------------------------------
 */

static bool never(void *arg, const cz_resource *r)
{
    (void)arg;
    (void)r;
    return false;
}

static void a_domains_time_or_height_ends_a_watch_exactly(void **state)
{
    cz_id x = fx_id("x");
    struct scene s;
    cz_watch_spec spec = {.resource = &x, .deadline_domain = "moon"};

    (void)state;
    begin(&s, 9);
    spec.deadline_time = time_at(&s, 5) - 9; /* after the fourth block's */
    (void)wx_watch(s.engine, &spec, &s.told);
    spec.deadline_time = time_at(&s, 5);
    (void)wx_watch(s.engine, &spec, &s.told);
    spec.deadline_time++;
    (void)wx_watch(s.engine, &spec, &s.told);
    spec.deadline_height = 3; /* before that time */
    (void)wx_watch(s.engine, &spec, &s.told);
    record(&s, 1, 9);
    assert_int_equal(s.told.count, 4);
    for (unsigned i = 0; i < 4; i++) {
        static const unsigned watch[] = {4, 1, 2, 3}, height[] = {3, 5, 5, 6};

        assert_int_equal(s.told.got[i].watch, watch[i]);
        assert_int_equal(s.told.got[i].code, CZ_TIMEOUT);
        assert_int_equal(s.told.got[i].fact, height[i] + 1);
    }
    finish(&s);
}

static void a_height_that_comes_with_its_deadline_is_reached(void **state)
{
    cz_watch_spec spec = {.domain = "moon", .height = 5, .deadline_domain = "moon"};
    struct scene s;

    (void)state;
    begin(&s, 9);
    spec.deadline_height = 5;
    (void)wx_watch(s.engine, &spec, &s.told);
    spec.deadline_height = 4;
    (void)wx_watch(s.engine, &spec, &s.told);
    record(&s, 1, 9);
    assert_int_equal(s.told.count, 2);
    assert_int_equal(s.told.got[0].watch, 2);
    assert_int_equal(s.told.got[0].code, CZ_TIMEOUT);
    assert_int_equal(s.told.got[1].code, CZ_OK);
    assert_int_equal(s.told.got[1].fact, 6);
    finish(&s);
}

static void a_domains_deadline_that_was_reached_before_ends_a_watch_at_once(void **state)
{
    cz_id x = fx_id("x");
    cz_watch_spec spec = {.resource = &x,
                          .resource_is = never,
                          .deadline_domain = "moon",
                          .deadline_height = 2};
    struct scene s;

    (void)state;
    begin(&s, 4);
    record(&s, 1, 3);
    (void)wx_watch(s.engine, &spec, &s.told);
    spec.deadline_height = 4;
    (void)wx_watch(s.engine, &spec, &s.told);
    wx_work(s.engine);
    assert_int_equal(wx_one(&s.told).code, CZ_TIMEOUT);
    assert_int_equal(s.told.got[0].fact, 0);
    finish(&s);
}

static void the_time_map_is_known_again_after_reopening(void **state)
{
    struct czi_ledger_options store = {.memory_index = true, .segment_size_max = UINT64_MAX};
    cz_options o = {.batch_max = 64};
    struct scene s = {0};
    cz_engine *g;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &store.fs, &err), err);
    assert_ok(czi_ledger_create(store.fs, &err), err);
    assert_ok(czi_open_driven(&store, &o, &s.engine, &err), err);
    s.chain = wx_chain(s.engine, "moon", 4, &s.facts);
    record(&s, 1, 3);
    fx_close(s.engine);
    assert_ok(czi_open_driven(&store, &o, &g, &err), err);
    s.engine = g;
    (void)wx_watch(g, &(cz_watch_spec){.domain = "moon", .height = 3}, &s.told);
    (void)wx_watch(g, &(cz_watch_spec){.domain = "moon", .height = 4}, &s.told);
    wx_work(g);
    assert_int_equal(wx_one(&s.told).watch, 1);
    record(&s, 4, 4);
    assert_int_equal(s.told.count, 2);
    assert_int_equal(s.told.got[1].fact, 5);
    finish(&s);
    store.fs->ops->free(store.fs);
}

/* A store that has many who wait for heights far off pays nothing for them: what is asked of
 * the heap is its first. */
static void many_heights_are_reached_in_order(void **state)
{
    enum { COUNT = 200 };
    struct scene s;

    (void)state;
    begin(&s, 50);
    for (unsigned i = 0; i < COUNT; i++)
        (void)wx_watch(s.engine,
                       &(cz_watch_spec){.domain = "moon", .height = 1 + i * 77 % COUNT % 50},
                       &s.told);
    record(&s, 1, 50);
    assert_int_equal(s.told.count, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        const cz_watched *w = &s.told.got[i];

        assert_int_equal(w->fact, 2 + (w->watch - 1) * 77 % COUNT % 50);
        assert_true(!i || w[-1].fact < w->fact || w[-1].watch < w->watch);
    }
    finish(&s);
}

/* Wherever the engine's thread runs out of memory, each watch is told once: what it waited for
 * is on disk, or the engine has stopped. */
static void without_memory_each_watch_is_told_all_the_same(void **state)
{
    bool failed = true;

    (void)state;
    for (int64_t skip = 0; failed; skip++) {
        struct scene s;
        cz_id x;
        cz_error err = {0};
        int rc;

        begin(&s, 2);
        x = fx_data(s.engine, "x");
        (void)wx_watch(s.engine, &(cz_watch_spec){.domain = "moon", .height = 1}, &s.told);
        (void)wx_watch(s.engine, &(cz_watch_spec){.resource = &x, .deadline_lamport = 90},
                       &s.told);
        (void)wx_watch(s.engine, &(cz_watch_spec){.time_map = true}, &s.told);
        wx_work(s.engine);
        (void)fx_submit(s.engine, fx_write("w", 1, "x", "text"));
        wx_block(s.engine, &s.facts, 1);
        czi_alloc_fail_after(skip);
        wx_work(s.engine);
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        rc = cz_close(s.engine, &err);
        assert_int_equal(s.told.count, 3);
        for (unsigned i = 0; i < 3; i++)
            assert_true(s.told.got[i].code == CZ_OK || (rc && s.told.got[i].code == CZ_CLOSED));
        wx_chain_done(s.chain, &s.facts);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_height_ends_a_watch_when_a_block_reaches_it),
        cmocka_unit_test(a_height_that_is_skipped_is_reached_too),
        cmocka_unit_test(a_height_that_is_there_ends_a_watch_at_once),
        cmocka_unit_test(without_height_and_predicate_a_domains_next_block_ends_a_watch),
        cmocka_unit_test(a_predicate_over_the_time_map_is_asked_once_for_each_map),
        cmocka_unit_test(a_predicate_of_a_domain_is_not_asked_about_others),
        cmocka_unit_test(a_domains_time_or_height_ends_a_watch_exactly),
        cmocka_unit_test(a_height_that_comes_with_its_deadline_is_reached),
        cmocka_unit_test(a_domains_deadline_that_was_reached_before_ends_a_watch_at_once),
        cmocka_unit_test(the_time_map_is_known_again_after_reopening),
        cmocka_unit_test(many_heights_are_reached_in_order),
        cmocka_unit_test(without_memory_each_watch_is_told_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
