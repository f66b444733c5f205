/* misaligned-atomic.S - adds atomically across two words. */
    .globl _start
    .section .text.start, "ax"
_start:
    addi t0, sp, -7
    amoadd.w a0, a1, (t0)
