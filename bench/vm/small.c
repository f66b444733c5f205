/* small.c - a thousand instructions that touch a page each of constants, data and stack: how
 * long a guest takes that does little.
 */
#include "kernel.h"

static const uint8_t text[32] = "what is there to say about this?";
static uint64_t seen[4] = {1, 2, 3, VARIANT};

uint64_t KERNEL(void)
{
    uint64_t sum = 14695981039346656037u, kept[6];

    for (unsigned round = 0; round < 6; round++) {
        for (unsigned i = 0; i < sizeof text; i++)
            sum = (sum ^ text[i]) * 1099511628211u;
        kept[round] = sum;
        seen[round & 3] ^= sum;
        __asm__ volatile("" : : "r"(kept) : "memory");
    }
    return seen[0] ^ seen[1] ^ seen[2] ^ seen[3] ^ kept[VARIANT & 3];
}
