/* test_vm_isa.c - arithmetic, branches, jumps and what is no instruction: RV64I and M.
 *
 * Expected values are C's arithmetic on 128-bit integers and on the manual's tables.
 */
#include "isa_fixture.h"

typedef unsigned __int128 u128;

/* ---- Two registers ----------------------------------------------------------------------- */

static int64_t s64(uint64_t v)
{
    return (int64_t)v;
}
static int32_t s32(uint64_t v)
{
    return (int32_t)(uint32_t)v;
}
static uint64_t word(int64_t v)
{
    return (uint64_t)(int64_t)(int32_t)v;
}

#define REFERENCE(name, value)                                                                 \
    static uint64_t ref_##name(uint64_t a, uint64_t b)                                         \
    {                                                                                          \
        (void)b;                                                                               \
        return (uint64_t)(value);                                                              \
    }
REFERENCE(add, (u128)a + b)
REFERENCE(sub, (u128)a - b)
REFERENCE(sll, (u128)a << (b & 63))
REFERENCE(slt, s64(a) < s64(b))
REFERENCE(sltu, a < b)
REFERENCE(xor, a ^ b)
REFERENCE(srl, a >> (b & 63))
REFERENCE(sra, (__int128)s64(a) >> (b & 63))
REFERENCE(or, a | b)
REFERENCE(and, a &b)
REFERENCE(addw, word((int64_t)s32(a) + s32(b)))
REFERENCE(subw, word((int64_t)s32(a) - s32(b)))
REFERENCE(sllw, word((int64_t)((u128)(uint32_t)a << (b & 31))))
REFERENCE(srlw, word((int64_t)((uint32_t)a >> (b & 31))))
REFERENCE(sraw, (int64_t)s32(a) >> (b & 31))
REFERENCE(mul, (u128)a *b)
REFERENCE(mulh, (__int128)s64(a) * s64(b) >> 64)
REFERENCE(mulhsu, (__int128)s64(a) * (__int128)b >> 64)
REFERENCE(mulhu, (u128)a *b >> 64)
REFERENCE(mulw, word((int64_t)s32(a) * s32(b)))
/* Table 7.1: by zero all ones and the dividend; 128 bits have no overflow. */
REFERENCE(div, b ? (__int128)s64(a) / s64(b) : -1)
REFERENCE(divu, b ? a / b : UINT64_MAX)
REFERENCE(rem, b ? (__int128)s64(a) % s64(b) : s64(a))
REFERENCE(remu, b ? a % b : a)
REFERENCE(divw, word(s32(b) ? (int64_t)s32(a) / s32(b) : -1))
REFERENCE(divuw, word((uint32_t)b ? (uint32_t)a / (uint32_t)b : UINT32_MAX))
REFERENCE(remw, word(s32(b) ? (int64_t)s32(a) % s32(b) : s32(a)))
REFERENCE(remuw, word((uint32_t)b ? (uint32_t)a % (uint32_t)b : (uint32_t)a))

struct two {
    const char *name;
    uint32_t funct7, funct3, opcode;
    uint64_t (*reference)(uint64_t a, uint64_t b);
};
static const struct two of_two[] = {
    {"add", 0x00, 0, 0x33, ref_add},     {"sub", 0x20, 0, 0x33, ref_sub},
    {"sll", 0x00, 1, 0x33, ref_sll},     {"slt", 0x00, 2, 0x33, ref_slt},
    {"sltu", 0x00, 3, 0x33, ref_sltu},   {"xor", 0x00, 4, 0x33, ref_xor},
    {"srl", 0x00, 5, 0x33, ref_srl},     {"sra", 0x20, 5, 0x33, ref_sra},
    {"or", 0x00, 6, 0x33, ref_or},       {"and", 0x00, 7, 0x33, ref_and},
    {"addw", 0x00, 0, 0x3b, ref_addw},   {"subw", 0x20, 0, 0x3b, ref_subw},
    {"sllw", 0x00, 1, 0x3b, ref_sllw},   {"srlw", 0x00, 5, 0x3b, ref_srlw},
    {"sraw", 0x20, 5, 0x3b, ref_sraw},   {"mul", 0x01, 0, 0x33, ref_mul},
    {"mulh", 0x01, 1, 0x33, ref_mulh},   {"mulhsu", 0x01, 2, 0x33, ref_mulhsu},
    {"mulhu", 0x01, 3, 0x33, ref_mulhu}, {"div", 0x01, 4, 0x33, ref_div},
    {"divu", 0x01, 5, 0x33, ref_divu},   {"rem", 0x01, 6, 0x33, ref_rem},
    {"remu", 0x01, 7, 0x33, ref_remu},   {"mulw", 0x01, 0, 0x3b, ref_mulw},
    {"divw", 0x01, 4, 0x3b, ref_divw},   {"divuw", 0x01, 5, 0x3b, ref_divuw},
    {"remw", 0x01, 6, 0x3b, ref_remw},   {"remuw", 0x01, 7, 0x3b, ref_remuw},
};

/* rd = reference(rs1, rs2) with a and b in them, as far as they can be: the last write to a
 * register that is both counts, and x0 stays 0. */
static void check_two(const struct isa *t, const struct two *o, unsigned rd, unsigned rs1,
                      unsigned rs2, uint64_t a, uint64_t b)
{
    struct isa_state before = isa_state(), want;

    before.x[rs1] = a;
    before.x[rs2] = b;
    before.x[0] = 0;
    want = before;
    want.pc += 4;
    want.x[rd] = o->reference(before.x[rs1], before.x[rs2]);
    want.x[0] = 0;
    isa_check(t, &before, &want, ISA_DONE);
}

static void instructions_of_two_registers_compute_what_the_manual_says(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(of_two); i++) {
        const struct two *o = &of_two[i];
        struct isa t = isa_of(asm_r(o->funct7, o->funct3, o->opcode, 10, 11, 12));

        t.name = o->name;
        for (unsigned a = 0; a < CZI_COUNTOF(isa_corners); a++)
            for (unsigned b = 0; b < CZI_COUNTOF(isa_corners); b++)
                check_two(&t, o, 10, 11, 12, isa_corners[a], isa_corners[b]);
        isa_done(&t);
    }
}

/* x0 and every other register in every place, and registers that are several operands. */
static void operands_can_be_any_registers(void **state)
{
    static const unsigned special[][3] = {{0, 0, 0},    {0, 11, 12},  {10, 0, 12},
                                          {10, 11, 0},  {10, 10, 12}, {10, 11, 10},
                                          {10, 10, 10}, {10, 11, 11}, {0, 0, 12},
                                          {0, 11, 0},   {10, 0, 0}};
    unsigned forms[CZI_COUNTOF(special) + 96][3], count = CZI_COUNTOF(special);

    (void)state;
    memcpy(forms, special, sizeof special);
    for (unsigned r = 0; r < 32; r++) {
        memcpy(forms[count++], (unsigned[]){r, 11, 12}, sizeof forms[0]);
        memcpy(forms[count++], (unsigned[]){10, r, 12}, sizeof forms[0]);
        memcpy(forms[count++], (unsigned[]){10, 11, r}, sizeof forms[0]);
    }
    for (unsigned i = 0; i < CZI_COUNTOF(of_two); i++)
        for (unsigned f = 0; f < count; f++) {
            const struct two *o = &of_two[i];
            const unsigned *r = forms[f];
            struct isa t = isa_of(asm_r(o->funct7, o->funct3, o->opcode, r[0], r[1], r[2]));

            t.name = o->name;
            check_two(&t, o, r[0], r[1], r[2], 0xfedcba9876543210, 0x80000007);
            check_two(&t, o, r[0], r[1], r[2], 5, 0xfffffffffffffff3);
            isa_done(&t);
        }
}

/* ---- A register and an immediate --------------------------------------------------------- */

static const struct two with_immediate[] = {
    {"addi", 0, 0, 0x13, ref_add},   {"slti", 0, 2, 0x13, ref_slt},
    {"sltiu", 0, 3, 0x13, ref_sltu}, {"xori", 0, 4, 0x13, ref_xor},
    {"ori", 0, 6, 0x13, ref_or},     {"andi", 0, 7, 0x13, ref_and},
    {"addiw", 0, 0, 0x1b, ref_addw},
};
static const struct two with_amount[] = {
    {"slli", 0x00, 1, 0x13, ref_sll},   {"srli", 0x00, 5, 0x13, ref_srl},
    {"srai", 0x20, 5, 0x13, ref_sra},   {"slliw", 0x00, 1, 0x1b, ref_sllw},
    {"srliw", 0x00, 5, 0x1b, ref_srlw}, {"sraiw", 0x20, 5, 0x1b, ref_sraw},
};

static void check_immediate(const struct two *o, uint32_t bits, unsigned rd, unsigned rs1,
                            uint64_t imm)
{
    struct isa t = isa_of(bits);

    t.name = o->name;
    for (unsigned a = 0; a < CZI_COUNTOF(isa_corners); a++) {
        struct isa_state before = isa_state(), want;

        before.x[rs1] = rs1 ? isa_corners[a] : 0;
        want = before;
        want.pc += 4;
        want.x[rd] = rd ? o->reference(before.x[rs1], imm) : 0;
        isa_check(&t, &before, &want, ISA_DONE);
    }
    isa_done(&t);
}

static void immediates_are_sign_extended_twelve_bits(void **state)
{
    static const int immediates[] = {0, 1, -1, 2047, -2048, 1024, -1024, 0x555, -0x556, 63};
    static const unsigned registers[][2] = {{10, 11}, {0, 11}, {10, 0},
                                            {10, 10}, {31, 1}, {0, 0}};

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(with_immediate); i++)
        for (unsigned k = 0; k < CZI_COUNTOF(immediates); k++)
            for (unsigned r = 0; r < CZI_COUNTOF(registers); r++) {
                const struct two *o = &with_immediate[i];
                unsigned rd = registers[r][0], rs1 = registers[r][1];

                check_immediate(o, asm_i(o->funct3, o->opcode, rd, rs1, immediates[k]), rd, rs1,
                                (uint64_t)(int64_t)immediates[k]);
            }
}

static void shifts_by_every_amount(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(with_amount); i++)
        for (unsigned by = 0; by < (with_amount[i].opcode == 0x13 ? 64 : 32); by++) {
            const struct two *o = &with_amount[i];

            for (unsigned rd = 0; rd < 12; rd += 10)
                check_immediate(o, asm_r(o->funct7, o->funct3, o->opcode, rd, 11, 0) | by << 20,
                                rd, 11, by);
        }
}

/* Bits above the amount, other than those of srai: 2.4.1, 5.2. */
static void amounts_that_are_too_large_are_no_instructions(void **state)
{
    (void)state;
    for (unsigned bit = 25; bit < 32; bit++)
        for (unsigned i = 0; i < CZI_COUNTOF(with_amount); i++) {
            const struct two *o = &with_amount[i];
            uint32_t bits = asm_r(o->funct7, o->funct3, o->opcode, 10, 11, 3) ^ 1u << bit;
            bool valid = (bit == 30 && o->funct3 == 5) || (bit == 25 && o->opcode == 0x13);
            struct isa_state s = isa_state();
            struct isa t = isa_of(bits);

            t.name = o->name;
            if (!valid)
                isa_check(&t, &s, &s, ISA_TRAP(ILLEGAL, bits));
            isa_done(&t);
        }
}

static void upper_immediates(void **state)
{
    static const uint32_t uppers[] = {0, 1, 0x7ffff, 0x80000, 0xfffff, 0x12345, 0xabcde};

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(uppers); i++)
        for (unsigned rd = 0; rd < 32; rd++)
            for (unsigned pc_too = 0; pc_too < 2; pc_too++) {
                struct isa t = isa_of(asm_u(pc_too ? 0x17 : 0x37, rd, uppers[i]));
                struct isa_state before = isa_state(), want = before;

                t.name = pc_too ? "auipc" : "lui";
                want.pc += 4;
                want.x[rd] = (uint64_t)((int64_t)(uppers[i] ^ 0x80000) - 0x80000) * 4096 +
                             (pc_too ? ISA_TEXT : 0);
                want.x[0] = 0;
                isa_check(&t, &before, &want, ISA_DONE);
                isa_done(&t);
            }
}

/* ---- Branches and jumps ------------------------------------------------------------------ */

static bool holds(unsigned funct3, uint64_t a, uint64_t b)
{
    const bool answers[8] = {a == b,          a != b,           false, false,
                             s64(a) < s64(b), s64(a) >= s64(b), a < b, a >= b};

    return answers[funct3];
}

/* A text of 16 KiB of breakpoints, with one instruction in its middle. */
enum { FIELD = 16384, MIDDLE = 8192 };
static struct isa field_with(uint32_t bits)
{
    static uint8_t text[FIELD];

    for (unsigned i = 0; i < FIELD; i += 2) {
        text[i] = C_EBREAK & 0xff;
        text[i + 1] = C_EBREAK >> 8;
    }
    for (unsigned i = 0; i < ((bits & 3) == 3 ? 4 : 2); i++)
        text[MIDDLE + i] = (uint8_t)(bits >> 8 * i);
    return isa_new(text, sizeof text, sizeof text);
}

static void branches_compare_as_the_manual_says(void **state)
{
    static const unsigned functions[] = {0, 1, 4, 5, 6, 7};

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(functions); i++) {
        unsigned f = functions[i];
        struct isa t = field_with(asm_b(f, 11, 12, 64));

        t.name = "branch";
        for (unsigned a = 0; a < CZI_COUNTOF(isa_corners); a++)
            for (unsigned b = 0; b < CZI_COUNTOF(isa_corners); b++) {
                struct isa_state before = isa_state(), want;

                before.pc = ISA_TEXT + MIDDLE;
                before.x[11] = isa_corners[a];
                before.x[12] = isa_corners[b];
                want = before;
                want.pc += holds(f, isa_corners[a], isa_corners[b]) ? 64 : 4;
                isa_check(&t, &before, &want, ISA_DONE);
            }
        isa_done(&t);
    }
}

static void branches_reach_both_ends_of_their_range_both_ways(void **state)
{
    static const int offsets[] = {4,    6,     2,  -2,  -4,   4094, -4096,
                                  2048, -2048, 30, -30, 1026, -1026};
    static const unsigned functions[] = {0, 1, 4, 5, 6, 7};
    static const unsigned registers[][2] = {{11, 12}, {0, 12}, {11, 0}, {11, 11}, {0, 0}};

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(functions); i++)
        for (unsigned k = 0; k < CZI_COUNTOF(offsets); k++)
            for (unsigned r = 0; r < CZI_COUNTOF(registers); r++) {
                unsigned f = functions[i], rs1 = registers[r][0], rs2 = registers[r][1];
                struct isa t = field_with(asm_b(f, rs1, rs2, offsets[k]));

                t.name = "branch";
                for (unsigned v = 0; v < 3; v++) {
                    struct isa_state before = isa_state(), want;

                    before.pc = ISA_TEXT + MIDDLE;
                    before.x[rs1] = v;
                    before.x[rs2] = 1;
                    before.x[0] = 0;
                    want = before;
                    want.pc +=
                        (uint64_t)(holds(f, before.x[rs1], before.x[rs2]) ? offsets[k] : 4);
                    if (want.pc == before.pc + 2) /* the branch's second half is what it is */
                        continue;
                    isa_check(&t, &before, &want, ISA_DONE);
                }
                isa_done(&t);
            }
}

static void jal_links_and_reaches_where_no_code_is(void **state)
{
    static const int offsets[] = {4,     6,      -2,    -4,       4094,     -4096,
                                  0x7fe, -0x800, 0x800, 0x0ffffe, -0x100000};

    (void)state;
    for (unsigned k = 0; k < CZI_COUNTOF(offsets); k++)
        for (unsigned rd = 0; rd < 32; rd++) {
            struct isa t = field_with(asm_jal(rd, offsets[k]));
            struct isa_state before = isa_state(), want;

            t.name = "jal";
            before.pc = ISA_TEXT + MIDDLE;
            want = before;
            want.x[rd] = rd ? before.pc + 4 : 0;
            want.pc += (uint64_t)offsets[k];
            isa_check(&t, &before, &want, ISA_DONE);
            isa_done(&t);
        }
}

/* Both ends of jal's range, with code there: 1 MiB each way. */
static void jal_reaches_code_at_both_ends_of_its_range(void **state)
{
    enum { SIZE = 0x200010, AT = 0x100000 };
    uint8_t *text = calloc(1, SIZE);

    (void)state;
    assert_non_null(text);
    for (unsigned back = 0; back < 2; back++) {
        uint64_t target = back ? 0 : AT + 0xffffe;
        struct isa_state before = isa_state(), want;
        struct isa t;

        czi_put_u32le(text + AT, asm_jal(1, back ? -0x100000 : 0xffffe));
        czi_put_u32le(text + target, EBREAK);
        t = isa_new(text, SIZE, SIZE);
        t.name = "jal";
        before.pc = ISA_TEXT + AT;
        want = before;
        want.x[1] = before.pc + 4;
        want.pc = ISA_TEXT + target;
        isa_check(&t, &before, &want, ISA_DONE);
        before = want;
        isa_check(&t, &before, &before, ISA_TRAP(BREAK, 0));
        isa_done(&t);
    }
    free(text);
}

static void jalr_clears_the_low_bit_and_links_behind_itself(void **state)
{
    static const int offsets[] = {0, 1, 2, 3, -1, -2, 2047, -2048};
    static const uint64_t targets[] = {ISA_TEXT,          ISA_TEXT + MIDDLE + 8,
                                       ISA_TEXT + 101,    ISA_TEXT + FIELD - 2,
                                       ISA_TEXT + 0x1002, 0,
                                       UINT64_MAX,        ISA_DATA};
    static const unsigned registers[][2] = {{1, 5}, {0, 5}, {5, 5}, {1, 1}, {0, 1}, {31, 30}};

    (void)state;
    for (unsigned k = 0; k < CZI_COUNTOF(offsets); k++)
        for (unsigned r = 0; r < CZI_COUNTOF(registers); r++) {
            unsigned rd = registers[r][0], rs1 = registers[r][1];
            struct isa t = field_with(asm_jalr(rd, rs1, offsets[k]));

            t.name = "jalr";
            for (unsigned i = 0; i < CZI_COUNTOF(targets); i++) {
                struct isa_state before = isa_state(), want;

                before.pc = ISA_TEXT + MIDDLE;
                before.x[rs1] = targets[i];
                want = before;
                want.x[rd] = rd ? before.pc + 4 : 0;
                want.pc = (targets[i] + (uint64_t)offsets[k]) / 2 * 2;
                if (want.pc == before.pc || want.pc == before.pc + 2)
                    continue;
                isa_check(&t, &before, &want, ISA_DONE);
            }
            isa_done(&t);
        }
}

/* A sum that wraps around 2^64 is no other than any. */
static void jalr_through_x0_jumps_to_its_immediate(void **state)
{
    struct isa t = field_with(asm_jalr(1, 0, -2));
    struct isa_state before = isa_state(), want;

    (void)state;
    t.name = "jalr";
    before.pc = ISA_TEXT + MIDDLE;
    want = before;
    want.x[1] = before.pc + 4;
    want.pc = UINT64_MAX - 1;
    isa_check(&t, &before, &want, ISA_DONE);
    isa_check(&t, &want, &want, ISA_TRAP(FETCH, UINT64_MAX - 1));
    isa_done(&t);
}

/* ---- Fetching ---------------------------------------------------------------------------- */

static void code_ends_with_its_segment_to_the_byte(void **state)
{
    uint8_t text[8];
    struct isa_state s = isa_state();

    (void)state;
    czi_put_u32le(text, asm_addi(10, 0, 1));
    czi_put_u32le(text + 4, asm_addi(10, 0, 2));
    for (unsigned size = 2; size <= 8; size++) { /* of the text; the rest of its page is none */
        for (uint64_t at = 0; at < 16; at++) {
            struct isa t = isa_new(text, size, size);

            t.name = "text that ends";
            s.pc = ISA_TEXT + at;
            if (at % 2 || at % 4 == 0 ? at % 2 || at + 4 > size : at + 2 > size)
                isa_check(&t, &s, &s, ISA_TRAP(FETCH, s.pc));
            isa_done(&t);
        }
    }
}

static void data_and_nothing_are_not_executed(void **state)
{
    static const uint64_t places[] = {
        0,
        2,
        4094,
        ISA_TEXT - 2,
        ISA_TEXT + 4096,
        ISA_DATA,
        ISA_DATA + ISA_DATA_SIZE,
        CZ_GUEST_STACK_TOP - 16,
        CZ_GUEST_INPUT,
        CZ_GUEST_WINDOW(0),
        CZ_GUEST_MEMORY_END,
        CZ_GUEST_MEMORY_END - 2,
        1ull << 32 | ISA_TEXT,
        1ull << 63 | ISA_TEXT,
        UINT64_MAX,
        UINT64_MAX - 1,
        ISA_TEXT + 1,
        ISA_TEXT + 3,
    };
    struct isa t = isa_of(asm_addi(10, 0, 1));

    (void)state;
    t.name = "no code";
    for (unsigned i = 0; i < CZI_COUNTOF(places); i++) {
        struct isa_state s = isa_state();

        s.pc = places[i];
        isa_check(&t, &s, &s, ISA_TRAP(FETCH, s.pc));
    }
    isa_done(&t);
}

/* Its second halfword is in a segment of its own: the first has none. */
static void an_instruction_over_the_seam_of_two_segments_is_not_fetched(void **state)
{
    struct czi_buf file = {0};
    struct elf_plan plan = {.entry = ISA_TEXT, .segment_count = 2};
    uint8_t text[8];
    struct isa_state s = isa_state();
    struct isa t = {.name = "seam"};
    cz_error err = {0};

    (void)state;
    czi_put_u32le(text, C_EBREAK | asm_addi(10, 0, 1) << 16);
    czi_put_u32le(text + 4, asm_addi(10, 0, 1) >> 16 | C_EBREAK << 16);
    plan.segments[0] = (struct elf_segment){ELF_LOAD, ELF_R | ELF_X, ISA_TEXT, text, 4, 4};
    plan.segments[1] =
        (struct elf_segment){ELF_LOAD, ELF_R | ELF_X, ISA_TEXT + 4, text + 4, 4, 4};
    elf_build(&file, &plan);
    assert_ok(czi_code_new(file.data, file.len, &t.code, &err), err);
    czi_buf_done(&file);
    t.space = isa_load(t.code);
    s.pc = ISA_TEXT + 2;
    isa_check(&t, &s, &s, ISA_TRAP(FETCH, s.pc));
    s.pc = ISA_TEXT + 6;
    isa_check(&t, &s, &s, ISA_TRAP(BREAK, 0));
    isa_done(&t);
}

/* ---- Others ------------------------------------------------------------------------------ */

static void check_illegal(uint32_t bits)
{
    struct isa_state s = isa_state();
    struct isa t = isa_of(bits);
    char name[32];

    snprintf(name, sizeof name, "%08x", bits);
    t.name = name;
    isa_check(&t, &s, &s, ISA_TRAP(ILLEGAL, bits));
    isa_done(&t);
}

static void what_the_manual_does_not_give_is_illegal(void **state)
{
    /* Opcodes of other extensions, custom ones and reserved ones; table 24.1. */
    static const uint32_t opcodes[] = {0x07, 0x0b, 0x27, 0x2b, 0x43, 0x47, 0x4b, 0x4f, 0x53,
                                       0x57, 0x5b, 0x6b, 0x77, 0x7b, 0x1f, 0x3f, 0x5f, 0x7f};
    static const uint32_t others[] = {
        0x00007003,                                                 /* load of funct3 7 */
        0x00004023, 0x00007023,                                     /* stores of 4 to 7 */
        0x00002063, 0x00003063,                                     /* branches of 2 and 3 */
        0x00001067, 0x00007067,                                     /* jalr of others than 0 */
        0x0000200f, 0x0000700f,                                     /* cache management */
        0x0000201b, 0x0000301b, 0x0000401b, 0x0000601b, 0x0000701b, /* op-imm-32 */
        0x0000203b, 0x0200103b, 0x0200203b, 0x0200303b, 0x4000103b, /* op-32 */
        0x40001033, 0x40002033, 0x40007033, 0x04000033, 0x80000033, /* op */
        0x08000033, 0x0800403b, 0x60001013, 0x28001013,             /* bit manipulation */
        0x0000002f, 0x0000102f, 0x0000402f, 0x0000502f,             /* atomics of other sizes */
        0x2800202f, 0x3000302f, 0xf800202f, 0xa800302f,             /* unknown atomics */
        0x1010202f, 0x11f0302f,                                     /* lr with rs2 */
        0x30200073, 0x10200073, 0x10500073, 0x00200073, 0x12000073, /* privileged ones */
        0x000000f3, 0x00008073, 0x00100173, 0x00108073,             /* ecall, ebreak and more */
        0xffffffff,
    };

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(opcodes); i++)
        for (uint32_t f = 0; f < 8; f++) {
            check_illegal(opcodes[i] | f << 12);
            check_illegal(opcodes[i] | f << 12 | 0x02b58580);
        }
    for (unsigned i = 0; i < CZI_COUNTOF(others); i++)
        check_illegal(others[i]);
}

static void counters_and_control_registers_are_none(void **state)
{
    static const uint32_t registers[] = {0xc00, 0xc01, 0xc02, 0x001,
                                         0x002, 0x003, 0x300, 0xf11};

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(registers); i++)
        for (uint32_t f = 1; f < 8; f++)
            check_illegal(registers[i] << 20 | f << 12 | 10u << 7 | 0x73);
}

static void fences_and_hints_retire_and_do_nothing(void **state)
{
    static const uint32_t idle[] = {
        0x0ff0000f, 0x8330000f, 0x0000000f, 0x0100000f, 0xf00f8f8f, /* fence; pause; reserved */
        0x0000100f, 0xfff09f8f,                                     /* fence.i; reserved */
        0x00000013, 0x00b00013, 0x00b50033, 0x00000037, 0xfffff017, 0x02b54033,
    };

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(idle); i++) {
        struct isa_state before = isa_state(), want = before;
        struct isa t = isa_of(idle[i]);

        t.name = "fence or hint";
        want.pc += 4;
        isa_check(&t, &before, &want, ISA_DONE);
        isa_done(&t);
    }
}

static void ecall_retires_before_the_call(void **state)
{
    struct isa_state before = isa_state(), want = before;
    struct isa t = isa_of(ECALL);

    (void)state;
    t.name = "ecall";
    want.pc += 4;
    isa_check(&t, &before, &want, ISA_CALL);
    isa_done(&t);
}

static void ebreak_traps_and_does_not_retire(void **state)
{
    struct isa_state s = isa_state();
    struct isa t = isa_of(EBREAK);

    (void)state;
    t.name = "ebreak";
    isa_check(&t, &s, &s, ISA_TRAP(BREAK, 0));
    isa_done(&t);
}

static void every_trap_has_a_text_of_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= CZI_TRAP_CALL; i++)
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(czi_trap_text((enum czi_trap)i),
                                    czi_trap_text((enum czi_trap)k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_of_two_registers_compute_what_the_manual_says),
        cmocka_unit_test(operands_can_be_any_registers),
        cmocka_unit_test(immediates_are_sign_extended_twelve_bits),
        cmocka_unit_test(shifts_by_every_amount),
        cmocka_unit_test(amounts_that_are_too_large_are_no_instructions),
        cmocka_unit_test(upper_immediates),
        cmocka_unit_test(branches_compare_as_the_manual_says),
        cmocka_unit_test(branches_reach_both_ends_of_their_range_both_ways),
        cmocka_unit_test(jal_links_and_reaches_where_no_code_is),
        cmocka_unit_test(jal_reaches_code_at_both_ends_of_its_range),
        cmocka_unit_test(jalr_clears_the_low_bit_and_links_behind_itself),
        cmocka_unit_test(jalr_through_x0_jumps_to_its_immediate),
        cmocka_unit_test(code_ends_with_its_segment_to_the_byte),
        cmocka_unit_test(data_and_nothing_are_not_executed),
        cmocka_unit_test(an_instruction_over_the_seam_of_two_segments_is_not_fetched),
        cmocka_unit_test(what_the_manual_does_not_give_is_illegal),
        cmocka_unit_test(counters_and_control_registers_are_none),
        cmocka_unit_test(fences_and_hints_retire_and_do_nothing),
        cmocka_unit_test(ecall_retires_before_the_call),
        cmocka_unit_test(ebreak_traps_and_does_not_retire),
        cmocka_unit_test(every_trap_has_a_text_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, isa_teardown);
}
