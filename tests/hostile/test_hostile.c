/* test_hostile.c - guests that attack are contained, and what is said about them is clear.
 *
 * attacks.h has a row for each: in which way it runs, how it must end, and what the message
 * must name. Alone and in an effect each runs twice, blockwise and stepwise, on the one manager
 * on which the others ran, and must end alike; nothing of it may be applied unless it exits
 * with 0. As programs all run on one host, which must be as good as new behind each. Files that
 * lie are made from a good one.
 */
#include "guest_world.h"
#include "hostile/attacks.h"
#include "unit/host_fixture.h"

enum { GAS = 1000000 };

static struct czi_slice attack_file(const char *name)
{
    static uint8_t *file;
    char path[512];
    size_t len;

    free(file);
    (void)snprintf(path, sizeof path, "%s/%s.elf", HOSTILE, name);
    file = script_read_file(path, &len);
    return (struct czi_slice){file, len};
}

/* ---- Alone, and in an effect ---------------------------------------------------------------
 */

static struct guest_world w;
static const char to_read[] = "0123456789", to_write[] = "abcdefghijklmnop";

/* As attack.h has them; the last one is there, but not declared. */
static int begin_world(void **state)
{
    (void)state;
    world_begin(&w);
    (void)world_data(&w, "to read", to_read);
    (void)world_data(&w, "to write", to_write);
    (void)world_balance(&w, "gold", CZ_FUNGIBLE, "GOLD", 100);
    (void)world_balance(&w, "silver", CZ_FUNGIBLE, "GOLD", 5);
    (void)world_data(&w, "other", "undeclared");
    (void)world_declare(&w, "to read", false);
    (void)world_declare(&w, "to write", true);
    (void)world_declare(&w, "gold", true);
    (void)world_declare(&w, "silver", true);
    (void)world_declare(&w, "absent", true);
    (void)world_declare(&w, "player", false);
    return 0;
}
static int end_world(void **state)
{
    (void)state;
    world_end(&w);
    return 0;
}

static void run_once(char way, struct czi_code *code, struct czi_slice input, bool stepwise,
                     struct czi_run_result *ret)
{
    struct czi_run_input in = w.in;
    cz_error err = {0};

    in.code = w.all[0].code = code; /* whoever invokes itself finds itself */
    in.code_id = w.player_id;
    in.gas = GAS;
    in.stepwise = stepwise;
    in.way = way == 'o' ? 'e' : way;
    in.is_open = way == 'o';
    in.input = input;
    if (way != 'e')
        in.access_count = 0;
    if (way == 'v')
        in.world = NULL;
    czi_vm_manager_run(w.manager, &in, ret);
    if (way != 'v')
        assert_ok(czi_validate_resource_access(ret, &in, &err), err);
    if (ret->status != CZI_RUN_EXITED || ret->value != 0)
        assert_int_equal(ret->op_count, 0);
    assert_true(ret->gas <= GAS && ret->output.len + ret->messages.len <= CZ_GUEST_OUTPUT_MAX);
    w.all[0].code = w.player;
}

/* Both ways; the blockwise one, whose pointers are good no longer. */
static struct czi_run_result run_twice(const char *name, char way, struct czi_code *code,
                                       struct czi_slice input)
{
    struct czi_run_result blockwise, stepwise;

    run_once(way, code, input, false, &blockwise);
    run_once(way, code, input, true, &stepwise);
    if (blockwise.status != stepwise.status || blockwise.value != stepwise.value ||
        blockwise.trap != stepwise.trap || blockwise.pc != stepwise.pc ||
        blockwise.gas != stepwise.gas || blockwise.instructions != stepwise.instructions ||
        blockwise.op_count != stepwise.op_count ||
        strcmp(blockwise.detail, stepwise.detail) != 0)
        fail_msg("%s: stepwise it ends otherwise", name);
    return blockwise;
}

static void check_attack(const struct attack *a)
{
    struct czi_slice file = attack_file(a->file), ten = {(const uint8_t *)to_read, 10};
    struct czi_code *code = NULL;
    struct czi_run_result r;
    cz_error err = {0};

    assert_ok(czi_code_new(file.data, file.len, &code, &err), err);
    r = run_twice(a->file, a->way, code, ten);
    if ((int)r.status != a->status || r.value != a->value || r.trap != a->trap ||
        !strstr(r.detail, a->says))
        fail_msg("%s: status %d, value 0x%llx, trap %u: \"%s\"", a->file, (int)r.status,
                 (unsigned long long)r.value, r.trap, r.detail);
    assert_int_equal(!!r.detail[0], r.status == CZI_RUN_TRAPPED);
    assert_true(r.status != CZI_RUN_NO_GAS || r.gas == GAS);
    czi_code_drop(code);
}

static void check_attacks(char way)
{
    unsigned count = 0;

    for (size_t i = 0; i < CZI_COUNTOF(attacks); i++) {
        if (attacks[i].way != way)
            continue;
        check_attack(&attacks[i]);
        count++;
    }
    assert_true(count >= (way == 'o' ? 3 : 30));
    assert_string_equal((const char *)w.all[1].found.data.data, to_read);
    assert_string_equal((const char *)w.all[2].found.data.data, to_write);
}

static void attacks_on_the_machine_are_contained(void **state)
{
    (void)state;
    check_attacks('v');
}

static void attacks_in_an_effect_are_contained(void **state)
{
    (void)state;
    check_attacks('e');
    check_attacks('o');
}

/* Runs on what the other guests left of the manager's memory. */
static void nothing_is_left_for_the_next_guest(void **state)
{
    static const struct attack looks[] = {EXITS("what-others-left", 'v', 0),
                                          EXITS("what-others-left-in-a-window", 'e', 0)};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(attacks); i++) {
        if (attacks[i].way == 'p')
            continue;
        check_attack(&attacks[i]);
        for (size_t k = 0; k < CZI_COUNTOF(looks); k++)
            check_attack(&looks[k]);
    }
}

/* Every number, with every kind of wrong pointer, index and size at once. */
static void no_call_with_wild_arguments_does_harm(void **state)
{
    static const uint64_t wild[] = {
        0,
        1,
        5,
        8,
        0x10000,
        0x800000,
        CZ_GUEST_IMAGE_END - 1,
        CZ_GUEST_STACK_TOP - 8,
        CZ_GUEST_INPUT,
        CZ_GUEST_WINDOW(1) + 12,
        CZ_GUEST_MEMORY_END - 4,
        CZ_GUEST_MEMORY_END,
        UINT64_C(1) << 32,
        UINT64_C(1) << 63,
        UINT64_MAX - 7,
        UINT64_MAX,
    };
    struct czi_slice file = attack_file("every-call-wild"), input = {0};
    struct czi_code *code = NULL;
    cz_error err = {0};
    uint64_t words[2];

    (void)state;
    assert_ok(czi_code_new(file.data, file.len, &code, &err), err);
    input = (struct czi_slice){(const uint8_t *)words, sizeof words};
    for (words[0] = CZ_CALL_INPUT - 2; words[0] < CZ_CALL_SEND + 3; words[0]++)
        for (size_t i = 0; i < CZI_COUNTOF(wild); i++) {
            words[1] = wild[i];
            (void)run_twice("every-call-wild", i & 1 ? 'v' : 'e', code, input);
            (void)run_twice("every-call-wild", i & 1 ? 'e' : 'v', code, input);
        }
    czi_code_drop(code);
}

/* ---- As programs ---------------------------------------------------------------------------
 */

static cz_id deploy(cz_engine *g, struct czi_slice file)
{
    static uint64_t nonce;
    cz_id origin = fx_id("deployer"), id;
    cz_error err = {0};
    CZ_EFFECT(e);

    cz_effect_set_origin(e, &origin);
    cz_effect_set_nonce(e, ++nonce);
    assert_ok(cz_effect_deploy(e, file.data, file.len, &id, &err), err);
    assert_ok(cz_perform(g, e, NULL, &err), err);
    return id;
}

static cz_program_report run_program(cz_host *h, cz_engine *g, const char *name)
{
    cz_id code = deploy(g, attack_file(name)), note = fx_id("note"), id;
    char text[CZ_ID_TEXT_SIZE];
    cz_program_spec spec = {.name = text, .args = &note, .args_len = sizeof note};
    cz_error err = {0};

    cz_id_print(&code, text);
    spec.label = name;
    assert_ok(cz_program_start(h, &spec, &id, &err), err);
    return hx_wait(h, &id);
}

/* A trap is CZ_INVALID, an exit code CZ_REJECTED; the message has all of it. */
static void check_program(const struct attack *a, const cz_program_report *r)
{
    static const int codes[] = {[CZI_RUN_EXITED] = CZ_REJECTED,
                                [CZI_RUN_TRAPPED] = CZ_INVALID,
                                [CZI_RUN_NO_GAS] = CZ_LIMIT};
    bool fails = a->status != CZI_RUN_EXITED || a->value != 0;
    char code[64] = "";

    if (a->status == CZI_RUN_EXITED && fails)
        (void)snprintf(code, sizeof code, "ended with code %llu", (unsigned long long)a->value);
    if (r->state != (fails ? CZ_PROGRAM_FAILED : CZ_PROGRAM_COMPLETED) ||
        (fails && r->code != codes[a->status]) || !strstr(r->detail, a->says) ||
        !strstr(r->detail, code))
        fail_msg("%s: %s, %s: \"%s\"", a->file, cz_program_state_name((int)r->state),
                 cz_code_name(r->code), r->detail);
}

static void attacks_by_programs_are_contained(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host_with(g, NULL);
    unsigned count = 0;

    (void)state;
    (void)fx_data(g, "note");
    for (size_t i = 0; i < CZI_COUNTOF(attacks); i++) {
        cz_program_report r;

        if (attacks[i].way != 'p')
            continue;
        r = run_program(h, g, attacks[i].file);
        check_program(&attacks[i], &r);
        count++;
    }
    assert_true(count >= 12);
    fx_assert_data(g, "note", "new");
    hx_close(h);
    fx_close(g);
}

/* ---- In the engine -------------------------------------------------------------------------
 */

static const char *const labels[] = {"to read", "to write", "gold", "silver", "absent"};

static void make_data(cz_engine *g, const char *label, const char *text)
{
    cz_creation c = fx_creation(label, CZ_DATA, NULL, 0);
    cz_error err = {0};
    cz_id id;

    c.data = (const uint8_t *)text;
    c.data_len = strlen(text);
    assert_ok(cz_create(g, &c, &id, &err), err);
}

/* Runs it on the same resources as in the world above; how the effect ended. */
static enum cz_reason run_effect(cz_engine *g, const char *name)
{
    cz_id code = deploy(g, attack_file(name)), origin = fx_id(name);
    cz_guest_access accesses[CZI_COUNTOF(labels) + 1];
    cz_result r = {0};
    cz_error err = {0};
    CZ_EFFECT(e);
    int rc;

    for (size_t i = 0; i < CZI_COUNTOF(labels); i++)
        accesses[i] = (cz_guest_access){fx_id(labels[i]), i ? CZ_WRITE : CZ_READ};
    accesses[CZI_COUNTOF(labels)] = (cz_guest_access){code, CZ_READ};
    cz_effect_set_origin(e, &origin);
    cz_effect_set_nonce(e, 1);
    assert_ok(cz_effect_run(e, &code, GAS, accesses, CZI_COUNTOF(accesses), "0123456789", 10,
                            &err),
              err);
    rc = cz_perform(g, e, &r, &err);
    if (rc != CZ_OK && rc != CZ_REJECTED)
        fail_msg("%s: %s: %s", name, cz_code_name(rc), err.detail);
    return r.reason;
}

/* Those that exit with 0 have not created what they declare. */
static enum cz_reason expected_reason(const struct attack *a)
{
    if (a->status == CZI_RUN_EXITED)
        return a->value ? CZ_GUEST_FAILED : CZ_UNKNOWN_RESOURCE;
    return a->status == CZI_RUN_TRAPPED ? CZ_TRAPPED : CZ_OUT_OF_GAS;
}

/* What each of them does to the machine, it does as an effect too: nothing is changed by it. */
static void attacks_in_the_engine_are_contained(void **state)
{
    cz_engine *g = fx_open_driven();

    (void)state;
    make_data(g, "to read", to_read);
    (void)fx_cash(g, "gold", 100);
    (void)fx_cash(g, "silver", 5);
    make_data(g, "to write", to_write);
    for (size_t i = 0; i < CZI_COUNTOF(attacks); i++) {
        const struct attack *a = &attacks[i];
        enum cz_reason reason;

        if (a->way != 'e')
            continue;
        reason = run_effect(g, a->file);
        if (reason != expected_reason(a))
            fail_msg("%s: %s", a->file, cz_reason_name((int)reason));
        fx_assert_data(g, "to write", to_write);
        fx_assert_data(g, "to read", to_read);
        assert_quantity(g, "gold", 100);
        assert_quantity(g, "silver", 5);
    }
    fx_close(g);
}

/* ---- Files that lie ------------------------------------------------------------------------
 */

static const struct lie {
    const char *name;
    size_t at;
    unsigned width;
    uint64_t value;
    int code;
    const char *says;
} lies[] = {
#define PROGRAM(i, field) (64 + 56 * (i) + (field))
    {"another-magic", 1, 1, 'F', CZ_INVALID, "offset 0: this is no ELF file"},
    {"class-of-32-bits", 4, 1, 1, CZ_INVALID, "offset 4: class 1"},
    {"big-endian", 5, 1, 2, CZ_INVALID, "offset 5"},
    {"another-machine", 18, 2, 62, CZ_INVALID, "machine 62"},
    {"an-object", 16, 2, 1, CZ_INVALID, "link it"},
    {"position-independent", 16, 2, 3, CZ_INVALID, "-no-pie"},
    {"sixteen-registers", 48, 4, 8, CZ_INVALID, "16 registers"},
    {"entry-at-zero", 24, 8, 0, CZ_INVALID, "entry 0x0"},
    {"entry-in-data", 24, 8, 0x800000, CZ_INVALID, "is not in an executable segment"},
    {"entry-odd", 24, 1, 1, CZ_INVALID, "is odd"},
    {"entry-at-the-end-of-all-addresses", 24, 8, UINT64_MAX - 1, CZ_INVALID, "executable"},
    {"headers-behind-the-file", 32, 8, 1u << 30, CZ_INVALID, "offset 32"},
    {"headers-around-zero", 32, 8, UINT64_MAX - 100, CZ_INVALID, "offset 32"},
    {"headers-over-each-other", 54, 2, 8, CZ_INVALID, "program headers of 8 bytes"},
    {"headers-without-end", 56, 2, 0xffff, CZ_LIMIT, "65535 program headers"},
    {"no-headers", 56, 2, 0, CZ_INVALID, "no segments"},
    {"code-that-is-writable", PROGRAM(0, 4), 4, 7, CZ_INVALID, "written and executed"},
    {"segment-behind-the-file", PROGRAM(0, 8), 8, 1u << 30, CZ_INVALID, "it was cut"},
    {"segment-around-zero", PROGRAM(0, 8), 8, UINT64_MAX - 4095, CZ_INVALID, "it was cut"},
    {"segment-in-page-0", PROGRAM(0, 16), 8, 0, CZ_INVALID, "is not within 0x1000"},
    {"segment-on-the-stack", PROGRAM(0, 16), 8, 0x1700000, CZ_INVALID, "is not within"},
    {"segment-of-the-kernel", PROGRAM(0, 16), 8, UINT64_MAX - 4095, CZ_INVALID,
     "is not within"},
    {"more-in-the-file-than-in-memory", PROGRAM(0, 40), 8, 1, CZ_INVALID, "more bytes"},
    {"memory-of-all-addresses", PROGRAM(0, 40), 8, UINT64_MAX, CZ_INVALID, "is not within"},
    {"memory-of-16-mib-and-one", PROGRAM(0, 40), 8, 0xff0001, CZ_INVALID, "is not within"},
    {"alignment-of-3", PROGRAM(0, 48), 8, 3, CZ_INVALID, "not aligned"},
    {"alignment-that-does-not-fit", PROGRAM(0, 48), 8, 1u << 20, CZ_INVALID, "not aligned"},
    {"an-interpreter", PROGRAM(0, 0), 4, 3, CZ_INVALID, "interpreter"},
    {"sections-around-zero", 40, 8, UINT64_MAX - 63, CZ_INVALID, "section headers at"},
    {"sections-of-one-byte", 58, 2, 1, CZ_INVALID, "section headers of 1"},
    {"names-of-no-section", 62, 2, 0xfff0, CZ_INVALID, "section 65520"},
#undef PROGRAM
};

/* The player with one field changed; its bytes end where the file ends. */
static void files_that_lie_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(lies); i++) {
        const struct lie *l = &lies[i];
        size_t len;
        uint8_t *file = script_read_file(GUESTS "/player.elf", &len);
        cz_vm_report report = {0};
        cz_error err = {0};
        int rc;

        for (unsigned k = 0; k < l->width; k++)
            file[l->at + k] = (uint8_t)(l->value >> (8 * k));
        rc = cz_vm_run(file, len, NULL, &report, &err);
        if (rc != l->code || !strstr(err.detail, l->says) || !strstr(err.detail, "ELF file"))
            fail_msg("%s: %s: \"%s\"", l->name, cz_code_name(rc), err.detail);
        assert_null(report.owned);
        free(file);
    }
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(attacks_on_the_machine_are_contained, begin_world,
                                        end_world),
        cmocka_unit_test_setup_teardown(attacks_in_an_effect_are_contained, begin_world,
                                        end_world),
        cmocka_unit_test_setup_teardown(nothing_is_left_for_the_next_guest, begin_world,
                                        end_world),
        cmocka_unit_test_setup_teardown(no_call_with_wild_arguments_does_harm, begin_world,
                                        end_world),
        cmocka_unit_test(attacks_by_programs_are_contained),
        cmocka_unit_test(attacks_in_the_engine_are_contained),
        cmocka_unit_test(files_that_lie_are_refused),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
