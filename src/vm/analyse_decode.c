/* analyse_decode.c - instructions, as far as constants go through them.
 *
 * Layer: vm. Threads: pure functions. Where an instruction is none, or does what is not
 * followed, it only matters which register it writes.
 */
#include "vm/analyse_step.h"

static uint32_t bits(uint32_t word, unsigned from, unsigned count)
{
    return word >> from & ((1u << count) - 1);
}

/* The lowest `count` bits of v as a signed number. */
static int64_t sign(uint32_t v, unsigned count)
{
    return (int64_t)((uint64_t)v << (64 - count)) >> (64 - count);
}

static int64_t branch_offset(uint32_t w)
{
    return sign(bits(w, 31, 1) << 12 | bits(w, 7, 1) << 11 | bits(w, 25, 6) << 5 |
                    bits(w, 8, 4) << 1,
                13);
}

static int64_t jump_offset(uint32_t w)
{
    return sign(bits(w, 31, 1) << 20 | bits(w, 12, 8) << 12 | bits(w, 20, 1) << 11 |
                    bits(w, 21, 10) << 1,
                21);
}

static void of_immediate(uint32_t w, struct czi_step *s)
{
    unsigned f = bits(w, 12, 3);

    s->imm = sign(bits(w, 20, 12), 12);
    if (f == 0)
        s->kind = CZI_STEP_ADDI;
    if (f == 1) {
        s->kind = CZI_STEP_SLLI;
        s->imm = bits(w, 20, 6);
    }
}

static void wide(uint32_t w, struct czi_step *s)
{
    *s = (struct czi_step){.kind = CZI_STEP_WRITES,
                           .len = 4,
                           .rd = (uint8_t)bits(w, 7, 5),
                           .rs1 = (uint8_t)bits(w, 15, 5),
                           .rs2 = (uint8_t)bits(w, 20, 5)};
    switch (bits(w, 0, 7)) {
    case 0x37:
        s->kind = CZI_STEP_SET;
        s->imm = sign(w & 0xfffff000u, 32);
        break;
    case 0x17:
        s->kind = CZI_STEP_PC;
        s->imm = sign(w & 0xfffff000u, 32);
        break;
    case 0x13:
        of_immediate(w, s);
        break;
    case 0x1b:
        if (bits(w, 12, 3) == 0) {
            s->kind = CZI_STEP_ADDIW;
            s->imm = sign(bits(w, 20, 12), 12);
        }
        break;
    case 0x33:
        if (bits(w, 12, 3) == 0 && bits(w, 25, 7) == 0)
            s->kind = CZI_STEP_ADD;
        break;
    case 0x3b: /* what is left of register operations, loads and atomics */
    case 0x03:
    case 0x2f:
        break;
    case 0x23:
    case 0x0f:
        s->kind = CZI_STEP_NONE;
        break;
    case 0x63:
        s->kind = CZI_STEP_BRANCH;
        s->imm = branch_offset(w);
        break;
    case 0x6f:
        s->kind = CZI_STEP_JUMP;
        s->imm = jump_offset(w);
        break;
    case 0x67:
        s->kind = CZI_STEP_JUMP_REGISTER;
        s->imm = sign(bits(w, 20, 12), 12);
        break;
    default:
        s->kind = w == 0x73 ? CZI_STEP_CALL : CZI_STEP_END;
    }
}

/* Registers of compressed instructions with three bits. */
static uint8_t popular(uint32_t w, unsigned from)
{
    return (uint8_t)(8 + bits(w, from, 3));
}

static int64_t short_jump_offset(uint32_t w)
{
    return sign(bits(w, 12, 1) << 11 | bits(w, 8, 1) << 10 | bits(w, 9, 2) << 8 |
                    bits(w, 6, 1) << 7 | bits(w, 7, 1) << 6 | bits(w, 2, 1) << 5 |
                    bits(w, 11, 1) << 4 | bits(w, 3, 3) << 1,
                12);
}

static int64_t short_branch_offset(uint32_t w)
{
    return sign(bits(w, 12, 1) << 8 | bits(w, 5, 2) << 6 | bits(w, 2, 1) << 5 |
                    bits(w, 10, 2) << 3 | bits(w, 3, 2) << 1,
                9);
}

static void quadrant_0(uint32_t w, struct czi_step *s)
{
    unsigned f = bits(w, 13, 3);

    s->rd = popular(w, 2);
    if (f >= 5)
        s->kind = CZI_STEP_NONE;
    if ((w & 0xffff) == 0 || f == 1 || f == 4)
        s->kind = CZI_STEP_END;
}

static void quadrant_1(uint32_t w, struct czi_step *s)
{
    int64_t imm = sign(bits(w, 12, 1) << 5 | bits(w, 2, 5), 6);

    s->rd = s->rs1 = (uint8_t)bits(w, 7, 5);
    s->imm = imm;
    switch (bits(w, 13, 3)) {
    case 0:
        s->kind = CZI_STEP_ADDI;
        break;
    case 1:
        s->kind = CZI_STEP_ADDIW;
        break;
    case 2:
        s->kind = CZI_STEP_SET;
        break;
    case 3: /* of sp: the stack is not followed */
        s->kind = s->rd == 2 ? CZI_STEP_WRITES : CZI_STEP_SET;
        s->imm = imm * 4096;
        break;
    case 4:
        s->rd = popular(w, 7);
        break;
    case 5:
        s->kind = CZI_STEP_JUMP;
        s->rd = 0;
        s->imm = short_jump_offset(w);
        break;
    default:
        s->kind = CZI_STEP_BRANCH;
        s->imm = short_branch_offset(w);
    }
}

static void jump_or_move(uint32_t w, struct czi_step *s)
{
    bool is_second = bits(w, 12, 1);

    if (s->rs2) {
        s->kind = CZI_STEP_ADD;
        s->rs1 = is_second ? s->rd : 0;
    } else if (!s->rd) {
        s->kind = CZI_STEP_END;
    } else {
        s->kind = CZI_STEP_JUMP_REGISTER;
        s->rs1 = s->rd;
        s->rd = is_second;
    }
}

static void quadrant_2(uint32_t w, struct czi_step *s)
{
    unsigned f = bits(w, 13, 3);

    s->rd = s->rs1 = (uint8_t)bits(w, 7, 5);
    s->rs2 = (uint8_t)bits(w, 2, 5);
    if (f == 0) {
        s->kind = CZI_STEP_SLLI;
        s->imm = bits(w, 12, 1) << 5 | bits(w, 2, 5);
    } else if (f == 4) {
        jump_or_move(w, s);
    } else if (f >= 5) {
        s->kind = CZI_STEP_NONE;
    }
}

struct czi_step czi_step_decode(struct czi_slice text)
{
    struct czi_step s = {.kind = CZI_STEP_END};
    uint32_t w;

    if (text.len < 2)
        return s;
    w = text.data[0] | (uint32_t)text.data[1] << 8;
    if ((w & 3) == 3) {
        if (text.len >= 4)
            wide(czi_get_u32le(text.data), &s);
        return s;
    }
    s = (struct czi_step){.kind = CZI_STEP_WRITES, .len = 2};
    if ((w & 3) == 0)
        quadrant_0(w, &s);
    else if ((w & 3) == 1)
        quadrant_1(w, &s);
    else
        quadrant_2(w, &s);
    return s;
}
