/* vm_generate.c - random programs of the virtual machine from a seed. See vm_generate.h. */
#include "vm_generate.h"

#include <string.h>

enum form { R, I, SHIFT, SHIFT_W, U, LOADS, STORES, AMO, LR, FENCE, BRANCHES };
enum { BRANCH_FORMS = 6 };
/* The instruction with all operands zero, as the manual's opcode tables have it. */
static const struct {
    uint32_t bits;
    enum form form;
} forms[] = {
    {0x00000033, R},        {0x40000033, R},        {0x00001033, R},
    {0x00002033, R},        {0x00003033, R},        {0x00004033, R},
    {0x00005033, R},        {0x40005033, R},        {0x00006033, R},
    {0x00007033, R},        {0x0000003b, R},        {0x4000003b, R},
    {0x0000103b, R},        {0x0000503b, R},        {0x4000503b, R},
    {0x02000033, R},        {0x02001033, R},        {0x02002033, R},
    {0x02003033, R},        {0x02004033, R},        {0x02005033, R},
    {0x02006033, R},        {0x02007033, R},        {0x0200003b, R},
    {0x0200403b, R},        {0x0200503b, R},        {0x0200603b, R},
    {0x0200703b, R},        {0x00000013, I},        {0x00002013, I},
    {0x00003013, I},        {0x00004013, I},        {0x00006013, I},
    {0x00007013, I},        {0x0000001b, I},        {0x00001013, SHIFT},
    {0x00005013, SHIFT},    {0x40005013, SHIFT},    {0x0000101b, SHIFT_W},
    {0x0000501b, SHIFT_W},  {0x4000501b, SHIFT_W},  {0x00000037, U},
    {0x00000017, U},        {0x00000003, LOADS},    {0x00001003, LOADS},
    {0x00002003, LOADS},    {0x00003003, LOADS},    {0x00004003, LOADS},
    {0x00005003, LOADS},    {0x00006003, LOADS},    {0x00003003, LOADS},
    {0x00002003, LOADS},    {0x00000023, STORES},   {0x00001023, STORES},
    {0x00002023, STORES},   {0x00003023, STORES},   {0x00002023, STORES},
    {0x00003023, STORES},   {0x0000202f, AMO},      {0x0800202f, AMO},
    {0x2000202f, AMO},      {0x4000202f, AMO},      {0x6000202f, AMO},
    {0x8000202f, AMO},      {0xa000202f, AMO},      {0xc000202f, AMO},
    {0xe000202f, AMO},      {0x0000302f, AMO},      {0x0800302f, AMO},
    {0x2000302f, AMO},      {0x4000302f, AMO},      {0x6000302f, AMO},
    {0x8000302f, AMO},      {0xa000302f, AMO},      {0xc000302f, AMO},
    {0xe000302f, AMO},      {0x1000202f, LR},       {0x1000302f, LR},
    {0x0000000f, FENCE},    {0x00000063, BRANCHES}, {0x00001063, BRANCHES},
    {0x00004063, BRANCHES}, {0x00005063, BRANCHES}, {0x00006063, BRANCHES},
    {0x00007063, BRANCHES},
};
/* Quadrant and funct3 of compressed ones without a target. */
static const uint16_t compressed[] = {0x0000, 0x4000, 0x6000, 0xc000, 0xe000, 0x0001,
                                      0x2001, 0x4001, 0x6001, 0x8001, 0x8001, 0x8001,
                                      0x0002, 0x4002, 0x6002, 0x8002, 0xc002, 0xe002};
static const uint8_t pointers[] = {2, 8, 9, 18, 19};

enum target { BRANCH, JAL, JALR, C_JUMP, C_BRANCH };
struct fixup {
    unsigned at;
    enum target kind;
};
struct gen {
    struct czi_rng rng;
    struct vm_program *p;
    const struct vm_places *places;
    struct fixup fixups[VM_PROGRAM_HALVES];
    unsigned fixup_count, start_count;
    uint8_t starts[VM_PROGRAM_HALVES];
};

static unsigned below(struct gen *g, unsigned n)
{
    return (unsigned)czi_rng_below(&g->rng, n);
}
static bool chance(struct gen *g, unsigned percent)
{
    return below(g, 100) < percent;
}

uint64_t vm_corner(struct czi_rng *r)
{
    static const uint64_t corners[] = {
        0,
        1,
        2,
        UINT64_MAX,
        UINT64_MAX - 1,
        INT64_MAX,
        1ull << 63,
        INT32_MAX,
        1ull << 31,
        UINT32_MAX,
        1ull << 32,
        0xffffffff80000000u,
        0x7fff,
        0x8000,
        0xff,
        0x80,
        63,
        64,
        31,
        32,
        0x55555555,
        0xaaaaaaaaaaaaaaaau,
    };
    uint64_t v = czi_rng_next(r);

    switch (v >> 61) {
    case 0:
    case 1:
        return corners[czi_rng_below(r, CZI_COUNTOF(corners))];
    case 2:
        return v & 0xff;
    case 3:
        return (uint64_t)(int64_t)(int32_t)v;
    case 4:
        return v & UINT32_MAX;
    case 5:
        return 1ull << (v & 63);
    default:
        return czi_rng_next(r);
    }
}

static uint32_t any_register(struct gen *g)
{
    return chance(g, 75) ? 8 + below(g, 8) : below(g, 32);
}
/* Seldom one of the pointers, so that these stay of use. */
static uint32_t target_register(struct gen *g)
{
    uint32_t r = any_register(g);

    return memchr(pointers, (int)r, sizeof pointers) && chance(g, 90) ? 10 + below(g, 6) : r;
}
static uint32_t pointer(struct gen *g)
{
    return chance(g, 98) ? pointers[below(g, sizeof pointers)] : any_register(g);
}
/* Of atomics: those that are seldom odd. */
static uint32_t aligned_pointer(struct gen *g)
{
    return chance(g, 94) ? 18 + below(g, 2) : pointer(g);
}

static void put16(struct gen *g, uint32_t bits)
{
    g->p->text[g->p->count++] = (uint16_t)bits;
}
static bool has_room(const struct gen *g)
{
    return g->p->count + 12 < VM_PROGRAM_HALVES;
}
static void begin(struct gen *g)
{
    g->starts[g->start_count++] = (uint8_t)g->p->count;
}
static void put32(struct gen *g, uint32_t bits)
{
    begin(g);
    put16(g, bits);
    put16(g, bits >> 16);
}
static void put_compressed(struct gen *g, uint32_t bits)
{
    begin(g);
    put16(g, bits);
}

/* Of lui and auipc: none that gives an address of stacks, input and windows. */
static uint32_t upper(struct gen *g)
{
    for (;;) {
        uint32_t v = chance(g, 50) ? (uint32_t)vm_corner(&g->rng) & 0xfffff : below(g, 1 << 20);

        if (v < 0xe00 || v >= 0x1e00)
            return v << 12;
    }
}

unsigned vm_form_count(void)
{
    return CZI_COUNTOF(forms);
}

uint32_t vm_form(unsigned form, unsigned rd, unsigned rs1, unsigned rs2, uint32_t imm)
{
    uint32_t bits = forms[form].bits, to = rd << 7, a = rs1 << 15, b = rs2 << 20;

    switch (forms[form].form) {
    case R:
    case AMO:
        return bits | to | a | b;
    case I:
    case LOADS:
        return bits | to | a | imm << 20;
    case SHIFT:
        return bits | to | a | (imm & 63) << 20;
    case SHIFT_W:
        return bits | to | a | (imm & 31) << 20;
    case U:
        return bits | to | imm << 12;
    case STORES:
        return bits | a | b | (imm & 31) << 7 | (imm >> 5 & 127) << 25;
    case LR:
        return bits | to | a;
    case FENCE:
        return bits | imm << 20;
    case BRANCHES: /* forward */
        return bits | a | b | (imm & 15) << 8;
    }
    return bits;
}

static uint32_t well_formed(struct gen *g)
{
    unsigned i = below(g, CZI_COUNTOF(forms) - BRANCH_FORMS);
    unsigned rd = target_register(g), rs1 = any_register(g), rs2 = any_register(g);
    uint32_t imm = chance(g, 30) ? below(g, 16) - 8 : below(g, 4096);

    switch (forms[i].form) {
    case U:
        return vm_form(i, rd, rs1, rs2, upper(g) >> 12);
    case LOADS:
    case STORES:
        return vm_form(i, rd, pointer(g), rs2, imm);
    case AMO:
    case LR:
        return vm_form(i, rd, aligned_pointer(g), rs2, imm) | below(g, 4) << 25;
    case FENCE:
        return vm_form(i, rd, rs1, rs2, imm) | below(g, 2) << 12;
    case R:
    case I:
    case SHIFT:
    case SHIFT_W:
    case BRANCHES:
        break;
    }
    return vm_form(i, rd, rs1, rs2, imm);
}

/* Its target comes when all instructions are there. */
static void put_jump(struct gen *g, enum target kind)
{
    static const uint8_t conditions[] = {0, 1, 4, 5, 6, 7};
    uint32_t rd = chance(g, 60) ? below(g, 2) : target_register(g);

    g->fixups[g->fixup_count++] = (struct fixup){g->p->count, kind};
    switch (kind) {
    case BRANCH:
        put32(g, 0x63u | (uint32_t)conditions[below(g, 6)] << 12 | any_register(g) << 15 |
                     any_register(g) << 20);
        return;
    case JAL:
        put32(g, 0x6fu | rd << 7);
        return;
    case JALR: { /* auipc before it */
        uint32_t base = 10 + below(g, 6);

        put32(g, 0x17u | base << 7);
        put32(g, 0x67u | rd << 7 | base << 15);
        return;
    }
    case C_JUMP:
        put_compressed(g, 0xa001);
        return;
    case C_BRANCH:
        put_compressed(g, 0xc001u | below(g, 2) << 13 | below(g, 8) << 7);
        return;
    }
}

/* To sp, x8 or x9, with a place of the destination that bit 9 moves to others. */
static bool writes_pointer(uint32_t bits)
{
    uint32_t rd = bits >> 7 & 31, f = bits >> 13;

    if ((bits & 3) == 1)
        return f == 4 ? (rd & 7) < 2 : rd == 2 || rd == 8 || rd == 9;
    return (bits & 3) == 2 && f < 5 && (rd == 2 || rd == 8 || rd == 9);
}

static void put_random_compressed(struct gen *g)
{
    uint32_t bits = compressed[below(g, CZI_COUNTOF(compressed))] | (below(g, 0x800) << 2);
    bool loads = (bits & 3) == 0 && bits >= 0x4000;

    if ((bits & 0xe003) == 0x8002 &&
        (bits >> 2 & 31) == 0) /* c.jr, c.jalr: x20, x21 hold code */
        bits = (bits & 0xf003u) | (20 + below(g, 2)) << 7;
    if (loads && chance(g, 97)) /* x8, x9 */
        bits &= ~0x300u;
    if (writes_pointer(bits) && chance(g, 90))
        bits |= 0x200;
    put_compressed(g, bits);
}

/* What compilers write as one, and what an interpreter may make one of. */
static void put_idiom(struct gen *g)
{
    uint32_t rd = target_register(g), other = chance(g, 80) ? rd : any_register(g);
    uint32_t imm = below(g, 4096) << 20;

    switch (below(g, 8)) {
    case 0: /* li */
        put32(g, 0x37u | rd << 7 | upper(g));
        put32(g, (chance(g, 50) ? 0x13u : 0x1bu) | rd << 7 | other << 15 | imm);
        return;
    case 1: /* la */
        put32(g, 0x17u | rd << 7);
        put32(g, 0x13u | rd << 7 | other << 15 | imm);
        return;
    case 2: /* a load and a store of a fixed address */
        put32(g, 0x37u | rd << 7 | (uint32_t)g->places->sandbox);
        imm &= chance(g, 90) ? 0x7ffu << 20 : UINT32_MAX;
        put32(g, 0x3003u | target_register(g) << 7 | other << 15 | imm);
        put32(g, 0x2023u | other << 15 | any_register(g) << 20 | below(g, 32) << 7);
        return;
    case 3: /* zero extension */
        put32(g, 0x1013u | rd << 7 | any_register(g) << 15 | 32u << 20);
        put32(g, 0x5013u | rd << 7 | other << 15 | (chance(g, 70) ? 32 : below(g, 64)) << 20);
        return;
    case 4: /* lr, sc */
        rd = aligned_pointer(g);
        other = below(g, 2) << 12;
        put32(g, 0x1000202fu | other | target_register(g) << 7 | rd << 15);
        if (chance(g, 50))
            put32(g, 0x13u | target_register(g) << 7 | any_register(g) << 15 | imm);
        put32(g,
              0x1800202fu | other | target_register(g) << 7 | rd << 15 | any_register(g) << 20);
        return;
    case 5: /* a comparison, and a branch on it */
        put32(g, 0x2033u | below(g, 2) << 12 | rd << 7 | any_register(g) << 15 |
                     any_register(g) << 20);
        g->fixups[g->fixup_count++] = (struct fixup){g->p->count, BRANCH};
        put32(g, 0x63u | below(g, 2) << 12 | other << 15);
        return;
    case 6: /* an element of an array */
        put32(g, 0x7013u | rd << 7 | any_register(g) << 15 | below(g, 512) << 20);
        put32(g, 0x1013u | rd << 7 | other << 15 | below(g, 4) << 20);
        put32(g, 0x33u | rd << 7 | other << 15 | pointer(g) << 20);
        put32(g, 0x3003u | target_register(g) << 7 | rd << 15);
        return;
    default: /* a store, read back */
        rd = pointer(g);
        imm &= 31u << 20;
        put32(g, 0x3023u | rd << 15 | any_register(g) << 20 | imm >> 20 << 7);
        put32(g, 0x3u | below(g, 7) << 12 | target_register(g) << 7 | rd << 15 | imm);
        return;
    }
}

static void put_hostile(struct gen *g)
{
    uint32_t bits = (uint32_t)czi_rng_next(&g->rng);

    switch (below(g, 4)) {
    case 0:
        put32(g, bits | 3);
        return;
    case 1:
        put_compressed(g, bits);
        return;
    case 2: /* anything of an opcode that has instructions */
        put32(g, (bits & ~0x7fu) | (forms[below(g, CZI_COUNTOF(forms))].bits & 0x7f));
        return;
    default:
        put32(g, well_formed(g) ^ 1u << below(g, 32));
        return;
    }
}

static void put_some(struct gen *g)
{
    unsigned what = below(g, 100);

    if (g->places->has_calls && chance(g, 4))
        put32(g, 0x73);
    else if (what < 50)
        put32(g, well_formed(g));
    else if (what < 72)
        put_random_compressed(g);
    else if (what < 84)
        put_idiom(g);
    else
        put_jump(g, (enum target)below(g, 5));
}

/* Counted by x31, so that it ends. */
static void put_loop(struct gen *g)
{
    unsigned start, back;

    put32(g, 0xf93u | (1 + below(g, 6)) << 20);
    start = g->p->count;
    for (unsigned i = 1 + below(g, 4); i && has_room(g); i--)
        put_some(g);
    put32(g, 0xffff8f93u);
    back = (start - g->p->count) * 2;
    put32(g, 0x000f9063u | (back >> 12 & 1) << 31 | (back >> 5 & 63) << 25 |
                 (back >> 1 & 15) << 8 | (back >> 11 & 1) << 7);
}

/* In halfwords, from a place to another; mostly forward, and to an instruction. */
static int32_t distance(struct gen *g, unsigned from, bool always)
{
    unsigned to = below(g, g->p->count + 1), begins = 0;

    if (chance(g, 90))
        to = g->starts[below(g, g->start_count)];
    if (to <= from && chance(g, always ? 98 : 85))
        to = from + 2 + below(g, g->p->count + 3 - from);
    if (to > from && chance(g, 90)) { /* the last instruction that begins up to there */
        for (unsigned i = 0; i < g->start_count && g->starts[i] <= to; i++)
            if (g->starts[i] > from)
                begins = g->starts[i];
        to = begins ? begins : to;
    }
    return (int32_t)to - (int32_t)from;
}

static void patch(struct gen *g, const struct fixup *f)
{
    uint16_t *p = &g->p->text[f->at];
    bool always = f->kind != BRANCH && f->kind != C_BRANCH;
    uint32_t d = (uint32_t)distance(g, f->at, always) * 2, bits = 0;

    switch (f->kind) {
    case BRANCH:
        bits =
            (d >> 12 & 1) << 31 | (d >> 5 & 63) << 25 | (d >> 1 & 15) << 8 | (d >> 11 & 1) << 7;
        break;
    case JAL:
        bits = (d >> 20 & 1) << 31 | (d >> 1 & 1023) << 21 | (d >> 11 & 1) << 20 |
               (d >> 12 & 255) << 12;
        break;
    case JALR:
        p += 2;
        bits = d << 20;
        break;
    case C_JUMP:
        bits = (d >> 11 & 1) << 12 | (d >> 4 & 1) << 11 | (d >> 8 & 3) << 9 |
               (d >> 10 & 1) << 8 | (d >> 6 & 1) << 7 | (d >> 7 & 1) << 6 | (d >> 1 & 7) << 3 |
               (d >> 5 & 1) << 2;
        break;
    case C_BRANCH:
        bits = (d >> 8 & 1) << 12 | (d >> 3 & 3) << 10 | (d >> 6 & 3) << 5 | (d >> 1 & 3) << 3 |
               (d >> 5 & 1) << 2;
        break;
    }
    p[0] = (uint16_t)(p[0] | bits);
    if (f->kind < C_JUMP)
        p[1] = (uint16_t)(p[1] | bits >> 16);
}

static void set_registers(struct gen *g, uint64_t address)
{
    const struct vm_places *w = g->places;
    uint64_t *x = g->p->x;

    x[0] = address;
    for (unsigned i = 1; i < 32; i++)
        x[i] = vm_corner(&g->rng);
    for (unsigned i = 0; i < sizeof pointers; i++) {
        x[pointers[i]] = w->sandbox + 8 * below(g, (unsigned)w->sandbox_size / 8);
        if (w->edge_count && chance(g, 30))
            x[pointers[i]] = w->edges[below(g, w->edge_count)] - below(g, 24);
        else if (chance(g, 85)) /* of which the usual offsets stay within */
            x[pointers[i]] = w->sandbox + w->sandbox_size / 2 + 8 * below(g, 64) - 256;
        if (chance(g, pointers[i] < 18 ? 10 : 3))
            x[pointers[i]] += below(g, 8);
    }
    /* Code: mostly of the later half, so that there is an end. */
    x[20] = address + 2 * (g->p->count / 2 + below(g, g->p->count / 2 + 1));
    x[21] =
        address + 2 * (uint64_t)g->starts[g->start_count - 1 - below(g, g->start_count / 2)];
}

void vm_generate(uint64_t seed, uint64_t address, const struct vm_places *places,
                 struct vm_program *ret)
{
    struct gen g = {.rng = czi_rng(seed), .p = ret, .places = places};
    unsigned length = 4 + below(&g, VM_PROGRAM_HALVES - 24);
    unsigned hostile = chance(&g, 25) ? 1 + below(&g, 3) : 0;

    memset(ret, 0, sizeof *ret);
    while (ret->count < length && has_room(&g)) {
        if (hostile && below(&g, length) < 8) {
            hostile--;
            put_hostile(&g);
        } else if (chance(&g, 5)) {
            put_loop(&g);
        } else {
            put_some(&g);
        }
    }
    for (unsigned i = 0; i < g.fixup_count; i++)
        patch(&g, &g.fixups[i]);
    set_registers(&g, address);
    for (unsigned i = ret->count; i < VM_PROGRAM_HALVES; i++)
        ret->text[i] = 0x9002;
}
