/* test_vm_isa_compressed.c - the C extension: forms, immediates, reserved encodings, hints.
 *
 * Encodings are put together from chapter 16's figures: for each instruction bit from 12 down
 * to 2 the bit of the immediate that stands there. test_vm_qemu.c has all 49152 encodings under
 * QEMU.
 */
#include "isa_fixture.h"

/* ---- Encodings --------------------------------------------------------------------------- */

#define N (-1)
/* Of bits 12 to 2. */
typedef const int8_t places[11];
static places ADDI4SPN = {5, 4, 9, 8, 7, 6, 2, 3, N, N, N};
static places WORDS = {5, 4, 3, N, N, N, 2, 6, N, N, N};
static places DOUBLES = {5, 4, 3, N, N, N, 7, 6, N, N, N};
static places CI = {5, N, N, N, N, N, 4, 3, 2, 1, 0};
static places LUI = {17, N, N, N, N, N, 16, 15, 14, 13, 12};
static places ADDI16SP = {9, N, N, N, N, N, 4, 6, 8, 7, 5};
static places JUMP = {11, 4, 9, 8, 10, 6, 7, 3, 2, 1, 5};
static places BRANCH = {8, 4, 3, N, N, N, 7, 6, 2, 1, 5};
static places LWSP = {5, N, N, N, N, N, 4, 3, 2, 7, 6};
static places LDSP = {5, N, N, N, N, N, 4, 3, 8, 7, 6};
static places SWSP = {5, 4, 3, 2, 7, 6, N, N, N, N, N};
static places SDSP = {5, 4, 3, 8, 7, 6, N, N, N, N, N};

static uint32_t with(uint32_t bits, places p, int imm)
{
    for (unsigned i = 0; i < 11; i++)
        if (p[i] >= 0)
            bits |= ((uint32_t)imm >> p[i] & 1) << (12 - i);
    return bits;
}
/* Quadrant and funct3; a whole register at bit 7, or at 2; a short one at 7, at 2. */
static uint32_t form(unsigned quadrant, unsigned funct3)
{
    return funct3 << 13 | quadrant;
}
static uint32_t at7(unsigned r)
{
    return r << 7;
}
static uint32_t at2(unsigned r)
{
    return r << 2;
}
static uint32_t short7(unsigned r)
{
    return (r - 8) << 7;
}
static uint32_t short2(unsigned r)
{
    return (r - 8) << 2;
}

/* ---- Checks ------------------------------------------------------------------------------ */

static uint64_t number(int64_t v)
{
    return (uint64_t)v;
}
static uint64_t word(uint64_t v)
{
    return (uint64_t)(int64_t)(int32_t)v;
}

/* The one register that changes. */
static void check_value(const char *name, uint32_t bits, const struct isa_state *before,
                        unsigned rd, uint64_t value)
{
    struct isa_state want = *before;
    struct isa t = isa_of(bits);

    t.name = name;
    want.pc += 2;
    if (rd)
        want.x[rd] = value;
    isa_check(&t, before, &want, ISA_DONE);
    isa_done(&t);
}
static void check_illegal(uint32_t bits)
{
    struct isa_state s = isa_state();
    struct isa t = isa_of(bits);
    char name[16];

    snprintf(name, sizeof name, "%04x", bits);
    t.name = name;
    isa_check(&t, &s, &s, ISA_TRAP(ILLEGAL, bits));
    isa_done(&t);
}

static void immediates_of_six_bits(void **state)
{
    (void)state;
    for (unsigned rd = 0; rd < 32; rd++)
        for (int imm = -32; imm < 32; imm++) {
            struct isa_state s = isa_state();
            uint64_t v = s.x[rd] = rd ? 0x7fffffff7ffffff0 : 0;

            check_value("c.addi", with(form(1, 0) | at7(rd), CI, imm), &s, rd, v + number(imm));
            check_value("c.li", with(form(1, 2) | at7(rd), CI, imm), &s, rd, number(imm));
            if (rd)
                check_value("c.addiw", with(form(1, 1) | at7(rd), CI, imm), &s, rd,
                            word(v + number(imm)));
            if (imm && rd != 2)
                check_value("c.lui", with(form(1, 3) | at7(rd), LUI, imm * 4096), &s, rd,
                            number(imm * 4096));
            if (rd >= 8 && rd < 16)
                check_value("c.andi", with(form(1, 4) | 2u << 10 | short7(rd), CI, imm), &s, rd,
                            v & number(imm));
        }
}

static void shifts_of_six_bits(void **state)
{
    (void)state;
    for (unsigned rd = 0; rd < 32; rd++)
        for (int by = 0; by < 64; by++) {
            struct isa_state s = isa_state();
            uint64_t v = s.x[rd] = rd ? 0x8765432112345678 : 0;

            check_value("c.slli", with(form(2, 0) | at7(rd), CI, by), &s, rd, v << by);
            if (rd < 8 || rd >= 16)
                continue;
            check_value("c.srli", with(form(1, 4) | short7(rd), CI, by), &s, rd, v >> by);
            check_value("c.srai", with(form(1, 4) | 1u << 10 | short7(rd), CI, by), &s, rd,
                        number((int64_t)v >> by));
        }
}

static void stack_pointers(void **state)
{
    struct isa_state s = isa_state();
    uint64_t sp = s.x[2];

    (void)state;
    for (int imm = -512; imm < 512; imm += 16)
        if (imm)
            check_value("c.addi16sp", with(form(1, 3) | at7(2), ADDI16SP, imm), &s, 2,
                        sp + number(imm));
    for (unsigned rd = 8; rd < 16; rd++)
        for (int imm = 4; imm < 1024; imm += 4)
            check_value("c.addi4spn", with(form(0, 0) | short2(rd), ADDI4SPN, imm), &s, rd,
                        sp + number(imm));
}

static void arithmetic_of_short_registers(void **state)
{
    (void)state;
    for (unsigned rd = 8; rd < 16; rd++)
        for (unsigned rs = 8; rs < 16; rs++) {
            struct isa_state s = isa_state();
            uint32_t bits = form(1, 4) | 3u << 10 | short7(rd) | short2(rs);
            uint64_t a, b;

            s.x[rd] = 0xfedcba9876543210;
            s.x[rs] = 0x0000000190000001;
            a = s.x[rd];
            b = s.x[rs];
            check_value("c.sub", bits, &s, rd, a - b);
            check_value("c.xor", bits | 1u << 5, &s, rd, a ^ b);
            check_value("c.or", bits | 2u << 5, &s, rd, a | b);
            check_value("c.and", bits | 3u << 5, &s, rd, a & b);
            check_value("c.subw", bits | 1u << 12, &s, rd, word(a - b));
            check_value("c.addw", bits | 1u << 12 | 1u << 5, &s, rd, word(a + b));
        }
}

static void moves_and_sums_of_any_registers(void **state)
{
    (void)state;
    for (unsigned rd = 0; rd < 32; rd++)
        for (unsigned rs = 1; rs < 32; rs++) {
            struct isa_state s = isa_state();
            uint32_t bits = form(2, 4) | at7(rd) | at2(rs);

            check_value("c.mv", bits, &s, rd, s.x[rs]);
            check_value("c.add", bits | 1u << 12, &s, rd, s.x[rd] + s.x[rs]);
        }
}

/* ---- Memory ------------------------------------------------------------------------------ */

static const uint8_t pattern[16] = {0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
                                    0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08};

static void check_load(const char *name, uint32_t bits, unsigned rd, unsigned rs1, int imm,
                       unsigned size)
{
    struct isa_state before = isa_state(), want;
    struct isa t = isa_of(bits);

    t.name = name;
    t.address = ISA_DATA + 4;
    t.len = sizeof pattern;
    memcpy(t.before, pattern, sizeof pattern);
    memcpy(t.behind, pattern, sizeof pattern);
    before.x[rs1] = ISA_DATA + 4 - number(imm);
    want = before;
    want.pc += 2;
    want.x[rd] = size == 4 ? 0xffffffffbbaa9988 : 0xffeeddccbbaa9988;
    isa_check(&t, &before, &want, ISA_DONE);
    isa_done(&t);
}
static void check_store(const char *name, uint32_t bits, unsigned rs2, unsigned rs1, int imm,
                        unsigned size)
{
    struct isa_state before = isa_state(), want;
    struct isa t = isa_of(bits);

    t.name = name;
    t.address = ISA_DATA + 4;
    t.len = sizeof pattern;
    memcpy(t.before, pattern, sizeof pattern);
    memcpy(t.behind, pattern, sizeof pattern);
    before.x[rs1] = ISA_DATA + 4 - number(imm);
    for (unsigned i = 0; i < size; i++)
        t.behind[i] = (uint8_t)(before.x[rs2] >> 8 * i);
    want = before;
    want.pc += 2;
    isa_check(&t, &before, &want, ISA_DONE);
    isa_done(&t);
}

static void loads_and_stores_by_short_registers(void **state)
{
    (void)state;
    for (unsigned r = 8; r < 16; r++)
        for (unsigned base = 8; base < 16; base++) {
            for (int imm = 0; imm < 128; imm += 4) {
                uint32_t operands = with(short7(base) | short2(r), WORDS, imm);

                check_load("c.lw", form(0, 2) | operands, r, base, imm, 4);
                check_store("c.sw", form(0, 6) | operands, r, base, imm, 4);
            }
            for (int imm = 0; imm < 256; imm += 8) {
                uint32_t operands = with(short7(base) | short2(r), DOUBLES, imm);

                check_load("c.ld", form(0, 3) | operands, r, base, imm, 8);
                check_store("c.sd", form(0, 7) | operands, r, base, imm, 8);
            }
        }
}

static void loads_and_stores_by_the_stack_pointer(void **state)
{
    (void)state;
    for (unsigned r = 0; r < 32; r++) {
        for (int imm = 0; imm < 256; imm += 4) {
            if (r)
                check_load("c.lwsp", with(form(2, 2) | at7(r), LWSP, imm), r, 2, imm, 4);
            check_store("c.swsp", with(form(2, 6) | at2(r), SWSP, imm), r, 2, imm, 4);
        }
        for (int imm = 0; imm < 512; imm += 8) {
            if (r)
                check_load("c.ldsp", with(form(2, 3) | at7(r), LDSP, imm), r, 2, imm, 8);
            check_store("c.sdsp", with(form(2, 7) | at2(r), SDSP, imm), r, 2, imm, 8);
        }
    }
}

/* ---- Control ----------------------------------------------------------------------------- */

/* Breakpoints on both sides, as far as c.j goes. */
enum { FIELD = 8192, MIDDLE = 4096 };
static struct isa field_with(const char *name, uint32_t bits)
{
    static uint8_t text[FIELD];
    struct isa t;

    for (unsigned i = 0; i < FIELD; i += 2) {
        text[i] = C_EBREAK & 0xff;
        text[i + 1] = C_EBREAK >> 8;
    }
    text[MIDDLE] = (uint8_t)bits;
    text[MIDDLE + 1] = (uint8_t)(bits >> 8);
    t = isa_new(text, sizeof text, sizeof text);
    t.name = name;
    return t;
}
static void check_jump(const char *name, uint32_t bits, const struct isa_state *registers,
                       uint64_t target, unsigned link)
{
    struct isa t = field_with(name, bits);
    struct isa_state before = *registers, want;

    before.pc = ISA_TEXT + MIDDLE;
    want = before;
    want.pc = target;
    if (link)
        want.x[link] = before.pc + 2;
    isa_check(&t, &before, &want, ISA_DONE);
    isa_done(&t);
}

static void jumps_reach_both_ends_of_their_range(void **state)
{
    struct isa_state s = isa_state();

    (void)state;
    for (int bit = 2; bit < 0x1000; bit *= 2) {
        int near[] = {bit, -bit, bit - 2, 2046 - bit, -2048};

        for (unsigned i = 0; i < CZI_COUNTOF(near); i++)
            if (near[i] && near[i] >= -2048 && near[i] < 2048)
                check_jump("c.j", with(form(1, 5), JUMP, near[i]), &s,
                           ISA_TEXT + MIDDLE + number(near[i]), 0);
    }
}

static void branches_on_zero_reach_both_ends_of_their_range(void **state)
{
    static const uint64_t values[] = {0, 1, 1ull << 32, 1ull << 63, UINT64_MAX};

    (void)state;
    for (unsigned r = 8; r < 16; r++)
        for (int offset = -256; offset < 256; offset += r == 8 ? 2 : 30)
            for (unsigned v = 0; v < CZI_COUNTOF(values) && offset; v++) {
                struct isa_state s = isa_state();
                uint64_t far = ISA_TEXT + MIDDLE + number(offset), near = ISA_TEXT + MIDDLE + 2;

                s.x[r] = values[v];
                check_jump("c.beqz", with(form(1, 6) | short7(r), BRANCH, offset), &s,
                           values[v] ? near : far, 0);
                check_jump("c.bnez", with(form(1, 7) | short7(r), BRANCH, offset), &s,
                           values[v] ? far : near, 0);
            }
}

static void jumps_by_registers_clear_the_low_bit(void **state)
{
    static const uint64_t targets[] = {ISA_TEXT, ISA_TEXT + FIELD - 1, 7, UINT64_MAX};

    (void)state;
    for (unsigned r = 1; r < 32; r++)
        for (unsigned i = 0; i < CZI_COUNTOF(targets); i++) {
            struct isa_state s = isa_state();

            s.x[r] = targets[i];
            check_jump("c.jr", form(2, 4) | at7(r), &s, targets[i] / 2 * 2, 0);
            check_jump("c.jalr", form(2, 4) | 1u << 12 | at7(r), &s, targets[i] / 2 * 2, 1);
        }
}

static void a_breakpoint_traps(void **state)
{
    struct isa_state s = isa_state();
    struct isa t = isa_of(C_EBREAK);

    (void)state;
    t.name = "c.ebreak";
    isa_check(&t, &s, &s, ISA_TRAP(BREAK, 0));
    isa_done(&t);
}

/* ---- What is none ------------------------------------------------------------------------ */

static void reserved_encodings_are_illegal(void **state)
{
    (void)state;
    check_illegal(0);
    for (uint32_t low = 0; low < 8; low++)
        check_illegal(form(0, 0) | low << 2); /* c.addi4spn of 0 */
    for (uint32_t rest = 0; rest < 0x800; rest++) {
        check_illegal(form(0, 4) | rest << 2);
        check_illegal(form(0, 1) | rest << 2); /* c.fld, c.fsd, c.fldsp, c.fsdsp */
        check_illegal(form(0, 5) | rest << 2);
        check_illegal(form(2, 1) | rest << 2);
        check_illegal(form(2, 5) | rest << 2);
    }
    for (uint32_t imm = 0; imm < 64; imm++) {
        check_illegal(with(form(1, 1), CI, (int)imm));       /* c.addiw of x0 */
        check_illegal(with(form(2, 2), LWSP, (int)imm * 4)); /* c.lwsp, c.ldsp to x0 */
        check_illegal(with(form(2, 3), LDSP, (int)imm * 8));
    }
    for (unsigned rd = 0; rd < 32; rd++)
        check_illegal(form(1, 3) | at7(rd)); /* c.lui and c.addi16sp of 0 */
    for (uint32_t rest = 0; rest < 64; rest++)
        check_illegal(form(1, 4) | 7u << 10 | 1u << 6 | (rest & 7) << 7 | (rest >> 3) << 2);
    check_illegal(form(2, 4)); /* c.jr of x0 */
}

static void hints_retire_and_do_nothing(void **state)
{
    struct isa_state s = isa_state();

    (void)state;
    for (int imm = -32; imm < 32; imm++) {
        check_value("c.nop", with(form(1, 0), CI, imm), &s, 0, 0);
        check_value("c.li", with(form(1, 2), CI, imm), &s, 0, 0);
        check_value("c.slli", with(form(2, 0), CI, imm), &s, 0, 0);
        if (imm)
            check_value("c.lui", with(form(1, 3), CI, imm), &s, 0, 0);
    }
    for (unsigned r = 1; r < 32; r++) {
        check_value("c.addi", form(1, 0) | at7(r), &s, r, s.x[r]);
        check_value("c.mv", form(2, 4) | at2(r), &s, 0, 0);
        check_value("c.add", form(2, 4) | 1u << 12 | at2(r), &s, 0, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(immediates_of_six_bits),
        cmocka_unit_test(shifts_of_six_bits),
        cmocka_unit_test(stack_pointers),
        cmocka_unit_test(arithmetic_of_short_registers),
        cmocka_unit_test(moves_and_sums_of_any_registers),
        cmocka_unit_test(loads_and_stores_by_short_registers),
        cmocka_unit_test(loads_and_stores_by_the_stack_pointer),
        cmocka_unit_test(jumps_reach_both_ends_of_their_range),
        cmocka_unit_test(branches_on_zero_reach_both_ends_of_their_range),
        cmocka_unit_test(jumps_by_registers_clear_the_low_bit),
        cmocka_unit_test(a_breakpoint_traps),
        cmocka_unit_test(reserved_encodings_are_illegal),
        cmocka_unit_test(hints_retire_and_do_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, isa_teardown);
}
