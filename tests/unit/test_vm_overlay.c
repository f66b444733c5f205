/* test_vm_overlay.c - what a guest's calls that create, move and change resources give, and
 * what they make of it for the effect. */
#include "guest_test.h"
#include "resource/resource.h"

/* ---- Creating -----------------------------------------------------------------------------
 */

static uint64_t text(const char *s)
{
    return script_data(&w.script, s, strlen(s));
}

/* The index of what the player may create with a label. */
static unsigned declare_own(const char *label, bool writable)
{
    struct czi_access *a = &w.accesses[w.in.access_count];
    cz_id id =
        czi_identity_id(w.player_id, (struct czi_slice){(const uint8_t *)label, strlen(label)});

    *a = (struct czi_access){.writable = writable};
    memcpy(a->id, id.bytes, 32);
    return w.in.access_count++;
}

static unsigned allocate(unsigned index, const struct cz_guest_new *in)
{
    return CALL(CZ_CALL_ALLOCATE, index, script_data(&w.script, in, sizeof *in));
}

static struct cz_guest_new new_data(const char *label, size_t len)
{
    return (struct cz_guest_new){.kind = CZ_DATA,
                                 .label = text(label),
                                 .label_len = strlen(label),
                                 .length = len};
}

static struct cz_guest_new new_coins(const char *label, const char *asset, cz_quantity q)
{
    return (struct cz_guest_new){.kind = CZ_FUNGIBLE,
                                 .label = text(label),
                                 .label_len = strlen(label),
                                 .asset = text(asset),
                                 .asset_len = strlen(asset),
                                 .quantity = {(uint64_t)q, (uint64_t)(q >> 64)}};
}

static bool is_text(struct czi_slice s, const char *expected)
{
    return s.len == strlen(expected) && memcmp(s.data, expected, s.len) == 0;
}

static void what_is_allocated_is_the_codes_own(void **state)
{
    struct cz_guest_new data = new_data("box", 4), coins = new_coins("purse", "coin", 7);
    unsigned a = declare_own("box", true), b = declare_own("purse", true);
    const struct czi_op *op = NULL;
    struct cz_guest_info info;

    (void)state;
    allocate(a, &data);
    allocate(b, &coins);
    script_store(&w.script, CZ_GUEST_WINDOW(a) + 1, 'x', 1);
    CALL(CZ_CALL_INFO, a, SCRIPT_ROOM);
    memcpy(&info, run_and_show(sizeof info), sizeof info);
    assert_true(info.exists && info.is_own && info.length == 4 && info.version == 0);
    op = w.out.ops;
    assert_int_equal(w.out.op_count, 2);
    assert_true(op[0].code == CZI_OP_CREATE && op[0].a == a && op[0].kind == CZ_DATA);
    assert_true(is_text(op[0].label, "box") && !op[0].asset.data && !op[0].if_absent);
    assert_memory_equal(op[0].creator, w.player_id, 32);
    assert_memory_equal(op[0].controller, w.player_id, 32);
    assert_int_equal(op[0].data.len, 4);
    assert_memory_equal(op[0].data.data, "\0x\0\0", 4);
    assert_true(op[1].code == CZI_OP_CREATE && op[1].a == b && op[1].kind == CZ_FUNGIBLE);
    assert_true(is_text(op[1].label, "purse") && is_text(op[1].asset, "coin"));
    assert_true(op[1].quantity == 7);
    assert_memory_equal(w.out.op_actors[1], w.player_id, 32);
    assert_true(w.out.accesses[a].written && w.out.accesses[a].found_position == 0);
}

static void creations_come_before_everything_else(void **state)
{
    unsigned from = world_declare(&w, "from", true), own = declare_own("purse", true);
    struct cz_guest_new coins = new_coins("purse", "coin", 0);

    (void)state;
    (void)world_balance(&w, "from", CZ_FUNGIBLE, "coin", 10);
    CALL(CZ_CALL_TRANSFER, from, from, 1);
    allocate(own, &coins);
    CALL(CZ_CALL_TRANSFER, from, own, 4);
    world_run(&w);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(world_result(&w, i), 0);
    assert_int_equal(w.out.op_count, 3);
    assert_int_equal(w.out.ops[0].code, CZI_OP_CREATE);
    assert_true(w.out.ops[1].code == CZI_OP_TRANSFER && w.out.ops[1].b == from);
    assert_true(w.out.ops[2].code == CZI_OP_TRANSFER && w.out.ops[2].b == own);
}

static void what_cannot_be_allocated_is_told(void **state)
{
    static char long_label[CZI_LABEL_SIZE_MAX + 2];
    struct {
        const char *label, *asset;
        uint64_t kind, length;
        cz_quantity q;
        int expected;
    } cases[] = {
        {"box", NULL, CZ_POSITION, 0, 0, CZ_WRONG_TYPE},
        {"box", NULL, CZ_ACCOUNT, 0, 0, CZ_WRONG_TYPE},
        {"box", NULL, UINT64_MAX, 0, 0, CZ_WRONG_TYPE},
        {"other", NULL, CZ_DATA, 0, 0, CZ_INVALID}, /* not this index' id */
        {"", NULL, CZ_DATA, 0, 0, CZ_INVALID},
        {"a\nb", NULL, CZ_DATA, 0, 0, CZ_INVALID},
        {long_label, NULL, CZ_DATA, 0, 0, CZ_INVALID},
        {"box", NULL, CZ_DATA, CZI_DATA_SIZE_MAX + 1, 0, CZ_LIMIT},
        {"box", "", CZ_FUNGIBLE, 0, 0, CZ_INVALID},
        {"box", long_label, CZ_FUNGIBLE, 0, 0, CZ_INVALID},
        {"box", "coin", CZ_FUNGIBLE, 0, -1, CZ_INVALID},
        {"box", NULL, CZ_DATA, 0, 0, CZ_OK},
        {"box", NULL, CZ_DATA, 0, 0, CZ_CONFLICT}, /* it is there now */
    };
    unsigned a = declare_own("box", true);

    (void)state;
    memset(long_label, 'x', sizeof long_label - 1);
    for (unsigned i = 0; i < CZI_COUNTOF(cases); i++) {
        struct cz_guest_new in =
            new_coins(cases[i].label, cases[i].asset ? cases[i].asset : "", cases[i].q);

        in.kind = cases[i].kind;
        in.length = cases[i].length;
        allocate(a, &in);
    }
    world_run(&w);
    for (unsigned i = 0; i < CZI_COUNTOF(cases); i++)
        if (world_result(&w, i) != -cases[i].expected)
            fail_msg("case %u gives %lld", i, (long long)world_result(&w, i));
    assert_int_equal(w.out.op_count, 1);
}

static void the_longest_label_and_asset_are_allocated(void **state)
{
    char label[CZI_LABEL_SIZE_MAX + 1] = {0};
    struct cz_guest_new coins;

    (void)state;
    memset(label, 'l', CZI_LABEL_SIZE_MAX);
    coins = new_coins(label, label, 1);
    allocate(declare_own(label, true), &coins);
    world_run(&w);
    assert_int_equal(world_result(&w, 0), 0);
    assert_true(is_text(w.out.ops[0].label, label) && is_text(w.out.ops[0].asset, label));
}

static void allocating_what_is_declared_read_traps(void **state)
{
    struct cz_guest_new data = new_data("box", 4);

    (void)state;
    allocate(declare_own("box", false), &data);
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_ALLOCATE);
}

/* ---- Moving -------------------------------------------------------------------------------
 */

#define QUANTITY_MAX ((cz_quantity)(~(unsigned __int128)0 >> 1))

static unsigned transfer(unsigned from, unsigned to, cz_quantity q)
{
    return CALL(CZ_CALL_TRANSFER, from, to, (uint64_t)q, (uint64_t)(q >> 64));
}

static void transfers_are_seen_at_once(void **state)
{
    unsigned a = world_declare(&w, "a", true), b = world_declare(&w, "b", true);
    cz_quantity much = (cz_quantity)1 << 100;
    struct cz_guest_info info[2];

    (void)state;
    (void)world_balance(&w, "a", CZ_FUNGIBLE, "coin", much + 1);
    (void)world_balance(&w, "b", CZ_FUNGIBLE, "coin", 1);
    transfer(a, b, much);
    transfer(b, a, 3);
    CALL(CZ_CALL_INFO, a, SCRIPT_ROOM);
    CALL(CZ_CALL_INFO, b, SCRIPT_ROOM + sizeof info[0]);
    memcpy(info, run_and_show(sizeof info), sizeof info);
    assert_true(info[0].quantity[0] == 4 && info[0].quantity[1] == 0);
    assert_true(info[1].quantity[0] == (uint64_t)-2 &&
                info[1].quantity[1] == ((1ull << 36) - 1));
    assert_int_equal(w.out.op_count, 2);
    assert_true(w.out.ops[0].quantity == much && w.out.ops[1].quantity == 3);
    assert_true(w.out.ops[1].a == b && w.out.ops[1].b == a);
    assert_true(w.out.accesses[a].written && w.out.accesses[b].written);
}

static void positions_are_moved_below_zero_and_by_nothing(void **state)
{
    unsigned a = world_declare(&w, "a", true), b = world_declare(&w, "b", true);

    (void)state;
    (void)world_balance(&w, "a", CZ_POSITION, "coin", 0);
    (void)world_balance(&w, "b", CZ_POSITION, "coin", 0);
    transfer(a, b, 5);
    transfer(a, b, 0);
    transfer(a, b, -1);
    world_run(&w);
    assert_int_equal(world_result(&w, 0), 0);
    assert_int_equal(world_result(&w, 1), 0);
    assert_int_equal(world_result(&w, 2), -CZ_INVALID);
    assert_int_equal(w.out.op_count, 2);
    assert_int_equal(w.out.ops[0].code, CZI_OP_MOVE);
}

static void what_cannot_be_transferred_is_told(void **state)
{
    enum { A, B, OTHER, FULL, POSITION, LOW, DATA, FROZEN, NONE };
    struct {
        unsigned from, to;
        cz_quantity q;
        int expected;
    } cases[] = {
        {A, B, 11, CZ_REJECTED},
        {A, A, 11, CZ_REJECTED},
        {A, A, 10, CZ_OK},
        {A, B, 0, CZ_INVALID},
        {A, B, -1, CZ_INVALID},
        {A, OTHER, 1, CZ_WRONG_TYPE},
        {A, FULL, 1, CZ_LIMIT},
        {A, POSITION, 1, CZ_WRONG_TYPE},
        {POSITION, A, 1, CZ_WRONG_TYPE},
        {DATA, A, 1, CZ_WRONG_TYPE},
        {A, DATA, 1, CZ_WRONG_TYPE},
        {A, FROZEN, 1, CZ_CONFLICT},
        {FROZEN, A, 1, CZ_CONFLICT},
        {NONE, A, 1, CZ_NOT_FOUND},
        {A, NONE, 1, CZ_NOT_FOUND},
        {LOW, POSITION, QUANTITY_MAX, CZ_LIMIT},
        {POSITION, LOW, QUANTITY_MAX, CZ_OK},
    };
    static const char *const names[] = {"a",   "b",    "other",  "full", "position",
                                        "low", "data", "frozen", "none"};

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(names); i++)
        world_declare(&w, names[i], true);
    (void)world_balance(&w, "a", CZ_FUNGIBLE, "coin", 10);
    (void)world_balance(&w, "b", CZ_FUNGIBLE, "coin", 0);
    (void)world_balance(&w, "other", CZ_FUNGIBLE, "coins", 10);
    (void)world_balance(&w, "full", CZ_FUNGIBLE, "coin", QUANTITY_MAX);
    (void)world_balance(&w, "position", CZ_POSITION, "coin", 0);
    (void)world_balance(&w, "low", CZ_POSITION, "coin", -10);
    (void)world_data(&w, "data", "x");
    world_balance(&w, "frozen", CZ_FUNGIBLE, "coin", 10)->found.state = CZ_FROZEN;
    for (unsigned i = 0; i < CZI_COUNTOF(cases); i++)
        transfer(cases[i].from, cases[i].to, cases[i].q);
    world_run(&w);
    for (unsigned i = 0; i < CZI_COUNTOF(cases); i++)
        if (world_result(&w, i) != -cases[i].expected)
            fail_msg("case %u gives %lld", i, (long long)world_result(&w, i));
    assert_int_equal(w.out.op_count, 2);
}

static void transferring_what_is_declared_read_traps(void **state)
{
    unsigned a = world_declare(&w, "a", true), b = world_declare(&w, "b", false);

    (void)state;
    transfer(a, b, 1);
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_TRANSFER);
}

/* ---- Operations by name -------------------------------------------------------------------
 */

static uint64_t id_at(unsigned index)
{
    return script_data(&w.script, w.accesses[index].id, 32);
}

static unsigned emit(const struct cz_guest_op *op)
{
    return CALL(CZ_CALL_EMIT, script_data(&w.script, op, sizeof *op));
}

static unsigned emit_on(enum cz_guest_op_code code, unsigned index)
{
    struct cz_guest_op op = {.code = code, .a = id_at(index)};

    return emit(&op);
}

static void what_is_in_a_window_is_written_before_the_lifecycle_forbids_it(void **state)
{
    static const unsigned expected[] = {CZI_OP_WRITE, CZI_OP_LOCK, CZI_OP_UNLOCK, CZI_OP_WRITE,
                                        CZI_OP_FREEZE};
    unsigned a = world_declare(&w, "a", true), locked;

    (void)state;
    (void)world_data(&w, "a", "aaa");
    script_store(&w.script, CZ_GUEST_WINDOW(a), 'b', 1);
    emit_on(CZ_OP_LOCK, a);
    locked = CALL(CZ_CALL_STORE, a, 0, CZ_GUEST_INPUT, 1);
    emit_on(CZ_OP_UNLOCK, a);
    script_store(&w.script, CZ_GUEST_WINDOW(a) + 1, 'c', 1);
    emit_on(CZ_OP_FREEZE, a);
    world_run(&w);
    assert_int_equal(world_result(&w, locked), -CZ_CONFLICT);
    assert_int_equal(w.out.op_count, CZI_COUNTOF(expected));
    for (unsigned i = 0; i < CZI_COUNTOF(expected); i++)
        assert_int_equal(w.out.ops[i].code, expected[i]);
    assert_memory_equal(w.out.ops[0].data.data, "baa", 3);
    assert_memory_equal(w.out.ops[3].data.data, "bca", 3);
}

static void what_is_created_and_locked_has_its_contents(void **state)
{
    struct cz_guest_new data = new_data("box", 3);
    unsigned a = declare_own("box", true);

    (void)state;
    allocate(a, &data);
    script_store(&w.script, CZ_GUEST_WINDOW(a), 'b', 1);
    emit_on(CZ_OP_FREEZE, a);
    emit_on(CZ_OP_UNFREEZE, a);
    script_store(&w.script, CZ_GUEST_WINDOW(a) + 1, 'c', 1);
    world_run(&w);
    assert_int_equal(w.out.op_count, 4);
    assert_int_equal(w.out.ops[0].code, CZI_OP_CREATE);
    assert_memory_equal(w.out.ops[0].data.data, "b\0\0", 3);
    assert_int_equal(w.out.ops[3].code, CZI_OP_WRITE);
    assert_memory_equal(w.out.ops[3].data.data, "bc\0", 3);
}

static void lifecycles_follow_the_rules_of_the_ledger(void **state)
{
    static const enum cz_guest_op_code codes[] = {CZ_OP_LOCK,     CZ_OP_UNLOCK,  CZ_OP_FREEZE,
                                                  CZ_OP_UNFREEZE, CZ_OP_CONSUME, CZ_OP_ARCHIVE};
    char name[8];

    (void)state;
    for (unsigned s = CZ_ACTIVE; s <= CZ_ARCHIVED; s++) {
        w.count = 1;
        for (unsigned k = 0; k < CZI_COUNTOF(codes); k++) {
            w.in.access_count = 0;
            (void)snprintf(name, sizeof name, "%u-%u", s, k);
            world_data(&w, name, "x")->found.state = (uint8_t)s;
            script_begin(&w.script);
            emit_on(codes[k], world_declare(&w, name, true));
            world_run(&w);
            {
                uint8_t after = (uint8_t)s;
                bool legal = czi_state_move(&after, (enum czi_move)k);

                assert_int_equal(world_result(&w, 0), legal ? 0 : -CZ_CONFLICT);
                assert_int_equal(w.out.op_count, legal);
            }
        }
    }
}

static void what_is_not_empty_does_not_end(void **state)
{
    unsigned a = world_declare(&w, "a", true), p = world_declare(&w, "p", true),
             c = world_declare(&w, "player", true), i[5];
    struct cz_guest_info info;

    (void)state;
    (void)world_balance(&w, "a", CZ_FUNGIBLE, "coin", 10);
    (void)world_balance(&w, "p", CZ_POSITION, "coin", 10);
    i[0] = emit_on(CZ_OP_ARCHIVE, a);
    i[1] = emit_on(CZ_OP_ARCHIVE, p);
    i[2] = emit_on(CZ_OP_CONSUME, p);
    i[3] = emit_on(CZ_OP_LOCK, c);
    i[4] = emit_on(CZ_OP_CONSUME, a);
    world_run(&w);
    assert_int_equal(world_result(&w, i[0]), -CZ_CONFLICT);
    assert_int_equal(world_result(&w, i[1]), -CZ_CONFLICT);
    assert_int_equal(world_result(&w, i[2]), -CZ_CONFLICT);
    assert_int_equal(world_result(&w, i[3]), -CZ_WRONG_TYPE);
    assert_int_equal(world_result(&w, i[4]), 0);
    script_begin(&w.script);
    emit_on(CZ_OP_CONSUME, a);
    CALL(CZ_CALL_INFO, a, SCRIPT_ROOM);
    memcpy(&info, run_and_show(sizeof info), sizeof info);
    assert_true(info.quantity[0] == 0 && info.state == CZ_CONSUMED);
}

static void a_write_by_name_replaces_the_contents(void **state)
{
    unsigned a = world_declare(&w, "a", true), length;
    struct cz_guest_op op = {.code = CZ_OP_WRITE, .data = text("new"), .data_len = 3},
                       large = op;

    (void)state;
    (void)world_data(&w, "a", "old and long");
    op.a = large.a = id_at(a);
    large.data_len = CZI_DATA_SIZE_MAX + 1;
    emit(&op);
    length = CALL(CZ_CALL_LENGTH, a);
    emit(&large);
    world_run(&w);
    assert_int_equal(world_result(&w, 0), 0);
    assert_int_equal(world_result(&w, length), 3);
    assert_int_equal(world_result(&w, 2), -CZ_LIMIT);
    assert_int_equal(w.out.op_count, 1);
    assert_true(is_text(w.out.ops[0].data, "new"));
}

static void requirements_are_passed_on(void **state)
{
    unsigned a = world_declare(&w, "a", false);
    struct cz_guest_op op = {.code = CZ_OP_REQUIRE,
                             .has = 7,
                             .state = CZ_FROZEN,
                             .version = 9,
                             .quantity = {5, UINT64_MAX}},
                       nothing = {.code = CZ_OP_REQUIRE},
                       unknown = {.code = CZ_OP_REQUIRE, .has = 8},
                       bad_state = {.code = CZ_OP_REQUIRE, .has = 1, .state = CZ_ARCHIVED + 1};
    const cz_requirement *r;

    (void)state;
    (void)world_balance(&w, "a", CZ_FUNGIBLE, "coin", 10);
    op.a = nothing.a = unknown.a = bad_state.a = id_at(a);
    emit(&op);
    emit(&nothing);
    emit(&unknown);
    emit(&bad_state);
    world_run(&w);
    assert_int_equal(world_result(&w, 0), 0);
    for (unsigned i = 1; i < 4; i++)
        assert_int_equal(world_result(&w, i), -CZ_INVALID);
    assert_int_equal(w.out.op_count, 1);
    r = &w.out.ops[0].requirement;
    assert_true(r->has_state && r->has_version && r->has_quantity);
    assert_true(r->state == CZ_FROZEN && r->version == 9);
    assert_true(r->quantity == -((cz_quantity)1 << 64) + 5);
    assert_false(w.out.accesses[a].written);
}

static void a_withdrawal_goes_to_the_reserve(void **state)
{
    unsigned from = world_declare(&w, "from", true), outbox = world_declare(&w, "outbox", true),
             reserve = world_declare(&w, "reserve", true),
             other = world_declare(&w, "other", true);
    struct cz_guest_op op = {.code = CZ_OP_WITHDRAW,
                             .quantity = {4},
                             .text = text("moon-address"),
                             .text_len = 12},
                       too_much, long_text, no_outbox, wrong_asset;
    struct cz_guest_info info;

    (void)state;
    (void)world_balance(&w, "from", CZ_FUNGIBLE, "moon:coin", 10);
    (void)world_balance(&w, "reserve", CZ_FUNGIBLE, "moon:coin", 0);
    (void)world_balance(&w, "other", CZ_FUNGIBLE, "moon:stone", 0);
    (void)world_add(&w, "outbox", CZ_OUTBOX);
    op.a = id_at(from);
    op.b = id_at(outbox);
    op.c = id_at(reserve);
    too_much = long_text = no_outbox = wrong_asset = op;
    too_much.quantity[0] = 7;
    long_text.text_len = CZ_DESTINATION_SIZE_MAX + 1;
    no_outbox.b = op.c;
    wrong_asset.c = id_at(other);
    emit(&op);
    emit(&too_much);
    emit(&long_text);
    emit(&no_outbox);
    emit(&wrong_asset);
    world_run(&w);
    assert_int_equal(world_result(&w, 0), 0);
    assert_int_equal(world_result(&w, 1), -CZ_REJECTED);
    assert_int_equal(world_result(&w, 2), -CZ_INVALID);
    assert_int_equal(world_result(&w, 3), -CZ_WRONG_TYPE);
    assert_int_equal(world_result(&w, 4), -CZ_WRONG_TYPE);
    assert_int_equal(w.out.op_count, 1);
    assert_true(w.out.ops[0].a == from && w.out.ops[0].b == outbox &&
                w.out.ops[0].c == reserve);
    assert_true(is_text(w.out.ops[0].text, "moon-address") && w.out.ops[0].quantity == 4);
    script_begin(&w.script);
    op.text = text("moon-address");
    op.a = id_at(from);
    op.b = id_at(outbox);
    op.c = id_at(reserve);
    emit(&op);
    CALL(CZ_CALL_INFO, reserve, SCRIPT_ROOM);
    memcpy(&info, run_and_show(sizeof info), sizeof info);
    assert_int_equal(info.quantity[0], 4);
}

static void other_operations_are_not_for_effects(void **state)
{
    static const uint64_t codes[] = {CZ_OP_CREATE,  CZ_OP_USE,     12,
                                     CZ_OP_WHEN,    CZ_OP_DEPOSIT, CZ_OP_CONFIRM,
                                     CZ_OP_RELEASE, CZ_OP_RUN,     CZ_OP_ACCESS,
                                     CZ_OP_DEPEND,  UINT64_MAX};

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(codes); i++) {
        struct cz_guest_op op = {.code = codes[i]};

        emit(&op);
    }
    world_run(&w);
    for (unsigned i = 0; i < CZI_COUNTOF(codes); i++)
        assert_int_equal(world_result(&w, i), -CZ_UNSUPPORTED);
}

static void naming_what_is_not_declared_traps(void **state)
{
    struct cz_guest_op op = {.code = CZ_OP_LOCK};

    (void)state;
    (void)world_data(&w, "a", "x");
    op.a = script_data(&w.script, w.all[1].id, 32);
    emit(&op);
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_EMIT);
    assert_non_null(strstr(w.out.detail, "is not declared"));
}

static void changing_by_name_what_is_declared_read_traps(void **state)
{
    (void)state;
    (void)world_data(&w, "a", "x");
    emit_on(CZ_OP_LOCK, world_declare(&w, "a", false));
    run_into_trap(CZI_TRAP_CALL, CZ_CALL_EMIT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest all[] = {
        T(what_is_allocated_is_the_codes_own),
        T(creations_come_before_everything_else),
        T(what_cannot_be_allocated_is_told),
        T(the_longest_label_and_asset_are_allocated),
        T(allocating_what_is_declared_read_traps),
        T(transfers_are_seen_at_once),
        T(positions_are_moved_below_zero_and_by_nothing),
        T(what_cannot_be_transferred_is_told),
        T(transferring_what_is_declared_read_traps),
        T(what_is_in_a_window_is_written_before_the_lifecycle_forbids_it),
        T(what_is_created_and_locked_has_its_contents),
        T(lifecycles_follow_the_rules_of_the_ledger),
        T(what_is_not_empty_does_not_end),
        T(a_write_by_name_replaces_the_contents),
        T(requirements_are_passed_on),
        T(a_withdrawal_goes_to_the_reserve),
        T(other_operations_are_not_for_effects),
        T(naming_what_is_not_declared_traps),
        T(changing_by_name_what_is_declared_read_traps),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
