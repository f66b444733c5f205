/* test_vm_isa_memory.c - loads, stores, atomics, and where memory ends.
 *
 * Each byte of memory that a guest can have here has a value that follows from its address, so
 * what a load must give is arithmetic.
 */
#include "isa_fixture.h"

/* ---- A memory whose bytes follow from their addresses ------------------------------------ */

enum { INPUT_SIZE = 27, OUTPUT_SIZE = 5 };
enum { SMALL = 1, ODD = 2, LAST = CZ_GUEST_WINDOWS_MAX - 1 };

static const struct {
    uint64_t start, size;
    bool writable;
} areas[] = {
    {ISA_DATA, ISA_DATA_SIZE, true},
    {CZ_GUEST_IMAGE_END - 4096, 4096, true}, /* of the heap */
    {CZ_GUEST_STACK_TOP - CZ_GUEST_STACK_SIZE, 4096, true},
    {CZ_GUEST_STACK_TOP - 4096, 4096, true},
    {CZ_GUEST_INPUT, 4096, false}, /* whole pages, zeroes behind the bytes */
    {CZ_GUEST_OUTPUT, 4096, false},
    {CZ_GUEST_WINDOW(SMALL), 13, false},
    {CZ_GUEST_WINDOW(ODD), 4096 + 5, true},
    {CZ_GUEST_WINDOW(LAST), CZ_GUEST_WINDOW_SIZE, true},
};
static uint8_t bytes[CZI_COUNTOF(areas)][CZ_GUEST_WINDOW_SIZE];

static uint8_t byte_at(uint64_t address)
{
    if (address - CZ_GUEST_INPUT < 4096 && address >= CZ_GUEST_INPUT + INPUT_SIZE)
        return 0;
    if (address - CZ_GUEST_OUTPUT < 4096 && address >= CZ_GUEST_OUTPUT + OUTPUT_SIZE)
        return 0;
    return (uint8_t)(address * 37 + (address >> 8) * 11 + (address >> 16) + 0x55);
}
static bool may(uint64_t address, unsigned size, bool write)
{
    for (unsigned k = 0; k < size; k++) {
        bool found = false;

        for (unsigned i = 0; i < CZI_COUNTOF(areas); i++)
            found |=
                address + k - areas[i].start < areas[i].size && (areas[i].writable || !write);
        if (!found)
            return false;
    }
    return true;
}
static uint64_t value_at(uint64_t address, unsigned size)
{
    uint64_t v = 0;

    for (unsigned k = 0; k < size; k++)
        v |= (uint64_t)byte_at(address + k) << 8 * k;
    return v;
}

static struct isa isa_with_memory(uint32_t bits)
{
    struct isa t = isa_of(bits);

    for (unsigned i = 0; i < CZI_COUNTOF(areas); i++) {
        struct czi_slice s = {bytes[i], areas[i].size};

        for (uint64_t k = 0; k < areas[i].size; k++)
            bytes[i][k] = byte_at(areas[i].start + k);
        if (areas[i].start == CZ_GUEST_INPUT)
            czi_space_set_input(t.space, (struct czi_slice){bytes[i], INPUT_SIZE});
        else if (areas[i].start == CZ_GUEST_OUTPUT)
            czi_space_set_output(t.space, (struct czi_slice){bytes[i], OUTPUT_SIZE});
        else if (areas[i].start >= CZ_GUEST_WINDOWS)
            czi_space_map(t.space,
                          (unsigned)((areas[i].start - CZ_GUEST_WINDOWS) /
                                     CZ_GUEST_WINDOW_SIZE),
                          s, areas[i].writable);
        else
            assert_true(czi_space_write(t.space, areas[i].start, s.data, s.len));
    }
    return t;
}

/* The beginning and end of each, where pages meet, and where numbers end. */
static const uint64_t edges[] = {
    ISA_DATA,
    ISA_DATA + 4096,
    ISA_DATA + 256,
    CZ_GUEST_IMAGE_END,
    CZ_GUEST_STACK_TOP - CZ_GUEST_STACK_SIZE,
    CZ_GUEST_STACK_TOP,
    CZ_GUEST_INPUT + INPUT_SIZE,
    CZ_GUEST_INPUT + 4096,
    CZ_GUEST_OUTPUT,
    CZ_GUEST_OUTPUT + OUTPUT_SIZE,
    CZ_GUEST_OUTPUT + 4096,
    CZ_GUEST_WINDOW(0),
    CZ_GUEST_WINDOW(SMALL),
    CZ_GUEST_WINDOW(SMALL) + 13,
    CZ_GUEST_WINDOW(ODD),
    CZ_GUEST_WINDOW(ODD) + 4096,
    CZ_GUEST_WINDOW(ODD) + 4096 + 5,
    CZ_GUEST_WINDOW(LAST),
    CZ_GUEST_WINDOW(LAST) + 4096,
    CZ_GUEST_MEMORY_END,
    0,
    CZ_GUEST_PAGE,
    1ull << 31,
    1ull << 32,
    (1ull << 32) + ISA_DATA,
    1ull << 63,
    (1ull << 63) + ISA_DATA,
};

/* ---- Loads and stores -------------------------------------------------------------------- */

static const char *const load_names[] = {"lb", "lh", "lw", "ld", "lbu", "lhu", "lwu"};
static const char *const store_names[] = {"sb", "sh", "sw", "sd"};
static const int offsets[] = {0, 2047, -2048};

static uint64_t extended(uint64_t v, unsigned size)
{
    return size == 1   ? (uint64_t)(int64_t)(int8_t)v
           : size == 2 ? (uint64_t)(int64_t)(int16_t)v
           : size == 4 ? (uint64_t)(int64_t)(int32_t)v
                       : v;
}

static void check_load(const struct isa *t, unsigned funct3, unsigned rd, uint64_t address,
                       int imm)
{
    struct isa_state before = isa_state(), want;
    unsigned size = 1u << (funct3 & 3);
    uint64_t v;

    before.x[11] = address - (uint64_t)(int64_t)imm;
    want = before;
    if (!may(address, size, false)) {
        isa_check(t, &before, &want, ISA_TRAP(LOAD, address));
        return;
    }
    v = value_at(address, size);
    want.pc += 4;
    want.x[rd] = funct3 < 4 ? extended(v, size) : v;
    want.x[0] = 0;
    isa_check(t, &before, &want, ISA_DONE);
}

static void loads_are_exact_to_the_byte(void **state)
{
    static const unsigned targets[] = {10, 11, 0, 31};

    (void)state;
    for (unsigned f = 0; f < 7; f++)
        for (unsigned o = 0; o < CZI_COUNTOF(offsets); o++)
            for (unsigned r = 0; r < CZI_COUNTOF(targets); r++) {
                struct isa t = isa_with_memory(asm_i(f, 0x03, targets[r], 11, offsets[o]));

                t.name = load_names[f];
                for (unsigned e = 0; e < CZI_COUNTOF(edges); e++)
                    for (uint64_t d = 0; d < 20; d++)
                        check_load(&t, f, targets[r], edges[e] + d - 10, offsets[o]);
                isa_done(&t);
            }
}

static void check_neighbours(const struct isa *t, uint64_t address)
{
    for (uint64_t a = address - 16; a != address + 24; a++) {
        uint8_t found;

        if (may(a, 1, false) && czi_space_read(t->space, a, &found, 1) && found != byte_at(a))
            fail_msg("%s of %#llx changed the byte at %#llx", t->name,
                     (unsigned long long)address, (unsigned long long)a);
    }
}

static void check_store(struct isa *t, unsigned size, uint64_t address, int imm)
{
    struct isa_state before = isa_state(), want;
    uint8_t undo[8];

    before.x[11] = address - (uint64_t)(int64_t)imm;
    before.x[12] = 0x8899aabbccddeeff;
    want = before;
    if (!may(address, size, true)) {
        t->len = 0;
        isa_check(t, &before, &want, ISA_TRAP(STORE, address));
        check_neighbours(t, address);
        return;
    }
    t->address = address;
    t->len = size;
    for (unsigned k = 0; k < size; k++) {
        t->before[k] = undo[k] = byte_at(address + k);
        t->behind[k] = (uint8_t)(before.x[12] >> 8 * k);
    }
    want.pc += 4;
    isa_check(t, &before, &want, ISA_DONE);
    assert_true(czi_space_write(t->space, address, undo, size));
    check_neighbours(t, address);
}

static void stores_change_their_bytes_or_none(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 4; f++)
        for (unsigned o = 0; o < CZI_COUNTOF(offsets); o++) {
            struct isa t = isa_with_memory(asm_s(f, 11, 12, offsets[o]));

            t.name = store_names[f];
            for (unsigned e = 0; e < CZI_COUNTOF(edges); e++)
                for (uint64_t d = 0; d < 20; d++)
                    check_store(&t, 1u << f, edges[e] + d - 10, offsets[o]);
            isa_done(&t);
        }
}

static void stores_of_any_register(void **state)
{
    (void)state;
    for (unsigned r = 0; r < 32; r++) {
        struct isa t = isa_with_memory(asm_s(3, 11, r, 8));
        struct isa_state before = isa_state(), want;

        t.name = "sd";
        before.x[11] = ISA_DATA;
        t.address = ISA_DATA + 8;
        t.len = 8;
        czi_put_u64le(t.behind, before.x[r]);
        want = before;
        want.pc += 4;
        isa_check(&t, &before, &want, ISA_DONE);
        isa_done(&t);
    }
}

static void code_can_be_read_and_not_written(void **state)
{
    uint32_t bits = asm_i(2, 0x03, 10, 11, 0);
    struct isa t = isa_of(bits);
    struct isa_state before = isa_state(), want = before;

    (void)state;
    t.name = "lw of code";
    before.x[11] = want.x[11] = ISA_TEXT;
    want.x[10] = bits;
    want.pc += 4;
    isa_check(&t, &before, &want, ISA_DONE);
    isa_done(&t);
    for (unsigned f = 0; f < 4; f++) {
        t = isa_of(asm_s(f, 11, 12, 0));
        t.name = store_names[f];
        before.x[11] = ISA_TEXT + 4;
        isa_check(&t, &before, &before, ISA_TRAP(STORE, ISA_TEXT + 4));
        isa_done(&t);
    }
}

/* ---- Atomics ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint32_t funct5;
} amos[] = {
    {"amoswap", 0x01}, {"amoadd", 0x00}, {"amoxor", 0x04},  {"amoand", 0x0c},  {"amoor", 0x08},
    {"amomin", 0x10},  {"amomax", 0x14}, {"amominu", 0x18}, {"amomaxu", 0x1c},
};

static uint32_t asm_amo(uint32_t funct5, unsigned size, unsigned rd, unsigned rs1, unsigned rs2,
                        unsigned ordering)
{
    return asm_r(funct5 << 2 | ordering, size == 8 ? 3 : 2, 0x2f, rd, rs1, rs2);
}
static uint32_t asm_lr(unsigned size, unsigned rd, unsigned rs1)
{
    return asm_amo(0x02, size, rd, rs1, 0, 0);
}
static uint32_t asm_sc(unsigned size, unsigned rd, unsigned rs1, unsigned rs2)
{
    return asm_amo(0x03, size, rd, rs1, rs2, 0);
}

/* Section 8.4, on the operands as numbers of `size` bytes. */
static uint64_t amo_reference(uint32_t funct5, unsigned size, uint64_t old, uint64_t v)
{
    __int128 signed_old = (int64_t)extended(old, size), signed_v = (int64_t)extended(v, size);
    unsigned __int128 mask = ((unsigned __int128)1 << 8 * size) - 1;

    switch (funct5) {
    case 0x01:
        return v;
    case 0x00:
        return (uint64_t)(signed_old + signed_v);
    case 0x04:
        return old ^ v;
    case 0x0c:
        return old & v;
    case 0x08:
        return old | v;
    case 0x10:
        return signed_v < signed_old ? v : old;
    case 0x14:
        return signed_v > signed_old ? v : old;
    case 0x18:
        return (v & mask) < (old & mask) ? v : old;
    default:
        return (v & mask) > (old & mask) ? v : old;
    }
}

/* At data + 16, with what is around it. */
static void check_amo(struct isa *t, uint32_t funct5, unsigned size, const unsigned r[3],
                      uint64_t old, uint64_t v)
{
    struct isa_state before = isa_state(), want;
    uint64_t at = ISA_DATA + 16, done;

    before.x[r[2]] = v;
    before.x[r[1]] = at;
    before.x[0] = 0;
    want = before;
    want.pc += 4;
    want.x[r[0]] = extended(old, size);
    want.x[0] = 0;
    done = amo_reference(funct5, size, old, before.x[r[2]]);
    t->address = ISA_DATA + 8;
    t->len = 24;
    for (unsigned i = 0; i < 24; i++)
        t->before[i] = t->behind[i] = (uint8_t)(0xa0 + i);
    for (unsigned i = 0; i < size; i++) {
        t->before[8 + i] = (uint8_t)(old >> 8 * i);
        t->behind[8 + i] = (uint8_t)(done >> 8 * i);
    }
    isa_check(t, &before, &want, ISA_DONE);
}

static void atomics_compute_what_the_manual_says(void **state)
{
    static const unsigned usual[3] = {10, 11, 12};

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(amos); i++)
        for (unsigned size = 4; size <= 8; size += 4) {
            struct isa t = isa_of(asm_amo(amos[i].funct5, size, 10, 11, 12, 0));

            t.name = amos[i].name;
            for (unsigned a = 0; a < CZI_COUNTOF(isa_corners); a++)
                for (unsigned b = 0; b < CZI_COUNTOF(isa_corners); b++)
                    check_amo(&t, amos[i].funct5, size, usual, isa_corners[a], isa_corners[b]);
            isa_done(&t);
        }
}

static void atomics_take_any_registers_and_orderings(void **state)
{
    static const unsigned registers[][3] = {{0, 11, 12},  {10, 11, 0},  {11, 11, 12},
                                            {10, 11, 11}, {11, 11, 11}, {12, 11, 12},
                                            {31, 1, 30},  {0, 11, 0}};

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(amos); i++)
        for (unsigned size = 4; size <= 8; size += 4)
            for (unsigned r = 0; r < CZI_COUNTOF(registers); r++)
                for (unsigned order = 0; order < 4; order++) {
                    const unsigned *x = registers[r];
                    struct isa t =
                        isa_of(asm_amo(amos[i].funct5, size, x[0], x[1], x[2], order));

                    t.name = amos[i].name;
                    check_amo(&t, amos[i].funct5, size, x, 0x8000000080000005, 0x300000001);
                    isa_done(&t);
                }
}

static void atomics_must_be_aligned_and_writable(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(amos) + 1; i++)
        for (unsigned size = 4; size <= 8; size += 4) {
            bool is_sc = i == CZI_COUNTOF(amos);
            uint32_t funct5 = is_sc ? 0x03 : amos[i].funct5;
            struct isa t = isa_with_memory(asm_amo(funct5, size, 10, 11, 12, 0));

            t.name = is_sc ? "sc" : amos[i].name;
            for (unsigned e = 0; e < CZI_COUNTOF(edges); e++)
                for (uint64_t d = 0; d < 33; d++) {
                    uint64_t a = edges[e] + d - 16;
                    struct isa_state s = isa_state();

                    s.x[11] = a;
                    if (a % size)
                        isa_check(&t, &s, &s, ISA_TRAP(MISALIGNED, a));
                    else if (!may(a, size, true))
                        isa_check(&t, &s, &s, ISA_TRAP(STORE, a));
                }
            isa_done(&t);
        }
}

static void lr_must_be_aligned_and_readable(void **state)
{
    (void)state;
    for (unsigned size = 4; size <= 8; size += 4) {
        struct isa t = isa_with_memory(asm_lr(size, 10, 11));

        t.name = "lr";
        for (unsigned e = 0; e < CZI_COUNTOF(edges); e++)
            for (uint64_t d = 0; d < 33; d++) {
                uint64_t a = edges[e] + d - 16;
                struct isa_state before = isa_state(), want;

                before.x[11] = a;
                want = before;
                want.x[10] = extended(value_at(a, size), size);
                want.pc += 4;
                if (a % size)
                    isa_check(&t, &before, &before, ISA_TRAP(MISALIGNED, a));
                else if (!may(a, size, false))
                    isa_check(&t, &before, &before, ISA_TRAP(LOAD, a));
                else
                    isa_check(&t, &before, &want, ISA_DONE);
            }
        isa_done(&t);
    }
}

/* ---- lr and sc together ------------------------------------------------------------------ */

/* x10 = A, x11 = B, both in data and 0; x12 = 7. Results go to x20 and up. */
static const uint64_t place_a = ISA_DATA + 32, place_b = ISA_DATA + 64;

static struct czi_hart run_sequence(const uint32_t *words, unsigned count, uint64_t *ret_a,
                                    enum czi_stop (*run)(struct czi_hart *))
{
    uint8_t text[64];
    struct isa t;
    struct czi_hart h;
    uint8_t a[8];
    enum czi_stop stop;

    for (unsigned i = 0; i < count; i++)
        czi_put_u32le(text + 4 * (size_t)i, words[i]);
    czi_put_u32le(text + 4 * (size_t)count, EBREAK);
    t = isa_new(text, 4 * (size_t)count + 4, 4 * (size_t)count + 4);
    czi_space_map(t.space, 0, (struct czi_slice){bytes[0], 64}, false);
    h = (struct czi_hart){
        .pc = ISA_TEXT, .gas = 1000, .reserved = UINT64_MAX, .space = t.space, .code = t.code};
    h.x[10] = place_a;
    h.x[11] = place_b;
    h.x[12] = 7;
    h.x[13] = CZ_GUEST_WINDOW(0);
    do {
        stop = run(&h);
    } while (stop == CZI_STOP_NONE);
    assert_int_equal(stop, CZI_STOP_TRAP);
    assert_true(czi_space_read(t.space, place_a, a, 8));
    *ret_a = czi_get_u64le(a);
    isa_done(&t);
    return h;
}

struct sequence {
    const char *name;
    uint32_t words[5];
    unsigned count;
    uint64_t x20, x21, a;
    enum czi_trap trap;
};

static void check_sequences(const struct sequence *sequences, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned stepwise = 0; stepwise < 2; stepwise++) {
            const struct sequence *s = &sequences[i];
            uint64_t a;
            struct czi_hart h =
                run_sequence(s->words, s->count, &a, stepwise ? czi_vm_step : czi_vm_run);

            if (h.x[20] != s->x20 || h.x[21] != s->x21 || a != s->a || h.trap != s->trap)
                fail_msg("%s: x20 %llu, x21 %llu, memory %llu, trap %u", s->name,
                         (unsigned long long)h.x[20], (unsigned long long)h.x[21],
                         (unsigned long long)a, h.trap);
        }
}

static void sc_succeeds_once_on_what_lr_reserved(void **state)
{
    const struct sequence sequences[] = {
        {"lr.w sc.w", {asm_lr(4, 5, 10), asm_sc(4, 20, 10, 12)}, 2, 0, 0, 7, CZI_TRAP_BREAK},
        {"lr.d sc.d", {asm_lr(8, 5, 10), asm_sc(8, 20, 10, 12)}, 2, 0, 0, 7, CZI_TRAP_BREAK},
        {"sc alone", {asm_sc(8, 20, 10, 12)}, 1, 1, 0, 0, CZI_TRAP_BREAK},
        {"two sc",
         {asm_lr(8, 5, 10), asm_sc(8, 20, 10, 12), asm_addi(12, 0, 9), asm_sc(8, 21, 10, 12)},
         4,
         0,
         1,
         7,
         CZI_TRAP_BREAK},
        {"lr.w sc.d", {asm_lr(4, 5, 10), asm_sc(8, 20, 10, 12)}, 2, 1, 0, 0, CZI_TRAP_BREAK},
        {"lr.d sc.w", {asm_lr(8, 5, 10), asm_sc(4, 20, 10, 12)}, 2, 1, 0, 0, CZI_TRAP_BREAK},
        {"lr.d, sc.w of its upper half",
         {asm_lr(8, 5, 10), asm_addi(10, 10, 4), asm_sc(4, 20, 10, 12)},
         3,
         1,
         0,
         0,
         CZI_TRAP_BREAK},
        {"sc elsewhere ends it",
         {asm_lr(8, 5, 10), asm_sc(8, 20, 11, 12), asm_sc(8, 21, 10, 12)},
         3,
         1,
         1,
         0,
         CZI_TRAP_BREAK},
        {"the second lr counts",
         {asm_lr(8, 5, 11), asm_lr(8, 5, 10), asm_sc(8, 20, 10, 12)},
         3,
         0,
         0,
         7,
         CZI_TRAP_BREAK},
        {"the first lr does not",
         {asm_lr(8, 5, 10), asm_lr(8, 5, 11), asm_sc(8, 20, 10, 12)},
         3,
         1,
         0,
         0,
         CZI_TRAP_BREAK},
    };

    (void)state;
    check_sequences(sequences, CZI_COUNTOF(sequences));
}

static void nothing_else_ends_a_reservation(void **state)
{
    const struct sequence sequences[] = {
        {"a store to it does not end it",
         {asm_lr(8, 5, 10), asm_s(3, 10, 11, 0), asm_sc(8, 20, 10, 12)},
         3,
         0,
         0,
         7,
         CZI_TRAP_BREAK},
        {"an atomic does not end it",
         {asm_lr(8, 5, 10), asm_amo(0, 8, 21, 10, 12, 0), asm_sc(8, 20, 10, 12)},
         3,
         0,
         0,
         7,
         CZI_TRAP_BREAK},
        {"rd of sc may be its operand",
         {asm_lr(8, 5, 10), asm_addi(20, 0, 7), asm_sc(8, 20, 10, 20)},
         3,
         0,
         0,
         7,
         CZI_TRAP_BREAK},
        {"rd of sc may be x0",
         {asm_lr(8, 0, 10), asm_sc(8, 0, 10, 12)},
         2,
         0,
         0,
         7,
         CZI_TRAP_BREAK},
        {"sc stores x0",
         {asm_s(3, 10, 12, 0), asm_lr(8, 21, 10), asm_sc(8, 20, 10, 0)},
         3,
         0,
         7,
         0,
         CZI_TRAP_BREAK},
        {"lr.w extends the sign",
         {asm_addi(5, 0, -1), asm_s(2, 10, 5, 0), asm_lr(4, 20, 10)},
         3,
         UINT64_MAX,
         0,
         UINT32_MAX,
         CZI_TRAP_BREAK},
    };

    (void)state;
    check_sequences(sequences, CZI_COUNTOF(sequences));
}

static void sc_asks_for_memory_before_the_reservation(void **state)
{
    const struct sequence sequences[] = {
        {"what may only be read can be reserved",
         {asm_lr(8, 20, 13), asm_addi(21, 0, 1)},
         2,
         0,
         1,
         0,
         CZI_TRAP_BREAK},
        {"and not stored to",
         {asm_lr(8, 5, 13), asm_sc(8, 20, 13, 12)},
         2,
         0,
         0,
         0,
         CZI_TRAP_STORE},
        {"nor without a reservation", {asm_sc(8, 20, 13, 12)}, 1, 0, 0, 0, CZI_TRAP_STORE},
        {"nothing there", {asm_sc(8, 20, 0, 12)}, 1, 0, 0, 0, CZI_TRAP_STORE},
        {"not aligned", {asm_sc(8, 20, 12, 12)}, 1, 0, 0, 0, CZI_TRAP_MISALIGNED},
    };

    (void)state;
    memset(bytes[0], 0, 64);
    check_sequences(sequences, CZI_COUNTOF(sequences));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_are_exact_to_the_byte),
        cmocka_unit_test(stores_change_their_bytes_or_none),
        cmocka_unit_test(stores_of_any_register),
        cmocka_unit_test(code_can_be_read_and_not_written),
        cmocka_unit_test(atomics_compute_what_the_manual_says),
        cmocka_unit_test(atomics_take_any_registers_and_orderings),
        cmocka_unit_test(atomics_must_be_aligned_and_writable),
        cmocka_unit_test(lr_must_be_aligned_and_readable),
        cmocka_unit_test(sc_succeeds_once_on_what_lr_reserved),
        cmocka_unit_test(nothing_else_ends_a_reservation),
        cmocka_unit_test(sc_asks_for_memory_before_the_reservation),
    };

    return cmocka_run_group_tests(tests, NULL, isa_teardown);
}
