/* counter.S - reads the cycle counter, a clock. */
    .globl _start
    .section .text.start, "ax"
_start:
    .4byte 0xc0002573
