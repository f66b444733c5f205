/* test_vm_manager.c - a guest's run over resources: what it may, what is tracked, and what it
 * wants done. */
#include "guest_test.h"

static void what_is_stored_is_written_when_it_exits_with_zero(void **state)
{
    unsigned a;

    (void)state;
    (void)world_data(&w, "a", "first");
    a = world_declare(&w, "a", true);
    (void)script_call(&w.script, CZ_CALL_STORE, a, 1, script_data(&w.script, "ooo", 3), 3);
    world_run(&w);
    assert_int_equal(world_result(&w, 0), 0);
    assert_int_equal(w.out.op_count, 1);
    assert_int_equal(w.out.ops[0].code, CZI_OP_WRITE);
    assert_int_equal(w.out.ops[0].a, a);
    assert_int_equal(w.out.ops[0].data.len, 5);
    assert_memory_equal(w.out.ops[0].data.data, "fooot", 5);
    assert_memory_equal(w.out.op_actors[0], w.player_id, 32);
}

static void with_another_exit_code_nothing_is_wanted(void **state)
{
    (void)state;
    (void)world_data(&w, "a", "first");
    (void)world_declare(&w, "a", true);
    script_store(&w.script, CZ_GUEST_WINDOW(0), '!', 1);
    CALL(CZ_CALL_LOG, CZ_GUEST_INPUT, 3);
    script_end(&w.script, 9, false);
    w.in.input = script_input(&w.script);
    czi_vm_manager_run(w.manager, &w.in, &w.out);
    assert_int_equal(w.out.status, CZI_RUN_EXITED);
    assert_int_equal(w.out.value, 9);
    assert_int_equal(w.out.op_count, 0);
    assert_int_equal(w.out.messages.len, 4); /* are kept, to tell why */
    assert_int_equal(w.out.output.len, 8);
}

static void a_trap_in_a_call_is_at_the_ecall(void **state)
{
    uint64_t gas;

    (void)state;
    CALL(CZ_CALL_LENGTH, 5);
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_LENGTH);
    gas = w.out.gas;
    assert_int_equal(w.out.gas - w.out.instructions, 10); /* paid all the same */
    w.in.gas = gas;
    czi_vm_manager_run(w.manager, &w.in, &w.out);
    assert_int_equal(w.out.status, CZI_RUN_TRAPPED);
    {
        uint64_t pc = w.out.pc;

        w.in.gas = gas - 1; /* not enough for the call: behind the ecall */
        czi_vm_manager_run(w.manager, &w.in, &w.out);
        assert_int_equal(w.out.status, CZI_RUN_NO_GAS);
        assert_true(w.out.pc == pc + 4);
    }
}

static void what_was_touched_is_told_and_no_more(void **state)
{
    (void)state;
    (void)world_data(&w, "a", "a");
    (void)world_data(&w, "b", "b");
    (void)world_data(&w, "c", "c");
    for (unsigned i = 0; i < 4; i++)
        (void)world_declare(&w, (const char *[]){"a", "b", "c", "none"}[i], true);
    (void)script_load(&w.script, CZ_GUEST_WINDOW(0), 1);
    script_store(&w.script, CZ_GUEST_WINDOW(1), '!', 1);
    CALL(CZ_CALL_LENGTH, 3);
    CALL(CZ_CALL_LENGTH, 3);
    world_run(&w);
    assert_int_equal(w.out.access_count, 5); /* and the code */
    assert_true(w.out.accesses[0].touched && w.out.accesses[0].read);
    assert_true(w.out.accesses[0].loads == 1 && !w.out.accesses[0].written);
    assert_true(w.out.accesses[1].touched && !w.out.accesses[1].read);
    assert_true(w.out.accesses[1].stores == 1 && w.out.accesses[1].written);
    assert_false(w.out.accesses[2].touched);
    assert_true(w.out.accesses[3].read && w.out.accesses[3].loads == 2);
    assert_int_equal(w.out.accesses[2].found_position, 14);
    assert_int_equal(w.out.accesses[3].found_position, 0);
    assert_memory_equal(w.out.accesses[4].id, w.player_id, 32);
    assert_true(w.out.accesses[4].read);
    assert_int_equal(w.finds, 5); /* each is looked up once */
}

static void a_code_that_is_declared_has_one_place(void **state)
{
    (void)state;
    (void)world_declare(&w, "player", true);
    CALL(CZ_CALL_LENGTH, 0);
    world_run(&w);
    assert_int_equal(w.out.access_count, 1);
    assert_true(w.out.accesses[0].writable && w.out.accesses[0].read);
}

static void one_run_leaves_nothing_to_the_next(void **state)
{
    unsigned first, second, third;

    (void)state;
    (void)world_data(&w, "a", "a");
    (void)world_declare(&w, "a", true);
    for (unsigned i = 0; i < 2; i++) {
        script_begin(&w.script);
        first = script_load(&w.script, SCRIPT_ROOM, 8);
        second = script_load(&w.script, CZ_GUEST_WINDOW(0), 1);
        script_store(&w.script, SCRIPT_ROOM, 99, 8);
        script_store(&w.script, CZ_GUEST_WINDOW(0), '!', 1);
        third = CALL(CZ_CALL_OUTPUT, CZ_GUEST_INPUT, 0);
        CALL(CZ_CALL_LOG, CZ_GUEST_INPUT, 1);
        world_run(&w);
        assert_int_equal(world_result(&w, first), 0);
        assert_int_equal(world_result(&w, second), 'a');
        assert_int_equal(world_result(&w, third), 0);
        assert_int_equal(w.out.messages.len, 2);
        assert_int_equal(w.out.op_count, 1);
        assert_int_equal(w.out.accesses[0].stores, 1);
    }
}

static void a_guest_runs_without_any_world(void **state)
{
    static const uint8_t nobody[32];
    const uint8_t *seen;
    unsigned way;

    (void)state;
    w.in.way = 'v';
    w.in.world = NULL;
    w.in.code_id = NULL;
    CALL(CZ_CALL_SELF, SCRIPT_ROOM);
    seen = run_and_show(32);
    assert_memory_equal(seen, nobody, 32);
    assert_int_equal(w.out.access_count, 0);
    script_begin(&w.script);
    way = CALL(CZ_CALL_WAY, 0);
    script_end(&w.script, 0, false);
    w.in.input = script_input(&w.script);
    czi_vm_manager_run(w.manager, &w.in, &w.out);
    assert_int_equal(world_result(&w, way), 'v');
}

/* ---- Validating ---------------------------------------------------------------------------
 */

/* What a manager with a fault might say; each is found. */
static void what_was_not_declared_so_is_found(void **state)
{
    struct czi_access seen[3], more[20];
    struct czi_op op = {.code = CZI_OP_TRANSFER, .a = 0, .b = 1};
    struct czi_run_result r, fine;
    cz_error err = {0};

    (void)state;
    (void)world_declare(&w, "a", true);
    (void)world_declare(&w, "b", false);
    world_run(&w);
    memcpy(seen, w.out.accesses, sizeof seen);
    fine = w.out;
    fine.accesses = seen;
    seen[0].written = seen[0].touched = true;
    assert_ok(czi_validate_resource_access(&fine, &w.in, &err), err);
#define FOUND(text)                                                                            \
    do {                                                                                       \
        assert_int_equal(czi_validate_resource_access(&r, &w.in, &err), CZ_INVALID);           \
        if (!strstr(err.detail, text))                                                         \
            fail_msg("%s", err.detail);                                                        \
        memcpy(seen, w.out.accesses, sizeof seen);                                             \
        seen[0].written = seen[0].touched = true;                                              \
    } while (0)
    r = fine;
    seen[1].written = seen[1].touched = true;
    FOUND("access 1 was written, but is declared read");
    seen[1].written = seen[1].touched = seen[1].writable = true;
    FOUND("access 1 was written, but is declared read");
    seen[2].written = seen[2].touched = seen[2].writable = true; /* the code */
    FOUND("access 2 was written, but is declared read");
    seen[0].touched = false;
    FOUND("access 0 was used, but not tracked");
    seen[1].id[0] ^= 1;
    FOUND("access 1 was not declared");
    seen[2].id[0] ^= 1;
    FOUND("access 2 was not declared");
    memset(more, 0, sizeof more);
    memcpy(more, seen, sizeof seen);
    r.accesses = more;
    r.access_count = 4;
    FOUND("4 accesses, and room for 3");
    r = fine;
    r.ops = &op;
    r.op_count = 1;
    FOUND("transfer of access 1, which may not be written");
    op.b = 0;
    assert_ok(czi_validate_resource_access(&r, &w.in, &err), err);
    op.b = 3;
    FOUND("transfer of access 3");
    op = (struct czi_op){.code = CZI_OP_REQUIRE, .a = 1};
    assert_ok(czi_validate_resource_access(&r, &w.in, &err), err);
    for (unsigned code = 0; code < CZI_OPCODES; code++) {
        bool never = code == CZI_OP_USE || code == CZI_OP_NOTE || code == CZI_OP_WHEN ||
                     code == CZI_OP_DEPOSIT || code > CZI_OP_WITHDRAW;

        op = (struct czi_op){.code = (uint8_t)code};
        if (never)
            FOUND("a guest asks for the operation");
        else
            assert_ok(czi_validate_resource_access(&r, &w.in, &err), err);
    }
    w.in.is_open = true;
    r = fine;
    r.accesses = more;
    memcpy(more[1].id, more[0].id, 32);
    r.access_count = 2;
    FOUND("are one resource");
    r.access_count = CZ_OPEN_ACCESSES_MAX + 1;
    FOUND("17 accesses, and room for 16");
}

/* ---- Embedders ----------------------------------------------------------------------------
 */

/* Runs until the end, as a program's host does. */
static enum czi_stop drive(struct czi_hart *h)
{
    enum czi_stop stop;

    do {
        stop = czi_vm_run(h);
        if (stop == CZI_STOP_CALL && h->x[17] == CZ_CALL_EXIT)
            return stop;
        if (stop == CZI_STOP_CALL && !czi_vm_manager_call(w.manager, h, &stop))
            return CZI_STOP_CALL; /* another one's */
    } while (stop == CZI_STOP_NONE);
    return stop;
}

static void begin_program(struct czi_hart *h)
{
    cz_error err = {0};

    w.in.way = 'p';
    w.in.access_count = 0;
    w.in.input = script_input(&w.script);
    assert_ok(czi_vm_manager_begin(w.manager, &w.in, &err), err);
    czi_hart_begin(h, czi_vm_manager_space(w.manager), w.in.code, w.in.gas);
}

static void an_embedder_binds_resources_and_gets_what_was_done_to_them(void **state)
{
    struct world_resource *a = world_data(&w, "a", "aaa");
    unsigned index = 9, way;
    cz_error err = {0};
    struct czi_hart h;

    (void)state;
    script_store(&w.script, CZ_GUEST_WINDOW(0), '!', 1);
    way = CALL(CZ_CALL_WAY, 0);
    script_end(&w.script, 0, false);
    begin_program(&h);
    assert_ok(czi_vm_manager_bind(w.manager, a->id, true, &a->found, &index, &err), err);
    assert_int_equal(index, 0);
    assert_int_equal(drive(&h), CZI_STOP_CALL);
    czi_collect_effects(w.manager, &w.out);
    assert_int_equal(w.out.op_count, 1);
    assert_memory_equal(w.out.ops[0].data.data, "!aa", 3);
    assert_memory_equal(w.out.accesses[w.out.ops[0].a].id, a->id, 32);
    assert_true(czi_track_resource_access(w.manager, 0, CZ_WRITE));
    assert_false(czi_track_resource_access(w.manager, 1, CZ_READ));
    czi_vm_manager_unbind_all(w.manager);
    assert_false(czi_track_resource_access(w.manager, 0, CZ_READ));
    czi_collect_effects(w.manager, &w.out);
    assert_int_equal(w.out.op_count, 0);
    assert_int_equal(w.out.access_count, 0);
    assert_false(czi_space_can(czi_vm_manager_space(w.manager), CZ_GUEST_WINDOW(0), 1, false));
    assert_ok(czi_vm_manager_bind(w.manager, a->id, false, &a->found, &index, &err), err);
    assert_int_equal(index, 0);
    assert_false(czi_track_resource_access(w.manager, 0, CZ_WRITE));
    assert_true(czi_track_resource_access(w.manager, 0, CZ_READ));
    w.out.output = czi_vm_manager_output(w.manager);
    w.out.status = CZI_RUN_EXITED;
    assert_int_equal(world_result(&w, way), 'p');
}

static void calls_of_programs_are_left_to_their_host(void **state)
{
    static const unsigned calls[] = {CZ_CALL_EMIT,   CZ_CALL_TIME,    CZ_CALL_OPEN,
                                     CZ_CALL_INVOKE, CZ_CALL_FORK,    CZ_CALL_SEND,
                                     CZ_CALL_FACT,   CZ_CALL_SEND + 1};
    enum czi_stop stop = CZI_STOP_NONE;
    struct czi_hart h;

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(calls); i++) {
        begin_program(&h);
        h.x[17] = calls[i];
        assert_false(czi_vm_manager_call(w.manager, &h, &stop));
        assert_true(h.gas == w.in.gas && stop == CZI_STOP_NONE);
    }
}

static void a_call_ends_a_reservation(void **state)
{
    enum czi_stop stop;
    struct czi_hart h;

    (void)state;
    begin_program(&h);
    h.reserved = SCRIPT_ROOM;
    h.x[17] = CZ_CALL_WAY;
    assert_true(czi_vm_manager_call(w.manager, &h, &stop));
    assert_true(h.reserved == UINT64_MAX);
}

static void an_embedder_pays_for_calls_of_its_own(void **state)
{
    enum czi_stop stop = CZI_STOP_NONE;
    struct czi_hart h = {.gas = 1000, .pc = 100};

    (void)state;
    assert_true(czi_call_pay(&h, CZ_CALL_SEND, 65, &stop));
    assert_int_equal(h.gas, 1000 - 200 - 2 * 8);
    assert_false(czi_call_pay(&h, CZ_CALL_SEND, 64 * 74, &stop)); /* one unit too many */
    assert_true(stop == CZI_STOP_GAS && h.gas == 0 && h.pc == 100);
    h.gas = UINT64_MAX;
    assert_false(czi_call_pay(&h, CZ_CALL_SEND, UINT64_MAX, &stop));
    assert_true(stop == CZI_STOP_TRAP && h.trap == CZI_TRAP_CALL && h.pc == 96);
    assert_true(h.trap_value == CZ_CALL_SEND && h.gas == UINT64_MAX);
}

static void so_many_resources_are_bound(void **state)
{
    struct world_resource *a = world_data(&w, "a", "aaa");
    unsigned index;
    cz_error err = {0};
    struct czi_hart h;

    (void)state;
    begin_program(&h);
    for (unsigned i = 0; i < CZ_GUEST_WINDOWS_MAX; i++) {
        a->id[0]++;
        assert_ok(czi_vm_manager_bind(w.manager, a->id, true, &a->found, &index, &err), err);
        assert_int_equal(index, i);
    }
    a->id[0]++;
    assert_int_equal(czi_vm_manager_bind(w.manager, a->id, true, &a->found, &index, &err),
                     CZ_LIMIT);
}

/* ---- Bounds --------------------------------------------------------------------------------
 */

static void a_run_asks_for_so_many_operations(void **state)
{
    unsigned a = world_declare(&w, "a", true), b = world_declare(&w, "b", true);

    (void)state;
    (void)world_balance(&w, "a", CZ_FUNGIBLE, "coin", 1000);
    (void)world_balance(&w, "b", CZ_FUNGIBLE, "coin", 0);
    for (unsigned i = 0; i <= CZI_RUN_OPERATIONS_MAX; i++)
        (void)script_call(&w.script, CZ_CALL_TRANSFER, a, b, 1, 0);
    world_run(&w);
    assert_int_equal(world_result(&w, CZI_RUN_OPERATIONS_MAX - 1), 0);
    assert_int_equal(world_result(&w, CZI_RUN_OPERATIONS_MAX), -CZ_LIMIT);
    assert_int_equal(w.out.op_count, CZI_RUN_OPERATIONS_MAX);
    assert_true(CZI_RUN_OPERATIONS_MAX + CZ_GUEST_WINDOWS_MAX <= CZI_OPERATIONS_MAX);
}

/* A call of the player by itself, with everything that it has. */
static uint64_t invoke(const void *input, size_t len, unsigned indexes)
{
    uint64_t list[CZ_GUEST_WINDOWS_MAX];
    struct cz_guest_invoke in = {.input_len = len, .count = indexes, .gas = 1000000};

    for (unsigned i = 0; i < indexes; i++)
        list[i] = i;
    in.code = script_data(&w.script, w.player_id, 32);
    in.input = script_data(&w.script, input, len);
    in.indexes = script_data(&w.script, list, sizeof list[0] * indexes);
    script_copy(&w.script, SCRIPT_ROOM, script_data(&w.script, &in, sizeof in), sizeof in);
    return SCRIPT_ROOM;
}

/* Each change of hands of a window keeps what the one before has written. */
static void what_operations_hold_is_bounded(void **state)
{
    static const struct script_step nothing = {SCRIPT_END, {0}};
    unsigned a = world_declare(&w, "a", true), i, count = CZI_RUN_BYTES_MAX / CZI_DATA_SIZE_MAX;
    uint64_t arguments;

    (void)state;
    (void)world_data(&w, "a", "");
    (void)world_declare(&w, "player", false);
    w.in.gas = 1000000000;
    arguments = invoke(&nothing, sizeof nothing, 1);
    (void)script_call(&w.script, CZ_CALL_RESIZE, a, CZI_DATA_SIZE_MAX, 0, 0);
    for (i = 0; i <= count; i++) {
        script_store(&w.script, CZ_GUEST_WINDOW(a), i, 1);
        (void)script_call(&w.script, CZ_CALL_INVOKE, arguments, 0, 0, 0);
    }
    world_run(&w);
    assert_int_equal(world_result(&w, count), 0);
    assert_int_equal(world_result(&w, 1 + count), -CZ_LIMIT);
    assert_int_equal(w.out.op_count, count + 1);
    for (i = 0; i < w.out.op_count; i++) {
        assert_int_equal(w.out.ops[i].code, CZI_OP_WRITE);
        assert_int_equal(w.out.ops[i].data.len, CZI_DATA_SIZE_MAX);
        assert_int_equal(w.out.ops[i].data.data[0], i);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest all[] = {
        T(what_is_stored_is_written_when_it_exits_with_zero),
        T(with_another_exit_code_nothing_is_wanted),
        T(a_trap_in_a_call_is_at_the_ecall),
        T(what_was_touched_is_told_and_no_more),
        T(a_code_that_is_declared_has_one_place),
        T(one_run_leaves_nothing_to_the_next),
        T(a_guest_runs_without_any_world),
        T(what_was_not_declared_so_is_found),
        T(an_embedder_binds_resources_and_gets_what_was_done_to_them),
        T(calls_of_programs_are_left_to_their_host),
        T(a_call_ends_a_reservation),
        T(an_embedder_pays_for_calls_of_its_own),
        T(so_many_resources_are_bound),
        T(a_run_asks_for_so_many_operations),
        T(what_operations_hold_is_bounded),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
