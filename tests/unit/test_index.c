/* test_index.c - both drivers of the index against a plain sorted model. */
#include "fs_fixture.h"
#include "ledger/index.h"
#include <cmocka.h>

#define KEYS 400

/* The model: for each key the number of the load that wrote it last, 0 for none. */
struct model {
    unsigned written[KEYS];
};

static struct czi_slice text(const char *t)
{
    return (struct czi_slice){(const uint8_t *)t, strlen(t)};
}

/* Keys of three tables, one a prefix of the next now and then. */
static void key_name(char out[32], unsigned i)
{
    snprintf(out, 32, "%c%03u%s", "bkx"[i % 3], i / 6, i / 3 % 2 ? "-long" : "");
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sorted_keys(char names[KEYS][32], char *order[KEYS])
{
    for (unsigned i = 0; i < KEYS; i++) {
        key_name(names[i], i);
        order[i] = names[i];
    }
    qsort(order, KEYS, sizeof *order, by_key);
}

static void load_some(struct czi_index *x, struct model *m, unsigned number,
                      struct czi_rng *rng)
{
    static char names[KEYS][32], values[KEYS][32];
    char *order[KEYS];
    struct czi_row rows[KEYS];
    size_t count = 0;
    cz_error err = {0};
    uint64_t share = 2 + czi_rng_below(rng, 20);

    sorted_keys(names, order);
    for (unsigned i = 0; i < KEYS; i++) {
        unsigned at = (unsigned)((order[i] - names[0]) / 32);

        if (czi_rng_below(rng, share))
            continue;
        m->written[at] = number;
        snprintf(values[count], 32, "%u", number);
        rows[count] = (struct czi_row){text(order[i]), text(values[count])};
        count++;
    }
    if (count)
        assert_ok(x->ops->load(x, rows, count, &err), err);
}

static void check_get(struct czi_index *x, const struct model *m)
{
    for (unsigned i = 0; i < KEYS; i++) {
        struct czi_buf value = {0};
        char name[32], expected[32];
        int rc;

        key_name(name, i);
        rc = x->ops->get(x, text(name), &value, NULL);
        assert_int_equal(rc, m->written[i] ? CZ_OK : CZ_NOT_FOUND);
        if (!rc) {
            snprintf(expected, sizeof expected, "%u", m->written[i]);
            assert_int_equal(value.len, strlen(expected));
            assert_memory_equal(value.data, expected, value.len);
        }
        czi_buf_done(&value);
    }
}

struct scan {
    const struct model *m;
    char (*names)[32];
    char **order;
    unsigned at;
    const char *prefix;
};

static void skip_absent(struct scan *s)
{
    while (s->at < KEYS && (!s->m->written[(s->order[s->at] - s->names[0]) / 32] ||
                            strncmp(s->order[s->at], s->prefix, strlen(s->prefix)) != 0))
        s->at++;
}

static int check_row(void *arg, const struct czi_row *row)
{
    struct scan *s = arg;

    skip_absent(s);
    assert_true(s->at < KEYS);
    assert_int_equal(row->key.len, strlen(s->order[s->at]));
    assert_memory_equal(row->key.data, s->order[s->at], row->key.len);
    s->at++;
    return CZ_OK;
}

static void check_scan(struct czi_index *x, const struct model *m, const char *prefix)
{
    static char names[KEYS][32];
    char *order[KEYS];
    struct scan s = {m, names, order, 0, prefix};
    cz_error err = {0};

    sorted_keys(names, order);
    assert_ok(x->ops->scan(x, text(prefix), check_row, &s, &err), err);
    skip_absent(&s);
    assert_int_equal(s.at, KEYS);
}

static void check_floor(struct czi_index *x, const struct model *m)
{
    static char names[KEYS][32];
    char *order[KEYS], *best = NULL;

    sorted_keys(names, order);
    for (unsigned i = 0; i < KEYS; i++) {
        struct czi_buf key = {0};
        int rc = x->ops->floor(x, text(order[i]), &key, NULL, NULL);

        if (best && best[0] != order[i][0])
            best = NULL;
        if (m->written[(order[i] - names[0]) / 32])
            best = order[i];
        assert_int_equal(rc, best ? CZ_OK : CZ_NOT_FOUND);
        if (best) {
            assert_int_equal(key.len, strlen(best));
            assert_memory_equal(key.data, best, key.len);
        }
        czi_buf_done(&key);
    }
}

static void check_all(struct czi_index *x, const struct model *m)
{
    static const char *const prefixes[] = {"b", "k", "x", "k01", "k010", "zzz", "k010-long"};

    check_get(x, m);
    check_floor(x, m);
    for (size_t i = 0; i < CZI_COUNTOF(prefixes); i++)
        check_scan(x, m, prefixes[i]);
}

static void the_memory_index_agrees_with_the_model(void **state)
{
    struct czi_rng rng = czi_rng(1);
    struct model m = {0};
    struct czi_index *x;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_index_memory(&x, &err), err);
    check_all(x, &m);
    for (unsigned i = 1; i <= 60; i++) {
        load_some(x, &m, i, &rng);
        check_all(x, &m);
    }
    x->ops->close(x);
}

static void the_rocksdb_index_agrees_with_the_model_and_keeps_it(void **state)
{
    struct czi_rng rng = czi_rng(2);
    struct model m = {0};
    struct czi_index *x, *reader;
    cz_error err = {0};
    char dir[4096];

    (void)state;
    fixture_temp_dir(dir);
    assert_ok(czi_index_rocksdb(dir, false, &x, &err), err);
    check_all(x, &m);
    for (unsigned i = 1; i <= 20; i++)
        load_some(x, &m, i, &rng);
    check_all(x, &m);
    assert_ok(czi_index_rocksdb(dir, true, &reader, &err), err); /* beside its writer */
    check_all(reader, &m);
    reader->ops->close(reader);
    x->ops->close(x);
    assert_ok(czi_index_rocksdb(dir, false, &x, &err), err);
    check_all(x, &m);
    x->ops->close(x);
    fixture_remove_tree(dir);
}

/* What a kill leaves between linking a file into the database and removing its old name. */
static void a_load_that_was_killed_half_way_does_not_harm_the_next(void **state)
{
    struct czi_rng rng = czi_rng(3);
    struct model m = {0};
    struct czi_index *x;
    cz_error err = {0};
    char dir[4096], command[8400];

    (void)state;
    fixture_temp_dir(dir);
    snprintf(command, sizeof command, "ln $(ls %s/*.sst | head -n 1) %s/load.sst", dir, dir);
    assert_ok(czi_index_rocksdb(dir, false, &x, &err), err);
    load_some(x, &m, 1, &rng);
    x->ops->close(x);
    assert_int_equal(system(command), 0);
    assert_ok(czi_index_rocksdb(dir, false, &x, &err), err);
    load_some(x, &m, 2, &rng);
    x->ops->close(x);
    assert_ok(czi_index_rocksdb(dir, false, &x, &err), err);
    check_all(x, &m);
    x->ops->close(x);
    fixture_remove_tree(dir);
}

static int end_with_7(void *arg, const struct czi_row *row)
{
    (void)arg;
    (void)row;
    return 7;
}

static void a_scan_ends_with_what_the_callback_says(void **state)
{
    struct czi_row row = {text("key"), text("value")};
    struct czi_index *x;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_index_memory(&x, &err), err);
    assert_ok(x->ops->load(x, &row, 1, &err), err);
    assert_int_equal(x->ops->scan(x, text("k"), end_with_7, NULL, &err), 7);
    x->ops->close(x);
}

static void a_damaged_rocksdb_index_says_how_to_rebuild_it(void **state)
{
    struct czi_row row = {text("key"), text("value")};
    struct czi_index *x;
    cz_error err = {0};
    char dir[4096], path[4200];
    FILE *f;

    (void)state;
    fixture_temp_dir(dir);
    assert_ok(czi_index_rocksdb(dir, false, &x, &err), err);
    assert_ok(x->ops->load(x, &row, 1, &err), err);
    x->ops->close(x);
    snprintf(path, sizeof path, "%s/CURRENT", dir);
    f = fopen(path, "w");
    fputs("nonsense", f);
    fclose(f);
    assert_int_equal(czi_index_rocksdb(dir, false, &x, &err), CZ_CORRUPT);
    assert_non_null(strstr(err.detail, "causality reindex"));
    fixture_remove_tree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_memory_index_agrees_with_the_model),
        cmocka_unit_test(the_rocksdb_index_agrees_with_the_model_and_keeps_it),
        cmocka_unit_test(a_load_that_was_killed_half_way_does_not_harm_the_next),
        cmocka_unit_test(a_scan_ends_with_what_the_callback_says),
        cmocka_unit_test(a_damaged_rocksdb_index_says_how_to_rebuild_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
