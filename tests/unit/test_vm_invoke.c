/* test_vm_invoke.c - a guest that runs another code: what that sees, what it does, and how it
 * is undone. The other code is the player too, under another name. */
#include "guest_test.h"
#include "resource/resource.h"

static struct script inner;
static uint8_t other_id[32];

static int begin_two(void **state)
{
    begin(state);
    (void)world_code(&w, "other", w.player);
    world_id("other", other_id);
    script_begin(&inner);
    inner.len = 16 * sizeof(struct script_step); /* shorter, to fit in an input */
    return 0;
}

#define INNER(...) INNER_(__VA_ARGS__, 0, 0, 0, 0)
#define INNER_(number, a, b, c, d, ...) script_call(&inner, number, a, b, c, d)

/* Where the arguments lie, for what is written there. */
#define ARGUMENTS SCRIPT_ROOM
#define ANSWER (SCRIPT_ROOM + 4096)
#define RET_OUTPUT (ARGUMENTS + offsetof(struct cz_guest_invoke, ret_output))
#define RET_CODE (ARGUMENTS + offsetof(struct cz_guest_invoke, ret_code))

/* Ends the inner script, and runs it with gas on the caller's resources; the results are what
 * the call gave, its exit code and how much it put out. */
static unsigned invoke_with(struct script *s, const uint8_t code[32], uint64_t inner_code,
                            uint64_t gas, const uint64_t *indexes, unsigned count)
{
    struct cz_guest_invoke in = {.gas = gas,
                                 .count = count,
                                 .output = ANSWER,
                                 .output_size = 64};
    unsigned result;

    script_end(&inner, inner_code, false);
    in.code = script_data(s, code, 32);
    in.input = script_data(s, inner.bytes, inner.len);
    in.input_len = inner.len;
    in.indexes = script_data(s, indexes, 8 * (size_t)count);
    script_copy(s, ARGUMENTS, script_data(s, &in, sizeof in), sizeof in);
    result = script_call(s, CZ_CALL_INVOKE, ARGUMENTS, 0, 0, 0);
    (void)script_load(s, RET_CODE, 8);
    (void)script_load(s, RET_OUTPUT, 8);
    return result;
}
#define INVOKE(inner_code, ...)                                                                \
    invoke_with(&w.script, other_id, inner_code, 1000000, (const uint64_t[]){__VA_ARGS__},     \
                sizeof((uint64_t[]){__VA_ARGS__}) / 8)

static void assert_ended(unsigned result, int code, uint64_t exit_code)
{
    assert_int_equal(world_result(&w, result), -code);
    assert_true((uint64_t)world_result(&w, result + 1) == exit_code);
}

static bool is_write(const struct czi_op *op, unsigned place, const char *contents)
{
    return op->code == CZI_OP_WRITE && op->a == place && op->data.len == strlen(contents) &&
           memcmp(op->data.data, contents, op->data.len) == 0;
}

/* ---- What it sees -------------------------------------------------------------------------
 */

static void it_sees_what_it_is_given_and_nothing_else(void **state)
{
    unsigned i;

    (void)state;
    (void)world_data(&w, "a", "a");
    (void)world_data(&w, "b", "bb");
    (void)world_data(&w, "c", "ccc");
    (void)world_declare(&w, "a", true);
    (void)world_declare(&w, "b", true);
    (void)world_declare(&w, "c", true);
    (void)world_declare(&w, "other", false);
    INNER(CZ_CALL_LENGTH, 0);
    INNER(CZ_CALL_LENGTH, 1);
    (void)script_load(&inner, CZ_GUEST_WINDOW(1), 1);
    i = INVOKE(0, 2, 1);
    for (unsigned k = 0; k < 3; k++) /* its results, as its output */
        (void)script_load(&w.script, ANSWER + 8 * k, 8);
    inner.steps = 0;
    INNER(CZ_CALL_LENGTH, 2);
    INVOKE(0, 2, 1);
    world_run(&w);
    assert_ended(i, CZ_OK, 0);
    assert_int_equal(world_result(&w, 2), 3 * 8); /* put out */
    assert_int_equal(world_result(&w, 3), 3);
    assert_int_equal(world_result(&w, 4), 2);
    assert_int_equal(world_result(&w, 5), 'b');
    assert_ended(6, CZ_REJECTED, CZ_INVOKE_TRAPPED);
    assert_false(w.out.accesses[0].touched);
    assert_true(w.out.accesses[1].read && w.out.accesses[2].read);
}

static void it_is_itself_and_has_memory_of_its_own(void **state)
{
    (void)state;
    (void)world_declare(&w, "other", false);
    script_store(&w.script, SCRIPT_ROOM + 8192, 'x', 1);
    (void)script_load(&inner, SCRIPT_ROOM + 8192, 1);
    script_store(&inner, SCRIPT_ROOM + 8192, 'y', 1);
    INNER(CZ_CALL_SELF, SCRIPT_ROOM);
    (void)script_load(&inner, SCRIPT_ROOM, 8);
    INVOKE(0, );
    (void)script_load(&w.script, SCRIPT_ROOM + 8192, 1);
    (void)script_load(&w.script, ANSWER, 8);
    (void)script_load(&w.script, ANSWER + 16, 8);
    world_run(&w);
    assert_ended(0, CZ_OK, 0);
    assert_int_equal(world_result(&w, 3), 'x');
    assert_int_equal(world_result(&w, 4), 0);
    assert_true((uint64_t)world_result(&w, 5) == czi_get_u64le(other_id));
}

static void its_output_is_the_callers_to_use(void **state)
{
    (void)state;
    (void)world_declare(&w, "other", false);
    for (unsigned i = 0; i < 12; i++)
        INNER(CZ_CALL_WAY, 0); /* 96 bytes of results, of which 64 are wanted */
    INVOKE(0, );
    (void)script_load(&w.script, ANSWER + 56, 8);
    (void)script_load(&w.script, ANSWER + 64, 8);
    world_run(&w);
    assert_int_equal(world_result(&w, 2), 96);
    assert_int_equal(world_result(&w, 3), 'e');
    assert_int_equal(world_result(&w, 4), 0);
    assert_int_equal(w.out.output.len, 5 * 8); /* only the first code's is the run's */
}

static void what_is_given_to_be_read_only_is_not_written(void **state)
{
    (void)state;
    (void)world_data(&w, "a", "a");
    (void)world_data(&w, "b", "b");
    (void)world_declare(&w, "a", true);
    (void)world_declare(&w, "b", false);
    (void)world_declare(&w, "other", false);
    INNER(CZ_CALL_RESIZE, 0, 1);
    INVOKE(0, 0 | CZ_INVOKE_READ);
    inner.steps = 0;
    script_store(&inner, CZ_GUEST_WINDOW(0), 'x', 1);
    INVOKE(0, 0 | CZ_INVOKE_READ);
    inner.steps = 0;
    script_store(&inner, CZ_GUEST_WINDOW(0), 'x', 1);
    INVOKE(0, 1); /* which the caller may only read */
    world_run(&w);
    for (unsigned i = 0; i < 3; i++)
        assert_ended(3 * i, CZ_REJECTED, CZ_INVOKE_TRAPPED);
    assert_int_equal(w.out.op_count, 0);
}

static void it_opens_only_what_it_is_given(void **state)
{
    uint8_t id[32];

    (void)state;
    w.in.is_open = true;
    (void)world_data(&w, "a", "a");
    world_id("a", id);
    CALL(CZ_CALL_OPEN, script_data(&w.script, id, 32), CZ_WRITE);
    INNER(CZ_CALL_OPEN, script_data(&inner, id, 32), CZ_READ);
    INVOKE(0, 0 | CZ_INVOKE_READ);
    (void)script_load(&w.script, ANSWER, 8);
    inner.steps = 0;
    INNER(CZ_CALL_OPEN, script_data(&inner, id, 32), CZ_WRITE);
    INVOKE(0, 0 | CZ_INVOKE_READ);
    inner.steps = 0;
    INNER(CZ_CALL_OPEN, script_data(&inner, id, 32), CZ_READ);
    INVOKE(0, );
    world_run(&w);
    assert_ended(1, CZ_OK, 0);
    assert_int_equal(world_result(&w, 4), 0);
    assert_ended(5, CZ_REJECTED, CZ_INVOKE_TRAPPED);
    assert_ended(8, CZ_REJECTED, CZ_INVOKE_TRAPPED);
    assert_int_equal(w.out.access_count, 3); /* with both codes */
    assert_true(w.out.accesses[2].ran && !w.out.accesses[0].ran);
}

/* ---- What it does -------------------------------------------------------------------------
 */

static void each_write_is_of_the_code_that_made_it(void **state)
{
    (void)state;
    (void)world_data(&w, "a", "....");
    (void)world_data(&w, "b", "....");
    (void)world_declare(&w, "a", true);
    (void)world_declare(&w, "b", true);
    (void)world_declare(&w, "other", false);
    script_store(&w.script, CZ_GUEST_WINDOW(0), '1', 1);
    script_store(&w.script, CZ_GUEST_WINDOW(1), '1', 1);
    script_store(&inner, CZ_GUEST_WINDOW(0) + 1, '2', 1);
    (void)script_load(&inner, CZ_GUEST_WINDOW(0), 4);
    INVOKE(0, 0);
    (void)script_load(&w.script, CZ_GUEST_WINDOW(0), 4);
    script_store(&w.script, CZ_GUEST_WINDOW(0) + 2, '3', 1);
    (void)script_load(&w.script, ANSWER, 8);
    world_run(&w);
    assert_ended(0, CZ_OK, 0);
    assert_int_equal(world_result(&w, 3), 0x2e2e3231);
    assert_int_equal(world_result(&w, 4), 0x2e2e3231);
    assert_int_equal(w.out.op_count, 4);
    assert_true(is_write(&w.out.ops[0], 0, "1..."));
    assert_memory_equal(w.out.op_actors[0], w.player_id, 32);
    assert_true(is_write(&w.out.ops[1], 0, "12.."));
    assert_memory_equal(w.out.op_actors[1], other_id, 32);
    assert_true(is_write(&w.out.ops[2], 0, "123."));
    assert_memory_equal(w.out.op_actors[2], w.player_id, 32);
    assert_true(is_write(&w.out.ops[3], 1, "1..."));
}

static void what_it_creates_is_its_own(void **state)
{
    cz_id id = czi_identity_id(other_id, (struct czi_slice){(const uint8_t *)"box", 3});
    struct cz_guest_new in = {.kind = CZ_DATA, .label_len = 3, .length = 2};

    (void)state;
    w.accesses[0].writable = true;
    memcpy(w.accesses[0].id, id.bytes, 32);
    w.in.access_count = 1;
    (void)world_declare(&w, "other", false);
    in.label = script_data(&inner, "box", 3);
    INNER(CZ_CALL_ALLOCATE, 0, script_data(&inner, &in, sizeof in));
    INVOKE(0, 0);
    (void)script_load(&w.script, CZ_GUEST_WINDOW(0), 2);
    script_store(&w.script, CZ_GUEST_WINDOW(0), '!', 1);
    world_run(&w);
    assert_ended(0, CZ_OK, 0);
    assert_int_equal(world_result(&w, 3), 0);
    assert_int_equal(w.out.op_count, 2);
    assert_int_equal(w.out.ops[0].code, CZI_OP_CREATE);
    assert_memory_equal(w.out.ops[0].controller, other_id, 32);
    assert_memory_equal(w.out.op_actors[0], other_id, 32);
    assert_int_equal(w.out.ops[0].data.len, 2);
    assert_int_equal(w.out.ops[0].data.data[0], 0);
    assert_int_equal(w.out.ops[1].code, CZI_OP_WRITE);
    assert_int_equal(w.out.ops[1].data.data[0], '!');
    assert_memory_equal(w.out.op_actors[1], w.player_id, 32);
}

/* Also when that is empty: what the caller makes of it is the caller's. */
static void what_it_creates_empty_is_not_filled_by_the_caller(void **state)
{
    cz_id id = czi_identity_id(other_id, (struct czi_slice){(const uint8_t *)"box", 3});
    struct cz_guest_new in = {.kind = CZ_DATA, .label_len = 3};

    (void)state;
    w.accesses[0].writable = true;
    memcpy(w.accesses[0].id, id.bytes, 32);
    w.in.access_count = 1;
    (void)world_declare(&w, "other", false);
    in.label = script_data(&inner, "box", 3);
    INNER(CZ_CALL_ALLOCATE, 0, script_data(&inner, &in, sizeof in));
    INVOKE(0, 0);
    CALL(CZ_CALL_STORE, 0, 0, CZ_GUEST_INPUT, 1);
    world_run(&w);
    assert_ended(0, CZ_OK, 0);
    assert_int_equal(world_result(&w, 3), 0);
    assert_int_equal(w.out.op_count, 2);
    assert_int_equal(w.out.ops[0].data.len, 0);
    assert_int_equal(w.out.ops[1].code, CZI_OP_WRITE);
    assert_memory_equal(w.out.op_actors[1], w.player_id, 32);
}

static void all_that_it_did_is_undone_when_it_fails(void **state)
{
    static const uint64_t codes[] = {7, UINT64_MAX};
    cz_id id = czi_identity_id(other_id, (struct czi_slice){(const uint8_t *)"box", 3});
    struct cz_guest_new in = {.kind = CZ_DATA, .label_len = 3, .length = 2};

    for (unsigned i = 0; i < 2; i++) {
        w.in.access_count = 0;
        w.count = 3;
        script_begin(&w.script);
        inner.steps = 0;
        (void)world_data(&w, "a", "aaa");
        (void)world_balance(&w, "m", CZ_FUNGIBLE, "coin", 9);
        (void)world_balance(&w, "n", CZ_FUNGIBLE, "coin", 0);
        (void)world_declare(&w, "a", true);
        (void)world_declare(&w, "m", true);
        (void)world_declare(&w, "n", true);
        w.accesses[3].writable = true;
        memcpy(w.accesses[3].id, id.bytes, 32);
        w.in.access_count = 4;
        (void)world_declare(&w, "other", false);
        in.label = script_data(&inner, "box", 3);
        script_store(&w.script, CZ_GUEST_WINDOW(0), '1', 1);
        CALL(CZ_CALL_TRANSFER, 1, 2, 1);
        script_store(&inner, CZ_GUEST_WINDOW(0), 'x', 1);
        INNER(CZ_CALL_RESIZE, 0, 100);
        INNER(CZ_CALL_TRANSFER, 1, 2, 5);
        INNER(CZ_CALL_ALLOCATE, 3, script_data(&inner, &in, sizeof in));
        INNER(CZ_CALL_LOG, CZ_GUEST_INPUT, 8);
        INVOKE(codes[i], 0, 1, 2, 3);
        CALL(CZ_CALL_LENGTH, 0);
        CALL(CZ_CALL_TRANSFER, 1, 2, 8); /* all that there is left */
        CALL(CZ_CALL_LENGTH, 3);
        (void)script_load(&w.script, CZ_GUEST_WINDOW(0), 3);
        world_run(&w);
        assert_ended(1, CZ_REJECTED, codes[i]);
        assert_int_equal(world_result(&w, 3), 0);
        assert_int_equal(world_result(&w, 4), 3);
        assert_int_equal(world_result(&w, 5), 0);
        assert_int_equal(world_result(&w, 6), -CZ_NOT_FOUND);
        assert_int_equal(world_result(&w, 7), 0x616131);
        assert_int_equal(w.out.messages.len, 0);
        assert_int_equal(w.out.op_count, 3);
        assert_int_equal(w.out.ops[0].code, CZI_OP_TRANSFER);
        assert_true(is_write(&w.out.ops[1], 0, "1aa")); /* kept before it began */
        assert_true(w.out.ops[2].quantity == 8);
        assert_false(w.out.accesses[3].written);
        assert_true(w.out.accesses[3].read); /* the run has seen that it is not there */
        assert_false(w.out.accesses[4].ran);
    }
    (void)state;
}

/* The inner one of three ends well, the middle one does not. */
static void what_ended_well_is_undone_with_its_caller(void **state)
{
    static struct script middle;
    const uint64_t index[] = {0};
    unsigned steps;

    (void)state;
    (void)world_data(&w, "a", "aaa");
    (void)world_declare(&w, "a", true);
    (void)world_declare(&w, "other", false);
    (void)world_declare(&w, "player", false);
    script_store(&inner, CZ_GUEST_WINDOW(0), 'x', 1);
    script_begin(&middle);
    middle.len = 16 * sizeof(struct script_step);
    invoke_with(&middle, w.player_id, 0, 100000, index, 1);
    (void)script_load(&middle, CZ_GUEST_WINDOW(0), 1);
    inner = middle;
    steps = inner.steps;
    INVOKE(1, 0);
    (void)script_load(&w.script, CZ_GUEST_WINDOW(0), 1);
    inner.steps = steps;
    INVOKE(0, 0);
    (void)script_load(&w.script, ANSWER, 8);
    (void)script_load(&w.script, CZ_GUEST_WINDOW(0), 1);
    world_run(&w);
    assert_ended(0, CZ_REJECTED, 1);
    assert_int_equal(world_result(&w, 3), 'a');
    assert_ended(4, CZ_OK, 0);
    assert_int_equal(world_result(&w, 7), 0); /* the middle one's call */
    assert_int_equal(world_result(&w, 8), 'x');
    assert_int_equal(w.out.op_count, 1);
    assert_memory_equal(w.out.op_actors[0], w.player_id, 32); /* of the innermost */
    assert_true(w.out.accesses[1].ran && w.out.accesses[2].ran);
}

/* Bytes that an undone code has kept do not count. */
static void what_was_undone_takes_no_room(void **state)
{
    struct cz_guest_op op = {.code = CZ_OP_LOCK};
    unsigned count = CZI_RUN_BYTES_MAX / CZI_DATA_SIZE_MAX + 2, length, ok;
    uint8_t id[32];

    (void)state;
    world_id("a", id);
    (void)world_data(&w, "a", "a");
    (void)world_declare(&w, "a", true);
    (void)world_declare(&w, "other", false);
    INNER(CZ_CALL_RESIZE, 0, CZI_DATA_SIZE_MAX);
    op.a = script_data(&inner, id, 32);
    INNER(CZ_CALL_EMIT, script_data(&inner, &op, sizeof op));
    INVOKE(3, 0);
    for (unsigned i = 0; i < count; i++)
        CALL(CZ_CALL_INVOKE, ARGUMENTS);
    inner.steps = 2;
    ok = INVOKE(0, 0);
    length = CALL(CZ_CALL_LENGTH, 0);
    world_run(&w);
    assert_ended(0, CZ_REJECTED, 3);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(world_result(&w, 3 + i), -CZ_REJECTED);
    assert_ended(ok, CZ_OK, 0);
    assert_int_equal(world_result(&w, length), CZI_DATA_SIZE_MAX);
    assert_int_equal(w.out.op_count, 2);
}

/* A code that is opened by the one that fails. */
static void a_code_that_was_undone_has_not_run(void **state)
{
    static struct script middle;

    (void)state;
    w.in.is_open = true;
    (void)world_code(&w, "third", w.player);
    script_begin(&middle);
    middle.len = 16 * sizeof(struct script_step);
    {
        uint8_t id[32];

        world_id("third", id);
        invoke_with(&middle, id, 0, 100000, NULL, 0);
    }
    inner = middle;
    INVOKE(1, );
    world_run(&w);
    assert_ended(0, CZ_REJECTED, 1);
    assert_int_equal(w.out.access_count, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_true(w.out.accesses[i].read && !w.out.accesses[i].ran);
}

static void what_the_caller_has_seen_is_not_forgotten(void **state)
{
    (void)state;
    (void)world_data(&w, "a", "a");
    (void)world_declare(&w, "a", true);
    (void)world_declare(&w, "other", false);
    (void)script_load(&w.script, CZ_GUEST_WINDOW(0), 1);
    script_store(&inner, CZ_GUEST_WINDOW(0), 'x', 1);
    INVOKE(0, 0);
    world_run(&w);
    assert_ended(1, CZ_OK, 0);
    assert_true(w.out.accesses[0].read && w.out.accesses[0].written);
}

/* ---- Gas ----------------------------------------------------------------------------------
 */

static void what_it_uses_is_the_callers_loss(void **state)
{
    uint64_t idle, busy, idle_calls, busy_calls;

    (void)state;
    (void)world_declare(&w, "other", false);
    INVOKE(0, );
    world_run(&w);
    assert_ended(0, CZ_OK, 0);
    idle = w.out.gas;
    idle_calls = w.out.gas - w.out.instructions;
    script_begin(&w.script);
    inner.steps = 0;
    INNER(CZ_CALL_VERIFY, CZ_GUEST_INPUT, CZ_GUEST_INPUT, 0, CZ_GUEST_INPUT);
    INVOKE(0, );
    world_run(&w);
    assert_ended(0, CZ_OK, 0);
    busy = w.out.gas;
    busy_calls = w.out.gas - w.out.instructions;
    /* The call, and the one that puts out its result. */
    assert_int_equal(busy_calls - idle_calls, 40000 + 8);
    assert_true(busy - idle > 40008 && busy - idle < 40008 + 200);
}

static void it_has_no_more_gas_than_it_is_given(void **state)
{
    unsigned left;

    (void)state;
    (void)world_declare(&w, "other", false);
    INNER(CZ_CALL_VERIFY, CZ_GUEST_INPUT, CZ_GUEST_INPUT, 0, CZ_GUEST_INPUT);
    CALL(CZ_CALL_GAS, 0);
    invoke_with(&w.script, other_id, 0, 30000, NULL, 0);
    left = CALL(CZ_CALL_GAS, 0);
    world_run(&w);
    assert_ended(1, CZ_REJECTED, CZ_INVOKE_NO_GAS);
    assert_in_range(world_result(&w, 0) - world_result(&w, left), 31000, 32500);
    /* Nor than there is. */
    w.in.gas = 20000;
    czi_vm_manager_run(w.manager, &w.in, &w.out);
    assert_int_equal(w.out.status, CZI_RUN_NO_GAS);
    assert_int_equal(w.out.gas, 20000);
}

static void bytes_that_change_hands_are_paid(void **state)
{
    uint64_t empty, large;

    (void)state;
    (void)world_data(&w, "a", "");
    (void)world_declare(&w, "a", true);
    (void)world_declare(&w, "other", false);
    CALL(CZ_CALL_RESIZE, 0, 0);
    INNER(CZ_CALL_RESIZE, 0, 0);
    INVOKE(0, 0);
    world_run(&w);
    assert_ended(1, CZ_OK, 0);
    empty = w.out.gas - w.out.instructions;
    script_begin(&w.script);
    inner.steps = 0;
    CALL(CZ_CALL_RESIZE, 0, 6400);
    INNER(CZ_CALL_RESIZE, 0, 3200);
    INVOKE(0, 0);
    world_run(&w);
    assert_ended(1, CZ_OK, 0);
    large = w.out.gas - w.out.instructions;
    assert_int_equal(large - empty, 2 * (100 + 50) * 8); /* resizing, and changing hands */
}

/* ---- What must not be, and what may fail --------------------------------------------------
 */

static void wrong_indexes_trap(void **state)
{
    (void)state;
    (void)world_declare(&w, "a", true);
    (void)world_declare(&w, "other", false);
    INVOKE(0, 0, 0);
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_INVOKE);
    script_begin(&w.script);
    inner.steps = 0;
    INVOKE(0, 0, 0 | CZ_INVOKE_READ);
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_INVOKE);
    script_begin(&w.script);
    inner.steps = 0;
    INVOKE(0, 2);
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_INVOKE);
}

static void a_code_that_is_not_declared_traps(void **state)
{
    (void)state;
    INVOKE(0, );
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_INVOKE);
    assert_non_null(strstr(w.out.detail, "is not declared"));
}

static void what_is_no_code_is_told(void **state)
{
    uint8_t id[32];

    (void)state;
    (void)world_data(&w, "a", "x");
    (void)world_declare(&w, "a", false);
    (void)world_declare(&w, "none", false);
    world_id("a", id);
    invoke_with(&w.script, id, 0, 1000, NULL, 0);
    inner.steps = 0;
    world_id("none", id);
    invoke_with(&w.script, id, 0, 1000, NULL, 0);
    world_run(&w);
    assert_int_equal(world_result(&w, 0), -CZ_WRONG_TYPE);
    assert_int_equal(world_result(&w, 3), -CZ_NOT_FOUND);
}

static void too_much_to_pass_on_traps(void **state)
{
    struct cz_guest_invoke in = {.input_len = CZ_GUEST_INPUT_MAX + 1, .input = SCRIPT_ROOM},
                           many = {.count = CZ_GUEST_WINDOWS_MAX + 1};

    (void)state;
    (void)world_declare(&w, "other", false);
    script_copy(&w.script, ARGUMENTS, script_data(&w.script, &in, sizeof in), sizeof in);
    CALL(CZ_CALL_INVOKE, ARGUMENTS);
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_INVOKE);
    script_begin(&w.script);
    script_copy(&w.script, ARGUMENTS, script_data(&w.script, &many, sizeof many), sizeof many);
    CALL(CZ_CALL_INVOKE, ARGUMENTS);
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_INVOKE);
}

/* Scripts within scripts: each invokes the next one, which lies in its input. */
static void codes_invoke_each_other_so_deep(void **state)
{
    static struct script at[CZI_RUN_DEPTH_MAX + 1];

    (void)state;
    (void)world_declare(&w, "player", false);
    for (unsigned i = CZI_RUN_DEPTH_MAX + 1; i-- > 0;) {
        struct script *s = &at[i];

        s->steps = s->results = 0;
        s->len = 4 * sizeof(struct script_step);
        memset(s->bytes, 0, s->len);
        if (i < CZI_RUN_DEPTH_MAX) {
            const struct script *next = &at[i + 1];
            struct cz_guest_invoke in = {.gas = w.in.gas, .output = ANSWER, .output_size = 8};

            in.code = script_data(s, w.player_id, 32);
            in.input = script_data(s, next->bytes, next->len);
            in.input_len = next->len;
            script_copy(s, ARGUMENTS, script_data(s, &in, sizeof in), sizeof in);
            (void)script_call(s, CZ_CALL_INVOKE, ARGUMENTS, 0, 0, 0);
            if (i < CZI_RUN_DEPTH_MAX - 1) /* what the other one put out, in its place */
                (void)script_call(s, CZ_CALL_OUTPUT, ANSWER, 8, 0, 0);
        }
        script_end(s, 0, i != CZI_RUN_DEPTH_MAX - 1);
    }
    w.in.input = script_input(&at[0]);
    czi_vm_manager_run(w.manager, &w.in, &w.out);
    assert_int_equal(world_result(&w, 0), -CZ_LIMIT); /* of the innermost that ran */
    assert_true(w.out.accesses[0].ran);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin_two, end)
    const struct CMUnitTest all[] = {
        T(it_sees_what_it_is_given_and_nothing_else),
        T(it_is_itself_and_has_memory_of_its_own),
        T(its_output_is_the_callers_to_use),
        T(what_is_given_to_be_read_only_is_not_written),
        T(it_opens_only_what_it_is_given),
        T(each_write_is_of_the_code_that_made_it),
        T(what_it_creates_is_its_own),
        T(what_it_creates_empty_is_not_filled_by_the_caller),
        T(all_that_it_did_is_undone_when_it_fails),
        T(what_ended_well_is_undone_with_its_caller),
        T(what_was_undone_takes_no_room),
        T(a_code_that_was_undone_has_not_run),
        T(what_the_caller_has_seen_is_not_forgotten),
        T(what_it_uses_is_the_callers_loss),
        T(it_has_no_more_gas_than_it_is_given),
        T(bytes_that_change_hands_are_paid),
        T(wrong_indexes_trap),
        T(a_code_that_is_not_declared_traps),
        T(what_is_no_code_is_told),
        T(too_much_to_pass_on_traps),
        T(codes_invoke_each_other_so_deep),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
