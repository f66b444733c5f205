/* test_view.c - views of a part of a guarded resource: the laws of lenses on random values, and
 * what a view refuses. */
#include "guard_fixture.h"

/* ---- A lens: some bytes of the data -------------------------------------------------------
 */

struct slice_lens {
    cz_lens lens;
    size_t offset;
    uint8_t whole[CZ_LENS_SIZE_MAX + 256]; /* what put gives */
    int fails;                             /* with which code; 0: not */
    bool spoils;                           /* gives another resource's contents */
};

static int get_slice(void *arg, const cz_contents *whole, void *ret_part, cz_error *err)
{
    const struct slice_lens *l = arg;

    memset(ret_part, 0xee, l->lens.part_size); /* also when it fails then */
    if (l->fails)
        return czi_fail(err, l->fails, "the lens refuses");
    if (whole->data_len < l->offset + l->lens.part_size)
        return czi_fail(err, CZ_INVALID, "the whole has %zu bytes", whole->data_len);
    memcpy(ret_part, whole->data + l->offset, l->lens.part_size);
    return CZ_OK;
}

static int put_slice(void *arg, const cz_contents *whole, const void *part,
                     cz_contents *ret_whole, cz_error *err)
{
    struct slice_lens *l = arg;

    ret_whole->data = NULL; /* also when it fails then */
    ret_whole->data_len = 0;
    if (l->fails)
        return czi_fail(err, l->fails, "the lens refuses");
    memcpy(l->whole, whole->data, whole->data_len);
    memcpy(l->whole + l->offset, part, l->lens.part_size);
    ret_whole->data = l->whole;
    ret_whole->data_len = whole->data_len;
    if (l->spoils)
        ret_whole->resource.bytes[0] ^= 1;
    return CZ_OK;
}

static struct slice_lens slice(size_t offset, size_t size)
{
    struct slice_lens l = {.lens = {size, get_slice, put_slice, NULL}, .offset = offset};

    return l;
}

static void fill(struct czi_rng *rng, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)czi_rng_next(rng);
}

static cz_guard guard_of_data(cz_engine *g, const uint8_t *bytes, size_t len)
{
    cz_guard guard = fx_acquire(g, "data", CZ_WRITE);
    cz_contents c = fx_contents(&guard);
    cz_error err = {0};

    c.data = bytes;
    c.data_len = len;
    assert_ok(cz_guard_update(&guard, &c, &err), err);
    fx_commit(&guard);
    return fx_acquire(g, "data", CZ_WRITE);
}

static cz_view view_of(const cz_guard *guard, struct slice_lens *l)
{
    cz_error err = {0};
    cz_view v;

    l->lens.arg = l;
    assert_ok(cz_guard_map(guard, &l->lens, &v, &err), err);
    return v;
}

/* ---- Laws ---------------------------------------------------------------------------------
 */

/* What was put is got; what was got and put again changes nothing; the last put counts. */
static void check_laws(cz_engine *g, struct czi_rng *rng)
{
    static uint8_t whole[CZ_LENS_SIZE_MAX + 256], one[CZ_LENS_SIZE_MAX], two[CZ_LENS_SIZE_MAX],
        seen[CZ_LENS_SIZE_MAX];
    size_t len = 1 + (size_t)czi_rng_below(rng, czi_rng_below(rng, 4) ? 40 : sizeof whole),
           size = 1 + (size_t)czi_rng_below(rng, CZI_MIN(len, CZ_LENS_SIZE_MAX)),
           offset = (size_t)czi_rng_below(rng, len - size + 1);
    struct slice_lens l = slice(offset, size);
    cz_guard guard;
    cz_view v;
    cz_contents c;
    cz_error err = {0};

    fill(rng, whole, len);
    fill(rng, one, size);
    fill(rng, two, size);
    guard = guard_of_data(g, whole, len);
    v = view_of(&guard, &l);
    assert_ok(cz_view_get(&v, seen, &err), err);
    assert_memory_equal(seen, whole + offset, size);
    assert_ok(cz_view_set(&v, seen, &err), err);
    c = fx_contents(&guard);
    assert_int_equal(c.data_len, len);
    assert_memory_equal(c.data, whole, len);
    assert_ok(cz_view_set(&v, one, &err), err);
    assert_ok(cz_view_get(&v, seen, &err), err);
    assert_memory_equal(seen, one, size);
    assert_ok(cz_view_set(&v, two, &err), err);
    memcpy(whole + offset, two, size);
    c = fx_contents(&guard);
    assert_int_equal(c.data_len, len);
    assert_memory_equal(c.data, whole, len);
    fx_commit(&guard);
    assert_int_equal(fx_get(g, "data").data_len, len);
    assert_memory_equal(fx_get(g, "data").data, whole, len);
}

static unsigned long seed_now;

static int tell_seed(void **state)
{
    (void)state;
    if (seed_now)
        print_message("views: seed %lu\n", seed_now);
    return 0;
}

static void views_obey_the_laws_of_lenses(void **state)
{
    unsigned long seeds = test_env("CAUSALITY_SEEDS", 300);
    cz_engine *g = fx_open(1);

    (void)state;
    fx_data(g, "data");
    for (unsigned long seed = 1; seed <= seeds; seed++) {
        struct czi_rng rng = czi_rng(seed);

        seed_now = seed;
        check_laws(g, &rng);
    }
    seed_now = 0;
    fx_close(g);
}

/* A part need not lie in the whole: a quantity in hundreds. */
static int get_hundreds(void *arg, const cz_contents *whole, void *ret_part, cz_error *err)
{
    int64_t hundreds = (int64_t)(whole->quantity / 100);

    (void)arg;
    (void)err;
    memcpy(ret_part, &hundreds, sizeof hundreds);
    return CZ_OK;
}

static int put_hundreds(void *arg, const cz_contents *whole, const void *part,
                        cz_contents *ret_whole, cz_error *err)
{
    int64_t hundreds;

    (void)arg;
    (void)err;
    memcpy(&hundreds, part, sizeof hundreds);
    ret_whole->quantity = whole->quantity % 100 + (cz_quantity)hundreds * 100;
    return CZ_OK;
}

static void a_part_may_be_computed(void **state)
{
    static const cz_lens lens = {sizeof(int64_t), get_hundreds, put_hundreds, NULL};
    cz_engine *g = fx_open(1);
    cz_guard guards[2];
    cz_view v;
    int64_t part = 0;
    cz_error err = {0};

    (void)state;
    fx_cash(g, "a", 1234);
    fx_cash(g, "b", 0);
    guards[0] = fx_acquire(g, "a", CZ_WRITE);
    guards[1] = fx_acquire(g, "b", CZ_WRITE);
    assert_ok(cz_guard_map(&guards[0], &lens, &v, &err), err);
    assert_ok(cz_view_get(&v, &part, &err), err);
    assert_int_equal(part, 12);
    part = 5;
    assert_ok(cz_view_set(&v, &part, &err), err);
    assert_true(fx_contents(&guards[0]).quantity == 534);
    fx_update_quantity(&guards[1], 700);
    assert_ok(cz_guards_commit(guards, 2, NULL, &err), err);
    assert_quantity(g, "a", 534);
    fx_close(g);
}

/* ---- Refusals -----------------------------------------------------------------------------
 */

static void a_part_has_1_to_4096_bytes_and_a_way_to_get_it(void **state)
{
    static uint8_t whole[CZ_LENS_SIZE_MAX], part[CZ_LENS_SIZE_MAX];
    cz_engine *g = fx_open(1);
    struct slice_lens l = slice(0, CZ_LENS_SIZE_MAX + 1);
    cz_guard guard;
    cz_view v;
    cz_error err = {0};

    (void)state;
    fx_data(g, "data");
    memset(whole, 7, sizeof whole);
    guard = guard_of_data(g, whole, sizeof whole);
    assert_int_equal(cz_guard_map(&guard, &l.lens, &v, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "4096"));
    l.lens.part_size = 0;
    assert_int_equal(cz_guard_map(&guard, &l.lens, &v, &err), CZ_INVALID);
    l = slice(0, CZ_LENS_SIZE_MAX);
    l.lens.get = NULL;
    assert_int_equal(cz_guard_map(&guard, &l.lens, &v, &err), CZ_INVALID);
    l = slice(0, CZ_LENS_SIZE_MAX);
    v = view_of(&guard, &l);
    assert_ok(cz_view_get(&v, part, &err), err);
    assert_memory_equal(part, whole, sizeof part);
    fx_release(&guard);
    fx_close(g);
}

static void a_view_without_put_or_of_a_guard_that_reads_only_shows(void **state)
{
    cz_engine *g = fx_open(1);
    struct slice_lens l = slice(1, 2), m = slice(1, 2);
    uint8_t part[2] = "xx";
    cz_guard guard;
    cz_view v;
    cz_error err = {0};

    (void)state;
    fx_data(g, "data");
    l.lens.put = NULL;
    guard = fx_acquire(g, "data", CZ_WRITE);
    v = view_of(&guard, &l);
    assert_int_equal(cz_view_set(&v, part, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "read-only"));
    assert_ok(cz_view_get(&v, part, &err), err);
    assert_memory_equal(part, "ew", 2);
    fx_release(&guard);
    guard = fx_acquire(g, "data", CZ_READ);
    v = view_of(&guard, &m);
    assert_ok(cz_view_get(&v, part, &err), err);
    assert_int_equal(cz_view_set(&v, part, &err), CZ_INVALID);
    fx_release(&guard);
    fx_close(g);
}

static void a_view_lives_as_long_as_its_guard(void **state)
{
    cz_engine *g = fx_open(1);
    struct slice_lens l = slice(0, 1);
    uint8_t part = 'x';
    cz_guard guard;
    cz_view v;
    cz_error err = {0};

    (void)state;
    fx_data(g, "data");
    guard = fx_acquire(g, "data", CZ_WRITE);
    v = view_of(&guard, &l);
    fx_release(&guard);
    assert_int_equal(cz_view_get(&v, &part, &err), CZ_STALE);
    assert_int_equal(cz_view_set(&v, &part, &err), CZ_STALE);
    assert_int_equal(part, 'x');
    guard = fx_acquire(g, "data", CZ_WRITE);
    assert_int_equal(cz_view_set(&v, &part, &err), CZ_STALE);
    assert_memory_equal(fx_contents(&guard).data, "new", 3);
    fx_release(&guard);
    fx_close(g);
}

static void a_lens_that_fails_changes_nothing(void **state)
{
    cz_engine *g = fx_open(1);
    struct slice_lens l = slice(0, 2);
    uint8_t part[2] = "ab";
    cz_guard guard;
    cz_view v;
    cz_error err = {0};

    (void)state;
    fx_data(g, "data");
    guard = fx_acquire(g, "data", CZ_WRITE);
    v = view_of(&guard, &l);
    assert_ok(cz_view_set(&v, part, &err), err);
    l.fails = CZ_UNSUPPORTED;
    assert_int_equal(cz_view_get(&v, part, &err), CZ_UNSUPPORTED);
    assert_string_equal(err.detail, "the lens refuses");
    assert_memory_equal(part, "ab", 2);
    assert_int_equal(cz_view_set(&v, "cd", &err), CZ_UNSUPPORTED);
    assert_memory_equal(fx_contents(&guard).data, "abw", 3);
    l.fails = 0;
    l.spoils = true; /* what it gives is refused as any update would be */
    assert_int_equal(cz_view_set(&v, "cd", &err), CZ_INVALID);
    assert_memory_equal(fx_contents(&guard).data, "abw", 3);
    fx_release(&guard);
    fx_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(views_obey_the_laws_of_lenses, tell_seed),
        cmocka_unit_test(a_part_may_be_computed),
        cmocka_unit_test(a_part_has_1_to_4096_bytes_and_a_way_to_get_it),
        cmocka_unit_test(a_view_without_put_or_of_a_guard_that_reads_only_shows),
        cmocka_unit_test(a_view_lives_as_long_as_its_guard),
        cmocka_unit_test(a_lens_that_fails_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
