/* test_limits.c - the bounds of limits.h (R18): those of batches, results and domains are
 * reached here; every other one is named by the test that reaches it, which is checked too.
 */
#include "cli/json_read.h"
#include "codec/blake3.h"
#include "engine/engine.h"
#include "ledger/record.h"
#include "test.h"

#include <ftw.h>

static void a_batch_is_bounded_in_entries_accesses_guests_and_bytes(void **state)
{
    static struct czi_pending p;
    struct czi_arrival guest = {.len = 100, .has_guest = true};
    struct czi_arrival small = {.len = 100, .accesses = 4}, wide = {.len = 100, .accesses = 5},
                       large = {.len = CZI_BATCH_BYTES_MAX / 2},
                       huge = {.len = CZI_BATCH_BYTES_MAX + 1};
    struct czi_batch *b;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_batch_new(CZI_BATCH_ENTRIES_MAX, &b, &err), err);
    assert_int_equal(b->post_room, CZI_BATCH_ENTRIES_MAX * CZI_BATCH_ACCESSES_EACH);
    for (unsigned i = 0; i < CZI_BATCH_ENTRIES_MAX; i++) {
        assert_true(czi_batch_fits(b, &small));
        if (i == CZI_BATCH_ENTRIES_MAX - 1) /* four accesses an entry */
            assert_false(czi_batch_fits(b, &wide));
        czi_batch_add(b, &small, &p);
    }
    small.accesses = 0;
    assert_false(czi_batch_fits(b, &small));
    czi_batch_clear(b);
    for (unsigned i = 0; i < CZI_BATCH_GUESTS_MAX; i++) {
        assert_true(czi_batch_fits(b, &guest));
        czi_batch_add(b, &guest, &p);
    }
    assert_false(czi_batch_fits(b, &guest));
    assert_true(czi_batch_fits(b, &small));
    czi_batch_clear(b);
    assert_true(czi_batch_fits(b, &huge)); /* alone, anything goes */
    czi_batch_add(b, &large, &p);
    assert_true(czi_batch_fits(b, &large));
    large.len++;
    assert_false(czi_batch_fits(b, &large));
    czi_batch_free(b);
}

/* The largest batch of outcomes, and the largest single fact, fit a frame. */
static void the_largest_batch_fits_a_frame(void **state)
{
    size_t posts = CZI_BATCH_ENTRIES_MAX * 4,
           post = czi_record_size_max(0, 1) - czi_record_size_max(0, 0);

    (void)state;
    assert_true(CZI_BATCH_BYTES_MAX +
                    CZI_BATCH_ENTRIES_MAX * (czi_record_size_max(0, 0) + CZI_RECORD_LINKS_MAX +
                                             CZI_RECORD_TIME_SIZE) +
                    CZI_BATCH_GUESTS_MAX * CZI_RECORD_GUEST_MAX + posts * post +
                    CZI_FRAME_HEADER_SIZE <=
                CZI_FRAME_SIZE_MAX);
    assert_true(CZI_FACT_SIZE_MAX <= CZI_BATCH_BYTES_MAX);
    assert_true(CZI_EFFECT_SIZE_MAX <= CZI_BATCH_BYTES_MAX);
}

static void as_many_results_are_kept_as_is_said(void **state)
{
    enum { EXTRA = 40, COUNT = CZI_RESULTS_KEPT + EXTRA, RUN = 1000 };
    static uint8_t bytes[RUN][CZI_TRANSFER_SIZE_MAX];
    cz_submission run[RUN];
    cz_id origin = {{1}}, a = {{2}}, b = {{3}};
    cz_options o = {.threads = 1, .ordered = true};
    uint64_t first, nonce = 1;
    size_t accepted;
    cz_engine *g;
    cz_result r;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_open(NULL, &o, &g, &err), err);
    assert_int_equal(g->options.batch_max, CZI_BATCH_ENTRIES_DEFAULT);
    while (nonce <= COUNT) {
        size_t n = 0;

        for (; n < RUN && nonce <= COUNT; n++, nonce++)
            run[n] = (cz_submission){bytes[n], czi_transfer_encode(bytes[n], &origin, nonce,
                                                                   CZ_LOW, &a, &b, 1)};
        assert_ok(cz_submit_batch(g, run, n, NULL, NULL, &first, &accepted, &err), err);
    }
    assert_ok(cz_flush(g, &err), err);
    assert_int_equal(cz_poll(g, EXTRA, &r, &err), CZ_NOT_FOUND);
    assert_ok(cz_poll(g, EXTRA + 1, &r, &err), err);
    assert_int_equal(r.position, EXTRA + 1);
    assert_ok(cz_poll(g, COUNT, &r, &err), err);
    assert_int_equal(r.position, COUNT);
    assert_ok(cz_close(g, &err), err);
}

static void domains_are_bounded(void **state)
{
    struct czi_item *item = calloc(1, sizeof *item);
    struct czi_book *book = czi_book_new();
    uint32_t number = 0;
    char name[16];

    (void)state;
    assert_true(item && book);
    item->type = CZI_ITEM_DOMAIN;
    item->config.adapter = (struct czi_slice){(const uint8_t *)"adapter", 7};
    for (unsigned i = 0; i <= CZI_DOMAINS_MAX; i++) {
        int n = snprintf(name, sizeof name, "domain-%u", i);
        cz_id id;

        item->domain = (struct czi_slice){(uint8_t *)name, (size_t)n};
        czi_blake3(name, (size_t)n, id.bytes);
        assert_int_equal(czi_book_take(book, item, &id, &number),
                         i < CZI_DOMAINS_MAX ? CZ_APPLIED : CZ_FULL);
        assert_int_equal(number, CZI_MIN(i, CZI_DOMAINS_MAX - 1));
    }
    czi_book_free(book);
    free(item);
}

static void json_nests_so_deep_and_no_deeper(void **state)
{
    (void)state;
    for (unsigned depth = CZI_JSON_DEPTH_MAX; depth <= CZI_JSON_DEPTH_MAX + 1; depth++) {
        struct czi_json_doc d = {0};
        char text[64] = {0};

        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(czi_json_parse(&d, text, 2 * depth), depth == CZI_JSON_DEPTH_MAX);
        assert_true(depth == CZI_JSON_DEPTH_MAX || d.at == CZI_JSON_DEPTH_MAX);
        czi_json_doc_done(&d);
    }
}

/* ---- Every constant has its test --------------------------------------------------------- */

/* Reaching these takes more memory or time than a test may. */
static const char *const too_large[] = {
    "CZI_RESOURCES_MAX",         /* 16 GiB of resources */
    "CZI_ORIGINS_MAX",           /* 4 GiB of origins */
    "CZI_SEGMENT_SIZE_MAX",      /* 256 MiB of journal; the ledger's tests set smaller ones */
    "CZI_PROGRAM_TASKS_MAX",     /* 2.5 GiB of clocks */
    "CZI_PROGRAMS_MAX",          /* 2 GiB of logs */
    "CZI_CAUSAL_EVENTS_DEFAULT", /* 4 GiB of it */
    "CZI_EVENTS_MAX",            /* 80 GiB of the causal index */
};

static struct czi_buf tests;

static int read_test(const char *path, const struct stat *st, int type, struct FTW *at)
{
    FILE *f;
    size_t n;

    (void)st;
    (void)at;
    if (type != FTW_F || !(strstr(path, ".c") || strstr(path, ".h") || strstr(path, ".py")))
        return 0;
    f = fopen(path, "rb");
    while (f && czi_buf_reserve(&tests, 4096) &&
           (n = fread(tests.data + tests.len, 1, 4096, f)) > 0)
        tests.len += n;
    if (f)
        (void)fclose(f);
    return tests.failed;
}

static bool is_too_large(const char *name)
{
    for (size_t i = 0; i < CZI_COUNTOF(too_large); i++)
        if (strcmp(too_large[i], name) == 0)
            return true;
    return false;
}

/* True when the name stands in a test as a whole word. */
static bool is_tested(const char *name)
{
    const char *at = (const char *)tests.data;
    size_t len = strlen(name);

    while ((at = strstr(at, name)) != NULL) {
        char after = at[len];

        if (!(after == '_' || (after >= 'A' && after <= 'Z')))
            return true;
        at += len;
    }
    return false;
}

static void every_bound_is_reached_by_a_test_that_names_it(void **state)
{
    char line[512], name[128];
    FILE *f = fopen(CAUSALITY_SOURCE_ROOT "/src/base/limits.h", "r");
    unsigned count = 0;

    (void)state;
    assert_non_null(f);
    assert_int_equal(nftw(CAUSALITY_SOURCE_ROOT "/tests", read_test, 16, FTW_PHYS), 0);
    czi_buf_put_byte(&tests, 0);
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "#define %127[A-Z0-9_] %*s", name) != 1 ||
            strcmp(name, "CZI_LIMITS_H") == 0)
            continue;
        count++;
        if (!is_too_large(name) && !is_tested(name))
            fail_msg("no test reaches %s", name);
    }
    assert_true(count > 30);
    (void)fclose(f);
    czi_buf_done(&tests);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(a_batch_is_bounded_in_entries_accesses_guests_and_bytes),
        cmocka_unit_test(the_largest_batch_fits_a_frame),
        cmocka_unit_test(as_many_results_are_kept_as_is_said),
        cmocka_unit_test(domains_are_bounded),
        cmocka_unit_test(json_nests_so_deep_and_no_deeper),
        cmocka_unit_test(every_bound_is_reached_by_a_test_that_names_it),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
