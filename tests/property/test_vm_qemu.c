/* test_vm_qemu.c - random programs do in czi_vm_run and czi_vm_step what they do under QEMU.
 *
 * usage: test_vm_qemu GUEST, the program built from vm_qemu_guest.c; without it the test is
 * skipped.
 *
 * A program is random registers, random text (vm_generate.h) and a sandbox. It ends with a
 * trap; registers, pc, the kind of trap and the sandbox are then the same. Programs that cannot
 * be compared are counted by name:
 *
 *   endless      do not end within STEPS_MAX instructions
 *   call         end with ecall, which would be one to Linux
 *   elsewhere    wrote other memory than the sandbox, which the next program would see
 *   sc           QEMU's sc compares the value that lr has read instead of the reservation's
 * size, and does not look at memory without a reservation
 */
#include "vm_machine.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEPS_MAX = 2000 };
enum excluded { COMPARED, ENDLESS, CALL, ELSEWHERE, FAR, SC, VECTOR, EXCLUDED_COUNT };
static const char *const excluded_names[] = {"compared", "endless", "call",  "elsewhere",
                                             "far",      "sc",      "vector"};
/* rv64imac without what QEMU's default has beside it */
static const char cpu[] = "rv64,g=false,f=false,d=false,Zicsr=false,zba=false,zbb=false,"
                          "zbc=false,zbs=false";

static const char *guest;
static uint64_t counts[EXCLUDED_COUNT], instructions, traps[8];

/* What one program did here. */
struct end {
    enum excluded excluded;
    enum czi_stop stop;
    struct czi_hart hart;
    uint64_t memory;
};

static uint64_t memory_hash(struct czi_space *space)
{
    uint64_t words[VM_SANDBOX_SIZE / 8];

    assert_true(czi_space_read(space, VM_SANDBOX, words, sizeof words));
    return vm_hash(words);
}

static bool is_other_sc(const struct czi_hart *h, uint32_t bits, uint64_t seen)
{
    uint64_t address = h->x[bits >> 15 & 31], value = 0;
    unsigned size = 1u << (bits >> 12 & 3);

    if (h->reserved != address)
        return !czi_space_can(h->space, address, size, true) || address % size;
    return h->reserved_size != size || !czi_space_read(h->space, address, &value, size) ||
           value != seen;
}

/* Whether QEMU does the instruction at pc otherwise. `seen` is what lr has read. */
static enum excluded is_other(const struct czi_hart *h, uint64_t *seen)
{
    uint8_t b[4];
    uint32_t bits, opcode;
    bool is_atomic;

    if (!czi_space_read(h->space, h->pc, b, 4))
        return COMPARED;
    bits = czi_get_u32le(b);
    opcode = bits & 0x7f;
    is_atomic = opcode == 0x2f && (bits & 0x6000) == 0x2000;
    if (is_atomic && bits >> 27 == 2) {
        *seen = 0;
        if (!czi_space_read(h->space, h->x[bits >> 15 & 31], seen, 1u << (bits >> 12 & 3)))
            return COMPARED;
    }
    if (is_atomic && bits >> 27 == 3 && is_other_sc(h, bits, *seen))
        return SC;
    return (opcode == 0x07 || opcode == 0x27) && (bits >> 20 & 0x1ff) == 0x28 ? VECTOR
                                                                              : COMPARED;
}

static struct end run_stepwise(const struct vm_machine *m, unsigned i)
{
    struct end e = {.hart = vm_machine_begin(m, m->space, i, STEPS_MAX)};
    uint64_t seen = 0;

    do {
        e.excluded = e.excluded ? e.excluded : is_other(&e.hart, &seen);
        e.stop = czi_vm_step(&e.hart);
    } while (e.stop == CZI_STOP_NONE);
    e.memory = memory_hash(m->space);
    if (czi_space_dirty(m->space) > VM_SANDBOX_SIZE / CZ_GUEST_PAGE)
        e.excluded = ELSEWHERE;
    if (e.stop == CZI_STOP_TRAP &&
        (e.hart.trap == CZI_TRAP_LOAD || e.hart.trap == CZI_TRAP_STORE ||
         e.hart.trap == CZI_TRAP_MISALIGNED) &&
        e.hart.trap_value >> 32 != 0 && e.hart.trap_value >> 48 == 0)
        e.excluded = FAR;
    if (e.stop == CZI_STOP_CALL)
        e.excluded = CALL;
    if (e.stop == CZI_STOP_GAS)
        e.excluded = ENDLESS;
    return e;
}

static void check_blockwise(const struct vm_machine *m, unsigned i, const struct end *e)
{
    struct czi_hart h = vm_machine_begin(m, m->space, i, STEPS_MAX);
    enum czi_stop stop = czi_vm_run(&h);

    if (stop == e->stop && vm_hart_equal(&h, &e->hart) && memory_hash(m->space) == e->memory &&
        (stop != CZI_STOP_TRAP ||
         (h.trap == e->hart.trap && h.trap_value == e->hart.trap_value)))
        return;
    vm_print_program(m, i);
    vm_print_difference("step", &e->hart, "run", &h);
    fail_msg("program %u: czi_vm_run (%d) and czi_vm_step (%d) differ", i, stop, e->stop);
}

static unsigned signal_of(unsigned trap)
{
    static const unsigned signals[] = {
        [CZI_TRAP_ILLEGAL] = 4, [CZI_TRAP_FETCH] = 11,     [CZI_TRAP_LOAD] = 11,
        [CZI_TRAP_STORE] = 11,  [CZI_TRAP_MISALIGNED] = 7, [CZI_TRAP_BREAK] = 5,
    };

    assert_true(trap < CZI_COUNTOF(signals));
    return signals[trap];
}

static void check_record(const struct vm_machine *m, uint64_t seed, unsigned i,
                         const struct end *e, const struct vm_record *r)
{
    struct czi_hart q = {.pc = r->x[0]};

    memcpy(q.x + 1, r->x + 1, 31 * sizeof *q.x);
    if (r->signal == signal_of(e->hart.trap) && q.pc == e->hart.pc && r->memory == e->memory &&
        memcmp(q.x, e->hart.x, 32 * sizeof *q.x) == 0)
        return;
    vm_print_program(m, i);
    vm_print_difference("ours", &e->hart, "QEMU", &q);
    fail_msg("seed %llu: QEMU ends with signal %llu where we have: %s; memory is %s",
             (unsigned long long)(seed + i), (unsigned long long)r->signal,
             czi_trap_text((enum czi_trap)e->hart.trap),
             r->memory == e->memory ? "the same" : "not the same");
}

/* Runs them all under QEMU; those that are excluded only break. */
static void run_qemu(const struct vm_machine *m, const struct end *ends,
                     struct vm_record *ret_records)
{
    static struct vm_batch b;
    static const uint8_t padding[4096];
    size_t size = ((size_t)m->count * VM_SLOT + 4095) & ~(size_t)4095;
    char name[] = "/tmp/vm-qemu-XXXXXX", command[1024];
    int fd = mkstemp(name);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");

    b = (struct vm_batch){VM_BATCH_MAGIC, m->count, size, {0}, {{0}}};
    memcpy(b.sandbox, m->sandbox, sizeof b.sandbox);
    for (unsigned i = 0; i < m->count; i++) {
        memcpy(b.x[i], m->programs[i].x, sizeof b.x[i]);
        if (ends[i].excluded)
            b.x[i][0] = VM_TEXT + (uint64_t)(i + 1) * VM_SLOT - 2;
    }
    assert_non_null(f);
    assert_int_equal(fwrite(&b, sizeof b, 1, f), 1);
    assert_int_equal(fwrite(padding, 1, VM_BATCH_HEAD - sizeof b, f), VM_BATCH_HEAD - sizeof b);
    assert_int_equal(fwrite(m->text, size, 1, f), 1);
    assert_int_equal(fclose(f), 0);
    snprintf(command, sizeof command, "timeout 60 qemu-riscv64 -cpu %s %s %s", cpu, guest,
             name);
    f = popen(command, "r"); // NOLINT(bugprone-command-processor)
    assert_non_null(f);
    if (fread(ret_records, sizeof *ret_records, m->count, f) != m->count)
        fail_msg("QEMU wrote fewer records than programs: %s", command);
    assert_int_equal(pclose(f), 0);
    unlink(name);
}

/* Takes the machine over. */
static void check_batch(struct vm_machine m, uint64_t seed)
{
    static struct vm_record records[VM_BATCH_MAX];
    static struct end ends[VM_BATCH_MAX];

    for (unsigned i = 0; i < m.count; i++) {
        ends[i] = run_stepwise(&m, i);
        check_blockwise(&m, i, &ends[i]);
        counts[ends[i].excluded]++;
    }
    run_qemu(&m, ends, records);
    for (unsigned i = 0; i < m.count; i++) {
        if (ends[i].excluded)
            continue;
        check_record(&m, seed, i, &ends[i], &records[i]);
        instructions += STEPS_MAX - ends[i].hart.gas;
        traps[ends[i].hart.trap]++;
    }
    vm_machine_done(&m);
}

static int forget_counts(void **state)
{
    (void)state;
    memset(counts, 0, sizeof counts);
    memset(traps, 0, sizeof traps);
    instructions = 0;
    return 0;
}
static void print_counts(void)
{
    for (unsigned i = 0; i < EXCLUDED_COUNT; i++)
        printf("%s %llu, ", excluded_names[i], (unsigned long long)counts[i]);
    printf("%llu instructions\n", (unsigned long long)instructions);
    for (unsigned i = 1; i < CZI_TRAP_CALL; i++)
        printf("%s: %llu\n", czi_trap_text((enum czi_trap)i), (unsigned long long)traps[i]);
}

static void random_programs_end_as_under_qemu(void **state)
{
    unsigned long programs = test_env("CAUSALITY_SEEDS", 20000);
    uint64_t seed = test_env("CAUSALITY_SEED", 1);

    (void)state;
    if (!guest)
        skip();
    if (getenv("CAUSALITY_LONG"))
        programs = 1000000;
    for (unsigned long done = 0; done < programs; done += VM_BATCH_MAX)
        check_batch(vm_machine(seed + done,
                               (unsigned)CZI_MIN(programs - done, (unsigned long)VM_BATCH_MAX),
                               &(struct vm_places){VM_SANDBOX, VM_SANDBOX_SIZE, NULL, 0,
                                                   false}),
                    seed + done);
    print_counts();
    /* The generator makes what the test is for: most programs end. */
    assert_true(programs < 1000 || counts[COMPARED] * 10 > programs * 8);
}

/* Programs of one instruction: number n of those to be tried. */
typedef uint32_t one_fn(struct czi_rng *r, unsigned n);

static void check_ones(one_fn *one, unsigned first, unsigned count)
{
    struct vm_program *programs = calloc(count, sizeof *programs);

    assert_non_null(programs);
    for (unsigned i = 0; i < count; i++) {
        struct czi_rng rng = czi_rng(first + i);
        struct vm_program *p = &programs[i];
        uint32_t bits = one(&rng, first + i);

        p->text[0] = (uint16_t)bits;
        p->text[1] = (bits & 3) == 3 ? (uint16_t)(bits >> 16) : 0x9002;
        for (unsigned k = 2; k < VM_PROGRAM_HALVES; k++)
            p->text[k] = 0x9002;
        p->count = 2;
        p->x[0] = VM_TEXT + (uint64_t)i * VM_SLOT;
        for (unsigned r = 1; r < 32; r++)
            p->x[r] = czi_rng_below(&rng, 3) ? VM_SANDBOX + 4096 + 8 * czi_rng_below(&rng, 64)
                                             : vm_corner(&rng);
    }
    check_batch(vm_machine_of(programs, count, first + 1), first);
}

static uint32_t nth_compressed(struct czi_rng *r, unsigned n)
{
    (void)r;
    return n % 0x4000 << 2 | n / 0x4000;
}
static void every_compressed_instruction_is_as_under_qemu(void **state)
{
    (void)state;
    if (!guest)
        skip();
    for (unsigned done = 0; done < 3 * 0x4000; done += VM_BATCH_MAX)
        check_ones(nth_compressed, done, VM_BATCH_MAX);
    print_counts();
}

static uint32_t nth_function(struct czi_rng *r, unsigned n)
{
    uint32_t operands = (uint32_t)czi_rng_next(r) & 0x01ff8f80u;

    if (czi_rng_below(r, 4) == 0)
        operands &= ~0x01f00000u; /* rs2: lr, ecall and others say more with it */
    return operands | (n & 31) << 2 | 3 | (n >> 5 & 7) << 12 | (n >> 8 & 127) << 25;
}
static void every_opcode_and_function_is_as_under_qemu(void **state)
{
    (void)state;
    if (!guest)
        skip();
    for (unsigned done = 0; done < 4 * 32768; done += VM_BATCH_MAX)
        check_ones(nth_function, done, VM_BATCH_MAX);
    print_counts();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(random_programs_end_as_under_qemu, forget_counts),
        cmocka_unit_test_setup(every_compressed_instruction_is_as_under_qemu, forget_counts),
        cmocka_unit_test_setup(every_opcode_and_function_is_as_under_qemu, forget_counts),
    };

    guest = argc > 1 ? argv[1] : NULL;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
