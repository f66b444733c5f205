/* stack-over-the-guard.S - steps over the unmapped page below its stack, into where other stacks
 * may be. */
    .globl _start
    .section .text.start, "ax"
_start:
    li t0, 0x00102000
    sub sp, sp, t0
    sd ra, 0(sp)
