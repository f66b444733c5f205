/* test_eth_import.c - what an import does about the store's rules for its domain. What blocks
 * say is in tests/e2e/test_import.py. */
#include "domain/ethereum/header.h"
#include "eth_sample.h"
#include "fact_fixture.h"

#include <jansson.h>

static struct fw world;

static int import(const char *json, cz_import_report *ret, cz_error *err)
{
    cz_import_source source = {.name = "block.json", .json = json, .len = strlen(json)};
    cz_import_options options = {.threads = 1};

    return cz_import_ethereum(world.engine, &source, 1, &options, ret, err);
}

/* Block 46147 with another word of its miner: as good as the real one to whoever trusts no
 * hash. */
static char *rival_block(void)
{
    CZI_AUTOBUF rlp = {0};
    json_t *block = json_loads(eth_block_46147, 0, NULL);
    uint8_t hash[32];
    char text[67] = "0x";
    cz_error err = {0};
    char *json;

    assert_non_null(block);
    json_object_set_new(block, "extraData", json_string("0x657468706f6f6c2e6f7268"));
    assert_ok(czi_eth_header_encode(block, &rlp, &err), err);
    czi_eth_header_hash(rlp.data, rlp.len, hash);
    czi_hex(text + 2, hash, 32);
    json_object_set_new(block, "hash", json_string(text));
    json_object_set_new(json_array_get(json_object_get(block, "transactions"), 0), "blockHash",
                        json_string(text));
    json = json_dumps(block, JSON_COMPACT);
    json_decref(block);
    return json;
}

static int setup(void **state)
{
    (void)state;
    fw_open(&world, true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fw_close(&world);
    return 0;
}

static int adapter_of(void *arg, const cz_domain *d)
{
    if (strcmp(d->name, "ethereum") == 0)
        (void)snprintf(arg, 32, "%s", d->adapter);
    return 0;
}

static void the_domain_becomes_known(void **state)
{
    char adapter[32] = "";
    cz_import_report report;
    cz_error err = {0};

    (void)state;
    assert_ok(import(eth_block_46147, &report, &err), err);
    assert_ok(cz_domain_list(world.engine, adapter_of, adapter, &err), err);
    assert_string_equal(adapter, "ethereum");
    assert_int_equal(report.facts, 2);
    assert_int_equal(report.applied, 1);
    assert_int_equal(report.refused, 0);
}

static void a_domain_that_is_known_keeps_its_policy(void **state)
{
    cz_domain_spec spec = {.name = "ethereum", .adapter = "ethereum", .safe_depth = 12};
    cz_import_report report;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_domain_set(world.engine, &spec, &err), err);
    assert_ok(import(eth_block_46147, &report, &err), err);
    assert_int_equal(report.applied, 1);
}

static void a_domain_of_another_adapter_is_refused(void **state)
{
    cz_domain_spec spec;
    cz_import_report report;
    cz_error err = {0};

    (void)state;
    cz_sim_domain(world.chain, &spec);
    spec.name = "ethereum";
    assert_ok(cz_domain_set(world.engine, &spec, &err), err);
    assert_int_equal(import(eth_block_46147, &report, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "is of adapter simulated"));
}

static void a_block_that_contradicts_the_recorded_chain_has_no_effect(void **state)
{
    char *rival = rival_block();
    cz_import_report report;
    cz_stats before, after;
    cz_error err = {0};

    (void)state;
    assert_ok(import(eth_block_46147, &report, &err), err);
    assert_ok(cz_stats_get(world.engine, &before, &err), err);
    assert_int_equal(import(rival, &report, &err), CZ_NOT_CANONICAL);
    assert_non_null(strstr(err.detail, "block.json: block 46147: the store's domain ethereum"));
    assert_int_equal(report.blocks, 1);
    assert_int_equal(report.refused, 2);
    assert_int_equal(report.facts, 0);
    assert_int_equal(report.applied + report.rejected, 0);
    assert_ok(cz_stats_get(world.engine, &after, &err), err);
    assert_int_equal(after.facts, before.facts);
    assert_int_equal(after.positions, before.positions);
    free(rival);
}

/* The others of the same import are not harmed. */
static void what_is_refused_keeps_nothing_else_out(void **state)
{
    CZI_AUTOBUF both = {0};
    char *rival = rival_block();
    cz_import_report report;
    cz_error err = {0};

    (void)state;
    czi_buf_printf(&both, "%s\n%s\n%c", eth_block_46147, rival, 0);
    assert_int_equal(import((const char *)both.data, &report, &err), CZ_NOT_CANONICAL);
    assert_int_equal(report.blocks, 2);
    assert_int_equal(report.facts, 2);
    assert_int_equal(report.refused, 2);
    assert_int_equal(report.applied, 1);
    free(rival);
}

/* Nothing is spent on a transfer whose fact must wait: the same import does it later. */
static void a_transfer_that_must_wait_can_be_imported_later(void **state)
{
    cz_domain_spec spec = {.name = "ethereum", .adapter = "ethereum", .record_depth = 1};
    cz_import_report report;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_domain_set(world.engine, &spec, &err), err);
    assert_int_equal(import(eth_block_46147, &report, &err), CZ_HEAD_BEHIND);
    assert_non_null(strstr(err.detail, "the transfer of transaction 0 in block 46147"));
    assert_int_equal(report.facts, 1);
    assert_int_equal(report.refused, 1);
    assert_int_equal(report.applied + report.rejected, 0);
    spec.record_depth = 0;
    assert_ok(cz_domain_set(world.engine, &spec, &err), err);
    assert_ok(import(eth_block_46147, &report, &err), err);
    assert_int_equal(report.applied, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_domain_becomes_known, setup, teardown),
        cmocka_unit_test_setup_teardown(a_domain_that_is_known_keeps_its_policy, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_domain_of_another_adapter_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_block_that_contradicts_the_recorded_chain_has_no_effect, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_keeps_nothing_else_out, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_transfer_that_must_wait_can_be_imported_later, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
