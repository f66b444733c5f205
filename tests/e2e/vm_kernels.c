/* vm_kernels.c - what compilers make of C, a checksum a line: for test_vm_compiled.py, which
 * runs it in the virtual machine, under QEMU and on this machine.
 *
 * Freestanding, but for memory functions (below) and the compiler's own support: 128-bit
 * division, floating point without registers for it, population counts. Nothing depends on the
 * size of long. LINUX: puts out by a call of Linux, for QEMU.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __riscv
static long call(long number, long a, long b, long c)
{
    register long a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
    register long a7 __asm__("a7") = number;

    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}
static void put_out(const char *text, size_t n)
{
#ifdef LINUX
    call(64, 1, (long)text, (long)n);
#else
    call(1026, (long)text, (long)n, 0);
#endif
}
/* The compiler calls these. */
void *memcpy(void *to, const void *from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    while (n--) {
        *t++ = *f++;
        __asm__ volatile("");
    }
    return to;
}
void *memset(void *to, int v, size_t n)
{
    uint8_t *t = to;

    while (n--) {
        *t++ = (uint8_t)v;
        __asm__ volatile("");
    }
    return to;
}
#else
#include <stdio.h>
#include <string.h>
static void put_out(const char *text, size_t n)
{
    fwrite(text, 1, n, stdout);
}
#endif

static uint64_t state;
static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}
static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* ---- Integers ---------------------------------------------------------------------------- */

static uint64_t divisions(void)
{
    uint64_t h = 0;

    for (int i = 0; i < 3000; i++) {
        uint64_t a = next() >> (next() & 63), b = (next() >> (next() & 63)) + 1;
        int64_t sa = (int64_t)next() >> (next() & 63),
                sb = ((int64_t)next() >> (next() & 63)) | 1;
        int32_t wa = (int32_t)next() >> (next() & 31),
                wb = ((int32_t)next() >> (next() & 31)) | 2;

        h = mix(h, a / b + a % b);
        if (sb != -1)
            h = mix(h, (uint64_t)(sa / sb ^ sa % sb));
        if (wb != -1)
            h = mix(h, (uint64_t)(int64_t)(wa / wb + wa % wb));
        h = mix(h, (uint32_t)a / ((uint32_t)b | 1) + (uint16_t)a % ((uint8_t)b | 1));
        h = mix(h, a / 10 + a % 1000 + (uint64_t)(sa / 7) + (uint64_t)(sa % 60));
    }
    return h;
}

static uint64_t wide(void)
{
    unsigned __int128 v = 1, h = 0;

    for (int i = 0; i < 400; i++) {
        unsigned __int128 d = ((unsigned __int128)(next() >> (i & 63)) << (i & 31)) + 3;
        __int128 s = (__int128)v >> (i % 70);

        v = v * (next() | 1) + next();
        h = h * 31 + v / d + v % d + (unsigned __int128)(s / 12345 - s % 77);
        h ^= v << (i % 128) | v >> (127 - i % 128);
    }
    return (uint64_t)h ^ (uint64_t)(h >> 64);
}

static uint64_t bits(void)
{
    uint64_t h = 0;

    for (int i = 0; i < 2000; i++) {
        uint64_t v = next() >> (next() & 63) | 1;
        uint32_t w = (uint32_t)v | 1;

        h = mix(h, (uint64_t)(__builtin_popcountll(v) + __builtin_clzll(v) * 64 +
                              __builtin_ctzll(v) * 4096 + __builtin_clz(w) + __builtin_ctz(w)));
        h = mix(h, __builtin_bswap64(v) ^ __builtin_bswap32(w) ^ (v << 7 | v >> 57));
        h = mix(h, (uint64_t)(int64_t)(int8_t)v ^ (uint64_t)(int64_t)(int16_t)(v >> 3));
    }
    return h;
}

/* Fields of all widths, packed and not. */
struct packed {
    uint8_t a;
    uint64_t b;
    uint16_t c;
    int32_t d;
    unsigned e : 5, f : 13;
    int g : 7;
} __attribute__((packed));

static uint64_t misaligned(void)
{
    static struct packed all[37];
    uint64_t h = 0;

    for (int i = 0; i < 2000; i++) {
        struct packed *p = &all[next() % 37];

        p->b += next();
        p->c = (uint16_t)(p->c + p->b);
        p->d -= (int32_t)p->c * p->a++;
        p->e = (unsigned)p->d & 31;
        p->f = (unsigned)(p->b >> 9) & 0x1fff;
        p->g = (int)(p->b >> 20) % 60;
        h = mix(h, p->b + (uint64_t)p->d + p->e * 3u + p->f + (uint64_t)p->g);
    }
    return h;
}

/* ---- Algorithms -------------------------------------------------------------------------- */

static uint32_t rotate(uint32_t v, int n)
{
    return v >> n | v << (32 - n);
}
/* Constants are made, as SHA-256 makes them, of roots of primes: here by integers. */
static uint64_t compress(void)
{
    uint32_t w[64], k[64], s[8], h = 0;

    for (int i = 0; i < 64; i++)
        k[i] = (uint32_t)next();
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 16; i++)
            w[i] = (uint32_t)next();
        for (int i = 16; i < 64; i++)
            w[i] = w[i - 16] + w[i - 7] +
                   (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
                   (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
        for (int i = 0; i < 8; i++)
            s[i] = k[i] + h;
        for (int i = 0; i < 64; i++) {
            uint32_t t = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) +
                         ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i];
            uint32_t u = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) +
                         ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

            for (int n = 7; n > 0; n--)
                s[n] = s[n - 1];
            s[4] += t;
            s[0] = t + u;
        }
        for (int i = 0; i < 8; i++)
            h = rotate(h, 5) ^ s[i];
    }
    return h;
}

struct node {
    struct node *left, *right;
    uint64_t key;
};
static struct node *insert(struct node *n, struct node *new)
{
    if (!n)
        return new;
    if (new->key < n->key)
        n->left = insert(n->left, new);
    else
        n->right = insert(n->right, new);
    return n;
}
static uint64_t walk(const struct node *n, uint64_t h, int depth)
{
    if (!n)
        return mix(h, (uint64_t)depth);
    h = walk(n->left, h, depth + 1);
    h = mix(h, n->key);
    return walk(n->right, h, depth + 1);
}
static uint64_t tree(void)
{
    static struct node nodes[500];
    struct node *root = NULL;

    for (int i = 0; i < 500; i++) {
        nodes[i] = (struct node){NULL, NULL, next()};
        root = insert(root, &nodes[i]);
    }
    return walk(root, 0, 0);
}

typedef uint64_t function(uint64_t, uint64_t);
static uint64_t f_add(uint64_t a, uint64_t b)
{
    return a + b;
}
static uint64_t f_multiply(uint64_t a, uint64_t b)
{
    return a * b;
}
static uint64_t f_shift(uint64_t a, uint64_t b)
{
    return a << (b & 63) | a >> (63 - (b & 63));
}
static uint64_t f_less(uint64_t a, uint64_t b)
{
    return (a < b) + 2 * ((int64_t)a < (int64_t)b) + 4 * ((int32_t)a <= (int32_t)b);
}
static uint64_t interpret(void)
{
    static function *const functions[] = {f_add, f_multiply, f_shift, f_less};
    uint64_t stack[16] = {1}, h = 0;
    unsigned top = 0;

    for (int i = 0; i < 4000; i++) {
        uint64_t op = next();

        switch (op % 11) {
        case 0:
        case 1:
        case 2:
        case 3:
            stack[top] = functions[op % 11](stack[top], stack[(top + 15) % 16]);
            break;
        case 4:
            top = (top + 1) % 16;
            stack[top] = op;
            break;
        case 5:
            top = (top + 15) % 16;
            break;
        case 6:
            stack[top] = ~stack[top];
            break;
        case 7:
            stack[top] ^= stack[(top + op) % 16];
            break;
        case 9:
            h = mix(h, stack[top]);
            break;
        default:
            stack[top] += op >> 60 ? 1 : op;
            break;
        }
    }
    return h;
}

static int compare_and_move(uint8_t *v, size_t n)
{
    int moves = 0;

    for (size_t i = 1; i < n; i++) /* by insertion, a byte at a time */
        for (size_t k = i; k > 0 && v[k - 1] > v[k]; k--, moves++) {
            uint8_t t = v[k];

            v[k] = v[k - 1];
            v[k - 1] = t;
        }
    return moves;
}
static uint64_t bytes(void)
{
    uint8_t text[300];
    uint64_t h;

    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)next();
    h = (uint64_t)compare_and_move(text, sizeof text);
    for (size_t i = 0; i < sizeof text; i++)
        h = mix(h, text[i]);
    return h;
}

/* ---- Support of the compiler's ----------------------------------------------------------- */

static uint64_t bits_of(double d)
{
    uint64_t v;

    memcpy(&v, &d, sizeof v);
    return v;
}
static uint64_t floating(void)
{
    double x = 1.0, sum = 0;
    float f = 0.5f;
    uint64_t h = 0;

    for (int i = 1; i < 400; i++) {
        x = x * 1.0000001 + 1.0 / i - (double)(next() >> 11) * 0x1p-60;
        sum += x * (i & 1 ? -1 : 1) / (double)(i * i);
        f = f * 0.75f + (float)i / 3.0f;
        h = mix(h, bits_of(sum) ^ (uint64_t)(int64_t)(x * 1e6) ^ (uint64_t)(f * 16.0f));
        h = mix(h, (uint64_t)(x > sum) + 2 * (uint64_t)(f < 1.0f) + (uint64_t)(int)f);
    }
    return h;
}

static uint64_t sum_of(int count, ...)
{
    va_list list;
    uint64_t sum = 0;

    va_start(list, count);
    for (int i = 0; i < count; i++)
        sum = mix(sum, i % 3 == 2 ? bits_of(va_arg(list, double))
                       : i % 3    ? va_arg(list, uint64_t)
                                  : (uint64_t)va_arg(list, int));
    va_end(list);
    return sum;
}
static uint64_t variadic(void)
{
    uint64_t h = 0;

    for (int i = 0; i < 50; i++) {
        uint64_t a = next(), b = next(), c = next(), d = next();

        h = mix(h, sum_of(11, i, a, i * 0.5, -i, b, -1.5, 7, c, 1e100, i, d));
    }
    return h;
}

static uint64_t atomics(void)
{
    uint64_t h = 0;
#ifndef NO_ATOMICS
    static uint32_t w = 5;
    static uint64_t d = 9;

    for (int i = 0; i < 300; i++) {
        uint32_t old = w;
        uint64_t v = next();

        h = mix(h, __atomic_fetch_add(&w, (uint32_t)v, __ATOMIC_SEQ_CST));
        h = mix(h, __atomic_fetch_xor(&d, v, __ATOMIC_RELAXED));
        h = mix(h, __atomic_exchange_n(&d, v + h, __ATOMIC_ACQUIRE));
        h = mix(h, __atomic_fetch_and(&w, (uint32_t)(v >> 9), __ATOMIC_RELEASE));
        h = mix(h, __atomic_compare_exchange_n(&w, &old, (uint32_t)i, false, __ATOMIC_SEQ_CST,
                                               __ATOMIC_SEQ_CST));
        h = mix(h, w + d);
    }
#endif
    return h;
}

/* ---- All --------------------------------------------------------------------------------- */

static const struct {
    char name[12];
    uint64_t (*run)(void);
} kernels[] = {
    {"divisions", divisions},   {"wide", wide},         {"bits", bits},
    {"misaligned", misaligned}, {"compress", compress}, {"tree", tree},
    {"interpret", interpret},   {"bytes", bytes},       {"floating", floating},
    {"variadic", variadic},     {"atomics", atomics},
};

static int run_all(void)
{
    char line[40];
    uint64_t all = 0;

    for (unsigned i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        uint64_t v;
        size_t n = 0;

        state = 0x853c49e6748fea9bu + i;
        v = kernels[i].run();
        all = mix(all, v);
        while (kernels[i].name[n]) {
            line[n] = kernels[i].name[n];
            n++;
        }
        line[n++] = ' ';
        for (int shift = 60; shift >= 0; shift -= 4)
            line[n++] = "0123456789abcdef"[v >> shift & 15];
        line[n++] = '\n';
        put_out(line, n);
    }
    return (int)(all & 127);
}

#ifdef __riscv
void _start(void)
{
    call(93, run_all(), 0, 0);
    for (;;)
        ;
}
#else
int main(void)
{
    return run_all();
}
#endif
