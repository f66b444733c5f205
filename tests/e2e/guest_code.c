/* guest_code.c - a program that runs on any machine: a checksum over sorting, CRC, matrices, a
 * state machine, divisions and shifts of all widths. tests/e2e/test_vm.py compares the exit
 * codes of a guest with that of this machine; tests/e2e/test_disasm.py wants its code.
 * Freestanding.
 */
#include <stdint.h>

#define COUNT 200

static uint32_t seed = 12345;
static uint32_t sorted[COUNT];
static const char pattern[] = "12,-7,0x3f,1.5e3,abc,+9,";

static uint32_t next(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed;
}

static void sort(uint32_t *v, int low, int high)
{
    int i = low, j = high;
    uint32_t middle = v[(low + high) / 2];

    while (i <= j) {
        while (v[i] < middle)
            i++;
        while (v[j] > middle)
            j--;
        if (i <= j) {
            uint32_t t = v[i];

            v[i++] = v[j];
            v[j--] = t;
        }
    }
    if (low < j)
        sort(v, low, j);
    if (i < high)
        sort(v, i, high);
}

static uint32_t crc(uint32_t c, const void *data, int n)
{
    const uint8_t *p = data;

    while (n--) {
        c ^= *p++;
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (0xedb88320u & (0u - (c & 1)));
    }
    return c;
}

static int64_t matrix(int n)
{
    int64_t a[8][8], sum = 0;

    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            a[i][j] = (int64_t)(int16_t)next() * (j + 1);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            for (int k = 0; k < n; k++)
                sum += a[i][k] * a[k][j] >> (k & 7);
    return sum;
}

static int states(const char *p)
{
    int state = 0, seen = 0;

    for (; *p; p++) {
        switch (state) {
        case 0:
            state = *p == '-' || *p == '+' ? 1 : *p >= '0' && *p <= '9' ? 2 : 5;
            break;
        case 1:
            state = *p >= '0' && *p <= '9' ? 2 : 5;
            break;
        case 2:
            state = *p == '.' ? 3 : *p == 'x' ? 4 : *p == ',' ? 0 : state;
            break;
        case 3:
            state = *p == ',' ? 0 : *p == 'e' ? 4 : state;
            break;
        default:
            state = *p == ',' ? 0 : state;
        }
        seen = seen * 7 + state;
    }
    return seen;
}

static uint64_t divisions(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < 50; i++) {
        int64_t a = (int64_t)((uint64_t)next() << 32 | next()), b = (int32_t)next() | 1;
        int32_t c = (int32_t)next(), d = (int16_t)next() | 1;

        sum += (uint64_t)(a / b) ^ (uint64_t)(a % b);
        sum ^= (uint64_t)(uint32_t)(c / d) << 20 | (uint32_t)(c % d);
        sum += (uint64_t)a / (uint64_t)b + (uint64_t)a % (uint64_t)b;
        sum ^= (uint64_t)((__int128)a * b >> 64);
        sum +=
            (uint64_t)(a >> (c & 63)) + ((uint64_t)a >> (d & 63)) + (uint64_t)(c >> (d & 31));
    }
    return sum;
}

static unsigned checksum(void)
{
    uint32_t c = ~0u;
    int64_t m;
    uint64_t d;
    int s = states(pattern);

    for (int i = 0; i < COUNT; i++)
        sorted[i] = next();
    sort(sorted, 0, COUNT - 1);
    c = crc(c, sorted, sizeof sorted);
    m = matrix(8);
    c = crc(c, &m, sizeof m);
    d = divisions();
    c = crc(c, &d, sizeof d);
    c = crc(c, &s, sizeof s);
    return (c ^ c >> 8 ^ c >> 16 ^ c >> 24) & 255;
}

#ifdef __riscv
__attribute__((noreturn, used)) void begin(void)
{
    register long a0 __asm__("a0") = (long)checksum();
    register long a7 __asm__("a7") = 93;

    __asm__ volatile("ecall" : : "r"(a0), "r"(a7));
    __builtin_unreachable();
}
__asm__(".globl _start\n_start:\n andi sp, sp, -16\n j begin\n");
#else
int main(void)
{
    return (int)checksum();
}
#endif
