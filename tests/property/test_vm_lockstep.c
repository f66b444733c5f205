/* test_vm_lockstep.c - at every limit of gas czi_vm_run is where czi_vm_step is.
 *
 * Every two instructions behind each other, since the interpreter makes one of some of them;
 * and random programs (vm_generate.h) whose pointers also go to the edges of stack, input,
 * image and windows. For every K up to a program's length, or STEPS_MAX: a run with K gas, from
 * the beginning, has the registers, pc, gas, reservation and memory of K single steps; and so
 * have runs with more gas than the program needs, and runs that stop and go on.
 */
#include "vm_machine.h"

enum { STEPS_MAX = 250, BATCH = 250, WINDOWS = 3 };

static const uint8_t input[] = "what the program was given";
/* Lengths of windows: nothing, odd, a page and some bytes more. */
static const unsigned window_sizes[WINDOWS] = {0, 13, 4096 + 5};
static uint8_t window_bytes[WINDOWS][4096 + 5];
static const uint64_t edges[] = {
    VM_SANDBOX,
    VM_SANDBOX + VM_SANDBOX_SIZE,
    VM_SANDBOX + 4096,
    CZ_GUEST_STACK_TOP,
    CZ_GUEST_STACK_TOP - 64,
    CZ_GUEST_INPUT + sizeof input,
    CZ_GUEST_WINDOW(0),
    CZ_GUEST_WINDOW(1) + 13,
    CZ_GUEST_WINDOW(2) + 4096,
    CZ_GUEST_WINDOW(2) + 4096 + 5,
    CZ_GUEST_MEMORY_END,
    8, /* so that some addresses wrap */
};

static struct czi_hart begin(const struct vm_machine *m, struct czi_space *space, unsigned i,
                             uint64_t gas)
{
    struct czi_hart h = vm_machine_begin(m, space, i, gas);

    czi_space_set_input(space, (struct czi_slice){input, sizeof input});
    for (unsigned w = 0; w < WINDOWS; w++)
        czi_space_map(space, w, (struct czi_slice){window_bytes[w], window_sizes[w]}, w != 1);
    return h;
}

static const char *memory_difference(struct czi_space *a, struct czi_space *b)
{
    static const uint64_t ranges[][2] = {{VM_SANDBOX, VM_SANDBOX_SIZE},
                                         {CZ_GUEST_STACK_TOP - 8192, 8192}};
    static uint8_t in_a[8192], in_b[8192];

    for (unsigned i = 0; i < CZI_COUNTOF(ranges); i++) {
        if (!czi_space_read(a, ranges[i][0], in_a, ranges[i][1]) ||
            !czi_space_read(b, ranges[i][0], in_b, ranges[i][1]))
            return "a range cannot be read";
        if (memcmp(in_a, in_b, ranges[i][1]) != 0)
            return i ? "the stack" : "the sandbox";
    }
    for (unsigned w = 0; w < WINDOWS; w++) {
        struct czi_slice p = czi_space_window(a, w), q = czi_space_window(b, w);

        if (p.len != q.len || (p.len && memcmp(p.data, q.data, p.len) != 0))
            return "a window";
        if (czi_space_window_written(a, w) != czi_space_window_written(b, w))
            return "whether a window was written";
        if (czi_space_window_read(a, w) != czi_space_window_read(b, w))
            return "whether a window was read";
    }
    if (czi_space_dirty(a) != czi_space_dirty(b))
        return "how many pages were written";
    return NULL;
}

struct pair {
    const struct vm_machine *m;
    struct czi_space *other; /* of runs; m->space of steps */
    uint64_t seed;
    unsigned i;
};

/* `a` as czi_vm_run left it, `b` where the steps are, with the gas that b would have. */
static void check_same(const struct pair *p, uint64_t limit, enum czi_stop got,
                       enum czi_stop wanted, const struct czi_hart *a, const struct czi_hart *b)
{
    const char *memory = memory_difference(p->other, p->m->space);
    bool same = got == wanted && vm_hart_equal(a, b) && !memory && a->x[0] == 0;

    if (wanted == CZI_STOP_TRAP)
        same = same && a->trap == b->trap && a->trap_value == b->trap_value;
    if (same)
        return;
    vm_print_program(p->m, p->i);
    vm_print_difference("run", a, "step", b);
    fail_msg("seed %llu, gas %llu: run stops with %d where step has %d; memory: %s",
             (unsigned long long)p->seed, (unsigned long long)limit, got, wanted,
             memory ? memory : "the same");
}

/* Whoever runs a hart answers its calls, and goes on. */
static void answer(struct czi_hart *h)
{
    h->x[10] ^= 0x55;
    h->reserved = UINT64_MAX;
}
static enum czi_stop run_on(struct czi_hart *h)
{
    enum czi_stop stop;

    for (;;) {
        stop = czi_vm_run(h);
        if (stop != CZI_STOP_CALL)
            return stop;
        answer(h);
    }
}

static void check_limit(const struct pair *p, uint64_t limit, enum czi_stop wanted,
                        const struct czi_hart *steps, uint64_t gas_left)
{
    struct czi_hart h = begin(p->m, p->other, p->i, limit), want = *steps;
    enum czi_stop got = run_on(&h);

    want.gas = gas_left;
    check_same(p, limit, got, wanted, &h, &want);
}

/* The whole program in slices of a few instructions each. */
static void check_slices(const struct pair *p, uint64_t gas, enum czi_stop wanted,
                         const struct czi_hart *end)
{
    struct czi_rng rng = czi_rng(p->seed);
    struct czi_hart h = begin(p->m, p->other, p->i, 0), want = *end;
    enum czi_stop got;

    do {
        uint64_t slice = czi_rng_below(&rng, 9);

        h.gas = CZI_MIN(gas, slice);
        gas -= h.gas;
        got = run_on(&h);
        assert_true(got != CZI_STOP_GAS || h.gas == 0);
    } while (got == CZI_STOP_GAS && gas);
    want.gas = 0;
    h.gas = 0;
    check_same(p, gas, got, wanted, &h, &want);
}

static uint64_t check_program(const struct pair *p)
{
    struct czi_hart h = begin(p->m, p->m->space, p->i, STEPS_MAX);
    enum czi_stop stop = CZI_STOP_NONE;
    uint64_t steps = 0;

    while (stop == CZI_STOP_NONE) {
        check_limit(p, steps, CZI_STOP_GAS, &h, 0);
        stop = czi_vm_step(&h);
        assert_true(h.x[0] == 0);
        if (stop == CZI_STOP_CALL) {
            answer(&h);
            stop = CZI_STOP_NONE;
        }
        steps += stop == CZI_STOP_NONE;
        assert_int_equal(h.gas, STEPS_MAX - steps);
    }
    if (stop != CZI_STOP_GAS) {
        check_limit(p, steps + 1, stop, &h, 1);
        check_limit(p, UINT64_MAX, stop, &h, UINT64_MAX - steps);
    }
    check_slices(p, STEPS_MAX, stop, &h);
    return steps;
}

static void run_and_step_agree_at_every_limit_of_gas(void **state)
{
#ifdef TEST_IS_SLOW
    unsigned long programs = test_env("CAUSALITY_SEEDS", 500);
#else
    unsigned long programs = test_env("CAUSALITY_SEEDS", 10000);
#endif
    uint64_t seed = test_env("CAUSALITY_SEED", 1), steps = 0;
    const struct vm_places places = {VM_SANDBOX, VM_SANDBOX_SIZE, edges, CZI_COUNTOF(edges),
                                     true};
    cz_error err = {0};

    (void)state;
    for (unsigned w = 0; w < WINDOWS; w++)
        for (unsigned i = 0; i < window_sizes[w]; i++)
            window_bytes[w][i] = (uint8_t)(i * 7 + w + 1);
    for (unsigned long done = 0; done < programs; done += BATCH) {
        unsigned count = (unsigned)CZI_MIN(programs - done, (unsigned long)BATCH);
        struct vm_machine m = vm_machine(seed + done, count, &places);
        struct czi_space *other;

        assert_ok(czi_space_new(&other, &err), err);
        for (unsigned i = 0; i < count; i++)
            steps += check_program(&(struct pair){&m, other, seed + done + i, i});
        czi_space_free(other);
        vm_machine_done(&m);
    }
    printf("%lu programs, %llu limits\n", programs, (unsigned long long)steps);
    assert_true(programs < 1000 || steps > 20 * programs); /* most do something */
}

/* Registers of a first and a second instruction: independent, the one's result as the other's
 * operand, results that are overwritten, x0, addresses that are none. x11 and x14 are pointers,
 * x12 is small. */
static const uint8_t pair_registers[][6] = {
    {10, 11, 12, 13, 14, 12}, {10, 11, 12, 13, 10, 12}, {10, 11, 12, 13, 14, 10},
    {10, 11, 12, 10, 10, 12}, {10, 11, 12, 13, 10, 10}, {10, 11, 12, 10, 14, 12},
    {0, 11, 12, 13, 0, 12},   {11, 11, 12, 13, 11, 12}, {10, 11, 12, 0, 10, 12},
    {10, 11, 12, 11, 14, 12}, {10, 12, 11, 13, 10, 11}, {10, 11, 12, 13, 12, 10},
    {14, 11, 12, 12, 14, 11}, {10, 14, 11, 10, 11, 14},
};
enum { PAIRS = CZI_COUNTOF(pair_registers) };
#ifdef TEST_IS_SLOW
enum { PAIRS_STEP = 8 };
#else
enum { PAIRS_STEP = 1 };
#endif

static struct vm_program pair_program(struct czi_rng *rng, unsigned first, unsigned second,
                                      const uint8_t r[6], uint64_t address)
{
    struct vm_program p = {.x = {address}, .count = 4};
    uint32_t imm[2], bits[2];

    for (unsigned i = 0; i < 2; i++)
        imm[i] = (uint32_t)czi_rng_below(rng, 4) ? (uint32_t)czi_rng_below(rng, 64) * 8 & 0xfff
                                                 : (uint32_t)czi_rng_below(rng, 4096);
    bits[0] = vm_form(first, r[0], r[1], r[2], imm[0]);
    bits[1] = vm_form(second, r[3], r[4], r[5], imm[1]);
    for (unsigned i = 0; i < VM_PROGRAM_HALVES; i++)
        p.text[i] = i < 4 ? (uint16_t)(bits[i / 2] >> 16 * (i % 2)) : 0x9002;
    for (unsigned i = 1; i < 32; i++)
        p.x[i] = vm_corner(rng);
    p.x[11] = VM_SANDBOX + 2048 + 8 * czi_rng_below(rng, 128);
    p.x[14] = VM_SANDBOX + 2048 + 8 * czi_rng_below(rng, 128);
    p.x[12] = czi_rng_below(rng, 64) * 4;
    return p;
}

static void run_and_step_agree_on_every_two_instructions(void **state)
{
    unsigned forms = vm_form_count();
    uint64_t seed = test_env("CAUSALITY_SEED", 1);
    cz_error err = {0};

    (void)state;
    for (unsigned first = 0; first < forms; first += PAIRS_STEP) {
        struct vm_program *programs = calloc((size_t)forms * PAIRS, sizeof *programs);
        struct czi_rng rng = czi_rng(seed + first);
        struct czi_space *other;
        struct vm_machine m;

        assert_non_null(programs);
        for (unsigned i = 0; i < forms * PAIRS; i++)
            programs[i] = pair_program(&rng, first, i / PAIRS, pair_registers[i % PAIRS],
                                       VM_TEXT + (uint64_t)i * VM_SLOT);
        m = vm_machine_of(programs, forms * PAIRS, seed);
        assert_ok(czi_space_new(&other, &err), err);
        for (unsigned i = 0; i < m.count; i++)
            check_program(&(struct pair){&m, other, seed, i});
        czi_space_free(other);
        vm_machine_done(&m);
    }
}

/* Text of many slots without a jump: programs that go on in each other's slots. x8 stays a
 * pointer. Each begins at another distance from the end of what the interpreter pays at once.
 */
static void run_and_step_agree_where_nothing_jumps(void **state)
{
    enum { SLOTS = 24 };
    unsigned forms = vm_form_count() - 6; /* without branches */
    uint64_t seed = test_env("CAUSALITY_SEED", 1);
    struct vm_program *programs = calloc(SLOTS, sizeof *programs);
    struct czi_rng rng = czi_rng(seed);
    struct czi_space *other;
    struct vm_machine m;
    cz_error err = {0};

    (void)state;
    assert_non_null(programs);
    for (unsigned i = 0; i < SLOTS; i++) {
        struct vm_program *p = &programs[i];

        p->count = VM_PROGRAM_HALVES;
        p->x[0] = VM_TEXT + (uint64_t)i * VM_SLOT + 4 * czi_rng_below(&rng, 32);
        p->x[8] = VM_SANDBOX + 4096;
        for (unsigned k = 0; k < VM_PROGRAM_HALVES; k += 2) {
            uint32_t bits = vm_form((unsigned)czi_rng_below(&rng, forms),
                                    10 + (unsigned)czi_rng_below(&rng, 6), 8,
                                    10 + (unsigned)czi_rng_below(&rng, 6),
                                    (uint32_t)czi_rng_below(&rng, 256) * 8);

            p->text[k] = (uint16_t)bits;
            p->text[k + 1] = (uint16_t)(bits >> 16);
        }
    }
    m = vm_machine_of(programs, SLOTS, seed);
    assert_ok(czi_space_new(&other, &err), err);
    for (unsigned i = 0; i < SLOTS / 2; i++)
        assert_int_equal(check_program(&(struct pair){&m, other, seed, i}), STEPS_MAX);
    czi_space_free(other);
    vm_machine_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_and_step_agree_on_every_two_instructions),
        cmocka_unit_test(run_and_step_agree_where_nothing_jumps),
        cmocka_unit_test(run_and_step_agree_at_every_limit_of_gas),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
