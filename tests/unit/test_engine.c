/* test_engine.c - the public API on an engine in memory and on disk. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transfer_moves_a_quantity_and_raises_both_versions),
        cmocka_unit_test(an_overdraft_is_rejected_and_changes_nothing),
        cmocka_unit_test(the_same_effect_again_gets_the_first_receipt),
        cmocka_unit_test(a_store_on_disk_is_the_same_after_reopening),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
