/* vm_qemu_guest.c - what QEMU runs for test_vm_qemu.c: many small programs, one after another.
 *
 * usage: vm_qemu_guest BATCH > RECORDS, under qemu-riscv64. The batch (struct vm_batch,
 * vm_qemu.h) has the text of all programs and the registers with which each begins. A program
 * ends with the first signal that it gets: ebreak, an illegal instruction, memory that is none.
 * The handler writes down registers and a hash of the sandbox, and goes on with the next one:
 * returning from a signal sets all registers and pc at once. No C library; needs no register of
 * its own meanwhile.
 */
#include "vm_qemu.h"

enum { SYS_OPENAT = 56, SYS_WRITE = 64, SYS_EXIT = 93, SYS_SIGALTSTACK = 132 };
enum { SYS_SIGACTION = 134, SYS_MMAP = 222 };
enum { READ = 1, WRITE = 2, EXEC = 4, PRIVATE = 2, FIXED = 16, ANONYMOUS = 32 };
enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGSEGV = 11 };

struct sigaction {
    void (*handler)(int, void *, void *);
    unsigned long flags, mask;
};
struct stack {
    void *start;
    int flags;
    unsigned long size;
};
/* Of the kernel: ends with pc and 31 registers, then floating point. */
struct ucontext {
    unsigned long flags, *link;
    struct stack stack;
    unsigned long mask, unused[15];
    uint64_t x[32] __attribute__((aligned(16))); /* x[0]: pc */
};

static const struct vm_batch *batch;
static int64_t at = -1;
static struct vm_record records[VM_BATCH_MAX];
static uint8_t handler_stack[65536];
static uint32_t unreserved;

static long call(long number, long a, long b, long c, long d, long e, long f)
{
    register long a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d, a4 __asm__("a4") = e, a5 __asm__("a5") = f;
    register long a7 __asm__("a7") = number;

    __asm__ volatile("ecall"
                     : "+r"(a0)
                     : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
                     : "memory");
    return a0;
}

static void finish(void)
{
    const char *p = (const char *)records;
    long left = (long)(batch->count * sizeof *records);

    while (left > 0) {
        long n = call(SYS_WRITE, 1, (long)p, left, 0, 0, 0);

        if (n <= 0)
            call(SYS_EXIT, 3, 0, 0, 0, 0, 0);
        p += n;
        left -= n;
    }
    call(SYS_EXIT, 0, 0, 0, 0, 0, 0);
}

static void on_signal(int number, void *info, void *context)
{
    struct ucontext *u = context;
    uint64_t *sandbox = (uint64_t *)VM_SANDBOX;

    (void)info;
    /* QEMU keeps a reservation over signals; any sc ends it. */
    __asm__ volatile("sc.w zero, zero, (%0)" ::"r"(&unreserved) : "memory");
    if (at >= 0) {
        records[at].signal = (uint64_t)number;
        for (int i = 0; i < 32; i++)
            records[at].x[i] = u->x[i];
        records[at].memory = vm_hash(sandbox);
    }
    if (++at == (int64_t)batch->count)
        finish();
    for (int i = 0; i < VM_SANDBOX_SIZE / 8; i++)
        sandbox[i] = batch->sandbox[i];
    for (int i = 0; i < 32; i++)
        u->x[i] = batch->x[at][i];
}

__attribute__((used)) static void begin(const long *stack)
{
    static const int signals[] = {SIGILL, SIGTRAP, SIGBUS, SIGSEGV};
    struct stack s = {handler_stack, 0, sizeof handler_stack};
    struct sigaction action = {on_signal, 4 | 0x08000000 | 0x40000000, 0};
    long file = call(SYS_OPENAT, -100, stack[2], 0, 0, 0, 0);

    batch = (const void *)call(SYS_MMAP, 0, VM_BATCH_HEAD, READ, PRIVATE, file, 0);
    if (file < 0 || (long)batch < 0 || batch->magic != VM_BATCH_MAGIC)
        call(SYS_EXIT, 2, 0, 0, 0, 0, 0);
    call(SYS_MMAP, VM_TEXT, (long)batch->text_size, READ | EXEC, PRIVATE | FIXED, file,
         VM_BATCH_HEAD);
    call(SYS_MMAP, VM_SANDBOX, VM_SANDBOX_SIZE, READ | WRITE, PRIVATE | FIXED | ANONYMOUS, -1,
         0);
    call(SYS_MMAP, VM_STACK, VM_STACK_SIZE, READ | WRITE, PRIVATE | FIXED | ANONYMOUS, -1, 0);
    call(SYS_SIGALTSTACK, (long)&s, 0, 0, 0, 0, 0);
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        call(SYS_SIGACTION, signals[i], (long)&action, 0, 8, 0, 0);
    __asm__ volatile("ebreak");
}

__asm__(".globl _start\n"
        "_start: mv a0, sp\n"
        "j begin\n");
