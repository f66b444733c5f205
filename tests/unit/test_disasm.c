/* test_disasm.c - instructions as text. The texts are what objdump (binutils 2.40) prints, with
 * a blank for the tab; tests/e2e/test_vm.py compares many more with objdump itself.
 */
#include "base/limits.h"
#include "test.h"
#include "unit/elf_fixture.h"
#include "vm/disasm.h"

/* At address 0x10000. */
static const struct {
    uint32_t bits;
    const char *text;
} samples[] = {
    {0xa6cecc37, "lui s8,0xa6cec"},
    {0x19999e17, "auipc t3,0x19999"},
    {0x06839eef, "jal t4,49068"},
    {0x00008067, "ret"},
    {0x00850067, "jr 8(a0)"},
    {0x008500e7, "jalr 8(a0)"},
    {0x00058567, "jalr a0,a1"},
    {0x00858567, "jalr a0,8(a1)"},
    {0x00b05063, "blez a1,10000"},
    {0xfe000ee3, "beqz zero,fffc"},
    {0x07d4be83, "ld t4,125(s1)"},
    {0x8a9a0203, "lb tp,-1879(s4)"},
    {0xfe112c23, "sw ra,-8(sp)"},
    {0xff010513, "add a0,sp,-16"},
    {0x43f5d513, "sra a0,a1,0x3f"},
    {0x4015d51b, "sraw a0,a1,0x1"},
    {0xfff5c513, "not a0,a1"},
    {0x0031000f, "fence unknown,rw"},
    {0x0310000f, "fence rw,w"},
    {0x0ff0000f, "fence"},
    {0x0000100f, "fence.i"},
    {0x1605b52f, "lr.d.aqrl a0,(a1)"},
    {0x1ac5a52f, "sc.w.rl a0,a2,(a1)"},
    {0xe0c5b52f, "amomaxu.d a0,a2,(a1)"},
    {0xc0001073, "unimp"},
    {0x442e3d73, ".4byte 0x442e3d73"}, /* a control and status register */
    {0x30200073, ".4byte 0x30200073"}, /* mret: no instruction here */
    {0x0e32, "sll t3,t3,0xc"},
    {0x1081, "add ra,ra,-32"},
    {0x717d, "add sp,sp,-16"},
    {0x0020, "add s0,sp,8"},
    {0x4dee, "lw s11,216(sp)"},
    {0x4d90, "lw a2,24(a1)"},
    {0x8082, "ret"},
    {0x9002, "ebreak"},
    {0x9341, "srl a4,a4,0x30"},
    {0x700d, "c.lui zero,0xfffe3"},
    {0x0000, "unimp"},
    {0x2000, ".2byte 0x2000"}, /* c.fld */
    {0x3f44, ".2byte 0x3f44"},
};

static void instructions_read_as_binutils_writes_them(void **state)
{
    char text[CZI_DISASM_MAX];
    uint64_t target;

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(samples); i++) {
        bool is_one = czi_disasm_bits(samples[i].bits, 0x10000, text, &target);

        if (strcmp(text, samples[i].text) != 0)
            fail_msg("0x%x: \"%s\", not \"%s\"", (unsigned)samples[i].bits, text,
                     samples[i].text);
        assert_int_equal(is_one, samples[i].text[0] != '.');
    }
}

/* Every encoding of 16 bits, and random ones of 32: text fits and is never empty. */
static void any_bits_have_a_text(void **state)
{
    struct czi_rng rng = czi_rng(7);
    char text[CZI_DISASM_MAX];
    uint64_t target;

    (void)state;
    for (uint32_t i = 0; i < 300000; i++) {
        uint32_t bits = i < 0x10000 ? i : (uint32_t)czi_rng_next(&rng) | 3;

        (void)czi_disasm_bits(bits, UINT64_MAX - 1, text, &target);
        assert_true(strlen(text) > 2 && strlen(text) < sizeof text);
        assert_null(strchr(text, '%'));
    }
}

static int note_line(void *arg, uint64_t address, uint32_t bits, unsigned length,
                     const char *symbol, const char *text)
{
    struct czi_buf *b = arg;

    czi_buf_printf(b, "%llx %x %u %s|%s\n", (unsigned long long)address, (unsigned)bits, length,
                   symbol ? symbol : "-", text);
    return b->failed;
}

/* Two segments of code, one of data between; names, one of which a terminal would act on; a
 * last instruction of which half is missing. */
static struct elf_plan two_pieces(void)
{
    static const uint16_t first[] = {0x0001, 0xa801, 0x0113, 0xff01, 0x8082, 0x0513};
    static const uint16_t second[] = {0x8082};
    static const struct elf_symbol symbols[] = {
        {"_start", 0x10, 1, 0x10000, 0}, {"main\033[2J", 0x12, 1, 0x10004, 6},
        {"other", 0x12, 1, 0x10004, 0},  {"last", 0x12, 1, 0x12000, 2},
        {"table", 0x11, 1, 0x11000, 8},
    };

    return (struct elf_plan){
        .entry = 0x10000,
        .segments = {{ELF_LOAD, ELF_R | ELF_X, 0x10000, first, sizeof first, sizeof first},
                     {ELF_LOAD, ELF_R, 0x11000, first, 8, 8},
                     {ELF_LOAD, ELF_R | ELF_X, 0x12000, second, 2, 0x100}},
        .segment_count = 3,
        .symbols = symbols,
        .symbol_count = CZI_COUNTOF(symbols),
    };
}

static void a_file_is_walked_with_names_and_targets(void **state)
{
    static const char expected[] = "10000 1 2 _start|nop\n"
                                   "10002 a801 2 -|j 10012\n"
                                   "10004 ff010113 4 main?[2J|add sp,sp,-16\n"
                                   "10008 8082 2 -|ret\n"
                                   "1000a 513 2 -|.2byte 0x513\n"
                                   "12000 8082 2 last|ret\n";
    struct elf_plan plan = two_pieces();
    CZI_AUTOBUF file = {0};
    CZI_AUTOBUF lines = {0};
    cz_error err = {0};

    (void)state;
    elf_build(&file, &plan);
    assert_ok(cz_code_disasm(file.data, file.len, note_line, &lines, &err), err);
    czi_buf_put_byte(&lines, 0);
    assert_string_equal((char *)lines.data, expected);
}

/* A constant whose last half would begin a longer instruction, then code. */
static void code_behind_data_is_found_again_where_it_is_named(void **state)
{
    static const uint16_t text[] = {0x8082, 0x1113, 0x8082, 0x8082};
    static const struct elf_symbol symbols[] = {{"after", 0x12, 1, 0x10004, 0}};
    struct elf_plan plan = two_pieces();
    CZI_AUTOBUF file = {0};
    CZI_AUTOBUF lines = {0};
    cz_error err = {0};

    (void)state;
    plan.segments[0].bytes = text;
    plan.segments[0].file_size = plan.segments[0].memory_size = sizeof text;
    plan.segment_count = 1;
    plan.symbols = symbols;
    plan.symbol_count = 1;
    elf_build(&file, &plan);
    assert_ok(cz_code_disasm(file.data, file.len, note_line, &lines, &err), err);
    czi_buf_put_byte(&lines, 0);
    assert_string_equal((char *)lines.data, "10000 8082 2 -|ret\n"
                                            "10002 1113 2 -|.2byte 0x1113\n"
                                            "10004 8082 2 after|ret\n"
                                            "10006 8082 2 -|ret\n");
}

static void one_instruction_is_found_by_its_address(void **state)
{
    static const struct {
        uint64_t address;
        unsigned length;
    } cases[] = {{0x10000, 2}, {0x10004, 4}, {0x10006, 2},       {0x10001, 0}, {0xfffe, 0},
                 {0x1000a, 2}, {0x1000c, 0}, {0x11000, 0},       {0x12000, 2}, {0x120fe, 2},
                 {0x12100, 0}, {0, 0},       {UINT64_MAX - 1, 0}};
    struct elf_plan plan = two_pieces();
    char text[CZI_DISASM_MAX];
    CZI_AUTOBUF file = {0};
    struct czi_image image;
    cz_error err = {0};

    (void)state;
    elf_build(&file, &plan);
    assert_ok(czi_elf_read(file.data, file.len, &image, &err), err);
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        assert_int_equal(czi_disasm(&image, cases[i].address, text), cases[i].length);
        assert_int_equal(!!text[0], !!cases[i].length);
    }
}

static void memory_may_end_while_names_are_sorted(void **state)
{
    struct elf_plan plan = two_pieces();
    CZI_AUTOBUF file = {0};
    CZI_AUTOBUF lines = {0};
    cz_error err = {0};

    (void)state;
    elf_build(&file, &plan);
    czi_alloc_fail_after(0);
    assert_int_equal(cz_code_disasm(file.data, file.len, note_line, &lines, &err), CZ_NOMEM);
    czi_alloc_fail_after(-1);
    assert_int_equal(lines.len, 0);
}

static void an_id_follows_from_the_bytes_alone(void **state)
{
    struct elf_plan plan = two_pieces();
    CZI_AUTOBUF file = {0};
    cz_id a, b;
    cz_error err = {0};

    (void)state;
    elf_build(&file, &plan);
    assert_ok(cz_code_id(file.data, file.len, &a, &err), err);
    assert_ok(cz_code_id(file.data, file.len, &b, &err), err);
    assert_memory_equal(&a, &b, sizeof a);
    file.data[0x1008]++; /* an instruction */
    assert_ok(cz_code_id(file.data, file.len, &b, &err), err);
    assert_memory_not_equal(&a, &b, sizeof a);
    file.data[0] = 0;
    assert_int_equal(cz_code_id(file.data, file.len, &b, &err), CZ_INVALID);
    assert_int_equal(cz_code_id(file.data, CZI_DATA_SIZE_MAX + 1, &b, &err), CZ_LIMIT);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(instructions_read_as_binutils_writes_them),
        cmocka_unit_test(any_bits_have_a_text),
        cmocka_unit_test(a_file_is_walked_with_names_and_targets),
        cmocka_unit_test(code_behind_data_is_found_again_where_it_is_named),
        cmocka_unit_test(one_instruction_is_found_by_its_address),
        cmocka_unit_test(memory_may_end_while_names_are_sorted),
        cmocka_unit_test(an_id_follows_from_the_bytes_alone),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
