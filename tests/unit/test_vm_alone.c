/* test_vm_alone.c - cz_vm_run and cz_code_inspect: guests without a ledger, and want of memory.
 */
#include "base/limits.h"
#include "unit/vm_fixture.h"

static void build(struct czi_buf *file, const void *text, size_t len)
{
    struct elf_plan plan = {
        .entry = TEXT,
        .segments = {{ELF_LOAD, ELF_R | ELF_X, TEXT, text, len, len},
                     {ELF_LOAD, ELF_R | ELF_W, DATA, DATA_FIRST, 8, DATA_SIZE}},
        .segment_count = 2,
    };

    elf_build(file, &plan);
}

/* Puts out its input, logs its first two bytes, exits with its length. */
static void build_echo(struct czi_buf *file)
{
    const uint32_t echo[] = {
        ADDI(S0, A0, 0), ADDI(S1, A1, 0),  ADDI(A7, X0, 1026),
        ECALL, /* OUTPUT */
        ADDI(A0, S0, 0), ADDI(A1, X0, 2),  ADDI(A7, X0, 1027),
        ECALL, /* LOG */
        ADDI(A0, S1, 0), ADDI(A7, X0, 93), ECALL,
    };

    build(file, echo, sizeof echo);
}

static void a_guest_alone_has_input_output_and_messages(void **state)
{
    cz_vm_options options = {.gas = 10000, .input = "hello", .input_len = 5};
    cz_vm_report r = {0};
    CZI_AUTOBUF file = {0};
    cz_error err = {0};

    (void)state;
    build_echo(&file);
    for (int i = 0; i < 2; i++) {
        options.stepwise = i;
        assert_ok(cz_vm_run(file.data, file.len, &options, &r, &err), err);
        assert_int_equal(r.run.status, CZ_GUEST_EXITED);
        assert_int_equal(r.run.code, 5);
        assert_int_equal(r.run.output_len, 5);
        assert_memory_equal(r.run.output, "hello", 5);
        assert_int_equal(r.run.messages_len, 3);
        assert_memory_equal(r.run.messages, "\2he", 3);
        assert_int_equal(r.instructions, 11);
        /* Each 40, and 8 for the 64 bytes that are begun. */
        assert_int_equal(r.run.gas, 11 + 2 * (40 + 8));
        assert_int_equal(r.pages_written, 0);
        assert_true(r.provable);
        assert_string_equal(r.detail, "");
        cz_vm_report_done(&r);
        assert_null(r.owned);
    }
    cz_vm_report_done(&r); /* again, of all zero */
}

static void without_options_there_is_no_input_and_the_most_gas(void **state)
{
    const uint32_t forty_two[] = {ADDI(A0, A1, 42), ADDI(A7, X0, 93), ECALL};
    CZI_AUTOBUF file = {0};
    cz_vm_report r = {0};
    cz_error err = {0};

    (void)state;
    build(&file, forty_two, sizeof forty_two);
    assert_ok(cz_vm_run(file.data, file.len, NULL, &r, &err), err);
    assert_int_equal(r.run.code, 42);
    assert_int_equal(r.run.gas, 3);
    cz_vm_report_done(&r);
}

static void an_input_is_bounded(void **state)
{
    static uint8_t input[CZ_GUEST_INPUT_MAX + 1];
    cz_vm_options options = {.input = input, .input_len = sizeof input};
    CZI_AUTOBUF file = {0};
    cz_vm_report r = {0};
    cz_error err = {0};

    (void)state;
    build_echo(&file);
    assert_int_equal(cz_vm_run(file.data, file.len, &options, &r, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "at most 32768"));
    options.input_len--;
    assert_ok(cz_vm_run(file.data, file.len, &options, &r, &err), err);
    assert_int_equal(r.run.code, CZ_GUEST_INPUT_MAX);
    cz_vm_report_done(&r);
}

static void what_is_no_elf_file_is_refused_by_all(void **state)
{
    cz_code_report report;
    cz_vm_report r = {0};
    cz_error err = {0};

    (void)state;
    assert_int_equal(cz_vm_run("abc", 3, NULL, &r, &err), CZ_INVALID);
    assert_int_equal(cz_code_inspect("abc", 3, &report, &err), CZ_INVALID);
    assert_int_equal(cz_vm_run(NULL, 0, NULL, &r, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "no ELF file"));
    assert_null(r.owned);
}

static void memory_may_end_anywhere(void **state)
{
    cz_vm_options options = {.gas = 10000, .input = "hello", .input_len = 5};
    CZI_AUTOBUF file = {0};
    cz_code_report report;
    int64_t skip = 0;
    bool failed;

    (void)state;
    build_echo(&file);
    do {
        cz_vm_report r = {0};
        cz_error err = {0};
        int rc;

        czi_alloc_fail_after(skip++);
        rc = cz_vm_run(file.data, file.len, &options, &r, &err);
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        assert_int_equal(rc, failed ? CZ_NOMEM : CZ_OK);
        assert_true(!failed || !r.owned);
        cz_vm_report_done(&r);
    } while (failed);
    assert_true(skip > 5);
    skip = 0;
    do {
        cz_error err = {0};
        int rc;

        czi_alloc_fail_after(skip++);
        rc = cz_code_inspect(file.data, file.len, &report, &err);
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        assert_int_equal(rc, failed ? CZ_NOMEM : CZ_OK);
    } while (failed);
    assert_true(skip > 3);
}

static void a_report_says_what_a_code_is_made_of(void **state)
{
    /* c.nop twice; lr.w a0, (a0); ecall; bits that are none */
    static const uint32_t text[] = {0x00010001, 0x1005252f, ECALL, 0xffffffff};
    CZI_AUTOBUF file = {0};
    cz_code_report r;
    cz_error err = {0};
    cz_id id;

    (void)state;
    build(&file, text, sizeof text);
    assert_ok(cz_code_inspect(file.data, file.len, &r, &err), err);
    assert_ok(cz_code_id(file.data, file.len, &id, &err), err);
    assert_memory_equal(&r.id, &id, sizeof id);
    assert_int_equal(r.entry, TEXT);
    assert_int_equal(r.size, file.len);
    assert_int_equal(r.compressed, 2);
    assert_int_equal(r.atomics, 1);
    assert_int_equal(r.call_sites, 1);
    assert_int_equal(r.instructions, 4);
    assert_true(r.unknown > 0);
    assert_false(r.provable);
    assert_int_equal(r.segment_count, 2);
    assert_true(r.segments[0].can_execute && !r.segments[0].can_write);
    assert_true(r.segments[1].can_write && !r.segments[1].can_execute);
    assert_int_equal(r.segments[1].memory_size, DATA_SIZE);
    assert_int_equal(r.segments[1].file_size, 8);
    assert_int_equal(r.template_count, 0);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(a_guest_alone_has_input_output_and_messages),
        cmocka_unit_test(without_options_there_is_no_input_and_the_most_gas),
        cmocka_unit_test(an_input_is_bounded),
        cmocka_unit_test(what_is_no_elf_file_is_refused_by_all),
        cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(a_report_says_what_a_code_is_made_of),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
