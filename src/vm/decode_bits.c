/* decode_bits.c - one instruction of RV64IMAC from its bits.
 *
 * Layer: vm. Threads: pure. Source: The RISC-V Instruction Set Manual, Volume I, 20191213.
 * Hints do nothing, reserved encodings are illegal (docs/reference/vm.md, "Instructions").
 */
#include "vm/code.h"

#define NO CZI_RV_ILLEGAL
#define OP(name) CZI_RV_##name

/* `count` bits from `low`, as a number below 2^count; then put at `to`. */
#define BITS(v, low, count) ((uint32_t)(v) >> (low) & ((1u << (count)) - 1))
#define MOVED(v, low, count, to) (BITS(v, low, count) << (to))

static int32_t extend(uint32_t v, unsigned count)
{
    return (int32_t)(v << (32 - count)) >> (32 - count);
}

static struct czi_decoded illegal(uint32_t bits)
{
    bool is_short = (bits & 3) != 3;

    return (struct czi_decoded){.op = NO,
                                .len = is_short ? 2 : 4,
                                .imm = (int32_t)(is_short ? bits & 0xffff : bits)};
}
static struct czi_decoded reg(unsigned op, unsigned rd, unsigned rs1, unsigned rs2)
{
    return (struct czi_decoded){.op = (uint8_t)op,
                                .rd = (uint8_t)(rd ? rd : 32),
                                .rs1 = (uint8_t)rs1,
                                .rs2 = (uint8_t)rs2,
                                .len = 4};
}
static struct czi_decoded imm(unsigned op, unsigned rd, unsigned rs1, int32_t v)
{
    struct czi_decoded d = reg(op, rd, rs1, 0);

    d.imm = v;
    return d;
}
static struct czi_decoded store(unsigned op, unsigned rs1, unsigned rs2, int32_t v)
{
    struct czi_decoded d = reg(op, 0, rs1, rs2);

    d.imm = v;
    return d;
}
/* Without a register to write it ends nothing else than the run. */
static struct czi_decoded jal(unsigned rd, int32_t v)
{
    return imm(rd ? OP(JAL) : OP(J), rd, 0, v);
}
static struct czi_decoded jalr(unsigned rd, unsigned rs1, int32_t v)
{
    return imm(rd ? OP(JALR) : OP(JR), rd, rs1, v);
}
static struct czi_decoded addi(unsigned rd, unsigned rs1, int32_t v)
{
    return rs1 ? imm(OP(ADDI), rd, rs1, v) : imm(OP(LI), rd, 0, v);
}

/* ---- 32 bits ----------------------------------------------------------------------------- */

#define RD(b) BITS(b, 7, 5)
#define F3(b) BITS(b, 12, 3)
#define RS1(b) BITS(b, 15, 5)
#define RS2(b) BITS(b, 20, 5)
#define F7(b) BITS(b, 25, 7)
#define IMM_I(b) ((int32_t)(b) >> 20)

static struct czi_decoded decode_load(uint32_t b)
{
    static const uint8_t ops[8] = {OP(LB),  OP(LH),  OP(LW),  OP(LD),
                                   OP(LBU), OP(LHU), OP(LWU), NO};
    unsigned op = ops[F3(b)];

    return op == NO ? illegal(b) : imm(op, RD(b), RS1(b), IMM_I(b));
}

static struct czi_decoded decode_store(uint32_t b)
{
    static const uint8_t ops[8] = {OP(SB), OP(SH), OP(SW), OP(SD), NO, NO, NO, NO};
    unsigned op = ops[F3(b)];
    int32_t v = extend(MOVED(b, 25, 7, 5) | BITS(b, 7, 5), 12);

    return op == NO ? illegal(b) : store(op, RS1(b), RS2(b), v);
}

static struct czi_decoded decode_op_imm(uint32_t b)
{
    static const uint8_t ops[8] = {OP(ADDI), OP(SLLI), OP(SLTI), OP(SLTIU),
                                   OP(XORI), OP(SRLI), OP(ORI),  OP(ANDI)};
    unsigned op = ops[F3(b)], upper = BITS(b, 26, 6);

    if (op == OP(ADDI))
        return addi(RD(b), RS1(b), IMM_I(b));
    if (op != OP(SLLI) && op != OP(SRLI))
        return imm(op, RD(b), RS1(b), IMM_I(b));
    if (op == OP(SRLI) && upper == 0x10)
        op = OP(SRAI);
    else if (upper)
        return illegal(b);
    return imm(op, RD(b), RS1(b), (int32_t)BITS(b, 20, 6));
}

static struct czi_decoded decode_op_imm_32(uint32_t b)
{
    switch (F7(b) << 3 | F3(b)) {
    case 0x00 << 3 | 1:
        return imm(OP(SLLIW), RD(b), RS1(b), (int32_t)RS2(b));
    case 0x00 << 3 | 5:
        return imm(OP(SRLIW), RD(b), RS1(b), (int32_t)RS2(b));
    case 0x20 << 3 | 5:
        return imm(OP(SRAIW), RD(b), RS1(b), (int32_t)RS2(b));
    default:
        return F3(b) == 0 ? imm(OP(ADDIW), RD(b), RS1(b), IMM_I(b)) : illegal(b);
    }
}

static struct czi_decoded decode_op(uint32_t b)
{
    static const uint8_t base[8] = {OP(ADD), OP(SLL), OP(SLT), OP(SLTU),
                                    OP(XOR), OP(SRL), OP(OR),  OP(AND)};
    static const uint8_t multiply[8] = {OP(MUL), OP(MULH), OP(MULHSU), OP(MULHU),
                                        OP(DIV), OP(DIVU), OP(REM),    OP(REMU)};
    static const uint8_t other[8] = {OP(SUB), NO, NO, NO, NO, OP(SRA), NO, NO};
    const uint8_t *ops = F7(b) == 0 ? base : F7(b) == 1 ? multiply : other;
    unsigned op = F7(b) > 1 && F7(b) != 0x20 ? NO : ops[F3(b)];

    return op == NO ? illegal(b) : reg(op, RD(b), RS1(b), RS2(b));
}

static struct czi_decoded decode_op_32(uint32_t b)
{
    static const uint8_t base[8] = {OP(ADDW), OP(SLLW), NO, NO, NO, OP(SRLW), NO, NO};
    static const uint8_t multiply[8] = {OP(MULW), NO,        NO,       NO,
                                        OP(DIVW), OP(DIVUW), OP(REMW), OP(REMUW)};
    static const uint8_t other[8] = {OP(SUBW), NO, NO, NO, NO, OP(SRAW), NO, NO};
    const uint8_t *ops = F7(b) == 0 ? base : F7(b) == 1 ? multiply : other;
    unsigned op = F7(b) > 1 && F7(b) != 0x20 ? NO : ops[F3(b)];

    return op == NO ? illegal(b) : reg(op, RD(b), RS1(b), RS2(b));
}

static struct czi_decoded decode_amo(uint32_t b)
{
    static const uint8_t words[32] = {
        OP(AMOADD_W),
        OP(AMOSWAP_W),
        OP(LR_W),
        OP(SC_W),
        OP(AMOXOR_W),
        NO,
        NO,
        NO,
        OP(AMOOR_W),
        NO,
        NO,
        NO,
        OP(AMOAND_W),
        NO,
        NO,
        NO,
        OP(AMOMIN_W),
        NO,
        NO,
        NO,
        OP(AMOMAX_W),
        NO,
        NO,
        NO,
        OP(AMOMINU_W),
        NO,
        NO,
        NO,
        OP(AMOMAXU_W),
        NO,
        NO,
        NO,
    };
    static const uint8_t doublewords[32] = {
        OP(AMOADD_D),
        OP(AMOSWAP_D),
        OP(LR_D),
        OP(SC_D),
        OP(AMOXOR_D),
        NO,
        NO,
        NO,
        OP(AMOOR_D),
        NO,
        NO,
        NO,
        OP(AMOAND_D),
        NO,
        NO,
        NO,
        OP(AMOMIN_D),
        NO,
        NO,
        NO,
        OP(AMOMAX_D),
        NO,
        NO,
        NO,
        OP(AMOMINU_D),
        NO,
        NO,
        NO,
        OP(AMOMAXU_D),
        NO,
        NO,
        NO,
    };
    unsigned f5 = BITS(b, 27, 5), op = NO;

    if (F3(b) == 2)
        op = words[f5];
    else if (F3(b) == 3)
        op = doublewords[f5];
    if (op == NO || ((op == OP(LR_W) || op == OP(LR_D)) && RS2(b) != 0))
        return illegal(b);
    return reg(op, RD(b), RS1(b), RS2(b));
}

static struct czi_decoded decode_branch(uint32_t b)
{
    static const uint8_t ops[8] = {OP(BEQ), OP(BNE), NO,       NO,
                                   OP(BLT), OP(BGE), OP(BLTU), OP(BGEU)};
    unsigned op = ops[F3(b)];
    uint32_t v =
        MOVED(b, 31, 1, 12) | MOVED(b, 7, 1, 11) | MOVED(b, 25, 6, 5) | MOVED(b, 8, 4, 1);

    return op == NO ? illegal(b) : store(op, RS1(b), RS2(b), extend(v, 13));
}

static struct czi_decoded decode_jal(uint32_t b)
{
    uint32_t v =
        MOVED(b, 31, 1, 20) | MOVED(b, 12, 8, 12) | MOVED(b, 20, 1, 11) | MOVED(b, 21, 10, 1);

    return jal(RD(b), extend(v, 21));
}

static struct czi_decoded decode_auipc(uint32_t b, uint64_t pc)
{
    int64_t v = (int64_t)pc + (int32_t)(b & 0xfffff000u);

    return imm(v == (int32_t)v ? OP(LI) : OP(LIU), RD(b), 0, (int32_t)(uint32_t)v);
}

static struct czi_decoded decode_32(uint32_t b, uint64_t pc)
{
    switch (BITS(b, 2, 5)) {
    case 0x00:
        return decode_load(b);
    case 0x03: /* fence, fence.i: reserved fields are ignored */
        return F3(b) < 2 ? reg(OP(NOP), 0, 0, 0) : illegal(b);
    case 0x04:
        return decode_op_imm(b);
    case 0x05:
        return decode_auipc(b, pc);
    case 0x06:
        return decode_op_imm_32(b);
    case 0x08:
        return decode_store(b);
    case 0x0b:
        return decode_amo(b);
    case 0x0c:
        return decode_op(b);
    case 0x0d:
        return imm(OP(LI), RD(b), 0, (int32_t)(b & 0xfffff000u));
    case 0x0e:
        return decode_op_32(b);
    case 0x18:
        return decode_branch(b);
    case 0x19:
        return F3(b) == 0 ? jalr(RD(b), RS1(b), IMM_I(b)) : illegal(b);
    case 0x1b:
        return decode_jal(b);
    case 0x1c:
        if (b == 0x00000073u)
            return reg(OP(ECALL), 0, 0, 0);
        return b == 0x00100073u ? reg(OP(EBREAK), 0, 0, 0) : illegal(b);
    default:
        return illegal(b);
    }
}

/* ---- 16 bits (chapter 16) ---------------------------------------------------------------- */

/* Registers of three bits are 8 to 15. */
#define HIGH(c) (8 + BITS(c, 7, 3))
#define LOW(c) (8 + BITS(c, 2, 3))
/* Bit 12 and bits 6 to 2, as most of quadrants 1 and 2 have it. */
#define SIX(c) (MOVED(c, 12, 1, 5) | BITS(c, 2, 5))
enum { SP = 2 };

static struct czi_decoded quadrant_0(uint32_t c)
{
    uint32_t word = MOVED(c, 10, 3, 3) | MOVED(c, 6, 1, 2) | MOVED(c, 5, 1, 6);
    uint32_t two = MOVED(c, 10, 3, 3) | MOVED(c, 5, 2, 6);
    uint32_t room =
        MOVED(c, 11, 2, 4) | MOVED(c, 7, 4, 6) | MOVED(c, 6, 1, 2) | MOVED(c, 5, 1, 3);

    switch (BITS(c, 13, 3)) {
    case 0: /* c.addi4spn */
        return room ? addi(LOW(c), SP, (int32_t)room) : illegal(c);
    case 2:
        return imm(OP(LW), LOW(c), HIGH(c), (int32_t)word);
    case 3:
        return imm(OP(LD), LOW(c), HIGH(c), (int32_t)two);
    case 6:
        return store(OP(SW), HIGH(c), LOW(c), (int32_t)word);
    case 7:
        return store(OP(SD), HIGH(c), LOW(c), (int32_t)two);
    default:
        return illegal(c);
    }
}

static struct czi_decoded arithmetic(uint32_t c)
{
    static const uint8_t ops[8] = {OP(SUB),  OP(XOR),  OP(OR), OP(AND),
                                   OP(SUBW), OP(ADDW), NO,     NO};
    unsigned rd = HIGH(c), op = ops[BITS(c, 12, 1) << 2 | BITS(c, 5, 2)];

    switch (BITS(c, 10, 2)) {
    case 0:
        return imm(OP(SRLI), rd, rd, (int32_t)SIX(c));
    case 1:
        return imm(OP(SRAI), rd, rd, (int32_t)SIX(c));
    case 2:
        return imm(OP(ANDI), rd, rd, extend(SIX(c), 6));
    default:
        return op == NO ? illegal(c) : reg(op, rd, rd, LOW(c));
    }
}

/* c.addi16sp of x2, else c.lui. */
static struct czi_decoded addi16sp_or_lui(uint32_t c)
{
    uint32_t room = MOVED(c, 12, 1, 9) | MOVED(c, 6, 1, 4) | MOVED(c, 5, 1, 6) |
                    MOVED(c, 3, 2, 7) | MOVED(c, 2, 1, 5);

    if (SIX(c) == 0)
        return illegal(c);
    if (RD(c) == SP)
        return addi(SP, SP, extend(room, 10));
    return imm(OP(LI), RD(c), 0, extend(SIX(c) << 12, 18));
}

static struct czi_decoded quadrant_1(uint32_t c)
{
    uint32_t jump = MOVED(c, 12, 1, 11) | MOVED(c, 11, 1, 4) | MOVED(c, 9, 2, 8) |
                    MOVED(c, 8, 1, 10) | MOVED(c, 7, 1, 6) | MOVED(c, 6, 1, 7) |
                    MOVED(c, 3, 3, 1) | MOVED(c, 2, 1, 5);
    uint32_t branch = MOVED(c, 12, 1, 8) | MOVED(c, 10, 2, 3) | MOVED(c, 5, 2, 6) |
                      MOVED(c, 3, 2, 1) | MOVED(c, 2, 1, 5);
    unsigned rd = RD(c);

    switch (BITS(c, 13, 3)) {
    case 0:
        return addi(rd, rd, extend(SIX(c), 6));
    case 1:
        return rd ? imm(OP(ADDIW), rd, rd, extend(SIX(c), 6)) : illegal(c);
    case 2:
        return addi(rd, 0, extend(SIX(c), 6));
    case 3:
        return addi16sp_or_lui(c);
    case 4:
        return arithmetic(c);
    case 5:
        return jal(0, extend(jump, 12));
    case 6:
        return store(OP(BEQ), HIGH(c), 0, extend(branch, 9));
    default:
        return store(OP(BNE), HIGH(c), 0, extend(branch, 9));
    }
}

/* c.jr, c.mv, c.ebreak, c.jalr, c.add */
static struct czi_decoded moves_and_jumps(uint32_t c)
{
    unsigned rd = RD(c), rs2 = BITS(c, 2, 5);

    if (BITS(c, 12, 1) == 0) {
        if (rs2)
            return addi(rd, rs2, 0);
        return rd ? jalr(0, rd, 0) : illegal(c);
    }
    if (rs2)
        return reg(OP(ADD), rd, rd, rs2);
    return rd ? jalr(1, rd, 0) : reg(OP(EBREAK), 0, 0, 0);
}

static struct czi_decoded quadrant_2(uint32_t c)
{
    uint32_t word = MOVED(c, 12, 1, 5) | MOVED(c, 4, 3, 2) | MOVED(c, 2, 2, 6);
    uint32_t two = MOVED(c, 12, 1, 5) | MOVED(c, 5, 2, 3) | MOVED(c, 2, 3, 6);
    unsigned rd = RD(c), rs2 = BITS(c, 2, 5);

    switch (BITS(c, 13, 3)) {
    case 0:
        return imm(OP(SLLI), rd, rd, (int32_t)SIX(c));
    case 2:
        return rd ? imm(OP(LW), rd, SP, (int32_t)word) : illegal(c);
    case 3:
        return rd ? imm(OP(LD), rd, SP, (int32_t)two) : illegal(c);
    case 4:
        return moves_and_jumps(c);
    case 6:
        return store(OP(SW), SP, rs2, (int32_t)(MOVED(c, 9, 4, 2) | MOVED(c, 7, 2, 6)));
    case 7:
        return store(OP(SD), SP, rs2, (int32_t)(MOVED(c, 10, 3, 3) | MOVED(c, 7, 3, 6)));
    default:
        return illegal(c);
    }
}

struct czi_decoded czi_decode(uint32_t bits, uint64_t pc)
{
    static struct czi_decoded (*const quadrants[3])(uint32_t) = {quadrant_0, quadrant_1,
                                                                 quadrant_2};
    struct czi_decoded d;

    if ((bits & 3) == 3)
        return decode_32(bits, pc);
    d = quadrants[bits & 3](bits & 0xffff);
    d.len = 2;
    return d;
}
