/* stack-exhaustion.S - calls itself without end. */
    .globl _start
    .section .text.start, "ax"
_start:
again:
    addi sp, sp, -64
    sd ra, 0(sp)
    jal again
