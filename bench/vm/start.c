/* start.c - a kernel as a guest, and as a program of Linux on RISC-V: exit has one number.
 */
#include "kernel.h"

void begin(void);
void begin(void)
{
    register uint64_t a0 __asm__("a0") = KERNEL();
    register uint64_t a7 __asm__("a7") = 93;

    for (;;)
        __asm__ volatile("ecall" : : "r"(a0), "r"(a7) : "memory");
}

__asm__(".section .text.start\n"
        ".globl _start\n"
        "_start:\n"
        ".option push\n"
        ".option norelax\n"
        "    la gp, __global_pointer$\n"
        ".option pop\n"
        "    j begin\n");
