/* sieve.c - primes below 65,536 by crossing out: byte stores in long strides.
 */
#include "kernel.h"

#define COUNT 65536u

static uint8_t is_prime[COUNT];

uint64_t KERNEL(void)
{
    uint64_t found = 0;

    for (unsigned round = 0; round < 400; round++) {
        for (unsigned i = 0; i < COUNT; i++)
            is_prime[i] = 1;
        for (unsigned i = 2; i < COUNT; i++) {
            if (!is_prime[i])
                continue;
            found++;
            for (unsigned j = i + i; j < COUNT; j += i)
                is_prime[j] = 0;
        }
    }
    return found;
}
