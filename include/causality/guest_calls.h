/* guest_calls.h - the calls of guest.h as functions, for guests only; included by guest.h. */
#ifndef CAUSALITY_GUEST_CALLS_H
#define CAUSALITY_GUEST_CALLS_H

/* Any call. */
static inline int64_t cz_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                              uint64_t e, uint64_t f)
{
    register uint64_t a0 __asm__("a0") = a;
    register uint64_t a1 __asm__("a1") = b;
    register uint64_t a2 __asm__("a2") = c;
    register uint64_t a3 __asm__("a3") = d;
    register uint64_t a4 __asm__("a4") = e;
    register uint64_t a5 __asm__("a5") = f;
    register uint64_t a7 __asm__("a7") = number;

    __asm__ volatile("ecall"
                     : "+r"(a0)
                     : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
                     : "memory");
    return (int64_t)a0;
}

#endif
