/* random.c - a word here and a word there of 8 MiB: what is measured is memory.
 */
#include "kernel.h"

#define WORDS (1u << 20)

static uint64_t words[WORDS];

uint64_t KERNEL(void)
{
    uint64_t x = 88172645463325252u, sum = 0;

    for (unsigned i = 0; i < WORDS; i++)
        words[i] = i;
    for (unsigned i = 0; i < 12000000; i++) {
        uint64_t *at = &words[x % WORDS];

        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        *at += x;
        sum += *at >> 3;
    }
    return sum;
}
