/* test_engine.c - the public API on an engine in memory and on disk. */
#include "engine/engine.h"
#include "test.h"

#include <unistd.h>

static cz_engine *open_memory(unsigned threads)
{
    cz_options o = {.threads = threads, .ordered = true};
    cz_error err = {0};
    cz_engine *g = NULL;

    assert_ok(cz_open(NULL, &o, &g, &err), err);
    return g;
}

static cz_id id_of(const char *label)
{
    cz_id creator = cz_operator(), id;
    cz_error err = {0};

    assert_ok(cz_resource_id(&creator, label, &id, &err), err);
    return id;
}

static cz_result run(cz_engine *g, cz_effect *e)
{
    cz_error err = {0};
    uint64_t ticket;
    cz_result r;

    assert_ok(cz_submit_effect(g, e, NULL, NULL, &ticket, &err), err);
    assert_ok(cz_wait(g, ticket, CZ_FOREVER, &r, &err), err);
    cz_effect_free(e);
    return r;
}

static cz_effect *effect(uint64_t nonce)
{
    cz_effect *e = cz_effect_new();
    cz_id origin = cz_operator();

    assert_non_null(e);
    cz_effect_set_origin(e, &origin);
    cz_effect_set_nonce(e, nonce);
    return e;
}

static cz_result create(cz_engine *g, uint64_t nonce, const char *label, cz_quantity q)
{
    cz_creation c = {.creator = cz_operator(),
                     .controller = cz_operator(),
                     .label = label,
                     .kind = CZ_FUNGIBLE,
                     .asset = "USD",
                     .quantity = q};
    cz_effect *e = effect(nonce);
    cz_error err = {0};

    assert_ok(cz_effect_create(e, &c, &err), err);
    return run(g, e);
}

static cz_result transfer(cz_engine *g, uint64_t nonce, const char *from, const char *to,
                          cz_quantity q)
{
    cz_effect *e = effect(nonce);
    cz_id a = id_of(from), b = id_of(to);
    cz_error err = {0};

    assert_ok(cz_effect_transfer(e, &a, &b, q, &err), err);
    return run(g, e);
}

static cz_quantity quantity_of(cz_engine *g, const char *label)
{
    cz_id id = id_of(label);
    cz_resource r;
    cz_error err = {0};

    assert_ok(cz_resource_get(g, &id, &r, &err), err);
    return r.quantity;
}

static void a_transfer_moves_a_quantity_and_raises_both_versions(void **state)
{
    for (unsigned threads = 1; threads <= 2; threads++) {
        cz_engine *g = open_memory(threads);
        cz_id a = id_of("a");
        cz_resource r;
        cz_error err = {0};

        (void)state;
        assert_int_equal(create(g, 1, "a", 100).status, CZ_STATUS_APPLIED);
        assert_int_equal(create(g, 2, "b", 0).status, CZ_STATUS_APPLIED);
        cz_result t = transfer(g, 3, "a", "b", 30);
        assert_int_equal(t.status, CZ_STATUS_APPLIED);
        assert_int_equal(t.position, 3);
        assert_true(quantity_of(g, "a") == 70 && quantity_of(g, "b") == 30);
        assert_ok(cz_resource_get(g, &a, &r, &err), err);
        assert_int_equal(r.version, 2);
        assert_int_equal(r.lamport, 2);
        assert_ok(cz_close(g, &err), err);
    }
}

static void an_overdraft_is_rejected_and_changes_nothing(void **state)
{
    cz_engine *g = open_memory(2);
    uint8_t before[32], after[32];
    cz_error err = {0};

    (void)state;
    create(g, 1, "a", 100);
    create(g, 2, "b", 0);
    assert_ok(cz_root(g, before, &err), err);
    cz_result t = transfer(g, 3, "a", "b", 101);
    assert_int_equal(t.status, CZ_STATUS_REJECTED);
    assert_int_equal(t.reason, CZ_OVERDRAFT);
    assert_true(t.has_receipt);
    assert_ok(cz_root(g, after, &err), err);
    assert_memory_equal(before, after, 32);
    assert_ok(cz_close(g, &err), err);
}

static void the_same_effect_again_gets_the_first_receipt(void **state)
{
    cz_engine *g = open_memory(2);
    cz_error err = {0};

    (void)state;
    create(g, 1, "a", 100);
    create(g, 2, "b", 0);
    cz_result first = transfer(g, 3, "a", "b", 5), again = transfer(g, 3, "a", "b", 5);
    assert_int_equal(again.status, CZ_STATUS_DUPLICATE);
    assert_memory_equal(&first.receipt, &again.receipt, sizeof(cz_id));
    assert_int_equal(again.position, first.position);
    cz_result other = transfer(g, 3, "a", "b", 6);
    assert_int_equal(other.status, CZ_STATUS_REJECTED);
    assert_int_equal(other.reason, CZ_NONCE);
    assert_false(other.has_receipt);
    assert_true(quantity_of(g, "b") == 5);
    assert_ok(cz_close(g, &err), err);
}

static void a_store_on_disk_is_the_same_after_reopening(void **state)
{
    char dir[] = "/tmp/cz-test-XXXXXX";
    char path[64];
    cz_engine *g = NULL;
    uint8_t before[32], after[32];
    cz_error err = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/store", dir);
    assert_ok(cz_init(path, &err), err);
    assert_ok(cz_open(path, NULL, &g, &err), err);
    create(g, 1, "a", 1000);
    create(g, 2, "b", 0);
    for (uint64_t i = 0; i < 20; i++)
        transfer(g, 3 + i, "a", "b", 5);
    assert_ok(cz_root(g, before, &err), err);
    assert_ok(cz_close(g, &err), err);
    assert_ok(cz_open(path, NULL, &g, &err), err);
    assert_ok(cz_root(g, after, &err), err);
    assert_memory_equal(before, after, 32);
    assert_int_equal(transfer(g, 7, "a", "b", 5).status, CZ_STATUS_DUPLICATE);
    assert_true(quantity_of(g, "b") == 100);
    assert_ok(cz_close(g, &err), err);
    (void)snprintf(path, sizeof path, "rm -rf %s", dir);
    assert_int_equal(system(path), 0);
}

/* ---- Submitting, waiting, priorities, bounds ------------------------------------------------
 */

static cz_engine *open_with(const cz_options *o)
{
    cz_error err = {0};
    cz_engine *g = NULL;

    assert_ok(cz_open(NULL, o, &g, &err), err);
    return g;
}

/* A resource of its own for each: any order of them applies. */
static cz_effect *creation(uint64_t nonce, unsigned origin, enum cz_priority priority)
{
    char label[32], name[32];
    cz_creation c = {.creator = cz_operator(),
                     .label = label,
                     .kind = CZ_FUNGIBLE,
                     .asset = "USD"};
    cz_effect *e = effect(nonce);
    cz_id id;
    cz_error err = {0};

    (void)snprintf(label, sizeof label, "made-%u-%llu", origin, (unsigned long long)nonce);
    (void)snprintf(name, sizeof name, "origin-%u", origin);
    id = id_of(name);
    cz_effect_set_origin(e, &id);
    cz_effect_set_priority(e, priority);
    assert_ok(cz_effect_create(e, &c, &err), err);
    return e;
}

static int submit_one(cz_engine *g, cz_effect *e, cz_done_fn done, void *arg, uint64_t *ticket,
                      cz_error *err)
{
    int rc = cz_submit_effect(g, e, done, arg, ticket, err);

    cz_effect_free(e);
    return rc;
}

static void a_full_backlog_is_busy_and_loses_nothing(void **state)
{
    cz_options o = {.threads = 2, .backlog_max = 8};
    cz_engine *g = open_with(&o);
    uint64_t tickets[9];
    cz_result r;
    cz_stats stats;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_read_begin(g, &err), err); /* the engine rests */
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(submit_one(g, creation(i + 1, 0, CZ_NORMAL), NULL, NULL, &tickets[i],
                                    &err),
                         i < 8 ? CZ_OK : CZ_BUSY);
    assert_non_null(strstr(err.detail, "8 submissions"));
    assert_int_equal(cz_poll(g, tickets[0], &r, &err), CZ_BUSY);
    assert_int_equal(cz_wait(g, tickets[0], 1, &r, &err), CZ_TIMEOUT);
    czi_read_end(g);
    assert_ok(cz_flush(g, &err), err);
    for (unsigned i = 0; i < 8; i++) {
        assert_ok(cz_poll(g, tickets[i], &r, &err), err);
        assert_int_equal(r.status, CZ_STATUS_APPLIED);
    }
    assert_ok(cz_stats_get(g, &stats, &err), err);
    assert_int_equal(stats.applied, 8);
    assert_ok(submit_one(g, creation(9, 0, CZ_NORMAL), NULL, NULL, &tickets[8], &err), err);
    assert_ok(cz_close(g, &err), err);
}

static void the_bytes_that_wait_are_bounded(void **state)
{
    static uint8_t data[CZI_DATA_SIZE_MAX];
    cz_options o = {.threads = 1};
    cz_engine *g = open_with(&o);
    cz_id id = id_of("x");
    unsigned accepted = 0;
    size_t bytes = 0, len = 0;
    cz_stats stats;
    cz_error err = {0};
    int rc = CZ_OK;

    (void)state;
    assert_ok(czi_read_begin(g, &err), err);
    while (rc == CZ_OK) {
        cz_effect *e = effect(accepted + 1);
        const uint8_t *canonical;
        uint64_t ticket;

        assert_ok(cz_effect_write(e, &id, data, sizeof data, &err), err);
        assert_ok(cz_effect_encode(e, &canonical, &len, &err), err);
        rc = submit_one(g, e, NULL, NULL, &ticket, &err);
        accepted += rc == CZ_OK;
        bytes += rc == CZ_OK ? len : 0;
    }
    assert_int_equal(rc, CZ_BUSY);
    assert_true(bytes <= CZI_BACKLOG_BYTES_MAX && bytes + len > CZI_BACKLOG_BYTES_MAX);
    czi_read_end(g);
    assert_ok(cz_stats_get(g, &stats, &err), err);
    assert_int_equal(stats.rejected, accepted); /* there is no x */
    assert_ok(cz_close(g, &err), err);
}

static void the_urgent_go_first_unless_order_was_asked_for(void **state)
{
    static const enum cz_priority priorities[] = {CZ_LOW, CZ_NORMAL, CZ_HIGH, CZ_URGENT};

    (void)state;
    for (int ordered = 0; ordered < 2; ordered++) {
        cz_options o = {.threads = 1, .ordered = ordered};
        cz_engine *g = open_with(&o);
        uint64_t tickets[4];
        cz_result r;
        cz_error err = {0};

        assert_ok(czi_read_begin(g, &err), err);
        for (unsigned i = 0; i < 4; i++)
            assert_ok(submit_one(g, creation(1, i, priorities[i]), NULL, NULL, &tickets[i],
                                 &err),
                      err);
        czi_read_end(g);
        for (unsigned i = 0; i < 4; i++) {
            assert_ok(cz_wait(g, tickets[i], CZ_FOREVER, &r, &err), err);
            assert_int_equal(r.position, ordered ? i + 1 : 4 - i);
        }
        assert_ok(cz_close(g, &err), err);
    }
}

/* Each urgent effect submits the next one from its callback, so that there is always one. */
struct chain {
    cz_engine *engine;
    uint64_t nonce;
    unsigned busy, low_done, callbacks, low_after;
};

static void next_urgent(void *arg, const cz_result *r)
{
    struct chain *c = arg;
    uint64_t ticket;
    cz_error err = {0};

    (void)r;
    c->callbacks++;
    if (c->low_done || c->nonce > 5000)
        return;
    c->nonce++;
    if (submit_one(c->engine, creation(c->nonce, 1, CZ_URGENT), next_urgent, c, &ticket, &err))
        c->busy++;
}

static void low_is_done(void *arg, const cz_result *r)
{
    struct chain *c = arg;

    (void)r;
    c->low_done++;
    c->low_after = c->callbacks;
}

/* Many more tickets are given than results are kept while an old one waits: its result must
 * still find its place, and a flush must end. */
static void a_low_priority_is_not_starved_and_its_result_is_kept(void **state)
{
    /* More at once than are in flight, so that there is always an urgent one to choose. */
    cz_options o = {.threads = 2, .batch_max = 1, .backlog_max = 16};
    struct chain c = {.engine = open_with(&o)};
    uint64_t low, ticket;
    cz_result r;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_read_begin(c.engine, &err), err);
    assert_ok(submit_one(c.engine, creation(1, 0, CZ_LOW), low_is_done, &c, &low, &err), err);
    for (unsigned i = 0; i < 12; i++) {
        c.nonce++;
        assert_ok(submit_one(c.engine, creation(c.nonce, 1, CZ_URGENT), next_urgent, &c,
                             &ticket, &err),
                  err);
    }
    czi_read_end(c.engine);
    assert_ok(cz_wait(c.engine, low, CZ_FOREVER, &r, &err), err);
    assert_int_equal(r.status, CZ_STATUS_APPLIED);
    assert_ok(cz_flush(c.engine, &err), err);
    assert_int_equal(c.low_done, 1);
    assert_true(c.low_after <= CZI_AGEING_ADMISSIONS);
    assert_ok(cz_close(c.engine, &err), err);
}

struct sequence {
    uint64_t next;
    unsigned wrong;
};

static void in_sequence(void *arg, const cz_result *r)
{
    struct sequence *s = arg;

    s->wrong += r->position != ++s->next;
}

static void callbacks_come_in_position_order_and_before_a_flush_ends(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 2; threads++) {
        cz_options o = {.threads = threads, .batch_max = 100};
        cz_engine *g = open_with(&o);
        struct sequence s = {0};
        uint64_t ticket;
        cz_error err = {0};

        for (uint64_t i = 1; i <= 1000; i++)
            assert_ok(submit_one(g, creation(i, 0, CZ_NORMAL), in_sequence, &s, &ticket, &err),
                      err);
        assert_ok(cz_flush(g, &err), err);
        assert_int_equal(s.next, 1000);
        assert_int_equal(s.wrong, 0);
        assert_ok(cz_close(g, &err), err);
    }
}

static void a_batch_with_a_malformed_one_is_queued_up_to_it(void **state)
{
    cz_engine *g = open_memory(2);
    cz_submission s[3] = {{0}, {"\x80", 1}, {0}};
    cz_effect *first = creation(1, 0, CZ_NORMAL);
    const uint8_t *bytes;
    uint64_t ticket = 0;
    size_t accepted = 99;
    cz_result r;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_encode(first, &bytes, &s[0].len, &err), err);
    s[0].bytes = bytes;
    s[2] = s[0];
    assert_int_equal(cz_submit_batch(g, s, 3, NULL, NULL, &ticket, &accepted, &err),
                     CZ_INVALID);
    assert_int_equal(accepted, 1);
    assert_non_null(strstr(err.detail, "submission 1"));
    assert_ok(cz_wait(g, ticket, CZ_FOREVER, &r, &err), err);
    assert_int_equal(r.status, CZ_STATUS_APPLIED);
    cz_effect_free(first);
    assert_ok(cz_close(g, &err), err);
}

static void a_ticket_that_was_never_given_or_is_too_old_is_not_found(void **state)
{
    cz_options o = {.threads = 1, .backlog_max = 4};
    /* Twice what can be under way, commits of guards included, and 12 more. */
    const uint64_t last = 12 + 2 * (4 + CZI_COMMITS_MAX);
    cz_engine *g = open_with(&o);
    uint64_t ticket;
    cz_result r;
    cz_error err = {0};

    (void)state;
    for (uint64_t i = 1; i <= last; i++) {
        assert_ok(submit_one(g, creation(i, 0, CZ_NORMAL), NULL, NULL, &ticket, &err), err);
        assert_ok(cz_wait(g, ticket, CZ_FOREVER, &r, &err), err);
    }
    assert_int_equal(cz_poll(g, 0, &r, &err), CZ_NOT_FOUND);
    assert_int_equal(cz_poll(g, last + 1, &r, &err), CZ_NOT_FOUND);
    assert_int_equal(cz_poll(g, 12, &r, &err), CZ_NOT_FOUND);
    for (uint64_t i = 13; i <= last; i++) {
        assert_ok(cz_poll(g, i, &r, &err), err);
        assert_int_equal(r.position, i);
    }
    assert_ok(cz_close(g, &err), err);
}

static void options_beyond_their_bounds_are_refused(void **state)
{
    cz_options good = {.threads = CZI_THREADS_MAX,
                       .batch_max = CZI_BATCH_ENTRIES_MAX,
                       .backlog_max = CZI_BACKLOG_MAX};
    cz_options bad[] = {good, good, good};
    cz_engine *g = NULL;
    cz_error err = {0};

    (void)state;
    bad[0].threads++;
    bad[1].batch_max++;
    bad[2].backlog_max++;
    for (unsigned i = 0; i < CZI_COUNTOF(bad); i++) {
        assert_int_equal(cz_open(NULL, &bad[i], &g, &err), CZ_LIMIT);
        assert_null(g);
    }
    g = open_with(&good);
    assert_ok(cz_close(g, &err), err);
}

static void the_last_handle_closes_the_engine(void **state)
{
    cz_engine *g = open_memory(2), *other = cz_ref(g);
    cz_error err = {0};

    (void)state;
    assert_ok(cz_close(g, &err), err);
    assert_int_equal(create(other, 1, "a", 1).status, CZ_STATUS_APPLIED);
    assert_ok(cz_close(other, &err), err);
    assert_ok(cz_close(NULL, &err), err);
}

static void a_reader_beside_the_writer_sees_and_cannot_submit(void **state)
{
    char dir[] = "/tmp/cz-test-XXXXXX", path[64];
    cz_options o = {.read_only = true};
    cz_engine *g = NULL, *reader = NULL, *second = NULL;
    cz_effect *e = creation(9, 0, CZ_NORMAL);
    cz_error err = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/store", dir);
    assert_ok(cz_init(path, &err), err);
    assert_int_equal(cz_init(path, &err), CZ_CONFLICT);
    assert_ok(cz_open(path, NULL, &g, &err), err);
    assert_int_equal(cz_open(path, NULL, &second, &err), CZ_BUSY);
    create(g, 1, "a", 77);
    assert_ok(cz_open(path, &o, &reader, &err), err);
    assert_true(quantity_of(reader, "a") == 77);
    assert_int_equal(cz_submit_effect(reader, e, NULL, NULL, NULL, &err), CZ_CLOSED);
    assert_non_null(strstr(err.detail, "reading only"));
    cz_effect_free(e);
    assert_ok(cz_close(reader, &err), err);
    assert_ok(cz_close(g, &err), err);
    (void)snprintf(path, sizeof path, "rm -rf %s", dir);
    assert_int_equal(system(path), 0);
}

/* A store that has all the assets it can have says so, in a receipt. */
static void the_assets_of_a_store_are_bounded(void **state)
{
    cz_engine *g = open_memory(1);
    struct czi_core *core = &g->step.core;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_read_begin(g, &err), err);
    for (uint32_t i = 0; i < CZI_ASSETS_MAX; i++) {
        uint8_t name[4];

        czi_put_u32le(name, i | 0x20202020);
        (void)czi_core_asset(core, (struct czi_slice){name, 4}, true);
        czi_put_u32le(name, i);
        (void)czi_core_asset(core, (struct czi_slice){name, 4}, true);
    }
    assert_int_equal(core->asset_ids.count, CZI_ASSETS_MAX);
    czi_read_end(g);
    cz_result r = create(g, 1, "a", 5);
    assert_int_equal(r.status, CZ_STATUS_REJECTED);
    assert_int_equal(r.reason, CZ_FULL);
    assert_true(r.has_receipt);
    assert_ok(cz_close(g, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transfer_moves_a_quantity_and_raises_both_versions),
        cmocka_unit_test(an_overdraft_is_rejected_and_changes_nothing),
        cmocka_unit_test(the_same_effect_again_gets_the_first_receipt),
        cmocka_unit_test(a_store_on_disk_is_the_same_after_reopening),
        cmocka_unit_test(a_full_backlog_is_busy_and_loses_nothing),
        cmocka_unit_test(the_bytes_that_wait_are_bounded),
        cmocka_unit_test(the_urgent_go_first_unless_order_was_asked_for),
        cmocka_unit_test(a_low_priority_is_not_starved_and_its_result_is_kept),
        cmocka_unit_test(callbacks_come_in_position_order_and_before_a_flush_ends),
        cmocka_unit_test(a_batch_with_a_malformed_one_is_queued_up_to_it),
        cmocka_unit_test(a_ticket_that_was_never_given_or_is_too_old_is_not_found),
        cmocka_unit_test(options_beyond_their_bounds_are_refused),
        cmocka_unit_test(the_last_handle_closes_the_engine),
        cmocka_unit_test(a_reader_beside_the_writer_sees_and_cannot_submit),
        cmocka_unit_test(the_assets_of_a_store_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
