/* disasm.c - instructions as text, as binutils writes them.
 *
 * Layer: vm. Threads: pure functions. No allocation. Source: the opcode tables of The RISC-V
 * Instruction Set Manual, Volume I, 20191213. One table a length; what stands first wins, so
 * aliases ("ret") come before what they stand for. What is no instruction of the machine
 * (docs/reference/vm.md) is ".4byte" or ".2byte", also when binutils knows it.
 */
#include "vm/disasm.h"
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

/* An encoding, and its text: % and a letter stand for an operand (operands[]). */
struct form {
    uint32_t match, mask;
    const char *text;
};

static const struct form wide[] = {
    {0xc0001073, 0xffffffff, "unimp"},
    {0x00000073, 0xffffffff, "ecall"},
    {0x00100073, 0xffffffff, "ebreak"},
    {0x0100000f, 0xffffffff, "pause"},
    {0x8330000f, 0xffffffff, "fence.tso"},
    {0x0ff0000f, 0x0ff0707f, "fence"},
    {0x0000000f, 0x0000707f, "fence %P,%Q"},
    {0x0000100f, 0x0000707f, "fence.i"},
    {0x00000037, 0x0000007f, "lui %d,%u"},
    {0x00000017, 0x0000007f, "auipc %d,%u"},
    {0x0000006f, 0x00000fff, "j %a"},
    {0x000000ef, 0x00000fff, "jal %a"},
    {0x0000006f, 0x0000007f, "jal %d,%a"},
    {0x00008067, 0xffffffff, "ret"},
    {0x00000067, 0xfff07fff, "jr %s"},
    {0x00000067, 0x00007fff, "jr %i(%s)"},
    {0x000000e7, 0xfff07fff, "jalr %s"},
    {0x000000e7, 0x00007fff, "jalr %i(%s)"},
    {0x00000067, 0xfff0707f, "jalr %d,%s"},
    {0x00000067, 0x0000707f, "jalr %d,%i(%s)"},
    {0x00000063, 0x01f0707f, "beqz %s,%b"},
    {0x00000063, 0x0000707f, "beq %s,%t,%b"},
    {0x00001063, 0x01f0707f, "bnez %s,%b"},
    {0x00001063, 0x0000707f, "bne %s,%t,%b"},
    {0x00004063, 0x01f0707f, "bltz %s,%b"},
    {0x00004063, 0x000ff07f, "bgtz %t,%b"},
    {0x00004063, 0x0000707f, "blt %s,%t,%b"},
    {0x00005063, 0x000ff07f, "blez %t,%b"},
    {0x00005063, 0x01f0707f, "bgez %s,%b"},
    {0x00005063, 0x0000707f, "bge %s,%t,%b"},
    {0x00006063, 0x0000707f, "bltu %s,%t,%b"},
    {0x00007063, 0x0000707f, "bgeu %s,%t,%b"},
    {0x00000003, 0x0000707f, "lb %d,%i(%s)"},
    {0x00001003, 0x0000707f, "lh %d,%i(%s)"},
    {0x00002003, 0x0000707f, "lw %d,%i(%s)"},
    {0x00003003, 0x0000707f, "ld %d,%i(%s)"},
    {0x00004003, 0x0000707f, "lbu %d,%i(%s)"},
    {0x00005003, 0x0000707f, "lhu %d,%i(%s)"},
    {0x00006003, 0x0000707f, "lwu %d,%i(%s)"},
    {0x00000023, 0x0000707f, "sb %t,%S(%s)"},
    {0x00001023, 0x0000707f, "sh %t,%S(%s)"},
    {0x00002023, 0x0000707f, "sw %t,%S(%s)"},
    {0x00003023, 0x0000707f, "sd %t,%S(%s)"},
    {0x00000013, 0xffffffff, "nop"},
    {0x00000013, 0x000ff07f, "li %d,%i"},
    {0x00000013, 0xfff0707f, "mv %d,%s"},
    {0x00000013, 0x0000707f, "add %d,%s,%i"},
    {0x00001013, 0xfc00707f, "sll %d,%s,%h"},
    {0x00002013, 0x0000707f, "slti %d,%s,%i"},
    {0x00103013, 0xfff0707f, "seqz %d,%s"},
    {0x00003013, 0x0000707f, "sltiu %d,%s,%i"},
    {0xfff04013, 0xfff0707f, "not %d,%s"},
    {0x00004013, 0x0000707f, "xor %d,%s,%i"},
    {0x00005013, 0xfc00707f, "srl %d,%s,%h"},
    {0x40005013, 0xfc00707f, "sra %d,%s,%h"},
    {0x00006013, 0x0000707f, "or %d,%s,%i"},
    {0x0ff07013, 0xfff0707f, "zext.b %d,%s"},
    {0x00007013, 0x0000707f, "and %d,%s,%i"},
    {0x0000001b, 0xfff0707f, "sext.w %d,%s"},
    {0x0000001b, 0x0000707f, "addw %d,%s,%i"},
    {0x0000101b, 0xfe00707f, "sllw %d,%s,%w"},
    {0x0000501b, 0xfe00707f, "srlw %d,%s,%w"},
    {0x4000501b, 0xfe00707f, "sraw %d,%s,%w"},
    {0x00000033, 0xfe00707f, "add %d,%s,%t"},
    {0x40000033, 0xfe0ff07f, "neg %d,%t"},
    {0x40000033, 0xfe00707f, "sub %d,%s,%t"},
    {0x00001033, 0xfe00707f, "sll %d,%s,%t"},
    {0x00002033, 0xfff0707f, "sltz %d,%s"},
    {0x00002033, 0xfe0ff07f, "sgtz %d,%t"},
    {0x00002033, 0xfe00707f, "slt %d,%s,%t"},
    {0x00003033, 0xfe0ff07f, "snez %d,%t"},
    {0x00003033, 0xfe00707f, "sltu %d,%s,%t"},
    {0x00004033, 0xfe00707f, "xor %d,%s,%t"},
    {0x00005033, 0xfe00707f, "srl %d,%s,%t"},
    {0x40005033, 0xfe00707f, "sra %d,%s,%t"},
    {0x00006033, 0xfe00707f, "or %d,%s,%t"},
    {0x00007033, 0xfe00707f, "and %d,%s,%t"},
    {0x0000003b, 0xfe00707f, "addw %d,%s,%t"},
    {0x4000003b, 0xfe0ff07f, "negw %d,%t"},
    {0x4000003b, 0xfe00707f, "subw %d,%s,%t"},
    {0x0000103b, 0xfe00707f, "sllw %d,%s,%t"},
    {0x0000503b, 0xfe00707f, "srlw %d,%s,%t"},
    {0x4000503b, 0xfe00707f, "sraw %d,%s,%t"},
    {0x02000033, 0xfe00707f, "mul %d,%s,%t"},
    {0x02001033, 0xfe00707f, "mulh %d,%s,%t"},
    {0x02002033, 0xfe00707f, "mulhsu %d,%s,%t"},
    {0x02003033, 0xfe00707f, "mulhu %d,%s,%t"},
    {0x02004033, 0xfe00707f, "div %d,%s,%t"},
    {0x02005033, 0xfe00707f, "divu %d,%s,%t"},
    {0x02006033, 0xfe00707f, "rem %d,%s,%t"},
    {0x02007033, 0xfe00707f, "remu %d,%s,%t"},
    {0x0200003b, 0xfe00707f, "mulw %d,%s,%t"},
    {0x0200403b, 0xfe00707f, "divw %d,%s,%t"},
    {0x0200503b, 0xfe00707f, "divuw %d,%s,%t"},
    {0x0200603b, 0xfe00707f, "remw %d,%s,%t"},
    {0x0200703b, 0xfe00707f, "remuw %d,%s,%t"},
    {0x1000202f, 0xf9f0707f, "lr.w%o %d,(%s)"},
    {0x1000302f, 0xf9f0707f, "lr.d%o %d,(%s)"},
    {0x1800202f, 0xf800707f, "sc.w%o %d,%t,(%s)"},
    {0x1800302f, 0xf800707f, "sc.d%o %d,%t,(%s)"},
    {0x0800202f, 0xf800707f, "amoswap.w%o %d,%t,(%s)"},
    {0x0800302f, 0xf800707f, "amoswap.d%o %d,%t,(%s)"},
    {0x0000202f, 0xf800707f, "amoadd.w%o %d,%t,(%s)"},
    {0x0000302f, 0xf800707f, "amoadd.d%o %d,%t,(%s)"},
    {0x2000202f, 0xf800707f, "amoxor.w%o %d,%t,(%s)"},
    {0x2000302f, 0xf800707f, "amoxor.d%o %d,%t,(%s)"},
    {0x6000202f, 0xf800707f, "amoand.w%o %d,%t,(%s)"},
    {0x6000302f, 0xf800707f, "amoand.d%o %d,%t,(%s)"},
    {0x4000202f, 0xf800707f, "amoor.w%o %d,%t,(%s)"},
    {0x4000302f, 0xf800707f, "amoor.d%o %d,%t,(%s)"},
    {0x8000202f, 0xf800707f, "amomin.w%o %d,%t,(%s)"},
    {0x8000302f, 0xf800707f, "amomin.d%o %d,%t,(%s)"},
    {0xa000202f, 0xf800707f, "amomax.w%o %d,%t,(%s)"},
    {0xa000302f, 0xf800707f, "amomax.d%o %d,%t,(%s)"},
    {0xc000202f, 0xf800707f, "amominu.w%o %d,%t,(%s)"},
    {0xc000302f, 0xf800707f, "amominu.d%o %d,%t,(%s)"},
    {0xe000202f, 0xf800707f, "amomaxu.w%o %d,%t,(%s)"},
    {0xe000302f, 0xf800707f, "amomaxu.d%o %d,%t,(%s)"},
};

/* NULL: reserved. */
static const struct form compressed[] = {
    {0x0000, 0xffff, "unimp"},
    {0x0000, 0xffe3, NULL},
    {0x0000, 0xe003, "add %x,sp,%X"},
    {0x4000, 0xe003, "lw %x,%m(%y)"},
    {0x6000, 0xe003, "ld %x,%n(%y)"},
    {0xc000, 0xe003, "sw %x,%m(%y)"},
    {0xe000, 0xe003, "sd %x,%n(%y)"},
    {0x0001, 0xffff, "nop"},
    {0x0001, 0xef83, "c.nop %I"},
    {0x0001, 0xe003, "add %D,%D,%I"},
    {0x2001, 0xef83, NULL},
    {0x2001, 0xf07f, "sext.w %D,%D"},
    {0x2001, 0xe003, "addw %D,%D,%I"},
    {0x4001, 0xef83, "c.li %D,%I"},
    {0x4001, 0xe003, "li %D,%I"},
    {0x6001, 0xf07f, NULL},
    {0x6101, 0xef83, "add sp,sp,%Y"},
    {0x6001, 0xef83, "c.lui %D,%U"},
    {0x6001, 0xe003, "lui %D,%U"},
    {0x8001, 0xfc7f, "c.srli64 %y"},
    {0x8001, 0xec03, "srl %y,%y,%H"},
    {0x8401, 0xfc7f, "c.srai64 %y"},
    {0x8401, 0xec03, "sra %y,%y,%H"},
    {0x8801, 0xec03, "and %y,%y,%I"},
    {0x8c01, 0xfc63, "sub %y,%y,%x"},
    {0x8c21, 0xfc63, "xor %y,%y,%x"},
    {0x8c41, 0xfc63, "or %y,%y,%x"},
    {0x8c61, 0xfc63, "and %y,%y,%x"},
    {0x9c01, 0xfc63, "subw %y,%y,%x"},
    {0x9c21, 0xfc63, "addw %y,%y,%x"},
    {0xa001, 0xe003, "j %A"},
    {0xc001, 0xe003, "beqz %y,%B"},
    {0xe001, 0xe003, "bnez %y,%B"},
    {0x0002, 0xf07f, "c.slli64 %D"},
    {0x0002, 0xef83, "c.slli %D,%H"},
    {0x0002, 0xe003, "sll %D,%D,%H"},
    {0x4002, 0xef83, NULL},
    {0x4002, 0xe003, "lw %D,%M(sp)"},
    {0x6002, 0xef83, NULL},
    {0x6002, 0xe003, "ld %D,%N(sp)"},
    {0x8002, 0xffff, NULL},
    {0x8082, 0xffff, "ret"},
    {0x8002, 0xf07f, "jr %D"},
    {0x8002, 0xff83, "c.mv %D,%T"},
    {0x8002, 0xf003, "mv %D,%T"},
    {0x9002, 0xffff, "ebreak"},
    {0x9002, 0xf07f, "jalr %D"},
    {0x9002, 0xff83, "c.add %D,%T"},
    {0x9002, 0xf003, "add %D,%D,%T"},
    {0xc002, 0xe003, "sw %T,%p(sp)"},
    {0xe002, 0xe003, "sd %T,%q(sp)"},
};

static const char *const registers[32] = {
    "zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
    "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
    "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};

/* ---- Operands ---------------------------------------------------------------------------- */

enum style {
    REGISTER,
    REGISTER_8, /* of three bits, x8 to x15 */
    SIGNED,
    UNSIGNED,
    HEX,
    HEX_20, /* of lui: signed, shown as the 20 bits of the whole one */
    TARGET, /* relative, shown as the address */
    FENCE,
    ORDER,
};

/* Where the bits of an operand are: lowest bit and count of each part, from the highest of the
 * operand down; below them are `zeroes`. */
static const struct operand {
    char letter;
    uint8_t style, zeroes;
    uint8_t parts[8][2];
} operands[] = {
    {'d', REGISTER, 0, {{7, 5}}},
    {'s', REGISTER, 0, {{15, 5}}},
    {'t', REGISTER, 0, {{20, 5}}},
    {'i', SIGNED, 0, {{20, 12}}},
    {'S', SIGNED, 0, {{25, 7}, {7, 5}}}, /* of stores */
    {'u', HEX, 0, {{12, 20}}},
    {'h', HEX, 0, {{20, 6}}},
    {'w', HEX, 0, {{20, 5}}},
    {'b', TARGET, 1, {{31, 1}, {7, 1}, {25, 6}, {8, 4}}},
    {'a', TARGET, 1, {{31, 1}, {12, 8}, {20, 1}, {21, 10}}},
    {'P', FENCE, 0, {{24, 4}}},
    {'Q', FENCE, 0, {{20, 4}}},
    {'o', ORDER, 0, {{25, 2}}},
    /* Compressed ones. */
    {'D', REGISTER, 0, {{7, 5}}},
    {'T', REGISTER, 0, {{2, 5}}},
    {'x', REGISTER_8, 0, {{2, 3}}},
    {'y', REGISTER_8, 0, {{7, 3}}},
    {'I', SIGNED, 0, {{12, 1}, {2, 5}}},
    {'U', HEX_20, 0, {{12, 1}, {2, 5}}},
    {'H', HEX, 0, {{12, 1}, {2, 5}}},
    {'A', TARGET, 1, {{12, 1}, {8, 1}, {9, 2}, {6, 1}, {7, 1}, {2, 1}, {11, 1}, {3, 3}}},
    {'B', TARGET, 1, {{12, 1}, {5, 2}, {2, 1}, {10, 2}, {3, 2}}},
    {'m', UNSIGNED, 2, {{5, 1}, {10, 3}, {6, 1}}},               /* lw, sw */
    {'n', UNSIGNED, 3, {{5, 2}, {10, 3}}},                       /* ld, sd */
    {'M', UNSIGNED, 2, {{2, 2}, {12, 1}, {4, 3}}},               /* lwsp */
    {'N', UNSIGNED, 3, {{2, 3}, {12, 1}, {5, 2}}},               /* ldsp */
    {'p', UNSIGNED, 2, {{7, 2}, {9, 4}}},                        /* swsp */
    {'q', UNSIGNED, 3, {{7, 3}, {10, 3}}},                       /* sdsp */
    {'X', UNSIGNED, 2, {{7, 4}, {11, 2}, {5, 1}, {6, 1}}},       /* addi4spn */
    {'Y', SIGNED, 4, {{12, 1}, {3, 2}, {5, 1}, {2, 1}, {6, 1}}}, /* addi16sp */
};

struct text {
    char *out;
    size_t len;
    uint32_t bits;
    uint64_t address, target;
};

static void put(struct text *t, const char *s)
{
    size_t n = strlen(s);

    CZI_CHECK(t->len + n < CZI_DISASM_MAX);
    memcpy(t->out + t->len, s, n + 1);
    t->len += n;
}

static void CZI_PRINTF(2, 3) put_number(struct text *t, const char *format, ...)
{
    char s[24];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(s, sizeof s, format, args);
    va_end(args);
    put(t, s);
}

static void put_fence(struct text *t, uint64_t set)
{
    char s[5] = {0};
    size_t n = 0;

    for (unsigned i = 0; i < 4; i++)
        if (set >> (3 - i) & 1)
            s[n++] = "iorw"[i];
    put(t, n ? s : "unknown");
}

static void put_styled(struct text *t, unsigned style, uint64_t v, int64_t as_signed)
{
    static const char *const orders[] = {"", ".rl", ".aq", ".aqrl"};

    switch ((enum style)style) {
    case REGISTER:
        return put(t, registers[v]);
    case REGISTER_8:
        return put(t, registers[v + 8]);
    case SIGNED:
        return put_number(t, "%lld", (long long)as_signed);
    case UNSIGNED:
        return put_number(t, "%llu", (unsigned long long)v);
    case HEX:
        return put_number(t, "0x%llx", (unsigned long long)v);
    case HEX_20:
        return put_number(t, "0x%llx", (unsigned long long)as_signed & 0xfffff);
    case TARGET:
        t->target = t->address + (uint64_t)as_signed;
        return put_number(t, "%llx", (unsigned long long)t->target);
    case FENCE:
        return put_fence(t, v);
    case ORDER:
        return put(t, orders[v]);
    }
}

static void put_operand(struct text *t, char letter)
{
    const struct operand *o = operands;
    unsigned count = 0;
    uint64_t v = 0, sign;

    while (o->letter != letter)
        o++; /* every letter of the tables is one: the unit test writes all forms */
    for (unsigned i = 0; i < CZI_COUNTOF(o->parts) && o->parts[i][1]; i++) {
        unsigned n = o->parts[i][1];

        v = v << n | (t->bits >> o->parts[i][0] & ((UINT32_C(1) << n) - 1));
        count += n;
    }
    v <<= o->zeroes;
    sign = UINT64_C(1) << (count + o->zeroes - 1);
    put_styled(t, o->style, v, (int64_t)((v ^ sign) - sign));
}

/* ---- Instructions ------------------------------------------------------------------------ */

static const char *find_form(uint32_t bits, unsigned length)
{
    const struct form *forms = length == 2 ? compressed : wide;
    size_t count = length == 2 ? CZI_COUNTOF(compressed) : CZI_COUNTOF(wide);

    for (size_t i = 0; i < count; i++)
        if ((bits & forms[i].mask) == forms[i].match)
            return forms[i].text;
    return NULL;
}

unsigned czi_disasm_length(uint32_t bits)
{
    return (bits & 3) == 3 ? 4 : 2;
}

bool czi_disasm_bits(uint32_t bits, uint64_t address, char out[CZI_DISASM_MAX],
                     uint64_t *ret_target)
{
    unsigned length = czi_disasm_length(bits);
    struct text t = {.out = out, .address = address, .target = UINT64_MAX};
    const char *form;
    char one[2] = {0};

    t.bits = length == 2 ? bits & 0xffff : bits;
    form = find_form(t.bits, length);
    out[0] = 0;
    if (!form) {
        put_number(&t, ".%ubyte 0x%x", length, (unsigned)t.bits);
    } else {
        for (const char *p = form; *p; p++) {
            one[0] = *p;
            if (*p == '%')
                put_operand(&t, *++p);
            else
                put(&t, one);
        }
    }
    *ret_target = t.target;
    return form != NULL;
}

unsigned czi_disasm_fetch(const struct czi_segment *s, uint64_t address, uint32_t *ret_bits)
{
    uint64_t at = address - s->address;
    uint32_t bits = 0;
    unsigned length;

    if (address & 1 || address < s->address || at >= s->memory_size || s->memory_size - at < 2)
        return 0;
    for (unsigned i = 0; i < 4 && at + i < s->bytes.len; i++)
        bits |= (uint32_t)s->bytes.data[at + i] << (8 * i);
    length = czi_disasm_length(bits);
    if (length > s->memory_size - at) /* its other half is behind the end */
        length = 2;
    *ret_bits = length == 2 ? bits & 0xffff : bits;
    return length;
}

unsigned czi_disasm(const struct czi_image *image, uint64_t address, char out[CZI_DISASM_MAX])
{
    uint64_t target;
    uint32_t bits;
    unsigned length = 0;

    out[0] = 0;
    for (unsigned i = 0; i < image->segment_count && !length; i++) {
        const struct czi_segment *s = &image->segments[i];

        if (!(s->mode & CZI_PAGE_EXEC))
            continue;
        length = czi_disasm_fetch(s, address, &bits);
        if (length == 2 && czi_disasm_length(bits) == 4)
            (void)snprintf(out, CZI_DISASM_MAX, ".2byte 0x%x", (unsigned)bits);
        else if (length)
            (void)czi_disasm_bits(bits, address, out, &target);
    }
    return length;
}
