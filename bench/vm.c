/* vm.c - the machine beside native code, qemu-riscv64 and Unicorn: the same C, the same files.
 *
 * Layer: bench, outside the product. Prints a line of JSON a figure: row, contender, unit,
 * value (the median of the rounds), and what is wanted. A rate is the guest's instructions over
 * the time that a contender takes for them, so a native one is how many times faster. Times are
 * those of the processor, since others run meanwhile; qemu's is its process's. Contenders of a
 * row take turns. `--quick`: fewer rounds. All must come to the same number, else exit 1.
 */
#include "vm/vm.h"
#include "base/alloc.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#if HAS_UNICORN
#include <unicorn/unicorn.h>
#endif

uint64_t kernel_mix(void);
uint64_t kernel_sha256(void);
uint64_t kernel_sieve(void);
uint64_t kernel_random(void);

static const struct kernel {
    const char *name;
    uint64_t (*native)(void);
    double wanted; /* MIPS */
} kernels[] = {
    {"mix", kernel_mix, 790},
    {"sha256", kernel_sha256, 1240},
    {"sieve", kernel_sieve, 1280},
    {"random", kernel_random, 290},
};

enum { ROUNDS_MAX = 9, EXIT = 93, A0 = 10, A7 = 17 };
static unsigned rounds = ROUNDS_MAX;
static bool has_failed;

static double cpu_seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(int rc, const cz_error *err)
{
    if (!rc)
        return;
    (void)fprintf(stderr, "vm: %s: %s\n", cz_code_name(rc), err->detail);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    double x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* wanted 0: nothing. */
static void print(const char *row, const char *contender, const char *unit, double *figures,
                  unsigned count, double wanted)
{
    if (!count)
        return;
    qsort(figures, count, sizeof *figures, compare);
    printf("{\"row\":\"%s\",\"contender\":\"%s\",\"unit\":\"%s\",\"value\":%.3f", row,
           contender, unit, figures[count / 2]);
    if (wanted > 0)
        printf(",\"wanted\":%.1f", wanted);
    printf("}\n");
    (void)fflush(stdout);
}

static void check(const char *row, const char *contender, uint64_t got, uint64_t want)
{
    if (got == want)
        return;
    (void)fprintf(stderr, "vm: %s: %s comes to %llx, not %llx\n", row, contender,
                  (unsigned long long)got, (unsigned long long)want);
    has_failed = true;
}

/* ---- Ours -------------------------------------------------------------------------------- */

static struct czi_code *load_code(const char *name, struct czi_buf *file)
{
    char path[512];
    struct czi_code *code = NULL;
    cz_error err = {0};
    FILE *f;
    int c;

    (void)snprintf(path, sizeof path, "%s/%s.elf", KERNELS, name);
    f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    while ((c = getc(f)) != EOF)
        czi_buf_put_byte(file, (uint8_t)c);
    (void)fclose(f);
    must(czi_code_new(file->data, file->len, &code, &err), &err);
    return code;
}

/* To the guest's exit; its number. */
static uint64_t run(struct czi_space *s, struct czi_code *code, uint64_t *ret_instructions)
{
    struct czi_hart h;
    cz_error err = {0};

    must(czi_space_load(s, code, &err), &err);
    czi_hart_begin(&h, s, code, CZ_GAS_MAX);
    if (czi_vm_run(&h) != CZI_STOP_CALL || h.x[A7] != EXIT) {
        (void)fprintf(stderr, "vm: the guest did not end at 0x%llx: %s\n",
                      (unsigned long long)h.pc, czi_trap_text((enum czi_trap)h.trap));
        exit(1);
    }
    *ret_instructions = CZ_GAS_MAX - h.gas;
    return h.x[A0];
}

/* ---- qemu-riscv64 ------------------------------------------------------------------------ */

/* Seconds; below 0: there is none. */
static double run_qemu(const char *name, unsigned *ret_exit)
{
    char path[512];
    char *argv[] = {(char[]){"qemu-riscv64"}, path, NULL};
    struct rusage use;
    int status;
    pid_t pid;

    (void)snprintf(path, sizeof path, "%s/%s.elf", KERNELS, name);
    if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0 ||
        wait4(pid, &status, 0, &use) != pid || !WIFEXITED(status) || WEXITSTATUS(status) == 127)
        return -1;
    *ret_exit = (unsigned)WEXITSTATUS(status);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
}

/* ---- Unicorn, which counts instructions a block at a time -------------------------------- */

#if HAS_UNICORN
struct counter {
    const struct czi_image *image;
    uint64_t count;
    uint8_t in_block[1 << 16]; /* by address, halfwords: instructions; 0: not counted yet */
};

static unsigned count_block(const struct czi_image *image, uint64_t address, uint32_t size)
{
    const struct czi_segment *s = &image->segments[0];
    unsigned n = 0;

    for (uint64_t at = address - s->address, end = at + size; at < end; n++)
        at += (s->bytes.data[at] & 3) == 3 ? 4 : 2;
    return n;
}

static void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *arg)
{
    struct counter *c = arg;
    uint8_t *n = &c->in_block[address / 2 % sizeof c->in_block];

    (void)uc;
    if (!*n)
        *n = (uint8_t)count_block(c->image, address, size);
    c->count += *n;
}

static void on_call(uc_engine *uc, uint32_t number, void *arg)
{
    (void)number;
    (void)arg;
    (void)uc_emu_stop(uc);
}

static double run_unicorn(const struct czi_code *code, uint64_t *ret_result,
                          uint64_t *ret_count)
{
    const struct czi_image *image = czi_code_image(code);
    uint64_t sp = CZ_GUEST_STACK_TOP - 64, pc = image->entry;
    static struct counter counter;
    uc_hook blocks, calls;
    uc_engine *uc;
    double begin;

    counter = (struct counter){.image = image};
    if (uc_open(UC_ARCH_RISCV, UC_MODE_RISCV64, &uc) != UC_ERR_OK)
        return -1;
    (void)uc_mem_map(uc, CZ_GUEST_IMAGE, CZ_GUEST_IMAGE_END - CZ_GUEST_IMAGE, UC_PROT_ALL);
    (void)uc_mem_map(uc, CZ_GUEST_STACK_TOP - CZ_GUEST_STACK_SIZE, CZ_GUEST_STACK_SIZE,
                     UC_PROT_ALL);
    for (unsigned i = 0; i < image->segment_count; i++)
        (void)uc_mem_write(uc, image->segments[i].address, image->segments[i].bytes.data,
                           image->segments[i].bytes.len);
    (void)uc_reg_write(uc, UC_RISCV_REG_SP, &sp);
    (void)uc_hook_add(uc, &blocks, UC_HOOK_BLOCK, (void *)(uintptr_t)on_block, &counter, 1, 0);
    (void)uc_hook_add(uc, &calls, UC_HOOK_INTR, (void *)(uintptr_t)on_call, NULL, 1, 0);
    begin = cpu_seconds();
    (void)uc_emu_start(uc, pc, 0, 0, 0);
    begin = cpu_seconds() - begin;
    (void)uc_reg_read(uc, UC_RISCV_REG_A0, ret_result);
    (void)uc_close(uc);
    *ret_count = counter.count;
    return begin;
}
#endif

/* ---- Rates ------------------------------------------------------------------------------- */

struct turns {
    double ours[ROUNDS_MAX], native[ROUNDS_MAX], qemu[ROUNDS_MAX], unicorn[ROUNDS_MAX];
    unsigned ours_n, native_n, qemu_n, unicorn_n;
};

static void one_round(const struct kernel *k, struct czi_space *s, struct czi_code *code,
                      struct turns *t)
{
    uint64_t result, instructions;
    unsigned exit_code = 0;
    double begin = cpu_seconds(), time;

    result = run(s, code, &instructions);
    t->ours[t->ours_n++] = (double)instructions / (cpu_seconds() - begin) * 1e-6;
    begin = cpu_seconds();
    check(k->name, "native", k->native(), result);
    t->native[t->native_n++] = (double)instructions / (cpu_seconds() - begin) * 1e-6;
    time = run_qemu(k->name, &exit_code);
    if (time > 0) {
        check(k->name, "qemu-riscv64", exit_code, result & 255);
        t->qemu[t->qemu_n++] = (double)instructions / time * 1e-6;
    }
#if HAS_UNICORN
    uint64_t theirs = 0, count = 0;

    time = run_unicorn(code, &theirs, &count);
    if (time > 0) {
        check(k->name, "unicorn", theirs, result);
        check(k->name, "instructions of unicorn", count, instructions);
        t->unicorn[t->unicorn_n++] = (double)instructions / time * 1e-6;
    }
#endif
}

static void rates(struct czi_space *s)
{
    for (size_t i = 0; i < CZI_COUNTOF(kernels); i++) {
        const struct kernel *k = &kernels[i];
        CZI_AUTOBUF file = {0};
        struct czi_code *code = load_code(k->name, &file);
        struct turns t = {0};

        for (unsigned r = 0; r < rounds; r++)
            one_round(k, s, code, &t);
        print(k->name, "causality", "MIPS", t.ours, t.ours_n, k->wanted);
        print(k->name, "native", "MIPS", t.native, t.native_n, 0);
        print(k->name, "qemu-riscv64", "MIPS", t.qemu, t.qemu_n, 0);
        print(k->name, "Unicorn, counting", "MIPS", t.unicorn, t.unicorn_n, 0);
        czi_code_drop(code);
    }
}

/* ---- Beginnings -------------------------------------------------------------------------- */

static void beginnings(struct czi_space *s)
{
    enum { EACH = 100000, DECODED = 1000 };
    CZI_AUTOBUF file1 = {0};
    CZI_AUTOBUF file2 = {0};
    struct czi_code *one = load_code("small1", &file1), *other = load_code("small2", &file2);
    double again[ROUNDS_MAX], fresh[ROUNDS_MAX], decode[ROUNDS_MAX];
    struct czi_code *decoded = NULL;
    uint64_t instructions = 0;
    cz_error err = {0};

    for (unsigned r = 0; r < rounds; r++) {
        double begin = cpu_seconds();

        for (unsigned i = 0; i < EACH; i++)
            (void)run(s, one, &instructions);
        again[r] = (cpu_seconds() - begin) / EACH * 1e6;
        begin = cpu_seconds();
        for (unsigned i = 0; i < EACH / 2; i++) {
            (void)run(s, other, &instructions);
            (void)run(s, one, &instructions);
        }
        fresh[r] = (cpu_seconds() - begin) / EACH * 1e6;
        begin = cpu_seconds();
        for (unsigned i = 0; i < DECODED; i++) {
            must(czi_code_new(file1.data, file1.len, &decoded, &err), &err);
            czi_code_drop(decoded);
        }
        decode[r] = (cpu_seconds() - begin) / DECODED * 1e6;
    }
    printf("{\"row\":\"small\",\"contender\":\"causality\",\"unit\":\"instructions\","
           "\"value\":%llu}\n",
           (unsigned long long)instructions);
    print("small, the same code again", "causality", "us", again, rounds, 1.0);
    print("small, another code than before", "causality", "us", fresh, rounds, 1.5);
    print("small, to decode it", "causality", "us", decode, rounds, 0);
    czi_code_drop(one);
    czi_code_drop(other);
}

int main(int argc, char **argv)
{
    struct czi_space *s;
    cz_error err = {0};

    if (argc > 1 && strcmp(argv[1], "--quick") == 0)
        rounds = 3;
    must(czi_space_new(&s, &err), &err);
    beginnings(s);
    rates(s);
    czi_space_free(s);
    return has_failed;
}
