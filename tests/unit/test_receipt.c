/* test_receipt.c - receipts and log nodes, byte by byte as receipt.h and the links of DAG-CBOR
 * (dag_cbor.h) say. */
#include "effect/receipt.h"
#include "test.h"

static uint8_t *put_link(uint8_t *p, int fill)
{
    memcpy(p, "\xd8\x2a\x58\x25\x00\x01\x71\x1e\x20", 9);
    memset(p + 9, fill, 32);
    return p + 41;
}

static void an_applied_effect_tells_what_each_write_left_and_each_read_saw(void **state)
{
    cz_id effect;
    uint8_t hash[32], expected[512], out[512], *p = expected;
    struct czi_post posts[] = {
        {.quantity = -1000,
         .version = 5,
         .state = CZ_LOCKED,
         .kind = CZ_POSITION,
         .written = true},
        {.data_hash = hash, .version = 24, .kind = CZ_DATA, .written = true},
        {.version = 256},
    };
    struct czi_outcome o = {.position = 70000, .lamport = 23, .post_count = 3, .posts = posts};

    (void)state;
    memset(&effect, 0xe1, sizeof effect);
    memset(hash, 0xda, sizeof hash);
    *p++ = 0x89;
    *p++ = 0x03;
    p = put_link(p, 0xe1);
    memcpy(p, "\x1a\x00\x01\x11\x70\x17", 6); /* 70000, 23 */
    memcpy(p + 6, "\xf6\xf6\x80\x00\x83", 5); /* no time, no clock, applied, three posts */
    p += 11;
    memcpy(p, "\x83\x05\x01\x39\x03\xe7", 6); /* version 5, locked, -1000 */
    p += 6;
    memcpy(p, "\x83\x18\x18\x00\x58\x20", 6); /* version 24, active, a hash */
    p += 6;
    memset(p, 0xda, 32);
    p += 32;
    memcpy(p, "\x19\x01\x00", 3); /* read at version 256 */
    p += 3;
    assert_int_equal(czi_receipt_encode(out, &effect, &o), p - expected);
    assert_memory_equal(out, expected, p - expected);
}

static void a_rejected_effect_tells_only_the_versions_that_it_saw(void **state)
{
    cz_id effect;
    uint8_t expected[512], out[512], *p = expected;
    struct czi_post posts[] = {{.version = 0}, {.version = 9}};
    struct czi_outcome o = {
        .position = 1, .lamport = 2, .reason = CZ_OVERDRAFT, .post_count = 2, .posts = posts};

    (void)state;
    memset(&effect, 0x01, sizeof effect);
    *p++ = 0x89;
    *p++ = 0x03;
    p = put_link(p, 0x01);
    memcpy(p, "\x01\x02\xf6\xf6\x80\x06\x82\x00\x09", 9);
    p += 9;
    assert_int_equal(czi_receipt_encode(out, &effect, &o), p - expected);
    assert_memory_equal(out, expected, p - expected);
}

static struct czi_shared_clock *clock_of(uint32_t count)
{
    struct czi_shared_clock *c = calloc(1, sizeof *c + count * sizeof c->parts[0]);

    assert_non_null(c);
    c->count = count;
    return c;
}

static void what_few_effects_have_stands_between_time_and_reason(void **state)
{
    struct czi_shared_clock *clock = clock_of(2);
    struct czi_extra x = {.left_out = 1ull << 63 | 1ull << 23 | 1, .clock = clock};
    uint8_t time[32], expected[512], out[1600], *p = expected;
    struct czi_outcome o = {.position = 1, .lamport = 2, .time = time, .extra = &x};
    cz_id effect;

    (void)state;
    clock->parts[0] = (cz_clock_part){0, 24};
    clock->parts[1] = (cz_clock_part){UINT32_MAX, 1};
    memset(time, 0x7e, sizeof time);
    memset(&effect, 0x01, sizeof effect);
    *p++ = 0x89;
    *p++ = 0x03;
    p = put_link(p, 0x01);
    *p++ = 0x01;
    *p++ = 0x02;
    p = put_link(p, 0x7e);
    memcpy(p, "\x82\x82\x00\x18\x18\x82\x1a\xff\xff\xff\xff\x01", 12);
    memcpy(p + 12, "\x83\x00\x17\x18\x3f\x00\x80", 7); /* left out 0, 23, 63 */
    p += 19;
    assert_int_equal(czi_receipt_encode(out, &effect, &o), p - expected);
    assert_memory_equal(out, expected, p - expected);
    free(clock);
}

static void a_program_without_room_for_its_clock_has_none(void **state)
{
    struct czi_extra x = {.has_program = true};
    uint8_t out[1600], with[1600];
    struct czi_outcome o = {.position = 1, .lamport = 2, .reason = CZ_FULL};
    size_t len = czi_receipt_encode(out, &(cz_id){{0}}, &o);

    (void)state;
    o.extra = &x;
    assert_int_equal(czi_receipt_encode(with, &(cz_id){{0}}, &o), len);
    assert_memory_equal(out, with, len);
}

/* [26, effect, 1, 2, null, null, [], scope, reason, [[…]], run] */
static void an_effect_with_a_guest_tells_its_scope_and_run(void **state)
{
    static const uint8_t out_bytes[] = {'o', 'k'}, logged[] = {1, 'a', 0};
    cz_guest_run run = {.status = CZ_GUEST_TRAPPED,
                        .code = 4096,
                        .trap = 3,
                        .pc = 65536,
                        .gas = 300,
                        .output = out_bytes,
                        .output_len = 2,
                        .messages = logged,
                        .messages_len = 3};
    uint8_t scope[2 + CZI_ID_STRIDE], expected[512], out[512], *p = expected;
    struct czi_post posts[] = {{.version = 9}};
    struct czi_extra x = {.has_guest = true, .scope = {scope, sizeof scope}, .run = &run};
    struct czi_outcome o = {.position = 1,
                            .lamport = 2,
                            .reason = CZ_TRAPPED,
                            .post_count = 1,
                            .posts = posts,
                            .extra = &x};
    cz_id effect, read;

    (void)state;
    memset(&effect, 0x01, sizeof effect);
    memset(&read, 0x55, sizeof read);
    assert_int_equal(czi_scope_encode(scope, NULL, 0, &read, 1), sizeof scope);
    *p++ = 0x8b;
    *p++ = 0x18;
    *p++ = 0x1a;
    p = put_link(p, 0x01);
    memcpy(p, "\x01\x02\xf6\xf6\x80\x82\x80\x81\x58\x20", 10);
    memset(p + 10, 0x55, 32);
    p += 42;
    memcpy(p, "\x18\x45\x81\x09\x87\x01\x19\x10\x00\x03\x1a\x00\x01\x00\x00", 15);
    memcpy(p + 15, "\x19\x01\x2c\x42ok\x43\x01\x61\x00", 10);
    p += 25;
    assert_int_equal(czi_receipt_encode(out, &effect, &o), p - expected);
    assert_memory_equal(out, expected, p - expected);
}

static void a_guest_that_was_never_started_has_no_run(void **state)
{
    struct czi_extra x = {.has_guest = true};
    struct czi_outcome o = {
        .position = 1, .lamport = 2, .reason = CZ_NOT_CODE, .post_count = 0, .extra = &x};
    uint8_t out[256], expected[256], *p = expected;
    cz_id effect;

    (void)state;
    memset(&effect, 0x01, sizeof effect);
    memcpy(p, "\x8b\x18\x1a", 3);
    p = put_link(p + 3, 0x01);
    memcpy(p, "\x01\x02\xf6\xf6\x80\xf6\x18\x44\x80\xf6", 10);
    assert_int_equal(czi_receipt_encode(out, &effect, &o), p + 10 - expected);
    assert_memory_equal(out, expected, p + 10 - expected);
}

static void a_copy_of_a_run_is_the_same_and_its_own(void **state)
{
    uint8_t text[] = {1, 2, 3};
    cz_guest_run run = {.status = CZ_GUEST_EXITED,
                        .code = 7,
                        .pc = 8,
                        .gas = 9,
                        .output = text,
                        .output_len = 3,
                        .messages = text,
                        .messages_len = 1};
    cz_guest_run *copy = czi_guest_run_copy(&run), other = run;

    (void)state;
    assert_non_null(copy);
    assert_true(czi_guest_run_same(copy, &run));
    assert_true(czi_guest_run_same(NULL, NULL));
    assert_false(czi_guest_run_same(copy, NULL));
    text[0] = 9;
    assert_false(czi_guest_run_same(copy, &run));
    assert_int_equal(copy->output[0], 1);
    other.gas++;
    assert_false(czi_guest_run_same(&other, &run));
    czi_free(copy);
    other.status = CZ_GUEST_NO_GAS;
    other.trap = 5;
    copy = czi_guest_run_copy(&other);
    assert_non_null(copy);
    assert_int_equal(copy->trap + copy->code, 0);
    czi_free(copy);
}

static void a_log_node_links_the_one_before_and_the_item(void **state)
{
    uint8_t none[32] = {0}, before[32], item[32], expected[128], out[CZI_NODE_SIZE_MAX];

    (void)state;
    memset(before, 0xbe, 32);
    memset(item, 0x17, 32);
    memcpy(expected, "\x82\xf6", 2);
    assert_int_equal(czi_node_encode(out, none, item), put_link(expected + 2, 0x17) - expected);
    assert_memory_equal(out, expected, 43);
    assert_int_equal(czi_node_encode(out, before, item),
                     put_link(put_link(expected + 1, 0xbe), 0x17) - expected);
    assert_memory_equal(out, expected, CZI_NODE_SIZE_MAX);
}

static void the_longest_receipt_fits_what_is_said_to_hold_it(void **state)
{
    static uint8_t out[CZI_ACCESSES_MAX * 200], put[CZ_GUEST_OUTPUT_MAX],
        scope[CZI_SCOPE_SIZE_MAX];
    const cz_guest_run run = {.status = CZ_GUEST_TRAPPED,
                              .code = UINT64_MAX,
                              .trap = UINT8_MAX,
                              .pc = UINT64_MAX,
                              .gas = UINT64_MAX,
                              .output = put,
                              .output_len = sizeof put / 2,
                              .messages = put,
                              .messages_len = sizeof put / 2};
    struct czi_post posts[CZI_ACCESSES_MAX];
    struct czi_shared_clock *clock = clock_of(CZI_CLOCK_TASKS_MAX);
    struct czi_extra x = {.left_out = UINT64_MAX, .clock = clock};
    struct czi_outcome o = {.position = UINT64_MAX,
                            .lamport = UINT64_MAX,
                            .post_count = CZI_ACCESSES_MAX,
                            .posts = posts,
                            .extra = &x};
    cz_id effect = {{0}};
    uint8_t hash[32] = {0};

    (void)state;
    o.time = hash;
    for (uint32_t i = 0; i < CZI_CLOCK_TASKS_MAX; i++)
        clock->parts[i] = (cz_clock_part){UINT32_MAX - i, UINT64_MAX};
    for (unsigned i = 0; i < CZI_ACCESSES_MAX; i++)
        posts[i] = (struct czi_post){.data_hash = hash,
                                     .version = UINT64_MAX,
                                     .kind = CZ_DATA,
                                     .state = CZ_ARCHIVED,
                                     .written = true};
    assert_true(czi_receipt_encode(out, &effect, &o) <= czi_receipt_size_max(CZI_ACCESSES_MAX));
    x.has_guest = true;
    x.scope = (struct czi_slice){scope, sizeof scope};
    x.run = &run;
    assert_true(czi_receipt_size(&o) ==
                czi_receipt_size_max(CZI_ACCESSES_MAX) + CZI_RECEIPT_GUEST_MAX);
    assert_true(czi_receipt_encode(out, &effect, &o) <= czi_receipt_size(&o));
    x.has_guest = false;
    o.reason = CZ_FACT_CONFLICT;
    assert_true(czi_receipt_encode(out, &effect, &o) <= czi_receipt_size_max(CZI_ACCESSES_MAX));
    free(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_applied_effect_tells_what_each_write_left_and_each_read_saw),
        cmocka_unit_test(a_rejected_effect_tells_only_the_versions_that_it_saw),
        cmocka_unit_test(what_few_effects_have_stands_between_time_and_reason),
        cmocka_unit_test(a_program_without_room_for_its_clock_has_none),
        cmocka_unit_test(an_effect_with_a_guest_tells_its_scope_and_run),
        cmocka_unit_test(a_guest_that_was_never_started_has_no_run),
        cmocka_unit_test(a_copy_of_a_run_is_the_same_and_its_own),
        cmocka_unit_test(a_log_node_links_the_one_before_and_the_item),
        cmocka_unit_test(the_longest_receipt_fits_what_is_said_to_hold_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
