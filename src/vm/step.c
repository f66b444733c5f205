/* step.c - one instruction, straight from its bytes and the ISA manual.
 *
 * Layer: vm. The slow twin of decode.c and run.c, written apart from them: it decodes again
 * each time, asks space.c for every byte, and shares nothing with them but vm.h, so that tests
 * can hold one against the other. Nothing but tests and tools that want one instruction at a
 * time call it.
 *
 * Source: The RISC-V Instruction Set Manual, Volume I, 20191213: chapters 2 (RV32I), 5 (RV64I),
 * 7 (M), 8 (A), 16 (C), and the opcode tables of chapter 24. What that leaves open is decided
 * in docs/reference/vm.md.
 *
 * A compressed instruction is first written as the 32-bit one that it stands for (16.3
 * to 16.7).
 */
#include "vm/vm.h"

enum { X_ZERO, X_RA, X_SP };
/* Major opcodes, bits 6 to 2 (table 24.1). */
enum {
    LOAD = 0x00,
    MISC_MEM = 0x03,
    OP_IMM = 0x04,
    AUIPC = 0x05,
    OP_IMM_32 = 0x06,
    STORE = 0x08,
    AMO = 0x0b,
    OP = 0x0c,
    LUI = 0x0d,
    OP_32 = 0x0e,
    BRANCH = 0x18,
    JALR = 0x19,
    JAL = 0x1b,
    SYSTEM = 0x1c,
};

struct step {
    struct czi_hart *h;
    uint32_t raw;  /* as in memory, 16 or 32 bits */
    uint32_t bits; /* as a 32-bit instruction */
    uint64_t next; /* where pc goes */
};

const char *czi_trap_text(enum czi_trap trap)
{
    switch (trap) {
    case CZI_TRAP_NONE:
        return "no trap";
    case CZI_TRAP_ILLEGAL:
        return "illegal instruction";
    case CZI_TRAP_FETCH:
        return "jump to what is no code";
    case CZI_TRAP_LOAD:
        return "load from memory that may not be read";
    case CZI_TRAP_STORE:
        return "store to memory that may not be written";
    case CZI_TRAP_MISALIGNED:
        return "atomic at an address that is not aligned";
    case CZI_TRAP_BREAK:
        return "breakpoint";
    case CZI_TRAP_CALL:
        return "call that must not be";
    }
    return "unknown trap";
}

/* ---- Fields (figures 2.2 to 2.4) --------------------------------------------------------- */

static unsigned field(uint32_t bits, unsigned low, unsigned count)
{
    return bits >> low & ((1u << count) - 1);
}
static unsigned rd_of(uint32_t bits)
{
    return field(bits, 7, 5);
}
static unsigned funct3(uint32_t bits)
{
    return field(bits, 12, 3);
}
static unsigned funct7(uint32_t bits)
{
    return field(bits, 25, 7);
}
/* The low `count` bits as a signed number. */
static uint64_t extend(uint64_t v, unsigned count)
{
    uint64_t sign = UINT64_C(1) << (count - 1);

    v &= sign | (sign - 1);
    return (v ^ sign) - sign;
}
static uint64_t imm_i(uint32_t bits)
{
    return extend(field(bits, 20, 12), 12);
}
static uint64_t imm_s(uint32_t bits)
{
    return extend(field(bits, 25, 7) << 5 | field(bits, 7, 5), 12);
}
static uint64_t imm_b(uint32_t bits)
{
    return extend(field(bits, 31, 1) << 12 | field(bits, 7, 1) << 11 | field(bits, 25, 6) << 5 |
                      field(bits, 8, 4) << 1,
                  13);
}
static uint64_t imm_u(uint32_t bits)
{
    return extend(bits & 0xfffff000u, 32);
}
static uint64_t imm_j(uint32_t bits)
{
    return extend(field(bits, 31, 1) << 20 | field(bits, 12, 8) << 12 |
                      field(bits, 20, 1) << 11 | field(bits, 21, 10) << 1,
                  21);
}
static uint64_t rs1_value(const struct step *s)
{
    return s->h->x[field(s->bits, 15, 5)];
}
static uint64_t rs2_value(const struct step *s)
{
    return s->h->x[field(s->bits, 20, 5)];
}

/* ---- Ends -------------------------------------------------------------------------------- */

static enum czi_stop trap(struct czi_hart *h, enum czi_trap kind, uint64_t value)
{
    h->trap = (uint8_t)kind;
    h->trap_value = value;
    return CZI_STOP_TRAP;
}
static enum czi_stop illegal(const struct step *s)
{
    return trap(s->h, CZI_TRAP_ILLEGAL, s->raw);
}
static enum czi_stop write_rd(const struct step *s, uint64_t value)
{
    unsigned rd = rd_of(s->bits);

    if (rd != X_ZERO)
        s->h->x[rd] = value;
    return CZI_STOP_NONE;
}

/* ---- Memory ------------------------------------------------------------------------------ */

/* size 1, 2, 4 or 8 */
static bool load_bytes(const struct step *s, uint64_t address, unsigned size, uint64_t *ret)
{
    uint8_t bytes[8] = {0};

    if (!czi_space_read(s->h->space, address, bytes, size))
        return false;
    *ret = czi_get_u64le(bytes);
    return true;
}
static bool store_bytes(const struct step *s, uint64_t address, unsigned size, uint64_t value)
{
    uint8_t bytes[8];

    czi_put_u64le(bytes, value);
    return czi_space_write(s->h->space, address, bytes, size);
}

/* lb, lh, lw, ld, lbu, lhu, lwu: 2.6, 5.3 */
static enum czi_stop load(struct step *s)
{
    uint64_t address = rs1_value(s) + imm_i(s->bits), value;
    unsigned f = funct3(s->bits), size = 1u << (f & 3);

    if (f == 7)
        return illegal(s);
    if (!load_bytes(s, address, size, &value))
        return trap(s->h, CZI_TRAP_LOAD, address);
    return write_rd(s, f < 4 ? extend(value, 8 * size) : value);
}

static enum czi_stop store(struct step *s)
{
    uint64_t address = rs1_value(s) + imm_s(s->bits);
    unsigned f = funct3(s->bits);

    if (f > 3)
        return illegal(s);
    if (!store_bytes(s, address, 1u << f, rs2_value(s)))
        return trap(s->h, CZI_TRAP_STORE, address);
    return CZI_STOP_NONE;
}

/* fence and fence.i (2.7, 3): reserved fields are ignored, as the manual asks for. */
static enum czi_stop misc_mem(struct step *s)
{
    return funct3(s->bits) > 1 ? illegal(s) : CZI_STOP_NONE;
}

/* ---- Arithmetic -------------------------------------------------------------------------- */

static uint64_t shift_right_signed(uint64_t v, unsigned by)
{
    uint64_t filled = v >> 63 ? ~(UINT64_MAX >> by) : 0;

    return v >> by | filled;
}

/* Of 2.4 and 5.2, without sub and sra. */
static uint64_t alu(unsigned f, uint64_t a, uint64_t b)
{
    switch (f) {
    case 0:
        return a + b;
    case 1:
        return a << (b & 63);
    case 2:
        return (int64_t)a < (int64_t)b;
    case 3:
        return a < b;
    case 4:
        return a ^ b;
    case 5:
        return a >> (b & 63);
    case 6:
        return a | b;
    default:
        return a & b;
    }
}

static enum czi_stop op_imm(struct step *s)
{
    uint64_t a = rs1_value(s);
    unsigned f = funct3(s->bits), shamt = field(s->bits, 20, 6), upper = field(s->bits, 26, 6);

    if (f == 5 && upper == 0x10)
        return write_rd(s, shift_right_signed(a, shamt));
    if ((f == 1 || f == 5) && upper != 0)
        return illegal(s);
    return write_rd(s, alu(f, a, imm_i(s->bits)));
}

/* addiw, slliw, srliw, sraiw: 5.2. Bit 5 of an amount is reserved. */
static enum czi_stop op_imm_32(struct step *s)
{
    uint64_t a = rs1_value(s);
    unsigned f = funct3(s->bits), upper = funct7(s->bits), shamt = field(s->bits, 20, 5);

    if (f == 0)
        return write_rd(s, extend(a + imm_i(s->bits), 32));
    if (f == 1 && upper == 0)
        return write_rd(s, extend(a << shamt, 32));
    if (f == 5 && upper == 0)
        return write_rd(s, extend((a & UINT32_MAX) >> shamt, 32));
    if (f == 5 && upper == 0x20)
        return write_rd(s, extend(shift_right_signed(extend(a, 32), shamt), 32));
    return illegal(s);
}

/* The upper half of a product, by 32-bit parts. */
static uint64_t multiply_high(uint64_t a, uint64_t b)
{
    uint64_t a0 = a & UINT32_MAX, a1 = a >> 32, b0 = b & UINT32_MAX, b1 = b >> 32;
    uint64_t middle = a1 * b0 + (a0 * b0 >> 32), other = a0 * b1 + (middle & UINT32_MAX);

    return a1 * b1 + (middle >> 32) + (other >> 32);
}
/* Quotient and remainder of signed numbers from those of their sizes. By zero: all ones, and
 * the dividend; the most negative by -1: itself, and 0 (table 7.1). */
static uint64_t divide_signed(uint64_t a, uint64_t b, bool remainder)
{
    uint64_t size_a = a >> 63 ? 0 - a : a, size_b = b >> 63 ? 0 - b : b;

    if (b == 0)
        return remainder ? a : UINT64_MAX;
    if (remainder)
        return a >> 63 ? 0 - size_a % size_b : size_a % size_b;
    return (a ^ b) >> 63 ? 0 - size_a / size_b : size_a / size_b;
}
static uint64_t divide_unsigned(uint64_t a, uint64_t b, bool remainder)
{
    if (b == 0)
        return remainder ? a : UINT64_MAX;
    return remainder ? a % b : a / b;
}

/* Chapter 7. */
static uint64_t multiply_divide(unsigned f, uint64_t a, uint64_t b)
{
    switch (f) {
    case 0:
        return a * b;
    case 1: /* mulh: of unsigned ones, less what the signs weigh */
        return multiply_high(a, b) - (a >> 63 ? b : 0) - (b >> 63 ? a : 0);
    case 2:
        return multiply_high(a, b) - (a >> 63 ? b : 0);
    case 3:
        return multiply_high(a, b);
    case 4:
    case 6:
        return divide_signed(a, b, f == 6);
    default:
        return divide_unsigned(a, b, f == 7);
    }
}

static enum czi_stop op(struct step *s)
{
    uint64_t a = rs1_value(s), b = rs2_value(s);
    unsigned f = funct3(s->bits);

    switch (funct7(s->bits)) {
    case 0x00:
        return write_rd(s, alu(f, a, b));
    case 0x01:
        return write_rd(s, multiply_divide(f, a, b));
    case 0x20:
        if (f == 0)
            return write_rd(s, a - b);
        if (f == 5)
            return write_rd(s, shift_right_signed(a, b & 63));
        return illegal(s);
    default:
        return illegal(s);
    }
}

static enum czi_stop op_32(struct step *s)
{
    uint64_t a = extend(rs1_value(s), 32), b = extend(rs2_value(s), 32);
    uint64_t low_a = a & UINT32_MAX, low_b = b & UINT32_MAX;
    unsigned by = b & 31;

    switch (funct7(s->bits) << 4 | funct3(s->bits)) {
    case 0x000: /* addw */
        return write_rd(s, extend(a + b, 32));
    case 0x001: /* sllw */
        return write_rd(s, extend(a << by, 32));
    case 0x005: /* srlw */
        return write_rd(s, extend(low_a >> by, 32));
    case 0x200: /* subw */
        return write_rd(s, extend(a - b, 32));
    case 0x205: /* sraw */
        return write_rd(s, shift_right_signed(a, by));
    case 0x010: /* mulw */
        return write_rd(s, extend(a * b, 32));
    case 0x014: /* divw, remw */
    case 0x016:
        return write_rd(s, extend(divide_signed(a, b, funct3(s->bits) == 6), 32));
    case 0x015: /* divuw, remuw */
    case 0x017:
        return write_rd(s, extend(divide_unsigned(low_a, low_b, funct3(s->bits) == 7), 32));
    default:
        return illegal(s);
    }
}

static enum czi_stop lui(struct step *s)
{
    return write_rd(s, imm_u(s->bits));
}
static enum czi_stop auipc(struct step *s)
{
    return write_rd(s, s->h->pc + imm_u(s->bits));
}

/* ---- Control ----------------------------------------------------------------------------- */

static enum czi_stop jal(struct step *s)
{
    uint64_t link = s->next;

    s->next = s->h->pc + imm_j(s->bits);
    return write_rd(s, link);
}

static enum czi_stop jalr(struct step *s)
{
    uint64_t link = s->next;

    if (funct3(s->bits) != 0)
        return illegal(s);
    s->next = (rs1_value(s) + imm_i(s->bits)) & ~UINT64_C(1);
    return write_rd(s, link);
}

static enum czi_stop branch(struct step *s)
{
    uint64_t a = rs1_value(s), b = rs2_value(s);
    unsigned f = funct3(s->bits);
    bool holds;

    if (f == 2 || f == 3)
        return illegal(s);
    if (f < 2)
        holds = a == b;
    else if (f < 6)
        holds = (int64_t)a < (int64_t)b;
    else
        holds = a < b;
    if (holds != (f & 1))
        s->next = s->h->pc + imm_b(s->bits);
    return CZI_STOP_NONE;
}

static enum czi_stop system(struct step *s)
{
    if (s->bits == 0x00000073u)
        return CZI_STOP_CALL;
    if (s->bits == 0x00100073u)
        return trap(s->h, CZI_TRAP_BREAK, 0);
    return illegal(s);
}

/* ---- Atomics (chapter 8) ----------------------------------------------------------------- */

/* Of two values that are both sign-extended, so that words and doublewords compare alike. */
static bool amo_result(unsigned funct5, uint64_t old, uint64_t v, uint64_t *ret)
{
    switch (funct5) {
    case 0x00:
        *ret = old + v;
        return true;
    case 0x01:
        *ret = v;
        return true;
    case 0x04:
        *ret = old ^ v;
        return true;
    case 0x08:
        *ret = old | v;
        return true;
    case 0x0c:
        *ret = old & v;
        return true;
    case 0x10:
        *ret = (int64_t)old < (int64_t)v ? old : v;
        return true;
    case 0x14:
        *ret = (int64_t)old > (int64_t)v ? old : v;
        return true;
    case 0x18:
        *ret = old < v ? old : v;
        return true;
    case 0x1c:
        *ret = old > v ? old : v;
        return true;
    default:
        return false;
    }
}

static enum czi_stop load_reserved(const struct step *s, uint64_t address, unsigned size)
{
    uint64_t value;

    if (!load_bytes(s, address, size, &value))
        return trap(s->h, CZI_TRAP_LOAD, address);
    s->h->reserved = address;
    s->h->reserved_size = (uint8_t)size;
    return write_rd(s, extend(value, 8 * size));
}

static enum czi_stop store_conditional(const struct step *s, uint64_t address, unsigned size)
{
    struct czi_hart *h = s->h;
    bool holds = h->reserved == address && h->reserved_size == size;

    if (!czi_space_can(h->space, address, size, true))
        return trap(h, CZI_TRAP_STORE, address);
    if (holds && !store_bytes(s, address, size, rs2_value(s)))
        return trap(h, CZI_TRAP_STORE, address);
    h->reserved = UINT64_MAX;
    return write_rd(s, !holds);
}

static enum czi_stop amo(struct step *s)
{
    uint64_t address = rs1_value(s), old, v;
    unsigned f = funct3(s->bits), size = 1u << f, funct5 = field(s->bits, 27, 5);
    bool is_lr = funct5 == 2, is_sc = funct5 == 3;

    if ((f != 2 && f != 3) || (is_lr && field(s->bits, 20, 5) != 0) ||
        (!is_lr && !is_sc && !amo_result(funct5, 0, 0, &v)))
        return illegal(s);
    if (address % size != 0)
        return trap(s->h, CZI_TRAP_MISALIGNED, address);
    if (is_lr)
        return load_reserved(s, address, size);
    if (is_sc)
        return store_conditional(s, address, size);
    if (!czi_space_can(s->h->space, address, size, true) || !load_bytes(s, address, size, &old))
        return trap(s->h, CZI_TRAP_STORE, address);
    old = extend(old, 8 * size);
    amo_result(funct5, old, extend(rs2_value(s), 8 * size), &v);
    if (!store_bytes(s, address, size, v))
        return trap(s->h, CZI_TRAP_STORE, address);
    return write_rd(s, old);
}

/* ---- Compressed ones as the others (chapter 16) ------------------------------------------ */

/* No instruction: not one that the manual gives, and refused by whoever executes it. */
#define NONE 0u

static uint32_t whole(unsigned opcode)
{
    return opcode << 2 | 3;
}
static uint32_t i_form(unsigned opcode, unsigned f, unsigned rd, unsigned rs1, unsigned imm)
{
    return (imm & 0xfff) << 20 | rs1 << 15 | f << 12 | rd << 7 | whole(opcode);
}
static uint32_t r_form(unsigned opcode, unsigned f7, unsigned f, unsigned rd, unsigned rs1,
                       unsigned rs2)
{
    return f7 << 25 | rs2 << 20 | rs1 << 15 | f << 12 | rd << 7 | whole(opcode);
}
static uint32_t s_form(unsigned f, unsigned rs1, unsigned rs2, unsigned imm)
{
    return field(imm, 5, 7) << 25 | rs2 << 20 | rs1 << 15 | f << 12 | field(imm, 0, 5) << 7 |
           whole(STORE);
}
static uint32_t b_form(unsigned f, unsigned rs1, unsigned imm)
{
    return field(imm, 12, 1) << 31 | field(imm, 5, 6) << 25 | rs1 << 15 | f << 12 |
           field(imm, 1, 4) << 8 | field(imm, 11, 1) << 7 | whole(BRANCH);
}
static uint32_t j_form(unsigned rd, unsigned imm)
{
    return field(imm, 20, 1) << 31 | field(imm, 1, 10) << 21 | field(imm, 11, 1) << 20 |
           field(imm, 12, 8) << 12 | rd << 7 | whole(JAL);
}
/* `count` bits of c from `low` on, moved to `to`. */
static unsigned moved(uint32_t c, unsigned low, unsigned count, unsigned to)
{
    return field(c, low, count) << to;
}
/* The immediate of CI: bit 12, then 6 to 2. */
static unsigned imm_ci(uint32_t c)
{
    return (unsigned)extend(moved(c, 12, 1, 5) | moved(c, 2, 5, 0), 6);
}

/* Loads and stores of registers 8 to 15, and c.addi4spn. */
static uint32_t quadrant_0(uint32_t c)
{
    unsigned high = 8 + field(c, 7, 3), low = 8 + field(c, 2, 3);
    unsigned word = moved(c, 10, 3, 3) | moved(c, 6, 1, 2) | moved(c, 5, 1, 6);
    unsigned two_words = moved(c, 10, 3, 3) | moved(c, 5, 2, 6);
    unsigned space =
        moved(c, 11, 2, 4) | moved(c, 7, 4, 6) | moved(c, 6, 1, 2) | moved(c, 5, 1, 3);

    switch (field(c, 13, 3)) {
    case 0:
        return space ? i_form(OP_IMM, 0, low, X_SP, space) : NONE;
    case 2:
        return i_form(LOAD, 2, low, high, word);
    case 3:
        return i_form(LOAD, 3, low, high, two_words);
    case 6:
        return s_form(2, high, low, word);
    case 7:
        return s_form(3, high, low, two_words);
    default: /* floating point, and 4: reserved */
        return NONE;
    }
}

/* c.srli, c.srai, c.andi, and those of two registers of 8 to 15. */
static uint32_t arithmetic(uint32_t c)
{
    static const uint8_t f3_of[4] = {0, 4, 6, 7}; /* sub, xor, or, and */
    unsigned rd = 8 + field(c, 7, 3), rs2 = 8 + field(c, 2, 3), what = field(c, 5, 2);
    unsigned shamt = imm_ci(c) & 63;

    switch (field(c, 10, 2)) {
    case 0:
        return i_form(OP_IMM, 5, rd, rd, shamt);
    case 1:
        return i_form(OP_IMM, 5, rd, rd, 0x400 | shamt);
    case 2:
        return i_form(OP_IMM, 7, rd, rd, imm_ci(c));
    default:
        break;
    }
    if (field(c, 12, 1) == 0)
        return r_form(OP, what == 0 ? 0x20 : 0, f3_of[what], rd, rd, rs2);
    if (what > 1)
        return NONE;
    return r_form(OP_32, what == 0 ? 0x20 : 0, 0, rd, rd, rs2); /* c.subw, c.addw */
}

static uint32_t addi16sp_or_lui(uint32_t c)
{
    unsigned space = moved(c, 12, 1, 9) | moved(c, 6, 1, 4) | moved(c, 5, 1, 6) |
                     moved(c, 3, 2, 7) | moved(c, 2, 1, 5);

    if (imm_ci(c) == 0)
        return NONE;
    if (rd_of(c) == X_SP)
        return i_form(OP_IMM, 0, X_SP, X_SP, (unsigned)extend(space, 10));
    return imm_ci(c) << 12 | rd_of(c) << 7 | whole(LUI);
}

static uint32_t quadrant_1(uint32_t c)
{
    unsigned rd = rd_of(c);
    unsigned jump = moved(c, 12, 1, 11) | moved(c, 11, 1, 4) | moved(c, 9, 2, 8) |
                    moved(c, 8, 1, 10) | moved(c, 7, 1, 6) | moved(c, 6, 1, 7) |
                    moved(c, 3, 3, 1) | moved(c, 2, 1, 5);
    unsigned branch = moved(c, 12, 1, 8) | moved(c, 10, 2, 3) | moved(c, 5, 2, 6) |
                      moved(c, 3, 2, 1) | moved(c, 2, 1, 5);

    switch (field(c, 13, 3)) {
    case 0: /* c.addi, c.nop */
        return i_form(OP_IMM, 0, rd, rd, imm_ci(c));
    case 1: /* c.addiw */
        return rd ? i_form(OP_IMM_32, 0, rd, rd, imm_ci(c)) : NONE;
    case 2: /* c.li */
        return i_form(OP_IMM, 0, rd, X_ZERO, imm_ci(c));
    case 3:
        return addi16sp_or_lui(c);
    case 4:
        return arithmetic(c);
    case 5:
        return j_form(X_ZERO, (unsigned)extend(jump, 12));
    default: /* c.beqz, c.bnez */
        return b_form(field(c, 13, 1), 8 + field(c, 7, 3), (unsigned)extend(branch, 9));
    }
}

/* c.jr, c.mv, c.ebreak, c.jalr, c.add */
static uint32_t moves_and_jumps(uint32_t c)
{
    unsigned rd = rd_of(c), rs2 = field(c, 2, 5);

    if (field(c, 12, 1) == 0) {
        if (rs2)
            return r_form(OP, 0, 0, rd, X_ZERO, rs2);
        return rd ? i_form(JALR, 0, X_ZERO, rd, 0) : NONE;
    }
    if (rs2)
        return r_form(OP, 0, 0, rd, rd, rs2);
    return rd ? i_form(JALR, 0, X_RA, rd, 0) : 0x00100073u;
}

static uint32_t quadrant_2(uint32_t c)
{
    unsigned rd = rd_of(c), rs2 = field(c, 2, 5);

    switch (field(c, 13, 3)) {
    case 0:
        return i_form(OP_IMM, 1, rd, rd, imm_ci(c) & 63);
    case 2:
        return rd ? i_form(LOAD, 2, rd, X_SP,
                           moved(c, 12, 1, 5) | moved(c, 4, 3, 2) | moved(c, 2, 2, 6))
                  : NONE;
    case 3:
        return rd ? i_form(LOAD, 3, rd, X_SP,
                           moved(c, 12, 1, 5) | moved(c, 5, 2, 3) | moved(c, 2, 3, 6))
                  : NONE;
    case 4:
        return moves_and_jumps(c);
    case 6:
        return s_form(2, X_SP, rs2, moved(c, 9, 4, 2) | moved(c, 7, 2, 6));
    case 7:
        return s_form(3, X_SP, rs2, moved(c, 10, 3, 3) | moved(c, 7, 3, 6));
    default: /* floating point */
        return NONE;
    }
}

/* ---- One --------------------------------------------------------------------------------- */

/* The 2 or 4 bytes at pc, all of them in one executable segment. */
static bool fetch(struct step *s)
{
    const struct czi_image *image = czi_code_image(s->h->code);
    const struct czi_segment *in = NULL;
    uint64_t pc = s->h->pc, size = 2;
    uint8_t bytes[4] = {0};

    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct czi_segment *g = &image->segments[i];

        if ((g->mode & CZI_PAGE_EXEC) && pc >= g->address && pc - g->address < g->memory_size)
            in = g;
    }
    if (!in || pc % 2 != 0 || in->memory_size - (pc - in->address) < size ||
        !czi_space_read(s->h->space, pc, bytes, size))
        return false;
    if ((bytes[0] & 3) == 3) {
        size = 4;
        if (in->memory_size - (pc - in->address) < size ||
            !czi_space_read(s->h->space, pc, bytes, size))
            return false;
    }
    s->raw = czi_get_u32le(bytes);
    s->next = pc + size;
    return true;
}

static uint32_t expanded(uint32_t raw)
{
    switch (raw & 3) {
    case 0:
        return quadrant_0(raw);
    case 1:
        return quadrant_1(raw);
    case 2:
        return quadrant_2(raw);
    default:
        return raw;
    }
}

enum czi_stop czi_vm_step(struct czi_hart *h)
{
    static enum czi_stop (*const by_opcode[32])(struct step *) = {
        [LOAD] = load,   [MISC_MEM] = misc_mem,   [OP_IMM] = op_imm, [AUIPC] = auipc,
        [STORE] = store, [OP_IMM_32] = op_imm_32, [AMO] = amo,       [OP] = op,
        [LUI] = lui,     [OP_32] = op_32,         [BRANCH] = branch, [JALR] = jalr,
        [JAL] = jal,     [SYSTEM] = system,
    };
    struct step s = {.h = h};
    enum czi_stop stop;

    if (h->gas == 0)
        return CZI_STOP_GAS;
    if (!fetch(&s))
        return trap(h, CZI_TRAP_FETCH, h->pc);
    s.bits = expanded(s.raw);
    if ((s.bits & 3) != 3 || !by_opcode[field(s.bits, 2, 5)])
        return illegal(&s);
    stop = by_opcode[field(s.bits, 2, 5)](&s);
    if (stop == CZI_STOP_TRAP)
        return stop;
    h->pc = s.next;
    h->gas--;
    return stop;
}
