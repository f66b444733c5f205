/* test_vm_calls.c - what each call of a guest about itself and about data does, gives and
 * costs. */
#include "guest_test.h"

/* ---- The guest itself ---------------------------------------------------------------------
 */

static void input_is_copied_up_to_its_end(void **state)
{
    unsigned whole, cut, beyond, length;
    const uint8_t *seen;

    (void)state;
    whole = CALL(CZ_CALL_INPUT, SCRIPT_ROOM, 0, 64);
    length = CALL(CZ_CALL_INPUT_LENGTH, 0);
    cut = CALL(CZ_CALL_INPUT, SCRIPT_ROOM + 4096, SCRIPT_DATA - 10, 64);
    beyond = CALL(CZ_CALL_INPUT, SCRIPT_ROOM + 8192, SCRIPT_DATA, 64);
    world_run(&w);
    assert_int_equal(world_result(&w, whole), 64);
    assert_int_equal(world_result(&w, length), SCRIPT_DATA);
    assert_int_equal(world_result(&w, cut), 10);
    assert_int_equal(world_result(&w, beyond), 0);
    world_end(&w);
    world_begin(&w);
    CALL(CZ_CALL_INPUT, SCRIPT_ROOM, 0, 64);
    seen = run_and_show(64);
    assert_memory_equal(seen, w.script.bytes, 64);
}

static void output_and_messages_share_a_bound(void **state)
{
    char text[2048];
    uint64_t from;
    unsigned too_much, no_room, fits;

    (void)state;
    memset(text, 'x', sizeof text);
    from = script_data(&w.script, text, sizeof text);
    CALL(CZ_CALL_OUTPUT, from, 2048);
    CALL(CZ_CALL_LOG, from, 2000); /* with two bytes of length */
    too_much = CALL(CZ_CALL_OUTPUT, from, 2048 - 2002 + 1);
    no_room = CALL(CZ_CALL_LOG, from, 2048 - 2002);
    fits = CALL(CZ_CALL_LOG, from, 2048 - 2002 - 1 - 5 * 8);
    world_run(&w); /* puts out the results too */
    assert_int_equal(w.out.output.len, 2048 + 5 * 8);
    assert_int_equal(w.out.output.len + w.out.messages.len, CZ_GUEST_OUTPUT_MAX);
    assert_memory_equal(w.out.output.data, text, 2048);
    w.out.output.data += 2048;
    w.out.output.len -= 2048;
    assert_int_equal(world_result(&w, too_much), -CZ_LIMIT);
    assert_int_equal(world_result(&w, no_room), -CZ_LIMIT);
    assert_int_equal(world_result(&w, fits), 0);
    assert_int_equal(w.out.messages.data[0], (2000 & 127) | 128);
    assert_int_equal(w.out.messages.data[1], 2000 >> 7);
    assert_memory_equal(w.out.messages.data + 2, text, 2000);
    assert_int_equal(w.out.messages.data[2002], 5);
}

static void output_so_far_can_be_read(void **state)
{
    unsigned seen;

    (void)state;
    CALL(CZ_CALL_OUTPUT, script_data(&w.script, "abcdefgh", 8), 8);
    seen = script_load(&w.script, CZ_GUEST_OUTPUT, 8);
    world_run(&w);
    w.out.output.data += 8;
    assert_true(world_result(&w, seen) == 0x6867666564636261);
}

/* Of "abc": the test vectors of BLAKE3, FIPS 180-4 and Keccak. */
static void three_hashes_are_there(void **state)
{
    static const char *const expected[] = {
        "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"};
    uint64_t from = script_data(&w.script, "abc", 3);
    uint8_t digests[3][32];
    const uint8_t *seen;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(czi_unhex(digests[i], 32, expected[i], 64));
        CALL(CZ_CALL_HASH, i, from, 3, SCRIPT_ROOM + 32 * i);
    }
    seen = run_and_show(96);
    assert_memory_equal(seen, digests, 96);
}

static void a_hash_of_no_name_traps(void **state)
{
    (void)state;
    CALL(CZ_CALL_HASH, 3, 0, 0, SCRIPT_ROOM);
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_HASH);
}

/* Longer than what is read at once. */
static void much_memory_is_hashed_as_one(void **state)
{
    static uint8_t zeroes[200000];
    uint8_t expected[32];
    const uint8_t *seen;

    (void)state;
    czi_blake3(zeroes, sizeof zeroes, expected);
    CALL(CZ_CALL_HASH, CZ_HASH_BLAKE3, SCRIPT_ROOM + 4096, sizeof zeroes, SCRIPT_ROOM);
    seen = run_and_show(32);
    assert_memory_equal(seen, expected, 32);
}

/* RFC 8032, 7.1, test 2. */
static void a_signature_is_verified(void **state)
{
    uint8_t key[32], signature[64];
    uint64_t from = script_data(&w.script, "\x72", 1);
    unsigned right, wrong;
    uint64_t at;

    (void)state;
    assert_true(czi_unhex(key, 32,
                          "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                          64));
    assert_true(czi_unhex(signature, 64,
                          "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                          "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
                          128));
    at = script_data(&w.script, key, 32);
    right = CALL(CZ_CALL_VERIFY, at, from, 1, script_data(&w.script, signature, 64));
    signature[0] ^= 1;
    wrong = CALL(CZ_CALL_VERIFY, at, from, 1, script_data(&w.script, signature, 64));
    world_run(&w);
    assert_int_equal(world_result(&w, right), 1);
    assert_int_equal(world_result(&w, wrong), 0);
}

static void a_guest_is_told_who_it_is_and_who_asks(void **state)
{
    unsigned first, second, third, way;
    const uint8_t *seen;

    (void)state;
    CALL(CZ_CALL_SELF, SCRIPT_ROOM);
    CALL(CZ_CALL_ORIGIN, SCRIPT_ROOM + 32);
    CALL(CZ_CALL_SIGNER, 0, SCRIPT_ROOM + 64);
    CALL(CZ_CALL_SIGNER, 1, SCRIPT_ROOM + 96);
    seen = run_and_show(128);
    assert_memory_equal(seen, w.player_id, 32);
    assert_memory_equal(seen + 32, w.origin, 32);
    assert_memory_equal(seen + 64, w.signers[0], 32);
    assert_memory_equal(seen + 96, w.signers[1], 32);
    script_begin(&w.script);
    first = CALL(CZ_CALL_SIGNER, 0, SCRIPT_ROOM);
    second = CALL(CZ_CALL_SIGNER, 1, SCRIPT_ROOM);
    third = CALL(CZ_CALL_SIGNER, 2, SCRIPT_ROOM);
    way = CALL(CZ_CALL_WAY, 0);
    world_run(&w);
    assert_int_equal(world_result(&w, first), 0);
    assert_int_equal(world_result(&w, second), 0);
    assert_int_equal(world_result(&w, third), -CZ_NOT_FOUND);
    assert_int_equal(world_result(&w, way), 'e');
}

/* ---- Gas ----------------------------------------------------------------------------------
 */

/* What all calls of a script cost together, without the instructions. */
static void costs(uint64_t expected)
{
    script_end(&w.script, 0, true);
    w.in.input = script_input(&w.script);
    czi_vm_manager_run(w.manager, &w.in, &w.out);
    assert_int_equal(w.out.status, CZI_RUN_EXITED);
    assert_int_equal(w.out.gas - w.out.instructions, expected);
    script_begin(&w.script);
}

static void calls_cost_what_the_table_says(void **state)
{
    static const struct cz_guest_new nothing = {.kind = CZ_POSITION};
    unsigned a = world_declare(&w, "a", true), b = world_declare(&w, "b", true);
    uint64_t from = CZ_GUEST_INPUT;

    (void)state;
    (void)world_data(&w, "a", "");
    (void)world_balance(&w, "b", CZ_FUNGIBLE, "coin", 5);
    costs(0);
    CALL(CZ_CALL_INPUT, SCRIPT_ROOM, 0, 65);
    costs(20 + 2 * 4);
    CALL(CZ_CALL_INPUT_LENGTH, 0);
    costs(5);
    CALL(CZ_CALL_OUTPUT, from, 64);
    costs(40 + 8);
    CALL(CZ_CALL_OUTPUT, from, 0);
    costs(40);
    CALL(CZ_CALL_LOG, from, 1);
    costs(40 + 8);
    CALL(CZ_CALL_HASH, CZ_HASH_SHA256, from, 129, SCRIPT_ROOM);
    costs(60 + 3 * 40);
    CALL(CZ_CALL_VERIFY, from, from, 65, from);
    costs(40000 + 2 * 40);
    CALL(CZ_CALL_GAS, 0);
    costs(5);
    CALL(CZ_CALL_SELF, SCRIPT_ROOM);
    CALL(CZ_CALL_ORIGIN, SCRIPT_ROOM);
    CALL(CZ_CALL_SIGNER, 0, SCRIPT_ROOM);
    costs(3 * (10 + 4));
    CALL(CZ_CALL_WAY, 0);
    costs(5);
    CALL(CZ_CALL_OPEN, script_data(&w.script, w.accesses[a].id, 32), CZ_READ);
    costs(100);
    CALL(CZ_CALL_INFO, a, SCRIPT_ROOM);
    costs(30 + 4 * ((sizeof(struct cz_guest_info) + 63) / 64));
    CALL(CZ_CALL_LENGTH, a);
    costs(10);
    CALL(CZ_CALL_LOAD, a, 0, SCRIPT_ROOM, 100);
    costs(30 + 2 * 8);
    CALL(CZ_CALL_STORE, a, 0, from, 100);
    costs(60 + 2 * 16);
    CALL(CZ_CALL_STORE, a, 1000, from, 1); /* 1000 zeroes before it */
    costs(60 + 16 + 16 * 16);
    CALL(CZ_CALL_RESIZE, a, 640);
    costs(60 + 10 * 8);
    CALL(CZ_CALL_ALLOCATE, a, script_data(&w.script, &nothing, sizeof nothing));
    costs(400);
    CALL(CZ_CALL_TRANSFER, b, b, 1);
    costs(200);
    CALL(CZ_CALL_FACT, 0, SCRIPT_ROOM);
    costs(100 + 8 * ((sizeof(struct cz_guest_fact) + 63) / 64));
    CALL(CZ_CALL_FACT_BYTES, 0, 0, SCRIPT_ROOM, 70);
    costs(60 + 2 * 8);
    CALL(CZ_CALL_TIME, from, 4, SCRIPT_ROOM);
    costs(100);
}

static void gas_tells_what_is_left_after_it_was_paid(void **state)
{
    unsigned first, second;

    (void)state;
    first = CALL(CZ_CALL_GAS, 0);
    second = CALL(CZ_CALL_GAS, 0);
    world_run(&w);
    assert_true(world_result(&w, first) > world_result(&w, second) + 5);
    assert_true(world_result(&w, first) < 10000000 - 5);
}

static void a_call_that_cannot_be_paid_does_nothing_and_takes_all(void **state)
{
    unsigned a = world_declare(&w, "a", true);
    uint64_t before, after;

    (void)state;
    (void)world_data(&w, "a", "was");
    script_end(&w.script, 0, true);
    w.in.input = script_input(&w.script);
    czi_vm_manager_run(w.manager, &w.in, &w.out);
    before = w.out.gas; /* of nothing but the end */
    script_begin(&w.script);
    CALL(CZ_CALL_STORE, a, 0, script_data(&w.script, "is!", 3), 3);
    script_end(&w.script, 0, true);
    w.in.input = script_input(&w.script);
    czi_vm_manager_run(w.manager, &w.in, &w.out);
    after = w.out.gas;
    assert_true(after > before + 60 + 16);
    for (uint64_t gas = before; gas < after; gas++) {
        w.in.gas = gas;
        czi_vm_manager_run(w.manager, &w.in, &w.out);
        assert_int_equal(w.out.status, CZI_RUN_NO_GAS);
        assert_int_equal(w.out.gas, gas);
        assert_int_equal(w.out.op_count, 0);
        if (w.out.instructions != gas) { /* it ended in the call, or behind it */
            assert_true(w.out.accesses[a].stores == (gas - w.out.instructions == 76));
            assert_true(gas - w.out.instructions <= 76);
        }
    }
    w.in.gas = after;
    czi_vm_manager_run(w.manager, &w.in, &w.out);
    assert_int_equal(w.out.status, CZI_RUN_EXITED);
    assert_int_equal(w.out.op_count, 1);
}

static void a_size_that_no_memory_has_traps(void **state)
{
    (void)state;
    CALL(CZ_CALL_LOG, CZ_GUEST_INPUT, UINT64_MAX - 63);
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_LOG);
}

/* ---- Resources ----------------------------------------------------------------------------
 */

static void info_tells_what_a_resource_is(void **state)
{
    struct world_resource *r = world_balance(&w, "b", CZ_POSITION, "coin", -5);
    struct cz_guest_info info[3];
    unsigned a, b, c;

    (void)state;
    r->found.state = CZ_FROZEN;
    r = world_data(&w, "a", "some data");
    r->found.is_controlled = true;
    memcpy(r->found.controller, w.player_id, 32);
    a = world_declare(&w, "a", false);
    b = world_declare(&w, "b", true);
    c = world_declare(&w, "c", true);
    CALL(CZ_CALL_INFO, a, SCRIPT_ROOM);
    CALL(CZ_CALL_INFO, b, SCRIPT_ROOM + sizeof info[0]);
    CALL(CZ_CALL_INFO, c, SCRIPT_ROOM + 2 * sizeof info[0]);
    memcpy(info, run_and_show(sizeof info), sizeof info);
    assert_memory_equal(info[0].id, w.accesses[a].id, 32);
    assert_true(info[0].exists && info[0].is_own && info[0].mode == CZ_READ);
    assert_true(info[0].kind == CZ_DATA && info[0].state == CZ_ACTIVE);
    assert_true(info[0].version == 3 && info[0].length == 9 && !info[0].quantity[0]);
    assert_true(info[1].exists && !info[1].is_own && info[1].mode == CZ_WRITE);
    assert_true(info[1].kind == CZ_POSITION && info[1].state == CZ_FROZEN);
    assert_true(info[1].length == 0);
    assert_true((int64_t)info[1].quantity[0] == -5 && (int64_t)info[1].quantity[1] == -1);
    assert_true(!info[2].exists && info[2].mode == CZ_WRITE && !info[2].version);
    assert_memory_equal(info[2].id, w.accesses[c].id, 32);
}

static void load_gives_the_part_that_is_there(void **state)
{
    unsigned all, part, cut, beyond, far, none, absent, balance;

    (void)state;
    (void)world_data(&w, "a", "0123456789");
    (void)world_balance(&w, "b", CZ_FUNGIBLE, "coin", 5);
    world_declare(&w, "a", false);
    world_declare(&w, "b", false);
    world_declare(&w, "c", false);
    all = CALL(CZ_CALL_LENGTH, 0);
    part = CALL(CZ_CALL_LOAD, 0, 3, SCRIPT_ROOM, 4);
    cut = CALL(CZ_CALL_LOAD, 0, 8, SCRIPT_ROOM + 4, 100);
    beyond = CALL(CZ_CALL_LOAD, 0, 10, SCRIPT_ROOM + 6, 1);
    far = CALL(CZ_CALL_LOAD, 0, UINT64_MAX, SCRIPT_ROOM + 6, 1);
    none = CALL(CZ_CALL_LOAD, 0, 0, 0, 0);
    absent = CALL(CZ_CALL_LOAD, 2, 0, SCRIPT_ROOM, 1);
    balance = CALL(CZ_CALL_LENGTH, 1);
    world_run(&w);
    assert_int_equal(world_result(&w, all), 10);
    assert_int_equal(world_result(&w, part), 4);
    assert_int_equal(world_result(&w, cut), 2);
    assert_int_equal(world_result(&w, beyond), 0);
    assert_int_equal(world_result(&w, far), 0);
    assert_int_equal(world_result(&w, none), 0);
    assert_int_equal(world_result(&w, absent), -CZ_NOT_FOUND);
    assert_int_equal(world_result(&w, balance), -CZ_WRONG_TYPE);
    script_begin(&w.script);
    CALL(CZ_CALL_LOAD, 0, 3, SCRIPT_ROOM, 4);
    CALL(CZ_CALL_LOAD, 0, 8, SCRIPT_ROOM + 4, 100);
    assert_memory_equal(run_and_show(6), "345689", 6);
}

/* From a window to itself, forwards and backwards. */
static void load_and_store_may_overlap_in_a_window(void **state)
{
    unsigned a = world_declare(&w, "a", true);

    (void)state;
    (void)world_data(&w, "a", "0123456789");
    CALL(CZ_CALL_LOAD, a, 0, CZ_GUEST_WINDOW(a) + 2, 6);
    CALL(CZ_CALL_STORE, a, 1, CZ_GUEST_WINDOW(a) + 4, 6);
    world_run(&w);
    assert_int_equal(world_result(&w, 0), 6);
    assert_int_equal(w.out.op_count, 1);
    /* 01|012345|89, then 234589 to place 1 */
    assert_memory_equal(w.out.ops[0].data.data, "0234589589", 10);
}

static void store_grows_with_zeroes(void **state)
{
    unsigned a = world_declare(&w, "a", true), length, nothing;

    (void)state;
    (void)world_data(&w, "a", "ab");
    CALL(CZ_CALL_STORE, a, 4, script_data(&w.script, "cd", 2), 2);
    nothing = CALL(CZ_CALL_STORE, a, 100, 0, 0);
    length = CALL(CZ_CALL_LENGTH, a);
    world_run(&w);
    assert_int_equal(world_result(&w, nothing), 0);
    assert_int_equal(world_result(&w, length), 6);
    assert_int_equal(w.out.ops[0].data.len, 6);
    assert_memory_equal(w.out.ops[0].data.data, "ab\0\0cd", 6);
}

static void data_is_no_longer_than_its_bound(void **state)
{
    unsigned a = world_declare(&w, "a", true), fits, long_store, far, long_size;
    uint64_t from = script_data(&w.script, "xy", 2);

    (void)state;
    (void)world_data(&w, "a", "");
    fits = CALL(CZ_CALL_STORE, a, CZI_DATA_SIZE_MAX - 2, from, 2);
    long_store = CALL(CZ_CALL_STORE, a, CZI_DATA_SIZE_MAX - 1, from, 2);
    far = CALL(CZ_CALL_STORE, a, UINT64_MAX, from, 2);
    long_size = CALL(CZ_CALL_RESIZE, a, CZI_DATA_SIZE_MAX + 1);
    world_run(&w);
    assert_int_equal(world_result(&w, fits), 0);
    assert_int_equal(world_result(&w, long_store), -CZ_LIMIT);
    assert_int_equal(world_result(&w, far), -CZ_LIMIT);
    assert_int_equal(world_result(&w, long_size), -CZ_LIMIT);
    assert_int_equal(w.out.ops[0].data.len, CZI_DATA_SIZE_MAX);
    assert_memory_equal(w.out.ops[0].data.data + CZI_DATA_SIZE_MAX - 3, "\0xy", 3);
}

static void resize_cuts_and_grows_with_zeroes(void **state)
{
    unsigned a = world_declare(&w, "a", true), b = world_declare(&w, "b", true);

    (void)state;
    (void)world_data(&w, "a", "abcdef");
    (void)world_data(&w, "b", "abcdef");
    CALL(CZ_CALL_RESIZE, a, 3);
    CALL(CZ_CALL_RESIZE, a, 5);
    CALL(CZ_CALL_RESIZE, b, 0);
    world_run(&w);
    assert_int_equal(w.out.op_count, 2);
    assert_int_equal(w.out.ops[0].data.len, 5);
    assert_memory_equal(w.out.ops[0].data.data, "abc\0\0", 5);
    assert_int_equal(w.out.ops[1].a, b);
    assert_int_equal(w.out.ops[1].data.len, 0);
}

static void only_active_data_is_stored_to(void **state)
{
    uint64_t from = script_data(&w.script, "x", 1);
    unsigned balance, frozen, account, absent;

    (void)state;
    (void)world_balance(&w, "b", CZ_FUNGIBLE, "coin", 5);
    world_data(&w, "f", "x")->found.state = CZ_FROZEN;
    (void)world_add(&w, "a", CZ_ACCOUNT);
    balance = CALL(CZ_CALL_STORE, world_declare(&w, "b", true), 0, from, 1);
    frozen = CALL(CZ_CALL_RESIZE, world_declare(&w, "f", true), 1);
    account = CALL(CZ_CALL_STORE, world_declare(&w, "a", true), 0, from, 1);
    absent = CALL(CZ_CALL_STORE, world_declare(&w, "n", true), 0, from, 1);
    world_run(&w);
    assert_int_equal(world_result(&w, balance), -CZ_WRONG_TYPE);
    assert_int_equal(world_result(&w, frozen), -CZ_CONFLICT);
    assert_int_equal(world_result(&w, account), -CZ_WRONG_TYPE);
    assert_int_equal(world_result(&w, absent), -CZ_NOT_FOUND);
    assert_int_equal(w.out.op_count, 0);
}

static void what_is_not_declared_traps(void **state)
{
    (void)state;
    (void)world_data(&w, "a", "x");
    world_declare(&w, "a", true);
    CALL(CZ_CALL_LENGTH, 1);
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_LENGTH);
    assert_string_equal(w.out.detail, "LENGTH: resource 1 is not declared; there are 1");
}

static void storing_to_what_is_declared_read_traps(void **state)
{
    (void)state;
    (void)world_data(&w, "a", "x");
    world_declare(&w, "a", false);
    CALL(CZ_CALL_STORE, 0, 0, CZ_GUEST_INPUT, 1);
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_STORE);
    assert_non_null(strstr(w.out.detail, "STORE: resource 0 (b"));
    assert_non_null(strstr(w.out.detail, "may be read only"));
}

static void windows_are_what_is_declared_to_the_byte(void **state)
{
    struct {
        const char *name;
        bool writable, writes;
        uint64_t offset;
        enum czi_trap trap;
        const char *detail;
    } cases[] = {
        {"a", true, false, 4, CZI_TRAP_NONE, ""},
        {"a", true, true, 4, CZI_TRAP_NONE, ""},
        {"a", true, false, 5, CZI_TRAP_LOAD, "resource 0 ends at 5 bytes"},
        {"a", true, true, 5, CZI_TRAP_STORE, "resource 0 ends at 5 bytes"},
        {"a", false, false, 0, CZI_TRAP_NONE, ""},
        {"a", false, true, 0, CZI_TRAP_STORE, "resource 0 is declared read"},
        {"account", true, false, 0, CZI_TRAP_NONE, ""},
        {"account", true, true, 0, CZI_TRAP_STORE, "resource 0 is not of kind data"},
        {"b", true, false, 0, CZI_TRAP_LOAD, "resource 0 has no data"},
        {"none", true, true, 0, CZI_TRAP_STORE, "resource 0 does not exist"},
        {"a", true, false, CZ_GUEST_WINDOW_SIZE, CZI_TRAP_LOAD, ""},
    };

    (void)state;
    (void)world_data(&w, "a", "12345");
    (void)world_balance(&w, "b", CZ_FUNGIBLE, "coin", 5);
    world_add(&w, "account", CZ_ACCOUNT)->found.data =
        (struct czi_slice){(const uint8_t *)"policy", 6};
    for (unsigned i = 0; i < CZI_COUNTOF(cases); i++) {
        uint64_t address = CZ_GUEST_WINDOW(0) + cases[i].offset;

        w.in.access_count = 0;
        world_declare(&w, cases[i].name, cases[i].writable);
        script_begin(&w.script);
        if (cases[i].writes)
            script_store(&w.script, address, '!', 1);
        else
            (void)script_load(&w.script, address, 1);
        world_run(&w);
        assert_int_equal(w.out.status, cases[i].trap ? CZI_RUN_TRAPPED : CZI_RUN_EXITED);
        assert_int_equal(w.out.trap, cases[i].trap);
        if (cases[i].trap)
            assert_true(w.out.value == address);
        assert_non_null(strstr(w.out.detail, cases[i].detail));
        assert_int_equal(w.out.op_count, cases[i].writes && !cases[i].trap);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest all[] = {
        T(input_is_copied_up_to_its_end),
        T(output_and_messages_share_a_bound),
        T(output_so_far_can_be_read),
        T(three_hashes_are_there),
        T(a_hash_of_no_name_traps),
        T(much_memory_is_hashed_as_one),
        T(a_signature_is_verified),
        T(a_guest_is_told_who_it_is_and_who_asks),
        T(calls_cost_what_the_table_says),
        T(gas_tells_what_is_left_after_it_was_paid),
        T(a_call_that_cannot_be_paid_does_nothing_and_takes_all),
        T(a_size_that_no_memory_has_traps),
        T(info_tells_what_a_resource_is),
        T(load_gives_the_part_that_is_there),
        T(load_and_store_may_overlap_in_a_window),
        T(store_grows_with_zeroes),
        T(data_is_no_longer_than_its_bound),
        T(resize_cuts_and_grows_with_zeroes),
        T(only_active_data_is_stored_to),
        T(what_is_not_declared_traps),
        T(storing_to_what_is_declared_read_traps),
        T(windows_are_what_is_declared_to_the_byte),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
