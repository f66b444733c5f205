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
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(what_is_stored_is_written_when_it_exits_with_zero,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_run_asks_for_so_many_operations, begin, end),
        cmocka_unit_test_setup_teardown(what_operations_hold_is_bounded, begin, end),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
