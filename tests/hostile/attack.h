/* attack.h - what the attacks in C begin with. A call's refusal is told by the exit code. */
#ifndef ATTACK_H
#define ATTACK_H

#include <causality/guest.h>

/* The resources that test_hostile.c declares, by index. */
enum { TO_READ, TO_WRITE, GOLD, SILVER, ABSENT, THE_CODE, UNDECLARED };
#define TO_WRITE_SIZE 16 /* bytes of it */

#define HEAP ((uint8_t *)0x800000)
#define WINDOW(index) ((volatile uint8_t *)CZ_GUEST_WINDOW(index))

/* The body of guest_main, which does not look at its input. */
#define ATTACK                                                                                 \
    static int64_t attack(void);                                                               \
    int64_t guest_main(const uint8_t *input, size_t len)                                       \
    {                                                                                          \
        int64_t code = ((void)input, (void)len, attack());                                     \
                                                                                               \
        return code < 0 ? -code : code;                                                        \
    }                                                                                          \
    static int64_t attack(void)

#endif
