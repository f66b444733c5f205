/* test_vm_wild.c - calls with pointers, indexes and numbers that must not be; what a guest
 * opens by itself; facts and times; and the want of memory. */
#include "fact/fact.h"
#include "guest_test.h"
#include "resource/resource.h"

/* ---- Pointers -----------------------------------------------------------------------------
 */

/* Every argument that points to something: of the right call, with the rest as it should be. */
static const struct wild {
    unsigned number;
    uint64_t a[4];
    unsigned place; /* of the pointer */
    bool writes;
} wild[] = {
    {CZ_CALL_INPUT, {0, 0, 64}, 0, true},
    {CZ_CALL_OUTPUT, {0, 64}, 0},
    {CZ_CALL_LOG, {0, 64}, 0},
    {CZ_CALL_HASH, {CZ_HASH_BLAKE3, 0, 64, SCRIPT_ROOM}, 1},
    {CZ_CALL_HASH, {CZ_HASH_BLAKE3, SCRIPT_ROOM, 64, 0}, 3, true},
    {CZ_CALL_VERIFY, {0, SCRIPT_ROOM, 64, SCRIPT_ROOM}, 0},
    {CZ_CALL_VERIFY, {SCRIPT_ROOM, 0, 64, SCRIPT_ROOM}, 1},
    {CZ_CALL_VERIFY, {SCRIPT_ROOM, SCRIPT_ROOM, 64, 0}, 3},
    {CZ_CALL_SELF, {0}, 0, true},
    {CZ_CALL_ORIGIN, {0}, 0, true},
    {CZ_CALL_SIGNER, {0, 0}, 1, true},
    {CZ_CALL_SIGNER, {9, 0}, 1, true},
    {CZ_CALL_OPEN, {0, CZ_READ}, 0},
    {CZ_CALL_INFO, {0, 0}, 1, true},
    {CZ_CALL_LOAD, {0, 0, 0, 64}, 2, true},
    {CZ_CALL_LOAD, {2, 0, 0, 64}, 2, true}, /* what is not there */
    {CZ_CALL_STORE, {0, 0, 0, 64}, 2},
    {CZ_CALL_ALLOCATE, {2, 0}, 1},
    {CZ_CALL_EMIT, {0}, 0},
    {CZ_CALL_INVOKE, {0}, 0},
    {CZ_CALL_FACT, {9, 0}, 1, true},
    {CZ_CALL_FACT_BYTES, {9, 0, 0, 64}, 2, true},
    {CZ_CALL_TIME, {0, 4, SCRIPT_ROOM}, 0},
    {CZ_CALL_TIME, {SCRIPT_ROOM, 4, 0}, 2, true},
};

/* Nothing is there, or nothing may be written there. */
static const struct {
    uint64_t address;
    bool only_for_writes;
} nowhere[] = {
    {0},
    {CZ_GUEST_PAGE - 1},
    {CZ_GUEST_IMAGE_END - 1},
    {CZ_GUEST_STACK_TOP - 1 - CZ_GUEST_STACK_SIZE},
    {CZ_GUEST_WINDOW(0) + 3}, /* reaches beyond its end */
    {CZ_GUEST_WINDOW(2)},
    {CZ_GUEST_MEMORY_END - 1},
    {CZ_GUEST_MEMORY_END},
    {UINT64_C(1) << 32},
    {UINT64_MAX},
    {UINT64_MAX - 63},
    {CZ_GUEST_INPUT, true},
    {CZ_GUEST_WINDOW(1), true},
    {0x10000, true}, /* the text */
};

static void declare_three(void)
{
    static const char data[] = "0123456789012345678901234567890123456789"
                               "0123456789012345678901234567890123456789";

    w.count = 1;
    w.in.access_count = 0;
    (void)world_data(&w, "a", data);
    (void)world_data(&w, "b", data);
    (void)world_declare(&w, "a", true);
    (void)world_declare(&w, "b", false);
    (void)world_declare(&w, "c", true);
}

static void every_wild_pointer_traps_with_its_address(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(wild); i++) {
        for (unsigned k = 0; k < CZI_COUNTOF(nowhere); k++) {
            const struct wild *c = &wild[i];
            uint64_t a[4];
            /* The end of a window, which the shorter ones do not reach. */
            uint64_t address = nowhere[k].address + (k == 4 ? 75 : 0);

            if (nowhere[k].only_for_writes && !c->writes)
                continue;
            memcpy(a, c->a, sizeof a);
            a[c->place] = address;
            script_begin(&w.script);
            declare_three();
            script_call(&w.script, c->number, a[0], a[1], a[2], a[3]);
            world_run(&w);
            if (w.out.status != CZI_RUN_TRAPPED ||
                w.out.trap != (c->writes ? CZI_TRAP_STORE : CZI_TRAP_LOAD) ||
                w.out.value != address)
                fail_msg("case %u at %llx: status %d, trap %u, value %llx, %s", i,
                         (unsigned long long)address, w.out.status, w.out.trap,
                         (unsigned long long)w.out.value, w.out.detail);
            assert_int_equal(w.out.op_count, 0);
            assert_int_equal(w.out.messages.len, 0);
            assert_int_equal(w.out.output.len, 0);
            for (unsigned n = 0; n < w.out.access_count; n++)
                assert_false(w.out.accesses[n].written);
            assert_non_null(strstr(w.out.detail, "bytes at 0x"));
        }
    }
}

/* Pointers within structures. */
static void wild_pointers_in_structures_trap(void **state)
{
    enum { NEW_LABEL, NEW_ASSET, OP_A, OP_DATA, OP_TEXT, CODE, INDEXES, INPUT, OUTPUT, CASES };
    static const uint64_t places[] = {1, UINT64_MAX - 7, CZ_GUEST_MEMORY_END - 4};

    (void)state;
    for (unsigned i = 0; i < CASES * CZI_COUNTOF(places); i++) {
        unsigned which = i % CASES;
        uint64_t bad = places[i / CASES];
        struct cz_guest_new in = {.kind = CZ_FUNGIBLE};
        struct cz_guest_op op = {.code = which == OP_TEXT ? CZ_OP_WITHDRAW : CZ_OP_WRITE};
        struct cz_guest_invoke call = {.gas = 1000};
        uint64_t good, zero = 0;

        script_begin(&w.script);
        declare_three();
        good = script_data(&w.script, w.accesses[0].id, 32);
        in.label = which == NEW_LABEL ? bad : script_data(&w.script, "eight-ok", 8);
        in.label_len = in.asset_len = 8;
        in.asset = bad;
        op.a = which == OP_A ? bad : good;
        op.b = op.c = good;
        op.data = op.text = bad;
        op.data_len = op.text_len = 8;
        call.code = which == CODE ? bad : script_data(&w.script, w.player_id, 32);
        call.indexes = which == INDEXES ? bad : script_data(&w.script, &zero, 8);
        call.count = 1;
        call.input = which == INPUT ? bad : good;
        call.input_len = call.output_size = 8;
        call.output = which == OUTPUT ? bad : SCRIPT_ROOM;
        script_copy(&w.script, SCRIPT_ROOM, script_data(&w.script, &call, sizeof call),
                    sizeof call);
        if (which <= NEW_ASSET)
            CALL(CZ_CALL_ALLOCATE, 2, script_data(&w.script, &in, sizeof in));
        else if (which <= OP_TEXT)
            CALL(CZ_CALL_EMIT, script_data(&w.script, &op, sizeof op));
        else
            CALL(CZ_CALL_INVOKE, SCRIPT_ROOM);
        run_into_trap(which == OUTPUT ? CZI_TRAP_STORE : CZI_TRAP_LOAD, bad);
    }
}

static void an_invocation_that_cannot_be_answered_traps(void **state)
{
    struct cz_guest_invoke call = {.gas = 1000};
    uint64_t at;

    (void)state;
    (void)world_declare(&w, "player", false);
    call.code = script_data(&w.script, w.player_id, 32);
    at = script_data(&w.script, &call, sizeof call); /* where nothing is written */
    CALL(CZ_CALL_INVOKE, at);
    run_into_trap(CZI_TRAP_STORE, at);
}

/* ---- Numbers and indexes ------------------------------------------------------------------
 */

static void calls_that_are_none_or_not_of_this_way_trap(void **state)
{
    static const struct {
        char way;
        uint64_t number;
    } cases[] = {{'e', 0},
                 {'e', 92},
                 {'e', 94},
                 {'e', 1023},
                 {'e', 1035},
                 {'e', CZ_CALL_FORK},
                 {'e', CZ_CALL_SEND},
                 {'e', CZ_CALL_SEND + 1},
                 {'e', UINT64_MAX},
                 {'e', (UINT64_C(1) << 32) + CZ_CALL_GAS},
                 {'v', CZ_CALL_ORIGIN},
                 {'v', CZ_CALL_SIGNER},
                 {'v', CZ_CALL_LENGTH},
                 {'v', CZ_CALL_INVOKE},
                 {'v', CZ_CALL_FACT},
                 {'v', CZ_CALL_TIME}};

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(cases); i++) {
        script_begin(&w.script);
        w.in.way = cases[i].way;
        w.in.world = cases[i].way == 'v' ? NULL : &w.world;
        CALL(cases[i].number, 0);
        run_into_trap(CZI_TRAP_CALL, cases[i].number);
        assert_non_null(strstr(w.out.detail, "there is no call"));
    }
}

static void every_call_on_an_index_checks_it(void **state)
{
    static const unsigned calls[] = {CZ_CALL_INFO,    CZ_CALL_LENGTH, CZ_CALL_LOAD,
                                     CZ_CALL_STORE,   CZ_CALL_RESIZE, CZ_CALL_ALLOCATE,
                                     CZ_CALL_TRANSFER};
    static const uint64_t indexes[] = {3, 64, UINT64_MAX, UINT64_C(1) << 32};

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(calls); i++) {
        for (unsigned k = 0; k < CZI_COUNTOF(indexes); k++) {
            script_begin(&w.script);
            declare_three();
            CALL(calls[i], indexes[k], SCRIPT_ROOM, SCRIPT_ROOM);
            run_into_trap(CZI_TRAP_CALL, calls[i]);
        }
    }
}

/* ---- Opening ------------------------------------------------------------------------------
 */

static unsigned open_named(const char *name, uint64_t mode)
{
    uint8_t id[32];

    world_id(name, id);
    return CALL(CZ_CALL_OPEN, script_data(&w.script, id, 32), mode);
}

static void a_declared_resource_is_opened_by_its_id(void **state)
{
    unsigned b, a, again, odd;

    (void)state;
    declare_three();
    b = open_named("b", CZ_READ);
    a = open_named("a", CZ_WRITE);
    again = open_named("a", CZ_READ);
    odd = open_named("a", 2);
    world_run(&w);
    assert_int_equal(world_result(&w, b), 1);
    assert_int_equal(world_result(&w, a), 0);
    assert_int_equal(world_result(&w, again), 0);
    assert_int_equal(world_result(&w, odd), -CZ_INVALID);
    script_begin(&w.script);
    open_named("b", CZ_WRITE);
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_OPEN);
    script_begin(&w.script);
    open_named("d", CZ_READ);
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_OPEN);
}

static void what_is_opened_is_what_was_touched(void **state)
{
    unsigned a, b, none, value;

    (void)state;
    w.in.is_open = true;
    (void)world_data(&w, "a", "x");
    (void)world_data(&w, "b", "y");
    a = open_named("a", CZ_WRITE);
    none = open_named("none", CZ_READ);
    b = open_named("b", CZ_READ);
    value = script_load(&w.script, CZ_GUEST_WINDOW(2), 1);
    script_store(&w.script, CZ_GUEST_WINDOW(0), '!', 1);
    world_run(&w);
    assert_int_equal(world_result(&w, a), 0);
    assert_int_equal(world_result(&w, none), 1);
    assert_int_equal(world_result(&w, b), 2);
    assert_int_equal(world_result(&w, value), 'y');
    assert_int_equal(w.out.access_count, 4); /* with the code, which comes first */
    assert_memory_equal(w.out.accesses[0].id, w.player_id, 32);
    assert_true(w.out.accesses[0].read && !w.out.accesses[0].writable);
    assert_memory_equal(w.out.accesses[1].id, w.all[1].id, 32);
    assert_true(w.out.accesses[1].written && w.out.accesses[1].writable);
    assert_true(w.out.accesses[2].touched && w.out.accesses[2].found_position == 0);
    assert_true(w.out.accesses[3].read && !w.out.accesses[3].written);
    assert_int_equal(w.out.accesses[3].found_position, 13);
    assert_int_equal(w.out.op_count, 1);
    assert_int_equal(w.out.ops[0].a, 1);
}

static void what_was_opened_to_be_read_can_be_opened_to_be_written(void **state)
{
    (void)state;
    w.in.is_open = true;
    (void)world_data(&w, "a", "xyz");
    open_named("a", CZ_READ);
    (void)script_load(&w.script, CZ_GUEST_WINDOW(0), 1);
    open_named("a", CZ_WRITE);
    script_store(&w.script, CZ_GUEST_WINDOW(0) + 1, '!', 1);
    world_run(&w);
    assert_int_equal(world_result(&w, 2), 0);
    assert_int_equal(w.out.op_count, 1);
    assert_memory_equal(w.out.ops[0].data.data, "x!z", 3);
    assert_true(w.out.accesses[1].read && w.out.accesses[1].written);
}

static void so_many_resources_are_opened(void **state)
{
    char name[8];

    (void)state;
    w.in.is_open = true;
    for (unsigned i = 0; i < CZ_OPEN_ACCESSES_MAX - 1; i++) { /* and the code */
        (void)snprintf(name, sizeof name, "%u", i);
        open_named(name, CZ_WRITE);
    }
    world_run(&w);
    assert_int_equal(w.out.access_count, CZ_OPEN_ACCESSES_MAX);
    assert_int_equal(world_result(&w, CZ_OPEN_ACCESSES_MAX - 2), CZ_OPEN_ACCESSES_MAX - 2);
    w.script.steps--; /* goes on */
    w.script.bytes[64 * (size_t)w.script.steps] = SCRIPT_CALL;
    open_named("player", CZ_READ); /* has a place */
    open_named("more", CZ_READ);
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_OPEN);
    assert_int_equal(w.out.access_count, CZ_OPEN_ACCESSES_MAX);
}

/* ---- Outside ------------------------------------------------------------------------------
 */

static void a_deposit_is_told_with_its_claim(void **state)
{
    struct czi_fact f = {.domain = {(const uint8_t *)"moon", 4},
                         .kind = CZ_FACT_DEPOSIT,
                         .height = 77,
                         .time = 1001,
                         .has_header = true,
                         .finality = CZ_SAFE,
                         .event_key = {(const uint8_t *)"key", 3},
                         .claim_count = 3,
                         .claim = {{CZI_VALUE_TEXT, .bytes = {(const uint8_t *)"alice", 5}},
                                   {CZI_VALUE_TEXT, .bytes = {(const uint8_t *)"stone", 5}},
                                   {CZI_VALUE_UINT, .number = 55}}};
    CZI_AUTOBUF bytes = {0};
    struct cz_guest_fact seen;
    cz_error err = {0};
    unsigned length, part, none;

    (void)state;
    assert_ok(czi_fact_encode(&f, &bytes, &err), err);
    w.fact_count = 1;
    w.facts[0] = (struct world_fact){.bytes = czi_buf_slice(&bytes),
                                     .id = czi_fact_id(bytes.data, bytes.len),
                                     .finality = CZ_FINAL,
                                     .number = 9};
    CALL(CZ_CALL_FACT, 0, SCRIPT_ROOM);
    memcpy(&seen, run_and_show(sizeof seen), sizeof seen);
    assert_memory_equal(seen.id, w.facts[0].id.bytes, 32);
    assert_true(seen.kind == CZ_FACT_DEPOSIT && seen.finality == CZ_FINAL && seen.number == 9);
    assert_true(seen.height == 77 && seen.time == 1001 && seen.amount[0] == 55);
    assert_string_equal((const char *)seen.domain, "moon");
    assert_string_equal((const char *)seen.account, "alice");
    assert_string_equal((const char *)seen.asset, "stone");
    script_begin(&w.script);
    length = CALL(CZ_CALL_FACT_BYTES, 0, 0, 0, 0);
    part = CALL(CZ_CALL_FACT_BYTES, 0, bytes.len - 3, SCRIPT_ROOM, 64);
    none = CALL(CZ_CALL_FACT_BYTES, 1, 0, 0, 0);
    CALL(CZ_CALL_FACT, 1, SCRIPT_ROOM);
    CALL(CZ_CALL_FACT, UINT64_MAX, SCRIPT_ROOM);
    world_run(&w);
    assert_int_equal(world_result(&w, length), bytes.len);
    assert_int_equal(world_result(&w, part), 3);
    assert_int_equal(world_result(&w, none), -CZ_NOT_FOUND);
    assert_int_equal(world_result(&w, 3), -CZ_NOT_FOUND);
    assert_int_equal(world_result(&w, 4), -CZ_NOT_FOUND);
}

static void the_time_of_a_domain_is_told(void **state)
{
    uint64_t name = script_data(&w.script, "moons", 5);
    struct cz_guest_time seen;
    unsigned other, long_name;

    (void)state;
    CALL(CZ_CALL_TIME, name, 4, SCRIPT_ROOM);
    memcpy(&seen, run_and_show(sizeof seen), sizeof seen);
    assert_true(seen.height == 7 && seen.time == 1234 && seen.hash[31] == 0xab);
    script_begin(&w.script);
    name = script_data(&w.script, "moons", 5);
    other = CALL(CZ_CALL_TIME, name, 5, SCRIPT_ROOM);
    long_name = CALL(CZ_CALL_TIME, name, CZI_DOMAIN_SIZE_MAX + 1, SCRIPT_ROOM);
    world_run(&w);
    assert_int_equal(world_result(&w, other), -CZ_NOT_FOUND);
    assert_int_equal(world_result(&w, long_name), -CZ_NOT_FOUND);
}

/* ---- Want of memory -----------------------------------------------------------------------
 */

/* Runs that need memory at every place that asks for it: a space, one of an invoked code, and
 * bytes that stay. */
static void want_of_memory_is_told_and_does_no_harm(void **state)
{
    static const struct script_step nothing = {SCRIPT_END, {0}};
    struct cz_guest_invoke call = {.gas = 100000, .input_len = sizeof nothing, .count = 1};
    uint64_t zero = 0;
    unsigned failed = 0;
    cz_error err = {0};

    (void)state;
    for (int64_t skip = 0;; skip++) {
        script_begin(&w.script);
        declare_three();
        (void)world_declare(&w, "player", false);
        call.code = script_data(&w.script, w.player_id, 32);
        call.input = script_data(&w.script, &nothing, sizeof nothing);
        call.indexes = script_data(&w.script, &zero, 8);
        script_copy(&w.script, SCRIPT_ROOM, script_data(&w.script, &call, sizeof call),
                    sizeof call);
        script_store(&w.script, CZ_GUEST_WINDOW(0), '!', 1);
        CALL(CZ_CALL_INVOKE, SCRIPT_ROOM);
        script_end(&w.script, 0, false);
        w.in.input = script_input(&w.script);
        czi_vm_manager_free(w.manager);
        w.manager = NULL;
        czi_alloc_fail_after(skip);
        if (czi_vm_manager_new(&w.manager, &err) == CZ_OK)
            czi_vm_manager_run(w.manager, &w.in, &w.out);
        else
            assert_int_equal(err.code, CZ_NOMEM);
        if (!czi_alloc_failed())
            break;
        czi_alloc_fail_after(-1);
        failed++;
        if (!w.manager)
            continue;
        assert_int_equal(w.out.status, CZI_RUN_NOMEM);
        assert_int_equal(w.out.op_count, 0);
        czi_vm_manager_run(w.manager, &w.in, &w.out); /* the same one goes on */
        assert_int_equal(world_result(&w, 0), 0);
        assert_int_equal(w.out.op_count, 1);
    }
    czi_alloc_fail_after(-1);
    assert_true(failed >= 4);
    assert_int_equal(world_result(&w, 0), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest all[] = {
        T(every_wild_pointer_traps_with_its_address),
        T(wild_pointers_in_structures_trap),
        T(an_invocation_that_cannot_be_answered_traps),
        T(calls_that_are_none_or_not_of_this_way_trap),
        T(every_call_on_an_index_checks_it),
        T(a_declared_resource_is_opened_by_its_id),
        T(what_is_opened_is_what_was_touched),
        T(what_was_opened_to_be_read_can_be_opened_to_be_written),
        T(so_many_resources_are_opened),
        T(a_deposit_is_told_with_its_claim),
        T(the_time_of_a_domain_is_told),
        T(want_of_memory_is_told_and_does_no_harm),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
